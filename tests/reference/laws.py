#!/usr/bin/env python3
"""tests/reference/laws.py > laws.txt - quantiles of the speed laws as SciPy has them, and transition probabilities of two-state chains
as the exponential of their generators.

law NAME OPTION p quantile ..          at p = 0.01 .. 0.99, of the factor with median 1
chain ON_S OFF_S SECONDS on_on off_on  P(there after SECONDS | there), P(there after SECONDS | away)
"""
import numpy as np
from scipy import linalg, stats

P = [0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99]
for sigma in (0.0, 0.25, 0.5, 1.0, 2.0):
    law = stats.lognorm(s=sigma) if sigma else None
    print("law lognormal", sigma, *(f"{p:g} {law.ppf(p) if law else 1.0:.17g}" for p in P))
for alpha in (0.5, 1.0, 2.0, 5.0):
    law = stats.pareto(b=alpha, scale=2.0 ** (-1.0 / alpha))
    print("law pareto", alpha, *(f"{p:g} {law.ppf(p):.17g}" for p in P))
for on, off in ((60.0, 60.0), (3600.0, 600.0), (10.0, 5000.0), (1e-3, 2e-3)):
    generator = np.array([[-1.0 / off, 1.0 / off], [1.0 / on, -1.0 / on]])  # states away, there
    for part in (0.01, 0.1, 0.5, 1.0, 3.0):
        seconds = part * min(on, off)
        after = linalg.expm(generator * seconds)
        print(f"chain {on:g} {off:g} {seconds:g} {after[1, 1]:.17g} {after[0, 1]:.17g}")
