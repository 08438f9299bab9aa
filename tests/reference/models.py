"""Makes models.txt: outputs, loss, gradient and twenty SGD steps of models in PyTorch, in double precision.

    python3 tests/reference/models.py > tests/reference/models.txt

Parameters, inputs and labels are a closed formula (value() below; test_reference.c has the same one), so that only
results are stored: of each tensor its norm and some of its coordinates. Dropout is off (eval mode). The learning rates
of the convolutional models keep twenty steps away from ties of max pooling and ReLU, where one rounding decides which
weight learns and float cannot follow double.

Lines of a case:
    case NAME BATCH NDIM D0 D1 D2 CLASSES N_TENSORS N_PARAMS LR MOMENTUM NESTEROV WEIGHT_DECAY
    MODEL as the section `model` of an experiment, one line
    shape NAME DIMS..                    every tensor, as PyTorch names it
    WHAT INDEX SIZE NORM N j value ..    output 0, grad t, step t (parameters after the twenty steps)
    loss BEFORE AFTER                    mean over the batch, before and after the twenty steps
"""
import numpy as np
import torch
from torch import nn

SAMPLES = 40
INPUT, LABEL = 1000, 2000


def bits(stream, n):
    """24 pseudo-random bits for each j < n: the finaliser of SplitMix64 over (stream, j)."""
    z = (np.uint64(stream) << np.uint64(40)) + np.arange(1, n + 1, dtype=np.uint64)
    z *= np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return (z ^ (z >> np.uint64(31))) >> np.uint64(40)


def parameters(tensor, n, fan_in):
    bound = np.float32(1.0 / np.sqrt(np.float64(fan_in)))
    return (bits(tensor, n).astype(np.float32) * np.float32(2.0**-23) - np.float32(1.0)) * bound


def inputs(n):
    return bits(INPUT, n).astype(np.float32) * np.float32(2.0**-24)


def dense_chain(sizes):
    layers = [nn.Flatten()]
    for a, b in zip(sizes[:-2], sizes[1:-1]):
        layers += [nn.Linear(a, b), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(sizes[-2], sizes[-1]))


def two_convolutions(units, classes):
    return nn.Sequential(
        nn.Conv2d(1, 32, 5, padding="same"), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 5, padding="same"), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(3136, units), nn.ReLU(), nn.Linear(units, classes))


def cifar():
    return nn.Sequential(
        nn.Conv2d(3, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(0.25),
        nn.Flatten(), nn.Linear(12544, 128), nn.ReLU(), nn.Dropout(0.5), nn.Linear(128, 10))


def odd():
    return nn.Sequential(
        nn.Conv2d(2, 5, 4, padding="same"), nn.Tanh(), nn.MaxPool2d(3, stride=2), nn.Conv2d(5, 6, 3, stride=2),
        nn.ReLU(), nn.AvgPool2d(2, stride=1), nn.Flatten(), nn.Linear(12, 4))


ODD = ("{layers: [{conv2d: {channels: 5, kernel: 4, padding: same}}, tanh, {max_pool: {kernel: 3, stride: 2}}, "
       "{conv2d: {channels: 6, kernel: 3, stride: 2}}, relu, {avg_pool: {kernel: 2, stride: 1}}, flatten, "
       "{dense: classes}]}")
MLP = "{name: mlp, hidden: [30, 20]}"
#        name          model   network  batch  shape  classes  lr  (momentum, nesterov, weight decay)
CASES = [
    ("softmax", "{name: softmax}", lambda: dense_chain([784, 10]), 10, (1, 28, 28), 10, 0.1, (0, 0, 0)),
    ("2nn", "{name: 2nn}", lambda: dense_chain([784, 200, 200, 10]), 10, (1, 28, 28), 10, 0.1, (0, 0, 0)),
    ("mlp", MLP, lambda: dense_chain([13, 30, 20, 5]), 7, (13,), 5, 0.1, (0, 0, 0)),
    ("mlp_decay", MLP, lambda: dense_chain([13, 30, 20, 5]), 7, (13,), 5, 0.1, (0, 0, 0.05)),
    ("mlp_momentum", MLP, lambda: dense_chain([13, 30, 20, 5]), 7, (13,), 5, 0.1, (0.9, 0, 0.01)),
    ("mlp_nesterov", MLP, lambda: dense_chain([13, 30, 20, 5]), 7, (13,), 5, 0.1, (0.9, 1, 0.01)),
    ("odd", ODD, odd, 6, (2, 15, 14), 4, 0.05, (0, 0, 0)),
    ("mnist_cnn", "{name: mnist_cnn}", lambda: two_convolutions(512, 10), 4, (1, 28, 28), 10, 0.01, (0, 0, 0)),
    ("femnist_cnn", "{name: femnist_cnn}", lambda: two_convolutions(2048, 62), 2, (1, 28, 28), 62, 0.01, (0, 0, 0)),
    ("cifar_cnn", "{name: cifar_cnn}", cifar, 3, (3, 32, 32), 10, 0.01, (0, 0, 0)),
]


def fill(net):
    """Weight and bias of a layer share the fan-in of the weight."""
    fan_in = 1
    for t, p in enumerate(net.parameters()):
        if p.dim() > 1:
            fan_in = p[0].numel()
        p.data = torch.from_numpy(parameters(t, p.numel(), fan_in).astype(np.float64)).reshape(p.shape)


def show(what, index, tensor):
    values = tensor.detach().reshape(-1)
    n = values.numel()
    chosen = sorted(set(int(b) % n for b in bits(3000 + index, min(SAMPLES, n))))
    pairs = " ".join(f"{j} {values[j].item():.9g}" for j in chosen)
    print(f"{what} {index} {n} {values.norm().item():.9g} {len(chosen)} {pairs}")


def run(name, model, make, batch, shape, classes, lr, rule):
    momentum, nesterov, decay = rule
    net = make().double().eval()
    fill(net)
    n = int(np.prod(shape))
    x = torch.from_numpy(inputs(batch * n).astype(np.float64)).reshape(batch, *shape)
    y = torch.from_numpy((bits(LABEL, batch) % np.uint64(classes)).astype(np.int64))
    dims = list(shape) + [0] * (3 - len(shape))
    tensors = list(net.named_parameters())
    total = sum(p.numel() for _, p in tensors)
    print(f"case {name} {batch} {len(shape)} {dims[0]} {dims[1]} {dims[2]} {classes} {len(tensors)} {total} "
          f"{lr} {momentum} {nesterov} {decay}")
    print(model)
    for key, p in tensors:
        print("shape", key, p.dim(), *p.shape)
    step = torch.optim.SGD(net.parameters(), lr=lr, momentum=momentum, nesterov=bool(nesterov), weight_decay=decay)
    loss_of = nn.CrossEntropyLoss()
    first = None
    for i in range(20):
        step.zero_grad()
        out = net(x)
        loss = loss_of(out, y)
        loss.backward()
        if i == 0:
            first = loss.item()
            show("output", 0, out)
            for t, p in enumerate(net.parameters()):
                show("grad", t, p.grad)
        step.step()
    for t, p in enumerate(net.parameters()):
        show("step", t, p)
    print(f"loss {first:.12g} {loss_of(net(x), y).item():.12g}")


if __name__ == "__main__":
    torch.manual_seed(0)
    for case in CASES:
        run(*case)
