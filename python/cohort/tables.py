"""Groups of HDF5 files as tables of pandas."""
from __future__ import annotations

from typing import Any

import h5py
import numpy as np
import pandas as pd


def text(value: Any) -> str:
    """A text as the files have them: of fixed length, UTF-8."""
    return value.decode("utf-8", "replace").rstrip("\0") if isinstance(value, bytes) else str(value)


def plain(value: Any) -> Any:
    """An attribute as Python's own type."""
    if isinstance(value, bytes):
        return text(value)
    if isinstance(value, np.generic):
        return plain(value.item())
    return value


def column(dataset: Any) -> Any:
    """A column: texts as str, numbers that stand for names as categories of these names."""
    values = dataset[()]
    if values.dtype.kind in "SO":
        return [text(value) for value in values]
    for key in dataset.attrs:
        if key.endswith("_names"):
            names: Any = text(dataset.attrs[key]).split(",")
            return pd.Categorical.from_codes(values.astype(int), categories=names)
    return values


def frame(group: Any) -> pd.DataFrame:
    """Columns of equal length as a table, in the order in which people read them."""
    columns = {name: group[name] for name in group if isinstance(group[name], h5py.Dataset) and group[name].ndim == 1}
    first = [name for name in ("label", "round", "split", "scope", "rank", "device", "seed") if name in columns]
    return pd.DataFrame({name: column(columns[name]) for name in [*first, *(n for n in columns if n not in first)]})
