#!/bin/bash
# tests/campaign/kill_run.sh - KILLS (default 50) SIGKILLs at random moments of a run, every second time of one rank alone, else of all
# and of mpirun; a checkpoint every round, so that some fall inside one. Half go on with another number of ranks. Each has to end with
# the undisturbed run's digests of model, metrics and selection. Stopped, it starts again behind the last one done.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
kills=${KILLS:-50}
touch done
RANDOM=$((4 + $(wc -l < done)))
cat > e.yaml <<'Y'
name: killed
rounds: 60
algorithm: fedadam
data: {generator: synthetic, devices: 200, alpha: 1, beta: 1, size: 300, test_fraction: 0.1}
model: {name: mlp, hidden: [200]}
devices: {per_round: 20}
local: {batch: 10, lr: 0.05}
eval: {every: 5}
output: {dir: out, checkpoint_every: 1, keep: 2, devices: true}
Y
export COHORT_PROGRESS=off
on() { # on RANKS words..
    local n=$1; shift
    timeout -k 5 120 mpirun --bind-to none -n "$n" "$cohort" run e.yaml "$@"
}
digests() {
    for f in run.h5 ckpt-00000060.h5 ckpt-00000059.h5; do "$cohort" show "$1/$f" --digest; done
}
if [ ! -e whole.txt ]; then
    rm -rf whole
    start=$(date +%s%N)
    on 2 output.dir=whole > last.log 2>&1 || { cat last.log; exit 1; }
    echo $((($(date +%s%N) - start) / 1000000)) > whole_ms
    digests whole > whole.txt
fi
span=$(cat whole_ms)
while [ "$(wc -l < done)" -lt "$kills" ]; do
    k=$(wc -l < done)
    rm -rf out
    mpirun --bind-to none -n 2 "$cohort" run e.yaml > last.log 2>&1 &
    job=$!
    sleep "$(printf '%d.%03d' $((RANDOM % span / 1000)) $((RANDOM % 1000)))"
    ranks=$(pgrep -P $job) || true
    if [ $((k % 2)) -eq 0 ]; then victims=$(shuf -n 1 -e $ranks); else victims="$job $ranks"; fi
    [ -z "$ranks" ] || kill -KILL $victims 2> /dev/null || true
    wait $job 2> /dev/null || true
    [ ! -e out/ckpt-00000060.h5 ] || continue # it was done before
    inside=$(find out -name '.*.tmp-*' 2> /dev/null | wc -l)
    at=$(ls out 2> /dev/null | sed -n 's/ckpt-0*\([0-9]*\).h5/\1/p' | tail -n 1)
    n=$((k % 4 < 2 ? 2 : k % 3 + 1 == 2 ? 4 : k % 3 + 1))
    on $n --resume > last.log 2>&1 || { cat last.log; echo "RESULT kill_run: kill $k: the resume failed"; exit 1; }
    digests out > out.txt
    cmp -s out.txt whole.txt || { echo "RESULT kill_run: kill $k after round ${at:-0}, resumed on $n ranks: other bits"; exit 1; }
    echo "kill $k: after round ${at:-0}, $inside files unfinished, resumed on $n ranks: the same bits" | tee -a done
done
echo "RESULT kill_run: $(wc -l < done) of $kills bit-identical, $(grep -vc 'on 2 ranks' done) of them resumed on another number of ranks, $(grep -vc ' 0 files' done) with a file unfinished"
