# Puts cohort on the PATH and tells Open MPI what it needs to know.
#
#   . jobs/env.sh                       a checkout: in bash and zsh from anywhere; other shells: from its folder
#   . PREFIX/share/cohort/env.sh        an installed one: in bash and zsh from anywhere; other shells: from PREFIX
#
# What you have set yourself stays as it is. To be sourced again as often as you like. On a cluster with a fast
# network set one variable more, before or after: mca.conf beside this file says which.
# shellcheck shell=sh
co_home=
if [ -n "${BASH_VERSION-}" ]; then
    # shellcheck disable=SC3028,SC2128
    co_home=$(CDPATH='' cd -- "$(dirname -- "$BASH_SOURCE")" && pwd)
elif [ -n "${ZSH_VERSION-}" ]; then
    eval 'co_home=${${(%):-%x}:A:h}'
elif [ -f "$PWD/jobs/env.sh" ]; then
    co_home=$PWD/jobs
elif [ -f "$PWD/share/cohort/env.sh" ]; then
    co_home=$PWD/share/cohort
fi

if [ ! -f "$co_home/env.sh" ]; then
    echo "env.sh: this shell does not say where the file is: go to cohort's folder, then '. jobs/env.sh'" >&2
else
    case $co_home in
    */share/cohort) co_bin=${co_home%/share/cohort}/bin ;;
    *) co_bin=${co_home%/*}/build ;;
    esac
    case ":$PATH:" in
    *":$co_bin:"*) ;;
    *) PATH="$co_bin:$PATH" ;;
    esac
    export PATH
    unset co_bin

    # mpirun refuses to start as root unless told that this is meant.
    export OMPI_ALLOW_RUN_AS_ROOT="${OMPI_ALLOW_RUN_AS_ROOT:-1}"
    export OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="${OMPI_ALLOW_RUN_AS_ROOT_CONFIRM:-1}"

    # Lists of parameter files, separated by commas; the first that names a parameter wins. Naming a list
    # replaces the library's own (the user's and the machine's file), so these stand in it again. Open MPI 4.1
    # reads the first list; of 5.0 the ranks read the first and the launcher (PRRTE, built on PMIx) the second,
    # which comes behind ~/.prte/mca-params.conf and the machine's prte-mca-params.conf.
    co_files=${OMPI_MCA_mca_base_param_files:-${HOME-}/.openmpi/mca-params.conf}
    case ",$co_files," in
    *",$co_home/mca.conf,"*) ;;
    *)
        co_files="$co_files,$co_home/mca.conf"
        if [ -z "${OMPI_MCA_mca_base_param_files-}" ] && [ -f /etc/openmpi/openmpi-mca-params.conf ]; then
            co_files="$co_files,/etc/openmpi/openmpi-mca-params.conf"
        fi
        ;;
    esac
    export OMPI_MCA_mca_base_param_files="$co_files"
    co_files=${PMIX_MCA_mca_base_param_files:-${HOME-}/.pmix/mca-params.conf}
    case ",$co_files," in
    *",$co_home/mca.conf,"*) ;;
    *) co_files="$co_files,$co_home/mca.conf" ;;
    esac
    export PMIX_MCA_mca_base_param_files="$co_files"
    unset co_files

    # Under Slurm: how the ranks of an srun find each other. Open MPI 4.1 crashes now and then in MPI_Init with Slurm's own choice
    # (mixed: ranks run ahead) and never with tree; 5.0 crashed with tree and never with ring (slurm/README.md).
    if [ -n "${SLURM_JOB_ID-}" ] && [ -z "${SLURM_PMIX_FENCE-}" ]; then
        case $(mpirun --version 2> /dev/null) in
        *' 4.'*) SLURM_PMIX_FENCE=tree ;;
        *) SLURM_PMIX_FENCE=ring ;;
        esac
        export SLURM_PMIX_FENCE
    fi

    # Ranks are the parallelism: a second BLAS thread a rank would only fight the others for the core.
    export OPENBLAS_NUM_THREADS="${OPENBLAS_NUM_THREADS:-1}"
fi
unset co_home
