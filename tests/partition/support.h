/* tests/partition/support.h - made-up data sets and options for the tests of partitions. */
#pragma once
#include "core/memory.h"
#include "partition/partitioner.h"
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

/* n examples of split 0, label i mod n_classes; every part but x. */
static inline co_dataset plain_data(int64_t n, size_t n_classes)
{
    co_dataset data = {.n = n, .n_classes = n_classes};
    data.y = co_malloc((size_t)n, sizeof *data.y);
    data.split = co_calloc((size_t)n, 1);
    for (int64_t i = 0; i < n; i++) data.y[i] = (int32_t)((size_t)i % n_classes);
    return data;
}

/* Users 0 .. n_users - 1 and none (-1), drawn by key. */
static inline void add_users(co_dataset *data, size_t n_users, uint64_t seed)
{
    co_stream s = co_stream_open(seed, CO_DRAW_TEST, 1, 0, 0);
    data->n_users = n_users;
    data->user = co_malloc((size_t)data->n, sizeof *data->user);
    for (int64_t i = 0; i < data->n; i++)
        data->user[i] = (int32_t)co_draw_below(&s, n_users + 1) - 1;
}

/* Labels, splits (about a quarter outside 0) and users without any order. */
static inline co_dataset mixed_data(int64_t n, size_t n_classes, size_t n_users, uint64_t seed)
{
    co_dataset data = plain_data(n, n_classes);
    co_stream s = co_stream_open(seed, CO_DRAW_TEST, 0, 0, 0);
    for (int64_t i = 0; i < n; i++) {
        data.y[i] = (int32_t)co_draw_below(&s, n_classes);
        const uint64_t split = co_draw_below(&s, 8);
        data.split[i] = (uint8_t)(split < 3 ? split : 0);
    }
    add_users(&data, n_users, seed);
    return data;
}

/* Three features around the label, and groups of two classes each. */
static inline void add_features(co_dataset *data, uint64_t seed)
{
    co_stream s = co_stream_open(seed, CO_DRAW_TEST, 2, 0, 0);
    const size_t n = 3 * (size_t)data->n;
    float *x = co_malloc(n, sizeof *x);
    data->x_type = CO_F32;
    data->x_ndim = 1;
    data->x_dim[0] = data->x_size = 3;
    data->n_scale = 1;
    data->scale = co_calloc(1, sizeof *data->scale);
    data->shift = co_calloc(1, sizeof *data->shift);
    data->scale[0] = 1.0;
    for (size_t i = 0; i < n; i++)
        x[i] = (float)data->y[i / 3] * (i % 3 == 0) + 0.1f * (float)co_draw_normal(&s);
    data->x = x;
    data->group = co_malloc((size_t)data->n, sizeof *data->group);
    data->n_groups = (data->n_classes + 1) / 2;
    for (int64_t i = 0; i < data->n; i++) data->group[i] = data->y[i] / 2;
}

/* The list of "[1,2]", or the word itself; cuts value. */
static inline co_node *value_node(const char *key, char *value)
{
    if (*value != '[') return co_node_create(CO_NODE_SCALAR, key, value);
    co_node *list = co_node_create(CO_NODE_LIST, key, NULL);
    for (char *at = value + 1, *end; list && *at; at = end + 1) {
        end = at + strcspn(at, ",]");
        *end = '\0';
        co_node *item = co_node_create(CO_NODE_SCALAR, NULL, at);
        if (!item) return NULL;
        co_node_append(list, item);
    }
    return list;
}

/* A map of "key=value key=[value,value]"; a key that stands there again replaces the one before. */
static inline co_node *word_map(const char *words)
{
    co_node *map = co_node_create(CO_NODE_MAP, NULL, NULL);
    char copy[2048], *save = NULL;
    snprintf(copy, sizeof copy, "%s", words);
    for (char *word = strtok_r(copy, " ", &save); map && word; word = strtok_r(NULL, " ", &save)) {
        char *value = strchr(word, '=');
        *value++ = '\0';
        co_node_remove(map, word);
        co_node *node = value_node(word, value);
        if (!node) return NULL;
        co_node_append(map, node);
    }
    return map;
}

/* Checks the options and makes the partition, with seed 1 unless words say otherwise. */
static inline co_status make_partition(const char *words, const co_dataset *data, co_partition *p)
{
    co_config opt = {.file = "test", .section = "partition", .map = word_map(words)};
    memset(p, 0, sizeof *p);
    cr_assert(opt.map);
    const co_node *method = co_node_find(opt.map, "method");
    const co_partitioner *member = method ? co_partitioner_find(method->text) : NULL;
    const co_param *tables[] = {co_partition_params, member ? member->params : NULL};
    co_status st = co_config_check(&opt, tables, 2);
    if (st == CO_OK) st = co_partition_make(&opt, 1, data, p);
    co_node_destroy(opt.map);
    return st;
}

static inline co_partition must_make(const char *words, const co_dataset *data)
{
    co_partition p;
    const co_status st = make_partition(words, data, &p);
    cr_assert(st == CO_OK, "%s: %s", words, co_status_message());
    return p;
}

/* The options are refused, by a message with that in it. */
static inline void must_refuse(const char *words, const co_dataset *data, const char *what)
{
    co_partition p;
    const co_status st = make_partition(words, data, &p);
    cr_expect(st == CO_EUSAGE || st == CO_EDATA, "%s: status %d", words, (int)st);
    cr_expect(strstr(co_status_message(), what), "%s: '%s' is not in: %s", words, what,
              co_status_message());
    co_partition_fini(&p);
}

/* The value of a statistic; the test fails when there is none. */
static inline double stat_of(const co_partition *p, const char *name)
{
    for (size_t i = 0; i < p->n_stats; i++)
        if (strcmp(p->stat_name[i], name) == 0) return p->stat[i];
    cr_assert_fail("no statistic %s", name);
    return 0.0;
}

static inline bool has_stat(const co_partition *p, const char *name)
{
    for (size_t i = 0; i < p->n_stats; i++)
        if (strcmp(p->stat_name[i], name) == 0) return true;
    return false;
}

static inline int64_t train_size(const co_partition *p, int64_t device)
{
    return p->train_offsets[device + 1] - p->train_offsets[device];
}

/* counts[n_devices][n_classes] of the training parts; a new block. */
static inline int64_t *count_table(const co_partition *p, const co_dataset *data)
{
    int64_t *counts = co_calloc((size_t)p->n_devices * data->n_classes, sizeof *counts);
    for (int64_t d = 0; d < p->n_devices; d++)
        for (int64_t i = p->train_offsets[d]; i < p->train_offsets[d + 1]; i++)
            counts[(size_t)d * data->n_classes + (size_t)data->y[p->train[i]]]++;
    return counts;
}
