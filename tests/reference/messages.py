"""Messages under local privacy: python messages.py > messages.txt, with dp_accounting 0.6 and SciPy.
compose EPSILON N DELTA result: N epsilon-private messages of one device, by dp_accounting's privacy loss distributions
(on a grid that has epsilon on it). shuffle EPSILON N DELTA result: by the definition (Feldman et al. 2020, Theorem 3.2), all
outcomes of both laws summed up, without monotonicity and without tails of binomials.
authors EPSILON N DELTA lower upper closed: what the authors' program (github.com/apple/ml-shuffling-amplification) says
with 20 iterations and step 10; it stands beside this file as `computeamplification.py` when it is asked."""
from math import exp
import numpy as np
from scipy.stats import binom
from dp_accounting.pld import common, privacy_loss_distribution


def composed(epsilon, n, delta):
    one = privacy_loss_distribution.from_privacy_parameters(
        common.DifferentialPrivacyParameters(epsilon, 0), value_discretization_interval=epsilon / 1024)
    return one.self_compose(n).get_epsilon_for_delta(delta)


def shuffled_delta(epsilon, n, target):
    p, total = exp(epsilon) / (1 + exp(epsilon)), 0.0
    for c in range(n):
        weight = binom.pmf(c, n - 1, exp(-epsilon))
        if weight < 1e-30:
            continue
        k = np.arange(0, c + 2)
        same, less = binom.pmf(k, c, 0.5), binom.pmf(k - 1, c, 0.5)
        p_k, q_k = p * less + (1 - p) * same, (1 - p) * less + p * same
        total += weight * np.maximum(0, p_k - exp(target) * q_k).sum()
    return total


def shuffled(epsilon, n, delta):
    lo, hi = 0.0, epsilon
    for _ in range(40):
        middle = (lo + hi) / 2
        lo, hi = (lo, middle) if shuffled_delta(epsilon, n, middle) <= delta else (middle, hi)
    return hi


try:
    from computeamplification import closedformanalysis, numericalanalysis
    for epsilon, n, delta in ((4, 10**5, 1e-6), (1, 10**4, 1e-6), (1, 10**6, 1e-6), (0.5, 10**4, 1e-8)):
        print("authors", epsilon, n, delta, *(repr(numericalanalysis(n, epsilon, delta, 20, 10, up)) for up in (False, True)),
              repr(closedformanalysis(n, epsilon, delta)))
except ImportError:
    pass
for epsilon, n, delta in ((0.1, 10, 1e-5), (0.1, 1000, 1e-5), (0.5, 20, 1e-6), (0.5, 100, 1e-9), (1, 5, 1e-3),
                          (1, 50, 1e-6), (2, 1, 1e-3), (2, 8, 1e-4), (4, 3, 1e-2), (0.02, 3000, 1e-7)):
    print("compose", epsilon, n, delta, repr(composed(epsilon, n, delta)))
for epsilon, n, delta in ((0.5, 100, 1e-6), (0.5, 1000, 1e-5), (1, 30, 1e-4), (1, 1000, 1e-6), (2, 300, 1e-5),
                          (2, 1000, 1e-8), (4, 1000, 1e-4), (3, 2, 1e-2), (0.3, 2, 1e-3), (1, 2500, 1e-6)):
    print("shuffle", epsilon, n, delta, repr(shuffled(epsilon, n, delta)))
