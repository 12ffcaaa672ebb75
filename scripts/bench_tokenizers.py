#!/usr/bin/env python3
"""Times phasewatt's tokenizer beside Hugging Face `tokenizers` and `tiktoken`, one thread, the same texts, in one run.

  scripts/bench_tokenizers.py --encode-texts build/release/tests/bench/encode_texts --texts TEXTS TOKENIZER_DIR...

TEXTS: JSONL (a string, or an object with "text" or "prompt"), or else one text per line. A tokenizer folder holds
tokenizer.json, or vocab.json and merges.txt, or tiktoken ranks (*.tiktoken, tokenizer.model). The three have to give the
same ids for every text, or the program fails. phasewatt's time is that of its own program, without Python; what Python
adds to the others is part of how they are used.
"""
import argparse
import base64
import json
import os
import pathlib
import struct
import subprocess
import sys
import tempfile
import time
import unicodedata

# Both libraries read these when they are first imported.
os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["RAYON_NUM_THREADS"] = "1"

LLAMA_3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
QWEN_2 = LLAMA_3.replace(r"\p{N}{1,3}", r"\p{N}")


def byte_chars():
    """GPT-2's bytes_to_unicode: a printable character for each byte."""
    same = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in same]
    return {byte: chr(byte) for byte in same} | {byte: chr(256 + i) for i, byte in enumerate(others)}


BYTE_CHARS = byte_chars()
CHAR_BYTES = {char: byte for byte, char in BYTE_CHARS.items()}


def written(token):
    return "".join(BYTE_CHARS[byte] for byte in token)


def token_bytes(text):
    return bytes(CHAR_BYTES[char] for char in text)


def read_ranks(path):
    lines = (line.split() for line in path.read_bytes().splitlines() if line)
    return {base64.b64decode(token): int(rank) for token, rank in lines}


def merges_of_ranks(ranks):
    """The merges a tiktoken file implies, in the order in which transformers' TikTokenConverter writes them."""
    merges = []
    for token, rank in ranks.items():
        cuts = [(token[:i], token[i:]) for i in range(1, len(token))]
        cuts = [cut for cut in cuts if cut[0] in ranks and cut[1] in ranks]
        cuts.sort(key=lambda cut: (ranks[cut[0]], ranks[cut[1]]))
        merges.extend((left, right, rank) for left, right in cuts)
    merges.sort(key=lambda merge: merge[2])
    return [(written(left), written(right)) for left, right, _ in merges]


class Vocabulary:
    """What a tokenizer folder says, in the forms that the three want."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.tokenizer_json = self.folder / "tokenizer.json"
        vocab_json = self.folder / "vocab.json"
        self.merges = None
        self.ignore_merges = False
        if self.tokenizer_json.exists():
            document = json.loads(self.tokenizer_json.read_text(encoding="utf-8"))
            vocab = document["model"]["vocab"]
            self.pattern = find_pattern(document)
            self.nfc = "NFC" in json.dumps(document["normalizer"])
        elif vocab_json.exists():
            vocab = json.loads(vocab_json.read_text(encoding="utf-8"))
            lines = (self.folder / "merges.txt").read_text(encoding="utf-8").split("\n")
            self.merges = [tuple(line.split(" ")) for line in lines if line and not line.startswith("#version")]
            self.pattern, self.nfc = pattern_by_size(len(vocab))
        else:
            files = [*self.folder.glob("*.tiktoken"), *self.folder.glob("tokenizer.model")]
            if not files:
                sys.exit(f"{folder} holds no tokenizer")
            self.ranks = read_ranks(files[0])
            self.pattern, self.nfc = pattern_by_size(len(self.ranks))
            self.vocab = {written(token): rank for token, rank in self.ranks.items()}
            self.merges = merges_of_ranks(self.ranks)
            self.ignore_merges = True
            return
        self.vocab = vocab
        self.ranks = {token_bytes(token): rank for token, rank in vocab.items() if all(c in CHAR_BYTES for c in token)}

    def hugging_face(self):
        from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers

        if self.tokenizer_json.exists():
            return Tokenizer.from_file(str(self.tokenizer_json))
        tokenizer = Tokenizer(models.BPE(vocab=self.vocab, merges=self.merges, ignore_merges=self.ignore_merges))
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
            [
                pre_tokenizers.Split(Regex(self.pattern), behavior="isolated", invert=False),
                pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
            ]
        )
        if self.nfc:
            tokenizer.normalizer = normalizers.NFC()
        return tokenizer

    def tiktoken(self):
        import tiktoken

        return tiktoken.Encoding(
            self.folder.name, pat_str=self.pattern, mergeable_ranks=self.ranks, special_tokens={}
        )


def find_pattern(document):
    steps = document["pre_tokenizer"].get("pretokenizers", [document["pre_tokenizer"]])
    patterns = [step["pattern"]["Regex"] for step in steps if step["type"] == "Split"]
    if len(patterns) != 1:
        sys.exit("tokenizer.json gives no single expression for its pieces")
    return patterns[0]


def pattern_by_size(size):
    known = {128000: (LLAMA_3, False), 151643: (QWEN_2, True)}
    if size not in known:
        sys.exit(f"a vocabulary of {size} tokens is neither Llama 3's nor Qwen2.5's; give a tokenizer.json")
    return known[size]


def read_texts(path):
    texts = []
    for line in pathlib.Path(path).read_text(encoding="utf-8").split("\n"):
        if not line:
            continue
        try:
            row = json.loads(line)
        except json.JSONDecodeError:
            row = line
        if isinstance(row, dict):
            row = row.get("text", row.get("prompt"))
        texts.append(row if isinstance(row, str) else line)
    return texts


def timed(work, repeats):
    """The fastest of some runs, and what the last one gave."""
    best = float("inf")
    for _ in range(repeats):
        begin = time.perf_counter()
        result = work()
        best = min(best, time.perf_counter() - begin)
    return best, result


def run_ours(args, folder, texts):
    with tempfile.TemporaryDirectory() as scratch:
        texts_file = pathlib.Path(scratch) / "texts"
        ids_file = pathlib.Path(scratch) / "ids"
        packed = [text.encode() for text in texts]
        texts_file.write_bytes(b"".join(struct.pack("<I", len(text)) + text for text in packed))
        environment = dict(os.environ)
        if args.lib_dir:
            environment["LD_LIBRARY_PATH"] = args.lib_dir
        command = [args.encode_texts, str(folder), str(texts_file), str(args.repeats), str(ids_file)]
        answer = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, env=environment).stdout)
        data = ids_file.read_bytes()
    ids, at = [], 0
    while at < len(data):
        (count,) = struct.unpack_from("<I", data, at)
        ids.append(list(struct.unpack_from(f"<{count}I", data, at + 4)))
        at += 4 + 4 * count
    return min(answer["seconds"]), ids


def run_hugging_face(vocabulary, texts, repeats):
    tokenizer = vocabulary.hugging_face()
    seconds, encodings = timed(lambda: [tokenizer.encode(text, add_special_tokens=False) for text in texts], repeats)
    yield "tokenizers, encode", seconds, [encoding.ids for encoding in encodings]
    batch = getattr(tokenizer, "encode_batch_fast", tokenizer.encode_batch)
    seconds, encodings = timed(lambda: batch(texts, add_special_tokens=False), repeats)
    yield f"tokenizers, {batch.__name__}", seconds, [encoding.ids for encoding in encodings]


def run_tiktoken(vocabulary, texts, repeats):
    encoding = vocabulary.tiktoken()
    if vocabulary.nfc:
        work = lambda: [encoding.encode_ordinary(unicodedata.normalize("NFC", text)) for text in texts]
    else:
        work = lambda: [encoding.encode_ordinary(text) for text in texts]
    seconds, ids = timed(work, repeats)
    yield "tiktoken, encode_ordinary", seconds, ids


def compare(args, folder, texts):
    """One table; False when ids differ."""
    megabytes = sum(len(text.encode()) for text in texts) / 1e6
    ours, our_ids = run_ours(args, folder, texts)
    rows = [("phasewatt", ours, our_ids)]
    vocabulary = Vocabulary(folder)
    for run, module in ((run_hugging_face, "tokenizers"), (run_tiktoken, "tiktoken")):
        try:
            rows.extend(run(vocabulary, texts, args.repeats))
        except ModuleNotFoundError as missing:
            if not args.allow_missing or missing.name != module:
                raise
            print(f"{module} is not installed and was left out")
    print(f"\n{folder}: {len(texts)} texts, {megabytes:.2f} MB, {sum(map(len, our_ids))} tokens, "
          f"best of {args.repeats}, one thread\n")
    print(f"| {'tokenizer':<30} | {'seconds':>8} | {'MB/s':>7} | {'phasewatt is':>12} | ids |")
    print(f"|{'-' * 32}|{'-' * 9}:|{'-' * 8}:|{'-' * 13}:|-----|")
    same = True
    for name, seconds, ids in rows:
        equal = ids == our_ids
        print(f"| {name:<30} | {seconds:8.4f} | {megabytes / seconds:7.1f} | {seconds / ours:11.1f}x | "
              f"{'same' if equal else 'DIFFER'} |")
        if not equal:
            same = False
            first = next(i for i, (a, b) in enumerate(zip(ids, our_ids)) if a != b)
            print(f"  first difference, text {first}: {texts[first][:200]!r}\n  {ids[first][:60]}\n  {our_ids[first][:60]}")
    return same


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", metavar="TOKENIZER_DIR")
    parser.add_argument("--texts", required=True, help="JSONL, or one text per line")
    parser.add_argument("--encode-texts", required=True, metavar="PROGRAM", help="the built tests/bench/encode_texts")
    parser.add_argument("--lib-dir", help="its shared libraries, where the system has none")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--allow-missing", action="store_true", help="go on without a library that is not installed")
    args = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    texts = read_texts(args.texts)
    if not all([compare(args, folder, texts) for folder in args.folders]):
        sys.exit("the tokenizers do not agree")


if __name__ == "__main__":
    main()
