"""Data and comparisons for transformers_reference.sh: what cohort predict gives beside transformers' own values.

    transformers_reference.py minilm FOLDER WORK      texts, then WORK/hidden.h5 beside AutoModel's hidden states
    transformers_reference.py smollm GGUF WORK        the folder of a GGUF file, texts, logits and perplexity

Each does what is left to do: first the inputs, and when cohort has written its files, the comparison.
"""
import math
import os
import sys

import h5py
import numpy as np
import torch
from transformers import AutoModel, AutoModelForCausalLM, AutoTokenizer

torch.set_num_threads(1)
HERE = os.path.dirname(os.path.abspath(__file__))


def sentences():
    """Public text that every machine has: this repository's own."""
    root = os.path.dirname(os.path.dirname(HERE))
    for folder, _, names in sorted(os.walk(root)):
        for name in sorted(names):
            if name.endswith((".md", ".h", ".sh")) and "/build" not in folder and "/." not in folder:
                with open(os.path.join(folder, name), encoding="utf-8") as file:
                    yield file.read()


def cut(tokenizer, lengths, **options):
    source, stock, texts = sentences(), [], []
    for n in lengths:
        while len(stock) < n:
            stock += tokenizer(next(source), add_special_tokens=False)["input_ids"]
        texts.append(stock[:n])
        del stock[:n]
    return texts


def write(path, texts, vocabulary, task):
    with h5py.File(path, "w") as file:
        file["tokens"] = np.concatenate(texts).astype("i4")
        file["token_offsets"] = np.cumsum([0] + [len(t) for t in texts]).astype("i8")
        file["vocab"] = np.array([b"%d" % k for k in range(vocabulary)])
        if task == "classification":
            file["y"] = np.arange(len(texts), dtype="i4") % 2
        file.attrs["task"] = task


def predictions(path, name):
    with h5py.File(path) as file:
        offsets = file["offsets"][:]
        values = file[name][:]
        return {int(i): values[offsets[k]:offsets[k + 1]] for k, i in enumerate(file["id"][:])}


def minilm(folder, work):
    data, out = os.path.join(work, "minilm.raw.h5"), os.path.join(work, "hidden.h5")
    model = AutoModel.from_pretrained(folder, dtype=torch.float32).eval()
    if not os.path.exists(out):
        rng = np.random.default_rng(1)
        lengths = [1, 2, 3, 511, 512] + rng.integers(4, 512, 195).tolist()
        write(data, cut(AutoTokenizer.from_pretrained(folder), lengths), model.config.vocab_size, "classification")
        return
    worst = 0.0
    with h5py.File(data) as file:
        tokens, offsets = file["tokens"][:], file["token_offsets"][:]
    for i, own in predictions(out, "hidden").items():
        ids = torch.from_numpy(tokens[offsets[i]:offsets[i + 1]].astype("i8"))[None]
        with torch.no_grad():
            theirs = model(input_ids=ids, attention_mask=torch.ones_like(ids)).last_hidden_state[0].numpy()
        assert theirs.shape == own.shape, (theirs.shape, own.shape)
        worst = max(worst, float(np.abs(theirs - own).max()))
    print(f"MiniLM: {len(offsets) - 1} texts, {offsets[-1]} tokens: hidden states within {worst:.2g} (2e-5 is allowed)")
    assert len(offsets) == 201 and worst <= 2e-5


def smollm(gguf, work):
    folder, data = os.path.join(work, "smollm"), os.path.join(work, "smollm.raw.h5")
    out, losses = os.path.join(work, "logits.h5"), os.path.join(work, "losses.h5")
    if not os.path.exists(os.path.join(folder, "config.json")):
        where, name = os.path.split(gguf)
        read = AutoModelForCausalLM.from_pretrained(where, gguf_file=name, dtype=torch.float32)
        options = {k: v for k, v in read.config.to_dict().items() if k != "quantization_config"}
        plain = AutoModelForCausalLM.from_config(type(read.config).from_dict(options), dtype=torch.float32)
        plain.load_state_dict(read.state_dict())  # the model as it was read says that it is quantised
        plain.save_pretrained(folder)
        AutoTokenizer.from_pretrained(where, gguf_file=name).save_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    if not os.path.exists(out):
        rng = np.random.default_rng(2)
        write(data, cut(AutoTokenizer.from_pretrained(folder), [2, 3] + rng.integers(4, 64, 48).tolist()),
              model.config.vocab_size, "lm")
        return
    worst, ties, n, sums, nats = 0.0, 0, 0, [0.0, 0.0], 0.0
    with h5py.File(data) as file:
        tokens, offsets = file["tokens"][:], file["token_offsets"][:]
    own_losses = predictions(losses, "loss")
    for i, own in predictions(out, "logits").items():
        ids = torch.from_numpy(tokens[offsets[i]:offsets[i + 1]].astype("i8"))
        with torch.no_grad():
            theirs = model(input_ids=ids[None]).logits[0, :-1]
        own = torch.from_numpy(own)
        worst = max(worst, float((theirs - own).abs().max()))
        ties += int((theirs.argmax(1) != own.argmax(1)).sum())
        n += len(ids) - 1
        for k, logits in enumerate((theirs, own)):
            sums[k] += float(torch.nn.functional.cross_entropy(logits.double(), ids[1:], reduction="sum"))
        nats += float(own_losses[i].astype("f8").sum())
    perplexity = [math.exp(s / n) for s in sums + [nats]]
    print(f"SmolLM2: {len(offsets) - 1} texts, {n} predictions: logits within {worst:.2g} (1e-3 is allowed), {ties} other "
          f"argmax, perplexity {perplexity[1]:.6g}, by its own losses {perplexity[2]:.6g}, transformers {perplexity[0]:.6g}")
    assert worst <= 1e-3 and ties == 0
    assert f"{perplexity[0]:.5g}" == f"{perplexity[1]:.5g}" == f"{perplexity[2]:.5g}"


{"minilm": minilm, "smollm": smollm}[sys.argv[1]](sys.argv[2], sys.argv[3])
