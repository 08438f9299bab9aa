"""Partitions of other programs, both ways: the same indices on both sides."""
from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..datasets import Dataset, Writer
from ..partitions import Partition, write_partition
from .common import PathLike, build


def to_lists(part: Partition) -> list[list[int]]:
    """Plain lists of example ids, one a device: what torch.utils.data.Subset and most programs take."""
    return [[int(i) for i in ids] for ids in part.indices]


def to_flwr(part: Partition) -> Any:
    """A partitioner of `flwr_datasets` that deals a data set as the partition does: ``partitioner.dataset = ..`` with the
    examples in the order in which they were imported, then ``load_partition(k)``."""
    from flwr_datasets.partitioner import Partitioner

    class Given(Partitioner):
        """Partitions that are given as lists of rows."""

        def __init__(self, lists: Sequence[Any]) -> None:
            super().__init__()
            self.lists = lists

        def load_partition(self, partition_id: int) -> Any:
            """The examples of one device."""
            return self.dataset.select(self.lists[partition_id])

        @property
        def num_partitions(self) -> int:
            """How many devices there are."""
            return len(self.lists)

    return Given([np.asarray(ids) for ids in part.indices])


def from_flwr(partitioner: Any, data: PathLike, out: PathLike, overwrite: bool = False) -> Partition:
    """What a partitioner of `flwr_datasets` deals, as a partition of the data set file ``data``, whose examples stand in the same
    order. Its rows are found by a column of row numbers that is put beside the others for as long as that takes."""
    whole = partitioner.dataset
    mark = "__cohort_row"
    numbered = whole.add_column(mark, list(range(len(whole))))
    partitioner._dataset = numbered  # its setter takes a data set once
    try:
        rows = [list(partitioner.load_partition(k)[mark]) for k in range(partitioner.num_partitions)]
    finally:
        partitioner._dataset = whole
    return write_partition(out, data, rows, overwrite=overwrite)


def pfl_npz(folder: PathLike, out: PathLike, *, overwrite: bool = False) -> tuple[Dataset, Partition]:
    """PFLlib's files, train/K.npz and test/K.npz for each client K, each with a dict `data` of x and y: a data set whose users are the
    clients, and the partition by them (beside it, .part.h5)."""
    top = Path(folder)
    files = [(split, path) for split in ("train", "test")
             for path in sorted((top / split).glob("*.npz"), key=lambda p: int(p.stem))]
    if not files:
        raise FileNotFoundError(f"{folder}: neither train/0.npz nor test/0.npz is there")

    def fill(writer: Writer) -> None:
        for split, path in files:
            x, y = _pfl_file(path)
            if len(y):
                writer.add(x=x, y=y, users=[path.stem] * len(y), split=split)

    data = build(out, fill, overwrite=overwrite, source=str(folder))
    from ..partitions import partition
    target = Path(out).with_suffix(".part.h5")
    return data, partition(data.file, "natural", out=target, overwrite=overwrite)


def _pfl_file(path: Path) -> tuple[Any, Any]:
    """x and y of a client; the pickled dict inside may hold arrays alone."""
    import io
    import zipfile

    from .common import plain_keys, read_pickle
    with zipfile.ZipFile(path) as archive:
        raw = archive.read("data.npy")
    stream = io.BytesIO(raw)
    version = np.lib.format.read_magic(stream)
    header: Any = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    _, _, dtype = header(stream)
    if dtype.kind != "O":
        raise ValueError(f"{path}: data is an array of {dtype}, not PFLlib's dict")
    tree = plain_keys(read_pickle(stream, str(path)))
    if isinstance(tree, np.ndarray):
        tree = plain_keys(tree.item() if tree.ndim == 0 else tree.ravel()[0])
    return np.asarray(tree["x"]), np.asarray(tree["y"])
