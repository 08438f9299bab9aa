#!/bin/bash
# tests/cli/seq2seq.sh - texts from texts: the same bits on 1 to 4 ranks, without lowering, after kill -9 and a resume; predictions a row
# of the target; a folder of Bart taken up, trained, written and taken up again; what does not go together.
set -u
work=$SCRATCH/seq2seq-$$
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
bad() { # bad CODE PATTERN WORDS..: one message that says it
    local code=$1 pattern=$2 rc
    shift 2
    timeout -k 5 300 "$COHORT" "$@" > text 2>&1
    rc=$?
    [ $rc -eq "$code" ] || fail "$*: exit code $rc, not $code: $(cat text)"
    grep '^cohort: ' text | grep -qE -- "$pattern" || fail "$*: does not say '$pattern': $(cat text)"
    [ "$(grep '^cohort: ' text | grep -vc '^cohort: warning')" = 1 ] || fail "$*: not one message: $(cat text)"
}
digest() { "$COHORT" show "$1" --digest; }

"$python" - <<'P' || exit 1
import h5py, numpy as np
r = np.random.default_rng(3)
def pairs(name, longest, task="seq2seq"):
    source = [r.integers(3, 10, k % (longest + 1)) for k in range(80)]  # some are empty
    target = [np.r_[2, s[::-1], 0] for s in source]
    with h5py.File(name, "w") as h:
        for own, texts in (("", source), ("target_", target)):
            h[own + "tokens"] = np.concatenate(texts).astype("i4")
            h["target_offsets" if own else "token_offsets"] = np.cumsum([0] + [len(t) for t in texts])
        h["vocab_size"], h["user"] = [11], (np.arange(80) % 8).astype("i4")
        h["split"] = (np.arange(80) >= 64).astype("u1")
        h.attrs["task"] = task
        texts = [b"words of %d" % k for k in range(80)]  # no numbers: nothing that is written has them
        h["answers"], h["answer_bounds"] = np.frombuffer(b"".join(texts), "u1"), np.cumsum([0] + [len(t) for t in texts])
        h["answer_offsets"] = np.arange(81)
pairs("pairs.raw.h5", 5)
pairs("long.raw.h5", 9)
P
good import h5 pairs.raw.h5 -o pairs.h5
good import h5 long.raw.h5 -o long.h5
cat > e.yaml <<Y
seed: 4
rounds: 4
data: {file: pairs.h5}
partition: {method: natural}
model: {name: seq2seq_transformer, layers: 1, decoder_layers: 2, hidden: 8, heads: 2, most_positions: 9}
devices: {per_round: 4}
local: {optimizer: adamw, lr: 0.01, batch: 3}
eval: {every: 2}
output: {dir: one, checkpoint_every: 1, keep: 50}
Y

# ---- the same bits
declare -A model=([transformer]='{name: seq2seq_transformer, layers: 1, decoder_layers: 2, hidden: 8, heads: 2, most_positions: 9}'
    [lstm]='{name: seq2seq_lstm, embedding: 6, units: 7}'
    [bart]="{from: '$SOURCE/tests/reference/folders/bart_pairs'}")
for name in transformer lstm bart; do
    for n in 1 2 3 4; do runs $n e.yaml model="${model[$name]}" output.dir=$name.$n; done
    for n in 2 3 4; do
        [ "$(digest $name.1/run.h5)" = "$(digest $name.$n/run.h5)" ] || fail "$name on $n ranks differs"
    done
    COHORT_LOWERING=off runs 1 e.yaml model="${model[$name]}" output.dir=$name.off
    [ "$(digest $name.1/run.h5)" = "$(digest $name.off/run.h5)" ] || fail "$name differs without lowering"
done

# ---- texts of numbers: marks are no part of them, nor of their references
runs 1 e.yaml eval='{every: 4, generate: {beams: 2}}' output.dir=written
good predict written/ckpt-00000004.h5 pairs.h5 -o text.h5 output=text beams=2 split=test
"$python" - <<'P' || fail "rouge1 of texts of numbers"
import collections, h5py, numpy as np
data, text, run = (h5py.File(f) for f in ("pairs.h5", "text.h5", "written/run.h5"))
scores, at = [], text["text_offsets"][:]
for k, i in enumerate(text["id"][:]):
    words = text["text"][at[k]:at[k + 1]].tobytes().decode().split()
    wanted = [str(t) for t in data["target_tokens"][data["target_offsets"][i] + 1:data["target_offsets"][i + 1] - 1]]
    same = sum((collections.Counter(words) & collections.Counter(wanted)).values())
    scores.append(2 * same / (len(words) + len(wanted)) if same else 0)
assert len(scores) == 16 and sum(scores) > 0
np.testing.assert_allclose(run["eval"]["rouge1"][-1], np.mean(scores), rtol=1e-12)
P

# ---- a stop in the middle
runs 1 e.yaml rounds=40 output.dir=calm
timeout -k 5 100 mpirun --bind-to none -n 2 "$COHORT" run e.yaml rounds=40 output.dir=killed-$$ > text 2>&1 &
job=$!
for _ in $(seq 400); do [ -e killed-$$/ckpt-00000003.h5 ] && break; sleep 0.02; done
pkill -KILL -f "run e.yaml rounds=40 output.dir=killed-$$\$"
wait $job 2> /dev/null
[ -e killed-$$/ckpt-00000040.h5 ] && echo "the run was done before it was killed"
runs 3 e.yaml rounds=40 output.dir=killed-$$ --resume
for f in run.h5 ckpt-00000040.h5; do
    [ "$(digest calm/$f)" = "$(digest killed-$$/$f)" ] || fail "$f differs after a kill"
done

# ---- predictions
for n in 1 3; do
    for output in logits loss; do
        timeout -k 5 100 mpirun --bind-to none -n $n "$COHORT" predict transformer.1/ckpt-00000004.h5 pairs.h5 -o $output.$n.h5 \
            output=$output split=test > text 2>&1 || fail "predict $output on $n ranks: $(cat text)"
        [ "$(digest $output.1.h5)" = "$(digest $output.$n.h5)" ] || fail "$output on $n ranks differs"
    done
done
good predict transformer.1/ckpt-00000004.h5 pairs.h5 -o hidden.h5 output=hidden split=test
good predict transformer.1/ckpt-00000004.h5 pairs.h5 -o encoded.h5 output=hidden split=test tap=encoder.norm
"$python" - <<'P' > text 2>&1 || fail "predictions: $(cat text)"
import h5py, numpy as np
d, run = h5py.File("pairs.h5"), h5py.File("transformer.1/run.h5")
logits, loss, hidden, encoded = (h5py.File(f) for f in ("logits.1.h5", "loss.1.h5", "hidden.h5", "encoded.h5"))
begin, end = d["target_offsets"][:][64:80], d["target_offsets"][:][65:]
y = np.concatenate([d["target_tokens"][:][b + 1:e] for b, e in zip(begin, end)])
assert list(logits["offsets"][:]) == list(np.cumsum(np.r_[0, end - begin - 1])), "offsets of logits are not those of targets"
out = logits["logits"][:].astype("f8")
own = np.log(np.exp(out).sum(1)) - out[np.arange(len(y)), y]
assert np.allclose(own, loss["loss"][:], atol=1e-5), "losses are not those of the logits"
rows = run["eval/split"][:] == 1
told = run["eval/loss"][:][rows][-1], run["eval/accuracy"][:][rows][-1], run["eval/perplexity"][:][rows][-1]
assert np.allclose((own.mean(), (out.argmax(1) == y).mean(), np.exp(own.mean())), told, rtol=1e-5), told
assert hidden["hidden"].shape == (len(y), 8) and encoded["hidden"].shape[0] == d["token_offsets"][80] - d["token_offsets"][64]
P

# ---- Bart: what was trained and written gives the same values when it is taken up again
good export weights bart.1/ckpt-00000004.h5 -o tuned
good predict bart.1/ckpt-00000004.h5 pairs.h5 -o before.h5 split=test
sed 's/^model: .*/model: {from: tuned}/' e.yaml > again.yaml
good predict again.yaml pairs.h5 -o after.h5 split=test
"$python" - "$SOURCE/tests/reference/folders/bart_pairs" <<'P' > text 2>&1 || fail "Bart: $(cat text)"
import h5py, json, numpy, struct, sys
def names(folder):
    b = open(folder + "/model.safetensors", "rb").read()
    return {k: v["shape"] for k, v in json.loads(b[8:8 + struct.unpack("<Q", b[:8])[0]]).items() if k != "__metadata__"}
first, own = names(sys.argv[1]), names("tuned")
first.pop("final_logits_bias")
assert first == own, set(map(str, first.items())) ^ set(map(str, own.items()))
a, b = (json.load(open(f + "/config.json")) for f in (sys.argv[1], "tuned"))
for key in ("architectures", "model_type", "d_model", "encoder_layers", "decoder_layers", "encoder_ffn_dim", "decoder_ffn_dim",
            "encoder_attention_heads", "decoder_attention_heads", "max_position_embeddings", "vocab_size", "scale_embedding",
            "decoder_start_token_id"):
    assert a[key] == b[key], (key, a[key], b[key])
x, y = (h5py.File(f)["logits"][:] for f in ("before.h5", "after.h5"))
assert x.tobytes() == y.tobytes() and numpy.ptp(x) > 0.1, abs(x - y).max()
# a folder whose final_logits_bias is not zero
import os, shutil
shutil.copytree(sys.argv[1], "biased")
path = "biased/model.safetensors"
os.chmod(path, 0o644)
b = bytearray(open(path, "rb").read())
n = struct.unpack("<Q", b[:8])[0]
at = json.loads(b[8:8 + n])["final_logits_bias"]["data_offsets"][0]
b[8 + n + at + 4:8 + n + at + 8] = struct.pack("<f", 0.5)
open(path, "wb").write(b)
P
bad 3 'biased/model.safetensors: final_logits_bias\[1\] is 0.5; only zeros' run e.yaml 'model={from: biased}' output.dir=x

# ---- memory, and what does not go together
good run e.yaml --dry-run
grep -q '2.5 tokens of a source, 3.5 of a target' text || fail "dry run: $(grep tokens text)"
bad 2 'positions for 4 tokens, but the longest source of the data has 5' run e.yaml model.most_positions=4 output.dir=x
bad 2 'positions for 5 tokens, but the longest target of the data has 6' run e.yaml model.most_positions=5 output.dir=x
bad 2 'positions for 7 tokens, but the longest source of the data has 9' run e.yaml "model=${model[bart]}" data.file=long.h5 output.dir=x
bad 2 'decoder.*add the list encoder' run e.yaml 'model={decoder: [{embedding: 4}, {dense: classes}]}' output.dir=x
bad 2 'no decoder is around it' run e.yaml 'model={layers: [{embedding: 4}, {attention: {heads: 2, cross: true}}]}' output.dir=x
bad 2 'put \{decoder: \[\.\.\]\} behind' run e.yaml 'model={layers: [{embedding: 4}, {dense: classes}]}' output.dir=x
bad 2 'reads targets, but the task lm has none' run e.yaml data.task=lm output.dir=x
bad 2 'bart has no head for the task lm' run e.yaml data.task=lm "model=${model[bart]}" output.dir=x
printf 'a b\nb\n' > source && printf 'c\nd e\n' > target
good import pairs source=source target=target -o two.h5
bad 2 'shared=true' run e.yaml data.file=two.h5 partition='{method: iid, devices: 2}' devices.per_round=2 eval.every=0 model='{name: bart, layers: 1, hidden: 8, heads: 2, most_positions: 9}' output.dir=no
bad 2 'gpt2 has no head for the task seq2seq: it reads no targets' run e.yaml 'model={name: gpt2, hidden: 8, heads: 2}' output.dir=x
[ "$failures" -eq 0 ] || exit 1
