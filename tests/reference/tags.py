"""Makes tags.txt: taggers in PyTorch and pytorch-crf, in double precision.

    python3 tests/reference/tags.py > tests/reference/tags.txt       (pip install torch pytorch-crf)

Parameters, tokens, letters and labels are a closed formula (models.py has it; test_tags_reference.c too). Texts have 0 to 9
tokens, tokens 0 to 5 letters; every fifth token has no tag.

Lines of a case:
    case NAME TASK TAGS CLASSES N_TENSORS N_PARAMS LR
    MODEL as the section `model` of an experiment, one line
    shape NAME DIMS..                   every tensor
    WHAT INDEX SIZE NORM N j value ..   output 0 (the dense layers'), grad t, step t (parameters after the twenty steps)
    tags N tag ..                       crf: the best paths before the steps, of the tokens that have a tag
    loss BEFORE AFTER
"""
import torch
import torchcrf
from torch import nn

from models import LABEL, LENGTH, TOKEN, bits, fill, show

LETTERS, LETTER = 7000, 7100
WORDS, CHARS, BATCH = 30, 11, 7


def ids(stream, n, most):
    return torch.from_numpy((bits(stream, n) % bits(0, 1).dtype.type(most)).astype("int64"))


class CharCnn(nn.Module):
    def __init__(self, embedding, filters, width):
        super().__init__()
        self.embedding = nn.Embedding(CHARS, embedding)
        self.conv = nn.Conv1d(embedding, filters, width, padding="same")

    def word(self, letters):
        if len(letters) == 0:
            return self.conv.bias * 0.0
        return self.conv(self.embedding(letters).T[None])[0].max(1).values

    def forward(self, words):
        return torch.stack([self.word(w) for w in words])


class Tagger(nn.Module):
    def __init__(self, tags, classes=0, chars=None, crf=False):
        super().__init__()
        self.words = nn.Embedding(WORDS, 6)
        self.chars = CharCnn(*chars) if chars else None
        self.lstm = nn.LSTM(6 + (chars[1] if chars else 0), 5, bidirectional=True)
        self.classes = nn.Linear(10, classes) if classes else None
        self.tags = nn.Linear(10, tags)
        self.crf = torchcrf.CRF(tags) if crf else None

    def outputs(self, text):
        """Of the classes (or None), and of the tags."""
        tokens, letters = text
        x = self.words(tokens)
        if self.chars:
            x = torch.cat((x, self.chars(letters)), 1)
        x = self.lstm(x)[0]
        return self.classes(x.mean(0)) if self.classes else None, self.tags(x)

    def rows(self, texts):
        rows = []
        for text in texts:
            if len(text[0]):
                c, t = self.outputs(text)
                if c is not None:
                    t = torch.cat((t, torch.cat((c[None], torch.zeros(len(t) - 1, len(c)).double()))), 1)
                rows.append(t)
        return torch.cat(rows)

    def loss(self, texts, tags, classes):
        chained, each, n = 0.0, [], 0
        for text, y, c in zip(texts, tags, classes):
            if len(y) == 0:
                continue
            of_class, of_tags = self.outputs(text)
            of_tags, y = of_tags[y >= 0], y[y >= 0]
            n += len(y)
            if self.crf and len(y):
                chained = chained - self.crf(of_tags[:, None], y[:, None], reduction="sum")
            if self.classes:
                own = nn.functional.cross_entropy(of_class[None], c[None])
                each.append(own + nn.functional.cross_entropy(of_tags, y) if len(y) else own)
        return sum(each) / len(each) if each else chained / n

    def paths(self, texts, tags):
        best = []
        for text, y in zip(texts, tags):
            if (y >= 0).any():
                best += self.crf.decode(self.outputs(text)[1][y >= 0][:, None])[0]
        return best


CONCAT = "{concat: [[{embedding: 6}], [{char_cnn: {embedding: 4, filters: 7, width: %d}}]]}, {lstm: {units: 5, bidirectional: true}}"

CASES = [
    ("crf", "tagging", "{name: bilstm, embedding: 6, units: 5, head: crf}", lambda: Tagger(5, crf=True), 5, 0, 0.3),
    ("crf_chars", "tagging", "{name: bilstm, embedding: 6, units: 5, head: crf, chars: cnn, char_embedding: 4, char_filters: 7}",
     lambda: Tagger(4, chars=(4, 7, 3), crf=True), 4, 0, 0.2),
    ("chars_even", "tagging", "{layers: [" + CONCAT % 4 + ", {dense: classes}, crf]}",
     lambda: Tagger(4, chars=(4, 7, 4), crf=True), 4, 0, 0.2),
    ("joint", "joint", "{name: bilstm, embedding: 6, units: 5}", lambda: Tagger(5, classes=3), 5, 3, 0.3),
    ("joint_chars", "joint", "{name: bilstm, embedding: 6, units: 5, chars: cnn, char_embedding: 4, char_filters: 7, char_width: 1}",
     lambda: Tagger(5, classes=3, chars=(4, 7, 1)), 5, 3, 0.2),
]


def data(n_tags, n_classes):
    lengths = ids(LENGTH, BATCH, 10).tolist()
    n = sum(lengths)
    sizes = ids(LETTERS, n, 6).tolist()
    letters = torch.split(ids(LETTER, sum(sizes), CHARS), sizes)
    tags = ids(LABEL, n, n_tags)
    tags[ids(LABEL + 1, n, 5) == 0] = -1
    tokens = torch.split(ids(TOKEN, n, WORDS), lengths)
    texts, at = [], 0
    for t in tokens:
        texts.append((t, letters[at:at + len(t)]))
        at += len(t)
    return texts, torch.split(tags, lengths), ids(LABEL + 2, BATCH, max(n_classes, 1))


def run(name, task, model, make, n_tags, n_classes, lr):
    net = make().double().eval()
    fill(net)
    texts, tags, classes = data(n_tags, n_classes)
    tensors = list(net.named_parameters())
    print(f"case {name} {task} {n_tags} {n_classes} {len(tensors)} {sum(p.numel() for _, p in tensors)} {lr}")
    print(model)
    for key, p in tensors:
        print("shape", key.split(".")[-1], p.dim(), *p.shape)
    step = torch.optim.SGD(net.parameters(), lr=lr)
    for i in range(20):
        step.zero_grad()
        loss = net.loss(texts, tags, classes)
        loss.backward()
        if i == 0:
            first = loss.item()
            show("output", 0, net.rows(texts))
            for t, p in enumerate(net.parameters()):
                show("grad", t, p.grad)
            best = net.paths(texts, tags) if net.crf else []
            print("tags", len(best), *best)
        step.step()
    for t, p in enumerate(net.parameters()):
        show("step", t, p)
    print(f"loss {first:.12g} {net.loss(texts, tags, classes).item():.12g}")


if __name__ == "__main__":
    torch.manual_seed(0)
    for case in CASES:
        run(*case)
