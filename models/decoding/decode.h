/* models/decoding/decode.h - texts that a model writes: greedy and beam search with what layers
 * keep of the rows before (models/graph/steps.h).
 *
 * Every text starts from a prompt of its own, and in models of two texts from a source, and grows
 * until its end mark or max_length, which counts all its tokens, the prompt's among them. beams 1:
 * always the token with the largest output. More: of the continuations of all running texts those
 * with the largest sums of log softmax go on; ended ones are ranked by that sum / (tokens behind
 * the prompt)^length_penalty, and the best is the answer. Equal ones: the lower token first. The
 * sums are in double, of the outputs as they are in float. Texts go through the model side by
 * side, in whatever number has room; one that ends makes room for the next. What a text becomes
 * depends on its prompt, its source, the parameters and the kernel path alone. All calls are Local.
 * Time: a forward pass of one row for each token and beam. Sources: the rules of
 * GenerationMixin.generate in transformers 5 (do_sample=False); Graves 2012, arXiv:1211.3711,
 * section 3 (beam search); Wu et al. 2016, arXiv:1609.08144, equation 14 (length penalty, of which
 * transformers has the simple form). */
#pragma once
#include "models/graph/steps.h"

/* When beam search stops: once no running text can beat the worst of `beams` ended ones, by its
 * score at its present length; once `beams` have ended; or as the first, by the best score at any
 * length up to max_length. */
typedef enum { CO_EARLY_FALSE, CO_EARLY_TRUE, CO_EARLY_NEVER } co_early;

typedef struct {
    size_t beams, max_length;
    double length_penalty;
    co_early early_stopping;
    int32_t end;         /* token that ends a text; -1: none */
    int32_t first, last; /* tokens that must stand behind a prompt of one token, and at max_length
                            (forced_bos_token_id, forced_eos_token_id); -1: none */
} co_decoding;

typedef struct {
    size_t n;
    const int64_t *offsets;        /* [n + 1] */
    const int32_t *tokens;         /* of the prompts, at least one each */
    const int64_t *source_offsets; /* [n + 1]; NULL: the model reads no source */
    const int32_t *sources;
} co_prompts;

/* What was written behind each prompt, the end mark with it where there is one. */
typedef struct {
    size_t n;
    int64_t *offsets; /* [n + 1] */
    int32_t *tokens;
    size_t offsets_capacity, tokens_capacity;
} co_written;
void co_written_fini(co_written *written);

typedef struct co_decoder co_decoder;
/* most_source: rows of the longest source, 0 without. CO_EUSAGE: beams 0, max_length below 2 or
 * above the model's positions, a model that cannot write (co_steps_check). */
co_status co_decoder_create(const co_model *model, const co_decoding *how, size_t most_source,
                            co_decoder **decoder);
void co_decoder_destroy(co_decoder *decoder); /* NULL allowed */
/* Memory of one; 0 when size_t cannot hold it. */
size_t co_decoder_bytes(const co_model *model, const co_decoding *how, size_t most_source);
/* Before texts are written, and after params have changed; they are borrowed. */
void co_decoder_lay(co_decoder *decoder, const float *params);
/* written: from zero or an earlier call; replaced. CO_ENOMEM. */
co_status co_decode(co_decoder *decoder, const co_prompts *prompts, co_written *written);
