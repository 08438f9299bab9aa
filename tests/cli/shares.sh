#!/bin/bash
# tests/cli/shares.sh - distributed privacy as a user sees it: the same bits on any number of ranks, after a kill and a resume, in
# rounds with and without a result; secret noise; a target; the statement; and what is refused before the first round.
. "$SOURCE/tests/cli/helpers/opening.sh"
need_h5py
last() { "$COHORT" show "$1" --json | $python -c "import json,sys; print(repr(json.load(sys.stdin)['last']['privacy']['$2']))"; }
refused() { # refused PATTERN words..
    local pattern=$1; shift
    local text rc
    text=$("$COHORT" run e.yaml "$@" 2>&1); rc=$?
    [ $rc -eq 2 ] || fail "exit code $rc instead of 2: run $*: $text"
    grep -qE "$pattern" <<< "$text" || fail "no '$pattern' in the message of run $*: $text"
    [ ! -e out ] || fail "something was written by run $*"
}

cat > e.yaml <<'Y'
name: shares
rounds: 8
data: {generator: synthetic, devices: 60, alpha: 1, beta: 1, size: 40}
model: {name: mlp, hidden: [100]}
devices: {per_round: 12}
clock: {dropout: 0.4}
local: {batch: 8, lr: 0.05}
eval: {every: 4}
secagg: {threshold: 7}
privacy: {mechanism: skellam, clip: 0.5, noise_multiplier: 3, delta: 1e-4, min_reporting: 7, bits: 12}
output: {dir: out, checkpoint_every: 3}
Y

# the same bits on any number of ranks, with both mechanisms, weights by examples, frozen tensors
for kind in privacy.mechanism=skellam privacy.mechanism=ddgauss "aggregate.weight=examples aggregate.weight_cap=30" \
    "model.freeze=[1.bias] privacy.beta=0.9"; do
    for n in 1 3; do
        on $n run e.yaml $kind rounds=4 output.dir=k$n --overwrite > text 2>&1 || fail "$kind on $n ranks: $(cat text)"
        for f in run.h5 ckpt-00000004.h5; do
            [ "$(digest k$n/$f)" = "$(digest k1/$f)" ] || fail "$kind: $f differs on $n ranks"
        done
    done
done

# killed in the middle and resumed on another number of ranks; stopped early and gone on with: the run that was never disturbed
slow="rounds=40 model.hidden=[400] data.size=300"
on 2 run e.yaml $slow output.dir=whole > /dev/null 2>&1 || fail "undisturbed run"
"$COHORT" run e.yaml $slow output.dir=out > /dev/null 2>&1 &
job=$!
for _ in $(seq 400); do ls out/ckpt-*.h5 > /dev/null 2>&1 && break; sleep 0.02; done
kill -KILL $job
wait $job 2> /dev/null
[ ! -e out/ckpt-00000040.h5 ] || echo "the run had ended before it was killed"
on 2 run e.yaml $slow --resume > text 2>&1 || fail "resume after a kill: $(cat text)"
on 1 run e.yaml $slow rounds=17 output.dir=grown > text 2>&1 || fail "17 rounds: $(cat text)"
on 3 run e.yaml $slow output.dir=grown --resume > text 2>&1 || fail "17 rounds and 23 more: $(cat text)"
for d in out grown; do
    for f in run.h5 ckpt-00000040.h5; do
        [ "$(digest $d/$f)" = "$(digest whole/$f)" ] || fail "$d: $f differs after a resume"
    done
    [ "$(last $d/run.h5 epsilon)" = "$(last whole/run.h5 epsilon)" ] || fail "$d: epsilon differs after a resume"
done
$python - <<'P' || fail "rounds without a result: released, charged, or a model that moves"
import h5py, sys
h = h5py.File("whole/run.h5")
came, released, e = h["rounds/n_reported"][:], h["privacy/released"][:], h["privacy/epsilon"][:]
digest, parts = h["rounds/model_digest"][:], h["privacy/participations"][:]
failed = released == 0
still = digest[1:] == digest[:-1]
good = 3 < failed.sum() < 37 and (came[~failed] >= 7).all() and (still == failed[1:]).all() and (e[1:] >= e[:-1]).all()
sys.exit(0 if good and (e[1:][failed[1:]] == e[:-1][failed[1:]]).all() and parts[-1] <= (~failed).sum() else 1)
P
rm -rf out whole grown

# a target, and a secret key
"$COHORT" run e.yaml output.dir=t privacy="{mechanism: ddgauss, clip: 0.5, epsilon: 2, delta: 1e-4, min_reporting: 7}" > text 2>&1 ||
    fail "run with a target: $(cat text)"
$python -c "import sys; sys.exit(0 if 0 < float('$(last t/run.h5 epsilon)') <= 2 else 1)" || fail "a target of 2: $(last t/run.h5 epsilon)"
on 2 run e.yaml privacy.secure=true secagg.secure=true rounds=3 output.dir=s > text 2>&1 || fail "secure run: $(cat text)"
[ "$(stat -c %a s/ckpt-00000003.h5)" = 600 ] || fail "the checkpoint with the key has mode $(stat -c %a s/ckpt-00000003.h5)"
cp -r s s2
for d in s s2; do on 1 run e.yaml privacy.secure=true secagg.secure=true rounds=6 output.dir=$d --resume > text 2>&1 || fail "$(cat text)"; done
[ "$(digest s/run.h5)" = "$(digest s2/run.h5)" ] || fail "a replay with the same key releases something else"
"$COHORT" run e.yaml privacy.secure=true secagg.secure=true rounds=6 output.dir=s3 > /dev/null 2>&1
[ "$(digest s/run.h5)" != "$(digest s3/run.h5)" ] || fail "two secure runs have the same noise"

# what is said
"$COHORT" run e.yaml --dry-run > report
for words in 'skellam, clip 0\.5, noise 3 x clip by 7 honest devices; epsilon' 'no amplification by sampling' '12 bits, steps of' 'wraps with probability'; do
    grep -qE "$words" report || fail "no '$words' in the dry run"
done
"$COHORT" show s/run.h5 > report
for words in '^ *statement +distributed' 'its contributions count as zero' 'none claimed, from the server too' 'at least 7 by honest devices in a sum' \
    'server sees +sums modulo' 'at least 7 devices whose reports are in a sum are honest' 'secure: '; do
    grep -qE "$words" report || fail "no '$words' in the report"
done

# refused before anything is written
few="mechanism: ddgauss, clip: 0.5, delta: 1e-4"
sed '/^secagg/d' e.yaml > bare.yaml
text=$("$COHORT" run bare.yaml 2>&1)
[ $? -eq 2 ] && grep -q 'add section secagg' <<< "$text" || fail "without secagg: $text"
refused 'raise threshold' secagg.threshold=6
refused 'min_reporting.* a round has 12 devices at most' privacy.min_reporting=13
refused 'min_reporting' "privacy={$few, noise_multiplier: 3}"
refused 'either noise_multiplier, or epsilon' "privacy={$few, min_reporting: 7}"
refused 'needs delta' "privacy={mechanism: skellam, clip: 0.5, noise_multiplier: 1, min_reporting: 7}"
refused 'too coarse' privacy.mechanism=ddgauss privacy.granularity=2
refused 'bits have no room' privacy.bits=4 devices.per_round=60
refused 'no noise reaches epsilon 0.01' "privacy={$few, epsilon: 0.01, min_reporting: 7, bits: 5}"
refused 'clip_quantile' privacy.clip_quantile=0.5
refused 'accountant' privacy.accountant=pld
refused 'under privacy the rule is mean' aggregate.rule=median
refused 'works on numbers' 'transforms=[{name: ring, clip: 1}]'
refused 'groups|edge servers' 'aggregate.groups={servers: 3}'
refused 'losses' devices.select=oort

[ $failures -eq 0 ] && echo "shares: all checks passed"
[ $failures -eq 0 ]
