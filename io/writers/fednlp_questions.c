/* io/writers/fednlp_questions.c - an example an answer, as FedNLP's loader makes them of SQuAD.
 *
 * A data set keeps the place of the answer that training has, as tokens, and the words of all: the
 * place of an answer is where its words stand in the context, next to the token that it begins in.
 * Questions without an answer have no form there and are left out. */
#include "io/writers/fednlp_questions.h"
#include "core/log.h"
#include "core/memory.h"
#include "io/json.h"
#include "io/writers/aside.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* An example: the answer, the first window of its question, the first byte. */
typedef struct {
    int64_t window, answer, from;
} example;

typedef struct {
    const co_dataset *data;
    example *list; /* [n] */
    size_t n, room, n_odd;
    int64_t n_left_out;
} examples;

/* The byte that the answer of the windows from `first` on begins near. */
static int64_t place_of(const co_dataset *d, int64_t first)
{
    for (int64_t k = first; k < d->n && d->question[k] == d->question[first]; k++)
        if (d->span[2 * k] >= 0) return d->token_char[2 * (d->token_offsets[k] + d->span[2 * k])];
    return 0;
}

/* Where the words stand in the context: at or behind `near`, else the last place before it; -1. */
static int64_t find(const uint8_t *text, int64_t n, const uint8_t *words, int64_t m, int64_t near)
{
    int64_t before = -1;
    for (int64_t at = 0; m > 0 && at + m <= n; at++) {
        if (memcmp(text + at, words, (size_t)m) != 0) continue;
        if (at >= near) return before >= 0 && near - before < at - near ? before : at;
        before = at;
    }
    return before;
}

static co_status list_answers(examples *e, int64_t window)
{
    const co_dataset *d = e->data;
    const int64_t near = place_of(d, window), at = d->text_offsets[window];
    for (int64_t a = d->answer_offsets[window]; a < d->answer_offsets[window + 1]; a++) {
        const int64_t from =
            find(d->text + at, d->text_offsets[window + 1] - at, d->answers + d->answer_bounds[a],
                 d->answer_bounds[a + 1] - d->answer_bounds[a], near);
        if (from < 0) continue;
        if (co_reserve((void **)&e->list, &e->room, e->n + 1, sizeof *e->list))
            return CO_FAIL(CO_ENOMEM, "out of memory after %zu answers", e->n);
        e->list[e->n++] = (example){window, a, from};
    }
    return CO_OK;
}

static co_status list_all(examples *e)
{
    const co_dataset *d = e->data;
    for (int64_t k = 0; k < d->n; k++) {
        const size_t before = e->n;
        if (k && d->question[k] == d->question[k - 1]) continue;
        CO_TRY(list_answers(e, k));
        e->n_left_out += e->n == before;
    }
    return CO_OK;
}

/* ---- writing ---- */

static void put_ids(co_json *json, const char *key, const examples *e, int split)
{
    co_json_open(json, key, '[');
    for (size_t i = 0; i < e->n; i++)
        if (split < 0 || (e->data->split[e->list[i].window] == 1) == split)
            co_json_int(json, NULL, (int64_t)i);
    co_json_close(json, ']');
}

static void put_attributes(FILE *out, const examples *e)
{
    co_json json = {.out = out};
    co_json_open(&json, NULL, '{');
    put_ids(&json, "index_list", e, -1);
    if (e->data->user) {
        co_json_open(&json, "doc_index", '{');
        for (size_t i = 0; i < e->n; i++) {
            char key[24];
            snprintf(key, sizeof key, "%zu", i);
            co_json_int(&json, key, e->data->user[e->list[i].window]);
        }
        co_json_close(&json, '}');
    }
    co_json_text(&json, "task_type", "span_extraction");
    put_ids(&json, "train_index_list", e, 0);
    put_ids(&json, "test_index_list", e, 1);
    co_json_close(&json, '}');
}

static co_status write_attributes(co_file *file, const examples *e)
{
    char *text = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&text, &n); /* its block is the C library's */
    if (!out) return CO_FAIL(CO_ENOMEM, "attributes of %zu examples", e->n);
    put_attributes(out, e);
    const co_status st =
        fclose(out) == 0
            ? co_file_write_variable(file, "attributes", (const char *const *)&text, 1, true)
            : CO_FAIL(CO_ENOMEM, "attributes of %zu examples", e->n);
    free(text);
    return st;
}

static co_status put_text(co_file *file, const char *part, size_t i, const uint8_t *bytes,
                          int64_t from, int64_t end, size_t *n_odd)
{
    char name[48], *text = co_writer_text(bytes + from, (size_t)(end - from), n_odd);
    if (!text) return CO_FAIL(CO_ENOMEM, "a text of %lld bytes", (long long)(end - from));
    snprintf(name, sizeof name, "%s/%zu", part, i);
    const co_status st = co_file_write_variable(file, name, (const char *const *)&text, 1, true);
    co_free(text);
    return st;
}

/* Characters of n bytes: what begins one. */
static int64_t count_chars(const uint8_t *text, int64_t n)
{
    int64_t chars = 0;
    for (int64_t i = 0; i < n; i++) chars += (text[i] & 0xC0) != 0x80;
    return chars;
}

static co_status put_example(co_file *file, examples *e, size_t i)
{
    const co_dataset *d = e->data;
    const example x = e->list[i];
    const int32_t q = d->question[x.window];
    const int64_t at = d->text_offsets[x.window], *bound = d->answer_bounds + x.answer;
    const uint8_t *text = d->text + at;
    const int64_t start = count_chars(text, x.from),
                  y[2] = {start, start + count_chars(text + x.from, bound[1] - bound[0])};
    char name[48], number[24];
    CO_TRY(put_text(file, "context_X", i, d->text, at, d->text_offsets[x.window + 1], &e->n_odd));
    CO_TRY(put_text(file, "question_X", i, d->question_text, d->question_bounds[q],
                    d->question_bounds[q + 1], &e->n_odd));
    CO_TRY(put_text(file, "Y_answer", i, d->answers, bound[0], bound[1], &e->n_odd));
    snprintf(name, sizeof name, "Y/%zu", i);
    CO_TRY(co_file_write_i64(file, name, y, 2));
    snprintf(name, sizeof name, "question_ids/%zu", i);
    snprintf(number, sizeof number, "%d", q);
    const char *id = d->question_name ? d->question_name[q] : number;
    return co_file_write_variable(file, name, &id, 1, true);
}

co_status co_fednlp_put_questions(co_file *file, const co_dataset *data, const char *path)
{
    examples e = {.data = data};
    if (!data->question_text || !data->answers)
        return CO_FAIL(
            CO_EUSAGE,
            "%s: FedNLP's files of questions hold their texts and answers; this data set "
            "has no %s",
            path, data->question_text ? "answers" : "question_text");
    co_status st = list_all(&e);
    if (st == CO_OK && e.n_left_out)
        co_warn("%s: %" PRId64
                " questions without an answer in their context are left out: FedNLP's "
                "files have no form for them",
                path, e.n_left_out);
    if (st == CO_OK) st = write_attributes(file, &e);
    for (size_t i = 0; st == CO_OK && i < e.n; i++) st = put_example(file, &e, i);
    co_writer_warn_odd(path, e.n_odd);
    co_free(e.list);
    return st;
}
