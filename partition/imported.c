/* partition/imported.c - the lists of another program: JSON, CSV, NumPy .npz or FedNLP's HDF5.
 *
 * io/lists/lists.h has the formats. Ids are those of the data set, an example's row. An example
 * that several devices hold makes a partition with overlap, which cannot be cut into test parts
 * here. An example in a train and in a test list is refused. Test lists may name split-1 examples;
 * what no list names is unassigned. Cost: O(n + ids) time, n bytes. */
#include "core/log.h"
#include "core/memory.h"
#include "io/lists/lists.h"
#include "partition/partitioner.h"

enum { TRAIN = 1, TEST = 2, TWICE = 4 };

/* Marks the examples of one part; CO_EDATA names the first that cannot stand there. */
static co_status mark(const char *path, const co_dataset *data, const co_partition *p, bool test,
                      uint8_t *seen)
{
    const int64_t *offsets = test ? p->test_offsets : p->train_offsets,
                  *ids = test ? p->test : p->train;
    for (int64_t d = 0; offsets && d < p->n_devices; d++)
        for (int64_t i = offsets[d]; i < offsets[d + 1]; i++) {
            const int64_t id = ids[i];
            const char *part = test ? "test" : "train";
            if (id < 0 || id >= data->n)
                return CO_FAIL(CO_EDATA,
                               "%s: %s of device %lld lists example %lld; the data set has 0 to "
                               "%lld",
                               path, part, (long long)d, (long long)id, (long long)data->n - 1);
            if (data->split[id] > test)
                return CO_FAIL(CO_EDATA,
                               "%s: %s of device %lld lists example %lld of split %d; train lists "
                               "take split 0, test lists 0 and 1",
                               path, part, (long long)d, (long long)id, data->split[id]);
            if (seen[id] & (test ? TRAIN : TEST))
                return CO_FAIL(CO_EDATA,
                               "%s: example %lld stands in a train and in a test list (device "
                               "%lld)",
                               path, (long long)id, (long long)d);
            if (seen[id]) seen[id] |= TWICE;
            seen[id] |= test ? TEST : TRAIN;
        }
    return CO_OK;
}

static co_status note_overlap(const co_config *opt, const co_dataset *data, const uint8_t *seen,
                              co_partition *p)
{
    int64_t n_twice = 0;
    for (int64_t i = 0; i < data->n; i++) n_twice += (seen[i] & TWICE) != 0;
    if (n_twice == 0) return CO_OK;
    p->overlap = 1;
    co_warn("%lld examples stand at several devices: the partition has overlap",
            (long long)n_twice);
    if (co_config_real(opt, "test_fraction") == 0.0 && co_config_real(opt, "test_devices") == 0.0)
        return CO_OK;
    return co_config_fail(
        opt, co_config_node(opt, "from"),
        "%lld examples stand at several devices; test parts of such lists are not cut: "
        "leave test_fraction and test_devices out",
        (long long)n_twice);
}

static co_status assign(const co_config *opt, const co_partition_input *in, co_partition *p)
{
    const char *path = co_config_string(opt, "from");
    const char *name = co_config_has(opt, "name") ? co_config_string(opt, "name") : NULL;
    CO_TRY(co_lists_read(path, name, p));
    uint8_t *seen = co_calloc((size_t)in->data->n, sizeof *seen);
    if (!seen) return CO_FAIL(CO_ENOMEM, "marks of %lld examples", (long long)in->data->n);
    co_status st = mark(path, in->data, p, false, seen);
    if (st == CO_OK) st = mark(path, in->data, p, true, seen);
    if (st == CO_OK) st = note_overlap(opt, in->data, seen, p);
    co_free(seen);
    return st;
}

static const co_param params[] = {
    {.key = "from",
     .type = CO_STRING,
     .flags = CO_REQUIRED,
     .doc = "file of lists: JSON, CSV (device,example), .npz, or FedNLP's partition HDF5"},
    {.key = "name",
     .type = CO_STRING,
     .flags = CO_OPTIONAL,
     .doc = "the method wanted of a FedNLP file that holds several"},
    {0}};
const co_partitioner co_partitioner_imported = {
    .name = "imported",
    .summary = "the lists of another program, from JSON, CSV, .npz or FedNLP's HDF5",
    .params = params,
    .needs = CO_PART_OWN_DEVICES,
    .assign = assign};
