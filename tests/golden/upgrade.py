"""An upgrade breaks nobody: today's program shows, finishes, starts from and compares what earlier ones wrote (files/v1, ..).

Run by `tests/golden/golden.sh upgrade`. The files of a folder are never written again; a program with new formats adds a folder
like it (made with COHORT_KERNELS=plain, which every machine has). In each:
    digests.txt                  what `cohort show FILE --digest` said of each file when it was written
    data.h5 part.h5 old.yaml     a private experiment; stopped/ is a run of it at round 3, done/ the same run finished
    text.h5 text.yaml            an experiment on texts, done-text/ its run
    compare/compare.h5           `cohort compare stopped/run.h5 done/run.h5`
New tables, columns and keys may come; what was there must stay, integers and digests bit by bit, other numbers to nine digits.
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile

import h5py
import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
COHORT = os.path.abspath(os.environ["COHORT"])
complaints = []


def cohort(*words, ranks=1):
    """Standard output of the program; None, and a complaint, when it fails."""
    env = dict(os.environ, COHORT_KERNELS="plain")
    launch = ["mpirun", "--bind-to", "none", "-n", str(ranks)] if ranks > 1 else []
    done = subprocess.run(launch + [COHORT] + list(words), env=env, capture_output=True, text=True, timeout=300)
    if done.returncode == 0:
        return done.stdout
    complaints.append(f"exit code {done.returncode}: cohort {' '.join(words)} on {ranks} ranks: {done.stdout}{done.stderr}".strip())
    return None


def same(column, old, new):
    if old.shape != new.shape:
        return False
    if column == "privacy/epsilon":  # a bound: a newer accountant may find a smaller one for the same releases
        return bool(np.all(new <= old * (1 + 1e-6)) and np.all(new > 0.5 * old))
    return np.allclose(old, new, rtol=1e-9, atol=0, equal_nan=True) if old.dtype.kind == "f" else np.array_equal(old, new)


def run(experiment, folder, old, *words, ranks=1):
    """Runs; every column of the old run file, but times and load, must stand in the new one."""
    if cohort("run", experiment, f"output.dir={folder}", *words, ranks=ranks) is None:
        return
    with h5py.File(old) as a, h5py.File(f"{folder}/run.h5") as b:
        columns = [f"{table}/{c}" for table in a if table != "load" for c in a[table] if c != "wall_s"]
        other = [c for c in columns if c not in b or not same(c, a[c][:], b[c][:])]
    if other:
        complaints.append(f"{folder}/run.h5 on {ranks} ranks: not as in {old}: {', '.join(other)}")


def check_show():
    for line in open("digests.txt"):
        digest, file = line.split()
        cohort("show", file)
        if (cohort("show", file, "--digest") or "").strip() != digest:
            complaints.append(f"{file}: another digest than when it was written")


def check_runs():
    """Resumed to the recorded end on other numbers of ranks, anew from the start, from the checkpoint's weights."""
    for ranks in (1, 3):
        shutil.copytree("stopped", f"resumed-{ranks}")
        run("old.yaml", f"resumed-{ranks}", "done/run.h5", "--resume", ranks=ranks)
    run("old.yaml", "anew", "done/run.h5", ranks=2)
    run("text.yaml", "text", "done-text/run.h5", ranks=2)
    cohort("run", "old.yaml", "output.dir=from", "model.init=stopped/ckpt-00000003.h5")


def check_compare():
    if cohort("compare", "stopped/run.h5", "done/run.h5", "-o", "compared") is None:
        return
    old, new = (json.loads(cohort("show", f"{d}/compare.h5", "--json") or '{"stats": []}')["stats"] for d in ("compare", "compared"))
    if len(old) != len(new) or any(row.get(k) != v for was, row in zip(old, new) for k, v in was.items()):
        complaints.append(f"compare: {new}, not {old}")


def main():
    scratch = os.environ.get("SCRATCH")
    if scratch:
        os.makedirs(scratch, exist_ok=True)
    for version in sorted(os.listdir(f"{HERE}/files")):
        with tempfile.TemporaryDirectory(prefix="upgrade-", dir=scratch) as folder:
            shutil.copytree(f"{HERE}/files/{version}", f"{folder}/{version}")
            os.chdir(f"{folder}/{version}")
            for check in (check_show, check_runs, check_compare):
                check()
            os.chdir("/")
    for complaint in complaints:
        print("FAILED: " + complaint)
    print("files of earlier programs: " + (f"{len(complaints)} complaints" if complaints else "all good"))
    sys.exit(1 if complaints else 0)


main()
