/* sim/devices/groups.c - edge servers: their devices, weights, times. Cost of a step: linear in its
 * devices and the edges. */
#include "sim/devices/groups.h"
#include "core/log.h"
#include "core/memory.h"
#include "sim/devices/timing.h"
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static int64_t on_the_way(int64_t bytes, double rate)
{
    const double seconds = rate > 0.0 ? (double)bytes / rate : 0.0;
    return seconds < CO_NEVER_S ? (int64_t)llrint(seconds * CO_NANO) : CO_NEVER;
}

static const co_node *written(const co_experiment *e, const char *key)
{
    return co_config_node(&e->groups, key);
}

/* The group of a device's examples: *value -1 without an example. */
static co_status find_value(const co_experiment *e, const co_population *p, const int32_t *column,
                            int64_t device, int32_t *value)
{
    *value = -1;
    for (int64_t i = p->offsets[device]; i < p->offsets[device + 1]; i++) {
        const int32_t v = column[p->examples[i]];
        if (v < 0)
            return co_config_fail(&e->groups, written(e, "by"),
                                  "example %lld of device %lld is of no group",
                                  (long long)p->examples[i], (long long)device);
        if (*value >= 0 && v != *value)
            return co_config_fail(&e->groups, written(e, "by"),
                                  "device %lld holds examples of two values of the column `%s` (%d "
                                  "and %d): which edge is it at? Partition by that column, or give "
                                  "servers",
                                  (long long)device, e->group_keys.by, *value, v);
        *value = v;
    }
    return CO_OK;
}

/* Values of the column to edges, in ascending order of those that some device holds. A device
 * without examples, which no step trains, is at the first. */
static co_status number_edges(const co_experiment *e, co_groups *g, int64_t n_devices, size_t n)
{
    int32_t *at = co_calloc(n, sizeof *at);
    if (!at) return CO_FAIL(CO_ENOMEM, "edge servers");
    for (int64_t k = 0; k < n_devices; k++)
        if (g->edge[k] >= 0) at[g->edge[k]] = 1;
    for (size_t v = 0; v < n; v++)
        if (at[v]) at[v] = (int32_t)g->n++;
    for (int64_t k = 0; k < n_devices; k++) g->edge[k] = g->edge[k] >= 0 ? at[g->edge[k]] : 0;
    co_free(at);
    if (g->n == 0)
        return co_config_fail(&e->groups, written(e, "by"), "no device holds an example");
    return CO_OK;
}

/* Each device's value of the trace's column, and how many there may be. */
static co_status take_trace(const co_experiment *e, const co_timing *timing, int64_t n_devices,
                            co_groups *g, size_t *n)
{
    const int32_t *group = co_timing_groups(timing, n);
    if (!group)
        return co_config_fail(&e->groups, written(e, "by"),
                              "trace needs clock.trace with the column group; or give servers");
    memcpy(g->edge, group, (size_t)n_devices * sizeof *group);
    return CO_OK;
}

/* The same of a column of the data set. */
static co_status take_column(const co_experiment *e, const co_population *p, co_groups *g,
                             size_t *n)
{
    const char *by = e->group_keys.by;
    const bool users = strcmp(by, "user") == 0;
    const int32_t *column = !p->has_data ? NULL : users ? p->data.user : p->data.group;
    if (!column)
        return co_config_fail(&e->groups, written(e, "by"),
                              p->has_data ? "the data set has no column `%s`; give servers"
                                          : "data.generator draws no column `%s`; give servers",
                              by);
    for (int64_t k = 0; k < p->n_devices; k++) CO_TRY(find_value(e, p, column, k, &g->edge[k]));
    *n = users ? p->data.n_users : p->data.n_groups;
    return CO_OK;
}

static co_status read_edges(const co_experiment *e, const co_population *p, const co_timing *timing,
                            co_groups *g)
{
    size_t n = 0;
    g->edge = co_malloc((size_t)p->n_devices, sizeof *g->edge);
    if (!g->edge) return CO_FAIL(CO_ENOMEM, "the edge servers of the devices");
    CO_TRY(strcmp(e->group_keys.by, "trace") == 0 ? take_trace(e, timing, p->n_devices, g, &n)
                                                  : take_column(e, p, g, &n));
    return number_edges(e, g, p->n_devices, n);
}

/* An edge at which nobody ever trains is a mistake. Devices that data reach over time are not
 * looked at. */
static co_status check_edges(const co_experiment *e, const co_population *p, const co_groups *g)
{
    size_t with = 0;
    if (g->n > CO_MAX_GROUPS)
        return co_config_fail(&e->groups, written(e, g->edge ? "by" : "servers"),
                              "%zu edge servers are more than %d", g->n, CO_MAX_GROUPS);
    if (p->n_periods > 0) return CO_OK;
    bool *has = co_calloc(g->n, sizeof *has);
    if (!has) return CO_FAIL(CO_ENOMEM, "edge servers");
    for (int64_t k = 0; k < p->n_devices && with < g->n; k++) {
        const size_t l = co_groups_of(g, k);
        if (has[l] || co_population_examples(p, k) == 0) continue;
        has[l] = true;
        with++;
    }
    size_t empty = 0;
    while (empty < g->n && has[empty]) empty++;
    co_free(has);
    if (empty == g->n) return CO_OK;
    if (g->edge)
        return co_config_fail(&e->groups, written(e, "by"),
                              "no device of edge server %zu has an example to train on: give "
                              "servers, or data to all groups",
                              empty);
    return co_config_fail(
        &e->groups, written(e, "servers"),
        "edge server %zu (devices %zu, %zu, ..) has no example to train on: lower "
        "servers",
        empty, empty, empty + g->n);
}

static co_status fill(const co_experiment *e, const co_population *p, const co_timing *timing,
                      int64_t bytes, co_groups *g)
{
    const co_group_keys *keys = &e->group_keys;
    *g = (co_groups){.n = (size_t)keys->servers,
                     .cloud_every = keys->cloud_every,
                     .bytes = bytes,
                     .up_time = on_the_way(bytes, keys->up),
                     .down_time = on_the_way(bytes, keys->down)};
    if (keys->servers > p->n_devices)
        return co_config_fail(&e->groups, written(e, "servers"),
                              "%lld edge servers are more than the %lld devices",
                              (long long)keys->servers, (long long)p->n_devices);
    if (keys->by) CO_TRY(read_edges(e, p, timing, g));
    CO_TRY(check_edges(e, p, g));
    g->asked = co_calloc(g->n, sizeof *g->asked);
    g->weight = co_calloc(g->n, sizeof *g->weight);
    g->end = co_calloc(g->n, sizeof *g->end);
    g->ready = co_calloc(g->n, sizeof *g->ready);
    return g->asked && g->weight && g->end && g->ready ? CO_OK : CO_FAIL(CO_ENOMEM, "edge servers");
}

co_status co_groups_create(const co_experiment *e, const co_population *p, const co_timing *timing,
                           int64_t bytes, co_groups **groups)
{
    *groups = NULL;
    if (!e->group_keys.is_on) return CO_OK;
    co_groups *g = co_calloc(1, sizeof *g);
    const co_status st = g ? fill(e, p, timing, bytes, g) : CO_FAIL(CO_ENOMEM, "edge servers");
    if (st == CO_OK)
        *groups = g;
    else
        co_groups_destroy(g);
    return st;
}

void co_groups_destroy(co_groups *g)
{
    if (!g) return;
    co_free(g->edge);
    co_free(g->asked);
    co_free(g->weight);
    co_free(g->end);
    co_free(g->ready);
    co_free(g);
}

size_t co_groups_bytes(const co_groups *g, int64_t n_devices)
{
    return g ? sizeof *g + 32 * g->n + (g->edge ? (size_t)n_devices * sizeof *g->edge : 0) : 0;
}

void co_groups_keeps(co_groups *g, co_keeps *keeps)
{
    co_keep_ints(keeps, "groups/ready", g->ready, NULL, (int64_t)g->n);
    co_keep_within(keeps, 0.0, 9e18);
    co_keep_reals(keeps, "groups/weight", g->weight, NULL, (int64_t)g->n);
    co_keep_within(keeps, 0.0, DBL_MAX);
}

size_t co_groups_of(const co_groups *g, int64_t device)
{
    return g->edge ? (size_t)g->edge[device] : (size_t)(device % (int64_t)g->n);
}

bool co_groups_is_fresh(const co_groups *g, int64_t step)
{
    return (step - 1) % g->cloud_every == 0;
}

bool co_groups_is_cloud(const co_groups *g, int64_t step)
{
    return step % g->cloud_every == 0;
}

static int64_t begin_of(const co_groups *g, size_t edge, int64_t step)
{
    return g->ready[edge] + (co_groups_is_fresh(g, step) ? g->down_time : 0);
}

int64_t co_groups_start(const co_groups *g, int64_t device, int64_t step)
{
    return begin_of(g, co_groups_of(g, device), step);
}

/* An edge to which nobody comes asks again when the step is made, as do all when nobody comes. */
static void pass_on(co_groups *g, const co_plan *plan)
{
    for (size_t i = 0; i < plan->n_lost; i++) {
        const size_t l = co_groups_of(g, plan->lost[i].device);
        if (g->asked[l] == 0.0) g->end[l] = plan->time;
    }
    for (size_t l = 0; plan->n == 0 && l < g->n; l++) g->end[l] = plan->time;
}

/* Edges end with the last of their devices, and at the cloud with the last of them all. */
static void set_times(co_groups *g, co_plan *plan)
{
    for (size_t l = 0; l < g->n; l++) g->end[l] = begin_of(g, l, plan->round);
    for (size_t i = 0; i < plan->n + plan->n_lost; i++) {
        const co_plan_row *row = i < plan->n ? &plan->row[i] : &plan->lost[i - plan->n];
        const size_t l = co_groups_of(g, row->device);
        if (row->end > g->end[l]) g->end[l] = row->end;
    }
    const bool cloud = co_groups_is_cloud(g, plan->round),
               fresh = co_groups_is_fresh(g, plan->round);
    for (size_t l = 0; l < g->n; l++) {
        const bool sends = cloud && (g->asked[l] > 0.0 || (!fresh && g->weight[l] > 0.0));
        const int64_t end = g->end[l] + (sends ? g->up_time : 0);
        if (end > plan->time) plan->time = end;
    }
    pass_on(g, plan);
    for (size_t l = 0; cloud && l < g->n; l++) g->end[l] = plan->time;
}

void co_groups_plan(co_groups *g, co_plan *plan)
{
    for (size_t l = 0; l < g->n; l++) g->asked[l] = 0.0;
    for (size_t i = 0; i < plan->n; i++) {
        co_plan_row *row = &plan->row[i];
        const size_t l = co_groups_of(g, row->device);
        row->into = CO_INTO_EDGES + l;
        g->asked[l] += row->weight;
    }
    for (size_t i = 0; i < plan->n; i++) {
        co_plan_row *row = &plan->row[i];
        const double asked = g->asked[row->into - CO_INTO_EDGES];
        row->share = row->coefficient = asked > 0.0 ? row->weight / asked : 0.0;
    }
    set_times(g, plan);
}

void co_groups_step(co_groups *g, int64_t step, const double *total)
{
    const bool fresh = co_groups_is_fresh(g, step);
    for (size_t l = 0; l < g->n; l++) {
        g->weight[l] = (fresh ? 0.0 : g->weight[l]) + g->asked[l] * (total ? total[l] : 1.0);
        g->ready[l] = g->end[l];
    }
}

void co_groups_traffic(const co_groups *g, int64_t step, int64_t *down, int64_t *up)
{
    *up = 0;
    *down = co_groups_is_fresh(g, step) ? (int64_t)g->n * g->bytes : 0;
    for (size_t l = 0; co_groups_is_cloud(g, step) && l < g->n; l++)
        if (g->weight[l] > 0.0) *up += g->bytes;
}
