#!/bin/bash
# tests/cli/algorithms.sh - algorithms with a memory, as a user calls them: the state of aggregators and of devices survives a stop
# and a kill, and what makes no sense or does not fit in memory is refused before the first round.
. "$SOURCE/tests/cli/helpers/opening.sh"
refused() { # refused PATTERN words..
    local pattern=$1 text rc; shift
    text=$(on 2 run e.yaml output.dir=never "$@" 2>&1); rc=$?
    [ $rc -eq 2 ] || fail "exit code $rc instead of 2: $*: $text"
    grep -qE "$pattern" <<< "$text" || fail "no '$pattern' in the message of $*: $text"
    [ -e never/run.h5 ] && fail "$* left a run file"
}

cat > e.yaml <<'Y'
name: robust
rounds: 9
data: {generator: synthetic, devices: 40, alpha: 1, beta: 1, size: 30}
model: {name: mlp, hidden: [70]}
devices: {per_round: 11}
local: {batch: 8, lr: 0.05}
aggregate: {rule: centred_clip, tau: 0.3, iterations: 2}
server: {momentum: 0.9}
eval: {every: 3}
output: {dir: whole, checkpoint_every: 3, keep: 5}
Y

# stopped after 3 rounds, on with another number of ranks: the centre comes from the checkpoint
on 2 run e.yaml > text 2>&1 || fail "run: $(cat text)"
on 3 run e.yaml output.dir=parts rounds=3 > text 2>&1 || fail "first part: $(cat text)"
on 1 run e.yaml output.dir=parts --resume > text 2>&1 || fail "second part: $(cat text)"
for f in run.h5 ckpt-00000009.h5; do
    [ "$("$COHORT" show whole/$f --digest)" = "$("$COHORT" show parts/$f --digest)" ] || fail "$f differs after a resume"
done
"$COHORT" show whole/ckpt-00000009.h5 > text || fail "show"

# device state: in the checkpoint, and the same bits after a kill at some moment and a resume on other ranks
cat > s.yaml <<'Y'
name: state
rounds: 12
algorithm: scaffold
data: {generator: synthetic, devices: 40, alpha: 1, beta: 1, size: 300}
model: {name: mlp, hidden: [70]}
devices: {per_round: 11}
local: {batch: 4, epochs: 4, lr: 0.02}
transforms: [{name: momentum, beta: 0.3}]
eval: {every: 0}
output: {dir: calm, checkpoint_every: 2, keep: 9}
Y
on 2 run s.yaml > text 2>&1 || fail "scaffold: $(cat text)"
on 2 run s.yaml output.dir=killed-$$ > text 2>&1 &
job=$!
for _ in $(seq 400); do [ -e killed-$$/ckpt-00000002.h5 ] && break; sleep 0.02; done
pkill -KILL -f "run s.yaml output.dir=killed-$$\$"
wait $job 2> /dev/null
[ -e killed-$$/ckpt-00000012.h5 ] && echo "the run was done before it was killed"
on 3 run s.yaml output.dir=killed-$$ --resume > text 2>&1 || fail "resume after a kill: $(cat text)"
"$COHORT" show calm/ckpt-00000012.h5 > text || fail "show of a checkpoint with device state"
for f in run.h5 ckpt-00000012.h5; do
    [ "$("$COHORT" show calm/$f --digest)" = "$("$COHORT" show killed-$$/$f --digest)" ] || fail "$f differs after a kill"
done
on 2 run s.yaml output.dir=never --dry-run > text 2>&1 || fail "dry run: $(cat text)"
grep -qE 'device state up to [0-9.]+ .iB over all nodes.*\(control, momentum\)' text || fail "the dry run does not tell the device state"
[ -e never/run.h5 ] && fail "a dry run left a run file"

refused 'device.* needs [0-9.]+ TiB on a node, [0-9.]+ .iB are left' data.devices=2000000 devices.per_round=10000 rounds=100000 \
    model.hidden=[5000] algorithm=scaffold aggregate='{rule: mean}' eval.every=0
refused 'which only works with sgd, not adam' algorithm=scaffold aggregate='{rule: mean}' local.optimizer=adam
refused 'needs updates that are sums of gradients: sgd or prox, not scaffold' aggregate='{rule: fednova}' local.rule=scaffold
refused 'keeps state on the devices and can stand here only once' transforms='[{name: momentum}, {name: clip}, {name: momentum}]'
refused 'attack.*needs attackers' devices.attack=ipm
refused 'stands without attack' devices.attackers=3
refused '2.5 is no whole number of devices' devices.attack=ipm devices.attackers=2.5
refused 'there is no device 40; ids are 0 to 39' devices.attack=ipm devices.attacker_ids='[3, 40]'
refused '41 is more than the 40 devices' devices.attack=bit_flip devices.attackers=41
refused '13 updates a round, there are 11; raise devices.per_round, lower f' aggregate='{rule: krum, f: 5}'
refused 'mean only sees sums' aggregate='{rule: mean, bucketing: 2}'
refused 'leaves nothing of 11' aggregate='{rule: trimmed_mean, trim: 6}'
refused '13 updates.*there are 6' aggregate='{rule: multi_krum, f: 5, bucketing: 2}'
refused 'needs [0-9.]+ TiB on a node, [0-9.]+ .iB are left: lower devices.per_round' data.devices=2000000 devices.per_round=1000000 \
    model.hidden=[5000] aggregate='{rule: median}' eval.every=0

[ $failures -eq 0 ] && echo "algorithms: all good"
exit $((failures > 0))
