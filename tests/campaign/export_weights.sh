#!/usr/bin/env bash
# Folders that `cohort export weights` writes, loaded by transformers and PEFT: bert, distilbert, gpt2, llama with every head, adapters of
# LoRA and their merged models, all small and random; bits, logits and the bytes of save_pretrained. Some seconds. COHORT_PYTHON: a
# Python that has torch, transformers, peft, safetensors and h5py. Expected: RESULT with the number of checks.
. "$(dirname "$0")/common.sh"
"$python" -c 'import torch, transformers, peft, safetensors, h5py' 2> /dev/null ||
    { echo "skipped: $python has not torch, transformers, peft, safetensors and h5py (COHORT_PYTHON)"; exit 77; }
rm -rf "${work:?}"/*
HF_HUB_OFFLINE=1 "$python" "$top/tests/campaign/export_weights.py" "$cohort" 2> last.log | tee lines.txt
grep -q '^RESULT' lines.txt || { tail -n 5 last.log; exit 1; }
