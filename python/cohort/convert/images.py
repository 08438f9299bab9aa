"""Images: folders of files, CIFAR's pickles, data sets of PyTorch."""
from __future__ import annotations

import io
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..datasets import Dataset, Writer
from .common import PathLike, Progress, build, plain_keys, read_pickle

SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".pgm", ".ppm"}
PART = 512  # images in memory at a time


def decode(source: Any, name: str, mode: str | None = None, size: tuple[int, int] | None = None) -> Any:
    """An image as [channel, row, column] of u8. ``mode``: RGB or L; default: L for grey images, RGB for all others. 16-bit greys
    keep their upper 8 bits, palettes and CMYK become RGB, transparency is laid on white."""
    from PIL import Image, UnidentifiedImageError
    try:
        picture: Any = Image.open(io.BytesIO(source) if isinstance(source, bytes) else source)
        picture.load()
    except (UnidentifiedImageError, OSError, SyntaxError) as error:
        raise ValueError(f"{name}: cannot be read as an image: {error}") from None
    if picture.mode in ("I;16", "I;16B", "I;16L", "I", "F"):
        grey = np.asarray(picture).astype(np.float64)
        deep = picture.mode != "F" or grey.max(initial=0.0) > 255.0
        picture = Image.fromarray((grey / 256.0 if deep else grey).clip(0, 255).astype(np.uint8))
    if picture.mode in ("RGBA", "LA", "PA") or (picture.mode == "P" and "transparency" in picture.info):
        clear = picture.convert("RGBA")
        paper = Image.new("RGBA", clear.size, (255, 255, 255, 255))
        grey_only = picture.mode == "LA"
        picture = Image.alpha_composite(paper, clear).convert("L" if grey_only else "RGB")
    wanted = mode or ("L" if picture.mode in ("L", "1") else "RGB")
    if picture.mode != wanted:
        picture = picture.convert(wanted)
    if size is not None and picture.size != size:
        picture = picture.resize(size)
    array = np.asarray(picture, np.uint8)
    return array[None] if array.ndim == 2 else array.transpose(2, 0, 1)


def image_folder(source: PathLike | Mapping[str, PathLike], out: PathLike, *, users: str | Callable[[Path], str] | None = None,
                 mode: str | None = None, size: tuple[int, int] | None = None, overwrite: bool = False,
                 progress: bool | None = None) -> Dataset:
    """A folder for each class, with images below it, in order of their paths.

    ``source``: the folder, or {"train": .., "test": ..}; one that holds train and test (and val, validation) itself is read as
    such. ``users``: ``"folder"`` (the image's own folder below that of its class), a regular expression whose first group, in
    the path below the class, is the user, or a function of the path. ``size`` (width, height): images of other sizes are
    scaled; without it they must be equal. ``mode``: as of ``decode``.
    """
    parts = _folders(source)
    listed = {split: _images(folder) for split, folder in parts.items()}
    classes = sorted({name for files in listed.values() for name, _, _ in files})
    if not classes:
        raise ValueError(f"{source}: no images below folders of classes; known suffixes: {', '.join(sorted(SUFFIXES))}")
    bar = Progress("images", sum(map(len, listed.values())), progress)

    def fill(writer: Writer) -> None:
        first: tuple[Any, Path] | None = None
        for split, files in listed.items():
            for begin in range(0, len(files), PART):
                part = files[begin:begin + PART]
                rows = [decode(path, str(path), mode, size) for _, path, _ in part]
                for row, (_, path, _) in zip(rows, part):
                    if first is None:
                        first = row.shape, path
                    if row.shape != first[0]:
                        raise ValueError(f"{path}: {_words(row.shape)}, but {first[1]} is {_words(first[0])}; give size=(width, height) "
                                         "and mode='RGB' or 'L'")
                owners = None if users is None else [_user(users, path, below) for _, path, below in part]
                writer.add(x=np.stack(rows), y=[name for name, _, _ in part], users=owners, split=split)
                bar.add(len(part))

    try:
        return build(out, fill, overwrite=overwrite, source=str(source), classes=classes)
    finally:
        bar.end()


def _folders(source: PathLike | Mapping[str, PathLike]) -> dict[str, Path]:
    if isinstance(source, Mapping):
        return {split: Path(folder) for split, folder in source.items()}
    top = Path(source)
    if not top.is_dir():
        raise FileNotFoundError(f"{source}: there is no such folder")
    words = {"train": "train", "test": "test", "val": "validation", "valid": "validation", "validation": "validation"}
    inside = {words[p.name.lower()]: p for p in top.iterdir() if p.is_dir() and p.name.lower() in words}
    return {s: inside[s] for s in ("train", "test", "validation") if s in inside} if "train" in inside else {"train": top}


def _images(folder: Path) -> list[tuple[str, Path, str]]:
    """(class, file, its path below the class), in order."""
    found = sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())
    return [(p.relative_to(folder).parts[0], p, "/".join(p.relative_to(folder).parts[1:])) for p in found
            if len(p.relative_to(folder).parts) > 1]


def _user(users: str | Callable[[Path], str], path: Path, below: str) -> str:
    if callable(users):
        return str(users(path))
    if users == "folder":
        return os.path.dirname(below) or "."
    match = re.search(users, below)
    if not match:
        raise ValueError(f"{path}: users={users!r} does not match {below!r}")
    return match.group(1)


def _words(shape: Sequence[int]) -> str:
    return f"{shape[2]} x {shape[1]} with {shape[0]} channel{'s' if shape[0] > 1 else ''}"


def cifar_pickles(folder: PathLike, out: PathLike, *, coarse: bool = False, overwrite: bool = False) -> Dataset:
    """CIFAR-10 or CIFAR-100 as Python pickles (data_batch_1 .. 5 and test_batch, or train and test), by an unpickler that knows
    arrays and lists alone. ``coarse``: the 20 superclasses of CIFAR-100; else they are the groups."""
    top = Path(folder)
    batches = sorted(top.glob("data_batch_*"), key=lambda p: int(p.name.rpartition("_")[2]))
    files = [("train", p) for p in batches] + [("test", p) for p in [top / "test_batch"] if p.exists()]
    if not files:
        files = [(p.name, p) for p in (top / "train", top / "test") if p.exists()]
    if not files:
        raise FileNotFoundError(f"{folder}: neither data_batch_1 .. nor train is there")
    names = next((p for p in (top / "batches.meta", top / "meta") if p.exists()), None)
    meta: dict[str, Any] = {}
    if names is not None:
        with names.open("rb") as file:
            meta = plain_keys(read_pickle(file, str(names)))
    words = [w.decode("utf-8") if isinstance(w, bytes) else str(w)
             for w in meta.get("label_names", meta.get("coarse_label_names" if coarse else "fine_label_names", []))]
    groups = [w.decode("utf-8") if isinstance(w, bytes) else str(w) for w in meta.get("coarse_label_names", [])]

    def fill(writer: Writer) -> None:
        for split, path in files:
            with path.open("rb") as file:
                batch = plain_keys(read_pickle(file, str(path)))
            key = next((k for k in ("labels", "coarse_labels" if coarse else "fine_labels") if k in batch), None)
            if key is None or "data" not in batch:
                raise ValueError(f"{path}: no batch of CIFAR: it has {', '.join(map(str, batch))[:80]}")
            x = np.asarray(batch["data"], np.uint8).reshape(-1, 3, 32, 32)
            owners = None
            if key == "fine_labels" and "coarse_labels" in batch:
                owners = [groups[k] if groups else str(k) for k in batch["coarse_labels"]]
            writer.add(x=x, y=np.asarray(batch[key]), groups=owners, split=split)

    return build(out, fill, overwrite=overwrite, source=str(folder), classes=words or None)


def torch_dataset(source: Any, out: PathLike, *, users: Iterable[Any] | None = None, classes: Sequence[str] | None = None,
                  task: str | None = None, overwrite: bool = False, progress: bool | None = None) -> Dataset:
    """A map-style data set of PyTorch or torchvision: item i is (input, label). ``source``: one, or {"train": .., "test": ..}.
    ``users``: a name an example, in order. Pictures of Pillow become u8, tensors stay floats or u8."""
    parts = dict(source) if isinstance(source, Mapping) else {"train": source}
    named = classes if classes is not None else getattr(next(iter(parts.values())), "classes", None)
    owners = None if users is None else iter([str(u) for u in users])
    bar = Progress("torch data set", sum(len(part) for part in parts.values()), progress)

    def fill(writer: Writer) -> None:
        for split, part in parts.items():
            for begin in range(0, len(part), PART):
                items = [part[i] for i in range(begin, min(begin + PART, len(part)))]
                who = None if owners is None else [next(owners) for _ in items]
                writer.add(x=np.stack([_array(item[0]) for item in items]), y=np.asarray([_label(item[1]) for item in items]),
                           users=who, split=split)
                bar.add(len(items))

    try:
        return build(out, fill, overwrite=overwrite, source=type(next(iter(parts.values()))).__name__, task=task,
                     classes=[str(name) for name in named] if named is not None else None)
    finally:
        bar.end()


def _array(value: Any) -> Any:
    if hasattr(value, "detach"):
        value = value.detach().cpu().numpy()
    if hasattr(value, "getbands"):
        array = np.asarray(value)
        return array[None] if array.ndim == 2 else array.transpose(2, 0, 1)
    return np.asarray(value)


def _label(value: Any) -> Any:
    return value.item() if hasattr(value, "item") and np.ndim(value) == 0 else np.asarray(value) if np.ndim(value) else value
