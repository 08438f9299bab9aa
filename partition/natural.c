/* partition/natural.c - one device a user, as the data were collected; or groups of users.
 *
 * Users without a split-0 example, and with min_examples those with fewer, are no devices. The
 * others follow each other by ascending number; with users_per_device g > 1 a keyed permutation of
 * them is cut into groups. Where g does not divide their number, `rest` says how: even, ceil(users
 * / g) groups whose sizes differ by at most 1; smaller, groups of g and a last one of what remains;
 * bigger, floor(users / g) groups whose sizes differ by at most 1; drop, the last ones of the order
 * are no devices; strict, it is refused (flwr-datasets' modes of GroupedNaturalIdPartitioner, which
 * groups by order of appearance). max_examples: a keyed
 * subset of so many of each device's examples stays, the others are unassigned. Split-1 examples of
 * a device's users become its test part while test_fraction is 0; those of other users stand in no
 * device. Examples without user (-1) stay unassigned. Cost: O(n + users) time; 8 bytes a user and 4
 * an example. Source: Caldas et al., 2018, arXiv:1812.01097 (LEAF: users, minimum number of
 * samples). */
#include "core/memory.h"
#include "partition/partitioner.h"
#include "partition/questions.h"
#include <string.h>

enum { DRAW_GROUPS, DRAW_MOST };

typedef struct {
    const co_config *opt;
    const co_partition_input *in;
    co_partition *p;
    int64_t *size;      /* [n_users] split-0 examples */
    int32_t *device_of; /* [n_users]; -1: none */
    int64_t n_kept;     /* users on devices */
    int64_t each;       /* users_per_device */
} owners;

static void count_users(owners *o)
{
    const co_dataset *data = o->in->data;
    for (int64_t i = 0; i < data->n; i++) {
        const int32_t user = data->user[i];
        CO_ASSERT(user < 0 || (size_t)user < data->n_users);
        if (user >= 0 && data->split[i] == 0) o->size[user]++;
    }
}

/* Groups of n users by `rest`; of drop and strict all have `each`. */
static co_status count_groups(owners *o, int64_t n)
{
    const char *rest = co_config_string(o->opt, "rest");
    const int64_t each = o->each, whole = n / each;
    const bool even = strcmp(rest, "even") == 0, smaller = strcmp(rest, "smaller") == 0;
    o->p->n_devices = whole + ((even || smaller) && n % each > 0);
    o->n_kept = strcmp(rest, "drop") == 0 ? whole * each : n;
    if (strcmp(rest, "strict") == 0 && n % each > 0)
        return co_config_fail(o->opt, co_config_node(o->opt, "users_per_device"),
                              "%lld users do not make whole groups of %lld, %lld remain; take "
                              "another number or another rest",
                              (long long)n, (long long)each, (long long)(n % each));
    if (n > 0 && o->p->n_devices == 0)
        return co_config_fail(o->opt, co_config_node(o->opt, "users_per_device"),
                              "%lld users make no group of %lld; rest smaller makes one of all",
                              (long long)n, (long long)each);
    return CO_OK;
}

/* Where group d begins in the order. */
static int64_t group_start(const owners *o, int64_t d)
{
    const int64_t k = o->p->n_devices;
    if (strcmp(co_config_string(o->opt, "rest"), "smaller") != 0)
        return co_partition_span(o->n_kept, d, k);
    return d < k ? d * o->each : o->n_kept;
}

static co_status number_devices(owners *o)
{
    const size_t n_users = o->in->data->n_users;
    const int64_t least = co_config_int(o->opt, "min_examples");
    int64_t *order = co_malloc(n_users, sizeof *order), n = 0;
    if (!order) return CO_FAIL(CO_ENOMEM, "order of %zu users", n_users);
    for (size_t u = 0; u < n_users; u++) {
        o->device_of[u] = -1;
        if (o->size[u] > 0 && o->size[u] >= least) order[n++] = (int64_t)u;
    }
    co_stream stream = co_partition_stream(o->in, DRAW_GROUPS, 0, 0);
    if (o->each > 1) co_draw_shuffle(&stream, order, (size_t)n);
    const co_status st = count_groups(o, n);
    for (int64_t d = 0, i = 0; st == CO_OK && d < o->p->n_devices; d++)
        for (; i < group_start(o, d + 1); i++) o->device_of[order[i]] = (int32_t)d;
    co_free(order);
    if (n > 0) return st;
    if (least > 1)
        return co_config_fail(o->opt, co_config_node(o->opt, "min_examples"),
                              "no user has %lld training examples", (long long)least);
    return co_config_fail(o->opt, co_config_node(o->opt, "method"),
                          "none of the %lld training examples has a user; take another method",
                          (long long)o->in->n_examples);
}

/* Only while a device is one user. */
static co_status copy_names(owners *o)
{
    const co_dataset *data = o->in->data;
    const size_t k = (size_t)o->p->n_devices;
    if (!data->user_name || o->n_kept > o->p->n_devices) return CO_OK;
    o->p->device_name = co_calloc(k, sizeof *o->p->device_name);
    if (!o->p->device_name) return CO_FAIL(CO_ENOMEM, "names of %zu devices", k);
    for (size_t u = 0; u < data->n_users; u++) {
        if (o->device_of[u] < 0) continue;
        char **name = &o->p->device_name[o->device_of[u]];
        *name = co_strdup(data->user_name[u]);
        if (!*name) return CO_FAIL(CO_ENOMEM, "names of %zu devices", k);
    }
    return CO_OK;
}

/* Keeps at most `most` examples of each device. */
static co_status thin_out(owners *o, int64_t most)
{
    co_partition *p = o->p;
    int64_t *chosen = co_malloc((size_t)most, sizeof *chosen), first = 0, to = 0;
    int64_t *scratch = co_malloc(co_draw_subset_scratch((size_t)most), sizeof *scratch);
    const bool room = chosen && scratch;
    for (int64_t d = 0; room && d < p->n_devices; d++) {
        const int64_t n = p->train_offsets[d + 1] - first, keep = n < most ? n : most;
        co_stream stream = co_partition_stream(o->in, DRAW_MOST, (uint64_t)d, 0);
        if (n > most) co_draw_subset(&stream, n, (size_t)most, chosen, scratch);
        for (int64_t i = 0; i < keep; i++)
            p->train[to + i] = p->train[first + (n > most ? chosen[i] : i)];
        first += n;
        to += keep;
        p->train_offsets[d + 1] = to;
    }
    co_free(chosen);
    co_free(scratch);
    return room ? CO_OK : CO_FAIL(CO_ENOMEM, "subsets of %lld examples", (long long)most);
}

static co_status list_examples(owners *o)
{
    const co_dataset *data = o->in->data;
    co_partition *p = o->p;
    int32_t *owner = co_malloc((size_t)data->n, sizeof *owner);
    if (!owner) return CO_FAIL(CO_ENOMEM, "owners of %lld examples", (long long)data->n);
    for (int64_t i = 0; i < data->n; i++)
        owner[i] = data->user[i] < 0 ? -1 : o->device_of[data->user[i]];
    co_status st = co_partition_lists(data, 0, owner, p->n_devices, &p->train_offsets, &p->train);
    if (st == CO_OK && o->in->assign_test)
        st = co_partition_lists(data, 1, owner, p->n_devices, &p->test_offsets, &p->test);
    co_free(owner);
    if (st == CO_OK && co_config_has(o->opt, "max_examples"))
        st = thin_out(o, co_config_int(o->opt, "max_examples"));
    return st == CO_OK ? co_partition_join_questions(data, p) : st;
}

static co_status assign(const co_config *opt, const co_partition_input *in, co_partition *p)
{
    const size_t n_users = in->data->n_users;
    owners o = {.opt = opt,
                .in = in,
                .p = p,
                .each = co_config_int(opt, "users_per_device"),
                .size = co_calloc(n_users, sizeof *o.size),
                .device_of = co_malloc(n_users, sizeof *o.device_of)};
    co_status st = CO_OK;
    if (!o.size || !o.device_of) {
        st = CO_FAIL(CO_ENOMEM, "devices of %zu users", n_users);
        goto out;
    }
    count_users(&o);
    CO_TRY_OUT(number_devices(&o));
    CO_TRY_OUT(copy_names(&o));
    st = list_examples(&o);
out:
    co_free(o.size);
    co_free(o.device_of);
    return st;
}

static const co_param params[] = {
    {.key = "users_per_device",
     .type = CO_INT,
     .def = 1,
     .lo = 1,
     .hi = 2147483647,
     .doc = "users on one device, grouped by key"},
    {.key = "rest",
     .type = CO_CHOICE,
     .words = "even|smaller|bigger|drop|strict",
     .doc =
         "when users_per_device does not divide the users: even groups no larger than it, a last "
         "smaller group, even groups no smaller, users left out, or refused"},
    {.key = "min_examples",
     .type = CO_INT,
     .def = 0,
     .lo = 0,
     .hi = 2147483647,
     .doc = "users with fewer training examples are left out (unassigned)"},
    {.key = "max_examples",
     .type = CO_INT,
     .lo = 1,
     .hi = 2147483647,
     .flags = CO_OPTIONAL,
     .doc = "a device keeps a keyed subset of so many; the others are unassigned"},
    {0}};
const co_partitioner co_partitioner_natural = {
    .name = "natural",
    .summary =
        "one device a user; with test_fraction 0 the user's split-1 examples are its test part",
    .source = "Caldas et al. 2018, arXiv:1812.01097",
    .params = params,
    .needs = CO_PART_NEEDS_USERS | CO_PART_OWN_DEVICES | CO_PART_TEST_SPLIT,
    .assign = assign};
