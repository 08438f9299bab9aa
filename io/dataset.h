/* io/dataset.h - a data set: examples in the type they were published in, labels, splits, users. */
#pragma once
#include "core/comm.h"
#include "io/file.h"
#include <stdint.h>

/* One description for images and float rows (tokens join it with the text tasks). Pointers are NULL where the data set lacks the part. */
typedef struct {
    int64_t n;            /* examples; an example's id is its row */
    co_dtype x_type;      /* CO_U8 or CO_F32 */
    size_t x_ndim;        /* without the first dimension; images are 3: C, H, W */
    size_t x_dim[4];
    size_t x_size;        /* elements of one example */
    void *x;              /* [n][x_size] */
    size_t n_scale;       /* 1, or channels */
    double *scale, *shift; /* [n_scale]: value = x * scale + shift */
    int32_t *y;           /* [n] class */
    size_t n_classes;
    char **classes;       /* [n_classes] names */
    uint8_t *split;       /* [n] 0 train, 1 test, 2 validation; never NULL */
    int32_t *user;        /* [n], or NULL; < n_users; -1: none */
    size_t n_users;
    char **user_name;     /* [n_users], or NULL */
    int32_t *group;       /* as user */
    size_t n_groups;
    char **group_name;
    char digest[33];      /* content digest of the file; "" before it is written */
    char *source;         /* where it came from, for the file's attribute; or NULL */
    co_shared shared_x;   /* where x lies when loaded for a run */
    bool x_is_shared;     /* x is a part of shared_x and not freed by itself */
} co_dataset;

void co_dataset_fini(co_dataset *data); /* frees all but a shared x; zeroes. Local. */

/* Lengths, ranges of labels, users, splits; floats finite: CO_EDATA names row and value. Local. */
co_status co_dataset_check(const co_dataset *data, const char *path);

/* Checks, writes and publishes; fills data->digest. Local. */
co_status co_dataset_write(co_dataset *data, const char *path, uint64_t seed, const char *config);

/* Everything but x, on this rank (the columns are small: 9 bytes an example). Local. */
co_status co_dataset_read_columns(const char *path, co_dataset *data);
/* Everything, x in memory of this process. Local. */
co_status co_dataset_read(const char *path, co_dataset *data);
/* Everything, x once per node in shared memory; the file is verified once and read by rank 0 of each node.
 * CO_ENOMEM with the figure when the node's memory is too small. Collective(comm). data->shared_x must be ended with
 * co_shared_fini before co_dataset_fini. */
co_status co_dataset_load(const char *path, co_dataset *data, const co_comm *comm);

/* out[n_ids][x_size] floats of the given examples: (float)x * (float)scale + (float)shift, each step rounded to float, so
 * the same bits everywhere. Local. Vectorised; the hot path of reading a device. */
void co_dataset_gather(const co_dataset *data, const int64_t *ids, size_t n_ids, float *out);
