#!/usr/bin/env python3
"""Trains a family of tiny Llama-style models on plain text and writes them as Hugging Face model folders.

  train_tiny.py --text DIR --boolq TRAIN.jsonl --output DIR [--minutes 6] [--sizes 3m,1m,8m]

Text is every *.txt of a folder and the rows of BoolQ's training split, each as phasewatt's prompt with its answer behind
it. 2 % of it (every 50th piece of a book; of BoolQ all rows of a passage together) is never trained on: it picks the
checkpoint and gives the figures of train_log.json. Evaluation splits are no input. Loss is taken on every token.

Per size a folder with config.json, generation_config.json, model.safetensors (F16, tied embeddings), tokenizer.json,
tokenizer_config.json, train_log.json and samples.txt. Time is split by size; a folder is written again whenever a run
gives a better model, so that what was reached survives an interruption.

Needs torch and tokenizers; transformers, where it is there, checks that the folder computes the same.
"""
import argparse
import contextlib
import hashlib
import json
import math
import pathlib
import platform
import re
import time

import numpy as np
import tokenizers
import torch
from torch import nn
from torch.nn import functional as F

from tiny_model import EPS, HEAD_DIM, THETA, Tiny, save_safetensors

START = time.monotonic()
BOS, EOS = "<|begin_of_text|>", "<|end_of_text|>"
# Llama 3's: what phasewatt reads (docs/tokenizers.md).
PIECES = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
          r"|\s*[\r\n]+|\s+(?!\S)|\s+")
HELD_OUT = 50  # one in so many
# Widths, share of the time, and the runs to try in this order: (epochs, dropout, peak learning rate). 3m is the one that
# ships: at most 6 MiB in F16.
SIZES = {
    "1m": dict(hidden=128, layers=4, heads=4, kv_heads=2, ffn=384, share=0.15, runs=[(60, 0.0, 4e-3)]),
    "3m": dict(hidden=192, layers=6, heads=6, kv_heads=2, ffn=448, share=0.50,
               runs=[(40, 0.1, 3e-3), (80, 0.15, 3e-3), (20, 0.05, 3e-3)]),
    "8m": dict(hidden=320, layers=6, heads=10, kv_heads=2, ffn=832, share=0.35, runs=[(30, 0.15, 2e-3), (50, 0.2, 2e-3), (15, 0.1, 2e-3)]),
}
PROMPTS = ["The", "It was a cold morning, and", "The island of Guernsey", "The river",
           "Water -- Water boils at 100 degrees Celsius.\nQuestion: does water boil at 100 degrees?\nAnswer:"]


def say(text: str) -> None:
    print(f"[{time.monotonic() - START:6.1f} s] {text}", flush=True)


# ---------------------------------------------------------------- text


class Piece:
    """A text that begins with BOS; `end`: EOS follows."""

    def __init__(self, kind: str, text: str, end: bool, held_out: bool):
        self.kind, self.text, self.end, self.held_out = kind, text, end, held_out
        self.ids = np.zeros(0, np.int32)


def book_pieces(text: str, limit: int = 2400) -> list[str]:
    """Paragraphs joined up to `limit` characters, their line breaks taken out."""
    paragraphs = [" ".join(p.split()) for p in re.split(r"\n\s*\n", text.replace("\r", ""))]
    pieces = [""]
    for paragraph in filter(None, paragraphs):
        if pieces[-1] and len(pieces[-1]) + len(paragraph) > limit:
            pieces.append("")
        pieces[-1] += ("\n\n" if pieces[-1] else "") + paragraph
    return pieces


def boolq_prompt(row: dict) -> str:
    return f"{row['passage'][:1500]}\nQuestion: {row['question']}?\nAnswer:"  # as src/phasewatt/workload/prompts.cpp


def read_pieces(folder: pathlib.Path, boolq: pathlib.Path | None) -> tuple[list[Piece], list[dict]]:
    pieces, sources = [], []

    def source(path):
        data = path.read_bytes()
        sources.append({"file": path.name, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()})
        return data.decode("utf-8")

    for path in sorted(folder.glob("*.txt")):
        parts = book_pieces(source(path))
        for i, text in enumerate(parts):
            pieces.append(Piece("book", text, i + 1 == len(parts), len(pieces) % HELD_OUT == HELD_OUT // 2))
    for line in source(boolq).splitlines() if boolq else []:
        row = json.loads(line)
        held_out = int(hashlib.sha256(row["passage"].encode()).hexdigest()[:8], 16) % HELD_OUT == 0
        pieces.append(Piece("boolq", boolq_prompt(row) + (" yes" if row["label"] else " no"), True, held_out))
    return pieces, sources


def make_tokenizer(pieces: list[Piece], vocab: int) -> tokenizers.Tokenizer:
    """Byte-level BPE with the special tokens behind all others, as Llama 3 has them."""
    from tokenizers import Regex, decoders, models, pre_tokenizers, processors, trainers
    made = tokenizers.Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(PIECES), behavior="isolated", invert=False),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    made.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=vocab - 2, show_progress=False, special_tokens=[],
                                  initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()))
    made.train_from_iterator((p.text for p in pieces if not p.held_out), trainer)
    made.add_special_tokens([tokenizers.AddedToken(name, special=True, normalized=False) for name in (BOS, EOS)])
    made.post_processor = processors.TemplateProcessing(
        single=f"{BOS} $A", pair=f"{BOS} $A {BOS}:1 $B:1", special_tokens=[(BOS, made.token_to_id(BOS))])
    return made


def encode(tokenizer, pieces: list[Piece]) -> None:
    end = tokenizer.token_to_id(EOS)
    for piece, done in zip(pieces, tokenizer.encode_batch([p.text for p in pieces])):  # BOS comes by the template
        piece.ids = np.array(done.ids + ([end] if piece.end else []), np.int32)


# ---------------------------------------------------------------- training


class Windows:
    """Windows of the pieces in a new order each epoch. Each begins where a piece begins, the one that the window before
    had to cut: a prompt's position 0 is BOS, and every token is seen."""

    def __init__(self, pieces: list[Piece], context: int, device: str, seed: int):
        self.ids = [p.ids for p in pieces if not p.held_out]
        self.context, self.device, self.random = context, device, np.random.default_rng(seed)
        self.tokens = sum(map(len, self.ids))
        self.starts = np.zeros(0, np.int64)

    def shuffle(self) -> None:
        order = self.random.permutation(len(self.ids))
        stream = np.concatenate([self.ids[i] for i in order] + [self.ids[order[0]]] * (2 + self.context // len(self.ids[order[0]])))
        begins = np.concatenate([[0], np.cumsum([len(self.ids[i]) for i in order])])
        starts = [0]
        while starts[-1] + self.context < self.tokens:
            at = begins[np.searchsorted(begins, starts[-1] + self.context, "right") - 1]
            starts.append(int(at) if at > starts[-1] else starts[-1] + self.context)
        self.starts = self.random.permutation(np.array(starts, np.int64))
        self.stream = torch.from_numpy(stream.astype(np.int64)).to(self.device)
        self.reach = torch.arange(self.context + 1, device=self.device)

    def next(self, batch: int):
        if len(self.starts) < batch:
            self.shuffle()
        now, self.starts = self.starts[:batch], self.starts[batch:]
        return self.stream[torch.from_numpy(now).to(self.device)[:, None] + self.reach]


class HeldOut:
    """The pieces kept back, each alone from its BOS on, in batches of like length."""

    def __init__(self, pieces: list[Piece], context: int, device: str, answers: list[int] | None):
        kept = [p for p in pieces if p.held_out]
        self.bytes = sum(len(p.text.encode()) for p in kept)
        self.answers, self.device, self.batches = answers, device, []
        rows = [(p.ids[i:i + context + 1], p.kind) for p in kept for i in range(0, len(p.ids) - 1, context)]
        self.tokens = sum(len(ids) - 1 for ids, _ in rows)
        rows.sort(key=lambda row: len(row[0]))
        for i in range(0, len(rows), 32):
            part = rows[i:i + 32]
            ids = np.full((len(part), len(part[-1][0])), -100, np.int64)
            for row, (one, _) in zip(ids, part):
                row[:len(one)] = one
            asked = [(n, len(one) - 3) for n, (one, kind) in enumerate(part)
                     if answers and kind == "boolq" and one[-2] in answers]
            self.batches.append((torch.from_numpy(ids).to(device), asked))

    @torch.no_grad()
    def measure(self, model, cast) -> dict:
        model.eval()
        nats, right, asked_of, yes = 0.0, 0, 0, 0
        for ids, asked in self.batches:
            with cast():
                logits = model(ids[:, :-1].clamp(min=0)).float()
            nats += F.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten(), ignore_index=-100, reduction="sum").item()
            for row, at in asked:
                scores = [logits[row, at, a].item() for a in self.answers]
                right += int(self.answers[scores[1] > scores[0]] == ids[row, at + 1].item())
                yes += int(ids[row, at + 1].item() == self.answers[0])
            asked_of += len(asked)
        model.train()
        out = {"val_loss": nats / self.tokens, "val_bits_per_byte": nats / math.log(2) / self.bytes}
        if asked_of:
            out["val_boolq"] = {"rows": asked_of, "accuracy": right / asked_of, "share_yes": yes / asked_of}
        return out


def rounded(state: dict) -> dict:
    return {name: value.half().float() for name, value in state.items()}


class Trainer:
    def __init__(self, args, tokenizer, pieces):
        self.args, self.tokenizer, self.pieces, self.vocab = args, tokenizer, pieces, tokenizer.get_vocab_size()
        one = [tokenizer.encode(text, add_special_tokens=False).ids for text in (" yes", " no")]
        self.held = HeldOut(pieces, args.context, args.device, [i[0] for i in one] if all(len(i) == 1 for i in one) else None)
        self.tokens_per_s = {}

    def cast(self):
        return torch.autocast(self.args.device.split(":")[0], torch.bfloat16, enabled=self.args.device != "cpu")

    def make(self, size: str, dropout: float) -> Tiny:
        torch.manual_seed(self.args.seed)
        return Tiny(SIZES[size], self.vocab, self.args.context, dropout).to(self.args.device)

    def run(self, size: str, run: tuple, deadline: float) -> tuple[dict, dict]:
        """The best state and the log of one run. Its length is what the epochs need or the time allows."""
        epochs, dropout, peak = run
        model, batch = self.make(size, dropout), self.args.batch
        train = torch.compile(model) if self.args.compile else model
        windows = Windows(self.pieces, self.args.context, self.args.device, self.args.seed)
        windows.shuffle()
        total = wanted = max(1, epochs * len(windows.starts) // batch)
        matrices = [p for p in model.parameters() if p.dim() == 2]
        others = [p for p in model.parameters() if p.dim() != 2]
        optimizer = torch.optim.AdamW([{"params": matrices, "weight_decay": 0.1}, {"params": others, "weight_decay": 0.0}],
                                      lr=peak, betas=(0.9, 0.95), **({"fused": True} if self.args.device != "cpu" else {}))
        begin, timed_from, best, best_state, curve, worse = time.monotonic(), 0.0, {}, {}, [], 0
        warm, probe = max(10, min(200, wanted // 20)), 30
        step = 0
        while step < total:
            rate = peak * min((step + 1) / warm, 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * step / total)))
            for group in optimizer.param_groups:
                group["lr"] = rate
            ids = windows.next(batch)
            with self.cast():
                loss = F.cross_entropy(train(ids[:, :-1]).float().flatten(0, 1), ids[:, 1:].flatten())
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            step += 1
            if step in (10, 10 + probe):  # how long a step takes says how many fit
                float(loss)
                if step == 10:
                    timed_from = time.monotonic()
                else:
                    each = (time.monotonic() - timed_from) / probe
                    total = max(step + 1, min(wanted, step + int(0.93 * (deadline - time.monotonic()) / each)))
                    self.tokens_per_s[size] = batch * self.args.context / each
                    say(f"{size}: {each * 1e3:.1f} ms a step, {self.tokens_per_s[size] / 1e6:.2f} M tokens/s, {total} of {wanted} steps")
            if step % max(1, total // 30) == 0 or step == total:
                now = {"step": step, "train_loss": float(loss), **self.held.measure(model, self.cast)}
                curve.append(now)
                worse = worse + 1 if best and now["val_loss"] > best["val_loss"] else 0
                say(f"{size} {step}/{total}: train {now['train_loss']:.3f}, held out {now['val_loss']:.4f}, "
                    f"{now['val_bits_per_byte']:.4f} bits/byte, BoolQ {now.get('val_boolq', {}).get('accuracy', float('nan')):.3f}")
                if not best or now["val_loss"] < best["val_loss"]:
                    best, best_state = now, {k: v.detach().clone() for k, v in model.state_dict().items()}
                if worse >= 6 or time.monotonic() > deadline:
                    break
        return best_state, {"epochs_wanted": epochs, "dropout": dropout, "peak_learning_rate": peak, "weight_decay": 0.1,
                            "batch_windows": batch, "context": self.args.context, "steps": step, "steps_planned": total,
                            "tokens": step * batch * self.args.context, "corpus_tokens": windows.tokens,
                            "seconds": round(time.monotonic() - begin, 2), "best": best, "curve": curve}

    def size(self, size: str, seconds: float, log: dict) -> None:
        """Runs of one size while their time lasts; the best is on disk at any time."""
        deadline, done, best = time.monotonic() + seconds, [], None
        for run in SIZES[size]["runs"]:
            left = deadline - time.monotonic()
            needed = run[0] * sum(len(p.ids) for p in self.pieces) * 1.3 / self.tokens_per_s.get(size, math.inf)
            if done and left < 0.8 * needed + 2:
                say(f"{size}: {left:.0f} s left, a run of {run[0]} epochs needs {needed:.0f} s: left out")
                continue
            state, result = self.run(size, run, deadline)
            done.append(result)
            if not result["best"] or (best and result["best"]["val_loss"] >= best):
                continue
            best = result["best"]["val_loss"]
            model = self.make(size, 0.0)
            model.load_state_dict(rounded(state))
            final = self.held.measure(model, contextlib.nullcontext)  # FP32 arithmetic
            chosen = len(done) - 1
            save(self, size, model, {**log, "size": size, "as_saved_f16": final, "chosen_run": chosen, "runs": done})
        path = self.args.output / size / "train_log.json"
        if path.exists():
            path.write_text(json.dumps({**json.loads(path.read_text()), "runs": done}, indent=1) + "\n")


# ---------------------------------------------------------------- output


@torch.no_grad()
def continuation(trainer, model, prompt: str, temperature: float, tokens: int = 64) -> str:
    tokenizer, end = trainer.tokenizer, trainer.tokenizer.token_to_id(EOS)
    ids = torch.tensor([tokenizer.encode(prompt).ids], device=trainer.args.device)
    first, random = ids.shape[1], torch.Generator().manual_seed(trainer.args.seed)
    for _ in range(tokens):
        logits = model(ids[:, -trainer.args.context:])[0, -1].float().cpu()
        token = int(logits.argmax()) if temperature == 0 else int(
            torch.multinomial((logits / temperature).softmax(-1), 1, generator=random))
        if token == end:
            break
        ids = torch.cat([ids, torch.tensor([[token]], device=trainer.args.device)], 1)
    return tokenizer.decode(ids[0, first:].tolist())


def save(trainer: Trainer, size: str, model: Tiny, log: dict) -> None:
    c, folder, tokenizer = SIZES[size], trainer.args.output / size, trainer.tokenizer
    bos, eos = tokenizer.token_to_id(BOS), tokenizer.token_to_id(EOS)
    folder.mkdir(parents=True, exist_ok=True)
    write = lambda name, value: (folder / name).write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n")
    save_safetensors(folder / "model.safetensors", model.state_dict())
    write("config.json", {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": c["hidden"],
        "num_hidden_layers": c["layers"], "num_attention_heads": c["heads"], "num_key_value_heads": c["kv_heads"],
        "head_dim": HEAD_DIM, "intermediate_size": c["ffn"], "vocab_size": trainer.vocab,
        "max_position_embeddings": trainer.args.context, "hidden_act": "silu", "rms_norm_eps": EPS, "rope_theta": THETA,
        "attention_bias": False, "mlp_bias": False, "tie_word_embeddings": True, "initializer_range": 0.02,
        "bos_token_id": bos, "eos_token_id": eos, "torch_dtype": "float16", "use_cache": True})
    write("generation_config.json", {"bos_token_id": bos, "eos_token_id": eos, "do_sample": False})
    write("tokenizer_config.json", {
        "tokenizer_class": "PreTrainedTokenizerFast", "bos_token": BOS, "eos_token": EOS, "clean_up_tokenization_spaces": False,
        "model_max_length": trainer.args.context, "model_input_names": ["input_ids", "attention_mask"]})
    tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    parameters = sum(p.numel() for p in model.parameters())
    write("train_log.json", {**log, "parameters": parameters, "weight_file_bytes": (folder / "model.safetensors").stat().st_size})
    model.eval()
    samples = [f"--- {name}, {json.dumps(p)}\n{continuation(trainer, model, p, t)}\n"
               for p in PROMPTS for name, t in (("greedy", 0.0), ("temperature 0.8", 0.8))]
    (folder / "samples.txt").write_text("\n".join(samples), encoding="utf-8")
    say(f"{folder}: {parameters} parameters, as saved {json.dumps(log['as_saved_f16'])}")


def check_with_transformers(trainer: Trainer, size: str) -> dict:
    """What Hugging Face's own code makes of the folder, beside ours."""
    import transformers
    folder = trainer.args.output / size
    dtype = {"dtype" if int(transformers.__version__.split(".")[0]) >= 5 else "torch_dtype": torch.float32}
    theirs, info = transformers.LlamaForCausalLM.from_pretrained(folder, output_loading_info=True, **dtype)
    ours = trainer.make(size, 0.0).float().cpu().eval()
    ours.load_state_dict({k: v.float() for k, v in theirs.state_dict().items() if k != "lm_head.weight"})
    text = next(p.text for p in trainer.pieces if p.held_out)[:1200]
    ids = trainer.tokenizer.encode(text).ids
    with torch.no_grad():
        a, b = ours(torch.tensor([ids])), theirs.eval()(torch.tensor([ids])).logits
    return {"transformers": transformers.__version__, "logits_most_different": (a - b).abs().max().item(),
            "logits_norm": b.norm().item(), "missing": sorted(map(str, info["missing_keys"])),
            "unexpected": sorted(map(str, info["unexpected_keys"])),
            "same_ids": transformers.AutoTokenizer.from_pretrained(folder)(text)["input_ids"] == ids}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--text", type=pathlib.Path, required=True, help="folder with *.txt")
    parser.add_argument("--boolq", type=pathlib.Path, help="train.jsonl of BoolQ in SuperGLUE's form")
    parser.add_argument("--output", type=pathlib.Path, required=True)
    parser.add_argument("--minutes", type=float, default=6)
    parser.add_argument("--sizes", default="3m,1m,8m", help="in the order of training")
    parser.add_argument("--vocab", type=int, default=4096)
    parser.add_argument("--context", type=int, default=1024)
    parser.add_argument("--batch", type=int, default=32, help="windows of a step")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--compile", action="store_true")
    args = parser.parse_args()
    args.output.mkdir(parents=True, exist_ok=True)
    end = START + 60 * args.minutes

    pieces, sources = read_pieces(args.text, args.boolq)
    say(f"{len(pieces)} pieces, {sum(p.held_out for p in pieces)} held out, {sum(len(p.text.encode()) for p in pieces)} bytes")
    tokenizer = make_tokenizer(pieces, args.vocab)
    encode(tokenizer, pieces)
    lengths = sorted(len(p.ids) for p in pieces if p.kind == "boolq") or [0]
    say(f"{tokenizer.get_vocab_size()} tokens in the vocabulary, {sum(len(p.ids) for p in pieces)} in the text; BoolQ with answer: "
        f"median {lengths[len(lengths) // 2]}, longest {lengths[-1]} of {args.context}")
    trainer = Trainer(args, tokenizer, pieces)
    log = {"sources": sources, "seed": args.seed, "held_out": f"1 of {HELD_OUT}", "held_out_bytes": trainer.held.bytes,
           "held_out_tokens": trainer.held.tokens, "boolq_tokens_median": lengths[len(lengths) // 2], "boolq_tokens_longest": lengths[-1],
           "versions": {"python": platform.python_version(), "torch": torch.__version__, "tokenizers": tokenizers.__version__},
           "device": torch.cuda.get_device_name(0) if args.device != "cpu" else "cpu"}
    sizes = args.sizes.split(",")
    for i, size in enumerate(sizes):
        shares = [SIZES[s]["share"] for s in sizes[i:]]
        try:
            trainer.size(size, (end - 15 - time.monotonic()) * shares[0] / sum(shares), log)
        except Exception as error:  # the other sizes are still worth having
            say(f"{size} failed: {error!r}")
    for size in sizes:
        path = args.output / size / "train_log.json"
        if not path.exists():
            continue
        try:
            checked = check_with_transformers(trainer, size)
        except Exception as error:
            checked = {"error": repr(error)}
        say(f"{size}: {checked}")
        path.write_text(json.dumps({**json.loads(path.read_text()), "check": checked}, indent=1) + "\n")
    say("done")


if __name__ == "__main__":
    main()
