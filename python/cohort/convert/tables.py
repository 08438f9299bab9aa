"""Tables: Parquet, Feather and Arrow, CSV, JSON, Hugging Face datasets, data frames."""
from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..datasets import Dataset, Writer
from .common import BATCH, PathLike, Progress, build

Columns = dict[str, Any]  # a batch: a list or an array for each column
Sources = PathLike | Sequence[PathLike] | Mapping[str, PathLike | Sequence[PathLike]]


def parquet(source: Sources, out: PathLike, **how: Any) -> Dataset:
    """Parquet files; ``how`` as of ``frame``. ``source``: a file, a folder, a list of them, or {"train": .., "test": ..}."""
    return _files(source, out, "parquet", how)


def arrow(source: Sources, out: PathLike, **how: Any) -> Dataset:
    """Feather and Arrow IPC files; ``how`` as of ``frame``."""
    return _files(source, out, "ipc", how)


def csv(source: Sources, out: PathLike, *, encoding: str = "utf-8", **how: Any) -> Dataset:
    """CSV files by pyarrow's reader, in any ``encoding`` of Python's; ``how`` as of ``frame``. (`cohort import csv` reads them
    without any library.)"""
    import pyarrow.csv
    import pyarrow.dataset as ds
    return _files(source, out, ds.CsvFileFormat(read_options=pyarrow.csv.ReadOptions(encoding=encoding)), how)


def json_lines(source: Sources, out: PathLike, **how: Any) -> Dataset:
    """A JSON record a line; ``how`` as of ``frame``."""
    return _files(source, out, "json", how)


def json_records(source: Sources, out: PathLike, **how: Any) -> Dataset:
    """A JSON file that is one list of records, or {column: values}; ``how`` as of ``frame``. It is read whole."""
    import json

    def batches(paths: list[Path]) -> Iterator[Columns]:
        for path in paths:
            with path.open(encoding="utf-8") as file:
                try:
                    tree = json.load(file)
                except ValueError as error:
                    raise ValueError(f"{path}: {error}") from None
            if isinstance(tree, dict):
                yield {key: list(value.values()) if isinstance(value, dict) else value for key, value in tree.items()}
                continue
            for begin in range(0, len(tree), BATCH):
                rows = tree[begin:begin + BATCH]
                names = {name: None for row in rows for name in row}
                yield {name: [row.get(name) for row in rows] for name in names}

    splits = _by_split(source)
    return _convert(out, {split: batches(paths) for split, paths in splits.items()}, _named(source), how)


def hugging_face(source: Any, out: PathLike, **how: Any) -> Dataset:
    """A data set of the library `datasets`: a Dataset, a DatasetDict, or the folder of their save_to_disk; ``how`` as of
    ``frame``. Names of its ClassLabel columns are kept."""
    import datasets as library
    data = library.load_from_disk(os.fspath(source)) if isinstance(source, (str, os.PathLike)) else source
    parts = dict(data) if isinstance(data, dict) else {str(data.split or "train"): data}
    first = next(iter(parts.values()))
    label = first.features.get(how.get("y")) if isinstance(how.get("y"), str) else None
    if label is not None and hasattr(label, "names") and "classes" not in how:
        how["classes"] = list(label.names)
    named = source if isinstance(source, (str, os.PathLike)) else "Hugging Face dataset"
    return _convert(out, {name.split("[")[0]: part.iter(batch_size=BATCH) for name, part in parts.items()}, str(named), how)


def frame(source: Any, out: PathLike, *, y: str | Sequence[str] | None = None, x: str | Sequence[str] | None = None,
          text: str | None = None, tokens: str | None = None, token_y: str | None = None, user: str | None = None,
          group: str | None = None, split: str | None = None, missing: str = "refuse", task: str | None = None,
          classes: Sequence[str] | None = None, vocab: Any = None, shape: Sequence[int] | None = None,
          overwrite: bool = False, progress: bool | None = None) -> Dataset:
    """A pandas DataFrame, or a dict of columns.

    ``y``: column of the label (a list for several, with ``task``); ``x``: columns of the inputs, or one column of lists, arrays or
    images, with ``shape`` for flat ones; default: all that are not named otherwise. Columns of words become one column for each
    word, sorted. ``text``: column of raw texts, ``tokens``: of lists of numbers, ``token_y``: of tags of them. ``user``, ``group``:
    columns of names. ``split``: column of train, test, validation. ``missing``: refuse, drop, or a number that stands for nulls.
    """
    columns = {str(name): source[name] for name in source}
    how = {"y": y, "x": x, "text": text, "tokens": tokens, "token_y": token_y, "user": user, "group": group, "split": split,
           "missing": missing, "task": task, "classes": classes, "vocab": vocab, "shape": shape, "overwrite": overwrite,
           "progress": progress}
    return _convert(out, {"": iter([columns])}, "data frame", how)


# ---- files of pyarrow ------------------------------------------------------------------------------------------------


def _files(source: Sources, out: PathLike, form: Any, how: dict[str, Any]) -> Dataset:
    splits = _by_split(source)
    return _convert(out, {split: _batches(paths, form) for split, paths in splits.items()}, _named(source), how)


def _by_split(source: Sources) -> dict[str, list[Path]]:
    """Files by the split that they are of; "" where a column may say it."""
    if isinstance(source, Mapping):
        return {split: _by_split(files)[""] for split, files in source.items()}
    paths = [Path(source)] if isinstance(source, (str, os.PathLike)) else [Path(path) for path in source]
    found: list[Path] = []
    for path in paths:
        if not path.exists():
            raise FileNotFoundError(f"{path}: there is no such file")
        found += sorted(p for p in path.rglob("*") if p.is_file() and not p.name.startswith(("_", "."))) if path.is_dir() else [path]
    return {"": found}


def _named(source: Sources) -> str:
    if isinstance(source, Mapping):
        return ", ".join(f"{split}: {_named(files)}" for split, files in source.items())
    return os.fspath(source) if isinstance(source, (str, os.PathLike)) else ", ".join(map(os.fspath, source))  # type: ignore[arg-type]


def _batches(paths: list[Path], form: Any) -> Iterator[Columns]:
    import pyarrow as pa
    import pyarrow.dataset as ds
    for path in paths:
        try:
            for batch in ds.dataset(str(path), format=form).to_batches(batch_size=BATCH):
                for name, kind in zip(batch.schema.names, batch.schema.types) if not isinstance(form, str) else ():
                    if pa.types.is_binary(kind):
                        raise ValueError(f"{path}: column {name!r} is not UTF-8; encoding='latin1', or what the file is")
                yield {name: column for name, column in zip(batch.schema.names, batch.columns)}
        except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
            raise ValueError(f"{path}: {error}") from None


# ---- columns to examples ---------------------------------------------------------------------------------------------


def _convert(out: PathLike, parts: Mapping[str, Iterable[Columns]], named: str, how: dict[str, Any]) -> Dataset:
    how = dict(how)
    overwrite, shown = how.pop("overwrite", False), how.pop("progress", None)
    fixed = {key: how.pop(key) for key in ("task", "vocab", "classes") if key in how}
    known = {"y", "x", "text", "tokens", "token_y", "user", "group", "split", "missing", "shape"}
    unknown = sorted(set(how) - known)
    if unknown:
        raise TypeError(f"unknown option {unknown[0]}; known: {', '.join(sorted([*known, *fixed]))}")
    bar = Progress(named, shown=shown)
    reader = _Reader(how, fixed.get("task"), named)

    def fill(writer: Writer) -> None:
        for split, batches in parts.items():
            reader.seen = 0
            for columns in batches:
                bar.add(reader.add(writer, columns, split))

    try:
        return build(out, fill, overwrite=overwrite, source=named, **fixed)
    finally:
        bar.end()


class _Reader:
    """Batches of columns on their way to a data set, by the options of ``frame``."""

    def __init__(self, how: Mapping[str, Any], task: str | None, where: str) -> None:
        self.how, self.task = how, task
        self.where, self.seen = where, 0  # what is read; rows of its part before the batch
        missing = how.get("missing", "refuse")
        if missing not in ("refuse", "drop") and not isinstance(missing, (int, float)):
            raise ValueError(f"missing={missing!r}: refuse, drop, or a number that stands for nulls")
        self.words: dict[str, list[str]] = {}  # columns of words, and the words that the first batch has
        self.plan: list[str] | None = None

    def add(self, writer: Writer, columns: Columns, split: str) -> int:
        """Adds a batch; how many examples that are."""
        named = set(self._named()) - {self.how.get("text"), self.how.get("tokens"), self.how.get("token_y")}
        columns = {str(name): _listed(values) if str(name) in named else _plain(values) for name, values in columns.items()}
        self._check(columns)
        n = len(next(iter(columns.values()))) if columns else 0
        keep = self._kept(columns, n)
        self.seen += n
        if n == 0 or not keep.any():
            return 0
        at = {name: _pick(values, keep) for name, values in columns.items()}
        given: dict[str, Any] = {"split": split or None}
        for key, into in (("y", "y"), ("user", "users"), ("group", "groups"), ("split", "split"), ("tokens", "tokens"),
                          ("token_y", "token_y"), ("text", "text")):
            name = self.how.get(key)
            if name is not None:
                given[into] = self._labels(at, name) if key == "y" else _texts_of(at[name]) if key == "text" else at[name]
        if self.how.get("tokens") is None and self._inputs(columns):
            given["x"] = self._x(at, int(keep.sum()))
        writer.add(**given)
        return int(keep.sum())

    def _named(self) -> list[str]:
        """Columns that are no inputs."""
        out: list[str] = []
        for key in ("y", "user", "group", "split", "tokens", "token_y", "text"):
            name = self.how.get(key)
            out += [name] if isinstance(name, str) else list(name or [])
        return out

    def _inputs(self, columns: Columns) -> list[str]:
        if self.plan is None:
            asked = self.how.get("x")
            self.plan = [asked] if isinstance(asked, str) else list(asked) if asked is not None else []
            if asked is None and self.how.get("text") is None:
                self.plan = [name for name in columns if name not in self._named()]
        return self.plan

    def _check(self, columns: Columns) -> None:
        for name in [*self._named(), *self._inputs(columns)]:
            if name not in columns:
                raise ValueError(f"{self.where}: there is no column {name!r}; there are {', '.join(map(repr, columns))}")

    def _kept(self, columns: Columns, n: int) -> Any:
        """Rows without a null in a column that is used, or all, where a number stands for nulls."""
        missing = self.how.get("missing", "refuse")
        void = np.zeros(n, bool)
        for name in [*self._named(), *self._inputs(columns)]:
            nulls = _nulls(columns[name])
            if missing == "refuse" and nulls.any():
                raise ValueError(f"{self.where}, row {self.seen + int(np.argmax(nulls))}: column {name!r} is null; missing='drop' leaves "
                                 "such rows out, missing=0 reads them as that number")
            if missing == "drop" or name in self._named():
                void |= nulls
        return ~void

    def _labels(self, at: Columns, name: Any) -> Any:
        if isinstance(name, str):
            rows = at[name]
            return np.asarray(rows) if all(isinstance(v, (int, float, np.number)) for v in rows) else np.array(rows, object)
        return np.stack([np.asarray(at[column], np.float32) for column in name], axis=1)

    def _x(self, at: Columns, n: int) -> Any:
        names = self.plan or []
        if len(names) == 1 and not isinstance(at[names[0]], np.ndarray):
            return _arrays(at[names[0]], names[0], self.how.get("shape"))
        fill = self.how.get("missing")
        fill = float(fill) if isinstance(fill, (int, float)) else 0.0
        pieces = [self._features(name, at[name], fill) for name in names]
        x = np.concatenate(pieces, axis=1) if pieces else np.zeros((n, 0), np.float32)
        shape = self.how.get("shape")
        return x.reshape(n, *shape) if shape else x

    def _features(self, name: str, values: Any, fill: float) -> Any:
        array = np.asarray(values)
        if array.dtype.kind in "fiub":
            numbers = array.astype(np.float32).reshape(len(array), -1)
            return np.where(np.isnan(numbers), np.float32(fill), numbers)
        words = ["" if value is None else str(value) for value in values]
        known = self.words.setdefault(name, sorted(set(words) - {""}))
        rest = sorted(set(words) - {"", *known})
        if rest:
            raise ValueError(f"column {name!r}: the word {rest[0]!r} was not among those of the first {BATCH:,} rows; make it "
                             "categorical (pyarrow: dictionary) or numbers before")
        return np.array([[word == one for one in known] for word in words], np.float32).reshape(len(words), len(known))


def _listed(values: Any) -> list[Any]:
    """A column of names or labels as Python's own values: a null beside them must not make 3 of 3.0."""
    if hasattr(values, "to_pylist"):
        return list(values.to_pylist())
    rows = values.tolist() if hasattr(values, "tolist") else list(values)
    return [None if value is None or value != value else value for value in rows]


def _plain(values: Any) -> Any:
    """A column of pyarrow, pandas or Python as an array of numbers, or a list."""
    if hasattr(values, "dictionary") and hasattr(values, "dictionary_decode"):
        values = values.dictionary_decode()
    if hasattr(values, "to_pylist"):
        import pyarrow as pa
        kind = values.type
        if (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)) and values.null_count == 0:
            return values.to_numpy(zero_copy_only=False)
        if pa.types.is_integer(kind) or pa.types.is_floating(kind):
            return values.cast(pa.float64()).to_numpy(zero_copy_only=False)
        rows = _rows_of(values)
        return values.to_pylist() if rows is None else rows
    if hasattr(values, "to_numpy"):
        array = values.to_numpy()
        return array if array.dtype.kind in "fiub" else [None if v is None or v != v else v for v in array.tolist()]
    array = np.asarray(values) if not isinstance(values, list) else None
    if array is not None and array.dtype.kind in "fiub":
        return array
    rows = list(values)
    numbers = [v for v in rows if v is not None]
    if numbers and all(isinstance(v, (int, float, np.number)) and not isinstance(v, bool) for v in numbers):
        return np.array([np.nan if v is None else v for v in rows]) if len(numbers) < len(rows) else np.asarray(rows)
    return rows


def _rows_of(values: Any) -> Any:
    """A column of lists of numbers, all of one length and without nulls, as one array; else None."""
    import pyarrow as pa
    import pyarrow.compute as pc
    kind = values.type
    if not (pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)) or len(values) == 0:
        return None
    if values.null_count or not (pa.types.is_integer(kind.value_type) or pa.types.is_floating(kind.value_type)):
        return None
    sizes = pc.min_max(pc.list_value_length(values)).as_py()
    flat = values.flatten()
    if sizes["min"] != sizes["max"] or sizes["min"] == 0 or flat.null_count:
        return None
    return flat.to_numpy(zero_copy_only=False).reshape(len(values), -1)


def _nulls(values: Any) -> Any:
    if isinstance(values, np.ndarray):
        return np.isnan(values) if values.dtype.kind == "f" and values.ndim == 1 else np.zeros(len(values), bool)
    return np.array([v is None or (isinstance(v, float) and v != v) for v in values], bool)


def _pick(values: Any, keep: Any) -> Any:
    return values[keep] if isinstance(values, np.ndarray) else [v for v, kept in zip(values, keep) if kept]


def _texts_of(values: Any) -> list[str]:
    return [v.decode("utf-8", "replace") if isinstance(v, bytes) else str(v) for v in values]


def _arrays(values: Any, name: str, shape: Sequence[int] | None) -> Any:
    """A column whose rows are lists, arrays or images."""
    if len(values) and isinstance(values[0], (str,)):
        raise ValueError(f"column {name!r} holds words, not numbers; name text= or the columns of x=")
    if len(values) and isinstance(values[0], dict) and values[0].get("bytes") is not None:  # images of Hugging Face
        from .images import decode
        rows = [decode(row["bytes"], name) for row in values]
    else:
        rows = [np.asarray(row) for row in values]
        if rows and rows[0].ndim == 3 and rows[0].shape[2] in (1, 3, 4) and rows[0].dtype == np.uint8:
            rows = [row.transpose(2, 0, 1) for row in rows]
    if len({row.shape for row in rows}) > 1:
        sizes = sorted({row.shape for row in rows})
        raise ValueError(f"column {name!r}: rows of different shapes, as {sizes[0]} and {sizes[-1]}")
    x = np.stack(rows)
    return x.reshape(len(x), *shape) if shape else x
