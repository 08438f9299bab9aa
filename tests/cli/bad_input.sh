#!/bin/bash
# tests/cli/bad_input.sh - bad input in every place where a user can give some: one clear message with the documented exit code,
# soon, never a hang or a crash.
#
# Prints the table: what was given | exit code | message. Every case runs without mpirun; those marked `both` also on 3 ranks
# (ALL_RANKS=1: every case of a command that trains). LIMIT_S: most seconds a case may take (a sanitizer's build on a busy
# machine needs some; the campaign of this name sets 5).
set -u
: "${COHORT:?the program}" "${SCRATCH:?a folder}" "${SOURCE:?the checkout}"
export COHORT_PROGRESS=off
mkdir -p "$SCRATCH"
work=$(mktemp -d "$SCRATCH/bad-XXXXXX") || exit 1
chmod 755 "$work"
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
cd "$work" || exit 1
. "$SOURCE/jobs/env.sh"
unset COHORT_CHECK_MEMORY
python=${COHORT_PYTHON:-/usr/bin/python3}
limit=${LIMIT_S:-60}
faults=0 cases=0 slowest=0

fault() {
    faults=$((faults + 1))
    echo "FAULT: $*"
    head -n 5 err | sed 's/^/    /'
}
# try_on RANKS CODE PATTERN GIVEN COMMAND..: runs it and judges code, message and time
try_on() {
    local ranks=$1 code=$2 pattern=$3 given=$4 rc start took
    shift 4
    [ "$ranks" -eq 1 ] || set -- mpirun --bind-to none -n "$ranks" "$@"
    start=$(date +%s%N)
    timeout -k 1 "$limit" "$@" > out 2> err
    rc=$?
    took=$((($(date +%s%N) - start) / 1000000))
    sed -i 's/\x00//g' err # Open MPI 5.0 ends its messages with one, at the start of the line that follows
    [ $took -le $slowest ] || slowest=$took
    [ $rc -eq "$code" ] || fault "$given ($ranks ranks): exit code $rc instead of $code"
    [ "$(grep '^cohort: ' err | grep -vc '^cohort: warning: ')" -eq 1 ] || fault "$given ($ranks ranks): not one message"
    grep '^cohort: ' err | grep -v '^cohort: warning: ' | grep -Eq -- "$pattern" || fault "$given ($ranks ranks): no '$pattern'"
    [ ! -e n.h5 ] && [ ! -e new ] || { fault "$given ($ranks ranks): left files"; rm -rf n.h5 new; }
    ! grep -q 'Sanitizer\|Signal:\|Segmentation' err || fault "$given ($ranks ranks): a crash"
}
# bad CODE PATTERN GIVEN COMMAND..      both: the same, also on 3 ranks
bad() {
    local given=$3 command=${5:-}
    cases=$((cases + 1))
    try_on 1 "$@"
    printf '| %s | %s | %s |\n' "$given" "$1" "$(grep '^cohort: ' err | grep -v 'cohort: warning: ' | sed "s|^cohort: ||; s|$work/||g" | head -n 1)"
    if [ "${ALL_RANKS:-0}" = 1 ] && [ "$command" = run ]; then try_on 3 "$@"; fi
}
both() {
    bad "$@"
    [ "${ALL_RANKS:-0}" = 1 ] || try_on 3 "$@"
}
# As another user than the owner: root steps down, everybody else meets the folder's permissions.
other=
[ "$(id -u)" -ne 0 ] || other='setpriv --reuid 65534 --regid 65534 --clear-groups env HOME=/tmp'

# ---- good files, and what is bad about their relatives
cat > e.yaml <<'Y'
name: small
rounds: 4
data: {file: data.h5}
partition: {file: part.h5}
model: {name: softmax}
devices: {per_round: 3}
local: {lr: 0.05}
eval: {every: 2}
output: {dir: run, checkpoint_every: 2}
Y
"$python" - <<'P' || exit 1
import gzip, struct, numpy as np, h5py
rng = np.random.default_rng(1)
def idx(name, a):
    open(name, "wb").write(struct.pack(">HBB", 0, 8, a.ndim) + struct.pack(f">{a.ndim}I", *a.shape) + a.tobytes())
x, y = rng.integers(0, 256, (40, 4, 4), dtype="u1"), np.arange(40, dtype="u1") % 4
idx("x.idx", x); idx("y.idx", y); idx("y39.idx", y[:39])
whole = open("x.idx", "rb").read()
open("cut.idx", "wb").write(whole[:-7])
open("long.idx", "wb").write(whole + b"more")
open("magic.idx", "wb").write(b"\x01" + whole[1:])
open("huge.idx", "wb").write(struct.pack(">HBB3I", 0, 8, 3, 2**31, 2**31, 2**31))
open("cut.gz", "wb").write(gzip.compress(whole)[:-9])
open("empty", "wb").close()
open("noise", "wb").write(rng.bytes(2000))
names = ["train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"]
import os
os.mkdir("mnist"); os.mkdir("half"); os.mkdir("folder")
im = rng.integers(0, 256, (20, 28, 28), dtype="u1")
for k, name in enumerate(names):
    idx("mnist/" + name, im if k % 2 == 0 else np.where(np.arange(20) == 7, 11, 3).astype("u1"))
idx("half/" + names[0], im)
def text(name, s): open(name, "w").write(s)
text("ragged.csv", "a,b,y\n1,2,x\n1,x\n")
text("nan.csv", "a,b,y\n1,2,x\n1,nan,x\n")
text("hole.csv", "a,b,y\n1,2,x\n,3,x\n")
text("quote.csv", 'a,b,y\n1,2,"x\n')
text("head.csv", "a,a,y\n1,2,x\n")
text("only_head.csv", "a,b,y\n")
text("good.csv", "a,b,y\n" + "".join(f"{i},{i * i % 7},{'uv'[i % 2]}\n" for i in range(20)))
open("zero.csv", "wb").write(b"a,b,y\n1,2\0,x\n")
text("svm_word.txt", "1 1:0.5 2:abc\n"); text("svm_zero.txt", "1 0:0.5\n"); text("svm_back.txt", "1 3:1 2:1\n")
open("cifar.bin", "wb").write(rng.bytes(3073 * 2 + 5))
open("cifar_label.bin", "wb").write(b"\x0b" + rng.bytes(3072))
text("tags.txt", "EU B-ORG\nrejects\n\n")
text("no_play.txt", "It was a dark night.\n")
def squad(name, text="sat", at=8, **more):
    question = {"id": "q1", "question": "Who?", "answers": [{"text": text, "answer_start": at}], **more}
    import json
    open(name, "w").write(json.dumps({"data": [{"title": "Cats", "paragraphs": [{"context": "The c\u00e4t sat.", "qas": [question]}]}]}))
squad("outside.json", at=80); squad("elsewhere.json", at=7); squad("impossible.json", is_impossible=True); squad("good.json")
text("cut.json", open("good.json").read()[:-30])
text("three.txt", "a\nb\nc\n"); text("two.txt", "x\ny\n"); text("empty_target.txt", "x\n\nz\n")
open("cut_lines.gz", "wb").write(gzip.compress(b"some lines\n" * 50)[:-9])
text("pairs.csv", "mr,ref\na,b\nc,\n"); text("pairs.jsonl", '{"s": "a", "t": "b"}\n{"s": "a"\n')
f, l = rng.normal(size=(30, 5)).astype("f4"), np.arange(30) % 3
bad = f.copy(); bad[7, 2] = np.nan
np.savez("no_y.npz", x=f); np.savez("short.npz", x=f, y=l[:29]); np.savez("nan.npz", x=bad, y=l)
np.savez("half_label.npz", x=f, y=l + 0.5); np.savez("object.npz", x=f, y=np.array([{}] * 30))
np.savez("split.npz", x=f, y=l, split=np.full(30, 7)); np.savez("good.npz", x=f, y=l)
open("cut.npz", "wb").write(open("good.npz", "rb").read()[:400])
def hand(name, **arrays):
    with h5py.File(name, "w") as h:
        for k, v in arrays.items(): h[k] = v
hand("hand_none.h5", z=l); hand("hand_short.h5", x=f, y=l[:29]); hand("hand_nan.h5", x=bad, y=l)
hand("hand_label.h5", x=f, y=np.where(l == 2, 9, l), classes=np.array([b"a", b"b", b"c"]))
hand("hand_minus.h5", x=f, y=l - 1); hand("hand_split.h5", x=f, y=l, split=np.full(30, 9, "u1"))
hand("hand_text.h5", x=np.array([b"abc"] * 30), y=l); hand("hand_flat.h5", y=l)
hand("hand_part.h5", **{"train/offsets": np.array([0, 20, 15, 30]), "train/examples": np.arange(30)})
hand("twice_part.h5", **{"train/offsets": np.array([0, 15, 30]), "train/examples": np.r_[np.arange(29), 3]})
hand("beyond_part.h5", **{"train/offsets": np.array([0, 15, 30]), "train/examples": np.r_[np.arange(29), 300]})
from h5py import h5p, h5s, h5t, h5d
with h5py.File("vast.h5", "w") as h:   # 2 TB that take no room on the disk
    how = h5p.create(h5p.DATASET_CREATE)
    how.set_alloc_time(h5d.ALLOC_TIME_EARLY); how.set_fill_time(h5d.FILL_TIME_NEVER)
    h5d.create(h.id, b"x", h5t.NATIVE_UINT8, h5s.create_simple((1000, 2 * 10**9)), dcpl=how)
    h["y"] = np.arange(1000) % 3
text("tab.yaml", "name: a\n\trounds: 3\n"); text("bracket.yaml", "name: a\ndevices: {per_round: 3\n")
text("twice.yaml", "name: a\nrounds: 3\nrounds: 4\n"); text("alias.yaml", "a: &a [x]\nb: *a\n")
text("list.yaml", "- a\n- b\n"); text("deep.yaml", "model: " + "[" * 5000 + "]" * 5000 + "\n")
text("both.yaml", open("e.yaml").read().replace("{file: data.h5}", "{generator: synthetic, devices: 5, alpha: 1, beta: 1}"))
P
"$COHORT" import npz good.npz test_fraction=0.2 -o data.h5 > /dev/null || exit 1
"$COHORT" import npz good.npz -o plain.h5 > /dev/null || exit 1
"$COHORT" import csv good.csv y=y header=true -o other.h5 > /dev/null || exit 1
"$COHORT" partition data.h5 method=iid devices=6 -o part.h5 > /dev/null || exit 1
"$COHORT" partition other.h5 method=iid devices=6 -o other_part.h5 > /dev/null || exit 1
"$COHORT" run e.yaml > /dev/null || exit 1
cp run/ckpt-00000004.h5 ckpt.h5; cp run/run.h5 curve.h5
for f in data part curve ckpt; do
    head -c 2000 $f.h5 > cut_$f.h5
    cp $f.h5 flip_$f.h5 && printf '\x5a' | dd of=flip_$f.h5 bs=1 seek=3001 conv=notrunc 2> /dev/null
    cp $f.h5 line_$f.h5 && printf 'X' | dd of=line_$f.h5 bs=1 seek=30 conv=notrunc 2> /dev/null
done
mkdir locked && chmod 555 locked && cp data.h5 secret.h5 && chmod 000 secret.h5
new="$COHORT run e.yaml output.dir=new"


echo '| given | exit code | message |'
echo '|---|---|---|'
# ---- words of the command line
bad 2 "did you mean import" 'a command misspelt' "$COHORT" imprt
bad 2 "unknown reader" 'import of a format that is not there' "$COHORT" import parquet x -o n.h5
bad 2 'which format' 'import without anything' "$COHORT" import
bad 2 'Add -o' 'import without -o' "$COHORT" import csv good.csv y=y header=true
bad 2 'did you mean header' 'a misspelt option of a reader' "$COHORT" import csv good.csv y=y heeder=true -o n.h5
bad 2 'stands twice' 'an option twice' "$COHORT" import csv good.csv y=y y=a header=true -o n.h5
bad 2 'out of range' 'test_fraction=1' "$COHORT" import csv good.csv y=y header=true test_fraction=1 -o n.h5
bad 2 'one file' 'show without a file' "$COHORT" show
bad 2 'without mpirun' 'import under mpirun' mpirun --bind-to none -n 3 "$COHORT" import npz d.npz -o n.h5
# ---- IDX, CIFAR
bad 3 'cut.idx' 'IDX images 7 bytes short' "$COHORT" import idx images=cut.idx labels=y.idx -o n.h5
bad 3 'long.idx' 'IDX images with bytes behind their end' "$COHORT" import idx images=long.idx labels=y.idx -o n.h5
bad 3 'magic.idx' 'IDX with a wrong magic number' "$COHORT" import idx images=magic.idx labels=y.idx -o n.h5
bad 3 'huge.idx' 'IDX that says 2^93 bytes' "$COHORT" import idx images=huge.idx labels=y.idx -o n.h5
bad 3 'cut.gz' 'IDX, its gzip cut' "$COHORT" import idx images=cut.gz labels=y.idx -o n.h5
bad 3 'y39.idx' '40 images, 39 labels' "$COHORT" import idx images=x.idx labels=y39.idx -o n.h5
bad 3 'empty' 'an empty file as images' "$COHORT" import idx images=empty labels=y.idx -o n.h5
bad 4 'none.idx' 'labels that are not there' "$COHORT" import idx images=x.idx labels=none.idx -o n.h5
bad 3 '11' 'MNIST with label 11' "$COHORT" import mnist mnist -o n.h5
bad 4 'half' 'MNIST with one file of four' "$COHORT" import mnist half -o n.h5
bad 3 'cifar.bin' 'CIFAR-10 with 5 bytes too many' "$COHORT" import cifar10 cifar.bin -o n.h5
bad 3 'cifar_label.bin' 'CIFAR-10 with label 11' "$COHORT" import cifar10 cifar_label.bin -o n.h5
# ---- tables and texts
bad 3 'ragged.csv.*3' 'CSV with a ragged row' "$COHORT" import csv ragged.csv y=y header=true -o n.h5
bad 3 'nan.csv' 'CSV with a NaN' "$COHORT" import csv nan.csv y=y header=true -o n.h5
bad 3 'hole.csv.*3' 'CSV with an empty field' "$COHORT" import csv hole.csv y=y header=true -o n.h5
bad 3 'quote.csv' 'CSV with an open quote' "$COHORT" import csv quote.csv y=y header=true -o n.h5
bad 3 'head.csv.*columns 0 and 1' 'CSV with two columns of the name asked for' "$COHORT" import csv head.csv y=a header=true -o n.h5
bad 3 'only_head.csv' 'CSV without rows' "$COHORT" import csv only_head.csv y=y header=true -o n.h5
bad 3 'zero.csv' 'CSV with a zero byte' "$COHORT" import csv zero.csv y=y header=true -o n.h5
bad 2 'label' 'CSV without the column asked for' "$COHORT" import csv good.csv y=label header=true -o n.h5
bad 4 'folder' 'a folder as CSV' "$COHORT" import csv folder y=y header=true -o n.h5
bad 3 'svm_word.txt' 'LIBSVM with a word as value' "$COHORT" import libsvm svm_word.txt -o n.h5
bad 3 'svm_zero.txt' 'LIBSVM with index 0' "$COHORT" import libsvm svm_zero.txt -o n.h5
bad 3 'svm_back.txt' 'LIBSVM with falling indices' "$COHORT" import libsvm svm_back.txt -o n.h5
bad 3 'tags.txt' 'CoNLL with a token without tag' "$COHORT" import conll train=tags.txt -o n.h5
bad 3 "outside.json: article 'Cats', question 'q1': the answer 'sat' does not stand at answer_start 80" 'an answer outside its context' "$COHORT" import squad outside.json -o n.h5
bad 3 "elsewhere.json: article 'Cats', question 'q1': .* answer_start 7 .*has ' sat" 'an answer that stands elsewhere' "$COHORT" import squad elsewhere.json -o n.h5
bad 3 "question 'q1': is_impossible is true, but answers has 1" 'an impossible question with an answer' "$COHORT" import squad impossible.json -o n.h5
bad 3 'cut.json:1: the file ends where' 'JSON that is cut' "$COHORT" import squad cut.json -o n.h5
bad 3 "question 'q1' has 2 tokens: max_tokens=4 leaves 1 a window" 'a question that leaves no room' "$COHORT" import squad good.json max_tokens=4 -o n.h5
bad 2 'test_articles=1: there are 1' 'all articles held out' "$COHORT" import squad good.json test_articles=1 -o n.h5
bad 4 'no.json: cannot be opened' 'no SQuAD file' "$COHORT" import squad no.json -o n.h5
bad 3 'three.txt has 3 lines, two.txt has 2' 'unequal line counts' "$COHORT" import pairs source=three.txt target=two.txt -o n.h5
bad 3 'three.txt, empty_target.txt:2: the target is empty' 'an empty target' "$COHORT" import pairs source=three.txt target=empty_target.txt -o n.h5
bad 3 'cut_lines.gz: damaged or cut gzip stream' 'pairs in a cut gzip file' "$COHORT" import pairs source=cut_lines.gz target=three.txt -o n.h5
bad 2 'test_source= and test_target= go together' 'test sources without targets' "$COHORT" import pairs source=three.txt target=three.txt test_source=two.txt -o n.h5
bad 3 'pairs.csv:3: the target is empty' 'a table with an empty target' "$COHORT" import csv pairs.csv source=mr target=ref header=true -o n.h5
bad 2 'source= and target= go together' 'a table of sources alone' "$COHORT" import csv pairs.csv source=mr header=true -o n.h5
bad 3 'pairs.jsonl:3: the file ends where' 'JSON lines that are cut' "$COHORT" import jsonl pairs.jsonl source=s target=t -o n.h5
bad 3 'no_play.txt' 'a text without plays as Shakespeare' "$COHORT" import shakespeare no_play.txt -o n.h5
bad 3 'folder' 'an empty folder as newsgroups' "$COHORT" import newsgroups folder -o n.h5
# ---- arrays from Python
bad 3 'noise' 'random bytes as npz' "$COHORT" import npz noise -o n.h5
bad 3 'cut.npz' 'a truncated npz' "$COHORT" import npz cut.npz -o n.h5
bad 3 'y' 'npz without y' "$COHORT" import npz no_y.npz -o n.h5
bad 3 '29' 'npz with 30 x and 29 y' "$COHORT" import npz short.npz -o n.h5
bad 3 'nan.npz' 'npz with a NaN feature' "$COHORT" import npz nan.npz -o n.h5
bad 3 'half_label.npz' 'npz with label 0.5' "$COHORT" import npz half_label.npz -o n.h5
bad 3 'object.npz' 'npz of Python objects' "$COHORT" import npz object.npz -o n.h5
bad 3 'split.npz' 'npz with split 7' "$COHORT" import npz split.npz -o n.h5
bad 3 'hand_none.h5' 'HDF5 by hand without x and y' "$COHORT" import h5 hand_none.h5 -o n.h5
bad 3 'hand_short.h5' 'HDF5 by hand, 30 x and 29 y' "$COHORT" import h5 hand_short.h5 -o n.h5
bad 3 'hand_nan.h5' 'HDF5 by hand with a NaN' "$COHORT" import h5 hand_nan.h5 -o n.h5
bad 3 'hand_split.h5' 'HDF5 by hand with split 9' "$COHORT" import h5 hand_split.h5 -o n.h5
bad 4 'take 1.8 TiB, the disk has .* free' 'HDF5 by hand larger than the disk' "$COHORT" import h5 vast.h5 -o n.h5
bad 3 'hand_text.h5' 'HDF5 by hand with words as x' "$COHORT" import h5 hand_text.h5 -o n.h5
# ---- the disk
bad 2 'is a folder' '-o names a folder' "$COHORT" import npz good.npz -o folder
bad 4 'nowhere' '-o in a folder that is not there' "$COHORT" import npz good.npz -o nowhere/n.h5
bad 2 'exists; add --overwrite' 'the output exists' "$COHORT" import npz good.npz -o data.h5
bad 2 "none of cohort's files" '--overwrite of a file of somebody else' "$COHORT" import npz good.npz -o e.yaml --overwrite
bad 4 'locked' 'a folder that may not be written, as another user' $other "$COHORT" import npz good.npz -o locked/n.h5
bad 4 'secret.h5' 'a file that may not be read, as another user' $other "$COHORT" show secret.h5
bad 4 'full.h5' 'a full disk (limit on the size of files)' bash -c "ulimit -f 2; exec '$COHORT' import npz good.npz -o full.h5"
# ---- partitions
bad 2 'devices: 0' 'a partition of 0 devices' "$COHORT" partition data.h5 method=iid devices=0 -o n.h5
bad 2 'devices' 'a partition without the number of devices' "$COHORT" partition data.h5 method=iid -o n.h5
bad 2 'alpha' 'Dirichlet with alpha=nan' "$COHORT" partition data.h5 method=dirichlet devices=3 alpha=nan -o n.h5
bad 2 'alpha' 'Dirichlet with alpha=0' "$COHORT" partition data.h5 method=dirichlet devices=3 alpha=0 -o n.h5
bad 2 'did you mean dirichlet' 'a method misspelt' "$COHORT" partition data.h5 method=dirichlett devices=3 -o n.h5
bad 2 'min_size' 'min_size that no division has' "$COHORT" partition data.h5 method=iid devices=6 min_size=20 -o n.h5
bad 2 'user' 'natural without users' "$COHORT" partition data.h5 method=natural -o n.h5
bad 3 'cut_data.h5' 'a truncated data set' "$COHORT" partition cut_data.h5 method=iid devices=3 -o n.h5
bad 3 'part.h5' 'a partition as data set' "$COHORT" partition part.h5 method=iid devices=3 -o n.h5
# ---- the four files
for f in data part curve ckpt; do
    bad 3 "cut_$f.h5" "$f: truncated" "$COHORT" show cut_$f.h5
    bad 3 "flip_$f.h5" "$f: one byte changed" "$COHORT" show flip_$f.h5
    bad 3 "line_$f.h5" "$f: its first line changed" "$COHORT" show line_$f.h5
done
bad 3 'noise' 'random bytes as file' "$COHORT" show noise
bad 3 'empty' 'an empty file' "$COHORT" show empty
bad 4 'none.h5' 'a file that is not there' "$COHORT" show none.h5
# ---- experiment files
both 4 'none.yaml' 'an experiment that is not there' "$COHORT" run none.yaml
bad 4 'folder' 'a folder as experiment' "$COHORT" run folder
bad 2 'empty' 'an empty experiment' "$COHORT" run empty
bad 2 'noise' 'random bytes as experiment' "$COHORT" run noise
bad 2 'tab.yaml.*2' 'YAML with a tab' "$COHORT" run tab.yaml
bad 2 'bracket.yaml' 'YAML with an open bracket' "$COHORT" run bracket.yaml
bad 2 'rounds' 'YAML with a key twice' "$COHORT" run twice.yaml
bad 2 'alias' 'YAML with an alias' "$COHORT" run alias.yaml
bad 2 'list.yaml' 'YAML that is a list' "$COHORT" run list.yaml
bad 2 'deep.yaml' 'YAML nested 5,000 deep' "$COHORT" run deep.yaml
both 2 'did you mean per_round' 'an unknown key' $new devices.perround=3
bad 2 'unknown' 'an unknown section' $new devies.per_round=3
both 2 'lr' 'lr = nan' $new local.lr=nan
bad 2 'lr' 'lr = -1' $new local.lr=-1
bad 2 'lr' 'lr = 1e999' $new local.lr=1e999
bad 2 'lr' 'lr = a word' $new local.lr=fast
bad 2 'rounds' 'rounds = 0' $new rounds=0
bad 2 'batch' 'batch = 2.5' $new local.batch=2.5
bad 2 'seed' 'seed = 2^64' $new seed=18446744073709551616
bad 2 'per_round' 'per_round = 0' $new devices.per_round=0
both 2 'population of 6 devices' 'a cohort larger than the population' $new devices.per_round=7
both 2 '7 edge servers are more than the 6 devices' 'more edge servers than devices' $new aggregate.groups='{servers: 7}'
both 2 'no column .user.' 'edge servers by a column that is not there' $new aggregate.groups='{by: user}'
bad 2 'clock.trace with the column group' 'edge servers by a trace that is not there' $new aggregate.groups='{by: trace}'
bad 2 'aggregate.groups.*give servers' 'edge servers without their number' $new aggregate.groups='{cloud_every: 2}'
bad 2 'median: edge servers' 'edge servers under the median' $new aggregate='{rule: median, groups: {servers: 2}}'
bad 2 'epochs or steps|epochs.*steps' 'epochs and steps' $new local.epochs=1 local.steps=2
bad 2 'layers' 'name and layers' $new 'model.layers=[flatten]'
bad 2 'dens' 'an unknown layer' $new 'model={layers: [{dens: 3}]}'
bad 2 'kernel|image|shape|dimension' 'a convolution on rows of features' $new model.name=mnist_cnn
bad 2 'accurracy' 'a stop metric that is not measured' $new stop.metric=accurracy stop.target=0.5
bad 2 'test_fraction' 'evaluation on devices without test parts' $new eval.devices=true
bad 2 'partition' 'a partition for a generator' "$COHORT" run both.yaml output.dir=new
bad 2 '--resume.*--overwrite|give one' '--resume and --overwrite' "$COHORT" run e.yaml --resume --overwrite
# ---- data, partitions and models of a run
both 4 'none.h5' 'data that are not there' $new data.file=none.h5
both 3 'cut_data.h5' 'truncated data' $new data.file=cut_data.h5
both 3 'flip_data.h5' 'damaged data' $new data.file=flip_data.h5
bad 3 'part.h5' 'a partition as data' $new data.file=part.h5
both 3 'other_part.h5' 'the partition of another data set' $new partition.file=other_part.h5
bad 3 'flip_part.h5' 'a damaged partition' $new partition.file=flip_part.h5
bad 3 'hand_part.h5' 'a partition by hand with falling offsets' $new data.file=plain.h5 partition.file=hand_part.h5
bad 3 'twice_part.h5' 'a partition that gives an example twice' $new data.file=plain.h5 partition.file=twice_part.h5
bad 3 'beyond_part.h5' 'a partition of examples that are not there' $new data.file=plain.h5 partition.file=beyond_part.h5
bad 3 'neither x' 'data without x' $new data.file=hand_flat.h5 'partition={method: iid, devices: 5}'
both 3 'hand_nan.h5' 'data by hand with a NaN' $new data.file=hand_nan.h5 'partition={method: iid, devices: 5}'
bad 3 'hand_label.h5' 'data by hand with label 9 of 3 classes' $new data.file=hand_label.h5 'partition={method: iid, devices: 5}'
bad 3 'hand_minus.h5' 'data by hand with label -1' $new data.file=hand_minus.h5 'partition={method: iid, devices: 5}'
both 70 'its examples take 1.8 TiB, this node has .* free' 'data larger than the memory' $new data.file=vast.h5 'partition={method: iid, devices: 5}'
bad 4 'none.h5' 'model.init that is not there' $new model.init=none.h5
both 3 'flip_ckpt.h5' 'model.init damaged' $new model.init=flip_ckpt.h5
bad 3 'ckpt.h5' 'model.init of another model' $new model.name=2nn model.init=ckpt.h5
bad 3 'data.h5' 'a data set as model.init' $new model.init=data.h5
# ---- output and resume
both 2 'holds a run already' 'the run exists' "$COHORT" run e.yaml
both 2 'local.lr was 0.05.*0.06' 'resume with another lr' "$COHORT" run e.yaml --resume local.lr=0.06
bad 2 'data' 'resume with other data' "$COHORT" run e.yaml --resume rounds=5 data.file=other.h5
bad 4 'e.yaml' 'output.dir is a file' $new output.dir=e.yaml
bad 4 'locked' 'output.dir may not be written, as another user' $other $new output.dir=locked/run
large='model={name: mlp, hidden: [2000, 2000]}'
bad 4 'small/ckpt.*too large' 'a full disk during a run (limit on the size of files)' \
    bash -c "ulimit -f 12000; exec '$COHORT' run e.yaml output.dir=small '$large'"
rm -rf small
bad 70 'no shared memory block of 15.* MiB' 'too little memory to share in /dev/shm (limit on the size of files), 3 ranks' \
    bash -c "ulimit -f 12000; exec mpirun --bind-to none -n 3 '$COHORT' run e.yaml output.dir=small '$large'"
rm -rf old; cp -r run old; rm old/run.h5
both 4 'old/run.h5' 'resume without the run file' "$COHORT" run e.yaml output.dir=old --resume rounds=5
cp flip_curve.h5 old/run.h5
bad 3 'old/run.h5' 'resume with a damaged run file' "$COHORT" run e.yaml output.dir=old --resume rounds=5
cp run/run.h5 old; for f in old/ckpt-*; do cp flip_ckpt.h5 "$f"; done
both 3 'no good checkpoint' 'resume with damaged checkpoints only' "$COHORT" run e.yaml output.dir=old --resume rounds=5

ls -A locked | grep . && fault 'something in the locked folder'
echo "$cases cases, $faults faults, slowest $slowest ms"
[ $faults -eq 0 ]
