#!/bin/bash
# tests/cli/account.sh - cohort account as a user calls it: text, JSON, the three questions, refusals.
set -u
: "${COHORT:?the program}" "${SCRATCH:?a folder}"
export COHORT_CHECK_MEMORY=1
mkdir -p "$SCRATCH"
work=$(mktemp -d "$SCRATCH/account-XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
failures=0 checks=0

fault() {
    failures=$((failures + 1))
    printf 'FAULT: %s\n' "$*"
    sed 's/^/    /' out err | head -5
}
# good PATTERN WORD..: exits 0 and prints PATTERN
good() {
    local pattern=$1
    shift && checks=$((checks + 1))
    "$COHORT" account "$@" >out 2>err || fault "exit $?: cohort account $*"
    grep -Eq -- "$pattern" out || fault "no '$pattern': cohort account $*"
}
# bad PATTERN WORD..: exits 2 with one line that has PATTERN
bad() {
    local pattern=$1
    shift && checks=$((checks + 1))
    "$COHORT" account "$@" >out 2>err
    [ $? -eq 2 ] || fault "not exit 2: cohort account $*"
    grep -Eq -- "^cohort: .*$pattern" err || fault "no '$pattern' in the message: cohort account $*"
}
# holds EXPRESSION: a Python expression over the JSON d of the last call
holds() {
    checks=$((checks + 1))
    python3 -c "import json,sys; d=json.load(open('out')); sys.exit(0 if $1 else 1)" || fault "not true: $1"
}
sampled="mechanism=gaussian rounds=1000 sampling=poisson rate=0.01"

# ---- epsilon, delta, noise; each answer fed back gives the others
good '^ *epsilon +1\.' $sampled noise_multiplier=1 delta=1e-5
for word in 'certified upper bound' 'certified lower bound' 'poisson, rate 0\.01' 'one device' 'add or remove one device' \
    'accountant +pld' 'conversion +none' 'approximation, not a bound'; do
    good "$word" $sampled noise_multiplier=1 delta=1e-5
done
good . $sampled noise_multiplier=1 delta=1e-5 --json
holds "0 < d['epsilon_lower'] <= d['epsilon'] <= 1.001 * d['epsilon_lower']"
holds "d['accountant']=='pld' and d['unit']=='device' and d['sampling']=='poisson' and d['order'] is None"
good . $sampled noise_multiplier=1 delta=1e-5 accountant=rdp --json
holds "d['epsilon_lower'] is None and d['order'] > 1 and d['conversion']=='improved'"
good . $sampled epsilon=2 delta=1e-5 --json
holds "d['epsilon'] <= 2 and d['epsilon'] > 1.9999"
noise=$(python3 -c "import json; print(repr(json.load(open('out'))['noise_multiplier']))")
good . $sampled noise_multiplier="$noise" delta=1e-5 --json
holds "d['epsilon'] <= 2"
good . $sampled noise_multiplier=1 epsilon=2 --json
holds "0 < d['delta_lower'] <= d['delta'] < 1e-4"
good 'replace one device' mechanism=gaussian rounds=10 sampling=fixed population=1000 per_round=10 noise_multiplier=2 delta=1e-5
good '100 of 1000|10 of 1000' mechanism=gaussian rounds=10 sampling=fixed population=1000 per_round=10 noise_multiplier=2 delta=1e-5
good '^ *order .*72 orders' $sampled noise_multiplier=1 delta=1e-5 accountant=rdp conversion=classic
good '^ *accountant +zcdp' rho=0.1 delta=1e-6
good . mechanism=laplace noise_multiplier=4 delta=0 rounds=10 --json
holds "abs(d['epsilon'] - 2.5) < 1e-6"

# ---- outside the grid: an answer, tight at tiny rates, never above rdp, and said whose it is
tiny="mechanism=gaussian noise_multiplier=1 rounds=500 sampling=poisson"
good . $tiny rate=1e-5 delta=1e-7 --json
holds "0.00106 < d['epsilon'] < 0.0011 and 0 < d['epsilon_lower'] <= d['epsilon'] and d['bound']=='pld'"
good . $tiny rate=1e-6 delta=1e-8 --json
holds "0.000107 < d['epsilon'] < 0.00011 and d['epsilon_lower'] <= d['epsilon']"
good . mechanism=gaussian noise_multiplier=0.2003 delta=0.00039 rounds=1 sampling=poisson rate=2.943e-08 --json
holds "d['epsilon'] == 0"
good . mechanism=gaussian noise_multiplier=0.1 delta=1e-5 rounds=1000 sampling=poisson rate=0.01 --json
holds "1188 < d['epsilon_lower'] <= d['epsilon'] < 1196"
good . mechanism=gaussian noise_multiplier=1 delta=1e-6 rounds=1000000000 sampling=poisson rate=1e-3 --json
holds "1050 < d['epsilon_lower'] <= d['epsilon'] < 1054"
good . mechanism=gaussian epsilon=100 delta=1e-5 rounds=1000 sampling=poisson rate=0.1 --json
holds "99.9 < d['epsilon'] <= 100"

# ---- messages of local privacy: of one device, and of a round that is shuffled
good . epsilon_message=0.5 rounds=20 delta=1e-6 --json
holds "abs(d['epsilon'] - 9.9867979) < 1e-6 and d['unit'] == 'message' and d['relation'] == 'replace one'"
good '^ *epsilon +40$' epsilon_message=2 rounds=20
good 'closed form +epsilon 0.2332656 ' epsilon_message=1 reports=10000 delta=1e-6
good . epsilon_message=1 reports=10000 delta=1e-6 --json
holds "0.05297 < d['epsilon'] < 0.05302 and d['reports'] == 10000 and d['unit'] == 'device'"
# ---- noise in shares of devices: steps, norm and shares are said; a found noise holds; replacing costs twice
shares="dim=7850 min_reporting=240 devices=300 bits=16 delta=1e-4"
good 'steps .*clip; norm at most 1\.0[0-9]+ x clip once rounded' mechanism=ddgauss $shares noise_multiplier=4 rounds=12
good '^ *accountant +rdp$' mechanism=skellam $shares noise_multiplier=4
good . mechanism=ddgauss $shares noise_multiplier=4 rounds=12 --json
holds "3.3 < d['epsilon'] < 3.6 and 0 < d['wrap'] < 1e-3 and d['bits']==16 and d['share_std'] > 0.5 and d['bound']=='rdp'"
good . mechanism=skellam $shares epsilon=3 rounds=12 --json
holds "d['epsilon'] <= 3 and d['epsilon'] > 2.999 and 4 < d['noise_multiplier'] < 5"
good . mechanism=skellam $shares noise_multiplier=4 rounds=12 sampling=poisson rate=0.1 --json
holds "d['epsilon'] < 1.6 and d['relation'] == 'add or remove one'"
bad 'give two' mechanism=ddgauss $shares noise_multiplier=4 epsilon=1
bad 'needs dim' mechanism=ddgauss min_reporting=10 delta=1e-5 noise_multiplier=1
bad 'needs min_reporting' mechanism=skellam dim=10 delta=1e-5 noise_multiplier=1
bad 'goes with mechanism=ddgauss' $sampled noise_multiplier=1 delta=1e-5 bits=8
bad 'only accountant=rdp' mechanism=skellam $shares noise_multiplier=4 accountant=pld
bad 'raise bits' mechanism=ddgauss dim=1000000 min_reporting=100 bits=8 delta=1e-6 epsilon=1
bad 'set bits to' mechanism=ddgauss dim=100 min_reporting=1000 bits=6 delta=1e-6 noise_multiplier=1
bad 'min_reporting is 240' mechanism=ddgauss dim=7850 min_reporting=240 devices=200 delta=1e-4 noise_multiplier=4

# ---- refusals name the key and the remedy
bad 'give two' $sampled delta=1e-5
bad 'give two' $sampled noise_multiplier=1 epsilon=1 delta=1e-5
bad 'needs rate' mechanism=gaussian noise_multiplier=1 delta=1e-5 sampling=poisson
bad 'goes with sampling=fixed' $sampled noise_multiplier=1 delta=1e-5 population=10
bad 'population of 5' sampling=fixed population=5 per_round=6 noise_multiplier=1 delta=1e-5
bad 'only accountant=rdp' $sampled noise_multiplier=1 delta=1e-5 conversion=classic
bad 'mechanism' mechanism=gausian noise_multiplier=1 delta=1e-5
bad 'rate' $sampled rate=1.5 noise_multiplier=1 delta=1e-5
bad 'above 1 / population = 1e-07' mechanism=gaussian noise_multiplier=1 delta=1e-6 rounds=100 sampling=fixed population=10000000 per_round=1
bad 'so large that epsilon is 0' mechanism=gaussian noise_multiplier=100 delta=1e-4 rounds=1 sampling=fixed population=10000 per_round=1
bad 'need delta' epsilon_message=1 reports=100
bad 'beside epsilon_message' epsilon_message=1 rate=0.1
bad 'goes with epsilon_message' reports=10 noise_multiplier=1 delta=1e-5
bad 'leave rounds out' epsilon_message=1 reports=100 rounds=2 delta=1e-5
bad 'beside rho' rho=0.1 delta=1e-6 noise_multiplier=1

echo "$checks checks, $failures failures"
[ "$failures" -eq 0 ]
