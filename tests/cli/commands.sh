#!/bin/bash
# tests/cli/commands.sh - import, partition, show, list, plot and the main program as a user calls them: exit codes,
# messages, what stays on the disk. Runs with COHORT_CHECK_MEMORY, so that a leak anywhere shows as exit code 70.
set -u
: "${COHORT:?the program}" "${SCRATCH:?a folder}" "${SOURCE:?the checkout}"
export COHORT_CHECK_MEMORY=1 COHORT_PROGRESS=off
mkdir -p "$SCRATCH"
work=$(mktemp -d "$SCRATCH/commands-XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
. "$SOURCE/jobs/env.sh"
failures=0 checks=0

fault() {
    failures=$((failures + 1))
    printf 'FAULT: %s\n' "$*"
    sed 's/^/    stderr: /' err 2>/dev/null | head -5
}
# call WORD..: the program's exit code in $code, its output in the files out and err
call() {
    "$COHORT" "$@" >out 2>err
    code=$?
}
# good PATTERN WORD..: exits 0, prints PATTERN (extended regular expression) on stdout and no error
good() {
    local pattern=$1
    shift && checks=$((checks + 1))
    call "$@"
    [ $code -eq 0 ] || fault "exit $code, not 0: cohort $*"
    grep -Eq -- "$pattern" out || fault "no '$pattern' on stdout: cohort $*"
    ! grep -q '^cohort: ' err || fault "an error is printed: cohort $*"
}
# bad CODE PATTERN WORD..: exits CODE with one line "cohort: ..PATTERN.." on stderr and nothing on stdout
bad() {
    local want=$1 pattern=$2
    shift 2 && checks=$((checks + 1))
    call "$@"
    [ $code -eq "$want" ] || fault "exit $code, not $want: cohort $*"
    [ "$(grep -c '^cohort: ' err)" -eq 1 ] || fault "not one message: cohort $*"
    grep -Eq -- "^cohort: .*$pattern" err || fault "no '$pattern' in the message: cohort $*"
    [ ! -s out ] || fault "something stands on stdout: cohort $*"
}
same() {
    checks=$((checks + 1))
    [ "$1" = "$2" ] || fault "$3: '$1', not '$2'"
}
# member FILE EXPRESSION: a Python expression over the parsed JSON d
member() {
    "$COHORT" show "$1" --json | python3 -c "import json,sys; d=json.load(sys.stdin); print($2)"
}

# ---- the main program
good 'cohort partition DATA' --help
good 'cohort import FORMAT'
good '^cohort [0-9]+\.[0-9]+\.[0-9]+$' --version
good 'attributes scale and shift' import h5 --help
bad 2 "unknown command 'partiton'; did you mean partition" partiton
bad 2 "unknown command '--jsn'" --jsn
bad 2 "unknown command ''" ''
for command in import export partition run show plot list; do
    good "usage: cohort $command" $command --help
    grep -qiE 'examples?: cohort' out || fault "no example in the help of $command"
    bad 2 "unknown flag '--halp'; did you mean --help" $command --halp
done
"$COHORT" --help >/dev/full 2>err
same $? 4 'exit code with a full standard output'

# ---- list
good '^partitioner: ' list
good '^  dirichlet ' list
good 'alpha +number +required' list partitioner
good 'arXiv:1905.12022' list partitioner dirichlet
good 'no options' list mechanism none
bad 2 "unknown kind 'partitoner'; did you mean partitioner" list partitoner
bad 2 "unknown partitioner 'dirichle'; did you mean dirichlet" list partitioner dirichle
bad 2 '3 words' list partitioner iid more
bad 2 "unknown flag '--json'" list --json
for kind in $("$COHORT" list | sed -n 's/^\([a-z_]*\): .*/\1/p'); do
    good "^$kind: " list "$kind"
    for name in $("$COHORT" list | awk -v k="$kind:" '$1 == k {on = 1; next} /^[^ ]/ {on = 0} on && /^  [^ ]/ {print $1}'); do
        good "^$kind $name: " list "$kind" "$name"
    done
done

# ---- import
python3 - <<'PY'
import random
random.seed(4)
rows = [(random.gauss(c, 1), random.gauss(-c, 1), c, u) for u in range(6) for c in (0, 1, 2) for _ in range(u + 5)]
for name, part in (("train.csv", rows), ("test.csv", rows[::9])):
    with open(name, "w") as f:
        f.write("a,b,label,who\n")
        f.writelines(f"{a:.4f},{b:.4f},{'xyz'[c]},u{u}\n" for a, b, c, u in part)
PY
csv=(csv train.csv y=label user=who header=true test=test.csv)
bad 2 'which format' import
bad 2 "unknown reader 'cvs'; did you mean csv" import cvs train.csv -o data.h5
bad 2 'Add -o FILE' import "${csv[@]}"
bad 2 '-o needs a file name' import "${csv[@]}" -o
bad 2 "did you mean header" import "${csv[@]}" heder=true -o data.h5
bad 2 'y= stands twice' import "${csv[@]}" y=a -o data.h5
bad 2 'header: .*true' import csv train.csv y=label header=yes -o data.h5
bad 2 'test_fraction: .*out of range' import "${csv[@]}" test_fraction=1.5 -o data.h5
bad 2 "unknown flag '--resume'" import "${csv[@]}" -o data.h5 --resume
bad 4 'missing.csv' import csv missing.csv y=label header=true -o data.h5
bad 4 'nowhere' import "${csv[@]}" -o nowhere/data.h5
bad 2 'is a folder' import "${csv[@]}" -o .
printf 'a,label\n1,x\n2\n' >broken.csv
bad 3 'broken.csv' import csv broken.csv -o data.h5 y=label header=true
same "$(ls -A | grep -c h5)" 0 'files left by refused imports'
good 'usage: cohort import csv' import csv --help
good 'train, .* test' import "${csv[@]}" -o data.h5
before=$(stat -c '%i %Y' data.h5)
bad 2 'data.h5 exists; add --overwrite' import "${csv[@]}" -o data.h5
bad 4 'missing.csv' import csv missing.csv y=label header=true -o data.h5 --overwrite
same "$(stat -c '%i %Y' data.h5)" "$before" 'a failed import with --overwrite touched the file'
first=$("$COHORT" show data.h5 --digest)
good 'digest' import "${csv[@]}" -o data.h5 --overwrite
same "$("$COHORT" show data.h5 --digest)" "$first" 'digest of the same import'
echo 'my thesis' >notes.txt
bad 2 "none of cohort's files" import "${csv[@]}" -o notes.txt --overwrite
same "$(cat notes.txt)" 'my thesis' 'a file of somebody else'
good 'examples' import synthetic devices=7 alpha=1 beta=1 seed=3 size=20 -o synthetic.h5
good ' 102 train, 48 test' import "${csv[@]}" test_fraction=0.25 -o split.h5

# ---- partition
part=(partition data.h5 -o part.h5)
bad 2 'one data set file, 0' partition -o part.h5 method=iid devices=2
bad 2 'one data set file, 2' "${part[@]}" split.h5 method=iid devices=2
bad 2 'which method' "${part[@]}" devices=2
bad 2 'methud.*did you mean method' "${part[@]}" methud=iid devices=2
bad 2 "unknown partitioner 'idd'; did you mean iid" "${part[@]}" method=idd devices=2
bad 2 'a list or map is no name' "${part[@]}" 'method=[iid]' devices=2
bad 2 'devices' "${part[@]}" method=iid
bad 2 'devices: 0 is out of range' "${part[@]}" method=iid devices=0
bad 2 'devices' "${part[@]}" method=iid devices=2.5
bad 2 'alpha' "${part[@]}" method=dirichlet devices=2
bad 2 'alfa.*did you mean alpha' "${part[@]}" method=dirichlet devices=2 alfa=1
bad 2 'file: unknown key' "${part[@]}" method=iid devices=2 file=x.h5
bad 2 'Add -o FILE' partition data.h5 method=iid devices=2
bad 4 'none.h5' partition none.h5 -o part.h5 method=iid devices=2
bad 3 'notes.txt' partition notes.txt -o part.h5 method=iid devices=2
[ ! -e part.h5 ] || fault 'a refused partition left a file'
good 'devices +6, ' "${part[@]}" method=natural
bad 2 'part.h5 exists' "${part[@]}" method=iid devices=2
good 'Gini' "${part[@]}" method=dirichlet devices=10 alpha=0.3 --overwrite
same "$(member part.h5 'd["attributes"]["seed"], "seed: 1" in d["attributes"]["config"]')" '1 True' 'default seed'
bad 3 'cohort-dataset|data set' partition part.h5 -o again.h5 method=iid devices=2
good 'iid' partition --help method=iid

# ---- show
good 'examples' show data.h5
good 'x +[0-9]+ +[0-9]+ +0$' show data.h5
good 'sizes +min' show part.h5
good '##' show part.h5
good '^[0-9a-f]{32}$' show part.h5 --digest
bad 2 'one file, 0' show
bad 2 'one file, 2' show data.h5 part.h5
bad 2 'give one of the two' show data.h5 --json --digest
bad 4 'none.h5' show none.h5
bad 3 'notes.txt' show notes.txt
head -c 3000 data.h5 >cut.h5
bad 3 'cut.h5' show cut.h5
cp data.h5 flipped.h5 && printf 'X' | dd of=flipped.h5 bs=1 seek=2500 conv=notrunc 2>/dev/null
bad 3 'flipped.h5' show flipped.h5 --digest
for file in data.h5 part.h5 synthetic.h5; do
    "$COHORT" show $file --json | python3 -m json.tool >/dev/null || fault "show $file --json is no JSON"
    same "$(member $file 'd["digest"]')" "$("$COHORT" show $file --digest)" "the two digests of $file"
done
same "$(member data.h5 'd["format"]')" cohort-dataset format
same "$(member data.h5 'd["stats"]["n_train"], d["stats"]["n_test"], d["stats"]["n_users"]')" '135 15 6' 'counts of the data set'
same "$(member part.h5 'd["attributes"]["data_digest"]')" "$first" 'data digest of the partition'
same "$(member part.h5 'd["attributes"]["n_devices"], d["attributes"]["method"]')" '10 dirichlet' 'attributes'
same "$(member part.h5 'd["stats"]["size_min"] <= d["stats"]["size_p50"] <= d["stats"]["size_max"]')" True 'statistics'

# ---- a run and its checkpoint
cat >small.yaml <<'YAML'
name: "small \"run\""
rounds: 15
data: {generator: synthetic, devices: 12, alpha: 1, beta: 1, size: 20}
model: {name: softmax}
devices: {per_round: 4}
local: {lr: 0.01}
eval: {every: 5}
output: {dir: small}
YAML
good 'rounds' run small.yaml
good 'state +done' show small/run.h5
for row in 0 5 10 15; do grep -Eq "^ +$row " out || fault "no row of round $row in show run.h5"; done
grep -Eq 'load +1 rank;' out || fault 'no load line'
same "$(member small/run.h5 'd["last"]["rounds"]["round"], d["last"]["eval"]["round"], d["last"]["eval"]["split"]')" '15 15 1' last
same "$(member small/run.h5 'sorted(d)')" "['attributes', 'digest', 'format', 'last']" 'members of a run'
good '1\.weight|0\.weight' show small/ckpt-00000015.h5
same "$(member small/ckpt-00000015.h5 'd["stats"]["n_values"]')" 610 'values of a softmax model on 60 features'
bad 3 'cohort-dataset|data set' partition small/run.h5 -o x.h5 method=iid devices=2

# ---- several ranks: refused once, on every rank, without a file
if command -v mpirun >/dev/null; then
    for n in 1 2 3; do
        mpirun --bind-to none -n $n "$COHORT" partition data.h5 -o ranks$n.h5 method=dirichlet devices=9 alpha=0.3 >out 2>err
        same $? 0 "exit code of a partition on $n ranks"
        cmp -s ranks1.h5 ranks$n.h5 || fault "a partition on $n ranks has other bytes"
    done
    mpirun --bind-to none -n 2 "$COHORT" partition data.h5 -o ranks2.h5 method=iid devices=2 >out 2>err
    same $? 2 'exit code of a partition under mpirun whose output exists'
    same "$(grep -c '^cohort: .*ranks2.h5 exists' err)" 1 'messages of a partition under mpirun'
    mpirun --bind-to none -n 2 "$COHORT" import "${csv[@]}" -o ranks.h5 >out 2>err
    same $? 2 'exit code of an import under mpirun'
    same "$(grep -c '^cohort: .*without mpirun' err)" 1 'messages of an import under mpirun'
    [ ! -e ranks.h5 ] || fault 'an import under mpirun wrote a file'
fi

# ---- plot: Python's exit code and words pass through
bad 2 'which file' plot
bad 2 '-o needs a file name' plot data.h5 -o
if [ -r "$(dirname "$COHORT")/../python" ]; then
    printf '#!/bin/sh\nshift 3; echo "words: $*"; exit 3\n' >python && chmod +x python
    COHORT_PYTHON=$work/python "$COHORT" plot part.h5 -o 'a picture' >out 2>err
    same "$? $(cat out)" '3 words: part.h5 -o a picture' 'plot passes on words and exit code'
    COHORT_PYTHON=$work/none bad 4 'COHORT_PYTHON' plot part.h5
else
    bad 4 'plot.* is neither at' plot part.h5
fi

# ---- digests and files against the reference
reference=${COHORT_SHARED:-}/check_files.py
python=${COHORT_PYTHON:-/usr/bin/python3}
if [ -r "$reference" ] && "$python" -c 'import h5py' 2>/dev/null; then
    for file in data.h5 part.h5 synthetic.h5 small/run.h5 small/ckpt-00000015.h5; do
        same "$("$COHORT" show $file --digest)" "$("$python" "$reference" --digest $file)" "digest of $file"
        "$python" "$reference" $file >out || fault "$(cat out)"
    done
else
    echo 'skipped: digests against check_files.py (needs it and h5py)'
fi

echo "$checks checks, $failures faults"
[ $failures -eq 0 ]
