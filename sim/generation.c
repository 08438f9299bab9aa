/* sim/generation.c - prompts and sources from the columns of a data set, texts and scores from what
 * was written. */
#include "sim/generation.h"
#include "core/memory.h"
#include <string.h>

enum { BEHIND = 32 }; /* tokens that lm writes behind the longest text, if nothing is asked */

/* Tokens of an example's text, or of its target. */
static size_t length_of(const int64_t *offsets, int64_t id)
{
    return (size_t)(offsets[id + 1] - offsets[id]);
}

static size_t longest(const co_dataset *data, const int64_t *offsets)
{
    size_t most = 0;
    for (int64_t i = 0; i < data->n; i++)
        if (length_of(offsets, i) > most) most = length_of(offsets, i);
    return most;
}

/* The mark behind every target; in a language model the one that vocabularies have for it. */
static int32_t find_end(const co_generation *g)
{
    static const char *const marks[] = {"</s>", "[SEP]"};
    if (g->pairs) return g->data->target_tokens[g->data->target_offsets[1] - 1];
    for (size_t m = 0; m < 2; m++)
        for (size_t k = 0; g->data->vocab && k < g->data->n_vocab; k++)
            if (strcmp(g->data->vocab[k], marks[m]) == 0) return (int32_t)k;
    return -1;
}

static bool is_pairs(const co_model *model)
{
    return strcmp(co_model_task(model)->name, "seq2seq") == 0;
}

/* With the length that the data say. */
static co_decoding complete(const co_model *model, const co_dataset *data, const co_decoding *how)
{
    co_decoding all = *how;
    if (all.max_length == 0)
        all.max_length = is_pairs(model) ? longest(data, data->target_offsets)
                                         : longest(data, data->token_offsets) + BEHIND;
    return all;
}

static co_status check(const co_model *model, const co_population *p)
{
    const co_task *task = co_model_task(model);
    if (!p->has_data || (!is_pairs(model) && strcmp(task->name, "lm") != 0))
        return CO_FAIL(CO_EUSAGE,
                       "the task %s has no text to write; tasks seq2seq and lm have, on a data set",
                       task->name);
    return CO_OK;
}

co_status co_generation_create(const co_model *model, const co_population *p,
                               const co_decoding *how, co_generation *g)
{
    const co_dataset *data = &p->data;
    *g = (co_generation){.data = data, .pairs = is_pairs(model)};
    CO_TRY(check(model, p));
    g->how = complete(model, data, how);
    g->how.end = find_end(g);
    co_status st =
        co_decoder_create(model, &g->how, longest(data, data->token_offsets), &g->decoder);
    if (st == CO_OK)
        st = co_speller_init(&g->speller, g->pairs ? co_dataset_target_names(data) : data->vocab,
                             g->pairs ? data->n_target_vocab : data->n_vocab);
    if (st == CO_OK) st = co_text_scorer_create(&g->scorer);
    const size_t most = data->answer_offsets ? longest(data, data->answer_offsets) : 0;
    g->references = co_malloc(most > 0 ? most : 1, sizeof *g->references);
    if (st == CO_OK && !g->references) st = CO_FAIL(CO_ENOMEM, "%zu references", most);
    if (st != CO_OK) co_generation_fini(g);
    return st;
}

void co_generation_fini(co_generation *g)
{
    co_decoder_destroy(g->decoder);
    co_speller_fini(&g->speller);
    co_written_fini(&g->written);
    co_text_scorer_destroy(g->scorer);
    co_text_fini(&g->text);
    co_text_fini(&g->answer);
    co_free(g->bounds);
    co_free(g->offsets);
    co_free(g->source_offsets);
    co_free(g->prompts);
    co_free(g->sources);
    co_free(g->references);
    *g = (co_generation){0};
}

size_t co_generation_bytes(const co_model *model, const co_population *p, const co_decoding *how)
{
    if (!p->has_data || !p->data.token_offsets || (is_pairs(model) && !p->data.target_offsets))
        return 0;
    const co_decoding all = complete(model, &p->data, how);
    return co_decoder_bytes(model, &all, longest(&p->data, p->data.token_offsets));
}

void co_generation_lay(co_generation *g, const float *params)
{
    co_decoder_lay(g->decoder, params);
}

static co_status make_room(co_generation *g, const int64_t *ids, size_t n)
{
    size_t prompts = 0, sources = 0, room = g->n_room;
    for (size_t i = 0; i < n; i++) {
        prompts += g->pairs ? 1 : length_of(g->data->token_offsets, ids[i]);
        sources += g->pairs ? length_of(g->data->token_offsets, ids[i]) : 0;
    }
    if (co_reserve((void **)&g->offsets, &room, n + 1, sizeof *g->offsets) ||
        co_reserve((void **)&g->source_offsets, &g->n_room, n + 1, sizeof *g->source_offsets) ||
        co_reserve((void **)&g->bounds, &g->bounds_room, n + 1, sizeof *g->bounds) ||
        co_reserve((void **)&g->prompts, &g->prompts_room, prompts + 1, sizeof *g->prompts) ||
        co_reserve((void **)&g->sources, &g->sources_room, sources + 1, sizeof *g->sources))
        return CO_FAIL(CO_ENOMEM, "prompts of %zu texts", n);
    return CO_OK;
}

/* [n + 1] offsets, and tokens of the examples' texts. */
static void gather(const co_dataset *data, const int64_t *ids, size_t n, int64_t *offsets,
                   int32_t *tokens)
{
    offsets[0] = 0;
    for (size_t i = 0; i < n; i++) {
        const size_t m = length_of(data->token_offsets, ids[i]);
        memcpy(tokens + offsets[i], data->tokens + data->token_offsets[ids[i]], m * sizeof *tokens);
        offsets[i + 1] = offsets[i] + (int64_t)m;
    }
}

/* Without the mark at the end, which vocabularies of numbers alone do not name. */
static void spell(const co_generation *g, const int32_t *tokens, size_t n, co_text *text)
{
    co_spell(&g->speller, tokens, n - (n > 0 && tokens[n - 1] == g->how.end), text);
}

co_status co_generation_write(co_generation *g, const int64_t *ids, size_t n)
{
    CO_TRY(make_room(g, ids, n));
    co_prompts in = {.n = n, .offsets = g->offsets, .tokens = g->prompts};
    if (g->pairs) {
        gather(g->data, ids, n, g->source_offsets, g->sources);
        for (size_t i = 0; i < n; i++)
            g->prompts[i] = g->data->target_tokens[g->data->target_offsets[ids[i]]];
        for (size_t i = 0; i <= n; i++) g->offsets[i] = (int64_t)i;
        in.source_offsets = g->source_offsets;
        in.sources = g->sources;
    } else {
        gather(g->data, ids, n, g->offsets, g->prompts);
    }
    CO_TRY(co_decode(g->decoder, &in, &g->written));
    co_text_cut(&g->text, 0);
    g->bounds[0] = 0;
    for (size_t i = 0; i < n; i++) {
        spell(g, g->written.tokens + g->written.offsets[i],
              (size_t)(g->written.offsets[i + 1] - g->written.offsets[i]), &g->text);
        g->bounds[i + 1] = (int64_t)g->text.n;
    }
    return g->text.failed ? CO_FAIL(CO_ENOMEM, "%zu texts", n) : CO_OK;
}

/* References of an example: its answers, else (and where tokens have no names) its target behind
 * its beginning. Returns how many. */
static size_t references_of(co_generation *g, int64_t id)
{
    const co_dataset *data = g->data;
    size_t n = 0;
    const bool named = data->n_answers && g->speller.names; /* else what is written is numbers */
    for (int64_t a = named ? data->answer_offsets[id] : 0;
         named && a < data->answer_offsets[id + 1]; a++, n++)
        g->references[n] =
            (co_passage){(const char *)data->answers + data->answer_bounds[a],
                         (size_t)(data->answer_bounds[a + 1] - data->answer_bounds[a])};
    if (n > 0) return n;
    co_text_cut(&g->answer, 0);
    spell(g, data->target_tokens + data->target_offsets[id] + 1,
          length_of(data->target_offsets, id) - 1, &g->answer);
    g->references[0] = (co_passage){g->answer.data, g->answer.n};
    return 1;
}

co_status co_generation_score(co_generation *g, const int64_t *ids, size_t n, double *sums)
{
    CO_ASSERT(g->pairs);
    for (size_t i = 0; i < n; i++) {
        const co_passage text = {g->text.data + g->bounds[i],
                                 (size_t)(g->bounds[i + 1] - g->bounds[i])};
        const size_t m = references_of(g, ids[i]);
        CO_TRY(co_text_scores_add(g->scorer, text, m, g->references, sums));
    }
    return g->answer.failed ? CO_FAIL(CO_ENOMEM, "references") : CO_OK;
}
