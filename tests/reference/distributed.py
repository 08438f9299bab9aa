"""tests/reference/distributed.py - distributed discrete Gaussian and Skellam noise by the papers' formulas, apart from cohort's code.

    python distributed.py > distributed.txt     30 settings, the file that tests/privacy/test_distributed.c reads

Granularity by root finding (arXiv:2102.06387, section 4.2), norm after rounding (its Definition 4), Renyi divergence (its Proposition 14;
arXiv:2110.04995, Theorem 3.5), Poisson sampling (Zhu and Wang 2019, Theorem 5, in exact rationals of mpmath), conversion by dp_accounting.
Orders: integers and a fine grid between them where the bound holds there. Line: mechanism bits least most dim multiplier beta k rate rounds
delta, then step / clip, norm / clip, standard deviation of a share in steps, epsilon. Needs mpmath, scipy and dp_accounting."""
import functools
import math
import random

import mpmath
import numpy as np
from dp_accounting.rdp import rdp_privacy_accountant
from scipy.optimize import brentq

mpmath.mp.dps = 60


def granularity(bits, k, n, d, sigma):
    """Of clip 1: 2^b g = 2 k sqrt(n^2 / d + (g^2 / 4 + sigma^2) n)."""
    f = lambda log_g: 2.0**bits * math.exp(log_g) / (2 * k) - math.sqrt(n * n / d + (math.exp(2 * log_g) / 4 + sigma**2) * n)
    return math.exp(brentq(f, -40, 40, xtol=1e-15, rtol=1e-15))


def rounded(c, d, beta):
    certain = c + math.sqrt(d)
    if beta == 0:
        return certain
    likely = c * c + d / 4 + math.sqrt(2 * math.log(1 / beta)) * (c + math.sqrt(d) / 2)
    return min(certain, math.sqrt(likely))


@functools.lru_cache(maxsize=None)
def inflation(share, n):
    return 10 * sum(math.exp(-2 * math.pi**2 * share * j / (j + 1)) for j in range(1, n))


def divergence(mechanism, a, l2, d, variance, n):
    """Renyi divergence of order a, all in steps; variance of all shares together."""
    l1 = min(math.sqrt(d) * l2, l2 * l2)
    if mechanism == "skellam":
        return a * l2**2 / (2 * variance) + min(((2 * a - 1) * l2**2 + 6 * l1) / (4 * variance**2), 3 * l1 / (2 * variance))
    tau = inflation(variance / n, int(n))
    std = math.sqrt(variance)
    return min(a * l2**2 / (2 * variance) + tau * d, a / 2 * (l2**2 / variance + 2 * l1 / std * tau + tau**2 * d),
               a / 2 * (l2 / std + tau * math.sqrt(d))**2)


def sampled(base, a, q):
    q = mpmath.mpf(q)
    total = (1 - q)**(a - 1) * (a * q - q + 1) + mpmath.binomial(a, 2) * q**2 * (1 - q)**(a - 2) * mpmath.exp(base(2))
    for l in range(3, a + 1):
        total += 3 * mpmath.binomial(a, l) * (1 - q)**(a - l) * q**l * mpmath.exp((l - 1) * base(l))
    return min(float(mpmath.log(total) / (a - 1)), base(a))


def epsilon(mechanism, l2, d, variance, n, rate, rounds, delta):
    base = lambda a: divergence(mechanism, a, l2, d, variance, n)
    whole = list(range(2, 200)) + [int(x) for x in np.geomspace(200, 20000, 400)]
    if rate < 1:
        orders = list(range(2, 257))
        rdp = [rounds * sampled(base, a, rate) for a in orders]
    elif mechanism == "skellam":
        orders, rdp = whole, [rounds * base(a) for a in whole]
    else:
        orders = list(1 + np.geomspace(1e-3, 2e4, 8000))
        rdp = [rounds * base(a) for a in orders]
    return rdp_privacy_accountant.compute_epsilon(orders, rdp, delta)[0]


def line(mechanism, bits, least, most, dim, multiplier, beta, k, rate, rounds, delta):
    sigma = multiplier / math.sqrt(least)
    step = granularity(bits, k, most, dim, sigma)
    l2, share = rounded(1 / step, dim, beta), sigma / step
    if share < 0.5 or step < 2**-23 or share > 16384:
        return None
    eps = epsilon(mechanism, l2, dim, least * share**2, least, rate, rounds, delta)
    return None if eps > 200 or eps < 0.01 else (f"{mechanism} {bits} {least} {most} {dim} {multiplier!r} {beta!r} {k} {rate!r} {rounds} {delta!r} "
                                 f"{step:.12g} {l2 * step:.12g} {share:.12g} {eps:.12g}")


if __name__ == "__main__":
    draw, n = random.Random(7), 0
    while n < 30:
        least = round(10**draw.uniform(0.5, 3))
        found = line(("ddgauss", "skellam")[n % 2], draw.choice([8, 10, 12, 14, 16, 18, 20]), least, round(least * draw.uniform(1, 1.5)),
                     round(10**draw.uniform(2, 6.5)), round(10**draw.uniform(-0.5, 1.2), 3), draw.choice([0.0, 0.1, math.exp(-0.5)]),
                     draw.choice([3, 4, 6]), draw.choice([1.0, 1.0, 0.1, 0.01]), draw.choice([1, 10, 100, 1000]), draw.choice([1e-5, 1e-6, 1e-9]))
        if found:
            print(found, flush=True)
            n += 1
