"""Data sets: written from arrays, imported by the program's readers, read back."""
from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd

from . import program, tables, yaml_text
from .errors import saying

PathLike = str | os.PathLike[str]
SPLITS = {"train": 0, "test": 1, "validation": 2, "dev": 2, "valid": 2}


def import_data(form: str, *sources: PathLike, out: PathLike, overwrite: bool = False, **options: Any) -> Dataset:
    """``cohort import FORM SOURCE.. -o OUT key=value ..``: published raw data by the program's own readers."""
    words = ["import", form, *(str(os.fspath(source)) for source in sources), "-o", str(os.fspath(out))]
    words += [f"{key}={yaml_text.word(value)}" for key, value in options.items()]
    program.call([*words, *["--overwrite"] * overwrite])
    return Dataset(out)


def read_dataset(path: PathLike) -> Dataset:
    """A data set file, opened to be looked at."""
    return Dataset(path)


class Dataset:
    """A data set file: its columns are read when they are asked for."""

    def __init__(self, path: PathLike) -> None:
        self.file = Path(path).absolute()
        with h5py.File(self.file, "r") as file:
            form = tables.text(file.attrs.get("format", ""))
            if form not in ("cohort-dataset", ""):
                raise ValueError(f"{path}: its format is {form}, not cohort-dataset")
            self.attributes = {key: tables.plain(value) for key, value in file.attrs.items()}  #: task, source, digests
            self.columns = {name: file[name].shape for name in file if isinstance(file[name], h5py.Dataset)}  #: shapes

    def __repr__(self) -> str:
        return f"<cohort.Dataset of {len(self)} examples, {', '.join(sorted(self.columns))}: {self.file}>"

    def __len__(self) -> int:
        for name in ("y", "x", "split", "span"):
            if name in self.columns:
                return int(self.columns[name][0])
        for name in ("token_offsets", "text_offsets"):
            if name in self.columns:
                return int(self.columns[name][0]) - 1
        raise ValueError(f"{self.file}: holds no examples")

    def __getitem__(self, column: str) -> Any:
        """A column whole, as the file has it; texts as str."""
        with h5py.File(self.file, "r") as file:
            values = file[column][()]
        return [tables.text(value) for value in values] if values.dtype.kind == "S" else values

    @property
    def task(self) -> str:
        """classification, lm, tagging, regression .."""
        return str(self.attributes.get("task", "classification"))

    @property
    def classes(self) -> list[str]:
        """Names of the classes; their numbers where they have no names."""
        if "classes" in self.columns:
            return list(self["classes"])
        return [str(k) for k in range(int(self["y"].max()) + 1)] if "y" in self.columns else []

    @property
    def users(self) -> list[str]:
        """Each example's user by name; empty without users."""
        if "user" not in self.columns:
            return []
        numbers = self["user"]
        names = self["user_name"] if "user_name" in self.columns else [str(k) for k in range(int(numbers.max()) + 1)]
        return [names[k] for k in numbers]

    def x(self, rows: Any = slice(None)) -> Any:
        """The inputs of some examples as floats: value = x scale + shift."""
        with h5py.File(self.file, "r") as file:
            stored = file["x"]
            raw = np.asarray(stored[rows], dtype=np.float32)
            default = 1.0 / 255.0 if stored.dtype == np.uint8 else 1.0
            scale = np.atleast_1d(stored.attrs.get("scale", default)).astype(np.float32)
            shift = np.atleast_1d(stored.attrs.get("shift", 0.0)).astype(np.float32)
        if len(scale) > 1 or len(shift) > 1:
            shape = (-1,) + (1,) * (raw.ndim - 2)
            scale, shift = scale.reshape(shape), shift.reshape(shape)
        return raw * scale + shift

    def text(self, row: int) -> str:
        """The raw text of an example."""
        return str(self._piece("text", "text_offsets", row).tobytes().decode("utf-8", "replace"))

    def tokens(self, row: int) -> Any:
        """The tokens of an example."""
        return self._piece("tokens", "token_offsets", row)

    def _piece(self, values: str, offsets: str, row: int) -> Any:
        with h5py.File(self.file, "r") as file:
            begin, end = file[offsets][row:row + 2]
            return file[values][begin:end]

    def labels(self) -> pd.DataFrame:
        """How many examples of each class are in each split."""
        split = self["split"] if "split" in self.columns else np.zeros(len(self), np.uint8)
        names = {number: name for name, number in list(SPLITS.items())[:3]}
        counted = pd.crosstab(pd.Series(self["y"]).map(dict(enumerate(self.classes))), pd.Series(split).map(names))
        return counted.rename_axis(index="class", columns="split")


def write_dataset(path: PathLike, *, x: Any = None, y: Any = None, users: Any = None, groups: Any = None, split: Any = None,
                  classes: Sequence[str] | None = None, tokens: Any = None, vocab: Any = None, token_y: Any = None,
                  text: Iterable[str] | None = None, task: str | None = None, scale: Any = None, shift: Any = None,
                  overwrite: bool = False) -> Dataset:
    """A data set from arrays, checked and sealed by the program.

    ``x``: [n, ..] uint8 (images as [n, channel, row, column]) or float32. ``y``: [n] classes by number or by name; floats for
    ``task="regression"``, [n, k] of 0 and 1 for ``task="multilabel"``. ``users``, ``groups``: [n] names or numbers. ``split``:
    [n] of 0, 1, 2 or train, test, validation; one word for all; default train. Texts stand in place of ``x`` as ``tokens``, a
    list of lists of numbers, with ``vocab``, their names or how many there are, and ``token_y``, a list of tags each;
    ``text`` are the raw texts beside them. Rows keep their order: an example's id is its row.
    """
    target = Path(path)
    if classes is None and y is not None and np.asarray(y).dtype.kind in "OUS" and task in (None, "classification"):
        classes = sorted(set(_names("y", y)))
    if target.exists() and not overwrite:
        raise FileExistsError(f"{path}: exists; overwrite=True replaces it")
    with tempfile.TemporaryDirectory(prefix=".cohort-", dir=target.parent if target.parent.is_dir() else None) as folder:
        raw = Path(folder) / "raw.h5"
        with Writer(raw, task=task, vocab=vocab, classes=classes, scale=scale, shift=shift) as writer:
            writer.file.attrs["source"] = b"arrays"
            writer.add(x=x, y=y, users=users, groups=groups, split=split, tokens=tokens, token_y=token_y, text=text)
        with saying(raw, "the arrays"):
            return import_data("h5", raw, out=path, overwrite=overwrite)


class Writer:
    """A data set by parts, for what is larger than the memory: ``add`` as often as needed. The file is what
    ``import_data("h5", ..)`` takes."""

    def __init__(self, path: PathLike, *, task: str | None = None, vocab: Any = None, classes: Sequence[str] | None = None,
                 scale: Any = None, shift: Any = None) -> None:
        self.file = h5py.File(path, "w")
        self.task, self.vocab = task, vocab
        self.scale, self.shift = scale, shift
        self.names: dict[str, dict[str, int]] = {}
        if classes is not None:
            self.names["y"] = {str(name): k for k, name in enumerate(classes)}
        self.fixed = classes is not None
        self.named: dict[str, bool] = {}
        self.n = 0

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        try:
            if kind is None:
                self.close()
        finally:
            self.file.close()

    def add(self, *, x: Any = None, y: Any = None, users: Any = None, groups: Any = None, split: Any = None, tokens: Any = None,
            token_y: Any = None, text: Iterable[str] | None = None) -> None:
        """Examples more: arguments as of ``write_dataset``, the same ones each time."""
        columns: dict[str, Any] = {}
        texts = None if text is None else list(text)
        given = [len(v) for v in (x, y, users, groups, tokens, token_y, texts) if v is not None]
        if split is not None and not isinstance(split, (str, int)):
            given.append(len(split))
        if not given:
            raise ValueError("a data set needs x, y, tokens or text")
        if len(set(given)) > 1:
            raise ValueError(f"columns of different lengths: {', '.join(map(str, given))}")
        n = given[0]
        if x is not None:
            columns["x"] = _inputs(x)
        if y is not None:
            columns["y"] = self._labels(np.asarray(y))
        for key, values in (("user", users), ("group", groups)):
            if values is not None:
                columns[key] = self._numbers(key, _names(key, values))
        if split is not None:
            columns["split"] = _split(split, n)
        for key, values in columns.items():
            self._append(key, values)
        if tokens is not None:
            self._lists("tokens", "token_offsets", [_narrow("tokens", t, np.int32).ravel() for t in tokens])
        if token_y is not None:
            tags = [_narrow("token_y", t, np.int32).ravel() for t in token_y]
            self._append("token_y", np.concatenate(tags or [np.zeros(0, np.int32)]))
        if texts is not None:
            self._lists("text", "text_offsets", [np.frombuffer(t.encode("utf-8", "replace"), np.uint8) for t in texts])
        self.n += n

    def close(self) -> None:
        """Names and attributes; before the file can be used."""
        if self.n == 0:
            raise ValueError("no examples were added")
        for key, into in (("y", "classes"), ("user", "user_name"), ("group", "group_name")):
            if key in self.names and into not in self.file:
                self.file[into] = _texts(list(self.names[key]))
        if self.vocab is not None:
            if isinstance(self.vocab, (int, np.integer)):
                self.file["vocab_size"] = np.array([self.vocab], np.int64)
            else:
                self.file["vocab"] = _texts([str(word) for word in self.vocab])
        if "x" in self.file:
            for key, value in (("scale", self.scale), ("shift", self.shift)):
                if value is not None:
                    self.file["x"].attrs[key] = np.asarray(value, np.float64)
        task = self.task
        if task is None and "tokens" in self.file and "y" not in self.file:
            task = "tagging" if "token_y" in self.file else "lm"
        if task:
            self.file.attrs["task"] = np.bytes_(task.encode())

    def _append(self, key: str, values: Any) -> None:
        if key not in self.file:
            rest = values.shape[1:]
            chunk = (max(1, (1 << 19) // max(1, int(np.prod(rest, initial=values.dtype.itemsize)))), *rest)
            self.file.create_dataset(key, data=values, maxshape=(None, *rest), chunks=chunk)
            return
        stored = self.file[key]
        if stored.dtype != values.dtype:
            raise ValueError(f"{key}: values of type {values.dtype} after such of {stored.dtype}; give all parts one type")
        if stored.shape[1:] != values.shape[1:]:
            raise ValueError(f"{key}: rows of shape {values.shape[1:]} after such of {stored.shape[1:]}")
        begin = stored.shape[0]
        stored.resize(begin + len(values), axis=0)
        stored[begin:] = values

    def _lists(self, values: str, offsets: str, rows: list[Any]) -> None:
        begin = self.file[values].shape[0] if values in self.file else 0
        lengths = np.array([len(row) for row in rows], np.int64)
        ends = begin + np.cumsum(lengths)
        self._append(values, np.concatenate(rows) if rows else np.zeros(0, np.int32 if values == "tokens" else np.uint8))
        self._append(offsets, ends if offsets in self.file else np.concatenate([[0], ends]).astype(np.int64))

    def _numbers(self, key: str, words: list[str]) -> Any:
        """Names as numbers, in the order of their first appearance."""
        names = self.names.setdefault(key, {})
        return np.array([names.setdefault(word, len(names)) for word in words], np.int32)

    def _labels(self, y: Any) -> Any:
        if self.task == "regression":
            return np.ascontiguousarray(y, np.float32).reshape(len(y), -1)
        if self.task == "multilabel":
            return _narrow("y", y, np.uint8)
        named = y.dtype.kind in "OUS"
        if self.named.setdefault("y", named) != named:
            raise ValueError("y: names here, numbers before")
        if named:
            words = _names("y", y)
            if self.fixed:
                unknown = sorted(set(words) - set(self.names["y"]))
                if unknown:
                    raise ValueError(f"y: {unknown[0]!r} is not among classes")
            return self._numbers("y", words)
        if y.dtype.kind == "f" and not (np.isfinite(y).all() and np.array_equal(y, np.rint(y))):
            raise ValueError("y holds numbers that are no classes; say task='regression'")
        if y.size and (y.min() < 0):
            raise ValueError(f"y: class {int(y.min())}; classes are 0, 1 ..")
        return _narrow("y", y, np.int32)


def _narrow(key: str, values: Any, kind: Any) -> Any:
    """The same numbers in the file's type, or an error that names the first that is none of it."""
    array = np.asarray(values)
    with np.errstate(invalid="ignore"):
        narrow = array.astype(kind)
    wrong = array != narrow
    if np.any(wrong):
        raise ValueError(f"{key}: {array[wrong].flat[0]!r} is no {np.dtype(kind)}")
    return np.ascontiguousarray(narrow)


def _names(key: str, values: Any) -> list[str]:
    """Names as texts, whole numbers in decimal; nobody is an error."""
    out: list[str] = []
    for value in np.asarray(values, object).ravel():
        if value is None or (isinstance(value, float) and value != value):
            raise ValueError(f"{key}: example {len(out)} has none; leave such examples out, or give it a name")
        if isinstance(value, (float, np.floating)) and float(value).is_integer():
            value = int(value)
        out.append(tables.text(value) if isinstance(value, bytes) else str(value))
    return out


def _inputs(x: Any) -> Any:
    array = np.asarray(x)
    if array.dtype == np.uint8 or array.dtype == np.float32:
        return array
    if array.dtype.kind in "fiub":
        return array.astype(np.float32)
    raise ValueError(f"x: values of type {array.dtype}; numbers are wanted")


def _split(split: Any, n: int) -> Any:
    if isinstance(split, (str, int)):
        split = [split] * n
    split = [tables.text(s) if isinstance(s, (bytes, str)) else s for s in split]
    try:
        return _narrow("split", [SPLITS[s] if isinstance(s, str) else s for s in split], np.uint8)
    except KeyError as error:
        raise ValueError(f"split: {error.args[0]!r}; train, test and validation are known") from None


def _texts(words: list[str]) -> Any:
    """Names as the program keeps them: of fixed length, UTF-8."""
    encoded = [word.encode("utf-8") for word in words]
    return np.array(encoded, f"S{max(1, max(map(len, encoded), default=1))}")


def write_text_dataset(path: PathLike, pairs: Iterable[Mapping[str, str]], overwrite: bool = False, **options: Any) -> Dataset:
    """Pairs of texts (keys source and target, and user where there is one) as a task seq2seq, by the program's tokenisers."""
    with tempfile.TemporaryDirectory(prefix="cohort-") as folder:
        lines = Path(folder) / "pairs.jsonl"
        with lines.open("w", encoding="utf-8") as file:
            for pair in pairs:
                file.write(json.dumps(dict(pair), ensure_ascii=False) + "\n")
        with saying(lines, "pairs"):
            return import_data("jsonl", lines, out=path, overwrite=overwrite, source="source", target="target", **options)
