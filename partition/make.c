/* partition/make.c - runs a partitioner, cuts test parts, brings the lists together on rank 0.
 *
 * The ranks share the devices in even spans; each deals to its own (deal.c) and sends its lists to
 * rank 0. The test part of a device of n examples is floor(test_fraction n) keyed draws of them,
 * cut out in place; a device of test_devices, a keyed subset, keeps nothing to train on. min_size
 * is judged on the split-0 examples of a device, train and test part together. A member whose sizes
 * are random is asked again with another attempt number in its keys, up to 100 times, before the
 * refusal. Cost beside the member's own: O(n / ranks + K) time; rank 0 ends with 8 bytes an example
 * and 8 (16 with test parts) a device, and held its part twice. */
#include "core/log.h"
#include "core/memory.h"
#include "core/room.h"
#include "partition/deal.h"
#include "partition/labels.h"
#include "partition/plan.h"
#include "partition/questions.h"
#include "partition/collect.h"
#include <math.h>
#include <stdio.h>
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
    {.key = "by",
     .type = CO_STRING,
     .flags = CO_OPTIONAL,
     .doc =
         "what methods that deal by label go by: y (default), user, group, tags (a text's set of "
         "entity types), length (tenths of all lengths), or a file with a word a line for each "
         "example; natural makes a device of each of its values, by default of each user; of "
         "continuous: y, y:J, x:J, length, or a file with a number a line"},
    {.key = "test_fraction",
     .type = CO_REAL,
     .def = 0.0,
     .lo = 0.0,
     .hi = 1.0,
     .flags = CO_HI_OPEN,
     .doc = "fraction of each device's examples (questions, with all their windows), rounded down, "
            "that become its test part; at 0 "
            "natural takes the users' split-1 examples instead"},
    {.key = "test_devices",
     .type = CO_REAL,
     .def = 0.0,
     .lo = 0.0,
     .hi = 1.0,
     .flags = CO_HI_OPEN,
     .doc = "fraction of the devices, rounded down, kept for testing alone: all they have is test "
            "part"},
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
    co_dataset view; /* the data set, with labels that the member may go by */
    double test_fraction;
    int64_t n_test_devices; /* all of their examples are test part */
    int64_t *test_device;   /* [n_test_devices] ascending, or NULL */
} maker;

/* Takes the number of devices from the options of a member that knows it. */
static co_status count_devices(maker *m)
{
    const co_config *opt = m->opt;
    const co_node *devices = co_config_node(opt, "devices");
    const unsigned needs = m->member->needs;
    const char *name = m->member->name;
    if ((needs & CO_PART_OWN_DEVICES) && devices)
        return co_config_fail(opt, devices,
                              "%s sets the number of devices itself; leave the key out", name);
    m->in.n_devices = devices ? co_config_int(opt, "devices") : 0;
    if (!devices && (needs & CO_PART_MAY_DEVICES))
        CO_TRY(m->member->devices(opt, &m->in.n_devices));
    if (m->in.n_devices > 0 || (needs & CO_PART_OWN_DEVICES)) return CO_OK;
    return co_config_fail(opt, co_config_node(opt, "method"),
                          "%s needs the key `devices`, 1 .. 2147483647", name);
}

/* A method that goes by classes, and data without. */
static co_status refuse_labels(const maker *m)
{
    const co_node *method = co_config_node(m->opt, "method");
    char others[160] = "";
    for (const co_plugin *const *p = co_kind_partitioner.members; *p; p++)
        if (!(((const co_partitioner *)*p)->needs & CO_PART_NEEDS_LABELS))
            snprintf(others + strlen(others), sizeof others - strlen(others), "%s%s",
                     *others ? ", " : "", (*p)->name);
    if (!co_dataset_has_targets(m->in.data))
        return co_config_fail(m->opt, method,
                              "%s needs labels (y), which the data set lacks; without labels: %s",
                              m->member->name, others);
    return co_config_fail(
        m->opt, method,
        "%s goes by the class of an example, which the task %s lacks; without classes: %s",
        m->member->name, co_data_task_names[m->in.data->task], others);
}

static co_status check_needs(const maker *m)
{
    const co_config *opt = m->opt;
    const co_node *method = co_config_node(opt, "method");
    const unsigned needs = m->member->needs;
    const char *name = m->member->name;
    if ((needs & CO_PART_NEEDS_LABELS) && (!m->in.data->y || m->in.data->n_classes == 0))
        return refuse_labels(m);
    if ((needs & CO_PART_NEEDS_USERS) && !m->in.data->user)
        return co_config_fail(opt, method, "%s needs the column `user`, which the data set lacks",
                              name);
    if ((needs & CO_PART_NEEDS_FEATURES) && co_partition_needs_x(m->member, opt) && !m->in.data->x)
        return co_config_fail(opt, method,
                              "%s needs features: x, which the data set lacks, or features=FILE "
                              "(cohort predict .. output=hidden)",
                              name);
    return CO_OK;
}

static bool cuts_tests(const maker *m)
{
    return m->test_fraction > 0.0 || co_config_real(m->opt, "test_devices") > 0.0;
}

static void start(maker *m, uint64_t default_seed)
{
    const co_config *opt = m->opt;
    int64_t n_split[256] = {0};
    m->test_fraction = co_config_real(opt, "test_fraction");
    m->in.seed = co_config_has(opt, "seed") ? (uint64_t)co_config_int(opt, "seed") : default_seed;
    for (int64_t i = 0; i < m->in.data->n; i++) n_split[m->in.data->split[i]]++;
    m->in.n_examples = n_split[0];
    m->in.assign_test = (m->member->needs & CO_PART_TEST_SPLIT) && !cuts_tests(m) && n_split[1] > 0;
    m->in.first = co_partition_span(m->in.n_devices, m->in.rank, m->in.size);
    m->in.last = co_partition_span(m->in.n_devices, m->in.rank + 1, m->in.size);
}

/* ---- room ---- */

/* Bytes that this rank holds at once at least: counts, offsets and lists of its devices; rank 0
 * then all lists, sizes and distances. */
static double bytes_needed(const maker *m)
{
    const double own = (double)(m->in.last - m->in.first), all = (double)m->in.n_devices,
                 n = (double)m->in.n_examples, part = all > 0.0 ? own / all * n : n,
                 groups =
                     m->member->needs & CO_PART_NEEDS_LABELS ? (double)m->in.data->n_classes : 1.0;
    const double deal = own * (4.0 * groups + 8.0) + 12.0 * part, end = 60.0 * all + 8.0 * n;
    return m->in.rank == 0 && end > deal ? end : deal;
}

/* The ranks of a node share its memory. Collective(in->ranks). */
static co_status check_room(const maker *m)
{
    double needs = bytes_needed(m);
    if (m->in.size > 1) {
        MPI_Comm node;
        MPI_Comm_split_type(m->in.ranks, MPI_COMM_TYPE_SHARED, m->in.rank, MPI_INFO_NULL, &node);
        MPI_Allreduce(MPI_IN_PLACE, &needs, 1, MPI_DOUBLE, MPI_SUM, node);
        MPI_Comm_free(&node);
    }
    const size_t left = co_room_left();
    char want[32], have[32];
    if (needs <= (double)left) return co_partition_agree(&m->in, CO_OK);
    co_format_bytes(needs, want, sizeof want);
    co_format_bytes((double)left, have, sizeof have);
    return co_partition_agree(
        &m->in, co_config_fail(
                    m->opt, co_config_node(m->opt, "devices"),
                    "%lld devices and %lld examples need at least %s on a node, %s are left; take "
                    "fewer devices or nodes with more memory",
                    (long long)m->in.n_devices, (long long)m->in.n_examples, want, have));
}

/* ---- one draw ---- */

/* Split-0 examples in no list. */
static co_status list_unassigned(const maker *m, co_partition *p)
{
    const int64_t n = m->in.data->n;
    uint8_t *seen = co_calloc((size_t)n, sizeof *seen);
    int64_t n_left = m->in.n_examples;
    if (!seen) return CO_FAIL(CO_ENOMEM, "marks of %lld examples", (long long)n);
    for (int64_t i = 0; i < p->train_offsets[p->n_devices]; i++) seen[p->train[i]] = 1;
    for (int64_t i = 0; p->test_offsets && i < p->test_offsets[p->n_devices]; i++)
        seen[p->test[i]] = 1;
    for (int64_t i = 0; i < n; i++) n_left -= m->in.data->split[i] == 0 && seen[i];
    p->unassigned = co_malloc((size_t)n_left, sizeof *p->unassigned);
    for (int64_t i = 0; p->unassigned && i < n; i++)
        if (m->in.data->split[i] == 0 && !seen[i]) p->unassigned[p->n_unassigned++] = i;
    co_free(seen);
    return p->unassigned ? CO_OK : CO_FAIL(CO_ENOMEM, "list of %lld unassigned", (long long)n_left);
}

/* Rank 0. */
static co_status join_questions(const maker *m, co_partition *p)
{
    co_free(p->unassigned);
    p->unassigned = NULL;
    p->n_unassigned = 0;
    CO_TRY(co_partition_join_questions(m->in.data, p));
    return list_unassigned(m, p);
}

/* By counts: each rank its devices, then all on rank 0. p->train stays apart on the ranks until
 * then. */
static co_status draw_plan(maker *m, co_partition *p)
{
    co_partition_plan plan = {0};
    co_dealt dealt = {0};
    const bool by_label = m->member->needs & CO_PART_NEEDS_LABELS;
    co_status st = co_partition_agree(&m->in, co_partition_plan_init(&m->in, by_label, &plan));
    if (st == CO_OK) st = co_partition_agree(&m->in, m->member->plan(m->opt, &m->in, &plan));
    if (st == CO_OK) st = co_deal(&m->in, &plan, &dealt);
    co_free(plan.count);
    plan.count = NULL;
    if (st == CO_OK) st = co_collect(&m->in, &dealt, p);
    if (st == CO_OK && m->in.data->question)
        st = co_partition_agree(&m->in, m->in.rank == 0 ? join_questions(m, p) : CO_OK);
    if (st == CO_OK && m->in.rank == 0 && plan.noise) {
        p->device_noise = plan.noise;
        plan.noise = NULL;
    }
    co_partition_plan_fini(&plan);
    co_dealt_fini(&dealt);
    return st;
}

static co_status draw(maker *m, uint64_t attempt, co_partition *p)
{
    co_partition_fini(p);
    m->in.attempt = attempt;
    p->n_devices = m->in.n_devices;
    if (m->member->plan) return draw_plan(m, p);
    co_status st = CO_OK;
    if (m->in.rank == 0) {
        st = m->member->assign(m->opt, &m->in, p);
        if (st == CO_OK) st = list_unassigned(m, p);
    }
    return co_partition_agree(&m->in, st);
}

static int64_t size_of(const co_partition *p, int64_t device)
{
    const int64_t n = p->train_offsets[device + 1] - p->train_offsets[device];
    return n;
}

/* Devices below the size; the same on all ranks. */
static int64_t count_below(const maker *m, const co_partition *p, int64_t size)
{
    int64_t n = 0;
    if (m->in.rank == 0)
        for (int64_t d = 0; d < p->n_devices; d++) n += size_of(p, d) < size;
    if (m->in.size > 1) MPI_Bcast(&n, 1, MPI_INT64_T, 0, m->in.ranks);
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
        n_below = count_below(m, p, min_size);
        if (n_below == 0) return CO_OK;
    }
    return co_config_fail(
        m->opt, node, "%lld of %lld devices of %s have fewer than %lld examples%s",
        (long long)n_below, (long long)p->n_devices, m->member->name, (long long)min_size,
        redraw ? ", the last of 100 draws that all had such devices; take a larger alpha, fewer "
                 "devices or a smaller min_size"
               : "; take a smaller min_size");
}

/* ---- test parts ---- */

/* floor(fraction n); the small term makes 0.29 x 100 give 29, whatever its binary digits. */
static int64_t part_of(double fraction, int64_t n)
{
    const int64_t m = (int64_t)floor(fraction * (double)n + 1e-9);
    return m < n ? m : n;
}

/* Moves the `m` drawn of the units (examples, or questions with all their windows) of one device's
 * n examples to test; train keeps the others at `to`. drawn ascending, NULL: all are moved. Returns
 * how many examples were moved. */
static int64_t move_drawn(const co_dataset *data, const int64_t *from, int64_t n,
                          const int64_t *drawn, int64_t m, int64_t *to, int64_t *test)
{
    int64_t n_moved = 0;
    for (int64_t i = 0, j = 0, unit = -1; i < n; i++) {
        unit += !co_partition_goes_on(data, from, i);
        while (drawn && j < m && drawn[j] < unit) j++;
        if (!drawn || (j < m && drawn[j] == unit))
            test[n_moved++] = from[i];
        else
            *to++ = from[i];
    }
    return n_moved;
}

/* Of the device's n units, those that go to its test part; *whole: it is one of test_devices. t:
 * the next of those, for devices asked in ascending order. */
static int64_t test_part(const maker *m, int64_t device, int64_t n, int64_t *t, bool *whole)
{
    *whole = *t < m->n_test_devices && m->test_device[*t] == device;
    *t += *whole;
    return *whole ? n : part_of(m->test_fraction, n);
}

/* Cuts all devices in place: a device's new place never lies behind its old one. */
static void cut_devices(const maker *m, co_partition *p, int64_t *drawn, int64_t *scratch)
{
    int64_t first = 0, to = 0, t = 0;
    for (int64_t d = 0; d < p->n_devices; d++) {
        bool whole;
        const int64_t n = p->train_offsets[d + 1] - first,
                      n_units = co_partition_units(m->in.data, p->train + first, n),
                      n_drawn = test_part(m, d, n_units, &t, &whole);
        if (n_drawn > 0 && !whole) {
            co_stream stream =
                co_stream_open(m->in.seed, CO_DRAW_PARTITION_TEST, 0, (uint64_t)d, 0);
            co_draw_subset(&stream, n_units, (size_t)n_drawn, drawn, scratch);
        }
        const int64_t n_test = move_drawn(m->in.data, p->train + first, n, whole ? NULL : drawn,
                                          n_drawn, p->train + to, p->test + p->test_offsets[d]);
        first += n;
        to += n - n_test;
        p->train_offsets[d + 1] = to;
        p->test_offsets[d + 1] = p->test_offsets[d] + n_test;
    }
}

/* A keyed subset of the devices. */
static co_status choose_test_devices(maker *m, int64_t n_devices)
{
    const int64_t n = m->n_test_devices =
        part_of(co_config_real(m->opt, "test_devices"), n_devices);
    m->test_device = co_malloc((size_t)n, sizeof *m->test_device);
    int64_t *scratch = co_malloc(co_draw_subset_scratch((size_t)n), sizeof *scratch);
    const bool room = m->test_device && scratch;
    co_stream stream = co_partition_stream(&m->in, CO_PART_STAGE_TEST, 0, 0);
    if (room) co_draw_subset(&stream, n_devices, (size_t)n, m->test_device, scratch);
    co_free(scratch);
    return room ? CO_OK : CO_FAIL(CO_ENOMEM, "%lld test devices", (long long)n);
}

static co_status cut_test_parts(maker *m, co_partition *p)
{
    int64_t largest = 0, total = 0, t = 0;
    CO_TRY(choose_test_devices(m, p->n_devices));
    if (p->test_offsets)
        return co_config_fail(
            m->opt, co_config_node(m->opt, "method"),
            "the %lld lists of %s have test parts already; leave test_fraction and "
            "test_devices out",
            (long long)p->n_devices, m->member->name);
    for (int64_t d = 0; d < p->n_devices; d++) {
        bool whole;
        const int64_t n = test_part(m, d, size_of(p, d), &t, &whole);
        total += m->in.data->question ? size_of(p, d) : n;
        if (n > largest && !whole) largest = n;
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

static co_status finish(maker *m, co_partition *p)
{
    if (m->in.rank != 0) return CO_OK;
    if (p->test_offsets &&
        p->test_offsets[p->n_devices] == 0) { /* no user of split 1 is a device */
        co_free(p->test_offsets);
        co_free(p->test);
        p->test_offsets = p->test = NULL;
    }
    if (cuts_tests(m)) CO_TRY(cut_test_parts(m, p));
    if (m->member->complete) CO_TRY(m->member->complete(m->opt, &m->in, p));
    p->method = co_strdup(m->member->name);
    if (!p->method) return CO_FAIL(CO_ENOMEM, "name of the method");
    p->seed = m->in.seed;
    memcpy(p->data_digest, m->in.data->digest, sizeof p->data_digest);
    return CO_OK;
}

co_status co_partition_deal_on(const co_config *opt, uint64_t default_seed, const co_dataset *data,
                               MPI_Comm ranks, co_partition *partition)
{
    maker m = {.opt = opt, .in = {.data = data, .ranks = ranks, .size = 1}};
    memset(partition, 0, sizeof *partition);
    if (ranks != MPI_COMM_NULL) {
        MPI_Comm_rank(ranks, &m.in.rank);
        MPI_Comm_size(ranks, &m.in.size);
    }
    if (!co_config_has(opt, "method"))
        return co_config_fail(opt, NULL,
                              "`method` is missing; `cohort list partitioner` shows the choice");
    m.member = co_partitioner_find(co_config_string(opt, "method"));
    if (!m.member) return CO_EUSAGE;
    co_status st;
    CO_TRY_OUT(co_partition_view(opt, m.member, data, &m.view));
    m.in.data = &m.view;
    CO_TRY_OUT(check_needs(&m));
    CO_TRY_OUT(count_devices(&m));
    start(&m, default_seed);
    CO_TRY_OUT(check_room(&m));
    CO_TRY_OUT(draw_until_large(&m, partition));
    st = co_partition_agree(&m.in, finish(&m, partition));
out:
    co_free(m.test_device);
    co_partition_view_fini(data, &m.view);
    if (st != CO_OK || m.in.rank != 0) co_partition_fini(partition);
    return st;
}

co_status co_partition_make_on(const co_config *opt, uint64_t default_seed, const co_dataset *data,
                               MPI_Comm ranks, co_partition *partition)
{
    co_partition_input in = {.ranks = ranks, .size = 1};
    CO_TRY(co_partition_deal_on(opt, default_seed, data, ranks, partition));
    if (ranks != MPI_COMM_NULL) {
        MPI_Comm_rank(ranks, &in.rank);
        MPI_Comm_size(ranks, &in.size);
    }
    co_status st = CO_OK;
    if (in.rank == 0) st = co_partition_statistics(partition, data, partition->seed);
    st = co_partition_agree(&in, st);
    if (st != CO_OK) co_partition_fini(partition);
    return st;
}

co_status co_partition_make(const co_config *opt, uint64_t default_seed, const co_dataset *data,
                            co_partition *partition)
{
    return co_partition_make_on(opt, default_seed, data, MPI_COMM_NULL, partition);
}
