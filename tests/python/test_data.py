"""Data sets, partitions, predictions and trackers of the Python package."""
import gc
import json
import os
import struct
import sys
import tempfile
import unittest

import h5py
import numpy as np

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from test_runs import InFolder  # noqa: E402  (puts the package on the path)

import cohort  # noqa: E402
from cohort import convert  # noqa: E402


def example(n=300, seed=0):
    """Inputs that a linear model can tell apart."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 12)).astype("f4")
    return x, (x @ rng.normal(size=(12, 3))).argmax(1)


class Datasets(InFolder):
    def write(self, name="d.h5", **columns):
        return cohort.write_dataset(self.folder / name, **columns)

    def test_what_is_written_is_read_back(self):
        x, y = example()
        names = np.array(["b", "ä", "c"])
        data = self.write(x=x, y=names[y], users=[f"u{i % 7}" for i in range(300)], groups=np.arange(300) % 2,
                          split=["train"] * 200 + ["test"] * 60 + ["validation"] * 40)
        self.assertEqual(len(data), 300)
        self.assertEqual(data.classes, ["b", "c", "ä"])
        np.testing.assert_array_equal(np.array(data.classes)[data["y"]], names[y])
        np.testing.assert_array_equal(data.x(), x)
        np.testing.assert_array_equal(data.x(slice(3, 5)), x[3:5])
        self.assertEqual(data.users[:8], [f"u{i % 7}" for i in range(8)])
        self.assertEqual(data.labels().to_numpy().sum(), 300)
        self.assertEqual(list(data.labels().columns), ["test", "train", "validation"])
        with open(data.file, "rb") as file:
            self.assertTrue(file.read(14).startswith(b"cohort-dataset"))  # sealed

    def test_images_keep_their_scale(self):
        x = np.arange(4 * 3 * 2 * 2, dtype="u1").reshape(4, 3, 2, 2)
        data = self.write(x=x, y=[0, 1, 0, 1], scale=[0.5, 1.0, 2.0], shift=[0.0, 1.0, -1.0])
        want = x.astype("f4") * np.array([0.5, 1, 2], "f4").reshape(1, 3, 1, 1) + np.array([0, 1, -1], "f4").reshape(1, 3, 1, 1)
        np.testing.assert_allclose(data.x(), want)

    def test_texts_as_tokens(self):
        data = self.write(tokens=[[1, 2, 3], [0], [2, 2]], vocab=["a", "b", "c", "d"], text=["b c d", "ä", ""], y=["x", "y", "x"])
        self.assertEqual([list(data.tokens(k)) for k in range(3)], [[1, 2, 3], [0], [2, 2]])
        self.assertEqual((data.text(0), data.text(1), data.text(2)), ("b c d", "ä", ""))
        self.assertEqual(data.task, "classification")
        self.assertEqual(self.write("l.h5", tokens=[[1, 2], [3]], vocab=5).task, "lm")
        self.assertEqual(self.write("t.h5", tokens=[[1, 2], [3]], token_y=[[0, 1], [0]], classes=["O", "B-x"], vocab=5).task, "tagging")

    def test_numbers_to_predict(self):
        data = self.write(x=np.eye(4, dtype="f4"), y=np.array([0.5, 1.5, 2.5, -1]), task="regression")
        np.testing.assert_array_equal(data["y"], np.array([[0.5], [1.5], [2.5], [-1]], "f4"))
        many = self.write("m.h5", x=np.eye(4, dtype="f4"), y=np.eye(4, 3), task="multilabel")
        np.testing.assert_array_equal(many["y"], np.eye(4, 3))

    def test_parts_are_added_as_they_come(self):
        x, y = example()
        with cohort.Writer(self.folder / "draft.h5") as writer:
            for begin in range(0, 300, 70):
                writer.add(x=x[begin:begin + 70], y=y[begin:begin + 70], users=[str(k % 3) for k in range(begin, min(300, begin + 70))])
        data = cohort.import_data("h5", self.folder / "draft.h5", out=self.folder / "d.h5")
        np.testing.assert_array_equal(data.x(), x)
        np.testing.assert_array_equal(data["y"], y)
        self.assertEqual(data.users, [str(k % 3) for k in range(300)])

    def test_wrong_columns_are_told(self):
        x, y = example(10)
        for columns, words in (({"x": x, "y": y[:5]}, "different lengths"), ({}, "needs x"), ({"x": x, "y": y + 0.5}, "no classes"),
                               ({"x": x, "y": y - 5}, "class -"), ({"x": x, "y": y, "split": "none"}, "'none'"),
                               ({"x": [["a"]] * 10, "y": y}, "numbers are wanted"),
                               ({"x": x, "y": ["q"] * 10, "classes": ["a"]}, "not among")):
            with self.assertRaises(ValueError, msg=words) as caught:
                self.write("bad.h5", **columns)
            self.assertIn(words, str(caught.exception))
            self.assertFalse((self.folder / "bad.h5").exists())
        self.write(x=x, y=y)
        with self.assertRaises(FileExistsError):
            self.write(x=x, y=y)
        self.write(x=x, y=y, overwrite=True)
        self.assertEqual(os.listdir(self.folder), ["d.h5"])

    def test_numbers_that_the_file_cannot_hold_are_told(self):
        x, y = example(10)
        for columns in ({"y": y + 2**32}, {"tokens": [[1, 2**32 + 1]], "x": None, "y": None}, {"tokens": [[1.7]], "x": None, "y": None},
                        {"y": np.full((10, 2), 0.7), "task": "multilabel"}, {"y": np.full((10, 2), 257), "task": "multilabel"},
                        {"split": [0.7] * 10}, {"y": np.full(10, np.inf)}, {"users": [None] * 10}, {"users": [float("nan")] * 10},
                        {"y": [None, "b"] * 5}):
            with self.assertRaises(ValueError, msg=str(columns)):
                self.write("bad.h5", **{"x": x, "y": y, **columns})
            self.assertFalse((self.folder / "bad.h5").exists())
        with cohort.Writer(self.folder / "draft.h5") as writer:
            writer.add(x=np.zeros((2, 3), "u1"), y=[0, 1])
            with self.assertRaises(ValueError):
                writer.add(x=np.full((2, 3), 0.5, "f4"), y=[0, 1])
        data = self.write("b.h5", x=x, y=y, users=np.array([b"a", b"b"] * 5), split=[b"train"] * 10)
        self.assertEqual(set(data.users), {"a", "b"})
        with self.assertRaises(ValueError):
            cohort.write_partition(self.folder / "p.h5", data, [[0.7]])

    def test_pairs_of_texts(self):
        from cohort.datasets import write_text_dataset
        data = write_text_dataset(self.folder / "p.h5", [{"source": "a b", "target": "b a"}, {"source": "c", "target": "c c"}])
        self.assertEqual((data.task, len(data)), ("seq2seq", 2))

    def test_clinc150(self):
        parts = {"oos_test": [["what?", "oos"]], "val": [["wie geht's ü", "b"]], "test": [["now", "a"], ["then", "b"]], "oos_val": [],
                 "oos_train": [["none", "oos"]], "train": [["one two", "b"], ["two", "a"]]}
        (self.folder / "c.json").write_text(json.dumps(parts))
        order = [("train", 0), ("oos_train", 0), ("val", 2), ("test", 1), ("oos_test", 1)]
        for oos in ("keep", "drop"):
            want = [(text, label, split) for key, split in order for text, label in parts[key] if oos == "keep" or label != "oos"]
            data = cohort.import_data("clinc150", self.folder / "c.json", out=self.folder / "c.h5", oos=oos, overwrite=True)
            self.assertEqual([(data.text(k), data.classes[data["y"][k]], data["split"][k]) for k in range(len(data))], want)
        for bad in ("{", '{"train": [["a", "b"]], "tset": []}', '{"train": [["a"]]}', '{"val": []}', "[]", '{"train": [["a", 1]]}', '{"train": [["a", "b"]]} x'):
            (self.folder / "bad.json").write_text(bad)
            with self.assertRaises(cohort.CohortError) as caught:
                cohort.import_data("clinc150", self.folder / "bad.json", out=self.folder / "b.h5")
            self.assertEqual(caught.exception.exit_code, 3, bad)

    def test_json_lines_with_classes(self):
        lines = [{"t": "a b", "c": "x", "u": 5}, {"z": [1, {"q": 2}], "c": "y", "t": "ü", "u": "v"}, {"t": "", "c": "x", "u": 5}]
        (self.folder / "l.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
        data = cohort.import_data("jsonl", self.folder / "l.jsonl", out=self.folder / "l.h5", text="t", y="c", user="u")
        self.assertEqual([(data.text(k), data.classes[data["y"][k]], data.users[k]) for k in range(3)],
                         [(line["t"], line["c"], str(line["u"])) for line in lines])
        self.assertEqual(cohort.import_data("jsonl", self.folder / "l.jsonl", out=self.folder / "m.h5", text="t").task, "lm")
        for options, code in (({}, 2), ({"text": "t", "source": "t"}, 2), ({"source": "t"}, 2), ({"y": "c"}, 2), ({"text": "none"}, 3)):
            with self.assertRaises(cohort.CohortError) as caught:
                cohort.import_data("jsonl", self.folder / "l.jsonl", out=self.folder / "n.h5", **options)
            self.assertEqual(caught.exception.exit_code, code, options)

    def test_another_file_is_refused(self):
        with h5py.File(self.folder / "o.h5", "w") as file:
            file.attrs["format"] = "other"
        with self.assertRaises(ValueError):
            cohort.read_dataset(self.folder / "o.h5")
        with self.assertRaises(ValueError):
            cohort.read_partition(self.folder / "o.h5")


class Partitions(InFolder):
    def setUp(self):
        super().setUp()
        x, y = example()
        self.data = cohort.write_dataset(self.folder / "d.h5", x=x, y=np.array(["p", "q", "r"])[y], users=[f"u{i % 4}" for i in range(300)])

    def test_every_example_is_at_one_device(self):
        part = cohort.partition(self.data, "dirichlet", 9, alpha=0.3, seed=4)
        np.testing.assert_array_equal(np.sort(np.concatenate(part.indices)), np.arange(300))
        self.assertEqual(list(part.sizes), [len(ids) for ids in part.indices])
        np.testing.assert_array_equal(part[2], part.indices[2])
        np.testing.assert_array_equal(part[-1], part.indices[8])
        y = np.array(self.data["y"])
        for k in range(9):
            np.testing.assert_array_equal(part.labels.iloc[k], np.bincount(y[part.indices[k]], minlength=3))
        self.assertEqual(list(part.labels.columns), ["p", "q", "r"])
        self.assertEqual(part.stats["size_max"], part.sizes.max())
        self.assertTrue(all(len(ids) == 0 for ids in part.test_indices))
        with self.assertRaises(IndexError):
            part[9]

    def test_test_parts_and_names_of_users(self):
        part = cohort.partition(self.data, "natural", out=self.folder / "n.h5", test_fraction=0.2)
        self.assertEqual(part.names, ["u0", "u1", "u2", "u3"])
        self.assertEqual([len(ids) for ids in part.test_indices], [15] * 4)
        self.assertEqual(repr(part), repr(cohort.read_partition(part.file)))

    def test_methods_go_by_what_is_named(self):
        users = np.array([int(u[1:]) for u in self.data.users])
        y = np.array(self.data["y"])
        (self.folder / "words").write_text("".join(f"w{k % 5}\n" for k in range(300)))
        for by, labels in (("user", users), (str(self.folder / "words"), np.arange(300) % 5), ("y", y)):
            part = cohort.partition(self.data, "classes", len(set(labels)), classes_per_device=1, by=by)
            self.assertTrue(all(len(set(labels[ids])) == 1 for ids in part.indices), by)
            self.assertEqual(sorted(part.sizes), sorted(np.bincount(labels)))
        texts = cohort.write_dataset(self.folder / "t.h5", tokens=[[0] * (1 + k % 20) for k in range(200)], vocab=3, y=np.arange(200) % 2)
        part = cohort.partition(texts, "classes", 10, classes_per_device=1, by="length")
        self.assertEqual(sorted(tuple(sorted({1 + i % 20 for i in ids})) for ids in part.indices), [(k, k + 1) for k in range(1, 20, 2)])
        for method, by, code in (("iid", "user", 2), ("classes", "group", 2), ("classes", "tags", 2), ("classes", "length", 2), ("classes", "none", 4)):
            with self.assertRaises(cohort.CohortError) as caught:
                cohort.partition(self.data, method, 3, by=by)
            self.assertEqual(caught.exception.exit_code, code, by)
        (self.folder / "words").write_text("one\n")
        with self.assertRaises(cohort.CohortError) as caught:
            cohort.partition(self.data, "classes", 3, by=str(self.folder / "words"))
        self.assertEqual((caught.exception.exit_code, "1 lines" in str(caught.exception)), (3, True))

    def test_laws_of_sizes_are_flowers(self):
        for law, weight in (("linear", lambda k: k + 1), ("square", lambda k: (k + 1) ** 2), ("exponential", np.exp)):
            want = np.array([weight(k) for k in range(6)], float)
            found = cohort.partition(self.data, "iid", 6, sizes=law).sizes
            self.assertEqual(found.sum(), 300)
            self.assertLessEqual(np.abs(found - 300 * want / want.sum()).max(), 1.0, law)

    def test_files_without_a_name_go_with_their_object(self):
        held = os.environ.get("TMPDIR"), tempfile.tempdir
        self.addCleanup(lambda: (os.environ.pop("TMPDIR") if held[0] is None else os.environ.update(TMPDIR=held[0]),
                                 setattr(tempfile, "tempdir", held[1])))
        place = self.folder / "tmp"
        place.mkdir()
        os.environ["TMPDIR"], tempfile.tempdir = str(place), None
        for refused in (lambda: cohort.partition(self.data, "iid", 0), lambda: cohort.predict(self.folder / "none", self.data)):
            with self.assertRaises(cohort.CohortError):
                refused()
            self.assertEqual(list(place.glob("cohort-*")), [])
        part = cohort.partition(self.data, "iid", 3)
        self.assertEqual(list(place.glob("cohort-*")), [part.file.parent])
        del part
        gc.collect()
        self.assertEqual(list(place.glob("cohort-*")), [])

    def test_lists_of_another_program(self):
        lists = [[5, 3, 1], [], [2, 4]]
        part = cohort.write_partition(os.path.relpath(self.folder / "l.h5"), os.path.relpath(self.data.file), lists)
        self.assertEqual([sorted(ids) for ids in part.indices], [[1, 3, 5], [], [2, 4]])
        self.assertIn("from: indices\n", part.attributes["config"])
        self.assertNotIn("cohort-", part.attributes["config"])  # of the temporary folder nothing is left
        self.assertIn("from: indices\n", cohort.program.call(["show", str(part.file)]))  # the program reads it still
        with self.assertRaises(cohort.CohortError) as caught:
            cohort.write_partition(self.folder / "w.h5", self.data, [[999]])
        self.assertEqual(caught.exception.exit_code, 3)
        self.assertTrue(str(caught.exception).startswith("indices: "), caught.exception)

    def test_messages_name_what_was_given_and_say_it_in_python(self):
        there = cohort.partition(self.data, "iid", devices=3, out=self.folder / "there.h5").file
        wrong = [(lambda: cohort.write_partition(self.folder / "w.h5", self.data, [[1, 1]]), "indices: train of device 0"),
                 (lambda: cohort.write_dataset(self.folder / "w.h5", x=np.full((2, 2), np.nan, "f4"), y=[0, 1]), "the arrays: x, row 0"),
                 (lambda: convert.frame({"a": [1.0, np.inf], "y": [0, 1]}, self.folder / "w.h5", y="y"), "data frame: x, row 1"),
                 (lambda: cohort.datasets.write_text_dataset(self.folder / "w.h5", [{"source": "a"}]), "pairs:1"),
                 (lambda: cohort.run({"name": "a", "rounds": 1, "model": {"name": "sofmax"}}, ranks=1, progress=False), "experiment: "),
                 (lambda: cohort.partition(self.data, "iid", devices=3, out=there),
                  "set overwrite=True"),
                 (lambda: cohort.partition(self.data, "dirichlet", devices=3), "alpha: required")]
        for act, words in wrong:
            with self.assertRaises(cohort.CohortError) as caught:
                act()
            said = str(caught.exception)
            self.assertIn(words, said)
            for own in ("raw.h5", "draft.h5", "lists.json", "pairs.jsonl", "experiment.yaml", ".cohort-", "--", "command line"):
                self.assertNotIn(own, said)

    def test_a_run_on_both_and_what_it_says_of_examples(self):
        part = cohort.partition(self.data, "dirichlet", 5, alpha=1)
        run = cohort.run({"rounds": 30, "data": {"file": str(self.data.file)}, "partition": {"file": str(part.file)}, "model": {"name": "softmax"},
                          "devices": {"per_round": 5}, "local": {"lr": 0.5}, "eval": {"every": 0}, "output": {"dir": str(self.folder / "r")}},
                         ranks=1, progress=False)
        found = cohort.predict(run, self.data)
        self.assertGreater((found.labels == self.data["y"]).mean(), 0.9)
        tensors = run.state_dict()
        logits = self.data.x() @ np.asarray(tensors["1.weight"]).T + np.asarray(tensors["1.bias"])
        np.testing.assert_allclose(found.logits, logits, atol=1e-4)
        np.testing.assert_array_equal(found.ids, np.arange(300))
        self.assertEqual(found.rows(7), slice(7, 8))
        self.assertTrue(np.isnan(run.score))
        self.assertEqual(len(cohort.predict(run, self.data, output="loss", split="train")["loss"]), 300)


class Tracker:
    def __init__(self):
        self.told, self.closed = {}, False

    def scalar(self, name, value, step):
        assert (name, step) not in self.told, (name, step)
        self.told[name, step] = value

    def close(self):
        self.closed = True


def log_records(data, at=7, block=1 << 15):
    """The records of a log of W&B, which is LevelDB's behind a head of 7 bytes: pieces of (crc, length, kind), none across blocks."""
    whole = b""
    while at < len(data):
        if block - at % block < 7:
            at += block - at % block
            continue
        _, size, kind = struct.unpack_from("<IHB", data, at)
        whole += data[at + 7:at + 7 + size]
        at += 7 + size
        if kind in (1, 4):  # whole, or the last piece
            yield whole
            whole = b""


class Watching(InFolder):
    def test_each_number_is_told_once(self):
        run = self.small()
        tracker = Tracker()
        cohort.watch(run, tracker)
        self.assertTrue(tracker.closed)
        self.assertEqual(tracker.told["rounds/train_loss", 3], run.rounds["train_loss"].iloc[2])
        self.assertEqual(tracker.told["eval/test/central/accuracy", 6], run.score)
        with self.assertRaises(ValueError):
            cohort.watch(run, "nowhere")

    def test_tensorboard_reads_what_is_mirrored(self):
        try:
            from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
            try:
                import torch.utils.tensorboard  # noqa: F401
            except ImportError:
                import tensorboardX  # noqa: F401
        except ImportError:
            self.skipTest("no TensorBoard here")
        run = self.small()
        cohort.watch(run, f"tensorboard:{self.folder / 'tb'}")
        events = EventAccumulator(str(self.folder / "tb"))
        events.Reload()
        self.assertEqual([e.step for e in events.Scalars("rounds/train_loss")], [1, 2, 3, 4, 5, 6])
        self.assertAlmostEqual(events.Scalars("eval/test/central/accuracy")[-1].value, run.score, 5)


    def test_trackers_that_take_many_get_them_at_once(self):
        class Batches(Tracker):
            def __init__(self):
                super().__init__()
                self.calls = 0

            def scalars(self, points):
                self.calls += 1
                for point in points:
                    self.scalar(*point)

        run, one, many = self.small(), Tracker(), Batches()
        cohort.watch(run, one)
        cohort.watch(run, many)
        self.assertEqual((many.told, many.calls, many.closed), (one.told, 1, True))

    def test_mlflow_has_what_is_mirrored(self):
        try:
            import mlflow
        except ImportError:
            self.skipTest("no MLflow here")
        run, store = self.small(), f"sqlite:///{self.folder / 'mlflow.db'}"
        self.addCleanup(mlflow.set_tracking_uri, None)
        here = os.getcwd()
        os.chdir(self.folder)
        self.addCleanup(os.chdir, here)
        cohort.watch(run, f"mlflow:{store}")
        client = mlflow.MlflowClient(store)
        (kept,) = client.search_runs(["0"])
        told = {m.step: m.value for m in client.get_metric_history(kept.info.run_id, "rounds/train_loss")}
        self.assertEqual(told, dict(zip(run.rounds["round"], run.rounds["train_loss"])))
        self.assertEqual(kept.data.metrics["eval/test/central/accuracy"], run.score)
        self.assertEqual((kept.info.status, kept.data.params["local.lr"]), ("FINISHED", str(run.config["local"]["lr"])))

    def test_wandb_has_what_is_mirrored(self):
        try:
            import wandb
            from wandb.proto import wandb_internal_pb2
        except ImportError:
            self.skipTest("no Weights & Biases here")
        run, told = self.small(), {}
        os.environ |= {"WANDB_MODE": "offline", "WANDB_SILENT": "true", "WANDB_DIR": str(self.folder)}
        cohort.watch(run, "wandb:small")
        wandb.teardown()
        (path,) = self.folder.glob("wandb/offline-run-*/run-*.wandb")
        for raw in log_records(path.read_bytes()):
            record = wandb_internal_pb2.Record()
            record.ParseFromString(raw)
            if record.WhichOneof("record_type") == "history":
                row = {item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in record.history.item}
                self.assertNotIn(row["round"], told)  # one call a round
                told[row["round"]] = row
        self.assertEqual(sorted(told), [0, *run.rounds["round"]])
        for round_, loss in zip(run.rounds["round"], run.rounds["train_loss"]):
            self.assertEqual(told[round_]["rounds/train_loss"], loss)
        self.assertEqual(told[6]["eval/test/central/accuracy"], run.score)


class Pictures(InFolder):
    def test_figures_come_from_the_objects(self):
        try:
            import matplotlib
        except ImportError:
            self.skipTest("no matplotlib here")
        matplotlib.use("Agg")
        run = self.small()
        figure = run.plot(x="bytes")
        self.assertEqual(len(figure.axes), 2)
        with self.assertRaises(cohort.CohortError) as caught:
            run.plot(x="nothing")
        self.assertEqual(caught.exception.exit_code, 2)
        data = cohort.write_dataset(self.folder / "d.h5", x=example()[0], y=example()[1])
        self.assertEqual(len(cohort.partition(data, "dirichlet", 5, alpha=1).plot(sort="size").axes), 2)


if __name__ == "__main__":
    unittest.main()
