#!/bin/bash
# tests/cli/interop.sh - files of other programs come in and go out: FedNLP's data and partitions, TensorFlow Federated's
# examples, index lists as JSON, CSV and npz; HDF5 as others leave it; outputs that are inputs; stops. interop.py writes and reads them with h5py and numpy.
set -u
: "${COHORT:?the program}" "${SCRATCH:?a folder}" "${SOURCE:?the checkout}"
export COHORT_CHECK_MEMORY=1 COHORT_PROGRESS=off
python=${COHORT_PYTHON:-/usr/bin/python3}
"$python" -c 'import h5py, numpy' 2>/dev/null || { echo "skipped: $python has no h5py"; exit 77; }
mkdir -p "$SCRATCH"
work=$(mktemp -d "$SCRATCH/interop-XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
failures=0
fail() { echo "FAILED: $*"; failures=$((failures + 1)); }
good() { "$COHORT" "$@" >out 2>err || fail "exit $?: cohort $*: $(cat err)"; }
prints() { grep -Eq -- "$1" out || fail "no '$1' in $(cat out)"; }
bad() { # bad CODE PATTERN words..
    local want=$1 pattern=$2
    shift 2
    "$COHORT" "$@" >out 2>err
    [ $? -eq "$want" ] && grep -Eq -- "^cohort: .*$pattern" err || fail "not $want with '$pattern': cohort $*: $(cat err)"
}
py() { "$python" "$SOURCE/tests/cli/interop.py" "$@" || fail "interop.py $*"; }
same_lists() { # same_lists PART PART: the same devices, lists and leftovers
    "$python" - "$@" <<'P' || fail "other lists: $*"
import sys, h5py
a, b = ({name: f[name][:].tolist() for name in ("train/offsets", "train/examples", "test/offsets", "test/examples",
         "unassigned", "device_name") if name in f} for f in map(h5py.File, sys.argv[1:]))
sys.exit(a != b)
P
}
h5dump=$(command -v h5dump) || echo 'skipped: structures compared (no h5dump here)'
structure() { [ -z "$h5dump" ] || "$h5dump" -H "$1" | tail -n +2; }
py write .

# ---- FedNLP: data
good import fednlp fednlp_data.h5 -o news.h5
prints 'examples +30: 24 train, 6 test'
prints 'classes +3'
"$python" - <<'P' || fail 'the texts or classes of a FedNLP file'
import h5py
with h5py.File("news.h5") as a, h5py.File("fednlp_data.h5") as b:
    classes, at, text = [c.decode() for c in a["classes"]], a["text_offsets"][:], bytes(a["text"][:])
    for i in range(30):
        assert text[at[i]:at[i + 1]] == b[f"X/{i}"][()] and classes[a["y"][i]].encode() == b[f"Y/{i}"][()], i
P
"$python" -c 'import h5py
with h5py.File("other.h5", "w") as file: file["attributes"] = "{\"task_type\": \"link_prediction\"}"'
bad 3 "task_type 'link_prediction'; text_classification, seq_tagging, lm, seq2seq and span_extraction are read" import fednlp other.h5 -o none.h5
good export fednlp news.h5 -o back.h5
good import fednlp back.h5 -o again.h5
[ "$("$COHORT" show again.h5 --digest)" = "$("$COHORT" show news.h5 --digest)" ] || fail 'a round trip of FedNLP data'
structure fednlp_data.h5 >theirs
structure back.h5 | diff - theirs >/dev/null || fail 'h5dump of a data file differs from that of h5py'
"$python" -c 'import h5py, json
a, b = (json.loads(h5py.File(p)["attributes"][()]) for p in ("back.h5", "fednlp_data.h5"))
a["label_vocab"], b["label_vocab"] = sorted(a["label_vocab"]), sorted(b["label_vocab"])
assert a == b, (a, b)' || fail 'the attributes of a data file'
good import fednlp fednlp_tags.h5 -o tags.h5 tokens=blank
[ "$("$python" -c 'import h5py; print(*h5py.File("tags.h5")["classes"])')" = "b'O' b'B-PER' b'I-PER'" ] || fail 'the order of tags'
good export fednlp tags.h5 -o tags_back.h5
structure fednlp_tags.h5 >theirs
structure tags_back.h5 | diff - theirs >/dev/null || fail 'h5dump of a file of tags differs'
good import fednlp tags_back.h5 -o tags_again.h5 tokens=blank
[ "$("$COHORT" show tags_again.h5 --digest)" = "$("$COHORT" show tags.h5 --digest)" ] || fail 'a round trip of tags'
printf '%s\n' '[UNK]' '[CLS]' '[SEP]' {a..z} \#\#{a..z} > pieces.txt
good import fednlp fednlp_tags.h5 -o pieces.h5 tokens=wordpiece vocab=pieces.txt
good export fednlp pieces.h5 -o pieces_back.h5
good import fednlp pieces_back.h5 -o pieces_again.h5 tokens=blank
[ "$("$COHORT" show pieces_again.h5 --digest)" = "$("$COHORT" show tags.h5 --digest)" ] || fail 'words and tags behind their pieces'

# ---- FedNLP: questions, and pairs of texts
good import fednlp fednlp_questions.h5 -o questions.h5
prints 'examples +3: 2 train, 1 test'
"$python" - <<'P' || fail 'questions of a FedNLP file'
import h5py
with h5py.File("questions.h5") as h:
    span, at, place, text, to = (h[k][:] for k in ("span", "token_offsets", "token_char", "text", "text_offsets"))
    said = [bytes(text[to[i]:to[i + 1]][place[at[i] + a][0]:place[at[i] + b][1]]).decode() for i, (a, b) in enumerate(span)]
    assert said == ["caf\u00e9", "1905", "red"], said
    assert h["answer_offsets"][:].tolist() == [0, 2, 3, 4] and bytes(h["answers"][:]).decode() == "caf\u00e9na\u00efve caf\u00e91905red"
    assert h["user"][:].tolist() == [0, 0, 1] and [n.decode() for n in h["question_name"]] == ["q0", "q1", "q2"]
P
good export fednlp questions.h5 -o questions_back.h5
structure fednlp_questions.h5 >theirs
structure questions_back.h5 | diff - theirs >/dev/null || fail 'h5dump of a file of questions differs'
"$python" - <<'P' || fail 'what a file of questions holds'
import h5py, json
with h5py.File("questions_back.h5") as a, h5py.File("fednlp_questions.h5") as b:
    for part in ("context_X", "question_X", "Y", "Y_answer", "question_ids"):
        for i in range(4): assert (a[f"{part}/{i}"][()] == b[f"{part}/{i}"][()]) is True or (a[f"{part}/{i}"][()] == b[f"{part}/{i}"][()]).all(), (part, i)
    assert json.loads(a["attributes"][()]) == json.loads(b["attributes"][()])
P
good import fednlp questions_back.h5 -o questions_again.h5
[ "$("$COHORT" show questions_again.h5 --digest)" = "$("$COHORT" show questions.h5 --digest)" ] || fail 'a round trip of questions'
good import fednlp fednlp_questions.h5 -o windows.h5 max_tokens=9 stride=2
prints 'questions +3, windows 19'
good export fednlp windows.h5 -o windows_back.h5
good import fednlp windows_back.h5 -o questions_again.h5 --overwrite
[ "$("$COHORT" show questions_again.h5 --digest)" = "$("$COHORT" show questions.h5 --digest)" ] || fail 'questions from their windows'
good import fednlp fednlp_pairs.h5 -o pairs.h5 task=seq2seq
good export fednlp pairs.h5 -o pairs_back.h5
structure fednlp_pairs.h5 >theirs
structure pairs_back.h5 | diff - theirs >/dev/null || fail 'h5dump of a file of pairs differs'
good import fednlp pairs_back.h5 -o pairs_again.h5
[ "$("$COHORT" show pairs_again.h5 --digest)" = "$("$COHORT" show pairs.h5 --digest)" ] || fail 'a round trip of pairs'
"$python" -c 'import h5py
with h5py.File("fednlp_questions.h5", "a") as file: file["Y/2"][...] = (40, 400)
with h5py.File("fednlp_pairs.h5", "a") as file: del file["Y/1"]; file["Y/1"] = " "'
bad 3 "fednlp_questions.h5: Y/2, question 'q1': the answer's characters 40 to 400 do not lie in its context" import fednlp fednlp_questions.h5 -o none.h5
bad 3 'fednlp_pairs.h5: Y/1: the target is empty' import fednlp fednlp_pairs.h5 -o none.h5 task=seq2seq

# ---- FedNLP: partitions
bad 2 'several methods.*niid_label_clients=3_alpha=1.0, uniform' partition news.h5 -o part.h5 method=imported from=fednlp_part.h5
bad 2 'no method kmeans' partition news.h5 -o part.h5 method=imported from=fednlp_part.h5 name=kmeans_clusters=2
good partition news.h5 -o part.h5 method=imported from=fednlp_part.h5 name=niid_label_clients=3_alpha=1.0
prints 'examples +6 train, 3 test, 18 unassigned'
good partition news.h5 -o uniform.h5 method=imported from=fednlp_part.h5 name=uniform
prints 'devices +12, 0 of them'
[ "$("$python" -c 'import h5py; f=h5py.File("uniform.h5"); print(f["train/examples"][::2].tolist())')" = \
    '[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]' ] || fail 'clients 0 .. 11 do not stand in numerical order'
good export fednlp part.h5 -o part_back.h5 name=niid_label_clients=3_alpha=1.0
good partition news.h5 -o part_again.h5 method=imported from=part_back.h5
same_lists part.h5 part_again.h5
good partition news.h5 -o made.h5 method=dirichlet_device devices=5 alpha=1 test_fraction=0.3
good partition news.h5 -o sizes.h5 method=quantity devices=5 beta=5
good export fednlp made.h5 sizes.h5 -o both.h5
"$python" "$SOURCE/tests/cli/interop.py" twin both.h5 twin.h5
structure twin.h5 >theirs
structure both.h5 | diff - theirs || fail 'h5dump of partitions differs from that of h5py'
for method in niid_label_clients=5_alpha=1.0 niid_quantity_clients=5_beta=5.0; do
    [ -z "$h5dump" ] || grep -q "$method" theirs || fail "no method $method"
done

# ---- index lists
for file in lists.json rows.json lists.csv owner.npz; do
    good partition news.h5 -o $file.h5 method=imported from=$file
    same_lists lists.json.h5 $file.h5
done
printf '{"b, \\"x\\"": {"train": [4, 2], "test": [25]}, "\\u00e9": {"test": []}, "10": [7]}' >by_name.json
good partition news.h5 -o named.h5 method=imported from=by_name.json
for format in json csv npz fednlp; do
    for part in named made; do
        suffix=${format/fednlp/fednlp.h5}
        good export $format $part.h5 -o $part.$suffix
        py lists $part.h5 $part.$suffix
        good partition news.h5 -o back_$part.h5 --overwrite method=imported from=$part.$suffix
        [ $part = named -a $format = fednlp ] || same_lists $part.h5 back_$part.h5
    done
done
bad 2 'lists.json exists' export json made.h5 -o lists.json
bad 2 'unknown writer.*json' export jsn made.h5 -o x.json
printf 'device,example\n0,1\n1,1\n' >twice.csv
good partition news.h5 -o twice.h5 method=imported from=twice.csv
[ "$("$python" -c 'import h5py; print(h5py.File("twice.h5").attrs["overlap"])')" = 1 ] || fail 'an overlap is not noted'
bad 2 'stand at several devices' partition news.h5 -o x.h5 method=imported from=twice.csv test_fraction=0.5
printf 'device,example\n0,30\n' >far.csv
bad 3 'device 0 lists example 30; the data set has 0 to 29' partition news.h5 -o x.h5 method=imported from=far.csv
printf 'device,example\n0,29\n' >tested.csv
bad 3 'device 0 lists example 29 of split 1' partition news.h5 -o x.h5 method=imported from=tested.csv

# ---- TensorFlow Federated
good import tff tff_train.h5 test=tff_test.h5 group=coarse_label -o tff.h5
prints 'u8 \[24, 3, 8, 6\]'
prints 'users +3: f0000_07, f0001_41, f0002_13'
good partition tff.h5 -o clients.h5 method=natural
for part in train test; do
    good export tff tff.h5 clients.h5 -o $part.h5 part=$part
    "$python" - $part <<'P' || fail "the $part examples that came back"
import sys, h5py, numpy as np
with h5py.File(f"{sys.argv[1]}.h5") as a, h5py.File(f"tff_{sys.argv[1]}.h5") as b:
    for client in b["examples"]:
        assert np.array_equal(a["examples"][client]["image"], b["examples"][client]["image"])
        assert np.array_equal(a["examples"][client]["label"], np.ravel(b["examples"][client]["label"]))
P
done
good import tff train.h5 test=test.h5 -o tff_again.h5
"$python" -c 'import h5py
a, b = h5py.File("tff.h5"), h5py.File("tff_again.h5")
assert all((a[n][:] == b[n][:]).all() for n in ("x", "y", "split", "user", "user_name")) and a["group"].shape == (24,)' ||
    fail 'a round trip of TFF data'
good partition tff.h5 -o mixed.h5 method=iid devices=30
good export tff tff.h5 mixed.h5 -o mixed.tff
py tff tff.h5 mixed.h5 mixed.tff
bad 3 'made for another data set' export tff news.h5 mixed.h5 -o x.tff
bad 3 'no feature pixels2' import tff tff_train.h5 x=pixels2 -o x.h5

# ---- texts: classes of TFF's, names that HDF5 takes for paths, bytes that are no UTF-8, FedNLP's files without a task
py texts .
good import tff tff_texts.h5 -o said.h5 tokens=word min_count=1
prints 'classes +2'
[ "$("$python" -c 'import h5py; f = h5py.File("said.h5"); print(f.attrs["task"].decode(), *f["y"])')" = 'classification 1 0 1 0 0' ] ||
    fail 'the classes of texts of TFF'
good import tff tff_plays.h5 -o plays.h5
[ "$("$python" -c 'import h5py; f = h5py.File("plays.h5"); print(f.attrs["task"].decode(), "y" in f)')" = 'lm False' ] || fail 'texts of TFF without a class'
printf 'device,example\nHamlet/ROSS,0\nHamlet_ROSS,1\nMac/a/b,2\n.,3\nplain,4\n' >roles.csv
good partition said.h5 -o roles.h5 method=imported from=roles.csv
good export tff said.h5 roles.h5 -o roles.tff
grep -q 'warning: roles.h5: 4 names of devices' err || fail "other names are not told: $(cat err)"
[ "$("$python" -c 'import h5py; print(*h5py.File("roles.tff")["examples"])')" = '._1 Hamlet_ROSS Hamlet_ROSS_2 Mac_a_b plain' ] ||
    fail 'names of groups for names with slashes'
good import tff roles.tff -o roles_again.h5 tokens=word min_count=1
[ "$("$python" -c 'import h5py; print(*sorted(n.decode() for n in h5py.File("roles_again.h5")["user_name"]))')" = '. Hamlet/ROSS Hamlet_ROSS Mac/a/b plain' ] ||
    fail 'names with slashes do not come back'
good import h5 odd_texts.h5 -o odd.h5
good export fednlp odd.h5 -o odd.fednlp
grep -q 'warning: odd.h5: 2 texts are no UTF-8' err || fail "odd bytes are not told: $(cat err)"
good partition odd.h5 -o odd_part.h5 method=iid devices=1
good export tff odd.h5 odd_part.h5 -o odd.tff
py odd odd.fednlp odd.tff
for task in lm classes tags; do
    good import fednlp no_task_$task.h5 -o task_$task.h5 tokens=blank
done
[ "$("$python" -c 'import h5py; print(*(h5py.File(f"task_{t}.h5").attrs["task"].decode() for t in ("lm", "classes", "tags")))')" = 'lm classification tagging' ] ||
    fail 'the task of files of FedNLP that name none'

# ---- HDF5 as others leave it
for file in matlab soft external packed; do
    good import h5 by_$file.h5 -o x_$file.h5
    [ "$("$COHORT" show x_$file.h5 --digest)" = "$("$COHORT" show x_matlab.h5 --digest)" ] || fail "other content of by_$file.h5"
    ! grep -q 'import h5' err || fail "import h5 advises itself: $(cat err)"
done
bad 3 'user is a link that leads nowhere: gone.h5:/user' import h5 by_dangling.h5 -o x.h5
bad 3 'by_killed.h5: another program writes it, or was killed.*h5clear -s' import h5 by_killed.h5 -o x.h5
lzf="${COHORT_SHARED:-$SOURCE/../shared}/faults/h5_lzf/lzf2.h5"
if [ -r "$lzf" ]; then bad 3 'x is packed with the filter lzf' import h5 "$lzf" -o x.h5; else echo "skipped: no $lzf"; fi
for mode in w r+; do
    cp by_soft.h5 held.h5
    rm -f ready go
    "$python" "$SOURCE/tests/cli/interop.py" hold held.h5 $mode &
    holder=$!
    for _ in $(seq 300); do [ -e ready ] && break; sleep 0.1; done
    bad 4 'held.h5: another program has it open for writing' import h5 held.h5 -o x.h5
    bad 4 'held.h5: another program has it open for writing' import tff held.h5 -o x.h5
    touch go
    wait $holder
done
gzip -c by_soft.h5 >squeezed.h5
bad 3 'squeezed.h5.*a gzip file' import h5 squeezed.h5 -o x.h5
bad 3 'squeezed.h5.*a gzip file' import tff squeezed.h5 -o x.h5
bad 3 'squeezed.h5.*a gzip file' show squeezed.h5
bad 2 'squeezed.h5:1:1: this is a gzip file.*text file \(YAML\)' run squeezed.h5
bad 2 'x_soft.h5:1:1: this is a file of this program \(HDF5\)' run x_soft.h5

# ---- no command replaces what it reads, under whatever name
ln -s x_soft.h5 x_link.h5
ln x_soft.h5 x_hard.h5
sum=$(sha256sum <x_soft.h5)
same='is the file that is read'
for output in x_soft.h5 x_link.h5 x_hard.h5 ./x_soft.h5; do
    bad 2 "$same" partition x_soft.h5 -o $output method=iid devices=2 --overwrite
    bad 2 "$same" import h5 x_soft.h5 -o $output --overwrite
    bad 2 "$same" import tff tff_train.h5 test=x_soft.h5 -o $output --overwrite
    bad 2 "$same" export tff x_soft.h5 clients.h5 -o $output --overwrite
    bad 2 "$same" partition tff.h5 -o $output method=imported from=x_soft.h5 --overwrite
done
cp x_soft.h5 compare.h5
bad 2 "$same" compare compare.h5 -o .
rm compare.h5
cp clients.h5 drawn.svg
if "$python" -c 'import matplotlib' 2>/dev/null; then
    "$COHORT" plot drawn.svg -o drawn >out 2>err
    [ $? -eq 2 ] && grep -q "^cohort plot: .*$same" err && cmp -s clients.h5 drawn.svg && [ ! -e drawn.png ] || fail "plot: $(cat err)"
else
    echo 'skipped: plot (no matplotlib)'
fi
[ "$sum" = "$(sha256sum <x_soft.h5)" ] || fail 'a refused command changed its input'

# ---- a run that would remove what it reads; weights under other names
mkdir run
good partition x_soft.h5 -o two.h5 method=iid devices=2
printf 'rounds: 1\ndata: {file: x_soft.h5}\npartition: {file: two.h5}\nmodel: {name: softmax}\ndevices: {per_round: 2}\nlocal: {lr: 0.1}\noutput: {dir: run}\n' >e.yaml
good run e.yaml
cp run/ckpt-00000001.h5 kept.h5
bad 2 "$same" run e.yaml model.init=run/ckpt-00000001.h5 --overwrite
cmp -s kept.h5 run/ckpt-00000001.h5 || fail 'a refused run removed a checkpoint'
good run e.yaml model.init=kept.h5 --overwrite
bad 3 'has no model/.*the model wants model/ with .*weight.*; the file holds dense/bias, dense/kernel' run e.yaml model.init=by_keras.h5 --overwrite
! grep -q 'import h5' err || fail "weights: the advice is for data sets: $(cat err)"

# ---- an import that is stopped leaves nothing; what a killed one left goes with the next
leftovers() { find . -name '.big.h5.tmp-*' | wc -l; }
for signal in TERM HUP KILL; do # the shell lets its background ignore SIGINT
    for _ in $(seq 20); do # until the signal meets the writing
        env --default-signal=HUP "$COHORT" import h5 by_large.h5 -o big.h5 --overwrite >out 2>err &
        import=$!
        for _ in $(seq 500); do [ "$(leftovers)" -gt 0 ] && break; sleep 0.01; done
        kill -$signal $import
        wait $import 2>/dev/null
        code=$?
        [ $code -gt 128 ] && break
    done
    [ $code -gt 128 ] || fail "SIG$signal never met an import"
    [ $signal = KILL ] || [ "$(leftovers)" -eq 0 ] || fail "SIG$signal leaves a temporary file"
done
[ "$(leftovers)" -eq 1 ] || fail 'SIGKILL leaves no temporary file: the test tests nothing'
: >.big.h5.tmp-note
good import h5 by_large.h5 -o big.h5 --overwrite
[ "$(leftovers)" -eq 1 ] && [ -e .big.h5.tmp-note ] || fail "what a killed import left: $(ls -A)"

[ $failures -eq 0 ] && echo "interop: all as expected"
exit $((failures > 0))
