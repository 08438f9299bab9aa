"""What converters share: the file on its way, progress, pickles that can only hold data."""
from __future__ import annotations

import os
import pickle
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from ..datasets import Dataset, Writer, import_data
from ..errors import saying

PathLike = str | os.PathLike[str]
BATCH = 4096  # examples that are in memory at a time


def build(out: PathLike, fill: Callable[[Writer], None], *, overwrite: bool = False, source: str = "", **how: Any) -> Dataset:
    """A data set file: ``fill`` adds the examples. The draft lies beside the result, and never stays."""
    target = Path(out)
    if target.exists() and not overwrite:
        raise FileExistsError(f"{out}: exists; overwrite=True replaces it")
    if not target.parent.is_dir():
        raise FileNotFoundError(f"{target.parent}: there is no such folder")
    with tempfile.TemporaryDirectory(prefix=".cohort-", dir=target.parent) as folder:
        draft = Path(folder) / "draft.h5"
        with Writer(draft, **how) as writer:
            if source:
                writer.file.attrs["source"] = source.encode()
            fill(writer)
        with saying(draft, source or os.fspath(out)):
            return import_data("h5", draft, out=out, overwrite=overwrite)


class Progress:
    """A line that counts examples, on terminals alone."""

    def __init__(self, what: str, total: int | None = None, shown: bool | None = None) -> None:
        self.what, self.total, self.done = what, total, 0
        self.shown = sys.stderr.isatty() if shown is None else shown

    def add(self, n: int) -> None:
        """So many more."""
        self.done += n
        if self.shown:
            of = f" of {self.total:,}" if self.total else ""
            print(f"\r{self.what}: {self.done:,}{of} examples", end="", file=sys.stderr, flush=True)

    def end(self) -> None:
        """Leaves the line."""
        if self.shown and self.done:
            print(file=sys.stderr)


class _Data(pickle.Unpickler):
    """Numbers, texts, lists, dicts and arrays of NumPy; anything else in a pickle could be code."""

    KNOWN = {("numpy", "dtype"), ("numpy", "ndarray"), ("numpy.core.multiarray", "_reconstruct"),
             ("numpy._core.multiarray", "_reconstruct"), ("numpy.core.multiarray", "scalar"), ("numpy._core.multiarray", "scalar"),
             ("collections", "OrderedDict"), ("collections", "defaultdict"), ("builtins", "list"), ("builtins", "dict"),
             ("builtins", "set"), ("_codecs", "encode"), ("__builtin__", "list"), ("__builtin__", "dict"), ("__builtin__", "set")}

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in self.KNOWN:
            raise pickle.UnpicklingError(f"holds {module}.{name}: a pickle with anything but numbers, texts, lists and arrays is "
                                         "not read, since it could run code")
        return super().find_class(module, name)


def read_pickle(file: BinaryIO, name: str) -> Any:
    """What a pickle of plain data holds. ValueError when it holds anything else."""
    try:
        return _Data(file, encoding="bytes").load()
    except (pickle.UnpicklingError, EOFError, AttributeError, ImportError, IndexError, KeyError, ValueError) as error:
        raise ValueError(f"{name}: {error or 'ends too early'}") from None


def plain_keys(tree: Any) -> Any:
    """Keys of Python 2's pickles as texts."""
    if isinstance(tree, dict):
        return {key.decode("utf-8") if isinstance(key, bytes) else key: plain_keys(value) for key, value in tree.items()}
    return tree
