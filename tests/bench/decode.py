"""Seconds of the processor for greedy (or beam) decoding a text beside transformers' generate with its cache, in turn, on one core.

    taskset -c 0 python tests/bench/decode.py build/tests/cohort_decode [BEAMS] [TEXTS]      (needs torch and transformers)
"""
import statistics
import subprocess
import sys
import time

import torch
import transformers as tf

BEAMS, TEXTS, SOURCE, LENGTH, VOCABULARY, TURNS = (int(sys.argv[2]) if len(sys.argv) > 2 else 1), \
    (int(sys.argv[3]) if len(sys.argv) > 3 else 64), 14, 32, 8000, 5
torch.set_num_threads(1)
config = tf.BartConfig(d_model=256, encoder_layers=3, decoder_layers=3, encoder_attention_heads=4, decoder_attention_heads=4,
                       encoder_ffn_dim=1024, decoder_ffn_dim=1024, max_position_embeddings=64, vocab_size=VOCABULARY, bos_token_id=0,
                       pad_token_id=1, eos_token_id=None, decoder_start_token_id=2, forced_eos_token_id=None)
model = tf.BartForConditionalGeneration(config).eval()
ids = torch.arange(TEXTS * SOURCE).reshape(TEXTS, SOURCE) * 7919 % VOCABULARY
own = subprocess.Popen([sys.argv[1], str(VOCABULARY), str(BEAMS), str(TEXTS), str(SOURCE), str(LENGTH), "name=bart", "layers=3",
                        "hidden=256", "heads=4", "intermediate=1024", "most_positions=64"], stdin=subprocess.PIPE,
                       stdout=subprocess.PIPE, text=True)
pairs = []
for turn in range(TURNS + 1):
    start = time.process_time()
    with torch.no_grad():
        out = model.generate(input_ids=ids, attention_mask=torch.ones_like(ids), do_sample=False, num_beams=BEAMS, max_length=LENGTH)
    theirs = (time.process_time() - start) / TEXTS
    assert out.shape[1] == LENGTH
    own.stdin.write("\n")
    own.stdin.flush()
    pairs.append((theirs, float(own.stdout.readline())))
own.stdin.close()
pairs = pairs[1:]  # without the first, which warms up
print("transformers %.3f ms a text, here %.3f ms, ratio %.2f (median of %d turns)" % (
    1e3 * statistics.median(a for a, _ in pairs), 1e3 * statistics.median(b for _, b in pairs),
    statistics.median(a / b for a, b in pairs), TURNS))
