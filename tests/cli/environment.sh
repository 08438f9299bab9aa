#!/bin/bash
# jobs/env.sh: finds its folder, sets what mpirun needs, keeps what the user has set, can be sourced twice.
set -u
faults=0
fresh() { env -i PATH=/usr/bin:/bin HOME=/home/nobody "$@"; }
expect() # WHAT SHOULD IS
{
    [ "$2" = "$3" ] && return
    echo "$1: '$3' where '$2' should be" >&2
    faults=$((faults + 1))
}
show='printf "%s|%s|%s|%s|%s\n" "$PATH" "$OMPI_ALLOW_RUN_AS_ROOT$OMPI_ALLOW_RUN_AS_ROOT_CONFIRM" \
    "$OPENBLAS_NUM_THREADS" "$OMPI_MCA_mca_base_param_files" "$PMIX_MCA_mca_base_param_files"'
files="/home/nobody/.openmpi/mca-params.conf,$SOURCE/jobs/mca.conf"
[ -f /etc/openmpi/openmpi-mca-params.conf ] && files="$files,/etc/openmpi/openmpi-mca-params.conf"
plain="$SOURCE/build:/usr/bin:/bin|11|1|$files|/home/nobody/.pmix/mca-params.conf,$SOURCE/jobs/mca.conf"

expect "bash, from another folder" "$plain" "$(cd / && fresh bash -euc ". $SOURCE/jobs/env.sh; $show")"
expect "bash, by a relative path" "$plain" "$(cd "$SOURCE/tests" && fresh bash -euc ". ../jobs/env.sh; $show")"
expect "sh, in the checkout's folder" "$plain" "$(cd "$SOURCE" && fresh sh -euc ". jobs/env.sh; $show")"
expect "sourced twice" "$plain" "$(fresh bash -euc ". $SOURCE/jobs/env.sh; . $SOURCE/jobs/env.sh; $show")"
if command -v zsh > /dev/null; then
    expect "zsh, from another folder" "$plain" "$(cd / && fresh zsh -euc ". $SOURCE/jobs/env.sh; $show")"
fi
expect "a user's own settings" "$SOURCE/build:/usr/bin:/bin|00|4|/my.conf,$SOURCE/jobs/mca.conf|/mine.conf,$SOURCE/jobs/mca.conf" \
    "$(fresh OMPI_ALLOW_RUN_AS_ROOT=0 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=0 OPENBLAS_NUM_THREADS=4 \
    OMPI_MCA_mca_base_param_files=/my.conf PMIX_MCA_mca_base_param_files=/mine.conf bash -euc ". $SOURCE/jobs/env.sh; $show")"
expect "names left behind" "" "$(fresh bash -euc ". $SOURCE/jobs/env.sh; set" | grep '^co_')"
expect "COHORT_PYTHON" "unset" "$(fresh bash -euc ". $SOURCE/jobs/env.sh; echo \${COHORT_PYTHON-unset}")"
expect "sh, from another folder: says so" "1" "$(cd / && fresh sh -c ". $SOURCE/jobs/env.sh" 2>&1 | grep -c "go to cohort's folder")"
if command -v ompi_info > /dev/null; then # Open MPI itself reads the list as it is meant
    expect "the parameter file in force" "ob1" "$(cd / && fresh bash -euc ". $SOURCE/jobs/env.sh; ompi_info --all --parsable" |
        sed -n 's/^mca:pml:base:param:pml:value://p')"
    expect "a process alone makes no folder for a session" "" "$(cd / && fresh ASAN_OPTIONS="${ASAN_OPTIONS-}" LSAN_OPTIONS="${LSAN_OPTIONS-}" \
        OMPI_MCA_orte_tmpdir_base=/dev/null/none bash -euc ". $SOURCE/jobs/env.sh
        '$COHORT' run '$SOURCE/jobs/experiments/quickstart.yaml' --dry-run" 2>&1 > /dev/null)"
    many=$(($(nproc) + 2)) # and so does its launcher
    said=$(cd / && fresh bash -euc ". $SOURCE/jobs/env.sh; timeout -k 5 60 mpirun -n $many sh -c 'echo here'" 2>&1)
    expect "more ranks than cores: $said" "$many" "$(grep -c '^here' <<< "$said")"
    refused=$(cd / && fresh OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 timeout -k 5 60 mpirun -n $many true 2>&1 | tr -d '\0')
    expect "without env.sh they are refused" "1" "$(grep -c 'not enough slots' <<< "$refused")"
    expect "complaints of two ranks" "" "$(cd / && fresh ASAN_OPTIONS="${ASAN_OPTIONS-}" LSAN_OPTIONS="${LSAN_OPTIONS-}" bash -euc ". $SOURCE/jobs/env.sh
        timeout -k 5 60 mpirun --bind-to none -n 2 '$COHORT' run '$SOURCE/jobs/experiments/quickstart.yaml' --dry-run" 2>&1 > /dev/null)"
fi
[ $faults -eq 0 ] && echo "all settings as they should be"
exit $((faults > 0))
