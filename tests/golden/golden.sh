#!/bin/bash
# tests/golden/golden.sh [upgrade | resolved] [options] - starts golden.py, upgrade.py or resolved.py (what they do stands there), with
# a Python that has h5py; 77 without one.
set -u
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
python=${COHORT_PYTHON:-/usr/bin/python3}
"$python" -c 'import h5py, numpy' 2> /dev/null || { echo "skipped: $python has no h5py"; exit 77; }
. "$here/../../jobs/env.sh"
export COHORT=${COHORT:-$here/../../build/cohort} COHORT_PROGRESS=off PYTHONDONTWRITEBYTECODE=1
script=golden
case ${1-} in upgrade | resolved) script=$1; shift ;; esac
exec "$python" "$here/$script.py" "$@"
