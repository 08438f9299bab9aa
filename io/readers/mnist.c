/* io/readers/mnist.c - MNIST from its published files, with the writers of QMNIST on request.
 *
 * x [70000][1][28][28] u8, the 60,000 training images first, so that their ids equal torchvision's.
 * With writers=DIR the user of an image is the person who wrote it: 539 in the training part
 * (numbered in ascending order of the NIST writer id); writers who stand in the test part alone
 * follow. The class that QMNIST gives each image must equal MNIST's label. Source: LeCun, Cortes,
 * Burges; Yadav and Bottou, NeurIPS 2019, arXiv:1905.10498 (columns of the label files). */
#include "core/memory.h"
#include "io/readers/columns.h"
#include "io/readers/idx_file.h"
#include "io/readers/reader.h"
#include <inttypes.h>

#define CLASS_COLUMN 0
#define WRITER_COLUMN 2

/* writer[i] for the n images that begin at example `first`; row i of the file is image i. */
static co_status read_writers(const char *folder, const char *name, const co_dataset *data,
                              size_t first, size_t n, int64_t *writer)
{
    char *path = NULL;
    co_idx table = {0};
    co_status st;
    CO_TRY(co_idx_find(folder, (const char *const[]){name, NULL}, &path));
    CO_TRY_OUT(co_idx_read(path, &table));
    if (table.type != 0x0c || table.ndim != 2 || table.dim[1] != 8 || table.dim[0] < n) {
        st = CO_FAIL(CO_EDATA,
                     "%s: %zu rows, %zu dimensions, type 0x%02x; QMNIST's labels for %zu images "
                     "are as many rows "
                     "of 8 32-bit integers",
                     path, table.dim[0], table.ndim, table.type, n);
        goto out;
    }
    for (size_t i = 0; i < n; i++) {
        const int64_t class = co_idx_int(&table, 8 * i + CLASS_COLUMN);
        writer[i] = co_idx_int(&table, 8 * i + WRITER_COLUMN);
        if (class != data->y[first + i]) {
            st = CO_FAIL(CO_EDATA, "%s: row %zu: class %" PRId64 ", but MNIST labels this image %d",
                         path, i, class, data->y[first + i]);
            goto out;
        }
        if (writer[i] < 0) {
            st = CO_FAIL(CO_EDATA, "%s: row %zu: writer %" PRId64 " is negative", path, i,
                         writer[i]);
            goto out;
        }
    }
out:
    co_idx_fini(&table);
    co_free(path);
    return st;
}

/* Writers of the training part in ascending order, then those of the test part alone: the test
 * writers are ranked after lifting the unknown ones above all known ids. */
static co_status number_writers(int64_t *writer, size_t n_train, co_dataset *data)
{
    const size_t n = (size_t)data->n;
    const int64_t lift = (int64_t)1 << 32; /* ids are 32-bit */
    int64_t *known = NULL, *all = NULL;
    size_t n_known = 0;
    co_status st;
    CO_TRY_OUT(co_columns_rank(writer, n_train, false, data->user, &known, &n_known));
    for (size_t i = n_train; i < n; i++) {
        size_t low = 0, high = n_known;
        while (low < high) {
            const size_t mid = (low + high) / 2;
            if (known[mid] < writer[i])
                low = mid + 1;
            else
                high = mid;
        }
        if (low == n_known || known[low] != writer[i]) writer[i] += lift;
    }
    CO_TRY_OUT(co_columns_rank(writer, n, false, data->user, &all, &data->n_users));
    for (size_t u = n_known; u < data->n_users; u++) all[u] -= lift;
    st = co_columns_numbered("writer-", all, data->n_users, &data->user_name);
out:
    co_free(known);
    co_free(all);
    return st;
}

static co_status add_writers(const char *folder, co_dataset *data)
{
    size_t n_train = 0;
    const size_t n = (size_t)data->n;
    while (n_train < n && data->split[n_train] == 0) n_train++;
    int64_t *writer = co_malloc(n, sizeof *writer);
    data->user = co_malloc(n, sizeof *data->user);
    co_status st = CO_OK;
    if (!writer || !data->user) st = CO_FAIL(CO_ENOMEM, "out of memory for %zu writers", n);
    if (st == CO_OK)
        st = read_writers(folder, "qmnist-train-labels-idx2-int", data, 0, n_train, writer);
    if (st == CO_OK)
        st = read_writers(folder, "qmnist-test-labels-idx2-int", data, n_train, n - n_train,
                          writer + n_train);
    if (st == CO_OK) st = number_writers(writer, n_train, data);
    co_free(writer);
    return st;
}

static co_status read(const co_config *opt, const char *const *sources, size_t n_sources,
                      co_dataset *data)
{
    static const char *const digits[10] = {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"};
    if (n_sources != 1)
        return CO_FAIL(CO_EUSAGE, "mnist takes one folder, %zu were given", n_sources);
    CO_TRY(co_idx_mnist_folder(sources[0], digits, data));
    if (co_config_has(opt, "writers")) CO_TRY(add_writers(co_config_string(opt, "writers"), data));
    return co_columns_source(data, "mnist", sources, 1);
}

static const co_param params[] = {{"writers", CO_STRING, .flags = CO_OPTIONAL,
                                   .doc = "folder of QMNIST's label files: users are the writers"},
                                  {0}};
const co_reader co_reader_mnist = {.name = "mnist",
                                   .summary =
                                       "MNIST digits, 28x28 bytes, from the four published files",
                                   .source = "LeCun et al., Proc. IEEE 86(11), 1998",
                                   .params = params,
                                   .usage = "mnist DIR [writers=QMNIST_DIR]",
                                   .read = read};
