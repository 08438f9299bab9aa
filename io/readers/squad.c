/* io/readers/squad.c - SQuAD's JSON, versions 1.1 and 2.0: questions on paragraphs of articles.
 *
 * data: [{title, paragraphs: [{context, qas: [{id, question, answers: [{text, answer_start}],
 * is_impossible}]}]}], keys in any order. A user is an article. answer_start counts characters of
 * the context (code points) and has to be where the answer stands. Training has the first answer,
 * evaluation accepts all of them; a question without any is one that the context does not answer.
 * Source: Rajpurkar et al., EMNLP 2016, arXiv:1606.05250; Rajpurkar et al., ACL 2018,
 * arXiv:1806.03822. */
#include "core/log.h"
#include "core/memory.h"
#include "core/random.h"
#include "io/json_in.h"
#include "io/readers/answers.h"
#include "io/readers/columns.h"
#include "io/readers/encoding.h"
#include "io/readers/members.h"
#include "io/readers/raw.h"
#include "io/readers/reader.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A question of the open paragraph: its context may stand behind it. */
typedef struct {
    char *id, *text, **answer;
    int64_t *start; /* [n] in characters */
    size_t n, room, start_room;
    bool impossible;
} question;

typedef struct {
    const char *encoding;
    co_json_in in;
    co_asked questions;
    co_answers answers;
    co_members articles;
    int32_t *user;  /* [n] article of each question */
    uint8_t *split; /* [n] */
    size_t user_room, split_room;
    uint8_t part;      /* split of the open file */
    size_t n_before;   /* questions before the open article */
    size_t n_articles; /* of the open file, before the open one */
    question *open;    /* [n_open] those of the open paragraph */
    size_t n_open, open_room;
    char *context;    /* of it; NULL before it came */
    char *title;      /* of the open article; NULL before it came */
    char where[1300]; /* file and article, for messages */
    int64_t n_impossible;
} source;

/* ---- lists and maps ---- */

typedef co_status element(source *s);
typedef co_status field(source *s, const char *key, bool *taken);

static co_status each_element(source *s, element *take)
{
    bool first = true, more = true;
    CO_TRY(co_json_in_take(&s->in, '['));
    for (;;) {
        CO_TRY(co_json_in_more(&s->in, ']', &first, &more));
        if (!more) return CO_OK;
        CO_TRY(take(s));
    }
}

static co_status each_field(source *s, field *take)
{
    bool first = true, more = true;
    CO_TRY(co_json_in_take(&s->in, '{'));
    for (;;) {
        char *key;
        bool taken = true;
        CO_TRY(co_json_in_more(&s->in, '}', &first, &more));
        if (!more) return CO_OK;
        CO_TRY(co_json_in_key(&s->in, &key));
        co_status st = take(s, key, &taken);
        if (st == CO_OK && !taken) st = co_json_in_skip(&s->in);
        co_free(key);
        CO_TRY(st);
    }
}

/* A text in place of the one that is there. */
static co_status take_text(source *s, char **text)
{
    co_free(*text);
    *text = NULL;
    return co_json_in_text(&s->in, text);
}

/* ---- a question ---- */

static question *last_open(source *s)
{
    return &s->open[s->n_open - 1];
}

static co_status take_answer_field(source *s, const char *key, bool *taken)
{
    question *q = last_open(s);
    if (strcmp(key, "text") == 0) return take_text(s, &q->answer[q->n - 1]);
    if (strcmp(key, "answer_start") == 0) return co_json_in_int(&s->in, &q->start[q->n - 1]);
    *taken = false;
    return CO_OK;
}

static co_status take_answer(source *s)
{
    question *q = last_open(s);
    if (co_reserve((void **)&q->answer, &q->room, q->n + 1, sizeof *q->answer) ||
        co_reserve((void **)&q->start, &q->start_room, q->n + 1, sizeof *q->start))
        return CO_FAIL(CO_ENOMEM, "%s: answers of a question", s->in.path);
    q->answer[q->n] = NULL;
    q->start[q->n++] = -1;
    return each_field(s, take_answer_field);
}

static co_status take_flag(source *s, bool *value)
{
    co_json_in_next(&s->in);
    *value = strncmp(s->in.at, "true", 4) == 0;
    if (!*value && strncmp(s->in.at, "false", 5) != 0)
        return co_json_in_unexpected(&s->in, "true or false");
    return co_json_in_skip(&s->in);
}

static co_status take_question_field(source *s, const char *key, bool *taken)
{
    question *q = last_open(s);
    if (strcmp(key, "id") == 0) return take_text(s, &q->id);
    if (strcmp(key, "question") == 0) return take_text(s, &q->text);
    if (strcmp(key, "answers") == 0) return each_element(s, take_answer);
    if (strcmp(key, "is_impossible") == 0) return take_flag(s, &q->impossible);
    *taken = false;
    return CO_OK;
}

static co_status take_question(source *s)
{
    if (co_reserve((void **)&s->open, &s->open_room, s->n_open + 1, sizeof *s->open))
        return CO_FAIL(CO_ENOMEM, "%s: questions of a paragraph", s->in.path);
    s->open[s->n_open++] = (question){0};
    return each_field(s, take_question_field);
}

/* ---- a paragraph ---- */

static void end_open(source *s)
{
    for (size_t i = 0; i < s->n_open; i++) {
        question *q = &s->open[i];
        for (size_t a = 0; a < q->n; a++) co_free(q->answer[a]);
        co_free(q->answer);
        co_free(q->start);
        co_free(q->id);
        co_free(q->text);
    }
    s->n_open = 0;
    co_free(s->context);
    s->context = NULL;
}

/* File and article, by its number where its title comes behind. */
static const char *where(source *s)
{
    if (s->title)
        snprintf(s->where, sizeof s->where, "%s: article '%.100s'", s->in.path, s->title);
    else
        snprintf(s->where, sizeof s->where, "%s: article %zu", s->in.path, s->n_articles);
    return s->where;
}

/* An answer's bytes of the context. */
static co_status find_answer(source *s, const question *q, size_t a, int64_t place[2])
{
    const size_t n = q->answer[a] ? strlen(q->answer[a]) : 0;
    place[0] = co_texts_byte_of(s->context, q->start[a]);
    place[1] = place[0] + (int64_t)n;
    if (n && place[0] >= 0 && strncmp(s->context + place[0], q->answer[a], n) == 0) return CO_OK;
    if (n == 0)
        return CO_FAIL(CO_EDATA, "%s, question '%.60s': answer %zu is empty", where(s), q->id, a);
    return CO_FAIL(
        CO_EDATA,
        "%s, question '%.60s': the answer '%.40s' does not stand at answer_start %" PRId64
        " of its context, which %s%.40s%s there (characters are counted, from 0)",
        where(s), q->id, q->answer[a], q->start[a], place[0] < 0 ? "has no text" : "has '",
        place[0] < 0 ? "" : s->context + place[0], place[0] < 0 ? "" : "'");
}

static co_status close_question(source *s, const question *q)
{
    const size_t i = s->questions.questions.n;
    int64_t first[2] = {-1, -1}, place[2];
    if (!q->id || !q->text)
        return CO_FAIL(CO_EDATA, "%s: a question lacks its %s", where(s), q->id ? "text" : "id");
    if (q->impossible && q->n)
        return CO_FAIL(CO_EDATA,
                       "%s, question '%.60s': is_impossible is true, but answers has %zu; empty "
                       "one of them",
                       where(s), q->id, q->n);
    for (size_t a = 0; a < q->n; a++) {
        CO_TRY(find_answer(s, q, a, a ? place : first));
        CO_TRY(co_answers_add(&s->answers, q->answer[a], strlen(q->answer[a])));
    }
    CO_TRY(co_answers_end(&s->answers));
    s->n_impossible += q->n == 0;
    if (co_reserve((void **)&s->user, &s->user_room, i + 1, sizeof *s->user) ||
        co_reserve((void **)&s->split, &s->split_room, i + 1, 1))
        return CO_FAIL(CO_ENOMEM, "out of memory after %zu questions", i);
    s->user[i] = -1;
    s->split[i] = s->part;
    return co_asked_add(&s->questions, q->text, q->id, first);
}

static co_status take_paragraph_field(source *s, const char *key, bool *taken)
{
    if (strcmp(key, "context") == 0) return take_text(s, &s->context);
    if (strcmp(key, "qas") == 0) return each_element(s, take_question);
    *taken = false;
    return CO_OK;
}

static co_status close_paragraph(source *s)
{
    if (!s->context) return CO_FAIL(CO_EDATA, "%s: a paragraph lacks its context", where(s));
    CO_TRY(co_texts_bytes(&s->questions.contexts, s->context, strlen(s->context)));
    CO_TRY(co_texts_end(&s->questions.contexts));
    for (size_t i = 0; i < s->n_open; i++) CO_TRY(close_question(s, &s->open[i]));
    return CO_OK;
}

static co_status take_paragraph(source *s)
{
    co_status st = each_field(s, take_paragraph_field);
    if (st == CO_OK) st = close_paragraph(s);
    end_open(s);
    return st;
}

/* ---- articles ---- */

static co_status take_article_field(source *s, const char *key, bool *taken)
{
    if (strcmp(key, "title") == 0) return take_text(s, &s->title);
    if (strcmp(key, "paragraphs") == 0) return each_element(s, take_paragraph);
    *taken = false;
    return CO_OK;
}

static co_status take_article(source *s)
{
    int32_t number;
    s->n_before = s->questions.questions.n;
    co_status st = each_field(s, take_article_field);
    if (st == CO_OK && !s->title) st = CO_FAIL(CO_EDATA, "%s: lacks its title", where(s));
    if (st == CO_OK) st = co_members_number(&s->articles, s->title, &number);
    for (size_t i = s->n_before; st == CO_OK && i < s->questions.questions.n; i++)
        s->user[i] = number;
    s->n_articles++;
    co_free(s->title);
    s->title = NULL;
    return st;
}

static co_status take_file_field(source *s, const char *key, bool *taken)
{
    if (strcmp(key, "data") == 0) return each_element(s, take_article);
    *taken = false;
    return CO_OK;
}

static co_status read_file(source *s, const char *path, uint8_t part)
{
    co_raw raw;
    const size_t before = s->questions.questions.n;
    CO_TRY(co_raw_text_as(path, s->encoding, &raw));
    s->in = (co_json_in){.path = path, .text = raw.bytes, .at = raw.bytes};
    s->part = part;
    s->n_articles = 0;
    co_status st = each_field(s, take_file_field);
    if (st == CO_OK) st = co_json_in_end(&s->in);
    if (st == CO_OK && s->questions.questions.n == before)
        st =
            CO_FAIL(CO_EDATA,
                    "%s: holds no question: `data` with articles is wanted, as SQuAD has it", path);
    co_raw_fini(&raw);
    return st;
}

/* ---- the data set ---- */

/* A keyed draw of so many of the articles of split 0, whole. */
static co_status hold_out(co_dataset *data, size_t n_held, uint64_t seed)
{
    if (n_held == 0) return CO_OK;
    bool *trains = co_calloc(data->n_users, sizeof *trains);
    int64_t *article = co_malloc(data->n_users, sizeof *article), n = 0,
            *chosen = co_malloc(n_held, sizeof *chosen),
            *scratch = co_malloc(co_draw_subset_scratch(n_held), sizeof *scratch);
    co_status st = trains && article && chosen && scratch
                       ? CO_OK
                       : CO_FAIL(CO_ENOMEM, "out of memory for %zu articles", data->n_users);
    for (int64_t i = 0; st == CO_OK && i < data->n; i++)
        if (data->split[i] == 0) trains[data->user[i]] = true;
    for (size_t u = 0; st == CO_OK && u < data->n_users; u++)
        if (trains[u]) article[n++] = (int64_t)u;
    if (st == CO_OK && (int64_t)n_held >= n)
        st = CO_FAIL(CO_EUSAGE, "test_articles=%zu: there are %lld to train on; hold out fewer",
                     n_held, (long long)n);
    if (st == CO_OK) {
        co_stream stream = co_stream_open(seed, CO_DRAW_SPLIT, 1, 1, 0);
        co_draw_subset(&stream, n, n_held, chosen, scratch);
        for (size_t k = 0; k < n_held; k++) trains[article[chosen[k]]] = false;
        for (int64_t i = 0; i < data->n; i++)
            if (data->split[i] == 0 && !trains[data->user[i]]) data->split[i] = 1;
    }
    co_free(trains);
    co_free(article);
    co_free(chosen);
    co_free(scratch);
    return st;
}

static co_status give(source *s, const co_config *opt, const char *const *sources, size_t n_sources,
                      co_dataset *data)
{
    data->n = (int64_t)s->questions.questions.n;
    data->split = s->split;
    data->user = s->user;
    data->user_name = s->articles.name;
    data->n_users = s->articles.n;
    s->split = NULL;
    s->user = NULL;
    s->articles.name = NULL;
    s->articles.n = 0;
    CO_TRY(co_answers_give(&s->answers, data));
    CO_TRY(co_columns_source(data, "squad", sources, n_sources));
    CO_TRY(hold_out(data, (size_t)co_config_int(opt, "test_articles"),
                    (uint64_t)co_config_int(opt, "seed")));
    CO_TRY(co_reader_split_by(opt, data));
    if (s->n_impossible) co_log("%" PRId64 " questions have no answer", s->n_impossible);
    return co_texts_windows(opt, sources[0], &s->questions, data);
}

static co_status read(const co_config *opt, const char *const *sources, size_t n_sources,
                      co_dataset *data)
{
    source s = {.encoding = co_encoding_of(opt)};
    co_status st = CO_OK;
    if (n_sources < 1)
        return CO_FAIL(CO_EUSAGE, "squad takes one or more files of training articles, none was "
                                  "given");
    for (size_t k = 0; st == CO_OK && k < n_sources; k++) st = read_file(&s, sources[k], 0);
    if (st == CO_OK && co_config_has(opt, "test"))
        st = read_file(&s, co_config_string(opt, "test"), 1);
    if (st == CO_OK && co_config_has(opt, "validation"))
        st = read_file(&s, co_config_string(opt, "validation"), 2);
    if (st == CO_OK) st = give(&s, opt, sources, n_sources, data);
    end_open(&s);
    co_asked_fini(&s.questions);
    co_answers_fini(&s.answers);
    co_members_fini(&s.articles);
    co_free(s.open);
    co_free(s.title);
    co_free(s.user);
    co_free(s.split);
    return st;
}

static const co_param params[] = {
    {"test", CO_STRING, .flags = CO_OPTIONAL, .doc = "file of test articles"},
    {"validation", CO_STRING, .flags = CO_OPTIONAL, .doc = "file of validation articles"},
    {"test_articles", CO_INT, .def = 0.0, .lo = 0.0, .hi = 1e9,
     .doc = "so many of the training articles, drawn by seed, become split 1 with all their "
            "questions"},
    CO_WINDOW_PARAMS,
    CO_ENCODING_PARAM,
    CO_TEXT_PARAMS("word", 384.0),
    {0}};
const co_reader co_reader_squad = {
    .name = "squad",
    .summary = "SQuAD 1.1 and 2.0: questions on paragraphs, a user is an article; long paragraphs "
               "become windows",
    .source = "Rajpurkar et al., EMNLP 2016, arXiv:1606.05250; ACL 2018, arXiv:1806.03822",
    .params = params,
    .usage = "squad FILE.json.. [test=FILE.json] [test_articles=8] [tokens=wordpiece "
             "vocab=vocab.txt] [max_tokens=384] [stride=128]",
    .splits = true,
    .read = read};
