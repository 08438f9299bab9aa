/* partition/classes_sizes.c - the table of devices x classes whose rows have given sums and few
 * entries.
 *
 * Device k has n_k examples of its classes, x_kc = n_k q_kc b_c / sum_d q_kd b_d, q_kc the parts
 * wished (1 / k, or a Dirichlet draw) and one tilt b_c a class, as in dirichlet_device.c. The two
 * cases differ in what is exact.
 *
 * A law's sizes are wishes: b_c <- b_c n_c / sum_k x_kc, and at the end each class is cut in
 * proportion to x_kc, so that it goes out whole. Where a table with these sizes exists, they are
 * met but for the rounding of k entries; where none does (one class a device, or one device too
 * large for its classes), the two projections go to the nearest pair of tables.
 *
 * Given sizes are exact: b_c <- min(1, b_c n_c / sum_k x_kc), the ascent of the dual problem with
 * sum_k x_kc <= n_c, then rounding.c. If a class still lacks half an example after MAX_STEPS, no
 * such table is found.
 *
 * Cost: O(K k) a step on every rank; 8 bytes a device and class held. Source: Csiszar & Tusnady,
 * Statistics & Decisions, suppl. 1 (1984) (alternating projections); Deming & Stephan, Ann. Math.
 * Stat. 11 (1940). */
#include "core/elementary.h"
#include "core/memory.h"
#include "partition/classes.h"
#include "partition/proportions.h"
#include "partition/rounding.h"
#include "partition/sizes.h"
#include <math.h>
#include <string.h>

enum { DRAW_CUT = 8, DRAW_ROUND = 10, MAX_STEPS = 2000 };
#define LEAST 1e-12 /* of a device's largest part: all of its classes can be tilted */

typedef struct {
    const co_classes_held *h;
    double part;        /* of the sizes that there are examples for */
    double *tilt, *sum; /* [n_groups] */
    double *row;        /* [k] the device at hand */
} table;

/* The parts become numbers, 1 the largest of a device. */
static void level_parts(const co_classes_held *h)
{
    for (int64_t d = 0; d < h->in->n_devices; d++) {
        double *q = h->weight + (size_t)d * h->k, largest = -INFINITY;
        for (size_t j = 0; j < h->k; j++) largest = fmax(largest, q[j]);
        for (size_t j = 0; j < h->k; j++)
            q[j] = q[j] - largest < -27.0 ? LEAST : co_plain_exp(q[j] - largest);
    }
}

static void fill_row(const table *t, int64_t device)
{
    const co_classes_held *h = t->h;
    const double *q = h->weight + (size_t)device * h->k;
    const int32_t *held = h->held + (size_t)device * h->k;
    double sum = 0.0;
    for (size_t j = 0; j < h->k; j++) sum += t->row[j] = q[j] * t->tilt[held[j]];
    const double scale = t->part * (double)h->size[device] / sum;
    for (size_t j = 0; j < h->k; j++) t->row[j] *= scale;
}

static void add_rows(const table *t)
{
    memset(t->sum, 0, t->h->plan->n_groups * sizeof *t->sum);
    for (int64_t d = 0; d < t->h->in->n_devices; d++) {
        fill_row(t, d);
        for (size_t j = 0; j < t->h->k; j++)
            t->sum[t->h->held[(size_t)d * t->h->k + j]] += t->row[j];
    }
}

/* Examples out of place: of given sizes those above what a class has. */
static double error_of(const table *t, bool given)
{
    double error = 0.0;
    for (size_t c = 0; c < t->h->plan->n_groups; c++) {
        const double off = t->sum[c] - (double)t->h->plan->group_size[c];
        if (t->sum[c] > 0.0 && (off > 0.0 || !given)) error += fabs(off);
    }
    return error;
}

static double find_tilt(table *t, bool given)
{
    const size_t g = t->h->plan->n_groups;
    const double enough = given ? 0.01 : 0.5;
    for (size_t c = 0; c < g; c++) t->tilt[c] = 1.0;
    add_rows(t);
    double error = error_of(t, given);
    for (int i = 0; i < MAX_STEPS && error > enough; i++) {
        double largest = 0.0;
        for (size_t c = 0; c < g; c++) {
            if (t->sum[c] > 0.0) t->tilt[c] *= (double)t->h->plan->group_size[c] / t->sum[c];
            if (given) t->tilt[c] = fmin(t->tilt[c], 1.0);
            largest = fmax(largest, t->sum[c] > 0.0 ? t->tilt[c] : 0.0);
        }
        for (size_t c = 0; c < g; c++)
            t->tilt[c] = fmax(given ? t->tilt[c] : t->tilt[c] / largest, 1e-100);
        add_rows(t);
        error = error_of(t, given);
    }
    return error;
}

/* Each class in proportion to the column; -INFINITY: the device does not hold it. */
static co_status cut_columns(const table *t)
{
    const co_classes_held *h = t->h;
    const size_t g = h->plan->n_groups, k = h->k, first = (size_t)h->in->first,
                 m = (size_t)h->in->last - first;
    double *column = co_malloc(m, sizeof *column);
    CO_TRY(co_partition_agree(h->in, column ? CO_OK : CO_FAIL(CO_ENOMEM, "%zu weights", m)));
    for (size_t d = first; d < first + m; d++) { /* in place of the parts: logs of the cells */
        fill_row(t, (int64_t)d);
        for (size_t j = 0; j < k; j++)
            h->weight[d * k + j] = t->row[j] > 0.0 ? co_plain_log(t->row[j]) : -INFINITY;
    }
    for (size_t c = 0; c < g; c++) {
        if (h->plan->group_size[c] == 0) continue;
        for (size_t d = 0; d < m; d++) {
            column[d] = -INFINITY;
            for (size_t i = (first + d) * k; i < (first + d + 1) * k; i++)
                if (h->held[i] == (int32_t)c) column[d] = h->weight[i];
        }
        co_proportions_cut(h->in, DRAW_CUT, c, column, h->plan->group_size[c], h->plan->count + c,
                           g);
    }
    co_free(column);
    return CO_OK;
}

static void wanted(const void *self, int64_t device, double *x)
{
    const table *t = self;
    memset(x, 0, t->h->plan->n_groups * sizeof *x);
    fill_row(t, device);
    for (size_t j = 0; j < t->h->k; j++) x[t->h->held[(size_t)device * t->h->k + j]] = t->row[j];
}

static co_status round_rows(const table *t)
{
    const co_classes_held *h = t->h;
    const size_t g = h->plan->n_groups, cells = (size_t)h->in->n_devices * g;
    int32_t *all = co_malloc(cells, sizeof *all);
    if (!all) return CO_FAIL(CO_ENOMEM, "counts of %zu devices and classes", cells);
    const co_status st = co_round_table(h->in, DRAW_ROUND, wanted, t, g, h->plan->group_size, all);
    if (st == CO_OK)
        memcpy(h->plan->count, all + (size_t)h->in->first * g,
               (size_t)(h->in->last - h->in->first) * g * sizeof *all);
    co_free(all);
    return st;
}

/* The class that is short by most. */
static co_status refuse(const table *t, const co_config *opt)
{
    size_t worst = 0;
    for (size_t c = 0; c < t->h->plan->n_groups; c++)
        if (t->sum[c] - (double)t->h->plan->group_size[c] >
            t->sum[worst] - (double)t->h->plan->group_size[worst])
            worst = c;
    return co_config_fail(opt, co_config_node(opt, "sizes"),
                          "class %zu has %lld examples, its devices need %.0f to have their sizes; "
                          "take other sizes or more classes_per_device",
                          worst, (long long)t->h->plan->group_size[worst], ceil(t->sum[worst]));
}

/* Of a law's sizes: the examples of classes that no device holds are not there. */
static double find_part(const co_classes_held *h)
{
    double total = 0.0, there = 0.0;
    bool *is_held = co_calloc(h->plan->n_groups, sizeof *is_held);
    if (!is_held) return -1.0;
    for (size_t i = 0; i < (size_t)h->in->n_devices * h->k; i++) is_held[h->held[i]] = true;
    for (size_t c = 0; c < h->plan->n_groups; c++)
        there += is_held[c] ? (double)h->plan->group_size[c] : 0.0;
    for (int64_t d = 0; d < h->in->n_devices; d++) total += (double)h->size[d];
    co_free(is_held);
    return total > 0.0 ? there / total : 0.0;
}

co_status co_classes_fit(const co_classes_held *held, const co_config *opt)
{
    const size_t g = held->plan->n_groups;
    const bool given = co_sizes_are_given(opt);
    table t = {.h = held, .part = given ? 1.0 : find_part(held)};
    t.tilt = co_malloc(g, sizeof *t.tilt);
    t.sum = co_malloc(g, sizeof *t.sum);
    t.row = co_malloc(held->k, sizeof *t.row);
    co_status st =
        co_partition_agree(held->in, t.tilt && t.sum && t.row && t.part >= 0.0
                                         ? CO_OK
                                         : CO_FAIL(CO_ENOMEM, "tilts of %zu classes", g));
    if (st == CO_OK) {
        level_parts(held);
        const double error = find_tilt(&t, given);
        if (given)
            st = error > 0.5 ? refuse(&t, opt) : round_rows(&t);
        else
            st = cut_columns(&t);
    }
    co_free(t.tilt);
    co_free(t.sum);
    co_free(t.row);
    return st;
}
