#!/bin/bash
# tests/campaign/transformers_reference.sh - hidden states of MiniLM over 200 texts of 1 to 512 tokens, and logits of SmolLM2
# over 50 texts, beside transformers.
#   COHORT_MINILM      its folder (config.json, model.safetensors)
#   COHORT_SMOLLM      its GGUF file
#   COHORT_TRANSFORMERS  a Python with torch, transformers, h5py (for GGUF also accelerate and gguf)
# What is not given is skipped; 77 when nothing is.
set -eu
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/../../jobs/env.sh"
python=${COHORT_TRANSFORMERS:-}
[ -n "$python" ] || { echo "skipped: COHORT_TRANSFORMERS names no Python with transformers"; exit 77; }
work=${SCRATCH:-$(mktemp -d)}/transformers_reference
rm -rf "$work" && mkdir -p "$work"
done=0

# experiment FOLDER DATA MORE: on standard output
experiment() {
    echo "{rounds: 1, data: {file: $2}, partition: {method: iid, devices: 2}, model: {from: $1$3}, devices: {per_round: 1}}"
}

if [ -n "${COHORT_MINILM:-}" ]; then
    "$python" "$here/transformers_reference.py" minilm "$COHORT_MINILM" "$work"
    cohort import h5 "$work/minilm.raw.h5" -o "$work/minilm.h5"
    experiment "$COHORT_MINILM" "$work/minilm.h5" ', head: none' > "$work/minilm.yaml"
    cohort predict "$work/minilm.yaml" "$work/minilm.h5" -o "$work/hidden.h5" output=hidden tap=encoder.layer.5.output.LayerNorm
    "$python" "$here/transformers_reference.py" minilm "$COHORT_MINILM" "$work"
    done=1
fi
if [ -n "${COHORT_SMOLLM:-}" ]; then
    "$python" "$here/transformers_reference.py" smollm "$COHORT_SMOLLM" "$work"
    cohort import h5 "$work/smollm.raw.h5" -o "$work/smollm.h5"
    experiment "$work/smollm" "$work/smollm.h5" '' > "$work/smollm.yaml"
    cohort predict "$work/smollm.yaml" "$work/smollm.h5" -o "$work/logits.h5"
    cohort predict "$work/smollm.yaml" "$work/smollm.h5" -o "$work/losses.h5" output=loss
    "$python" "$here/transformers_reference.py" smollm "$COHORT_SMOLLM" "$work"
    done=1
fi
[ "$done" = 1 ] || { echo "skipped: neither COHORT_MINILM nor COHORT_SMOLLM is set"; exit 77; }
[ -n "${SCRATCH:-}" ] || rm -rf "$(dirname "$work")"
