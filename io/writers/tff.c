/* io/writers/tff.c - TensorFlow Federated's HDF5: examples/DEVICE/FEATURE, a row an example.
 *
 * The train lists of a partition, or its test lists (part=test; TFF keeps the two in two files). x
 * stands as it is stored, without scale and shift: bytes, or float32; images with channels last,
 * one channel as [H, W]. Texts become strings of variable length. Names as in TFF's own files:
 * pixels (one channel) or image, snippets, else x; label. A name that HDF5 takes for a path has '_'
 * for each slash, made unique, and the name itself stands in the group's attribute `name`, which
 * our reader takes. A device without examples has empty arrays. Cost: one device's examples in
 * memory beside the data set. */
#include "core/log.h"
#include "core/memory.h"
#include "io/writers/aside.h"
#include "io/writers/writer.h"
#include <inttypes.h>
#include <string.h>

typedef struct {
    const co_dataset *data;
    const co_partition *p;
    const int64_t *offsets, *ids; /* the lists written */
    const char *x, *y;
    co_file *file;
    size_t n_odd, n_renamed; /* texts that are no UTF-8; devices with another name */
} target;

static size_t channels_of(const co_dataset *data)
{
    return data->x_ndim == 3 ? data->x_dim[0] : 1;
}

static co_extent shape_of(const co_dataset *data, size_t n)
{
    const size_t *d = data->x_dim;
    if (data->x_ndim == 3 && d[0] == 1)
        return (co_extent){.type = data->x_type, .ndim = 3, .dim = {n, d[1], d[2]}};
    if (data->x_ndim == 3)
        return (co_extent){.type = data->x_type, .ndim = 4, .dim = {n, d[1], d[2], d[0]}};
    co_extent extent = {.type = data->x_type, .ndim = data->x_ndim + 1, .dim = {n}};
    for (size_t i = 0; i < data->x_ndim; i++) extent.dim[i + 1] = d[i];
    return extent;
}

static co_status put_numbers(const target *t, const char *name, const int64_t *ids, size_t n)
{
    const co_dataset *data = t->data;
    const size_t width = co_dtype_size(data->x_type, 0), row = data->x_size,
                 c_all = channels_of(data), area = row / c_all;
    const co_extent extent = shape_of(data, n);
    char *rows = co_malloc(n * row, width);
    if (!rows) return CO_FAIL(CO_ENOMEM, "%zu examples of one device", n);
    for (size_t i = 0; i < n; i++) {
        const char *from = (const char *)data->x + (size_t)ids[i] * row * width;
        for (size_t a = 0; a < area; a++)
            for (size_t c = 0; c < c_all; c++)
                memcpy(rows + ((i * area + a) * c_all + c) * width, from + (c * area + a) * width,
                       width);
    }
    const co_status st = co_file_write(t->file, name, &extent, rows);
    co_free(rows);
    return st;
}

static co_status put_texts(target *t, const char *name, const int64_t *ids, size_t n)
{
    const int64_t *at = t->data->text_offsets;
    char **text = co_calloc(n, sizeof *text);
    bool room = text != NULL;
    for (size_t i = 0; room && i < n; i++) {
        const size_t length = (size_t)(at[ids[i] + 1] - at[ids[i]]);
        text[i] = co_writer_text(t->data->text + at[ids[i]], length, &t->n_odd);
        room = text[i] != NULL;
    }
    const co_status st =
        room ? co_file_write_variable(t->file, name, (const char *const *)text, n, false)
             : CO_FAIL(CO_ENOMEM, "%zu texts of one device", n);
    co_strings_free(text, n);
    return st;
}

static co_status put_labels(const target *t, const char *name, const int64_t *ids, size_t n)
{
    int32_t *label = co_malloc(n, sizeof *label);
    if (!label) return CO_FAIL(CO_ENOMEM, "%zu labels of one device", n);
    for (size_t i = 0; i < n; i++) label[i] = t->data->y[ids[i]];
    const co_status st =
        co_file_write(t->file, name, &(co_extent){.type = CO_I32, .ndim = 1, .dim = {n}}, label);
    co_free(label);
    return st;
}

/* Numbers or labels of a device's examples, [n][k] floats. */
static co_status put_targets(const target *t, const char *name, const int64_t *ids, size_t n)
{
    const size_t k = t->data->n_classes;
    float *row = co_malloc(n * k, sizeof *row);
    if (!row) return CO_FAIL(CO_ENOMEM, "%zu labels of one device", n);
    co_dataset_gather_targets(t->data, ids, n, row);
    const co_status st =
        co_file_write(t->file, name, &(co_extent){.type = CO_F32, .ndim = 2, .dim = {n, k}}, row);
    co_free(row);
    return st;
}

/* The group's name of a device, new block: its own, unless that is none in HDF5 or not UTF-8. */
static co_status group_name(target *t, const char *own, char **name)
{
    size_t n_odd = 0;
    char *plain = co_writer_text(own, strlen(own), &n_odd), *full = NULL;
    for (char *c = plain; c && *c; c++)
        if (*c == '/') *c = '_';
    const bool none = plain && (!*plain || strcmp(plain, ".") == 0 || strcmp(plain, "..") == 0);
    for (int k = 0; plain; k++) { /* the next free one */
        *name = k || none ? co_format("%s_%d", plain, k + 1) : co_strdup(plain);
        co_free(full);
        full = *name ? co_format("examples/%s", *name) : NULL;
        if (!full || !co_file_has(t->file, full)) break;
        co_free(*name);
    }
    const bool good = plain && full;
    if (plain && !full) co_free(*name);
    co_free(plain);
    co_free(full);
    return good ? CO_OK : CO_FAIL(CO_ENOMEM, "name of a device");
}

static co_status put_name(target *t, const char *group, const char *own)
{
    char *attribute = co_format("examples/%s@name", group);
    const co_status st = attribute ? co_file_set_text(t->file, attribute, own)
                                   : CO_FAIL(CO_ENOMEM, "name of a device");
    co_free(attribute);
    t->n_renamed++;
    return st;
}

static co_status put_device(target *t, int64_t device)
{
    char number[24], *client = NULL;
    const char *own = co_writer_device(t->p, device, number);
    const int64_t *ids = t->ids + t->offsets[device];
    const size_t n = (size_t)(t->offsets[device + 1] - t->offsets[device]);
    CO_TRY(group_name(t, own, &client));
    char *x = co_format("examples/%s/%s", client, t->x),
         *y = co_format("examples/%s/%s", client, t->y);
    co_status st = x && y ? CO_OK : CO_FAIL(CO_ENOMEM, "names of features");
    if (st == CO_OK) st = t->data->x ? put_numbers(t, x, ids, n) : put_texts(t, x, ids, n);
    if (st == CO_OK && t->data->y) st = put_labels(t, y, ids, n);
    if (st == CO_OK && t->data->targets) st = put_targets(t, y, ids, n);
    if (st == CO_OK && strcmp(client, own) != 0) st = put_name(t, client, own);
    co_free(client);
    co_free(x);
    co_free(y);
    return st;
}

static const char *feature_name(const co_config *opt, const co_dataset *data)
{
    if (co_config_has(opt, "x")) return co_config_string(opt, "x");
    if (!data->x) return "snippets";
    return data->x_ndim != 3 ? "x" : data->x_dim[0] == 1 ? "pixels" : "image";
}

static co_status write_file(target *t, const char *output)
{
    CO_TRY(co_file_create(output, NULL, &t->file));
    co_status st = CO_OK;
    for (int64_t d = 0; st == CO_OK && d < t->p->n_devices; d++) st = put_device(t, d);
    if (st == CO_OK) return co_file_publish(t->file, 0644);
    co_file_close(t->file);
    return st;
}

static co_status write_lists(const co_config *opt, const char *const *sources,
                             const co_dataset *data, const co_partition *p, const char *output)
{
    const bool test = strcmp(co_config_string(opt, "part"), "test") == 0;
    target t = {.data = data,
                .p = p,
                .offsets = test ? p->test_offsets : p->train_offsets,
                .ids = test ? p->test : p->train,
                .x = feature_name(opt, data),
                .y = co_config_string(opt, "y")};
    if (!data->x && !data->text)
        return CO_FAIL(CO_EUSAGE, "%s: has neither features nor the bytes of its texts",
                       sources[0]);
    if (!t.offsets)
        return CO_FAIL(CO_EUSAGE, "%s: part=test, but its devices have no test parts", sources[1]);
    CO_TRY(co_partition_check(p, data, sources[1]));
    if (data->token_y)
        co_warn("%s: tff keeps the texts, but has no place for the tags of their words",
                sources[0]);
    if (data->task == CO_DATA_SEQ2SEQ || data->task == CO_DATA_SPAN)
        co_warn("%s: tff keeps the %s, but has no place for %s", sources[0],
                data->task == CO_DATA_SPAN ? "contexts (one for each window)" : "sources",
                data->task == CO_DATA_SPAN ? "questions and answers" : "targets");
    CO_TRY(write_file(&t, output));
    co_writer_warn_odd(sources[0], t.n_odd);
    if (t.n_renamed)
        co_warn("%s: %zu names of devices are none for HDF5: '_' stands for a slash, the names "
                "themselves in the "
                "attributes `name`",
                sources[1], t.n_renamed);
    return CO_OK;
}

static co_status write_to(const co_config *opt, const char *const *sources, size_t n_sources,
                          const char *output)
{
    co_dataset data = {0};
    co_partition p = {0};
    if (n_sources != 2)
        return CO_FAIL(CO_EUSAGE,
                       "tff takes a data set and a partition of it, %zu files were given",
                       n_sources);
    co_status st = co_dataset_read(sources[0], &data);
    if (st == CO_OK) st = co_writer_partition("tff", sources + 1, 1, &p);
    if (st == CO_OK && p.data_digest[0] && strcmp(p.data_digest, data.digest) != 0)
        st = CO_FAIL(CO_EDATA, "%s: was made for another data set than %s", sources[1], sources[0]);
    if (st == CO_OK) st = write_lists(opt, sources, &data, &p, output);
    co_partition_fini(&p);
    co_dataset_fini(&data);
    return st;
}

static const co_param params[] = {
    {"x", CO_STRING, .flags = CO_OPTIONAL,
     .doc = "name of the feature; default: pixels, image, x or snippets"},
    {"y", CO_STRING, .words = "label", .doc = "name of the class"},
    {"part", CO_CHOICE, .words = "train|test", .doc = "lists written"},
    {0}};
const co_writer co_writer_tff = {.name = "tff",
                                 .summary =
                                     "TensorFlow Federated's HDF5: the examples of each device",
                                 .params = params,
                                 .usage = "tff DATA PART [part=train|test x=NAME y=label]",
                                 .write = write_to};
