"""tests/cli/compression.py - a run's rounds again, in NumPy and double precision: error feedback, EF21, and what the server sends.

    python compression.py make DATA.npz            rows of 12 users of unequal size
    python compression.py check DATA.npz METHOD FIRST.h5 RUN.h5 CHECKPOINT.h5

METHOD: classic, ef21 or downlink. FIRST: a checkpoint of the model before round 1. Softmax, one step over all of a device's examples at rate
0.5, the 4 largest of 21 coordinates (classic, ef21), bfloat16 down (downlink). Prints faults; exit code 1 when there are any.
"""
import sys
import h5py
import numpy as np

FEATURES, CLASSES, RATE, LARGEST = 6, 3, 0.5, 4


def make(path):
    rng = np.random.default_rng(5)
    sizes = rng.integers(5, 30, 12)
    user = np.repeat(np.arange(12), sizes).astype(np.int32)
    y = np.array([rng.choice(CLASSES, p=rng.dirichlet(np.ones(CLASSES))) for _ in user])
    x = rng.normal(size=(len(user), FEATURES)) + 2.0 * np.eye(CLASSES, FEATURES)[y]
    np.savez(path, x=x.astype(np.float32), y=y.astype(np.int32), user=user)


def update_of(model, x, y):
    weight, bias = model[:-CLASSES].reshape(CLASSES, FEATURES), model[-CLASSES:]
    z = x @ weight.T + bias
    p = np.exp(z - z.max(axis=1, keepdims=True))
    p = p / p.sum(axis=1, keepdims=True) - np.eye(CLASSES)[y]
    return -RATE * np.concatenate([(p.T @ x).ravel(), p.sum(axis=0)]) / len(y)


def keep_largest(u):
    out, at = np.zeros_like(u), np.argsort(-np.abs(u), kind="stable")[:LARGEST]
    out[at] = u[at]
    return out


def bfloat16(u):
    bits = u.astype(np.float32).view(np.uint32)
    bits = (bits + 0x7fff + (bits >> 16 & 1)) & np.uint32(0xffff0000)
    return bits.view(np.float32).astype(float)


def model_in(file):
    return np.concatenate([file["model"][name][:].ravel() for name in ("1.weight", "1.bias")]).astype(float)


def play(method, data, first, rounds, asked):
    """What devices have, what the server keeps back or has of all devices, what each device remembers, bytes down of each round."""
    x, y, user = data["x"].astype(float), data["y"], data["user"]
    n = np.bincount(user).astype(float)
    has, rest, mean = first.copy(), np.zeros_like(first), np.zeros_like(first)
    memory, newest, down = {}, {}, []
    for r in range(1, rounds + 1):
        total, weight, sent = np.zeros_like(first), 0.0, 0
        for k in asked[r]:
            u = update_of(has, x[user == k], y[user == k])
            kept = memory.setdefault(k, np.zeros_like(u))
            if method == "classic":
                c = keep_largest(u + kept)
                memory[k] = u + kept - c
            elif method == "ef21":
                c = keep_largest(u - kept)
                memory[k] = kept + c
            else:
                c = u
            total, weight = total + n[k] * c, weight + n[k]
            lacks = r - 1 - newest[k] if k in newest else 99
            sent += min(4 * len(u), lacks * 2 * len(u)) if method == "downlink" else 4 * len(u)
            newest[k] = r - 1
        down.append(sent)
        mean += total / n.sum()
        w = has + rest + (mean if method == "ef21" else total / weight)
        has = has + bfloat16(w - has) if method == "downlink" else w
        rest = w - has
    return has, mean if method == "ef21" else rest, memory, down


def check(path, method, first, run, checkpoint):
    with h5py.File(first) as f:
        start = model_in(f)
    with h5py.File(run) as f:
        rounds, device, up = f["devices/round"][:], f["devices/device"][:], f["rounds/bytes_up"][:]
        down, came = f["rounds/bytes_down"][:], f["rounds/n_reported"][:]
    last = int(rounds.max())
    asked = {r: device[rounds == r] for r in range(1, last + 1)}
    has, server, memory, sent = play(method, np.load(path), start, last, asked)
    faults = []

    def expect(what, found, wanted, within):
        error = np.abs(np.asarray(found, float) - wanted).max()
        if not error <= within:
            faults.append(f"{method}: {what}: off by {error:g}, more than {within:g}")

    bits = int(np.ceil(np.log2(len(start))))
    one = 4 * LARGEST + -(-LARGEST * bits // 8) if method != "downlink" else 4 * len(start)
    expect("bytes up", up, came * one, 0)
    expect("bytes down", down, sent, 0)
    within = 2e-5 if method == "downlink" else 2e-6
    with h5py.File(checkpoint) as f:
        expect("model", model_in(f), has, within)
        if method == "ef21":
            expect("mean on the server", f["server/error_feedback_mean"][:], server, within)
        if method == "downlink":
            expect("model and rest", model_in(f) + f["server/downlink_rest"][:], has + server, within)
            expect("something is kept back", np.abs(f["server/downlink_rest"][:]).max() > 1e-6, 1, 0)
        else:
            ids = list(f["devices/id"][:])
            expect("devices with a memory", sorted(ids), np.array(sorted(memory)), 0)
            expect("absent ones", any(len(v) < 12 for v in asked.values()), 1, 0)
            for i, k in enumerate(ids):
                expect(f"memory of device {k}", f["devices/error_feedback"][i], memory[k], within)
    print("\n".join(faults))
    return bool(faults)


if __name__ == "__main__":
    sys.exit(make(sys.argv[2]) if sys.argv[1] == "make" else check(*sys.argv[2:]))
