/* partition/dirichlet_device.c - every device draws its own mix of the classes.
 *
 * Device k draws q_k ~ Dirichlet(alpha p), p the classes' parts of all examples, or
 * Dirichlet(alpha) of a list of one concentration a class, and takes its n_k examples (by `sizes`:
 * n / K that differ by at most 1, a law, or given) in these proportions. All mixes together ask for
 * a little more of some classes than there are, and less of others; so every device's mix is tilted
 * by one weight a class, the same for all devices: x_kc = n_k q_kc b_c / sum_d q_kd b_d, with b
 * such that each class goes out whole, sum_k x_kc = n_c (b_c <= 1 and sum_k x_kc <= n_c where given
 * sizes leave examples over: only classes that run dry are tilted). That is the table nearest to
 * the wishes (in Kullback-Leibler divergence) that deals every example; no device comes before
 * another. The tilt vanishes as K grows: b_c - 1 is of the order sqrt((1 / p_c - 1) / ((alpha + 1)
 * K)) (alpha + 1) / alpha. Entries are whole numbers by rounding.c. E sum_c q_c^2 = (alpha sum_c
 * p_c^2 + 1) / (alpha + 1).
 *
 * b by iterative proportional fitting, b_c <- b_c (n_c / sum_k x_kc)^w: w = 1 always converges, and
 * the longer steps that are tried as long as the error falls come to w = (alpha + 1) / alpha, where
 * the iteration is Newton's. It ends when 1 in 10^7 examples (or half of one) is out of place, or
 * after 300 steps (alpha far below 0.01 with few devices); what is left then falls to devices in
 * keyed order. Cost: O(n + K C) time a step, 10 steps as a rule; 8 bytes a device and class on
 * every rank. Source: Hsu, Qi & Brown, 2019, arXiv:1909.06335, section 3, who draw with
 * replacement; fitting: Deming & Stephan, Ann. Math. Stat. 11 (1940); Csiszar, Ann. Prob. 3 (1975)
 * (nearest table). */
#include "core/elementary.h"
#include "core/memory.h"
#include "partition/pools.h"
#include "partition/rounding.h"
#include "partition/sizes.h"
#include <math.h>
#include <string.h>

enum { DRAW_MIX, DRAW_ROUND, DRAW_SIZES = 4, MAX_STEPS = 300 };
#define LEAST 1e-30f /* a mix's smallest part of a class that has examples: all can be tilted */

typedef struct {
    const co_partition_input *in;
    const co_partition_plan *plan;
    int64_t *size;      /* [n_devices] examples of each */
    float *q;           /* [n_devices][n_groups] */
    bool spare;         /* the sizes leave examples over */
    double *tilt;       /* [n_groups] */
    double *given;      /* [n_groups] sum over the devices */
    double *last, *row; /* [n_groups] tilt and given of the step before: [2 n_groups]; scratch */
} fit;

/* x_k of the device. */
static void wanted(const void *self, int64_t device, double *x)
{
    const fit *f = self;
    const size_t g = f->plan->n_groups;
    const float *q = f->q + (size_t)device * g;
    double sum = 0.0;
    for (size_t c = 0; c < g; c++) sum += x[c] = (double)q[c] * f->tilt[c];
    const double scale = sum > 0.0 ? (double)f->size[device] / sum : 0.0;
    for (size_t c = 0; c < g; c++) x[c] *= scale;
}

/* Examples of the class too many or too few; with some to spare too many. */
static double misplaced(const fit *f, size_t c)
{
    const double off = f->given[c] - (double)f->plan->group_size[c];
    return f->spare ? fmax(off, 0.0) : fabs(off);
}

/* given of this tilt; returns how many examples are out of place. */
static double measure(fit *f)
{
    const size_t g = f->plan->n_groups;
    double error = 0.0;
    memset(f->given, 0, g * sizeof *f->given);
    for (int64_t k = 0; k < f->in->n_devices; k++) {
        wanted(f, k, f->row);
        for (size_t c = 0; c < g; c++) f->given[c] += f->row[c];
    }
    for (size_t c = 0; c < g; c++) error += 0.5 * misplaced(f, c);
    return error;
}

/* tilt times ratio^step; long steps only near 1. The largest becomes 1. */
static void move(fit *f, double step)
{
    const size_t g = f->plan->n_groups;
    double largest = 0.0;
    for (size_t c = 0; c < g; c++) {
        if (f->plan->group_size[c] == 0) continue;
        const double ratio = (double)f->plan->group_size[c] / fmax(f->given[c], 1e-280),
                     rise = fabs(co_plain_log(ratio)) * step;
        const double power = rise > 2.0 ? ratio : co_plain_exp(-rise);
        f->tilt[c] *= rise > 2.0 || ratio < 1.0 ? power : 1.0 / power;
        if (f->spare) f->tilt[c] = fmin(f->tilt[c], 1.0);
        largest = fmax(largest, f->tilt[c]);
    }
    if (f->spare) largest = 1.0;
    for (size_t c = 0; c < g; c++) f->tilt[c] = fmax(f->tilt[c] / largest, 1e-200);
}

static void find_tilt(fit *f)
{
    const size_t g = f->plan->n_groups;
    const double enough = fmax(0.5, 1e-7 * (double)f->in->n_examples);
    for (size_t c = 0; c < g; c++) f->tilt[c] = 1.0;
    double error = measure(f), step = 1.0;
    for (int i = 0; i < MAX_STEPS && error > enough; i++) {
        memcpy(f->last, f->tilt, g * sizeof *f->last);
        memcpy(f->last + g, f->given, g * sizeof *f->last);
        move(f, step);
        const double next = measure(f);
        if (next < error || step == 1.0) {
            error = next;
            if (!f->spare) step *= 1.5;
            continue;
        }
        memcpy(f->tilt, f->last, g * sizeof *f->last);
        memcpy(f->given, f->last + g, g * sizeof *f->last);
        step = fmax(1.0, step / 4.0);
    }
}

/* All devices' mixes on every rank: each draws those of its own, and sends them to the others. */
static void draw_mixes(fit *f, double alpha, const double *each)
{
    enum { ROWS = 4096 };
    const co_partition_input *in = f->in;
    const size_t g = f->plan->n_groups;
    for (int64_t k = in->first; k < in->last; k++) {
        float *q = f->q + (size_t)k * g;
        if (f->size[k] > 0)
            co_mix_draw(in, DRAW_MIX, alpha, each, f->plan->group_size, g, k, f->last, f->row);
        for (size_t c = 0; c < g; c++)
            q[c] = f->plan->group_size[c] > 0 ? fmaxf((float)f->row[c], LEAST) : 0.0f;
    }
    MPI_Datatype row; /* counts of MPI are int */
    if (in->size == 1) return;
    MPI_Type_contiguous((int)g, MPI_FLOAT, &row);
    MPI_Type_commit(&row);
    for (int r = 0; r < in->size; r++)
        for (int64_t at = co_partition_span(in->n_devices, r, in->size),
                     end = co_partition_span(in->n_devices, r + 1, in->size);
             at < end; at += ROWS)
            MPI_Bcast(f->q + (size_t)at * g, (int)(end - at < ROWS ? end - at : ROWS), row, r,
                      in->ranks);
    MPI_Type_free(&row);
}

static co_status fit_init(fit *f)
{
    const size_t g = f->plan->n_groups, k = (size_t)f->in->n_devices;
    f->q = g && k > SIZE_MAX / g ? NULL : co_malloc(k * g, sizeof *f->q);
    f->tilt = co_malloc(g, sizeof *f->tilt);
    f->given = co_malloc(g, sizeof *f->given);
    f->last = co_malloc(2 * g, sizeof *f->last);
    f->row = co_calloc(g, sizeof *f->row);
    return f->q && f->tilt && f->given && f->last && f->row
               ? CO_OK
               : CO_FAIL(CO_ENOMEM, "mixes of %zu devices and %zu classes", k, g);
}

static void fit_fini(fit *f)
{
    co_free(f->size);
    co_free(f->q);
    co_free(f->tilt);
    co_free(f->given);
    co_free(f->last);
    co_free(f->row);
}

/* The whole table, of which the plan keeps the own rows. */
static co_status round_fit(const fit *f, co_partition_plan *plan)
{
    const co_partition_input *in = f->in;
    const size_t g = plan->n_groups, cells = (size_t)in->n_devices * g;
    int32_t *all = in->size == 1 ? plan->count : co_malloc(cells, sizeof *all);
    if (!all) return CO_FAIL(CO_ENOMEM, "counts of %zu devices and classes", cells);
    const co_status st = co_round_table(in, DRAW_ROUND, wanted, f, g, plan->group_size, all);
    if (all == plan->count) return st;
    memcpy(plan->count, all + (size_t)in->first * g,
           (size_t)(in->last - in->first) * g * sizeof *all);
    co_free(all);
    return st;
}

/* Examples that go out. */
static int64_t add_sizes(const fit *f)
{
    int64_t total = 0;
    for (int64_t k = 0; k < f->in->n_devices; k++) total += f->size[k];
    return total;
}

static co_status plan_mixes(const co_config *opt, const co_partition_input *in,
                            co_partition_plan *plan)
{
    fit f = {.in = in, .plan = plan};
    co_concentration alpha = {0};
    co_status st = fit_init(&f);
    if (st == CO_OK) st = co_partition_plan_counts(in, plan);
    if (st == CO_OK) st = co_concentration_read(opt, "alpha", plan->n_groups, "classes", &alpha);
    st = co_partition_agree(in, st);
    if (st == CO_OK) st = co_sizes_of_all(opt, in, DRAW_SIZES, &f.size);
    const int64_t total = st == CO_OK ? add_sizes(&f) : 0;
    f.spare = total < in->n_examples;
    if (total > 0) {
        draw_mixes(&f, alpha.one, alpha.each);
        find_tilt(&f);
        st = round_fit(&f, plan);
    }
    co_free(alpha.each);
    fit_fini(&f);
    return st;
}

static const co_param params[] = {
    {.key = "alpha",
     .type = CO_REAL,
     .lo = 1e-6,
     .hi = 1e6,
     .flags = CO_REQUIRED | CO_OR_LIST,
     .doc =
         "concentration: small = few classes a device, large = all alike; a number is shared out "
         "as the examples are, a list has one a class"},
    CO_SIZES_PARAMS,
    {0}};
const co_partitioner co_partitioner_dirichlet_device = {
    .name = "dirichlet_device",
    .summary = "each device's classes by Dirichlet(alpha x prior), equal or chosen sizes",
    .source = "Hsu et al. 2019, arXiv:1909.06335",
    .params = params,
    .needs = CO_PART_NEEDS_LABELS | CO_PART_REDRAW | CO_PART_MAY_DEVICES,
    .devices = co_sizes_devices,
    .plan = plan_mixes};
