#!/usr/bin/python3
"""Writes tests/analysis/data/logistic_references.json: what scikit-learn says of small data sets, for the tests of
folds, logistic regression and AUC. Needs Debian's python3-sklearn; the tests do not.

  tools/make_logistic_references.py > tests/analysis/data/logistic_references.json
"""
import json
import sys
import warnings

import numpy as np
import sklearn
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

SHUFFLE_SEED = 42


def pipeline():
    return make_pipeline(StandardScaler(), LogisticRegression(C=1.0, solver="newton-cholesky", tol=1e-10, max_iter=1000))


def delong_error(scores, labels):
    """By the definition over all pairs, not by ranks: structural components V10 and V01 and their sample variances."""
    ones, zeros = scores[labels == 1], scores[labels == 0]
    wins = (ones[:, None] > zeros[None, :]) + 0.5 * (ones[:, None] == zeros[None, :])
    return float(np.sqrt(wins.mean(axis=1).var(ddof=1) / len(ones) + wins.mean(axis=0).var(ddof=1) / len(zeros)))


def folds_of(y, splitter):
    folds = np.zeros(len(y), dtype=int)
    for fold, (_, test) in enumerate(splitter.split(np.zeros(len(y)), y)):
        folds[test] = fold
    return folds


def case(name, x, y):
    x, y = np.round(x, 4), np.asarray(y, dtype=int)
    model = pipeline().fit(x, y)
    scaler, logistic = model[0], model[1]
    # The solver stops by its line search; whether it has arrived is asked of the gradient.
    z, w = scaler.transform(x), logistic.coef_[0]
    residual = 1 / (1 + np.exp(-(z @ w + logistic.intercept_[0]))) - y
    assert max(abs(w + z.T @ residual).max(), abs(residual.sum())) < 1e-8, name
    out = {"name": name, "features": x.T.tolist(), "labels": y.tolist(),
           "intercept": logistic.intercept_[0], "weights": logistic.coef_[0].tolist(),
           "means": scaler.mean_.tolist(), "scales": scaler.scale_.tolist(), "cv": []}
    for seed in (None, SHUFFLE_SEED):
        splitter = StratifiedKFold(5) if seed is None else StratifiedKFold(5, shuffle=True, random_state=seed)
        out["cv"].append({"seed": seed, "folds": folds_of(y, splitter).tolist(),
                          "accuracy": cross_val_score(pipeline(), x, y, cv=splitter, scoring="accuracy").tolist()})
    out["auc"] = [{"value": roc_auc_score(y, column), "error": delong_error(column, y)}
                  for column in x.T if column.min() < column.max()]
    return out


def cases():
    rng = np.random.RandomState(20250108)

    def labels(logit):
        return (rng.uniform(size=len(logit)) < 1 / (1 + np.exp(-logit))).astype(int)

    x = rng.normal(size=(80, 3)) * [1, 20, 0.05] + [0, 300, 0.2]
    yield case("three features of different scale", x, labels(x[:, 0] + (x[:, 1] - 300) / 20))
    x = np.column_stack([rng.randint(0, 4, 61), rng.randint(0, 2, 61), np.full(61, 7.0)])
    yield case("ties, a binary feature and a constant one", x, labels(0.8 * x[:, 0] - 1))
    x = rng.normal(size=(70, 2))
    yield case("seven of one class", x, np.arange(70) % 10 == 3)
    x = np.linspace(-1, 1, 40)[:, None] + rng.normal(size=(40, 1)) * 0.01
    yield case("separable, sorted by class", x, x[:, 0] > 0)
    base = rng.normal(size=90)
    x = np.column_stack([base, base + rng.normal(size=90) * 1e-3, rng.normal(size=90), base * 2])
    yield case("nearly collinear", x, labels(base))
    group = np.repeat([0, 1, 2, 3], 25)
    x = np.column_stack([group * 100 + rng.normal(size=100) * 20, rng.uniform(size=100)])
    yield case("four groups one after the other", x, labels(1.5 - group))


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    json.dump({"sklearn": sklearn.__version__, "numpy": np.__version__, "cases": list(cases())}, sys.stdout, indent=None,
              separators=(",", ":"))
    print()
