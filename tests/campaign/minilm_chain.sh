#!/usr/bin/env bash
# tests/campaign/minilm_chain.sh - the whole way of a pretrained encoder, as a user goes it: MiniLM from its folder, 20 Newsgroups in word
# pieces, two federated rounds of few devices, `cohort export weights`, and transformers says of 30 texts what `cohort predict` says;
# the same with LoRA by PEFT and merged; entities of WNUT17 likewise. A minute or two on 2 cores.
#   COHORT_MINILM   folder with config.json, model.safetensors, vocab.txt
#   COHORT_TRANSFORMERS  a Python with torch, transformers, peft, h5py
# Expected: RESULT with the largest difference of logits, below 1e-4.
[ -n "${COHORT_MINILM:-}" ] || { echo "skipped: COHORT_MINILM names no folder"; exit 77; }
. "$(dirname "$0")/common.sh"
python=${COHORT_TRANSFORMERS:-$python}
"$python" -c 'import torch, transformers, peft, h5py' 2> /dev/null ||
    { echo "skipped: $python has not torch, transformers, peft and h5py (COHORT_TRANSFORMERS)"; exit 77; }
need data/text_classification/20news-bydate.tar.gz
need data/tagging/wnut17
tags=$shared/data/tagging/wnut17
rm -rf "${work:?}"/*
compare() { HF_HUB_OFFLINE=1 "$python" "$top/tests/campaign/minilm_chain.py" "$@" 2> last.log || { tail -n 5 last.log; exit 1; }; }
quiet() { "$cohort" "$@" > last.log 2>&1 || { tail -n 5 last.log; exit 1; }; }
pieces="tokens=wordpiece vocab=$COHORT_MINILM/vocab.txt max_tokens=128"
few="rounds=2 devices.per_round=2 partition.devices=100 local.batch=8 local.max_examples=32 local.optimizer=adamw local.lr=5e-5
    eval.every=2 eval.max_examples=64"
chain() { # chain NAME DATA HEAD PARTITION LORA
    local name=$1 data=$2 head=$3 lora=$5
    echo "{name: $name, data: {file: $data}, partition: {$4}, model: {from: $COHORT_MINILM, head: $head$lora}}" > "$name.yaml"
    train "$name.yaml" $few output.dir="$name"
    [ -e "some-$data" ] || { compare cut "$data" "raw-$data" && quiet import h5 "raw-$data" -o "some-$data"; }
    quiet predict "$name/ckpt-00000002.h5" "some-$data" -o "$name.logits.h5"
    quiet export weights "$name/ckpt-00000002.h5" -o "$name-folder"
    compare "$head" "some-$data" "$name.logits.h5" "$name-folder" "$COHORT_MINILM"
    [ -n "$lora" ] || return 0
    quiet export weights "$name/ckpt-00000002.h5" -o "$name-merged" merge=true
    compare "$head" "some-$data" "$name.logits.h5" "$name-merged" "$COHORT_MINILM"
}
lora=', lora: {rank: 8, alpha: 16, targets: [query, value], dropout: 0.1}'
quiet import newsgroups "$shared/data/text_classification/20news-bydate.tar.gz" $pieces -o news.h5
quiet import conll train="$tags/wnut17train.conll" dev="$tags/emerging.dev.conll" test="$tags/emerging.test.annotated" $pieces -o tags.h5
{
    chain news news.h5 classification 'method: dirichlet, alpha: 1' ''
    chain news-lora news.h5 classification 'method: dirichlet, alpha: 1' "$lora"
    chain tags tags.h5 tagging 'method: iid' ''
    chain tags-lora tags.h5 tagging 'method: iid' "$lora"
} | tee lines.txt
[ "$(grep -c 'differ by' lines.txt)" = 6 ] || { tail -n 5 last.log; exit 1; }
awk '/differ by/ {if ($NF + 0 > most) most = $NF + 0} END {print "RESULT logits of 6 folders within", most}' lines.txt
