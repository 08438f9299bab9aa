/* sim/predict_answers.c - joins windows to questions and keeps what is said of each. */
#include "sim/predict_answers.h"
#include "core/memory.h"

static co_status no_room(size_t n)
{
    return CO_FAIL(CO_ENOMEM, "answers to %zu questions", n);
}

static co_status reserve(co_given_answers *g)
{
    const size_t room = g->n_room ? 2 * g->n_room : 1024;
    struct {
        void **block;
        size_t n, size;
    } const blocks[] = {{(void **)&g->id, room, sizeof *g->id},
                        {(void **)&g->window, room, sizeof *g->window},
                        {(void **)&g->place, 2 * room, sizeof *g->place},
                        {(void **)&g->offsets, room + 1, sizeof *g->offsets},
                        {(void **)&g->score, room, sizeof *g->score},
                        {(void **)&g->none, room, sizeof *g->none}};
    if (g->n < g->n_room) return CO_OK;
    for (size_t k = 0; k < sizeof blocks / sizeof *blocks; k++) {
        void *grown = co_realloc(*blocks[k].block, blocks[k].n, blocks[k].size);
        if (!grown) return no_room(room);
        *blocks[k].block = grown;
    }
    g->n_room = room;
    return CO_OK;
}

static co_status end(co_given_answers *g, const co_population *p)
{
    const co_question *q = &g->question;
    size_t n;
    if (!q->open) return CO_OK;
    const char *text = co_question_answer(q, p, &n);
    CO_TRY(reserve(g));
    if (g->n == 0) g->offsets[0] = 0;
    co_text_bytes(&g->text, text, n);
    g->id[g->n] = q->first;
    g->window[g->n] = n ? q->window : -1;
    g->place[2 * g->n] = n ? q->best.from : -1;
    g->place[2 * g->n + 1] = n ? q->best.to : -1;
    g->score[g->n] = (float)q->best.score;
    g->none[g->n] = (float)q->none;
    g->offsets[++g->n] = (int64_t)g->text.n;
    g->question.open = false;
    return g->text.failed ? no_room(g->n) : CO_OK;
}

co_status co_given_hear(co_given_answers *g, const co_population *p, int64_t id,
                        const co_window_says *says)
{
    if (co_question_ends(&g->question, p, id)) CO_TRY(end(g, p));
    co_question_hear(&g->question, p, id, says);
    return CO_OK;
}

co_status co_given_write(co_given_answers *g, const co_population *p, co_file *file)
{
    CO_TRY(end(g, p));
    const co_extent bytes = {.type = CO_U8, .ndim = 1, .dim = {g->text.n}},
                    places = {.type = CO_I64, .ndim = 2, .dim = {g->n, 2}},
                    scores = {.type = CO_F32, .ndim = 1, .dim = {g->n}};
    CO_TRY(co_file_write_i64(file, "id", g->id, g->n));
    CO_TRY(co_file_write(file, "text", &bytes, g->text.n ? g->text.data : ""));
    CO_TRY(co_file_write_i64(file, "text_offsets", g->offsets, g->n + 1));
    CO_TRY(co_file_write_i64(file, "window", g->window, g->n));
    CO_TRY(co_file_write(file, "place", &places, g->place));
    CO_TRY(co_file_write(file, "score", &scores, g->score));
    return co_file_write(file, "none", &scores, g->none);
}

void co_given_fini(co_given_answers *g)
{
    void *const blocks[] = {g->id, g->window, g->place, g->offsets, g->score, g->none};
    for (size_t k = 0; k < sizeof blocks / sizeof *blocks; k++) co_free(blocks[k]);
    co_text_fini(&g->text);
    *g = (co_given_answers){0};
}
