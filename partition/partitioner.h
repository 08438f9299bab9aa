/* partition/partitioner.h - kind partitioner: labels, features, users -> the devices' examples.
 *
 * A member answers in one of two forms. `plan`: how many examples of each group (class, cluster, or
 * all in one) every device gets; which ones is then drawn by deal.c, the same on any number of
 * ranks. `assign`: the device of each example, for members that the data decide. Adding one: a file
 * partition/<name>.c with the table co_partitioner_<name>, and a line in list.h. The simplest is
 * iid.c. */
#pragma once
#include "core/config.h"
#include "core/random.h"
#include "io/data/partition_file.h"

/* What a partitioner works on. Borrowed. The ranks of a call deal with the devices [first, last).
 */
typedef struct {
    const co_dataset *data;
    MPI_Comm ranks;      /* MPI_COMM_NULL: this process alone */
    int rank, size;      /* in ranks; 0 and 1 alone */
    int64_t n_examples;  /* of split 0 */
    int64_t n_devices;   /* 0 for CO_PART_OWN_DEVICES */
    int64_t first, last; /* devices of this rank */
    bool assign_test;    /* split 1 is dealt too, to the test parts */
    uint64_t seed;
    uint64_t attempt; /* 0, 1, ..: redraws of CO_PART_REDRAW members; part of every key */
} co_partition_input;

/* The answer of `plan`. Blocks by co_malloc; the maker frees them. */
typedef struct {
    size_t n_groups;
    int32_t *group; /* [data->n], or NULL: the labels, or one group of all when n_groups is 1 */
    int64_t *group_size; /* [n_groups] examples of split 0 */
    int32_t *count;      /* [last - first][n_groups], zeroed; what no device gets is left over */
    double *noise;       /* [n_devices] on every rank, or NULL: column device_noise */
} co_partition_plan;

/* capabilities */
enum {
    CO_PART_NEEDS_LABELS = 1, /* groups are the classes */
    CO_PART_NEEDS_USERS = 2,
    CO_PART_OWN_DEVICES = 4,    /* sets the number of devices; option `devices` is refused */
    CO_PART_NEEDS_FEATURES = 8, /* x, or its key `features` names a file */
    CO_PART_REDRAW = 16,        /* sizes are random: up to 100 redraws when min_size is not met */
    CO_PART_TEST_SPLIT = 32,    /* with test_fraction 0 also assigns split 1, to the test parts */
    CO_PART_MAY_DEVICES = 64, /* `devices` may be left out: the member's options tell the number */
    CO_PART_BY_VALUE = 128    /* key `by` names numbers (values.h), not labels */
};

typedef struct {
    CO_PLUGIN_FIELDS;
    unsigned needs;
    /* Number of devices for CO_PART_MAY_DEVICES when the key is absent. Local. */
    co_status (*devices)(const co_config *opt, int64_t *n_devices);
    /* Fills plan->count, for the devices of this rank; the groups stand ready (one of all examples,
     * or the classes). Never loops for ever; what cannot be done is CO_EUSAGE with the figure.
     * Collective(in->ranks); the maker agrees on the status afterwards. */
    co_status (*plan)(const co_config *opt, const co_partition_input *in, co_partition_plan *plan);
    /* Or: the whole partition but its statistics, from the data alone: lists ascending by id,
     * device names, n_devices; the test parts for split 1 when in->assign_test. On one rank. */
    co_status (*assign)(const co_config *opt, const co_partition_input *in, co_partition *p);
    /* Adds what goes with the finished lists, test parts included. NULL: nothing. On one rank. */
    co_status (*complete)(const co_config *opt, const co_partition_input *in, co_partition *p);
} co_partitioner;

/* Whether the member looks at x: it wants features, and no file of them (key `features`) is given;
 * or `by` names one of them. Local. */
bool co_partition_needs_x(const co_partitioner *member, const co_config *opt);

extern const co_kind co_kind_partitioner;
const co_partitioner *co_partitioner_find(const char *name); /* NULL with a message */
/* Keys of section `partition` that belong to no member: method, devices, seed, test_fraction,
 * test_devices, min_size, file. */
extern const co_param co_partition_params[];

/* opt is checked against co_partition_params and the member's own table. Runs the member, cuts the
 * test parts (test_fraction of each device, keyed; or all of the test_devices), orders each
 * device's examples by id, computes the statistics. Devices with fewer than min_size split-0
 * examples (train and test part together) are refused with their number, after up to 100 keyed
 * redraws for CO_PART_REDRAW members. partition is overwritten; empty after a failure. Local. */
co_status co_partition_make(const co_config *opt, uint64_t default_seed, const co_dataset *data,
                            co_partition *partition);
/* The same by the ranks of a communicator, which all hold data; the partition is filled on rank 0
 * and empty on the others. The same content on any number of ranks. Collective(ranks). */
co_status co_partition_make_on(const co_config *opt, uint64_t default_seed, const co_dataset *data,
                               MPI_Comm ranks, co_partition *partition);
/* The same without the statistics. Collective(ranks). */
co_status co_partition_deal_on(const co_config *opt, uint64_t default_seed, const co_dataset *data,
                               MPI_Comm ranks, co_partition *partition);
/* The scalars of statistics.c and statistics_labels.c. Replaces the statistics there. Local. */
co_status co_partition_statistics(co_partition *partition, const co_dataset *data, uint64_t seed);

/* Feature skew: adds normal noise of standard deviation device_noise[device] to the n rows x of the
 * examples ids, keyed by (seed of the partition, device, example): each reading gives the same
 * values. Nothing when the partition has no noise. scratch: [x_size]. Local. */
void co_partition_add_noise(const double *device_noise, uint64_t seed, int64_t device,
                            const int64_t *ids, size_t n, size_t x_size, float *x, float *scratch);

/* For members. */

/* The stream `draw_id` of this attempt; draw_id < 256. */
static inline co_stream co_partition_stream(const co_partition_input *in, uint64_t draw_id,
                                            uint64_t device, uint64_t step)
{
    return co_stream_open(in->seed, CO_DRAW_PARTITION, in->attempt << 8 | draw_id, device, step);
}
enum { CO_PART_STAGE_NOISE = 252, CO_PART_STAGE_BUCKET, CO_PART_STAGE_SHUFFLE, CO_PART_STAGE_TEST };

/* The smallest status of the ranks, so that all go on or none. Collective(in->ranks). */
co_status co_partition_agree(const co_partition_input *in, co_status status);
/* Whether example id is one of split 0. */
static inline bool co_partition_is_train(const co_partition_input *in, int64_t id)
{
    return in->data->split[id] == 0;
}
/* Makes plan->count, zeroed. */
co_status co_partition_plan_counts(const co_partition_input *in, co_partition_plan *plan);
/* plan's groups become the given ones (group_take: a co_malloc block [data->n]). */
co_status co_partition_plan_regroup(const co_partition_input *in, co_partition_plan *plan,
                                    int32_t *group_take, size_t n_groups);
/* Where span i of n items cut into m spans begins; sizes differ by at most 1. m^2 < 2^63. */
static inline int64_t co_partition_span(int64_t n, int64_t i, int64_t m)
{
    return n / m * i + (n % m) * i / m;
}
/* Like assign's lists from the owner of each example of one split (-1: nobody): offsets
 * [n_devices + 1] and ids, new blocks. Local. */
co_status co_partition_lists(const co_dataset *data, uint8_t split, const int32_t *owner,
                             int64_t n_devices, int64_t **offsets, int64_t **ids);
