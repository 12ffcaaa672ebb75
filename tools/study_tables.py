#!/usr/bin/env python3
"""Markdown of a results database, one line a point: its phases' shares and energies with their errors and the verdict, and
what limited each phase. A join of tables of `phasewatt report DB --json` with what `phasewatt study status DB --json` says.

  study_tables.py --phasewatt build/dev/apps/cli/phasewatt DB
"""
import argparse
import json
import subprocess

from compare_report import number, table

METHODS = {"window_regression": "place", "stacked": "repetition"}


def asked(program: str, *words: str) -> dict:
    return json.loads(subprocess.run([program, *words, "--json"], check=True, capture_output=True, text=True).stdout)


def rows_of(report: dict, name: str) -> list[dict]:
    return next(one for one in report["tables"] if one["id"] == name)["rows"]


def name_of(model: str) -> str:
    return model.removeprefix("synthetic:").rsplit("/", 1)[-1].removesuffix(".toml")


def verdicts(status: dict) -> dict:
    out = {}
    for point in status["troubles"]:
        reasons = ", ".join(one["reason"] for one in point["reasons"])
        out[point["model"], point["batch"]] = f"{point['validity']}: {reasons}" if reasons else point["validity"]
    return out


def energies(report: dict, status: dict) -> str:
    of = {(row["model"], row["batch"], row["phase"]): row for row in rows_of(report, "phase_energy")}
    seconds = {(row["model"], row["batch"]): row["latency_s"] for row in rows_of(report, "sweep")}
    troubles, rows = verdicts(status), []
    for row in rows_of(report, "phases"):
        key = row["model"], row["batch"]
        line = [name_of(row["model"]), f"{row['batch']:.0f}", number(seconds[key])]
        for phase in ("prefill", "decode"):
            energy = of[*key, phase]
            line += [f"{row[f'time_{phase}_pct']:.1f}", number(energy["joules"]), number(energy["half_width_pct"], 2),
                     METHODS.get(energy["method"], energy["method"] or "–")]
        rows.append([*line, number(of[*key, "whole"]["joules"], 4), troubles.get(key, "valid")])
    phase = ["time %", "J a query", "± %", "by"]
    return table(["model", "B", "latency s", *[f"{name}: {phase[0]}" if i == 0 else one for name in ("prefill", "decode")
                                              for i, one in enumerate(phase)], "whole J", "verdict"], rows, text=("by", "verdict"))


def limits(report: dict) -> str:
    rows = []
    for row in rows_of(report, "bounds"):
        percent = lambda field: "–" if row[field] is None else f"{row[field]:.0f}"
        rows.append([name_of(row["model"]), f"{row['batch']:.0f}", row["phase"], row["bound"],
                     f"{number(row['memory_gb_per_s'], 4)}, {percent('memory_ceiling_pct')} %",
                     f"{number(row['tflop_per_s'])}, {percent('compute_ceiling_pct')} %", percent("gpu_busy_pct"), row["evidence"]])
    return table(["model", "B", "phase", "limit", "GB/s, % of ceiling", "TFLOP/s, % of ceiling", "GPU busy %", "evidence"], rows,
                 text=("phase", "limit", "evidence"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("db")
    parser.add_argument("--phasewatt", default="phasewatt", help="the program")
    args = parser.parse_args()
    report, status = (asked(args.phasewatt, *words, args.db) for words in (["report"], ["study", "status"]))
    print(energies(report, status))
    print(limits(report))


if __name__ == "__main__":
    main()
