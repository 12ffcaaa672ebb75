#!/usr/bin/env python3
"""Each command and flag that the parser knows (read off the completion script) stands in docs/cli, and no page is left over."""
import pathlib
import re
import subprocess
import sys

GLOBAL = {"--help", "--version", "--json", "--quiet", "--verbose", "--no-color"}

program, folder = sys.argv[1], pathlib.Path(sys.argv[2])
script = subprocess.run([program, "completion", "bash"], check=True, capture_output=True, text=True).stdout
commands = dict(re.findall(r'^    "([a-z ]*)"\) words="([^"]*)"', script, re.M))
problems = [] if len(commands) > 5 else ["completion lists too few commands"]
pages = {}
for command, words in commands.items():
    page = folder / ((command or "phasewatt").replace(" ", "-") + ".md")
    pages[page.name] = True
    if not page.exists():
        problems.append(f"{page.name} is missing")
        continue
    text = page.read_text()
    for word in words.split():
        if word in GLOBAL and command:
            continue
        if not re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", text):
            problems.append(f"{page.name} does not mention {word}")
problems += [f"{page.name} belongs to no command" for page in folder.glob("*.md") if page.name not in pages]
print("\n".join(problems) or f"{len(commands)} commands are documented")
sys.exit(1 if problems else 0)
