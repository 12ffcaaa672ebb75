#!/usr/bin/env python3
"""Golden transcripts of the command line.

A transcript is a text file: lines that start with "$ " are shell commands, the lines below are what they print (standard
output and error together), "[exit N]" follows when a command does not succeed, "% " lines are remarks. Every transcript runs
in an empty folder of its own, with `phasewatt` on the PATH, $STUDIES pointing at the study files and $NVML_SIM at the
simulated NVML library.

  run.py PROGRAM TRANSCRIPT...            compare; exit 1 and a difference when something changed
  run.py PROGRAM TRANSCRIPT... --rewrite  write what is printed now
"""
import difflib
import os
import pathlib
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
# What differs from run to run or from machine to machine, and what stands for it.
VARYING = [
    (re.compile(r"\b\d+(\.\d+)? s wall\b"), "<time> s wall"),
    (re.compile(r"\b\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}:\d{2}(\.\d+)?Z?"), "<date>"),
    (re.compile(r"(<date> on )\S+,"), r"\1<host>,"),
    (re.compile(r'"wall_s": [\d.e-]+'), '"wall_s": <time>'),
    (re.compile(r"\b[0-9a-f]{64}\b"), "<sha256>"),
    (re.compile(r"\b(GCC|Clang) [^\s\"]+( (?=[\"\n]|$))?"), "<compiler>"),  # Clang's ends with a space
]


def normalise(text: str, folder: str) -> str:
    text = text.replace(folder, "<here>").replace(str(HERE.parent.parent), "<source>")
    for pattern, replacement in VARYING:
        text = pattern.sub(replacement, text)
    return text


def transcribe(program: pathlib.Path, path: pathlib.Path) -> str:
    """Runs the commands of a transcript and returns the transcript as it is now."""
    lines = []
    with tempfile.TemporaryDirectory() as folder:
        environment = dict(os.environ, PATH=f"{program.parent}:{os.environ['PATH']}", NO_COLOR="1", COLUMNS="100",
                           STUDIES=str(HERE.parent.parent / "studies"), TRANSCRIPTS=str(HERE), LC_ALL="C.UTF-8",
                           NVML_SIM=str(program.parent.parent / "nvml_sim" / "libphasewatt-nvml-sim.so"),
                           PHASEWATT_NVML_SIM_STATE=f"{folder}/nvml-sim.state", XDG_STATE_HOME=f"{folder}/state")
        environment.pop("CUDA_VISIBLE_DEVICES", None)
        for line in path.read_text().splitlines():
            if line.startswith("% "):
                lines.append(line)
            if not line.startswith("$ "):
                continue
            lines.append(line)
            done = subprocess.run(["bash", "-c", line[2:]], cwd=folder, env=environment, stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120)
            lines += normalise(done.stdout.decode(errors="replace"), folder).splitlines()
            if done.returncode != 0:
                lines.append(f"[exit {done.returncode}]")
    return "\n".join(lines) + "\n"


def main() -> int:
    arguments = [a for a in sys.argv[1:] if a != "--rewrite"]
    program, paths = pathlib.Path(arguments[0]).resolve(), [pathlib.Path(a) for a in arguments[1:]]
    failed = 0
    for path in paths:
        now = transcribe(program, path)
        if "--rewrite" in sys.argv:
            path.write_text(now)
        elif now != path.read_text():
            failed = 1
            print("".join(difflib.unified_diff(path.read_text().splitlines(True), now.splitlines(True),
                                               f"{path.name} (expected)", f"{path.name} (now)")))
    return failed


sys.exit(main())
