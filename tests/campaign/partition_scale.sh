#!/bin/bash
# tests/campaign/partition_scale.sh - Dirichlet 0.3 over 10 classes: 10 M devices x 100 M labels on 1 and 2 ranks, and
# beside vectorised NumPy on one core: 10 M labels over 100,000 devices, 100 M over 1 M. flwr-datasets and FedLab join when the
# Python that PARTITION_PYTHON names has them. Expected: the same file on 1 and 2 ranks; 10 M x 100 M in 15 s and 4 GB on 2;
# dealing ahead of NumPy. MILLIONS (100, at least 10)
# scales all of it down.
. "$(dirname "$0")/common.sh"
export OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1
millions=${MILLIONS:-100}
others=${PARTITION_PYTHON:-$python}
script=$top/tests/campaign/partition_scale.py
for part in $((millions / 10)) "$millions"; do
    [ -e labels$part.h5 ] || { $python "$script" labels $part hand.h5 && "$cohort" import h5 hand.h5 -o labels$part.h5 > last.log 2>&1; }
done
rm -f hand.h5
measure() { # measure NAME words..: seconds and MiB of a call into results.csv, once
    local result=$1
    grep -qs "^$result," results.csv && return
    shift
    /usr/bin/time -f "%e %M" -o usage "$@" > last.log 2>&1 || { echo "$result: $(tail -n 1 last.log)"; return; }
    read -r seconds kib < usage
    echo "$result,$seconds,$((kib / 1024)),$(sed -n 's/.*time  *//p' last.log | tr , ';')" >> results.csv
}
small=$((millions / 10)) many=$((millions * 100000)) some=$((millions * 10000)) few=$((millions * 1000))
cut() { echo "$cohort" partition "labels$1.h5" -o "$3" --overwrite method=dirichlet devices="$2" alpha=0.3; }
for turn in 1 2 3; do
    measure "cohort $small M over $few, turn $turn" $(cut $small $few few.h5)
    measure "numpy $small M over $few, turn $turn" $python "$script" numpy labels$small.h5 $few
done
measure "cohort $millions M over $some" $(cut $millions $some some.h5)
measure "numpy $millions M over $some" $python "$script" numpy labels$millions.h5 $some
for other in flwr fedlab; do
    $others -c "import ${other/flwr/flwr_datasets}" 2> /dev/null || { echo "$other: not here"; continue; }
    measure "$other $small M over $few" $others "$script" $other labels$small.h5 $few
done
measure "cohort $millions M over $many, 1 rank" $(cut $millions $many one.h5)
measure "cohort $millions M over $many, 2 ranks" mpirun --bind-to none -n 2 $(cut $millions $many two.h5)
cat results.csv
same=differ
cmp -s one.h5 two.h5 && same="are the same bytes"
echo "RESULT partition_scale: files of 1 and 2 ranks $same; $(grep ', 2 ranks' results.csv)"
