"""Makes algorithms.txt: five rounds of federated algorithms in NumPy, in double precision, independent of cohort.

    python3 tests/reference/algorithms.py > tests/reference/algorithms.txt

64 examples of 6 features and 3 classes on 6 devices, a network of 6-8-3 units with tanh, all from a closed formula (bits() of
models.py; algorithms.c has the same one). Full-batch steps; every device takes part in every round, but in the cases named
_part, in which the three devices of a round are those that seed 1 draws (PICKED). Cases named same_ run on data in which all examples of a
device equal its first one. Lines of a case:
    case NAME N
    SETTINGS: sections of an experiment, one line
    N parameters after five rounds, in PyTorch's order
"""
import numpy as np
from models import bits

FEATURES, HIDDEN, CLASSES, ROUNDS = 6, 8, 3, 5
SIZES = [5, 12, 20, 3, 9, 15]
USER = np.repeat(np.arange(len(SIZES)), SIZES)
SHAPES = [(HIDDEN, FEATURES), (HIDDEN,), (CLASSES, HIDDEN), (CLASSES,)]
LENGTHS = [int(np.prod(s)) for s in SHAPES]


def value(stream, n):
    return (bits(stream, n).astype(np.float32) * np.float32(2.0**-23) - np.float32(1.0)).astype(np.float64)


X = value(300, sum(SIZES) * FEATURES).reshape(-1, FEATURES) + 0.25 * (USER % 3)[:, None]
Y = ((bits(301, sum(SIZES)) % np.uint64(5) + USER.astype(np.uint64)) % np.uint64(CLASSES)).astype(int)
START = value(302, sum(LENGTHS)) * 0.5


def parts(w):
    cut = np.cumsum([0] + LENGTHS)
    return [w[a:b].reshape(s) for a, b, s in zip(cut[:-1], cut[1:], SHAPES)]


def loss_and_gradient(w, x, y):
    w1, b1, w2, b2 = parts(w)
    h = np.tanh(x @ w1.T + b1)
    out = h @ w2.T + b2
    out = out - out.max(axis=1, keepdims=True)
    p = np.exp(out) / np.exp(out).sum(axis=1, keepdims=True)
    loss = -np.log(p[np.arange(len(y)), y]).mean()
    d = p.copy()
    d[np.arange(len(y)), y] -= 1.0
    d /= len(y)
    dh = d @ w2 * (1.0 - h * h)
    return loss, np.concatenate([(dh.T @ x).ravel(), dh.sum(axis=0), (d.T @ h).ravel(), d.sum(axis=0)])


def gradient(w, k):
    return loss_and_gradient(w, X[USER == k], Y[USER == k])[1]


def local(w, k, steps, lr, pull=0.0):
    """The update of device k: steps of gradient descent on its loss plus pull / 2 |v - w|^2."""
    v = w.copy()
    for _ in range(steps):
        v -= lr * (gradient(v, k) + pull * (v - w))
    return v - w


def mean_updates(w, steps, lr, pull=0.0):
    u = [local(w, k, steps, lr, pull) for k in range(len(SIZES))]
    return sum(n * d for n, d in zip(SIZES, u)) / sum(SIZES)


def averaging(steps, lr, pull=0.0, server_lr=1.0):
    w = START.copy()
    for _ in range(ROUNDS):
        w += server_lr * mean_updates(w, steps, lr, pull)
    return w


def averaging_part(steps, lr, rounds):
    w = START.copy()
    for picked in rounds:
        w = w + mean_over(picked, {k: local(w, k, steps, lr) for k in picked})
    return w


def with_momentum(steps, lr, momentum):
    w, m = START.copy(), 0.0
    for _ in range(ROUNDS):
        m = momentum * m + mean_updates(w, steps, lr)
        w = w + m
    return w


def adaptive(steps, lr, kind, server_lr, beta1=0.9, beta2=0.99, tau=1e-3):
    w, m, v = START.copy(), 0.0, tau**2
    for _ in range(ROUNDS):
        d = mean_updates(w, steps, lr)
        m = beta1 * m + (1 - beta1) * d
        if kind == "adagrad":
            v = v + d**2
        elif kind == "yogi":
            v = v - (1 - beta2) * d**2 * np.sign(v - d**2)
        else:
            v = beta2 * v + (1 - beta2) * d**2
        w = w + server_lr * m / (np.sqrt(v) + tau)
    return w


def pairwise(u):
    return np.array([[((a - b) ** 2).sum() for b in u] for a in u])


def median(u, state):
    return np.median(u, axis=0)


def trimmed(k):
    return lambda u, state: np.sort(u, axis=0)[k:len(u) - k].mean(axis=0)


def krum(f, taken):
    def rule(u, state):
        d = np.sort(pairwise(u), axis=1)[:, 1:len(u) - f - 1]  # the first is the device itself
        return u[np.argsort(d.sum(axis=1), kind="stable")[:taken]].mean(axis=0)
    return rule


def geometric_median(u, state, iterations=8, nu=1e-6):
    n = np.array(SIZES, float)
    z = (n[:, None] * u).sum(axis=0) / n.sum()
    for _ in range(iterations):
        b = n / np.maximum(nu, np.linalg.norm(u - z, axis=1))
        z = (b[:, None] * u).sum(axis=0) / b.sum()
    return z


def centred_clip(tau, iterations):
    def rule(u, state):
        v = state.get("centre", 0.0)
        for _ in range(iterations):
            d = u - v
            v = v + (d * np.minimum(1.0, tau / np.linalg.norm(d, axis=1))[:, None]).mean(axis=0)
        state["centre"] = v
        return v
    return rule


def robust(rule, steps=3, lr=0.3):
    w, state = START.copy(), {}
    for _ in range(ROUNDS):
        w = w + rule(np.array([local(w, k, steps, lr) for k in range(len(SIZES))]), state)
    return w


ALL = list(range(len(SIZES)))
PICKED = [[0, 1, 2], [1, 3, 4], [1, 4, 5], [0, 1, 5], [1, 3, 5]]
EVERYBODY = [ALL] * ROUNDS
WEIGHT = np.array(SIZES, float)


def mean_over(picked, u):
    return sum(WEIGHT[k] * u[k] for k in picked) / sum(WEIGHT[k] for k in picked)


def scaffold(option, rounds=EVERYBODY, steps=3, lr=0.3, momentum=0.0):
    w, c, own = START.copy(), np.zeros_like(START), {k: np.zeros_like(START) for k in ALL}
    reach, m = 0.0, 0.0  # what a gradient of 1 at each step adds up to
    for _ in range(steps):
        m = momentum * m + 1.0
        reach += m
    for picked in rounds:
        u, gain = {}, np.zeros_like(START)
        for k in picked:
            v, m = w.copy(), 0.0
            for _ in range(steps):
                m = momentum * m + gradient(v, k) - own[k] + c
                v = v - lr * m
            new = gradient(w, k) if option == 1 else own[k] - c + (w - v) / (reach * lr)
            u[k] = v - w
            gain += WEIGHT[k] / WEIGHT.sum() * (new - own[k])
            own[k] = new
        w = w + mean_over(picked, u)
        c = c + gain
    return w


def feddyn(alpha, rounds=EVERYBODY, steps=3, lr=0.3):
    """Acar et al., Algorithm 1, with weights; h is their vector, of the server."""
    w, h, own = START.copy(), np.zeros_like(START), {k: np.zeros_like(START) for k in ALL}
    for picked in rounds:
        u = {}
        for k in picked:
            v = w.copy()
            for _ in range(steps):
                v = v - lr * (gradient(v, k) - own[k] + alpha * (v - w))
            u[k] = v - w
            own[k] = own[k] - alpha * u[k]
        h = h - alpha * sum(WEIGHT[k] * u[k] for k in picked) / WEIGHT.sum()
        w = w + mean_over(picked, u) - h / alpha
    return w


def fednova(rounds, epochs, batch, lr, momentum=0.0, pull=0.0):
    """Each device's examples are all like its first one: batches differ in nothing, devices in the number of their steps."""
    def gradient(v, k):
        first = slice(sum(SIZES[:k]), sum(SIZES[:k]) + 1)
        return loss_and_gradient(v, X[first], Y[first])[1]

    w = START.copy()
    for picked in rounds:
        d, t = {}, {}
        for k in picked:
            steps = epochs * -(-SIZES[k] // batch)
            v, m, x, mx = w.copy(), 0.0, 0.0, 0.0
            for _ in range(steps):
                m = momentum * m + gradient(v, k) + pull * (v - w)
                v = v - lr * m
                mx = momentum * mx + 1.0 + pull * x
                x = x - lr * mx
            t[k] = -x / lr
            d[k] = (v - w) / t[k]
        w = w + mean_over(picked, t) * mean_over(picked, d)
    return w


def qfedavg(q, rounds=EVERYBODY, steps=3, lr=0.3):
    """Li et al., Algorithm 2, with weights: Delta_k = F^q L (w - v), h_k = q F^(q-1) |L (w - v)|^2 + L F^q."""
    w, big = START.copy(), 1.0 / lr
    for picked in rounds:
        up, down = 0.0, 0.0
        for k in picked:
            f, u = loss_and_gradient(w, X[USER == k], Y[USER == k])[0], local(w, k, steps, lr)
            up = up + WEIGHT[k] * f**q * big * u
            down += WEIGHT[k] * (q * f ** (q - 1) * big**2 * (u @ u) + big * f**q)
        w = w + up / down
    return w


def own_momentum(beta, rounds=EVERYBODY, steps=2, lr=0.2):
    w, own = START.copy(), {k: 0.0 for k in ALL}
    for picked in rounds:
        for k in picked:
            own[k] = beta * own[k] + local(w, k, steps, lr)
        w = w + mean_over(picked, own)
    return w


def hierarchy(edge_of, cloud_every, rounds=EVERYBODY, steps=2, lr=0.2, server_lr=1.0, momentum=0.0):
    """HierFAVG, Liu et al. 2020, Algorithm 1: whole models, averaged at edges and every cloud_every rounds at the cloud, by the data
    that took part; with everybody in each round that is |D^l| / |D|."""
    v, m = START.copy(), 0.0
    x, data = {l: v.copy() for l in set(edge_of)}, {l: 0.0 for l in set(edge_of)}
    for t, picked in enumerate(rounds, 1):
        for l in x:
            own = [k for k in picked if edge_of[k] == l]
            if own:
                x[l] = mean_over(own, {k: x[l] + local(x[l], k, steps, lr) for k in own})
                data[l] += sum(WEIGHT[k] for k in own)
        if t % cloud_every == 0:
            mean = sum(data[l] * x[l] for l in x) / sum(data.values())
            m = momentum * m + mean - v
            v = v + server_lr * m
            x, data = {l: v.copy() for l in x}, {l: 0.0 for l in x}
    return v


def show(name, settings, w):
    print(f"case {name} {len(w)}")
    print(settings)
    print(" ".join(f"{x:.12g}" for x in w))


if __name__ == "__main__":
    show("fedavg", "local: {batch: 0, epochs: 4, lr: 0.3}", averaging(4, 0.3))
    show("fedavg_server_lr", "local: {batch: 0, epochs: 4, lr: 0.3}; server: {lr: 0.7}", averaging(4, 0.3, server_lr=0.7))
    show("fedprox", "local: {batch: 0, epochs: 4, lr: 0.3, mu: 0.8}; algorithm: fedprox", averaging(4, 0.3, pull=0.8))
    show("fedavgm", "local: {batch: 0, steps: 2, lr: 0.2}; algorithm: fedavgm", with_momentum(2, 0.2, 0.9))
    for kind in ("adagrad", "adam", "yogi"):
        show("fed" + kind, "local: {batch: 0, steps: 3, lr: 0.3}; algorithm: fed" + kind, adaptive(3, 0.3, kind, 0.01))
        show("fed" + kind + "_options", "local: {batch: 0, steps: 3, lr: 0.3}; algorithm: fed" + kind +
             "; server: {lr: 0.1, beta1: 0.5, eps: 0.1" + (", beta2: 0.8}" if kind != "adagrad" else "}"),
             adaptive(3, 0.3, kind, 0.1, 0.5, 0.8, 0.1))
    three = "local: {batch: 0, steps: 3, lr: 0.3}; algorithm: "
    part = "; devices: {per_round: 3}"
    show("scaffold", three + "scaffold", scaffold(2))
    show("scaffold_part", three + "scaffold" + part, scaffold(2, PICKED))
    show("scaffold_option_1_part", "local: {option: 1, batch: 0, steps: 3, lr: 0.3}; algorithm: scaffold" + part, scaffold(1, PICKED))
    show("scaffold_momentum", "local: {batch: 0, steps: 3, lr: 0.1, momentum: 0.5}; algorithm: scaffold",
         scaffold(2, lr=0.1, momentum=0.5))
    show("feddyn", "local: {alpha: 0.5, batch: 0, steps: 3, lr: 0.3}; algorithm: feddyn", feddyn(0.5))
    show("feddyn_part", "local: {alpha: 0.5, batch: 0, steps: 3, lr: 0.3}; algorithm: feddyn" + part, feddyn(0.5, PICKED))
    show("same_fednova", "local: {batch: 4, epochs: 2, lr: 0.1}; algorithm: fednova", fednova(EVERYBODY, 2, 4, 0.1))
    show("same_fednova_options_part", "local: {rule: prox, mu: 0.4, momentum: 0.5, batch: 5, epochs: 2, lr: 0.05}; algorithm: fednova" +
         part, fednova(PICKED, 2, 5, 0.05, momentum=0.5, pull=0.4))
    show("qfedavg", three + "qfedavg", qfedavg(1.0))
    show("qfedavg_part", three + "qfedavg; aggregate: {q: 2.5}" + part, qfedavg(2.5, PICKED))
    show("momentum_part", "local: {batch: 0, steps: 2, lr: 0.2}; transforms: [{name: momentum, beta: 0.8}]" + part,
         own_momentum(0.8, PICKED))
    train = "local: {batch: 0, steps: 3, lr: 0.3}; aggregate: "
    show("median", train + "{rule: median}", robust(median))
    show("trimmed_mean", train + "{rule: trimmed_mean, trim: 2}", robust(trimmed(2)))
    show("krum", train + "{rule: krum, f: 1}", robust(krum(1, 1)))
    show("multi_krum", train + "{rule: multi_krum, f: 1}", robust(krum(1, 5)))
    show("geometric_median", train + "{rule: geometric_median}", robust(geometric_median))
    show("centred_clip", train + "{rule: centred_clip, tau: 0.2, iterations: 2}", robust(centred_clip(0.2, 2)))
    two = "local: {batch: 0, steps: 2, lr: 0.2}; aggregate: "
    dealt = [k % 2 for k in ALL]
    show("hierarchy", two + "{groups: {servers: 2, cloud_every: 2}}", hierarchy(dealt, 2))
    show("hierarchy_long", two + "{groups: {servers: 2, cloud_every: 5}}", hierarchy(dealt, 5))
    show("hierarchy_three_part", two + "{groups: {servers: 3, cloud_every: 2}}" + part, hierarchy([k % 3 for k in ALL], 2, PICKED))
    show("hierarchy_users", two + "{groups: {by: user, cloud_every: 4}}", hierarchy(ALL, 4))
    show("hierarchy_every_part", two + "{groups: {servers: 4, cloud_every: 1}}" + part, averaging_part(2, 0.2, PICKED))
    show("hierarchy_momentum_part", two + "{groups: {servers: 2, cloud_every: 2}}; server: {lr: 0.7, momentum: 0.5}" + part,
         hierarchy(dealt, 2, PICKED, server_lr=0.7, momentum=0.5))
