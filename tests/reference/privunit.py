"""The cap of PrivUnit by mpmath: python privunit.py > privunit.txt (50 digits; the incomplete beta function as a
hypergeometric series, the best cap as the largest mean, without the rule that the program goes by).
Lines: share DIMENSIONS COSINE log_share | best DIMENSIONS EPSILON cap log_share mean"""
from mpmath import mp, mpf, log, exp, beta, hyp2f1
mp.dps = 50


def share(d, g):
    """Of the sphere, above the cosine g: 1/2 - the integral of the density from 0 to g."""
    a = (mpf(d) - 1) / 2
    x = 1 - g * g
    if g * g * d > 1:  # the upper tail itself
        return x**a / (2 * a * beta(a, mpf(1) / 2)) * g * hyp2f1(1, a + mpf(1) / 2, a + 1, x)
    return mpf(1) / 2 - g * x**a * hyp2f1(1, a + mpf(1) / 2, mpf(3) / 2, g * g) / beta(a, mpf(1) / 2)


def mean(d, epsilon, g):
    a = (mpf(d) - 1) / 2
    r, q = exp(mpf(epsilon)), share(d, g)
    p = r * q / (1 + (r - 1) * q)
    return (1 - g * g)**a / (2 * a * beta(a, mpf(1) / 2)) * (p / q - (1 - p) / (1 - q))


def best(d, epsilon):
    """Golden section of the mean, coarse to fine."""
    lo, hi, gold = mpf(0), min(mpf(1) - mpf(10)**-6, 9 / mpf(d)**0.5), (mpf(5)**0.5 - 1) / 2
    for _ in range(100):
        x, y = hi - gold * (hi - lo), lo + gold * (hi - lo)
        if mean(d, epsilon, x) > mean(d, epsilon, y):
            hi = y
        else:
            lo = x
    return (lo + hi) / 2


for d in (4, 5, 10, 100, 1000, 10**5, 10**7):
    for t in ("0.01", "0.5", "1", "1.3", "2", "4", "8"):
        g = mpf(t) / mpf(d)**0.5
        if g < 1:
            g = mpf(float(g))
            print("share", d, repr(float(g)), mp.nstr(log(share(d, g)), 17))
for d in (4, 10, 100, 1000, 10**5, 10**7):
    for epsilon in ("0.1", "1", "4", "10"):
        g = best(d, epsilon)
        print("best", d, epsilon, mp.nstr(g, 12), mp.nstr(log(share(d, g)), 12), mp.nstr(mean(d, epsilon, g), 14))
