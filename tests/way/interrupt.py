#!/usr/bin/env python3
"""Ctrl-C, once or twice, keeps finished points and says how to go on; resume goes on from there.

  interrupt.py PROGRAM STUDY
"""
import json
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time

INTERRUPTED = 130
program, study = sys.argv[1:3]


def status(db: pathlib.Path) -> dict:
    done = subprocess.run([program, "study", "status", str(db), "--json"], capture_output=True, text=True)
    return json.loads(done.stdout) if done.returncode == 0 else {"points_done": 0}


def interrupt(db: pathlib.Path, command: list[str], signals: int) -> str:
    """Starts a command, waits until it has finished another point, sends SIGINT; returns what it said."""
    before = status(db)["points_done"]
    process = subprocess.Popen([program, *command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    while status(db)["points_done"] == before:
        assert process.poll() is None, f"{command} ended by itself: {process.stderr.read()}"
        time.sleep(0.01)
    for _ in range(signals):
        process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=120)[1]
    assert process.returncode == INTERRUPTED, f"exit {process.returncode}: {said}"
    return said


with tempfile.TemporaryDirectory() as folder:
    db = pathlib.Path(folder, "study.db")
    long_study = pathlib.Path(folder, "long.toml")
    long_study.write_text(re.sub(r"repeats = \d+", "repeats = 100", pathlib.Path(study).read_text()))

    said = interrupt(db, ["study", "run", str(long_study), "--output", str(db)], 1)
    first = status(db)
    assert 0 < first["points_done"] < first["points_total"], first
    assert "study resume" in said, said

    interrupt(db, ["study", "resume", str(db)], 2)
    second = status(db)
    assert first["points_done"] < second["points_done"] < second["points_total"], (first, second)
    assert not second["complete"] and not second["running"], second
    print(f"stopped at {first['points_done']}, then at {second['points_done']} of {second['points_total']} points")
