#!/bin/bash
# tests/cli/continual.sh - data that arrive and leave, as a user meets them: the same bits on 1 and 3 ranks and after a resume in the
# middle of a period, all, recent and past examples evaluated as NumPy does, what is refused.
set -u
work=$SCRATCH/continual-$$
mkdir -p "$work" && cd "$work" || exit 1
trap 'rm -rf "$work"' EXIT
export COHORT_PROGRESS=off
python=/usr/bin/python3
failures=0
fail() { echo "FAILED: $*"; failures=$((failures + 1)); }
on() { # on RANKS words..
    local n=$1
    shift
    timeout -k 5 60 mpirun --bind-to none -n "$n" "$COHORT" run e.yaml "$@" > text 2>&1 || fail "$* on $n ranks: $(cat text)"
}
refused() { # refused TEXT words..: exit code 2 and a message with TEXT
    local text=$1
    shift
    "$COHORT" run e.yaml --dry-run "$@" > text 2>&1
    [ $? -eq 2 ] && grep -q -- "$text" text || fail "$*: $(cat text)"
}

$python - <<'P' || exit 1
import h5py, numpy as np
r = np.random.default_rng(4)
with h5py.File("data.h5", "w") as h:
    y = r.integers(0, 6, 2400)
    h["x"] = (r.normal(size=(2400, 8)) + (np.arange(8) % 6 == y[:, None])).astype("f4")
    h["y"] = y
    h["split"] = (np.arange(2400) % 4 == 0).astype("u1")
P
"$COHORT" partition data.h5 -o part.h5 method=temporal devices=40 periods=6 law=labels sizes=zipf > text 2>&1 || fail "$(cat text)"
grep -q "6 periods" text || fail "the report does not tell the periods: $(cat text)"
if [ -e "$COHORT_SHARED/check_files.py" ]; then $python "$COHORT_SHARED/check_files.py" part.h5 || fail "check_files.py"; fi
cat > e.yaml <<'Y'
name: continual
rounds: 22
data: {file: data.h5}
partition: {file: part.h5}
model: {name: softmax}
devices: {select: weighted, per_round: 6, period_rounds: 4, memory: window, window: 2}
local: {batch: 8, lr: 0.1}
aggregate: {unbiased: true}
eval: {every: 3}
Y
for memory in '{select: weighted, per_round: 6, period_rounds: 4, memory: window, window: 2}' \
    '{select: mixture, per_round: 6, period_rounds: 4, memory: fifo, capacity: 9}' \
    '{per_round: 6, period_rounds: 4, memory: balanced, capacity: 9, replay: 0.5, replay_select: coordinated}' \
    '{select: weighted, per_round: 6, period_rounds: 4, memory: reservoir, capacity: 9}' '{per_round: 6, period_rounds: 4}'; do
    rm -rf a b
    on 1 output.dir=a devices="$memory"
    on 3 output.dir=b devices="$memory" rounds=10 # the second of four rounds of the third period
    on 2 output.dir=b devices="$memory" --resume
    for file in run.h5 ckpt-00000022.h5; do
        [ "$("$COHORT" show a/$file --digest)" = "$("$COHORT" show b/$file --digest)" ] || fail "$memory: other $file"
    done
done
$python - <<'P' || fail "evaluation is not NumPy's"
import h5py, numpy as np
d, p, c, e = h5py.File("data.h5"), h5py.File("part.h5"), h5py.File("a/ckpt-00000022.h5"), h5py.File("a/run.h5")["eval"]
name = "1" if "1.weight" in c["model"] else "0"
z = d["x"][:].astype("f8") @ c[f"model/{name}.weight"][:].T.astype("f8") + c[f"model/{name}.bias"][:]
hit, test, period = z.argmax(1) == d["y"][:], d["split"][:] == 1, p["period"][:]
assert p.attrs["n_periods"] == 6 and len(period) == 2400 and period.min() == 0 and period.max() == 5
now = 5  # rounds 21 and 22
for scope, rows in ((0, test), (2, test & (period == now)), (3, test & (period < now))):
    row = np.where((e["round"][:] == 22) & (e["split"][:] == 1) & (e["scope"][:] == scope))[0]
    assert len(row) == 1 and e["n"][row[0]] == rows.sum(), (scope, row)
    assert abs(e["accuracy"][row[0]] - hit[rows].mean()) < 1e-9, scope
assert not ((e["round"][:] <= 3) & (e["scope"][:] == 3)).any()  # nothing is past in the first period
P
"$COHORT" show a/run.h5 | grep -q "before the period" || fail "show does not tell what is past"
refused "set devices.period_rounds" devices='{per_round: 6}'
refused "needs a partition whose examples arrive" partition='{method: iid, devices: 40}'
refused "needs the key .window" devices='{per_round: 6, period_rounds: 4, memory: window}'
refused "fifo, reservoir or balanced; leave .capacity. out" devices='{per_round: 6, period_rounds: 4, capacity: 5}'
refused "needs the key .capacity." devices='{per_round: 6, period_rounds: 4, memory: reservoir}'
refused "stands without replay" devices='{per_round: 6, period_rounds: 4, replay_select: balanced}'
refused "does not account" devices='{per_round: 6, period_rounds: 4, replay: 0.5, replay_select: coordinated}' \
    privacy='{mechanism: gaussian, clip: 1.0, noise_multiplier: 1.0, delta: 0.001}' aggregate='{weight: uniform}'
refused "needs a partition whose examples arrive" partition='{method: iid, devices: 40}' devices='{per_round: 6, replay: 0.5}'
"$COHORT" run e.yaml --dry-run output.dir=d devices='{per_round: 6, period_rounds: 4, memory: balanced, capacity: 9, replay: 0.5}' > text 2>&1
grep -q "class-balancing reservoir of 9 examples, of which 50 % of a step" text || fail "the dry run does not tell what devices keep: $(cat text)"
[ $failures -eq 0 ] && echo "continual data: all checks passed"
exit $((failures > 0))
