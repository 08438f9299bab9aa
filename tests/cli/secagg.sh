#!/bin/bash
# tests/cli/secagg.sh - secure aggregation as a user sees it: the same run on any number of ranks, with every mask or the plain sum,
# after a kill and a resume; what a failed round leaves alone; the report; what is refused before the first round.
. "$SOURCE/tests/cli/helpers/opening.sh"
last() { "$COHORT" show "$1" --json | $python -c "import json,sys; print(json.load(sys.stdin)['last']['$2']['$3'])"; }
refused() { # refused PATTERN words..
    local pattern=$1; shift
    local text rc
    text=$("$COHORT" run e.yaml output.dir=never "$@" 2>&1); rc=$?
    [ $rc -eq 2 ] || fail "exit code $rc instead of 2: run $*: $text"
    grep -qE "$pattern" <<< "$text" || fail "no '$pattern' in the message of run $*: $text"
    [ ! -e never ] || fail "something was written by run $*"
}

cat > e.yaml <<'Y'
name: secagg
rounds: 8
data: {generator: synthetic, devices: 60, alpha: 1, beta: 1, size: 40, features: 300}
model: {name: mlp, hidden: [100]}
devices: {select: poisson, per_round: 12.5}
local: {batch: 8, lr: 0.05}
transforms: [{name: ring}]
aggregate: {weight: uniform}
server: {optimizer: adam, lr: 0.01}
secagg: {protocol: secagg_plus, neighbours: 6, threshold: 4}
clock: {seconds_per_unit: 0.01, down: 2e5, up: 1e5, dropout: 0.2}
eval: {every: 0}
output: {dir: out, checkpoint_every: 3}
Y

# the same bits on any number of ranks; with every mask, from secret keys too, or the plain sum
for words in "" secagg.simulate=sum secagg.secure=true; do
    for n in 1 3; do
        on $n run e.yaml $words output.dir=k$n --overwrite > text 2>&1 || fail "$words on $n ranks: $(cat text)"
        [ -n "${first:-}" ] || first=$(digest k1/run.h5)
        [ "$(digest k$n/run.h5)" = "$first" ] || fail "$words: run.h5 differs on $n ranks"
    done
done
grep -q "changed nothing, for too few" text || fail "no word of rounds without a sum: $(cat text)"

# numbers that the ring cuts are counted, the same on any number of ranks and behind masks; a warning where there are many
for n in 1 3; do
    on $n run e.yaml rounds=2 transforms='[{name: ring, clip: 0.01}]' output.dir=cut$n > text 2>&1 || fail "cut: $(cat text)"
    grep -qE "warning: [0-9]+ of [0-9]+ numbers of updates .* were cut to ring's clip" text || fail "no word of what the ring cuts: $(cat text)"
    [ "$(last cut$n/run.h5 rounds values_cut)" = "$(last cut1/run.h5 rounds values_cut)" ] || fail "values_cut on $n ranks"
done
[ "$(last cut1/run.h5 rounds values_cut)" -gt 100 ] || fail "values_cut: $(last cut1/run.h5 rounds values_cut)"
[ "$(last k1/run.h5 rounds values_cut)" = 0 ] || fail "values_cut where nothing is cut: $(last k1/run.h5 rounds values_cut)"

# a key of the system's generator is written nowhere, and another one at every start: the same run after a kill all the same
slow="rounds=30 secagg.secure=true model.hidden=[1000]"
on 2 run e.yaml $slow output.dir=whole > /dev/null 2>&1 || fail "undisturbed run"
on 1 run e.yaml $slow output.dir=out > /dev/null 2>&1 &
job=$!
for _ in $(seq 400); do ls out/ckpt-*.h5 > /dev/null 2>&1 && break; sleep 0.02; done
pkill -KILL -f "$COHORT run e.yaml .*output.dir=out\$"
wait $job 2> /dev/null
[ ! -e out/ckpt-00000030.h5 ] || fail "not killed in the middle"
on 3 run e.yaml $slow --resume > text 2>&1 || fail "resume after a kill: $(cat text)"
for f in run.h5 ckpt-00000030.h5; do
    [ "$(digest out/$f)" = "$(digest whole/$f)" ] || fail "$f differs after a kill and a resume"
done

# a round without a sum: the model stays, examples have paid nothing, the loss is nobody's to know
"$COHORT" run e.yaml rounds=3 secagg='{threshold: 0.99}' clock.dropout=0.6 local.dp='{clip: 1, noise_multiplier: 1, delta: 1e-4}' \
    output.dir=none > text 2>&1 || fail "rounds that all fail: $(cat text)"
[ "$(last none/run.h5 rounds secagg_failed)" != 0 ] && [ "$(last none/run.h5 rounds train_loss)" = None ] || fail "a failed round"
grep -q "3 rounds, train loss none;" text && ! grep -qw "nan" text || fail "a loss that there is not: $(cat text)"
[ "$(last none/run.h5 privacy_examples epsilon_max)" = 0 ] || fail "failed rounds cost privacy: $(last none/run.h5 privacy_examples epsilon_max)"
[ "$(last none/run.h5 rounds update_norm)" = 0 ] || fail "a failed round changes the model"
"$COHORT" show none/run.h5 > text || fail show
grep -q "secure sums *0 of 3 rounds; in the others" text || fail "no line of secure sums: $(cat text)"
grep -q "not covered *training loss and metrics" text || fail "no statement: $(cat text)"
"$COHORT" run e.yaml --dry-run > text 2>&1 || fail "dry run"
grep -q "secure sums *of 13 devices, 6 neighbours each, 4 of 7 shares" text || fail "dry run: $(cat text)"

# noise in shares: fewer than must be noised together are never opened, whatever the threshold
noised=(transforms=[] devices='{per_round: 12}' secagg='{protocol: secagg_plus, neighbours: 4, threshold: 2}' privacy='{mechanism: ddgauss, clip: 1, noise_multiplier: 1, delta: 1e-3, min_reporting: 9}')
"$COHORT" run e.yaml "${noised[@]}" clock.dropout=0.1 rounds=2 output.dir=noised > text 2>&1 || fail "ddgauss: $(cat text)"
[ "$(last noised/run.h5 rounds secagg_failed)" = 0 ] || fail "ddgauss: a round of enough devices fails"
"$COHORT" run e.yaml "${noised[@]}" clock.dropout=0.7 rounds=2 output.dir=few > text 2>&1 || fail "ddgauss, few: $(cat text)"
[ "$(last few/run.h5 rounds secagg_failed)" = 3 ] || fail "ddgauss: inputs of too few are opened"
for column in released epsilon participations; do
    [ "$(last few/run.h5 privacy $column)" = 0 ] || fail "ddgauss: a failed round is charged for: $column $(last few/run.h5 privacy $column)"
done

# threshold and neighbours of a thousand devices, found
"$COHORT" run e.yaml data.devices=1000 data.size=2 devices='{per_round: 1000}' secagg='{protocol: secagg_plus}' --dry-run > text 2>&1 || fail "found: $(cat text)"
grep -qE "secure sums *of 1000 devices, [0-9]+ neighbours" text || fail "neighbours are not found: $(cat text)"

refused "nothing makes any of the updates: let transforms end with .name: ring" transforms=[]
refused "median has to see every update" aggregate.rule=median
refused "fednova weighs every update by what its device reports" aggregate.rule=fednova
refused "qfedavg weighs every update by its device's loss" aggregate.rule=qfedavg
refused "edge servers make one each" aggregate.groups='{servers: 3}'
refused "oort chooses by losses of single devices" devices.select=oort devices.per_round=12
refused "power_of_choice chooses by losses" devices.select=power_of_choice devices.per_round=12
refused "buffered: devices agree on their masks before they train" devices='{mode: buffered, per_round: 12, concurrency: 20}'
refused "semi_synchronous: devices agree" devices='{mode: semi_synchronous, per_round: 12, interval_s: 9}'
refused "reads the updates of others" devices='{attack: alie, attackers: 3, per_round: 12}'
refused "scaffold: devices also send changes of" algorithm=scaffold server.optimizer=sgd server.lr=1
refused "goes with protocol: secagg_plus" secagg.protocol=secagg
refused "threshold and neighbours go together" secagg='{protocol: secagg_plus, threshold: 5}'
refused "7: must be even" secagg.neighbours=7
refused "2.5: a whole number from 2 on" secagg.threshold=2.5
refused "all hold shares of all, and nothing is left to chance" secagg='{security: 50}'
# the threshold against what is said of the devices: 12 of them, counted; and the smallest that holds is named and holds
fixed=(devices='{per_round: 12}')
for case in "corrupt: 0.5, threshold: 6|7" "corrupt: 0.25, lies: true, threshold: 7|8" "lies: true, threshold: 6|7"; do
    words=${case%|*} least=${case#*|}
    refused "threshold [0-9]+: against .* the smallest that holds is $least\\)?" "${fixed[@]}" secagg="{protocol: secagg, $words}"
    "$COHORT" run e.yaml "${fixed[@]}" secagg="{protocol: secagg, ${words%threshold*}threshold: $least}" --dry-run > text 2>&1 || fail "$case: $(cat text)"
done
refused "threshold 10: with 0.25 of 12 devices lost the largest that can be met is 9" "${fixed[@]}" secagg='{protocol: secagg, dropout: 0.25, threshold: 10}'
refused "none of 12 shares holds" "${fixed[@]}" secagg='{protocol: secagg, corrupt: 0.5, dropout: 0.6, threshold: 8}'
refused "may fall into parts" devices='{per_round: 60}' secagg='{protocol: secagg_plus, neighbours: 4, threshold: 3, corrupt: 0.3, dropout: 0.3}'
plus=(data.devices=1000 data.size=2 devices='{per_round: 1000}')
refused "threshold 20: against 0.1 of 1000 devices corrupt the smallest that holds is [0-9]+" "${plus[@]}" secagg='{protocol: secagg_plus, neighbours: 100, threshold: 20, corrupt: 0.1, dropout: 0.1}'
least=$(grep -oE "holds is [0-9]+" <<< "$("$COHORT" run e.yaml output.dir=never "${plus[@]}" secagg='{protocol: secagg_plus, neighbours: 100, threshold: 20, corrupt: 0.1, dropout: 0.1}' 2>&1)" | grep -oE "[0-9]+")
for t in $((least - 1)) "$least"; do
    "$COHORT" run e.yaml "${plus[@]}" secagg="{protocol: secagg_plus, neighbours: 100, threshold: $t, corrupt: 0.1, dropout: 0.1}" --dry-run > text 2>&1
    [ $? -eq $((t == least ? 0 : 2)) ] || fail "threshold $t where $least is the smallest that holds: $(cat text)"
done

# how often a round has too few devices: the binomial tail, exactly
"$COHORT" run e.yaml secagg='{protocol: secagg, threshold: 9}' clock.dropout=0.25 --dry-run > text 2>&1 || fail "dry run"
$python - text <<'P' || fail "probability of a failed round: $(cat text)"
import re, sys
from fractions import Fraction
from math import comb
text = open(sys.argv[1]).read()
def below(n, rate, k): return float(sum(comb(n, i) * rate ** i * (1 - rate) ** (n - i) for i in range(k)))
rate = Fraction(25, 120)
told = [float(x) for x in re.findall(r"with probability ([0-9.e-]+)", text)]
right = [below(60, rate, 9), below(60, rate * Fraction(3, 4), 9)]
assert "fewer than 9 devices" in text and len(told) == 2, told
assert all(abs(a / b - 1) < 6e-3 for a, b in zip(told, right)), (told, right)
P
refused "threshold 9: 2 to 7" secagg.threshold=9
refused "1 devices: at least 2" devices.per_round=1
refused "secagg: .*corrupt" secagg='{protocol: secagg_plus, corrupt: 0.6, dropout: 0.5}'

[ $failures -eq 0 ] && echo "all as expected"
exit $((failures > 0))
