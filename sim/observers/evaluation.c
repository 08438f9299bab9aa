/* sim/observers/evaluation.c - central evaluation. Time: one forward pass over the split / ranks;
 * one reduction of 67 words a sum. */
#include "sim/observers/evaluation.h"
#include "core/exact.h"
#include "core/memory.h"
#include "sim/watch.h"
#include <math.h>
#include <string.h>

bool co_evaluates_central(const co_experiment *e, const co_population *population)
{
    const bool any = population->has_split[1] || population->has_split[2];
    return any && co_eval_is_on(&e->eval_keys) &&
           (!e->eval_keys.central_asked || e->eval_keys.central);
}

bool co_evaluates_devices(const co_experiment *e)
{
    return e->eval_keys.devices && co_eval_is_on(&e->eval_keys);
}

bool co_is_last_step(const co_experiment *e, const co_moment *m)
{
    const double end = e->stop_keys.virtual_s;
    return m->round >= e->rounds || (end > 0.0 && m->round > 0 && m->now_s >= end);
}

bool co_evaluation_is_regular(const co_experiment *e, const co_moment *m)
{
    const co_eval_keys *keys = &e->eval_keys;
    if (keys->every > 0 && m->round % keys->every == 0) return true;
    if (keys->every_s == 0.0) return false;
    return m->round == 0 || floor(m->now_s / keys->every_s) > floor(m->before_s / keys->every_s);
}

bool co_evaluation_is_due(const co_experiment *e, const co_moment *m)
{
    return co_eval_is_on(&e->eval_keys) &&
           (co_evaluation_is_regular(e, m) || co_is_last_step(e, m));
}

const char *co_eval_covered(const co_experiment *e, bool of_devices)
{
    if (strcmp(co_config_string(&e->privacy, "mechanism"), "none") == 0) return NULL;
    return of_devices ? "no" : "scope 0, if its examples belong to no device";
}

co_status co_evaluator_ready(co_evaluator *v, const co_model *model,
                             const co_population *population)
{
    if (v->model) return CO_OK;
    *v = (co_evaluator){.model = model,
                        .n_sums = co_model_task(model)->n_sums(co_model_n_classes(model))};
    co_ranking_init(&v->ranking, co_model_task(model), co_model_n_classes(model));
    co_question_scores_init(&v->questions, population);
    v->sums = co_malloc(v->n_sums, sizeof *v->sums);
    v->digits = co_malloc(v->n_sums * CO_SCALAR_DIGITS + 1, sizeof *v->digits);
    co_status st = CO_OK;
    if (!v->sums || !v->digits) st = CO_FAIL(CO_ENOMEM, "evaluation");
    if (st == CO_OK)
        st = co_workspace_create(model, CO_EVAL_BLOCK, CO_EVAL_BLOCK, 0, &v->workspace);
    if (st != CO_OK) co_evaluator_fini(v);
    return st;
}

void co_evaluator_fini(co_evaluator *v)
{
    co_workspace_destroy(v->workspace);
    co_examples_fini(&v->examples);
    co_ranking_fini(&v->ranking);
    co_question_scores_fini(&v->questions);
    co_free(v->sums);
    co_free(v->digits);
    *v = (co_evaluator){0};
}

co_status co_evaluator_add(co_evaluator *v, const float *params)
{
    const co_batch *batch = &v->examples.batch;
    const co_pass pass = {.batch = batch, .train = false};
    CO_TRY(co_workspace_reserve(v->workspace, batch->n, batch->rows, batch->target_rows));
    co_model_loss(v->model, v->workspace, params, &pass, NULL, NULL, v->sums);
    const float *out = co_model_outputs(v->model, v->workspace);
    CO_TRY(co_question_scores_add(&v->questions, &v->examples, out, v->sums));
    return co_ranking_add(&v->ranking, out, batch->y, batch->n);
}

co_status co_evaluator_end(co_evaluator *v)
{
    return co_question_scores_end(&v->questions, v->sums);
}

/* Sums of one block into the exact accumulators. A model that has diverged gives a loss that is no
 * number: a flag says so to all ranks, and the metrics become NaN. */
static void add_block(co_evaluator *v)
{
    for (size_t k = 0; k < v->n_sums; k++) {
        co_scalar sum;
        if (!isfinite(v->sums[k])) {
            v->digits[v->n_sums * CO_SCALAR_DIGITS] |= (int64_t)1 << 32;
            continue;
        }
        memcpy(sum.digit, v->digits + k * CO_SCALAR_DIGITS, sizeof sum.digit);
        co_scalar_add(&sum, v->sums[k]);
        memcpy(v->digits + k * CO_SCALAR_DIGITS, sum.digit, sizeof sum.digit);
    }
}

/* Examples [from, from + n) of the span, or the first of them. */
static co_status read(co_evaluator *v, co_population *population, co_eval_span span, int64_t from,
                      size_t n)
{
    if (n > CO_EVAL_BLOCK) n = CO_EVAL_BLOCK;
    return span.place ? co_population_read_places(population, span.split, span.place + from, n,
                                                  &v->examples)
                      : co_population_read_split(population, span.split, span.first + from, n,
                                                 &v->examples);
}

static int64_t id_at(const co_population *p, co_eval_span span, int64_t at)
{
    return p->split_ids[span.split][span.place ? span.place[at] : span.first + at];
}

/* Where block b begins: what is left of the last question before it is that question's block's. */
static int64_t block_first(const co_population *p, co_eval_span span, int64_t b)
{
    int64_t at = b * CO_EVAL_BLOCK;
    if (p->data.task != CO_DATA_SPAN) return at < span.n ? at : span.n;
    while (at > 0 && at < span.n &&
           p->data.question[id_at(p, span, at)] == p->data.question[id_at(p, span, at - 1)])
        at++;
    return at < span.n ? at : span.n;
}

static co_status add_own_blocks(co_evaluator *v, co_population *population, co_eval_span span,
                                const float *params, const co_comm *comm)
{
    const int64_t n = span.n, n_blocks = (n + CO_EVAL_BLOCK - 1) / CO_EVAL_BLOCK;
    const int64_t end = co_span_first(n_blocks, comm->rank + 1, comm->size);
    for (int64_t b = co_span_first(n_blocks, comm->rank, comm->size); b < end; b++) {
        const int64_t first = block_first(population, span, b);
        const size_t m = (size_t)(block_first(population, span, b + 1) - first);
        co_watch_progress(CO_WATCH_WORKING, -1);
        memset(v->sums, 0, v->n_sums * sizeof *v->sums);
        for (size_t done = 0; done < m; done += v->examples.batch.n) {
            CO_TRY(read(v, population, span, first + (int64_t)done, m - done));
            CO_TRY(co_evaluator_add(v, params));
        }
        CO_TRY(co_evaluator_end(v));
        add_block(v);
    }
    return CO_OK;
}

co_status co_evaluate_span(co_evaluator *v, co_population *population, co_eval_span span,
                           const float *params, const co_comm *comm, double *loss, double *metrics)
{
    const co_task *task = co_model_task(v->model);
    const size_t words = v->n_sums * CO_SCALAR_DIGITS;
    memset(v->digits, 0, (words + 1) * sizeof *v->digits);
    co_ranking_clear(&v->ranking);
    const co_status st = add_own_blocks(v, population, span, params, comm);
    co_watch_progress(CO_WATCH_WAITING, -1);
    if (st != CO_OK) v->digits[words] |= 1;
    MPI_Allreduce(MPI_IN_PLACE, v->digits, (int)words + 1, MPI_INT64_T, MPI_SUM, comm->world);
    if (v->digits[words] & 0xffffffff) return co_agree(st, comm);
    const bool finite = v->digits[words] == 0;
    for (size_t k = 0; k < v->n_sums; k++) {
        co_scalar sum;
        memcpy(sum.digit, v->digits + k * CO_SCALAR_DIGITS, sizeof sum.digit);
        v->sums[k] = co_scalar_value(&sum);
    }
    *loss = finite ? co_task_mean_loss(v->sums) : NAN;
    for (size_t k = 0; task->metrics[k].name; k++)
        metrics[k] = finite && task->metrics[k].finish
                         ? task->metrics[k].finish(v->sums, co_model_n_classes(v->model))
                         : NAN;
    return finite ? co_ranking_measure(&v->ranking, comm, metrics) : CO_OK;
}
