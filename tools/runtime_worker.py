#!/usr/bin/env python3
"""The side of compare_runtimes.py that holds torch and transformers: one request per line on stdin, one answer per line on
the stdout it began with. Knows nothing of energy; instants are CLOCK_MONOTONIC, as those of the engine and the meter.

  runtime_worker.py [--device cuda|cpu] [--threads N]
"""
import argparse
import gc
import json
import os
import platform
import statistics
import sys
import time
import traceback

MOST_CALL_S = 5.0  # a generate call that takes longer is measured with fewer tokens


class Worker:
    def __init__(self, device: str, threads: int):
        import torch
        self.torch, self.device, self.model = torch, device, None
        if device == "cpu":
            torch.set_num_threads(threads)
        else:
            torch.zeros(1, device=device)  # the context is part of what idle means

    def synchronize(self):
        if self.device != "cpu":
            self.torch.cuda.synchronize()

    def hello(self):
        import transformers
        transformers.logging.set_verbosity_error()
        out = {"python": platform.python_version(), "torch": self.torch.__version__, "transformers": transformers.__version__,
               "threads": self.torch.get_num_threads()}
        if self.device != "cpu":
            out |= {"gpu": self.torch.cuda.get_device_name(0), "uuid": str(getattr(self.torch.cuda.get_device_properties(0), "uuid", "")),
                    "cuda": self.torch.version.cuda}
        return out

    # ------------------------------------------------------------ the card

    def timed(self, work, seconds: float) -> list[float]:
        """Seconds of each call by CUDA events, for so long."""
        torch, out = self.torch, []
        for _ in range(3):
            work()
        torch.cuda.synchronize()
        end = time.monotonic() + seconds
        while time.monotonic() < end or len(out) < 10:
            marks = [torch.cuda.Event(enable_timing=True) for _ in range(11)]
            marks[0].record()
            for mark in marks[1:]:
                work()
                mark.record()
            torch.cuda.synchronize()
            out += [a.elapsed_time(b) / 1e3 for a, b in zip(marks, marks[1:])]
        return out

    def hardware(self, seconds: float = 1.5, copy_bytes: int = 4 << 30, size: int = 8192):
        torch = self.torch
        a = torch.empty(copy_bytes, dtype=torch.uint8, device=self.device).random_(0, 255)
        b = torch.empty_like(a)
        copies = self.timed(lambda: b.copy_(a), seconds)
        del a, b
        x = torch.randn(size, size, device=self.device, dtype=torch.float16)
        y = torch.randn(size, size, device=self.device, dtype=torch.float16)
        z = torch.empty_like(x)
        products = self.timed(lambda: torch.mm(x, y, out=z), seconds)
        del x, y, z
        torch.cuda.empty_cache()
        return {"copy_bytes_per_s": 2 * copy_bytes / statistics.median(copies), "copy_best_bytes_per_s": 2 * copy_bytes / min(copies),
                "gemm_flops_per_s": 2 * size**3 / statistics.median(products), "gemm_best_flops_per_s": 2 * size**3 / min(products),
                "copy": f"{copy_bytes} bytes, read and written, {len(copies)} times",
                "gemm": f"FP16 {size}x{size}x{size}, normally distributed, {len(products)} times"}

    # ------------------------------------------------------------ models

    def free(self):
        self.model = None
        gc.collect()
        if self.device == "cpu":
            return {}
        if "torch._dynamo" in sys.modules:
            self.torch._dynamo.reset()
            gc.collect()
        self.torch.cuda.empty_cache()
        return {"kept_bytes": self.torch.cuda.memory_reserved()}

    def ready(self, model, begin: float):
        self.model = model.eval()
        # Nothing ends a text early, and no token is looked for that might.
        self.model.generation_config.eos_token_id = None
        self.model.generation_config.pad_token_id = 0
        self.model.generation_config.do_sample = False
        self.synchronize()
        return {"seconds": time.monotonic() - begin, "parameters": sum(p.numel() for p in self.model.parameters()),
                "dtype": str(self.model.dtype), "attention": getattr(self.model.config, "_attn_implementation", None)}

    def load(self, arch: dict):
        """Random weights of a shape, made where they are used."""
        self.free()
        import transformers
        torch, begin = self.torch, time.monotonic()
        qwen = arch["qkv_bias"]
        fields = dict(hidden_size=arch["hidden"], intermediate_size=arch["ffn"], num_hidden_layers=arch["layers"],
                      num_attention_heads=arch["heads"], num_key_value_heads=arch["kv_heads"], vocab_size=arch["vocab"],
                      max_position_embeddings=4096, rms_norm_eps=1e-5, tie_word_embeddings=arch["tied"], use_cache=True,
                      attn_implementation="sdpa", **({} if qwen else {"head_dim": arch["head_dim"]}))
        config = (transformers.Qwen2Config if qwen else transformers.LlamaConfig)(**fields)
        torch.manual_seed(1)
        torch.set_default_dtype(torch.float16)
        try:
            with torch.device(self.device):
                model = (transformers.Qwen2ForCausalLM if qwen else transformers.LlamaForCausalLM)(config)
        finally:
            torch.set_default_dtype(torch.float32)
        if model.dtype != torch.float16:
            model = model.half()
        return self.ready(model.to(self.device), begin)

    def load_folder(self, path: str, dtype: str):
        self.free()
        import transformers
        begin = time.monotonic()
        name = "dtype" if int(transformers.__version__.split(".")[0]) >= 5 else "torch_dtype"
        model = transformers.AutoModelForCausalLM.from_pretrained(path, attn_implementation="sdpa", **{name: getattr(self.torch, dtype)})
        return self.ready(model.to(self.device), begin)

    # ------------------------------------------------------------ generating

    def call(self, ids, new: int, static: bool) -> float:
        begin = time.monotonic()
        out = self.model.generate(ids, attention_mask=self.torch.ones_like(ids), max_new_tokens=new, min_new_tokens=new,
                                  do_sample=False, use_cache=True, **({"cache_implementation": "static"} if static else {}))
        self.synchronize()
        seconds = time.monotonic() - begin
        if out.shape[1] != ids.shape[1] + new:
            raise RuntimeError(f"generate gave {out.shape[1] - ids.shape[1]} tokens instead of {new}")
        return seconds

    def calls(self, ids, new: int, static: bool, seconds: float, least: int) -> dict:
        begin, out = time.monotonic(), []
        while time.monotonic() - begin < seconds or len(out) < least:
            out.append(self.call(ids, new, static))
        return {"new": new, "calls_s": out, "begin": begin, "end": time.monotonic()}

    def generate(self, batch: int, prompt: int, new: int, seconds: float, static: bool = False, backend: str | None = None):
        """`full`: whole texts of `new` tokens; `one`: of one token, which is the prefill and what generate does around it.
        With a static cache generate compiles the decode step by itself, by Inductor with CUDA graphs unless told otherwise."""
        if backend:
            from transformers import CompileConfig
            self.model.generation_config.compile_config = CompileConfig(backend=backend, mode=None)
        torch = self.torch
        with torch.inference_mode(not static):
            ids = torch.randint(10, self.model.config.vocab_size - 10, (batch, prompt), device=self.device,
                                generator=torch.Generator(device=self.device).manual_seed(batch))
            if not static:
                self.call(ids, 2, static)  # loads libraries, which must not make a text look long
            warm = [self.call(ids, new, static)]
            if warm[0] > MOST_CALL_S and not static:
                new = max(20, int(new * MOST_CALL_S / warm[0]))
            warm += [self.call(ids, new, static) for _ in range(3 if static else 1)]
            full = self.calls(ids, new, static, seconds, 3)
            self.call(ids, 1, static)
            one = self.calls(ids, 1, static, seconds / 2, 5)
            forward = self.forwards(ids) if not static else []
        return {"batch": batch, "prompt": prompt, "static": static, "warm_s": warm, "full": full, "one": one, "forward_s": forward}

    def forwards(self, ids) -> list[float]:
        """Seconds of the bare forward pass of the prompt, logits at its last position."""
        out = []
        for _ in range(6):
            self.synchronize()
            begin = time.monotonic()
            logits = self.model(ids, use_cache=True, logits_to_keep=1).logits
            logits[:, -1].argmax(-1).tolist()
            out.append(time.monotonic() - begin)
        return out[1:]

    def steps(self, batch: int, prompt: int, new: int, seconds: float):
        """Decode steps in a plain loop around the forward pass, without generate: the least that eager Python can cost."""
        torch, out, begin = self.torch, [], time.monotonic()
        with torch.inference_mode():
            ids = torch.randint(10, self.model.config.vocab_size - 10, (batch, prompt), device=self.device)
            while time.monotonic() - begin < seconds or len(out) < 2:
                now = self.model(ids, use_cache=True, logits_to_keep=1)
                token = now.logits[:, -1].argmax(-1, keepdim=True)
                self.synchronize()
                first = time.monotonic()
                for _ in range(new - 1):
                    now = self.model(token, past_key_values=now.past_key_values, use_cache=True)
                    token = now.logits[:, -1].argmax(-1, keepdim=True)
                self.synchronize()
                out.append((time.monotonic() - first) / (new - 1))
        return {"step_s": out}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    args = parser.parse_args()
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what libraries print is no answer
    worker = None
    for line in sys.stdin:
        request = json.loads(line)
        what = request.pop("do")
        if what == "quit":
            break
        try:
            worker = worker or Worker(args.device, args.threads)
            answer = getattr(worker, what)(**request)
        except Exception as error:
            traceback.print_exc()
            answer = {"error": f"{type(error).__name__}: {error}"[:2000]}
        print(json.dumps(answer), file=answers, flush=True)
    os._exit(0)  # nothing is worth waiting for


if __name__ == "__main__":
    main()
