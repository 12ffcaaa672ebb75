#!/usr/bin/env python3
"""Markdown of a results database, one line a point: its phases' shares and energies with their errors and the verdict, and
what limited each phase. A join of tables of `phasewatt report DB --json` with the reasons in the database; remarks, which leave
a point valid, stand behind a semicolon.

  study_tables.py --phasewatt build/dev/apps/cli/phasewatt DB
"""
import argparse
import json
import pathlib
import sqlite3
import subprocess
import sys

from compare_report import number, table

METHODS = {"window_regression": "place", "stacked": "repetition"}
REMARKS = {"power_limited", "not_calibrated"}


def report_of(program: str, db: str) -> dict:
    try:
        run = subprocess.run([program, "report", db, "--json"], capture_output=True, text=True)
    except OSError as error:
        sys.exit(f"study_tables.py: --phasewatt {program}: {error.strerror}")
    if run.returncode != 0:
        sys.exit(run.stderr.strip() or f"study_tables.py: {program} report ended with {run.returncode}")
    return json.loads(run.stdout)


def rows_of(report: dict, name: str) -> list[dict]:
    return next(one for one in report["tables"] if one["id"] == name)["rows"]


def name_of(model: str) -> str:
    return model.removeprefix("synthetic:").rsplit("/", 1)[-1].removesuffix(".toml")


def verdicts(db: str) -> dict:
    """By model and batch size; of several points of one, the last."""
    store = sqlite3.connect(f"{pathlib.Path(db).absolute().as_uri()}?mode=ro&immutable=1", uri=True)
    out = {}
    for index, model, batch, validity in store.execute("SELECT point_index, model, batch, validity FROM point JOIN run USING (point_index)"):
        found = [row[0] for row in store.execute("SELECT reason FROM run_reason WHERE point_index = ?", (index,))]
        reasons, remarks = [one for one in found if one not in REMARKS], [one for one in found if one in REMARKS]
        out[model, batch] = validity + (": " + ", ".join(reasons) if reasons else "") + ("; " + ", ".join(remarks) if remarks else "")
    return out


def energies(report: dict, troubles: dict) -> str:
    of = {(row["model"], row["batch"], row["phase"]): row for row in rows_of(report, "phase_energy")}
    seconds = {(row["model"], row["batch"]): row["latency_s"] for row in rows_of(report, "sweep")}
    rows = []
    for row in rows_of(report, "phases"):
        key = row["model"], row["batch"]
        line = [name_of(row["model"]), f"{row['batch']:.0f}", number(seconds[key])]
        for phase in ("prefill", "decode"):
            energy = of[*key, phase]
            line += [f"{row[f'time_{phase}_pct']:.1f}", number(energy["joules"]), number(energy["half_width_pct"], 2),
                     METHODS.get(energy["method"], energy["method"] or "–")]
        rows.append([*line, number(of[*key, "whole"]["joules"], 4), troubles[key]])
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
    report = report_of(args.phasewatt, args.db)
    print(energies(report, verdicts(args.db)))
    print(limits(report))


if __name__ == "__main__":
    main()
