/* io/data/partition_file.h - a partition: which examples each device holds. */
#pragma once
#include "core/comm.h"
#include "io/data/dataset.h"

typedef struct {
    int64_t n_devices;
    int64_t *train_offsets, *train; /* CSR: [n_devices + 1], example ids */
    int64_t *test_offsets, *test;   /* NULL when devices have no test part */
    int64_t *unassigned;
    int64_t n_unassigned;
    char **device_name;   /* [n_devices] or NULL */
    double *device_noise; /* [n_devices] standard deviation added to the features (feature skew), or
                             NULL */
    int64_t n_periods;    /* 0: everything is there from the start */
    int32_t *period; /* [n_dated], one an example of the data set: when it arrives, < n_periods; or
                        NULL */
    int64_t n_dated;
    uint64_t seed; /* of the file; key of the noise */
    int overlap;   /* 1: an example may stand at several devices */
    char *method;
    char data_digest[33], digest[33];
    size_t n_stats; /* named scalars under stats/ */
    char **stat_name;
    double *stat;
    int32_t *
        label_counts; /* [n_devices][n_classes] of the training parts, by the statistics; or NULL */
} co_partition;
#define CO_MAX_LABEL_COUNTS ((int64_t)1 << 24) /* devices x classes up to which they are kept */

void co_partition_fini(co_partition *partition); /* Local. */
/* CSR shape, ids inside the data set, disjointness, cover of split 0, periods of all examples, test
 * parts of split 0 (or 1 where natural). CO_EDATA names device and example. Local. */
co_status co_partition_check(const co_partition *partition, const co_dataset *data,
                             const char *path);
/* Writes and publishes, label_counts while n_devices x n_classes <= CO_MAX_LABEL_COUNTS included;
 * fills digest. Local. */
co_status co_partition_write(co_partition *partition, const co_dataset *data, const char *path,
                             uint64_t seed, const char *config);
/* Fills data_digest and digest as co_partition_write would, without a file. Local. */
co_status co_partition_digest(co_partition *partition, const co_dataset *data, uint64_t seed);
/* Reads; a data_digest other than expect (unless expect is NULL or the file has none) is CO_EDATA:
 * "made for another data set". Local. */
co_status co_partition_read(const char *path, const char *expect_data_digest,
                            co_partition *partition);
