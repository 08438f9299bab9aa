/* partition/sizes.c - laws of device sizes: weights in logs, cut by co_proportions_cut. Cost: O(K).
 */
#include "partition/sizes.h"
#include "core/elementary.h"
#include "core/memory.h"
#include "partition/proportions.h"

/* weight[i] of the devices of this rank: -exponent log(rank + 1), the ranks in keyed order. */
static co_status draw_zipf(const co_partition_input *in, uint64_t draw_id, double exponent,
                           double *weight)
{
    const size_t k = (size_t)in->n_devices;
    int64_t *rank = co_malloc(k, sizeof *rank);
    if (!rank) return CO_FAIL(CO_ENOMEM, "ranks of %zu devices", k);
    for (size_t i = 0; i < k; i++) rank[i] = (int64_t)i + 1;
    co_stream stream = co_partition_stream(in, draw_id + 1, 0, 0);
    co_draw_shuffle(&stream, rank, k);
    for (int64_t i = in->first; i < in->last; i++)
        weight[i - in->first] = -exponent * co_plain_log((double)rank[i]);
    co_free(rank);
    return CO_OK;
}

static co_status draw(const co_partition_input *in, uint64_t draw_id, co_size_law law,
                      double parameter, double *weight)
{
    const int64_t m = in->last - in->first;
    if (law == CO_SIZES_ZIPF) return draw_zipf(in, draw_id, parameter, weight);
    if (law == CO_SIZES_DIRICHLET)
        co_proportions_draw(in, draw_id, 0, parameter, in->first, m, weight);
    else if (law == CO_SIZES_POWER)
        for (int64_t i = 0; i < m; i++)
            weight[i] = parameter * co_plain_log((double)(in->first + i + 1));
    else if (law == CO_SIZES_EXPONENTIAL)
        for (int64_t i = 0; i < m; i++) weight[i] = parameter * (double)(in->first + i);
    else
        for (int64_t i = 0; i < m; i++) {
            co_stream own = co_partition_stream(in, draw_id + 1, (uint64_t)(in->first + i), 0);
            weight[i] = parameter * co_draw_normal(&own);
        }
    return CO_OK;
}

co_status co_sizes(const co_partition_input *in, uint64_t draw_id, co_size_law law,
                   double parameter, int64_t n, int32_t *count, size_t stride)
{
    const int64_t k = in->n_devices, m = in->last - in->first;
    if (law == CO_SIZES_EQUAL) {
        for (int64_t i = 0; i < m; i++)
            count[(size_t)i * stride] += (int32_t)(co_partition_span(n, in->first + i + 1, k) -
                                                   co_partition_span(n, in->first + i, k));
        return CO_OK;
    }
    double *weight = co_malloc((size_t)m, sizeof *weight);
    co_status st = weight ? draw(in, draw_id, law, parameter, weight)
                          : CO_FAIL(CO_ENOMEM, "weights of %lld devices", (long long)m);
    st = co_partition_agree(in, st);
    if (st == CO_OK) co_proportions_cut(in, draw_id, 0, weight, n, count, stride);
    co_free(weight);
    return st;
}
