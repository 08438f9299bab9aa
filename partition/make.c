/* partition/make.c - runs a partitioner and lays its answer out as CSR.
 *
 * A member answers with the owner of each example; one counting sort by owner gives the devices'
 * lists, each by ascending id since the examples are. The test part of a device of n examples is
 * floor(test_fraction n) keyed draws of them, cut out in place. min_size is judged on the split-0
 * examples of a device, train and test part together. A member whose sizes are random is asked
 * again with another attempt number in its keys, up to 100 times, before the refusal. Cost beside
 * the member's own: O(n + K) time; 20 bytes an example and 8 (16 with test parts) a device. */
#include "partition/partitioner.h"
#include "core/memory.h"
#include <math.h>
#include <string.h>

#define MAX_ATTEMPTS 100

const co_param co_partition_params[] = {
    {.key = "method",
     .type = CO_STRING,
     .flags = CO_OPTIONAL,
     .doc = "partitioner, see `cohort list partitioner`"},
    {.key = "devices",
     .type = CO_INT,
     .lo = 1,
     .hi = 2147483647,
     .flags = CO_OPTIONAL,
     .doc = "number of devices; required, but for methods that set their own (natural)"},
    {.key = "seed",
     .type = CO_INT,
     .lo = 0,
     .hi = INFINITY,
     .flags = CO_OPTIONAL,
     .doc = "seed of the partition; default: that of the run"},
    {.key = "test_fraction",
     .type = CO_REAL,
     .def = 0.0,
     .lo = 0.0,
     .hi = 1.0,
     .flags = CO_HI_OPEN,
     .doc = "fraction of each device's examples, rounded down, that become its test part; at 0 "
            "natural takes the users' "
            "split-1 examples instead"},
    {.key = "min_size",
     .type = CO_INT,
     .def = 0,
     .lo = 0,
     .hi = 1e15,
     .doc = "fewest examples a device may have; methods of random sizes redraw up to 100 times, "
            "then it is an error"},
    {.key = "file",
     .type = CO_STRING,
     .flags = CO_OPTIONAL,
     .doc = "partition file to use instead of a method"},
    {0}};

/* A call in the making. */
typedef struct {
    const co_config *opt;
    const co_partitioner *member;
    co_partition_input in;
    int64_t *examples; /* in.examples, owned */
    int32_t *owner;    /* [n_examples + n_test] */
    double test_fraction;
} maker;

static co_status check_needs(const maker *m)
{
    const co_config *opt = m->opt;
    const co_node *method = co_config_node(opt, "method"),
                  *devices = co_config_node(opt, "devices");
    const unsigned needs = m->member->needs;
    const char *name = m->member->name;
    if ((needs & CO_PART_NEEDS_LABELS) && !m->in.data->y)
        return co_config_fail(opt, method, "%s needs labels (y), which the data set lacks", name);
    if ((needs & CO_PART_NEEDS_USERS) && !m->in.data->user)
        return co_config_fail(opt, method, "%s needs the column `user`, which the data set lacks",
                              name);
    if ((needs & CO_PART_NEEDS_FEATURES) && !m->in.data->x)
        return co_config_fail(opt, method, "%s needs features (x), which the data set lacks", name);
    if ((needs & CO_PART_OWN_DEVICES) && devices)
        return co_config_fail(opt, devices,
                              "%s sets the number of devices itself; leave the key out", name);
    if (!(needs & CO_PART_OWN_DEVICES) && !devices)
        return co_config_fail(opt, method, "%s needs the key `devices`, 1 .. 2147483647", name);
    return CO_OK;
}

static int64_t count_split(const co_dataset *data, uint8_t split)
{
    int64_t n = 0;
    for (int64_t i = 0; i < data->n; i++) n += data->split[i] == split;
    return n;
}

/* Fills m->in and the blocks of m. */
static co_status start(maker *m, const co_dataset *data, uint64_t default_seed)
{
    const co_config *opt = m->opt;
    m->test_fraction = co_config_real(opt, "test_fraction");
    m->in.seed = co_config_has(opt, "seed") ? (uint64_t)co_config_int(opt, "seed") : default_seed;
    m->in.n_devices = co_config_has(opt, "devices") ? co_config_int(opt, "devices") : 0;
    m->in.n_examples = count_split(data, 0);
    if ((m->member->needs & CO_PART_TEST_SPLIT) && m->test_fraction <= 0.0)
        m->in.n_test = count_split(data, 1);
    const size_t n = (size_t)(m->in.n_examples + m->in.n_test);
    m->examples = co_malloc(n, sizeof *m->examples);
    m->owner = co_malloc(n, sizeof *m->owner);
    if (!m->examples || !m->owner) return CO_FAIL(CO_ENOMEM, "owners of %zu examples", n);
    int64_t *train = m->examples, *test = m->examples + m->in.n_examples;
    for (int64_t i = 0; i < data->n; i++) {
        if (data->split[i] == 0) *train++ = i;
        if (data->split[i] == 1 && m->in.n_test > 0) *test++ = i;
    }
    m->in.examples = m->examples;
    return CO_OK;
}

/* offsets[k + 1] and items: the ids by owner, in their order; ids without owner stay out. New
 * blocks. */
static co_status sort_by_owner(const int64_t *ids, const int32_t *owner, int64_t n, int64_t k,
                               int64_t **offsets, int64_t **items)
{
    int64_t *first = *offsets = co_calloc((size_t)k + 1, sizeof *first);
    if (!first) return CO_FAIL(CO_ENOMEM, "offsets of %lld devices", (long long)k);
    for (int64_t i = 0; i < n; i++)
        if (owner[i] >= 0) first[owner[i] + 1]++;
    for (int64_t d = 0; d < k; d++) first[d + 1] += first[d];
    int64_t *out = *items = co_malloc((size_t)first[k], sizeof *out);
    if (!out) return CO_FAIL(CO_ENOMEM, "lists of %lld examples", (long long)first[k]);
    for (int64_t i = 0; i < n; i++)
        if (owner[i] >= 0) out[first[owner[i]]++] = ids[i];
    memmove(first + 1, first,
            (size_t)k * sizeof *first); /* each has reached the start of the next device */
    first[0] = 0;
    return CO_OK;
}

static co_status list_unassigned(const maker *m, co_partition *p)
{
    const int64_t n = m->in.n_examples;
    p->n_unassigned = n - p->train_offsets[p->n_devices];
    p->unassigned = co_malloc((size_t)p->n_unassigned, sizeof *p->unassigned);
    if (!p->unassigned)
        return CO_FAIL(CO_ENOMEM, "list of %lld unassigned examples", (long long)p->n_unassigned);
    for (int64_t i = 0, j = 0; i < n; i++)
        if (m->owner[i] < 0) p->unassigned[j++] = m->examples[i];
    return CO_OK;
}

/* One run of the member and the devices' lists. */
static co_status draw(maker *m, uint64_t attempt, co_partition *p)
{
    const int64_t n = m->in.n_examples, n_test = m->in.n_test;
    co_partition_fini(p);
    m->in.attempt = attempt;
    memset(m->owner, 0xff, (size_t)(n + n_test) * sizeof *m->owner); /* -1 */
    p->n_devices = m->in.n_devices;
    CO_TRY(m->member->assign(m->opt, &m->in, m->owner, &p->n_devices, &p->device_name));
    for (int64_t i = 0; i < n + n_test; i++)
        CO_ASSERT(m->owner[i] >= -1 && m->owner[i] < p->n_devices);
    CO_TRY(sort_by_owner(m->examples, m->owner, n, p->n_devices, &p->train_offsets, &p->train));
    if (n_test > 0)
        CO_TRY(sort_by_owner(m->examples + n, m->owner + n, n_test, p->n_devices, &p->test_offsets,
                             &p->test));
    return list_unassigned(m, p);
}

static int64_t count_below(const co_partition *p, int64_t size)
{
    int64_t n = 0;
    for (int64_t d = 0; d < p->n_devices; d++)
        n += p->train_offsets[d + 1] - p->train_offsets[d] < size;
    return n;
}

static co_status draw_until_large(maker *m, co_partition *p)
{
    const int64_t min_size = co_config_int(m->opt, "min_size"), k = m->in.n_devices;
    const co_node *node = co_config_node(m->opt, "min_size");
    const bool redraw = m->member->needs & CO_PART_REDRAW;
    if (min_size > 0 && k > 0 && m->in.n_examples / k < min_size)
        return co_config_fail(
            m->opt, node, "%lld examples cannot give %lld devices %lld each; take fewer devices",
            (long long)m->in.n_examples, (long long)k, (long long)min_size);
    int64_t n_below = 0;
    for (uint64_t attempt = 0; attempt < (redraw ? MAX_ATTEMPTS : 1); attempt++) {
        CO_TRY(draw(m, attempt, p));
        n_below = count_below(p, min_size);
        if (n_below == 0) return CO_OK;
    }
    return co_config_fail(
        m->opt, node, "%lld of %lld devices of %s have fewer than %lld examples%s",
        (long long)n_below, (long long)p->n_devices, m->member->name, (long long)min_size,
        redraw ? ", the last of 100 draws that all had such devices; take a larger alpha, fewer "
                 "devices or a smaller min_size"
               : "; take a smaller min_size");
}

/* floor(fraction n); the small term makes 0.29 x 100 give 29, whatever its binary digits. */
static int64_t part_of(double fraction, int64_t n)
{
    const int64_t m = (int64_t)floor(fraction * (double)n + 1e-9);
    return m < n ? m : n;
}

/* Moves the `m` drawn of the `n` examples of one device to test; train keeps the others at `to`.
 * drawn ascending. */
static void move_drawn(const int64_t *from, int64_t n, const int64_t *drawn, int64_t m, int64_t *to,
                       int64_t *test)
{
    for (int64_t i = 0, j = 0; i < n; i++) {
        if (j < m && drawn[j] == i)
            test[j++] = from[i];
        else
            *to++ = from[i];
    }
}

/* Cuts all devices in place: a device's new place never lies behind its old one. */
static void cut_devices(const maker *m, co_partition *p, int64_t *drawn, int64_t *scratch)
{
    int64_t first = 0, to = 0;
    for (int64_t d = 0; d < p->n_devices; d++) {
        const int64_t n = p->train_offsets[d + 1] - first, n_test = part_of(m->test_fraction, n);
        if (n_test > 0) {
            co_stream stream =
                co_stream_open(m->in.seed, CO_DRAW_PARTITION_TEST, 0, (uint64_t)d, 0);
            co_draw_subset(&stream, n, (size_t)n_test, drawn, scratch);
        }
        move_drawn(p->train + first, n, drawn, n_test, p->train + to, p->test + p->test_offsets[d]);
        first += n;
        to += n - n_test;
        p->train_offsets[d + 1] = to;
        p->test_offsets[d + 1] = p->test_offsets[d] + n_test;
    }
}

static co_status cut_test_parts(const maker *m, co_partition *p)
{
    int64_t largest = 0, total = 0;
    for (int64_t d = 0; d < p->n_devices; d++) {
        const int64_t n = part_of(m->test_fraction, p->train_offsets[d + 1] - p->train_offsets[d]);
        total += n;
        if (n > largest) largest = n;
    }
    p->test_offsets = co_calloc((size_t)p->n_devices + 1, sizeof *p->test_offsets);
    p->test = co_malloc((size_t)total, sizeof *p->test);
    int64_t *drawn = co_malloc((size_t)largest, sizeof *drawn);
    int64_t *scratch = co_malloc(co_draw_subset_scratch((size_t)largest), sizeof *scratch);
    const bool room = p->test_offsets && p->test && drawn && scratch;
    if (room) cut_devices(m, p, drawn, scratch);
    co_free(drawn);
    co_free(scratch);
    return room ? CO_OK : CO_FAIL(CO_ENOMEM, "test parts of %lld examples", (long long)total);
}

static co_status label(const maker *m, co_partition *p)
{
    p->method = co_strdup(m->member->name);
    if (!p->method) return CO_FAIL(CO_ENOMEM, "name of the method");
    memcpy(p->data_digest, m->in.data->digest, sizeof p->data_digest);
    return CO_OK;
}

co_status co_partition_make(const co_config *opt, uint64_t default_seed, const co_dataset *data,
                            co_partition *partition)
{
    maker m = {.opt = opt, .in.data = data};
    memset(partition, 0, sizeof *partition);
    if (!co_config_has(opt, "method"))
        return co_config_fail(opt, NULL,
                              "`method` is missing; `cohort list partitioner` shows the choice");
    m.member = co_partitioner_find(co_config_string(opt, "method"));
    if (!m.member) return CO_EUSAGE;
    co_status st = CO_OK;
    CO_TRY_OUT(check_needs(&m));
    CO_TRY_OUT(start(&m, data, default_seed));
    CO_TRY_OUT(draw_until_large(&m, partition));
    if (m.test_fraction > 0.0) CO_TRY_OUT(cut_test_parts(&m, partition));
    CO_TRY_OUT(label(&m, partition));
    st = co_partition_statistics(partition, data, m.in.seed);
out:
    co_free(m.examples);
    co_free(m.owner);
    if (st != CO_OK) co_partition_fini(partition);
    return st;
}
