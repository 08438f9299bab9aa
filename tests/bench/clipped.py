"""Seconds of the processor for a step of DP-SGD (batch 64, noise included) beside Opacus, by hooks and by ghost norms, and jax.vmap,
in turn, each a process of its own on one core.

    taskset -c 0 python tests/bench/clipped.py build/tests/cohort_clipped [--turns N] [--jax PYTHON] [MODEL ..]   (needs torch and opacus)

MODEL: 2nn, mnist_cnn, char_lstm (80 tokens), all of `cohort list model`. --jax: a Python that has jax; without, jax is left out.
"""
import argparse
import os
import statistics
import subprocess
import sys
import time

BATCH, LENGTH, TOKENS, CLIP, NOISE, LR, WINDOW_S = 64, 80, 80, 1.0, 1.0, 0.01, 1.0
WORDS = {"2nn": "classification 10 64 image 1 28 28 name=2nn", "mnist_cnn": "classification 10 64 image 1 28 28 name=mnist_cnn",
         "char_lstm": "lm 80 64 text 80 80 name=char_lstm"}


def torch_net(model):
    from opacus.layers import DPLSTM
    from torch import nn
    if model == "2nn":
        return nn.Sequential(nn.Flatten(), nn.Linear(784, 200), nn.ReLU(), nn.Linear(200, 200), nn.ReLU(), nn.Linear(200, 10))
    if model == "mnist_cnn":
        return nn.Sequential(nn.Conv2d(1, 32, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(32, 64, 5, padding=2), nn.ReLU(),
                             nn.MaxPool2d(2), nn.Flatten(), nn.Linear(3136, 512), nn.ReLU(), nn.Linear(512, 10))

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.table, self.out = nn.Embedding(TOKENS, 8), nn.Linear(256, TOKENS)
            self.lstm = DPLSTM(8, 256, num_layers=2, batch_first=True)

        def forward(self, x):
            return self.out(self.lstm(self.table(x))[0]).transpose(1, 2)
    return Net()


def torch_step(model, ghost):
    import torch
    import opacus
    from opacus.grad_sample import GradSampleModule, GradSampleModuleFastGradientClipping
    from opacus.optimizers import DPOptimizer, DPOptimizerFastGradientClipping
    from opacus.utils.fast_gradient_clipping_utils import DPLossFastGradientClipping
    torch.set_num_threads(1)
    torch.manual_seed(0)
    if model == "char_lstm":
        x = torch.randint(0, TOKENS, (BATCH, LENGTH))
        y = x.roll(-1, 1)
    else:
        x, y = torch.rand(BATCH, 1, 28, 28), torch.randint(0, 10, (BATCH,))
    net, loss_of = torch_net(model), torch.nn.CrossEntropyLoss()
    how = dict(noise_multiplier=NOISE, max_grad_norm=CLIP, expected_batch_size=BATCH)
    if ghost:
        net = GradSampleModuleFastGradientClipping(net, max_grad_norm=CLIP, use_ghost_clipping=True, batch_first=True)
        optimizer = DPOptimizerFastGradientClipping(torch.optim.SGD(net.parameters(), lr=LR), **how)
        loss_of = DPLossFastGradientClipping(net, optimizer, loss_of, loss_reduction="mean")
    else:
        net = GradSampleModule(net, batch_first=True)
        optimizer = DPOptimizer(torch.optim.SGD(net.parameters(), lr=LR), **how)

    def step():
        if ghost and model == "char_lstm":
            loss_of(net(x).transpose(1, 2).flatten(0, 1), y.flatten(), shape=(BATCH, LENGTH, TOKENS)).backward()
        else:
            loss_of(net(x), y).backward()
        optimizer.step()
        optimizer.zero_grad()
    return step, "opacus " + opacus.__version__


def jax_step(model):
    import jax
    import jax.numpy as jnp
    keys = iter(jax.random.split(jax.random.key(0), 40))

    def drawn(*shape):
        return 0.05 * jax.random.normal(next(keys), shape)

    def dense(n, m):
        return {"w": drawn(n, m), "b": jnp.zeros(m)}

    def lstm(n, m):
        return {"w": drawn(n, 4 * m), "u": drawn(m, 4 * m), "b": jnp.zeros(4 * m), "c": jnp.zeros(4 * m)}

    def run(p, x):
        def cell(state, row):
            h, c = state
            i, f, g, o = jnp.split(row + h @ p["u"] + p["c"], 4)
            c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
            h = jax.nn.sigmoid(o) * jnp.tanh(c)
            return (h, c), h
        zero = jnp.zeros(p["u"].shape[0])
        return jax.lax.scan(cell, (zero, zero), x @ p["w"] + p["b"])[1]

    def conv(p, x):
        y = jax.lax.conv_general_dilated(x[None], p["w"], (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))[0]
        return jax.lax.reduce_window(jax.nn.relu(y + p["b"]), -jnp.inf, jax.lax.max, (2, 2, 1), (2, 2, 1), "VALID")

    if model == "char_lstm":
        x = jax.random.randint(next(keys), (BATCH, LENGTH), 0, TOKENS)
        y = jnp.roll(x, -1, 1)
        params = [drawn(TOKENS, 8), lstm(8, 256), lstm(256, 256), dense(256, TOKENS)]
    else:
        x, y = jax.random.uniform(next(keys), (BATCH, 28, 28, 1)), jax.random.randint(next(keys), (BATCH,), 0, 10)
        params = [dense(784, 200), dense(200, 200), dense(200, 10)] if model == "2nn" else [
            {"w": drawn(5, 5, 1, 32), "b": jnp.zeros(32)}, {"w": drawn(5, 5, 32, 64), "b": jnp.zeros(64)}, dense(3136, 512), dense(512, 10)]

    def loss(p, x, y):
        if model == "char_lstm":
            h = run(p[2], run(p[1], p[0][x])) @ p[3]["w"] + p[3]["b"]
        else:
            h = (x if model == "2nn" else conv(p[1], conv(p[0], x))).ravel()
            rest = p if model == "2nn" else p[2:]
            for k, q in enumerate(rest):
                h = h @ q["w"] + q["b"]
                h = jax.nn.relu(h) if k + 1 < len(rest) else h
            h, y = h[None], y[None]
        return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(h), y[:, None], 1))

    @jax.jit
    def step(params, key):
        grads = jax.vmap(jax.grad(loss), (None, 0, 0))(params, x, y)
        leaves, tree = jax.tree.flatten(grads)
        norms = jnp.sqrt(sum(jnp.sum(g.reshape(BATCH, -1) ** 2, 1) for g in leaves))
        factor = jnp.minimum(1.0, CLIP / norms)
        noisy = [jnp.tensordot(factor, g, 1) + NOISE * CLIP * jax.random.normal(k, g.shape[1:])
                 for k, g in zip(jax.random.split(key, len(leaves)), leaves)]
        return jax.tree.map(lambda p, g: p - LR * g / BATCH, params, jax.tree.unflatten(tree, noisy))
    state = [params, jax.random.key(1)]

    def one():
        state[1], key = jax.random.split(state[1])
        state[0] = jax.block_until_ready(step(state[0], key))
    return one, "jax " + jax.__version__


def work(variant, model):
    """Measures once for every line on stdin, as cohort_clipped does."""
    step, version = jax_step(model) if variant == "jax" else torch_step(model, variant == "ghost")
    for _ in range(2):
        step()
    print("ready", version, flush=True)
    for _ in sys.stdin:
        n, start = 0, time.process_time()
        while time.process_time() - start < WINDOW_S:
            step()
            n += 1
        print((time.process_time() - start) / n / BATCH, flush=True)


def start(command):
    alone = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "", "JAX_PLATFORMS": "cpu",
             # memory goes back to the system at the end only: else PyTorch pays for its pages at every step
             "MALLOC_TRIM_THRESHOLD_": "-1", "MALLOC_MMAP_THRESHOLD_": str(2**30), "MALLOC_TOP_PAD_": str(2**26),
             "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"}
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                               env=os.environ | alone)
    first = process.stdout.readline()
    if first.startswith("ready"):
        return process
    print(f"{command[-2]} does not run {command[-1]}: {(process.stderr.read().strip() or 'no answer').splitlines()[-1]}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("model", nargs="*")
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--jax")
    a = parser.parse_intermixed_args()
    for model in a.model or WORDS:
        pythons = {"hooks": sys.executable, "ghost": sys.executable} | ({"jax": a.jax} if a.jax else {})
        processes = {"here": start([a.program, "private"] + WORDS[model].split())}
        processes |= {v: start([python, __file__, "--work", v, model]) for v, python in pythons.items()}
        seconds = {v: [] for v, p in processes.items() if p}
        for _ in range(a.turns):
            for v in seconds:
                processes[v].stdin.write("\n")
                processes[v].stdin.flush()
                seconds[v].append(float(processes[v].stdout.readline()))
        own = seconds["here"]
        print(f"{model}: here {1e6 * statistics.median(own):.4g} us an example; " + ", ".join(
            f"{v} {1e6 * statistics.median(s):.4g} ({statistics.median(x / y for x, y in zip(s, own)):.2f} x)"
            for v, s in seconds.items() if v != "here"), flush=True)
        for v in seconds:
            processes[v].stdin.close()
            processes[v].wait()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--work"]:
        work(*sys.argv[2:])
    else:
        main()
