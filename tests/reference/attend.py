"""Makes attend.txt: outputs and gradients of the layers attend and gate in PyTorch, in double precision; rotary positions by
transformers' own Llama.

    python3 tests/reference/attend.py > tests/reference/attend.txt

Inputs and the gradient by the output are a closed formula (value() of stream 1 + number of the input, 9 for the gradient), so
that only results are stored. Lines of a case:
    case LAYER OPTIONS
    N_TEXTS LENGTHS.. N_INPUTS WIDTHS.. WIDTH_OUT
    WHAT NUMBER SIZE NORM N j value ..     output 0, grad s (by input s)
"""
import numpy as np
import torch
from torch.nn import functional as F
from transformers.models.llama import modeling_llama as llama
from transformers.models.llama.configuration_llama import LlamaConfig

from models import bits, show


def values(stream, *shape):
    n = int(np.prod(shape))
    return torch.from_numpy((bits(stream, n).astype(np.float64) * 2.0**-23 - 1.0).reshape(shape))


def rotate(q, k, theta):
    """[1, heads, T, d]"""
    d, length = q.shape[-1], q.shape[2]
    config = LlamaConfig(hidden_size=d, num_attention_heads=1, rope_parameters={"rope_type": "default", "rope_theta": theta})
    rotary = llama.LlamaRotaryEmbedding(config)
    rotary.inv_freq = 1.0 / theta ** (torch.arange(0, d, 2, dtype=torch.float64) / d)
    freqs = torch.arange(length, dtype=torch.float64)[:, None] * rotary.inv_freq
    angles = torch.cat((freqs, freqs), -1)[None]
    return llama.apply_rotary_pos_emb(q, k, angles.cos(), angles.sin())


def attend(x, lengths, heads, kv_heads, causal=False, rotary=0):
    rows = []
    for q, k, v in zip(*(torch.split(t, lengths) for t in x)):
        if len(q) == 0:
            continue
        q, k, v = (t.reshape(1, len(t), h, -1).transpose(1, 2) for t, h in ((q, heads), (k, kv_heads), (v, kv_heads)))
        if rotary:
            q, k = rotate(q, k, rotary)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=causal, enable_gqa=heads != kv_heads)
        rows.append(y.transpose(1, 2).reshape(y.shape[2], -1))
    return torch.cat(rows)


def run(layer, options, lengths, widths, function):
    rows = sum(lengths)
    x = [values(1 + s, rows, w).requires_grad_() for s, w in enumerate(widths)]
    y = function(x)
    y.backward(values(9, *y.shape))
    print(f"case {layer} {options}")
    print(len(lengths), *lengths, len(widths), *widths, y.shape[1])
    show("output", 0, y)
    for s, t in enumerate(x):
        show("grad", s, t.grad)


MIXED = [0, 1, 12, 0, 70, 130, 64, 65, 2]
if __name__ == "__main__":
    run("attend", "{heads: 2}", MIXED, (64, 64, 64), lambda x: attend(x, MIXED, 2, 2))
    run("attend", "{heads: 3, causal: true}", MIXED, (21, 21, 21), lambda x: attend(x, MIXED, 3, 3, True))
    run("attend", "{heads: 4, kv_heads: 2, causal: true, rotary: 10000}", MIXED, (256, 128, 128),
        lambda x: attend(x, MIXED, 4, 2, True, 10000.0))
    run("attend", "{heads: 6, kv_heads: 1, rotary: 500}", [520, 7], (36, 6, 6), lambda x: attend(x, [520, 7], 6, 1, False, 500.0))
    run("gate", "{}", [3, 0, 40], (37, 37), lambda x: F.silu(x[0]) * x[1])
    run("gate", "{act: gelu}", [3, 0, 40], (37, 37), lambda x: F.gelu(x[0]) * x[1])
