/* io/readers/cifar10.c - CIFAR-10, binary version: records of 1 label byte and 3,072 pixels (red,
 * green, blue planes of 32x32), any number of training files, then the test file. x [n][3][32][32]
 * u8. Source: Krizhevsky, Learning multiple layers of features from tiny images, 2009. */
#include "core/memory.h"
#include "io/readers/columns.h"
#include "io/readers/raw.h"
#include "io/readers/reader.h"
#include <string.h>

#define PIXELS 3072
#define RECORD (1 + PIXELS)

static co_status fill(const char *path, const co_raw *file, co_dataset *data, size_t first,
                      uint8_t split)
{
    const unsigned char *record = (const unsigned char *)file->bytes;
    for (size_t i = 0; i < file->n / RECORD; i++, record += RECORD) {
        if (record[0] > 9)
            return CO_FAIL(CO_EDATA, "%s: record %zu (byte %zu): label %u is outside 0 .. 9", path,
                           i, i * RECORD, record[0]);
        data->y[first + i] = record[0];
        data->split[first + i] = split;
        memcpy((uint8_t *)data->x + (first + i) * PIXELS, record + 1, PIXELS);
    }
    return CO_OK;
}

static co_status read_all(const char *const *paths, size_t n_train, size_t n_paths, co_raw *file,
                          co_dataset *data)
{
    static const char *const names[10] = {"airplane", "automobile", "bird",  "cat",  "deer",
                                          "dog",      "frog",       "horse", "ship", "truck"};
    size_t n = 0, first = 0;
    for (size_t k = 0; k < n_paths; k++) {
        CO_TRY(co_raw_read(paths[k], &file[k]));
        if (file[k].n == 0 || file[k].n % RECORD)
            return CO_FAIL(CO_EDATA,
                           "%s: %zu bytes are no whole number of %d-byte records (%zu and %zu "
                           "bytes over); is this "
                           "the binary version?",
                           paths[k], file[k].n, RECORD, file[k].n / RECORD, file[k].n % RECORD);
        n += file[k].n / RECORD;
    }
    CO_TRY(co_columns_start(data, paths[0], n, CO_U8, 3, (const size_t[]){3, 32, 32}));
    for (size_t k = 0; k < n_paths; k++) {
        const size_t here = file[k].n / RECORD;
        CO_TRY(fill(paths[k], &file[k], data, first, k >= n_train));
        first += here;
        co_raw_fini(&file[k]);
    }
    CO_TRY(co_columns_copy_names(names, 10, &data->classes));
    data->n_classes = 10;
    return co_columns_source(data, "cifar10", paths, n_paths);
}

static co_status read(const co_config *opt, const char *const *sources, size_t n_sources,
                      co_dataset *data)
{
    if (n_sources < 1)
        return CO_FAIL(CO_EUSAGE,
                       "cifar10 takes one or more files (data_batch_1.bin ..), none was given");
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
    st = read_all(paths, n_sources, n_paths, file, data);
    for (size_t k = 0; k < n_paths; k++) co_raw_fini(&file[k]);
out:
    co_free(file);
    co_free(paths);
    return st;
}

static const co_param params[] = {{"test", CO_STRING, .flags = CO_OPTIONAL,
                                   .doc = "file of test records (test_batch.bin), .gz or not"},
                                  {0}};
const co_reader co_reader_cifar10 = {.name = "cifar10",
                                     .summary = "CIFAR-10, binary version, 3x32x32 bytes",
                                     .source = "Krizhevsky, technical report, 2009",
                                     .params = params,
                                     .usage = "cifar10 FILE.. [test=FILE]",
                                     .read = read};
