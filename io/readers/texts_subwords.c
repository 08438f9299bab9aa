/* io/readers/texts_subwords.c - texts to the pieces of a published vocabulary, a mark before and
 * one behind each text.
 *
 * Tagging: the text is cut into the words that have the tags, each of them into pieces. The first
 * piece has the tag; the others and the marks have none (-1). A word without a piece (all of its
 * characters are dropped) is left out with its tag, and blanks stand for it in the raw text, so
 * that words and tags go on side by side. Cost: O(bytes); 12 bytes a token, 16 with tags. */
#include "core/memory.h"
#include "io/readers/texts_private.h"
#include <string.h>

typedef struct {
    int32_t *y; /* [n] */
    size_t n, room;
} tags;

/* Tags of the tokens that have come since: the word's for the first, -1 for the rest. */
static co_status add_tags(tags *t, size_t n_tokens, int32_t tag)
{
    if (co_reserve((void **)&t->y, &t->room, n_tokens, sizeof *t->y))
        return CO_FAIL(CO_ENOMEM, "out of memory for %zu tags", n_tokens);
    for (; t->n < n_tokens; tag = -1) t->y[t->n++] = tag;
    return CO_OK;
}

static co_status cut_words(co_texts_work *w, int64_t i, int64_t *word, co_subwords *s, tags *t)
{
    extern const co_tokeniser co_tokeniser_blank;
    size_t n, bytes;
    const char *text = co_texts_of(w->data, i, &n);
    CO_TRY(add_tags(t, s->n, -1)); /* the mark before */
    for (size_t at = 0; (bytes = co_tokeniser_blank.next(text, n, &at)) > 0; at += bytes) {
        const size_t from = (size_t)w->data->text_offsets[i] + at, before = s->n;
        CO_TRY(w->member->cut(&w->vocabulary, w->lowercase, text + at, bytes, from, s, &w->flaws));
        if (s->n == before) {
            memset(w->data->text + from, ' ', bytes);
            w->n_void++;
        }
        CO_TRY(add_tags(t, s->n, w->data->token_y[(*word)++]));
    }
    return CO_OK;
}

static co_status number(co_texts_work *w, co_subwords *s, tags *t)
{
    co_dataset *d = w->data;
    int64_t word = 0;
    for (int64_t i = 0; i < d->n; i++) {
        size_t n;
        const char *text = co_texts_of(d, i, &n);
        const size_t from = (size_t)d->text_offsets[i], to = (size_t)d->text_offsets[i + 1];
        CO_TRY(co_subwords_add(s, s->first, from, from));
        CO_TRY(d->token_y ? cut_words(w, i, &word, s, t)
                          : w->member->cut(&w->vocabulary, w->lowercase, text, n,
                                           (size_t)d->text_offsets[i], s, &w->flaws));
        CO_TRY(co_subwords_add(s, s->last, to, to));
        if (d->token_y) CO_TRY(add_tags(t, s->n, -1));
        d->token_offsets[i + 1] = (int64_t)s->n;
    }
    CO_ASSERT(!d->token_y || (size_t)word == d->n_tokens);
    return CO_OK;
}

/* The number of a mark, which the vocabulary has. */
static int32_t mark_of(const co_vocabulary *v, const char *name)
{
    return co_vocabulary_find(v, name, strlen(name)) - 1;
}

co_status co_texts_number_subwords(co_texts_work *w)
{
    co_dataset *d = w->data;
    tags t = {0};
    co_subwords s = {.unknown = mark_of(&w->vocabulary, w->member->unknown),
                     .first = mark_of(&w->vocabulary, w->member->first),
                     .last = mark_of(&w->vocabulary, w->member->last)};
    d->token_offsets = co_calloc((size_t)d->n + 1, sizeof *d->token_offsets);
    if (!d->token_offsets) return CO_FAIL(CO_ENOMEM, "out of memory for offsets of tokens");
    const co_status st = number(w, &s, &t);
    if (st != CO_OK) {
        co_subwords_fini(&s);
        co_free(t.y);
        return st;
    }
    w->n = s.n;
    w->unknown = s.unknown;
    w->last = s.last;
    d->tokens = s.id;
    w->start = s.start;
    co_free(s.end);
    if (!d->token_y) return CO_OK;
    co_free(d->token_y);
    d->token_y = t.y;
    d->n_tokens = t.n;
    return CO_OK;
}
