#!/usr/bin/env python3
"""The engine of the CPU beside PyTorch, the same model in FP32 on the same threads; prints a table of ratios.

  compare_cpu.py --engine BUILD/tests/phasewatt_engine_bench [--model models/tiny] [--threads 1] [--rounds 3]

PyTorch's side is plain_llama.py: the operators a careful eager loop needs, and no more; transformers' generate adds to that. Both
sides take turns, because a machine that has other work changes its speed; each ratio is of one turn, the table has their median
and range.
"""
import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import time


def of_engine(args, batch: int) -> dict:
    command = [args.engine, str(args.model), "--engine", "cpu", "--threads", str(args.threads), "--batch", str(batch), "--prompt",
               str(args.prompt), "--new", str(args.new), "--seconds", "2"]
    try:
        done = subprocess.run(command, capture_output=True, text=True)
    except OSError as error:
        sys.exit(f"compare_cpu.py: --engine: {error}")
    if done.returncode != 0:
        sys.exit(f"compare_cpu.py: {' '.join(command)}: {done.stderr.strip()}")
    said = json.loads(done.stdout)
    return {"prefill": statistics.median(said["prefill_s"]), "step": statistics.median(said["decode_step_s"])}


class Torch:
    def __init__(self, args, batch: int):
        try:
            import plain_llama
            import torch
        except ImportError as error:
            sys.exit(f"compare_cpu.py: {error}: run it by a python3 that has torch (Debian: apt-get install python3-torch)")
        torch.set_num_threads(args.threads)
        self.new, self.version = args.new, torch.__version__
        self.model = plain_llama.PlainLlama(str(args.model), batch, args.prompt + args.new)
        self.ids = torch.randint(10, len(self.model.head) - 10, (batch, args.prompt))
        self.model.generate(self.ids, 3)

    def seconds(self, new: int) -> float:
        begin = time.perf_counter()
        self.model.generate(self.ids, new)
        return time.perf_counter() - begin

    def measure(self) -> dict:
        one, whole = (statistics.median(self.seconds(new) for _ in range(5)) for new in (1, self.new))
        return {"prefill": one, "step": (whole - one) / (self.new - 1)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engine", required=True)
    parser.add_argument("--model", type=pathlib.Path, default=pathlib.Path(__file__).parent.parent / "models/tiny")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--prompt", type=int, default=336)
    parser.add_argument("--new", type=int, default=100)
    args = parser.parse_args()
    lines = []
    for batch in (1, 8):
        torch = Torch(args, batch)
        turns = [(of_engine(args, batch), torch.measure()) for _ in range(args.rounds)]
        for phase in ("prefill", "step"):
            ratios = sorted(theirs[phase] / ours[phase] for ours, theirs in turns)
            ours, theirs = (statistics.median(turn[side][phase] for turn in turns) * 1e3 for side in (0, 1))
            lines.append(f"| {batch} | {phase} | {ours:.3g} | {theirs:.3g} | {statistics.median(ratios):.2f} | {ratios[0]:.2f} | {ratios[-1]:.2f} |")
    print(f"{args.threads} thread(s), PyTorch {torch.version}, prompt {args.prompt}, {args.new} tokens\n")
    print("| B | phase | phasewatt, ms | PyTorch, ms | PyTorch ÷ phasewatt | least | most |\n| --: | --- | --: | --: | --: | --: | --: |")
    print("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
