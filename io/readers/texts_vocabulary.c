/* io/readers/texts_vocabulary.c - how texts are cut, and the numbers of what they are cut into. */
#include "io/readers/texts_private.h"
#include <string.h>

const char *co_texts_of(const co_dataset *data, int64_t i, size_t *n)
{
    *n = (size_t)(data->text_offsets[i + 1] - data->text_offsets[i]);
    return (const char *)data->text + data->text_offsets[i];
}

co_status co_texts_count(co_texts_work *w, const char *text, size_t n)
{
    char name[CO_TOKEN_BYTES + 3];
    size_t bytes;
    for (size_t at = 0; (bytes = w->member->next(text, n, &at)) > 0; at += bytes) {
        co_token_flaws again = {0}; /* the second walk counts them */
        const size_t used = co_token_clean(text + at, bytes, w->lowercase, name, &again);
        CO_TRY(co_vocabulary_count(&w->vocabulary, name, used));
    }
    return CO_OK;
}

/* Options that a published vocabulary decides, or needs. */
static co_status read_published(co_texts_work *w, const co_config *opt, const char *key)
{
    const char *name = w->member->name;
    const char *marks[] = {w->member->unknown, w->member->first, w->member->last, NULL};
    if (!co_config_has(opt, key))
        return CO_FAIL(CO_EUSAGE, "tokens=%s: needs vocab=FILE, the model's vocab.txt", name);
    if (co_config_has(opt, "lowercase"))
        return CO_FAIL(CO_EUSAGE, "tokens=%s: takes lower=true|false in place of lowercase=", name);
    if (co_config_int(opt, "min_count") > 1)
        return CO_FAIL(CO_EUSAGE,
                       "tokens=%s: its vocabulary is that of vocab=; leave min_count=", name);
    if (w->max_tokens == 1)
        return CO_FAIL(CO_EUSAGE, "tokens=%s: max_tokens=1 has no room for %s and %s; 2 at least",
                       name, marks[1], marks[2]);
    return co_vocabulary_read_published(&w->vocabulary, co_config_string(opt, key), marks);
}

co_status co_texts_vocabulary(co_texts_work *w, const co_config *opt, const char *key,
                              co_status (*count_texts)(co_texts_work *work))
{
    const bool own = co_config_has(opt, key);
    if (w->member->cut) return read_published(w, opt, key);
    if (w->member->every_byte) {
        if (own)
            return CO_FAIL(CO_EUSAGE, "%s=%s: tokens=byte has a vocabulary of its own; leave it",
                           key, co_config_string(opt, key));
        return co_vocabulary_bytes(&w->vocabulary);
    }
    if (own) return co_vocabulary_read(&w->vocabulary, co_config_string(opt, key));
    CO_TRY(count_texts(w));
    return co_vocabulary_cut(&w->vocabulary, co_config_int(opt, "min_count"));
}

int32_t co_texts_number(co_texts_work *w, const char *token, size_t bytes)
{
    char name[CO_TOKEN_BYTES + 3];
    if (w->member->every_byte) return 1 + (unsigned char)*token;
    const size_t used = co_token_clean(token, bytes, w->lowercase, name, &w->flaws);
    return co_vocabulary_find(&w->vocabulary, name, used);
}

int32_t co_texts_token(const co_texts_work *w, const char *name)
{
    return co_vocabulary_find(&w->vocabulary, name, strlen(name)) - (w->member->cut != NULL);
}

co_status co_texts_cut(co_texts_work *w, const char *text, size_t n, size_t from, co_subwords *out)
{
    size_t bytes;
    if (w->member->cut)
        return w->member->cut(&w->vocabulary, w->lowercase, text, n, from, out, &w->flaws);
    for (size_t at = 0; (bytes = w->member->next(text, n, &at)) > 0; at += bytes)
        CO_TRY(co_subwords_add(out, co_texts_number(w, text + at, bytes), from + at,
                               from + at + bytes));
    return CO_OK;
}

co_status co_texts_start(co_texts_work *w, const co_config *opt)
{
    const char *name = co_config_string(opt, "tokens");
    w->member = co_tokeniser_find(name);
    w->last = -1;
    if (!w->member) return co_fail_in(CO_EUSAGE, "tokens");
    if (!w->member->cut && co_config_has(opt, "lower"))
        return CO_FAIL(CO_EUSAGE, "tokens=%s: takes lowercase=true|false in place of lower=", name);
    const char *key = w->member->cut ? "lower" : "lowercase";
    w->lowercase =
        co_config_has(opt, key) ? co_config_bool(opt, key) : w->member->cut || w->member->lowercase;
    w->max_tokens = (size_t)co_config_int(opt, "max_tokens");
    return CO_OK;
}
