#!/bin/bash
# tests/cli/slurm.sh - jobs/slurm without Slurm: what the scripts start, and when requeue.sh queues its job again.
# mpirun, srun and scontrol are played by small scripts; tests/campaign/slurm.sh is the real thing.
set -u
: "${SCRATCH:?a folder}" "${SOURCE:?the checkout}"
mkdir -p "$SCRATCH"
work=$(mktemp -d "$SCRATCH/slurm-XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
failures=0
fail() { echo "FAILED: $*"; failures=$((failures + 1)); }

mkdir bin
cat > bin/mpirun << 'END'
#!/bin/bash
[ "$1" != --version ] || exec echo "mpirun (Open MPI) ${FAKE_VERSION:-4.1.4}"
echo "$(basename "$0") $*" > started
[ "$FAKE_CODE" = wait ] || exit "$FAKE_CODE"
trap 'echo told > signal; exit 75' USR1 # a program that stops on request
for _ in $(seq 100); do sleep 0.1; done
END
cp bin/mpirun bin/srun
cat > bin/scontrol << 'END'
#!/bin/bash
echo "$*" > queued
[ -z "${FAKE_REFUSES:-}" ] || exit 1
kill -TERM $PPID # Slurm ends the script of a job that it queues again
END
chmod +x bin/*
export PATH=$work/bin:$PATH COHORT_ENV=$SOURCE/jobs/env.sh SLURM_JOB_ID=42
unset SLURM_RESTART_COUNT MAX_RESTARTS LAUNCH SLURM_PMIX_FENCE

play() { # play VARIABLE=value..: requeue.sh; its exit code in $code
    rm -f started queued signal
    env "$@" timeout 60 bash "$SOURCE/jobs/slurm/requeue.sh" e.yaml rounds=5 > said 2>&1
    code=$?
}
ends() { # ends CODE VARIABLE=value..: with that code, and is not queued again
    play "${@:2}"
    [ $code -eq "$1" ] && [ ! -e queued ] || fail "${*:2}: exit $code, not $1, or queued again: $(cat said)"
}
again() {
    play "$@"
    [ "$(cat queued 2> /dev/null)" = "requeue 42" ] || fail "$*: not queued again: $(cat said)"
}
for stop in 0 2 3 4 5 70 127; do ends $stop FAKE_CODE=$stop; done
for lost in 75 1 137 139 205; do again FAKE_CODE=$lost; done
[ "$(cat started)" = "mpirun cohort run e.yaml rounds=5 --resume" ] || fail "starts: $(cat started)"
again FAKE_CODE=75 SLURM_RESTART_COUNT=99
ends 75 FAKE_CODE=75 SLURM_RESTART_COUNT=100
ends 137 FAKE_CODE=137 SLURM_RESTART_COUNT=3 MAX_RESTARTS=3
grep -q 'MAX_RESTARTS' said || fail "does not say why it ends: $(cat said)"
play FAKE_CODE=75 FAKE_REFUSES=1
[ $code -eq 75 ] || fail "Slurm refuses to requeue: exit $code"
again FAKE_CODE=75 LAUNCH=srun
[ "$(cat started)" = "srun --mpi=pmix --kill-on-bad-exit=1 cohort run e.yaml rounds=5 --resume" ] || fail "starts: $(cat started)"

# how the ranks of an srun find each other is a matter of the version
fence() { FAKE_VERSION=$1 bash -c '. "$COHORT_ENV"; echo "$SLURM_PMIX_FENCE"'; }
[ "$(fence 4.1.4) $(fence 5.0.7) $(SLURM_PMIX_FENCE=mixed fence 5.0.7)" = "tree ring mixed" ] || fail "SLURM_PMIX_FENCE: $(fence 4.1.4) $(fence 5.0.7)"

# Slurm tells the batch script alone; the script tells the launcher, and waits for its code
rm -f started queued signal
FAKE_CODE=wait bash "$SOURCE/jobs/slurm/requeue.sh" e.yaml > said 2>&1 &
script=$!
for _ in $(seq 100); do [ -s started ] && break; sleep 0.05; done
sleep 0.2
kill -USR1 $script
wait $script 2> /dev/null
[ -e signal ] && [ "$(cat queued 2> /dev/null)" = "requeue 42" ] || fail "SIGUSR1 to the batch script: $(cat said)"

for script in one_node many_nodes; do
    for launch in mpirun srun; do
        FAKE_CODE=5 LAUNCH=$launch bash "$SOURCE/jobs/slurm/$script.sh" e.yaml rounds=5 > said 2>&1
        [ $? -eq 5 ] || fail "$script passes on the exit code: $(cat said)"
        grep -q "^$launch .*cohort run e.yaml rounds=5\$" started || fail "$script with $launch: $(cat started)"
    done
done

[ $failures -eq 0 ] && echo "slurm scripts: all checks passed"
exit $((failures > 0))
