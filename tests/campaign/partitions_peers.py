"""What tests/campaign/partitions_peers.sh starts: the same data dealt by cohort and by other programs, for many seeds.

Each row is a method that both have. A seed gives one partition of either side (theirs of the rows in an order drawn by the seed, since
some of their methods go by the file's order), of which figures are taken: sizes, classes a device, distance to all, what is left over.
A figure agrees when the means over the seeds are within 4.5 standard errors of their difference or within the row's stated slack, and
the two samples' Kolmogorov-Smirnov distance is below 2.5 sqrt(2 / seeds) (one in 100000) unless the slack covers them. A row that is
expected to differ says why, and its figures are shown but not judged.
"""
import importlib.util
import os
import re
import subprocess
import sys
import tempfile
import warnings

import h5py
import numpy as np
from datasets import Dataset
from flwr_datasets import partitioner as flwr

warnings.filterwarnings("ignore")
N, C, K, USERS = 1200, 6, 12, 31
seeds, only = int(sys.argv[1]), sys.argv[2]
draw = np.random.default_rng(5)
y = np.repeat(np.arange(C), [150, 170, 190, 210, 230, 250])
draw.shuffle(y)
value = np.round(50 + 12 * draw.normal(size=N), 3)
user = draw.integers(0, USERS, N)
SIZES = [40 + 10 * k + 5 * (k % 2) for k in range(K)]
TABLE = draw.lognormal(0, 1, (C, 4))
work = tempfile.mkdtemp(prefix="peers-", dir=".")
os.chdir(work)
np.savetxt("data.csv", np.c_[value, y, user], "%.3f,%d,%d")
np.savetxt("value.txt", value, "%.3f")
np.savetxt("table.csv", TABLE, "%.17g", ",")
np.savetxt("counts.csv", np.floor(9 * TABLE / TABLE.max()), "%d", ",")


def cohort(*words):
    subprocess.run([os.environ["COHORT"], *words, "--overwrite"], check=True, capture_output=True)


cohort("import", "csv", "data.csv", "-o", "data.h5", "y=1", "user=2")
with h5py.File("data.h5") as f:  # classes are numbered in the order of their names
    assert (f["y"][:] == y).all()


def ours(words, seed):
    cohort("partition", "data.h5", "-o", "part.h5", f"seed={seed}", *words.split())
    with h5py.File("part.h5") as f:
        return np.split(f["train/examples"][:], f["train/offsets"][1:-1])


def by_flwr(make):
    def theirs(seed):
        order = np.random.default_rng(seed).permutation(N)
        p = make(seed)
        p.dataset = Dataset.from_dict({"y": y[order], "user": user[order], "value": value[order], "id": order})
        return [np.asarray(p.load_partition(k)["id"], int) for k in range(p.num_partitions)]
    return theirs


# FedLab's rules stand in a file that needs numpy and pandas alone; its package imports torch.
fedlab_path = os.path.join(os.path.dirname(os.path.dirname(flwr.__path__[0])), "fedlab/utils/dataset/functional.py")
fedlab = None
if os.path.exists(fedlab_path):
    spec = importlib.util.spec_from_file_location("fedlab_functional", fedlab_path)
    fedlab = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(fedlab)


def by_fedlab(deal):
    def theirs(seed):
        np.random.seed(seed)
        lists = deal()
        return [np.asarray(lists[k], int) for k in range(K)]
    return theirs if fedlab else None


def pfllib_pat(seed):
    """PFLlib's pathological split, balanced: the classes in turn to the first devices that may still take one."""
    left, lists = np.full(K, 2), [[] for _ in range(K)]
    for c in range(C):
        chosen = np.flatnonzero(left > 0)[:int(np.ceil(K / C * 2))]
        ids = np.flatnonzero(y == c)
        size = len(ids) // len(chosen)
        for j, k in enumerate(chosen):
            lists[k].extend(ids[j * size:(j + 1) * size if j + 1 < len(chosen) else len(ids)])
            left[k] -= 1
    return [np.array(ids, int) for ids in lists]


def pfllib_dir(seed):
    """PFLlib's Dirichlet split: a device that has n / K examples gets no more; again until each has 20."""
    rng = np.random.default_rng(seed)
    while True:
        lists = [[] for _ in range(K)]
        for c in range(C):
            ids = rng.permutation(np.flatnonzero(y == c))
            p = rng.dirichlet(np.full(K, 0.5)) * np.array([len(own) < N / K for own in lists])
            cut = (np.cumsum(p / p.sum()) * len(ids)).astype(int)[:-1]
            lists = [own + part.tolist() for own, part in zip(lists, np.split(ids, cut))]
        if min(map(len, lists)) >= 20:
            return [np.array(ids, int) for ids in lists]


def figures(lists):
    counts = np.array([np.bincount(y[ids], minlength=C) for ids in lists], float)
    sizes, q = counts.sum(1), np.bincount(y, minlength=C) / N
    own = counts[sizes > 0] / sizes[sizes > 0, None]
    means = np.array([value[ids].mean() for ids in lists if len(ids)])
    out = {"devices": len(lists), "left": N - sizes.sum(), "smallest": sizes.min(), "largest": sizes.max(), "sd of sizes": sizes.std(),
           "size of 0": sizes[0], "classes": (counts > 0).sum(1).mean(), "distance": np.abs(own - q).sum(1).mean() / 2,
           "sd of class 0": counts[:, 0].std(), "largest part": own.max(1).mean(),
           "between": ((means - value.mean()) ** 2).mean() / value.var()}
    return out


def compare(a, b, slack):
    """Lines of what does not agree."""
    bad = []
    for name in a[0]:
        x, z = (np.array([row[name] for row in side]) for side in (a, b))
        apart, error = abs(x.mean() - z.mean()), np.sqrt((x.var() + z.var()) / seeds)
        both = np.sort(np.r_[x, z])
        ks = np.abs(np.searchsorted(np.sort(x), both, "right") - np.searchsorted(np.sort(z), both, "right")).max() / seeds
        allowed = slack.get(name, 0.0)
        if apart > max(4.5 * error, allowed, 1e-12) or (not allowed and error > 1e-9 and ks > 2.5 * np.sqrt(2 / seeds)):
            bad.append(f"{name} {x.mean():.4g} +- {x.std():.2g}, theirs {z.mean():.4g} +- {z.std():.2g}, KS {ks:.2f}")
    return bad


# Sizes by a law: theirs are rounded down and the rest is one device's, ours rounded along the cumulated law; a device of one or two
# examples is then another one.
ROUND = {"left": 0, "smallest": 1, "largest": 12, "sd of sizes": 1.5, "size of 0": 1, "classes": 0.05, "distance": 0.03,
         "sd of class 0": 0.4, "largest part": 0.06, "between": 0.05}
d = K  # devices, in the words below
rows = [  # name, our words, their partition of a seed, slack, why they differ ("" where they do not)
    ("iid / flwr IidPartitioner", f"method=iid devices={d}", by_flwr(lambda s: flwr.IidPartitioner(K)), {}, ""),
    ("sizes linear / flwr LinearPartitioner", f"method=iid devices={d} sizes=linear", by_flwr(lambda s: flwr.LinearPartitioner(K)), ROUND, ""),
    ("sizes square / flwr SquarePartitioner", f"method=iid devices={d} sizes=square", by_flwr(lambda s: flwr.SquarePartitioner(K)), ROUND,
     ""),
    ("sizes exponential / flwr ExponentialPartitioner", "method=iid devices=6 sizes=exponential",
     by_flwr(lambda s: flwr.ExponentialPartitioner(6)), ROUND, ""),
    ("sizes given / flwr SizePartitioner", f"method=iid sizes=given given={SIZES}".replace(", ", ","),
     by_flwr(lambda s: flwr.SizePartitioner(SIZES)), {}, ""),
    ("sizes lognormal / FedLab unbalance_iid", f"method=iid devices={d} sizes=lognormal sigma=0.5",
     by_fedlab(lambda: fedlab.homo_partition(fedlab.lognormal_unbalance_split(K, N, 0.5), N)), ROUND, ""),
    ("sizes dirichlet / FedLab unbalance_dirichlet", f"method=iid devices={d} sizes=dirichlet beta=2 min_size=10",
     by_fedlab(lambda: fedlab.homo_partition(fedlab.dirichlet_unbalance_split(K, N, 2.0), N)), ROUND | {"left": 12}, ""),
    ("dirichlet / flwr DirichletPartitioner", f"method=dirichlet devices={d} alpha=0.5",
     by_flwr(lambda s: flwr.DirichletPartitioner(K, "y", 0.5, 0, False, seed=s)), {}, ""),
    ("dirichlet min_size / flwr", f"method=dirichlet devices={d} alpha=0.5 min_size=30",
     by_flwr(lambda s: flwr.DirichletPartitioner(K, "y", 0.5, 30, False, seed=s)), {}, ""),
    ("dirichlet balanced / flwr self_balancing", f"method=dirichlet devices={d} alpha=0.5 balanced=true",
     by_flwr(lambda s: flwr.DirichletPartitioner(K, "y", 0.5, 0, True, seed=s)), {}, ""),
    ("dirichlet balanced / FedLab hetero_dir", f"method=dirichlet devices={d} alpha=0.5 balanced=true min_size=6",
     by_fedlab(lambda: fedlab.hetero_dir_partition(y, K, C, 0.5, 6)), {}, ""),
    ("dirichlet balanced / PFLlib dir", f"method=dirichlet devices={d} alpha=0.5 balanced=true min_size=20", pfllib_dir, {}, ""),
    ("inner dirichlet / flwr InnerDirichletPartitioner", f"method=dirichlet_device devices={d} alpha=[{','.join(['0.5'] * C)}]",
     by_flwr(lambda s: flwr.InnerDirichletPartitioner([N // K] * K, "y", 0.5, seed=s)), {}, "theirs draw each example by the mix (multinomial), "
     "ours round size x mix; when classes run out theirs go on with those left at random, ours keep the mixes as far as they can"),
    ("inner dirichlet / FedLab balance_dirichlet", f"method=dirichlet_device devices={d} alpha=[{','.join(['0.5'] * C)}]",
     by_fedlab(lambda: fedlab.client_inner_dirichlet_partition(y, K, C, 0.5, np.full(K, N // K), False)), {}, "theirs shuffle the labels and return places "
     "of the shuffled ones as if they were ids: applied to the data as documented the devices are alike"),
    ("shards / flwr ShardPartitioner", f"method=shards devices={d} shards_per_device=2",
     by_flwr(lambda s: flwr.ShardPartitioner(K, "y", 2, seed=s)), {}, ""),
    ("shards / FedLab shards", f"method=shards devices={d} shards_per_device=2",
     by_fedlab(lambda: fedlab.shards_partition(y, K, 2 * K)), {}, ""),
    ("continuous 0.5 / flwr ContinuousPartitioner", f"method=continuous devices={d} strictness=0.5 by=value.txt",
     by_flwr(lambda s: flwr.ContinuousPartitioner(K, "value", 0.5, seed=s)), {}, ""),
    ("continuous 0.9 / flwr ContinuousPartitioner", f"method=continuous devices={d} strictness=0.9 by=value.txt",
     by_flwr(lambda s: flwr.ContinuousPartitioner(K, "value", 0.9, seed=s)), {}, ""),
    ("continuous 1 / flwr ContinuousPartitioner", f"method=continuous devices={d} strictness=1 by=value.txt",
     by_flwr(lambda s: flwr.ContinuousPartitioner(K, "value", 1.0, seed=s)), {"distance": 0.001, "classes": 0.02, "largest part": 0.001,
                                                                              "sd of class 0": 0.05, "between": 1e-5}, ""),
    ("distribution / flwr DistributionPartitioner", "method=distribution table=table.csv min_per_class=5",
     by_flwr(lambda s: flwr.DistributionPartitioner(TABLE.copy(), K, 2, "y", 5, True, seed=s)), {}, ""),
    ("distribution count / flwr rescale=False", "method=distribution table=counts.csv unit=count",
     by_flwr(lambda s: flwr.DistributionPartitioner(np.floor(9 * TABLE / TABLE.max()), K, 2, "y", 0, False, seed=s)), {}, ""),
    ("natural / flwr NaturalIdPartitioner", "method=natural", by_flwr(lambda s: flwr.NaturalIdPartitioner("user")), {"size of 0": 1e9},
     ""),
    ("classes / PFLlib pat", f"method=classes devices={d} classes_per_device=2 assignment=deterministic", pfllib_pat, {},
     "theirs fill devices 0 .. with classes 0 and 1, then the next with 2 and 3; ours go on by one class a device"),
    # with options that came later
    ("classes random / flwr PathologicalPartitioner", f"method=classes devices={d} classes_per_device=2 assignment=random",
     by_flwr(lambda s: flwr.PathologicalPartitioner(K, "y", 2, "random", seed=s)), {}, ""),
    ("classes first / flwr first-deterministic", f"method=classes devices={d} classes_per_device=2 assignment=first",
     by_flwr(lambda s: flwr.PathologicalPartitioner(K, "y", 2, "first-deterministic", seed=s)), {}, ""),
    ("classes deterministic / flwr deterministic", f"method=classes devices={d} classes_per_device=2 assignment=deterministic",
     by_flwr(lambda s: flwr.PathologicalPartitioner(K, "y", 2, "deterministic", seed=s)), {}, ""),
    ("classes first / FedLab noniid-#label", f"method=classes devices={d} classes_per_device=2 assignment=first",
     by_fedlab(lambda: fedlab.label_skew_quantity_based_partition(y, K, C, 2)), {}, ""),
    ("shard_size / flwr shard_size", f"method=shards devices={d} shards_per_device=2 shard_size=37",
     by_flwr(lambda s: flwr.ShardPartitioner(K, "y", 2, 37, seed=s)), {}, ""),
    ("shard_size all / flwr shard_size alone", f"method=shards devices={d} shards_per_device=0 shard_size=37",
     by_flwr(lambda s: flwr.ShardPartitioner(K, "y", None, 37, seed=s)), {}, ""),
] + [(f"natural groups of 4, {rest} / flwr GroupedNaturalId {mode}", f"method=natural users_per_device=4 rest={rest}",
      by_flwr(lambda s, mode=mode: flwr.GroupedNaturalIdPartitioner("user", 4, mode)), {}, "")
     for rest, mode in (("smaller", "allow-smaller"), ("bigger", "allow-bigger"), ("drop", "drop-reminder"))]

n = {"equal": 0, "different as stated": 0, "outside": 0, "not compared": 0}
for name, words, theirs, slack, why in rows:
    if not re.search(only, name):
        continue
    try:
        if not theirs:
            raise RuntimeError("FedLab is not installed")
        a, b = [figures(ours(words, s)) for s in range(seeds)], [figures(theirs(s)) for s in range(seeds)]
    except (RuntimeError, subprocess.CalledProcessError, ValueError, IndexError, TypeError, AttributeError) as error:
        n["not compared"] += 1
        print(f"{name}: not compared: {getattr(error, 'stderr', b'') or error}", flush=True)
        continue
    bad = compare(a, b, slack)
    verdict = "equal" if not bad else "different as stated" if why else "outside"
    n[verdict] += 1
    print(f"{name}: {verdict}" + (f" ({why})" if why and bad else "") + "".join(f"\n    {line}" for line in bad), flush=True)
print(f"RESULT partitions_peers: {seeds} seeds, " + ", ".join(f"{v} {k}" for k, v in n.items()))
sys.exit(n["outside"] + n["not compared"] > 0)
