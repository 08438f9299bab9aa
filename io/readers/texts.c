/* io/readers/texts.c - raw texts to tokens.
 *
 * Two walks with the same tokeniser: the first counts the names of split 0, the second writes the
 * numbers. Raw bytes are kept as they were. Cost: O(bytes) each; 12 bytes a token in memory. */
#include "io/readers/texts_private.h"
#include "core/log.h"
#include "core/memory.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- collecting ---- */

co_status co_texts_bytes(co_texts *t, const char *bytes, size_t n)
{
    if (co_reserve((void **)&t->bytes, &t->bytes_room, t->n_bytes + n, 1))
        return CO_FAIL(CO_ENOMEM, "out of memory after %zu bytes of text", t->n_bytes);
    if (n) memcpy(t->bytes + t->n_bytes, bytes, n);
    t->n_bytes += n;
    return CO_OK;
}

co_status co_texts_end(co_texts *t)
{
    if (co_reserve((void **)&t->end, &t->room, t->n + 1, sizeof *t->end))
        return CO_FAIL(CO_ENOMEM, "out of memory after %zu texts", t->n);
    t->end[t->n++] = (int64_t)t->n_bytes;
    return CO_OK;
}

void co_texts_fini(co_texts *t)
{
    co_free(t->bytes);
    co_free(t->end);
    *t = (co_texts){0};
}

co_status co_texts_give(co_texts *t, const char *where, co_dataset *data)
{
    if (t->n == 0 || t->n_bytes == 0)
        return CO_FAIL(CO_EDATA, "%s: %s", where, t->n ? "its texts are all empty" : "no texts");
    data->n = (int64_t)t->n;
    data->text_offsets = co_malloc(t->n + 1, sizeof *data->text_offsets);
    data->split = co_calloc(t->n, 1);
    if (!data->text_offsets || !data->split)
        return CO_FAIL(CO_ENOMEM, "%s: out of memory for %zu texts", where, t->n);
    data->text_offsets[0] = 0;
    memcpy(data->text_offsets + 1, t->end, t->n * sizeof *t->end);
    data->text = (uint8_t *)t->bytes;
    t->bytes = NULL;
    return CO_OK;
}

/* ---- tokens ---- */

static co_status count(co_texts_work *w)
{
    size_t n;
    for (int64_t i = 0; i < w->data->n; i++) {
        if (w->data->split[i] != 0) continue;
        const char *text = co_texts_of(w->data, i, &n);
        CO_TRY(co_texts_count(w, text, n));
        if (!w->shared) continue;
        text = co_texts_target(w->data, i, &n);
        CO_TRY(co_texts_count(w, text, n));
    }
    return CO_OK;
}

/* All tokens of every text, nothing cut. */
static co_status number_all(co_texts_work *w)
{
    co_dataset *d = w->data;
    size_t n, bytes;
    d->token_offsets = co_calloc((size_t)d->n + 1, sizeof *d->token_offsets);
    if (!d->token_offsets) return CO_FAIL(CO_ENOMEM, "out of memory for offsets of tokens");
    for (int64_t i = 0; i < d->n; i++) {
        const char *text = co_texts_of(d, i, &n);
        for (size_t at = 0; (bytes = w->member->next(text, n, &at)) > 0; at += bytes) {
            if (co_reserve((void **)&d->tokens, &w->tokens_room, w->n + 1, sizeof *d->tokens) ||
                co_reserve((void **)&w->start, &w->start_room, w->n + 1, sizeof *w->start))
                return CO_FAIL(CO_ENOMEM, "out of memory after %zu tokens", w->n);
            w->start[w->n] = d->text_offsets[i] + (int64_t)at;
            d->tokens[w->n++] = co_texts_number(w, text + at, bytes);
        }
        d->token_offsets[i + 1] = (int64_t)w->n;
    }
    return CO_OK;
}

static void count_unknown(co_texts_work *w)
{
    const co_dataset *d = w->data;
    for (int64_t i = 0; i < d->n; i++)
        for (int64_t t = d->token_offsets[i]; t < d->token_offsets[i + 1]; t++) {
            w->n_tokens[d->split[i]]++;
            w->n_unknown[d->split[i]] += d->tokens[t] == w->unknown;
        }
}

/* The mark in place of the last token that stays, whose text ends at `end`. */
static void keep_last(co_texts_work *w, size_t at, size_t end)
{
    co_dataset *d = w->data;
    for (size_t t = at; d->token_y && t < end; t++) w->n_words += d->token_y[t] >= 0;
    d->tokens[at] = w->last;
    if (d->token_y) d->token_y[at] = -1;
}

/* Drops what is behind the first max_tokens of each text; a mark at its end stays. */
static void truncate_texts(co_texts_work *w)
{
    co_dataset *d = w->data;
    size_t kept = 0;
    int64_t from = 0;
    for (int64_t i = 0; i < d->n; i++) {
        const size_t n = (size_t)(d->token_offsets[i + 1] - from);
        const size_t stays = w->max_tokens && n > w->max_tokens ? w->max_tokens : n;
        w->n_cut += stays < n;
        w->n_dropped += (int64_t)(n - stays);
        if (stays < n && w->last >= 0) keep_last(w, (size_t)from + stays - 1, (size_t)from + n);
        memmove(d->tokens + kept, d->tokens + from, stays * sizeof *d->tokens);
        if (d->token_y) memmove(d->token_y + kept, d->token_y + from, stays * sizeof *d->token_y);
        from = d->token_offsets[i + 1];
        kept += stays;
        d->token_offsets[i + 1] = (int64_t)kept;
    }
    d->n_tokens = kept;
}

/* Pieces of a text of n tokens: each predicts at most max_tokens of them. */
static size_t n_pieces(const co_texts_work *w, size_t n)
{
    if (w->max_tokens == 0 || n <= w->max_tokens + 1) return 1;
    return (n - 2) / w->max_tokens + 1;
}

/* The columns of an example, once for each of its pieces. */
static co_status repeat(void **column, size_t element, const int64_t *piece, int64_t n)
{
    if (!*column) return CO_OK;
    char *out = co_malloc((size_t)piece[n], element);
    if (!out) return CO_FAIL(CO_ENOMEM, "out of memory for %" PRId64 " pieces", piece[n]);
    for (int64_t i = 0; i < n; i++)
        for (int64_t k = piece[i]; k < piece[i + 1]; k++)
            memcpy(out + (size_t)k * element, (char *)*column + (size_t)i * element, element);
    co_free(*column);
    *column = out;
    return CO_OK;
}

typedef struct {
    int64_t *first; /* [n + 1] first piece of each text */
    int64_t *token_offsets, *text_offsets;
    int32_t *tokens;
} pieces;

static void fill_pieces(const co_texts_work *w, pieces *p)
{
    const co_dataset *d = w->data;
    size_t used = 0;
    for (int64_t i = 0; i < d->n; i++) {
        const size_t from = (size_t)d->token_offsets[i], end = (size_t)d->token_offsets[i + 1];
        for (int64_t k = p->first[i]; k < p->first[i + 1]; k++) {
            const size_t at = from + (size_t)(k - p->first[i]) * w->max_tokens;
            const bool last = k + 1 == p->first[i + 1];
            const size_t n = last ? end - at : w->max_tokens + 1;
            memcpy(p->tokens + used, d->tokens + at, n * sizeof *p->tokens);
            used += n;
            p->token_offsets[k + 1] = (int64_t)used;
            p->text_offsets[k + 1] = last ? d->text_offsets[i + 1] : w->start[at + w->max_tokens];
        }
    }
}

static co_status cut_into_pieces(co_texts_work *w)
{
    co_dataset *d = w->data;
    const size_t n = (size_t)d->n;
    pieces p = {.first = co_calloc(n + 1, sizeof *p.first)};
    if (!p.first) return CO_FAIL(CO_ENOMEM, "out of memory for pieces of texts");
    for (size_t i = 0; i < n; i++) {
        const int64_t k =
            (int64_t)n_pieces(w, (size_t)(d->token_offsets[i + 1] - d->token_offsets[i]));
        p.first[i + 1] = p.first[i] + k;
        w->n_cut += k > 1;
    }
    const size_t n_all = (size_t)p.first[n];
    p.token_offsets = co_calloc(n_all + 1, sizeof *p.token_offsets);
    p.text_offsets = co_calloc(n_all + 1, sizeof *p.text_offsets);
    p.tokens = co_malloc(w->n + n_all, sizeof *p.tokens);
    co_status st = CO_OK;
    if (!p.token_offsets || !p.text_offsets || !p.tokens)
        st = CO_FAIL(CO_ENOMEM, "out of memory for %zu pieces of texts", n_all);
    if (st == CO_OK) st = repeat((void **)&d->split, 1, p.first, d->n);
    if (st == CO_OK) st = repeat((void **)&d->user, sizeof *d->user, p.first, d->n);
    if (st == CO_OK) st = repeat((void **)&d->group, sizeof *d->group, p.first, d->n);
    if (st == CO_OK) {
        fill_pieces(w, &p);
        co_free(d->token_offsets);
        co_free(d->text_offsets);
        co_free(d->tokens);
        d->token_offsets = p.token_offsets;
        d->text_offsets = p.text_offsets;
        d->tokens = p.tokens;
        d->n = (int64_t)n_all;
        d->n_tokens = (size_t)p.token_offsets[n_all];
    } else {
        co_free(p.token_offsets);
        co_free(p.text_offsets);
        co_free(p.tokens);
    }
    co_free(p.first);
    return st;
}

static void tell(const co_texts_work *w)
{
    static const char *const names[3] = {"training", "test", "validation"};
    char words[40] = "";
    for (int s = 0; s < 3; s++)
        if (w->n_tokens[s])
            co_log("%s: %" PRId64 " tokens, %.2f %% out of vocabulary (%zu tokens)", names[s],
                   w->n_tokens[s], 100.0 * (double)w->n_unknown[s] / (double)w->n_tokens[s],
                   w->data->n_vocab);
    if (w->flaws.n_bad)
        co_log("%zu bytes are no UTF-8: %s", w->flaws.n_bad,
               w->member->cut ? "passed over" : "taken as U+FFFD");
    if (w->n_void) co_log("%" PRId64 " words hold no character that is read: left out", w->n_void);
    if (w->n_words) snprintf(words, sizeof words, " (%" PRId64 " words)", w->n_words);
    if (w->flaws.n_cut)
        co_log("%zu tokens are longer than %d bytes: their first %d stand for them", w->flaws.n_cut,
               CO_TOKEN_BYTES, CO_TOKEN_BYTES);
    if (w->n_dropped)
        co_log("%" PRId64 " texts are longer than max_tokens=%zu: cut, %" PRId64
               " tokens%s are left out",
               w->n_cut, w->max_tokens, w->n_dropped, words);
    else if (w->n_cut)
        co_log("%" PRId64 " texts are longer than max_tokens=%zu: cut into pieces, nothing left "
               "out",
               w->n_cut, w->max_tokens);
}

static co_status tokenise(co_texts_work *w, const co_config *opt)
{
    co_dataset *d = w->data;
    const bool pairs = d->task == CO_DATA_SEQ2SEQ;
    if (pairs) CO_TRY(co_texts_shares(w, opt));
    CO_TRY(co_texts_vocabulary(w, opt, "vocab", count));
    if (w->shared) CO_TRY(co_texts_target_marks(w));
    CO_TRY(w->member->cut ? co_texts_number_subwords(w) : number_all(w));
    if (w->n == 0) return CO_FAIL(CO_EDATA, "the texts hold no token");
    CO_ASSERT(!d->token_y || w->n == d->n_tokens);
    d->vocab = w->vocabulary.names;
    d->n_vocab = w->vocabulary.n_names;
    w->vocabulary.names = NULL;
    w->vocabulary.n_names = 0;
    count_unknown(w);
    if (d->task == CO_DATA_LM)
        CO_TRY(cut_into_pieces(w));
    else
        truncate_texts(w);
    CO_TRY(co_texts_letters(w, opt));
    tell(w);
    return pairs ? co_texts_number_targets(w, opt) : CO_OK;
}

co_status co_texts_tokenise(const co_config *opt, co_dataset *data)
{
    if (!data->text || data->tokens) return CO_OK;
    co_texts_work w = {.data = data};
    CO_TRY(co_texts_start(&w, opt));
    if (data->token_y && !w.member->cut && strcmp(w.member->name, "blank") != 0)
        return CO_FAIL(CO_EUSAGE,
                       "tokens=%s: tagged texts are cut already; blank (as they stand) and "
                       "wordpiece are taken",
                       w.member->name);
    const co_status st = tokenise(&w, opt);
    co_vocabulary_fini(&w.vocabulary);
    co_free(w.start);
    return st;
}
