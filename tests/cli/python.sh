#!/bin/bash
# tests/cli/python.sh - own data and own weights from Python, as README shows them: a data set written with h5py or
# numpy.savez, a model that starts from a checkpoint or a file made by hand, and weights in and out of PyTorch.
set -u
: "${COHORT:?the program}" "${SCRATCH:?a folder}"
python=${COHORT_PYTHON:-/usr/bin/python3}
"$python" -c 'import h5py, numpy' 2> /dev/null || { echo "skipped: $python has no h5py"; exit 77; }
mkdir -p "$SCRATCH"
work=$(mktemp -d "$SCRATCH/python-XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
export COHORT_PROGRESS=off COHORT_CHECK_MEMORY=1
failures=0
fail() { echo "FAILED: $*"; failures=$((failures + 1)); }
on() { local n=$1; shift; timeout -k 5 100 mpirun --bind-to none -n "$n" "$COHORT" "$@"; }
good() { # good RANKS words..
    on "$@" > said 2>&1 || fail "exit $?: cohort ${*:2}: $(cat said)"
}
refused() { # refused CODE PATTERN words..: on 1 and on 3 ranks one message
    local code=$1 pattern=$2 n rc
    shift 2
    for n in 1 3; do
        on $n "$@" > said 2>&1
        rc=$?
        [ $rc -eq "$code" ] && grep -qE "^cohort: .*$pattern" said && [ "$(grep -c '^cohort: [^w]' said)" -eq 1 ] ||
            fail "exit $rc, not $code with '$pattern', on $n ranks: cohort $*: $(cat said)"
    done
}
last() { # last FOLDER COLUMN ROW: a value of its eval table on the test split
    "$python" -c 'import h5py,sys; e=h5py.File(sys.argv[1]+"/run.h5")["eval"]; print(repr(float(e[sys.argv[2]][e["split"][:]==1][int(sys.argv[3])])))' "$@"
}

# ---- own data: pictures of two kinds, by h5py, by numpy.savez
"$python" - << 'P' || fail "writing the data"
import h5py, numpy as np
rng = np.random.default_rng(1)
y = rng.integers(0, 3, 600)
x = rng.integers(0, 120, (600, 1, 8, 8)).astype("u1")
for k in range(3):
    x[y == k, :, 2 * k:2 * k + 3] += 90
split = (np.arange(600) % 5 == 0).astype("u1")   # 0 train, 1 test

with h5py.File("own.h5", "w") as h:
    h["x"], h["y"], h["split"] = x, y, split
    h["user"] = np.arange(600) // 30              # who made it: one device each with method=natural

np.savez("own.npz", x=x, y=y, split=split, user=np.arange(600) // 30)
np.savez_compressed("parts.npz", x=x[split == 0], y=y[split == 0], x_test=x[split == 1], y_test=y[split == 1])
np.savez("floats.npz", x=(x / 255).astype("f4"), y=y, split=split)
P
good 1 import h5 own.h5 -o sealed.h5
good 1 import npz own.npz -o npz.h5
good 1 import npz parts.npz -o parts.h5
good 1 import npz floats.npz -o floats.h5
cat > e.yaml << 'Y'
name: own
rounds: 6
data: {file: sealed.h5}
model: {layers: [{conv2d: {channels: 4, kernel: 3, padding: same}}, relu, {max_pool: 2}, flatten, {dense: 12}, tanh, {dense: classes}]}
devices: {per_round: 8}
local: {lr: 0.1, batch: 6}
eval: {every: 1}
output: {dir: a}
Y
good 2 run e.yaml
[ "$("$COHORT" show sealed.h5 --json | "$python" -c 'import json,sys; d=json.load(sys.stdin)["stats"]; print(d["n_train"], d["n_test"], d["n_users"])')" = "480 120 20" ] ||
    fail "counts of the sealed data set"
awk "BEGIN {exit !($(last a accuracy -1) > 0.6)}" || fail "does not learn own data: accuracy $(last a accuracy -1)"
for data in own.h5 npz.h5; do # by hand: with a warning; the same examples: the same training
    good 2 run e.yaml data.file=$data output.dir=b --overwrite
    [ $data = npz.h5 ] || grep -q 'warning.*own.h5' said || fail "no warning about a file made by hand: $(cat said)"
    [ "$(last b loss -1)" = "$(last a loss -1)" ] || fail "$data trains to another loss: $(last b loss -1), $(last a loss -1)"
done
good 1 run e.yaml data.file=parts.h5 partition='{method: iid, devices: 10}' output.dir=b --overwrite
good 1 run e.yaml data.file=floats.h5 partition='{method: iid, devices: 10}' output.dir=b --overwrite

# ---- weights: a run starts from a checkpoint, or from a file made by hand, on any number of ranks
for n in 1 3; do
    good $n run e.yaml rounds=2 model.init=a/ckpt-00000006.h5 output.dir=c$n
    [ "$(last c$n loss 0)" = "$(last a loss -1)" ] || fail "model.init: starts at loss $(last c$n loss 0), not $(last a loss -1)"
done
[ "$("$COHORT" show c1/run.h5 --digest)" = "$("$COHORT" show c3/run.h5 --digest)" ] || fail "model.init: other bits on 3 ranks"
good 2 run e.yaml rounds=3 model.init=a/ckpt-00000006.h5 output.dir=c1 --resume
refused 2 'init' run e.yaml rounds=4 output.dir=c1 --resume
"$python" - << 'P' || fail "copying the weights"
import h5py
with h5py.File("a/ckpt-00000006.h5") as a, h5py.File("hand.h5", "w") as h, h5py.File("few.h5", "w") as few:
    for name in a["model"]:
        h["model/" + name] = a["model"][name][:]
    few["model/0.weight"] = a["model/0.weight"][:]
P
good 2 run e.yaml rounds=1 model.init=hand.h5 output.dir=d
grep -q 'warning.*hand.h5' said || fail "no warning about weights made by hand: $(cat said)"
[ "$(last d loss 0)" = "$(last a loss -1)" ] || fail "weights made by hand: loss $(last d loss 0)"
refused 3 'few.h5.*0.bias' run e.yaml model.init=few.h5 output.dir=x
refused 3 'hand.h5.*weight' run e.yaml model.init=hand.h5 model.layers='[flatten, {dense: classes}]' output.dir=x
refused 3 'ckpt-00000006.h5.*4.weight' run e.yaml model.init=a/ckpt-00000006.h5 output.dir=x \
    model.layers='[{conv2d: {channels: 4, kernel: 3, padding: same}}, relu, {max_pool: 2}, flatten, {dense: 13}, tanh, {dense: classes}]'
refused 4 'none.h5' run e.yaml model.init=none.h5 output.dir=x
refused 3 'run.h5' run e.yaml model.init=a/run.h5 output.dir=x
cp a/ckpt-00000006.h5 flip.h5 && printf 'X' | dd of=flip.h5 bs=1 seek=3000 conv=notrunc 2> /dev/null
refused 3 'flip.h5' run e.yaml model.init=flip.h5 output.dir=x
[ ! -e x ] || fail "a refused run left $(ls x)"

# ---- PyTorch: out by load_state_dict, the same loss there; back into a file for model.init, the same loss here
if "$python" -c 'import torch' 2> /dev/null; then
    "$python" - "$(last a loss -1)" "$(last a accuracy -1)" << 'P' || fail "weights out to PyTorch"
import sys
import h5py, torch
from torch import nn
model = nn.Sequential(nn.Conv2d(1, 4, 3, padding="same"), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(64, 12),
                      nn.Tanh(), nn.Linear(12, 3))

with h5py.File("a/ckpt-00000006.h5") as h:
    model.load_state_dict({k: torch.from_numpy(h["model"][k][:]) for k in h["model"]})

with h5py.File("sealed.h5") as h:
    test = h["split"][:] == 1
    x, y = torch.from_numpy(h["x"][:][test]).float() / 255, torch.from_numpy(h["y"][:][test]).long()
with torch.no_grad():
    z = model(x)
    loss, accuracy = nn.functional.cross_entropy(z, y).item(), (z.argmax(1) == y).double().mean().item()
assert abs(loss - float(sys.argv[1])) < 1e-5 and abs(accuracy - float(sys.argv[2])) < 1e-9, (loss, accuracy, sys.argv)

optimizer = torch.optim.SGD(model.parameters(), lr=0.1)   # some training there
for _ in range(5):
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(model(x), y)
    loss.backward()
    optimizer.step()
with open("torch.loss", "w") as f:
    f.write(repr(nn.functional.cross_entropy(model(x), y).item()))

with h5py.File("start.h5", "w") as h:
    for k, v in model.state_dict().items():
        h["model/" + k] = v.numpy()
P
    good 2 run e.yaml rounds=1 model.init=start.h5 output.dir=t
    awk "BEGIN {d = $(last t loss 0) - $(cat torch.loss); exit !(d < 1e-5 && d > -1e-5)}" ||
        fail "weights in from PyTorch: loss $(last t loss 0), there $(cat torch.loss)"
else
    echo "skipped: weights to and from PyTorch ($python has no torch)"
fi

[ $failures -eq 0 ] && echo "python: all checks passed"
exit $((failures > 0))
