#!/bin/bash
# tests/campaign/flower_partition.sh - one partition in two programs: dealt by cohort, it drives a simulation of Flower; dealt by
# flwr-datasets, it drives a run of cohort. FLOWER: a Python with flwr, ray and h5py (asked for 1.42 or later). PEERS: one with
# flwr-datasets, which may be the same. Expected: the clients hold the same examples and the same sums of each feature, both ways.
. "$(dirname "$0")/common.sh"
flower=${FLOWER:?is the Python that has flwr and ray} peers=${PEERS:?is the Python that has flwr-datasets}
"$flower" -c 'import flwr.simulation, ray, h5py' || { echo "skipped: $flower lacks flwr, ray or h5py"; exit 77; }
"$peers" -c 'import flwr_datasets' || { echo "skipped: $peers lacks flwr-datasets"; exit 77; }
for i in $(seq 0 299); do echo "$((i % 7)).5,$((i * i % 97)),$((i % 13))e-1,$((i * 7 % 5))"; done > data.csv
"$cohort" import csv data.csv -o data.h5 y=3 --overwrite > /dev/null
"$cohort" partition data.h5 -o ours.h5 --overwrite method=dirichlet devices=5 alpha=0.5 seed=3 > /dev/null
export RAY_raylet_start_wait_time_s=300 # on a busy machine
rm -f ours.json
"$cohort" export json ours.h5 -o ours.json > /dev/null
"$flower" "$top/tests/campaign/flower_partition.py" simulate ours.json ours.h5
"$peers" "$top/tests/campaign/flower_partition.py" deal theirs.json
"$cohort" partition data.h5 -o theirs.h5 --overwrite method=imported from=theirs.json > /dev/null
rm -rf theirs
"$cohort" run "$top/jobs/experiments/quickstart.yaml" data='{file: data.h5}' partition='{file: theirs.h5}' devices.per_round=5 rounds=2 \
    output.dir=theirs > /dev/null
"$peers" "$top/tests/campaign/flower_partition.py" check theirs.json theirs.h5 theirs/run.h5 \
    "$("$cohort" show theirs.h5 | awk '$1 == "digest" {print $2}')"
echo "RESULT flower_partition: the same examples and sums on 5 clients of Flower $("$flower" -c 'import flwr; print(flwr.__version__)') and on 5 devices of cohort"
