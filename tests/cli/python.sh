#!/bin/bash
# The Python package against the program: runs, data, trackers, converters (what lacks its library says so), the notebook. Needs
# pandas, h5py and PyYAML beside the Python of plots; COHORT_PYTHON names another one.
set -u
python=${COHORT_PYTHON:-/usr/bin/python3}
unset COHORT_PYTHON
"$python" -c 'import h5py, pandas, yaml' 2> /dev/null || { echo "python: no pandas, h5py or yaml for $python: skipped"; exit 77; }
failures=0
for part in runs data convert notebook; do
    echo "-- test_$part"
    "$python" -B -W ignore "$SOURCE/tests/python/test_$part.py" 2>&1 | tail -n 40
    [ "${PIPESTATUS[0]}" = 0 ] || failures=$((failures + 1))
done
exit $((failures > 0))
