#!/usr/bin/env python3
"""Writes inference_references.json: what the statistics of src/phasewatt/analysis must give, computed another way.

Student's t by numerical integration of its density and root finding (mpmath, 30 digits); the pooled scatter as an ordinary
least-squares fit of indicator columns; regression and medians by Python's statistics module; the bootstrap by
enumerating all n^n equally likely draws instead of drawing some.

  python3 make_inference_references.py > inference_references.json      (needs mpmath)
"""
import itertools
import json
import statistics

import mpmath as mp

mp.mp.dps = 30


def student_quantile(p, df):
    """t = √df·tan θ turns the density into cos^(df−1) θ, which is smooth: integrated numerically, not by a series."""
    p = mp.mpf(p)
    if p < 0.5:
        return -student_quantile(1 - p, df)
    scale = mp.gamma((df + 1) / mp.mpf(2)) / (mp.sqrt(mp.pi) * mp.gamma(df / mp.mpf(2)))
    low, high = mp.mpf(0), mp.pi / 2
    for _ in range(70):
        angle = (low + high) / 2
        if mp.mpf(1) / 2 + scale * mp.quad(lambda x: mp.cos(x) ** (df - 1), [0, angle]) < p:
            low = angle
        else:
            high = angle
    return mp.sqrt(df) * mp.tan(angle)


def pooled(series):
    """Residual variance and degrees of freedom of log value = series + repeat, by least squares."""
    n, repeats = len(series), len(series[0])
    rows, values = [], []
    for i, r in itertools.product(range(n), range(repeats)):
        rows.append([1 if c == i else 0 for c in range(n)] + [1 if c == r else 0 for c in range(1, repeats)])
        values.append(mp.log(series[i][r]))
    a, b = mp.matrix(rows), mp.matrix(values)
    fitted = mp.lu_solve(a, b)  # of more equations than unknowns: the least-squares solution
    rest = b - a * fitted
    df = n * repeats - (n + repeats - 1)
    return sum(x * x for x in rest) / df, df


def log_ratio(series, here, there):
    differences = [mp.log(x) - mp.log(y) for x, y in zip(series[here], series[there])]
    mean = sum(differences) / len(differences)
    own = sum((d - mean) ** 2 for d in differences) / (len(differences) - 1)
    variance, df = pooled(series)
    error = mp.sqrt(max(own, 2 * variance) / len(differences))
    t = student_quantile(mp.mpf("0.975"), df)
    return {"series": series, "here": here, "there": there, "mean": float(mean), "standard_error": float(error), "df": df,
            "low": float(mp.exp(mean - t * error)), "high": float(mp.exp(mean + t * error))}


def drift(order, values):
    centre = statistics.fmean(values)
    x = [(o - min(order)) / (max(order) - min(order)) for o in order]
    y = [v / centre for v in values]
    slope, intercept = statistics.linear_regression(x, y)
    rest = sum((b - intercept - slope * a) ** 2 for a, b in zip(x, y)) / (len(x) - 2)
    error = (rest / sum((a - statistics.fmean(x)) ** 2 for a in x)) ** 0.5
    half = float(student_quantile(mp.mpf("0.975"), len(x) - 2)) * error
    return {"order": order, "values": values, "change": slope, "low": slope - half, "high": slope + half,
            "largest_deviation": max((b - 1 for b in y), key=abs)}


def spread(values):
    draws = sorted(statistics.fmean(draw) for draw in itertools.product(values, repeat=len(values)))
    cuts = statistics.quantiles(draws, n=40, method="inclusive")  # at 2.5 %, 5 %, …
    middle = statistics.median(values)
    mad = statistics.median(abs(v - middle) for v in values)
    return {"values": values, "mean": statistics.fmean(values), "median": middle,
            "cv": statistics.stdev(values) / statistics.fmean(values), "mad": mad,
            "modified_z": [0.6745 * (v - middle) / mad for v in values], "bootstrap": [cuts[0], cuts[-1]]}


document = {
    "student": [{"p": p, "df": df, "t": float(student_quantile(mp.mpf(str(p)), df))}
                for p in (0.6, 0.95, 0.975, 0.9917, 0.9995, 0.025) for df in (1, 2, 3, 4, 5, 8, 12, 29, 120)],
    "log_ratio": [
        log_ratio([[10.1, 10.4, 9.9], [9.0, 9.3, 8.9], [12.0, 12.1, 11.9]], 0, 1),
        log_ratio([[10.1, 10.4, 9.9], [9.0, 9.3, 8.9], [12.0, 12.1, 11.9]], 2, 1),
        log_ratio([[5.0, 5.1, 5.2, 4.9, 5.05], [5.6, 4.7, 5.3, 5.0, 4.4], [5.0, 5.1, 5.2, 4.9, 5.04],
                   [6.0, 6.1, 6.2, 5.9, 6.07]], 1, 0),
    ],
    "drift": [drift([0, 1, 2, 3, 4, 5], [100, 100.4, 100.1, 100.9, 101.0, 101.4]),
              drift([0, 2, 3, 7], [50.0, 49.0, 48.9, 46.1])],
    "spread": [spread([10.0, 10.2, 9.9, 10.1, 12.0]), spread([3.0, 3.1, 2.95, 3.02, 3.3, 2.9])],
}
print(json.dumps(document, indent=1))
