/* io/readers/texts_windows.c - questions and contexts to windows of tokens.
 *
 * [CLS] question [SEP] part of the context [SEP], or question <sep> part of the context with a
 * tokeniser without marks. Parts of a context of more tokens than max_tokens leaves room for begin
 * every (room - stride) tokens; the last one ends with it. The label of a window that holds the
 * whole answer is the last token that begins at or before the answer, and the first one that ends
 * at or behind it; of another -1, -1. This is what transformers and its example run_qa do, but for
 * an answer that begins in the last token of a window: run_qa runs on over the marks there, and its
 * label starts behind its end. Cost: each context is cut once; 20 bytes a token, and the context
 * once a window. */
#include "core/log.h"
#include "core/memory.h"
#include "io/readers/texts_private.h"
#include <inttypes.h>
#include <string.h>

co_status co_asked_add(co_asked *q, const char *text, const char *name, const int64_t *answer)
{
    const size_t i = q->questions.n;
    CO_ASSERT(q->contexts.n > 0);
    if (co_reserve((void **)&q->context, &q->room[0], i + 1, sizeof *q->context) ||
        co_reserve((void **)&q->answer, &q->room[1], i + 1, sizeof *q->answer) ||
        co_reserve((void **)&q->name, &q->room[2], i + 1, sizeof *q->name))
        return CO_FAIL(CO_ENOMEM, "out of memory after %zu questions", i);
    q->context[i] = (int32_t)q->contexts.n - 1;
    for (int k = 0; k < 2; k++) q->answer[i][k] = answer ? answer[k] : -1;
    q->name[i] = co_strdup(name);
    if (!q->name[i]) return CO_FAIL(CO_ENOMEM, "out of memory after %zu questions", i);
    CO_TRY(co_texts_bytes(&q->questions, text, strlen(text)));
    return co_texts_end(&q->questions);
}

void co_asked_fini(co_asked *q)
{
    if (q->name) co_strings_free(q->name, q->questions.n);
    co_texts_fini(&q->contexts);
    co_texts_fini(&q->questions);
    co_free(q->context);
    co_free(q->answer);
    *q = (co_asked){0};
}

int64_t co_texts_byte_of(const char *text, int64_t at)
{
    const char *c = text;
    for (; at > 0 && *c; at--)
        for (c++; ((unsigned char)*c & 0xC0) == 0x80;) c++;
    return at == 0 ? c - text : -1;
}

/* Text i of a list. */
static const char *text_of(const co_texts *texts, size_t i, size_t *n)
{
    const int64_t from = i ? texts->end[i - 1] : 0;
    *n = (size_t)(texts->end[i] - from);
    return texts->n_bytes ? texts->bytes + from : "";
}

/* ---- tokens ---- */

/* Texts as tokens; places are those within each text. */
typedef struct {
    co_subwords token;
    size_t *bound; /* [n + 1] */
} cut_texts;

typedef struct {
    co_texts_work work;
    const co_asked *q;
    cut_texts question, context;
    int32_t first, separator, last; /* -1: none */
    size_t n_marks, stride;
    co_subwords out;                 /* tokens of the windows so far */
    int32_t (*place)[2], (*span)[2]; /* token_char, of each window */
    int32_t *of;                     /* [n] question of each window */
    int64_t *question_bound;         /* [n_questions + 1] bytes */
    int64_t *bound, *text_bound;     /* [n + 1] */
    size_t n, place_room, room[4];
    int64_t n_unanswered;
} windows;

/* Questions of split 0, and each context of one of them once. */
static co_status count(co_texts_work *w)
{
    const co_asked *q = w->questions;
    int32_t counted = -1;
    for (size_t i = 0; i < q->questions.n; i++) {
        size_t n;
        if (w->data->split[i] != 0) continue;
        const char *text = text_of(&q->questions, i, &n);
        CO_TRY(co_texts_count(w, text, n));
        if (q->context[i] == counted) continue;
        counted = q->context[i];
        text = text_of(&q->contexts, (size_t)counted, &n);
        CO_TRY(co_texts_count(w, text, n));
    }
    return CO_OK;
}

static co_status cut_all(co_texts_work *w, const co_texts *texts, int32_t unknown, cut_texts *out)
{
    out->token.unknown = unknown;
    out->bound = co_calloc(texts->n + 1, sizeof *out->bound);
    if (!out->bound) return CO_FAIL(CO_ENOMEM, "out of memory for offsets of tokens");
    for (size_t i = 0; i < texts->n; i++) {
        size_t n;
        const char *text = text_of(texts, i, &n);
        CO_TRY(co_texts_cut(w, text, n, 0, &out->token));
        out->bound[i + 1] = out->token.n;
    }
    return CO_OK;
}

static co_status make_tokens(windows *w, const co_config *opt)
{
    static const char separator[] = "<sep>";
    const co_tokeniser *member = w->work.member;
    CO_TRY(co_texts_vocabulary(&w->work, opt, "vocab", count));
    if (!member->cut) CO_TRY(co_vocabulary_mark(&w->work.vocabulary, separator));
    w->first = member->cut ? co_texts_token(&w->work, member->first) : -1;
    w->last = member->cut ? co_texts_token(&w->work, member->last) : -1;
    w->separator = member->cut ? w->last : co_texts_token(&w->work, separator);
    w->n_marks = member->cut ? 3 : 1;
    const int32_t unknown = member->cut ? co_texts_token(&w->work, member->unknown) : 0;
    CO_TRY(cut_all(&w->work, &w->q->questions, unknown, &w->question));
    return cut_all(&w->work, &w->q->contexts, unknown, &w->context);
}

/* ---- windows ---- */

static co_status put(windows *w, int32_t token, int64_t from, int64_t to)
{
    if (co_reserve((void **)&w->place, &w->place_room, w->out.n + 1, sizeof *w->place))
        return CO_FAIL(CO_ENOMEM, "out of memory after %zu tokens", w->out.n);
    w->place[w->out.n][0] = (int32_t)from;
    w->place[w->out.n][1] = (int32_t)to;
    return co_subwords_add(&w->out, token, 0, 0);
}

static co_status put_mark(windows *w, int32_t token)
{
    return token < 0 ? CO_OK : put(w, token, -1, -1);
}

/* First and last token of the answer among tokens [from, to) of the context, as their numbers; -1
 * twice when they do not hold all of it. */
static void find_span(const co_subwords *c, size_t from, size_t to, const int64_t answer[2],
                      int32_t span[2])
{
    span[0] = span[1] = -1;
    if (answer[0] < 0 || from == to || c->start[from] > answer[0] || c->end[to - 1] < answer[1])
        return;
    size_t first = from, last = to - 1;
    while (first + 1 < to && c->start[first + 1] <= answer[0]) first++;
    while (last > from && c->end[last - 1] >= answer[1]) last--;
    if (first > last) return; /* between two tokens: it has none */
    span[0] = (int32_t)(first - from);
    span[1] = (int32_t)(last - from);
}

/* The window of question i that has tokens [from, to) of its context. */
static co_status add_window(windows *w, size_t i, size_t from, size_t to)
{
    const co_subwords *q = &w->question.token, *c = &w->context.token;
    const size_t k = w->n, before = w->out.n;
    if (co_reserve((void **)&w->of, &w->room[0], k + 1, sizeof *w->of) ||
        co_reserve((void **)&w->span, &w->room[1], k + 1, sizeof *w->span) ||
        co_reserve((void **)&w->bound, &w->room[2], k + 2, sizeof *w->bound) ||
        co_reserve((void **)&w->text_bound, &w->room[3], k + 2, sizeof *w->text_bound))
        return CO_FAIL(CO_ENOMEM, "out of memory after %zu windows", k);
    if (k == 0) w->bound[0] = w->text_bound[0] = 0;
    CO_TRY(put_mark(w, w->first));
    for (size_t t = w->question.bound[i]; t < w->question.bound[i + 1]; t++)
        CO_TRY(put(w, q->id[t], -1, -1));
    CO_TRY(put_mark(w, w->separator));
    const size_t at = w->out.n - before;
    for (size_t t = from; t < to; t++) CO_TRY(put(w, c->id[t], c->start[t], c->end[t]));
    CO_TRY(put_mark(w, w->last));
    find_span(c, from, to, w->q->answer[i], w->span[k]);
    for (int e = 0; e < 2; e++)
        if (w->span[k][e] >= 0) w->span[k][e] += (int32_t)at;
    size_t n;
    text_of(&w->q->contexts, (size_t)w->q->context[i], &n);
    w->of[k] = (int32_t)i;
    w->bound[k + 1] = (int64_t)w->out.n;
    w->text_bound[k + 1] = w->text_bound[k] + (int64_t)n;
    w->n++;
    return CO_OK;
}

static co_status add_question(windows *w, const char *where, size_t i)
{
    const size_t n = w->question.bound[i + 1] - w->question.bound[i], most = w->work.max_tokens;
    const size_t context = (size_t)w->q->context[i];
    const size_t from = w->context.bound[context], to = w->context.bound[context + 1];
    const size_t taken = n + w->n_marks, room = most > taken ? most - taken : 0;
    if (most == 0 || to - from <= room) return add_window(w, i, from, to);
    if (room <= w->stride)
        return CO_FAIL(
            CO_EDATA,
            "%s: question '%.60s' has %zu tokens: max_tokens=%zu leaves %zu a window for "
            "its context of %zu, not more than stride=%zu; raise max_tokens or lower "
            "stride",
            where, w->q->name[i], n, most, room, to - from, w->stride);
    w->work.n_cut++;
    for (size_t at = from;; at += room - w->stride) {
        const size_t end = to - at < room ? to : at + room;
        CO_TRY(add_window(w, i, at, end));
        if (end == to) return CO_OK;
    }
}

static void count_unanswered(windows *w, size_t i, size_t first)
{
    if (w->q->answer[i][0] < 0) return;
    size_t k = first;
    while (k < w->n && w->span[k][0] < 0) k++;
    w->n_unanswered += k == w->n;
}

/* ---- the data set ---- */

/* The value of each window's question. */
static co_status spread(void **column, size_t element, const windows *w)
{
    if (!*column) return CO_OK;
    char *out = co_malloc(w->n, element);
    if (!out) return CO_FAIL(CO_ENOMEM, "out of memory for %zu windows", w->n);
    for (size_t k = 0; k < w->n; k++)
        memcpy(out + k * element, (char *)*column + (size_t)w->of[k] * element, element);
    co_free(*column);
    *column = out;
    return CO_OK;
}

/* Answers stand at the first window of their question. */
static co_status spread_answers(const windows *w, co_dataset *d)
{
    if (!d->answer_offsets) return CO_OK;
    int64_t *out = co_calloc(w->n + 1, sizeof *out);
    if (!out) return CO_FAIL(CO_ENOMEM, "out of memory for %zu windows", w->n);
    for (size_t k = 0; k < w->n; k++) out[k + 1] = d->answer_offsets[w->of[k] + 1];
    co_free(d->answer_offsets);
    d->answer_offsets = out;
    return CO_OK;
}

static co_status copy_contexts(const windows *w, co_dataset *d)
{
    const size_t bytes = (size_t)w->text_bound[w->n];
    d->text = co_malloc(bytes, 1);
    if (!d->text) return CO_FAIL(CO_ENOMEM, "out of memory for %zu bytes of contexts", bytes);
    for (size_t k = 0; k < w->n; k++) {
        size_t n;
        const char *text = text_of(&w->q->contexts, (size_t)w->q->context[w->of[k]], &n);
        memcpy(d->text + w->text_bound[k], text, n);
    }
    return CO_OK;
}

static co_status give(windows *w, co_asked *q, co_dataset *d)
{
    const size_t n = q->questions.n;
    w->question_bound = co_calloc(n + 1, sizeof *w->question_bound);
    if (!w->question_bound) return CO_FAIL(CO_ENOMEM, "out of memory for %zu questions", n);
    memcpy(w->question_bound + 1, q->questions.end, n * sizeof *q->questions.end);
    CO_TRY(spread((void **)&d->split, sizeof *d->split, w));
    CO_TRY(spread((void **)&d->user, sizeof *d->user, w));
    CO_TRY(spread((void **)&d->group, sizeof *d->group, w));
    CO_TRY(spread_answers(w, d));
    CO_TRY(copy_contexts(w, d));
    d->task = CO_DATA_SPAN;
    d->n = (int64_t)w->n;
    d->n_tokens = w->out.n;
    d->tokens = w->out.id;
    d->token_offsets = w->bound;
    d->text_offsets = w->text_bound;
    d->token_char = (int32_t *)w->place;
    d->span = (int32_t *)w->span;
    d->question = w->of;
    d->n_questions = q->questions.n;
    d->question_name = q->name;
    d->n_question_bytes = q->questions.n_bytes;
    d->question_text = (uint8_t *)q->questions.bytes;
    d->question_bounds = q->questions.n_bytes ? w->question_bound : NULL;
    d->vocab = w->work.vocabulary.names;
    d->n_vocab = w->work.vocabulary.n_names;
    q->name = NULL;
    q->questions.bytes = NULL;
    if (d->question_bounds) w->question_bound = NULL;
    w->out.id = w->of = NULL;
    w->bound = w->text_bound = NULL;
    w->place = w->span = NULL;
    w->work.vocabulary.names = NULL;
    w->work.vocabulary.n_names = 0;
    return CO_OK;
}

static void tell(const windows *w, size_t n_unknown)
{
    co_log("%zu questions, %zu windows: %zu tokens, %.2f %% out of vocabulary (%zu tokens)",
           w->q->questions.n, w->n, w->out.n, 100.0 * (double)n_unknown / (double)w->out.n,
           w->work.vocabulary.n_names);
    if (w->work.n_cut)
        co_log("%" PRId64 " contexts are longer than max_tokens=%zu: cut into windows that share "
               "%zu tokens with the next",
               w->work.n_cut, w->work.max_tokens, w->stride);
    if (w->n_unanswered)
        co_log("%" PRId64 " questions have no window with all of their answer", w->n_unanswered);
}

static co_status make(windows *w, const co_config *opt, const char *where, co_asked *q,
                      co_dataset *d)
{
    size_t n_unknown = 0;
    CO_TRY(make_tokens(w, opt));
    for (size_t i = 0; i < q->questions.n; i++) {
        const size_t first = w->n;
        CO_TRY(add_question(w, where, i));
        count_unanswered(w, i, first);
    }
    for (size_t t = 0; t < w->out.n; t++) n_unknown += w->out.id[t] == w->question.token.unknown;
    tell(w, n_unknown);
    return give(w, q, d);
}

co_status co_texts_windows(const co_config *opt, const char *where, co_asked *q, co_dataset *data)
{
    windows w = {.work = {.data = data, .questions = q}, .q = q};
    if (q->questions.n == 0 || q->contexts.n_bytes == 0)
        return CO_FAIL(CO_EDATA, "%s: holds no question", where);
    w.stride = (size_t)co_config_int(opt, "stride");
    co_status st = co_texts_start(&w.work, opt);
    if (st == CO_OK) st = make(&w, opt, where, q, data);
    co_vocabulary_fini(&w.work.vocabulary);
    co_subwords_fini(&w.question.token);
    co_subwords_fini(&w.context.token);
    co_subwords_fini(&w.out);
    co_free(w.question.bound);
    co_free(w.context.bound);
    co_free(w.place);
    co_free(w.span);
    co_free(w.of);
    co_free(w.question_bound);
    co_free(w.bound);
    co_free(w.text_bound);
    return st;
}
