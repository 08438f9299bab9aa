"""What transformers and PEFT make of folders that `cohort export weights` writes, and of weights that they wrote themselves.

Small random models of each architecture, written as a checkpoint made by hand (h5py), exported and loaded again: no missing and
no unexpected key, the same bits, the same logits, and the file that save_pretrained writes byte for byte. With LoRA: the adapter
by PeftModel on its base, and merged.
usage: export_weights.py COHORT (in an empty folder). Needs torch, transformers, peft, safetensors, h5py."""
import copy
import json
import os
import shutil
import subprocess
import sys

import h5py
import numpy
import peft
import safetensors.torch
import torch
import transformers as t
from torch import nn

cohort = sys.argv[1]
torch.manual_seed(1)
ids = torch.tensor([[2, 5, 7, 11, 3], [2, 9, 4, 30, 3]])
checks = 0


def check(good, *what):
    global checks
    checks += 1
    if not good:
        sys.exit("FAILED: " + " ".join(map(str, what)))


def spread(model):
    """Initial biases are 0 and norms 1: other values show a swapped tensor."""
    for p in model.parameters():
        nn.init.normal_(p, std=0.2)
    return model.eval()


def checkpoint(path, tensors, model, frozen=(), **sections):
    """A checkpoint made by hand: tensors below model/, the experiment as YAML (JSON is YAML)."""
    with h5py.File(path, "w") as f:
        for name, value in tensors.items():
            f["model/" + name] = value.detach().numpy()
        f.attrs["format"] = "cohort-checkpoint"
        f.attrs["version"] = 1
        f.attrs["config"] = json.dumps({"model": model, **sections})
        roles = [{"name": n, "shape": list(v.shape), "role": "frozen" if n in frozen else "shared"} for n, v in tensors.items()]
        f.attrs["tensors"] = json.dumps(roles)


def export(path, to, *words):
    shutil.rmtree(to, ignore_errors=True)
    p = subprocess.run([cohort, "export", "weights", path, "-o", to, *words], capture_output=True, text=True)
    check(p.returncode == 0, words, p.stderr)


def parameters(model):
    """The state_dict without what is tied, as save_pretrained keeps it."""
    return {n: p for n, p in model.named_parameters()}


def logits(model):
    out = model(input_ids=ids)
    if hasattr(out, "start_logits"):
        return torch.stack((out.start_logits, out.end_logits), 2)
    return out.logits if hasattr(out, "logits") else out.last_hidden_state


def with_labels(config, n):
    config = copy.deepcopy(config)
    config.num_labels = n
    return config


common = {"layers": 2, "hidden": 32, "heads": 4, "intermediate": 48, "most_positions": 24, "dropout": 0.1, "attention_dropout": 0.2}
bert = t.BertConfig(vocab_size=40, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=48,
                    max_position_embeddings=24, attention_probs_dropout_prob=0.2, layer_norm_eps=1e-10, num_labels=3)
distilbert = t.DistilBertConfig(vocab_size=40, dim=32, n_layers=2, n_heads=4, hidden_dim=48, max_position_embeddings=24,
                                attention_dropout=0.2, num_labels=3)
gpt2 = t.GPT2Config(vocab_size=40, n_embd=32, n_layer=2, n_head=4, n_inner=48, n_positions=24, attn_pdrop=0.2, embd_pdrop=0.0, activation_function="gelu_new",
                    layer_norm_epsilon=1e-4, num_labels=3, pad_token_id=0, bos_token_id=1, eos_token_id=2)
llama = t.LlamaConfig(vocab_size=40, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
                      intermediate_size=48, max_position_embeddings=24, rms_norm_eps=1e-4, rope_theta=5000.0,
                      attention_dropout=0.2, num_labels=3, pad_token_id=0)
own = {"bert": {"eps": 1e-10}, "distilbert": {}, "gpt2": {"eps": 1e-4, "activation": "gelu_tanh", "embedding_dropout": 0},
       "llama": {"eps": 1e-4, "kv_heads": 2, "rope_theta": 5000.0, "tied": False}}
cases = [("bert", bert, "none", t.AutoModel), ("bert", bert, "classification", t.AutoModelForSequenceClassification),
         ("bert", bert, "tagging", t.AutoModelForTokenClassification), ("bert", bert, "mlm", t.AutoModelForMaskedLM),
         ("distilbert", distilbert, "none", t.AutoModel), ("distilbert", distilbert, "mlm", t.AutoModelForMaskedLM),
         ("distilbert", distilbert, "classification", t.AutoModelForSequenceClassification),
         ("distilbert", distilbert, "tagging", t.AutoModelForTokenClassification),
         ("bert", with_labels(bert, 2), "span", t.AutoModelForQuestionAnswering),
         ("distilbert", with_labels(distilbert, 2), "span", t.AutoModelForQuestionAnswering),
         ("gpt2", gpt2, "none", t.AutoModel), ("gpt2", gpt2, "lm", t.AutoModelForCausalLM),
         ("gpt2", gpt2, "classification", t.AutoModelForSequenceClassification),
         ("gpt2", gpt2, "tagging", t.AutoModelForTokenClassification),
         ("llama", llama, "none", t.AutoModel), ("llama", llama, "lm", t.AutoModelForCausalLM),
         ("llama", llama, "classification", t.AutoModelForSequenceClassification),
         ("llama", llama, "tagging", t.AutoModelForTokenClassification)]

# ---- every architecture and head: the same model again
for name, config, head, auto in cases:
    model = spread(auto.from_config(config))
    options = {"name": name, "head": "task", **common, **own[name]}
    if name == "llama":
        del options["dropout"]
    what = name + "-" + head
    if name in ("gpt2", "llama"):  # special tokens are no options: they come from the folder that the model came from
        model.save_pretrained(what + "-from")
        options["from"] = what + "-from"
    checkpoint(what + ".h5", parameters(model), options)
    export(what + ".h5", what)
    again, info = auto.from_pretrained(what, output_loading_info=True)
    check(not any(info[k] for k in info), what, info)
    check(type(again) is type(model), what, type(again))
    ours, theirs = parameters(again), parameters(model)
    check(ours.keys() == theirs.keys(), what)
    check(all(torch.equal(ours[n], theirs[n]) for n in ours), what, "other bits")
    check(torch.equal(logits(again.eval()), logits(model)), what, "other logits")
    same = ["vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "tie_word_embeddings"]
    same += [k for k in config.to_dict() if "dropout" in k or "pdrop" in k or "eps" in k or "token_id" in k or "inner" in k]
    for key in same:
        if key not in ("classifier_dropout", "seq_classif_dropout", "qa_dropout"):
            check(getattr(again.config, key) == getattr(model.config, key), what, key, getattr(again.config, key))
    model.save_pretrained("theirs")
    check(open("theirs/model.safetensors", "rb").read() == open(what + "/model.safetensors", "rb").read(), what, "other bytes")
    print(what, "ok")

# ---- LoRA: an adapter for PEFT on its base, and merged
for name, config, head, auto, targets, task in [
        ("bert", bert, "classification", t.AutoModelForSequenceClassification, ["query", "value"], "SEQ_CLS"),
        ("distilbert", distilbert, "tagging", t.AutoModelForTokenClassification, ["q_lin", "v_lin"], "TOKEN_CLS"),
        ("bert", with_labels(bert, 2), "span", t.AutoModelForQuestionAnswering, ["query", "value"], "QUESTION_ANS"),
        ("gpt2", gpt2, "lm", t.AutoModelForCausalLM, ["c_attn", "c_proj"], "CAUSAL_LM"),
        ("llama", llama, "lm", t.AutoModelForCausalLM, ["q_proj", "v_proj"], "CAUSAL_LM")]:
    what = f"{name}-{head}-lora"
    base = spread(auto.from_config(config))
    base.save_pretrained(what + "-base")
    lora = peft.LoraConfig(r=4, lora_alpha=6, lora_dropout=0.1, target_modules=targets, task_type=task, fan_in_fan_out=name == "gpt2")
    model = peft.get_peft_model(base, lora)
    for n, p in model.named_parameters():
        if p.requires_grad:
            nn.init.normal_(p, std=0.3)
    model.eval()
    tensors, frozen = {}, []
    for n, p in model.named_parameters():
        plain = n.removeprefix("base_model.model.").replace(".base_layer", "").replace(".default", "").replace(".modules_to_save", "")
        if ".original_module" in plain:
            continue
        tensors[plain] = p
        if not p.requires_grad:
            frozen.append(plain)
    options = {"name": name, "head": head, "from": what + "-base", **common, **own[name],
               "lora": {"rank": 4, "alpha": 6.0, "dropout": 0.1, "targets": targets, "aggregate": "mean"}}
    checkpoint(what + ".h5", tensors, options, frozen)
    export(what + ".h5", what)
    check(sorted(os.listdir(what)) == ["adapter_config.json", "adapter_model.safetensors"], os.listdir(what))
    again = peft.PeftModel.from_pretrained(auto.from_pretrained(what + "-base"), what).eval()
    check(torch.equal(logits(again), logits(model)), what, "other logits")
    model.save_pretrained("theirs-lora")
    ours = safetensors.torch.load_file(what + "/adapter_model.safetensors")
    theirs = safetensors.torch.load_file("theirs-lora/adapter_model.safetensors")
    check(ours.keys() == theirs.keys() and all(torch.equal(ours[n], theirs[n]) for n in ours), what, "not as PEFT keeps it")
    auto_model = {"SEQ_CLS": peft.AutoPeftModelForSequenceClassification, "TOKEN_CLS": peft.AutoPeftModelForTokenClassification,
                  "CAUSAL_LM": peft.AutoPeftModelForCausalLM, "QUESTION_ANS": peft.AutoPeftModelForQuestionAnswering}[task]
    again = auto_model.from_pretrained(what, **({"num_labels": 3} if task.endswith("_CLS") else {})).eval()
    check(torch.equal(logits(again), logits(model)), what, "AutoPeftModel: other logits")
    export(what + ".h5", what, "merge=true")
    again, info = auto.from_pretrained(what, output_loading_info=True)
    check(not any(info[k] for k in info), what, info)
    far = (logits(again.eval()) - logits(model)).abs().max().item()
    check(far < 2e-5, what, "merged: logits differ by", far)
    print(f"{what} ok, merged logits within {far:.1e}")

# ---- files of other writers: types, shards
tensors = {"f32": torch.randn(3, 5), "f16": torch.randn(7).half(), "bf16": torch.randn(2, 2, 2).bfloat16(), "one": torch.tensor(4.0)}
safetensors.torch.save_file({**tensors, "ids": torch.arange(4), "none": torch.zeros(0, 3), "f8": torch.zeros(4).to(torch.float8_e4m3fn)},
                            "types.safetensors")
model = t.AutoModel.from_config(bert)
model.save_pretrained("shards", max_shard_size="20KB")
check(os.path.exists("shards/model.safetensors.index.json"), "no shards")
print(f"RESULT {checks} checks")
