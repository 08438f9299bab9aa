/* Each partitioner on several ranks: the lists of rank 0 are those of one process alone. */
#include "core/memory.h"
#include "partition/partitioner.h"
#include "tests/harness.h"
#include <stdio.h>
#include <string.h>

enum { N = 3000, CLASSES = 10, D = 4 };

static void fill(co_dataset *data)
{
    *data = (co_dataset){.n = N,
                         .n_classes = CLASSES,
                         .x_type = CO_F32,
                         .x_ndim = 1,
                         .x_dim = {D},
                         .x_size = D,
                         .n_scale = 1,
                         .n_users = 17};
    float *x = co_malloc(N * D, sizeof *x);
    data->x = x;
    data->scale = co_malloc(1, sizeof *data->scale);
    data->shift = co_calloc(1, sizeof *data->shift);
    data->scale[0] = 1.0;
    data->y = co_malloc(N, sizeof *data->y);
    data->user = co_malloc(N, sizeof *data->user);
    data->split = co_calloc(N, 1);
    co_stream s = co_stream_open(3, CO_DRAW_TEST, 0, 0, 0);
    for (int i = 0; i < N; i++) {
        data->y[i] = (int32_t)co_draw_below(&s, CLASSES);
        data->user[i] = (int32_t)co_draw_below(&s, 17);
        data->split[i] = (uint8_t)(co_draw_below(&s, 9) == 0);
        for (int j = 0; j < D; j++) x[i * D + j] = (float)co_draw_normal(&s) + (float)data->y[i];
    }
}

/* The list of "[1,2]", or the word itself. */
static co_node *value_node(const char *key, char *value)
{
    if (*value != '[') return co_node_create(CO_NODE_SCALAR, key, value);
    co_node *list = co_node_create(CO_NODE_LIST, key, NULL);
    for (char *at = value + 1, *end; *at; at = end + 1) {
        end = at + strcspn(at, ",]");
        *end = '\0';
        co_node_append(list, co_node_create(CO_NODE_SCALAR, NULL, at));
    }
    return list;
}

static co_node *word_map(char *words)
{
    co_node *map = co_node_create(CO_NODE_MAP, NULL, NULL);
    for (char *word = strtok(words, " "); map && word; word = strtok(NULL, " ")) {
        char *value = strchr(word, '=');
        *value = '\0';
        co_node_append(map, value_node(word, value + 1));
    }
    return map;
}

static bool same(const int64_t *a, const int64_t *b, int64_t n)
{
    return !a == !b && (!a || memcmp(a, b, (size_t)n * sizeof *a) == 0);
}

static void compare(const co_partition *a, const co_partition *b)
{
    const int64_t k = a->n_devices;
    CHECK(k == b->n_devices && a->n_unassigned == b->n_unassigned && a->n_stats == b->n_stats);
    CHECK(same(a->train_offsets, b->train_offsets, k + 1));
    CHECK(same(a->train, b->train, a->train_offsets[k]));
    CHECK(same(a->test_offsets, b->test_offsets, k + 1));
    if (a->test_offsets) CHECK(same(a->test, b->test, a->test_offsets[k]));
    CHECK(same(a->unassigned, b->unassigned, a->n_unassigned));
    CHECK(memcmp(a->stat, b->stat, a->n_stats * sizeof *a->stat) == 0);
}

static void try_words(const char *text, const co_dataset *data, int rank)
{
    char words[256];
    snprintf(words, sizeof words, "%s", text);
    co_config opt = {.file = "test", .section = "partition", .map = word_map(words)};
    const co_partitioner *member = co_partitioner_find(co_node_find(opt.map, "method")->text);
    CHECK(co_config_check(&opt, (const co_param *const[]){co_partition_params, member->params},
                          2) == CO_OK);
    co_partition together, alone;
    const co_status st = co_partition_make_on(&opt, 1, data, MPI_COMM_WORLD, &together);
    if (st != CO_OK && rank == 0) fprintf(stderr, "%s: %s\n", text, co_status_message());
    CHECK(st == CO_OK);
    CHECK(co_partition_make(&opt, 1, data, &alone) == CO_OK);
    if (rank == 0 && st == CO_OK)
        compare(&together, &alone);
    else
        CHECK(!together.train && !together.train_offsets);
    co_partition_fini(&together);
    co_partition_fini(&alone);
    co_node_destroy(opt.map);
}

/* A refusal that one rank alone could see reaches all. */
static void try_refusal(const co_dataset *data)
{
    char words[] = "method=dirichlet devices=200 alpha=0.01 min_size=10";
    co_config opt = {.file = "test", .section = "partition", .map = word_map(words)};
    const co_partitioner *member = co_partitioner_find("dirichlet");
    CHECK(co_config_check(&opt, (const co_param *const[]){co_partition_params, member->params},
                          2) == CO_OK);
    co_partition p;
    CHECK(co_partition_make_on(&opt, 1, data, MPI_COMM_WORLD, &p) == CO_EUSAGE);
    CHECK(strstr(co_status_message(), "min_size"));
    co_node_destroy(opt.map);
}

int main(int argc, char **argv)
{
    static const char *const words[] = {
        "method=iid devices=7",
        "method=iid devices=40 sizes=lognormal",
        "method=iid devices=40 sizes=zipf",
        "method=dirichlet devices=50 alpha=0.2 test_fraction=0.3",
        "method=dirichlet devices=50 alpha=0.3 balanced=true",
        "method=dirichlet devices=2 alpha=0.1",
        "method=dirichlet devices=20 alpha=5 min_size=90",
        "method=dirichlet_device devices=30 alpha=0.3 test_devices=0.3",
        "method=shards devices=11",
        "method=classes devices=3 classes_per_device=2",
        "method=quantity devices=9000 beta=0.5",
        "method=cluster devices=12 alpha=0.5 clusters=4",
        "method=features devices=12",
        "method=cluster devices=12 alpha=0.5 per=cluster",
        "method=continuous devices=13 strictness=0.6 by=x:1 test_fraction=0.2",
        "method=continuous devices=7000 strictness=1",
        "method=natural users_per_device=3",
        "method=natural users_per_device=3 rest=smaller",
        "method=dirichlet_device devices=30 alpha=0.3 sizes=lognormal",
        "method=shards devices=11 sizes=dirichlet beta=0.5",
        "method=shards devices=11 shard_size=37 shards_per_device=0 keep_incomplete=true",
        "method=classes devices=30 alpha=0.2 assignment=first",
        "method=classes devices=30 classes_per_device=3 sizes=zipf assignment=random",
        "method=classes devices=41 classes_per_device=1 sizes=linear alpha=2"};
    static const char *const lists[] = {
        "method=dirichlet devices=5 alpha=[0.1,1,5,0.3,20]",
        "method=dirichlet_device devices=30 alpha=[1,2,3,4,0.1,0.2,0.3,0.4,1,1]",
        "method=classes classes_per_device=3 sizes=given given=[100,200,37,0,5]",
        "method=shards sizes=given given=[100,200,37,0,5]"};
    const int rank = harness_start(&argc, &argv);
    co_dataset data;
    fill(&data);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) try_words(words[i], &data, rank);
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) try_words(lists[i], &data, rank);
    try_refusal(&data);
    co_dataset_fini(&data);
    CHECK(co_memory_blocks() == 0);
    return harness_end();
}
