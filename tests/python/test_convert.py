"""Converters against the libraries' own values, on ordinary and on ugly files."""
import collections
import io
import json
import os
import pickle
import sqlite3
import struct
import sys
import unittest
import zipfile
from pathlib import Path

import numpy as np

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from test_runs import InFolder  # noqa: E402  (puts the package on the path)

import cohort  # noqa: E402
from cohort import convert  # noqa: E402
from cohort.convert.common import Progress, read_pickle  # noqa: E402
from cohort.convert.texts import read_example  # noqa: E402
from cohort.convert.traces import intervals  # noqa: E402


def needs(*names):
    """Skips where a library is missing."""
    def missing():
        for name in names:
            try:
                __import__(name)
            except ImportError:
                return name
        return None
    lacking = missing()
    return unittest.skipIf(lacking is not None, f"no {lacking} here")


ROWS = {"age": [30, 41, 25, 60], "job": ["cook", "miner", "cook", "ärztin"], "pay": [1.5, 2.0, 0.25, 9.0], "who": ["a b", "ü", "a b", "名前"],
        "class": ["no", "yes", "no", "yes"]}
WANT_X = [[30, 1.5], [41, 2], [25, 0.25], [60, 9]]


class Tables(InFolder):
    def check(self, data):
        np.testing.assert_array_equal(data.x(), np.array(WANT_X, "f4"))
        self.assertEqual([data.classes[k] for k in data["y"]], ROWS["class"])
        self.assertEqual(data.users, ROWS["who"])

    how = {"x": ["age", "pay"], "y": "class", "user": "who"}

    @needs("pyarrow")
    def test_files_of_arrow(self):
        import pyarrow as pa
        import pyarrow.csv
        import pyarrow.feather
        import pyarrow.parquet
        table = pa.table(ROWS)
        pa.parquet.write_table(table, self.folder / "t.parquet", row_group_size=3)
        pa.feather.write_feather(table, str(self.folder / "t.feather"))
        pa.csv.write_csv(table, self.folder / "t.csv")
        (self.folder / "t.jsonl").write_text("".join(json.dumps({k: v[i] for k, v in ROWS.items()}) + "\n" for i in range(4)))
        (self.folder / "t.json").write_text(json.dumps([{k: v[i] for k, v in ROWS.items()} for i in range(4)]))
        (self.folder / "c.json").write_text(json.dumps(ROWS))
        for name, call in (("t.parquet", convert.parquet), ("t.feather", convert.arrow), ("t.csv", convert.csv), ("t.jsonl", convert.json_lines),
                           ("t.json", convert.json_records), ("c.json", convert.json_records)):
            with self.subTest(name):
                self.check(call(self.folder / name, self.folder / "d.h5", overwrite=True, **self.how))

    @needs("pyarrow")
    def test_splits_by_files_and_by_a_column(self):
        import pyarrow as pa
        import pyarrow.parquet
        for part in ("a", "b"):
            pa.parquet.write_table(pa.table(ROWS), self.folder / f"{part}.parquet")
        data = convert.parquet({"train": self.folder / "a.parquet", "test": [self.folder / "b.parquet"]}, self.folder / "d.h5", **self.how)
        self.assertEqual(list(data["split"]), [0] * 4 + [1] * 4)
        more = convert.frame({**ROWS, "part": ["train", "test", "validation", "train"]}, self.folder / "e.h5", split="part", **self.how)
        self.assertEqual(list(more["split"]), [0, 1, 2, 0])

    def test_words_become_columns(self):
        data = convert.frame(ROWS, self.folder / "d.h5", y="class", user="who")
        jobs = sorted(set(ROWS["job"]))
        want = np.array([[r[0], *[float(job == one) for one in jobs], r[1]] for r, job in zip(WANT_X, ROWS["job"])], "f4")
        np.testing.assert_array_equal(data.x(), want)

    def test_nulls_are_refused_dropped_or_filled(self):
        rows = {"a": [1.0, None, 3.0], "y": [0, 1, 1]}
        with self.assertRaises(ValueError) as caught:
            convert.frame(rows, self.folder / "d.h5", y="y")
        self.assertIn("row 1", str(caught.exception))
        self.assertFalse((self.folder / "d.h5").exists())
        dropped = convert.frame(rows, self.folder / "d.h5", y="y", missing="drop")
        np.testing.assert_array_equal(dropped.x(), [[1], [3]])
        filled = convert.frame(rows, self.folder / "f.h5", y="y", missing=-1)
        np.testing.assert_array_equal(filled.x(), [[1], [-1], [3]])

    @needs("pyarrow")
    def test_types_of_arrow(self):
        import pyarrow as pa
        import pyarrow.parquet
        table = pa.table({"i": pa.array([1, None, 3], pa.int16()), "b": pa.array([True, False, True]),
                          "c": pa.array(["u", "v", "u"]).dictionary_encode(), "y": pa.array([2, 0, 1], pa.uint8())})
        pa.parquet.write_table(table, self.folder / "t.parquet")
        data = convert.parquet(self.folder / "t.parquet", self.folder / "d.h5", y="y", missing=0)
        np.testing.assert_array_equal(data.x(), [[1, 1, 1, 0], [0, 0, 0, 1], [3, 1, 1, 0]])

    @needs("pyarrow")
    def test_a_null_leaves_the_names_beside_it_as_they_are(self):
        import pandas as pd
        import pyarrow as pa
        import pyarrow.parquet
        who = [1 + k % 3 for k in range(5000)]
        who[4500] = None
        who[1] = 2**53 + 1
        pa.parquet.write_table(pa.table({"v": [1.0] * 5000, "u": pa.array(who, pa.int64()), "y": [k % 2 for k in range(5000)]}), self.folder / "t.parquet")
        want = [str(u) for u in who if u is not None]
        data = convert.parquet(self.folder / "t.parquet", self.folder / "d.h5", y="y", user="u", missing="drop")
        self.assertEqual(data.users, want)
        frame = pd.DataFrame({"v": [1.0] * 3, "u": [1.0, None, 2.0], "y": [0, 1, 1]})
        self.assertEqual(convert.frame(frame, self.folder / "e.h5", y="y", user="u", missing="drop").users, ["1", "2"])
        with self.assertRaises(ValueError):
            convert.frame(frame, self.folder / "f.h5", y="y", user="u", missing="dorp")

    def test_several_labels_and_numbers(self):
        rows = {"a": [1.0, 2.0], "p": [0.5, 1.5], "q": [3.0, 4.0]}
        data = convert.frame(rows, self.folder / "d.h5", y=["p", "q"], task="regression")
        np.testing.assert_array_equal(data["y"], [[0.5, 3], [1.5, 4]])

    def test_lists_arrays_tokens_and_texts(self):
        data = convert.frame({"image": [np.zeros((2, 3, 3), "u1"), np.ones((2, 3, 3), "u1")], "y": [0, 1]}, self.folder / "d.h5", x="image", y="y")
        self.assertEqual(data.columns["x"], (2, 3, 2, 3))
        texts = convert.frame({"t": [[1, 2], [3]], "y": [0, 1], "raw": ["a b", "c"]}, self.folder / "t.h5", tokens="t", text="raw", y="y", vocab=4)
        self.assertEqual((list(texts.tokens(0)), texts.text(1)), ([1, 2], "c"))
        with self.assertRaises(ValueError) as caught:
            convert.frame({"v": [[1.0], [1.0, 2.0]], "y": [0, 1]}, self.folder / "r.h5", x="v", y="y")
        self.assertIn("different shapes", str(caught.exception))

    @needs("pyarrow")
    def test_lists_of_one_length_are_read_as_one_array(self):
        import pyarrow as pa
        from cohort.convert.tables import _plain
        rows = [[1.5, 2.0], [0.0, -1.0], [3.0, 4.0]]
        for kind in (pa.list_(pa.float32()), pa.large_list(pa.int64()), pa.list_(pa.float64(), 2), pa.list_(pa.uint8())):
            given = [[int(abs(v)) for v in row] for row in rows] if "int" in str(kind) else rows
            for part in (slice(None), slice(1, 3)):  # a slice of a column has its offset
                read = _plain(pa.array(given, kind)[part])
                self.assertIsInstance(read, np.ndarray)
                np.testing.assert_array_equal(read, given[part])
        for ugly in ([[1], [2, 3]], [[1], None], [[1], [None]], [[], []], [["a"], ["b"]]):
            self.assertEqual(_plain(pa.array(ugly)), ugly)

    @needs("pyarrow")
    def test_tables_in_another_encoding(self):
        path = self.folder / "latin.csv"
        path.write_bytes("a,y\n1,café\n2,na\n".encode("latin1"))
        with self.assertRaises(ValueError) as caught:
            convert.csv(path, self.folder / "d.h5", y="y")
        self.assertIn(f"{path}: column 'y' is not UTF-8; encoding=", str(caught.exception))
        self.assertEqual(convert.csv(path, self.folder / "d.h5", y="y", encoding="latin1").classes, ["café", "na"])

    @needs("pyarrow")
    def test_a_null_is_told_with_its_row_of_the_source(self):
        path = self.folder / "long.csv"
        path.write_text("a,y\n" + "1,0\n" * 9000 + ",1\n")
        with self.assertRaises(ValueError) as caught:
            convert.csv(path, self.folder / "d.h5", y="y")
        self.assertIn("long.csv, row 9000: column 'a' is null", str(caught.exception))

    def test_wrong_words_are_told(self):
        for how, kind, words in (({"y": "none"}, ValueError, "no column 'none'"), ({"why": 1}, TypeError, "why"),
                                 ({"y": "class", "x": "job"}, ValueError, "holds words")):
            with self.assertRaises(kind) as caught:
                convert.frame({k: list(v) for k, v in ROWS.items()}, self.folder / "d.h5", **how)
            self.assertIn(words, str(caught.exception))
        with self.assertRaises(FileNotFoundError):
            convert.json_records(self.folder / "none.json", self.folder / "d.h5")
        with self.assertRaises(FileNotFoundError):
            convert.frame(ROWS, self.folder / "none" / "d.h5", y="class")
        convert.frame(ROWS, self.folder / "d.h5", y="class")
        with self.assertRaises(FileExistsError):
            convert.frame(ROWS, self.folder / "d.h5", y="class")

    def test_data_frames(self):
        import pandas as pd
        self.check(convert.frame(pd.DataFrame(ROWS), self.folder / "d.h5", **self.how))

    @needs("datasets")
    def test_hugging_face(self):
        import datasets
        features = datasets.Features({"pixels": datasets.Array2D((4, 5), "float32"), "label": datasets.ClassLabel(names=["cat", "dog"]),
                                      "who": datasets.Value("string")})
        pixels = np.arange(60, dtype="f4").reshape(3, 4, 5)
        part = datasets.Dataset.from_dict({"pixels": pixels.tolist(), "label": [1, 0, 1], "who": ["ü", "a", "ü"]}, features=features)
        part.save_to_disk(str(self.folder / "saved"))
        both = datasets.DatasetDict({"train": part, "test": part})
        for source, n in ((self.folder / "saved", 3), (both, 6)):
            data = convert.hugging_face(source, self.folder / "d.h5", x="pixels", y="label", user="who", overwrite=True)
            np.testing.assert_array_equal(data.x()[:3], pixels)
            self.assertEqual((data.classes, len(data), data.users[:3]), (["cat", "dog"], n, ["ü", "a", "ü"]))
        self.assertEqual(list(data["split"]), [0] * 3 + [1] * 3)

    def test_a_stream_is_held_a_batch_at_a_time(self):
        import resource
        from cohort.convert.tables import _convert

        def stream():
            for k in range(40):  # 160 MB of floats in parts of 4 MB
                yield {"v": np.full((1024, 1024), k, "f4"), "y": np.full(1024, k % 2)}

        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        data = _convert(self.folder / "d.h5", {"": stream()}, "stream", {"x": ["v"], "y": "y"})
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        self.assertEqual(len(data), 40 * 1024)
        self.assertEqual(float(data.x(slice(39 * 1024, 39 * 1024 + 1)).max()), 39.0)
        self.assertLess(grown, 100_000, "KB more than before, for 160 MB")


class Images(InFolder):
    def image(self, name, array, **how):
        from PIL import Image
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(array, how.pop("mode", None)).save(path, **how)
        return path

    @needs("PIL")
    def test_a_folder_for_each_class(self):
        rng = np.random.default_rng(1)
        pictures = {f"{c}/{u}/{k}.png": rng.integers(0, 256, (5, 6, 3), dtype=np.uint8) for c in ("cat", "dög") for u in ("ann", "bob") for k in "12"}
        for name, array in pictures.items():
            self.image("top/" + name, array)
        (self.folder / "top" / "cat" / "notes.txt").write_text("no image")
        data = convert.image_folder(self.folder / "top", self.folder / "d.h5", users="folder")
        order = sorted(pictures)
        for k, name in enumerate(order):
            np.testing.assert_array_equal(data["x"][k], pictures[name].transpose(2, 0, 1))
        self.assertEqual(data.users, [name.split("/")[1] for name in order])
        self.assertEqual([data.classes[k] for k in data["y"]], [name.split("/")[0] for name in order])
        by_name = convert.image_folder(self.folder / "top", self.folder / "e.h5", users=r"(\w+)/\d")
        self.assertEqual(by_name.users, data.users)
        self.assertEqual(convert.image_folder(self.folder / "top", self.folder / "f.h5", users=lambda path: path.parent.name).users, data.users)
        with self.assertRaises(ValueError):
            convert.image_folder(self.folder / "top", self.folder / "g.h5", users="nothing")

    @needs("PIL")
    def test_train_and_test_folders(self):
        for split, n in (("train", 3), ("val", 1), ("test", 2)):
            for k in range(n):
                self.image(f"top/{split}/a/{k}.png", np.full((2, 2), k, "u1"))
        data = convert.image_folder(self.folder / "top", self.folder / "d.h5")
        self.assertEqual(list(data["split"]), [0, 0, 0, 1, 1, 2])
        self.assertEqual(data.columns["x"], (6, 1, 2, 2))

    @needs("PIL")
    def test_ugly_images(self):
        from PIL import Image
        deep = np.array([[0, 65535], [256, 32768]], np.uint16)
        np.testing.assert_array_equal(convert.images.decode(self.image("deep.png", deep), "deep")[0], deep >> 8)
        palette = Image.fromarray(np.array([[[255, 0, 0], [0, 0, 255]]], np.uint8)).convert("P", palette=Image.Palette.ADAPTIVE)
        palette.save(self.folder / "p.png")
        np.testing.assert_array_equal(convert.images.decode(self.folder / "p.png", "p"), np.array([[[255, 0]], [[0, 0]], [[0, 255]]]))
        clear = self.image("clear.png", np.array([[[10, 20, 30, 0], [10, 20, 30, 255]]], np.uint8))
        np.testing.assert_array_equal(convert.images.decode(clear, "clear")[:, 0, :], np.array([[255, 10], [255, 20], [255, 30]]))
        Image.new("CMYK", (8, 8), (0, 255, 255, 0)).save(self.folder / "c.jpg")
        cmyk = convert.images.decode(self.folder / "c.jpg", "c")
        self.assertEqual(cmyk.shape, (3, 8, 8))
        self.assertTrue(cmyk[0].min() > 200 and cmyk[1].max() < 60)
        self.assertEqual(convert.images.decode(self.image("one.png", np.eye(3, dtype=bool)), "one").shape, (1, 3, 3))
        (self.folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
        with self.assertRaises(ValueError) as caught:
            convert.images.decode(self.folder / "broken.png", "broken.png")
        self.assertIn("broken.png", str(caught.exception))

    @needs("PIL")
    def test_sizes_must_agree_or_be_said(self):
        self.image("top/a/1.png", np.zeros((4, 4), "u1"))
        self.image("top/a/2.png", np.zeros((4, 5, 3), "u1"))
        with self.assertRaises(ValueError) as caught:
            convert.image_folder(self.folder / "top", self.folder / "d.h5")
        self.assertIn("size=(width, height)", str(caught.exception))
        data = convert.image_folder(self.folder / "top", self.folder / "d.h5", size=(6, 3), mode="L")
        self.assertEqual(data.columns["x"], (2, 1, 3, 6))
        with self.assertRaises(ValueError):
            convert.image_folder(self.folder, self.folder / "e.h5", users=None) if not os.listdir(self.folder) else self.nothing()

    def nothing(self):
        (self.folder / "empty").mkdir()
        convert.image_folder(self.folder / "empty", self.folder / "e.h5")

    def test_cifar_pickles(self):
        rng = np.random.default_rng(2)
        top = self.folder / "cifar"
        top.mkdir()
        parts = {name: rng.integers(0, 256, (4, 3072), dtype=np.uint8) for name in ("data_batch_1", "data_batch_2", "test_batch")}
        for name, x in parts.items():
            (top / name).write_bytes(pickle.dumps({b"data": x, b"labels": [0, 1, 1, 0]}, protocol=2))
        (top / "batches.meta").write_bytes(pickle.dumps({b"label_names": [b"plane", b"car"]}, protocol=2))
        data = convert.cifar_pickles(top, self.folder / "d.h5")
        np.testing.assert_array_equal(data["x"].reshape(12, -1), np.concatenate(list(parts.values())))
        self.assertEqual((data.classes, list(data["split"])), (["plane", "car"], [0] * 8 + [1] * 4))
        fine = self.folder / "cifar100"
        fine.mkdir()
        for name in ("train", "test"):
            (fine / name).write_bytes(pickle.dumps({"data": parts["test_batch"], "fine_labels": [3, 2, 1, 0], "coarse_labels": [1, 1, 0, 0]}))
        (fine / "meta").write_bytes(pickle.dumps({"fine_label_names": list("abcd"), "coarse_label_names": ["x", "y"]}))
        data = convert.cifar_pickles(fine, self.folder / "e.h5")
        self.assertEqual((data.classes, [data["group_name"][k] for k in data["group"]]), (list("abcd"), list("yyxx") * 2))
        self.assertEqual(convert.cifar_pickles(fine, self.folder / "f.h5", coarse=True).classes, ["x", "y"])
        with self.assertRaises(FileNotFoundError):
            convert.cifar_pickles(self.folder / "none", self.folder / "g.h5")

    def test_a_pickle_that_could_run_code_is_refused(self):
        class Evil:
            def __reduce__(self):
                return os.system, ("touch /nothing",)

        for harmful in (Evil(), [Evil()], {"a": Evil()}):
            with self.assertRaises(ValueError) as caught:
                read_pickle(io.BytesIO(pickle.dumps(harmful)), "evil")
            self.assertIn("could run code", str(caught.exception))
        with self.assertRaises(ValueError):
            read_pickle(io.BytesIO(b"\x80\x04no"), "short")
        tree = collections.OrderedDict(a=np.arange(3), b=np.float64(2))
        read = read_pickle(io.BytesIO(pickle.dumps(tree)), "good")
        self.assertEqual((list(read["a"]), float(read["b"])), ([0, 1, 2], 2.0))

    def test_data_sets_of_torch(self):
        class Items:
            classes = ["no", "yes"]

            def __len__(self):
                return 5

            def __getitem__(self, i):
                return np.full((1, 2, 2), i, "f4"), i % 2

        data = convert.torch_dataset({"train": Items(), "test": Items()}, self.folder / "d.h5", users=list("abcdeabcde"))
        self.assertEqual((len(data), data.classes, data.users[:6]), (10, ["no", "yes"], list("abcdea")))
        np.testing.assert_array_equal(data.x()[:, 0, 0, 0], [0, 1, 2, 3, 4] * 2)


class Texts(InFolder):
    @needs("tokenizers")
    def test_tokens_are_the_tokenizers_own(self):
        from tokenizers import Tokenizer, models, pre_tokenizers, processors
        words = ["[UNK]", "[CLS]", "[SEP]", "a", "b", "ü"]
        tokenizer = Tokenizer(models.WordLevel({w: k for k, w in enumerate(words)}, unk_token="[UNK]"))
        tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
        tokenizer.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 1), ("[SEP]", 2)])
        tokenizer.save(str(self.folder / "tokenizer.json"))
        texts = ["a b", "ü q a", "", "b"]
        for source in (tokenizer, self.folder / "tokenizer.json"):
            data = convert.tokenised(texts, self.folder / "d.h5", source, y=["p", "q", "q", "p"], users=list("xyxy"), keep_text=True, overwrite=True)
            self.assertEqual([list(data.tokens(k)) for k in range(4)], [tokenizer.encode(t).ids for t in texts])
            self.assertEqual((list(data["vocab"]), data.text(1), data.classes), (words, "ü q a", ["p", "q"]))
        self.assertEqual(convert.tokenised(texts, self.folder / "l.h5", tokenizer, split="train").task, "lm")

    def test_leaf_reddit(self):
        for split, comments in (("train", [[["the", "cat"], ["sat", "<PAD>"]], [["the"]]]), ("test", [[["cat", "dog", "<PAD>"]]])):
            folder = self.folder / "reddit" / split
            folder.mkdir(parents=True)
            (folder / "a.json").write_text(json.dumps({"users": ["u1"], "num_samples": [len(comments)], "user_data": {"u1": {"x": comments, "y": comments}}}))
        data = convert.leaf_reddit(self.folder / "reddit", self.folder / "d.h5")
        words = data["vocab"]
        self.assertEqual([[words[k] for k in data.tokens(i)] for i in range(3)], [["the", "cat", "sat"], ["the"], ["cat", "<UNK>"]])
        self.assertEqual((data.task, data.users, list(data["split"])), ("lm", ["u1"] * 3, [0, 0, 1]))
        (self.folder / "v.txt").write_text("cat\nthe\n")
        given = convert.leaf_reddit(self.folder / "reddit", self.folder / "e.h5", vocab=self.folder / "v.txt")
        self.assertEqual([list(given.tokens(i)) for i in range(3)], [[1, 0, 2], [1], [0, 2]])
        with self.assertRaises(FileNotFoundError):
            convert.leaf_reddit(self.folder, self.folder / "f.h5")

    @needs("PIL")
    def test_leaf_celeba(self):
        from PIL import Image
        folder, images = self.folder / "celeba" / "train", self.folder / "img"
        folder.mkdir(parents=True)
        images.mkdir()
        for k in range(2):
            Image.fromarray(np.full((84, 84, 3), 50 * k, np.uint8)).save(images / f"{k}.png")
        (folder / "a.json").write_text(json.dumps({"users": ["7"], "num_samples": [2], "user_data": {"7": {"x": ["0.png", "1.png"], "y": ["0", "1"]}}}))
        data = convert.leaf_celeba(self.folder / "celeba", images, self.folder / "d.h5")
        self.assertEqual((list(data["y"]), data.users, data.columns["x"], int(data["x"][1].max())), ([0, 1], ["7", "7"], (2, 3, 84, 84), 50))

    def example(self, **features):
        """A tf.train.Example, as the protocol buffer stands on the wire."""
        def field(number, body):
            return bytes([number << 3 | 2]) + self.varint(len(body)) + body

        entries = b""
        for name, (kind, values) in features.items():
            if kind == 1:
                inner = b"".join(field(1, v) for v in values)
            elif kind == 2:
                inner = field(1, struct.pack(f"<{len(values)}f", *values))
            else:
                inner = field(1, b"".join(self.varint(v % (1 << 64)) for v in values))
            entries += field(1, field(1, name.encode()) + field(2, field(kind, inner)))
        return field(1, entries)

    def varint(self, value):
        out = b""
        while value > 127:
            out += bytes([value & 127 | 128])
            value >>= 7
        return out + bytes([value])

    def test_tff_sqlite(self):
        base = sqlite3.connect(self.folder / "e.sqlite")
        base.execute("create table examples (split_name text, client_id text, serialized_example_proto blob)")
        for split, client, value, label in (("train", "b", 1.0, 3), ("train", "a", 2.0, 1), ("test", "a", 3.0, -1 + 2)):
            base.execute("insert into examples values (?, ?, ?)",
                         (split, client, self.example(pixels=(2, [value] * 4), label=(3, [label]), words=(1, ["hé".encode()]))))
        base.commit()
        base.close()
        data = convert.tff_sqlite(self.folder / "e.sqlite", self.folder / "d.h5", features={"pixels": (1, 2, 2)}, y="label")
        np.testing.assert_array_equal(data.x()[:, 0, 0, 0], [2, 1, 3])
        self.assertEqual((list(data["y"]), data.users, list(data["split"])), ([1, 3, 1], ["a", "b", "a"], [0, 0, 1]))
        with self.assertRaises(ValueError) as caught:
            convert.tff_sqlite(self.folder / "e.sqlite", self.folder / "f.h5", features={"none": (1,)})
        self.assertIn("'pixels'", str(caught.exception))
        (self.folder / "no.sqlite").write_bytes(b"nothing")
        with self.assertRaises(ValueError):
            convert.tff_sqlite(self.folder / "no.sqlite", self.folder / "f.h5", features={"x": (1,)})

    def test_examples_of_tensorflow(self):
        self.assertEqual(read_example(self.example(a=(3, [-5, 300]), b=(1, [b"x", b""]))), {"a": [-5, 300], "b": [b"x", b""]})
        for broken in (b"\x0a\x50abc", b"\xff" * 20, b"\x0b"):
            with self.assertRaises(ValueError):
                read_example(broken)


class Others(InFolder):
    def test_traces_of_fedscale(self):
        capacity = {1: {"computation": 20.0, "communication": 800.0}, 2: {"computation": 40.0, "communication": 80.0}}
        behave = {1: {"active": [0, 100], "inactive": [50, 150], "finish_time": 200}, 2: {"active": [10], "inactive": [], "finish_time": 200}}
        (self.folder / "c").write_bytes(pickle.dumps(capacity))
        (self.folder / "b").write_bytes(pickle.dumps(behave))
        devices, times = convert.fedscale_traces(self.folder / "c", self.folder / "b", self.folder / "out", devices=3)
        self.assertEqual(devices.read_text().splitlines(), ["device,seconds_per_example,up,down", "0,0.02,100000,100000", "1,0.04,10000,10000",
                                                            "2,0.02,100000,100000"])
        self.assertEqual(times.read_text().splitlines(), ["device,start_s,end_s", "0,0,50", "0,100,150", "1,10,200", "2,0,50", "2,100,150"])
        run = self.small(clock={"trace": [str(devices), str(times)], "speed": {"name": "file"}, "availability": "file"},
                         data={"devices": 3}, devices={"per_round": 2}, rounds=2)
        self.assertGreater(run.rounds["sim_s"].iloc[-1], 0)
        self.assertEqual(intervals({"active": [5, 1], "inactive": [3, 9], "finish_time": 10}), [(1.0, 3.0), (5.0, 9.0)])
        (self.folder / "w").write_bytes(pickle.dumps([1]))
        with self.assertRaises(ValueError):
            convert.fedscale_traces(self.folder / "w", None, self.folder / "out", devices=1)

    def test_clients_of_pfllib(self):
        rng = np.random.default_rng(3)
        want = {}
        for split, sizes in (("train", (4, 3)), ("test", (2, 1))):
            folder = self.folder / "pfl" / split
            folder.mkdir(parents=True)
            for k, n in enumerate(sizes):
                want[split, k] = rng.normal(size=(n, 5)).astype("f4"), rng.integers(0, 2, n)
                with (folder / f"{k}.npz").open("wb") as file:
                    np.savez_compressed(file, data={"x": want[split, k][0], "y": want[split, k][1]})
        data, part = convert.pfl_npz(self.folder / "pfl", self.folder / "d.h5")
        np.testing.assert_array_equal(data.x(), np.concatenate([x for x, _ in want.values()]))
        self.assertEqual((len(part), list(part.sizes), [len(t) for t in part.test_indices]), (2, [4, 3], [2, 1]))
        with zipfile.ZipFile(self.folder / "pfl" / "train" / "0.npz", "w") as archive:
            room = io.BytesIO()
            np.save(room, np.zeros(3))
            archive.writestr("data.npy", room.getvalue())
        with self.assertRaises(ValueError):
            convert.pfl_npz(self.folder / "pfl", self.folder / "e.h5")
        with self.assertRaises(FileNotFoundError):
            convert.pfl_npz(self.folder / "none", self.folder / "e.h5")

    def test_lists_and_back(self):
        data = cohort.write_dataset(self.folder / "d.h5", x=np.eye(6, dtype="f4"), y=[0, 1] * 3)
        part = cohort.write_partition(self.folder / "p.h5", data, [[4, 0], [1, 2, 3]])
        self.assertEqual([sorted(ids) for ids in convert.to_lists(part)], [[0, 4], [1, 2, 3]])

    @needs("flwr_datasets")
    def test_partitions_of_flower_both_ways(self):
        import datasets
        from flwr_datasets.partitioner import DirichletPartitioner
        y = np.random.default_rng(0).integers(0, 3, 200)
        whole = datasets.Dataset.from_dict({"x": np.arange(200).tolist(), "label": y.tolist()})
        data = cohort.write_dataset(self.folder / "d.h5", x=np.arange(200, dtype="f4")[:, None], y=y)
        theirs = DirichletPartitioner(num_partitions=5, partition_by="label", alpha=0.5, seed=3, min_partition_size=0)
        theirs.dataset = whole
        part = convert.from_flwr(theirs, data, self.folder / "p.h5")
        for k in range(5):
            self.assertEqual(sorted(theirs.load_partition(k)["x"]), sorted(part[k]))
        ours = convert.to_flwr(cohort.partition(data, "dirichlet", 4, alpha=0.5))
        ours.dataset = whole
        self.assertEqual(sorted(i for k in range(4) for i in ours.load_partition(k)["x"]), list(range(200)))

    def test_progress_counts(self):
        from contextlib import redirect_stderr
        said = io.StringIO()
        with redirect_stderr(said):
            bar = Progress("x", 20, True)
            bar.add(5)
            bar.add(15)
            bar.end()
        self.assertEqual(said.getvalue(), "\rx: 5 of 20 examples\rx: 20 of 20 examples\n")


if __name__ == "__main__":
    unittest.main()
