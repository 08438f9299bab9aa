/* io/files/file_text.c - arrays of strings: written with one fixed width, read from fixed or
 * variable ones. */
#include "io/files/file_private.h"
#include "core/memory.h"
#include <string.h>

co_status co_file_write_strings(co_file *file, const char *name, const char *const *strings,
                                size_t n)
{
    size_t width = 1;
    for (size_t i = 0; i < n; i++)
        if (strlen(strings[i]) > width) width = strlen(strings[i]);
    char *all = co_calloc(n, width);
    if (!all)
        return CO_FAIL(CO_ENOMEM, "%s: out of memory for %zu names of %zu bytes", file->path, n,
                       width);
    for (size_t i = 0; i < n; i++) memcpy(all + i * width, strings[i], strlen(strings[i]));
    const co_status st = co_file_write(file, name, &(co_extent){CO_STR, width, 1, {n}}, all);
    co_free(all);
    return st;
}

co_status co_file_write_variable(co_file *file, const char *name, const char *const *strings,
                                 size_t n, bool scalar)
{
    const co_extent extent = {.type = CO_STR, .ndim = scalar ? 0 : 1, .dim = {n}};
    CO_ASSERT(!scalar || n == 1);
    return co_file_write(file, name, &extent, strings);
}

/* n strings of `width` bytes each, of which trailing zeros are no part. */
static co_status split_fixed(const char *all, size_t n, size_t width, char **strings)
{
    for (size_t i = 0; i < n; i++) {
        const size_t length = strnlen(all + i * width, width);
        strings[i] = co_malloc(length + 1, 1);
        if (!strings[i]) return CO_FAIL(CO_ENOMEM, "out of memory for %zu names", n);
        memcpy(strings[i], all + i * width, length);
        strings[i][length] = '\0';
    }
    return CO_OK;
}

static co_status read_fixed(const co_file *file, const char *name, const co_stored *stored,
                            size_t n, char **strings)
{
    const size_t width = stored->extent.width;
    char *all = co_malloc(n, width);
    if (!all)
        return CO_FAIL(CO_ENOMEM, "%s: out of memory for the %zu strings of %s", file->path, n,
                       name);
    const hid_t memory = H5Tcopy(stored->type);
    H5Tset_strpad(memory, H5T_STR_NULLPAD);
    co_status st = co_stored_read(file, name, stored, memory, 0, n, all);
    if (st == CO_OK) st = split_fixed(all, n, width, strings);
    co_h5_close(memory);
    co_free(all);
    return st;
}

static co_status read_variable(const co_file *file, const char *name, const co_stored *stored,
                               size_t n, char **strings)
{
    char **theirs = co_calloc(n, sizeof *theirs); /* HDF5 allocates each; given back below */
    if (!theirs)
        return CO_FAIL(CO_ENOMEM, "%s: out of memory for the %zu strings of %s", file->path, n,
                       name);
    const hsize_t count = n;
    const hid_t memory = H5Tcopy(stored->type), flat = H5Screate_simple(1, &count, NULL);
    co_status st = co_stored_read(file, name, stored, memory, 0, n, theirs);
    for (size_t i = 0; i < n && st == CO_OK; i++) {
        strings[i] = co_strdup(theirs[i] ? theirs[i] : "");
        if (!strings[i])
            st = CO_FAIL(CO_ENOMEM, "%s: out of memory for the strings of %s", file->path, name);
    }
    if (n > 0) H5Dvlen_reclaim(memory, flat, H5P_DEFAULT, theirs);
    co_h5_close(flat);
    co_h5_close(memory);
    co_free(theirs);
    return st;
}

static co_status read_strings(const co_file *file, const char *name, const co_stored *stored,
                              char ***strings, size_t *n)
{
    if (stored->extent.type != CO_STR || stored->extent.ndim > 1)
        return CO_FAIL(CO_EDATA, "%s: %s should be a list of strings", file->path, name);
    const size_t count = co_extent_count(&stored->extent);
    char **list = co_calloc(count, sizeof *list);
    if (!list)
        return CO_FAIL(CO_ENOMEM, "%s: out of memory for the %zu strings of %s", file->path, count,
                       name);
    const co_status st = stored->variable ? read_variable(file, name, stored, count, list)
                                          : read_fixed(file, name, stored, count, list);
    if (st != CO_OK) {
        co_strings_free(list, count);
        return st;
    }
    *strings = list;
    *n = count;
    return CO_OK;
}

co_status co_file_read_strings(const co_file *file, const char *name, char ***strings, size_t *n)
{
    *strings = NULL;
    *n = 0;
    co_stored stored;
    co_status st = co_stored_open(file, name, &stored);
    if (st == CO_OK) st = read_strings(file, name, &stored, strings, n);
    co_stored_close(&stored);
    return st;
}

void co_strings_free(char **strings, size_t n)
{
    if (!strings) return;
    for (size_t i = 0; i < n; i++) co_free(strings[i]);
    co_free(strings);
}

co_status co_file_read_text(const co_file *file, const char *name, size_t width, char *data)
{
    char **strings;
    size_t n;
    CO_TRY(co_file_read_strings(file, name, &strings, &n));
    co_status st = CO_OK;
    memset(data, 0, n * width);
    for (size_t i = 0; i < n && st == CO_OK; i++) {
        const size_t length = strlen(strings[i]);
        if (length > width)
            st = CO_FAIL(CO_EDATA, "%s: %s, row %zu: '%.40s' is longer than %zu bytes", file->path,
                         name, i, strings[i], width);
        else
            memcpy(data + i * width, strings[i], length);
    }
    co_strings_free(strings, n);
    return st;
}
