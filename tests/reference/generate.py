"""Makes folders/generate_NAME/ (config.json, model.safetensors) of tiny models of transformers, and generate.txt: what `generate` writes.

    python tests/reference/generate.py       (needs torch and transformers)

Weights are drawn from the case's own seed. Each text goes alone, so that no padding is there. Of the drawn prompts those are kept
whose answers do not hang on the last digits: every score that was chosen among, down to the first that was left out, stands at least
MARGIN from its neighbours. Lines:
    case NAME N_SETTINGS N_VOCABULARY END
    settings BEAMS MAX_LENGTH LENGTH_PENALTY EARLY FIRST LAST N_TEXTS       EARLY: 0 false, 1 true, 2 never; FIRST, LAST: forced, or -1
    N_SOURCE N_PROMPT N_WRITTEN source .. prompt .. written ..   of each text; N_SOURCE 0 where there is none
"""
import os
import sys

import numpy as np
import torch
import transformers as tf

HERE = os.path.dirname(os.path.abspath(__file__))
MARGIN, VOCABULARY, POSITIONS, TEXTS = 1e-3, 40, 24, 6
gpt2 = tf.GPT2Config(n_layer=2, n_embd=16, n_head=2, n_positions=POSITIONS, vocab_size=VOCABULARY, bos_token_id=2, eos_token_id=None)
llama = tf.LlamaConfig(num_hidden_layers=2, hidden_size=16, num_attention_heads=4, num_key_value_heads=2, intermediate_size=24,
                       max_position_embeddings=POSITIONS, vocab_size=VOCABULARY, bos_token_id=2, eos_token_id=None)
bart = tf.BartConfig(d_model=16, encoder_layers=2, decoder_layers=2, encoder_attention_heads=2, decoder_attention_heads=4,
                     encoder_ffn_dim=24, decoder_ffn_dim=20, max_position_embeddings=POSITIONS, vocab_size=VOCABULARY, dropout=0,
                     bos_token_id=0, pad_token_id=1, eos_token_id=2, decoder_start_token_id=2, forced_eos_token_id=None)
cases = [("gpt2", tf.GPT2LMHeadModel, gpt2), ("llama", tf.LlamaForCausalLM, llama), ("bart", tf.BartForConditionalGeneration, bart)]
settings = [(1, 20, 1.0, False), (4, 20, 1.0, False), (4, 20, 2.0, True), (3, 16, 0.5, "never"), (2, 12, -1.0, False), (4, 24, 0.0, "never")]

def fill(name, place, tensor):
    """Of bart small biases and norms near 1, and large places: its last norm's bias would say the same token everywhere."""
    mean, spread = (0.3, 0.7) if tensor.dim() == 1 else (0.0, 0.7)
    if name == "bart" and tensor.dim() == 1:
        mean, spread = float("norm" in place and place.endswith("weight")), 0.1
    if "embed_positions" in place:
        spread = 2.0
    torch.nn.init.normal_(tensor, mean, spread)


gaps = []


def start(model, rng):
    """A source, where the model reads one, and a prompt."""
    ids = rng.integers(4, VOCABULARY, rng.integers(1, 7)).tolist()
    return (ids, [model.config.decoder_start_token_id]) if model.config.is_encoder_decoder else ([], ids)


def end_of(model, rng):
    """The token that greedy texts have most often, but not among their first three."""
    texts = [write(model, *start(model, rng), 1, 20, 1.0, False)[0] for _ in range(12)]
    count = [sum(k in text[2:] and k not in text[:2] for text in texts) for k in range(VOCABULARY)]
    return int(np.argmax(count))


topk, argmax = torch.topk, torch.argmax


def watched(values, k, *args, **more):
    best = topk(values, min(k + 1, values.shape[-1])).values
    best = best[best > -1e8]
    gaps.extend((best[:-1] - best[1:]).flatten().tolist())
    return topk(values, k, *args, **more)


def watched_argmax(values, *args, **more):
    if values.is_floating_point() and values.dim() == 2:
        best = topk(values, 2).values
        gaps.extend((best[:, 0] - best[:, 1]).tolist())
    return argmax(values, *args, **more)


def write(model, source, prompt, beams, length, penalty, early, first=None, last=None):
    inputs = dict(input_ids=torch.tensor([source or prompt]), attention_mask=torch.ones(1, len(source or prompt), dtype=torch.long))
    torch.topk, torch.argmax = watched, watched_argmax
    gaps.clear()
    more = dict(length_penalty=penalty, early_stopping=early) if beams > 1 else {}
    model.generation_config.forced_bos_token_id, model.generation_config.forced_eos_token_id = first, last
    with torch.no_grad():
        out = model.generate(**inputs, do_sample=False, num_beams=beams, max_length=length, pad_token_id=0, **more)[0].tolist()
    torch.topk, torch.argmax = topk, argmax
    out = out[len(prompt):]
    end = model.generation_config.eos_token_id
    if end in out:
        out = out[:out.index(end) + 1]
    return out, min(gaps)


with open(os.path.join(HERE, "generate.txt"), "w") as file:
    for seed, (name, cls, config) in enumerate(cases):
        if len(sys.argv) > 1 and name not in sys.argv[1:]:
            continue
        torch.manual_seed(seed)
        model = cls(config).eval()
        for place, tensor in model.named_parameters():
            fill(name, place, tensor)
        rng = np.random.default_rng(seed)
        end = 2 if name == "bart" else end_of(model, rng)
        model.config.eos_token_id = model.generation_config.eos_token_id = end
        model.save_pretrained(os.path.join(HERE, "folders", "generate_" + name))
        os.remove(os.path.join(HERE, "folders", "generate_" + name, "generation_config.json"))
        model = model.double()
        forced = [(0, None), (None, end), (0, end)] if model.config.is_encoder_decoder else []
        print("case", name, len(settings) + len(forced), VOCABULARY, end, file=file)
        for beams, length, penalty, early, first, last in [(*s, None, None) for s in settings] + [(3, 12, 1.0, False, *f) for f in forced]:
            kept = []
            tried = 0
            while len(kept) < TEXTS:
                tried += 1
                source, prompt = start(model, rng)
                out, gap = write(model, source, prompt, beams, length, penalty, early, first, last)
                if gap > MARGIN:
                    kept.append((source, prompt, out))
            print(name, beams, length, penalty, early, "kept", TEXTS, "of", tried, "ended by the mark:", sum(end in out for *_, out in kept))
            print("settings", beams, length, penalty, {False: 0, True: 1, "never": 2}[early], *(-1 if f is None else f for f in (first, last)),
                  TEXTS, file=file)
            for source, prompt, out in kept:
                print(len(source), len(prompt), len(out), *source, *prompt, *out, file=file)
