#!/usr/bin/env python3
"""What compare_runtimes.py measured against what was wanted of the engine, and how far the figures can be trusted.

  compare_goals.py DIR

Energy of equal texts: transformers was given fewer tokens where its first call was slow, so that its prefill weighs more in
its energy per token than it does in the engine's. Here both have the engine's tokens: energy of a text of one token, and for
each further one the difference to the longer texts. Means of whole windows, not medians.
"""
import argparse
import json
import pathlib

from compare_report import ORDER, Doc, number, ratio, share, table

SHARES = {"llama-3.2-1b": 0.60, "llama-3.2-3b": 0.75, "llama-3.1-8b": 0.85, "qwen2.5-14b": 0.85, "qwen2.5-32b": 0.85}


def goal(what: str, value, limit: float, most: bool) -> list[str]:
    if value is None:
        return [what, f"{'≤' if most else '≥'} {limit}", "not measured", ""]
    met = value <= limit if most else value >= limit
    return [what, f"{'≤' if most else '≥'} {limit}", f"{value:.3f}" if value < 2 else f"{value:.2f}", "yes" if met else "**no**"]


def times(doc: Doc, runtime: str, batch: int, field: str = "decode_step_s"):
    ours, theirs = doc.get("engine graph", batch, field), doc.get(runtime, batch, field)
    return theirs / ours if ours and theirs else None


def of_equal_texts(doc: Doc, batch: int):
    """Joules and seconds of a token of transformers eager in texts as long as the engine's."""
    stage, new = doc.stages.get(f"transformers eager b{batch}"), doc.get("engine graph", batch, "new")
    if not stage or not new:
        return None
    full, one = stage["run"]["full"]["calls_s"], stage["run"]["one"]["calls_s"]
    mean = lambda field: ((stage["window"][field] / len(full)), stage["window_one"][field] / len(one))
    (joules, joules_one), (seconds, seconds_one) = mean("joules"), mean("seconds")
    fit = lambda whole, first: (first + (new - 1) * (whole - first) / (stage["new"] - 1)) / new
    return fit(joules, joules_one) / batch, fit(seconds, seconds_one) / batch


def goals(docs: dict[str, Doc]) -> str:
    rows = [goal(f"decode B=1, share of the bound, {name}", docs[name].bound_share("engine graph", 1), limit, False)
            for name, limit in SHARES.items()]
    for name, doc in docs.items():
        steps = [doc.get("engine graph", batch, "decode_step_s") for batch in (8, 1)]
        rows.append(goal(f"decode step of B=8 ÷ B=1, {name}", steps[0] / steps[1] if all(steps) else None, 1.15, True))
    for runtime, limits in (("transformers eager", (5, 10)), ("transformers compiled", (1.7, 2.75))):
        for name, limit in zip(("llama-3.1-8b", "llama-3.2-1b"), limits):
            rows.append(goal(f"decode B=1, {runtime} ÷ graphs, {name}", times(docs[name], runtime, 1), limit, False))
    rate = docs["llama-3.1-8b"].prefill_rate("engine graph", 8)[1]
    rows.append(goal("prefill 8 × 336, share of the GEMM rate, llama-3.1-8b", rate, 0.8, False))
    prefills = [(times(doc, "transformers eager", b, "prefill_s"), f"{name}, B={b}") for name, doc in docs.items() for b in doc.batches]
    least = min(prefills)
    rows.append(goal(f"prefill, transformers eager ÷ graphs, the least ({least[1]})", least[0], 1, False))
    for name, limit in (("llama-3.1-8b", 0.65), ("llama-3.2-1b", 0.35)):
        for batch in (1, 8):
            ours, theirs = docs[name].get("engine graph", batch, "j_per_token"), of_equal_texts(docs[name], batch)
            what = f"energy per token of equal texts, graphs ÷ transformers eager, {name}, B={batch}"
            rows.append(goal(what, ours / theirs[0] if ours and theirs else None, limit, True))
    return table(["", "wanted", "measured", "met"], rows, 1)


def energy(docs: dict[str, Doc]) -> str:
    rows = []
    for name, doc in docs.items():
        for batch in doc.batches:
            ours, above = (doc.get("engine graph", batch, f"j_per_token{end}") for end in ("", "_above_idle"))
            joules, seconds = of_equal_texts(doc, batch)
            theirs_above = joules - seconds * doc.card("transformers eager", batch)["idle"]["watts"]
            rows.append([name, str(batch), number(ours), number(joules), ratio(ours, joules), number(above), number(theirs_above),
                         ratio(above, theirs_above)])
    return table(["model", "B", "graphs, J", "transformers, J", "÷", "above idle: graphs, J", "transformers, J", "÷"], rows)


def spread(docs: dict[str, Doc]) -> str:
    rows = []
    for name, doc in docs.items():
        for batch in doc.batches:
            run = doc.get("engine graph", batch, "run")["answer"]
            steps, other = run["decode_step_s"], doc.get("transformers eager", batch, "run")["full"]
            calls, best = other["calls_s"], doc.card("engine graph", batch)["gemm_best_flops_per_s"]
            rows.append([name, str(batch), str(len(steps)), share_of(steps), str(len(calls)), str(other["new"]), share_of(calls),
                         str(doc.get("engine graph", batch, "window")["sm_mhz_least"]),
                         share(doc.prefill_rate("engine graph", batch)[0] / best)])
    return table(["model", "B", "graphs: texts", "most ÷ least step", "transformers: texts", "of tokens", "most ÷ least text",
                  "graphs: least SM MHz seen", "prefill of the best GEMM"], rows)


def share_of(values: list[float]) -> str:
    return f"{max(values) / min(values):.3f}" if len(values) > 1 else "–"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    folder = parser.parse_args().folder
    found = {name: folder / f"{name}.json" for name in ORDER if (folder / f"{name}.json").exists()}
    if not found:
        parser.error(f"{folder} has no {ORDER[0]}.json or that of another model: tools/compare_runtimes.py writes them")
    docs = {name: Doc(json.loads(found[name].read_text()) if name in found else {"model": name, "stages": {}}) for name in ORDER}
    print("### Goals\n\n" + goals(docs))
    print("### Energy per output token of equal texts\n\n" + energy(docs))
    print("### How far to trust it\n\n" + spread(docs))


if __name__ == "__main__":
    main()
