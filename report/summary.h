/* report/summary.h - the table of a comparison: a row a label; printed, written to compare.h5 and
 * read from it. Local. */
#pragma once
#include "core/status.h"
#include "io/files/file.h"
#include <stdio.h>

/* NaN where there is nothing to say: an interval of one seed, a target that no seed reached. */
typedef struct {
    const char *label; /* borrowed */
    int64_t n_seeds, n_reached, n_pairs;
    double mean, low, high, sd; /* of the metric over the seeds; low, high: 95 % */
    double loss, target_round, target_bytes, bytes,
        wall_s;                 /* means; of the target: over the seeds that reached it */
    double difference, p_value; /* to the baseline, over n_pairs seeds */
} co_summary_row;

/* The group summary. */
co_status co_summary_write(co_file *file, const co_summary_row *row, size_t n);
/* Reads it: *row and *label, which the rows point into, are new blocks for co_free and
 * co_strings_free. CO_EDATA when the group is not whole. */
co_status co_summary_read(const co_file *file, co_summary_row **row, char ***label, size_t *n);
/* A line a row below a heading; the baseline has no difference. */
void co_summary_print(FILE *out, const char *metric, const char *baseline,
                      const co_summary_row *row, size_t n);
