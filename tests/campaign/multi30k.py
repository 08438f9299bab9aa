"""PyTorch's part of multi30k.sh: nn.Transformer on the words that cohort has imported.

    multi30k.py EN_DE.h5 SEED EPOCHS WRITTEN OUT.json [MOST]

3+3 layers, 256 wide, 8 heads, norms in front, sinusoidal positions, embeddings times sqrt(256), the last layer tied to the target's
embedding, dropout 0.1 but none within attention; AdamW, batches of 64, linear schedule, gradients clipped at 1. Loss and BLEU (sacrebleu) of
the first WRITTEN examples of split 1, by beams of 4 ranked as generate of transformers ranks them. MOST: training examples that are used.
"""
import json
import math
import os
import sys
import time

import h5py
import numpy as np
import sacrebleu
import torch
from torch import nn

HIDDEN, HEADS, LAYERS, BATCH, RATE, BEAMS, LONGEST = 256, 8, 3, 64, 0.001, 4, 60
torch.set_num_threads(int(os.environ.get("THREADS", "1")))


class Pairs:
    def __init__(self, path):
        with h5py.File(path) as h:
            for name in ("tokens", "token_offsets", "target_tokens", "target_offsets", "answers", "answer_bounds", "answer_offsets", "split"):
                setattr(self, name, h[name][:])
            self.names = [n.decode() for n in h["target_vocab"][:]]
            self.sizes = len(h["vocab"]), len(self.names)
        self.begin, self.end = self.target_tokens[0], self.target_tokens[self.target_offsets[1] - 1]

    def padded(self, values, offsets, ids):
        """Tokens, -1 where there is none."""
        rows = [torch.from_numpy(values[offsets[i]:offsets[i + 1]].astype("i8")) for i in ids]
        return nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=-1)

    def sources(self, ids):
        return self.padded(self.tokens, self.token_offsets, ids)

    def targets(self, ids):
        return self.padded(self.target_tokens, self.target_offsets, ids)

    def reference(self, i):
        k = self.answer_offsets[i]
        return self.answers[self.answer_bounds[k]:self.answer_bounds[k + 1]].tobytes().decode()


class Translator(nn.Module):
    def __init__(self, n_source, n_target):
        super().__init__()
        self.source, self.target = nn.Embedding(n_source, HIDDEN), nn.Embedding(n_target, HIDDEN)
        self.body = nn.Transformer(HIDDEN, HEADS, LAYERS, LAYERS, 4 * HIDDEN, dropout=0.1, batch_first=True, norm_first=True)
        for part in self.body.modules():
            if isinstance(part, nn.MultiheadAttention):
                part.dropout = 0.0
        for table in (self.source, self.target):
            nn.init.normal_(table.weight, 0.0, HIDDEN ** -0.5)
        place, wave = torch.arange(512.0)[:, None], torch.exp(torch.arange(0, HIDDEN, 2) * (-math.log(10000.0) / HIDDEN))
        self.register_buffer("places", torch.stack([torch.sin(place * wave), torch.cos(place * wave)], 2).reshape(512, HIDDEN))
        self.drop = nn.Dropout(0.1)

    def embed(self, table, tokens):
        return self.drop(table(tokens.clamp(min=0)) * math.sqrt(HIDDEN) + self.places[:tokens.shape[1]])

    def encode(self, source):
        return self.body.encoder(self.embed(self.source, source), src_key_padding_mask=source < 0)

    def decode(self, memory, source, target):
        """Logits behind each token of the target."""
        n = target.shape[1]
        causal = torch.ones(n, n, dtype=torch.bool).triu(1)
        out = self.body.decoder(self.embed(self.target, target), memory, tgt_mask=causal, tgt_key_padding_mask=target < 0,
                                memory_key_padding_mask=source < 0)
        return out @ self.target.weight.T


def loss_of(net, source, target, reduction="mean"):
    logits = net.decode(net.encode(source), source, target[:, :-1])
    return nn.functional.cross_entropy(logits.flatten(0, 1), target[:, 1:].flatten(), ignore_index=-1, reduction=reduction)


def train(net, data, ids, epochs, rng):
    n_steps = epochs * -(-len(ids) // BATCH)
    warm = max(1, n_steps // 10)
    plain = [p for p in net.parameters() if p.ndim == 1]
    step = torch.optim.AdamW([{"params": plain, "weight_decay": 0.0}, {"params": [p for p in net.parameters() if p.ndim > 1]}], lr=RATE,
                             weight_decay=0.01)
    rate = torch.optim.lr_scheduler.LambdaLR(step, lambda k: min((k + 1) / warm, max(0.0, (n_steps - k) / max(1, n_steps - warm))))
    net.train()
    for epoch in range(epochs):
        order, total = rng.permutation(ids), 0.0
        for at in range(0, len(order), BATCH):
            part = order[at:at + BATCH]
            loss = loss_of(net, data.sources(part), data.targets(part))
            step.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            step.step()
            rate.step()
            total += loss.item() * len(part)
        print(f"epoch {epoch + 1}: loss {total / len(order):.4f}", flush=True)


def write(net, data, ids):
    """The best of BEAMS texts for each source, without marks."""
    source, n = data.sources(ids), len(ids)
    memory = net.encode(source).repeat_interleave(BEAMS, 0)
    source = source.repeat_interleave(BEAMS, 0)
    texts = torch.full((n, BEAMS, 1), int(data.begin))
    scores = torch.full((n, BEAMS), -1e9)
    scores[:, 0] = 0.0
    ended, over = [[] for _ in range(n)], np.zeros(n, bool)
    for length in range(1, LONGEST):
        says = net.decode(memory, source, texts.reshape(n * BEAMS, -1))[:, -1].log_softmax(-1).reshape(n, BEAMS, -1)
        n_words = says.shape[2]
        best, place = (scores[:, :, None] + says).reshape(n, -1).topk(2 * BEAMS)
        next_texts, next_scores = texts.new_zeros(n, BEAMS, length + 1), torch.full((n, BEAMS), -1e9)
        for i in np.flatnonzero(~over):
            k = 0
            for rank, (score, at) in enumerate(zip(best[i].tolist(), place[i].tolist())):
                text, word = texts[i, at // n_words], at % n_words
                if word == data.end:
                    if rank < BEAMS:
                        ended[i] = sorted(ended[i] + [(score / length, text[1:].tolist())], reverse=True)[:BEAMS]
                elif k < BEAMS:
                    next_texts[i, k] = torch.cat([text, torch.tensor([word])])
                    next_scores[i, k] = score
                    k += 1
            over[i] = len(ended[i]) == BEAMS and next_scores[i, 0].item() / length <= ended[i][-1][0]
        texts, scores = next_texts, next_scores
        if over.all():
            break
    for i in np.flatnonzero(~over):  # too long: the running ones count as they stand
        ended[i] += [(s / (LONGEST - 1), t[1:].tolist()) for s, t in zip(scores[i].tolist(), texts[i])]
    return [" ".join(data.names[w] for w in max(e)[1]) for e in ended]


def main(path, seed, epochs, written, out, most=None):
    torch.manual_seed(int(seed))
    begun, data, rng = time.time(), Pairs(path), np.random.default_rng(int(seed))
    net = Translator(*data.sizes)
    train(net, data, np.flatnonzero(data.split == 0)[:int(most) if most else None], int(epochs), rng)
    seconds = time.time() - begun
    net.eval()
    test = np.flatnonzero(data.split == 1)[:int(written)]
    said, total, words = [], 0.0, 0
    with torch.no_grad():
        for at in range(0, len(test), 50):
            part = test[at:at + 50]
            target = data.targets(part)
            total += loss_of(net, data.sources(part), target, "sum").item()
            words += int((target[:, 1:] >= 0).sum())
            said += write(net, data, part)
    bleu = sacrebleu.corpus_bleu(said, [[data.reference(i) for i in test]]).score
    print(f"loss {total / words:.4f}, BLEU {bleu:.2f}, {seconds:.0f} s of training; {said[0]}")
    with open(out + ".part", "w") as f:
        json.dump({"bleu": bleu, "loss": total / words, "seconds": seconds}, f)
    os.replace(out + ".part", out)


main(*sys.argv[1:])
