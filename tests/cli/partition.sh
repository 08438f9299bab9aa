#!/bin/bash
# tests/cli/partition.sh - partitions as a user asks for them: words of other programs, more than the memory holds, tables
# that cannot be given, ranks, and what a run leaves in TMPDIR.
set -u
export COHORT
: "${COHORT:?the program}" "${SCRATCH:?a folder}" "${SOURCE:?the checkout}"
export COHORT_CHECK_MEMORY=1 COHORT_PROGRESS=off
mkdir -p "$SCRATCH"
work=$(mktemp -d "$SCRATCH/partition-XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
. "$SOURCE/jobs/env.sh"
failures=0 checks=0

fault() {
    failures=$((failures + 1))
    printf 'FAULT: %s\n' "$*"
    sed 's/^/    stderr: /' err 2>/dev/null | head -5
}
# deal CODE PATTERN WORD..: `cohort partition data.h5` with the words exits CODE and says PATTERN
deal() {
    local want=$1 pattern=$2
    shift 2 && checks=$((checks + 1))
    timeout 60 "$COHORT" partition data.h5 -o part.h5 --overwrite "$@" >out 2>err
    local code=$?
    [ $code -eq "$want" ] || fault "exit $code, not $want: $*"
    cat out err | grep -Eq -- "$pattern" || fault "no '$pattern': $*"
}
for i in $(seq 0 99); do echo "$((i % 10)),$i"; done > data.csv
"$COHORT" import csv data.csv -o data.h5 y=0 >out 2>err || fault "no data set"

# ---- words of other programs
deal 2 'num_partitions: .*flwr-datasets.* `devices` here' num_partitions=10 method=dirichlet alpha=0.3
deal 2 'num_partitions: .* `devices` here' num_partitions=10
deal 2 'num_clients: .*FedLab.* `devices` here' num_clients=10 method=iid
deal 2 'self_balancing: .*`balanced` of method dirichlet' method=dirichlet devices=5 alpha=1 self_balancing=true
deal 2 'min_partition_size: .*`min_size`' method=iid devices=5 min_partition_size=2
deal 2 'partition_by: .*by.: y, user' method=dirichlet devices=5 alpha=1 partition_by=label
deal 2 'num_shards_per_partition: .*`shards_per_device`' method=shards devices=5 num_shards_per_partition=2
deal 2 'dir_alpha: .*`alpha`' method=dirichlet devices=5 dir_alpha=1
deal 2 'niid: .*PFLlib.*`method`' niid=true balance=true partition=pat
deal 2 'pathological .*classes here' method=pathological devices=5
deal 2 'exdir .*PFLlib.*classes with classes_per_device and alpha' method=exdir devices=5
deal 2 'class_assignment_mode: .*`assignment` of method classes' method=classes devices=5 class_assignment_mode=random
deal 2 'keep_incomplete_shard: .*`keep_incomplete`' method=shards devices=5 keep_incomplete_shard=true
deal 2 'group_size: .*`users_per_device`' method=natural group_size=3
deal 2 'mode: .*`rest` of method natural' method=natural mode=strict
deal 2 'sort_unique_ids: .*`seed`' method=natural sort_unique_ids=true
deal 2 'partition_sizes: .*`sizes`' method=dirichlet_device alpha=1 'partition_sizes=[1,2]'
deal 2 'SquarePartitioner .*iid with sizes=square' method=SquarePartitioner devices=4
deal 0 '80 train, 0 test, 20 unassigned' method=shards devices=4 shard_size=10
deal 2 'InnerDirichletPartitioner .*dirichlet_device' method=InnerDirichletPartitioner
deal 2 'beta: .*`alpha`' method=dirichlet devices=5 beta=0.5
deal 0 'method  *iid' method=iid devices=5 sizes=dirichlet beta=0.5
deal 2 'unknown key; did you mean alpha' method=dirichlet devices=5 alpa=1
cat > run.yaml <<END
seed: 1
rounds: 1
data: {file: data.h5}
partition: {method: dirichlet, num_clients: 10, alpha: 0.3}
model: {name: softmax}
devices: {per_round: 2}
output: {dir: never}
END
checks=$((checks + 1))
"$COHORT" run run.yaml >out 2>err
[ $? -eq 2 ] && grep -q 'run.yaml:4:.*partition.num_clients: .*`devices` here' err || fault 'num_clients in an experiment'

# ---- more than fits
deal 2 'devices: 2000000000 devices .*need at least [0-9.]+ [GT]iB on a node, .* left; take fewer devices' method=iid devices=2000000000
deal 2 'devices: 2147483647 devices' method=dirichlet alpha=1 devices=2147483647

# ---- tables
printf '1,0,0,0,0,0,0,0,0,0\n1,0,0,0,0,0,0,0,0,0\n' > table.csv
deal 0 'device 1, class 0: wanted 50, given 5$' method=matrix matrix=table.csv unit=device
grep -q '10 train, 0 test, 90 unassigned' out || fault 'what cannot be given is not given'
for i in 1 2 3 4 5; do echo '1,1,1,1,1,1,1,1,1,1'; done > table.csv
deal 0 '100 train, 0 test, 0 unassigned' method=matrix matrix=table.csv unit=device
grep -q wanted err && fault 'a table that fits is called short'

for i in 0 1 2 3 4 5 6 7 8 9; do echo "$i,1,2,6"; done > classes.csv
deal 0 '20 +\(classes_per_device|100 train, 0 test, 0 unassigned' method=distribution table=classes.csv
deal 0 '10 train, 0 test, 90 unassigned' method=distribution table=ones.csv unit=count classes_per_device=1 < <(yes 1 | head -n 10 > ones.csv)
deal 2 ' table: has 10 rows of 4 numbers; 10 classes .* 30 devices of 2 .* want 10 rows of 6' method=distribution table=classes.csv devices=30
deal 2 ' distribution_array: .*that is `table`, a CSV file, of method distribution here' method=distribution distribution_array=a.npy
deal 2 'DistributionPartitioner is a word of flwr-datasets; that is distribution here' method=DistributionPartitioner
deal 2 'VerticalEvenPartitioner .* that is `cohort export vertical` here' method=VerticalEvenPartitioner

# ---- numbers
seq 100 -1 1 > ages.txt
deal 0 '100 train, 0 test, 0 unassigned' method=continuous devices=4 strictness=1 by=ages.txt
"$COHORT" export json part.h5 -o ages.json --overwrite >out 2>err || fault 'export of a continuous partition'
deal 2 ' strictness: 1.5' method=continuous devices=4 strictness=1.5
deal 2 'strictness' method=continuous devices=4
deal 3 'ages.txt:3: .old. is no finite number' method=continuous devices=4 strictness=1 by=ages.txt < <(sed -i '3s/.*/old/' ages.txt)
deal 2 'by: iid goes by no labels' method=iid devices=4 by=length
deal 0 'continuous' method=continuous devices=4 strictness=0.5 by=x:0

# ---- distances
deal 0 'distances .*square root of the divergence, natural logarithm' method=dirichlet devices=5 alpha=1
"$COHORT" show part.h5 | grep -q 'distances .*Jensen-Shannon distance = square root' || fault 'show says what JS is'
"$COHORT" partition --help | grep -q 'js_\* is the Jensen-Shannon distance, the square root' || fault 'help says what JS is'

# ---- ranks
printf '%s\n' 30 1 22 0 9 > sizes.txt
printf '3,1,4,1,5,9,2,6,5,3\n5,8,9,7,9,3,2,3,8,4\n6,2,6,4,3,3,8,3,2,7\n' > table.csv
for words in 'method=distribution table=classes.csv' 'method=continuous devices=7 strictness=0.4 by=x:0' 'method=matrix matrix=table.csv unit=device' 'method=dirichlet_device devices=13 alpha=0.2' 'method=dirichlet_device devices=130 alpha=0.001' \
    'method=classes sizes=sizes.txt alpha=5 classes_per_device=5' 'method=shards sizes=sizes.txt'; do
    for ranks in 1 3; do
        checks=$((checks + 1))
        mpirun -n $ranks "$COHORT" partition data.h5 -o on$ranks.h5 --overwrite $words >out 2>err || fault "$words on $ranks"
    done
    cmp -s on1.h5 on3.h5 || fault "$words: 1 and 3 ranks differ"
done

# ---- a run that deals for itself writes no partition into TMPDIR
sed -i 's/num_clients/devices/' run.yaml
checks=$((checks + 1))
"$COHORT" partition data.h5 -o same.h5 method=dirichlet devices=10 alpha=0.3 seed=1 >out 2>err
export TMPDIR=$work/tmp # a folder bars the name under which a partition was once written there
bash -c 'mkdir -p "$TMPDIR/cohort-partition-$$.h5" && exec "$COHORT" run run.yaml output.dir=ran' >out 2>err || fault 'a run writes its partition into TMPDIR'
want=$("$COHORT" show same.h5 --digest)
"$COHORT" show ran/run.h5 --json | grep -q "\"partition_digest\": *\"$want\"" || fault 'the digest of the made partition is that of the file'

echo "$checks checks, $failures faults"
[ $failures -eq 0 ]
