#!/usr/bin/env python3
"""A study of a real model on the CPU: its own tokens, accuracy, ROUGE-L and times come out, and no energy; a synthetic model's
answers are no quality; the report copes with both. Then the same by libtorch, where the program was built with it.

  real_model.py PROGRAM
"""
import json
import pathlib
import sqlite3
import subprocess
import sys
import tempfile

import tiny_model

PROGRAM = sys.argv[1]
CPU, LIBTORCH = 'kind = "cpu"', 'kind = "libtorch"\ndevice = "cpu"'
STUDY = """schema = "phasewatt-study/1"
name = "real"
repeats = 2
models = [MODELS]
batch_sizes = [1, 4]
[[datasets]]
name = "boolq"
sample = "first:4"
[[datasets]]
name = "truthfulqa"
sample = "first:4"
[engine]
ENGINE
threads = 1
[device]
kind = "none"
[decoding]
max_new_tokens = 6
"""


def phasewatt(*arguments: str, expect: int = 0) -> str:
    done = subprocess.run([PROGRAM, *arguments], capture_output=True, text=True)
    if done.returncode != expect:
        sys.exit(f"{' '.join(arguments)}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout + done.stderr


def check(truth: bool, what: str):
    if not truth:
        sys.exit(what)


def run(folder: pathlib.Path, name: str, engine: str, *models: str) -> sqlite3.Connection:
    study, database = folder / f"{name}.toml", folder / f"{name}.db"
    study.write_text(STUDY.replace("MODELS", ", ".join(f'"{model}"' for model in models)).replace("ENGINE", engine))
    phasewatt("study", "run", str(study), "--output", str(database))
    page = phasewatt("report", str(database), "--all")
    check("SIMULATED" not in page, "a real engine's results are called simulated")
    phasewatt("report", str(database), "--output", str(folder / f"{name}-report"))
    # Complete, and the same study: there is nothing to resume.
    phasewatt("study", "resume", str(database))
    return sqlite3.connect(database)


def real(folder: pathlib.Path, engine: str, name: str):
    model = str(folder / "tiny")
    rows = run(folder, name, engine, model)
    check(rows.execute("SELECT DISTINCT engine FROM study").fetchall() == [(name,)], "the study says who computed")
    points = rows.execute("SELECT validity, energy_j, wall_s FROM run").fetchall()
    check(len(points) == 8 and all(p[0] == "degraded" and p[1] is None and p[2] > 0 for p in points), f"points: {points}")
    reasons = {r[0] for r in rows.execute("SELECT reason FROM run_reason")}
    check(reasons == {"no_energy"}, f"reasons: {reasons}")
    check(rows.execute("SELECT token_kind FROM study").fetchone() == ("bpe",), "lengths are in the model's own tokens")
    requests = rows.execute("SELECT quality, r.prompt_tokens, text, dataset, output_tokens FROM request r JOIN query USING (query_index) "
                            "JOIN query_text USING (query_index) WHERE kind = 'prompt'").fetchall()
    check(all(quality is not None and 0 <= quality <= 1 for quality, *_ in requests), "every answer has a quality")
    check(all(quality in (0, 1) for quality, _, _, dataset, _ in requests if dataset == "boolq"), "accuracy is 0 or 1")
    check(all(len(prompt.split()) < tokens <= len(prompt.encode()) + 1 for _, tokens, prompt, *_ in requests), "bytes, with few merges")
    check({output for *_, dataset, output in requests if dataset == "truthfulqa"} == {6}, "six tokens each")
    # What the engine took in is what the requests say; a scored context leaves its last token to the options.
    for dataset, left in (("truthfulqa", 0), ("boolq", 1)):
        taken = rows.execute("SELECT prefill_tokens FROM run JOIN point USING (point_index) WHERE dataset = ?", (dataset,)).fetchall()
        told = rows.execute("SELECT sum(prompt_tokens - ?) FROM request JOIN point USING (point_index) WHERE dataset = ? "
                            "GROUP BY point_index", (left, dataset)).fetchall()
        check(taken == told, f"prompt tokens of {dataset}: {taken} against {told}")


def synthetic(folder: pathlib.Path):
    rows = run(folder, "mixed", CPU, "synthetic:tiny", str(folder / "tiny"))
    known = dict(rows.execute("SELECT model, count(quality) FROM request JOIN point USING (point_index) GROUP BY model").fetchall())
    check(known["synthetic:tiny"] == 0, "random weights have no quality")
    check(known[str(folder / "tiny")] > 0, "the real model beside them has")


def refused(folder: pathlib.Path):
    study = folder / "wrong.toml"
    study.write_text(STUDY.replace("MODELS", '"nowhere"').replace("ENGINE", CPU))
    said = phasewatt("study", "plan", str(study), expect=4)
    check("wrong.toml:4: model 'nowhere': there is no such folder" in said, said)
    study.write_text(STUDY.replace("MODELS", '"synthetic:tinny"').replace("ENGINE", CPU))
    said = phasewatt("study", "plan", str(study), expect=4)
    check("wrong.toml:4: model 'synthetic:tinny'" in said, said)


def too_long(folder: pathlib.Path):
    """What the engine would refuse is said before it begins."""
    tiny_model.write(folder / "short")
    config = folder / "short" / "config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "max_position_embeddings": 16}))
    study = folder / "short.toml"
    study.write_text(STUDY.replace("MODELS", f'"{folder / "short"}"').replace("ENGINE", CPU))
    said = phasewatt("study", "plan", str(study))
    check("has 16 positions, and 4 of the 4 queries of boolq need more" in said, said)


def no_such_type(folder: pathlib.Path):
    study = folder / "type.toml"
    study.write_text(STUDY.replace("MODELS", '"synthetic:tiny"').replace("ENGINE", LIBTORCH + '\ndtype = "bf16"'))
    said = phasewatt("study", "plan", str(study), expect=3)
    check('type.toml:15: engine.dtype = "bf16"' in said, said)


def another_model(folder: pathlib.Path):
    """A model that is another one now is named among what may differ."""
    config = folder / "tiny" / "config.json"
    config.write_text(config.read_text().replace("1e-05", "1e-06"))
    said = phasewatt("study", "resume", str(folder / "cpu.db"), expect=3)
    check("queries, models, device files or program differ" in said, said)


engines = {f["name"]: f for f in json.loads(phasewatt("doctor", "--json")) if f["area"] == "engine"}
with tempfile.TemporaryDirectory(prefix="phasewatt-real-") as where:
    folder = pathlib.Path(where)
    tiny_model.write(folder / "tiny")
    real(folder, CPU, "cpu")
    synthetic(folder)
    refused(folder)
    too_long(folder)
    if engines["libtorch"]["state"] == "yes":
        real(folder, LIBTORCH, "libtorch")
        no_such_type(folder)
    else:
        print("not tried: this phasewatt was built without libtorch")
    another_model(folder)
