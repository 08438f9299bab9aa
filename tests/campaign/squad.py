"""PyTorch's part of squad.sh: BertForQuestionAnswering on the windows that cohort has imported.

    squad.py batches SQUAD.h5 PART.h5 N SIZE         a partition of N devices with SIZE training windows each
    squad.py first MODEL SQUAD.h5 PART.h5 RUN N      losses of the N steps of RUN, each on the device that it chose, with SGD and momentum;
                                                     within 1e-3 of the run's own
    squad.py train MODEL SQUAD.h5 SEED EPOCHS OUT    AdamW, batches of 16, linear schedule, dropout 0.1; exact match and F1 on split 1
Windows are padded to the longest of their batch and the padding is masked, in the attention and in the softmax of the loss: cohort's texts
have none. Answers are chosen as transformers' run_qa chooses them (n_best 20) and scored by tests/reference/answers.py.
"""
import json
import os
import sys
import time

import h5py
import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "reference"))
SEP, MOST, N_BEST = 102, 30, 20
RATE, MOMENTUM = 0.004, 0.9  # of the first steps; squad.sh has the same. At 0.02 the difference of two roundings grows 10^5 times in 45


def batches(data, part, n, size):
    with h5py.File(data) as h:
        train = np.flatnonzero(h["split"][:] == 0)
    chosen = np.random.default_rng(1).permutation(train)[:n * size]
    with h5py.File(part, "w") as h:
        h["train/offsets"] = np.arange(0, n * size + 1, size, dtype="i8")
        h["train/examples"] = np.concatenate([np.sort(c) for c in chosen.reshape(n, size)]).astype("i8")
        h["test/offsets"], h["test/examples"] = np.zeros(n + 1, "i8"), np.zeros(0, "i8")
        h["unassigned"] = np.setdiff1d(train, chosen).astype("i8")
        h.attrs.update({"format": "cohort-partition", "version": 1, "n_devices": n, "method": "imported", "overlap": 0})


class Windows:
    def __init__(self, path):
        with h5py.File(path) as h:
            for name in ("tokens", "token_offsets", "span", "question", "token_char", "text_offsets", "answers", "answer_bounds",
                         "answer_offsets", "split"):
                setattr(self, name, h[name][:])
            self.text = h["text"][:].tobytes()

    def batch(self, ids):
        import torch
        rows = [torch.from_numpy(self.tokens[self.token_offsets[i]:self.token_offsets[i + 1]].astype("i8")) for i in ids]
        tokens = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)
        there = torch.nn.utils.rnn.pad_sequence([torch.ones_like(r) for r in rows], batch_first=True)
        ends = (tokens == SEP).long()
        places = torch.from_numpy(np.maximum(self.span[ids], 0).astype("i8"))
        return dict(input_ids=tokens, attention_mask=there, token_type_ids=(ends.cumsum(1) - ends).clamp(max=1)), places


def outputs(model, given):
    """[2][windows][tokens]; padding has the lowest of all."""
    import torch
    out = model(**given)
    return [torch.where(given["attention_mask"] > 0, o, torch.finfo(o.dtype).min) for o in (out.start_logits, out.end_logits)]


def loss_of(model, given, places):
    import torch
    start, end = outputs(model, given)
    return (torch.nn.functional.cross_entropy(start, places[:, 0]) + torch.nn.functional.cross_entropy(end, places[:, 1])) / 2


def load(folder, dropout):
    import torch
    import transformers as tf
    torch.set_num_threads(int(os.environ.get("THREADS", "1")))
    return tf.BertForQuestionAnswering.from_pretrained(folder, hidden_dropout_prob=dropout, attention_probs_dropout_prob=dropout,
                                                       dtype=torch.float32)


def first(folder, data, part, run, n):
    import torch
    windows, model = Windows(data), load(folder, 0.0).train()
    with h5py.File(part) as h, h5py.File(run + "/run.h5") as r:
        offsets, examples = h["train/offsets"][:], h["train/examples"][:]
        devices, own = r["devices/device"][:n], r["rounds/train_loss"][:n]
    with h5py.File(run + "/zero.h5") as h:  # the head begins as cohort drew it
        model.qa_outputs.weight.data = torch.from_numpy(h["model/qa_outputs.weight"][:])
        model.qa_outputs.bias.data = torch.from_numpy(h["model/qa_outputs.bias"][:])
    step = torch.optim.SGD(model.parameters(), lr=RATE, momentum=MOMENTUM)
    worst = 0.0
    for k, device in enumerate(devices):
        ids, loss = examples[offsets[device]:offsets[device + 1]], 0.0
        step.zero_grad()
        for i in ids:  # one by one: no padding
            part = loss_of(model, *windows.batch([i])) / len(ids)
            part.backward()
            loss += part.item()
        step.step()
        worst = max(worst, abs(loss - own[k]))
        print(f"step {k + 1}: {own[k]:.6f}, PyTorch {loss:.6f}, apart {abs(loss - own[k]):.2g}", flush=True)
    print(f"RESULT squad: the losses of the first {n} steps, from {own[0]:.4f} to {own[-1]:.4f}, are within {worst:.2g} of PyTorch's "
          "(1e-3 is allowed)")
    assert len(own) == n and worst <= 1e-3


def evaluate(windows, model):
    """run_qa's choice, and SQuAD's scores."""
    import torch
    from answers import score
    ids, best, rows = np.flatnonzero(windows.split == 1), {}, []
    for at in range(0, len(ids), 16):
        part = ids[at:at + 16]
        with torch.no_grad():
            given, _ = windows.batch(part)
            start, end = (o.numpy() for o in outputs(model, given))
        for i, a, b in zip(part, start, end):
            place = windows.token_char[windows.token_offsets[i]:windows.token_offsets[i + 1]]
            for s in np.argsort(a)[::-1][:N_BEST]:
                for e in np.argsort(b)[::-1][:N_BEST]:
                    if s < len(place) and e < len(place) and place[s][0] >= 0 and place[e][0] >= 0 and s <= e < s + MOST:
                        q = windows.question[i]
                        if q not in best or a[s] + b[e] > best[q][0]:
                            best[q] = (a[s] + b[e], i, place[s][0], place[e][1])
    for q in np.unique(windows.question[ids]):
        i = np.searchsorted(windows.question, q)
        accepted = [windows.answers[windows.answer_bounds[j]:windows.answer_bounds[j + 1]].tobytes().decode()
                    for j in range(windows.answer_offsets[i], windows.answer_offsets[i + 1])]
        _, w, a, b = best.get(q, (0, i, 0, 0))
        start = windows.text_offsets[w]
        rows.append(score(windows.text[start + a:start + b].decode(errors="replace"), accepted, 1))
    return np.mean(rows, 0).tolist()


def train(folder, data, seed, epochs, out):
    import torch
    torch.manual_seed(seed)
    windows, model = Windows(data), load(folder, 0.1)
    torch.nn.init.normal_(model.qa_outputs.weight, 0.0, 0.02)
    ids, rng, begun = np.flatnonzero(windows.split == 0), np.random.default_rng(seed), time.time()
    n_steps = epochs * -(-len(ids) // 16)
    plain = [p for name, p in model.named_parameters() if name.endswith("bias") or "LayerNorm" in name]
    rest = [p for name, p in model.named_parameters() if not (name.endswith("bias") or "LayerNorm" in name)]
    step = torch.optim.AdamW([{"params": plain, "weight_decay": 0.0}, {"params": rest}], lr=float(os.environ["LR"]), weight_decay=0.01)
    warm = max(1, n_steps // 10)
    rate = torch.optim.lr_scheduler.LambdaLR(step, lambda k: min((k + 1) / warm, max(0.0, (n_steps - k) / max(1, n_steps - warm))))
    model.train()
    for _ in range(epochs):
        order = rng.permutation(ids)
        for at in range(0, len(order), 16):
            loss = loss_of(model, *windows.batch(order[at:at + 16]))
            step.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            step.step()
            rate.step()
    exact, f1 = evaluate(windows, model.eval())
    with open(out + ".part", "w") as f:
        json.dump({"exact_match": exact, "f1": f1, "seconds": time.time() - begun}, f)
    os.replace(out + ".part", out)


command, *words = sys.argv[1:]
if command == "batches":
    batches(words[0], words[1], int(words[2]), int(words[3]))
elif command == "first":
    first(*words[:4], int(words[4]))
else:
    train(words[0], words[1], int(words[2]), int(words[3]), words[4])
