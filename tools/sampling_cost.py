#!/usr/bin/env python3
"""What measuring costs: the same study with and without sensors being read, by the time of a token of each phase.

  sampling_cost.py --without a.db,b.db --with c.db,d.db

The studies have one model and one batch size and differ in [device] kind alone ("none" or "nvml"). Let them take turns, because a
card's clock and heat move more than reading its sensors costs. Prints the time per token over all points of each side that are not
void, and how far apart the sides' medians are beside how far apart the points of one side are.
"""
import argparse
import pathlib
import sqlite3
import statistics
import sys

POINTS = "FROM run JOIN point USING (point_index) WHERE validity != 'void'"


def read(paths: str, cells: set) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {"prefill": [], "decode": []}
    for path in paths.split(","):
        try:
            with sqlite3.connect(f"{pathlib.Path(path).absolute().as_uri()}?mode=ro", uri=True) as db:
                cells |= set(db.execute(f"SELECT DISTINCT model, batch {POINTS}"))
                for phase, values in found.items():
                    rows = db.execute(f"SELECT {phase}_s, {phase}_tokens {POINTS} AND {phase}_tokens > 0")
                    values += [1e6 * seconds / tokens for seconds, tokens in rows]
        except sqlite3.Error as error:
            sys.exit(f"sampling_cost.py: {path}: {error}: is it a study's database?")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--without", required=True, metavar="DB,DB")
    parser.add_argument("--with", required=True, metavar="DB,DB", dest="measured")
    args = parser.parse_args()
    cells: set = set()
    without, measured = read(args.without, cells), read(args.measured, cells)
    if len(cells) != 1:
        sys.exit(f"sampling_cost.py: wanted points of one model and one batch size, found {len(cells)}: {sorted(cells)}")
    print("| phase | points | without, µs per token | with | difference of the medians | range of the points without | with |\n"
          "| --- | --: | --: | --: | --: | --: | --: |")
    for phase in without:
        a, b = without[phase], measured[phase]
        if not a or not b:
            continue
        middle, other = statistics.median(a), statistics.median(b)
        spread = lambda values: f"{100 * (max(values) / min(values) - 1):.2f} %"
        print(f"| {phase} | {len(a)}, {len(b)} | {middle:.2f} | {other:.2f} | {100 * (other / middle - 1):+.2f} % "
              f"| {spread(a)} | {spread(b)} |")


if __name__ == "__main__":
    main()
