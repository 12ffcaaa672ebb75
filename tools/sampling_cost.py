#!/usr/bin/env python3
"""What measuring costs: the same study with and without sensors being read, by the time of a token of each phase.

  sampling_cost.py --without a.db,b.db --with c.db,d.db

The studies differ in [device] kind alone ("none" or "nvml"). Let them take turns, because a card's clock and heat move more than
reading its sensors costs. Prints the time per token over all points of each side, and how far apart the sides' medians are beside
how far apart the points of one side are.
"""
import argparse
import sqlite3
import statistics


def per_token_us(paths: str) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {"prefill": [], "decode": []}
    for path in paths.split(","):
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as db:
            for phase, values in found.items():
                rows = db.execute(f"SELECT {phase}_s, {phase}_tokens FROM run WHERE {phase}_tokens > 0")
                values += [1e6 * seconds / tokens for seconds, tokens in rows]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--without", required=True, metavar="DB,DB")
    parser.add_argument("--with", required=True, metavar="DB,DB", dest="measured")
    args = parser.parse_args()
    without, measured = per_token_us(args.without), per_token_us(args.measured)
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
