"""Makes clipping.txt: norms of the gradients of single examples, and clipped sums of them, in PyTorch, in double precision.

    python tests/reference/clipping.py > tests/reference/clipping.txt       (needs torch and transformers)

The models, inputs and labels are those of models.py. Every example's gradient is that of a batch of it alone (autograd in a
loop; the first case by torch.func.vmap as well, which must say the same). Lines of a case, behind `case` and `shape` as
models.txt has them:
    alone I norm ..      example I: the norm of its gradient by each tensor
    clip C               a bound that some of them exceed
    sum t ..             tensor t of the sum over the examples of their gradients, each times min(1, R C / its norm over all
                         tensors), R = 1 - 2^-14 (CO_CLIP_ROOM)
Then, of the folders of transformers (folders.py):
    folder NAME N_TEXTS N_TENSORS
    alone I norm ..      in the order of the model's parameters; a mean over tokens where each has a label
"""
import os

import torch
import transformers as tf

import models as reference
from models import bits

HERE = os.path.dirname(os.path.abspath(__file__))
ROOM = 1 - 2.0**-14
LEFT_OUT = {"mlp_decay", "mlp_momentum", "mlp_nesterov", "femnist_cnn"}
FOLDERS = [("bert_classes", tf.BertForSequenceClassification), ("bert_tags", tf.BertForTokenClassification),
           ("distilbert_classes", tf.DistilBertForSequenceClassification), ("gpt2_lm", tf.GPT2LMHeadModel),
           ("gpt2_classes", tf.GPT2ForSequenceClassification), ("llama_lm", tf.LlamaForCausalLM),
           ("llama_classes", tf.LlamaForSequenceClassification)]


def gradient(net, loss):
    """Of an empty text some tensors have none."""
    tensors = list(net.parameters())
    if not loss.requires_grad:
        return [torch.zeros_like(p) for p in tensors]
    grads = torch.autograd.grad(loss, tensors, allow_unused=True)
    return [torch.zeros_like(p) if g is None else g for p, g in zip(tensors, grads)]


def by_vmap(net, x, y):
    tensors = {k: p.detach() for k, p in net.named_parameters()}

    def loss(p, one, label):
        return torch.nn.functional.cross_entropy(torch.func.functional_call(net, p, (one[None],)), label[None])
    grads = torch.func.vmap(torch.func.grad(loss), in_dims=(None, 0, 0))(tensors, x, y)
    return [[g[i] for g in grads.values()] for i in range(len(x))]


def show_sum(grads):
    norms = [torch.stack([g.norm() for g in one]).norm() for one in grads]
    clip = 0.6 * max(norms).item()
    print(f"clip {clip:.12g}")
    for t in range(len(grads[0])):
        total = sum(one[t] * min(1.0, ROOM * clip / max(norm.item(), 1e-300)) for one, norm in zip(grads, norms))
        reference.show("sum", t, total)


def run(name, model, make, batch, shape, classes, lr, rule):
    net = make().double().eval()
    reference.fill(net)
    dims, ndim, per_row = list(shape) + [0] * (3 - len(shape)), len(shape), False
    if isinstance(net, reference.Texts):
        ndim, x, per_row = 0, reference.text_inputs(batch, dims[0], dims[1]), bool(dims[2])
    else:
        n = batch * int(torch.tensor(shape).prod())
        x = torch.from_numpy(reference.inputs(n).astype("f8")).reshape(batch, *shape)
    n_labels = sum(map(len, x)) if per_row else batch
    y = torch.from_numpy((bits(reference.LABEL, n_labels) % classes).astype("i8"))
    if name in reference.LOSS:
        y = torch.from_numpy(reference.targets(name, batch * classes)).reshape(batch, classes)
    labels = y.split([len(text) for text in x]) if per_row else y.split(1)
    tensors = list(net.named_parameters())
    print(f"case {name} {batch} {ndim} {dims[0]} {dims[1]} {dims[2]} {classes} {len(tensors)} "
          f"{sum(p.numel() for _, p in tensors)} 0 0 0 0")
    print(model)
    for key, p in tensors:
        print("shape", key, p.dim(), *p.shape)
    loss_of = reference.LOSS.get(name, torch.nn.CrossEntropyLoss())
    grads = []
    for i in range(batch):
        one = [x[i]] if ndim == 0 else x[i:i + 1]
        empty = per_row and len(x[i]) == 0
        grads.append([torch.zeros_like(p) for _, p in tensors] if empty else gradient(net, loss_of(net(one), labels[i])))
    if name in ("softmax", "cifar_cnn"):
        for one, other in zip(grads, by_vmap(net, x, y)):
            assert all(torch.allclose(a, b, rtol=1e-9, atol=1e-12) for a, b in zip(one, other)), name
    for i, one in enumerate(grads):
        print("alone", i, *(f"{g.norm().item():.9g}" for g in one))
    show_sum(grads)


def run_folder(name, cls):
    net = cls.from_pretrained(os.path.join(HERE, "folders", name)).double().eval()
    lengths = [1, 7] + [int(b % 7) + 1 for b in bits(4000, 6)[2:]]
    ids = torch.from_numpy((bits(5000, sum(lengths)) % 9 + 1).astype("i8")).split(lengths)
    per_row = name.endswith("_lm") or name.endswith("_tags")
    labels = torch.from_numpy((bits(2000, sum(lengths)) % 3).astype("i8"))
    labels = labels.split(lengths) if per_row else labels.split(1)
    print("folder", name, len(ids), len(list(net.parameters())))
    for i, text in enumerate(ids):
        logits = net(input_ids=text[None]).logits
        grads = gradient(net, torch.nn.functional.cross_entropy(logits.reshape(-1, logits.shape[-1]), labels[i]))
        print("alone", i, *(f"{g.norm().item():.9g}" for g in grads))


if __name__ == "__main__":
    for case in reference.CASES + reference.TEXTS + reference.TARGETS:
        if case[0] not in LEFT_OUT:
            run(*case)
    for folder in FOLDERS:
        run_folder(*folder)
