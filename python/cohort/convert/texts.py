"""Texts: tokenised elsewhere, LEAF's Reddit and CelebA, SQLite files of TensorFlow Federated."""
from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..datasets import Dataset, Writer
from .common import BATCH, PathLike, Progress, build
from .images import decode


def tokenised(texts: Iterable[str], out: PathLike, tokenizer: Any, *, y: Sequence[Any] | None = None,
              users: Sequence[Any] | None = None, split: Sequence[Any] | str | None = None, keep_text: bool = False,
              classes: Sequence[str] | None = None, overwrite: bool = False) -> Dataset:
    """Texts by a tokenizer of the library `tokenizers`, or the path of its tokenizer.json; without ``y`` a task lm. Truncation and
    special tokens are as the tokenizer has them; padding is turned off, since texts are never padded here."""
    if not hasattr(tokenizer, "encode_batch"):
        from tokenizers import Tokenizer
        tokenizer = Tokenizer.from_file(str(tokenizer))
    tokenizer.no_padding()
    size = tokenizer.get_vocab_size()
    by_id = {k: word for word, k in tokenizer.get_vocab().items()}
    vocab: Any = [by_id[k] for k in range(size)] if set(by_id) == set(range(size)) else max(by_id) + 1

    def fill(writer: Writer) -> None:
        rows: list[str] = []
        begin = 0
        for text in [*texts, None]:
            if text is not None:
                rows.append(text)
            if rows and (text is None or len(rows) == BATCH):
                end = begin + len(rows)
                writer.add(tokens=[e.ids for e in tokenizer.encode_batch(rows)], y=_part(y, begin, end),
                           users=_part(users, begin, end), split=split if isinstance(split, str) else _part(split, begin, end),
                           text=rows if keep_text else None)
                rows, begin = [], end

    names = classes
    if names is None and y is not None and len(y) and isinstance(y[0], str):
        names = sorted(set(y))
    return build(out, fill, overwrite=overwrite, source="texts by tokenizers", vocab=vocab, classes=names)


def _part(values: Sequence[Any] | None, begin: int, end: int) -> Any:
    return None if values is None else values[begin:end]


def leaf_reddit(source: PathLike, out: PathLike, *, vocab: PathLike | None = None, overwrite: bool = False) -> Dataset:
    """LEAF's Reddit: folders train, test and val of JSON files whose comments are lists of token lists, <PAD> and all.
    Each comment becomes one text without its padding, its user the device; a task lm. ``vocab``: a file of words, a line each,
    most frequent first; without it the words of the training part are numbered in the order of their appearance."""
    numbers: dict[str, int] = {}
    if vocab is not None:
        for line in Path(vocab).read_text(encoding="utf-8").splitlines():
            numbers.setdefault(line.split("\t")[0], len(numbers))
    grows = vocab is None
    unknown = numbers.setdefault("<UNK>", len(numbers))

    def fill(writer: Writer) -> None:
        for split, tree in _leaf_files(Path(source)):
            for user in tree["users"]:
                comments = [[w for piece in x for w in (piece if isinstance(piece, list) else [piece])]
                            for x in tree["user_data"][user]["x"]]
                kept = [[w for w in words if w != "<PAD>"] for words in comments]
                rows = [[numbers.setdefault(w, len(numbers)) if grows and split == "train" else numbers.get(w, unknown) for w in words]
                        for words in kept]
                if rows:
                    writer.add(tokens=rows, users=[user] * len(rows), split=split)
        writer.vocab = list(numbers)

    return build(out, fill, overwrite=overwrite, source=str(source), task="lm")


def leaf_celeba(source: PathLike, images: PathLike, out: PathLike, *, size: tuple[int, int] = (84, 84),
                overwrite: bool = False, progress: bool | None = None) -> Dataset:
    """LEAF's CelebA: its JSON files name images, which lie in the folder ``images``; a device is a celebrity, the label smiling."""
    bar = Progress("CelebA", shown=progress)

    def fill(writer: Writer) -> None:
        for split, tree in _leaf_files(Path(source)):
            for user in tree["users"]:
                data = tree["user_data"][user]
                x = np.stack([decode(Path(images) / name, name, "RGB", size) for name in data["x"]])
                writer.add(x=x, y=np.asarray([int(v) for v in data["y"]]), users=[user] * len(x), split=split)
                bar.add(len(x))

    try:
        return build(out, fill, overwrite=overwrite, source=str(source), classes=["not smiling", "smiling"])
    finally:
        bar.end()


def _leaf_files(top: Path) -> Iterator[tuple[str, Any]]:
    words = {"train": "train", "test": "test", "val": "validation", "validation": "validation"}
    folders = [(words[p.name], p) for p in sorted(top.iterdir()) if p.is_dir() and p.name in words]
    order = ["train", "test", "validation"]
    for split, folder in sorted(folders, key=lambda part: order.index(part[0])) or [("train", top)]:
        files = sorted(folder.glob("*.json"))
        if not files:
            raise FileNotFoundError(f"{folder}: no JSON files of LEAF are there")
        for path in files:
            with path.open(encoding="utf-8") as file:
                tree = json.load(file)
            if not {"users", "user_data"} <= set(tree):
                raise ValueError(f"{path}: no file of LEAF: users and user_data are missing")
            yield split, tree


def tff_sqlite(source: PathLike, out: PathLike, *, features: dict[str, Sequence[int] | None], y: str | None = None,
               overwrite: bool = False, progress: bool | None = None) -> Dataset:
    """A SQLite file of TensorFlow Federated (tables examples and client_metadata; tf.train.Example messages).

    ``features``: {"pixels": (1, 28, 28)} the feature that is the input, and its shape; None: raw text. ``y``: the label's.
    """
    (name, shape), = features.items()
    base = sqlite3.connect(f"file:{source}?mode=ro", uri=True)
    bar = Progress(str(source), shown=progress)

    def rows() -> Iterator[tuple[str, str, Any]]:
        has_split = "split_name" in {row[1] for row in base.execute("pragma table_info(examples)")}
        split = "split_name" if has_split else "'train'"
        yield from base.execute(f"select {split}, client_id, serialized_example_proto from examples order by {split} desc, client_id, "
                                "rowid")

    def fill(writer: Writer) -> None:
        part: list[tuple[str, str, dict[str, Any]]] = []
        for split, client, raw in rows():
            part.append((str(split), str(client), read_example(bytes(raw))))
            if len(part) == BATCH:
                put(writer, part)
                part = []
        if part:
            put(writer, part)

    def put(writer: Writer, part: list[tuple[str, str, dict[str, Any]]]) -> None:
        for _, _, example in part:
            for key in [name, *([y] if y else [])]:
                if key not in example:
                    raise ValueError(f"{source}: an example has no feature {key!r}; it has {', '.join(map(repr, example))}")
        given: dict[str, Any] = {"users": [client for _, client, _ in part], "split": [split for split, _, _ in part]}
        if y:
            given["y"] = np.asarray([example[y][0] for _, _, example in part])
        if shape is None:
            given["text"] = [example[name][0].decode("utf-8", "replace") for _, _, example in part]
        else:
            given["x"] = np.stack([np.asarray(example[name], np.float32).reshape(tuple(shape)) for _, _, example in part])
        writer.add(**given)
        bar.add(len(part))

    try:
        return build(out, fill, overwrite=overwrite, source=str(source))
    except sqlite3.DatabaseError as error:
        raise ValueError(f"{source}: {error}") from None
    finally:
        base.close()
        bar.end()


def read_example(message: bytes) -> dict[str, Any]:
    """The features of a tf.train.Example: lists of bytes, floats or integers by name. The three message types that it is made of are
    all there is of protocol buffers here."""
    out: dict[str, Any] = {}
    for _, features in _fields(message):
        for _, entry in _fields(features):
            parts = dict(_fields(entry))
            kind, values = next(_fields(parts.get(2, b"")), (1, b""))
            out[parts[1].decode("utf-8")] = _values(kind, values)
    return out


def _values(kind: int, message: bytes) -> list[Any]:
    values: list[Any] = []
    for _, value in _fields(message):
        if kind == 1:
            values.append(value)
        elif kind == 2:
            values += np.frombuffer(value, "<f4").tolist() if isinstance(value, bytes) else [value]
        elif isinstance(value, bytes):
            at = 0
            while at < len(value):
                number, at = _varint(value, at)
                values.append(_signed(number))
        else:
            values.append(_signed(value))
    return values


def _fields(message: bytes) -> Iterator[tuple[int, Any]]:
    """(number, value) of a message's fields: bytes for nested ones, numbers for others."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        kind = tag & 7
        if kind == 0:
            value, at = _varint(message, at)
            yield tag >> 3, value
            continue
        if kind == 2:
            size, at = _varint(message, at)
        elif kind in (1, 5):
            size = 8 if kind == 1 else 4
        else:
            raise ValueError("an example is no tf.train.Example: a field of unknown type")
        if at + size > len(message):
            raise ValueError("an example is no tf.train.Example: it ends too early")
        yield tag >> 3, message[at:at + size]
        at += size


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if at >= len(message) or shift > 63:
            raise ValueError("an example is no tf.train.Example: a number without end")
        value |= (message[at] & 127) << shift
        shift += 7
        at += 1
        if not message[at - 1] & 128:
            return value, at


def _signed(value: int) -> int:
    return value - (1 << 64) if value >= 1 << 63 else value
