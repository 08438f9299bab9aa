"""A resolved experiment runs again: what a run leaves as experiment.yaml, with all defaults written out, is taken as it is.

Run by `tests/golden/golden.sh resolved`. For every pinned run (cases.txt has every member of every kind) and every experiment of
jobs/experiments: `cohort run .. --dry-run` prints the resolved experiment; that is taken by --dry-run and resolves to itself.
"""
import glob
import os
import subprocess
import sys
import tempfile

import golden

EXPERIMENTS = os.path.join(golden.HERE, "..", "..", "jobs", "experiments")
# Stand-ins for published data: what an experiment's model fits, by the name of its file.
DATA = {"fashion_mnist.h5": "digits.h5", "fashion_mnist_v.h5": "digits.h5", "mnist_writers.h5": "digits.h5", "shakespeare.h5": "play.h5", "newsgroups.h5": "words.h5", "newsgroups128.h5": "words.h5",
        "newsgroups_pieces.h5": "words.h5",
        "en_de.h5": "pairs.h5", "wnut17.h5": "tags.h5", "parkinsons.h5": "numbers.h5", "newsgroups_labels.h5": "marked.h5"}
PRIVATE = ["devices.select=poisson", "privacy={clip: 1, noise_multiplier: 1, delta: 1e-3}"]


def resolve(words):
    """(exit code, resolved text or message) of a dry run."""
    done = subprocess.run([golden.COHORT, "run", *words, "--dry-run"], capture_output=True, text=True, timeout=120)
    return done.returncode, done.stdout.split("\n\n")[0] + "\n" if done.returncode == 0 else done.stderr.strip()


def complaint(name, words):
    """None when the resolved experiment is taken and stays what it is."""
    code, text = resolve(words)
    if code:
        return f"{name}: exit code {code}: {text}"
    with open("again.yaml", "w") as f:
        f.write(text)
    code, again = resolve(["again.yaml"])
    if code:
        return f"{name}: resolved and run again: exit code {code}: {again}"
    return None if again == text else f"{name}: resolves to another experiment when it is run again"


def experiments():
    """(name, words) of jobs/experiments; data that are not here have a stand-in."""
    for path in sorted(glob.glob(f"{EXPERIMENTS}/*.yaml")):
        text = open(path).read()
        stand_ins = [f"data.file={mine}" for theirs, mine in DATA.items() if f"file: {theirs}" in text]
        method = "temporal, periods: 10" if "method: temporal" in text else "iid"
        dealt = [f"partition={{method: {method}, devices: 5, test_fraction: 0.2}}"] if stand_ins else []
        fewest = ["privacy.min_reporting=2"] if "min_reporting:" in text else []
        opens = ["secagg.threshold=2"] if "threshold:" in text else []
        yield os.path.basename(path), [path, *stand_ins, *dealt, *fewest, *opens, "devices.per_round=3"]


def small_model(folder):
    """A folder of weights in place of a pretrained model's."""
    model = "model={name: bert, layers: 1, hidden: 8, heads: 2, intermediate: 16}"
    for words in (["run", "base/words.yaml", model, "rounds=1", "output.dir=small"],
                  ["export", "weights", "small/ckpt-00000001.h5", "-o", folder]):
        subprocess.run([golden.COHORT, *words], check=True, capture_output=True, timeout=120)


def main():
    with tempfile.TemporaryDirectory(prefix="resolved-", dir=os.environ.get("SCRATCH")) as folder:
        golden.prepare(folder)
        small_model("minilm")
        calls = [(c.name, [f"base/{c.base}.yaml", f"name={c.name}", *c.words]) for c in golden.read_cases()[0]]
        calls += experiments()
        calls += [(f"private, {rule}", ["base/synthetic.yaml", *PRIVATE, *rule.split()])
                  for rule in ("privacy.accountant=rdp", "privacy.accountant=pld", "privacy.clip_quantile=0.5 privacy.clip_count_noise=2", "privacy.mechanism=laplace")]
        complaints = [c for c in (complaint(*call) for call in calls) if c]
        os.chdir("/")
    for c in complaints:
        print("FAILED: " + c)
    print(f"{len(calls)} resolved experiments, {len(complaints)} complaints")
    sys.exit(1 if complaints else 0)


main()
