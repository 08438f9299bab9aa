/* sim/work/noisy_gradient.c - batches, clipped sums and noise of a device's steps.
 *
 * Draws are keyed by (round, device, step): the batch by gaps between its examples, the slots by
 * example, the noise by coordinate. Cost beside co_model_clipped: one pass over the gradient, 0.9
 * ns a coordinate. */
#include "sim/work/noisy_gradient.h"
#include "core/memory.h"
#include "core/vector.h"
#include "privacy/mechanisms/bound.h"
#include "sim/devices/budget.h"
#include "sim/work/public_data.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { AT_ONCE = 2048 };

struct co_noisy_gradient {
    co_workplace *place;
    const co_example_keys *keys;
    size_t n_groups;
    uint32_t *group;  /* [n_tensors] */
    double bound;     /* C, in the step at hand */
    int64_t version;  /* that the shares are of; -1: none yet */
    double *size;     /* [n_groups] of the layers / of all: adds up to 1 */
    double *share;    /* [n_groups] C_l / C */
    double *clip;     /* [n_groups] */
    double *norms;    /* [capacity][n_groups] */
    int32_t *slot;    /* [capacity] of the examples of a part, from 0 */
    uint64_t *order;  /* [capacity] slot and example of the batch, as they are sorted */
    double *sums;     /* [n_sums] of the task before the step */
    size_t n_above;   /* adaptive clip: examples or slots of the step beyond a bound */
    size_t n_clipped; /* .. of how many */
    size_t capacity;
};

/* Layers are tensors whose names agree but for their last part. */
static size_t stem(const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot ? (size_t)(dot - name) : strlen(name);
}

static bool are_one_layer(const co_tensor *a, const co_tensor *b)
{
    const size_t n = stem(a->name);
    return n == stem(b->name) && strncmp(a->name, b->name, n) == 0;
}

/* C_l^2 = C^2 (n_l / n + s_l / s) / 2; without s, or where it is nothing: C^2 n_l / n. So a layer
 * that is all 0 at first is trained too. */
static void share_out(co_noisy_gradient *g, const double *square)
{
    double total = 0.0;
    for (size_t l = 0; square && l < g->n_groups; l++) total += square[l];
    const bool is_known = total > 0.0 && isfinite(total);
    for (size_t l = 0; l < g->n_groups; l++)
        g->share[l] = sqrt(is_known ? 0.5 * (g->size[l] + square[l] / total) : g->size[l]);
}

/* Layers, and the sizes of what is trained of them. */
static co_status make_groups(co_noisy_gradient *g)
{
    size_t n;
    const co_tensor *tensor = co_model_tensors(g->place->model, &n);
    double total = 0.0;
    g->group = co_calloc(n, sizeof *g->group);
    g->clip = co_calloc(n, sizeof *g->clip);
    g->share = co_calloc(n, sizeof *g->share);
    g->size = co_calloc(n, sizeof *g->size);
    if (!g->group || !g->clip || !g->share || !g->size)
        return CO_FAIL(CO_ENOMEM, "bounds of %zu tensors", n);
    g->n_groups = 1;
    g->share[0] = g->size[0] = 1.0;
    if (g->keys->bounds == CO_BOUND_FLAT) return CO_OK;
    g->n_groups = 0;
    g->size[0] = 0.0;
    const co_tensor *first = NULL;
    for (size_t t = 0; t < n; t++) {
        if (tensor[t].role == CO_FROZEN) continue; /* of any group: it has no gradient */
        if (!first || !are_one_layer(first, &tensor[t])) {
            first = &tensor[t];
            g->n_groups++;
        }
        g->group[t] = (uint32_t)(g->n_groups - 1);
        g->size[g->n_groups - 1] += (double)tensor[t].size;
        total += (double)tensor[t].size;
    }
    for (size_t l = 0; l < g->n_groups; l++) g->size[l] /= total;
    share_out(g, NULL);
    return CO_OK;
}

static co_status reserve(co_noisy_gradient *g, size_t n)
{
    if (n <= g->capacity) return CO_OK;
    co_free(g->norms);
    co_free(g->slot);
    co_free(g->order);
    g->capacity = 0;
    g->norms = co_malloc(n * g->n_groups, sizeof *g->norms);
    g->slot = co_malloc(n, sizeof *g->slot);
    g->order = co_malloc(n, sizeof *g->order);
    if (!g->norms || !g->slot || !g->order) return CO_FAIL(CO_ENOMEM, "norms of %zu examples", n);
    g->capacity = n;
    return CO_OK;
}

static void set_clip(co_noisy_gradient *g, double clip)
{
    g->bound = clip;
    for (size_t l = 0; l < g->n_groups; l++) g->clip[l] = clip * g->share[l];
}

co_status co_noisy_gradient_create(co_workplace *place, co_noisy_gradient **self)
{
    co_noisy_gradient *g = co_calloc(1, sizeof *g);
    *self = NULL;
    if (!g) return CO_FAIL(CO_ENOMEM, "noisy gradients");
    *g = (co_noisy_gradient){
        .place = place, .version = -1, .keys = &place->experiment->example_keys};
    g->sums = co_malloc(place->n_sums, sizeof *g->sums);
    co_status st = g->sums ? make_groups(g) : CO_FAIL(CO_ENOMEM, "noisy gradients");
    if (st == CO_OK) st = reserve(g, place->n_index);
    if (st == CO_OK) set_clip(g, g->keys->clip);
    if (st != CO_OK) {
        co_noisy_gradient_destroy(g);
        g = NULL;
    }
    *self = g;
    return st;
}

void co_noisy_gradient_destroy(co_noisy_gradient *g)
{
    if (!g) return;
    co_free(g->group);
    co_free(g->clip);
    co_free(g->share);
    co_free(g->size);
    co_free(g->norms);
    co_free(g->slot);
    co_free(g->order);
    co_free(g->sums);
    co_free(g);
}

size_t co_noisy_gradient_bytes(const co_noisy_gradient *g)
{
    return g->capacity * (g->n_groups * sizeof *g->norms + sizeof *g->slot + sizeof *g->order);
}

/* square[n_groups]: of the norms of the weights, params[n] as received. */
static void measure_weights(const co_noisy_gradient *g, const float *params, double *square)
{
    size_t n;
    const co_tensor *tensor = co_model_tensors(g->place->model, &n);
    memset(square, 0, g->n_groups * sizeof *square);
    for (size_t t = 0; t < n; t++) {
        if (tensor[t].role == CO_FROZEN) continue;
        const size_t at = co_layout_place(g->place->layout, tensor[t].offset);
        const double norm = co_vector_norm(params + at, tensor[t].size);
        square[g->group[t]] += norm * norm;
    }
}

/* The bounds of a version, by what is known of it; g->clip is room until set_clip. */
static co_status find_shares(co_noisy_gradient *g, int64_t version, const float *params)
{
    if (g->keys->bounds < CO_BOUND_WEIGHTS || g->version == version) return CO_OK;
    g->version = version;
    if (g->keys->bounds == CO_BOUND_WEIGHTS)
        measure_weights(g, params, g->clip);
    else
        CO_TRY(co_public_measure(g->place->public, version, params, g->place->frozen, g->group,
                                 g->n_groups, g->clip));
    share_out(g, g->clip);
    return CO_OK;
}

co_status co_noisy_gradient_open(co_noisy_gradient *g, const co_plan_row *row, const float *params)
{
    co_workplace *place = g->place;
    if (place->public) CO_TRY(co_public_look(place->public, row->version, params, place->frozen));
    CO_TRY(find_shares(g, row->version, params));
    set_clip(g, place->public ? place->public->clip : g->keys->clip);
    return CO_OK;
}

static co_stream stream_of(uint64_t seed, co_purpose purpose, const co_plan_row *row,
                           const co_noisy_step *step)
{
    return co_stream_open(seed, purpose, (uint64_t)step->step, (uint64_t)row->device,
                          (uint64_t)step->number);
}

size_t co_noisy_batch(uint64_t seed, const co_plan_row *row, const co_noisy_step *step, double rate,
                      int64_t *index)
{
    co_stream s = stream_of(seed, CO_DRAW_BATCH, row, step);
    size_t n = 0;
    for (int64_t next = 0;; next++) {
        const double gap = co_draw_gap(&s, rate);
        if (!(gap < (double)(row->n_examples - next))) return n;
        next += (int64_t)gap;
        index[n++] = next;
    }
}

/* Expected size of a batch. */
static int64_t expected(const co_noisy_gradient *g, const co_plan_row *row)
{
    const int64_t batch = g->place->experiment->local_keys.batch;
    return batch == 0 || batch > row->n_examples ? row->n_examples : batch;
}

static int64_t n_slots(const co_noisy_gradient *g, const co_plan_row *row)
{
    const int64_t n = (int64_t)rint((double)expected(g, row) / (double)g->keys->group);
    return n > 0 ? n : 1;
}

static int by_value(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* The examples index[m] in the order of their slots, which stand in the upper halves of order[m].
 */
static void sort_by_slot(co_noisy_gradient *g, const co_plan_row *row, const co_noisy_step *step,
                         int64_t *index, size_t m)
{
    const co_stream s = stream_of(g->place->seed, CO_DRAW_SLOT, row, step);
    const uint64_t n = (uint64_t)n_slots(g, row);
    for (size_t i = 0; i < m; i++) {
        uint32_t word;
        co_fill_u32(&s, (uint64_t)index[i], 1, &word);
        g->order[i] = (word * n >> 32) << 32 | (uint64_t)index[i];
    }
    qsort(g->order, m, sizeof *g->order, by_value);
    for (size_t i = 0; i < m; i++) index[i] = (int64_t)(g->order[i] & UINT32_MAX);
}

/* The part that begins at `from`: how many of the examples left, cut into even parts of at most
 * max_batch; a slot is never cut. */
static size_t part_size(const co_noisy_gradient *g, const co_plan_row *row, size_t from, size_t m)
{
    const size_t left = m - from;
    const size_t most = (size_t)(g->keys->max_batch ? g->keys->max_batch : expected(g, row));
    const size_t n_parts = (left + most - 1) / most;
    size_t n = (left + n_parts - 1) / n_parts;
    while (g->keys->group > 1 && n < left &&
           g->order[from + n] >> 32 == g->order[from + n - 1] >> 32)
        n++;
    return n;
}

/* Slots of a part, numbered from 0; returns how many. */
static size_t number_slots(co_noisy_gradient *g, size_t from, size_t n)
{
    int32_t at = 0;
    for (size_t i = 0; i < n; i++) {
        at += i > 0 && g->order[from + i] >> 32 != g->order[from + i - 1] >> 32;
        g->slot[i] = at;
    }
    return n > 0 ? (size_t)at + 1 : 0;
}

/* Of n norms those beyond a bound of theirs, or not finite. */
static void count_above(co_noisy_gradient *g, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        bool is_above = false;
        for (size_t l = 0; l < g->n_groups; l++)
            is_above |= !(g->norms[i * g->n_groups + l] <= g->clip[l]);
        g->n_above += is_above;
    }
    g->n_clipped += n;
}

/* Examples from `from` on into the sum; drawn[2]: rows, and rows of targets, of the parts before.
 */
static co_status add_part(co_noisy_gradient *g, const co_plan_row *row, const co_noisy_step *step,
                          const float *params, size_t from, size_t n, size_t drawn[2], float *grad,
                          double *sums)
{
    co_workplace *place = g->place;
    const bool grouped = g->keys->group > 1;
    CO_TRY(co_workplace_read(place, row, step->step, step->at + (int64_t)from, n));
    const co_pass pass = {.batch = &place->examples.batch,
                          .train = true,
                          .drawn = from,
                          .drawn_rows = drawn[0],
                          .drawn_target_rows = drawn[1],
                          .seed = place->seed,
                          .round = (uint64_t)step->step,
                          .device = (uint64_t)row->device,
                          .step = (uint64_t)step->number,
                          .frozen = place->frozen};
    const co_clipping how = {.naive = g->keys->is_naive,
                             .n_groups = g->n_groups,
                             .group = g->n_groups > 1 ? g->group : NULL,
                             .clip = g->clip,
                             .slot = grouped ? g->slot : NULL,
                             .n_slots = grouped ? number_slots(g, from, n) : n,
                             .slot_size = grouped ? (size_t)g->keys->group : 1};
    drawn[0] += place->examples.batch.rows;
    drawn[1] += place->examples.batch.target_rows;
    CO_TRY(co_workspace_clip(place->workspace, &how, place->layout->n_grad));
    co_model_clipped(place->model, place->workspace, params, &pass, &how, grad, g->norms, sums);
    count_above(g, how.n_slots);
    return CO_OK;
}

/* The clipped sum of the m examples of a batch. A loss that is not finite, of an example that adds
 * nothing, is not told. */
static co_status add_batch(co_noisy_gradient *g, const co_plan_row *row, const co_noisy_step *step,
                           const float *params, size_t m, float *grad, double *sums)
{
    size_t drawn[2] = {0};
    memcpy(g->sums, sums, g->place->n_sums * sizeof *sums);
    memset(grad, 0, g->place->layout->n_grad * sizeof *grad);
    g->n_above = g->n_clipped = 0;
    for (size_t from = 0, n; from < m; from += n) {
        n = part_size(g, row, from, m);
        CO_TRY(add_part(g, row, step, params, from, n, drawn, grad, sums));
    }
    if (!isfinite(sums[1])) memcpy(sums, g->sums, g->place->n_sums * sizeof *sums);
    return CO_OK;
}

/* Noise that a test gives, in place of drawn noise. */
static void add_given(const co_workplace *place, int64_t number, float scale, float std,
                      float *grad)
{
    float noise[AT_ONCE];
    for (size_t at = 0; at < place->n; at += AT_ONCE) {
        const size_t n = place->n - at < AT_ONCE ? place->n - at : AT_ONCE;
        place->given_noise(number, at, n, noise);
        for (size_t j = 0; j < n; j++) grad[at + j] = grad[at + j] * scale + noise[j] * std;
    }
}

static void finish(const co_noisy_gradient *g, const co_plan_row *row, const co_noisy_step *step,
                   float *grad)
{
    const co_budget_class *of = co_budget_class_of(g->place->budget, row->n_examples);
    const bool grouped = g->keys->group > 1, is_adaptive = g->keys->quantile >= 0.0;
    const double z =
        is_adaptive
            ? co_example_split_noise(&of->schedule, g->keys->count_noise, step->event).gradient
            : co_example_noise(&of->schedule, step->event);
    const double scale = 1.0 / (double)(grouped ? n_slots(g, row) : expected(g, row));
    const double std = z * g->bound * (grouped ? 2.0 : 1.0) * scale;
    const co_stream s = stream_of(g->place->seed, CO_DRAW_LOCAL_NOISE, row, step);
    if (g->place->given_noise)
        add_given(g->place, step->number, (float)scale, (float)std, grad);
    else
        co_add_noise(&s, g->place->n, (float)scale, (float)std, grad);
}

/* The count's noise comes from a stream of its own: that of the complement of the step's number. */
static double count_noise(const co_noisy_gradient *g, const co_plan_row *row,
                          const co_noisy_step *step)
{
    const co_workplace *place = g->place;
    co_stream s = co_stream_open(place->seed, CO_DRAW_LOCAL_NOISE, (uint64_t)step->step,
                                 (uint64_t)row->device, ~(uint64_t)step->number);
    float given;
    if (!place->given_noise) return co_draw_normal(&s);
    place->given_noise(step->number, place->n, 1, &given); /* behind the last coordinate's */
    return (double)given;
}

/* The clip of the device's next step. Of slots all are counted, empty ones as not above. */
static void adapt_clip(co_noisy_gradient *g, const co_plan_row *row, const co_noisy_step *step)
{
    const co_budget_class *of = co_budget_class_of(g->place->budget, row->n_examples);
    const bool grouped = g->keys->group > 1;
    const double n = (double)(grouped ? n_slots(g, row) : expected(g, row));
    const double counted = grouped ? n : (double)g->n_clipped;
    const double std =
        co_example_split_noise(&of->schedule, g->keys->count_noise, step->event).count;
    const double halves = 0.5 * counted - (double)g->n_above +
                          (grouped ? 2.0 : 1.0) * std * count_noise(g, row, step);
    const double next =
        co_adapted_clip(g->bound, halves / n + 0.5, g->keys->quantile, g->keys->clip_rate);
    set_clip(g, fmin(fmax(next, 1e-9 * g->keys->clip), 1e9 * g->keys->clip));
}

co_status co_noisy_gradient_of(co_noisy_gradient *g, const co_plan_row *row,
                               const co_noisy_step *step, const float *params, float *grad,
                               double *sums)
{
    co_noisy_step s = *step;
    size_t m = (size_t)s.m;
    CO_TRY(reserve(g, (size_t)row->n_examples));
    if (!g->keys->is_shuffled) {
        s.at = 0;
        m = co_noisy_batch(g->place->seed, row, &s,
                           (double)expected(g, row) / (double)row->n_examples, g->place->index);
    }
    if (g->keys->group > 1) sort_by_slot(g, row, &s, g->place->index + s.at, m);
    CO_TRY(add_batch(g, row, &s, params, m, grad, sums));
    finish(g, row, &s, grad);
    if (g->keys->quantile >= 0.0) adapt_clip(g, row, &s);
    if (!g->place->public) return CO_OK;
    return co_public_mix(g->place->public, s.step, row->device, s.number, params, g->place->frozen,
                         grad);
}
