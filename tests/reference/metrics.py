"""Makes metrics.txt: entity scores by seqeval and class scores by scikit-learn, on drawn labels and predictions.

    python3 tests/reference/metrics.py > tests/reference/metrics.txt      (seqeval 1.2.2, scikit-learn)

Labels and predictions are a closed formula (draw() below; test_tagging.c and test_classification.c have the same one), so
that only scores are stored:
    tags CASE SCHEME TYPES PRECISION RECALL F1 ACCURACY      7 texts of up to 11 tags, some empty
    classes CASE CLASSES ROWS MACRO_F1 ACCURACY
"""
import warnings

import numpy as np
from seqeval.metrics import f1_score, precision_score, recall_score
from sklearn.metrics import accuracy_score
from sklearn.metrics import f1_score as class_f1

from models import bits

TEXTS = 7


def draw(case, n, n_labels):
    """Labels, half of them 0 on purpose, and predictions that agree two times out of three."""
    first = (bits(6000 + case, n) % np.uint64(2 * n_labels)).astype(int)
    label = np.where(first < n_labels, first, 0)
    other = (bits(6100 + case, n) % np.uint64(3 * n_labels)).astype(int)
    return label, np.where(other < n_labels, other, label)


def tags(case):
    types, scheme = 1 + case % 4, ("bio", "io")[case // 4 % 2]
    marks = "BI" if scheme == "bio" else "I"
    names = np.array(["O"] + [f"{m}-T{t}" for t in range(types) for m in marks])
    lengths = (bits(6200 + case, TEXTS) % np.uint64(12)).astype(int)
    label, guess = draw(case, lengths.sum(), len(names))
    cut = np.cumsum(lengths)[:-1]
    y = [list(x) for x in np.split(names[label], cut)]
    p = [list(x) for x in np.split(names[guess], cut)]
    scores = [f(y, p) for f in (precision_score, recall_score, f1_score)]
    print("tags", case, scheme, types, *(f"{s:.12g}" for s in scores), f"{np.mean(label == guess):.12g}")


def classes(case):
    n_classes, n = 2 + case % 9, 3 + 5 * case
    label, guess = draw(case, n, n_classes)
    print("classes", case, n_classes, n, f"{class_f1(label, guess, average='macro'):.12g}",
          f"{accuracy_score(label, guess):.12g}")


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    for k in range(40):
        tags(k)
    for k in range(20):
        classes(k)
