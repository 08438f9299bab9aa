"""Makes folders/NAME/ (config.json, model.safetensors) of tiny models of transformers, and folders.txt: what they give.

    python tests/reference/folders.py       (needs torch, transformers and peft)

Weights are drawn from the case's own seed, texts are the formula of models.py: lengths 1 to 7, 11 tokens. The numbers are
made in double precision. Lines of a case:
    case NAME TASK N_TEXTS N_TOKENS N_VALUES
    the logits             of all texts, one after another
    steps N                losses before each of N steps of AdamW (bert_classes; lr 1e-3, no decay, eps 1e-8)
    (bart_pairs: the logits are those of the decoder, N_TOKENS that of the targets; lengths and tokens of sources as of the other texts,
    of targets by streams of their own, labels by the formula too)
    lora N                 the same with PEFT's LoRA on query and value (rank 2, alpha 6, A by the formula of models.py), then the norm
                           of each trained tensor after the last step: A and B of each layer, the head
"""
import os

import numpy as np
import peft
import torch
import transformers as tf

from models import bits

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)))
LABEL, LENGTH, TOKEN, FACTOR, TARGET_LENGTH, TARGET_TOKEN = 2000, 4000, 5000, 6000, 7000, 8000
TEXTS, LONGEST, VOCABULARY, CLASSES = 6, 7, 11, 3
small = dict(vocab_size=VOCABULARY, num_labels=CLASSES, max_position_embeddings=LONGEST)
bert = tf.BertConfig(num_hidden_layers=2, hidden_size=16, num_attention_heads=2, intermediate_size=24, hidden_dropout_prob=0,
                     attention_probs_dropout_prob=0, **small)
distil = tf.DistilBertConfig(n_layers=1, dim=16, n_heads=4, hidden_dim=20, dropout=0, attention_dropout=0, seq_classif_dropout=0,
                             **small)
gpt = tf.GPT2Config(n_layer=2, n_embd=16, n_head=2, n_positions=LONGEST, resid_pdrop=0, embd_pdrop=0, attn_pdrop=0,
                    vocab_size=VOCABULARY, num_labels=CLASSES, bos_token_id=0, eos_token_id=0, pad_token_id=10)
llama = tf.LlamaConfig(num_hidden_layers=2, hidden_size=16, num_attention_heads=4, num_key_value_heads=2, intermediate_size=24,
                       pad_token_id=10, bos_token_id=0, eos_token_id=0, **small)
bart = tf.BartConfig(encoder_layers=2, decoder_layers=1, d_model=16, encoder_attention_heads=2, decoder_attention_heads=4,
                     encoder_ffn_dim=24, decoder_ffn_dim=20, dropout=0, attention_dropout=0, activation_dropout=0, scale_embedding=True,
                     pad_token_id=10, bos_token_id=0, eos_token_id=2, decoder_start_token_id=2, forced_eos_token_id=None,
                     forced_bos_token_id=None, **small)
cases = [("bert_classes", "classification", tf.BertForSequenceClassification, bert),
         ("bert_tags", "tagging", tf.BertForTokenClassification, bert),
         ("distilbert_classes", "classification", tf.DistilBertForSequenceClassification, distil),
         ("gpt2_lm", "lm", tf.GPT2LMHeadModel, gpt), ("gpt2_classes", "classification", tf.GPT2ForSequenceClassification, gpt),
         ("llama_lm", "lm", tf.LlamaForCausalLM, llama), ("llama_classes", "classification", tf.LlamaForSequenceClassification, llama),
         ("bart_pairs", "seq2seq", tf.BartForConditionalGeneration, bart)]


def texts():
    lengths = [1, LONGEST] + [int(b % LONGEST) + 1 for b in bits(LENGTH, TEXTS)[2:]]
    ids = torch.from_numpy((bits(TOKEN, sum(lengths)) % 9 + 1).astype("i8"))  # 0 is padding there, without a gradient
    return list(ids.split(lengths))


def pairs():
    lengths = [int(b % LONGEST) + 1 for b in bits(TARGET_LENGTH, TEXTS)]
    ids = torch.from_numpy((bits(TARGET_TOKEN, sum(lengths)) % 9 + 1).astype("i8"))  # 10 is padding there
    return list(zip(texts(), ids.split(lengths)))


def logits(model, ids):
    if isinstance(ids, tuple):
        return model(input_ids=ids[0][None], decoder_input_ids=ids[1][None]).logits[0]
    return model(input_ids=ids[None]).logits.reshape(-1, model.config.vocab_size if hasattr(model, "lm_head") else CLASSES)


def steps(model, ids, n):
    n_labels = sum(len(target) for _, target in ids) if isinstance(ids[0], tuple) else TEXTS
    labels = torch.from_numpy((bits(LABEL, n_labels) % CLASSES).astype("i8"))
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-3, weight_decay=0)
    losses = []
    for _ in range(n):
        loss = torch.nn.functional.cross_entropy(torch.cat([logits(model, text) for text in ids]), labels)
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return losses


def lora_steps(model, ids, n):
    config = peft.LoraConfig(r=2, lora_alpha=6, lora_dropout=0, target_modules=["query", "value"], modules_to_save=["classifier"])
    model = peft.get_peft_model(model, config).double()
    trained = [p for name, p in model.named_parameters() if "lora_" in name or "modules_to_save" in name]
    for k, factor in enumerate(trained[:8:2]):
        values = bits(FACTOR + k, factor.numel()).astype("f8") * 2.0 ** -24 - 0.5
        factor.data = torch.from_numpy(values).reshape(factor.shape)
    losses = steps(model, ids, n)
    return losses + [p.norm().item() for p in trained]


with open(os.path.join(HERE, "folders.txt"), "w") as out:
    for seed, (name, task, cls, config) in enumerate(cases):
        torch.manual_seed(seed)
        model = cls(config).eval()
        for tensor in model.parameters():
            torch.nn.init.normal_(tensor, 0.3 if tensor.dim() == 1 else 0.0, 0.25)
        model.save_pretrained(os.path.join(HERE, "folders", name))
        for extra in ("generation_config.json",):
            path = os.path.join(HERE, "folders", name, extra)
            if os.path.exists(path):
                os.remove(path)
        model = model.double()
        ids = pairs() if task == "seq2seq" else texts()
        with torch.no_grad():
            values = torch.cat([logits(model, text) for text in ids]).flatten().tolist()
        rows = sum(len(target) for _, target in ids) if task == "seq2seq" else sum(map(len, ids))
        print("case", name, task, len(ids), rows, len(values), file=out)
        print(*(f"{v:.9g}" for v in values), file=out)
        if name in ("bert_classes", "bart_pairs"):
            print("steps", *(f"{v:.9g}" for v in steps(model, ids, 20)), file=out)
        if name == "bert_classes":
            model = cls.from_pretrained(os.path.join(HERE, "folders", name)).eval()
            print("lora", *(f"{v:.9g}" for v in lora_steps(model, ids, 20)), file=out)
