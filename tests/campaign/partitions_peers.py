"""What tests/campaign/partitions_peers.sh starts: the same data dealt by cohort and by other programs, for many seeds.

Each row is a method that both have. A seed gives one partition of either side (theirs of the rows in an order drawn by the seed, since
some of their methods go by the file's order), of which figures are taken: sizes, classes a device, distance to all, what is left over.
A figure agrees when the means over the seeds are within 4.5 standard errors of their difference or within the row's stated slack, and
the two samples' Kolmogorov-Smirnov distance is below 2.5 sqrt(2 / seeds) (one in 100000) unless the slack covers them.

Where device k is the same one on both sides, so are its counts of each class compared: the mean and the mean square of each count, how
often it is 0, and how often two classes are on one device, within 5 standard errors after CELL examples for where the two round
differently. A row that is expected to differ says why, and its figures are shown but not judged.

Our partitions of all seeds come from one process (campaign/partitions.c); `cohort partition` deals the first of them too, and has to
deal the same.
"""
import importlib.util
import multiprocessing
import os
import re
import subprocess
import sys
import tempfile
import time
import traceback
import types
import warnings

import h5py
import numpy as np
from datasets import Dataset, disable_progress_bars
from flwr_datasets import partitioner as flwr

warnings.filterwarnings("ignore")
disable_progress_bars()
C, K, USERS, CELL = 6, 12, 31, 1
seeds, only, jobs = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
draw = np.random.default_rng(5)
SIZES = [40 + 10 * k + 5 * (k % 2) for k in range(K)]
FEW = [8 + k for k in range(K)]  # no class runs out
ALPHAS = [0.2, 0.5, 1.0, 2.0, 4.0, 0.3, 0.7, 1.5, 3.0, 1.0, 0.4, 0.9]
TABLE = draw.lognormal(0, 1, (C, 4))
work = tempfile.mkdtemp(prefix="peers-", dir=".")
os.chdir(work)
np.savetxt("table.csv", TABLE, "%.17g", ",")
np.savetxt("counts.csv", np.floor(9 * TABLE / TABLE.max()), "%d", ",")


def cohort(*words):
    subprocess.run([os.environ["COHORT"], *words, "--overwrite"], check=True, capture_output=True)


def text(values):
    """A list as an option has it."""
    return str(values).replace(" ", "")


class Data:
    """n examples of C classes, USERS users and a value."""

    def __init__(self, name, n):
        self.name, self.n = name, n
        self.y = np.repeat(np.arange(C), [n * part // 120 for part in (15, 17, 19, 21, 23, 25)])
        draw.shuffle(self.y)
        self.value = np.round(50 + 12 * draw.normal(size=n), 3)
        self.user = draw.integers(0, USERS, n)
        np.savetxt(f"{name}.csv", np.c_[self.value, self.y, self.user], "%.3f,%d,%d")
        np.savetxt(f"{name}-value.txt", self.value, "%.3f")
        cohort("import", "csv", f"{name}.csv", "-o", f"{name}.h5", "y=1", "user=2")
        with h5py.File(f"{name}.h5") as f:  # classes are numbered in the order of their names
            assert (f["y"][:] == self.y).all()


small = Data("small", 1200)
large = Data("large", 12000)  # where the smallest devices would have an example or two


def ours(words, data, name):
    """The partitions of seeds 1 .. seeds."""
    said = subprocess.run([os.environ["PARTITIONS"], f"{data.name}.h5", str(seeds), *words.split()], check=True, capture_output=True)
    raw, at, found = np.frombuffer(said.stdout, np.int64), 0, []
    for _ in range(seeds):
        k = int(raw[at])
        offsets = raw[at + 1:at + k + 2]
        at += k + 2
        found.append([raw[at + a:at + b] for a, b in zip(offsets, offsets[1:])])
        at += int(offsets[-1])
    assert at == len(raw)
    cohort("partition", f"{data.name}.h5", "-o", f"{name}.h5", "seed=1", *words.split())
    with h5py.File(f"{name}.h5") as f:
        assert (f["train/examples"][:] == np.concatenate(found[0])).all(), "the program deals otherwise"
        assert (np.diff(f["train/offsets"][:]) == [len(ids) for ids in found[0]]).all(), "the program deals otherwise"
    return found


class Table:
    """What flwr-datasets' partitioners ask of a datasets.Dataset, without its fingerprints: 20 times as fast."""

    def __init__(self, columns):
        self.columns, self.column_names = columns, list(columns)
        self.num_rows = len(columns["id"])

    def __len__(self):
        return self.num_rows

    def __getitem__(self, name):
        return self.columns[name]

    def unique(self, name):
        return list(dict.fromkeys(self.columns[name].tolist()))

    def select(self, rows):
        return Table({name: column[np.asarray(rows, int)] for name, column in self.columns.items()})

    def sort(self, name):
        return self.select(np.argsort(self.columns[name], kind="stable"))

    def shard(self, num_shards, index, contiguous):
        return self.select(np.array_split(np.arange(self.num_rows), num_shards)[index])


def by_flwr(make):
    def deal(made, table):
        made._dataset = table  # its setter takes a Dataset alone
        return [np.asarray(made.load_partition(k)["id"][:], int) for k in range(made.num_partitions)]

    def theirs(seed, data):
        order = np.random.default_rng(seed).permutation(data.n)
        columns = {"y": data.y[order], "user": data.user[order], "value": data.value[order], "id": order}
        lists = deal(make(seed), Table(columns))
        if seed == 0:
            real = deal(make(seed), Dataset.from_dict(columns))
            assert len(real) == len(lists) and all(map(np.array_equal, real, lists)), "a data set gives another partition than Table"
        return lists
    return theirs


# FedLab's rules stand in a file that needs numpy and pandas alone; its package imports torch.
fedlab_path = os.path.join(os.path.dirname(os.path.dirname(flwr.__path__[0])), "fedlab/utils/dataset/functional.py")
fedlab = None
if os.path.exists(fedlab_path):
    spec = importlib.util.spec_from_file_location("fedlab_functional", fedlab_path)
    fedlab = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(fedlab)


def by_fedlab(deal):
    def theirs(seed, data):
        np.random.seed(seed)
        order = np.random.permutation(data.n)
        lists = deal(types.SimpleNamespace(n=data.n, y=data.y[order]))
        return [order[np.asarray(lists[k], int)] for k in range(K)]
    return theirs if fedlab else None


def pfllib_pat(_, data):
    """PFLlib's pathological split, balanced: the classes in turn to the first devices that may still take one."""
    left, lists = np.full(K, 2), [[] for _ in range(K)]
    for c in range(C):
        chosen = np.flatnonzero(left > 0)[:int(np.ceil(K / C * 2))]
        ids = np.flatnonzero(data.y == c)
        size = len(ids) // len(chosen)
        for j, k in enumerate(chosen):
            lists[k].extend(ids[j * size:(j + 1) * size if j + 1 < len(chosen) else len(ids)])
            left[k] -= 1
    return [np.array(ids, int) for ids in lists]


def pfllib_dir(seed, data):
    """PFLlib's Dirichlet split: a device that has n / K examples gets no more; again until each has 20."""
    rng = np.random.default_rng(seed)
    while True:
        lists = [[] for _ in range(K)]
        for c in range(C):
            ids = rng.permutation(np.flatnonzero(data.y == c))
            p = rng.dirichlet(np.full(K, 0.5)) * np.array([len(own) < data.n / K for own in lists])
            cut = (np.cumsum(p / p.sum()) * len(ids)).astype(int)[:-1]
            lists = [own + part.tolist() for own, part in zip(lists, np.split(ids, cut))]
        if min(map(len, lists)) >= 20:
            return [np.array(ids, int) for ids in lists]


def figures(lists, data):
    counts = np.array([np.bincount(data.y[ids], minlength=C) for ids in lists], float)
    sizes, q = counts.sum(1), np.bincount(data.y, minlength=C) / data.n
    own = counts[sizes > 0] / sizes[sizes > 0, None]
    means = np.array([data.value[ids].mean() for ids in lists if len(ids)])
    users = np.array([len(np.unique(data.user[ids])) for ids in lists])
    out = {"devices": len(lists), "left": data.n - sizes.sum(), "smallest": sizes.min(), "largest": sizes.max(), "sd of sizes": sizes.std(),
           "size of 0": sizes[0], "classes": (counts > 0).sum(1).mean(), "distance": np.abs(own - q).sum(1).mean() / 2,
           "sd of class 0": counts[:, 0].std(), "largest part": own.max(1).mean(),
           "between": ((means - data.value.mean()) ** 2).mean() / data.value.var(), "users": users.mean(), "sd of users": users.std()}
    return out, counts


def compare(a, b, slack):
    """Lines of what does not agree, of the figures."""
    bad = []
    for name in a[0]:
        x, z = (np.array([row[name] for row in side]) for side in (a, b))
        apart, error = abs(x.mean() - z.mean()), np.sqrt((x.var() + z.var()) / len(a))
        both = np.sort(np.r_[x, z])
        ks = np.abs(np.searchsorted(np.sort(x), both, "right") - np.searchsorted(np.sort(z), both, "right")).max() / len(a)
        allowed = slack.get(name, 0.0)
        if apart > max(4.5 * error, allowed, 1e-9) or (not allowed and error > 1e-9 and ks > 2.5 * np.sqrt(2 / len(a))):
            bad.append(f"{name} {x.mean():.4g} +- {x.std():.2g}, theirs {z.mean():.4g} +- {z.std():.2g}, KS {ks:.2f}")
    return bad


def compare_cells(a, b, room, floors):
    """The same of the counts [seeds][devices][classes]; room: examples; floors: one side never rounds up, so that 0 is no 0 there."""
    if a.shape != b.shape:
        return [f"counts of {a.shape[1:]}, theirs {b.shape[1:]}"]
    pairs = [np.einsum("skc,ske->sce", side > 0, side > 0, dtype=float)[:, *np.triu_indices(C)] for side in (a, b)]
    bad = []
    for what, x, z, near in (("count", a, b, room), ("its square", a ** 2, b ** 2, 2 * room * np.maximum(a, b).mean(0) + room ** 2),
                             ("none", a == 0, b == 0, 3 / len(a)), ("pairs", *pairs, 3 / len(a))):
        if floors and what in ("none", "pairs"):
            continue
        x, z = x.astype(float), z.astype(float)
        gap = np.maximum(np.abs(x.mean(0) - z.mean(0)) - near, 0)
        off = gap - 5 * np.sqrt((x.var(0) + z.var(0)) / len(a))
        if off.max() > 1e-9:
            at = np.unravel_index(off.argmax(), off.shape)
            bad.append(f"{what} of {tuple(map(int, at))}: {x.mean(0)[at]:.4g}, theirs {z.mean(0)[at]:.4g}; {int((off > 1e-9).sum())} of {off.size}")
    return bad


# Sizes by a law: theirs are rounded down and the rest, up to one for each other device, is the last one's; ours are rounded along the
# cumulated law. What is a mean over devices of 18 examples and more hardly changes by one of them, so it has no slack.
ROUND = {"smallest": 1, "largest": K - 1, "size of 0": 1, "sd of sizes": 2.5, "sd of class 0": 0.5, "cells": 3}
FLOORS = {"floors": 1}  # theirs cut at floor(n P), ours at floor(n P + u)
# Theirs give the first n mod k of the k devices of a class one example more (np.array_split), ours spread these over the ids
# (floor(n (i + 1) / k) - floor(n i / k)): a device of two classes differs by 2 at most, no count by more than 1.
SPREAD = {"smallest": 2, "largest": 2, "size of 0": 2, "sd of sizes": 0.5, "largest part": 0.005, "distance": 0.005, "sd of class 0": 0.5}
# Theirs number the devices by the order in which users appear (and with allow-bigger the first ones have a user more), ours the users
# by name, groups by a drawn order and the larger groups spread over the ids.
NUMBERED = {"size of 0": 1e9, "cells": None}
rows = [  # name, our words, their partition of a seed, slack, why they differ ("" where they do not)
    ("iid / flwr IidPartitioner", f"method=iid devices={K}", by_flwr(lambda s: flwr.IidPartitioner(K)), {}, ""),
    ("sizes linear / flwr LinearPartitioner", f"method=iid devices={K} sizes=linear", by_flwr(lambda s: flwr.LinearPartitioner(K)), ROUND, ""),
    ("sizes square / flwr SquarePartitioner", f"method=iid devices={K} sizes=square", by_flwr(lambda s: flwr.SquarePartitioner(K)), ROUND,
     ""),
    ("sizes exponential / flwr ExponentialPartitioner", "method=iid devices=6 sizes=exponential",
     by_flwr(lambda s: flwr.ExponentialPartitioner(6)), ROUND, ""),
    ("sizes given / flwr SizePartitioner", f"method=iid sizes=given given={text(SIZES)}",
     by_flwr(lambda s: flwr.SizePartitioner(SIZES)), {}, ""),
    ("sizes lognormal / FedLab unbalance_iid", f"method=iid devices={K} sizes=lognormal sigma=0.5",
     by_fedlab(lambda d: fedlab.homo_partition(fedlab.lognormal_unbalance_split(K, d.n, 0.5), d.n)), ROUND, ""),
    ("sizes dirichlet / FedLab unbalance_dirichlet", f"method=iid devices={K} sizes=dirichlet beta=2 min_size=10",
     by_fedlab(lambda d: fedlab.homo_partition(fedlab.dirichlet_unbalance_split(K, d.n, 2.0), d.n)), ROUND | {"left": K}, ""),
    ("dirichlet / flwr DirichletPartitioner", f"method=dirichlet devices={K} alpha=0.5",
     by_flwr(lambda s: flwr.DirichletPartitioner(K, "y", 0.5, 0, False, seed=s)), FLOORS, ""),
    ("dirichlet alpha a list / flwr DirichletPartitioner", f"method=dirichlet devices={K} alpha={text(ALPHAS)}",
     by_flwr(lambda s: flwr.DirichletPartitioner(K, "y", ALPHAS, 0, False, seed=s)), FLOORS, ""),
    ("dirichlet min_size / flwr", f"method=dirichlet devices={K} alpha=0.5 min_size=30",
     by_flwr(lambda s: flwr.DirichletPartitioner(K, "y", 0.5, 30, False, seed=s)), FLOORS, ""),
    ("dirichlet balanced / flwr self_balancing", f"method=dirichlet devices={K} alpha=0.5 balanced=true",
     by_flwr(lambda s: flwr.DirichletPartitioner(K, "y", 0.5, 0, True, seed=s)), FLOORS, ""),
    ("dirichlet balanced / FedLab hetero_dir", f"method=dirichlet devices={K} alpha=0.5 balanced=true min_size=6",
     by_fedlab(lambda d: fedlab.hetero_dir_partition(d.y, K, C, 0.5, 6)), FLOORS, ""),
    ("dirichlet balanced / PFLlib dir", f"method=dirichlet devices={K} alpha=0.5 balanced=true min_size=20", pfllib_dir, FLOORS, ""),
    ("inner dirichlet few / flwr InnerDirichletPartitioner", f"method=dirichlet_device sizes=given given={text(FEW)} alpha={text(ALPHAS[:C])}",
     by_flwr(lambda s: flwr.InnerDirichletPartitioner(FEW, "y", ALPHAS[:C], seed=s)), {}, "theirs draw each example by the mix "
     "(multinomial), ours round size x mix: theirs have fewer classes; the mean counts agree"),
    ("inner dirichlet / flwr InnerDirichletPartitioner", f"method=dirichlet_device devices={K} alpha={text([0.5] * C)}",
     by_flwr(lambda s: flwr.InnerDirichletPartitioner([small.n // K] * K, "y", 0.5, seed=s)), {}, "theirs draw each example by the mix (multinomial), "
     "ours round size x mix; when classes run out theirs go on with those left at random, ours keep the mixes as far as they can"),
    ("inner dirichlet / FedLab balance_dirichlet", f"method=dirichlet_device devices={K} alpha={text([0.5] * C)}",
     by_fedlab(lambda d: fedlab.client_inner_dirichlet_partition(d.y, K, C, 0.5, np.full(K, d.n // K), False)), {"seeds": 20}, "theirs shuffle the labels and return places "
     "of the shuffled ones as if they were ids: applied to the data as documented the devices are alike; 20 seeds, for theirs take long"),
    ("shards / flwr ShardPartitioner", f"method=shards devices={K} shards_per_device=2",
     by_flwr(lambda s: flwr.ShardPartitioner(K, "y", 2, seed=s)), {}, ""),
    ("shards / FedLab shards", f"method=shards devices={K} shards_per_device=2",
     by_fedlab(lambda d: fedlab.shards_partition(d.y, K, 2 * K)), {}, ""),
    ("continuous 0.5 / flwr ContinuousPartitioner", f"method=continuous devices={K} strictness=0.5 by=small-value.txt",
     by_flwr(lambda s: flwr.ContinuousPartitioner(K, "value", 0.5, seed=s)), {}, ""),
    ("continuous 0.9 / flwr ContinuousPartitioner", f"method=continuous devices={K} strictness=0.9 by=small-value.txt",
     by_flwr(lambda s: flwr.ContinuousPartitioner(K, "value", 0.9, seed=s)), {}, ""),
    ("continuous 1 / flwr ContinuousPartitioner", f"method=continuous devices={K} strictness=1 by=small-value.txt",
     by_flwr(lambda s: flwr.ContinuousPartitioner(K, "value", 1.0, seed=s)), {"distance": 0.001, "classes": 0.02, "largest part": 0.001,
                                                                              "sd of class 0": 0.05, "between": 1e-5}, ""),
    ("distribution / flwr DistributionPartitioner", "method=distribution table=table.csv min_per_class=5",
     by_flwr(lambda s: flwr.DistributionPartitioner(TABLE.copy(), K, 2, "y", 5, True, seed=s)), {}, ""),
    ("distribution count / flwr rescale=False", "method=distribution table=counts.csv unit=count",
     by_flwr(lambda s: flwr.DistributionPartitioner(np.floor(9 * TABLE / TABLE.max()), K, 2, "y", 0, False, seed=s)), {}, ""),
    ("natural / flwr NaturalIdPartitioner", "method=natural", by_flwr(lambda s: flwr.NaturalIdPartitioner("user")), NUMBERED, ""),
    ("classes / PFLlib pat", f"method=classes devices={K} classes_per_device=2 assignment=deterministic", pfllib_pat, {},
     "theirs fill devices 0 .. with classes 0 and 1, then the next with 2 and 3; ours go on by one class a device"),
    # with options that came later
    ("classes random / flwr PathologicalPartitioner", f"method=classes devices={K} classes_per_device=2 assignment=random",
     by_flwr(lambda s: flwr.PathologicalPartitioner(K, "y", 2, "random", seed=s)), {}, ""),
    ("classes first / flwr first-deterministic", f"method=classes devices={K} classes_per_device=2 assignment=first",
     by_flwr(lambda s: flwr.PathologicalPartitioner(K, "y", 2, "first-deterministic", seed=s)), {}, ""),
    ("classes deterministic / flwr deterministic", f"method=classes devices={K} classes_per_device=2 assignment=deterministic",
     by_flwr(lambda s: flwr.PathologicalPartitioner(K, "y", 2, "deterministic", seed=s)), SPREAD, ""),
    ("classes first / FedLab noniid-#label", f"method=classes devices={K} classes_per_device=2 assignment=first",
     by_fedlab(lambda d: fedlab.label_skew_quantity_based_partition(d.y, K, C, 2)), {}, ""),
    ("shard_size / flwr shard_size", f"method=shards devices={K} shards_per_device=2 shard_size=37",
     by_flwr(lambda s: flwr.ShardPartitioner(K, "y", 2, 37, seed=s)), {}, ""),
    ("shard_size keep_incomplete / flwr", f"method=shards devices={K} shards_per_device=0 shard_size=37 keep_incomplete=true",
     by_flwr(lambda s: flwr.ShardPartitioner(K, "y", None, 37, True, seed=s)), {}, ""),
    ("shard_size all / flwr shard_size alone", f"method=shards devices={K} shards_per_device=0 shard_size=37",
     by_flwr(lambda s: flwr.ShardPartitioner(K, "y", None, 37, seed=s)), {}, ""),
] + [(f"natural groups of 4, {rest} / flwr GroupedNaturalId {mode}", f"method=natural users_per_device=4 rest={rest}",
      by_flwr(lambda s, mode=mode: flwr.GroupedNaturalIdPartitioner("user", 4, mode)), NUMBERED, "theirs group users in the order in which they "
      "appear, so those of many examples come first and the last group is small; ours in a drawn order")
     for rest, mode in (("smaller", "allow-smaller"), ("bigger", "allow-bigger"), ("drop", "drop-reminder"))]

WORDS = "equal", "different as stated", "outside", "not compared"


def judge(i):
    """Verdict and text of a row."""
    name, words, theirs, slack, why = rows[i]
    data, start = large if re.search("sizes=(?!given)", words) else small, time.monotonic()
    count = min(seeds, slack.get("seeds", seeds))
    try:
        if not theirs:
            raise RuntimeError("FedLab is not installed")
        (a, counts), (b, their_counts) = (zip(*(figures(lists, data) for lists in side))
                                          for side in (ours(words, data, f"row-{i}")[:count], (theirs(s, data) for s in range(count))))
    except (RuntimeError, subprocess.CalledProcessError, ValueError, IndexError, TypeError, AttributeError, KeyError, AssertionError) as error:
        return "not compared", f"{name}: not compared: {getattr(error, 'stderr', b'') or traceback.format_exc(limit=-2)}"
    bad = compare(a, b, slack)
    if slack.get("cells", CELL):
        bad += compare_cells(np.array(counts), np.array(their_counts), slack.get("cells", CELL), slack.get("floors"))
    verdict = "equal" if not bad else "different as stated" if why else "outside"
    return verdict, (f"{name}: {verdict}" + (f" ({why})" if why and bad else "") + "".join(f"\n    {line}" for line in bad) +
                     f"  [{time.monotonic() - start:.0f} s]")


chosen = [i for i, row in enumerate(rows) if re.search(only, row[0])]
n, start = dict.fromkeys(WORDS, 0), time.monotonic()
with multiprocessing.get_context("fork").Pool(jobs) as pool:
    for verdict, text in pool.imap_unordered(judge, chosen, chunksize=1):
        n[verdict] += 1
        print(text, flush=True)
print(f"RESULT partitions_peers: {seeds} seeds, " + ", ".join(f"{v} {k}" for k, v in n.items()) + f" of {len(chosen)} rows, "
      f"{time.monotonic() - start:.0f} s")
sys.exit(n["outside"] + n["not compared"] > 0)
