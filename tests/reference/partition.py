#!/usr/bin/python3
"""Statistics of a made-up partition by NumPy and SciPy, as C constants for tests/partition/test_statistics.c.

    /usr/bin/python3 tests/reference/partition.py > tests/reference/partition.h

The partition is a formula that both sides know: of 600 examples, example i lies on device owner(i) of 40 (every
eighth is empty) and has label(i) of 7.
"""
from itertools import combinations

import numpy as np
from scipy.spatial.distance import jensenshannon
from scipy.stats import entropy

N, K, C = 600, 40, 7
i = np.arange(N)
h = (i * i * 31 + 17 * i + 5) % 1009
owner = (h % 37) * (h % 41) % K
owner -= owner % 8 == 7
label = (h // 7 + owner * owner) % 11 % C

counts = np.zeros((K, C))
np.add.at(counts, (owner, label), 1)
size = counts.sum(axis=1)
full = counts[size > 0] / size[size > 0, None]
everywhere = counts.sum(axis=0) / N

stats = {"size_min": size.min(), "size_max": size.max()}
for p in range(10, 100, 10):
    stats[f"size_p{p}"] = np.percentile(size, p, method="inverted_cdf")
stats["size_gini"] = np.abs(size[:, None] - size).mean() / (2 * size.mean())
stats["size_cv"] = size.std() / size.mean()
stats["n_empty"] = (size == 0).sum()
stats["size_top1"] = np.sort(size)[-1:].sum() / N
pairs = list(combinations(full, 2))
for name, values in {"js_global": [jensenshannon(p, everywhere) for p in full],
                     "js_pair": [jensenshannon(p, q) for p, q in pairs],
                     "emd_global": [np.abs(p - everywhere).sum() for p in full],
                     "emd_pair": [np.abs(p - q).sum() for p, q in pairs]}.items():
    stats[f"{name}_mean"] = np.mean(values)
    for p in (10, 50, 90):
        stats[f"{name}_p{p}"] = np.percentile(values, p, method="inverted_cdf")
stats["classes_effective_mean"] = np.mean([np.exp(entropy(p)) for p in full])
stats["n_pairs"] = len(full) * (len(full) - 1) // 2

print("/* tests/reference/partition.h - made by partition.py: name and value of each statistic. */")
print("#pragma once")
print("static const struct {\n    const char *name;\n    double value;\n} reference_stats[] = {")
for name in sorted(stats):
    print(f'    {{"{name}", {float(stats[name])!r}}},')
print("};")
