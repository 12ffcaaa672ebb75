#!/usr/bin/env python3
"""Markdown tables of the files that compare_runtimes.py wrote.

  compare_report.py DIR

Bound: the bytes of one decode step over the copy bandwidth of the card on which the stage ran (read and written, by torch).
Bytes are the engine's own count where it gave one, else that of docs/models.md; the same for every runtime of a line.
"""
import argparse
import json
import math
import pathlib

ORDER = ["llama-3.2-1b", "llama-3.2-3b", "llama-3.1-8b", "qwen2.5-14b", "qwen2.5-32b"]
RUNTIMES = {"engine graph": "phasewatt, graphs", "engine eager": "phasewatt, eager", "transformers eager": "transformers, eager",
            "transformers compiled": "transformers, compiled"}


def counted(arch: dict, tokens: int, past: float, logits: int, sequences: int) -> tuple[float, float]:
    """Bytes and FLOPs of a pass in FP16, as docs/models.md counts them; `tokens` new ones of `sequences`, alike in length."""
    L, h, f, V, e = arch["layers"], arch["hidden"], arch["ffn"], arch["vocab"], 2
    q, k = arch["heads"] * arch["head_dim"], arch["kv_heads"] * arch["head_dim"]
    matrices, each = 2 * h * q + 2 * h * k + 3 * h * f, tokens / sequences
    pairs = sequences * (each * past + each * (each + 1) / 2)
    bytes_ = e * (L * (matrices + 2 * h + (q + 2 * k if arch["qkv_bias"] else 0)) + tokens * h + V * h + h)
    bytes_ += 2 * L * k * e * (tokens + sequences * (each + past))
    bytes_ += e * (tokens * (L * (14 * h + 6 * q + 4 * k + 6 * f) + h) + logits * (3 * h + 2 * V))
    return bytes_, 2 * tokens * L * matrices + 4 * L * q * pairs + 2 * logits * V * h


def number(value, digits: int = 3) -> str:
    if value is None:
        return "–"
    if not value:
        return "0"
    return f"{value:.{max(0, digits - 1 - math.floor(math.log10(abs(value))))}f}"


def share(value) -> str:
    return "–" if value is None else f"{100 * value:.0f} %"


def ratio(a, b) -> str:
    return "–" if not a or not b else f"{a / b:.2f}"


def table(head: list[str], rows: list[list[str]], left: int = 1, text: tuple[str, ...] = ()) -> str:
    """`left` columns of text and those named, the others of numbers."""
    lines = [head, ["---" if i < left or name in text else "--:" for i, name in enumerate(head)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


class Doc:
    def __init__(self, doc: dict):
        self.doc, self.name, self.arch, self.prompt = doc, doc["model"], doc.get("arch"), doc.get("prompt", 336)
        self.stages = {key: value for key, value in doc["stages"].items() if "error" not in value}
        self.batches = sorted({int(key.rsplit(" b", 1)[1]) for key in self.stages})

    def get(self, runtime: str, batch: int, field: str):
        return self.stages.get(f"{runtime} b{batch}", {}).get(field)

    def card(self, runtime: str, batch: int) -> dict:
        return self.doc.get("cards", {}).get(self.stages[f"{runtime} b{batch}"].get("card"), {})

    def step_bytes(self, batch: int) -> float:
        for runtime in ("engine graph", "engine eager"):
            if given := self.get(runtime, batch, "decode_bytes"):
                return given
        new = next(s["new"] for key, s in self.stages.items() if key.endswith(f" b{batch}"))
        return counted(self.arch, batch, self.prompt + (new - 2) / 2, batch, batch)[0]

    def bound_share(self, runtime: str, batch: int):
        step = self.get(runtime, batch, "decode_step_s")
        bandwidth = self.card(runtime, batch).get("copy_bytes_per_s") if step else None
        return self.step_bytes(batch) / bandwidth / step if step and bandwidth else None

    def prefill_rate(self, runtime: str, batch: int):
        seconds = self.get(runtime, batch, "prefill_s")
        if not seconds:
            return None, None
        flops = self.get(runtime, batch, "prefill_flops") or counted(self.arch, batch * self.prompt, 0, batch, batch)[1]
        gemm = self.card(runtime, batch).get("gemm_flops_per_s")
        return flops / seconds, flops / seconds / gemm if gemm else None


def speed(docs: list[Doc]) -> str:
    """Decode steps in milliseconds, the share of the bound, and how many times as long the others take."""
    rows = []
    for doc in docs:
        for batch in doc.batches:
            steps = {r: doc.get(r, batch, "decode_step_s") for r in RUNTIMES}
            row = [doc.name, str(batch), number(doc.step_bytes(batch) / 1e9)]
            for runtime, step in steps.items():
                row.append("–" if step is None else f"{number(step * 1e3)} ({share(doc.bound_share(runtime, batch))})")
            others = ("transformers eager", "transformers compiled", "engine eager")
            rows.append(row + [ratio(steps[r], steps["engine graph"]) for r in others])
    return table(["model", "B", "GB a step", *(f"{n}, ms" for n in RUNTIMES.values()), "tr. eager ÷ graphs", "tr. compiled ÷ graphs",
                  "eager ÷ graphs"], rows)


def prefill(docs: list[Doc]) -> str:
    rows = []
    for doc in docs:
        for batch in doc.batches:
            row = [doc.name, str(batch)]
            for runtime in ("engine graph", "engine eager", "transformers eager"):
                seconds, (rate, part) = doc.get(runtime, batch, "prefill_s"), doc.prefill_rate(runtime, batch)
                row.append("–" if seconds is None else f"{number(seconds * 1e3)} ms, {number(rate / 1e12)} TFLOP/s ({share(part)})")
            rows.append(row + [ratio(doc.get("transformers eager", batch, "prefill_s"), doc.get("engine graph", batch, "prefill_s"))])
    return table(["model", "B", "phasewatt, graphs", "phasewatt, eager", "transformers, eager", "tr. eager ÷ graphs"], rows)


def energy(docs: list[Doc], field: str) -> str:
    rows = []
    for doc in docs:
        for batch in doc.batches:
            joules = {r: doc.get(r, batch, field) for r in RUNTIMES}
            if not any(joules.values()):
                continue
            row = [doc.name, str(batch)]
            for runtime, value in joules.items():
                above = doc.get(runtime, batch, f"{field}_above_idle")
                watts = (doc.get(runtime, batch, "window") or {}).get("watts")
                mean = f", {watts:.0f} W" if watts and field == "j_per_token" else ""
                row.append("–" if value is None else f"{number(value)} ({number(above)}){mean}")
            rows.append(row + [ratio(joules[r], joules["engine graph"]) for r in ("transformers eager", "transformers compiled")])
    head = ["model", "B", *(f"{n}, J" for n in RUNTIMES.values()), "tr. eager ÷ graphs", "tr. compiled ÷ graphs"]
    return table(head, rows) if rows else "none\n"


def batching(docs: list[Doc]) -> str:
    """How many times the tokens per second, and what part of the energy per token, the largest batch has of the smallest."""
    rows = []
    for doc in docs:
        least, most = doc.batches[0], doc.batches[-1]
        row = [doc.name]
        for runtime in RUNTIMES:
            a, b = (doc.get(runtime, n, "decode_step_s") for n in (least, most))
            ja, jb = (doc.get(runtime, n, "j_per_token") for n in (least, most))
            row.append("–" if not a or not b else f"{a / b * most / least:.2f}" + (f", {jb / ja:.3f}" if ja and jb else ""))
        rows.append(row)
    return table(["model", *RUNTIMES.values()], rows)


def cpu(docs: list[Doc]) -> str:
    rows = []
    for doc in docs:
        for batch in doc.batches:
            ours, theirs = (doc.get(r, batch, "decode_step_s") for r in ("engine cpu", "transformers cpu"))
            bare = doc.get("transformers cpu", batch, "bare_step_s")
            best = min((x for x in (theirs, bare) if x), default=None)
            fields = [batch * 1 / x if x else None for x in (ours, theirs, bare)]
            rows.append([doc.name, str(doc.doc.get("threads")), str(batch), *map(number, fields), ratio(best, ours)])
    return table(["model", "threads", "B", "phasewatt, tokens/s", "transformers generate, tokens/s", "bare loop, best, tokens/s",
                  "phasewatt ÷ best of them"], rows)


def notes(docs: list[Doc]) -> str:
    cards = {uuid: card for doc in docs for uuid, card in doc.doc.get("cards", {}).items() if card}
    lines = []
    for uuid, c in cards.items():
        copy, gemm = (number((c.get(name) or 0) / 1e12) for name in ("copy_bytes_per_s", "gemm_flops_per_s"))
        lines.append(f"- {c.get('gpu')} ({uuid[:12]}), driver {c.get('driver')}, limit {number(c.get('power_limit_w'))} W, torch "
                     f"{c.get('torch')}, transformers {c.get('transformers')}: copy {copy} TB/s, GEMM {gemm} TFLOP/s, idle with a "
                     f"context {number((c.get('idle') or {}).get('watts'))} W.")
    for doc in docs:
        for stage, s in doc.doc["stages"].items():
            if "error" in s:
                lines.append(f"- {doc.name}, {stage}: failed: {' '.join(s['error'].split())[:160]}")
            if "compiled" in stage and "run" in s:
                how = f"by {s['backend']} alone ({s['inductor_error'][:100]})" if "backend" in s else "by Inductor"
                lines.append(f"- {doc.name}, {stage}: {how}; the first call took {s['run']['warm_s'][0]:.0f} s.")
            if s.get("window", {}).get("seconds") and s["window"]["seconds"] < 2:
                lines.append(f"- {doc.name}, {stage}: the energy window has {s['window']['seconds']:.2f} s only.")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    args = parser.parse_args()
    read = [json.loads(path.read_text()) for path in sorted(args.folder.glob("*.json")) if path.name != "cards.json"]
    found = [Doc(one) for one in read if isinstance(one, dict) and "stages" in one]
    if not found:
        parser.error(f"{args.folder} has no file that tools/compare_runtimes.py wrote")
    docs = sorted((d for d in found if d.arch), key=lambda d: (ORDER + [d.name]).index(d.name))
    on_cpu = [d for d in found if not d.arch]
    done = [d for d in docs if d.batches]
    print("### Cards\n\n" + notes(docs))
    if done:
        print(f"### Decode step (prompt {done[0].prompt}; in brackets the share of the bound)\n\n" + speed(done))
        print("### Prefill (in brackets the share of the GEMM rate)\n\n" + prefill(done))
        print("### Energy per output token, prefill included (in brackets above idle; mean power)\n\n" + energy(done, "j_per_token"))
        print("### Energy per output token, decode only (in brackets above idle)\n\n" + energy(done, "decode_j_per_token"))
        print("### Largest batch against the smallest: tokens/s, J per token\n\n" + batching(done))
    if on_cpu:
        print("### CPU\n\n" + cpu(on_cpu))


if __name__ == "__main__":
    main()
