/* io/weights/safetensors.h - one file of tensors in the format `safetensors`. Local.
 *
 * The file: 8 bytes, little-endian, the length of the header; the header, JSON: {"NAME": {"dtype":
 * "F32", "shape": [2, 3], "data_offsets": [0, 24]}, .., "__metadata__": {"KEY": "TEXT", ..}}; then
 * the tensors' bytes, row by row, which the offsets count from the header's end. */
#pragma once
#include "core/status.h"
#include <stdio.h>

enum { CO_STORED_DIMS = 8 };

/* A tensor as it is stored. */
typedef struct {
    char *name;
    const char *dtype;                  /* F32, BF16, I64 ..: as the format spells it; static */
    size_t n_dims;                      /* 0: one number */
    uint64_t dim[CO_STORED_DIMS], size; /* size: elements, the product */
    size_t file;                        /* of a folder: number of its file */
    uint64_t begin, end;                /* bytes [begin, end) of the file */
} co_stored;

typedef struct {
    char *path;
    int fd;
    co_stored *tensor; /* [n], ascending by begin: they cover the file behind the header */
    size_t n;
} co_safetensors;

/* Opens the file and checks its header before anything is used. CO_EFILE: missing or not readable.
 * CO_EDATA with file, tensor and value: lengths beyond the file, no JSON, a name twice, an unknown
 * type, offsets that do not fit the type and the shape, overlap, leave gaps or do not end with the
 * file, products that overflow, more than CO_STORED_DIMS dimensions. Memory: the header, and a row
 * a tensor. file is ended by co_safetensors_close, also after a failure. */
co_status co_safetensors_open(const char *path, co_safetensors *file);
void co_safetensors_close(co_safetensors *file);

/* Whether co_safetensors_read takes tensors of that type: F32, F16, BF16. */
bool co_stored_is_read(const co_stored *tensor);
/* Its shape as text: "[2, 3]", into text[192]. */
char *co_stored_shape(const co_stored *tensor, char text[192]);
/* Elements [first, first + n) as float32, the value exactly; a NaN keeps its payload. No other
 * memory. The type must be one that is read (CO_ASSERT). CO_EFILE, and CO_EDATA when the file has
 * become shorter. */
co_status co_safetensors_read(const co_safetensors *file, const co_stored *tensor, uint64_t first,
                              size_t n, float *out);
/* n floats of 16 bits each: IEEE half precision (F16), or the upper half of a float32 (BF16). */
void co_floats_of_half(const uint16_t *half, size_t n, float *out);
void co_floats_of_bfloat(const uint16_t *bfloat, size_t n, float *out);

/* Writes length and header of a file of these tensors in this order, all as F32, with the metadata
 * {"format": "pt"}; sets their dtype, size, begin and end from name and shape. Their values come
 * next, in that order. By name ascending: the bytes that other programs write. out: a file at its
 * start; its errors stay in it. */
void co_safetensors_write_head(FILE *out, co_stored *tensor, size_t n);
