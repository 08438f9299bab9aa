#!/bin/bash
# tests/campaign/partition_options.sh - options of partitions beside those of flwr-datasets 0.6.1: mean counts by device and class,
# their squares, empty cells and pairs of classes over SEEDS (400) seeds each. PARTITION_PYTHON: a Python that has flwr-datasets and
# h5py. Expected: every option within 5 standard errors.
. "$(dirname "$0")/common.sh"
others=${PARTITION_PYTHON:-$python}
$others -c 'import flwr_datasets, h5py' 2> /dev/null || { echo "skipped: $others has no flwr-datasets and h5py"; exit 77; }
export HF_HUB_OFFLINE=1 HF_HOME=$work/hf COHORT_PROGRESS=off
code=0
$others "$top/tests/campaign/partition_options.py" "$cohort" "$work" "${SEEDS:-400}" > results.csv 2> last.log || code=$?
cat results.csv
[ -s results.csv ] || tail -n 5 last.log
echo "RESULT partition_options: $(tail -n 1 results.csv)"
exit $code
