"""Makes losses.txt: losses of rows, their gradients by the outputs, and twenty steps down them, by PyTorch in double precision.

    python3 tests/reference/losses.py > tests/reference/losses.txt

Outputs and targets are a closed formula (models.py; test_losses.c has the same one): outputs in [-4, 4), targets in [-2, 2)
(numbers), 0 or 1 (labels), classes, or shares that sum to 1. Lines, the values of all rows one after another:
    case LOSS KIND ROWS N DELTA LR
    loss VALUE ..        of each row, before
    grad VALUE ..        of their mean, before
    step VALUE ..        outputs after twenty steps o -= LR grad
"""
import numpy as np
import torch
from torch.nn import functional as F

from models import bits

OUTPUT, TARGET = 7000, 7100
CASES = [(loss, kind, rows, n, delta, lr)
         for loss, kind, delta, lr in (("squared", "numbers", 0, 1.5), ("huber", "numbers", 1, 3), ("huber", "numbers", 0.3, 9),
                                       ("binary", "labels", 0, 9), ("binary", "shares", 0, 9), ("cross_entropy", "classes", 0, 3),
                                       ("cross_entropy", "shares", 0, 3))
         for rows, n in ((1, 1), (3, 2), (5, 7), (2, 70)) if loss != "cross_entropy" or n > 1]


def unit(stream, n):
    return bits(stream, n).astype(np.float32) * np.float32(2.0**-24)


def targets(kind, rows, n):
    if kind == "classes":
        return torch.from_numpy((bits(TARGET, rows) % np.uint64(n)).astype(np.int64))
    t = unit(TARGET, rows * n).reshape(rows, n)
    if kind == "numbers":
        t = np.float32(4) * t - np.float32(2)
    if kind == "labels":
        t = (t > 0.5).astype(np.float32)
    if kind == "shares":
        t = t / np.float32(n)
    return torch.from_numpy(t.astype(np.float64))


def rows_of(loss, o, t, delta):
    if loss == "cross_entropy" and t.is_floating_point():  # shares that need not sum to 1
        return -(t * F.log_softmax(o, 1)).sum(1)
    if loss == "cross_entropy":
        return F.cross_entropy(o, t, reduction="none")
    if loss == "squared":
        return F.mse_loss(o, t, reduction="none").mean(1)
    if loss == "huber":
        return F.huber_loss(o, t, reduction="none", delta=delta).mean(1)
    return F.binary_cross_entropy_with_logits(o, t, reduction="none").mean(1)


def show(what, values):
    print(what, " ".join(f"{v:.9g}" for v in values.detach().reshape(-1).tolist()))


def run(loss, kind, rows, n, delta, lr):
    o = torch.from_numpy((np.float32(8) * unit(OUTPUT, rows * n) - np.float32(4)).astype(np.float64)).reshape(rows, n)
    o.requires_grad_()
    t = targets(kind, rows, n)
    print("case", loss, kind, rows, n, delta, lr)
    for i in range(20):
        o.grad = None
        each = rows_of(loss, o, t, delta)
        each.mean().backward()
        if i == 0:
            show("loss", each)
            show("grad", o.grad)
        o.data -= lr * o.grad
    show("step", o)


if __name__ == "__main__":
    for case in CASES:
        run(*case)
