/* io/readers/idx_file.c - IDX arrays and the data sets made of them.
 *
 * Layout: two zero bytes, type, number of dimensions, the dimensions as big-endian u32, then the
 * elements in C order. Source: the description beside the MNIST data base (LeCun, Cortes, Burges).
 */
#include "io/readers/idx_file.h"
#include "core/memory.h"
#include "core/text.h"
#include "io/readers/columns.h"
#include "io/readers/labels.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static size_t type_width(int type)
{
    switch (type) {
    case 0x08:
    case 0x09: return 1;
    case 0x0b: return 2;
    case 0x0c:
    case 0x0d: return 4;
    case 0x0e: return 8;
    default: return 0;
    }
}

static co_status parse(const char *path, co_idx *idx)
{
    const unsigned char *bytes = (const unsigned char *)idx->raw.bytes;
    const size_t n = idx->raw.n;
    if (n < 4)
        return CO_FAIL(CO_EDATA, "%s: %zu bytes, an IDX file begins with 4 bytes of magic", path,
                       n);
    idx->type = bytes[2];
    idx->ndim = bytes[3];
    idx->width = type_width(bytes[2]);
    if (bytes[0] || bytes[1] || !idx->width || idx->ndim < 1 || idx->ndim > 4)
        return CO_FAIL(CO_EDATA,
                       "%s: byte 0: magic 0x%08" PRIx32
                       " is not that of an IDX file of 1 to 4 dimensions",
                       path, co_raw_be32(bytes));
    const size_t head = 4 + 4 * idx->ndim;
    if (n < head)
        return CO_FAIL(CO_EDATA, "%s: %zu bytes, its header alone takes %zu", path, n, head);
    size_t count = 1, size = 0;
    bool fits = true;
    for (size_t i = 0; i < idx->ndim; i++) {
        idx->dim[i] = co_raw_be32(bytes + 4 + 4 * i);
        fits = fits && !__builtin_mul_overflow(count, idx->dim[i], &count);
    }
    fits = fits && !__builtin_mul_overflow(count, idx->width, &size);
    if (!fits || size != n - head)
        return CO_FAIL(
            CO_EDATA,
            "%s: %zu bytes follow the header, which promises %zu items of %zu dimensions and %zu "
            "bytes an element%s",
            path, n - head, idx->dim[0], idx->ndim, idx->width,
            fits ? "" : " (their product overflows)");
    idx->count = count;
    idx->data = bytes + head;
    return CO_OK;
}

co_status co_idx_read(const char *path, co_idx *idx)
{
    *idx = (co_idx){0};
    CO_TRY(co_raw_read(path, &idx->raw));
    return parse(path, idx);
}

void co_idx_fini(co_idx *idx)
{
    co_raw_fini(&idx->raw);
    *idx = (co_idx){0};
}

int64_t co_idx_int(const co_idx *idx, size_t i)
{
    const unsigned char *p = idx->data + i * idx->width;
    switch (idx->type) {
    case 0x08: return p[0];
    case 0x09: return (int8_t)p[0];
    case 0x0b: return (int16_t)(p[0] << 8 | p[1]);
    default: return (int32_t)co_raw_be32(p);
    }
}

double co_idx_real(const co_idx *idx, size_t i)
{
    const unsigned char *p = idx->data + i * idx->width;
    if (idx->type == 0x0d) {
        const uint32_t bits = co_raw_be32(p);
        float value;
        memcpy(&value, &bits, sizeof value);
        return (double)value;
    }
    if (idx->type == 0x0e) {
        const uint64_t bits = (uint64_t)co_raw_be32(p) << 32 | co_raw_be32(p + 4);
        double value;
        memcpy(&value, &bits, sizeof value);
        return value;
    }
    return (double)co_idx_int(idx, i);
}

/* images[0] and labels[0] are for training; [1] for the test, or empty. */
static co_status check_pair(const char *image_path, const co_idx *image, const char *label_path,
                            const co_idx *label)
{
    if (image->ndim < 2)
        return CO_FAIL(CO_EDATA, "%s: 1 dimension; images or feature rows have 2 to 4", image_path);
    if (label->ndim < 1 || label->count != label->dim[0])
        return CO_FAIL(CO_EDATA, "%s: %zu dimensions; labels are one number an image", label_path,
                       label->ndim);
    if (image->dim[0] != label->dim[0])
        return CO_FAIL(CO_EDATA, "%s holds %zu images but %s %zu labels", image_path, image->dim[0],
                       label_path, label->dim[0]);
    return CO_OK;
}

static void copy_images(const co_idx *image, co_dataset *data, size_t first)
{
    if (image->type == 0x08) {
        memcpy((uint8_t *)data->x + first * data->x_size, image->data, image->count);
        return;
    }
    float *x = (float *)data->x + first * data->x_size;
    for (size_t i = 0; i < image->count; i++) x[i] = (float)co_idx_real(image, i);
}

static co_status take_labels(const char *path, const co_idx *file, int64_t *label)
{
    char where[1024], text[CO_REAL_TEXT];
    for (size_t i = 0; i < file->count; i++) {
        const double real = co_idx_real(file, i);
        if (co_raw_whole_real(real, &label[i])) continue;
        snprintf(where, sizeof where, "%s: row %zu", path, i);
        co_format_real(real, text);
        return co_labels_real(where, text);
    }
    return CO_OK;
}

static co_status assemble(const char *const images[2], const co_idx image[2],
                          const co_idx label_file[2], const char *const labels[2], co_dataset *data,
                          int64_t **label)
{
    const size_t n0 = image[0].dim[0], n1 = image[1].raw.bytes ? image[1].dim[0] : 0;
    const co_idx *a = &image[0], *b = &image[1];
    if (n1 && (a->type != b->type || a->ndim != b->ndim ||
               memcmp(a->dim + 1, b->dim + 1, (a->ndim - 1) * sizeof *a->dim) != 0))
        return CO_FAIL(CO_EDATA, "%s and %s differ in the type or shape of one image", images[0],
                       images[1]);
    size_t dim[4] = {1, a->dim[1], a->dim[2], a->dim[3]};
    const bool plane = a->ndim == 3;
    CO_TRY(co_columns_start(data, images[0], n0 + n1, a->type == 0x08 ? CO_U8 : CO_F32,
                            plane ? 3 : a->ndim - 1, plane ? dim : dim + 1));
    int64_t *y = co_malloc(n0 + n1, sizeof *y);
    if (!y) return CO_FAIL(CO_ENOMEM, "%s: out of memory for %zu labels", images[0], n0 + n1);
    *label = y;
    memset(data->split + n0, 1, n1);
    copy_images(a, data, 0);
    CO_TRY(take_labels(labels[0], &label_file[0], y));
    CO_TRY(co_columns_finite(data, images[0], 0, n0));
    if (!n1) return CO_OK;
    copy_images(b, data, n0);
    CO_TRY(take_labels(labels[1], &label_file[1], y + n0));
    return co_columns_finite(data, images[1], n0, n1);
}

co_status co_idx_dataset(const char *const images[2], const char *const labels[2], co_dataset *data,
                         int64_t **label)
{
    co_idx image[2] = {{0}}, label_file[2] = {{0}};
    co_status st = CO_OK;
    for (int k = 0; k < 2 && images[k]; k++) {
        CO_TRY_OUT(co_idx_read(images[k], &image[k]));
        CO_TRY_OUT(co_idx_read(labels[k], &label_file[k]));
        CO_TRY_OUT(check_pair(images[k], &image[k], labels[k], &label_file[k]));
    }
    st = assemble(images, image, label_file, labels, data, label);
out:
    for (int k = 0; k < 2; k++) {
        co_idx_fini(&image[k]);
        co_idx_fini(&label_file[k]);
    }
    return st;
}

co_status co_idx_find(const char *folder, const char *const *names, char **path)
{
    for (size_t i = 0; names[i]; i++)
        for (int packed = 0; packed < 2; packed++) {
            char *tried = co_format("%s/%s%s", folder, names[i], packed ? ".gz" : "");
            if (!tried) return CO_FAIL(CO_ENOMEM, "out of memory for a path below %s", folder);
            if (access(tried, F_OK) == 0) {
                *path = tried;
                return CO_OK;
            }
            co_free(tried);
        }
    return CO_FAIL(CO_EFILE, "%s: no file %s or %s.gz in this folder", folder, names[0], names[0]);
}

static co_status name_classes(const char *const paths[4], const char *const *classes,
                              const int64_t *label, co_dataset *data)
{
    size_t row = 0;
    for (int64_t i = 0; i < data->n; i++, row++) {
        if (i > 0 && data->split[i] != data->split[i - 1]) row = 0;
        if (label[i] < 0 || label[i] > 9)
            return CO_FAIL(CO_EDATA, "%s: row %zu: label %" PRId64 " is outside 0 .. 9",
                           paths[data->split[i] ? 3 : 1], row, label[i]);
        data->y[i] = (int32_t)label[i];
    }
    CO_TRY(co_columns_copy_names(classes, 10, &data->classes));
    data->n_classes = 10;
    return CO_OK;
}

co_status co_idx_mnist_folder(const char *folder, const char *const *classes, co_dataset *data)
{
    static const char *const names[4][3] = {{"train-images-idx3-ubyte", "train-images.idx3-ubyte"},
                                            {"train-labels-idx1-ubyte", "train-labels.idx1-ubyte"},
                                            {"t10k-images-idx3-ubyte", "t10k-images.idx3-ubyte"},
                                            {"t10k-labels-idx1-ubyte", "t10k-labels.idx1-ubyte"}};
    char *path[4] = {0};
    int64_t *label = NULL;
    co_status st = CO_OK;
    for (int k = 0; k < 4 && st == CO_OK; k++) st = co_idx_find(folder, names[k], &path[k]);
    if (st == CO_EFILE)
        st = CO_FAIL(CO_EFILE,
                     "%s: the folder must hold %s, %s, %s and %s, each with or without .gz", folder,
                     names[0][0], names[1][0], names[2][0], names[3][0]);
    if (st != CO_OK) goto out;
    CO_TRY_OUT(co_idx_dataset((const char *const[]){path[0], path[2]},
                              (const char *const[]){path[1], path[3]}, data, &label));
    st = name_classes((const char *const *)path, classes, label, data);
out:
    for (int k = 0; k < 4; k++) co_free(path[k]);
    co_free(label);
    return st;
}
