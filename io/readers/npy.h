/* io/readers/npy.h - arrays in NumPy's .npy format. Local. */
#pragma once
#include "io/readers/raw.h"

#define CO_NPY_DIMS 8
typedef struct {
    char kind;    /* 'u', 'i', 'f', 'b', 'S', 'U' as in NumPy's dtype.kind */
    size_t width; /* bytes of one element */
    bool fortran;
    size_t ndim, dim[CO_NPY_DIMS], count; /* count: product of dim, 1 for ndim 0 */
    const unsigned char *data;            /* [count] elements, borrowed */
} co_npy;

/* Looks at the bytes of a .npy file, versions 1 to 3; dtypes u1 .. u8, i1 .. i8, f2 .. f8, b1,
 * little-endian. CO_EDATA with the dtype otherwise (big-endian, strings, objects), and when header
 * and length do not fit. where names the array in messages. */
co_status co_npy_parse(const char *where, const co_raw *raw, co_npy *npy);
/* The same for an array of texts: dtypes S and U. */
co_status co_npy_parse_texts(const char *where, const co_raw *raw, co_npy *npy);
/* Element i counted in C order, whatever the order in the file. */
double co_npy_real(const co_npy *npy, size_t i);
/* The same as an integer; false when it is none or does not fit. */
bool co_npy_int(const co_npy *npy, size_t i, int64_t *value);
/* Element i of an array of texts, new block: S as it stands, U as UTF-8. NULL: out of memory. */
char *co_npy_text(const co_npy *npy, size_t i);
