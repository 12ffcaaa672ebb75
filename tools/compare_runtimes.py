#!/usr/bin/env python3
"""Measures phasewatt's engine and Hugging Face transformers side by side on one GPU; sets no clock, limit or mode.

  compare_runtimes.py --engine BUILD/…/phasewatt_engine_bench --output DIR [--models a,b] [--minutes 1.6]
  compare_runtimes.py --engine … --output DIR --cpu-tiny MODEL_DIR --threads 8

Writes DIR/<model>.json after every stage and leaves out what is there: run it again to go on, also on another card of the
kind (a stage that failed is tried again with --retry). Models are shapes of src/phasewatt/sim/files/archs with random weights,
in FP16. In this order, while the model's time lasts: the engine with graphs, transformers' eager generate, the engine without
graphs; and when all models are through, transformers with a static cache and compiled decoding. tools/compare_report.py makes
tables of the files.

Both sides are children of this process, which holds no torch and reads NVML's energy counter every 20 ms. Energy of a window
is the counter at its ends, between the instants at which the counter changed.
"""
import argparse
import bisect
import json
import os
import pathlib
import select
import shlex
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import tomllib

HERE = pathlib.Path(__file__).resolve().parent
ARCHS = HERE.parent / "src/phasewatt/sim/files/archs"
MODELS = "llama-3.1-8b,llama-3.2-1b,llama-3.2-3b,qwen2.5-14b,qwen2.5-32b"
START = time.monotonic()


def say(text: str) -> None:
    print(f"[{time.monotonic() - START:6.1f} s] {text}", flush=True)


class Meter(threading.Thread):
    """The energy counter over time, and what the clock did beside it."""

    def __init__(self, index: int):
        super().__init__(daemon=True)
        self.changes, self.clocks, self.on, self.info = [], [], False, {}
        try:
            import pynvml
            self.nvml = pynvml
            pynvml.nvmlInit()
            self.handle = pynvml.nvmlDeviceGetHandleByIndex(index)
            pynvml.nvmlDeviceGetTotalEnergyConsumption(self.handle)
            text = lambda value: value.decode() if isinstance(value, bytes) else value
            self.info = {"gpu": text(pynvml.nvmlDeviceGetName(self.handle)), "uuid": text(pynvml.nvmlDeviceGetUUID(self.handle)),
                         "driver": text(pynvml.nvmlSystemGetDriverVersion()),
                         "power_limit_w": pynvml.nvmlDeviceGetPowerManagementLimit(self.handle) / 1e3}
            self.on = True
            self.start()
        except Exception as error:
            say(f"no energy counter: {error!r}" + (" (pip install nvidia-ml-py)" if isinstance(error, ImportError) else ""))

    def run(self):
        last, turn = None, 0
        while self.on:
            before = time.monotonic()
            try:
                value = self.nvml.nvmlDeviceGetTotalEnergyConsumption(self.handle) / 1e3
                if value != last:
                    self.changes.append(((before + time.monotonic()) / 2, value))
                    last = value
                if turn % 10 == 0:
                    self.clocks.append((before, self.nvml.nvmlDeviceGetClockInfo(self.handle, self.nvml.NVML_CLOCK_SM)))
            except Exception as error:
                say(f"a read of the meter failed: {error!r}")
                time.sleep(1)
            turn += 1
            time.sleep(max(0.0, before + 0.02 - time.monotonic()))

    def at(self, instant: float) -> float | None:
        changes = self.changes[:]
        i = bisect.bisect(changes, (instant,))
        if i == 0 or i == len(changes):
            return None
        (t0, e0), (t1, e1) = changes[i - 1], changes[i]
        return e0 + (e1 - e0) * (instant - t0) / (t1 - t0)

    def joules(self, begin: float, end: float) -> float | None:
        deadline = time.monotonic() + 1
        while self.on and (not self.changes or self.changes[-1][0] <= end) and time.monotonic() < deadline:
            time.sleep(0.02)
        first, last = self.at(begin), self.at(end)
        return None if first is None or last is None else last - first

    def window(self, begin: float, end: float) -> dict:
        joules, clocks = self.joules(begin, end), [mhz for t, mhz in self.clocks[:] if begin <= t <= end]
        return {"seconds": end - begin, "joules": joules, "watts": joules / (end - begin) if joules is not None else None,
                "sm_mhz_median": statistics.median(clocks) if clocks else None, "sm_mhz_least": min(clocks, default=None)}

    def idle(self, seconds: float) -> dict:
        time.sleep(1)  # after whatever ran last
        begin = time.monotonic()
        time.sleep(seconds)
        return self.window(begin, begin + seconds)


class Worker:
    """runtime_worker.py, started when it is first needed and again when it had to be stopped."""

    def __init__(self, *options: str, environment: dict | None = None):
        self.options, self.environment, self.process, self.loaded = options, environment, None, None
        self.start()

    def start(self):
        self.loaded, self.rest = None, b""
        self.process = subprocess.Popen([sys.executable, str(HERE / "runtime_worker.py"), *self.options], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, env={**os.environ, **(self.environment or {})}, start_new_session=True)

    def stop(self):
        if self.process:
            os.killpg(self.process.pid, signal.SIGKILL)  # and the compilers it started
            self.process.wait()
            self.process = None

    def ask(self, timeout: float, do: str, **fields) -> dict:
        if not self.process:
            self.start()
        try:
            self.process.stdin.write(json.dumps({"do": do, **fields}).encode() + b"\n")
            self.process.stdin.flush()
            deadline = time.monotonic() + timeout
            while b"\n" not in self.rest:
                left = deadline - time.monotonic()
                if left <= 0 or not select.select([self.process.stdout], [], [], left)[0]:
                    self.stop()
                    return {"error": f"no answer to {do} within {timeout:.0f} s"}
                part = os.read(self.process.stdout.fileno(), 1 << 16)
                if not part:
                    self.stop()
                    return {"error": f"ended at {do}"}
                self.rest += part
        except OSError as error:
            self.stop()
            return {"error": f"ended at {do}: {error}"}
        line, _, self.rest = self.rest.partition(b"\n")
        return json.loads(line)

    def load(self, key: str, timeout: float, do: str, **fields) -> dict:
        if self.loaded == key and self.process:
            return {}
        answer = self.ask(timeout, do, **fields)
        self.loaded = None if "error" in answer else key
        return answer

    def free(self):
        """Gives the memory back, if need be by ending the worker."""
        if self.loaded and self.process:
            answer = self.ask(30, "free")
            if "error" in answer or answer.get("kept_bytes", 0) > 1 << 30:
                say(f"the worker is started anew: {answer}")
                self.stop()
        self.loaded = None


def run_engine(args, model: str, extra: list[str], batch: int, timeout: float) -> dict:
    command = [*shlex.split(args.engine), model, *extra, "--batch", str(batch), "--prompt", str(args.prompt), "--new", str(args.new),
               "--seconds", str(args.seconds)]
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        begin = time.monotonic()
        try:
            code = subprocess.run(command, stdout=out, stderr=err, stdin=subprocess.DEVNULL, timeout=max(1, timeout),
                                  env={**os.environ, "CUDA_VISIBLE_DEVICES": str(args.gpu)}).returncode
        except subprocess.TimeoutExpired:
            code = f"no end within {timeout:.0f} s"
        except OSError as error:
            return {"error": str(error), "command": command}
        wall = time.monotonic() - begin
        out.seek(0), err.seek(0)
        text, trouble = out.read().decode(errors="replace"), err.read().decode(errors="replace")[-2000:]
    try:
        answer = json.loads(text[text.index("{"):text.rindex("}") + 1])
    except ValueError:
        answer = {}
    if code != 0 or not answer:
        return {"error": f"exit {code}: {trouble or text[-500:]}", "command": command}
    return {"answer": answer, "wall_s": wall, "command": command}


def per_token(joules, tokens: float, seconds: float, idle_w) -> dict:
    if joules is None or tokens <= 0:
        return {}
    return {"j_per_token": joules / tokens, "j_per_token_above_idle": (joules - idle_w * seconds) / tokens if idle_w is not None else None}


def of_engine(run: dict, args, batch: int, meter: Meter, idle_w) -> dict:
    """What the engine said, and the energy of its windows."""
    if "error" in run:
        return run
    a = run["answer"]
    parts = {phase: [(w["begin"], w["end"]) for w in a.get("windows", []) if w.get("phase") == phase] for phase in ("prefill", "decode")}
    spans = parts["prefill"] + parts["decode"]
    begin = a.get("begin", min((b for b, _ in spans), default=None))
    end = a.get("end", max((e for _, e in spans), default=None))
    new, repeats = a.get("new_tokens", args.new), len(a.get("decode_step_s", [])) or a.get("repeats", 0)
    out = {"prefill_s": statistics.median(a["prefill_s"]), "decode_step_s": statistics.median(a["decode_step_s"]),
           "decode_bytes": a.get("decode_bytes"), "prefill_flops": a.get("prefill_flops"), "new": new, "repeats": repeats, "run": run}
    if begin is not None and end is not None and meter.on:
        out["window"] = meter.window(begin, end)
        out |= per_token(out["window"]["joules"], repeats * batch * new, end - begin, idle_w)
        decodes = [(b, e, meter.joules(b, e)) for b, e in parts["decode"]]
        # The counter is refreshed every 100 ms: shorter windows would take in what lies beside them.
        if decodes and min(e - b for b, e, _ in decodes) >= 0.3 and all(j is not None for *_, j in decodes):
            more = per_token(sum(j for *_, j in decodes), repeats * batch * (new - 1), sum(e - b for b, e, _ in decodes), idle_w)
            out |= {f"decode_{name}": value for name, value in more.items()}
    return out


def of_generate(answer: dict, loaded: dict, batch: int, meter: Meter, idle_w) -> dict:
    if "error" in answer:
        return answer
    full, one = answer["full"], answer["one"]
    new, texts = full["new"], len(full["calls_s"])
    whole, single = statistics.median(full["calls_s"]), statistics.median(one["calls_s"])
    out = {"prefill_s": statistics.median(answer["forward_s"]) if answer["forward_s"] else single, "generate_one_s": single,
           "generate_s": whole, "decode_step_s": (whole - single) / (new - 1), "new": new, "repeats": texts,
           "loaded": loaded, "run": answer}
    if meter.on:
        out["window"], out["window_one"] = meter.window(full["begin"], full["end"]), meter.window(one["begin"], one["end"])
        j, j1 = out["window"]["joules"], out["window_one"]["joules"]
        out |= per_token(j, texts * batch * new, out["window"]["seconds"], idle_w)
        if j is not None and j1 is not None:
            # Joules are means over windows, so idle's seconds are too.
            seconds = out["window"]["seconds"] / texts - out["window_one"]["seconds"] / len(one["calls_s"])
            more = per_token(j / texts - j1 / len(one["calls_s"]), batch * (new - 1), seconds, idle_w)
            out |= {f"decode_{name}": value for name, value in more.items()}
    return out


class Model:
    """The file of one model."""

    def __init__(self, args, name: str, head: dict, card: dict):
        self.path, self.name, self.retry = args.output / f"{name}.json", name, args.retry
        self.doc = json.loads(self.path.read_text()) if self.path.exists() else {"model": name, **head, "cards": {}, "stages": {}}
        self.stages, self.uuid = self.doc["stages"], str(card.get("uuid"))
        self.card = self.doc["cards"].setdefault(self.uuid, card)

    @property
    def idle_w(self) -> float | None:
        return self.card.get("idle", {}).get("watts")

    def wanted(self, stage: str) -> bool:
        return stage not in self.stages or ("error" in self.stages[stage] and self.retry)

    def keep(self, stage: str, result: dict) -> None:
        self.stages[stage] = {"card": self.uuid, **result}
        new = self.path.with_suffix(".json.tmp")
        new.write_text(json.dumps(self.doc, indent=1) + "\n")
        new.replace(self.path)
        step, watts = result.get("decode_step_s"), result.get("window", {}).get("watts")
        say(f"{self.name} {stage}: " + (result["error"][-300:] if "error" in result else
            f"prefill {result['prefill_s'] * 1e3:.2f} ms, step {step * 1e3:.3f} ms"
            + (f", {watts:.0f} W, {result.get('j_per_token', float('nan')):.4f} J/token" if watts else "")))


def hardware(args, worker: Worker, meter: Meter) -> dict:
    """What this card reaches; measured once for each card."""
    path = args.output / "cards.json"
    cards = json.loads(path.read_text()) if path.exists() else {}
    uuid = str(meter.info.get("uuid"))
    if uuid in cards and "error" not in cards[uuid]:
        return cards[uuid]
    hello = worker.ask(120, "hello")
    idle = meter.idle(2.5) if meter.on else {}
    cards[uuid] = {**hello, **meter.info, "idle": idle, **worker.ask(90, "hardware")}
    path.write_text(json.dumps(cards, indent=1) + "\n")
    say(f"card: {json.dumps(cards[uuid])}")
    if "error" in cards[uuid]:
        worker.stop()
        sys.exit(f"compare_runtimes.py: the card cannot be measured: {cards[uuid]['error']}")
    return cards[uuid]


class Pass:
    """Stages of one model, while there is time."""

    def __init__(self, args, model: Model, worker: Worker, meter: Meter, arch: dict, minutes: float):
        self.args, self.model, self.worker, self.meter, self.arch = args, model, worker, meter, arch
        self.deadline = min(time.monotonic() + 60 * minutes, START + 60 * args.total_minutes)

    def left(self) -> float:
        return self.deadline - time.monotonic()

    def due(self, stage: str, least_s: float = 5) -> bool:
        if not self.model.wanted(stage):
            return False
        if self.left() < least_s:
            say(f"{self.model.name} {stage}: no time left")
        return self.left() >= least_s

    def engine(self, runtime: str):
        for batch in self.args.batches:
            stage = f"engine {runtime} b{batch}"
            if self.due(stage):
                self.worker.free()
                run = run_engine(self.args, f"synthetic:{self.model.name}", ["--runtime", runtime], batch, self.left() + 20)
                self.model.keep(stage, of_engine(run, self.args, batch, self.meter, self.model.idle_w))

    def transformers(self, kind: str, batch: int, least_s: float):
        stage, args = f"transformers {kind} b{batch}", self.args
        if not self.due(stage, least_s):
            return
        loaded = self.worker.load(self.model.name, min(90, self.left() + 20), "load", arch=self.arch)
        ask = lambda **more: self.worker.ask(self.left() + 20, "generate", batch=batch, prompt=args.prompt, new=args.new,
                                             seconds=args.seconds, **more)
        answer = loaded if "error" in loaded else ask(static=True) if kind == "compiled" else ask()
        failed = answer.get("error")
        if failed and kind == "compiled" and self.worker.loaded and self.worker.process:  # no compiler: graphs alone
            answer = ask(static=True, backend="cudagraphs")
        result = of_generate(answer, loaded, batch, self.meter, self.model.idle_w)
        if failed and "error" not in answer:
            result |= {"backend": "cudagraphs", "inductor_error": failed}
        self.model.keep(stage, result)


def first_pass(a: Pass) -> None:
    a.engine("graph")
    for batch in a.args.batches:
        a.transformers("eager", batch, 5)
    a.engine("eager")
    a.worker.free()


def cpu_tiny(args, meter: Meter) -> None:
    """The model that ships, in FP32, on N threads: transformers' generate, a bare loop around its forward pass, and ours."""
    model = Model(args, f"cpu-{args.cpu_tiny.resolve().name}-{args.threads}-threads", {"threads": args.threads}, {})
    worker = Worker("--device", "cpu", "--threads", str(args.threads),
                    environment={"OMP_NUM_THREADS": str(args.threads), "MKL_NUM_THREADS": str(args.threads), "CUDA_VISIBLE_DEVICES": ""})
    model.doc["worker"] = worker.ask(120, "hello")
    lengths = {"prompt": args.prompt, "new": args.new, "seconds": args.seconds}
    for batch in args.batches:
        if model.wanted(f"engine cpu b{batch}"):
            run = run_engine(args, str(args.cpu_tiny), ["--device", "cpu", "--runtime", "eager", "--threads", str(args.threads)], batch, 90)
            model.keep(f"engine cpu b{batch}", of_engine(run, args, batch, meter, None))
        if model.wanted(f"transformers cpu b{batch}"):
            loaded = worker.load("tiny", 90, "load_folder", path=str(args.cpu_tiny), dtype="float32")
            answer = loaded if "error" in loaded else worker.ask(90, "generate", batch=batch, **lengths)
            result = of_generate(answer, loaded, batch, meter, None)
            if "error" not in result:
                bare = worker.ask(60, "steps", batch=batch, **lengths)
                result["bare_step_s"] = min(bare.get("step_s", [None]))
            model.keep(f"transformers cpu b{batch}", result)
    worker.stop()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    numbers = lambda text: [int(n) for n in text.split(",") if n]
    parser.add_argument("--engine", required=True, help="tools/engine_bench.cpp built, with options of its own if need be")
    parser.add_argument("--output", type=pathlib.Path, required=True)
    parser.add_argument("--models", default=MODELS)
    parser.add_argument("--batches", type=numbers, default=[1, 8])
    parser.add_argument("--prompt", type=int, default=336)
    parser.add_argument("--new", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=2.5, help="of each energy window")
    parser.add_argument("--minutes", type=float, default=1.6, help="of each model, without compiling")
    parser.add_argument("--compile-minutes", type=float, default=1.5, help="of each compiled stage; 0 leaves them out")
    parser.add_argument("--compile-batches", type=numbers, default=[1, 8])
    parser.add_argument("--total-minutes", type=float, default=9, help="no stage begins after that")
    parser.add_argument("--gpu", type=int, default=0)
    parser.add_argument("--retry", action="store_true", help="try failed stages again")
    parser.add_argument("--cpu-tiny", type=pathlib.Path, metavar="MODEL_DIR")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    args = parser.parse_args()
    args.output.mkdir(parents=True, exist_ok=True)
    meter = Meter(args.gpu)
    if args.cpu_tiny:
        meter.on = False
        return cpu_tiny(args, meter)
    worker = Worker(environment={"CUDA_VISIBLE_DEVICES": str(args.gpu)})
    card = hardware(args, worker, meter)
    models = []
    for name in args.models.split(","):
        arch = tomllib.loads((ARCHS / f"{name}.toml").read_text())
        models.append((Model(args, name, {"prompt": args.prompt, "arch": arch}, card), arch))
    for model, arch in models:
        first_pass(Pass(args, model, worker, meter, arch, args.minutes))
    for batch in args.compile_batches if args.compile_minutes > 0 else []:
        for model, arch in models:
            Pass(args, model, worker, meter, arch, args.compile_minutes).transformers("compiled", batch, 30)
            worker.free()  # so that no batch size is compiled as a change of another
    meter.on = False
    worker.stop()
    say("done")


if __name__ == "__main__":
    main()
