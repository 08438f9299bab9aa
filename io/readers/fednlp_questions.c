/* io/readers/fednlp_questions.c - FedNLP's span_extraction: an example an answer. */
#include "io/readers/fednlp_questions.h"
#include "core/memory.h"
#include "io/readers/columns.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

typedef struct {
    const co_file *file;
    const char *path;
    co_asked *questions;
    co_answers answers;
    int64_t *document; /* [n questions] */
    uint8_t *split;
    size_t document_room, split_room;
    char *context, *id, *last_context, *last_id; /* of this example, of the one before */
    int64_t last_document;
    uint8_t last_split;
} source;

/* The one text of dataset PART/I, new block; absent NULL where it may lack. */
static co_status read_text(const source *s, const char *part, size_t i, bool needed, char **text)
{
    char name[48], **list;
    size_t n;
    *text = NULL;
    snprintf(name, sizeof name, "%s/%zu", part, i);
    if (!needed && !co_file_has(s->file, name)) return CO_OK;
    CO_TRY(co_file_read_strings(s->file, name, &list, &n));
    if (n == 1) {
        *text = list[0];
        list[0] = NULL;
    }
    co_strings_free(list, n);
    return n == 1 ? CO_OK
                  : CO_FAIL(CO_EDATA, "%s: %s has %zu texts; one is wanted", s->path, name, n);
}

/* The bytes of characters [from, to) of the context. */
static co_status find_answer(const source *s, size_t i, int64_t place[2])
{
    char name[48];
    int64_t *y = NULL;
    size_t n = 0;
    snprintf(name, sizeof name, "Y/%zu", i);
    CO_TRY(co_file_read_new(s->file, name, CO_I64, (void **)&y, &n));
    for (int k = 0; k < 2; k++) place[k] = n == 2 ? co_texts_byte_of(s->context, y[k]) : -1;
    const bool good = place[0] >= 0 && place[1] > place[0];
    const co_status st =
        good     ? CO_OK
        : n == 2 ? CO_FAIL(CO_EDATA,
                           "%s: %s, question '%.60s': the answer's characters %" PRId64
                           " to %" PRId64 " do not lie in its context",
                           s->path, name, s->id, y[0], y[1])
                 : CO_FAIL(CO_EDATA, "%s: %s has %zu values; first and end character are wanted",
                           s->path, name, n);
    co_free(y);
    return st;
}

static bool goes_on(const source *s, int64_t document, uint8_t split)
{
    return s->last_id && strcmp(s->id, s->last_id) == 0 && document == s->last_document &&
           split == s->last_split && strcmp(s->context, s->last_context) == 0;
}

static co_status begin_question(source *s, size_t i, int64_t document, uint8_t split,
                                const int64_t place[2])
{
    char *text;
    const size_t k = s->questions->questions.n;
    if (k) CO_TRY(co_answers_end(&s->answers));
    if (!s->last_context || strcmp(s->context, s->last_context) != 0) {
        CO_TRY(co_texts_bytes(&s->questions->contexts, s->context, strlen(s->context)));
        CO_TRY(co_texts_end(&s->questions->contexts));
    }
    if (co_reserve((void **)&s->document, &s->document_room, k + 1, sizeof *s->document) ||
        co_reserve((void **)&s->split, &s->split_room, k + 1, 1))
        return CO_FAIL(CO_ENOMEM, "%s: %zu questions", s->path, k);
    s->document[k] = document;
    s->split[k] = split;
    CO_TRY(read_text(s, "question_X", i, true, &text));
    const co_status st = co_asked_add(s->questions, text, s->id, place);
    co_free(text);
    return st;
}

static co_status add_answer(source *s, size_t i, const int64_t place[2])
{
    char *text;
    CO_TRY(read_text(s, "Y_answer", i, false, &text));
    const co_status st =
        text ? co_answers_add(&s->answers, text, strlen(text))
             : co_answers_add(&s->answers, s->context + place[0], (size_t)(place[1] - place[0]));
    co_free(text);
    return st;
}

static co_status take_example(source *s, size_t i, int64_t document, uint8_t split)
{
    int64_t place[2];
    CO_TRY(read_text(s, "context_X", i, true, &s->context));
    CO_TRY(read_text(s, "question_ids", i, false, &s->id));
    if (!s->id) s->id = co_format("%zu", i);
    if (!s->id) return CO_FAIL(CO_ENOMEM, "%s: names of questions", s->path);
    CO_TRY(find_answer(s, i, place));
    if (!goes_on(s, document, split)) CO_TRY(begin_question(s, i, document, split, place));
    CO_TRY(add_answer(s, i, place));
    co_free(s->last_context);
    co_free(s->last_id);
    s->last_context = s->context;
    s->last_id = s->id;
    s->context = s->id = NULL;
    s->last_document = document;
    s->last_split = split;
    return CO_OK;
}

static co_status give(source *s, bool documents, co_dataset *data)
{
    const size_t n = s->questions->questions.n;
    int64_t *distinct = NULL;
    co_status st = CO_OK;
    CO_TRY(co_answers_end(&s->answers));
    CO_TRY(co_answers_give(&s->answers, data));
    data->n = (int64_t)n;
    data->split = s->split;
    s->split = NULL;
    if (!documents) return CO_OK;
    data->user = co_malloc(n, sizeof *data->user);
    if (!data->user) return CO_FAIL(CO_ENOMEM, "%s: %zu documents", s->path, n);
    st = co_columns_rank(s->document, n, false, data->user, &distinct, &data->n_users);
    if (st == CO_OK) st = co_columns_numbered("", distinct, data->n_users, &data->user_name);
    co_free(distinct);
    return st;
}

co_status co_fednlp_questions(const co_file *file, const char *path, const int64_t *document,
                              const uint8_t *split, size_t n, co_asked *questions, co_dataset *data)
{
    source s = {.file = file, .path = path, .questions = questions};
    co_status st = n ? CO_OK : CO_FAIL(CO_EDATA, "%s: holds no question", path);
    for (size_t i = 0; st == CO_OK && i < n; i++)
        st = take_example(&s, i, document ? document[i] : -1, split[i]);
    if (st == CO_OK) st = give(&s, document, data);
    co_answers_fini(&s.answers);
    co_free(s.document);
    co_free(s.split);
    co_free(s.context);
    co_free(s.id);
    co_free(s.last_context);
    co_free(s.last_id);
    return st;
}
