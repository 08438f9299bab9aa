/* sim/observers/evaluation_devices.c - scores of every device, one gather, sorted columns.
 * Time: one forward pass over all test parts / ranks, and a sort of n values a metric on rank 0.
 * Source of the worst tenth: Li, Sanjabi, Beirami, Smith, ICLR 2020, arXiv:1905.10497, section 4.
 */
#include "sim/observers/evaluation_devices.h"
#include "core/exact.h"
#include "core/memory.h"
#include "core/random.h"
#include "sim/watch.h"
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *const co_score_suffix[CO_N_SCORES] = {"",     "_weighted", "_p10", "_p20",
                                                  "_p30", "_p40",      "_p50", "_p60",
                                                  "_p70", "_p80",      "_p90", "_worst10"};

static co_status choose_sample(co_device_evaluator *v, int64_t n_devices, int64_t sample,
                               uint64_t seed)
{
    v->n = n_devices;
    if (sample == 0 || sample >= n_devices) return CO_OK;
    v->n = sample;
    v->device = co_malloc((size_t)sample, sizeof *v->device);
    int64_t *scratch = co_malloc(co_draw_subset_scratch((size_t)sample), sizeof *scratch);
    co_stream s = co_stream_open(seed, CO_DRAW_EVAL_SAMPLE, 0, 0, 0);
    if (v->device && scratch) co_draw_subset(&s, n_devices, (size_t)sample, v->device, scratch);
    const bool good = v->device && scratch;
    co_free(scratch);
    return good ? CO_OK
                : CO_FAIL(CO_ENOMEM, "sample of %lld devices to evaluate on", (long long)sample);
}

co_status co_device_evaluator_init(co_device_evaluator *v, co_evaluator *central,
                                   const co_population *population, int64_t sample, uint64_t seed,
                                   const co_comm *comm)
{
    const co_metric *metric = co_model_task(central->model)->metrics;
    *v = (co_device_evaluator){.central = central, .n_values = 2};
    while (metric[v->n_values - 2].name) v->n_values++;
    co_status st = choose_sample(v, population->n_devices, sample, seed);
    if (st == CO_OK && (size_t)v->n > INT_MAX / v->n_values)
        st = CO_FAIL(
            CO_EUSAGE,
            "eval.devices: %lld devices are too many for one gather; set eval.sample: 1000000",
            (long long)v->n);
    v->first = co_span_first(v->n, comm->rank, comm->size);
    v->n_own = co_span_first(v->n, comm->rank + 1, comm->size) - v->first;
    const size_t here = comm->rank == 0 && st == CO_OK ? (size_t)v->n : 0;
    if (st == CO_OK) {
        v->own = co_malloc((size_t)v->n_own * v->n_values, sizeof *v->own);
        v->all = co_malloc(here * v->n_values, sizeof *v->all);
        v->column = co_malloc(here, sizeof *v->column);
        v->counts = co_malloc((size_t)comm->size, sizeof *v->counts);
        v->at = co_malloc((size_t)comm->size, sizeof *v->at);
        if (!v->own || !v->all || !v->column || !v->counts || !v->at)
            st = CO_FAIL(CO_ENOMEM, "scores of %lld devices", (long long)v->n);
    }
    for (int r = 0; r < comm->size && st == CO_OK; r++) {
        const int64_t first = co_span_first(v->n, r, comm->size);
        v->at[r] = (int)(first * (int64_t)v->n_values);
        v->counts[r] =
            (int)((co_span_first(v->n, r + 1, comm->size) - first) * (int64_t)v->n_values);
    }
    if (st != CO_OK) co_device_evaluator_fini(v);
    return st;
}

void co_device_evaluator_fini(co_device_evaluator *v)
{
    co_free(v->device);
    co_free(v->own);
    co_free(v->all);
    co_free(v->column);
    co_free(v->counts);
    co_free(v->at);
    *v = (co_device_evaluator){0};
}

/* values: test examples, loss, metrics of one device. */
static co_status score(const co_device_evaluator *v, co_population *population, int64_t device,
                       const float *params, double *values)
{
    co_evaluator *c = v->central;
    const co_task *task = co_model_task(c->model);
    const int64_t n = co_population_tests(population, device);
    values[0] = (double)n;
    if (n == 0) return CO_OK;
    CO_TRY(co_population_open(population, device));
    memset(c->sums, 0, c->n_sums * sizeof *c->sums);
    co_ranking_clear(&c->ranking);
    for (int64_t first = 0; first < n; first += (int64_t)c->examples.batch.n) {
        const size_t m = (size_t)(n - first < CO_EVAL_BLOCK ? n - first : CO_EVAL_BLOCK);
        CO_TRY(co_population_read_tests(population, device, first, m, &c->examples));
        CO_TRY(co_evaluator_add(c, params));
    }
    CO_TRY(co_evaluator_end(c));
    values[1] = co_task_mean_loss(c->sums);
    for (size_t k = 2; k < v->n_values; k++)
        values[k] = task->metrics[k - 2].finish
                        ? task->metrics[k - 2].finish(c->sums, co_model_n_classes(c->model))
                        : NAN;
    return isfinite(values[1]) ? co_ranking_measure_own(&c->ranking, values + 2) : CO_OK;
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Mean of x[n] by an exact sum. */
static double exact_mean(const double *x, size_t n)
{
    co_scalar sum = {{0}};
    for (size_t i = 0; i < n; i++) co_scalar_add(&sum, x[i]);
    return co_scalar_value(&sum) / (double)n;
}

static double weighted_mean(const co_device_evaluator *v, size_t k)
{
    co_scalar sum = {{0}}, weight = {{0}};
    for (int64_t i = 0; i < v->n; i++) {
        const double *row = v->all + (size_t)i * v->n_values;
        if (row[0] == 0.0) continue;
        co_scalar_add(&sum, row[0] * row[k]);
        co_scalar_add(&weight, row[0]);
    }
    return co_scalar_value(&sum) / co_scalar_value(&weight);
}

/* The value at nearest rank ceil(n tenths / 10), from 1. */
static double decile(const double *sorted, size_t n, size_t tenths)
{
    return sorted[(n * tenths + 9) / 10 - 1];
}

static void summarise(const co_device_evaluator *v, size_t k, size_t n, bool higher_is_better,
                      double *scores)
{
    size_t at = 0;
    bool finite = true;
    for (int64_t i = 0; i < v->n; i++) {
        const double *row = v->all + (size_t)i * v->n_values;
        if (row[0] == 0.0) continue;
        v->column[at++] = row[k];
        finite &= isfinite(row[k]) != 0;
    }
    for (int s = 0; s < CO_N_SCORES; s++) scores[s] = NAN;
    if (n == 0 || !finite) return; /* nobody to ask, or a model that has diverged */
    qsort(v->column, n, sizeof *v->column, by_value);
    const size_t tenth = (n + 9) / 10;
    scores[CO_SCORE_MEAN] = exact_mean(v->column, n);
    scores[CO_SCORE_WEIGHTED] = weighted_mean(v, k);
    for (size_t tenths = 1; tenths < 10; tenths++)
        scores[CO_SCORE_P10 + tenths - 1] = decile(v->column, n, tenths);
    scores[CO_SCORE_WORST10] =
        exact_mean(higher_is_better ? v->column : v->column + n - tenth, tenth);
}

co_status co_evaluate_devices(co_device_evaluator *v, co_population *population,
                              const float *params, const co_comm *comm, int64_t *n_devices,
                              double (*scores)[CO_N_SCORES])
{
    const co_task *task = co_model_task(v->central->model);
    co_status st = CO_OK;
    for (int64_t i = 0; i < v->n_own && st == CO_OK; i++) {
        const int64_t device = v->device ? v->device[v->first + i] : v->first + i;
        co_watch_progress(CO_WATCH_WORKING, -1);
        st = score(v, population, device, params, v->own + (size_t)i * v->n_values);
    }
    co_watch_progress(CO_WATCH_WAITING, -1);
    CO_TRY(co_agree(st, comm));
    MPI_Gatherv(v->own, (int)(v->n_own * (int64_t)v->n_values), MPI_DOUBLE, v->all, v->counts,
                v->at, MPI_DOUBLE, 0, comm->world);
    if (comm->rank != 0) return CO_OK;
    size_t n = 0;
    for (int64_t i = 0; i < v->n; i++) n += v->all[(size_t)i * v->n_values] > 0.0;
    for (size_t k = 1; k < v->n_values; k++)
        summarise(v, k, n, k > 1 && task->metrics[k - 2].higher_is_better, scores[k - 1]);
    *n_devices = (int64_t)n;
    return CO_OK;
}
