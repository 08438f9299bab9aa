#!/bin/bash
# tests/cli/local_privacy.sh - transforms of local privacy and local.label_dp as a user sees them: the same bits on any number of ranks
# and after a kill, secret keys that a resume finds again, who sent how many messages, labels answered once for all rounds, what the dry
# run and the statements say, what is refused.
. "$SOURCE/tests/cli/helpers/opening.sh"
need_h5py
refuses() { local pattern=$1; shift; refused 2 "$pattern" run e.yaml output.dir=out "$@"; [ ! -e out ] || fail "something was written by run $*"; }
said() { # said FILE STATEMENT LABEL
    "$COHORT" show "$1" --json | $python -c "
import json, sys
print([s for s in json.load(sys.stdin)['last']['statements'] if s['statement'] == '$2'][0]['$3'])"
}
statements() { "$COHORT" show "$1" --json | $python -c "import json, sys; print(*json.load(sys.stdin)['last']['statements'], sep='\n')"; }
cat > e.yaml <<'Y'
name: messages
rounds: 6
data: {generator: synthetic, devices: 40, alpha: 1, beta: 1, size: 20, features: 30, test_fraction: 0.2}
model: {name: mlp, hidden: [150]}
devices: {per_round: 10}
aggregate: {weight: uniform}
local: {batch: 8, lr: 0.05}
eval: {every: 3}
output: {dir: run, checkpoint_every: 1, keep: 20}
Y
privunit='transforms=[{name: privunit, clip: 0.5, epsilon: 6}]'
gaussian='transforms=[{name: local_gaussian, clip: 0.5, epsilon: 6, delta: 1e-3}]'
laplace='transforms=[{name: momentum}, {name: local_laplace, clip: 3, epsilon: 40}]'
secure='transforms=[{name: local_laplace, clip: 3, epsilon: 40, secure: true}]'
labels='local.label_dp={epsilon: 2}'

# ---- the same bits on any number of ranks, and stopped after round 3 and resumed on another
n_kind=0
for kind in "$privunit" "$gaussian" "$laplace" "$labels"; do
    n_kind=$((n_kind + 1))
    for n in 1 2 3 4; do
        [ $n = 1 ] || [ $n = 3 ] || [ $n_kind = 1 ] || continue
        on $n run e.yaml "$kind" output.dir=k$n --overwrite > text 2>&1 || fail "$kind on $n ranks: $(cat text)"
        for f in run.h5 ckpt-00000006.h5; do
            [ "$(digest k$n/$f)" = "$(digest k1/$f)" ] || fail "'$kind': $f differs on $n ranks"
        done
    done
    on 2 run e.yaml "$kind" rounds=3 output.dir=cut --overwrite > text 2>&1 || fail "$kind: $(cat text)"
    on 3 run e.yaml "$kind" output.dir=cut --resume > text 2>&1 || fail "$kind, resumed: $(cat text)"
    for f in run.h5 ckpt-00000006.h5; do
        [ "$(digest cut/$f)" = "$(digest k1/$f)" ] || fail "'$kind': $f differs after a resume"
    done
    diff <(statements cut/run.h5) <(statements k1/run.h5) || fail "'$kind': other statements after a resume"
    eval "of_$n_kind=$(digest k1/run.h5)"
    cp k1/run.h5 kind$n_kind.h5
done
[ "$of_1" != "$of_2" ] && [ "$of_2" != "$of_3" ] || fail "kinds give the same run"

# ---- who comes too late has sent all the same: messages of each device, and the events of its examples, against the table of devices
for mode in 'devices={mode: deadline, per_round: 10, deadline_s: 1}' 'devices={mode: buffered, per_round: 4, concurrency: 16, max_staleness: 1}'; do
    clock='clock={seconds_per_unit: 0.02, speed: {name: lognormal, sigma: 1}}'
    for kind in "$gaussian" 'local.dp={clip: 1, noise_multiplier: 1, delta: 1e-4}'; do
        on 2 run e.yaml "$mode" "$clock" "$kind" output.dir=late --overwrite > text 2>&1 || fail "late: $(cat text)"
        $python - <<'P' || fail "messages of those that come late: $mode $kind"
import h5py, numpy as np
run, kept = h5py.File("late/run.h5"), h5py.File("late/ckpt-00000006.h5")
t = run["devices"]
names = t["status"].attrs["status_names"] if "status_names" in t["status"].attrs else run.attrs.get("status_names")
names = (names.decode() if isinstance(names, bytes) else names or "reported,dropped,empty,nonfinite,late,unavailable").split(",")
status = np.array([names[s] for s in t["status"][:]])
sent = np.isin(status, ["reported", "nonfinite", "late"]) & (t["n_examples"][:] > 0)
count = np.bincount(t["device"][:][sent], minlength=40)
assert (status == "late").sum() > 3, status
if "privacy/messages" in kept:
    assert (kept["privacy/messages"][:] == count).all(), (kept["privacy/messages"][:], count)
else:
    events = dict(zip(kept["examples/device"][:], kept["examples/events"][:]))
    assert set(events) == set(np.flatnonzero(count)), (events, count)
P
    done
done

# ---- secret noise: another in each run, and after a resume that of the key which the checkpoint has
for k in 1 2; do
    on $k run e.yaml "$secure" rounds=3 output.dir=secret$k > text 2>&1 || fail "secure run: $(cat text)"
done
[ "$(digest secret1/ckpt-00000003.h5)" != "$(digest secret2/ckpt-00000003.h5)" ] || fail "two secure runs have the same noise"
cp -r secret1 secret3
for k in 1 3; do
    on $k run e.yaml "$secure" output.dir=secret$k --resume > text 2>&1 || fail "secure run, resumed: $(cat text)"
done
[ "$(digest secret1/ckpt-00000006.h5)" = "$(digest secret3/ckpt-00000006.h5)" ] || fail "a resumed secure run has other noise"
said secret1/run.h5 message mode | grep -q 'secure: noise from a secret key' || fail "mode: $(said secret1/run.h5 message mode)"

# ---- the statement: the device with most messages, whose number the table of devices confirms
$python - kind1.h5 > most <<'P'
import collections, h5py, sys
with h5py.File(sys.argv[1]) as h:
    print(max(collections.Counter(h["devices/device"][:].tolist()).values()))
P
most=$(cat most)
[ "$most" -ge 3 ] && [ "$most" -le 6 ] || fail "no device took part in $most rounds"
said kind1.h5 message composition | grep -q "^$most releases, one a message" || fail "composition: $(said kind1.h5 message composition)"
said kind1.h5 message epsilon | grep -q "^epsilon 6 for one message; epsilon $((6 * most)) for all" || fail "epsilon: $(said kind1.h5 message epsilon)"
said kind2.h5 message accountant | grep -q '^pld' || fail "accountant: $(said kind2.h5 message accountant)"
"$COHORT" account mechanism=gaussian noise_multiplier="$($python -c "
import json, subprocess
one = json.loads(subprocess.run(['$COHORT', 'account', 'mechanism=gaussian', 'epsilon=6', 'delta=1e-3', '--json'], capture_output=True).stdout)
print(repr(one['noise_multiplier']))")" rounds="$most" delta=1e-3 --json > account.json
$python - "$(said kind2.h5 message epsilon)" <<'P' || fail "gaussian: $(said kind2.h5 message epsilon), not $(cat account.json)"
import json, re, sys
one, all = map(float, re.findall(r"epsilon ([0-9.]+) at delta 0.001", sys.argv[1]))
assert one == 6 and abs(all / json.load(open("account.json"))["epsilon"] - 1) < 1e-4
P
"$COHORT" run e.yaml "$privunit" "$labels" --dry-run > text 2>&1 || fail "dry run: $(cat text)"
grep -q "^messages .*privunit, clip 0.5: epsilon 6 of one, .*; $((6 * most)) of the $most that a device sends at most" text || fail "dry run: $(grep messages text)"
grep -q '^labels .*epsilon 2 of each for all rounds: 0.4509' text || fail "dry run: $(grep labels text)"
"$COHORT" show kind4.h5 | grep -q 'the same answer in every round' || fail "show says nothing of labels"

# ---- both kinds of bound side by side: three statements
on 2 run e.yaml "$privunit" "$labels" devices.select=poisson privacy='{clip: 0.3, noise_multiplier: 1, delta: 1e-2}' rounds=2 output.dir=both > text 2>&1 ||
    fail "local and central: $(cat text)"
"$COHORT" show both/run.h5 --json | $python -c "
import json, sys
assert [s['statement'] for s in json.load(sys.stdin)['last']['statements']] == ['central', 'message', 'labels']" || fail "statements side by side"

# ---- labels: with a rate of 0 the model stays, and the loss on the answers is that of the first round in all; evaluations are as without
still="local.lr=0 devices.per_round=40 local.batch=0 local.epochs=1"
"$COHORT" run e.yaml $still output.dir=plain > text 2>&1 && "$COHORT" run e.yaml $still "$labels" output.dir=noisy > text 2>&1 &&
    "$COHORT" run e.yaml $still local.label_dp='{epsilon: 30}' output.dir=true > text 2>&1 || fail "labels: $(cat text)"
$python - <<'P' || fail "labels"
import h5py
read = lambda run, name: h5py.File(run + "/run.h5")[name][:]
for run in "plain", "noisy", "true":
    assert len(set(read(run, "rounds/train_loss").round(12))) == 1, run
assert read("noisy", "rounds/train_loss")[0] != read("plain", "rounds/train_loss")[0]
assert (read("true", "rounds/train_loss") == read("plain", "rounds/train_loss")).all()
assert (read("noisy", "eval/loss") == read("plain", "eval/loss")).all() and len(read("noisy", "eval/loss")) > 0
P

# ---- refused before anything is written
refuses 'set aggregate.weight: uniform' "$privunit" aggregate.weight=examples
refuses 'scaffold sends a second vector' "$privunit" algorithm=scaffold aggregate.weight=uniform
refuses 'qfedavg takes losses or norms' "$privunit" aggregate.rule=qfedavg
refuses 'oort goes by losses' "$privunit" devices.select=oort
refuses 'one transform of local privacy is enough' 'transforms=[{name: privunit, clip: 1, epsilon: 1}, {name: local_laplace, clip: 1, epsilon: 1}]'
refuses 'low bits leak' 'transforms=[{name: privunit, clip: 1, epsilon: 1, secure: true}]'
refuses 'either noise_multiplier, or epsilon' 'transforms=[{name: local_gaussian, clip: 1, delta: 1e-3}]'
refuses 'delta 0.1 is above 1 / population' 'transforms=[{name: local_gaussian, clip: 1, epsilon: 1, delta: 0.1}]'
refuses 'clip: required' 'transforms=[{name: privunit, epsilon: 1}]'
refuses 'epsilon' 'local.label_dp={epsilon: 0}'
refuses 'must be a map' 'local.label_dp=2'
printf 'a,b\n1,2\n2,1\n3,5\n4,4\n' > n.csv
"$COHORT" import csv n.csv header=true y=b task=regression test_fraction=0 -o n.h5 > text 2>&1 || fail "import: $(cat text)"
refuses 'no one class of an example' "$labels" data='{file: n.h5}' partition='{method: iid, devices: 2}' model='{layers: [{dense: classes}]}' devices.per_round=2

[ $failures -eq 0 ] && echo "all as expected"
exit $((failures > 0))
