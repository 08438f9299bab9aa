/* io/files/file_read.c - datasets, read from whatever types a Python user stored.
 *
 * Reading in the stored type is one HDF5 call. Any other type goes through blocks of the nearest of
 * our types and a check of each value: an integer has to be in range, a float read as an integer
 * has to be whole; a rounding to float is allowed, an overflow is not. */
#include "io/files/file_private.h"
#include "core/memory.h"
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define BLOCK_BYTES ((size_t)1 << 20)
#define ROWS_BYTES ((size_t)512 << 10) /* stay in the cache until they are used */

static const char *type_name(co_dtype type)
{
    static const char *const names[] = {"uint8",   "int32",   "int64", "uint64",
                                        "float32", "float64", "text"};
    return names[type];
}

co_status co_file_extent(const co_file *file, const char *name, co_extent *extent)
{
    co_stored stored;
    co_status st = co_stored_open(file, name, &stored);
    *extent = stored.extent;
    const bool variable = stored.variable;
    co_stored_close(&stored);
    if (st != CO_OK || !variable) return st;
    char **strings; /* the width is that of the longest */
    size_t n;
    CO_TRY(co_file_read_strings(file, name, &strings, &n));
    extent->width = 1;
    for (size_t i = 0; i < n; i++)
        if (strlen(strings[i]) > extent->width) extent->width = strlen(strings[i]);
    co_strings_free(strings, n);
    return CO_OK;
}

co_status co_file_block_rows(const co_file *file, const char *name, size_t row_bytes, size_t *rows)
{
    co_stored stored;
    const co_status st = co_stored_open(file, name, &stored);
    *rows = st == CO_OK ? co_stored_step(&stored, row_bytes, ROWS_BYTES) : 1;
    co_stored_close(&stored);
    return st;
}

static bool put_int(int64_t v, co_dtype to, void *out, size_t i)
{
    switch (to) {
    case CO_U8: ((uint8_t *)out)[i] = (uint8_t)v; return v >= 0 && v <= UINT8_MAX;
    case CO_I32: ((int32_t *)out)[i] = (int32_t)v; return v >= INT32_MIN && v <= INT32_MAX;
    case CO_I64: ((int64_t *)out)[i] = v; return true;
    case CO_U64: ((uint64_t *)out)[i] = (uint64_t)v; return v >= 0;
    case CO_F32: ((float *)out)[i] = (float)v; return true;
    default: ((double *)out)[i] = (double)v; return true;
    }
}

static bool put_real(double v, co_dtype to, void *out, size_t i)
{
    if (to == CO_F64) return ((double *)out)[i] = v, true;
    if (to == CO_F32) {
        const bool fits = !isfinite(v) || fabs(v) <= (double)FLT_MAX;
        ((float *)out)[i] = fits ? (float)v : 0.0f;
        return fits;
    }
    if (!isfinite(v) || v != rint(v)) return false;
    if (v >= -0x1p63 && v < 0x1p63) return put_int((int64_t)v, to, out, i);
    if (to != CO_U64 || v < 0.0 || v >= 0x1p64) return false;
    ((uint64_t *)out)[i] = (uint64_t)v;
    return true;
}

static bool put_u64(uint64_t v, co_dtype to, void *out, size_t i)
{
    if (v <= (uint64_t)INT64_MAX) return put_int((int64_t)v, to, out, i);
    if (to == CO_U64) ((uint64_t *)out)[i] = v;
    if (to == CO_F32) ((float *)out)[i] = (float)v;
    if (to == CO_F64) ((double *)out)[i] = (double)v;
    return to == CO_U64 || to == CO_F32 || to == CO_F64;
}

/* Converts in[i] to out[at + i]; false when it does not fit, *text says the value then. */
static bool convert(co_dtype from, const void *in, size_t i, co_dtype to, void *out, size_t at,
                    char text[32])
{
    bool fits;
    switch (from) {
    case CO_U8: fits = put_int(((const uint8_t *)in)[i], to, out, at); break;
    case CO_I32: fits = put_int(((const int32_t *)in)[i], to, out, at); break;
    case CO_I64: fits = put_int(((const int64_t *)in)[i], to, out, at); break;
    case CO_U64: fits = put_u64(((const uint64_t *)in)[i], to, out, at); break;
    case CO_F32: fits = put_real((double)((const float *)in)[i], to, out, at); break;
    default: fits = put_real(((const double *)in)[i], to, out, at); break;
    }
    if (fits) return true;
    if (from == CO_F32 || from == CO_F64)
        snprintf(text, 32, "%.9g",
                 from == CO_F32 ? (double)((const float *)in)[i] : ((const double *)in)[i]);
    else if (from == CO_U64)
        snprintf(text, 32, "%llu", (unsigned long long)((const uint64_t *)in)[i]);
    else
        snprintf(text, 32, "%lld",
                 from == CO_I64   ? (long long)((const int64_t *)in)[i]
                 : from == CO_I32 ? (long long)((const int32_t *)in)[i]
                                  : (long long)((const uint8_t *)in)[i]);
    return false;
}

/* Rows through blocks of the nearest type. */
static co_status read_converted(const co_file *file, const char *name, const co_stored *stored,
                                co_dtype type, size_t first, size_t n, void *data)
{
    const co_dtype from = stored->extent.type;
    const size_t row = co_stored_row(stored);
    if (row == 0 || n == 0) return CO_OK;
    const size_t step = co_stored_step(stored, row * co_dtype_size(from, 0), BLOCK_BYTES);
    void *block = co_malloc((step < n ? step : n) * row, co_dtype_size(from, 0));
    if (!block) return CO_FAIL(CO_ENOMEM, "%s: out of memory to convert %s", file->path, name);
    const hid_t memory = co_h5_memory_type(from, 0);
    co_status st = CO_OK;
    char text[32];
    for (size_t at = 0; at < n && st == CO_OK; at += step) {
        const size_t rows = n - at < step ? n - at : step;
        st = co_stored_read(file, name, stored, memory, first + at, rows, block);
        for (size_t i = 0; i < rows * row && st == CO_OK; i++)
            if (!convert(from, block, i, type, data, at * row + i, text))
                st = CO_FAIL(CO_EDATA, "%s: %s, row %zu: %s does not fit into %s", file->path, name,
                             first + at + i / row, text, type_name(type));
    }
    co_h5_close(memory);
    co_free(block);
    return st;
}

/* Rows [first, first + n) of an open numeric dataset; a scalar is one row. */
static co_status read_numbers(const co_file *file, const char *name, const co_stored *stored,
                              co_dtype type, size_t first, size_t n, void *data)
{
    if (stored->extent.type == CO_STR)
        return CO_FAIL(CO_EDATA, "%s: %s holds text; %s is wanted", file->path, name,
                       type_name(type));
    if (stored->extent.type != type)
        return read_converted(file, name, stored, type, first, n, data);
    const hid_t memory = co_h5_memory_type(type, 0);
    const co_status st = co_stored_read(file, name, stored, memory, first, n, data);
    co_h5_close(memory);
    return st;
}

static size_t n_rows(const co_stored *stored)
{
    return stored->extent.ndim ? stored->extent.dim[0] : 1;
}

co_status co_file_read(const co_file *file, const char *name, co_dtype type, size_t width,
                       void *data)
{
    if (type == CO_STR) return co_file_read_text(file, name, width, data);
    co_stored stored;
    co_status st = co_stored_open(file, name, &stored);
    if (st == CO_OK) st = read_numbers(file, name, &stored, type, 0, n_rows(&stored), data);
    co_stored_close(&stored);
    return st;
}

co_status co_file_read_rows(const co_file *file, const char *name, co_dtype type, size_t first,
                            size_t n, void *data)
{
    CO_ASSERT(type != CO_STR);
    co_stored stored;
    co_status st = co_stored_open(file, name, &stored);
    if (st == CO_OK && (first > n_rows(&stored) || n > n_rows(&stored) - first))
        st = CO_FAIL(CO_EDATA, "%s: %s has %zu rows; rows %zu to %zu are wanted", file->path, name,
                     n_rows(&stored), first, first + n);
    if (st == CO_OK) st = read_numbers(file, name, &stored, type, first, n, data);
    co_stored_close(&stored);
    return st;
}

co_status co_file_read_new(const co_file *file, const char *name, co_dtype type, void **data,
                           size_t *n)
{
    *data = NULL;
    *n = 0;
    co_extent extent;
    CO_TRY(co_file_extent(file, name, &extent));
    const size_t count = co_extent_count(&extent), size = co_dtype_size(type, extent.width);
    void *block = co_malloc(count, size);
    if (!block)
        return CO_FAIL(CO_ENOMEM, "%s: out of memory for the %zu elements of %s", file->path, count,
                       name);
    const co_status st = co_file_read(file, name, type, extent.width, block);
    if (st != CO_OK) {
        co_free(block);
        return st;
    }
    *data = block;
    *n = count;
    return CO_OK;
}
