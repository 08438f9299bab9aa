#!/bin/bash
# tests/campaign/four_tasks.sh - the comparison of Lin et al. (FedNLP, arXiv:2104.08815) over its four tasks on data that can be had:
# classification (20 Newsgroups), tagging (WNUT17), span answers (SQuAD v1.1's dev part by article), sequence to sequence (Multi30k,
# English to German). Each centrally and over devices whose examples are uniform, skewed (by label, set of entity types, article,
# cluster of hidden states) with alpha 1 and 0.1, or skewed in number; FedAvg and FedProx (SGD on devices), FedOPT (AdamW on devices).
# SIZE=small (default): models of about 1 M parameters from scratch, {central, uniform, 0.1} x {FedAvg, FedOPT}: about 2 hours on 2
# cores. SIZE=full: all of it, MiniLM where a pretrained encoder serves (COHORT_MINILM): about 30 hours. TASKS, SEEDS (1), ROUNDS.
# Expected after them: central far ahead; uniform > 1 > 0.1; quantity near uniform; FedOPT ahead but on sequence to sequence.
. "$(dirname "$0")/common.sh"
size=${SIZE:-small}
[ "$size" = small ] || . "$top/tests/campaign/minilm.sh"
