/* partition/natural.c - one device a user, as the data were collected.
 *
 * Devices follow ascending user numbers; a user without a split-0 example is no device, and the
 * numbers close up. Split-1 examples of a device's user become its test part while test_fraction is
 * 0; those of other users stand in no device. Examples without user (-1) stay unassigned. Cost: O(n + users) time, one
 * int32 a user. */
#include "partition/partitioner.h"
#include "core/memory.h"

/* device_of[user] = its device, -1 for users left out; returns the number of devices. */
static int64_t number_devices(const co_partition_input *in, int32_t *device_of)
{
    const size_t n_users = in->data->n_users;
    int32_t n_devices = 0;
    for (size_t u = 0; u < n_users; u++) device_of[u] = -1;
    for (int64_t i = 0; i < in->n_examples; i++) {
        const int32_t user = in->data->user[in->examples[i]];
        CO_ASSERT(user < 0 || (size_t)user < n_users);
        if (user >= 0) device_of[user] = 0;
    }
    for (size_t u = 0; u < n_users; u++)
        if (device_of[u] == 0) device_of[u] = n_devices++;
    return n_devices;
}

static co_status copy_names(const co_partition_input *in, const int32_t *device_of,
                            int64_t n_devices, char ***device_name)
{
    char *const *user_name = in->data->user_name;
    if (!user_name) return CO_OK;
    char **names = co_calloc((size_t)n_devices, sizeof *names);
    if (!names) return CO_FAIL(CO_ENOMEM, "names of %lld devices", (long long)n_devices);
    *device_name = names; /* the caller's from here on, half filled or not */
    for (size_t u = 0; u < in->data->n_users; u++) {
        if (device_of[u] < 0) continue;
        names[device_of[u]] = co_strdup(user_name[u]);
        if (!names[device_of[u]])
            return CO_FAIL(CO_ENOMEM, "names of %lld devices", (long long)n_devices);
    }
    return CO_OK;
}

static co_status assign(const co_config *opt, const co_partition_input *in, int32_t *owner,
                        int64_t *n_devices, char ***device_name)
{
    int32_t *device_of = co_malloc(in->data->n_users, sizeof *device_of);
    if (!device_of) return CO_FAIL(CO_ENOMEM, "devices of %zu users", in->data->n_users);
    *n_devices = number_devices(in, device_of);
    co_status st =
        *n_devices > 0
            ? copy_names(in, device_of, *n_devices, device_name)
            : co_config_fail(opt, co_config_node(opt, "method"),
                             "none of the %lld training examples has a user; take another method",
                             (long long)in->n_examples);
    for (int64_t i = 0; st == CO_OK && i < in->n_examples + in->n_test; i++) {
        const int32_t user = in->data->user[in->examples[i]];
        owner[i] = user < 0 ? -1 : device_of[user];
    }
    co_free(device_of);
    return st;
}

const co_partitioner co_partitioner_natural = {
    .name = "natural",
    .summary =
        "one device a user; with test_fraction 0 the user's split-1 examples are its test part",
    .source = "Caldas et al. 2018, arXiv:1812.01097",
    .needs = CO_PART_NEEDS_USERS | CO_PART_OWN_DEVICES | CO_PART_TEST_SPLIT,
    .assign = assign};
