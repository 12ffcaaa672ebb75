#!/usr/bin/env python3
"""Fits the quality of the simulated engine to the published tables (docs/simulated-quality.md). Plain Python 3.

  fit_quality.py features DATA > tests/engine/data/paper800_features.csv   features of the paper's 800 queries
  fit_quality.py fit > src/phasewatt/engine/sim/files/quality.toml         parameters, then a table on stderr
  fit_quality.py check                                                     expected beside published, as Markdown

DATA holds boolq/val.jsonl, hellaswag/hellaswag_val.jsonl, truthfulqa/TruthfulQA.csv and
narrativeqa/{qaps_dev_test,summaries_dev_test}.csv.
"""
import argparse
import csv
import json
import math
import pathlib
import random
import statistics
import sys
import tomllib
from collections import Counter

ROOT = pathlib.Path(__file__).resolve().parent.parent
FEATURES = ROOT / "tests/engine/data/paper800_features.csv"
PARAMETERS = ROOT / "src/phasewatt/engine/sim/files/quality.toml"
PUBLISHED = ROOT / "src/phasewatt/analysis/published/tables.json"

MODELS = ["llama-3.2-1b", "llama-3.2-3b", "llama-3.1-8b", "qwen2.5-14b", "qwen2.5-32b"]
SMALL, LARGE = [0, 1], [2, 3, 4]  # positions in MODELS: the two groups whose means decide the pattern
THRESHOLD = 0.5
DATASETS = ["boolq", "hellaswag", "truthfulqa", "narrativeqa"]
FLOOR = {"boolq": 0.5, "hellaswag": 0.25}  # chance: two answers, four endings; the others are generated
WEIGHTED = ["entity_density", "causal_question"]
PATTERNS = ["Always Easy", "Scaling Helps", "Always Hard", "Inconsistent"]


# ---------------------------------------------------------------------------------------------- features


def paper_features(prompt):
    """docs/features.md, profile `paper`."""
    words = prompt.split()
    lower = {w.lower() for w in words}
    counts = Counter(words).values()
    return {
        "words": len(words),
        "token_entropy_bits": round(-sum(c / len(words) * math.log2(c / len(words)) for c in counts), 6),
        "entity_density": round(sum(w[0].isupper() for w in words) / len(words), 6),
        "causal_question": int("?" in prompt and bool(lower & {"why", "how", "explain", "justify", "prove"})),
    }


def paper_prompts(data):
    def jsonl(path):
        return [json.loads(line) for line in open(data / path, encoding="utf-8")]

    def table(path):
        return list(csv.DictReader(open(data / path, encoding="utf-8", newline="")))

    boolq = jsonl("boolq/val.jsonl")
    hellaswag = jsonl("hellaswag/hellaswag_val.jsonl")
    truthfulqa = table("truthfulqa/TruthfulQA.csv")
    summaries = {r["document_id"]: r["summary"] for r in table("narrativeqa/summaries_dev_test.csv")}
    narrativeqa = [r for r in table("narrativeqa/qaps_dev_test.csv") if r["set"] == "test"]
    prompts = {
        "boolq": [f"{r['passage'][:1500]}\nQuestion: {r['question']}?\nAnswer:" for r in boolq],
        "hellaswag": ["Activity: {}\nContext: {}\n\nChoose the most plausible ending for the context from the options "
                      "below:\nA. {}\nB. {}\nC. {}\nD. {}\nAnswer:".format(r["activity_label"], r["ctx"], *r["endings"])
                      for r in hellaswag],
        "truthfulqa": [f"Question: {r['Question']}\nAnswer:" for r in truthfulqa],
        "narrativeqa": [f"{summaries[r['document_id']][:2000]}\nQuestion: {r['question']}\nAnswer:" for r in narrativeqa],
    }
    draw_rows = random.Random(42)  # the paper's draw: one generator, this order of datasets
    for dataset in DATASETS:
        for row in draw_rows.sample(range(len(prompts[dataset])), 200):
            yield dataset, row, prompts[dataset][row]


def write_features(data):
    out = None
    for dataset, row, prompt in paper_prompts(data):
        record = {"dataset": dataset, "row": row, **paper_features(prompt)}
        if out is None:
            out = csv.DictWriter(sys.stdout, record, lineterminator="\n")
            out.writeheader()
        out.writerow(record)


def read_features():
    queries = {d: [] for d in DATASETS}
    for record in csv.DictReader(open(FEATURES, newline="")):
        queries[record["dataset"]].append({k: v if k == "dataset" else float(v) for k, v in record.items()})
    return queries


# ---------------------------------------------------------------------------------------------- model, as in quality.cpp

def fnv(text, state=0xCBF29CE484222325):
    for byte in text.encode() + b"\0":
        state = (state ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return state


def philox(key, counter):
    """Philox4x32-10, as sim/random.cpp."""
    k0, k1 = key & 0xFFFFFFFF, key >> 32
    c0, c1, c2, c3 = counter
    for _ in range(10):
        a, b = 0xD2511F53 * c0, 0xCD9E8D57 * c2
        c0, c1, c2, c3 = b >> 32 ^ c1 ^ k0, b & 0xFFFFFFFF, a >> 32 ^ c3 ^ k1, a & 0xFFFFFFFF
        k0, k1 = k0 + 0x9E3779B9 & 0xFFFFFFFF, k1 + 0xBB67AE85 & 0xFFFFFFFF
    return c0, c1, c2, c3


def uniform(word):
    return (word + 0.5) * 2.0**-32


def normal(words):
    return math.sqrt(-2 * math.log(uniform(words[0]))) * math.cos(2 * math.pi * uniform(words[1]))


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


def all_draws(queries, seeds):
    """Per dataset and seed: the query's noise and each model's draw (uniform when scored, normal when generated)."""
    out = {}
    models = [fnv(m) for m in MODELS]
    for dataset, rows in queries.items():
        pair = (lambda words: uniform(words[0])) if dataset in FLOOR else normal
        keys = [fnv(f"{dataset}/{row['row']:.0f}", fnv(dataset)) for row in rows]
        out[dataset] = [[(normal(philox(k, (seed, 0, 0, 0))),
                          [pair(philox(k, (seed, 0, m & 0xFFFFFFFF, m >> 32))) for m in models]) for k in keys]
                        for seed in range(1, seeds + 1)]
    return out


def qualities(dataset, shape, abilities, difficulties, draws):
    """One seed's quality of every query (rows) by every model (columns)."""
    a, floor = shape["discrimination"], FLOOR.get(dataset)
    out = []
    for b, (z, pair) in zip(difficulties, draws):
        b += z
        if floor is None:
            out.append([sigmoid(a * (t - b + shape["model_noise"] * e)) for t, e in zip(abilities, pair)])
        else:
            out.append([float(u < floor + (1 - floor) * sigmoid(a * (t - b))) for t, u in zip(abilities, pair)])
    return out


def moments(queries):
    out = {}
    for dataset, rows in queries.items():
        for f in WEIGHTED:
            mean = sum(r[f] for r in rows) / len(rows)
            out[dataset, f] = mean, math.sqrt(sum((r[f] - mean) ** 2 for r in rows) / len(rows))
    return out


def difficulty(queries, weights, moment):
    return {d: [sum(weights[f] * (r[f] - moment[d, f][0]) / moment[d, f][1] for f in WEIGHTED) for r in rows]
            for d, rows in queries.items()}


# ---------------------------------------------------------------------------------------------- published and expected


def published():
    tables = json.load(open(PUBLISHED))["tables"]
    easy_hard = [row[1:3] for row in tables["X"]["rows"][:5]]
    return {
        "VII": {row[0].lower(): row[1:6] for row in tables["VII"]["rows"][:4]},
        "VIII": {row[0]: row[1:6] for row in tables["VIII"]["rows"]},
        "IX": {row[0]: [row[1] / 100, *row[2:5]] for row in tables["IX"]["rows"]},
        "X": easy_hard,
    }


def normalised(rows):
    low, high = min(map(min, rows)), max(map(max, rows))
    return [[(q - low) / (high - low) for q in row] for row in rows]


def pattern(row):
    small = sum(row[i] for i in SMALL) / len(SMALL) >= THRESHOLD
    large = sum(row[i] for i in LARGE) / len(LARGE) >= THRESHOLD
    return PATTERNS[0 if small and large else 1 if large else 3 if small else 2]


def correlation(x, y):
    mx, my = sum(x) / len(x), sum(y) / len(y)
    xy = sum((a - mx) * (b - my) for a, b in zip(x, y))
    return xy / math.sqrt(sum((a - mx) ** 2 for a in x) * sum((b - my) ** 2 for b in y))


def expected(queries, shapes, abilities, difficulties, draws):
    """Means over the seeds of Tables VII to X, and the pattern shares per dataset."""
    seeds = len(draws[DATASETS[0]])
    rows = [r for d in DATASETS for r in queries[d]]
    easy = [r["entity_density"] < 0.20 and r["causal_question"] < 0.05 for r in rows]
    mean = [[0.0] * len(MODELS) for _ in rows]
    shares = {p: [0.0] * len(rows) for p in PATTERNS}
    single = []  # what one seed alone gives: Table VII's cells, then Table IX's shares
    for seed in range(seeds):
        i = 0
        single.append([0.0] * (5 * len(DATASETS) + len(PATTERNS)))
        for k, d in enumerate(DATASETS):
            quality = qualities(d, shapes[d], abilities[d], difficulties[d], draws[d][seed])
            for q, n in zip(quality, normalised(quality)):
                for m, value in enumerate(q):
                    mean[i][m] += value / seeds
                    single[-1][5 * k + m] += value / 200
                shares[pattern(n)][i] += 1 / seeds
                single[-1][PATTERNS.index(pattern(n)) - len(PATTERNS)] += 1 / len(rows)
                i += 1
    starts = {d: 200 * i for i, d in enumerate(DATASETS)}
    out = {"VII": {d: [sum(mean[i][m] for i in range(s, s + 200)) / 200 for m in range(5)] for d, s in starts.items()}}
    out["X"] = [[sum(q[m] for q, e in zip(mean, easy) if e == want) / easy.count(want) for want in (True, False)]
                for m in range(5)]
    names = ["entity_density", "causal_question", "token_entropy_bits"]
    out["IX"] = {p: [sum(s) / len(rows)] + [sum(w * r[f] for w, r in zip(s, rows)) / max(sum(s), 1e-9) for f in names]
                 for p, s in shares.items()}
    out["deviation"] = [statistics.stdev(column) for column in zip(*single)]
    out["by dataset"] = {d: [sum(shares[p][s:s + 200]) / 200 for p in PATTERNS] for d, s in starts.items()}
    return out


# ---------------------------------------------------------------------------------------------- fit


def hermite(n=24):
    """Nodes and weights of a normal average: equal slices are exact enough for smooth curves."""
    step = 9.0 / n
    nodes = [-4.5 + step * (i + 0.5) for i in range(n)]
    weights = [math.exp(-x * x / 2) for x in nodes]
    return [(x, w / sum(weights)) for x, w in zip(nodes, weights)]


NODES = hermite()


def fit_ability(target, dataset, shape, difficulties):
    """The ability whose mean quality over queries and noise is the target: Newton steps on a rising function."""
    a, floor = shape["discrimination"], FLOOR.get(dataset, 0)
    spread = math.hypot(1, shape.get("model_noise", 0))
    counts = Counter(round(b, 2) for b in difficulties)
    points = [(b - spread * x, w * n / len(difficulties)) for b, n in counts.items() for x, w in NODES]
    theta = 0.0
    for _ in range(12):
        value = slope = 0.0
        for b, w in points:
            s = sigmoid(a * (theta - b))
            value += w * s
            slope += w * a * s * (1 - s)
        step = ((target - floor) / (1 - floor) - value) / slope
        theta += max(-1.0, min(1.0, step))
        if abs(step) < 1e-5:
            break
    return theta


def fit_abilities(want, shapes, difficulties):
    return {d: [fit_ability(t, d, shapes[d], difficulties[d]) for t in want["VII"][d]] for d in DATASETS}


def miss(got, want):
    """Squared misses; a share or a table X value counts per point, a pattern's mean feature more loosely."""
    total = 0.0
    for p in PATTERNS:
        total += ((got["IX"][p][0] - want["IX"][p][0]) / 0.005) ** 2
        for value, goal, scale in zip(got["IX"][p][1:], want["IX"][p][1:], (0.015, 0.03, 0.3)):
            if goal is not None:
                total += ((value - goal) / scale) ** 2
    for have, goal in zip(got["X"], want["X"]):
        total += sum(((h - g) / 0.015) ** 2 for h, g in zip(have, goal))
    return total


START = {"discrimination boolq": 3.0, "discrimination hellaswag": 2.0, "discrimination truthfulqa": 0.6,
         "model_noise truthfulqa": 0.8, "discrimination narrativeqa": 2.0, "model_noise narrativeqa": 0.8,
         "weight entity_density": 0.12, "weight causal_question": 0.2}


# What keeps the parameters plausible where the tables alone would not: queries differ in difficulty for all models alike;
# TruthfulQA's scores against whole sentences are seldom near 0 or 1, NarrativeQA's against a few words often are; and
# features only ever make a query harder.
BOUNDS = {"boolq": (1.5, 3.0), "hellaswag": (1.5, 3.0), "truthfulqa": (0.3, 0.8), "narrativeqa": (0.8, 3.0)}
NOISE_BOUNDS, WEIGHT_BOUNDS = (0.5, 1.5), (0.1, 0.5)


def allowed(key, value):
    what, where = key.split()
    low, high = {"model_noise": NOISE_BOUNDS, "weight": WEIGHT_BOUNDS}.get(what) or BOUNDS[where]
    return low <= value <= high


def unpack(x):
    shapes = {d: {} for d in DATASETS}
    weights = {}
    for key, value in x.items():
        what, where = key.split()
        if what == "weight":
            weights[where] = round(value, 3)
        else:
            shapes[where][what] = round(value, 3)
    return shapes, weights


def fit(seeds, rounds):
    queries, want = read_features(), published()
    moment, draws = moments(queries), all_draws(queries, seeds)

    def evaluate(x):
        shapes, weights = unpack(x)
        difficulties = difficulty(queries, weights, moment)
        abilities = fit_abilities(want, shapes, difficulties)
        return miss(expected(queries, shapes, abilities, difficulties, draws), want)

    # Compass search: one parameter at a time, steps that shrink. Few parameters and common draws make it enough.
    x, steps = dict(START), {k: 0.1 if k.startswith("weight") else 0.4 * v for k, v in START.items()}
    best = evaluate(x)
    for round_ in range(rounds):
        for key in x:
            for sign in (1, -1):
                trial = dict(x)
                trial[key] += sign * steps[key]
                if not allowed(key, trial[key]):
                    continue
                value = evaluate(trial)
                if value < best:
                    best, x, steps[key] = value, trial, steps[key] * 1.5 * sign
                    break
            else:
                steps[key] /= 2
        print(f"round {round_}: {best:.2f} " + " ".join(f"{k}={v:.3f}" for k, v in x.items()), file=sys.stderr, flush=True)
    shapes, weights = unpack(x)
    difficulties = difficulty(queries, weights, moment)
    return shapes, weights, fit_abilities(want, shapes, difficulties), moment


def write_parameters(shapes, weights, abilities, moment):
    print("# Simulated quality: an item-response model calibrated to the published table. Written by tools/fit_quality.py;")
    print("# formula, units and how well it fits: docs/simulated-quality.md.")
    print('# `tiny` is in no published table: its ability is set 1 below that of the 1B model.')
    print("models = [" + ", ".join(f'"{m}"' for m in MODELS) + ', "tiny"]')
    print("\n[weights]  # difficulty per standard deviation of the feature within its dataset")
    for f in WEIGHTED:
        print(f"{f} = {weights[f]:.3f}")
    for d in DATASETS:
        print(f'\n[[dataset]]\nid = "{d}"\ntask = "{"classification" if d in FLOOR else "generation"}"')
        print(f"discrimination = {shapes[d]['discrimination']:.3f}")
        print(f"floor = {FLOOR[d]}" if d in FLOOR else f"model_noise = {shapes[d]['model_noise']:.3f}")
        for f in WEIGHTED:
            print(f"{f} = [{moment[d, f][0]:.4f}, {moment[d, f][1]:.4f}]  # mean, standard deviation")
        values = abilities[d] + [abilities[d][0] - 1]
        print("ability = [" + ", ".join(f"{t:.3f}" for t in values) + "]")


def read_parameters():
    file = tomllib.load(open(PARAMETERS, "rb"))
    by_id = {d["id"]: d for d in file["dataset"]}
    moment = {(d, f): by_id[d][f] for d in DATASETS for f in WEIGHTED}
    return by_id, file["weights"], {d: by_id[d]["ability"][:5] for d in DATASETS}, moment


def check(seeds):
    queries, want = read_features(), published()
    shapes, weights, abilities, moment = read_parameters()
    difficulties = difficulty(queries, weights, moment)
    draws = all_draws(queries, seeds)
    got = expected(queries, shapes, abilities, difficulties, draws)
    header = "1B | 3B | 8B | 14B | 32B |\n|---|" + "---:|" * 5

    def pairs(have, goal, digits=3):
        return " | ".join(f"{h:.{digits}f} / {g:.{digits}f}" for h, g in zip(have, goal))

    print(f"Means over {seeds} seeds, expected / published.\n\n| Table VII | {header}")
    for d in DATASETS:
        print(f"| {d} | {pairs(got['VII'][d], want['VII'][d])} |")
    print(f"\n| Table X | {header}")
    for i, name in enumerate(("easy", "hard")):
        print(f"| {name} | {pairs([x[i] for x in got['X']], [x[i] for x in want['X']])} |")
    print("\n| Table IX | share % | entity density | causal | entropy, bits |\n|---|---:|---:|---:|---:|")
    for p in PATTERNS:
        cells = [f"{h:.{n}f} / " + ("–" if g is None else f"{g:.{n}f}")
                 for h, g, n in zip([100 * got["IX"][p][0], *got["IX"][p][1:]],
                                    [100 * want["IX"][p][0], *want["IX"][p][1:]], (1, 2, 2, 2))]
        print(f"| {p} | " + " | ".join(cells) + " |")
    print("\n| Patterns, expected % | " + " | ".join(PATTERNS) + " |\n|---|" + "---:|" * 4)
    for d in DATASETS:
        print(f"| {d} | " + " | ".join(f"{100 * s:.1f}" for s in got["by dataset"][d]) + " |")
    cells, shares = got["deviation"][:-4], got["deviation"][-4:]
    print(f"\nStandard deviation of one seed's value: Table VII {min(cells):.3f} to {max(cells):.3f}, "
          f"shares {100 * min(shares):.1f} to {100 * max(shares):.1f} points.")
    print(f"\n| Table VIII | {header}")
    rows = [r for d in DATASETS for r in queries[d]]
    sums = {f: [0.0] * 5 for f in ("entity_density", "causal_question", "token_entropy_bits", "words")}
    few = min(seeds, 50)
    for seed in range(few):
        quality = [q for d in DATASETS for q in qualities(d, shapes[d], abilities[d], difficulties[d], draws[d][seed])]
        for f, total in sums.items():
            for m in range(5):
                total[m] += correlation([r[f] for r in rows], [q[m] for q in quality]) / few
    names = {"entity_density": "entity_density", "causal_question": "causal_question", "token_entropy_bits": "token_entropy"}
    for f, name in names.items():
        print(f"| {name} | {pairs(sums[f], want['VIII'][name], 2)} |")
    print("| words | " + " | ".join(f"{s:.2f} / –" for s in sums["words"]) + " |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["features", "fit", "check"])
    parser.add_argument("data", nargs="?", type=pathlib.Path, help="folder of the datasets, for `features`")
    parser.add_argument("--seeds", type=int, help="seeds to average over (fit 40, check 300)")
    parser.add_argument("--rounds", type=int, default=16, help="rounds of the search")
    args = parser.parse_args()
    if args.what == "features":
        if args.data is None:
            parser.error("features needs the folder of the datasets")
        write_features(args.data)
    elif args.what == "fit":
        write_parameters(*fit(args.seeds or 40, args.rounds))
    else:
        check(args.seeds or 300)


if __name__ == "__main__":
    main()
