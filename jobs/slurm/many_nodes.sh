#!/bin/bash
#SBATCH --job-name=cohort
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=2     # ranks a node: one a core
#SBATCH --cpus-per-task=1
#SBATCH --time=01:00:00
#SBATCH --output=%x-%j.log
# Many nodes: the data and the global model are one copy a node, shared by its ranks.
#
#   sbatch [--nodes=8 --ntasks-per-node=64 ..] jobs/slurm/many_nodes.sh EXPERIMENT.yaml [section.key=value ..]
#
# The data set and output.dir have to lie on a file system that all nodes see. Everything else as in one_node.sh.
set -eu
# shellcheck source=/dev/null
. "${COHORT_ENV:-jobs/env.sh}"
if [ "${LAUNCH:-mpirun}" = srun ]; then
    exec srun --mpi=pmix --kill-on-bad-exit=1 cohort run "$@"
fi
exec mpirun cohort run "$@"
