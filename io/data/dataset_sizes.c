/* io/data/dataset_sizes.c - how long the lists of a data set are, as its file says. Local. */
#include "core/memory.h"
#include "io/data/dataset_private.h"

co_status co_dataset_list_size(const co_file *file, const char *name, size_t *n)
{
    co_extent extent;
    if (!co_file_has(file, name))
        return CO_FAIL(CO_EDATA, "%s: holds tokens, but no %s", co_file_path(file), name);
    CO_TRY(co_file_extent(file, name, &extent));
    if (extent.ndim != 1)
        return CO_FAIL(CO_EDATA, "%s: %s has %zu dimensions; one is wanted", co_file_path(file),
                       name, extent.ndim);
    *n = extent.dim[0];
    return CO_OK;
}

co_status co_dataset_read_size(const co_file *file, const char *name, size_t *size)
{
    int64_t *values = NULL;
    size_t n = 0;
    CO_TRY(co_file_read_new(file, name, CO_I64, (void **)&values, &n));
    const int64_t value = n == 1 ? *values : 0;
    co_free(values);
    if (value < 1 || value > INT32_MAX)
        return CO_FAIL(CO_EDATA, "%s: %s has to be one number from 1 to 2147483647",
                       co_file_path(file), name);
    *size = (size_t)value;
    return CO_OK;
}
