#!/bin/bash
#SBATCH --job-name=cohort
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=2
#SBATCH --cpus-per-task=1
#SBATCH --time=24:00:00
#SBATCH --signal=B:USR1@300     # so many seconds before the limit this script is told to stop
#SBATCH --requeue               # may be started again, by itself or by Slurm after a lost node
#SBATCH --open-mode=append
#SBATCH --output=%x-%j.log
# A run longer than the time limit: stops itself in time, queues again and goes on, to the same bits as a run
# that nobody disturbed. It survives lost nodes and killed ranks in the same way.
#
#   sbatch [--time=08:00:00 ..] jobs/slurm/requeue.sh EXPERIMENT.yaml [section.key=value ..]
#
# SIGUSR1 -> passed on to every rank -> they finish the round, write a checkpoint and leave with 75 -> this
# script requeues the job -> the next start resumes. Exit codes by which the program refuses to go on (2, 3, 4,
# 5; 70 in the first minute) end the job; any other code means that something was lost on the way, and the job
# queues again, at most MAX_RESTARTS times. `scancel JOB` ends it for good.
set -u
max_restarts=${MAX_RESTARTS:-100}
# shellcheck source=/dev/null
. "${COHORT_ENV:-jobs/env.sh}" || exit
launch=(mpirun)
[ "${LAUNCH:-mpirun}" = srun ] && launch=(srun --mpi=pmix --kill-on-bad-exit=1)

requeue() { # requeue WHY CODE
    if [ "${SLURM_RESTART_COUNT:-0}" -ge "$max_restarts" ]; then
        echo "$1: not queued again after $max_restarts restarts (MAX_RESTARTS)" >&2
        exit "$2"
    fi
    echo "$1: job $SLURM_JOB_ID queues again (restart $((${SLURM_RESTART_COUNT:-0} + 1)))"
    scontrol requeue "$SLURM_JOB_ID" || exit "$2"
    sleep 300 # Slurm ends this script
    exit "$2"
}

told=0
launcher=
trap 'told=1; [ -z "$launcher" ] || kill -USR1 "$launcher"' USR1
"${launch[@]}" cohort run "$@" --resume &
launcher=$!
code=127
while :; do # a signal interrupts `wait`: then wait again for the launcher's own code
    told=0
    wait "$launcher"
    last=$?
    [ $last -eq 127 ] || code=$last
    [ $told -eq 1 ] || break
done
launcher=

case $code in
0) exit 0 ;;
75) requeue "stopped on request" $code ;;
2 | 3 | 4 | 5 | 126 | 127) exit $code ;; # 126, 127: the launcher itself is not there
70) [ "$SECONDS" -ge 60 ] || exit $code # later: the watchdog, or another rank's node was lost
    requeue "ended with code $code" $code ;;
*) requeue "ended with code $code" $code ;;
esac
