/* sim/work/workplace.c - a device's examples in their order, batch by batch.
 * max_examples works on a keyed subset of what the device holds. */
#include "sim/work/workplace.h"
#include "core/memory.h"
#include "core/vector.h"
#include "privacy/mechanisms/response.h"
#include "sim/watch.h"
#include <string.h>

/* Rows of a batch that room is made for at once; longer ones when they come. */
enum { FIRST_ROWS = 4096 };

static size_t first_rows(size_t batch, size_t longest)
{
    if (longest <= 1) return batch * longest;
    return batch < FIRST_ROWS / longest ? batch * longest : FIRST_ROWS;
}

/* Room for batches of that many examples. */
static co_status reserve_batch(co_workplace *w, size_t batch)
{
    const size_t rows = first_rows(batch, w->population->most_rows),
                 target_rows = first_rows(batch, w->population->most_target_rows);
    if (batch <= w->batch) return CO_OK;
    if (!w->workspace)
        CO_TRY(co_workspace_create(w->model, batch, rows, target_rows, &w->workspace));
    else
        CO_TRY(co_workspace_reserve(w->workspace, batch, rows, target_rows));
    w->batch = batch;
    return CO_OK;
}

/* Room for devices of up to `capacity` examples: their order, and one batch. */
static co_status reserve(co_workplace *w, size_t capacity)
{
    const co_local_keys *local = &w->experiment->local_keys;
    if (capacity <= w->n_index) return CO_OK;
    size_t batch = (size_t)local->batch, most = (size_t)local->max_examples;
    if (batch == 0 || batch > capacity) batch = capacity;
    if (most > capacity) most = capacity;
    co_free(w->index);
    co_free(w->subset);
    co_free(w->room);
    w->n_index = 0;
    w->index = co_malloc(capacity, sizeof *w->index);
    w->subset = co_malloc(most, sizeof *w->subset);
    w->room = co_malloc(co_draw_subset_scratch(most), sizeof *w->room);
    if (!w->index || !w->subset || !w->room)
        return CO_FAIL(CO_ENOMEM, "no memory for a device of %zu examples", capacity);
    CO_TRY(reserve_batch(w, batch));
    w->n_index = capacity;
    return CO_OK;
}

co_status co_workplace_init(co_workplace *w, const co_experiment *e, const co_model *model,
                            co_population *population)
{
    const int64_t largest = co_population_largest(population, 1000);
    *w = (co_workplace){.experiment = e,
                        .model = model,
                        .population = population,
                        .seed = (uint64_t)e->seed,
                        .layout = co_model_layout(model),
                        .n = co_model_layout(model)->n,
                        .n_sums = co_model_task(model)->n_sums(co_model_n_classes(model))};
    co_status st = CO_OK;
    if (w->n < w->layout->whole && !(w->received = co_malloc(w->n, sizeof *w->received)))
        st = CO_FAIL(CO_ENOMEM, "no memory to train a model of %zu parameters", w->n);
    if (st == CO_OK) st = reserve(w, largest > 0 ? (size_t)largest : 1);
    if (st != CO_OK) co_workplace_fini(w);
    return st;
}

void co_workplace_fini(co_workplace *w)
{
    co_workspace_destroy(w->workspace);
    co_examples_fini(&w->examples);
    co_free(w->received);
    co_free(w->index);
    co_free(w->subset);
    co_free(w->room);
    *w = (co_workplace){0};
}

/* Of a batch of the longest texts, of which there are no more than all. */
static size_t batch_rows(const co_workplace *w, size_t longest, double mean)
{
    const co_population *p = w->population;
    const size_t all = p->has_data ? (size_t)(mean * (double)p->data.n + 0.5) : 0,
                 most = w->batch * longest;
    return most < all ? most : all;
}

size_t co_workplace_bytes(const co_workplace *w)
{
    const co_population *p = w->population;
    const size_t rows = batch_rows(w, p->most_rows, p->mean_rows),
                 target_rows = batch_rows(w, p->most_target_rows, p->mean_target_rows);
    return w->batch * (co_shape_size(co_model_input(w->model)) + 1) * sizeof(float) +
           w->n_index * sizeof(int64_t) + (w->received ? w->n * sizeof *w->received : 0) +
           co_workspace_bytes(w->model, w->batch, rows > w->batch ? rows : w->batch, target_rows);
}

co_status co_workplace_open(co_workplace *w, const co_plan_row *row)
{
    CO_TRY(reserve(w, (size_t)co_population_examples(w->population, row->device)));
    return co_population_open(w->population, row->device);
}

const float *co_workplace_receive(co_workplace *w, const float *version, const float *frozen)
{
    w->frozen = w->received ? frozen : NULL;
    if (!w->received) return version;
    co_layout_pack(w->layout, version, w->received);
    return w->received;
}

void co_workplace_shuffle(co_workplace *w, const co_plan_row *row, int64_t step, int64_t epoch)
{
    const int64_t n_held = co_population_examples(w->population, row->device);
    const size_t n = (size_t)row->n_examples;
    const bool all = row->n_examples >= n_held;
    w->examples.round = (uint64_t)step << 32 | (uint64_t)(epoch + 1);
    w->examples.device = (uint64_t)row->device;
    if (epoch == 0 && !all) {
        co_stream s =
            co_stream_open(w->seed, CO_DRAW_MAX_EXAMPLES, (uint64_t)step, (uint64_t)row->device, 0);
        co_draw_subset(&s, n_held, n, w->subset, w->room);
    }
    for (size_t i = 0; i < n; i++) w->index[i] = all ? (int64_t)i : w->subset[i];
    co_stream s = co_stream_open(w->seed, CO_DRAW_SHUFFLE, (uint64_t)step, (uint64_t)row->device,
                                 (uint64_t)epoch);
    co_draw_shuffle(&s, w->index, n);
}

/* Answers in place of the labels of examples index[n]: the same whenever they are read. An example
 * of a data set has one, whichever devices hold it. */
static void respond(co_workplace *w, int64_t device, const int64_t *index, size_t n)
{
    const double epsilon = w->experiment->label_epsilon;
    for (size_t i = 0; epsilon > 0.0 && i < n; i++) {
        const co_population *p = w->population;
        co_stream s = co_stream_open(w->seed, CO_DRAW_LABEL, 0, p->has_data ? 0 : (uint64_t)device,
                                     (uint64_t)co_population_id(p, device, index[i]));
        w->examples.y[i] =
            co_response_draw(epsilon, (int64_t)co_model_n_classes(w->model), w->examples.y[i], &s);
    }
}

co_status co_workplace_read(co_workplace *w, const co_plan_row *row, int64_t step, int64_t at,
                            size_t n)
{
    co_watch_progress(CO_WATCH_WORKING, step);
    if (co_stop_overdue())
        return CO_FAIL(CO_ESTOPPED, "stopped in the middle of round %lld", (long long)step);
    CO_TRY(co_population_read(w->population, row->device, w->index + at, n, &w->examples));
    respond(w, row->device, w->index + at, n);
    const int32_t last = (int32_t)co_model_n_classes(w->model) - 1;
    for (size_t i = 0; row->attacker && w->experiment->attack->flips_labels && i < n; i++)
        w->examples.y[i] = last - w->examples.y[i];
    const co_batch *batch = &w->examples.batch;
    return co_workspace_reserve(w->workspace, n, batch->rows, batch->target_rows);
}

co_status co_workplace_survey(co_workplace *w, const float *params, const co_plan_row *row,
                              int64_t step, double *sums, const co_survey_gradient *into)
{
    const int64_t n = co_population_examples(w->population, row->device);
    int64_t batch = w->experiment->local_keys.batch;
    if (batch == 0 || batch > n) batch = n;
    for (int64_t i = 0; i < n; i++) w->index[i] = i;
    w->examples.round = w->examples.device = 0;
    memset(sums, 0, w->n_sums * sizeof *sums);
    if (into) memset(into->gradient, 0, w->n * sizeof *into->gradient);
    for (int64_t at = 0; at < n; at += batch) {
        const co_pass pass = {.batch = &w->examples.batch,
                              .seed = w->seed,
                              .round = (uint64_t)step,
                              .device = (uint64_t)row->device,
                              .frozen = w->frozen};
        const double before = sums[0];
        CO_TRY(co_workplace_read(w, row, step, at, (size_t)(n - at < batch ? n - at : batch)));
        if (into) memset(into->room, 0, w->n * sizeof *into->room);
        co_model_loss(w->model, w->workspace, params, &pass, NULL, into ? into->room : NULL, sums);
        if (into) co_vector_add_scaled(into->gradient, into->room, w->n, (float)(sums[0] - before));
    }
    if (into && sums[0] > 0.0) co_vector_scale(into->gradient, w->n, (float)(1.0 / sums[0]));
    return CO_OK;
}
