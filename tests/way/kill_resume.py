#!/usr/bin/env python3
"""kill -9 at random moments, then resume: the rows must be those of an uninterrupted run.

  kill_resume.py PROGRAM STUDY [--kills N] [--seed S] [--data-dir DIR]

Runs the study once to the end; then again, killed at N moments spread at random over the run and resumed each time, until it
is complete; compares the digests over all rows (time stamps and session rows apart). A killed run leaves either no database
(killed before it began) or one that resumes.
"""
import argparse
import json
import pathlib
import random
import signal
import subprocess
import sys
import tempfile
import time

parser = argparse.ArgumentParser()
parser.add_argument("program")
parser.add_argument("study")
parser.add_argument("--kills", type=int, default=50)
parser.add_argument("--seed", type=int, default=1)
parser.add_argument("--data-dir")
options = parser.parse_args()
data = ["--data-dir", options.data_dir] if options.data_dir else []


def phasewatt(*arguments: str) -> str:
    return subprocess.run([options.program, *arguments], check=True, capture_output=True, text=True).stdout


def digest(db: pathlib.Path) -> str:
    return json.loads(phasewatt("study", "status", str(db), "--digest", "--json"))["digest"]


with tempfile.TemporaryDirectory() as folder:
    whole, broken = pathlib.Path(folder, "whole.db"), pathlib.Path(folder, "broken.db")
    begin = time.monotonic()
    phasewatt("study", "run", options.study, "--output", str(whole), *data)
    duration = time.monotonic() - begin
    expected = digest(whole)

    draw = random.Random(options.seed)
    landed = restarts = 0
    while landed < options.kills:
        begun = broken.exists()
        command = ["study", "resume", str(broken)] if begun else ["study", "run", options.study, "--output", str(broken), *data]
        process = subprocess.Popen([options.program, *command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        try:
            # Short lives, so that the kills spread over the whole study rather than end it.
            process.wait(timeout=draw.uniform(0, 3 * duration / options.kills + 0.05))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            landed += 1
        else:
            if process.returncode != 0:
                sys.exit(f"{' '.join(command)} failed: {process.stderr.read().decode()}")
            # Complete before the kills were used up: start over, the next kills hit a fresh study.
            if digest(broken) != expected:
                sys.exit(f"other rows after {landed} kills")
            broken.unlink()
            restarts += 1
    if broken.exists():
        phasewatt("study", "resume", str(broken))
        if digest(broken) != expected:
            sys.exit(f"other rows after {landed} kills")
    leftovers = [p.name for p in pathlib.Path(folder).iterdir() if p.name not in ("whole.db", "broken.db")]
    print(f"{landed} kills, {restarts} studies completed on the way: the same rows, "
          f"digest {expected[:16]}; left over: {leftovers or 'nothing'}")
