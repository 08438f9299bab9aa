"""Makes models.txt: outputs, loss, gradient and twenty SGD steps of models in PyTorch, in double precision.

    python3 tests/reference/models.py > tests/reference/models.txt       (models.py PREFIX: the cases whose names begin so)

Parameters, inputs and labels are a closed formula (value() below; test_reference.c has the same one), so that only
results are stored: of each tensor its norm and some of its coordinates. Dropout is off (eval mode). The learning rates
of the convolutional models keep twenty steps away from ties of max pooling and ReLU, where one rounding decides which
weight learns and float cannot follow double.

Lines of a case:
    case NAME BATCH NDIM D0 D1 D2 CLASSES N_TENSORS N_PARAMS LR MOMENTUM NESTEROV WEIGHT_DECAY
        (texts: NDIM 0, D0 the vocabulary, D1 the longest text, D2 1 where every token has a label)
        (numbers_..: regression, labels_..: several labels an example; pairs_..: a text from a text, both at most D1 long, CLASSES the
        vocabulary of the target; span_..: a first and a last token of each text)
    MODEL as the section `model` of an experiment, one line
    shape NAME DIMS..                    every tensor, as PyTorch names it
    WHAT INDEX SIZE NORM N j value ..    output 0, grad t, step t (parameters after the twenty steps)
    loss BEFORE AFTER                    mean over the batch, before and after the twenty steps
"""
import sys

import numpy as np
import torch
import transformers as tf
from torch import nn

SAMPLES = 40
INPUT, LABEL, LENGTH, TOKEN, TARGET_LENGTH, TARGET_TOKEN = 1000, 2000, 4000, 5000, 6000, 7000


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


class Residual(nn.Sequential):
    """A list of layers, and past it the input or what `shortcut` makes of it."""
    def __init__(self, *layers, shortcut=None):
        super().__init__(*layers)
        self.n_layers = len(layers)
        if shortcut is not None:
            self.shortcut = shortcut

    def forward(self, x):
        y = x
        for layer in list(self)[:self.n_layers]:
            if not isinstance(layer, nn.RNNBase):
                y = layer(y)
            else:
                y = layer(y)[0] if len(y) else y.new_zeros(0, layer.hidden_size)
        return y + (self.shortcut(x) if len(self) > self.n_layers else x)


class GlobalAvgPool(nn.Module):
    def forward(self, x):
        return x.mean((2, 3))


class Tied(nn.Linear):
    """A layer that has the weight of another one."""
    def __init__(self, other, n_in, n_out):
        super().__init__(n_in, n_out)
        self.weight = other.weight


def conv_norm(c_in, c_out, kernel, stride, groups):
    return [nn.Conv2d(c_in, c_out, kernel, stride, padding=kernel // 2, bias=False), nn.GroupNorm(groups, c_out)]


def resnet_gn(c_in, width, stages, blocks, groups, classes):
    layers = [*conv_norm(c_in, width, 3, 1, groups), nn.ReLU()]
    for k in range(stages):
        for b in range(blocks):
            changes = k > 0 and b == 0
            have, want, stride = (width << k) // (2 if changes else 1), width << k, 2 if changes else 1
            past = nn.Sequential(*conv_norm(have, want, 1, stride, groups)) if changes else None
            layers += [Residual(*conv_norm(have, want, 3, stride, groups), nn.ReLU(), *conv_norm(want, want, 3, 1, groups),
                                shortcut=past), nn.ReLU()]
    return nn.Sequential(*layers, GlobalAvgPool(), nn.Linear(width << stages - 1, classes))


def blocks():
    first, shared = nn.Linear(12, 16), nn.Linear(16, 16)
    copies = [nn.Sequential(nn.Linear(16, 16), Residual(nn.Tanh(), nn.GroupNorm(2, 16))) for _ in range(3)]
    return nn.Sequential(first, nn.GroupNorm(4, 16), Residual(nn.Tanh(), shared, nn.Tanh(), Tied(shared, 16, 16)),
                         nn.Sequential(*copies), Residual(nn.Linear(16, 9), shortcut=nn.Sequential(nn.Linear(16, 9))),
                         nn.Linear(9, 5))


def tied_texts():
    table = nn.Embedding(40, 6)
    return Texts(table, Residual(nn.LSTM(6, 6), nn.Tanh()), nn.GroupNorm(3, 6, eps=0.01), Tied(table, 6, 40))


class PoolTime(nn.Module):
    """One row from a sequence [T, d]; zeros from an empty one."""
    def __init__(self, last):
        super().__init__()
        self.last = last

    def forward(self, x):
        if len(x) == 0:
            return x.new_zeros(1, x.shape[1])
        return x[-1:] if self.last else x.mean(0, keepdim=True)


class Positions(nn.Module):
    """Adds a vector for each row's place: learnt ones, or waves (Vaswani et al. 2017, section 3.5)."""
    def __init__(self, most, units, first=0, waves=False):
        super().__init__()
        self.first = first
        if waves:
            angle = torch.arange(most).double()[:, None] / 10000 ** (torch.arange(0, units, 2).double() / units)
            self.table = torch.stack((angle.sin(), angle.cos()), 2).reshape(most, -1)[:, :units]
        else:
            self.weight = nn.Parameter(torch.zeros(most, units))

    def forward(self, x):
        table = self.weight if hasattr(self, "weight") else self.table
        return x + table[self.first:self.first + len(x)]


class SeenEmbedding(nn.Embedding):
    """Remembers its tokens for Segments."""
    def forward(self, tokens):
        self.tokens = tokens
        return super().forward(tokens)


class Segments(nn.Module):
    """Adds a vector for the number of separators before a token."""
    def __init__(self, most, units, separator, embedding):
        super().__init__()
        self.separator, self.of = separator, [embedding]
        self.weight = nn.Parameter(torch.zeros(most, units))

    def forward(self, x):
        ends = (self.of[0].tokens == self.separator).long()
        return x + self.weight[(ends.cumsum(0) - ends).clamp(max=len(self.weight) - 1)]


class Slice(nn.Module):
    def __init__(self, start, size):
        super().__init__()
        self.columns = slice(start, start + size)

    def forward(self, x):
        return x[:, self.columns]


def transformer_parts():
    table = SeenEmbedding(17, 8)
    return Texts(table, Positions(20, 8, first=2), Segments(3, 8, 4, table), nn.LayerNorm(8, eps=1e-12), nn.Linear(8, 21), nn.GELU(),
                 nn.RMSNorm(21, eps=1e-6), nn.Linear(21, 19), nn.SiLU(), Slice(2, 17), Positions(16, 17, waves=True),
                 nn.GELU(approximate="tanh"), nn.RMSNorm(17, eps=1e-3), nn.LayerNorm(17), nn.Linear(17, 6))


class Texts(nn.Sequential):
    """A list of layers over texts, one after another, without padding; all output rows in one matrix."""
    def forward(self, texts):
        rows = []
        for x in texts:
            for layer in self:
                if not isinstance(layer, nn.RNNBase):
                    x = layer(x)
                elif len(x):
                    x = layer(x)[0]
                else:
                    x = x.new_zeros(0, layer.hidden_size * (2 if layer.bidirectional else 1))
            rows.append(x)
        return torch.cat(rows)


class Attention(nn.Module):
    """Of the rows of one text, or, with `seen`, of its target to it; zeros where there is nothing to see."""
    def __init__(self, units, width, heads, causal=False):
        super().__init__()
        self.heads, self.causal = heads, causal
        self.query, self.key, self.value = nn.Linear(units, units), nn.Linear(width, units), nn.Linear(width, units)
        self.out = nn.Linear(units, units)

    def forward(self, x, seen=None):
        seen = x if seen is None else seen
        q, k, v = (t.reshape(len(t), self.heads, -1).transpose(0, 1) for t in (self.query(x), self.key(seen), self.value(seen)))
        scores = q @ k.transpose(1, 2) / q.shape[2] ** 0.5
        if self.causal:
            scores = scores.masked_fill(torch.ones_like(scores, dtype=torch.bool).triu(1), -np.inf)
        y = scores.softmax(2) @ v if len(seen) else torch.zeros_like(q)
        return self.out(y.transpose(0, 1).reshape(len(x), -1))


class Layer(nn.Module):
    """Attention, attention to `seen` where it decodes, two linear layers; each past a sum with its input and a norm."""
    def __init__(self, units, heads, inner, pre, decodes, function):
        super().__init__()
        self.pre, self.decodes, self.function = pre, decodes, function
        parts = ["self_attn", "cross_attn", "linear"] if decodes else ["self_attn", "linear"]
        for k, part in enumerate(parts):
            if pre:
                self.add_module(f"norm{k + 1}", nn.LayerNorm(units))
            if part == "linear":
                self.linear1, self.linear2 = nn.Linear(units, inner), nn.Linear(inner, units)
            else:
                self.add_module(part, Attention(units, units, heads, decodes and part == "self_attn"))
            if not pre:
                self.add_module(f"norm{k + 1}", nn.LayerNorm(units))

    def part(self, x, norm, function):
        return x + function(norm(x)) if self.pre else norm(x + function(x))

    def forward(self, x, seen):
        x = self.part(x, self.norm1, self.self_attn)
        if self.decodes:
            x = self.part(x, self.norm2, lambda z: self.cross_attn(z, seen))
        return self.part(x, self.norm3 if self.decodes else self.norm2, lambda z: self.linear2(self.function(self.linear1(z))))


class Half(nn.Module):
    def __init__(self, embedding, units, heads, inner, layers, pre, decodes, function, learned):
        super().__init__()
        self.embedding = embedding
        self.positions = Positions(20, units, waves=not learned)
        self.layers = nn.ModuleList(Layer(units, heads, inner, pre, decodes, function) for _ in range(layers))
        if pre:
            self.norm = nn.LayerNorm(units)
        self.pre = pre

    def forward(self, tokens, seen=None):
        x = self.positions(self.embedding(tokens) * self.embedding.embedding_dim ** 0.5)
        for layer in self.layers:
            x = layer(x, seen)
        return self.norm(x) if self.pre else x


class Pairs(nn.Module):
    """Over pairs of a text and its target, one after another, without padding."""
    def forward(self, pairs):
        return torch.cat([self.pair(*pair) for pair in pairs])


class Transformer(Pairs):
    def __init__(self, vocabulary, classes, units, heads, inner, layers, pre, tied, function, learned):
        super().__init__()
        table = nn.Embedding(vocabulary, units)
        own = table if tied == "all" else nn.Embedding(classes, units)
        self.encoder = Half(table, units, heads, inner, layers[0], pre, False, function, learned)
        self.decoder = Half(own, units, heads, inner, layers[1], pre, True, function, learned)
        self.output = nn.Linear(units, classes) if tied == "none" else Tied(own, units, classes)
        if tied != "none":
            self.output.bias = None

    def pair(self, source, target):
        return self.output(self.decoder(target, self.encoder(source)))


class Recurrent(Pairs):
    def __init__(self, vocabulary, classes, embedding, units, layers):
        super().__init__()
        self.encoder = Texts(nn.Embedding(vocabulary, embedding), nn.LSTM(embedding, units, layers, bidirectional=True))
        residual = Attention(units, 2 * units, 1)
        block = nn.Module()
        block.add_module("0", residual)
        block.shortcut = nn.Sequential(nn.Linear(units, units))
        self.decoder = nn.ModuleList([nn.Embedding(classes, embedding), nn.LSTM(embedding, units, layers), block, nn.Tanh(),
                                      nn.Linear(units, classes)])

    def pair(self, source, target):
        seen = self.encoder([source])
        embedding, lstm, block, tanh, out = self.decoder
        if len(target) == 0:
            return seen.new_zeros(0, out.out_features)
        h = lstm(embedding(target))[0]
        return out(tanh(getattr(block, "0")(h, seen) + block.shortcut(h)))


def pair_inputs(batch, vocabulary, longest, classes):
    lengths = (bits(TARGET_LENGTH, batch) % np.uint64(longest + 1)).astype(int)
    tokens = torch.from_numpy((bits(TARGET_TOKEN, int(lengths.sum())) % np.uint64(classes)).astype(np.int64))
    return list(zip(text_inputs(batch, vocabulary, longest), torch.split(tokens, lengths.tolist())))


def spans(cls, config):
    """A model of transformers and its own loss, text by text, without padding."""
    net = cls(config)

    def outputs(texts):
        given = [net(input_ids=x[None]) for x in texts]
        return torch.cat([torch.stack((g.start_logits[0], g.end_logits[0]), 1) for g in given])
    net.outputs_of = outputs
    net.loss_of = lambda texts, y: sum(net(input_ids=x[None], start_positions=a[None], end_positions=b[None]).loss
                                       for x, (a, b) in zip(texts, y)) / len(y)
    return net


def span_bilstm():
    net = texts(30, 7, nn.LSTM(7, 9, bidirectional=True), nn.Linear(18, 2))

    def loss(x, y):
        sides = [nn.functional.cross_entropy(net([text])[:, side][None], place[side][None]) for text, place in zip(x, y) for side in (0, 1)]
        return sum(sides) / len(sides)
    net.loss_of = loss
    return net


def texts(vocabulary, units, *layers):
    return Texts(nn.Embedding(vocabulary, units), *layers)


def text_inputs(batch, vocabulary, longest):
    lengths = (bits(LENGTH, batch) % np.uint64(longest + 1)).astype(int)
    tokens = torch.from_numpy((bits(TOKEN, int(lengths.sum())) % np.uint64(vocabulary)).astype(np.int64))
    return torch.split(tokens, lengths.tolist())


ODD = ("{layers: [{conv2d: {channels: 5, kernel: 4, padding: same}}, tanh, {max_pool: {kernel: 3, stride: 2}}, "
       "{conv2d: {channels: 6, kernel: 3, stride: 2}}, relu, {avg_pool: {kernel: 2, stride: 1}}, flatten, "
       "{dense: classes}]}")
MLP = "{name: mlp, hidden: [30, 20]}"
BLOCKS = ("{layers: [{dense: 16}, {group_norm: 4}, {residual: [tanh, {dense: 16}, tanh, {dense: 16, tie: {weight: 2.1.weight}}]}, "
          "{repeat: {times: 3, layers: [{dense: 16}, {residual: [tanh, {group_norm: 2}]}]}}, "
          "{residual: {layers: [{dense: 9}], shortcut: [{dense: 9}]}}, {dense: classes}]}")
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
    ("blocks", BLOCKS, blocks, 7, (12,), 5, 0.1, (0, 0, 0)),
    ("resnet_small", "{name: resnet_gn, width: 8, stages: 3, blocks: 1}", lambda: resnet_gn(3, 8, 3, 1, 2, 10), 4, (3, 16, 13), 10,
     0.01, (0, 0, 0)),
    ("resnet_18", "{name: resnet_gn}", lambda: resnet_gn(3, 64, 4, 2, 2, 10), 2, (3, 8, 8), 10, 0.001, (0, 0, 0)),
]


STACK = ("{layers: [{embedding: 7}, {lstm: {units: 9, layers: 2, bidirectional: true}}, tanh, {dense: 6}, {gru: 5}, "
         "{pool_time: last}, {dense: classes}]}")
GRU = "{layers: [{embedding: 6}, {gru: {units: 8, layers: 3, bidirectional: true}}, {dense: 11}, relu, {dense: classes}]}"
PARTS = ("{layers: [{embedding: {units: 8, tokens: 17}}, {positions: {most: 20, first: 2}}, {segments: {most: 3, separator: 4}}, "
         "{layer_norm: {eps: 1e-12}}, {dense: 21}, gelu, rms_norm, {dense: 19}, silu, {slice: {from: 2, size: 17}}, "
         "{positions: {kind: sinusoidal, most: 16}}, {gelu: tanh}, {rms_norm: {eps: 0.001}}, layer_norm, {dense: classes}]}")
#        name   model   network   batch   (vocabulary, longest text, a label for every token)   classes   lr   rule
TEXTS = [
    ("text_char_lstm", "{name: char_lstm}",
     lambda: texts(80, 8, nn.LSTM(8, 256, 2), nn.Linear(256, 80)), 4, (80, 12, 1), 80, 0.5, (0, 0, 0)),
    ("text_bow", "{name: bow, embedding: 20}",
     lambda: texts(300, 20, PoolTime(False), nn.Linear(20, 5)), 9, (300, 30, 0), 5, 0.5, (0, 0, 0)),
    ("text_lstm", "{name: lstm, embedding: 20, units: 33}",
     lambda: texts(90, 20, nn.LSTM(20, 33), PoolTime(False), nn.Linear(33, 4)), 7, (90, 25, 0), 4, 0.5, (0.9, 0, 0.01)),
    ("text_bilstm", "{name: bilstm, embedding: 18, units: 21}",
     lambda: texts(90, 18, nn.LSTM(18, 21, bidirectional=True), nn.Linear(42, 9)), 6, (90, 20, 1), 9, 0.5, (0, 0, 0)),
    ("text_stack", STACK,
     lambda: texts(40, 7, nn.LSTM(7, 9, 2, bidirectional=True), nn.Tanh(), nn.Linear(18, 6), nn.GRU(6, 5),
                   PoolTime(True), nn.Linear(5, 3)), 8, (40, 15, 0), 3, 0.3, (0, 0, 0)),
    ("text_gru", GRU,
     lambda: texts(40, 6, nn.GRU(6, 8, 3, bidirectional=True), nn.Linear(16, 11), nn.ReLU(), nn.Linear(11, 40)),
     8, (40, 15, 1), 40, 0.5, (0.9, 1, 0)),
    ("text_tied", "{layers: [{embedding: 6}, {residual: [{lstm: 6}, tanh]}, {group_norm: {groups: 3, eps: 0.01}}, "
     "{dense: 40, tie: {weight: 0.weight}}]}", tied_texts, 8, (40, 15, 1), 40, 0.5, (0, 0, 0)),
    ("parts", PARTS, transformer_parts, 9, (15, 16, 1), 6, 0.1, (0, 0, 0)),
]


TRANSFORMER = "{name: seq2seq_transformer, most_positions: 20, dropout: 0, "
PAIRS = [
    ("pairs_pre", TRANSFORMER + "layers: 2, decoder_layers: 1, hidden: 12, heads: 3, intermediate: 20}",
     lambda: Transformer(23, 17, 12, 3, 20, (2, 1), True, "none", torch.relu, False), 9, (23, 12, 2), 17, 0.1, (0, 0, 0)),
    ("pairs_post", TRANSFORMER + "layers: 1, hidden: 16, heads: 2, norm: post, positions: learned, tied: all, activation: gelu}",
     lambda: Transformer(19, 19, 16, 2, 64, (1, 1), False, "all", nn.functional.gelu, True), 7, (19, 12, 2), 19, 0.05, (0.9, 0, 0.01)),
    ("pairs_tied", TRANSFORMER + "layers: 1, hidden: 8, heads: 2, tied: output, activation: silu}",
     lambda: Transformer(15, 21, 8, 2, 32, (1, 1), True, "output", nn.functional.silu, False), 6, (15, 9, 2), 21, 0.05, (0, 0, 0)),
    ("pairs_lstm", "{name: seq2seq_lstm, embedding: 7, units: 11, layers: 2, dropout: 0}",
     lambda: Recurrent(23, 17, 7, 11, 2), 8, (23, 12, 2), 17, 0.5, (0, 0, 0)),
]


#        numbers: targets in [-1, 1); labels: 0 or 1 for each output
TARGETS = [
    ("numbers_squared", "{name: mlp, hidden: [30, 20]}", lambda: dense_chain([13, 30, 20, 5]), 7, (13,), 5, 0.5, (0, 0, 0)),
    ("numbers_huber", "{name: mlp, hidden: [30, 20], loss: huber, delta: 0.4}", lambda: dense_chain([13, 30, 20, 3]), 9, (13,), 3,
     0.5, (0.9, 0, 0.01)),
    ("labels_binary", "{name: mlp, hidden: [30, 20]}", lambda: dense_chain([13, 30, 20, 6]), 8, (13,), 6, 0.5, (0, 0, 0)),
]
LOSS = {"numbers_squared": nn.MSELoss(), "numbers_huber": nn.HuberLoss(delta=0.4), "labels_binary": nn.BCEWithLogitsLoss()}


BERT = tf.BertConfig(num_hidden_layers=2, hidden_size=16, num_attention_heads=2, intermediate_size=20, vocab_size=30, num_labels=2,
                     max_position_embeddings=11)
DISTILBERT = tf.DistilBertConfig(n_layers=2, dim=16, n_heads=4, hidden_dim=20, vocab_size=30, num_labels=2, max_position_embeddings=11)
SIZES = "layers: 2, hidden: 16, intermediate: 20, most_positions: 11"
#        the same, texts of 1 token at least
SPANS = [
    ("span_bert", f"{{name: bert, heads: 2, {SIZES}, dropout: 0, attention_dropout: 0}}",
     lambda: spans(tf.BertForQuestionAnswering, BERT), 7, (30, 11, 1), 2, 0.1, (0, 0, 0)),
    ("span_distilbert", f"{{name: distilbert, heads: 4, {SIZES}, dropout: 0, attention_dropout: 0, head_dropout: 0, head: span}}",
     lambda: spans(tf.DistilBertForQuestionAnswering, DISTILBERT), 7, (30, 11, 1), 2, 0.05, (0, 0, 0.01)),
    ("span_bilstm", "{name: bilstm, embedding: 7, units: 9}", span_bilstm, 6, (30, 20, 1), 2, 0.5, (0, 0, 0)),
]


def span_inputs(batch, vocabulary, longest):
    """Texts of 1 to `longest` tokens (never the padding of transformers, 0, which has no gradient), and places in them."""
    lengths = (bits(LENGTH, batch) % np.uint64(longest)).astype(int) + 1
    tokens = torch.from_numpy((bits(TOKEN, int(lengths.sum())) % np.uint64(vocabulary - 1) + np.uint64(1)).astype(np.int64))
    places = bits(LABEL, 2 * batch).astype(np.int64).reshape(batch, 2) % lengths[:, None]
    return torch.split(tokens, lengths.tolist()), torch.from_numpy(places)


def targets(name, n):
    drawn = bits(LABEL, n)
    if name.startswith("labels"):
        return (drawn % np.uint64(2)).astype(np.float64)
    return drawn.astype(np.float64) * 2.0**-23 - 1.0


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
    dims, ndim, n_labels = list(shape) + [0] * (3 - len(shape)), len(shape), batch
    if name.startswith("span"):
        ndim, (x, y) = 0, span_inputs(batch, dims[0], dims[1])
    elif isinstance(net, Texts):
        ndim, x = 0, text_inputs(batch, dims[0], dims[1])
        n_labels = sum(map(len, x)) if dims[2] else batch
    elif isinstance(net, Pairs):
        ndim, x = 0, pair_inputs(batch, dims[0], dims[1], classes)
        n_labels = sum(len(target) for _, target in x)
    else:
        x = torch.from_numpy(inputs(batch * int(np.prod(shape))).astype(np.float64)).reshape(batch, *shape)
    if not name.startswith("span"):
        y = torch.from_numpy((bits(LABEL, n_labels) % np.uint64(classes)).astype(np.int64))
    if name in LOSS:
        y = torch.from_numpy(targets(name, batch * classes)).reshape(batch, classes)
    tensors = list(net.named_parameters())
    total = sum(p.numel() for _, p in tensors)
    print(f"case {name} {batch} {ndim} {dims[0]} {dims[1]} {dims[2]} {classes} {len(tensors)} {total} "
          f"{lr} {momentum} {nesterov} {decay}")
    print(model)
    for key, p in tensors:
        print("shape", key, p.dim(), *p.shape)
    step = torch.optim.SGD(net.parameters(), lr=lr, momentum=momentum, nesterov=bool(nesterov), weight_decay=decay)
    criterion = LOSS.get(name, nn.CrossEntropyLoss())
    outputs_of = getattr(net, "outputs_of", net)
    loss_of = getattr(net, "loss_of", lambda x, y: criterion(net(x), y))
    first = None
    for i in range(20):
        step.zero_grad()
        loss = loss_of(x, y)
        loss.backward()
        if i == 0:
            first = loss.item()
            show("output", 0, outputs_of(x))
            for t, p in enumerate(net.parameters()):
                show("grad", t, p.grad)
        step.step()
    for t, p in enumerate(net.parameters()):
        show("step", t, p)
    print(f"loss {first:.12g} {loss_of(x, y).item():.12g}")


if __name__ == "__main__":
    torch.manual_seed(0)
    for case in CASES + TEXTS + TARGETS + PAIRS + SPANS:
        if case[0].startswith(sys.argv[1] if len(sys.argv) > 1 else ""):
            run(*case)
