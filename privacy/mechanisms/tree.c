/* privacy/mechanisms/tree.c - Gaussian noise by a binary tree over the steps: DP-FTRL.
 *
 * A node is the sum of the steps below it, once they are all there, and gets one draw. A prefix
 * sum is estimated from the fewest whole subtrees that make it up, each estimated best from all of
 * its nodes: with children of joint variance v, a node's estimate is
 * (v draw + children) / (1 + v), of variance v / (1 + v) (Honaker's efficient tree, from below, as
 * one pass can). A step's noise is the difference of two prefixes, rounded so that prefixes are
 * whole numbers.
 *
 * restart_every: a new tree each so many steps. Before it, the old one is completed: steps that
 * are missing to a power of two are known to be zero, and the whole is one root's estimate. The
 * nodes above them are released and accounted for.
 *
 * Kept: an estimate for each level, and the sum of the trees before: log2 of the steps vectors.
 * Cost: two draws a step. Source: Kairouz et al. 2021, arXiv:2103.00039, Section 4 and Appendix
 * D; Honaker 2015; the sensitivity: privacy/mechanisms/tree_cost.c. */
#include "core/memory.h"
#include "core/status.h"
#include "privacy/mechanisms/mechanism.h"
#include "privacy/mechanisms/tree_cost.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { LEVELS = 62, AT_ONCE = 1024 };

typedef struct {
    int64_t n_steps, restart; /* 0: never */
    int n_levels;             /* of whole subtrees in a tree of the run */
    double variance[LEVELS];  /* of the estimate of a whole subtree */
    co_tree_cost *cost;
} tree;

/* Where in its tree a step is, 1 .., and steps before that tree. */
static int64_t place_of(const tree *t, int64_t step, int64_t *before)
{
    *before = t->restart > 0 ? (step - 1) / t->restart * t->restart : 0;
    return step - *before;
}

static void destroy(void *self)
{
    if (self) co_tree_cost_destroy(((tree *)self)->cost);
    co_free(self);
}

static co_status create(const co_config *opt, int64_t n_steps, int64_t separation, void **self)
{
    tree *t = co_calloc(1, sizeof *t);
    if (!t) return CO_FAIL(CO_ENOMEM, "tree of %lld steps", (long long)n_steps);
    if (co_config_has(opt, "restart_every")) t->restart = co_config_int(opt, "restart_every");
    t->n_steps = n_steps;
    const int64_t leaves = t->restart > 0 && t->restart < n_steps ? t->restart : n_steps;
    while (leaves >> t->n_levels) t->n_levels++;
    t->variance[0] = 1.0;
    for (int h = 1; h < LEVELS; h++)
        t->variance[h] = 2.0 * t->variance[h - 1] / (1.0 + 2.0 * t->variance[h - 1]);
    t->cost = co_tree_cost_create(separation, t->restart);
    *self = t;
    if (t->cost) return CO_OK;
    destroy(t);
    return CO_FAIL(CO_ENOMEM, "tree of %lld steps", (long long)n_steps);
}

static size_t n_kept(const void *self)
{
    const tree *t = self;
    return (size_t)t->n_levels + 1; /* the last: of the trees before */
}

/* sum = (v draw + sum) / (1 + v), the draw that of the node of that height whose first step comes
 * behind `start` others. Returns the new variance. */
static double meet_node(const co_noise_source *source, int64_t start, int height, double v,
                        const co_noise_part *part, size_t at, size_t n, double *sum)
{
    float draw[AT_ONCE];
    co_correlated_draw(source, (uint64_t)start << 6 | (uint64_t)height, part->first + at, n, draw);
    const double of_draw = v / (1.0 + v), of_sum = 1.0 / (1.0 + v);
    for (size_t j = 0; j < n; j++) sum[j] = of_draw * (double)draw[j] + of_sum * sum[j];
    return of_draw;
}

static void take(const double *from, size_t n, double *to)
{
    for (size_t j = 0; j < n; j++) to[j] += from[j];
}

/* The tree of the steps behind `before` is over: its completed root's estimate joins those of the
 * trees before it. */
static void complete(const tree *t, const co_noise_source *source, int64_t before,
                     const co_noise_part *part, size_t at, size_t n)
{
    double sum[AT_ONCE] = {0.0}, v = 0.0;
    const int64_t leaves = t->restart;
    int height = 0;
    for (; INT64_C(1) << height < leaves; height++) {
        if (leaves >> height & 1) {
            take(part->kept[height] + at, n, sum);
            v += t->variance[height];
        }
        const int64_t start = before + (((leaves - 1) >> (height + 1)) << (height + 1));
        if (v > 0.0) v = meet_node(source, start, height + 1, v, part, at, n, sum);
    }
    if (v == 0.0) take(part->kept[height] + at, n, sum); /* it was a power of two */
    take(sum, n, part->kept[t->n_levels] + at);
}

/* Noise on the prefix sum of `place` steps of a tree and all trees before. */
static void prefix(const tree *t, int64_t place, const co_noise_part *part, size_t at, size_t n,
                   double *out)
{
    memcpy(out, part->kept[t->n_levels] + at, n * sizeof *out);
    for (int h = 0; h < t->n_levels; h++)
        if (place >> h & 1) take(part->kept[h] + at, n, out);
}

static void next_piece(const tree *t, const co_noise_source *source, int64_t step, double scale,
                       const co_noise_part *part, size_t at, size_t n, double *noise)
{
    double old[AT_ONCE], now[AT_ONCE];
    int64_t before;
    const int64_t place = place_of(t, step, &before);
    if (place == 1 && step > 1) {
        prefix(t, t->restart, part, at, n, old);
        complete(t, source, before - t->restart, part, at, n);
    } else {
        prefix(t, place - 1, part, at, n, old);
    }
    int height = 0;
    float draw[AT_ONCE];
    co_correlated_draw(source, (uint64_t)(step - 1) << 6, part->first + at, n, draw);
    for (size_t j = 0; j < n; j++) now[j] = (double)draw[j];
    for (; (place - 1) >> height & 1; height++) {
        take(part->kept[height] + at, n, now);
        meet_node(source, step - (INT64_C(2) << height), height + 1, 2.0 * t->variance[height],
                  part, at, n, now);
    }
    memcpy(part->kept[height] + at, now, n * sizeof *now);
    prefix(t, place, part, at, n, now);
    for (size_t j = 0; j < n; j++) noise[j] = rint(scale * now[j]) - rint(scale * old[j]);
}

static void next(const void *self, const co_noise_source *source, int64_t step, double scale,
                 const co_noise_part *part, double *noise)
{
    for (size_t at = 0; at < part->n; at += AT_ONCE) {
        const size_t n = part->n - at < AT_ONCE ? part->n - at : AT_ONCE;
        next_piece(self, source, step, scale, part, at, n, noise + at);
    }
}

static co_status cost(void *self, int64_t n_steps, int64_t most, int64_t *squared)
{
    return co_tree_cost_squared(((tree *)self)->cost, n_steps, most, squared);
}

/* Of a completed tree's root. */
static double completed_variance(const tree *t)
{
    double v = 0.0;
    int height = 0;
    for (; INT64_C(1) << height < t->restart; height++) {
        if (t->restart >> height & 1) v += t->variance[height];
        v /= 1.0 + v;
    }
    return v > 0.0 ? v : t->variance[height];
}

static co_status errors(const void *self, double *most, double *mean)
{
    const tree *t = self;
    const double each = t->restart > 0 ? completed_variance(t) : 0.0;
    *most = *mean = 0.0;
    for (int64_t step = 1; step <= t->n_steps; step++) {
        int64_t before;
        const int64_t place = place_of(t, step, &before),
                      n_trees = t->restart > 0 ? before / t->restart : 0; /* that are complete */
        double v = each * (double)n_trees;
        for (int h = 0; h < LEVELS; h++)
            if (place >> h & 1) v += t->variance[h];
        *most = fmax(*most, v);
        *mean += v / (double)t->n_steps;
    }
    return CO_OK;
}

static void say(const void *self, char *text, size_t room)
{
    const tree *t = self;
    if (t->restart > 0)
        snprintf(text, room, "a binary tree over steps, a new one every %lld",
                 (long long)t->restart);
    else
        snprintf(text, room, "a binary tree over steps");
}

static const co_correlation correlation = {.create = create,
                                           .destroy = destroy,
                                           .n_kept = n_kept,
                                           .next = next,
                                           .cost = cost,
                                           .errors = errors,
                                           .say = say};

static const co_param params[] = {CO_CORRELATED_PARAMS,
                                  {.key = "restart_every",
                                   .type = CO_INT,
                                   .lo = 1,
                                   .hi = 1e12,
                                   .flags = CO_OPTIONAL,
                                   .doc = "steps of a tree; default: one tree for all"},
                                  {0}};

const co_mechanism co_mechanism_tree = {
    .name = "tree",
    .summary = "DP-FTRL: L2 clip, noise of a binary tree over the steps; no sampling needed",
    .source = "Kairouz et al. 2021, arXiv:2103.00039",
    .params = params,
    .norm = CO_NORM_L2,
    .noise = CO_NOISE_GAUSSIAN,
    .spread = 1.0,
    .correlation = &correlation};
