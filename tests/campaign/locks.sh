#!/usr/bin/env bash
# Races for one output folder: each start lets four jobs begin at once, in every third one the owner is killed half way and a resume
# comes at once. Each folder must end with one result, that of an undisturbed run, and nothing else in it; all but one job end with 2.
#
#   tests/campaign/locks.sh [STARTS]        default 200; about a second each
. "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"
starts=${1:-200} faults=0 killed=0
export COHORT_PROGRESS=off
set +e
cat > e.yaml <<'Y'
rounds: 60
data: {generator: synthetic, devices: 60, alpha: 1, beta: 1, size: 60}
model: {name: mlp, hidden: [64]}
devices: {per_round: 13}
local: {batch: 8, lr: 0.05}
eval: {every: 20}
output: {checkpoint_every: 5}
Y
"$cohort" run e.yaml output.dir=whole --resume > /dev/null || exit 1
want=$("$cohort" show whole/run.h5 --digest)
list="ckpt-00000055.h5 ckpt-00000060.h5 experiment.yaml run.h5 "
for ((s = 1; s <= starts; s++)); do
    rm -rf race
    for i in 1 2 3 4; do
        ("$cohort" run e.yaml output.dir=race > "text.$i" 2>&1; echo $? > "rc.$i") &
    done
    if ((s % 3 == 0)); then
        for _ in $(seq 500); do ls race/ckpt-*.h5 > /dev/null 2>&1 && break; sleep 0.01; done
        owner=$(sed -n 's/.*process \([0-9]*\),.*/\1/p' race/.lock 2> /dev/null)
        [ -n "$owner" ] && kill -KILL "$owner" 2> /dev/null && killed=$((killed + 1))
        "$cohort" run e.yaml output.dir=race --resume > text.resume 2>&1 || { echo "start $s: resume: $(cat text.resume)"; faults=$((faults + 1)); }
    fi
    wait
    n_two=$(cat rc.? | grep -c '^2$')
    [ "$n_two" -eq 3 ] || { echo "start $s: exit codes $(cat rc.? | tr '\n' ' '): $(cat text.?)"; faults=$((faults + 1)); }
    [ "$("$cohort" show race/run.h5 --digest)" = "$want" ] || { echo "start $s: another result"; faults=$((faults + 1)); }
    # shellcheck disable=SC2012 # names are cohort's own
    [ "$(ls -A race | tr '\n' ' ')" = "$list" ] || { echo "start $s: files $(ls -A race)"; faults=$((faults + 1)); }
done
echo "RESULT locks: $starts starts of 4 jobs, $killed owners killed, $faults faults"
exit $((faults > 0))
