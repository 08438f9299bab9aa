"""Pins what the program computes: short runs, whose model digest after EVERY round, metrics and ledger were written down.

    tests/golden/golden.sh [NAME ..]            compares all pinned runs (or these) with the goldens; what ctest does
    tests/golden/golden.sh --quick              on the fastest kernel path alone, each run once
    tests/golden/golden.sh --update NAME ..     writes the goldens of these runs: the program means to compute something else
    tests/golden/golden.sh --update-all         .. of all

cases.txt holds the runs, PATH.txt the goldens of a kernel path, files/ what an earlier program wrote (files.py). A golden
line: NAME, a hash of data and partition, of the table eval, of the table privacy, the model digests of rounds 1, 2, ..
Numbers of the ledger count to nine digits (they come from the C library's functions), all else bit by bit. Goldens are made on one
rank and compared on 1, 2 and 3; every path has its own, since paths round differently, and a path that this machine has not is
skipped. A member that `cohort list` names and no run uses fails, and so does a run without golden or a golden without run.
A change of goldens is committed with its reason.
"""
import argparse
import collections
import concurrent.futures
import ctypes
import hashlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile

import h5py

import data

HERE = os.path.dirname(os.path.abspath(__file__))
COHORT = os.path.abspath(os.environ["COHORT"])
FORMAT = "# cohort goldens 1"  # a new number: all goldens anew
PATHS = ("avx512", "avx2", "plain", "reference")
REFERENCE_CORE = "Prescott"  # of OpenBLAS, whose sums the reference path rounds as; every x86-64 has it

UNPINNED = set()  # columns of eval that came after the goldens: `except column NAME : reason` in cases.txt

Case = collections.namedtuple("Case", "name base words all_ranks resume")
Result = collections.namedtuple("Result", "inputs eval ledger model")


def read_cases():
    """The runs in order, and {kind: {member, ..}} of the exceptions."""
    cases, exceptions = [], collections.defaultdict(set)
    for line in open(f"{HERE}/cases.txt"):
        words = shlex.split(line, comments=True)
        if words[:1] == ["except"]:
            (UNPINNED if words[1] == "column" else exceptions[words[1]]).update(words[2:words.index(":")])
        elif words:
            overrides = [w for w in words[2:] if "=" in w]
            flags = set(words[2:]) - set(overrides)
            assert flags <= {"all-ranks", "resume"}, f"{words[0]}: unknown {flags}"
            cases.append(Case(words[0], words[1], overrides, "all-ranks" in flags, "resume" in flags))
    names = [c.name for c in cases]
    assert len(set(names)) == len(names), "two cases have one name"
    return cases, exceptions


def cohort(words, ranks=1, path=None):
    """Runs the program; returns what it said, or fails with that."""
    env = dict(os.environ, **({"COHORT_KERNELS": path} if path else {}))
    if path == "reference":
        env["OPENBLAS_CORETYPE"] = REFERENCE_CORE
    launch = ["mpirun", "--bind-to", "none", "-n", str(ranks)] if ranks > 1 else []
    done = subprocess.run(launch + [COHORT] + words, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300)
    if done.returncode:
        raise RuntimeError(f"exit code {done.returncode}: cohort {' '.join(words)} on {ranks} ranks: {done.stdout.strip()}")
    return done.stdout


def key_of(path):
    """The golden file of a kernel path; the reference's bits are also those of OpenBLAS' core and version."""
    if path != "reference":
        return path
    library = re.search(r"libopenblas\S* => (\S+)", subprocess.run(["ldd", COHORT], capture_output=True, text=True).stdout)
    if not library:
        return "reference-unknown"
    config = ctypes.CDLL(library.group(1)).openblas_get_config
    config.restype = ctypes.c_char_p
    return f"reference-{REFERENCE_CORE}-{config().decode().split()[1]}"


def has_path(path):
    """Whether this processor has the instructions; any other refusal counts as yes and shows in the runs."""
    words = [COHORT, "run", "base/synthetic.yaml", "--dry-run"]
    done = subprocess.run(words, env=dict(os.environ, COHORT_KERNELS=path), capture_output=True, text=True)
    return "this processor lacks these instructions" not in done.stderr


def table_hash(h, name, digits=None):
    """16 hex digits over all columns of a table but wall_s and the unpinned; '-' where there is none."""
    if name not in h:
        return "-"
    total = hashlib.blake2b(digest_size=8)
    for column in sorted(set(h[name]) - {"wall_s"} - UNPINNED):
        values = h[name][column][:]
        rounded = digits and values.dtype.kind == "f"
        total.update(f"{column} {values.dtype.str} {len(values)} ".encode())
        total.update(" ".join(f"{v:.{digits}g}" for v in values).encode() if rounded else values.tobytes())
    return total.hexdigest()


def text(value):
    return value.decode() if isinstance(value, bytes) else str(value)


def read_run(folder):
    """The Result of a run, and the members that it used."""
    with h5py.File(f"{folder}/run.h5") as h:
        digests = [text(h.attrs.get(k, "-")) for k in ("data_digest", "partition_digest")]
        inputs = hashlib.blake2b(" ".join(digests).encode(), digest_size=8).hexdigest()
        model = tuple(f"{d:016x}" for d in h["rounds/model_digest"][:])
        used = members_used(text(h.attrs["config"]))
        used["statement"] = {said["statement"] for said in json.loads(text(h.attrs.get("privacy_statement", "[]")))}
        return Result(inputs, table_hash(h, "eval"), table_hash(h, "privacy", 9), model), used


def run(case, path, ranks, undisturbed=False):
    """Runs a case in a folder of its own; Result and members."""
    folder = f"out/{case.name}-{path}-{ranks}"
    words = ["run", f"base/{case.base}.yaml", f"name={case.name}", f"output.dir={folder}"] + case.words
    if case.resume and not undisturbed:
        cohort(words + ["rounds=2"] + horizon(case), ranks, path)
        cohort(words + horizon(case) + ["--resume"], ranks % 3 + 1, path)
    else:
        cohort(words, ranks, path)
    result = read_run(folder)
    shutil.rmtree(folder)
    return result


def attempt(work, *arguments):
    """What the work returns, or the text of its failure."""
    try:
        return work(*arguments)
    except (RuntimeError, subprocess.TimeoutExpired, OSError) as e:
        return str(e)


def horizon(case):
    """A schedule's horizon is that of the first start, which in a resumed case has fewer rounds."""
    return ["local.schedule.horizon=4"] if any("cosine" in w for w in case.words) else []


def golden_file(key):
    return f"{HERE}/{key}.txt"


def read_goldens(key):
    """{name: Result}; None where this path has no goldens."""
    if not os.path.exists(golden_file(key)):
        return None
    lines = open(golden_file(key)).read().splitlines()
    assert lines[0].startswith(FORMAT + ","), f"{key}.txt: not of this format"
    rows = [line.split() for line in lines[1:] if not line.startswith("#")]
    return {r[0]: Result(*r[1:4], tuple(r[4:])) for r in rows}


def write_goldens(key, goldens, cases):
    with open(golden_file(key), "w") as f:
        f.write(f"{FORMAT}, {key}: name, data and partition, eval, ledger, model digests of rounds 1 ..\n")
        for case in cases:
            if case.name in goldens:
                g = goldens[case.name]
                f.write(" ".join((case.name, g.inputs, g.eval, g.ledger) + g.model) + "\n")


def difference(golden, result):
    """What a user of the goldens needs to know of a difference; '' where there is none."""
    parts = [p for p in ("inputs", "eval", "ledger") if getattr(golden, p) != getattr(result, p)]
    if golden.model != result.model:
        same = [a == b for a, b in zip(golden.model, result.model)] + [False]
        parts.append(f"model from round {same.index(False) + 1} on ({len(result.model)} rounds, golden {len(golden.model)})")
    return ", ".join(parts)


def members_used(config):
    """{kind: {member, ..}} of a resolved experiment; layers as they are written, the task of the data set."""
    value, section = {}, ""
    for line in config.splitlines():
        indent, key, rest = re.match(r"( *)([\w-]*):? ?(.*)", line).groups()
        section = section if indent else key
        value[section] = value.get(section, "") + f"{key} {rest}\n"
        value[f"{section}.{key}"] = rest.strip("'\"")
    used = {kind: {value.get(key)} for kind, key in (
        ("planner", "devices.mode"), ("selector", "devices.select"), ("attack", "devices.attack"), ("local_rule", "local.rule"), ("optimizer", "local.optimizer"),
        ("mechanism", "privacy.mechanism"), ("accountant", "privacy.accountant"), ("aggregator", "aggregate.rule"),
        ("server_optimizer", "server.optimizer"), ("algorithm", "algorithm.algorithm"), ("model", "model.name"),
        ("partitioner", "partition.method"))}
    used["work"] = {"train", "measure"} if value["aggregate.rule"] == "qfedavg" else {"train"}  # whose rule weighs by losses
    lists = {"model.layers", "model.encoder"} & set(value)
    used["layer"] = used["block"] = set(re.findall(r"\w+", value["model"])) if lists else set()
    used["transform"] = set(re.findall(r"name: (\w+)", value.get("transforms", "")))
    used["speed_law"] = used["availability"] = set(re.findall(r"name: (\w+)", value.get("clock", "")))
    used["task"] = {"classification"}
    if "data.file" in value:
        with h5py.File(value["data.file"]) as h:
            used["task"] = {value.get("data.task") or text(h.attrs["task"])}
    defaults = {"regression": "squared", "multilabel": "binary"}
    used["loss"] = {value.get("model.loss") or defaults.get(min(used["task"]), "cross_entropy")}
    return used


def members_missing(used, exceptions):
    """Complaints: members in no case, exceptions without need."""
    listed, kind = collections.defaultdict(set), ""
    for line in cohort(["list"]).splitlines():
        kind = line.split(":")[0] if re.match(r"\w+: ", line) else kind
        listed[kind].update(re.findall(r"^  (\S+)", line))
    complaints = []
    for kind in sorted(set(listed) | set(exceptions)):
        without = listed[kind] - used[kind] - exceptions[kind]
        complaints += [f"{kind} {m}: in no run; add one to cases.txt, or an exception with its reason" for m in sorted(without)]
        idle = (exceptions[kind] & used[kind]) | (exceptions[kind] - listed[kind])
        complaints += [f"{kind} {m}: an exception, though a run uses it or the program has it not" for m in sorted(idle)]
    return complaints


def prepare(folder):
    """Data sets and what runs refer to, in the folder that becomes the current one; the members that this used."""
    os.chdir(folder)
    shutil.copytree(f"{HERE}/base", "base")
    shutil.copytree(f"{HERE}/files", "files")
    data.write_sources()
    used = collections.defaultdict(set)
    for file, words in data.IMPORTS.items():
        cohort(["import"] + words.split() + ["-o", file])
        used["reader"].add(words.split()[0])
        used["tokeniser"].update(re.findall(r"tokens=(\w+)", words))
    return used


def plan(cases, quick):
    """Jobs (arguments of run), goldens by path. The fastest path tries ranks and resumes, the others compute on one rank."""
    goldens, jobs = {}, []
    for path in (p for p in PATHS if has_path(p)):
        found = read_goldens(key_of(path))
        if found is None:
            print(f"not compared: {path} (no {key_of(path)}.txt)")
        elif goldens and not quick:
            jobs += [(case, path, 1, True) for case in cases]
        elif not goldens:
            for i, case in enumerate(cases):
                jobs += [(case, path, n, False) for n in ([1, 2, 3] if case.all_ranks and not quick else [1 + i % 3])]
        if found is not None:
            goldens[path] = found
    return jobs, goldens


def compare(cases, exceptions, names, quick, used):
    """Complaints of all comparisons."""
    jobs, goldens = plan([c for c in cases if not names or c.name in names], quick)
    known = {c.name for c in cases}
    complaints = [f"{path}: golden {name} belongs to no case" for path in goldens for name in goldens[path] if name not in known]
    if not jobs:
        complaints.append("nothing was compared")
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for (case, path, ranks, _), outcome in zip(jobs, pool.map(lambda job: attempt(run, *job), jobs)):
            if isinstance(outcome, str):
                complaints.append(f"{case.name}, {path}: {outcome}")
                continue
            result, found = outcome
            for kind, members in found.items():
                used[kind] |= members
            golden = goldens[path].get(case.name)
            apart = difference(golden, result) if golden else "has no golden"
            if apart:
                complaints.append(f"{case.name}, {path}, ranks {ranks}: {apart}")
    print(f"{len(jobs)} runs compared: {len({j[0].name for j in jobs})} cases, paths {' '.join(sorted({j[1] for j in jobs}))}")
    return complaints if names else complaints + members_missing(used, exceptions)


def update(cases, names):
    """Writes the goldens of these cases for every path that this machine has; complaints."""
    changed = subprocess.run(["git", "-C", HERE, "status", "--porcelain", "--", ":/*.c", ":/*.h"], capture_output=True, text=True).stdout
    if changed:
        sys.exit(f"golden: commit the sources first, so that the goldens are some commit's:\n{changed}")
    for path in PATHS:
        if not has_path(path):
            print(f"{path}: not on this machine; its goldens of {' '.join(names)} are now old")
            continue
        goldens = read_goldens(key_of(path)) or {}
        mine = [c for c in cases if c.name in names]
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            results = dict(zip([c.name for c in mine], pool.map(lambda c: attempt(run, c, path, 1, True), mine)))
        failed = [f"{path}: {r}" for r in results.values() if isinstance(r, str)]
        if failed:
            return failed
        moved = [name for name in results if goldens.get(name) != results[name][0]]
        goldens.update({name: result for name, (result, _) in results.items()})
        write_goldens(key_of(path), goldens, cases)
        print(f"{key_of(path)}: {len(mine)} written, other than before: {' '.join(moved) or 'none'}")
    return []


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--update", nargs="+", metavar="NAME")
    parser.add_argument("--update-all", action="store_true")
    args = parser.parse_args()
    cases, exceptions = read_cases()
    known = [c.name for c in cases]
    unknown = [n for n in args.names + (args.update or []) if n not in known]
    if unknown:
        sys.exit(f"golden: no case {' '.join(unknown)}; cases.txt has {' '.join(known)}")
    scratch = os.environ.get("SCRATCH")
    if scratch:
        os.makedirs(scratch, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="golden-", dir=scratch) as folder:
        used = prepare(folder)
        if args.update or args.update_all:
            complaints = update(cases, args.update or known)
        else:
            complaints = compare(cases, exceptions, args.names, args.quick, used)
        os.chdir("/")
    for complaint in complaints:
        print("FAILED: " + complaint)
    sys.exit(1 if complaints else 0)


if __name__ == "__main__":
    main()
