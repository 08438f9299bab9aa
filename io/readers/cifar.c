/* io/readers/cifar.c - the binary versions of CIFAR: records of 1 label byte (CIFAR-10) or 2
 * (CIFAR-100: superclass, class) and 3,072 pixels (red, green, blue planes of 32x32), any number of
 * training files, then the test file. */
#include "io/readers/cifar.h"
#include "core/memory.h"
#include "io/readers/columns.h"
#include "io/readers/raw.h"
#include <string.h>

#define PIXELS 3072

static size_t record_bytes(const co_cifar *form)
{
    return (form->n_groups > 0 ? 2 : 1) + PIXELS;
}

static co_status fill(const co_cifar *form, const char *path, const co_raw *file, co_dataset *data,
                      size_t first, uint8_t split)
{
    const unsigned char *record = (const unsigned char *)file->bytes;
    const size_t bytes = record_bytes(form), n_labels = bytes - PIXELS;
    for (size_t i = 0; i < file->n / bytes; i++, record += bytes) {
        const unsigned char label = record[n_labels - 1];
        if (label >= form->n_classes)
            return CO_FAIL(CO_EDATA, "%s: record %zu (byte %zu): label %u is outside 0 .. %zu",
                           path, i, i * bytes + n_labels - 1, label, form->n_classes - 1);
        if (n_labels == 2 && record[0] >= form->n_groups)
            return CO_FAIL(CO_EDATA, "%s: record %zu (byte %zu): superclass %u is outside 0 .. %zu",
                           path, i, i * bytes, record[0], form->n_groups - 1);
        data->y[first + i] = label;
        data->split[first + i] = split;
        if (data->group) data->group[first + i] = record[0];
        memcpy((uint8_t *)data->x + (first + i) * PIXELS, record + n_labels, PIXELS);
    }
    return CO_OK;
}

static co_status start_groups(const co_cifar *form, co_dataset *data)
{
    if (form->n_groups == 0) return CO_OK;
    data->group = co_malloc((size_t)data->n, sizeof *data->group);
    if (!data->group)
        return CO_FAIL(CO_ENOMEM, "superclasses of %lld examples", (long long)data->n);
    CO_TRY(co_columns_copy_names(form->groups, form->n_groups, &data->group_name));
    data->n_groups = form->n_groups;
    return CO_OK;
}

static co_status read_all(const co_cifar *form, const char *const *paths, size_t n_train,
                          size_t n_paths, co_raw *file, co_dataset *data)
{
    const size_t bytes = record_bytes(form);
    size_t n = 0, first = 0;
    for (size_t k = 0; k < n_paths; k++) {
        CO_TRY(co_raw_read(paths[k], &file[k]));
        if (file[k].n == 0 || file[k].n % bytes)
            return CO_FAIL(CO_EDATA,
                           "%s: %zu bytes are no whole number of %zu-byte records (%zu and %zu "
                           "bytes over); is this "
                           "the binary version of %s?",
                           paths[k], file[k].n, bytes, file[k].n / bytes, file[k].n % bytes,
                           form->name);
        n += file[k].n / bytes;
    }
    CO_TRY(co_columns_start(data, paths[0], n, CO_U8, 3, (const size_t[]){3, 32, 32}));
    CO_TRY(start_groups(form, data));
    for (size_t k = 0; k < n_paths; k++) {
        const size_t here = file[k].n / bytes;
        CO_TRY(fill(form, paths[k], &file[k], data, first, k >= n_train));
        first += here;
        co_raw_fini(&file[k]);
    }
    CO_TRY(co_columns_copy_names(form->classes, form->n_classes, &data->classes));
    data->n_classes = form->n_classes;
    return co_columns_source(data, form->name, paths, n_paths);
}

co_status co_cifar_read(const co_cifar *form, const co_config *opt, const char *const *sources,
                        size_t n_sources, co_dataset *data)
{
    if (n_sources < 1)
        return CO_FAIL(CO_EUSAGE, "%s takes one or more files (%s), none was given", form->name,
                       form->example);
    const bool test = co_config_has(opt, "test");
    const size_t n_paths = n_sources + test;
    const char **paths = co_calloc(n_paths, sizeof *paths);
    co_raw *file = co_calloc(n_paths, sizeof *file);
    co_status st = CO_OK;
    if (!paths || !file) {
        st = CO_FAIL(CO_ENOMEM, "out of memory for %zu paths", n_paths);
        goto out;
    }
    memcpy(paths, sources, n_sources * sizeof *paths);
    if (test) paths[n_sources] = co_config_string(opt, "test");
    st = read_all(form, paths, n_sources, n_paths, file, data);
    for (size_t k = 0; k < n_paths; k++) co_raw_fini(&file[k]);
out:
    co_free(file);
    co_free(paths);
    return st;
}
