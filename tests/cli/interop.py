"""Files of other programs, written with their own library (h5py, numpy, json, csv), and checks of ours against it.

    interop.py write FOLDER         fednlp_data.h5, fednlp_tags.h5, fednlp_questions.h5, fednlp_pairs.h5, fednlp_part.h5, tff_train.h5, tff_test.h5, lists.*
    interop.py lists PART FILE      FILE (json, csv, npz or FedNLP h5) holds the lists of our partition PART
    interop.py twin FILE TWIN       writes the lists of a FedNLP file as FedNLP's scripts do: the twin to compare with
    interop.py tff DATA PART FILE   FILE holds the examples of each device of PART
    interop.py texts FOLDER         texts with and without classes and tasks, odd bytes; by_*.h5: HDF5 as others leave it
    interop.py odd FEDNLP TFF       both hold the odd texts as UTF-8
    interop.py hold FILE MODE       makes `ready` while it has FILE open, until there is `go`
"""
import csv
import json
import os
import shutil
import sys
import time

import h5py
import numpy as np

WORDS = ["alpha", "beta", "gamma", "delta"]
LABELS = ["sci.space", "rec.autos", "comp.graphics"]


def fednlp_data(path, n=30):
    """As FedNLP's text-classification loader does: a JSON string, then one dataset for each text and each class."""
    rng = np.random.default_rng(1)
    attributes = {"index_list": list(range(n)), "num_labels": 3, "task_type": "text_classification",
                  "label_vocab": {name: i for i, name in enumerate(LABELS)},
                  "train_index_list": list(range(24)), "test_index_list": list(range(24, n))}
    with h5py.File(path, "w") as file:
        file["attributes"] = json.dumps(attributes)
        for i in range(n):
            file[f"X/{i}"] = " ".join(rng.choice(WORDS, 6)) + (" caf\u00e9" if i == 3 else "")
            file[f"Y/{i}"] = LABELS[i % 3]


def fednlp_tags(path, n=8):
    utf8 = h5py.string_dtype("utf-8", None)
    with h5py.File(path, "w") as file:
        file["attributes"] = json.dumps({"index_list": list(range(n)), "task_type": "seq_tagging", "num_labels": 3,
                                         "label_vocab": {"O": 0, "B-PER": 1, "I-PER": 2}})
        for i in range(n):
            file[f"X/{i}"] = np.array(["Ada", "Lovelace", "wrote", str(i)], dtype=utf8)
            file[f"Y/{i}"] = np.array(["B-PER", "I-PER", "O", "O"], dtype=utf8)


def fednlp_questions(path):
    """As FedNLP's loader of SQuAD does: an example an answer, whose place counts characters; here with Y_answer."""
    context = "The na\u00efve caf\u00e9 of Z\u00fcrich closed in 1905. It was red."
    answers = [(0, "q0", "What closed?", "caf\u00e9"), (0, "q0", "What closed?", "na\u00efve caf\u00e9"), (0, "q1", "When did it close?", "1905"),
               (1, "q2", "Which colour?", "red")]
    with h5py.File(path, "w") as file:
        file["attributes"] = json.dumps({"index_list": [0, 1, 2, 3], "doc_index": {str(i): a[0] for i, a in enumerate(answers)},
                                         "task_type": "span_extraction", "train_index_list": [0, 1, 2], "test_index_list": [3]})
        for i, (_, name, question, answer) in enumerate(answers):
            start = context.index(answer)
            file[f"context_X/{i}"] = context
            file[f"question_X/{i}"] = question
            file[f"Y/{i}"] = (start, start + len(answer))
            file[f"Y_answer/{i}"] = answer
            file[f"question_ids/{i}"] = name


def fednlp_pairs(path):
    """As FedNLP's sequence-to-sequence loaders do: their attributes do not name the task."""
    with h5py.File(path, "w") as file:
        file["attributes"] = json.dumps({"index_list": [0, 1, 2], "train_index_list": [0, 1], "test_index_list": [2]})
        for i, (source, target) in enumerate([("a long story", "a story"), ("\u00fcber", "over"), ("another", "one")]):
            file[f"X/{i}"] = source
            file[f"Y/{i}"] = target


def put_method(file, name, train, test, **scalars):
    """Empty lists become float64[0], as h5py makes them of []."""
    file[f"{name}/n_clients"] = len(train)
    for key, value in scalars.items():
        file[f"{name}/{key}"] = value
    for k, (own, held_out) in enumerate(zip(train, test)):
        file[f"{name}/partition_data/{k}/train"] = own
        file[f"{name}/partition_data/{k}/test"] = held_out


def fednlp_part(path):
    with h5py.File(path, "w") as file:
        put_method(file, "uniform", [list(range(k, 24, 12)) for k in range(12)], [[24 + k % 6] if k < 6 else []
                                                                                 for k in range(12)])
        put_method(file, "niid_label_clients=3_alpha=1.0", [[5, 1, 3], [], [2, 0, 4]], [[25], [24, 26], []], alpha=1.0)
        file["kmeans_clusters=2/n_clients"] = 2
        file["kmeans_clusters=2/data_assignment"] = np.arange(30) % 2


def tff(train, test):
    rng = np.random.default_rng(2)
    for path, rows in ((train, 4), (test, 2)):
        with h5py.File(path, "w") as file:
            for c, client in enumerate(["f0001_41", "f0002_13", "f0000_07"]):
                n = rows + c
                file[f"examples/{client}/image"] = rng.integers(0, 256, (n, 8, 6, 3), dtype=np.uint8)
                file[f"examples/{client}/label"] = (np.arange(n) % 4).reshape(n, 1)
                file[f"examples/{client}/coarse_label"] = (np.arange(n) % 4 // 2).reshape(n, 1)


def lists(folder):
    with open(f"{folder}/lists.json", "w") as file:  # what a dict of partition ids looks like
        json.dump({str(k): list(range(k, 24, 3)) for k in range(3)}, file)
    with open(f"{folder}/rows.json", "w") as file:
        json.dump([list(range(k, 24, 3)) for k in range(3)], file, indent=1)
    with open(f"{folder}/lists.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["index", "client"])
        writer.writerows([i, i % 3] for i in range(24))
    np.savez_compressed(f"{folder}/owner.npz", device=np.arange(24) % 3)


def write(folder):
    fednlp_data(f"{folder}/fednlp_data.h5")
    fednlp_tags(f"{folder}/fednlp_tags.h5")
    fednlp_questions(f"{folder}/fednlp_questions.h5")
    fednlp_pairs(f"{folder}/fednlp_pairs.h5")
    fednlp_part(f"{folder}/fednlp_part.h5")
    tff(f"{folder}/tff_train.h5", f"{folder}/tff_test.h5")
    lists(folder)


def ours(path):
    """[(name, train, test)] of a partition of ours."""
    with h5py.File(path) as file:
        parts = {}
        for part in ("train", "test"):
            if f"{part}/offsets" in file:
                parts[part] = np.split(file[f"{part}/examples"][:], file[f"{part}/offsets"][1:-1])
        n = len(parts["train"])
        names = [name.decode() for name in file["device_name"]] if "device_name" in file else [str(k) for k in range(n)]
    return [(names[k], list(parts["train"][k]), list(parts["test"][k]) if "test" in parts else []) for k in range(n)]


def theirs(path):
    if path.endswith(".json"):
        with open(path) as file:
            devices = json.load(file)
        return [(name, v["train"], v["test"]) if isinstance(v, dict) else (name, v, []) for name, v in devices.items()]
    if path.endswith(".csv"):
        devices = {}
        with open(path, newline="") as file:
            for row in csv.DictReader(file):
                both = devices.setdefault(row["device"], ([], []))
                if row["example"]:
                    both[row.get("part") == "test"].append(int(row["example"]))
        return [(name, *both) for name, both in devices.items()]
    if path.endswith(".npz"):
        with np.load(path) as file:
            names = [name.decode() for name in file["device_name"]] if "device_name" in file else None
            cut = {part: np.split(file[f"{part}_examples"], file[f"{part}_offsets"][1:-1])
                   for part in ("train", "test") if f"{part}_offsets" in file}
        n = len(cut["train"])
        return [(names[k] if names else str(k), list(cut["train"][k]), list(cut["test"][k]) if "test" in cut else [])
                for k in range(n)]
    with h5py.File(path) as file:
        (method,) = file
        data = file[method]["partition_data"]
        assert file[method]["n_clients"][()] == len(data)
        return [(str(k), list(data[str(k)]["train"][:]), list(data[str(k)]["test"][:])) for k in range(len(data))]


def check_lists(part, path):
    left, right = ours(part), theirs(path)
    if path.endswith(".h5"):
        left = [(str(k), *device[1:]) for k, device in enumerate(left)]
    assert left == right, (left[:2], right[:2])


def twin(path, copy):
    with h5py.File(path) as file, h5py.File(copy, "w") as out:
        for method in file:
            group = file[method]
            scalars = {key: float(group[key][()]) for key in ("alpha", "beta") if key in group}
            data = [group["partition_data"][str(k)] for k in range(len(group["partition_data"]))]
            put_method(out, method, [d["train"][:] for d in data], [d["test"][:] for d in data], **scalars)


def check_tff(data, part, path):
    with h5py.File(data) as file:
        x, y = file["x"][:], file["y"][:]
    with h5py.File(path) as file:
        assert len(file["examples"]) == len(ours(part))
        for name, train, _ in ours(part):
            client = file["examples"][name]
            feature = "image" if x.ndim == 4 else "x"
            rows = x[train].transpose(0, 2, 3, 1) if x.ndim == 4 else x[train]
            assert np.array_equal(client[feature][:], rows) and np.array_equal(client["label"][:], y[train]), name


ODD = [b"plain", b"caf\xe9 cr\xe8me", "caf\u00e9".encode(), b"nul\0here", b"end"]
ODD_AS_TEXT = ["plain", "caf\u00e9 cr\u00e8me", "caf\u00e9", "nul\ufffdhere", "end"]


def texts(folder):
    utf8 = h5py.string_dtype("utf-8", None)
    said = {"anna": (["good day", "no"], [5, 2]), "ben": (["yes yes", "not here", "never"], [5, 2, 2])}
    for name, labelled in (("texts", True), ("plays", False)):
        with h5py.File(f"{folder}/tff_{name}.h5", "w") as file:
            for client, (lines, labels) in said.items():
                file[f"examples/{client}/snippets"] = np.array(lines, dtype=utf8)
                if labelled:
                    file[f"examples/{client}/label"] = np.array(labels)
    with h5py.File(f"{folder}/odd_texts.h5", "w") as file:
        n = len(ODD)
        file.attrs["task"] = "lm"
        file["tokens"], file["token_offsets"] = np.zeros(2 * n, "i4"), np.arange(n + 1) * 2
        file["vocab"] = np.array([b"a"])
        file["text"] = np.frombuffer(b"".join(ODD), "u1")
        file["text_offsets"] = np.concatenate([[0], np.cumsum([len(t) for t in ODD])])
    for name in ("lm", "classes", "tags"):
        with h5py.File(f"{folder}/no_task_{name}.h5", "w") as file:
            file["attributes"] = json.dumps({"index_list": [0, 1]})
            for i in range(2):
                file[f"X/{i}"] = np.array(["Ada", "wrote"], dtype=utf8) if name == "tags" else "Ada wrote"
                if name == "tags":
                    file[f"Y/{i}"] = np.array(["B-PER", "O"], dtype=utf8)
                if name == "classes":
                    file[f"Y/{i}"] = f"c{i}"
    by_others(folder)


def by_others(folder):
    x, y = np.arange(4 * 6, dtype="f4").reshape(4, 6), np.arange(4) % 2
    def start(name, **options):
        file = h5py.File(f"{folder}/by_{name}.h5", "w", **options)
        file["y"] = y
        return file
    with start("matlab", userblock_size=512) as file:
        file["x"] = x
    with open(f"{folder}/by_matlab.h5", "r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64")
    with start("soft") as file:
        file["elsewhere"] = x
        file["x"] = h5py.SoftLink("/elsewhere")
    with start("external") as file:
        file["x"] = h5py.ExternalLink("by_soft.h5", "/elsewhere")
    with start("packed") as file:
        file.create_dataset("x", data=x, chunks=(3, 2), compression="gzip", shuffle=True)
    with start("dangling") as file:
        file["x"], file["user"] = x, h5py.ExternalLink("gone.h5", "/user")
    with start("killed_at_work", libver="latest") as file:
        file["x"] = x
        file.flush()
        shutil.copy(f"{folder}/by_killed_at_work.h5", f"{folder}/by_killed.h5")
    with h5py.File(f"{folder}/by_keras.h5", "w") as file:
        file["dense/kernel"], file["dense/bias"] = np.zeros((6, 2), "f4"), np.zeros(2, "f4")
    with h5py.File(f"{folder}/by_large.h5", "w") as file:
        file.create_dataset("x", (1 << 14, 1 << 10), "f4", chunks=(64, 1 << 10), compression="gzip", compression_opts=1)
        file["x"][:] = np.arange(1 << 10, dtype="f4")[None, :]


def odd(fednlp, tff):
    with h5py.File(fednlp) as file:
        assert [file[f"X/{i}"][()].decode() for i in range(len(ODD))] == ODD_AS_TEXT
    with h5py.File(tff) as file:
        assert sorted(t.decode() for t in file["examples/0/snippets"]) == sorted(ODD_AS_TEXT)


def hold(path, mode):
    with h5py.File(path, mode) as file:
        file["more"] = np.zeros(10)
        open("ready", "w").close()
        for _ in range(600):
            if os.path.exists("go"):
                break
            time.sleep(0.1)


if __name__ == "__main__":
    {"texts": texts, "odd": odd, "hold": hold, "write": write, "lists": check_lists, "twin": twin, "tff": check_tff}[sys.argv[1]](*sys.argv[2:])
