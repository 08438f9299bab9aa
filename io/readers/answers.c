/* io/readers/answers.c - lists of answers, pairs of texts, references of one source joined. Cost:
 * O(bytes); joining sorts the sources. */
#include "io/readers/answers.h"
#include "core/log.h"
#include "core/memory.h"
#include "io/readers/reader.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

co_status co_answers_add(co_answers *a, const char *text, size_t n)
{
    CO_TRY(co_texts_bytes(&a->texts, text, n));
    return co_texts_end(&a->texts);
}

co_status co_answers_end(co_answers *a)
{
    if (co_reserve((void **)&a->end, &a->room, a->n + 1, sizeof *a->end))
        return CO_FAIL(CO_ENOMEM, "out of memory after the answers of %zu examples", a->n);
    a->end[a->n++] = (int64_t)a->texts.n;
    return CO_OK;
}

void co_answers_fini(co_answers *a)
{
    co_texts_fini(&a->texts);
    co_free(a->end);
    *a = (co_answers){0};
}

/* Bounds from ends: 0 before them. */
static co_status bounds_of(const int64_t *end, size_t n, int64_t **bounds)
{
    *bounds = co_calloc(n + 1, sizeof **bounds);
    if (!*bounds) return CO_FAIL(CO_ENOMEM, "out of memory for bounds of %zu texts", n);
    if (n) memcpy(*bounds + 1, end, n * sizeof *end);
    return CO_OK;
}

co_status co_answers_give(co_answers *a, co_dataset *data)
{
    if (a->texts.n == 0) return CO_OK;
    CO_TRY(bounds_of(a->texts.end, a->texts.n, &data->answer_bounds));
    CO_TRY(bounds_of(a->end, a->n, &data->answer_offsets));
    data->answers = (uint8_t *)a->texts.bytes;
    data->n_answers = a->texts.n;
    data->n_answer_bytes = a->texts.n_bytes;
    a->texts.bytes = NULL;
    return CO_OK;
}

/* ---- pairs ---- */

static bool is_blank(const char *text, size_t n)
{
    size_t i = 0;
    while (i < n && strchr(" \t\r\n\v\f", text[i])) i++;
    return i == n;
}

co_status co_pairs_add(co_pairs *p, const char *where, const char *source, size_t n_source,
                       const char *target, size_t n_target, uint8_t split, const char *user)
{
    const bool no_source = is_blank(source, n_source);
    if (no_source || is_blank(target, n_target))
        return CO_FAIL(CO_EDATA, "%s: the %s is empty; fill it, or leave the pair out", where,
                       no_source ? "source" : "target");
    if (co_reserve((void **)&p->split, &p->split_room, p->sources.n + 1, 1))
        return CO_FAIL(CO_ENOMEM, "out of memory after %zu pairs", p->sources.n);
    p->split[p->sources.n] = split;
    if (user) {
        CO_TRY(co_reserve((void **)&p->user, &p->user_room, p->sources.n + 1, sizeof *p->user));
        CO_TRY(co_members_number(&p->users, user, &p->user[p->sources.n]));
    }
    CO_TRY(co_texts_bytes(&p->sources, source, n_source));
    CO_TRY(co_texts_end(&p->sources));
    CO_TRY(co_answers_add(&p->targets, target, n_target));
    return co_answers_end(&p->targets);
}

co_status co_pairs_give(co_pairs *p, const char *where, co_dataset *data)
{
    CO_TRY(co_texts_give(&p->sources, where, data));
    data->task = CO_DATA_SEQ2SEQ;
    memcpy(data->split, p->split, (size_t)data->n);
    data->user = p->user;
    data->user_name = p->users.name;
    data->n_users = p->users.n;
    p->user = NULL;
    p->users.name = NULL;
    p->users.n = 0;
    return co_answers_give(&p->targets, data);
}

void co_pairs_fini(co_pairs *p)
{
    co_texts_fini(&p->sources);
    co_answers_fini(&p->targets);
    co_members_fini(&p->users);
    co_free(p->split);
    co_free(p->user);
    *p = (co_pairs){0};
}

/* ---- references of one source ---- */

static int by_split_and_source(const void *a, const void *b, void *self)
{
    const co_dataset *d = self;
    const int64_t i = *(const int64_t *)a, j = *(const int64_t *)b;
    if (d->split[i] != d->split[j]) return d->split[i] < d->split[j] ? -1 : 1;
    const size_t m = (size_t)(d->text_offsets[i + 1] - d->text_offsets[i]),
                 n = (size_t)(d->text_offsets[j + 1] - d->text_offsets[j]);
    const int order =
        memcmp(d->text + d->text_offsets[i], d->text + d->text_offsets[j], m < n ? m : n);
    if (order || m != n) return order ? order : m < n ? -1 : 1;
    return i < j ? -1 : i > j;
}

/* first[i]: the first example of the split and source of example i. */
static co_status find_firsts(const co_dataset *d, int64_t *first)
{
    int64_t *sorted = co_malloc((size_t)d->n, sizeof *sorted);
    if (!sorted) return CO_FAIL(CO_ENOMEM, "out of memory for joining %" PRId64 " pairs", d->n);
    for (int64_t i = 0; i < d->n; i++) sorted[i] = i;
    qsort_r(sorted, (size_t)d->n, sizeof *sorted, by_split_and_source, (void *)d);
    for (int64_t k = 0; k < d->n; k++) {
        const int64_t i = sorted[k], before = k ? sorted[k - 1] : i;
        const size_t n = (size_t)(d->text_offsets[i + 1] - d->text_offsets[i]);
        const bool same =
            k && d->split[i] && d->split[i] == d->split[before] &&
            n == (size_t)(d->text_offsets[before + 1] - d->text_offsets[before]) &&
            memcmp(d->text + d->text_offsets[i], d->text + d->text_offsets[before], n) == 0;
        first[i] = same ? first[before] : i;
    }
    co_free(sorted);
    return CO_OK;
}

/* The examples that stay close up, and so do their texts. */
static void close_up(co_dataset *d, const int64_t *first)
{
    int64_t kept = 0, bytes = 0;
    for (int64_t i = 0; i < d->n; i++) {
        const int64_t from = d->text_offsets[i], n = d->text_offsets[i + 1] - from;
        if (first[i] != i) continue;
        memmove(d->text + bytes, d->text + from, (size_t)n);
        d->split[kept] = d->split[i];
        if (d->user) d->user[kept] = d->user[i];
        if (d->group) d->group[kept] = d->group[i];
        d->text_offsets[kept++] = bytes;
        bytes += n;
    }
    d->text_offsets[kept] = bytes;
    d->n = kept;
}

/* Each example has one answer, whose number is its own. */
static co_status join_answers(const co_dataset *d, const int64_t *first, co_answers *out)
{
    int64_t *next = co_malloc((size_t)d->n, sizeof *next), *last = co_malloc((size_t)d->n, 8);
    co_status st = next && last ? CO_OK : CO_FAIL(CO_ENOMEM, "out of memory for joined answers");
    for (int64_t i = 0; st == CO_OK && i < d->n; i++) { /* a chain from each first */
        next[i] = -1;
        if (first[i] != i) next[last[first[i]]] = i;
        last[first[i]] = i;
    }
    for (int64_t i = 0; st == CO_OK && i < d->n; i++) {
        if (first[i] != i) continue;
        for (int64_t a = i; st == CO_OK && a >= 0; a = next[a])
            st = co_answers_add(out, (const char *)d->answers + d->answer_bounds[a],
                                (size_t)(d->answer_bounds[a + 1] - d->answer_bounds[a]));
        if (st == CO_OK) st = co_answers_end(out);
    }
    co_free(next);
    co_free(last);
    return st;
}

co_status co_pairs_join(co_dataset *d)
{
    co_answers joined = {0};
    const int64_t n = d->n;
    int64_t *first = co_malloc((size_t)n, sizeof *first);
    co_status st = first ? find_firsts(d, first) : CO_FAIL(CO_ENOMEM, "out of memory for pairs");
    if (st == CO_OK) st = join_answers(d, first, &joined);
    if (st == CO_OK) {
        close_up(d, first);
        co_free(d->answers);
        co_free(d->answer_bounds);
        co_free(d->answer_offsets);
        d->answers = NULL;
        d->answer_bounds = d->answer_offsets = NULL;
        st = co_answers_give(&joined, d);
    }
    if (st == CO_OK && d->n < n)
        co_log("%" PRId64 " pairs of test and validation became %" PRId64
               " examples with all references of their source",
               n, d->n);
    co_answers_fini(&joined);
    co_free(first);
    return st;
}

co_status co_pairs_finish(const co_config *opt, co_dataset *data)
{
    CO_TRY(co_reader_split_by(opt, data));
    const bool join = co_config_has(opt, "references") &&
                      strcmp(co_config_string(opt, "references"), "join") == 0;
    return join ? co_pairs_join(data) : CO_OK;
}
