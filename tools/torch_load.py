#!/usr/bin/env python3
"""A load for `phasewatt calibrate --load 'python3 tools/torch_load.py'`; the protocol is in docs/calibration.md.

On is a loop of FP16 matrix products of 8192 x 8192, launched in bursts of a few milliseconds so that off is prompt; off
answers when the GPU is synchronised. measure reports what the card reaches at best. Changes no setting of the card. Ends
with its standard input. --fake sleeps instead of computing, without torch.

  torch_load.py [--device N] [--size 8192] [--fake]
"""
import argparse
import os
import select
import sys
import time

BURST_S = 0.005  # at most so long until the next look for a command


class Fake:
    """Keeps nothing busy."""

    def burst(self):
        time.sleep(0.002)

    def synchronize(self):
        pass

    def measure(self):
        begin = time.monotonic_ns()
        time.sleep(0.05)
        gemm = (1e14, begin, time.monotonic_ns())
        return {"copy_bytes_per_s": 1e12, "stream_bytes_per_s": 9e11, "gemm_flops_per_s": gemm, "launch_s": 2e-6}


class Torch:
    def __init__(self, device: int, size: int):
        import torch

        self.torch = torch
        torch.cuda.set_device(device)
        self.size = size
        self.a = torch.randn(size, size, device="cuda", dtype=torch.float16)
        self.b = torch.randn(size, size, device="cuda", dtype=torch.float16)
        self.c = torch.empty_like(self.a)
        self.number = 1
        per_product = self.timed(lambda: torch.matmul(self.a, self.b, out=self.c), 20)
        self.number = max(1, int(BURST_S / 2 / per_product))
        self.before = None
        self.synchronize()

    def synchronize(self):
        self.torch.cuda.synchronize()
        self.before = None

    def burst(self):
        for _ in range(self.number):
            self.torch.matmul(self.a, self.b, out=self.c)
        # Waits for the burst before, so that the GPU always has one in hand and never more than two.
        done = self.torch.cuda.Event()
        done.record()
        if self.before is not None:
            self.before.synchronize()
        self.before = done

    def timed(self, work, repeats: int) -> float:
        """Seconds per call of `work` on the GPU, the best of three rounds."""
        begin, end = (self.torch.cuda.Event(enable_timing=True) for _ in range(2))
        work()
        self.synchronize()
        best = float("inf")
        for _ in range(3):
            at = time.monotonic_ns()
            begin.record()
            for _ in range(repeats):
                work()
            end.record()
            end.synchronize()
            took = begin.elapsed_time(end) / 1000 / repeats
            if took < best:
                best, self.best_at = took, (at, time.monotonic_ns())
        return best

    def graph(self, work, repeats: int):
        """`work` `repeats` times as one CUDA graph."""
        torch = self.torch
        side = torch.cuda.Stream()
        with torch.cuda.stream(side):
            work()
        torch.cuda.current_stream().wait_stream(side)
        self.synchronize()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            for _ in range(repeats):
                work()
        return graph

    def measure(self):
        torch = self.torch
        found = {}
        source = torch.empty(2**31, dtype=torch.uint8, device="cuda")
        target = torch.empty_like(source)
        found["copy_bytes_per_s"] = 2 * source.numel() / self.timed(lambda: target.copy_(source), 10)
        del source, target
        # A matrix-vector product reads each weight once, as decoding does; several matrices, so that no cache holds them.
        matrices = [torch.empty(16384, 8192, dtype=torch.float16, device="cuda").normal_() for _ in range(8)]
        vector = torch.randn(8192, dtype=torch.float16, device="cuda")
        result = torch.empty(16384, dtype=torch.float16, device="cuda")

        def stream():
            for matrix in matrices:
                torch.mv(matrix, vector, out=result)

        graph = self.graph(stream, 4)
        bytes_read = 4 * sum(m.numel() * m.element_size() for m in matrices)
        found["stream_bytes_per_s"] = bytes_read / self.timed(graph.replay, 10)
        del graph, matrices
        flops = 2 * self.size**3
        rate = flops / self.timed(lambda: torch.matmul(self.a, self.b, out=self.c), 50)
        found["gemm_flops_per_s"] = (rate, *self.best_at)
        # A kernel on one element does next to nothing: what is left is the way from one kernel to the next.
        one = torch.zeros(1, device="cuda")
        launches = 1000
        graph = self.graph(lambda: one.add_(1), launches)
        found["launch_s"] = self.timed(graph.replay, 10) / launches
        return found


def say(line: str):
    print(line, flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", type=int, default=0, help="number as CUDA counts (0)")
    parser.add_argument("--size", type=int, default=8192, help="rows of the matrices (8192)")
    parser.add_argument("--fake", action="store_true", help="compute nothing")
    arguments = parser.parse_args()
    load = Fake() if arguments.fake else Torch(arguments.device, arguments.size)
    say("ready")
    busy, pending = False, b""
    while True:
        if busy:
            load.burst()
        # The descriptor itself: a buffered stream would hide lines that have come already.
        if b"\n" not in pending:
            if not select.select([0], [], [], 0 if busy else None)[0]:
                continue
            chunk = os.read(0, 4096)
            if not chunk:
                return 0
            pending += chunk
            continue
        line, pending = pending.split(b"\n", 1)
        command = line.decode(errors="replace").strip()
        if command == "on":
            at = time.monotonic_ns()
            load.burst()
            busy = True
            say(f"on {at}")
        elif command == "off":
            busy = False
            load.synchronize()
            say(f"off {time.monotonic_ns()}")
        elif command == "measure":
            for name, value in load.measure().items():
                value, *when = value if isinstance(value, tuple) else (value,)
                say(" ".join(["ceiling", name, f"{value:.6g}", *map(str, when)]))
            say("measured")
        elif command == "quit":
            return 0
        else:
            print(f"unknown command {command!r}", file=sys.stderr)
            return 2


if __name__ == "__main__":
    sys.exit(main())
