/* sim/devices/population_partition.c - the partition of a run: read, made, or the data's own users;
 * one copy a node. Memory per node: 8 bytes per example and device. */
#include "core/memory.h"
#include "io/data/partition_file.h"
#include "partition/partitioner.h"
#include "sim/devices/population_private.h"
#include <stdlib.h>
#include <string.h>

static co_status make_partition(const co_experiment *e, const co_dataset *data, co_partition *part)
{
    if (!e->has_partition) {
        if (!data->user)
            return CO_FAIL(CO_EUSAGE,
                           "%s: no `partition` and %s has no users: add partition: {method: "
                           "dirichlet, devices: 100, "
                           "alpha: 0.3} or {file: PARTITION.h5}",
                           e->file, co_config_string(&e->data, "file"));
        co_config natural = {e->file, "partition", co_node_create(CO_NODE_MAP, "partition", NULL)};
        if (!natural.map) return CO_FAIL(CO_ENOMEM, "partition options");
        const co_partitioner *member = co_partitioner_find("natural");
        const co_param *tables[] = {co_partition_params, member->params};
        co_status st = co_node_set(natural.map, "method", "natural");
        if (st == CO_OK) st = co_config_check(&natural, tables, 2);
        if (st == CO_OK) st = co_partition_make(&natural, (uint64_t)e->seed, data, part);
        co_node_destroy(natural.map);
        return st;
    }
    if (co_node_find(e->partition.map, "file")) {
        const char *path = co_config_string(&e->partition, "file");
        CO_TRY(co_partition_read(path, data->digest, part));
        return co_partition_check(part, data, path);
    }
    return co_partition_make(&e->partition, (uint64_t)e->seed, data, part);
}

static void sort_lists(co_partition *part)
{
    for (int64_t k = 0; part->period && k < part->n_devices; k++)
        qsort_r(part->train + part->train_offsets[k],
                (size_t)(part->train_offsets[k + 1] - part->train_offsets[k]), sizeof *part->train,
                co_by_arrival, part->period);
}

/* What the ranks of a node must know of a partition before they can see it. */
typedef struct {
    int64_t n_devices, n_examples, n_tests; /* n_tests -1: no test parts */
    int64_t n_periods;
} extent;

/* Node rank 0: reads or makes it. */
static co_status open_partition(const co_experiment *e, co_population *p, co_partition *part,
                                extent *x)
{
    CO_TRY(make_partition(e, &p->data, part));
    /* made for this run alone: the digest of the file which `cohort partition` would write */
    if (!part->digest[0]) CO_TRY(co_partition_digest(part, &p->data, (uint64_t)e->seed));
    *x = (extent){.n_devices = part->n_devices,
                  .n_examples = part->train_offsets[part->n_devices],
                  .n_tests = part->test_offsets ? part->test_offsets[part->n_devices] : -1,
                  .n_periods = part->n_periods};
    sort_lists(part);
    memcpy(p->partition_digest, part->digest, sizeof part->digest);
    return CO_OK;
}

/* Where in the segment the lists of that extent stand, one behind the other. Returns the
 * bytes of all. */
static size_t lay_out(const extent *x, int64_t n_data, int64_t *words, co_population *p)
{
    const int64_t n_train = x->n_devices + 1 + x->n_examples;
    const int64_t n_tests = x->n_tests < 0 ? 0 : x->n_devices + 1 + x->n_tests;
    p->n_devices = x->n_devices;
    p->n_periods = x->n_periods;
    if (words) {
        p->offsets = words;
        p->examples = words + x->n_devices + 1;
        p->own_test_offsets = n_tests ? words + n_train : NULL;
        p->own_tests = n_tests ? words + n_train + x->n_devices + 1 : NULL;
        p->period_of = x->n_periods ? (const int32_t *)(words + n_train + n_tests) : NULL;
    }
    return (size_t)(n_train + n_tests) * sizeof *words +
           (size_t)(x->n_periods ? n_data : 0) * sizeof(int32_t);
}

static void copy_partition(const co_partition *part, const extent *x, int64_t n_data,
                           int64_t *words)
{
    const size_t n_offsets = (size_t)x->n_devices + 1;
    memcpy(words, part->train_offsets, n_offsets * sizeof *words);
    words += n_offsets;
    memcpy(words, part->train, (size_t)x->n_examples * sizeof *words);
    words += x->n_examples;
    if (x->n_tests >= 0) {
        memcpy(words, part->test_offsets, n_offsets * sizeof *words);
        words += n_offsets;
        memcpy(words, part->test, (size_t)x->n_tests * sizeof *words);
        words += x->n_tests;
    }
    if (x->n_periods) memcpy(words, part->period, (size_t)n_data * sizeof *part->period);
}

/* Node rank 0 reads or makes the partition; the other ranks see its arrays in a segment. */
co_status co_population_place_partition(const co_experiment *e, co_population *p,
                                        const co_comm *comm)
{
    co_partition part = {0};
    extent x = {0};
    co_status st = comm->node_rank == 0 ? open_partition(e, p, &part, &x) : CO_OK;
    st = co_agree(st, comm);
    if (st == CO_OK) {
        MPI_Bcast(&x, sizeof x / sizeof(int64_t), MPI_INT64_T, 0, comm->node);
        MPI_Bcast(p->partition_digest, sizeof p->partition_digest, MPI_CHAR, 0, comm->node);
        st = co_segment_create(&p->csr, lay_out(&x, p->data.n, NULL, p), comm);
    }
    if (st == CO_OK) {
        if (comm->node_rank == 0) copy_partition(&part, &x, p->data.n, p->csr.data);
        co_segment_sync(&p->csr, comm);
        lay_out(&x, p->data.n, p->csr.data, p);
    }
    co_partition_fini(&part);
    return st;
}
