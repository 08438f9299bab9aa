#!/bin/bash
# tests/cli/lora.sh - changes of low rank: what travels, what a node holds, and checkpoints that leave the frozen base out
# (output.frozen: refer): resumed, taken as model.init, shown, and refused with another base.
set -u
work=$SCRATCH/lora-$$
mkdir -p "$work" && cd "$work" || exit 1
trap 'rm -rf "$work"' EXIT
export COHORT_PROGRESS=off
python=/usr/bin/python3
failures=0
fail() { echo "FAILED: $*"; failures=$((failures + 1)); }
$python -c 'import h5py' 2> /dev/null || { echo "skipped: $python has no h5py"; exit 77; }
run() { # run WORDS..: must end well
    timeout -k 5 200 "$COHORT" run "$@" > text 2>&1 || fail "$*: $(cat text)"
}
runs() { # runs RANKS WORDS..
    local n=$1
    shift
    timeout -k 5 200 mpirun --bind-to none -n "$n" "$COHORT" run "$@" > text 2>&1 || fail "$* on $n ranks: $(cat text)"
}
refused() { # refused CODE WORD WORDS..
    local code=$1 word=$2 rc
    shift 2
    timeout -k 5 200 "$COHORT" run "$@" > text 2>&1
    rc=$?
    [ $rc -eq "$code" ] || fail "$*: exit code $rc, not $code: $(cat text)"
    grep -q -- "$word" text || fail "$*: nothing of $word: $(cat text)"
}
digests() { $python -c 'import h5py, sys; print(*h5py.File(sys.argv[1] + "/run.h5")["rounds/model_digest"][:])' "$1"; }
tensors() { $python -c 'import h5py, sys, glob; h = h5py.File(sorted(glob.glob(sys.argv[1] + "/ckpt-*.h5"))[-1]); print(*sorted(h["model"]))' "$1"; }

cat > low.yaml <<'Y'
name: low
rounds: 4
data: {generator: synthetic, devices: 6, size: 30, features: 40, alpha: 1, beta: 1, test_fraction: 0.2}
model:
  layers: [{dense: 300, name: in}, tanh, {residual: [{feed_forward: 300}]}, {dense: classes, name: classifier}]
  lora: {rank: 2, alpha: 4, targets: [in, out], dropout: 0.2}
devices: {per_round: 3}
local: {batch: 8, lr: 0.1}
output: {dir: kept, checkpoint_every: 1, keep: 9}
Y

# What travels: B and A of both layers and the head, or without A.
run low.yaml --dry-run
grep -q "parameters (6090 travel)" text || fail "mean: $(grep parameters text)"
run low.yaml model.lora.aggregate=freeze_a --dry-run
grep -q "parameters (4810 travel)" text || fail "freeze_a: $(grep parameters text)"
run low.yaml --dry-run 'model.lora.targets=[in]' 'model.freeze=[classifier.*]'
grep -q "parameters (1880 travel)" text || fail "without the head: $(grep parameters text)"

# The same bits on any number of ranks.
run low.yaml
for n in 2 3 4; do
    runs $n low.yaml output.dir=kept-$n
    [ "$(digests kept)" = "$(digests kept-$n)" ] || fail "other bits on $n ranks"
done
"$COHORT" show kept/ckpt-00000004.h5 > shown
grep -q "in.lora_A.weight .* shared" shown || fail "show names no change of low rank: $(cat shown)"
grep -q "in.weight .* frozen" shown || fail "show names no frozen tensor"

# Without the base: smaller, complete, and the same after a resume.
run low.yaml output.dir=referred output.frozen=refer rounds=2
runs 2 low.yaml output.dir=referred output.frozen=refer --resume
[ "$(digests kept)" = "$(digests referred)" ] || fail "other bits after a resume without the base"
names=$(tensors referred)
[ "$names" = "2.0.in.lora_A.weight 2.0.in.lora_B.weight 2.0.out.lora_A.weight 2.0.out.lora_B.weight classifier.bias \
classifier.weight in.lora_A.weight in.lora_B.weight" ] || fail "without the base: $names"
a=$(stat -c %s kept/ckpt-00000004.h5) b=$(stat -c %s referred/ckpt-00000004.h5)
[ $((a - b)) -gt 1400000 ] || fail "$b bytes without the base, $a with it"
"$COHORT" show referred/ckpt-00000004.h5 > shown || fail "show: $(cat shown)"
grep -q "in.weight .*not in this file" shown || fail "show: $(cat shown)"
grep -q "seed 1" shown || fail "show does not say where the base comes from: $(cat shown)"

# As model.init: the base is drawn again (another seed here), or read again, file after file.
run low.yaml output.dir=from-kept model.init=kept/ckpt-00000004.h5 seed=5
run low.yaml output.dir=from-referred model.init=referred/ckpt-00000004.h5 seed=5 output.frozen=refer
[ "$(digests from-kept)" = "$(digests from-referred)" ] || fail "another base was drawn"
run low.yaml output.dir=third model.init=from-referred/ckpt-00000004.h5 seed=6
run low.yaml output.dir=third-kept model.init=from-kept/ckpt-00000004.h5 seed=6
[ "$(digests third)" = "$(digests third-kept)" ] || fail "another base was read"

# Another base: one message.
cp kept/ckpt-00000004.h5 base.h5
run low.yaml output.dir=based model.init=base.h5 output.frozen=refer rounds=2
cp referred/ckpt-00000002.h5 keep.h5
run low.yaml output.dir=other seed=9 rounds=1
cp other/ckpt-00000001.h5 base.h5
refused 2 "model.init base.h5" low.yaml output.dir=based model.init=base.h5 output.frozen=refer rounds=3 --resume
[ "$(wc -l < text)" -le 2 ] || fail "more than one message: $(cat text)"
refused 2 "frozen tensors were left out" low.yaml output.dir=fourth model.init=based/ckpt-00000002.h5
rm base.h5
refused 4 "base.h5" low.yaml output.dir=fourth model.init=based/ckpt-00000002.h5

[ $failures -eq 0 ] && echo "changes of low rank: all as it should be"
exit $((failures > 0))
