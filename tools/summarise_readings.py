#!/usr/bin/env python3
"""What a recording of `phasewatt devices watch --json` says of each signal, and of the power between two instants.

  summarise_readings.py READINGS.jsonl[.gz] [--between BEGIN_NS END_NS]
"""
import argparse
import collections
import gzip
import json
import statistics


def read(path: str) -> dict:
    signals = collections.defaultdict(list)
    with (gzip.open if path.endswith(".gz") else open)(path, "rt") as lines:
        for line in lines:
            row = json.loads(line)
            if row.get("value") is not None:
                signals[row["signal"]].append(row)
    return signals


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("readings")
    parser.add_argument("--between", nargs=2, type=int, metavar=("BEGIN_NS", "END_NS"))
    options = parser.parse_args()
    signals = read(options.readings)
    print(f"{'signal':<20}{'reads':>7}{'least':>12}{'most':>12}{'call us':>9}{'at most':>9}{'changes every ms':>18}")
    for name, rows in signals.items():
        calls = [(row["end_ns"] - row["begin_ns"]) / 1e3 for row in rows]
        changes = [b["begin_ns"] for a, b in zip(rows, rows[1:]) if a["value"] != b["value"]]
        gaps = [(b - a) / 1e6 for a, b in zip(changes, changes[1:])]
        print(f"{name:<20}{len(rows):>7}{min(r['value'] for r in rows):>12.1f}{max(r['value'] for r in rows):>12.1f}"
              f"{statistics.median(calls):>9.0f}{max(calls):>9.0f}{statistics.median(gaps) if gaps else float('nan'):>18.1f}")
    if not options.between:
        return
    begin, end = options.between
    inside = {name: [r for r in rows if begin <= r["begin_ns"] <= end] for name, rows in signals.items()}
    energy = inside["energy"]
    joules, seconds = energy[-1]["value"] - energy[0]["value"], (energy[-1]["begin_ns"] - energy[0]["begin_ns"]) / 1e9
    print(f"between: counter {joules / seconds:.1f} W, mean of power_instant {statistics.mean(r['value'] for r in inside['power_instant']):.1f} W, "
          f"of power_average {statistics.mean(r['value'] for r in inside['power_average']):.1f} W, "
          f"median SM clock {statistics.median(r['value'] for r in inside['sm_clock']):.0f} MHz")


if __name__ == "__main__":
    main()
