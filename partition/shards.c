/* partition/shards.c - few classes a device: the examples sorted by label, cut into shards, a few
 * shards a device.
 *
 * S = K shards_per_device shards [floor(n s / S), floor(n (s + 1) / S)) of the order by label:
 * sizes differ by at most 1, so that no example is left over. A keyed permutation deals
 * shards_per_device of them to each device. At most S + C - 1 pairs (device, class) occur; a device
 * sees at most shards_per_device classes and one more for each border between classes inside its
 * shards. With S > n only the n shards that hold an example are dealt, to n of the S places.
 *
 * sizes: the shards of device k have n_k / shards_per_device examples (differing by at most 1) and
 * follow each other in keyed order; what given sizes leave over lies evenly between them.
 *
 * shard_size s: shards of s examples each, floor(n / s) of them; keep_incomplete adds the one of
 * the n mod s examples that remain. A keyed permutation deals shards_per_device to each device, or
 * with 0 all of them: the same number each, one more to the first devices. The others are left
 * over. That is flwr-datasets' ShardPartitioner, but that keep_incomplete counts in both cases.
 *
 * Cost: O(n + min(n, S)) time, 3 min(n, S) int64. Source: McMahan et al., AISTATS 2017,
 * arXiv:1602.05629, section 3 (their pathological non-IID split: 200 shards of 300, two a device).
 * Where we differ: which examples of a class stand in a shard is drawn by key, not taken from the
 * file's order. */
#include "core/memory.h"
#include "partition/sizes.h"

enum { DRAW_PLACES, DRAW_DEAL, DRAW_SIZES = 4 };

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

/* Deals places of the order by class, asked in ascending order. */
typedef struct {
    const co_partition_input *in;
    co_partition_plan *plan;
    int64_t group_end; /* where class c ends */
    size_t c;
} cutter;

static void give(cutter *cut, int64_t at, int64_t end, int64_t device)
{
    const co_partition_input *in = cut->in;
    while (at < end) {
        while (at >= cut->group_end) cut->group_end += cut->plan->group_size[++cut->c];
        const int64_t next = end < cut->group_end ? end : cut->group_end;
        if (device >= in->first && device < in->last)
            cut->plan->count[(size_t)(device - in->first) * cut->plan->n_groups + cut->c] +=
                (int32_t)(next - at);
        at = next;
    }
}

/* Shard s of m holds the places of span s. */
static void deal_even(cutter *cut, const int64_t *place, int64_t m, int64_t per_device)
{
    for (int64_t s = 0; s < m; s++)
        give(cut, co_partition_span(cut->in->n_examples, s, m),
             co_partition_span(cut->in->n_examples, s + 1, m), place[s] / per_device);
}

/* Shard s is part place[s] mod per_device of its device's size. */
static void deal_sizes(cutter *cut, const int64_t *place, int64_t m, int64_t per_device,
                       const int64_t *size)
{
    int64_t total = 0, before = 0;
    for (int64_t k = 0; k < cut->in->n_devices; k++) total += size[k];
    const int64_t rest = cut->in->n_examples - total;
    for (int64_t s = 0; s < m; s++) {
        const int64_t device = place[s] / per_device, part = place[s] % per_device,
                      n = co_partition_span(size[device], part + 1, per_device) -
                          co_partition_span(size[device], part, per_device),
                      at = before + co_partition_span(rest, s + 1, m + 1);
        give(cut, at, at + n, device);
        before += n;
    }
}

/* Place i of the dealt ones goes to this device: the first `extra` devices have one more. */
static int64_t device_of(int64_t i, int64_t each, int64_t extra)
{
    const int64_t longer = extra * (each + 1);
    return i < longer ? i / (each + 1) : extra + (i - longer) / each;
}

/* Shards of shard_size. owner: [n_shards], the device of each, -1: nobody. */
static void deal_fixed(cutter *cut, const int64_t *owner, int64_t n_shards, int64_t shard_size)
{
    const int64_t n = cut->in->n_examples;
    for (int64_t s = 0; s < n_shards; s++)
        if (owner[s] >= 0)
            give(cut, s * shard_size, n - s * shard_size < shard_size ? n : (s + 1) * shard_size,
                 owner[s]);
}

static co_status check_options(const co_config *opt)
{
    const bool sized = co_config_has(opt, "shard_size");
    if (sized && !co_sizes_are_equal(opt))
        return co_config_fail(opt, co_config_node(opt, "sizes"),
                              "%s: shard_size says how large the shards are; leave one of both out",
                              co_config_string(opt, "sizes"));
    if (!sized && co_config_bool(opt, "keep_incomplete"))
        return co_config_fail(opt, co_config_node(opt, "keep_incomplete"),
                              "only shards of a shard_size are incomplete: without it there is "
                              "no shard of 1 .. shard_size - 1 examples");
    if (!sized && co_config_int(opt, "shards_per_device") == 0)
        return co_config_fail(opt, co_config_node(opt, "shards_per_device"),
                              "0 (all there are) wants a shard_size");
    return CO_OK;
}

static co_status plan_fixed(const co_config *opt, const co_partition_input *in,
                            co_partition_plan *plan)
{
    const int64_t n = in->n_examples, size = co_config_int(opt, "shard_size"), whole = n / size,
                  k = in->n_devices, per_device = co_config_int(opt, "shards_per_device"),
                  m = whole + (co_config_bool(opt, "keep_incomplete") && n % size > 0),
                  dealt = per_device ? k * per_device : m;
    if (dealt > m)
        return co_config_fail(opt, co_config_node(opt, "shard_size"),
                              "%lld devices of %lld shards of %lld examples want %lld shards, the "
                              "%lld examples make %lld; take smaller or fewer ones",
                              (long long)k, (long long)per_device, (long long)size,
                              (long long)dealt, (long long)n, (long long)m);
    int64_t *order = co_malloc((size_t)m, sizeof *order),
            *owner = co_malloc((size_t)m, sizeof *owner);
    cutter cut = {in, plan, plan->group_size[0], 0};
    co_status st = order && owner ? co_partition_plan_counts(in, plan)
                                  : CO_FAIL(CO_ENOMEM, "places of %lld shards", (long long)m);
    if (st == CO_OK) {
        co_stream stream = co_partition_stream(in, DRAW_DEAL, 0, 0);
        for (int64_t i = 0; i < m; i++) order[i] = i, owner[i] = -1;
        co_draw_shuffle(&stream, order, (size_t)m);
        for (int64_t i = 0; i < dealt; i++) owner[order[i]] = device_of(i, dealt / k, dealt % k);
        deal_fixed(&cut, owner, m, size);
    }
    co_free(order);
    co_free(owner);
    return st;
}

static co_status plan_places(const co_config *opt, const co_partition_input *in,
                             co_partition_plan *plan)
{
    const bool equal = co_sizes_are_equal(opt);
    const int64_t n = in->n_examples, per_device = co_config_int(opt, "shards_per_device");
    const int64_t n_places = in->n_devices * per_device, m = equal && n < n_places ? n : n_places;
    cutter cut = {in, plan, plan->group_size[0], 0};
    int64_t *place = co_malloc((size_t)m, sizeof *place), *size = NULL;
    co_status st = place ? co_partition_plan_counts(in, plan)
                         : CO_FAIL(CO_ENOMEM, "places of %lld shards", (long long)m);
    if (st == CO_OK) st = draw_places(in, n_places, m, place);
    if (!equal) st = co_partition_agree(in, st);
    if (!equal && st == CO_OK) st = co_sizes_of_all(opt, in, DRAW_SIZES, &size);
    if (st == CO_OK && size)
        deal_sizes(&cut, place, m, per_device, size);
    else if (st == CO_OK && m > 0)
        deal_even(&cut, place, m, per_device);
    co_free(place);
    co_free(size);
    return st;
}

static co_status plan_shards(const co_config *opt, const co_partition_input *in,
                             co_partition_plan *plan)
{
    CO_TRY(check_options(opt)); /* the same on all ranks */
    return co_config_has(opt, "shard_size") ? plan_fixed(opt, in, plan)
                                            : plan_places(opt, in, plan);
}

static const co_param params[] = {
    {.key = "shards_per_device",
     .type = CO_INT,
     .def = 2,
     .lo = 0,
     .hi = 1e6,
     .doc = "shards a device gets: about as many classes; 0 with shard_size: all there are, the "
            "first devices one more"},
    {.key = "shard_size",
     .type = CO_INT,
     .lo = 1,
     .hi = 2147483647,
     .flags = CO_OPTIONAL,
     .doc = "examples of a shard, of which so many are made and those that no device gets are left "
            "over; without it all examples are dealt"},
    {.key = "keep_incomplete",
     .type = CO_BOOL,
     .doc = "with shard_size: the last shard counts though it has fewer examples"},
    CO_SIZES_PARAMS,
    {0}};
const co_partitioner co_partitioner_shards = {
    .name = "shards",
    .summary = "examples sorted by label, a few shards of them a device",
    .source = "McMahan et al. 2017, arXiv:1602.05629",
    .params = params,
    .needs = CO_PART_NEEDS_LABELS | CO_PART_REDRAW | CO_PART_MAY_DEVICES,
    .devices = co_sizes_devices,
    .plan = plan_shards};
