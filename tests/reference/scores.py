"""Makes scores.txt: scores of regressions and of several labels an example by scikit-learn, on drawn targets and outputs.

    python3 tests/reference/scores.py > tests/reference/scores.txt      (scikit-learn 1.3 or later)

Targets and outputs are a closed formula (models.py; test_scores.c has the same one), so that only scores are stored:
    numbers CASE ROWS N SHIFT RMSE MAE R2          targets in SHIFT + [0, 1), rounded to float
    labels CASE ROWS N MICRO_F1 MACRO_F1 MAP       outputs of few levels, so that many tie; rare labels, some absent
Macro F1 and the mean average precision leave out labels that do not occur (zero_division=nan).
"""
import warnings

import numpy as np
from sklearn.metrics import average_precision_score, f1_score, mean_absolute_error, mean_squared_error, r2_score

from models import bits

TARGET, OUTPUT = 8000, 8100


def unit(stream, rows, n):
    return (bits(stream, rows * n).astype(np.float32) * np.float32(2.0**-24)).reshape(rows, n)


def numbers(case):
    rows, n, shift = 2 + 7 * case, 1 + case % 4, (0, 1000, -100000)[case % 3]
    y = (unit(TARGET + case, rows, n) + np.float32(shift)).astype(np.float32)
    o = (y + unit(OUTPUT + case, rows, n) - np.float32(0.5)).astype(np.float32)
    y, o = y.astype(np.float64), o.astype(np.float64)
    print("numbers", case, rows, n, shift, f"{np.sqrt(mean_squared_error(y, o)):.12g} {mean_absolute_error(y, o):.12g}",
          f"{r2_score(y, o):.12g}")


def labels(case):
    rows, n, levels = 3 + 11 * case, 1 + case % 6, (4, 16, 1 << 20)[case % 3]
    drawn = bits(TARGET + case, rows * n).reshape(rows, n)
    y = (drawn % np.arange(2, n + 2, dtype=np.uint64) == 0) & ((case % 5 != 4) | (np.arange(n) % 3 != 2))
    o = (bits(OUTPUT + case, rows * n) % np.uint64(levels)).astype(np.int64).reshape(rows, n) - levels // 2
    o = (o + np.where(y, levels // 4, 0)).astype(np.float32)
    guess, there = o > 0, y.any(0)
    precision = np.mean([average_precision_score(y[:, j], o[:, j]) for j in range(n) if there[j]]) if there.any() else 0.0
    macro = f1_score(y, guess, average="macro", zero_division=np.nan) if n > 1 else f1_score(y[:, 0], guess[:, 0])
    micro = f1_score(y.ravel(), guess.ravel())
    print("labels", case, rows, n, f"{micro:.12g} {macro:.12g} {precision:.12g}")


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    for k in range(24):
        numbers(k)
    for k in range(30):
        labels(k)
