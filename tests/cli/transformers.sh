#!/bin/bash
# tests/cli/transformers.sh - a tiny BERT as its users go about it: trained from a preset, written as a folder, taken up from it with
# LoRA, its adapter continued on the base; the same bits on 1 to 4 ranks, after kill -9, and without the base in the checkpoints; what
# is refused. transformers and PEFT themselves, with real weights: tests/campaign/minilm_chain.sh.
set -u
work=$SCRATCH/transformers-$$
mkdir -p "$work" && cd "$work" || exit 1
trap 'rm -rf "$work"' EXIT
. "$SOURCE/jobs/env.sh"
export COHORT_PROGRESS=off
python=${COHORT_PYTHON:-/usr/bin/python3}
"$python" -c 'import h5py, numpy' 2> /dev/null || { echo "skipped: $python has no h5py"; exit 77; }
failures=0
fail() { echo "FAILED: $*"; failures=$((failures + 1)); }
good() { # good WORDS..
    timeout -k 5 300 "$COHORT" "$@" > text 2>&1 || fail "$*: $(cat text)"
}
runs() { # runs RANKS WORDS..
    local n=$1
    shift
    timeout -k 5 300 mpirun --bind-to none -n "$n" "$COHORT" run "$@" > text 2>&1 || fail "$* on $n ranks: $(cat text)"
}
bad() { # bad CODE PATTERN WORDS..: one message that says it, on one rank
    local code=$1 pattern=$2 rc
    shift 2
    timeout -k 5 300 "$COHORT" "$@" > text 2>&1
    rc=$?
    [ $rc -eq "$code" ] || fail "$*: exit code $rc, not $code: $(cat text)"
    grep '^cohort: ' text | grep -qE -- "$pattern" || fail "$*: does not say '$pattern': $(cat text)"
    [ "$(grep '^cohort: ' text | grep -vc '^cohort: warning')" = 1 ] || fail "$*: not one message: $(cat text)"
    echo "| $(grep '^cohort: ' text | head -n 1 | cut -c 9- | sed "s|$work/||g") | $code |"
}
digest() { "$python" -c 'import h5py, sys; print(h5py.File(sys.argv[1] + "/run.h5")["rounds/model_digest"][-1])' "$1"; }
values() { "$python" -c 'import h5py, sys; print(h5py.File(sys.argv[1])["logits"][:].tobytes().hex())' "$1"; }
last() { find "$1" -name 'ckpt-*.h5' | sort | tail -n 1; }
equal() { # equal A B [FAR]: logits, to the bit or within FAR
    "$python" - "$@" <<'P' || fail "logits of $1 and $2"
import sys, h5py, numpy as np
a, b = (h5py.File(f)["logits"][:] for f in sys.argv[1:3])
far = np.abs(a - b).max()
print("logits differ by", far)
sys.exit(not (a.shape == b.shape and np.isfinite(a).all() and np.ptp(a) > 1e-4 and far <= float((sys.argv + ["0"])[3])))
P
}

"$python" - <<'P' || exit 1
import h5py, numpy as np
r = np.random.default_rng(3)
words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"] + ["w%d" % k for k in range(36)]
def texts(name, longest):
    with h5py.File(name, "w") as h:
        y = np.arange(90, dtype="i4") % 3
        ids = [np.r_[2, r.integers(4, 28, n) + 4 * c, 3] for n, c in zip(r.integers(0, longest - 1, 90), y)]
        h["tokens"], h["token_offsets"] = np.concatenate(ids).astype("i4"), np.cumsum([0] + [len(i) for i in ids])
        h["vocab"], h["y"], h["classes"] = [w.encode() for w in words], y, [b"a", b"b", b"c"]
        h["split"] = (np.arange(90) >= 60).astype("u1")
texts("texts.raw.h5", 12), texts("long.raw.h5", 40)
P
good import h5 texts.raw.h5 -o texts.h5
good import h5 long.raw.h5 -o long.h5
cat > preset.yaml <<'Y'
name: tiny
rounds: 4
data: {file: texts.h5}
partition: {method: dirichlet, devices: 6, alpha: 1}
model: {name: bert, layers: 2, hidden: 16, heads: 2, intermediate: 24, most_positions: 12, head: classification}
devices: {per_round: 4}
local: {optimizer: adamw, lr: 0.01, batch: 6, step_schedule: {name: linear, warmup: 0.2}}
eval: {every: 2}
output: {dir: preset, checkpoint_every: 1, keep: 9}
Y
sed 's/^model: .*/model: {from: base, head: classification}/; s/dir: preset/dir: from/' preset.yaml > from.yaml
sed 's/^model: .*/model: {from: base, head: classification, lora: {rank: 2, alpha: 4, targets: [query, value], dropout: 0.2}}/
    s/dir: preset/dir: lora/' preset.yaml > lora.yaml

# A preset, trained; as a folder; and taken up from it: what it says is the same to the bit.
good run preset.yaml
good export weights "$(last preset)" -o base
good predict "$(last preset)" texts.h5 -o preset.p.h5
good predict from.yaml texts.h5 -o from.p.h5
equal preset.p.h5 from.p.h5

[ "$(stat -c %a base/model.safetensors)" = "$(printf '%o' $((0666 & ~$(umask))))" ] || fail "others may not read the folder"

# Folder, cohort, folder: the same bytes, for nothing moves but a head by less than its last bit.
good run from.yaml output.dir=still 'model.freeze=["bert.*"]' rounds=1 local.optimizer=sgd local.lr=1e-30
good export weights "$(last still)" -o again
cmp base/model.safetensors again/model.safetensors || fail "other weights after a way through cohort"
cmp base/vocab.txt again/vocab.txt || fail "another vocabulary"
"$python" -c 'import json; a, b = (json.load(open(f + "/config.json")) for f in ("base", "again")); assert a == b' || fail "another config.json: $(cat base/config.json again/config.json)"

# LoRA with dropout on the folder: any ranks, kill -9, resumed on others; without the base in the checkpoints.
good run lora.yaml
for n in 2 3 4; do
    runs $n lora.yaml output.dir=lora-$n
    [ "$(digest lora-$n)" = "$(digest lora)" ] || fail "other bits on $n ranks"
done
"$COHORT" run lora.yaml output.dir=killed rounds=4000 output.keep=4000 > text 2>&1 &
pid=$!
for _ in $(seq 600); do
    [ ! -e killed/ckpt-00000002.h5 ] || break
    sleep 0.1
done
kill -9 $pid
wait $pid 2> /dev/null
find killed -name 'ckpt-*.h5' | sort | tail -n +4 | xargs -r rm -f # what came after round 3 is lost as well
runs 3 lora.yaml output.dir=killed --resume
[ "$(digest killed)" = "$(digest lora)" ] || fail "other bits after kill -9 and a resume"
good run lora.yaml output.dir=refer output.frozen=refer rounds=2
runs 2 lora.yaml output.dir=refer output.frozen=refer --resume
[ "$(digest refer)" = "$(digest lora)" ] || fail "other bits without the base in the checkpoints"
[ "$(stat -c %s "$(last refer)")" -lt "$(stat -c %s "$(last lora)")" ] || fail "a checkpoint without its base is no smaller"
good predict "$(last lora)" texts.h5 -o lora.p.h5
good predict "$(last refer)" texts.h5 -o refer.p.h5
equal lora.p.h5 refer.p.h5

# The adapter, by PEFT's files, on its base: the same to the bit, and it trains on; merged within rounding.
good export weights "$(last lora)" -o adapter
good predict lora.yaml texts.h5 -o unread.p.h5
sed 's/^model: {/model: {init: adapter, /' lora.yaml > onward.yaml
good predict onward.yaml texts.h5 -o onward.p.h5
equal lora.p.h5 onward.p.h5
[ "$(values unread.p.h5)" != "$(values onward.p.h5)" ] || fail "the adapter changes nothing"
# Of a whole checkpoint beside the folder the head is taken, the frozen base stays the folder's.
good run preset.yaml seed=9 output.dir=stranger
sed "s|^model: {|model: {init: $(last stranger), |" lora.yaml > beside.yaml
for name in lora beside; do
    good predict $name.yaml texts.h5 -o $name.base.h5 output=hidden tap=bert.encoder.layer.0.output.LayerNorm
    good predict $name.yaml texts.h5 -o $name.head.h5
done
"$python" - <<'P' || fail "model.init beside model.from"
import h5py, numpy as np
base, head = ([h5py.File(f"{n}.{what}.h5")[key][:] for n in ("lora", "beside")] for what, key in (("base", "hidden"), ("head", "logits")))
assert (base[0] == base[1]).all() and (head[0] != head[1]).any()
P
# Without alpha it is the rank, also for PEFT.
sed 's/alpha: 4, //; s/dir: lora/dir: plain/' lora.yaml > plain.yaml
good run plain.yaml
good export weights "$(last plain)" -o plain-adapter
good export weights "$(last plain)" -o plain-merged merge=true
"$python" -c 'import json; c = json.load(open("plain-adapter/adapter_config.json")); assert c["lora_alpha"] == c["r"] == 2' || fail "an adapter without alpha"
good predict "$(last plain)" texts.h5 -o plain.p.h5
sed 's/^model: .*/model: {from: plain-merged, head: classification}/' lora.yaml > plain-merged.yaml
good predict plain-merged.yaml texts.h5 -o plain-merged.p.h5
equal plain.p.h5 plain-merged.p.h5 1e-6
sed 's/^model: {/model: {init: refer\/ckpt-00000004.h5, /' lora.yaml > onward2.yaml
good predict onward2.yaml texts.h5 -o onward2.p.h5
equal lora.p.h5 onward2.p.h5
good run onward.yaml output.dir=onward
runs 2 onward.yaml output.dir=onward-2 output.frozen=refer rounds=2
good run onward.yaml output.dir=onward-2 output.frozen=refer --resume
[ "$(digest onward)" = "$(digest onward-2)" ] || fail "an adapter continued: other bits"
good predict "$(last onward-2)" texts.h5 -o onward-2.p.h5
good predict "$(last onward)" texts.h5 -o onward-1.p.h5
equal onward-1.p.h5 onward-2.p.h5
good export weights "$(last lora)" -o merged merge=true
sed 's/from: base/from: merged/' from.yaml > merged.yaml
good predict merged.yaml texts.h5 -o merged.p.h5
equal lora.p.h5 merged.p.h5 2e-6
# A head alone, on the bare model.
good run from.yaml output.dir=head 'model.freeze=["bert.*"]'
sed "s/^model: {/model: {init: head\/ckpt-00000004.h5, freeze: ['bert.*'], /" from.yaml > head.yaml
good predict head.yaml texts.h5 -o head.p.h5
good predict head/ckpt-00000004.h5 texts.h5 -o head-ckpt.p.h5
equal head.p.h5 head-ckpt.p.h5

# ---- what is refused
echo '| message | exit code |'
echo '|---|---|'
folder() { rm -rf "$1" && cp -r base "$1"; }
folder cut && head -c 3000 base/model.safetensors > cut/model.safetensors
bad 3 'cut/model.safetensors' run from.yaml output.dir=new model.from=cut
folder head && head -c 5 base/model.safetensors > head/model.safetensors
bad 3 'head/model.safetensors' run from.yaml output.dir=new model.from=head
folder long && { printf '\xff\xff\xff\xff\xff\xff\xff\x7f' && tail -c +9 base/model.safetensors; } > long/model.safetensors
bad 3 'long/model.safetensors' run from.yaml output.dir=new model.from=long
folder lies && sed -i 's/"intermediate_size": 24/"intermediate_size": 32/' lies/config.json
bad 3 'lies.*intermediate.dense.weight is \[24, 16\], the model.s \[32, 16\]' run from.yaml output.dir=new model.from=lies
folder deep && sed -i 's/"num_hidden_layers": 2/"num_hidden_layers": 3/' deep/config.json
bad 3 'missing .*encoder.layer.2' run from.yaml output.dir=new model.from=deep
folder vast && sed -i 's/"hidden_size": 16/"hidden_size": 1600000000/' vast/config.json
bad 3 'vast/config.json' run from.yaml output.dir=new model.from=vast
folder heads && sed -i 's/"num_attention_heads": 2/"num_attention_heads": 5/' heads/config.json
bad 3 'heads' run from.yaml output.dir=new model.from=heads
folder other && sed -i 's/"model_type": "bert"/"model_type": "t5"/' other/config.json
bad 3 'model_type is t5; known are bert' run from.yaml output.dir=new model.from=other
folder json && head -c 50 base/config.json > json/config.json
bad 3 'json/config.json' run from.yaml output.dir=new model.from=json
bad 2 'cut/model.safetensors is a file; name the folder' run from.yaml output.dir=new model.from=cut/model.safetensors
bad 4 'nowhere/config.json' run from.yaml output.dir=new model.from=nowhere
folder empty && rm empty/model.safetensors
bad 4 'empty' run from.yaml output.dir=new model.from=empty
{ cat base/vocab.txt && echo w3; } > doubled.txt
printf "w1 O\nw2 B-x\n\n" > line.conll
bad 3 'doubled.txt.*w3' import conll train=line.conll tokens=wordpiece vocab=doubled.txt -o new.h5
bad 2 'positions for 12 tokens.*max_tokens=12' run from.yaml output.dir=new data.file=long.h5
bad 2 'matches|match' run lora.yaml output.dir=new 'model.lora.targets=[querry]'
bad 2 'classifer' run from.yaml output.dir=new 'model.freeze=["classifer.*"]'
bad 2 'made with alpha .*model.lora has 0.5' run onward.yaml output.dir=new model.lora.alpha=0.5
bad 3 'belongs to another model' run preset.yaml output.dir=new model.init=adapter
"$python" - << 'P'
import json, struct
head = json.dumps({"x": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
open("bare.safetensors", "wb").write(struct.pack("<Q", len(head)) + head + struct.pack("<f", 1))
P
bad 2 'holds none of the .* tensors' run lora.yaml output.dir=new model.init=bare.safetensors
bad 3 'no place for bert.*value.lora_A.weight' run onward.yaml output.dir=new 'model.lora.targets=[query]'
bad 3 'not the model.s shape' run onward.yaml output.dir=new model.lora.rank=3
bad 4 'nowhere' run onward.yaml output.dir=new model.init=nowhere
[ ! -e new ] && [ ! -e new.h5 ] || fail "something is left of what was refused: $(ls -R new*)"

[ $failures -eq 0 ] && echo "transformers: all as it should be"
exit $((failures > 0))
