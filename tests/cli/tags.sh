#!/bin/bash
# tests/cli/tags.sh - taggers as a user trains and uses them: letters at import, chains, intents with slots, against an independent
# computation from the files; partitions by types of entities; and what is refused.
. "$SOURCE/tests/cli/helpers/opening.sh"
need_h5py
check() { "$python" "$SOURCE/tests/cli/tags.py" "$@" > log 2>&1 || fail "tags.py $*: $(tail -4 log)"; }
refused() { # refused CODE PATTERN words..
    local code=$1 pattern=$2; shift 2
    local text rc
    text=$("$COHORT" "$@" 2>&1); rc=$?
    [ $rc -eq "$code" ] || fail "exit code $rc instead of $code: $*: $text"
    grep -qE -- "$pattern" <<< "$text" || fail "no '$pattern' in the message of $*: $text"
    [ "$(grep -c '^cohort: ' <<< "$text")" -eq 1 ] || fail "not one message: $*: $text"
}

# ---- sources ----
for i in $(seq 60); do
    case $((i % 4)) in
    0) printf 'Ann\tB-per\nLee\tI-per\nsees\tO\nWord%d\tO\n\n' "$i" ;;
    1) printf 'in\tO\nRom\xc3\xa9\tB-loc\n\n' ;;
    2) printf 'yes\tO\n\n' ;;
    3) printf 'Ann\tB-per\nin\tO\nNew\tB-loc\nYork\tI-loc\n.\tO\n\n' ;;
    esac
done > all.conll
head -150 all.conll > train.conll
tail -n +151 all.conll > test.conll
mkdir slots
{
    printf '{"Go": ['
    for i in $(seq 30); do printf '{"data": [{"text": "go to "}, {"text": "New York", "entity": "city"}, {"text": " %d"}]}, ' "$i"; done
    printf '{"data": [{"text": "go"}]}]}'
} > slots/train_Go_full.json
{
    printf '{"Eat": ['
    for i in $(seq 30); do printf '{"data": [{"text": "eat caf\xe9", "entity": "dish"}, {"text": "now %d"}]}, ' "$i"; done
    printf '{"data": [{"text": "now", "note": [1, {}]}]}]}'
} > slots/train_Eat_full.json
printf '{"Go": [{"data": [{"text": "go to Rome"}]}, {"data": [{"text": "York ", "entity": "city"}, {"text": "now"}]}]}' > slots/validate_Go.json

# ---- letters, slots ----
good import conll train=train.conll test=test.conll min_count=3 chars=true lowercase=true -o tags.h5
check letters tags.h5 train.conll test.conll
good import snips slots chars=true -o slots.h5
grep -q 'train_Eat_full.json is no UTF-8: read as Latin-1' log || fail "Latin-1 goes unsaid: $(cat log)"
check slots slots.h5 slots
good import snips slots -o plain.h5

# ---- chains ----
cat > chain.yaml <<Y
rounds: 2
data: {file: tags.h5}
partition: {method: iid, devices: 5}
model: {name: bilstm, embedding: 6, units: 5, head: crf, chars: cnn, char_embedding: 4, char_filters: 5}
devices: {per_round: 3}
local: {batch: 4, lr: 0.5}
eval: {every: 2}
output: {dir: chain}
Y
good run chain.yaml
for output in logits tags loss; do good predict chain/ckpt-00000002.h5 tags.h5 -o chain.$output.h5 output=$output split=test; done
check chain tags.h5 chain/ckpt-00000002.h5 chain.logits.h5 chain.tags.h5 chain.loss.h5 chain/run.h5
good predict chain/ckpt-00000002.h5 tags.h5 -o chain.all.h5 output=tags
"$COHORT" show chain.all.h5 | grep -q 'tags of [0-9]* examples, [0-9]* tokens' || fail "show: $("$COHORT" show chain.all.h5 2>&1)"
on 3 predict chain/ckpt-00000002.h5 tags.h5 -o chain.3.h5 output=tags > log 2>&1 || fail "on 3 ranks: $(cat log)"
[ "$(digest chain.all.h5)" = "$(digest chain.3.h5)" ] || fail "tags differ on 3 ranks"
good run chain.yaml model='{name: bilstm, embedding: 6, units: 5}' output.dir=free
good predict free/ckpt-00000002.h5 tags.h5 -o free.tags.h5 output=tags split=test

# ---- intents with slots ----
good run chain.yaml data.file=slots.h5 model='{name: bilstm, embedding: 6, units: 5, head: joint, chars: cnn}' output.dir=joint
for output in logits tags loss; do good predict joint/ckpt-00000002.h5 slots.h5 -o joint.$output.h5 output=$output split=test; done
check joint slots.h5 joint.logits.h5 joint.tags.h5 joint.loss.h5 joint/run.h5

# ---- folders for transformers say what its classes leave out
sizes='layers: 1, hidden: 8, heads: 2, intermediate: 8, most_positions: 64'
good run chain.yaml rounds=1 model="{name: bert, $sizes, head: crf}" output.dir=bert_chain
good export weights bert_chain/ckpt-00000001.h5 -o chain_folder
grep -q 'ForTokenClassification has no chain' log || fail "a lost chain goes unsaid: $(cat log)"
good run chain.yaml rounds=1 data.file=slots.h5 model="{name: distilbert, $sizes}" output.dir=bert_joint
good export weights bert_joint/ckpt-00000001.h5 -o joint_folder
grep -q '"DistilBertModel"' joint_folder/config.json && grep -q 'no class with two heads' log || fail "joint: $(cat log joint_folder/config.json)"

# ---- partitions by types of entities, by intents ----
good partition tags.h5 -o types.h5 method=classes devices=3 classes_per_device=1
on 2 partition tags.h5 -o types.2.h5 method=classes devices=3 classes_per_device=1 > log 2>&1 || fail "partition on 2 ranks: $(cat log)"
[ "$(digest types.h5)" = "$(digest types.2.h5)" ] || fail "the partition by types differs on 2 ranks"
good run chain.yaml partition='{file: types.h5}' output.dir=by_types
good partition slots.h5 -o intents.h5 method=dirichlet devices=4 alpha=0.5
sed 's/[BI]-//' all.conll > words.conll
good import conll train=words.conll scheme=plain -o words.h5
refused 2 'no tag of the data set is called B-TYPE' partition words.h5 -o x.h5 method=shards devices=3

# ---- refused ----
printf 'a b,c\nd,e\n' > two.csv
refused 2 'chars=true: words have letters.*tokens=byte' import csv two.csv y=1 text=0 tokens=byte chars=true -o x.h5
refused 2 'import them with chars=true' run chain.yaml data.file=plain.h5 model='{name: bilstm, chars: cnn}' output.dir=x
refused 2 'crf tags the tokens of texts, the task is joint' run chain.yaml data.file=slots.h5 output.dir=x
refused 2 "joint, but the data's task is tagging" run chain.yaml model.head=joint output.dir=x
refused 2 'has to be the last layer' run chain.yaml model='{layers: [{embedding: 4}, {dense: classes}, crf, tanh]}' output.dir=x
refused 2 'put \{dense: classes\} before crf' run chain.yaml model='{layers: [{embedding: 3}, crf]}' output.dir=x
refused 2 'two lists of layers or more' run chain.yaml model='{layers: [{concat: [[{embedding: 4}]]}, {dense: classes}]}' output.dir=x
refused 2 'classes has to give one row a text' run chain.yaml data.file=slots.h5 \
    model='{layers: [{embedding: 4}, {joint: {classes: [{dense: classes}], tags: [{dense: classes}]}}]}' output.dir=x
refused 2 'a class or tags of a text, not both' export fednlp slots.h5 -o x.h5
mkdir empty
refused 4 'has no file train_NAME_full.json' import snips empty -o x.h5
cp -r slots bad && printf '{"Stop": []}' > bad/train_Go_full.json
refused 3 "holds the intent 'Stop', its name says Go" import snips bad -o x.h5
printf '{"Go": [{"data": [{"entity": "city"}]}]}' > bad/train_Go_full.json
refused 3 'train_Go_full.json:1: .*a part with "text" before is wanted' import snips bad -o x.h5
printf '{"Be": []}' > bad/validate_Be.json && cp slots/train_Go_full.json bad
refused 3 'there is no file train_Be_full.json' import snips bad -o x.h5

[ $failures -eq 0 ] && echo "taggers: ok"
exit $((failures > 0))
