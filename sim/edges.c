/* sim/edges.c - models of edge servers as vectors of the bank. */
#include "sim/edges.h"
#include "core/clones.h"
#include "core/exact.h"
#include "core/memory.h"
#include "core/room.h"
#include <stdio.h>
#include <string.h>

static size_t bytes_of_edge(const co_exchange *x)
{
    const size_t n_board = x->n * sizeof(float) / (size_t)x->comm->node_size;
    return n_board + (x->n + x->n_own) * sizeof(int64_t);
}

static co_status allocate(co_edges *e)
{
    e->start = co_malloc(e->exchange->layout->whole, sizeof *e->start);
    e->total = co_calloc(e->groups->n, sizeof *e->total);
    return e->start && e->total ? CO_OK : CO_FAIL(CO_ENOMEM, "the model of an edge server");
}

co_status co_edges_create(co_edges *e, co_groups *groups, co_bank *bank, const co_exchange *x)
{
    *e = (co_edges){.groups = groups, .bank = bank, .exchange = x, .step = -1};
    if (!groups) return CO_OK;
    char what[64];
    snprintf(what, sizeof what, "the models of %zu edge servers", groups->n);
    co_status st = co_room_check(groups->n * bytes_of_edge(x), what,
                                 "have fewer of them or use more nodes", x->comm);
    if (st == CO_OK) st = co_agree(allocate(e), x->comm);
    CO_ASSERT(st != CO_OK || bank->n + 1 == CO_INTO_EDGES);
    for (size_t l = 0; st == CO_OK && l < groups->n; l++) {
        char name[32];
        snprintf(name, sizeof name, "edge_%zu", l);
        st = co_bank_open(bank, name, x->layout, 1, x->comm);
    }
    return st;
}

void co_edges_fini(co_edges *e)
{
    co_free(e->start);
    co_free(e->total);
    *e = (co_edges){0};
}

size_t co_edges_bytes(const co_edges *e)
{
    return e->groups ? e->exchange->layout->whole * sizeof *e->start : 0;
}

/* Behind the cloud's average nobody has changed since, boards of other nodes may be older than the
 * owners' zeros: nothing of them is read. */
const float *co_edges_read(co_edges *e, const co_plan_row *row, int64_t step)
{
    const size_t edge = row->into - CO_INTO_EDGES;
    const co_layout *l = e->exchange->layout;
    const float *model = e->exchange->model, *away = co_bank_read(e->bank, row->into);
    if (co_groups_is_fresh(e->groups, step)) return model;
    if (e->step == step && e->at == edge) return e->start;
    for (const co_part *p = l->part; p < l->part + l->n_parts; p++)
        for (size_t j = 0; j < p->size; j++)
            e->start[p->offset + j] = model[p->offset + j] + away[p->at + j];
    e->step = step;
    e->at = edge;
    return e->start;
}

CO_CLONES static void add_to_edge(float *restrict edge, const double *restrict mean, size_t n)
{
    for (size_t j = 0; j < n; j++) edge[j] = (float)((double)edge[j] + mean[j]);
}

CO_CLONES static void add_to_cloud(double *restrict update, float *restrict edge,
                                   const double *restrict mean, double part, size_t n)
{
    for (size_t j = 0; j < n; j++) {
        update[j] += part * ((double)edge[j] + mean[j]);
        edge[j] = 0.0f;
    }
}

/* One edge's average, added to its model, or with it to the cloud's update (NULL: not now). */
static void average(const co_edges *e, size_t edge, double part, double *update)
{
    enum { AT_ONCE = 512 };
    const size_t k = edge + CO_INTO_EDGES - 1;
    co_exchange *x = &e->bank->vector[k];
    const int64_t *sum = co_exchange_sum(x);
    float *own = co_bank_own(e->bank, k);
    double mean[AT_ONCE] = {0};
    for (size_t at = 0; at < x->n_own; at += AT_ONCE) {
        const size_t n = x->n_own - at < AT_ONCE ? x->n_own - at : AT_ONCE;
        if (e->total[edge] > 0.0) co_exact_mean(sum + at, n, e->total[edge], mean);
        if (update)
            add_to_cloud(update + at, own + at, mean, part, n);
        else
            add_to_edge(own + at, mean, n);
    }
}

bool co_edges_average(co_edges *e, int64_t step, double *update)
{
    co_groups *g = e->groups;
    const bool cloud = co_groups_is_cloud(g, step);
    double all = 0.0;
    for (size_t l = 0; l < g->n; l++)
        e->total[l] = co_exchange_summed(&e->bank->vector[l + CO_INTO_EDGES - 1], 0);
    co_groups_step(g, step, e->total);
    for (size_t l = 0; l < g->n; l++) all += g->weight[l];
    memset(update, 0, e->exchange->n_own * sizeof *update);
    for (size_t l = 0; l < g->n; l++)
        average(e, l, all > 0.0 ? g->weight[l] / all : 0.0, cloud ? update : NULL);
    if (!cloud) co_bank_gather(e->bank);
    return cloud && all > 0.0;
}
