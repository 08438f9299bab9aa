#!/bin/bash
#SBATCH --job-name=cohort
#SBATCH --nodes=1
#SBATCH --ntasks=2              # ranks: one a core
#SBATCH --cpus-per-task=1
#SBATCH --time=01:00:00
#SBATCH --output=%x-%j.log
# One node: trains an experiment on as many ranks as --ntasks says.
#
#   sbatch [--ntasks=32 ..] jobs/slurm/one_node.sh EXPERIMENT.yaml [section.key=value ..]
#
# To be submitted from cohort's folder, or with COHORT_ENV=PREFIX/share/cohort/env.sh from anywhere. What to
# change for your cluster: jobs/slurm/README.md.
set -eu
# shellcheck source=/dev/null
. "${COHORT_ENV:-jobs/env.sh}"
if [ "${LAUNCH:-mpirun}" = srun ]; then
    exec srun --mpi=pmix --kill-on-bad-exit=1 cohort run "$@"
fi
exec mpirun cohort run "$@"
