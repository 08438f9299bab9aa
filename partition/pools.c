/* partition/pools.c - taking from pools that run dry. Cost: O(K C); the mixes of 4,096 devices a
 * rank. */
#include "partition/pools.h"
#include "core/memory.h"
#include <math.h>
#include <string.h>

enum { ROWS = 4096 };

void co_mix_draw(const co_partition_input *in, uint64_t draw_id, double alpha, const double *each,
                 const int64_t *group_size, size_t n_groups, int64_t device, double *shape,
                 double *q)
{
    co_stream stream = co_partition_stream(in, draw_id, (uint64_t)device, 0);
    size_t n = 0;
    for (size_t c = 0; c < n_groups; c++)
        if (group_size[c] > 0)
            shape[n++] = each ? each[c]
                              : fmax(alpha * (double)group_size[c] / (double)in->n_examples, 1e-12);
    if (n > 0) co_draw_dirichlet(&stream, shape, n, q);
    for (size_t c = n_groups; c-- > 0;) q[c] = group_size[c] > 0 ? q[--n] : 0.0;
}

co_status co_concentration_read(const co_config *opt, const char *key, size_t n, const char *what,
                                co_concentration *alpha)
{
    const co_node *node = co_config_node(opt, key);
    *alpha = (co_concentration){0};
    if (node->kind == CO_NODE_SCALAR) {
        alpha->one = co_config_real(opt, key);
        return CO_OK;
    }
    if (co_node_count(node) != n)
        return co_config_fail(opt, node, "has %zu numbers for %zu %s; one each, or one for all",
                              co_node_count(node), n, what);
    alpha->each = co_malloc(n, sizeof *alpha->each);
    if (!alpha->each) return CO_FAIL(CO_ENOMEM, "concentrations of %zu %s", n, what);
    n = 0;
    for (const co_node *item = node->first; item; item = item->next)
        co_node_real(item, &alpha->each[n++]);
    return CO_OK;
}

/* One round: cuts `size` by the weights, takes what is there; returns what is still wanted. */
static int64_t take_round(const double *weight, double total, size_t n_groups, int64_t size,
                          double u, int64_t *left, int32_t *count)
{
    double sum = 0.0;
    int64_t cut = 0, taken = 0;
    for (size_t c = 0; c < n_groups; c++) {
        sum += weight[c];
        const double place = floor((double)size * (sum / total) + u);
        const int64_t next = c == n_groups - 1 || place > (double)size ? size : (int64_t)place;
        const int64_t want = next > cut ? next - cut : 0, got = want < left[c] ? want : left[c];
        left[c] -= got;
        count[c] += (int32_t)got;
        taken += got;
        cut = next > cut ? next : cut;
    }
    return size - taken;
}

void co_pool_take(co_stream *stream, const double *q, size_t n_groups, int64_t size, int64_t *left,
                  int32_t *count, double *scratch)
{
    for (size_t round = 0; size > 0 && round <= 2 * n_groups; round++) {
        double total = 0.0;
        for (size_t c = 0; c < n_groups; c++) total += scratch[c] = left[c] > 0 ? q[c] : 0.0;
        if (!(total > 0.0))
            for (size_t c = 0; c < n_groups; c++) total += scratch[c] = (double)left[c];
        if (!(total > 0.0)) return;
        size = take_round(scratch, total, n_groups, size, co_draw_uniform(stream), left, count);
    }
}

/* mixes[n][n_groups] of the devices [first, first + n): the ranks draw equal parts, all get all. */
static void draw_mixes(const co_partition_input *in, co_mix *mix, const void *self, int64_t first,
                       int64_t n, size_t n_groups, double *mixes)
{
    const int64_t begin = co_partition_span(n, in->rank, in->size),
                  end = co_partition_span(n, in->rank + 1, in->size);
    for (int64_t k = begin; k < end; k++) mix(self, in, first + k, mixes + (size_t)k * n_groups);
    for (int r = 0; in->size > 1 && r < in->size; r++) {
        const int64_t from = co_partition_span(n, r, in->size),
                      m = co_partition_span(n, r + 1, in->size) - from;
        MPI_Datatype row; /* counts of MPI are int */
        MPI_Type_contiguous((int)n_groups, MPI_DOUBLE, &row);
        MPI_Type_commit(&row);
        MPI_Bcast(mixes + (size_t)from * n_groups, (int)m, row, r, in->ranks);
        MPI_Type_free(&row);
    }
}

co_status co_pool_plan(const co_partition_input *in, uint64_t draw_id, co_mix *mix,
                       const void *self, co_partition_plan *plan)
{
    const size_t g = plan->n_groups;
    double *mixes = co_malloc(ROWS * (g + 1), sizeof *mixes),
           *scratch = co_malloc(g, sizeof *scratch);
    int64_t *left = co_malloc(g, sizeof *left);
    int32_t *other = co_calloc(g, sizeof *other); /* counts of other ranks' devices */
    co_status st = mixes && left && scratch && other ? co_partition_plan_counts(in, plan)
                                                     : CO_FAIL(CO_ENOMEM, "pools of %zu groups", g);
    st = co_partition_agree(in, st);
    if (st == CO_OK) memcpy(left, plan->group_size, g * sizeof *left);
    for (int64_t at = 0; st == CO_OK && at < in->n_devices; at += ROWS) {
        const int64_t n = in->n_devices - at < ROWS ? in->n_devices - at : ROWS;
        draw_mixes(in, mix, self, at, n, g, mixes);
        for (int64_t k = at; k < at + n; k++) {
            co_stream stream = co_partition_stream(in, draw_id, (uint64_t)k, 0);
            const bool own = k >= in->first && k < in->last;
            const int64_t size = co_partition_span(in->n_examples, k + 1, in->n_devices) -
                                 co_partition_span(in->n_examples, k, in->n_devices);
            co_pool_take(&stream, mixes + (size_t)(k - at) * g, g, size, left,
                         own ? plan->count + (size_t)(k - in->first) * g : other, scratch);
        }
    }
    co_free(mixes);
    co_free(left);
    co_free(scratch);
    co_free(other);
    return st;
}
