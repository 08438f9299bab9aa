"""tests/reference/accountants.py - epsilon of composed, sampled noise by a program that shares nothing with cohort's.

    python accountants.py make > accountants.txt     60 settings, the file that tests/privacy/test_truth.c reads
    python accountants.py random N SEED              N more settings, on stdout (tests/campaign/accountants_random.sh)

Each pair of outputs that bounds the guarantee has a loss on Gauss-Legendre nodes of its density (discrete noise: on all integers). One event:
the curve's closed form, by mpmath. More: delta(eps) = 1/(2 pi i) int e^(K(s) - s eps) / (s (s + 1)) ds at a fixed real part: by the
midpoint rule where the integrand dies out by itself, else by the trapezoidal rule with a Gaussian release of mu = epsilon / 600 or less put
in so that it ends, which raises epsilon by less than 3e-4.
Every answer is computed twice, at two real parts; where they differ by more than 5e-4 the setting is left out.
Line: noise sampling noise_multiplier rate rounds delta epsilon. Needs numpy, scipy and mpmath."""
import math
import random
import sys

import mpmath
import numpy as np
from scipy.special import roots_legendre

NODES, WEIGHTS = roots_legendre(16)
T_GRID = np.exp(np.linspace(-12, 12, 241))


def panels(lo, hi, n):
    edge = np.linspace(lo, hi, n + 1)
    half = (edge[1:] - edge[:-1]) / 2
    return ((edge[1:] + edge[:-1])[:, None] / 2 + half[:, None] * NODES).ravel(), (half[:, None] * WEIGHTS).ravel()


def unsampled(noise, z):
    """Loss x = log P/Q of outputs and log of their masses under P and Q."""
    if noise == "gaussian":
        u, w = panels(-13.0, 13.0 + 1 / z, 200)
        log_q, x = -u * u / 2 - 0.5 * math.log(2 * math.pi) + np.log(w), (2 * u * z - 1) / (2 * z * z)
    elif noise == "laplace":
        u, w = panels(0, 1, 200)
        x = np.concatenate([(2 * u - 1) / z, [-1 / z, 1 / z]])
        log_q = np.concatenate([-u / z - math.log(2 * z) + np.log(w), [math.log(0.5), math.log(0.5) - 1 / z]])
    else:
        m = np.arange(-int(14 * z) - 3, int(14 * z) + 5)
        log_q = -m * m / (2 * z * z)
        log_q, x = log_q - np.log(np.exp(log_q).sum()), (2 * m - 1) / (2 * z * z)
    return x, log_q + x, log_q


def sampled_loss(q, x):
    high = np.maximum(x, 30.0)
    return np.where(x > 30, high + math.log(q) + np.log1p((1 - q) / q * np.exp(-high)), np.log1p(q * np.expm1(np.minimum(x, 30))))


def pairs(noise, z, q, sampling):
    x, p, l = unsampled(noise, z)
    if q == 1:
        return [(x, p)]
    loss, mixed = sampled_loss(q, x), np.logaddexp(math.log(q) + p, math.log1p(-q) + l)
    if sampling == "poisson":
        return [(loss, mixed), (-loss, l)]
    up = x > 0
    rest = math.log(max(1e-300, 1 - np.exp(mixed[up]).sum() - np.exp(l[up]).sum()))
    return [(np.concatenate([loss[up], -loss[up], [0.0]]), np.concatenate([mixed[up], l[up], [rest]]))]


def one_event(noise, z, q, sampling, delta):
    """Closed forms: above loss 0 a sampled pair is the unsampled one with another epsilon."""
    mp = mpmath
    mp.mp.dps = 60

    def plain(e):
        z_ = mp.mpf(z)
        if noise == "gaussian":
            return mp.ncdf(1 / (2 * z_) - e * z_) - mp.exp(e) * mp.ncdf(-1 / (2 * z_) - e * z_)
        if noise == "laplace":
            return max(mp.mpf(0), 1 - mp.exp((e - 1 / z_) / 2)) if e >= -1 / z_ else 1 - mp.exp(e)
        masses = [(m, mp.exp(-mp.mpf(m * m) / (2 * z_ * z_))) for m in range(-int(14 * z) - 3, int(14 * z) + 5)]
        whole = sum(w for _, w in masses)
        return sum(max(mp.mpf(0), mp.exp((2 * m - 1) / (2 * z_ * z_)) - mp.exp(e)) * w for m, w in masses) / whole

    def at(e):
        q_, e = mp.mpf(q), mp.mpf(e)
        if q == 1:
            return plain(e)
        value = q_ * plain(mp.log1p(mp.expm1(e) / q_))
        if sampling == "poisson":
            c = 1 - mp.exp(e) * (1 - q_)
            if c > 0:
                value = max(value, c * plain(mp.log(mp.exp(e) * q_ / c)))
        return value

    if at(0) <= delta:
        return 0.0
    hi = mp.mpf(1)
    while at(hi) > delta:
        hi *= 2
    while at(hi / 2) <= delta:
        hi /= 2
    lo = hi / 2
    for _ in range(40 if noise != "discrete_gaussian" or z < 5 else 20):
        middle = (lo + hi) / 2
        lo, hi = (middle, hi) if at(middle) > delta else (lo, middle)
    return float(hi)


def log_sum(a):
    most = a.max()
    return most + math.log(np.exp(a - most).sum())


class Rule:
    def __init__(self, loss, log_mass, n, epsilon, delta, part, h_wanted):
        k = lambda t: n * math.log1p(np.dot(np.exp(log_mass), np.expm1(np.minimum(700, t * loss)))) if (t * loss).max() < 600 else n * log_sum(log_mass + t * loss)
        gain = lambda t: -t * math.log1p(1 / t) - math.log1p(t)
        scale = 1 / math.sqrt(n * np.dot(np.exp(log_mass), loss * loss))
        ts = np.unique(np.concatenate([scale * T_GRID, T_GRID]))
        ks = np.array([k(t) for t in ts])
        gains = np.array([gain(t) for t in ts])
        self.bound = max(0.0, ((ks - math.log(delta) + gains) / ts).min())
        epsilon = self.bound if epsilon is None else epsilon
        if self.bound == 0.0: return
        tail = lambda x, t: (ks + gains - ts * x)[ts > t].min(initial=math.inf)
        at_zero = min(0.0, (ks + gains).min())
        best = None
        for rounding, i in [(-9, i) for i in range(0, len(ts), 2)] + [(-5, i) for i in range(0, len(ts), 2)]:
            if rounding == -5 and best: break
            t = ts[i]
            raised = ks[i] - t * epsilon - math.log(delta) - math.log1p(t)
            if raised + math.log(n * 2e-15 + 1e-13) > rounding: continue
            w = 1.0 / t
            for _ in range(200):
                left = math.log(min(1.0, math.exp(at_zero) - math.expm1(-w))) - t * w
                if max(left, tail(epsilon + w, t) + t * w) <= math.log(delta) - 15: break
                w *= 1.15
            else: continue
            h = min(h_wanted(epsilon, t), 0.05 * w)
            if best is None or w / h < best[0]: best = (w / h, t, w, h)
        if best is None: raise ArithmeticError("no window")
        _, t, w, h = best
        t *= part
        w /= part
        size = int(min(60000, math.ceil(7.0 * w / h / (2 * math.pi)) + 2))
        self.h = h = 7.0 * w / (2 * math.pi * (size - 2))
        kt = k(t)
        weight, step = np.exp(log_mass + t * loss - kt / n), 2 * math.pi / w
        phi = np.empty(size, complex)
        turn, at = np.exp(1j * step * loss), None
        for j in range(size):
            at = weight * np.exp(1j * (step * j) * loss) if j % 64 == 0 else at * turn
            phi[j] = at.sum()
            if j > 2000 and j > 20 * small: phi[j:] = 0; break
            if j == 0 or n * math.log(abs(phi[j]) + 1e-300) > -40: small = j + 20
        s = t + 1j * step * np.arange(size)
        with np.errstate(divide="ignore"):
            self.g = np.exp(n * np.log(phi) + h * h * s * (s + 1) / 2) / (s * (s + 1))
        self.g[0] /= 2
        self.s, self.scale, self.n, self.delta = s, (kt, step / math.pi), n, delta

    def at(self, e):
        return float((self.g * np.exp(-1j * self.s.imag * e)).real.sum() * self.scale[1] * math.exp(min(600, self.scale[0] - self.s[0].real * e)))

    def solve(self):
        if self.bound == 0.0 or self.at(0.0) <= self.delta: return 0.0
        lo, hi = 0.0, self.bound
        for e in self.bound * 0.97 ** np.arange(400): # from above, where the rule is good
            if self.at(e) > self.delta: lo = e; break
            hi = e
        for _ in range(45):
            middle = (lo + hi) / 2
            lo, hi = (middle, hi) if self.at(middle) > self.delta else (lo, middle)
        return hi


def central(loss, log_mass, n, delta, part, is_discrete):
    """The same integral without a release, where the integrand has died out 12 standard deviations from the real axis, as for many
    events that matter; None elsewhere. Discrete losses come back at every period, which moves epsilon by less than one loss."""
    ts = np.exp(np.linspace(-12, 12, 481)) / math.sqrt(n * np.dot(np.exp(log_mass), loss * loss))
    total = lambda t: n * (log_sum(log_mass + t * loss) if (t * loss).max() > 600 else math.log1p(np.dot(np.exp(log_mass), np.expm1(t * loss))))
    bounds = [(total(t) - math.log(delta) - t * math.log1p(1 / t) - math.log1p(t)) / t for t in ts]
    bound, t = min(zip(bounds, ts))
    if bound <= 0: return 0.0
    t *= part
    moment = total(t)
    weight = np.exp(log_mass + t * loss - moment / n)
    mean = np.dot(weight, loss)
    sd = math.sqrt(n * max(0.0, np.dot(weight, (loss - mean) ** 2)))
    if sd == 0.0: return None
    log_phi = lambda w: n * np.log1p(np.dot(weight, np.expm1(1j * w * (loss - mean)))) # of the centred loss
    if is_discrete:
        if bound < 3e3 * np.abs(loss).max(): return None
    elif max(log_phi(w).real for w in 12 / sd * np.exp(np.linspace(0, math.log(1e4), 200))) > -25: return None
    w = (np.arange(600) + 0.5) * 12 / sd / 600
    s, values = t + 1j * w, np.array([log_phi(x) for x in w])
    height = lambda e: moment - t * e + math.log(max(1e-300, (np.exp(values + 1j * w * (n * mean - e)) / (s * (s + 1))).real.sum() * 12 / sd / 600 / math.pi))
    if n * mean < 6 * sd and height(0.0) <= math.log(delta): return 0.0
    lo, hi = max(0.0, n * mean - 12 * sd, bound - 12 * sd), bound
    for _ in range(50):
        middle = (lo + hi) / 2
        lo, hi = (middle, hi) if height(middle) > math.log(delta) else (lo, middle)
    return hi


def by_release(loss, log_mass, n, delta):
    found, guess = [], None
    for part in (1.0, 1.0, 0.9):
        wanted = (lambda e, t: e / 100) if guess is None else (lambda e, t: min(e / 600, math.sqrt(2e-6 * e / t)))
        rule = Rule(loss, log_mass, n, guess, delta, part, wanted)
        epsilon = rule.solve()
        if epsilon == 0.0 and guess is None: return [0.0, 0.0]
        if guess is not None:
            if epsilon > 0 and rule.s[0].real * rule.h**2 / 2 > 2.5e-4 * epsilon: raise ArithmeticError("the release is too large")
            found.append(epsilon)
        guess = max(epsilon, 1e-12)
    return found


def truth(noise, sampling, z, q, n, delta):
    if n == 1: return one_event(noise, z, q, sampling, delta)
    if noise == "gaussian" and q == 1: return one_event(noise, z / math.sqrt(n), 1, sampling, delta)
    most = 0.0
    for loss, log_mass in pairs(noise, z, q, sampling):
        order = np.argsort(-loss)
        above = np.cumsum(np.exp(log_mass[order])) * n # so rare that it counts as lost: 1e-5 of delta
        kept = order[above > 1e-5 * delta]
        loss, log_mass = loss[kept], log_mass[kept]
        found = [central(loss, log_mass, n, delta, part, noise == "discrete_gaussian" or q == 1) for part in (1.0, 0.9)]
        if None in found: found = by_release(loss, log_mass, n, delta)
        if abs(found[0] - found[1]) > 5e-4 * max(found): raise ArithmeticError(f"{found}")
        most = max(most, found[1])
    return most


def settings(count, seed):
    draw = random.Random(seed)
    log_uniform = lambda a, b: math.exp(draw.uniform(math.log(a), math.log(b)))
    for _ in range(count):
        noise = draw.choice(["gaussian"] * 3 + ["laplace", "discrete_gaussian"])
        sampling = draw.choice(["poisson"] * 3 + ["fixed"] * 2 + ["none"])
        q = float(f"{log_uniform(1e-9, 1):.4g}") if sampling != "none" else 1.0
        n = max(1, int(log_uniform(0.7, 1e9)))
        yield noise, sampling, float(f"{log_uniform(0.05, 100):.4g}"), q, n, float(f"{log_uniform(1e-12, 0.1):.3g}")


NAMED = [("gaussian", "poisson", 0.2003, 2.943e-08, 1, 0.00039), ("gaussian", "fixed", 1.0, 1e-7, 100, 1e-6),
         ("gaussian", "poisson", 1.0, 1e-5, 500, 1e-7), ("gaussian", "poisson", 1.0, 1e-6, 500, 1e-8),
         ("gaussian", "poisson", 1.0, 1e-3, 10**9, 1e-6), ("gaussian", "poisson", 0.1, 0.01, 1000, 1e-5),
         ("laplace", "fixed", 0.1004, 5.721e-06, 792, 0.00396), ("gaussian", "poisson", 0.419, 1.174e-09, 1392, 1.64e-10),
         ("gaussian", "poisson", 0.4609, 1.961e-09, 203, 1.17e-10), ("gaussian", "poisson", 1.17, 3.101e-08, 5090, 6.25e-12),
         ("gaussian", "poisson", 0.08184, 4.022e-05, 875352800, 0.00372), ("gaussian", "poisson", 0.05149, 8.971e-05, 2409683, 3.68e-05),
         ("gaussian", "poisson", 0.06853, 0.969, 4207871, 6.37e-05)]


def main():
    if sys.argv[1] == "make":
        wanted, source = 60, NAMED + list(settings(400, 2024))
    else:
        wanted, source = 10**9, settings(int(sys.argv[2]), int(sys.argv[3]))
    for s in source:
        if wanted == 0: break
        try:
            e = truth(s[0], s[1], s[2], s[3], s[4], s[5])
        except (ArithmeticError, ValueError) as fault:
            print("left out:", *s, fault, file=sys.stderr)
            continue
        if sys.argv[1] == "make" and e < 1e-6 and s not in NAMED: continue # little to be seen
        print(*s, f"{e:.9g}", flush=True)
        wanted -= 1


main()
