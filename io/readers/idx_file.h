/* io/readers/idx_file.h - IDX files: a big-endian array with its type and shape before it. Local.
 */
#pragma once
#include "io/data/dataset.h"
#include "io/readers/raw.h"

typedef struct {
    int type;     /* 0x08 u8, 0x09 i8, 0x0b i16, 0x0c i32, 0x0d f32, 0x0e f64 */
    size_t width; /* bytes of one element */
    size_t ndim, dim[4], count;
    const unsigned char *data; /* [count] big-endian elements, inside raw */
    co_raw raw;
} co_idx;

/* Reads a file, gzip or not. CO_EDATA when the magic, the number of dimensions or the length is not
 * that of an IDX file of 1 to 4 dimensions. idx is ended by co_idx_fini, also after a failure. */
co_status co_idx_read(const char *path, co_idx *idx);
void co_idx_fini(co_idx *idx);
int64_t co_idx_int(const co_idx *idx, size_t i); /* integer types only */
double co_idx_real(const co_idx *idx, size_t i);

/* Images and labels of the training files and, unless test_images is NULL, of the test files behind
 * them: fills x, split and scale of data; *label is a new block of data->n integers. Images
 * [n][h][w] become [n][1][h][w]; bytes stay bytes, other types become floats. CO_EDATA when the
 * counts or shapes of the files do not fit together. */
co_status co_idx_dataset(const char *const images[2], const char *const labels[2], co_dataset *data,
                         int64_t **label);

/* The four files of MNIST and its relatives in a folder, labels 0 .. 9 named by classes[10]; fills
 * data. CO_EFILE repeats the names wanted; a label above 9 is CO_EDATA with its row. */
co_status co_idx_mnist_folder(const char *folder, const char *const *classes, co_dataset *data);
/* Path of the first of "folder/name", "folder/name.gz" that exists, over the names (the list ends
 * with NULL); a new block. */
co_status co_idx_find(const char *folder, const char *const *names, char **path);
