#!/usr/bin/env python3
"""The systemd units: they are well-formed, and the service exposes as little as it can.

  unit_test.py FOLDER_OF_UNITS PROGRAM
"""
import pathlib
import shutil
import subprocess
import sys
import tempfile

units, program = pathlib.Path(sys.argv[1]), sys.argv[2]
analyze = shutil.which("systemd-analyze")
if analyze is None:
    print("systemd-analyze is not installed: the units are not checked")
    sys.exit(77)

service = (units / "phasewatt-clockd.service").read_text()
commands = [line.split("=", 1)[1].split()[0] for line in service.splitlines() if line.startswith("Exec")]
with tempfile.TemporaryDirectory() as folder:
    # Verification looks for the program, which is not installed here.
    target = pathlib.Path(folder)
    (target / "phasewatt-clockd.service").write_text(service.replace(commands[0], program))
    shutil.copy(units / "phasewatt-clockd.socket", target)
    for command in (["security", "--offline=yes", "--no-pager", "--threshold=15", str(target / "phasewatt-clockd.service")],
                    ["verify", "--man=no", str(target / "phasewatt-clockd.socket"), str(target / "phasewatt-clockd.service")]):
        done = subprocess.run([analyze, *command], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        print(f"$ systemd-analyze {' '.join(command[:3])}\n" + "\n".join(done.stdout.splitlines()[-3:]))
        if done.returncode != 0 or (command[0] == "verify" and "phasewatt-clockd" in done.stdout):
            print(done.stdout)
            sys.exit(1)
