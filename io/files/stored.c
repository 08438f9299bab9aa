/* io/files/stored.c - a dataset of any layout, open: its type, its shape, its rows.
 *
 * Before memory is taken for a dataset, what it declares is compared with what the file stores: a
 * small file by hand must not ask for a terabyte. */
#include "io/files/file_private.h"
#include "core/memory.h"
#include <stdio.h>
#include <string.h>

#define MAX_CHUNK_BYTES ((size_t)256 << 20)

/* The nearest of our types; false for classes without one. */
static bool nearest_type(hid_t type, co_extent *extent, bool *variable)
{
    const H5T_class_t class = H5Tget_class(type);
    const size_t size = H5Tget_size(type);
    if (class == H5T_STRING) {
        *variable = H5Tis_variable_str(type) > 0;
        extent->type = CO_STR;
        extent->width = *variable ? 0 : size;
        return true;
    }
    if (class == H5T_FLOAT) {
        extent->type = H5Tequal(type, H5T_IEEE_F32LE) > 0 ? CO_F32 : CO_F64;
        return size <= 16;
    }
    if ((class != H5T_INTEGER && class != H5T_ENUM) || size > 8) return false;
    extent->type = CO_I64;
    if (H5Tequal(type, H5T_STD_U8LE) > 0) extent->type = CO_U8;
    if (H5Tequal(type, H5T_STD_I32LE) > 0) extent->type = CO_I32;
    if (H5Tequal(type, H5T_STD_U64LE) > 0 || H5Tequal(type, H5T_STD_U64BE) > 0)
        extent->type = CO_U64;
    return true;
}

static co_status bad(const co_file *file, const char *name, const char *what)
{
    return CO_FAIL(CO_EDATA, "%s: %s %s", file->path, name, what);
}

/* Shape, with every product of sizes in range and believable for what the file stores. */
static co_status take_shape(const co_file *file, const char *name, co_stored *stored)
{
    co_extent *extent = &stored->extent;
    const H5S_class_t class = H5Sget_simple_extent_type(stored->space);
    const int ndim = class == H5S_SIMPLE ? H5Sget_simple_extent_ndims(stored->space) : 0;
    hsize_t dim[H5S_MAX_RANK];
    if (class != H5S_SIMPLE && class != H5S_SCALAR)
        return bad(file, name, "is empty (a null space); store an array");
    if (ndim < 0 || ndim > CO_MAX_DIMS) return bad(file, name, "has more than 8 dimensions");
    if (ndim > 0) H5Sget_simple_extent_dims(stored->space, dim, NULL);
    const size_t size =
        stored->variable ? sizeof(hvl_t) : co_dtype_size(extent->type, extent->width);
    const hsize_t held = H5Dget_storage_size(stored->set);
    size_t bytes = size < 8 ? 8 : size, count = 1;
    extent->ndim = (size_t)ndim;
    for (int i = 0; i < ndim; i++) {
        extent->dim[i] = (size_t)dim[i];
        const size_t factor =
            dim[i] ? (size_t)dim[i] : 1; /* rows of an empty array are multiplied too */
        if (__builtin_mul_overflow(bytes, factor, &bytes) || bytes > (size_t)1 << 56)
            return bad(file, name, "declares more elements than any memory holds");
        count *= (size_t)dim[i];
    }
    /* no compression makes 4,096 bytes of one; a missing part reads as zeros, which we take up to 1
     * MiB */
    if (count > 0 && (double)count * (double)size > 4096.0 * ((double)held + 256.0))
        return CO_FAIL(CO_EDATA,
                       "%s: %s declares %zu elements but the file stores %llu bytes of it; it was "
                       "not written whole",
                       file->path, name, count, (unsigned long long)held);
    return CO_OK;
}

/* Where the link named name[0 .. n) points, when it leads nowhere; false when it is none. */
static bool describe_link(const co_file *file, const char *path, char text[256])
{
    H5L_info_t info;
    if (H5Lget_info(file->h5, path, &info, H5P_DEFAULT) < 0 || info.type == H5L_TYPE_HARD)
        return false;
    char *value = co_calloc(info.u.val_size + 1, 1);
    const char *other = "", *object = value;
    bool good = value && H5Lget_val(file->h5, path, value, info.u.val_size, H5P_DEFAULT) >= 0;
    if (good && info.type == H5L_TYPE_EXTERNAL)
        good = H5Lunpack_elink_val(value, info.u.val_size, NULL, &other, &object) >= 0;
    if (good) snprintf(text, 256, "%.120s%s%.120s", other, *other ? ":" : "", object);
    co_free(value);
    return good;
}

co_status co_h5_dangling(const co_file *file, const char *name)
{
    char path[1024], text[256];
    const size_t n = strlen(name);
    if (n >= sizeof path) return CO_OK;
    memcpy(path, name, n + 1);
    for (size_t i = 1; i <= n; i++) {
        if (path[i] != '/' && path[i] != '\0') continue;
        path[i] = '\0';
        if (H5Oexists_by_name(file->h5, path, H5P_DEFAULT) <= 0)
            return describe_link(file, path, text)
                       ? CO_FAIL(CO_EDATA,
                                 "%s: %s is a link that leads nowhere: %s is not there; bring it "
                                 "along, or store the data itself",
                                 file->path, path, text)
                       : CO_OK;
        path[i] = name[i];
    }
    return CO_OK;
}

co_status co_stored_open(const co_file *file, const char *name, co_stored *stored)
{
    *stored = (co_stored){H5I_INVALID_HID, H5I_INVALID_HID, H5I_INVALID_HID, {.ndim = 0}, false};
    if (!co_file_has(file, name))
        return CO_FAIL(CO_EDATA, "%s: has no dataset %s; is it a whole %s file?", file->path, name,
                       file->format ? file->format : "cohort");
    stored->set = H5Dopen2(file->h5, name, H5P_DEFAULT);
    if (stored->set < 0) CO_TRY(co_h5_dangling(file, name));
    if (stored->set < 0) return bad(file, name, "is not a dataset");
    stored->type = H5Dget_type(stored->set);
    stored->space = H5Dget_space(stored->set);
    if (stored->type < 0 || stored->space < 0) return bad(file, name, "cannot be read");
    if (!nearest_type(stored->type, &stored->extent, &stored->variable))
        return bad(file, name, "holds neither integers, floats nor text");
    return take_shape(file, name, stored);
}

void co_stored_close(co_stored *stored)
{
    co_h5_close(stored->space);
    co_h5_close(stored->type);
    co_h5_close(stored->set);
}

size_t co_stored_row(const co_stored *stored)
{
    size_t n = 1;
    for (size_t i = 1; i < stored->extent.ndim; i++) n *= stored->extent.dim[i];
    return n;
}

/* The name of a filter that HDF5 here does not have, or NULL. Known ones are those of The HDF
 * Group's list. */
static const char *missing_filter(const co_stored *stored, char text[80])
{
    static const struct {
        int id;
        const char *name;
    } known[] = {{H5Z_FILTER_SZIP, "szip"},
                 {32000, "lzf"},
                 {32001, "blosc"},
                 {32004, "lz4"},
                 {32008, "bitshuffle"},
                 {32013, "zfp"},
                 {32015, "zstd"},
                 {32017, "sz"},
                 {307, "bzip2"},
                 {32026, "blosc2"}};
    const hid_t list = H5Dget_create_plist(stored->set);
    const int n = list >= 0 ? H5Pget_nfilters(list) : 0;
    const char *missing = NULL;
    for (int i = 0; i < n && !missing; i++) {
        unsigned flags, config;
        size_t n_values = 0;
        char own[64] = "";
        const int id =
            H5Pget_filter2(list, (unsigned)i, &flags, &n_values, NULL, sizeof own, own, &config);
        if (id < 0 || H5Zfilter_avail(id) > 0) continue;
        const char *name = *own ? own : "unknown";
        for (size_t k = 0; k < sizeof known / sizeof *known; k++)
            if (known[k].id == id) name = known[k].name;
        snprintf(text, 80, "%s (number %d)", name, id);
        missing = text;
    }
    co_h5_close(list);
    return missing;
}

static co_status cannot_read(const co_file *file, const char *name, const co_stored *stored,
                             const char *reason)
{
    char text[80];
    const char *filter = missing_filter(stored, text);
    if (!filter)
        return CO_FAIL(CO_EDATA, "%s: %s cannot be read (HDF5: %s)", file->path, name, reason);
    return CO_FAIL(
        CO_EDATA,
        "%s: %s is packed with the filter %s, which HDF5 here does not have; store it with "
        "gzip (h5py: compression='gzip') or unpacked, or let HDF5_PLUGIN_PATH name the "
        "folder of the filter's plugin",
        file->path, name, filter);
}

/* Rows of one chunk; 0 when the dataset is not chunked. */
static size_t chunk_rows(const co_stored *stored)
{
    hsize_t dim[H5S_MAX_RANK] = {0};
    const hid_t list = H5Dget_create_plist(stored->set);
    if (list >= 0 && H5Pget_layout(list) == H5D_CHUNKED) H5Pget_chunk(list, H5S_MAX_RANK, dim);
    co_h5_close(list);
    return (size_t)dim[0];
}

size_t co_stored_step(const co_stored *stored, size_t row_bytes, size_t bytes)
{
    size_t step = row_bytes >= bytes ? 1 : bytes / (row_bytes ? row_bytes : 1);
    const size_t chunk = chunk_rows(stored), most = MAX_CHUNK_BYTES / (row_bytes ? row_bytes : 1);
    if (chunk > step && step < most) step = chunk < most ? chunk : most;
    if (chunk) step -= step > chunk ? step % chunk : 0;
    return step;
}

co_status co_stored_read(const co_file *file, const char *name, const co_stored *stored,
                         hid_t memory, size_t first, size_t n, void *data)
{
    const size_t ndim = stored->extent.ndim;
    hsize_t start[CO_MAX_DIMS] = {first}, count[CO_MAX_DIMS] = {n};
    char reason[160] = "";
    if (ndim && n * co_stored_row(stored) == 0) return CO_OK;
    for (size_t i = 1; i < ndim; i++) count[i] = stored->extent.dim[i];
    const hid_t from = ndim ? H5Scopy(stored->space) : H5Screate(H5S_SCALAR),
                to = ndim ? H5Screate_simple((int)ndim, count, NULL) : H5Screate(H5S_SCALAR);
    bool good = from >= 0 && to >= 0;
    if (good && ndim)
        good = H5Sselect_hyperslab(from, H5S_SELECT_SET, start, NULL, count, NULL) >= 0;
    if (good) good = H5Dread(stored->set, memory, to, from, H5P_DEFAULT, data) >= 0;
    if (!good) snprintf(reason, sizeof reason, "%s", co_h5_reason());
    co_h5_close(to);
    co_h5_close(from);
    return good ? CO_OK : cannot_read(file, name, stored, reason);
}
