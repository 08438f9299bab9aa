#!/bin/bash
# tests/campaign/partitions_peers.sh - cohort's partitions beside those of flwr-datasets 0.6.1, FedLab 1.3.0 and PFLlib: distributions of
# sizes, classes and distances over SEEDS (400) seeds, and counts by device and class, for each pair of methods and options that both have.
# PEERS: a Python that has flwr-datasets, h5py and FedLab's package (pip install --no-deps fedlab==1.3.0: it is read without torch). ONLY: a
# pattern of the names of rows. JOBS: rows at a time (all cores). Needs the tests to be built: BUILD, default build.
# Expected: equal, or different as stated and why; nothing outside.
. "$(dirname "$0")/common.sh"
peers=${PEERS:?is the Python that has flwr-datasets}
"$peers" -c 'import flwr_datasets, h5py' || { echo "skipped: $peers lacks flwr-datasets or h5py"; exit 77; }
export COHORT=$cohort PARTITIONS=${BUILD:-$top/build}/tests/cohort_partitions HF_HUB_OFFLINE=1 HF_HOME=$work/hf COHORT_PROGRESS=off OMP_NUM_THREADS=1
[ -x "$PARTITIONS" ] || { echo "skipped: $PARTITIONS is not built"; exit 77; }
"$peers" "$top/tests/campaign/partitions_peers.py" "${SEEDS:-400}" "${ONLY:-}" "${JOBS:-$(nproc)}" 2> last.log || { code=$?; tail -n 3 last.log; exit $code; }
