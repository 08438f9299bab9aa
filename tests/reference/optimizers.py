"""Makes optimizers.txt: twelve steps of PyTorch's optimisers, in float32.

    python3 tests/reference/optimizers.py > tests/reference/optimizers.txt

Parameters and gradients are a closed formula (value() of models.py over bits(); test_optimizer.c has the same one): the parameters
stream 200, the gradient of step t stream 200 + t times 10^(j mod 5 - 3) for coordinate j.

Lines of a case:
    case NAME LR STEPS N
    OPTIONS as the section `local` of an experiment
    N values after the last step
"""
import numpy as np
import torch
from models import bits

STEPS, N = 12, 23
CASES = [
    ("sgd", "{momentum: 0.9, nesterov: true, weight_decay: 0.01}", 0.1,
     lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.01)),
    ("adam", "{}", 0.01, lambda p: torch.optim.Adam(p, lr=0.01)),
    ("adam", "{beta1: 0.5, beta2: 0.9, eps: 0.001, weight_decay: 0.1}", 0.05,
     lambda p: torch.optim.Adam(p, lr=0.05, betas=(0.5, 0.9), eps=1e-3, weight_decay=0.1)),
    ("adamw", "{}", 0.01, lambda p: torch.optim.AdamW(p, lr=0.01)),
    ("adamw", "{weight_decay: 0.3, beta2: 0.95}", 0.1,
     lambda p: torch.optim.AdamW(p, lr=0.1, betas=(0.9, 0.95), weight_decay=0.3)),
    ("adagrad", "{}", 0.1, lambda p: torch.optim.Adagrad(p, lr=0.1)),
    ("adagrad", "{lr_decay: 0.1, weight_decay: 0.05, initial_accumulator: 0.2, eps: 0.01}", 0.5,
     lambda p: torch.optim.Adagrad(p, lr=0.5, lr_decay=0.1, weight_decay=0.05, initial_accumulator_value=0.2, eps=0.01)),
    ("rmsprop", "{}", 0.01, lambda p: torch.optim.RMSprop(p, lr=0.01)),
    ("rmsprop", "{smoothing: 0.9, momentum: 0.8, weight_decay: 0.1, eps: 0.001}", 0.01,
     lambda p: torch.optim.RMSprop(p, lr=0.01, alpha=0.9, momentum=0.8, weight_decay=0.1, eps=1e-3)),
    ("rmsprop", "{smoothing: 0.8, centered: true, momentum: 0.3, eps: 0.01}", 0.02,
     lambda p: torch.optim.RMSprop(p, lr=0.02, alpha=0.8, centered=True, momentum=0.3, eps=1e-2)),
]


def value(stream, n):
    return bits(stream, n).astype(np.float32) * np.float32(2.0**-23) - np.float32(1.0)


if __name__ == "__main__":
    scale = np.float32(10.0) ** (np.arange(N) % 5 - 3).astype(np.float32)
    for name, options, lr, make in CASES:
        p = torch.nn.Parameter(torch.from_numpy(value(200, N)))
        optimizer = make([p])
        for t in range(1, STEPS + 1):
            p.grad = torch.from_numpy(value(200 + t, N) * scale)
            optimizer.step()
        print(f"case {name} {lr} {STEPS} {N}")
        print(options)
        print(" ".join(f"{v:.9g}" for v in p.detach().tolist()))
