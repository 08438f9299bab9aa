/* io/readers/texts_targets.c - the targets of pairs of texts to tokens: the mark before, what the
 * target says, the mark behind.
 *
 * The marks are those of the tokeniser, else <s> and </s>, which come last in the vocabulary. Cost:
 * O(bytes); 20 bytes a token. */
#include "core/log.h"
#include "core/memory.h"
#include "io/readers/texts_private.h"
#include <inttypes.h>
#include <string.h>

static const char *mark_before(const co_texts_work *w)
{
    return w->member->first ? w->member->first : "<s>";
}

static const char *mark_behind(const co_texts_work *w)
{
    return w->member->last ? w->member->last : "</s>";
}

const char *co_texts_target(const co_dataset *data, int64_t i, size_t *n)
{
    const int64_t answer = data->answer_offsets[i];
    *n = (size_t)(data->answer_bounds[answer + 1] - data->answer_bounds[answer]);
    return (const char *)data->answers + data->answer_bounds[answer];
}

co_status co_texts_target_marks(co_texts_work *w)
{
    CO_TRY(co_vocabulary_mark(&w->vocabulary, mark_before(w)));
    return co_vocabulary_mark(&w->vocabulary, mark_behind(w));
}

co_status co_texts_shares(co_texts_work *w, const co_config *opt)
{
    const bool own = co_config_has(opt, "target_vocab");
    w->shared = w->member->every_byte || (w->member->cut && !own);
    if (co_config_has(opt, "shared")) w->shared = co_config_bool(opt, "shared");
    if (w->shared && own)
        return CO_FAIL(CO_EUSAGE, "target_vocab=%s: leave it with shared=true",
                       co_config_string(opt, "target_vocab"));
    if (w->max_tokens == 0 || w->max_tokens > 2) return CO_OK;
    return CO_FAIL(CO_EUSAGE,
                   "max_tokens=%zu: a target has a mark before and one behind it; 3 at least",
                   w->max_tokens);
}

static co_status count(co_texts_work *w)
{
    for (int64_t i = 0; i < w->data->n; i++) {
        size_t n;
        const char *text = co_texts_target(w->data, i, &n);
        if (w->data->split[i] == 0) CO_TRY(co_texts_count(w, text, n));
    }
    return CO_OK;
}

/* Drops what does not fit into max_tokens with the mark behind it. */
static void cut_target(co_texts_work *w, size_t from, co_subwords *out)
{
    const size_t most = w->max_tokens - 1, n = out->n - from;
    if (w->max_tokens == 0 || n <= most) return;
    w->n_cut++;
    w->n_dropped += (int64_t)(n - most);
    out->n = from + most;
}

static co_status number(co_texts_work *w, co_subwords *out)
{
    co_dataset *d = w->data;
    const int32_t first = co_texts_token(w, mark_before(w)),
                  last = co_texts_token(w, mark_behind(w));
    for (int64_t i = 0; i < d->n; i++) {
        size_t n;
        const size_t from = out->n;
        const char *text = co_texts_target(d, i, &n);
        CO_TRY(co_subwords_add(out, first, 0, 0));
        CO_TRY(co_texts_cut(w, text, n, 0, out));
        cut_target(w, from, out);
        CO_TRY(co_subwords_add(out, last, n, n));
        d->target_offsets[i + 1] = (int64_t)out->n;
        for (size_t t = from; t < out->n; t++) w->n_unknown[0] += out->id[t] == out->unknown;
    }
    return CO_OK;
}

static void tell(const co_texts_work *w, size_t n)
{
    co_log("targets: %zu tokens, %.2f %% out of vocabulary (%zu tokens%s)", n,
           100.0 * (double)w->n_unknown[0] / (double)n, w->data->n_target_vocab,
           w->shared ? ", those of the sources" : "");
    if (w->n_dropped)
        co_log("%" PRId64 " targets are longer than max_tokens=%zu: cut, %" PRId64
               " tokens are left out",
               w->n_cut, w->max_tokens, w->n_dropped);
}

static co_status number_all(co_texts_work *w)
{
    co_dataset *d = w->data;
    co_subwords out = {.unknown = w->member->cut ? co_texts_token(w, w->member->unknown) : 0};
    d->target_offsets = co_calloc((size_t)d->n + 1, sizeof *d->target_offsets);
    const co_status st = d->target_offsets
                             ? number(w, &out)
                             : CO_FAIL(CO_ENOMEM, "out of memory for offsets of targets");
    if (st == CO_OK) {
        d->target_tokens = out.id;
        d->n_target_tokens = out.n;
        out.id = NULL;
    }
    co_subwords_fini(&out);
    return st;
}

co_status co_texts_number_targets(co_texts_work *w, const co_config *opt)
{
    co_dataset *d = w->data;
    co_texts_work own = {.data = d};
    CO_TRY(co_texts_start(&own, opt));
    own.shared = w->shared;
    if (w->shared) { /* its table goes on to find names, though the data set has the list of them */
        own.vocabulary = w->vocabulary;
        d->n_target_vocab = d->n_vocab;
        CO_TRY(number_all(&own));
    } else {
        co_status st = co_texts_vocabulary(&own, opt, "target_vocab", count);
        if (st == CO_OK) st = co_texts_target_marks(&own);
        if (st == CO_OK) st = number_all(&own);
        d->target_vocab = own.vocabulary.names;
        d->n_target_vocab = own.vocabulary.n_names;
        own.vocabulary.names = NULL;
        own.vocabulary.n_names = 0;
        co_vocabulary_fini(&own.vocabulary);
        CO_TRY(st);
    }
    tell(&own, d->n_target_tokens);
    return CO_OK;
}
