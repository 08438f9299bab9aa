#!/bin/bash
# tests/cli/privacy.sh - private runs as a user sees them: the same bits on any number of ranks, epsilon after a kill and a
# resume digit for digit, a secret key that stays in the checkpoint, the report, and what is refused before the first round.
. "$SOURCE/tests/cli/helpers/opening.sh"
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
name: private
rounds: 8
data: {generator: synthetic, devices: 60, alpha: 1, beta: 1, size: 40}
model: {name: mlp, hidden: [100]}
devices: {select: poisson, per_round: 7.5}
local: {batch: 8, lr: 0.05}
eval: {every: 4}
privacy: {clip: 0.5, noise_multiplier: 0.9, delta: 1e-4}
output: {dir: out, checkpoint_every: 3}
Y

# the same bits on any number of ranks, with every mechanism, weights by examples, an adaptive clip
n_kind=0
for kind in privacy.mechanism=gaussian privacy.mechanism=discrete_gaussian privacy.mechanism=laplace \
    "devices.select=uniform devices.per_round=7 aggregate.weight=examples aggregate.weight_cap=30" \
    "privacy.clip_quantile=0.5 privacy.clip_count_noise=3 server.optimizer=adam" \
    "devices.select=mixture devices.counts=public devices.per_round=7"; do
    n_kind=$((n_kind + 1))
    for n in 1 3; do
        on $n run e.yaml $kind rounds=4 output.dir=k$n --overwrite > text 2>&1 || fail "$kind on $n ranks: $(cat text)"
        for f in run.h5 ckpt-00000004.h5; do
            [ "$(digest k$n/$f)" = "$(digest k1/$f)" ] || fail "$kind: $f differs on $n ranks"
        done
    done
    eval "of_$n_kind=$(digest k1/run.h5)"
done
[ "$of_1" != "$of_2" ] && [ "$of_2" != "$of_3" ] || fail "mechanisms give the same run"

# killed in the middle and resumed on another number of ranks: every row of the ledger, epsilon digit for digit
slow="rounds=40 model.hidden=[400] data.size=300 privacy.clip_quantile=0.5 privacy.clip_count_noise=3"
on 2 run e.yaml $slow output.dir=whole > /dev/null 2>&1 || fail "undisturbed run"
n_killed=0
for try in 1 2; do
    rm -rf killed-$$
    on $try run e.yaml $slow output.dir=killed-$$ > /dev/null 2>&1 &
    job=$!
    for _ in $(seq 400); do ls killed-$$/ckpt-*.h5 > /dev/null 2>&1 && break; sleep 0.02; done
    sleep 0.$((try * 7))
    pkill -KILL -f "$COHORT run e.yaml .*output.dir=killed-$$\$"
    wait $job 2> /dev/null
    [ -e killed-$$/ckpt-00000040.h5 ] || n_killed=$((n_killed + 1))
    on $((try % 3 + 1)) run e.yaml $slow output.dir=killed-$$ --resume > text 2>&1 || fail "resume after a kill: $(cat text)"
    for f in run.h5 ckpt-00000040.h5; do
        [ "$(digest killed-$$/$f)" = "$(digest whole/$f)" ] || fail "$f differs after a kill and a resume"
    done
    [ "$(last killed-$$/run.h5 epsilon)" = "$(last whole/run.h5 epsilon)" ] || fail "epsilon differs after a kill and a resume"
done
[ $n_killed -gt 0 ] || fail "no try was killed before its end"
"$COHORT" account mechanism=gaussian noise_multiplier=0.9 delta=1e-4 rounds=40 sampling=poisson rate=0.125 --json > answer
$python - "$(last whole/run.h5 epsilon)" <<'P' || fail "epsilon is not that of 40 rounds at rate 0.125"
import json, sys
tight, told = json.load(open("answer"))["epsilon_lower"], float(sys.argv[1])
sys.exit(0 if tight <= told <= 1.01 * tight else 1)
P
"$COHORT" show whole/run.h5 | grep -qE 'epsilon by +pld' || fail "whose bound epsilon is"
rm -rf killed-$$ whole

# the last row is what account says of the same rounds, to the digit, also where devices are many and a round is short
"$COHORT" run e.yaml rounds=40 eval.every=0 output.dir=j privacy.delta=1e-8 privacy.noise_cohort=10 privacy.noise_population=1e7 \
    privacy.noise_multiplier=1 > /dev/null 2>&1 || fail "a run with the noise of a large population"
"$COHORT" account mechanism=gaussian noise_multiplier=1 delta=1e-8 rounds=40 sampling=poisson rate=1e-6 --json > answer
$python - <<'P' || fail "the run file and account disagree"
import h5py, json, sys
e, told = h5py.File("j/run.h5")["privacy/epsilon"][:], json.load(open("answer"))["epsilon"]
sys.exit(0 if (e[1:] >= e[:-1]).all() and told * (1 - 2e-7) <= e[-1] <= told else 1)
P

# a target: epsilon of the last row is never above it, nor far below; more rounds on a resume are refused
for target in 0.7 3; do
    "$COHORT" run e.yaml output.dir=t privacy="{clip: 0.5, epsilon: $target, delta: 1e-4}" --overwrite > /dev/null 2>&1 ||
        fail "run with a target"
    $python -c "import sys; e = float('$(last t/run.h5 epsilon)'); sys.exit(0 if 0.999 * $target < e <= $target else 1)" ||
        fail "epsilon $(last t/run.h5 epsilon) for a target of $target"
done
# rounds are told to the accountant rounded up from 33 on, the last one as it is
"$COHORT" run e.yaml output.dir=many rounds=35 eval.every=0 privacy="{clip: 0.5, epsilon: 3, delta: 1e-4}" > /dev/null 2>&1 ||
    fail "35 rounds for an epsilon"
$python - many/run.h5 <<'P' || fail "epsilon of 35 rounds with a target of 3"
import sys
import h5py
e = h5py.File(sys.argv[1])["privacy/epsilon"][:]
sys.exit(0 if 2.997 < e[-1] <= 3 and (e[1:] >= e[:-1]).all() and e[32] == e[33] < e[34] else 1)
P
text=$("$COHORT" run e.yaml output.dir=t privacy="{clip: 0.5, epsilon: 3, delta: 1e-4}" rounds=9 --resume 2>&1)
[ $? -eq 2 ] && grep -q 'more would exceed it' <<< "$text" || fail "more rounds for the same epsilon: $text"

# secure: the key lies in checkpoints alone, for their owner alone; a replay is the same release, another run another
on 2 run e.yaml privacy.secure=true rounds=3 output.dir=s > text 2>&1 || fail "secure run: $(cat text)"
for f in s/ckpt-*.h5; do [ "$(stat -c %a "$f")" = 600 ] || fail "$f has mode $(stat -c %a "$f")"; done
[ -e s/ckpt-00000000.h5 ] || fail "no checkpoint before the first release"
$python - <<'P' || fail "the key is missing in the checkpoint, or stands in another file"
import h5py, sys
key = bytes(h5py.File("s/ckpt-00000003.h5")["privacy/key"][:])
other = open("s/run.h5", "rb").read() + open("s/experiment.yaml", "rb").read()
sys.exit(0 if len(key) == 32 and len(set(key)) > 5 and key not in other and key.hex().encode() not in other else 1)
P
cp -r s s2
for d in s s2; do on 1 run e.yaml privacy.secure=true rounds=6 output.dir=$d --resume > text 2>&1 || fail "$(cat text)"; done
[ "$(digest s/run.h5)" = "$(digest s2/run.h5)" ] || fail "a replay with the same key releases something else"
"$COHORT" run e.yaml privacy.secure=true rounds=6 output.dir=s3 > /dev/null 2>&1
[ "$(digest s/run.h5)" != "$(digest s3/run.h5)" ] || fail "two secure runs have the same noise"

# the report
"$COHORT" show s/run.h5 > report
for words in 'epsilon <= .* at delta 0\.0001 after 6 rounds' 'one device: add or remove one' 'poisson, rate 0\.125' 'pld, no conv' \
    'secure: ' 'not covered +train_loss' 'not covered +table eval' 'assumes '; do
    grep -qE "$words" report || fail "no '$words' in the report"
done
"$COHORT" run e.yaml rounds=2 privacy.noise_cohort=1000 privacy.noise_population=1e6 privacy.delta=1e-7 output.dir=n > /dev/null 2>&1 || fail "simulated cohort"
"$COHORT" show n/run.h5 > report
grep -q 'simulation: the noise is reproducible, not private' report || fail "a simulation is not called one"
grep -q 'noise of 1000 devices a round out of 1000000' report || fail "the simulated cohort is not named"
$python - <<'P' || fail "noise and rate of a simulated cohort"
import h5py, sys
p = h5py.File("n/run.h5")["privacy"]
good = abs(p["noise_std"][0] / (0.9 * 0.5 * 7.5 / 1000) - 1) < 1e-6 and p["sampling_rate"][0] == 1e-3 and p["simulated"][0] == 1
sys.exit(0 if good else 1)
P

# selection by counts that are public: no amplification, one device replaced; calibrated noise keeps the promise
"$COHORT" run e.yaml rounds=2 devices.select=weighted devices.counts=public devices.per_round=7 output.dir=c \
    privacy="{clip: 0.5, epsilon: 5, delta: 1e-4}" > text 2>&1 || fail "public counts: $(cat text)"
"$COHORT" show c/run.h5 > report
for words in 'epsilon <= (5|4\.99[0-9]*) at' 'replace one, by one with as many examples' 'no amplification: .* rate 1$' 'counts: public'; do
    grep -qE "$words" report || fail "no '$words' in the report of public counts: $(cat report)"
done
"$COHORT" account mechanism=gaussian epsilon=5 delta=1e-4 rounds=2 sampling=none --json > answer
$python - <<'P' || fail "the noise of public counts is not that of plain releases at twice the clip"
import h5py, json, sys
z = json.load(open("answer"))["noise_multiplier"]
sys.exit(0 if abs(h5py.File("c/run.h5")["privacy/noise_std"][0] / (2 * 0.5 * z) - 1) < 2e-3 else 1)
P

# refused before anything is written
none="privacy="
refused 'either noise_multiplier' "$none{clip: 1, delta: 1e-5}"
refused 'either noise_multiplier' privacy.epsilon=2
refused 'needs delta' "$none{clip: 1, noise_multiplier: 1}"
refused 'only laplace has' privacy.delta=0
refused 'privacy.clip' "$none{noise_multiplier: 1, delta: 1e-5}"
refused 'give both or none' privacy.noise_cohort=100
refused 'more than noise_population' privacy.noise_cohort=100 privacy.noise_population=10
refused 'above 1 / population = 0.01666' privacy.delta=0.02
refused 'above 1 / noise_population = 0.001' privacy.delta=0.0011 privacy.noise_cohort=100 privacy.noise_population=1000
refused 'so large that epsilon is 0' privacy.delta=1e-3 privacy.noise_multiplier=1000
refused 'never secure' privacy.noise_cohort=100 privacy.noise_population=1000 privacy.secure=true
refused 'low bits leak' privacy.secure=true privacy.mechanism=gaussian
refused 'bounds another' privacy.mechanism=laplace privacy.clip_quantile=0.5
refused 'go with clip_quantile' privacy.clip_rate=0.3
refused 'alone costs more' privacy.clip_quantile=0.5 privacy.clip_count_noise=0.4
for name in weighted mixture top_m; do
    refused 'or say counts: public' devices.select=$name devices.per_round=7
done
refused 'devices.counts' devices.counts=known
refused 'under privacy the rule is mean' aggregate.rule=median
refused 'no clip bounds' algorithm=scaffold
refused 'give weight_cap' aggregate.weight=examples
refused 'only accountant: rdp' privacy.conversion=classic
refused 'above 2\^62' privacy.noise_multiplier=1e-10
refused 'seed' privacy.seed=4
refused 'noise_seed' privacy.noise_seed=4
refused 'clip' privacy.mechanism=none

[ $failures -eq 0 ] && echo "all as expected"
exit $((failures > 0))
