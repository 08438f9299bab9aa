#!/bin/bash
# tests/cli/readme.sh - README's blocks of commands and of Python, pasted one after the other in an empty folder: each works. Left out is
# what needs published data or draws a picture; runs are cut to a few rounds.
set -u
: "${COHORT:?the program}" "${SCRATCH:?a folder}" "${SOURCE:?the checkout}"
python=${COHORT_PYTHON:-/usr/bin/python3}
"$python" -c 'import h5py, numpy' 2> /dev/null || { echo "skipped: $python has no h5py"; exit 77; }
mkdir -p "$SCRATCH"
work=$(mktemp -d "$SCRATCH/readme-XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
. "$SOURCE/jobs/env.sh"
PATH=$(dirname "$COHORT"):$PATH
export COHORT_PROGRESS=off PYTHONPATH=$SOURCE/python PYTHONDONTWRITEBYTECODE=1
ln -s "$SOURCE/jobs" jobs
ln -s "${COHORT_SHARED:-none}"/data/tabular/heart_disease/processed.*.data . 2> /dev/null
ln -s "${COHORT_SHARED:-none}"/data/text_classification/20news-bydate.tar.gz . 2> /dev/null
ln -s "${COHORT_MINILM:-none}" minilm
texts=${COHORT_SHARED:-none}/data
for pair in qa/squad_dev-v1.1.json:train-v2.0.json qa/squad_dev-v1.1.json:dev-v2.0.json qa/qamr/wiki-sentences.tsv: qa/qamr/filtered_dev.tsv: \
    seq2seq/multi30k/train.en.gz: seq2seq/multi30k/train.de.gz: seq2seq/multi30k/test_2016_flickr.en.gz:test.en.gz \
    seq2seq/multi30k/test_2016_flickr.de.gz:test.de.gz seq2seq/e2e_nlg/devset.csv: seq2seq/e2e_nlg/testset_w_refs.csv:testset.csv; do
    [ ! -e "$texts/${pair%:*}" ] || ln -s "$texts/${pair%:*}" "./${pair#*:}" # under its own name, or the one README has
done 2> /dev/null
faults=0 n=0
make_tokenizer() { # what the recipe for ids reads: a tokeniser that pads, as some published ones do, and texts
    "$python" - << 'P' && printf '%s\n' '0,"A good one"' 1,Bad '0,good ' '1,"bad, a"' > text.csv
from tokenizers import Tokenizer, models, pre_tokenizers
t = Tokenizer(models.WordLevel({"[PAD]": 0, "[UNK]": 1, "good": 2, "a": 3, ",": 4}, unk_token="[UNK]"))
t.pre_tokenizer = pre_tokenizers.Whitespace()
t.enable_padding(length=128)
t.save("tokenizer.json")
t.save("bart/tokenizer.json")
P
}
mkdir bart
echo '{"vocab_size": 5}' > bart/config.json
for k in 1 2 3 4 5; do echo '{"article": "a good one", "summary": "good"}'; done > pairs.jsonl

# Blocks are what stands four blanks to the right; one file each.
awk '/^    / {if (!inside) k++; inside = 1; print substr($0, 5) > sprintf("%02d.block", k); next} {inside = 0}' "$SOURCE/README.md"
cohort run jobs/experiments/quickstart.yaml rounds=5 > log 2>&1 || { cat log; exit 1; }
for block in *.block; do
    first=$(head -n 1 "$block")
    case $(cat "$block") in
    *processed.*) [ -e processed.va.data ] || { echo "skipped: $first"; continue; } ;;
    *" DIR "* | *jobs/quickstart.sh* | model:*) continue ;; # published data; the quick start; a piece of an experiment
    *'import squad train'*)
        [ -e train-v2.0.json ] && [ -e minilm/vocab.txt ] || { echo "skipped: $first"; continue; }
        ln -s minilm/vocab.txt .
        ;;
    *en_de.yaml*) [ -e en_de.h5 ] || { echo "skipped: $first"; continue; } ;;
    *filtered_dev.tsv*) [ -e filtered_dev.tsv ] || { echo "skipped: $first"; continue; } ;;
    *minilm/* | *minilm.yaml*) [ -e minilm/vocab.txt ] && [ -e 20news-bydate.tar.gz ] || { echo "skipped: $first"; continue; } ;;
    *convert.tokenised*) make_tokenizer 2> /dev/null || { echo "skipped: $first"; continue; } ;;
    *bart_ids.h5*) [ -e bart_ids.h5 ] || { echo "skipped: $first"; continue; } ;;
    *ids.h5*) [ -e ids.h5 ] || { echo "skipped: $first"; continue; } ;;
    *state_dict\(\)*start.h5*) "$python" -c 'import pandas, yaml' 2> /dev/null || { echo "skipped: $first"; cp runs/mine/ckpt-00000020.h5 start.h5; continue; } ;;
    *"import cohort"*) "$python" -c 'import pandas, yaml' 2> /dev/null || { echo "skipped: $first"; continue; } ;;
    esac
    sed -i '/^cohort plot/d; s/rounds=400/rounds=8/; s/runs\/\(prox\|private\)$/& rounds=5/; s/seeds=3/& rounds=20/' "$block"
    sed -i 's/max_tokens=256/max_tokens=8/; s/\(minilm\|lora\|en_de\)\/ckpt-00000020/\1\/ckpt-00000001/
        s/en_de\.yaml/& rounds=1 devices.per_round=1 local.max_examples=8 eval.max_examples=16 eval.generate.max_examples=4/
        s/written\.h5.*/& max_length=3/
        /cohort run/s/minilm\.yaml/& rounds=1 devices.per_round=2 local.max_examples=8 local.batch=4 eval.max_examples=16/' "$block"
    n=$((n + 1))
    case $first in
    "import "*) run=$python ;;
    *) run="sh -e" ;;
    esac
    timeout 120 $run "$block" > log 2>&1 || { faults=$((faults + 1)); echo "FAULT in the block '$first': $(tail -n 3 log)"; }
done
[ -e runs/further/run.h5 ] || { faults=$((faults + 1)); echo "FAULT: no run from weights that came from Python"; }
[ "$(cohort show runs/prox/run.h5 | awk '/^  algorithm/ {print $2}')" = fedprox ] || faults=$((faults + 1))
[ $n -ge 7 ] || { faults=$((faults + 1)); echo "FAULT: only $n blocks"; }
echo "$n blocks of README, $faults faults"
[ $faults -eq 0 ]
