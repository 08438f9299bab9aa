"""One peer at work: prepares, says `ready VERSION`, then measures once for every line on stdin.

    peer.py steps torch|torch-channels-last|jax|jax-unrolled MODEL
    peer.py rounds pfl|fedjax|jax|flower MODEL
    peer.py private pfl|jax MODEL
    peer.py texts sdpa|eager CASE LENGTHS
    peer.py texts torch|bart seq2seq LENGTHS     nn.Transformer, or Bart of transformers

Each measurement prints seconds: of one local SGD step a sample, or of one round (1,000 users x 50 examples, 50 users a
round, of resnet_gn 100 x 20 and 10; batch 10, one epoch, learning rate 0.01); private: each update clipped to norm 1,
Gaussian noise of deviation 1 on their sum; texts: of one step on texts of the lengths in a file (or a forward pass), padded to
the longest of a batch, a text. At the end of stdin it prints its peak memory in MiB. Models are those of
`cohort list model`. bench starts it pinned to a core, one thread.
"""
import atexit
import os
import resource
import shutil
import sys
import tempfile
import time

import numpy as np

USERS, HELD, COHORT, BATCH, LR = 1000, 50, 50, 10, 0.01
STEPS = HELD // BATCH
WINDOW_S = 0.5  # a measurement of steps lasts so long
SHAPES = {"cifar_cnn": (3, 32, 32), "resnet_gn": (3, 32, 32)}  # the others: 1 x 28 x 28
CLASSES = {"femnist_cnn": 62}
LENGTH, TOKENS = 80, 80  # of the texts of char_lstm
STEP_BATCH = {"femnist_cnn": 20}


def examples(model, n, channels_last=False):
    draw = np.random.default_rng(1)
    if model == "char_lstm":
        x = draw.integers(0, TOKENS, (n, LENGTH))
        return x, np.roll(x, -1, axis=1)
    x = draw.random((n,) + SHAPES.get(model, (1, 28, 28)), dtype=np.float32)
    y = draw.integers(0, CLASSES.get(model, 10), n)
    return (np.ascontiguousarray(x.transpose(0, 2, 3, 1)) if channels_last else x), y


def timed(work):
    """Seconds a call, over calls that fill the window."""
    n, start = 0, time.perf_counter()
    while time.perf_counter() - start < WINDOW_S:
        work()
        n += 1
    return (time.perf_counter() - start) / n


# ---- PyTorch -----------------------------------------------------------------------------------------------------

def torch_net(model):
    import torch
    from torch import nn
    torch.set_num_threads(1)
    torch.manual_seed(0)
    if model == "softmax":
        return nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
    if model == "2nn":
        return nn.Sequential(nn.Flatten(), nn.Linear(784, 200), nn.ReLU(), nn.Linear(200, 200), nn.ReLU(),
                             nn.Linear(200, 10))
    if model == "char_lstm":
        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.table, self.lstm, self.out = nn.Embedding(TOKENS, 8), nn.LSTM(8, 256, 2), nn.Linear(256, TOKENS)

            def forward(self, x):  # [time][batch], its fastest order
                return self.out(self.lstm(self.table(x))[0]).flatten(0, 1)
        return Net()
    if model == "resnet_gn":
        return torch_resnet()
    if model == "femnist_cnn":
        return nn.Sequential(nn.Conv2d(1, 32, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
                             nn.Conv2d(32, 64, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
                             nn.Linear(3136, 2048), nn.ReLU(), nn.Linear(2048, 62))
    return nn.Sequential(nn.Conv2d(3, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2),
                         nn.Dropout(0.25), nn.Flatten(), nn.Linear(12544, 128), nn.ReLU(), nn.Dropout(0.5),
                         nn.Linear(128, 10))


def torch_resnet(width=64, stages=4, blocks=2, groups=2):
    """ResNet-18 for small images, with group norm."""
    from torch import nn

    def conv(n_in, n_out, kernel, stride):
        return [nn.Conv2d(n_in, n_out, kernel, stride, kernel // 2, bias=False), nn.GroupNorm(groups, n_out)]

    class Residual(nn.Module):
        def __init__(self, n_in, n_out, stride):
            super().__init__()
            self.layers = nn.Sequential(*conv(n_in, n_out, 3, stride), nn.ReLU(inplace=True), *conv(n_out, n_out, 3, 1))
            self.shortcut = nn.Sequential(*conv(n_in, n_out, 1, stride)) if n_in != n_out else nn.Identity()

        def forward(self, x):
            return nn.functional.relu(self.layers(x) + self.shortcut(x), inplace=True)
    layers, n = conv(3, width, 3, 1) + [nn.ReLU(inplace=True)], width
    for k in range(stages):
        for b in range(blocks):
            layers.append(Residual(n, width << k, 2 if k and not b else 1))
            n = width << k
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(n, 10))


def torch_steps(model, channels_last):
    """SGD by hand: one fused call for all tensors, no optimiser object."""
    import torch
    net, batch = torch_net(model), STEP_BATCH.get(model, BATCH)
    x, y = (torch.from_numpy(a) for a in examples(model, batch))
    if model == "char_lstm":
        x, y = x.T.contiguous(), y.T.flatten()
    if channels_last:
        net, x = net.to(memory_format=torch.channels_last), x.to(memory_format=torch.channels_last)
    params, loss_of = list(net.parameters()), torch.nn.functional.cross_entropy

    def step():
        grads = torch.autograd.grad(loss_of(net(x), y), params)
        with torch.no_grad():
            torch._foreach_add_(params, grads, alpha=-LR)
    step()
    return torch.__version__, lambda: timed(step) / batch


def transformer(case, attention):
    """A model of transformers with random weights; LoRA by peft."""
    import torch
    import transformers
    torch.manual_seed(0)
    if case.startswith("smollm2"):
        config = transformers.LlamaConfig(vocab_size=49152, hidden_size=576, intermediate_size=1536, num_hidden_layers=30,
                                          num_attention_heads=9, num_key_value_heads=3, tie_word_embeddings=True,
                                          attn_implementation=attention)
        net, targets = transformers.LlamaForCausalLM(config), ["q_proj", "v_proj"]
    else:
        tags = case.endswith("tagging")
        config = transformers.BertConfig(vocab_size=30522, hidden_size=384, intermediate_size=1536, num_hidden_layers=6,
                                         num_attention_heads=12, num_labels=13 if tags else 20, attn_implementation=attention)
        net = (transformers.BertForTokenClassification if tags else transformers.BertForSequenceClassification)(config)
        targets = ["query", "value"]
    if case.endswith("lora"):
        import peft
        task = peft.TaskType.CAUSAL_LM if case.startswith("smollm2") else peft.TaskType.SEQ_CLS
        net = peft.get_peft_model(net, peft.LoraConfig(r=8, lora_alpha=16, lora_dropout=0.0, target_modules=targets, task_type=task))
    return net


def text_batches(case, path):
    """[(ids, mask, labels)]: ids padded with 0 to the longest of the batch; the labels there are -100."""
    import torch
    with open(path) as f:
        lengths = [int(word) for word in f.read().split()]
    smollm2, size = case.startswith("smollm2"), 4 if case.startswith("smollm2") else 16
    draw, batches = np.random.default_rng(1), []
    for i in range(0, len(lengths) - size + 1, size):
        mask = np.arange(max(lengths[i:i + size])) < np.array(lengths[i:i + size])[:, None]
        ids = np.where(mask, draw.integers(5, 49152 if smollm2 else 30522, mask.shape), 0)
        labels = draw.integers(0, 20, size)
        if smollm2 or case.endswith("tagging"):
            labels = np.where(mask, ids if smollm2 else draw.integers(0, 13, mask.shape), -100)
        batches.append([torch.from_numpy(a) for a in (ids, mask.astype(np.int64), labels)])
    return batches, len(batches) * size


def pair_batches(path, vocabulary, size=64):
    """[(source, its padding, target, y)], padded to the longest of the batch with 1; y there is -100."""
    import torch
    draw, pairs, batches = np.random.default_rng(1), np.loadtxt(path, dtype=int), []
    for i in range(0, len(pairs) - size + 1, size):
        masks = [np.arange(own.max()) < own[:, None] for own in pairs[i:i + size].T]
        source, target, y = (np.where(m, draw.integers(5, vocabulary, m.shape), 1) for m in (masks[0], masks[1], masks[1]))
        batches.append([torch.from_numpy(a) for a in (source, ~masks[0], target, np.where(masks[1], y, -100))])
    return batches, len(batches) * size


def pairs_of_torch(vocabulary, width, heads, layers):
    """nn.Transformer with embeddings, waves for positions and a last layer; the loss of a batch."""
    import torch
    from torch import nn
    angle = torch.arange(512)[:, None] / 10000 ** (torch.arange(0, width, 2) / width)
    waves = torch.stack((angle.sin(), angle.cos()), 2).reshape(512, width)
    net = nn.ModuleDict({"source": nn.Embedding(vocabulary, width), "target": nn.Embedding(vocabulary, width),
                         "body": nn.Transformer(width, heads, layers, layers, 4 * width, 0.1, batch_first=True, norm_first=True),
                         "drop": nn.Dropout(0.1), "out": nn.Linear(width, vocabulary)})

    def loss(source, padding, target, y):
        x, z = (net["drop"](net[name](ids) * width ** 0.5 + waves[:ids.shape[1]]) for name, ids in (("source", source), ("target", target)))
        mask = nn.Transformer.generate_square_subsequent_mask(target.shape[1])
        h = net["body"](x, z, tgt_mask=mask, src_key_padding_mask=padding, memory_key_padding_mask=padding, tgt_is_causal=True)
        real = y >= 0  # only these go through the last layer
        return nn.functional.cross_entropy(net["out"](h[real]), y[real])
    return net, loss


def pairs_of_bart(vocabulary, width, heads, layers):
    import transformers
    net = transformers.BartForConditionalGeneration(transformers.BartConfig(
        vocab_size=vocabulary, d_model=width, encoder_layers=layers, decoder_layers=layers, encoder_attention_heads=heads,
        decoder_attention_heads=heads, encoder_ffn_dim=4 * width, decoder_ffn_dim=4 * width, max_position_embeddings=512,
        activation_function="relu", attn_implementation="sdpa"))
    return net, lambda source, padding, target, y: net(input_ids=source, attention_mask=(~padding).long(), decoder_input_ids=target,
                                                       labels=y, use_cache=False).loss


def torch_pairs(variant, path):
    import torch
    import transformers
    torch.set_num_threads(1)
    torch.manual_seed(0)
    net, loss = (pairs_of_torch if variant == "torch" else pairs_of_bart)(8000, 256, 8, 3)
    batches, n = pair_batches(path, 8000)
    optimizer = torch.optim.AdamW(net.parameters(), lr=5e-5, fused=True)
    net.train()

    def measure():
        start = time.perf_counter()
        for batch in batches:
            optimizer.zero_grad(set_to_none=True)
            loss(*batch).backward()
            optimizer.step()
        return (time.perf_counter() - start) / n
    measure()
    return f"{torch.__version__} with transformers {transformers.__version__}", measure


def torch_texts(case, attention, path):
    import torch
    import transformers
    if case == "seq2seq":
        return torch_pairs(attention, path)
    torch.set_num_threads(1)
    net, (batches, n) = transformer(case, attention), text_batches(case, path)
    trained = [p for p in net.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=5e-5, fused=True)

    def forward():
        with torch.no_grad():
            for ids, mask, _ in batches:
                net(input_ids=ids, attention_mask=mask)

    def steps():
        for ids, mask, labels in batches:
            optimizer.zero_grad(set_to_none=True)
            net(input_ids=ids, attention_mask=mask, labels=labels).loss.backward()
            optimizer.step()
    work = forward if case.endswith("forward") else steps
    net.train(work is steps)
    work()

    def measure():
        start = time.perf_counter()
        work()
        return (time.perf_counter() - start) / n
    return f"{torch.__version__} with transformers {transformers.__version__}", measure


# ---- JAX ---------------------------------------------------------------------------------------------------------

def jax_net(model):
    """Initial parameters and loss(params, x, y, key); images channels-last, as its convolutions are fastest."""
    import jax
    import jax.numpy as jnp
    draw = np.random.default_rng(2)

    def tensor(*shape):
        return jnp.asarray(draw.standard_normal(shape, dtype=np.float32) / np.sqrt(np.prod(shape[:-1])))

    def conv(x, w, padding):
        return jax.lax.conv_general_dilated(x, w, (1, 1), padding, dimension_numbers=("NHWC", "HWIO", "NHWC"))

    def pool(x):
        return jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")

    def drop(x, p, key):
        return jnp.where(jax.random.bernoulli(key, 1 - p, x.shape), x / (1 - p), 0)

    def dense(p, x):
        for i in range(0, len(p), 2):
            x = x @ p[i] + p[i + 1]
            x = jax.nn.relu(x) if i + 2 < len(p) else x
        return x

    def lstm(p, x):
        """x[time][batch][..]; the products with the inputs of all steps are one."""
        def step(carry, gx):
            h, c = carry
            i, f, u, o = jnp.split(gx + h @ p[1] + p[3], 4, axis=1)
            c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(u)
            h = jax.nn.sigmoid(o) * jnp.tanh(c)
            return (h, c), h
        zeros = jnp.zeros((x.shape[1], p[1].shape[0]))
        return jax.lax.scan(step, (zeros, zeros), x @ p[0] + p[2])[1]

    def outputs(p, x, key):
        if model == "char_lstm":
            h = lstm(p[5:9], lstm(p[1:5], p[0][x.T]))
            return (h @ p[9] + p[10]).swapaxes(0, 1)
        if model in ("softmax", "2nn"):
            return dense(p, x.reshape(len(x), -1))
        if model == "femnist_cnn":
            x = pool(jax.nn.relu(conv(x, p[0], "SAME") + p[1]))
            x = pool(jax.nn.relu(conv(x, p[2], "SAME") + p[3]))
            return dense(p[4:], x.reshape(len(x), -1))
        a, b = jax.random.split(key)
        x = jax.nn.relu(conv(x, p[0], "VALID") + p[1])
        x = drop(pool(jax.nn.relu(conv(x, p[2], "VALID") + p[3])), 0.25, a).reshape(len(x), -1)
        return drop(jax.nn.relu(x @ p[4] + p[5]), 0.5, b) @ p[6] + p[7]

    if model == "char_lstm":
        sizes = [(TOKENS, 8), (8, 1024), (256, 1024), 1024, 1024, (256, 1024), (256, 1024), 1024, 1024, (256, TOKENS), TOKENS]
        params = [jnp.zeros(s) if isinstance(s, int) else tensor(*s) for s in sizes]
    else:
        shapes = {"softmax": [(784, 10)], "2nn": [(784, 200), (200, 200), (200, 10)],
                  "femnist_cnn": [(5, 5, 1, 32), (5, 5, 32, 64), (3136, 2048), (2048, 62)],
                  "cifar_cnn": [(3, 3, 3, 32), (3, 3, 32, 64), (12544, 128), (128, 10)]}[model]
        params = [t for s in shapes for t in (tensor(*s), jnp.zeros(s[-1]))]

    def loss(p, x, y, key):
        logits = outputs(p, x, key)
        return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(logits), y[..., None], -1))
    return params, loss


def jax_epoch(loss, unroll):
    """epoch(params, x[steps][batch].., y, key): one device's local epoch, for jit."""
    import jax

    def step(params, batch):
        grads = jax.grad(loss)(params, *batch)
        return [p - LR * g for p, g in zip(params, grads)], None

    def epoch(params, x, y, key):
        keys = jax.random.split(key, len(x))
        return jax.lax.scan(step, params, (x, y, keys), unroll=len(x) if unroll else 1)[0]
    return epoch


def jax_steps(model, unroll):
    import jax
    jax.config.update("jax_default_prng_impl", "rbg")
    params, loss = jax_net(model)
    batch = STEP_BATCH.get(model, BATCH)
    x, y = examples(model, STEPS * batch, channels_last=True)
    x, y = jax.device_put(x.reshape((STEPS, batch) + x.shape[1:])), jax.device_put(y.reshape((STEPS, batch) + y.shape[1:]))
    run = jax.jit(jax_epoch(loss, unroll), donate_argnums=0)
    state = {"p": params, "key": jax.random.key(3)}

    def epoch():
        state["p"] = jax.block_until_ready(run(state["p"], x, y, state["key"]))
    epoch()
    return jax.__version__, lambda: timed(epoch) / (STEPS * batch)


def jax_rounds(model, private=False):
    """By hand: dense models in one jitted scan over the devices; convolutions, which are slow inside a scan, in an
    unrolled epoch that Python calls for each device."""
    import jax
    import jax.numpy as jnp
    jax.config.update("jax_default_prng_impl", "rbg")
    params, loss = jax_net(model)
    dense = model in ("softmax", "2nn")
    x, y = examples(model, USERS * HELD, channels_last=True)
    x, y = jax.device_put(x), jax.device_put(y)
    epoch = jax_epoch(loss, not dense)

    def update(params, total, x, y, order, key):
        change = [n - p for n, p in zip(epoch(params, x[order], y[order], key), params)]
        norm = jnp.sqrt(sum(jnp.sum(c * c) for c in change)) if private else 0.0
        return [t + c / COHORT / jnp.maximum(1.0, norm) for t, c in zip(total, change)]

    def add(params, total, key):
        if private:
            keys = jax.random.split(key, len(total))
            total = [t + jax.random.normal(k, t.shape) / COHORT for t, k in zip(total, keys)]
        return [p + t for p, t in zip(params, total)]

    def whole(params, x, y, orders, keys, key):
        def one(total, d):
            return update(params, total, x, y, *d), None
        total, _ = jax.lax.scan(one, [jnp.zeros_like(p) for p in params], (orders, keys))
        return add(params, total, key)
    run_whole, run_one, run_add = jax.jit(whole), jax.jit(update, donate_argnums=1), jax.jit(add)
    draw, state = np.random.default_rng(4), {"p": params, "key": jax.random.key(5)}

    def one_round():
        devices = draw.choice(USERS, COHORT, replace=False)
        orders = devices[:, None] * HELD + draw.permuted(np.tile(np.arange(HELD), (COHORT, 1)), axis=1)
        orders = orders.reshape(COHORT, STEPS, BATCH)
        state["key"], key = jax.random.split(state["key"])
        keys = jax.random.split(key, COHORT)
        if dense:
            state["p"] = run_whole(state["p"], x, y, orders, keys, key)
        else:
            total = [jnp.zeros_like(p) for p in state["p"]]
            for d in range(COHORT):
                total = run_one(state["p"], total, x, y, orders[d], keys[d])
            state["p"] = run_add(state["p"], total, key)
        jax.block_until_ready(state["p"])
    one_round()
    return jax.__version__, lambda: timed(one_round)


# ---- simulators --------------------------------------------------------------------------------------------------

def pfl_rounds(model, private=False):
    """Tensors in memory, one forward pass for loss and no evaluation: the fastest that its documentation offers."""
    import torch
    from pfl.aggregate.simulate import SimulatedBackend
    from pfl.algorithm.base import NNAlgorithmParams
    from pfl.algorithm.federated_averaging import FederatedAveraging
    from pfl.data.federated_dataset import FederatedDataset
    from pfl.data.pytorch import PyTorchTensorDataset
    from pfl.data.sampling import get_user_sampler
    from pfl.hyperparam import NNTrainHyperParams
    from pfl.model.pytorch import PyTorchModel
    from pfl.privacy.gaussian_mechanism import GaussianMechanism
    from pfl.privacy.privacy_mechanism import CentrallyAppliedPrivacyMechanism
    import pfl.version

    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.net = torch_net(model)

        def forward(self, x):
            return self.net(x)

        def loss(self, x, y, eval=False):
            self.train(not eval)
            return torch.nn.functional.cross_entropy(self(x), y)

        def metrics(self, x, y, eval=True):
            return {}
    x, y = (torch.from_numpy(a) for a in examples(model, USERS * HELD))
    if model not in ("softmax", "2nn"):
        x = x.to(memory_format=torch.channels_last)

    def user(i):
        order = torch.randperm(HELD) + i * HELD
        return PyTorchTensorDataset((x[order], y[order]))
    net = Net().to(memory_format=torch.channels_last)
    trained = PyTorchModel(net, lambda p, lr=LR: torch.optim.SGD(p, lr=lr, foreach=True),
                           torch.optim.SGD(net.parameters(), lr=1.0))
    data = FederatedDataset(user, get_user_sampler("minimize_reuse", list(range(USERS))))
    mechanism = [CentrallyAppliedPrivacyMechanism(GaussianMechanism(1.0, 1.0))] if private else []
    backend = SimulatedBackend(data, data, postprocessors=mechanism)
    train = NNTrainHyperParams(local_num_epochs=1, local_learning_rate=LR, local_batch_size=BATCH)

    def rounds(n):
        FederatedAveraging().run(NNAlgorithmParams(central_num_iterations=n, evaluation_frequency=10**9,
                                                   train_cohort_size=COHORT, val_cohort_size=0),
                                 backend, trained, train, send_metrics_to_platform=False)
    rounds(1)

    def measure():
        n = max(1, int(WINDOW_S / measure.last))
        start = time.perf_counter()
        rounds(n)
        measure.last = (time.perf_counter() - start) / n
        return measure.last
    measure.last = WINDOW_S
    return pfl.version.__version__ + " with PyTorch " + torch.__version__, measure


def fedjax_rounds(model):
    import importlib.metadata
    import fedjax
    import jax
    params, loss = jax_net(model)
    x, y = examples(model, USERS * HELD, channels_last=True)
    data = [fedjax.ClientDataset({"x": x[i * HELD:(i + 1) * HELD], "y": y[i * HELD:(i + 1) * HELD]})
            for i in range(USERS)]
    grad = jax.jit(jax.grad(lambda p, batch, key: loss(p, batch["x"], batch["y"], key)))
    algorithm = fedjax.algorithms.fed_avg.federated_averaging(
        grad, fedjax.optimizers.sgd(LR), fedjax.optimizers.sgd(1.0),
        fedjax.ShuffleRepeatBatchHParams(batch_size=BATCH, num_epochs=1))
    draw, state = np.random.default_rng(4), {"s": algorithm.init(params), "key": jax.random.PRNGKey(5)}

    def one_round():
        keys = jax.random.split(state["key"], COHORT + 1)
        state["key"] = keys[0]
        chosen = draw.choice(USERS, COHORT, replace=False)
        clients = [(int(d), data[d], k) for d, k in zip(chosen, keys[1:])]
        state["s"], _ = algorithm.apply(state["s"], clients)
        jax.block_until_ready(state["s"].params)
    one_round()
    return (importlib.metadata.version("fedjax") + " with JAX " + jax.__version__), lambda: timed(one_round)


def flower_rounds(model):
    """Its simulation with Ray on one core. A measurement is one run: seconds a round between rounds 2 and 4. A device reads its part of a
    mapped file: held by the client app, all data would travel with every message."""
    import flwr
    import torch
    from flwr.client import ClientApp, NumPyClient
    from flwr.common import ndarrays_to_parameters
    from flwr.server import ServerApp, ServerAppComponents, ServerConfig
    from flwr.server.strategy import FedAvg
    from flwr.simulation import run_simulation
    folder = tempfile.mkdtemp(prefix="bench-flower-")
    atexit.register(shutil.rmtree, folder)
    for name, values in zip("xy", examples(model, USERS * HELD)):
        np.save(f"{folder}/{name}.npy", values)

    class Device(NumPyClient):
        def __init__(self, number):
            self.number = number

        def fit(self, parameters, config):
            net = torch_net(model)
            with torch.no_grad():
                for p, new in zip(net.parameters(), parameters):
                    p.copy_(torch.from_numpy(new))
            own = slice(self.number * HELD, (self.number + 1) * HELD)
            x, y = (torch.from_numpy(np.array(np.load(f"{folder}/{name}.npy", mmap_mode="r")[own])) for name in "xy")
            order, params = torch.randperm(HELD), list(net.parameters())
            for i in range(0, HELD, BATCH):
                part = order[i:i + BATCH]
                loss = torch.nn.functional.cross_entropy(net(x[part]), y[part])
                grads = torch.autograd.grad(loss, params)
                with torch.no_grad():
                    torch._foreach_add_(params, grads, alpha=-LR)
            return [p.detach().numpy() for p in params], HELD, {}

    times = []

    class Timed(FedAvg):
        def aggregate_fit(self, *args, **kwargs):
            out = super().aggregate_fit(*args, **kwargs)
            times.append(time.perf_counter())
            return out
    start = ndarrays_to_parameters([p.detach().numpy() for p in torch_net(model).parameters()])

    def measure():
        times.clear()
        strategy = Timed(fraction_fit=COHORT / USERS, fraction_evaluate=0.0, min_fit_clients=COHORT,
                         initial_parameters=start)
        run_simulation(ServerApp(server_fn=lambda _: ServerAppComponents(strategy=strategy,
                                                                         config=ServerConfig(num_rounds=4))),
                       ClientApp(client_fn=lambda c: Device(int(c.node_config["partition-id"])).to_client()),
                       num_supernodes=USERS,
                       backend_config={"client_resources": {"num_cpus": 1, "num_gpus": 0.0},
                                       "init_args": {"num_cpus": 1, "include_dashboard": False}})
        return (times[3] - times[1]) / 2
    return flwr.__version__ + " with PyTorch " + torch.__version__, measure


KINDS = {
    ("steps", "torch"): lambda m: torch_steps(m, False),
    ("steps", "torch-channels-last"): lambda m: torch_steps(m, True),
    ("steps", "jax"): lambda m: jax_steps(m, False),
    ("steps", "jax-unrolled"): lambda m: jax_steps(m, True),
    ("rounds", "pfl"): pfl_rounds,
    ("rounds", "fedjax"): fedjax_rounds,
    ("rounds", "jax"): jax_rounds,
    ("rounds", "flower"): flower_rounds,
    ("private", "pfl"): lambda m: pfl_rounds(m, True),
    ("private", "jax"): lambda m: jax_rounds(m, True),
}


def main():
    global USERS, HELD, COHORT, STEPS
    answers = os.fdopen(os.dup(1), "w")  # whatever the libraries print goes to stderr
    os.dup2(2, 1)
    if sys.argv[3] == "resnet_gn":
        USERS, HELD, COHORT, STEPS = 100, 20, 10, 2
        if "torch" not in sys.argv[2] and sys.argv[2] != "pfl":
            sys.exit(f"resnet_gn is not written for {sys.argv[2]} here")
    if sys.argv[1] == "texts":
        version, measure = torch_texts(sys.argv[3], sys.argv[2], sys.argv[4])
    else:
        version, measure = KINDS[sys.argv[1], sys.argv[2]](sys.argv[3])
    print("ready", version, file=answers, flush=True)
    for _ in sys.stdin:
        print(measure(), file=answers, flush=True)
    peak = sum(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    print(peak / 1024, file=answers, flush=True)
    atexit._run_exitfuncs()
    os._exit(0)  # Ray and the samplers keep processes that would hold the exit up


if __name__ == "__main__":
    main()
