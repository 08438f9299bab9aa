"""What others do, for tests/campaign/partition_scale.sh: Dirichlet 0.3 over 10 classes, indices of each device.

    partition_scale.py labels MILLIONS FILE      uniform labels, as a data set made by hand
    partition_scale.py numpy|flwr|fedlab FILE K  deals FILE's labels to K devices; prints the seconds of the dealing
"""
import sys
import time

import h5py
import numpy as np

ALPHA, CLASSES = 0.3, 10


def labels(millions, path):
    with h5py.File(path, "w") as file:
        file["y"] = np.random.default_rng(1).integers(0, CLASSES, int(millions) * 1_000_000, dtype=np.int32)


def by_numpy(y, k):
    """The cheapest: each class's examples permuted and cut at one Dirichlet draw, not brought together by device."""
    rng = np.random.default_rng(1)
    pieces = []
    for c in range(CLASSES):
        of_class = rng.permutation(np.flatnonzero(y == c))
        cuts = (np.cumsum(rng.dirichlet(np.full(k, ALPHA))) * len(of_class)).astype(np.int64)
        pieces.append((of_class, cuts))
    return pieces


def by_flwr(y, k):
    import datasets
    from flwr_datasets.partitioner import DirichletPartitioner
    partitioner = DirichletPartitioner(num_partitions=k, partition_by="y", alpha=ALPHA, min_partition_size=0,
                                       self_balancing=False)
    partitioner.dataset = datasets.Dataset.from_dict({"y": y})
    return partitioner.load_partition(0)


def by_fedlab(y, k):
    from fedlab.utils.dataset.functional import hetero_dir_partition
    return hetero_dir_partition(y, k, CLASSES, ALPHA, min_require_size=0)


if __name__ == "__main__":
    if sys.argv[1] == "labels":
        labels(*sys.argv[2:])
    else:
        with h5py.File(sys.argv[2]) as data:
            y = data["y"][:]
        start = time.perf_counter()
        {"numpy": by_numpy, "flwr": by_flwr, "fedlab": by_fedlab}[sys.argv[1]](y, int(sys.argv[3]))
        print(f"time {time.perf_counter() - start:.2f} s dealing")
