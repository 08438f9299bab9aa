"""tests/reference/dp_steps.py - 20 steps of DP-SGD by Opacus with given noise, for tests/mpi/examples.c.

    python dp_steps.py > dp_steps.txt

24 examples, a tanh network of 5-6-3, all examples in every batch, clip 0.4, noise multiplier 0.7. Numbers, one after another: inputs
[24][5], classes [24], first parameters [57], noise in units of its standard deviation [20][57], then the parameters after 20 steps of SGD
(lr 0.3), of SGD with momentum 0.9 (lr 0.1) and of Adam (lr 0.02). Needs opacus."""
import warnings

import torch
from opacus import PrivacyEngine
from opacus.optimizers import optimizer as opacus_optimizer

warnings.filterwarnings("ignore")
N, FEATURES, HIDDEN, CLASSES, STEPS, CLIP, NOISE = 24, 5, 6, 3, 20, 0.4, 0.7
draws = torch.Generator().manual_seed(11)
x = torch.randn(N, FEATURES, generator=draws) * torch.linspace(0.2, 3, N)[:, None]
y = torch.randint(0, CLASSES, (N,), generator=draws)


def net():
    return torch.nn.Sequential(torch.nn.Linear(FEATURES, HIDDEN), torch.nn.Tanh(), torch.nn.Linear(HIDDEN, CLASSES))


first = [torch.randn(p.shape, generator=draws) * 0.5 for p in net().parameters()]
noise = [[torch.randn(p.shape, generator=draws) for p in first] for _ in range(STEPS)]


def train(make):
    model = net()
    with torch.no_grad():
        for p, value in zip(model.parameters(), first):
            p.copy_(value)
    data = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, y), batch_size=N)
    model, optimizer, data = PrivacyEngine().make_private(
        module=model, optimizer=make(model.parameters()), data_loader=data, noise_multiplier=NOISE, max_grad_norm=CLIP, poisson_sampling=False)
    given = iter([z for step in noise for z in step])
    opacus_optimizer._generate_noise = lambda std, reference, **_: std * next(given)
    for _ in range(STEPS):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()
    return list(model.parameters())


def show(tensors):
    print(*(f"{float(v):.9g}" for t in tensors for v in t.detach().flatten()))


show([x, y])
show(first)
for step in noise:
    show(step)
show(train(lambda p: torch.optim.SGD(p, lr=0.3)))
show(train(lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9)))
show(train(lambda p: torch.optim.Adam(p, lr=0.02)))
