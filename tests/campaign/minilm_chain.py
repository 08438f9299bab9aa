"""What transformers and PEFT say of texts, beside what `cohort predict` says.

    minilm_chain.py cut DATA RAW                     30 test texts of DATA, cut to ragged lengths, for `cohort import h5`
    minilm_chain.py HEAD DATA LOGITS FOLDER BASE     loads FOLDER (an adapter: on BASE) and compares
Needs torch, transformers, peft, h5py."""
import os
import sys

import h5py
import numpy as np


def cut(data, raw):
    with h5py.File(data) as d, h5py.File(raw, "w") as out:
        offsets, tokens = d["token_offsets"][:], d["tokens"]
        test = np.flatnonzero(d["split"][:] == 1)
        chosen = np.sort(test[np.linspace(0, len(test) - 1, 30).astype(int)])
        parts = [(offsets[i], offsets[i] + min(offsets[i + 1] - offsets[i], 1 + k * 127 // 29)) for k, i in enumerate(chosen)]
        out["tokens"] = np.concatenate([tokens[a:b] for a, b in parts])
        out["token_offsets"] = np.cumsum([0] + [b - a for a, b in parts])
        for name in ("vocab", "classes"):
            out[name] = d[name][:]
        if "token_y" in d:
            out["token_y"] = np.concatenate([d["token_y"][a:b] for a, b in parts])
            out.attrs["task"] = "tagging"
        else:
            out["y"] = d["y"][:][chosen]
    lengths = [b - a for a, b in parts]
    print(f"{len(lengths)} texts of {min(lengths)} to {max(lengths)} tokens")


def load(auto, folder, base, classes):
    from peft import PeftModel
    if os.path.exists(folder + "/adapter_config.json"):
        return PeftModel.from_pretrained(auto.from_pretrained(base, num_labels=len(classes)), folder)
    model, info = auto.from_pretrained(folder, output_loading_info=True)
    assert not any(info.values()), info
    names = [model.config.id2label[k] for k in range(len(classes))]
    assert names == classes, names
    with open(base + "/vocab.txt", "rb") as a, open(folder + "/vocab.txt", "rb") as b:
        assert a.read().split(b"\n") == b.read().split(b"\n"), "another vocab.txt"
    return model


def compare(head, data, logits, folder, base):
    import torch
    import transformers as t
    torch.set_num_threads(1)
    auto = {"classification": t.AutoModelForSequenceClassification, "tagging": t.AutoModelForTokenClassification}[head]
    with h5py.File(data) as d, h5py.File(logits) as p:
        model = load(auto, folder, base, [c.decode() for c in d["classes"][:]]).eval()
        offsets, tokens, ours = d["token_offsets"][:], d["tokens"][:], p["logits"][:]
        far = spread = 0.0
        for k, i in enumerate(p["id"][:]):
            ids = torch.tensor(tokens[offsets[i]:offsets[i + 1]].astype("i8"))[None]
            with torch.no_grad():
                theirs = model(input_ids=ids).logits.numpy()
            own = ours[p["offsets"][k]:p["offsets"][k + 1]] if "offsets" in p else ours[k:k + 1]
            far = max(far, float(np.abs(own - theirs.reshape(own.shape)).max()))
            spread = max(spread, float(np.ptp(own)))
        assert len(p["id"]) == 30 and spread > 0.01 and far < 1e-4, (len(p["id"]), spread, far)
    print(f"{folder} ({type(model).__name__}): logits of 30 texts (spread {spread:.2g}) differ by {far:.2e}")


if sys.argv[1] == "cut":
    cut(*sys.argv[2:])
else:
    compare(*sys.argv[1:])
