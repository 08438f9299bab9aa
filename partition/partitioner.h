/* partition/partitioner.h - kind partitioner: labels, features, users -> the devices' examples.
 *
 * Adding one: a file partition/<name>.c with the table co_partitioner_<name>, and a line in list.h.
 * The simplest is iid.c. */
#pragma once
#include "core/config.h"
#include "core/random.h"
#include "io/partition_file.h"

/* What a partitioner works on. Borrowed. */
typedef struct {
    const co_dataset *data;
    const int64_t *examples; /* [n_examples] ids of split 0, ascending, then [n_test] of split 1 */
    int64_t n_examples;
    int64_t n_test;    /* 0 unless CO_PART_TEST_SPLIT and test_fraction is 0 */
    int64_t n_devices; /* 0 for CO_PART_OWN_DEVICES: it sets its own */
    uint64_t seed;
    uint64_t attempt; /* 0, 1, ..: redraws of CO_PART_REDRAW members; part of every key */
} co_partition_input;

/* capabilities */
enum {
    CO_PART_NEEDS_LABELS = 1,
    CO_PART_NEEDS_USERS = 2,
    CO_PART_OWN_DEVICES = 4, /* sets the number of devices; option `devices` is refused */
    CO_PART_NEEDS_FEATURES = 8,
    CO_PART_REDRAW = 16,    /* sizes are random: up to 100 redraws when min_size is not met */
    CO_PART_TEST_SPLIT = 32 /* with test_fraction 0 also assigns split 1, to the test parts */
};

typedef struct {
    CO_PLUGIN_FIELDS;
    unsigned needs;
    /* Local; Same on all ranks: everything. owner[n_examples + n_test]: the device of examples[i],
     * or -1 (goes to `unassigned`, or is left out in split 1); all -1 at the start.
     * CO_PART_OWN_DEVICES members set *n_devices and may set *device_name (new blocks). Never loops
     * for ever; what cannot be done is CO_EUSAGE with the figure. */
    co_status (*assign)(const co_config *opt, const co_partition_input *in, int32_t *owner,
                        int64_t *n_devices, char ***device_name);
} co_partitioner;

extern const co_kind co_kind_partitioner;
const co_partitioner *co_partitioner_find(const char *name); /* NULL with a message */
/* Keys of section `partition` that belong to no member: method, devices, seed, test_fraction,
 * min_size, file. */
extern const co_param co_partition_params[];

/* opt is checked against co_partition_params and the member's own table. Runs the member, cuts the
 * test part of each device (keyed, floor(test_fraction n)), orders each device's examples by id,
 * computes the statistics. Devices with fewer than min_size split-0 examples (train and test part
 * together) are refused with their number, after up to 100 keyed redraws for CO_PART_REDRAW
 * members. partition is overwritten; empty after a failure. Local; Same on all ranks. */
co_status co_partition_make(const co_config *opt, uint64_t default_seed, const co_dataset *data,
                            co_partition *partition);
/* size_min, size_p10 .. size_p90, size_max, size_gini, size_cv, n_empty, n_unassigned; with labels
 * also js_global_mean, js_pair_mean, n_pairs (definitions in statistics.c). Replaces the statistics
 * there. Local. */
co_status co_partition_statistics(co_partition *partition, const co_dataset *data, uint64_t seed);

/* For members. */

/* The stream `stage` of this attempt; stage < 256. */
static inline co_stream co_partition_stream(const co_partition_input *in, uint64_t stage,
                                            uint64_t device, uint64_t step)
{
    return co_stream_open(in->seed, CO_DRAW_PARTITION, in->attempt << 8 | stage, device, step);
}
#define CO_PART_STAGE_LABELS 255 /* of co_partition_by_label; members count from 0 */

/* Positions 0 .. n_examples - 1 grouped by class, in keyed random order within each: class c holds
 * (*order)[(*first)[c] .. (*first)[c + 1]). Both are new blocks, also to be freed after a failure
 * (NULL then). Local. O(n_examples + n_classes). */
co_status co_partition_by_label(const co_partition_input *in, int64_t **order, int64_t **first);
/* Where span i of n items cut into m spans begins; sizes differ by at most 1. m^2 < 2^63. */
static inline int64_t co_partition_span(int64_t n, int64_t i, int64_t m)
{
    return n / m * i + (n % m) * i / m;
}
