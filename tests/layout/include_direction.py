#!/usr/bin/env python3
"""Fails on an include against the flow of the rooms.

The allowed directions are read from the phasewatt_room(... DEPENDS ...) table in CMakeLists.txt, so that build and check
cannot drift apart. Applications may include every room; nothing includes applications.
"""
import pathlib
import re
import sys
import tempfile

INCLUDE = re.compile(r'^\s*#\s*include\s*["<]([^">]+)[">]')


def read_rooms(cmake: str) -> dict[str, set[str]]:
    rooms: dict[str, set[str]] = {}
    for body in re.findall(r"^phasewatt_room\(([^)]*)\)", cmake, re.M):
        words = body.split()
        name, allowed = words[0], {words[0]}
        if "DEPENDS" in words:
            for word in words[words.index("DEPENDS") + 1:]:
                if word.isupper() or word.startswith("LINK"):
                    break
                allowed.add(word)
        rooms[name] = allowed
    return rooms


def violations(root: pathlib.Path) -> list[str]:
    rooms = read_rooms((root / "CMakeLists.txt").read_text())
    found = []
    for path in sorted((root / "src" / "phasewatt").rglob("*")):
        if path.suffix not in {".h", ".cpp", ".cu", ".cuh"}:
            continue
        room = path.relative_to(root / "src" / "phasewatt").parts[0]
        for number, line in enumerate(path.read_text().splitlines(), 1):
            match = INCLUDE.match(line)
            if not match:
                continue
            target = match.group(1)
            where = f"{path.relative_to(root)}:{number}"
            if room not in rooms:
                found.append(f"{where}: room '{room}' is not in CMakeLists.txt")
            elif target.startswith(("apps/", "tests/", "../")):
                found.append(f"{where}: a room includes '{target}'")
            elif target.startswith("phasewatt/"):
                other = target.split("/")[1]
                if other not in rooms[room]:
                    found.append(f"{where}: room '{room}' may not include '{target}' (allowed: {', '.join(sorted(rooms[room]))})")
    return found


def self_test() -> int:
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        (root / "CMakeLists.txt").write_text("phasewatt_room(base LINK_PUBLIC x)\nphasewatt_room(sim DEPENDS base EXACT_FLOATS)\n")
        for room, include in (("base", "phasewatt/sim/a.h"), ("sim", "phasewatt/base/b.h")):
            (root / "src/phasewatt" / room).mkdir(parents=True)
            (root / "src/phasewatt" / room / "f.h").write_text(f'#include "{include}"\n')
        found = violations(root)
    if len(found) != 1 or "base/f.h:1" not in found[0]:
        print(f"self-test failed: {found}")
        return 1
    print("an include against the flow is caught, one with it is not")
    return 0


def main() -> int:
    if sys.argv[1:] == ["--self-test"]:
        return self_test()
    found = violations(pathlib.Path(sys.argv[1]))
    print("\n".join(found) or "every include follows the flow")
    return 1 if found else 0


sys.exit(main())
