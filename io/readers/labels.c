/* io/readers/labels.c - labels as texts become classes. Cost: O(n log n) time, 32 bytes a label. */
#include "io/readers/labels.h"
#include "core/log.h"
#include "core/memory.h"
#include "io/readers/columns.h"
#include "io/readers/raw.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

co_label_kind co_labels_kind(const char *const *text, size_t n, size_t *odd)
{
    co_label_kind kind = CO_LABELS_WHOLE;
    int64_t whole;
    double real;
    *odd = n;
    for (size_t i = 0; i < n && kind != CO_LABELS_WORDS; i++) {
        if (co_raw_whole(text[i], &whole)) continue;
        if (*odd == n) *odd = i;
        /* a whole number beyond 64 bits is a name, not a measure */
        kind =
            co_raw_real(text[i], &real) && real != floor(real) ? CO_LABELS_REALS : CO_LABELS_WORDS;
    }
    return kind;
}

co_status co_labels_real(const char *where, const char *label)
{
    return CO_FAIL(
        CO_EDATA,
        "%s: label '%.40s' is a real number; classes are whole numbers or words, and real "
        "values are learnt with task=regression",
        where, label);
}

typedef struct {
    char text[24];
} decimal;

/* Words, in which a whole number has one spelling. */
static co_status number_words(const char *where, const char *const *text, size_t n, int32_t *index,
                              char ***names, size_t *n_names)
{
    const char **name = co_malloc(n, sizeof *name);
    decimal *own = co_malloc(n, sizeof *own);
    size_t n_numbers = 0;
    int64_t whole;
    double real;
    co_status st =
        name && own ? CO_OK : CO_FAIL(CO_ENOMEM, "%s: out of memory for %zu labels", where, n);
    for (size_t i = 0; st == CO_OK && i < n; i++) {
        name[i] = text[i];
        n_numbers += co_raw_real(text[i], &real);
        if (!co_raw_whole(text[i], &whole)) continue;
        snprintf(own[i].text, sizeof own[i].text, "%" PRId64, whole);
        name[i] = own[i].text;
    }
    if (st == CO_OK) st = co_columns_rank_text(name, n, index, names, n_names);
    if (st == CO_OK && n_numbers)
        co_warn("%s: the labels mix numbers and words: taken as %zu words", where, *n_names);
    co_free(own);
    co_free(name);
    return st;
}

co_status co_labels_number(const char *where, const char *const *text, size_t n, int32_t *index,
                           char ***names, size_t *n_names)
{
    size_t odd;
    switch (co_labels_kind(text, n, &odd)) {
    case CO_LABELS_WHOLE: return co_columns_rank_text(text, n, index, names, n_names);
    case CO_LABELS_REALS: return co_labels_real(where, text[odd]);
    default: return number_words(where, text, n, index, names, n_names);
    }
}
