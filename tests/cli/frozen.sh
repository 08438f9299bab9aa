#!/bin/bash
# tests/cli/frozen.sh - frozen tensors cost no exchange: what ranks hand to MPI, counted by a preloaded library (tests/pmpi), with all
# but the last layer of a network frozen; and the same bits on any number of ranks and nodes, through every wire, after a resume.
set -u
work=$SCRATCH/frozen-$$
mkdir -p "$work" && cd "$work" || exit 1
trap 'rm -rf "$work"' EXIT
export COHORT_PROGRESS=off ASAN_OPTIONS="${ASAN_OPTIONS-}:verify_asan_link_order=0"
python=/usr/bin/python3
failures=0
fail() { echo "FAILED: $*"; failures=$((failures + 1)); }
$python -c 'import h5py' 2> /dev/null || { echo "skipped: $python has no h5py"; exit 77; }
on() { # on RANKS NODES words..
    local n=$1 nodes=$2
    shift 2
    timeout -k 5 100 mpirun --bind-to none -n "$n" env LD_PRELOAD="$PMPI" PMPI_NODES="$nodes" PMPI_COUNTS=counts \
        "$COHORT" run "$@" > text 2>&1 || fail "$* on $n ranks, $nodes nodes: $(cat text)"
}
sent() { # sent RANK: bytes that the rank handed to MPI
    awk '{ n += $1 } END { printf "%d\n", n }' "counts.$1"
}
digests() { $python -c 'import h5py, sys; print(*h5py.File(sys.argv[1] + "/run.h5")["rounds/model_digest"][:])' "$1"; }

$python - <<'P' || exit 1
import h5py, numpy as np
r = np.random.default_rng(2)
with h5py.File("pictures.h5", "w") as h:
    h["x"] = r.integers(0, 256, (60, 3, 32, 32), dtype="u1")
    h["y"] = np.arange(60) % 10
    h["split"] = np.zeros(60, "u1")
P
cat > cnn.yaml <<'Y'
name: cnn
data: {file: pictures.h5}
partition: {method: iid, devices: 4}
model: {name: cifar_cnn}
devices: {per_round: 2}
local: {batch: 8, max_examples: 8}
eval: {every: 0}
output: {checkpoint_every: 0}
Y
frozen='[0.weight, 0.bias, 2.weight, 2.bias, 7.weight, 7.bias]'
# per_round RANK words..: bytes a round, from runs of 2 and of 6 rounds
per_round() {
    local rank=$1 few many
    shift
    rm -rf out
    on 2 2 cnn.yaml output.dir=out rounds=2 "$@"
    few=$(sent "$rank")
    rm -rf out
    on 2 2 cnn.yaml output.dir=out rounds=6 "$@"
    many=$(sent "$rank")
    echo $(((many - few) / 4))
}
all=$(per_round 1)
[ "$all" -gt 13000000 ] || fail "everything travels: only $all bytes a round"
for rank in 0 1; do
    some=$(per_round $rank model.freeze="$frozen")
    echo "rank $rank: $some bytes a round of $all"
    [ "$some" -lt 20000 ] && [ "$some" -gt 5000 ] || fail "the last layer travels: $some bytes a round from rank $rank"
done
# The rule's own vector travels as the model does, the devices' in whole blocks.
some=$(per_round 1 model.freeze="$frozen" algorithm=scaffold)
[ "$some" -lt 60000 ] || fail "the last layer and its control variate travel: $some bytes a round"

cat > e.yaml <<'Y'
name: frozen
rounds: 4
data: {generator: synthetic, devices: 12, alpha: 1, beta: 1, size: 20, features: 60}
model: {name: mlp, hidden: [150, 40]}
devices: {per_round: 6}
local: {batch: 8, lr: 0.05, weight_decay: 0.1}
eval: {every: 0}
output: {checkpoint_every: 2}
Y
for words in algorithm=fedyogi algorithm=scaffold 'aggregate={rule: krum, f: 1}' 'transforms=[{name: momentum}, {name: clip, norm: 0.1}]' \
    'devices={per_round: 6, attack: gaussian, attackers: 3}'; do
    for tensors in '[1.weight]' '[1.weight, 3.weight, 5.bias]'; do
        rm -rf one many
        on 1 1 e.yaml output.dir=one model.freeze="$tensors" "$words"
        on 3 3 e.yaml output.dir=many model.freeze="$tensors" "$words" rounds=2
        on 4 2 e.yaml output.dir=many model.freeze="$tensors" "$words" rounds=4 --resume
        [ "$(digests one)" = "$(digests many)" ] || fail "$words with $tensors frozen: other bits on 3 and 4 ranks"
    done
done
exit $((failures > 0))
