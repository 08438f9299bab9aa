"""Makes fine_tuning.txt: five rounds of averaging in PyTorch, in double precision, whose devices train as transformers are fine-tuned.

    python3 tests/reference/fine_tuning.py > tests/reference/fine_tuning.txt     (torch, transformers)

Data, network and format of algorithms.py; every device takes part in every round and steps on all its examples at once: torch.optim with
two parameter groups, torch.nn.utils.clip_grad_norm_, transformers' schedules, once a step and from the start in every round. In the cases
named frozen_ the first weight is not trained.
"""
from fnmatch import fnmatch

import torch
import transformers
from algorithms import ROUNDS, SIZES, START, USER, X, Y, parts, show

CASES = [
    ("adamw_groups", dict(optimizer="adamw", steps=20, lr=0.02, weight_decay=0.3, no_decay=["*.bias"])),
    ("adamw_all_decay", dict(optimizer="adamw", steps=5, lr=0.02, weight_decay=0.3)),
    ("sgd_groups", dict(optimizer="sgd", steps=4, lr=0.1, momentum=0.9, weight_decay=0.2, no_decay=["0.*"])),
    ("clip", dict(optimizer="sgd", steps=4, lr=0.3, clip_grad=0.05)),
    ("frozen_clip", dict(optimizer="sgd", steps=4, lr=0.3, clip_grad=0.05)),
    ("frozen_adamw", dict(optimizer="adamw", steps=20, lr=0.02, weight_decay=0.3, no_decay=["*.bias", "0.*"])),
    ("linear", dict(optimizer="sgd", steps=6, lr=0.3, schedule=("linear", 2))),
    ("cosine", dict(optimizer="sgd", epochs=5, lr=0.3, schedule=("cosine", 0.3))),
    ("constant", dict(optimizer="adamw", steps=5, lr=0.02, weight_decay=0.1, schedule=("constant", 3))),
    ("longer_warmup", dict(optimizer="sgd", steps=3, lr=0.3, schedule=("linear", 7))),
    ("accumulate", dict(optimizer="sgd", epochs=4, lr=0.3, momentum=0.5, batch=4, accumulate=5)),
    ("accumulate_clip", dict(optimizer="sgd", epochs=4, lr=0.3, batch=3, accumulate=7, clip_grad=0.05)),
    ("frozen_all", dict(optimizer="adamw", steps=6, lr=0.02, weight_decay=0.3, no_decay=["*.bias"], batch=3, accumulate=7, clip_grad=0.05,
                        schedule=("linear", 0.2))),
]


def settings(o):
    words = {"batch": 0, **{k: v for k, v in o.items() if k not in ("schedule", "no_decay")}}
    text = ", ".join(f"{k}: {v}" for k, v in words.items())
    if "no_decay" in o:
        text += ", no_decay: [" + ", ".join(f'"{p}"' for p in o["no_decay"]) + "]"
    if "schedule" in o:
        text += ", step_schedule: {{name: {}, warmup: {}}}".format(*o["schedule"])
    return "local: {" + text + "}"


def schedule(o, optimizer, n):
    name, warmup = o.get("schedule", ("constant", 0))
    warmup = warmup if warmup >= 1 else -int(-warmup * n // 1)
    make = {"constant": transformers.get_constant_schedule_with_warmup, "linear": transformers.get_linear_schedule_with_warmup,
            "cosine": transformers.get_cosine_schedule_with_warmup}[name]
    return make(optimizer, warmup, *([] if name == "constant" else [n]))


def device(w, k, o, frozen):
    model = torch.nn.Sequential(torch.nn.Linear(6, 8), torch.nn.Tanh(), torch.nn.Linear(8, 3)).double()
    named = dict(model.named_parameters())
    with torch.no_grad():
        for p, v in zip(named.values(), parts(w)):
            p.copy_(torch.from_numpy(v))
    named["0.weight"].requires_grad_(not frozen)
    trained = {n: p for n, p in named.items() if p.requires_grad}
    bare = {n for n in trained if any(fnmatch(n, p) for p in o.get("no_decay", []))}
    groups = [{"params": [p for n, p in trained.items() if n not in bare], "weight_decay": o.get("weight_decay", 0.0)},
              {"params": [p for n, p in trained.items() if n in bare], "weight_decay": 0.0}]
    make = {"adamw": torch.optim.AdamW, "sgd": torch.optim.SGD}[o["optimizer"]]
    optimizer = make(groups, lr=o["lr"], **({"momentum": o["momentum"]} if "momentum" in o else {}))
    n = o.get("steps") or o["epochs"]
    rate = schedule(o, optimizer, n)
    x, y = torch.from_numpy(X[USER == k]), torch.from_numpy(Y[USER == k])
    for _ in range(n):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(x), y).backward()
        if "clip_grad" in o:
            torch.nn.utils.clip_grad_norm_(list(trained.values()), o["clip_grad"])
        optimizer.step()
        rate.step()
    return torch.cat([p.detach().ravel() for p in named.values()]).numpy()


if __name__ == "__main__":
    for name, o in CASES:
        w = START.copy()
        for _ in range(ROUNDS):
            w = sum(n * device(w, k, o, name.startswith("frozen_")) for k, n in enumerate(SIZES)) / sum(SIZES)
        show(name, settings(o), w)
