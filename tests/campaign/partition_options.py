"""Counts of examples by device and class over many seeds: cohort beside flwr-datasets, option by option.

A comparison draws SEEDS partitions by each of the two. Of every cell (device, class) it compares the mean count, the mean square of
the count, and how often it is empty; of every pair of classes how often one device has both. The gap counts in standard errors of
the two samples, after an example (of the mean; its square's size of the square) for where the two round differently: flwr-datasets
cuts at floor(n P_k), cohort at floor(n P_k + u). What does not vary must agree but for that example.

partition_options.py COHORT FOLDER SEEDS: a CSV line a comparison; exit 1 when one is above LIMIT or differs.
"""
import subprocess
import sys
import warnings
from pathlib import Path

import h5py
import numpy as np
from datasets import Dataset
from datasets.utils.logging import disable_progress_bar
from flwr_datasets import partitioner as peer

LIMIT = 5.0  # standard errors; of the few thousand numbers compared, one in 1.7 million is further off by chance
CLASSES, EACH, USERS = 8, [60, 90, 120, 150, 60, 90, 120, 150], 23
disable_progress_bar()
warnings.simplefilter("ignore")
cohort, folder, seeds = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
folder.mkdir(parents=True, exist_ok=True)
y = np.repeat(np.arange(CLASSES), EACH)
y = y[np.random.default_rng(0).permutation(len(y))]
user = np.arange(len(y)) % USERS
data = Dataset.from_dict({"y": y.tolist(), "user": [f"u{u:02}" for u in user]})


def call(*words):
    """What cohort says."""
    return subprocess.run([cohort, *map(str, words)], check=True, capture_output=True, text=True).stdout


def ours(words, seed):
    """[devices][classes] examples."""
    call("partition", folder / "data.h5", "-o", folder / "part.h5", "--overwrite", f"seed={seed}", *words.split())
    with h5py.File(folder / "part.h5") as file:
        return file["label_counts"][()].astype(float)


def theirs(make, seed):
    """The same by a partitioner of flwr-datasets."""
    made = make(seed)
    made.dataset = data
    made.load_partition(0)  # decides all of them, and sorts the data set where it wants to
    labels = np.asarray(made.dataset["y"])
    return np.stack([np.bincount(labels[rows], minlength=CLASSES).astype(float)
                     for _, rows in sorted(made._partition_id_to_indices.items())])


def features(table):
    """What is compared of one partition, and by how much each may differ by rounding."""
    held = (table > 0).astype(float)
    pairs = held.T @ held
    return (np.concatenate([table.ravel(), (table ** 2).ravel(), held.ravel(), pairs[np.triu_indices(CLASSES)]]),
            np.concatenate([np.ones(table.size), 2 * table.ravel() + 1, np.zeros(table.size), np.zeros(CLASSES * (CLASSES + 1) // 2)]))


def compare(name, make, words, empties=True):
    """The largest gap in standard errors of all features that vary, and how many of the others differ."""
    samples, slack = [], 0.0
    for draw in (lambda seed: theirs(make, seed), lambda seed: ours(words, seed)):
        found = [features(draw(seed)) for seed in range(1, seeds + 1)]
        samples.append(np.stack([feature for feature, _ in found]))
        slack = np.maximum(slack, np.mean([room for _, room in found], axis=0))
    a, b = samples
    gap = np.maximum(np.abs(a.mean(axis=0) - b.mean(axis=0)) - slack, 0.0)
    error = np.sqrt((a.var(axis=0, ddof=1) + b.var(axis=0, ddof=1)) / seeds)
    cells = (a.shape[1] - CLASSES * (CLASSES + 1) // 2) // 3
    compared = np.ones(a.shape[1], bool)
    compared[2 * cells:] = empties  # where a floor and a drawn rounding differ in whether a small share is none
    # a cell that is empty in all but a handful of draws has no standard error to speak of: counts of rare events
    varies = compared & (error > 0)
    rare = np.zeros(a.shape[1])
    rare[2 * cells:] = 3.0 / seeds
    largest = float((np.maximum(gap - rare, 0.0)[varies] / error[varies]).max(initial=0.0))
    differ = int((gap[compared & ~varies] > 0).sum())
    print(f"{name},{int(varies.sum())},{largest:.2f},{int((compared & ~varies).sum())},{differ}", flush=True)
    return largest <= LIMIT and differ == 0, int(varies.sum()), largest


def sizes_of(made):
    """Sizes, ascending."""
    made.dataset = data
    return sorted(len(made.load_partition(k)) for k in range(made.num_partitions))


def same_sizes(name, made, words, room):
    """Sizes that the seed does not change."""
    mine = sorted(ours(words, 1).sum(axis=1))
    other = sizes_of(made)
    apart = max((abs(x - y) for x, y in zip(mine, other)), default=0)
    print(f"{name},0,0.00,{len(other)},{0 if len(mine) == len(other) and apart <= room else len(other)}", flush=True)
    return len(mine) == len(other) and apart <= room, 0, 0.0


def same_groups(mode, word):
    """Examples of each group of 4 users: all users have 36 or 37 of the 840, so groups show how many users they have."""
    made = peer.GroupedNaturalIdPartitioner(partition_by="user", group_size=4, mode=mode)
    other = [round(n * USERS / len(y)) for n in sizes_of(made)]
    mine = sorted(round(n * USERS / len(y)) for n in ours(f"method=natural users_per_device=4 rest={word}", 1).sum(axis=1))
    print(f"natural {word},0,0.00,{len(other)},{0 if mine == other else len(other)}", flush=True)
    return mine == other, 0, 0.0


(folder / "data.csv").write_text("".join(f"{c},{u},{i}\n" for i, (c, u) in enumerate(zip(y, user))))
call("import", "csv", folder / "data.csv", "-o", folder / "data.h5", "--overwrite", "y=0", "user=1")
SIZES = [20, 30, 40, 50, 60, 10]
(folder / "sizes.txt").write_text("".join(f"{n}\n" for n in SIZES))
alphas, concentrations = [0.2, 0.5, 1.0, 2.0, 4.0], [0.5, 1.0, 2.0, 0.3, 0.7, 1.5, 1.0, 0.4]


def text(values):
    """A list as an option has it."""
    return "[" + ",".join(map(str, values)) + "]"


print("option,varying,largest gap in standard errors,fixed,of these differ")
results = [
    compare("dirichlet alpha=0.5", lambda s: peer.DirichletPartitioner(6, "y", 0.5, min_partition_size=0, seed=s),
            "method=dirichlet devices=6 alpha=0.5", empties=False),
    compare("dirichlet alpha a list", lambda s: peer.DirichletPartitioner(5, "y", alphas, min_partition_size=0, seed=s),
            f"method=dirichlet devices=5 alpha={text(alphas)}", empties=False),
    compare("dirichlet_device sizes and alpha given", lambda s: peer.InnerDirichletPartitioner(SIZES, "y", concentrations, seed=s),
            f"method=dirichlet_device alpha={text(concentrations)} sizes={folder / 'sizes.txt'}", empties=False),
    compare("shards_per_device=2", lambda s: peer.ShardPartitioner(10, "y", num_shards_per_partition=2, seed=s),
            "method=shards devices=10 shards_per_device=2"),
    compare("shard_size and shards_per_device", lambda s: peer.ShardPartitioner(7, "y", num_shards_per_partition=3, shard_size=25, seed=s),
            "method=shards devices=7 shards_per_device=3 shard_size=25"),
    compare("shard_size all dealt", lambda s: peer.ShardPartitioner(7, "y", shard_size=32, seed=s),
            "method=shards devices=7 shards_per_device=0 shard_size=32"),
    compare("shard_size keep_incomplete", lambda s: peer.ShardPartitioner(7, "y", shard_size=32, keep_incomplete_shard=True, seed=s),
            "method=shards devices=7 shards_per_device=0 shard_size=32 keep_incomplete=true"),
    *[compare(f"classes assignment={ours_word}", lambda s, mode=mode: peer.PathologicalPartitioner(12, "y", 3, mode, seed=s),
              f"method=classes devices=12 classes_per_device=3 assignment={ours_word}")
      for ours_word, mode in (("random", "random"), ("first", "first-deterministic"), ("deterministic", "deterministic"))],
    *[same_groups(mode, word) for mode, word in (("allow-smaller", "smaller"), ("allow-bigger", "bigger"), ("drop-reminder", "drop"))],
    *[same_sizes(f"sizes={word}", made(num_partitions=6), f"method=iid devices=6 sizes={word}", 6)
      for word, made in (("linear", peer.LinearPartitioner), ("square", peer.SquarePartitioner), ("exponential", peer.ExponentialPartitioner))],
]
print(f"{sum(good for good, _, _ in results)} of {len(results)} options agree over {seeds} seeds; the largest gap of "
      f"{sum(n for _, n, _ in results)} numbers is {max(z for _, _, z in results):.2f} standard errors (limit {LIMIT:g})")
sys.exit(not all(good for good, _, _ in results))
