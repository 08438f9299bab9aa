/* io/files/file_write.c - datasets are written contiguous, in little-endian types, without fill
 * values or times; large ones in pieces of 512 KiB, which cost half of what one large copy does,
 * and each 8 MiB is sent on its way to the disk at once, so that a publication finds it there. */
#include "io/files/file_private.h"
#include "core/memory.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#define PIECE_BYTES ((size_t)512 << 10)
#define SEND_BYTES ((uint64_t)8 << 20)

/* A new handle of our type as it is stored: little-endian, text padded with zeros; width 0: text of
 * variable length. */
static hid_t stored_type(co_dtype type, size_t width)
{
    switch (type) {
    case CO_U8: return H5Tcopy(H5T_STD_U8LE);
    case CO_I32: return H5Tcopy(H5T_STD_I32LE);
    case CO_I64: return H5Tcopy(H5T_STD_I64LE);
    case CO_U64: return H5Tcopy(H5T_STD_U64LE);
    case CO_F32: return H5Tcopy(H5T_IEEE_F32LE);
    case CO_F64: return H5Tcopy(H5T_IEEE_F64LE);
    default: break;
    }
    const hid_t text = H5Tcopy(H5T_C_S1);
    H5Tset_size(text, width ? width : H5T_VARIABLE);
    H5Tset_strpad(text, width ? H5T_STR_NULLPAD : H5T_STR_NULLTERM);
    H5Tset_cset(text, H5T_CSET_UTF8);
    return text;
}

hid_t co_h5_memory_type(co_dtype type, size_t width)
{
    switch (type) {
    case CO_U8: return H5Tcopy(H5T_NATIVE_UINT8);
    case CO_I32: return H5Tcopy(H5T_NATIVE_INT32);
    case CO_I64: return H5Tcopy(H5T_NATIVE_INT64);
    case CO_U64: return H5Tcopy(H5T_NATIVE_UINT64);
    case CO_F32: return H5Tcopy(H5T_NATIVE_FLOAT);
    case CO_F64: return H5Tcopy(H5T_NATIVE_DOUBLE);
    default: return stored_type(type, width);
    }
}

bool co_file_has(const co_file *file, const char *name)
{
    char path[1024];
    const size_t n = strlen(name);
    if (n == 0 || n >= sizeof path) return false;
    memcpy(path, name, n + 1);
    for (size_t i = 1; i <= n;
         i++) { /* HDF5 asks that each step of the path be looked up by itself */
        if ((path[i] != '/' && path[i] != '\0') || path[i - 1] == '/') continue;
        const char kept = path[i];
        path[i] = '\0';
        const bool there = H5Lexists(file->h5, path, H5P_DEFAULT) > 0,
                   leads_on = there && H5Oexists_by_name(file->h5, path, H5P_DEFAULT) > 0;
        path[i] = kept;
        if (!leads_on) return there;
    }
    return true;
}

static co_status write_failed(const co_file *file, const char *name, int error)
{
    char doing[256];
    snprintf(doing, sizeof doing, "write %.200s", name);
    return co_file_errno(file->path, doing, error);
}

/* Makes the groups of name[0 .. n) that are missing. */
static co_status make_groups(co_file *file, const char *name, size_t n)
{
    char *path = co_format("%.*s", (int)n, name);
    if (!path) return CO_FAIL(CO_ENOMEM, "%s: out of memory", file->path);
    const hid_t timeless = co_h5_timeless(H5P_GROUP_CREATE);
    co_status st = CO_OK;
    for (size_t i = 1; i <= n && st == CO_OK; i++) {
        if ((path[i] != '/' && path[i] != '\0') || path[i - 1] == '/') continue;
        const char kept = path[i];
        path[i] = '\0';
        if (!co_file_has(file, path)) {
            errno = 0;
            const hid_t group = H5Gcreate2(file->h5, path, H5P_DEFAULT, timeless, H5P_DEFAULT);
            if (group < 0) st = write_failed(file, path, errno);
            co_h5_close(group);
        }
        path[i] = kept;
    }
    co_h5_close(timeless);
    co_free(path);
    return st;
}

co_status co_file_write_group(co_file *file, const char *name)
{
    CO_ASSERT(file->writing);
    return make_groups(file, name, strlen(name));
}

static hid_t make_space(const co_extent *extent)
{
    hsize_t dim[CO_MAX_DIMS];
    CO_ASSERT(extent->ndim <= CO_MAX_DIMS);
    if (extent->ndim == 0) return H5Screate(H5S_SCALAR);
    for (size_t i = 0; i < extent->ndim; i++) dim[i] = extent->dim[i];
    return H5Screate_simple((int)extent->ndim, dim, NULL);
}

/* Rows [first, first + n) of an open dataset with at least one dimension. */
static bool put_rows(hid_t set, hid_t memory, size_t first, size_t n, const void *data)
{
    hsize_t dim[CO_MAX_DIMS], start[CO_MAX_DIMS] = {first};
    const hid_t space = H5Dget_space(set);
    const int n_dims = space >= 0 ? H5Sget_simple_extent_dims(space, dim, NULL) : -1;
    CO_ASSERT(n_dims > 0 && first <= dim[0] && n <= dim[0] - first);
    dim[0] = n;
    const hid_t part = H5Screate_simple(n_dims, dim, NULL);
    const bool good = H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, dim, NULL) >= 0 &&
                      H5Dwrite(set, memory, part, space, H5P_DEFAULT, data) >= 0;
    co_h5_close(part);
    co_h5_close(space);
    return good;
}

/* Starts the 8 MiB that the bytes [begin, end) of a dataset have filled, and its end, for the disk.
 */
static void send_off(const co_file *file, hid_t set, uint64_t begin, uint64_t end)
{
    const haddr_t at = H5Dget_offset(set);
    const uint64_t all = H5Dget_storage_size(set);
    if (at == HADDR_UNDEF || file->temporary.lock < 0 || all < SEND_BYTES) return;
    begin = begin / SEND_BYTES * SEND_BYTES;
    if (end < all) end = end / SEND_BYTES * SEND_BYTES;
    if (end > begin)
        sync_file_range(file->temporary.lock, (off_t)(at + begin), (off_t)(end - begin),
                        SYNC_FILE_RANGE_WRITE);
}

/* The same in pieces; row: bytes of one. */
static bool put_pieces(const co_file *file, hid_t set, hid_t memory, size_t row, size_t first,
                       size_t n, const void *data)
{
    const size_t step = row >= PIECE_BYTES ? 1 : PIECE_BYTES / (row ? row : 1);
    bool good = true;
    for (size_t at = 0; at < n && good; at += step) {
        const size_t rows = n - at < step ? n - at : step;
        good = put_rows(set, memory, first + at, rows, (const char *)data + at * row);
        send_off(file, set, (uint64_t)(first + at) * row, (uint64_t)(first + at + rows) * row);
    }
    return good;
}

static bool put_all(const co_file *file, hid_t set, hid_t memory, const co_extent *extent,
                    const void *data)
{
    const size_t count = co_extent_count(extent);
    if (count == 0) return true;
    if (extent->ndim == 0 || count * H5Tget_size(memory) <= PIECE_BYTES)
        return H5Dwrite(set, memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) >= 0;
    const size_t rows = extent->dim[0];
    return put_pieces(file, set, memory, count / rows * H5Tget_size(memory), 0, rows, data);
}

/* data NULL: the dataset is made, its content comes later. */
static co_status create(co_file *file, const char *name, const co_extent *extent, const void *data)
{
    CO_ASSERT(file->writing);
    const char *slash = strrchr(name, '/');
    if (slash && slash > name) CO_TRY(make_groups(file, name, (size_t)(slash - name)));
    if (co_file_has(file, name))
        return CO_FAIL(CO_EINTERNAL, "%s: %s is written twice", file->path, name);
    if (co_fault("file_write")) return write_failed(file, name, EIO);
    if (co_fault("file_full")) return write_failed(file, name, ENOSPC);
    const hid_t stored = stored_type(extent->type, extent->width),
                memory = co_h5_memory_type(extent->type, extent->width);
    const hid_t space = make_space(extent), list = co_h5_timeless(H5P_DATASET_CREATE);
    H5Pset_layout(list, H5D_CONTIGUOUS);
    const bool variable = extent->type == CO_STR && extent->width == 0; /* HDF5 wants them filled */
    H5Pset_fill_time(list, variable ? H5D_FILL_TIME_IFSET : H5D_FILL_TIME_NEVER);
    errno = 0;
    const hid_t set = H5Dcreate2(file->h5, name, stored, space, H5P_DEFAULT, list, H5P_DEFAULT);
    bool good = set >= 0;
    if (good && data) good = put_all(file, set, memory, extent, data);
    if (set >= 0) good &= H5Dclose(set) >= 0; /* small ones go to the disk only now */
    const int error = errno;
    co_h5_close(list);
    co_h5_close(space);
    co_h5_close(memory);
    co_h5_close(stored);
    return good ? CO_OK : write_failed(file, name, error);
}

co_status co_file_write(co_file *file, const char *name, const co_extent *extent, const void *data)
{
    CO_ASSERT(data || co_extent_count(extent) == 0);
    return create(file, name, extent, data);
}

co_status co_file_create_rows(co_file *file, const char *name, const co_extent *extent)
{
    return create(file, name, extent, NULL);
}

co_status co_file_write_rows(co_file *file, const char *name, size_t first, size_t n,
                             const void *data)
{
    CO_ASSERT(file->writing);
    errno = 0;
    const hid_t set = H5Dopen2(file->h5, name, H5P_DEFAULT);
    const hid_t type = set >= 0 ? H5Dget_type(set) : H5I_INVALID_HID,
                space = set >= 0 ? H5Dget_space(set) : H5I_INVALID_HID;
    hsize_t dim[CO_MAX_DIMS];
    const int n_dims = space >= 0 ? H5Sget_simple_extent_dims(space, dim, NULL) : -1;
    CO_ASSERT(n_dims > 0);
    size_t row = H5Tget_size(type);
    for (int i = 1; i < n_dims; i++) row *= (size_t)dim[i];
    bool good = put_pieces(file, set, type, row, first, n, data);
    good = H5Dclose(set) >= 0 && good;
    const int error = errno;
    co_h5_close(type);
    co_h5_close(space);
    return good && !co_fault("file_write") ? CO_OK : write_failed(file, name, good ? EIO : error);
}

co_status co_file_write_i64(co_file *file, const char *name, const int64_t *data, size_t n)
{
    return co_file_write(file, name, &(co_extent){.type = CO_I64, .ndim = 1, .dim = {n}}, data);
}

co_status co_file_write_f64(co_file *file, const char *name, const double *data, size_t n)
{
    return co_file_write(file, name, &(co_extent){.type = CO_F64, .ndim = 1, .dim = {n}}, data);
}
