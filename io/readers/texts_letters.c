/* io/readers/texts_letters.c - the letters of the tokens, as they stand in the text: capitals stay,
 * and a word out of vocabulary keeps them.
 *
 * Two walks as for the tokens: the first counts the letters (characters of UTF-8) of split 0, the
 * second writes their numbers. Cost: O(bytes) each; 4 bytes a letter, 8 a token. */
#include "core/memory.h"
#include "core/text.h"
#include "io/readers/texts_private.h"
#include <string.h>

typedef struct {
    co_texts_work *texts;
    co_vocabulary vocabulary;
    bool counts; /* the first walk */
    size_t room;
} letters;

static co_status check(const co_texts_work *w)
{
    if (!w->member->cut && !w->member->every_byte && w->data->task != CO_DATA_LM) return CO_OK;
    return CO_FAIL(CO_EUSAGE,
                   "chars=true: words have letters: goes with tokens=word and blank, and not with "
                   "the task lm; tokens=%s, the task is %s",
                   w->member->name, co_data_task_names[w->data->task]);
}

static co_status add_letter(letters *l, const char *letter, size_t n)
{
    co_dataset *d = l->texts->data;
    if (l->counts) return co_vocabulary_count(&l->vocabulary, letter, n);
    if (co_reserve((void **)&d->chars, &l->room, d->n_chars + 1, sizeof *d->chars))
        return CO_FAIL(CO_ENOMEM, "out of memory after %zu letters", d->n_chars);
    d->chars[d->n_chars++] = co_vocabulary_find(&l->vocabulary, letter, n);
    return CO_OK;
}

static co_status add_token(letters *l, const char *token, size_t bytes)
{
    char name[CO_TOKEN_BYTES + 3];
    co_token_flaws again = {0}; /* counted with the tokens */
    uint32_t code;
    const size_t n = co_token_clean(token, bytes, false, name, &again);
    for (size_t at = 0, size; at < n; at += size) {
        size = co_utf8_decode(name + at, n - at, &code);
        CO_ASSERT(size > 0);
        CO_TRY(add_letter(l, name + at, size));
    }
    return CO_OK;
}

/* The tokens that the example has kept. */
static co_status walk_text(letters *l, int64_t i)
{
    const co_texts_work *w = l->texts;
    co_dataset *d = w->data;
    size_t n, at = 0;
    const char *text = co_texts_of(d, i, &n);
    for (int64_t t = d->token_offsets[i]; t < d->token_offsets[i + 1]; t++) {
        const size_t bytes = w->member->next(text, n, &at);
        CO_TRY(add_token(l, text + at, bytes));
        at += bytes;
        if (!l->counts) d->char_offsets[t + 1] = (int64_t)d->n_chars;
    }
    return CO_OK;
}

static co_status walk_all(letters *l)
{
    co_dataset *d = l->texts->data;
    l->counts = true;
    for (int64_t i = 0; i < d->n; i++)
        if (d->split[i] == 0) CO_TRY(walk_text(l, i));
    CO_TRY(co_vocabulary_cut(&l->vocabulary, 1));
    d->char_offsets = co_calloc(d->n_tokens + 1, sizeof *d->char_offsets);
    if (!d->char_offsets) return CO_FAIL(CO_ENOMEM, "letters of %zu tokens", d->n_tokens);
    l->counts = false;
    for (int64_t i = 0; i < d->n; i++) CO_TRY(walk_text(l, i));
    d->char_vocab = l->vocabulary.names;
    d->n_char_vocab = l->vocabulary.n_names;
    l->vocabulary.names = NULL;
    l->vocabulary.n_names = 0;
    return CO_OK;
}

co_status co_texts_letters(co_texts_work *w, const co_config *opt)
{
    letters l = {.texts = w};
    if (!co_config_has(opt, "chars") || !co_config_bool(opt, "chars")) return CO_OK;
    CO_TRY(check(w));
    const co_status st = walk_all(&l);
    co_vocabulary_fini(&l.vocabulary);
    return st;
}
