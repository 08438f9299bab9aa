#!/usr/bin/env python3
"""tests/reference/oort.py - whom Oort asks: 200 devices, 200 steps, by brute force, into oort.txt.

Algorithm 1 of Lai et al. (OSDI 2021, arXiv:2010.06081) with whole sorts, on the keyed random numbers of core/random.h (Philox of
Salmon et al., SC 2011, written out here). Losses, sizes and times are formulas that tests/kinds/test_oort.c has too, as is who may be
asked. A line: step, then the devices."""
import math
import sys

N, M, STEPS, SEED, SELECT = 200, 10, 200, 3, 2
EXPLORE, DECAY, LEAST, CUTOFF, OUTLIERS, PENALTY = 0.9, 0.98, 0.2, 0.95, 0.95, 2.0
START, GROWS, WINDOW, BLACKLIST = 0.3, 0.05, 20, 40


def philox(counter, key, width, multiply, weyl):
    mask = (1 << width) - 1
    x, k = list(counter), list(key)
    for i in range(10):
        if i:
            k = [(k[0] + weyl[0]) & mask, (k[1] + weyl[1]) & mask]
        a, b = multiply[0] * x[0], multiply[1] * x[2]
        x = [(b >> width) ^ x[1] ^ k[0], b & mask, (a >> width) ^ x[3] ^ k[1], a & mask]
    return x


class Stream:
    def __init__(self, step, ordinal, which):
        name = philox((step, ordinal, which, 0), (SEED, SELECT), 64, (0xD2E7470EE14C6C93, 0xCA5A826395121157),
                      (0x9E3779B97F4A7C15, 0xBB67AE8584CAA73B))
        low = (1 << 32) - 1
        self.key = (name[0] & low, name[0] >> 32)
        self.high = (name[1] & low, name[1] >> 32)

    def word(self, i):
        block = philox((i // 4 & 0xFFFFFFFF, i // 4 >> 32, *self.high), self.key, 32, (0xD2511F53, 0xCD9E8D57), (0x9E3779B9, 0xBB67AE85))
        return block[i % 4]

    def uniform(self):
        return ((self.word(0) | self.word(1) << 32) >> 11) * 2.0**-53

    def chance(self, device, weight):
        return -math.log((self.word(device) + 0.5) * 2.0**-32) / weight if weight > 0 else math.inf


def size(k):
    return 1 + k * 31 % 57


def trip(k):
    return (1 + k * 17 % 101) * 10**9


def loss(k, step):
    return (k * 7919 + step * 104729) % 1000 / 1000 * 40 / (40 + step) + (k % 13 == 0)


def may(k, step):
    return (k + step) % 5 != 0


def reports(k, step):
    return (k * 3 + step) % 11 != 0


def score(k, step, utility, last, least, top, most):
    u = min(utility[k], top)
    worth = ((u - least) / (top - least) if top > least else 1.0) + math.sqrt(0.1 * math.log(step) / last[k])
    return worth * (most / trip(k)) ** PENALTY if trip(k) > most else worth


def choose(step, utility, last, count, grown):
    explored = sorted(utility.values())
    least = explored[0] if explored else 0
    top = explored[min(int(OUTLIERS * len(explored)), len(explored) - 1)] if explored else 0
    times = sorted(trip(k) for k in range(N))
    share = START + grown
    most = math.inf if share >= 1 else times[min(int(share * N), N - 1)]
    places = (1 - max(EXPLORE * DECAY ** (step - 1), LEAST)) * M
    m = min(int(places + Stream(step, 0, 1).uniform()), M)
    m = min(m, sum(count[k] < BLACKLIST for k in utility))
    new = Stream(step, 0, 3)
    fresh = [k for k in range(N) if k not in utility and may(k, step)]
    picked = sorted(fresh, key=lambda k: (new.chance(k, 1 / trip(k)), k))[:M - m]
    m = M - len(picked)
    scores = {k: score(k, step, utility, last, least, top, most) for k in utility if count[k] < BLACKLIST and may(k, step)}
    order = sorted(scores, key=lambda k: (-scores[k], k))
    if len(order) > m > 0:
        order = [k for i, k in enumerate(order) if i < m or scores[k] >= CUTOFF * scores[order[m - 1]]]
    worth = Stream(step, 0, 2)
    picked += sorted(order, key=lambda k: (worth.chance(k, scores[k]), k))[:m]
    return sorted(picked)


def main():
    utility, last, count, sums, grown = {}, {}, {}, {}, 0.0
    out = open(sys.argv[1] if len(sys.argv) > 1 else "oort.txt", "w", encoding="ascii")
    for step in range(1, STEPS + 1):
        picked = choose(step, utility, last, count, grown)
        assert len(picked) == M, "a draw of what is left is not written out here"
        sums[step] = 0.0
        for k in picked:
            utility[k] = size(k) * loss(k, step) if reports(k, step) else 0.0
            last[k] = step
            count[k] = count.get(k, 0) + 1
            sums[step] += utility[k]
        if step >= 2 * WINDOW and step % WINDOW == 0:
            newer = sum(sums[r] for r in range(step - WINDOW + 1, step + 1))
            older = sum(sums[r] for r in range(step - 2 * WINDOW + 1, step - WINDOW + 1))
            grown += GROWS if older > newer else 0.0
        print(step, *picked, file=out)
    print("explored", len(utility), "of", N, "; pacer grew by", grown, "; most participations", max(count.values()), file=sys.stderr)


main()
