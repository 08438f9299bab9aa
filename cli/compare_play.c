/* cli/compare_play.c - the runs of cohort compare: a campaign of all candidates of tuning, then one
 * of all points and seeds. Rank 0 alone reads what they reached, in the order of the grid: the same
 * table for any groups. */
#include "cli/compare.h"
#include "core/log.h"
#include "core/memory.h"
#include "sim/campaign/campaign.h"
#include <math.h>
#include <stdio.h>

/* A point of the grid, or a candidate of tuning. */
typedef struct {
    char label[CO_MAX_LABEL];
    char *grid[CO_MAX_AXES],
        *tuned[CO_MAX_AXES]; /* words; tuned: those that tuning chose, or tries */
} point;

size_t co_axes_points(const co_axis *axes, size_t n)
{
    size_t points = 1;
    for (size_t k = 0; k < n; k++) points *= co_node_count(axes[k].values);
    return points;
}

co_status co_axes_words(const co_axis *axes, size_t n, size_t at, char **word,
                        char label[CO_MAX_LABEL])
{
    size_t used = 0;
    for (size_t k = n; k-- > 0;) {
        const size_t n_values = co_node_count(axes[k].values);
        const co_node *value = axes[k].values->first;
        for (size_t i = at % n_values; i > 0; i--) value = value->next;
        at /= n_values;
        word[k] = co_format("%s=%s", axes[k].key, value->text);
        if (!word[k]) return CO_FAIL(CO_ENOMEM, "grid");
    }
    label[0] = 0;
    for (size_t k = 0; k < n && used < CO_MAX_LABEL; k++)
        used += (size_t)snprintf(label + used, CO_MAX_LABEL - used, "%s%s", k ? "," : "", word[k]);
    return used < 200 ? CO_OK
                      : CO_FAIL(CO_EUSAGE,
                                "%s: too long for the name of a folder; compare fewer keys at once",
                                label);
}

void co_axes_free_words(char **word, size_t n)
{
    for (size_t k = 0; k < n; k++) {
        co_free(word[k]);
        word[k] = NULL;
    }
}

size_t co_compare_put_words(co_compare *c, char *const *grid, char *const *tuned)
{
    size_t n = c->n_overrides;
    for (size_t k = 0; k < c->n_grid; k++) c->overrides[n++] = grid[k];
    for (size_t k = 0; tuned && k < c->n_tune; k++) c->overrides[n++] = tuned[k];
    return n;
}

static void free_points(co_compare *c, point *points, size_t n)
{
    for (size_t k = 0; points && k < n; k++) {
        co_axes_free_words(points[k].grid, c->n_grid);
        co_axes_free_words(points[k].tuned, c->n_tune);
    }
    co_free(points);
}

static co_status make_points(co_compare *c, size_t n, point **points)
{
    *points = co_calloc(n, sizeof **points);
    if (!*points) return CO_FAIL(CO_ENOMEM, "grid");
    for (size_t k = 0; k < n; k++) {
        point *p = &(*points)[k];
        CO_TRY(co_axes_words(c->grid, c->n_grid, k, p->grid, p->label));
        if (!*p->label) snprintf(p->label, sizeof p->label, "experiment");
    }
    return CO_OK;
}

/* A run of the point with a candidate's words, or those chosen. name_take, dir_take: new blocks or
 * NULL. */
static co_status add_run(co_compare *c, co_campaign *campaign, const point *p, char *const *tuned,
                         char *name_take, char *dir_take, co_campaign_run **run)
{
    const size_t n = co_compare_put_words(c, p->grid, c->n_tune ? tuned : NULL);
    CO_TRY(co_campaign_add(campaign, name_take, dir_take, c->overrides, n, run));
    (*run)->experiment = c->experiment;
    (*run)->n_optional = c->n_overrides;
    (*run)->seed = c->first_seed;
    return CO_OK;
}

/* Each candidate of each point, with the first seed. */
static co_status add_candidates(co_compare *c, co_campaign *campaign, const point *points, size_t n,
                                const point *candidates, size_t n_tune)
{
    co_campaign_run *run;
    for (size_t k = 0; k < n; k++)
        for (size_t i = 0; i < n_tune; i++) {
            const char *label = points[k].label, *candidate = candidates[i].label;
            CO_TRY(add_run(c, campaign, &points[k], candidates[i].tuned,
                           co_format("tuning %s: %s", label, candidate),
                           co_format("%s/%s/tune/%s", c->dir, label, candidate), &run));
            run->rounds = c->tune_rounds;
            run->may_diverge = true;
        }
    return CO_OK;
}

/* Of n runs that differ in the candidate the one with the best metric on the validation split; one
 * that diverged is the worst. CO_EDIVERGED when all of them did. Rank 0. */
static co_status find_best(co_compare *c, const co_campaign_run *run, size_t n, int64_t *best)
{
    double top = NAN;
    for (size_t k = 0; k < n; k++) {
        double score = NAN;
        char *file = co_format("%s/run.h5", run[k].dir);
        co_status st = file ? CO_OK : CO_FAIL(CO_ENOMEM, "tuning");
        if (st == CO_OK && run[k].status == CO_OK)
            st = co_comparison_validate(&c->comparison, file, &score);
        co_free(file);
        CO_TRY(st);
        if (isnan(top) || (c->comparison.higher ? score > top : score < top)) {
            top = score;
            *best = (int64_t)k;
        }
    }
    return isnan(top)
               ? CO_FAIL(
                     CO_EDIVERGED,
                     "every value that tune. offers ends without a %s on the validation split; the "
                     "runs lie in %s; offer smaller ones",
                     c->comparison.metric, run[0].dir)
               : CO_OK;
}

/* The best candidate of each point, best[n]. Collective(comm). */
static co_status choose(co_compare *c, const co_campaign *campaign, const point *points, size_t n,
                        const point *candidates, int64_t *best, const co_comm *comm)
{
    const size_t n_tune = campaign->n / n;
    co_status st = CO_OK;
    for (size_t k = 0; k < n && st == CO_OK && comm->rank == 0; k++) {
        st = find_best(c, &campaign->run[k * n_tune], n_tune, &best[k]);
        if (st == CO_OK)
            co_log("%s: chosen on the validation split: %s", points[k].label,
                   candidates[best[k]].label);
    }
    CO_TRY(co_agree(st, comm));
    MPI_Bcast(best, (int)n, MPI_INT64_T, 0, comm->world);
    return CO_OK;
}

/* Tries all candidates at all points; the words of the best go into the points. Collective(comm).
 */
static co_status tune(co_compare *c, point *points, size_t n, const co_comm *comm)
{
    const size_t n_tune = co_axes_points(c->tune, c->n_tune);
    co_campaign campaign = {0};
    char label[CO_MAX_LABEL];
    point *candidates = co_calloc(n_tune, sizeof *candidates);
    int64_t *best = co_calloc(n, sizeof *best);
    co_status st = candidates && best ? CO_OK : CO_FAIL(CO_ENOMEM, "tuning");
    for (size_t k = 0; k < n_tune && st == CO_OK; k++)
        st = co_axes_words(c->tune, c->n_tune, k, candidates[k].tuned, candidates[k].label);
    if (st == CO_OK) st = add_candidates(c, &campaign, points, n, candidates, n_tune);
    st = co_agree(st, comm);
    if (st == CO_OK) st = co_campaign_play(&campaign, (int)c->n_groups, comm);
    if (st == CO_OK) st = choose(c, &campaign, points, n, candidates, best, comm);
    for (size_t k = 0; k < n && st == CO_OK; k++)
        st = co_axes_words(c->tune, c->n_tune, (size_t)best[k], points[k].tuned, label);
    free_points(c, candidates, n_tune);
    co_campaign_fini(&campaign);
    co_free(best);
    return co_agree(st, comm);
}

/* What the runs of all points and seeds reached, in their order. Rank 0. */
static co_status read_runs(co_compare *c, const co_campaign *campaign, const point *points)
{
    co_status st = CO_OK;
    for (size_t i = 0; i < campaign->n && st == CO_OK; i++) {
        char *file = co_format("%s/run.h5", campaign->run[i].dir);
        st = file ? co_comparison_add(&c->comparison, file, points[i / (size_t)c->n_seeds].label)
                  : CO_FAIL(CO_ENOMEM, "runs");
        co_free(file);
    }
    return st;
}

/* All seeds of all points. Collective(comm). */
static co_status play_seeds(co_compare *c, const point *points, size_t n, const co_comm *comm)
{
    co_campaign campaign = {0};
    co_campaign_run *run;
    co_status st = CO_OK;
    for (size_t k = 0; k < n; k++)
        for (int64_t s = 0; s < c->n_seeds && st == CO_OK; s++) {
            const long long seed = c->first_seed + s;
            st = add_run(c, &campaign, &points[k], points[k].tuned,
                         co_format("%s, seed %lld", points[k].label, seed),
                         co_format("%s/%s/seed-%lld", c->dir, points[k].label, seed), &run);
            if (st == CO_OK) run->seed = seed;
        }
    st = co_agree(st, comm);
    if (st == CO_OK) st = co_campaign_play(&campaign, (int)c->n_groups, comm);
    if (st == CO_OK) st = co_agree(comm->rank == 0 ? read_runs(c, &campaign, points) : CO_OK, comm);
    co_campaign_fini(&campaign);
    return st;
}

co_status co_compare_play(co_compare *c, const co_comm *comm)
{
    const size_t n = co_axes_points(c->grid, c->n_grid);
    point *points;
    co_status st = co_agree(make_points(c, n, &points), comm);
    if (st == CO_OK && c->n_tune) st = tune(c, points, n, comm);
    if (st == CO_OK) st = play_seeds(c, points, n, comm);
    free_points(c, points, n);
    return st;
}
