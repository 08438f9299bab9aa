#!/bin/bash
# tests/campaign/slurm.sh - jobs/slurm on a real Slurm of three simulated nodes (slurm_cluster.sh): every script,
# with mpirun and with srun, ends with the bits of a plain run; the requeueing job survives its time limit twice,
# a node that loses its power and its own first node lost, and ends with the bits of an undisturbed run.
# About ten minutes; needs root, slurm-wlm and munge. RANKS does not matter here: two nodes, one rank each.
. "$(dirname "$0")/common.sh"
[ "$(id -u)" -eq 0 ] || { echo "skipped: namespaces need root"; exit 77; }
for tool in slurmctld slurmd munged unshare nsenter ip; do
    PATH=$PATH:/usr/sbin command -v $tool > /dev/null || { echo "skipped: $tool is not here (slurm-wlm, munge)"; exit 77; }
done
PATH=$PATH:/usr/sbin
export COHORT_PROGRESS=off COHORT_ENV=$work/env.sh
faults=0
cluster() { bash "$top/tests/campaign/slurm_cluster.sh" "$work/cluster" "$@"; }
login() { cluster on login "$@"; }
fail() { echo "FAILED: $*"; faults=$((faults + 1)); }
digest() { "$cohort" show "$1" --digest; }
same() { # same FOLDER WHAT: its files hold what the undisturbed run's hold
    local file
    [ "$(ls -A "$1" 2> /dev/null)" = "$(ls -A plain)" ] || { fail "$2: files $(ls -A "$1" | tr '\n' ' ')"; return; }
    for file in plain/*.h5; do
        [ "$(digest "$file")" = "$(digest "$1/$(basename "$file")")" ] || { fail "$2: other bits in $(basename "$file")"; return; }
    done
    echo "$2: the bits of the undisturbed run"
}
# until_true SECONDS COMMAND..
until_true() {
    local end=$((SECONDS + $1))
    shift
    until "$@"; do [ $SECONDS -lt $end ] || return 1; sleep 0.5; done
}
submit() { login sbatch --parsable --export=ALL,LAUNCH="$1" --output="$2" "${@:3}"; } # submit LAUNCH LOG sbatch words..
state() { login scontrol show job "$1" | sed -n 's/.*JobState=\([A-Z_]*\).*/\1/p'; }
ended() { case $(state "$1") in COMPLETED | FAILED | TIMEOUT | CANCELLED | NODE_FAIL | BOOT_FAIL) ;; *) false ;; esac; }
says() { [ -e "$2" ] && [ "$(grep -c "$1" "$2")" -ge "$3" ]; } # says TEXT LOG TIMES
running() { login scontrol show job "$1" | grep -q 'JobState=RUNNING'; }
field() { login scontrol show job "$1" | sed -n "s/.*\\b$2=\\([^ ]*\\).*/\\1/p" | head -n 1; }
newest() { ls "$1"/ckpt-*.h5 2> /dev/null | tail -n 1; }
moved() { [ "$(newest "$1")" != "$2" ]; }
# A checkpoint of the running job's own: it is under way.
under_way() { # under_way JOB FOLDER
    local seen
    until_true 120 running "$1" || { fail "job $1 does not run: $(state "$1")"; return 1; }
    seen=$(newest "$2")
    until_true 60 moved "$2" "$seen" || { fail "job $1 writes no checkpoint"; return 1; }
}

rm -rf "${work:?}"/* && trap 'cluster down' EXIT
printf '. %s/jobs/env.sh\nPATH=%s:$PATH\n' "$top" "$(dirname "$cohort")" > env.sh # the program under test
cat > e.yaml << 'Y'
name: slurm
algorithm: fedadam
data: {generator: synthetic, devices: 1000, alpha: 1, beta: 1, size: 100, test_fraction: 0.1}
model: {name: mlp, hidden: [200, 100]}
devices: {per_round: 40}
local: {batch: 10, lr: 0.01}
eval: {every: 20}
Y
cluster up 3

# How many rounds keep two ranks busy for three time limits? The plain run has to last that long as well.
start=$(date +%s%N)
mpirun -n 2 "$cohort" run e.yaml rounds=40 output.dir=pace > /dev/null
pace=$((($(date +%s%N) - start) / 1000000))
rounds=$((${SECONDS_BUSY:-170} * 1000 * 40 / pace))
keys=(rounds=$rounds output.checkpoint_every=$((rounds / 100 + 1)))
echo "$rounds rounds of $((pace / 40)) ms"
mpirun -n 2 "$cohort" run e.yaml "${keys[@]}" output.dir=plain > plain.log || fail "plain run: $(tail -n 3 plain.log)"

# One node and many nodes, with both launchers, against a plain run on one rank.
"$cohort" run e.yaml rounds=60 output.dir=short > /dev/null
for launch in mpirun srun; do
    for script in one_node many_nodes; do
        job=$(submit $launch "$work/$script-$launch.log" "$top/jobs/slurm/$script.sh" e.yaml rounds=60 \
            output.dir="$script-$launch")
        until_true 120 ended "$job" || true
        [ "$(digest "$script-$launch/run.h5")" = "$(digest short/run.h5)" ] && echo "$script with $launch: same bits" ||
            fail "$script with $launch: $(state "$job"): $(tail -n 5 "$script-$launch.log")"
    done
done

# Two time limits, then a power failure of the second node; under mpirun. Then the same run under srun: stopped
# by hand, and a power failure of the first node, where the batch script itself runs.
limits=(--nodes=2 --ntasks-per-node=1 --time=1 --signal=B:USR1@45)
job=$(submit mpirun "$work/requeue-mpirun.log" "${limits[@]}" "$top/jobs/slurm/requeue.sh" e.yaml "${keys[@]}" output.dir=m)
until_true 300 says 'stopped on request: job' requeue-mpirun.log 2 || fail "no two stops at the time limit: $(state "$job")"
if under_way "$job" m; then
    victim=$(login scontrol show hostnames "$(field "$job" NodeList)" | tail -n 1)
    cluster off "$victim"
    echo "power off: $victim, $(basename "$(newest m)")"
    until_true 60 says 'ended with code' requeue-mpirun.log 1 || echo "noticed by Slurm alone"
    sleep 12
    cluster boot "$victim"
fi
until_true 600 ended "$job" || true
[ "$(state "$job")" = COMPLETED ] || fail "requeue with mpirun: $(state "$job"): $(tail -n 5 requeue-mpirun.log)"
echo "requeue with mpirun: $(grep -c 'stopped on request: job' requeue-mpirun.log) stops at the limit, $(field "$job" Restarts) restarts"
same m "requeue with mpirun"

job=$(submit srun "$work/requeue-srun.log" --nodes=2 --ntasks-per-node=1 --time=10 "$top/jobs/slurm/requeue.sh" e.yaml \
    "${keys[@]}" output.dir=s)
if under_way "$job" s; then
    login scancel --batch --signal=USR1 "$job"
    until_true 60 says 'stopped on request: job' requeue-srun.log 1 || fail "srun: not stopped on request"
fi
if under_way "$job" s; then # to the ranks themselves, as Slurm does at the limit of a job without --signal
    login scancel --signal=TERM "$job"
    until_true 60 says 'stopped on request: job' requeue-srun.log 2 || fail "srun: SIGTERM to the ranks does not stop them"
fi
if under_way "$job" s; then
    victim=$(field "$job" BatchHost)
    cluster off "$victim"
    echo "power off: $victim, $(basename "$(newest s)")"
    sleep 15
    cluster boot "$victim"
fi
until_true 600 ended "$job" || true
[ "$(state "$job")" = COMPLETED ] || fail "requeue with srun: $(state "$job"): $(tail -n 5 requeue-srun.log)"
echo "requeue with srun: $(field "$job" Restarts) restarts"
same s "requeue with srun"

echo "RESULT slurm: $faults faults"
exit $((faults > 0))
