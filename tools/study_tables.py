#!/usr/bin/env python3
"""Markdown of a results database of one clock, one line for each model and batch size: its phases' shares and energies with
their errors and the verdict, and what limited each phase. A join of tables of `phasewatt report DB --json` with the reasons in
the database; remarks, which leave a point valid, stand behind a semicolon.

  study_tables.py --phasewatt build/dev/apps/cli/phasewatt DB [--beside OTHER]

With --beside, a table of decode steps and energies of OTHER over those of DB instead.
"""
import argparse
import json
import pathlib
import sqlite3
import subprocess
import sys

from compare_report import number, ratio, table

METHODS = {"window_regression": "place", "stacked": "repetition"}
REMARKS = {"power_limited", "not_calibrated"}  # whose severity is "valid" (base/records.cpp)
WORSE = ["valid", "degraded", "void"]


def report_of(program: str, db: str) -> dict:
    try:
        run = subprocess.run([program, "report", db, "--json"], capture_output=True, text=True)
    except OSError as error:
        sys.exit(f"study_tables.py: --phasewatt {program}: {error.strerror}")
    if run.returncode != 0:
        sys.exit(run.stderr.strip() or f"study_tables.py: {program} report ended with {run.returncode}")
    return json.loads(run.stdout)


def rows_of(report: dict, name: str) -> list[dict]:
    rows = next((one["rows"] for one in report["tables"] if one["id"] == name), None)
    if not rows:
        sys.exit(f"study_tables.py: {report['title']}: the report has no table {name}")
    if len(clocks := {row["clock_mhz"] for row in rows}) > 1:
        sys.exit(f"study_tables.py: {report['title']}: {len(clocks)} clocks, and this is for studies of one: see phasewatt report --all")
    return rows


def name_of(model: str) -> str:
    return model.removeprefix("synthetic:").rsplit("/", 1)[-1].removesuffix(".toml")


def verdicts(db: str) -> dict:
    """By model and batch size: the worst of its points, and the reasons of all."""
    store = sqlite3.connect(f"{pathlib.Path(db).absolute().as_uri()}?mode=ro&immutable=1", uri=True)
    found = {}
    for model, batch, validity, reason in store.execute(
            "SELECT model, batch, validity, reason FROM point JOIN run USING (point_index) LEFT JOIN run_reason USING (point_index)"):
        worst, reasons = found.get((model, batch), (WORSE[0], {}))
        found[model, batch] = max(worst, validity, key=WORSE.index), reasons | ({reason: None} if reason else {})
    out = {}
    for key, (validity, all_reasons) in found.items():
        reasons, remarks = [one for one in all_reasons if one not in REMARKS], [one for one in all_reasons if one in REMARKS]
        out[key] = validity + (": " + ", ".join(reasons) if reasons else "") + ("; " + ", ".join(remarks) if remarks else "")
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


def steps(report: dict) -> dict:
    """By model and batch size: seconds of a decode step, joules of a query."""
    shares = {(row["model"], row["batch"]): row["time_decode_pct"] / 100 for row in rows_of(report, "phases")}
    out = {}
    for row in rows_of(report, "sweep"):
        tokens = row["joules_per_request"] / row["joules_per_output_token"]  # of the decode phase: its steps
        out[row["model"], row["batch"]] = row["latency_s"] * shares[row["model"], row["batch"]] / tokens, row["joules_per_request"]
    return out


def beside(report: dict, other: dict) -> str:
    one, two, rows = steps(report), steps(other), []
    for model, batch in two:
        (step, joules), (step_2, joules_2) = one.get((model, batch), (None, None)), two[model, batch]
        rows.append([name_of(model), f"{batch:.0f}", number(step and 1e3 * step), number(1e3 * step_2), ratio(step, step_2),
                     number(joules, 4), number(joules_2, 4), ratio(joules_2, joules)])
    return table(["model", "B", "decode step, ms", "beside it", "times as fast", "J a query", "beside it", "times as much"], rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("db")
    parser.add_argument("--beside", metavar="OTHER", help="another database, to compare with it")
    parser.add_argument("--phasewatt", default="phasewatt", help="the program")
    args = parser.parse_args()
    report = report_of(args.phasewatt, args.db)
    other = report_of(args.phasewatt, args.beside) if args.beside else None
    if report["simulated"] or (other and other["simulated"]):
        print("SIMULATED\n")
    if other:
        return print(beside(report, other))
    print(energies(report, verdicts(args.db)))
    print(limits(report))


if __name__ == "__main__":
    main()
