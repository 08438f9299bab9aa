/* partition/partitioner.h - kind partitioner: labels, features, users -> the devices' examples.
 *
 * Adding one: a file partition/<name>.c with the table co_partitioner_<name>, and a line in list.h. The simplest is iid.c. */
#pragma once
#include "core/config.h"
#include "io/partition_file.h"

/* What a partitioner works on. Borrowed. */
typedef struct {
    const co_dataset *data;
    const int64_t *examples; /* [n_examples] ids of split 0, ascending */
    int64_t n_examples;
    int64_t n_devices;       /* 0 for natural: it sets its own */
    uint64_t seed;
} co_partition_input;

/* capabilities */
enum { CO_PART_NEEDS_LABELS = 1, CO_PART_NEEDS_USERS = 2, CO_PART_OWN_DEVICES = 4, CO_PART_NEEDS_FEATURES = 8 };

typedef struct {
    CO_PLUGIN_FIELDS;
    unsigned needs;
    /* Local; Same on all ranks: everything. owner[n_examples]: the device of examples[i], or -1 (goes to `unassigned`); all -1
     * at the start. CO_PART_OWN_DEVICES members set *n_devices and may set *device_name (new blocks). Never loops for ever;
     * what cannot be done is CO_EUSAGE with the figure. */
    co_status (*assign)(const co_config *opt, const co_partition_input *in, int32_t *owner, int64_t *n_devices,
                        char ***device_name);
} co_partitioner;

extern const co_kind co_kind_partitioner;
const co_partitioner *co_partitioner_find(const char *name);
/* Keys of section `partition` that belong to no member: method, devices, seed, test_fraction, min_size, file. */
extern const co_param co_partition_params[];

/* opt is checked against co_partition_params and the member's own table. Runs the member, cuts the test part of each device
 * (keyed, floor(test_fraction n)), orders each device's examples by id, computes the statistics. Devices with fewer than
 * min_size examples are refused with their number. Local; Same on all ranks. */
co_status co_partition_make(const co_config *opt, uint64_t default_seed, const co_dataset *data,
                            co_partition *partition);
/* size_min, size_p10 .. size_p90, size_max, size_gini, size_cv, js_global_mean, js_pair_mean (see statistics.c), n_empty,
 * n_unassigned. Local. */
co_status co_partition_statistics(co_partition *partition, const co_dataset *data, uint64_t seed);
