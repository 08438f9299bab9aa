#!/bin/bash
# tests/cli/eval_devices.sh - evaluation on devices against NumPy: the softmax model of the last checkpoint on every device's own
# test part, means, nearest-rank quantiles, the worst tenth; the same bits on 1 and 3 ranks; a sample of the devices.
set -u
work=$SCRATCH/eval-$$
mkdir -p "$work" && cd "$work" || exit 1
trap 'rm -rf "$work"' EXIT
export COHORT_PROGRESS=off
python=/usr/bin/python3
failures=0
fail() { echo "FAILED: $*"; failures=$((failures + 1)); }

$python - <<'P' || exit 1
import h5py, numpy as np
r = np.random.default_rng(4)
with h5py.File("data.h5", "w") as h:
    y = r.integers(0, 5, 3000)
    h["x"] = (r.normal(size=(3000, 7)) + (np.arange(7) % 5 == y[:, None])).astype("f4")
    h["y"] = y
P
cat > e.yaml <<'Y'
name: eval
rounds: 4
data: {file: data.h5}
partition: {file: part.h5}
model: {name: softmax}
devices: {per_round: 9}
local: {batch: 8, lr: 0.05}
eval: {every: 2, devices: true}
Y
"$COHORT" partition data.h5 -o part.h5 method=dirichlet devices=83 alpha=0.2 test_fraction=0.3 > /dev/null 2>&1 || exit 1
for n in 1 3; do
    timeout -k 5 60 mpirun --bind-to none -n $n "$COHORT" run e.yaml output.dir=r$n > text 2>&1 || fail "$(cat text)"
done
[ "$("$COHORT" show r1/run.h5 --digest)" = "$("$COHORT" show r3/run.h5 --digest)" ] || fail "other scores on 3 ranks"
"$COHORT" run e.yaml output.dir=s eval.sample=20 > text 2>&1 || fail "$(cat text)"
$python - <<'P' || fail "scores are not NumPy's"
import h5py, numpy as np
d, p, c = h5py.File("data.h5"), h5py.File("part.h5"), h5py.File("r1/ckpt-00000004.h5")
W = c["model/1.weight"][:] if "1.weight" in c["model"] else c["model/0.weight"][:]
b = c["model/1.bias"][:] if "1.bias" in c["model"] else c["model/0.bias"][:]
z = d["x"][:].astype("f8") @ W.T.astype("f8") + b
y = d["y"][:]
m = z.max(1)
loss = m + np.log(np.exp(z - m[:, None]).sum(1)) - z[np.arange(len(y)), y]
hit = (z.argmax(1) == y).astype(float)
off, ids = p["test/offsets"][:], p["test/examples"][:]
parts = [ids[off[k]:off[k + 1]] for k in range(len(off) - 1) if off[k + 1] > off[k]]
acc, los, n = (np.array([f(q) for q in parts]) for f in (lambda q: hit[q].mean(), lambda q: loss[q].mean(), len))
e = h5py.File("r1/run.h5")["eval"]
row = np.where((e["round"][:] == 4) & (e["scope"][:] == 1))[0][0]
at = lambda s, t: np.sort(s)[int(np.ceil(t * len(s) - 1e-9)) - 1]
tenth = int(np.ceil(len(acc) / 10))
want = {"n": len(parts), "loss": los.mean(), "accuracy": acc.mean(), "accuracy_weighted": (acc * n).sum() / n.sum(),
        **{f"accuracy_p{10 * t}": at(acc, t / 10) for t in range(1, 10)},
        "accuracy_worst10": np.sort(acc)[:tenth].mean()}
for k, v in want.items():
    assert abs(e[k][row] - v) < 1e-5, (k, e[k][row], v)
s = h5py.File("s/run.h5")["eval"]
assert (s["n"][:][s["scope"][:] == 1] <= 20).all() and (s["n"][:][s["scope"][:] == 1] > 10).all()
P
"$COHORT" run e.yaml output.dir=none partition='{method: iid, devices: 20}' > text 2>&1
[ $? -eq 2 ] && grep -q test_fraction text || fail "no test parts: $(cat text)"
[ $failures -eq 0 ] && echo "evaluation on devices: all checks passed"
exit $((failures > 0))
