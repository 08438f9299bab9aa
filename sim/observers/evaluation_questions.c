/* sim/observers/evaluation_questions.c - the best of a question's windows, and its score. Time:
 * that of co_span_best a window, of co_answer an accepted answer. */
#include "sim/observers/evaluation_questions.h"
#include <math.h>

co_window_says co_window_ask(const co_population *p, int64_t id, const float *out)
{
    const co_dataset *d = &p->data;
    const int32_t *place = d->token_char + 2 * d->token_offsets[id];
    const co_span_guess g = co_span_best(out, place, co_dataset_rows(d, id), p->labels.max_answer);
    co_window_says says = {.score = g.score, .none = g.none};
    if (isfinite(g.score)) {
        says.from = place[2 * g.first];
        says.to = place[2 * g.last + 1];
    }
    return says;
}

bool co_question_ends(const co_question *q, const co_population *p, int64_t id)
{
    return q->open && p->data.question[id] != p->data.question[q->first];
}

/* Where the answers stand: its first window in the data set. */
static int64_t first_window(const co_dataset *d, int64_t id)
{
    while (id > 0 && d->question[id - 1] == d->question[id]) id--;
    return id;
}

void co_question_hear(co_question *q, const co_population *p, int64_t id,
                      const co_window_says *says)
{
    if (!q->open)
        *q = (co_question){.open = true,
                           .first = first_window(&p->data, id),
                           .best.score = -INFINITY,
                           .none = INFINITY};
    if (says->none < q->none) q->none = says->none;
    if (!(says->score > q->best.score)) return;
    q->best = *says;
    q->window = id;
}

const char *co_question_answer(const co_question *q, const co_population *p, size_t *n)
{
    const co_dataset *d = &p->data;
    const bool none = p->labels.may_have_none && q->none - q->best.score > p->labels.null_threshold;
    *n = 0;
    if (none || !isfinite(q->best.score) || !d->text || q->best.to <= q->best.from) return "";
    *n = (size_t)(q->best.to - q->best.from);
    return (const char *)d->text + d->text_offsets[q->window] + q->best.from;
}

void co_question_scores_init(co_question_scores *q, const co_population *population)
{
    *q = (co_question_scores){.population =
                                  population->data.task == CO_DATA_SPAN ? population : NULL};
}

void co_question_scores_fini(co_question_scores *q)
{
    co_answer_fini(&q->answer);
    *q = (co_question_scores){0};
}

co_status co_question_scores_end(co_question_scores *q, double *sums)
{
    if (!q->population || !q->question.open) return CO_OK;
    const co_dataset *d = &q->population->data;
    const int64_t id = q->question.first;
    size_t n;
    const char *text = co_question_answer(&q->question, q->population, &n);
    const int64_t from = d->answer_offsets ? d->answer_offsets[id] : 0,
                  to = d->answer_offsets ? d->answer_offsets[id + 1] : 0;
    q->question.open = false;
    co_answer_open(&q->answer, text, n, q->population->labels.may_have_none);
    for (int64_t a = from; a < to; a++)
        co_answer_accept(&q->answer, (const char *)d->answers + d->answer_bounds[a],
                         (size_t)(d->answer_bounds[a + 1] - d->answer_bounds[a]));
    CO_TRY(co_answer_close(&q->answer));
    co_span_count(&q->answer, to > from, sums);
    return CO_OK;
}

co_status co_question_scores_add(co_question_scores *q, const co_examples *e, const float *out,
                                 double *sums)
{
    for (size_t i = 0; q->population && i < e->batch.n; i++) {
        const int64_t id = e->ids[i];
        const co_window_says says = co_window_ask(q->population, id, out + 2 * e->batch.offsets[i]);
        if (co_question_ends(&q->question, q->population, id))
            CO_TRY(co_question_scores_end(q, sums));
        co_question_hear(&q->question, q->population, id, &says);
    }
    return CO_OK;
}
