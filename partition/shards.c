/* partition/shards.c - few classes a device: the examples sorted by label, cut into shards, a few
 * shards a device.
 *
 * S = K shards_per_device shards [floor(n s / S), floor(n (s + 1) / S)) of the order by label:
 * sizes differ by at most 1, so that no example is left over. A keyed permutation deals
 * shards_per_device of them to each device. At most S + C - 1 pairs (device, class) occur; a device
 * sees at most shards_per_device classes and one more for each border between classes inside its
 * shards. With S > n only the n shards that hold an example are dealt, to n of the S places. Cost:
 * O(n + min(n, S)) time, 3 min(n, S) int64. Source: McMahan et al., AISTATS 2017, arXiv:1602.05629,
 * section 3 (their pathological non-IID split: 200 shards of 300, two a device). Where we differ:
 * which examples of a class stand in a shard is drawn by key, not taken from the file's order. */
#include "core/memory.h"
#include "partition/partitioner.h"

enum { DRAW_PLACES, DRAW_DEAL };

/* place[m]: distinct numbers of [0, n_places) in keyed random order; m <= n_places. */
static co_status draw_places(const co_partition_input *in, int64_t n_places, int64_t m,
                             int64_t *place)
{
    if (m == n_places) {
        for (int64_t i = 0; i < m; i++) place[i] = i;
    } else {
        int64_t *scratch = co_malloc(co_draw_subset_scratch((size_t)m), sizeof *scratch);
        if (!scratch) return CO_FAIL(CO_ENOMEM, "places of %lld shards", (long long)m);
        co_stream choice = co_partition_stream(in, DRAW_PLACES, 0, 0);
        co_draw_subset(&choice, n_places, (size_t)m, place, scratch);
        co_free(scratch);
    }
    co_stream stream = co_partition_stream(in, DRAW_DEAL, 0, 0);
    co_draw_shuffle(&stream, place, (size_t)m);
    return CO_OK;
}

/* Shard s of m holds the places [begin, end) of the order by class. */
static void count_shards(const co_partition_input *in, const int64_t *place, int64_t m,
                         int64_t per_device, co_partition_plan *plan)
{
    int64_t group_end = plan->group_size[0];
    size_t c = 0;
    for (int64_t s = 0, at = 0; s < m; s++) {
        const int64_t end = co_partition_span(in->n_examples, s + 1, m),
                      device = place[s] / per_device;
        while (at < end) {
            while (at >= group_end) group_end += plan->group_size[++c];
            const int64_t next = end < group_end ? end : group_end;
            if (device >= in->first && device < in->last)
                plan->count[(size_t)(device - in->first) * plan->n_groups + c] +=
                    (int32_t)(next - at);
            at = next;
        }
    }
}

static co_status plan_shards(const co_config *opt, const co_partition_input *in,
                             co_partition_plan *plan)
{
    const int64_t n = in->n_examples, per_device = co_config_int(opt, "shards_per_device");
    const int64_t n_places = in->n_devices * per_device, m = n < n_places ? n : n_places;
    int64_t *place = co_malloc((size_t)m, sizeof *place);
    co_status st = place ? co_partition_plan_counts(in, plan)
                         : CO_FAIL(CO_ENOMEM, "places of %lld shards", (long long)m);
    if (st == CO_OK) st = draw_places(in, n_places, m, place);
    if (st == CO_OK && m > 0) count_shards(in, place, m, per_device, plan);
    co_free(place);
    return st;
}

static const co_param params[] = {{.key = "shards_per_device",
                                   .type = CO_INT,
                                   .def = 2,
                                   .lo = 1,
                                   .hi = 1e6,
                                   .doc = "shards a device gets: about as many classes"},
                                  {0}};
const co_partitioner co_partitioner_shards = {
    .name = "shards",
    .summary = "examples sorted by label, a few shards of them a device",
    .source = "McMahan et al. 2017, arXiv:1602.05629",
    .params = params,
    .needs = CO_PART_NEEDS_LABELS,
    .plan = plan_shards};
