"""Makes tensors.txt: names and shapes of the parameters of transformers' models, in their order.

    python tests/reference/tensors.py > tests/reference/tensors.txt      (needs transformers and torch)

A line `model CLASS TASK` and the section `model` of an experiment behind it; then NAME DIMS.. for each parameter. One that
two layers share stands once, as named_parameters() gives it. The data have 11 tokens and 3 classes
(task span: two outputs).
"""
import torch
from transformers import (BertConfig, BertForMaskedLM, BertForQuestionAnswering, BertForSequenceClassification, BertForTokenClassification, BertModel,
                          DistilBertConfig, DistilBertForMaskedLM, DistilBertForQuestionAnswering, DistilBertForSequenceClassification,
                          DistilBertForTokenClassification, DistilBertModel, GPT2Config, GPT2ForSequenceClassification,
                          GPT2ForTokenClassification, GPT2LMHeadModel, GPT2Model, LlamaConfig, LlamaForCausalLM,
                          LlamaForSequenceClassification, LlamaForTokenClassification, LlamaModel)

bert = BertConfig(num_hidden_layers=2, hidden_size=8, num_attention_heads=2, intermediate_size=12, vocab_size=11,
                  max_position_embeddings=7, num_labels=3)
distil = DistilBertConfig(n_layers=2, dim=8, n_heads=2, hidden_dim=12, vocab_size=11, max_position_embeddings=7, num_labels=3)
gpt = dict(n_layer=2, n_embd=8, n_head=2, n_inner=12, vocab_size=11, n_positions=7, num_labels=3, bos_token_id=0, eos_token_id=0)
llama = dict(num_hidden_layers=2, hidden_size=8, num_attention_heads=4, num_key_value_heads=2, intermediate_size=12,
             vocab_size=11, max_position_embeddings=7, num_labels=3)
sizes = "layers: 2, hidden: 8, heads: 2, intermediate: 12, most_positions: 7"
cases = []
for name, config, classes in (("bert", bert, (BertForSequenceClassification, BertForTokenClassification, BertForMaskedLM)),
                              ("distilbert", distil, (DistilBertForSequenceClassification, DistilBertForTokenClassification,
                                                      DistilBertForMaskedLM))):
    for cls, task in zip(classes, ("classification", "tagging", "mlm")):
        cases.append((cls(config), task, f"{{name: {name}, {sizes}}}"))
for cls, tied, task in ((GPT2LMHeadModel, True, "lm"), (GPT2LMHeadModel, False, "lm"),
                        (GPT2ForSequenceClassification, True, "classification"), (GPT2ForTokenClassification, True, "tagging")):
    cases.append((cls(GPT2Config(**gpt, tie_word_embeddings=tied)), task,
                  f"{{name: gpt2, {sizes}, tied: {str(tied).lower()}}}"))
for cls, tied, task in ((LlamaForCausalLM, True, "lm"), (LlamaForCausalLM, False, "lm"),
                        (LlamaForSequenceClassification, False, "classification"),
                        (LlamaForTokenClassification, False, "tagging")):
    cases.append((cls(LlamaConfig(**llama, tie_word_embeddings=tied)), task,
                  f"{{name: llama, {sizes.replace('heads: 2', 'heads: 4, kv_heads: 2')}, tied: {str(tied).lower()}}}"))
cases += [(BertModel(bert), "classification", f"{{name: bert, {sizes}, head: none}}"),
          (DistilBertModel(distil), "tagging", f"{{name: distilbert, {sizes}, head: none}}"),
          (GPT2Model(GPT2Config(**gpt)), "tagging", f"{{name: gpt2, {sizes}, head: none}}"),
          (LlamaModel(LlamaConfig(**llama)), "tagging",
           f"{{name: llama, {sizes.replace('heads: 2', 'heads: 4, kv_heads: 2')}, head: none}}")]
bert.num_labels = distil.num_labels = 2
cases += [(BertForQuestionAnswering(bert), "span", f"{{name: bert, {sizes}}}"),
          (DistilBertForQuestionAnswering(distil), "span", f"{{name: distilbert, {sizes}}}")]
for model, task, section in cases:
    parameters = list(model.named_parameters())
    print(f"model {type(model).__name__} {task} {len(parameters)}\n{section}")
    for name, tensor in parameters:
        print(name, len(tensor.shape), *tensor.shape)
