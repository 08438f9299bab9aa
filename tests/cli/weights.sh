#!/usr/bin/env bash
# cohort export weights: folders from checkpoints, made by hand and by runs; what is refused. transformers itself: tests/campaign/export_weights.sh.
set -u
work=$(mktemp -d -t cohort-weights.XXXXXX)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
python=${COHORT_PYTHON:-/usr/bin/python3}
"$python" -c 'import h5py, numpy' 2> /dev/null || { echo "skipped: $python has no h5py"; exit 77; }
failures=0
fail() { echo "FAILED: $*"; cat err; failures=$((failures + 1)); }
bad() { # bad CODE PATTERN words..: one message that says it
    local code=$1 pattern=$2
    shift 2
    "$COHORT" "$@" > out 2> err
    [ $? = "$code" ] || fail "$*: not exit code $code"
    grep -qE "$pattern" err || fail "$*: does not say '$pattern'"
    [ "$(grep -c '^cohort: ' err)" = 1 ] || fail "$*: not one line"
}
good() { "$COHORT" "$@" > out 2> err || fail "$*"; }

cat > tools.py <<'P'
"""checkpoint NAME: a small BERT as a checkpoint made by hand; same NAME FOLDER: the folder holds its tensors, and the header's rules hold."""
import json, struct, sys
import h5py, numpy
def tensors(file):
    f = h5py.File(file, "r")
    out = {}
    f["model"].visititems(lambda n, d: out.__setitem__(n, d[()]) if isinstance(d, h5py.Dataset) else None)
    return out
def read(path):
    b = open(path, "rb").read()
    n = struct.unpack("<Q", b[:8])[0]
    assert n % 8 == 0, "not aligned"
    h = json.loads(b[8:8 + n])
    assert h.pop("__metadata__") == {"format": "pt"}
    return {k: numpy.frombuffer(b[8 + n:][v["data_offsets"][0]:v["data_offsets"][1]], "<f4").reshape(v["shape"]) for k, v in h.items()}
def same(a, b):
    assert a.keys() == b.keys(), set(a) ^ set(b)
    assert all(a[k].shape == b[k].shape and a[k].tobytes() == b[k].tobytes() for k in a), "other values"
if sys.argv[1] == "same":
    same(tensors(sys.argv[2]), read(sys.argv[3] + "/model.safetensors"))
    sys.exit()
draw = numpy.random.default_rng(1)
names = {"bert.embeddings.word_embeddings.weight": (9, 4), "bert.embeddings.token_type_embeddings.weight": (2, 4),
         "bert.encoder.layer.0.attention.self.query.weight": (4, 4), "bert.encoder.layer.0.attention.self.query.lora_A.weight": (2, 4),
         "bert.encoder.layer.0.attention.self.query.lora_B.weight": (4, 2), "bert.pooler.dense.weight": (4, 4),
         "classifier.weight": (3, 4), "classifier.bias": (3,)}
lora = {"rank": 2, "alpha": 5.0, "dropout": 0.1, "targets": ["query"], "aggregate": "mean"}
model = {"name": "bert", "layers": 1, "hidden": 4, "heads": 2, "dropout": 0, "eps": 1e-12, "activation": "gelu_tanh", "from": "base"}
def write(name, names, model, frozen=()):
    with h5py.File(name, "w") as f:
        for n, shape in names.items():
            f["model/" + n] = draw.normal(size=shape).astype("<f4")
        f.attrs["format"], f.attrs["version"], f.attrs["config"] = "cohort-checkpoint", 1, json.dumps({"model": model})
        f.attrs["tensors"] = json.dumps([{"name": n, "shape": list(s), "role": "frozen" if n in frozen else "shared"} for n, s in names.items()])
plain = {n: s for n, s in names.items() if "lora" not in n}
write("bert.h5", plain, model)
frozen = [n for n in plain if not n.startswith("classifier")] + ["bert.encoder.layer.0.attention.self.query.lora_A.weight"]
write("lora.h5", names, {**model, "lora": lora}, frozen)
write("drawn.h5", names, {**{k: v for k, v in model.items() if k != "from"}, "lora": lora}, frozen)
write("other.h5", {**names, "bert.encoder.layer.0.attention.self.query.lora_B.weight": (3, 2)}, {**model, "lora": lora})
write("empty.h5", {}, model)
# by hand, what the folders must hold
t = tensors("lora.h5")
q = "bert.encoder.layer.0.attention.self.query."
merged = {n: v for n, v in t.items() if "lora" not in n}
merged[q + "weight"] = (t[q + "weight"] + 2.5 * (t[q + "lora_B.weight"].astype("f8") @ t[q + "lora_A.weight"])).astype("<f4")
with h5py.File("merged.h5", "w") as f:
    for n, v in merged.items():
        f["model/" + n] = v
P
"$python" tools.py make || exit 1
mkdir base
printf '[PAD]\nthe\n' > base/vocab.txt
echo '{"model_type": "bert", "pad_token_id": 0, "mine": [1, "x"], "torch_dtype": "float16", "hidden_size": 7}' > base/config.json

# the whole model: the same bits; what the base says beside stays, what we know wins
good export weights bert.h5 -o bert
"$python" tools.py same bert.h5 bert 2> err || fail "bert: other tensors"
cmp -s base/vocab.txt bert/vocab.txt || fail "vocab.txt is not the base's"
"$python" - 2> err << 'P' || fail "config.json"
import json
c = json.load(open("bert/config.json"))
want = {"architectures": ["BertForSequenceClassification"], "model_type": "bert", "vocab_size": 9, "type_vocab_size": 2, "hidden_size": 4,
        "num_hidden_layers": 1, "num_attention_heads": 2, "hidden_dropout_prob": 0, "layer_norm_eps": 1e-12, "hidden_act": "gelu_new",
        "pad_token_id": 0, "mine": [1, "x"], "id2label": {"0": "LABEL_0", "1": "LABEL_1", "2": "LABEL_2"},
        "label2id": {"LABEL_0": 0, "LABEL_1": 1, "LABEL_2": 2}}
assert c == want, c
P
# an adapter: what was trained and both LoRA tensors, under PEFT's names
good export weights lora.h5 -o adapter
"$python" - 2> err << 'P' || fail "adapter"
import json, sys
sys.argv = ["", "same", "bert.h5", "bert"]
try: exec(open("tools.py").read())
except SystemExit: pass
t = {"base_model.model." + n: v for n, v in tensors("lora.h5").items() if "lora" in n or "classifier" in n}
b = open("adapter/adapter_model.safetensors", "rb").read()
open("adapter/model.safetensors", "wb").write(b)
same(t, read("adapter/model.safetensors"))
c = json.load(open("adapter/adapter_config.json"))
assert c["r"] == 2 and c["lora_alpha"] == 5 and c["target_modules"] == ["bert.encoder.layer.0.attention.self.query"], c
assert c["modules_to_save"] == ["classifier"] and c["task_type"] == "SEQ_CLS" and c["base_model_name_or_path"] == "base", c
P
# merged, over a folder of an earlier export: its files are gone
good export weights lora.h5 -o adapter --overwrite merge=true
[ "$(ls adapter | tr '\n' ' ')" = "config.json model.safetensors vocab.txt " ] || fail "merged: $(ls adapter)"
"$python" tools.py same merged.h5 adapter 2> err || fail "merged: other values"

# a model of our own, from a run
good import synthetic devices=4 alpha=0 beta=0 size=20 -o data.h5
printf 'name: t\nrounds: 1\ndata: {file: data.h5}\nmodel: {name: mlp, hidden: [5]}\ndevices: {per_round: 2}\noutput: {dir: run}\n' > t.yaml
good run t.yaml
good export weights run/ckpt-00000001.h5 -o mlp
grep -q 'no architecture of transformers' err || fail "mlp: not told"
[ "$(ls mlp)" = model.safetensors ] || fail "mlp: $(ls mlp)"
"$python" tools.py same run/ckpt-00000001.h5 mlp 2> err || fail "mlp: other tensors"

# and back: initial values from a folder, or its file; steps too small to change a bit keep that model
sed 's/hidden: \[5\]/hidden: [5], init: mlp/; s/dir: run/dir: again/' t.yaml > u.yaml
echo 'local: {lr: 1e-30}' >> u.yaml
good run u.yaml output.dir=again
good run u.yaml output.dir=file model.init=mlp/model.safetensors
for dir in again file; do
    "$python" tools.py same "$dir/ckpt-00000001.h5" mlp 2> err || fail "model.init: other tensors in $dir"
done
bad 3 'has no tensor' run u.yaml output.dir=y model.init=bert
bad 3 'not the model.s shape' run u.yaml output.dir=y 'model.hidden=[6]'

# refused
bad 2 'Add -o FOLDER' export weights bert.h5
bad 2 'bert exists; add --overwrite' export weights bert.h5 -o bert
bad 2 'bert.h5 is no folder' export weights bert.h5 -o bert.h5
touch bert/tokenizer.json
bad 2 'bert holds tokenizer.json' export weights bert.h5 -o bert --overwrite
bad 2 'merge=true, but the model has no LoRA' export weights bert.h5 -o x merge=true
bad 2 'was drawn, not read from a folder' export weights drawn.h5 -o x
bad 3 'the shapes of .*query.weight' export weights other.h5 -o x merge=true
bad 3 'holds no tensor' export weights empty.h5 -o x
bad 3 'data.h5' export weights data.h5 -o x
bad 4 'nothing.h5' export weights nothing.h5 -o x
bad 4 'no/such' export weights bert.h5 -o no/such/x
bad 2 'takes one checkpoint' export weights bert.h5 lora.h5 -o x
bad 2 'the folder that the model came from' export weights bert.h5 -o base --overwrite
[ -e x ] && fail "a refused export leaves a folder"
cmp -s base/vocab.txt bert/vocab.txt || fail "a refused export changes a folder"
# every failure leaves no folder
for site in alloc file_open file_write file_full file_sync file_rename; do
    for nth in 1 2 3; do
        CO_FAULT=$site:*:$nth "$COHORT" export weights bert.h5 -o x > out 2> err && fail "$site:$nth does not strike"
        [ -e x ] && fail "$site:$nth leaves a folder"
        rm -rf x
    done
done
[ -z "$(ls -A . | grep '^\.')" ] || fail "hidden files stay"
[ "$failures" = 0 ]
