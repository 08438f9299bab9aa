/* io/data/partition_write.c - a partition becomes a file, or its digest alone.
 *
 * The content stands in memory, so that its digest needs no file. label_counts counts the train
 * examples of each device and class. Cost: writing with the digest beside it (file_content.c), then
 * a publication (file.c).
 */
#include "core/memory.h"
#include "io/content.h"
#include "io/data/partition_file.h"
#include "io/json.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FORMAT "cohort-partition"
enum { AHEAD = 64 }; /* examples asked of memory before they are needed */

/* What the file holds, and the blocks made for it alone. */
typedef struct {
    co_content content;
    co_content_attribute attribute[2];
    int32_t *counts;
    char seed[24];
} image;

static void image_fini(image *m)
{
    co_content_fini(&m->content);
    co_free(m->counts);
}

static co_status add_i64(image *m, const char *name, const int64_t *data, int64_t n)
{
    return co_content_add(&m->content, name, &(co_extent){CO_I64, 0, 1, {(size_t)n}}, data);
}

static co_status add_lists(image *m, const co_partition *p)
{
    const int64_t n = p->n_devices;
    CO_TRY(add_i64(m, "train/offsets", p->train_offsets, n + 1));
    CO_TRY(add_i64(m, "train/examples", p->train, p->train_offsets[n]));
    if (p->test_offsets) {
        CO_TRY(add_i64(m, "test/offsets", p->test_offsets, n + 1));
        CO_TRY(add_i64(m, "test/examples", p->test, p->test_offsets[n]));
    }
    return add_i64(m, "unassigned", p->unassigned, p->n_unassigned);
}

/* Those of the statistics, or counted here. */
static co_status add_counts(image *m, const co_partition *p, const co_dataset *data)
{
    const int64_t n_classes = (int64_t)data->n_classes, n = p->train_offsets[p->n_devices];
    if (!data->y || n_classes == 0 || p->n_devices > CO_MAX_LABEL_COUNTS / n_classes) return CO_OK;
    const co_extent extent = {CO_I32, 0, 2, {(size_t)p->n_devices, (size_t)n_classes}};
    if (p->label_counts)
        return co_content_add(&m->content, "label_counts", &extent, p->label_counts);
    m->counts = co_calloc((size_t)(p->n_devices * n_classes), sizeof *m->counts);
    if (!m->counts)
        return CO_FAIL(CO_ENOMEM, "out of memory for the label counts of %lld devices",
                       (long long)p->n_devices);
    for (int64_t k = 0; k < p->n_devices; k++)
        for (int64_t i = p->train_offsets[k]; i < p->train_offsets[k + 1]; i++) {
            __builtin_prefetch(&data->y[p->train[i + AHEAD < n ? i + AHEAD : n - 1]]);
            m->counts[k * n_classes + data->y[p->train[i]]]++;
        }
    return co_content_add(&m->content, "label_counts", &extent, m->counts);
}

static co_status add_statistics(image *m, const co_partition *p)
{
    for (size_t i = 0; i < p->n_stats; i++) {
        char name[64];
        snprintf(name, sizeof name, "stats/%s", p->stat_name[i]);
        CO_TRY(co_content_add(&m->content, name, &(co_extent){.type = CO_F64, .ndim = 0},
                              &p->stat[i]));
    }
    return CO_OK;
}

static co_status image_init(image *m, const co_partition *p, const co_dataset *data, uint64_t seed)
{
    const co_extent noise = {CO_F64, 0, 1, {(size_t)p->n_devices}},
                    dated = {CO_I32, 0, 1, {(size_t)p->n_dated}};
    snprintf(m->seed, sizeof m->seed, "%" PRIu64, seed);
    m->attribute[0] = (co_content_attribute){"seed", m->seed};
    m->attribute[1] = (co_content_attribute){"data_digest", p->data_digest};
    CO_TRY(add_lists(m, p));
    if (p->device_name)
        CO_TRY(co_content_add_strings(&m->content, "device_name", p->device_name,
                                      (size_t)p->n_devices));
    if (p->device_noise)
        CO_TRY(co_content_add(&m->content, "device_noise", &noise, p->device_noise));
    if (p->period) CO_TRY(co_content_add(&m->content, "period", &dated, p->period));
    CO_TRY(add_counts(m, p, data));
    return add_statistics(m, p);
}

static co_status write_attributes(co_file *file, const co_partition *p, const co_dataset *data,
                                  uint64_t seed, const char *config)
{
    CO_TRY(co_file_set_head(file, seed, config, data->source));
    CO_TRY(co_file_set_text(file, "data_digest", p->data_digest));
    CO_TRY(co_file_set_text(file, "method", p->method ? p->method : "imported"));
    CO_TRY(co_file_set_int(file, "n_devices", p->n_devices));
    if (p->period) CO_TRY(co_file_set_int(file, "n_periods", p->n_periods));
    return co_file_set_int(file, "overlap", p->overlap);
}

/* The attribute class_names of the counts: a JSON list, for pictures. HDF5 keeps attributes below
 * 64 KiB. */
static co_status write_class_names(co_file *file, const co_dataset *data)
{
    enum { MOST = 60000 };
    char *text = NULL;
    size_t n = 0;
    if (!data->classes) return CO_OK;
    FILE *out = open_memstream(&text, &n);
    if (!out)
        return CO_FAIL(CO_ENOMEM, "out of memory for the names of %zu classes", data->n_classes);
    co_json json = {.out = out};
    co_json_open(&json, NULL, '[');
    for (size_t c = 0; c < data->n_classes; c++) co_json_text(&json, NULL, data->classes[c]);
    co_json_close(&json, ']');
    const bool complete = fclose(out) == 0;
    const co_status st =
        complete && n < MOST ? co_file_set_text(file, "label_counts@class_names", text) : CO_OK;
    free(text);
    return st;
}

static co_status write_file(const image *m, co_partition *p, const co_dataset *data,
                            const char *path, uint64_t seed, const char *config)
{
    co_file *file;
    CO_TRY(co_file_create(path, FORMAT, &file));
    co_status st = write_attributes(file, p, data, seed, config);
    if (st == CO_OK) st = co_content_place(&m->content, file);
    if (st == CO_OK && co_file_has(file, "label_counts")) st = write_class_names(file, data);
    if (st == CO_OK) st = co_file_write_group(file, "stats");
    if (st == CO_OK) st = co_content_write(&m->content, file, FORMAT, m->attribute, 2, p->digest);
    if (st == CO_OK) return co_file_publish(file, 0644);
    co_file_close(file);
    return st;
}

/* path NULL: the digest alone. */
static co_status make_image(co_partition *p, const co_dataset *data, const char *path,
                            uint64_t seed, const char *config)
{
    image m = {.counts = NULL};
    memcpy(p->data_digest, data->digest, sizeof p->data_digest);
    co_status st = image_init(&m, p, data, seed);
    if (st == CO_OK && path)
        st = write_file(&m, p, data, path, seed, config);
    else if (st == CO_OK)
        st = co_content_write(&m.content, NULL, FORMAT, m.attribute, 2, p->digest);
    image_fini(&m);
    return st;
}

co_status co_partition_write(co_partition *partition, const co_dataset *data, const char *path,
                             uint64_t seed, const char *config)
{
    CO_TRY(co_partition_check(partition, data, path));
    return make_image(partition, data, path, seed, config);
}

co_status co_partition_digest(co_partition *partition, const co_dataset *data, uint64_t seed)
{
    CO_TRY(co_partition_check(partition, data, NULL));
    return make_image(partition, data, NULL, seed, NULL);
}
