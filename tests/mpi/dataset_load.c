/* A data set loaded by 1 to 4 ranks equals the serial read on each of them; errors reach every rank
 * and nobody hangs. */
#include "core/memory.h"
#include "io/data/dataset_private.h"
#include "tests/harness.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Rank 0 names a scratch file for all. */
static void agree_on_path(const char *name, char path[1024])
{
    snprintf(path, 1024, "%s", scratch_file(name));
    MPI_Bcast(path, 1024, MPI_CHAR, 0, MPI_COMM_WORLD);
}

/* 5,003 images of 10 KiB: 49 MB, more than one block of reading. */
static co_status write_images(const char *path)
{
    const size_t n = 5003, size = 10240;
    co_dataset d = {.n = (int64_t)n,
                    .x_type = CO_U8,
                    .x_ndim = 3,
                    .x_dim = {1, 80, 128},
                    .x_size = size,
                    .n_scale = 1};
    uint8_t *x = co_malloc(n, size);
    d.x = x;
    d.scale = co_calloc(1, 8);
    d.shift = co_calloc(1, 8);
    d.y = co_calloc(n, 4);
    d.split = co_calloc(n, 1);
    d.group = co_calloc(n, 4);
    d.scale[0] = 0.5;
    d.n_classes = 10;
    d.classes = co_calloc(10, sizeof(char *));
    for (int c = 0; c < 10; c++) d.classes[c] = co_format("number %d", c);
    d.n_groups = 3;
    for (size_t i = 0; i < n * size; i++) x[i] = (uint8_t)(i * 2654435761u >> 24);
    for (size_t i = 0; i < n; i++) {
        d.y[i] = (int32_t)(i % 10);
        d.split[i] = i % 6 == 5;
        d.group[i] = (int32_t)(i % 4) - 1;
    }
    const co_status st = co_dataset_write(&d, path, 1, "");
    co_dataset_fini(&d);
    return st;
}

/* Labels without x, users without names. */
static co_status write_labels(const char *path)
{
    int32_t y[5] = {0, 1, 2, 1, 0}, user[5] = {1, 0, 1, 0, 1};
    uint8_t split[5] = {0};
    co_dataset d = {.n = 5, .y = y, .n_classes = 3, .split = split, .user = user, .n_users = 2};
    return co_dataset_write(&d, path, 1, "");
}

/* Texts of 0, 1, 2 .. tokens with tags. */
static co_status write_tags(const char *path)
{
    enum { N = 40, T = N * (N - 1) / 2 };
    int32_t tokens[T], tags[T];
    int64_t offsets[N + 1] = {0};
    uint8_t split[N] = {0};
    char *names[] = {"<unk>", "a", "b\n", "\xF0\x9F\x98\x80", "O"};
    for (int i = 0; i < N; i++) offsets[i + 1] = offsets[i] + i;
    for (int t = 0; t < T; t++) tokens[t] = t % 5, tags[t] = t % 4 - 1;
    co_dataset d = {.n = N,
                    .task = CO_DATA_TAGGING,
                    .n_vocab = 5,
                    .vocab = names,
                    .n_tokens = T,
                    .tokens = tokens,
                    .token_offsets = offsets,
                    .token_y = tags,
                    .n_classes = 3,
                    .classes = names,
                    .split = split};
    return co_dataset_write(&d, path, 1, "");
}

/* Numbers behind float rows; labels behind texts. */
static co_status write_targets(const char *numbers_path, const char *labels_path)
{
    enum { N = 101, K = 3 };
    float x[N], numbers[N * K];
    uint8_t labels[N * K], split[N] = {0};
    int32_t tokens[N];
    int64_t offsets[N + 1] = {0};
    double scale = 1.0, shift = 0.0;
    char *names[] = {"a", "b", "c"};
    for (int i = 0; i < N * K; i++) numbers[i] = (float)i * 0.25f - 7.0f, labels[i] = i % 5 == 0;
    for (int i = 0; i < N; i++) x[i] = (float)i, tokens[i] = i % 3, offsets[i + 1] = i + 1;
    co_dataset d = {.n = N,
                    .task = CO_DATA_REGRESSION,
                    .x = x,
                    .x_type = CO_F32,
                    .x_ndim = 1,
                    .x_dim = {1},
                    .x_size = 1,
                    .n_scale = 1,
                    .scale = &scale,
                    .shift = &shift,
                    .targets = numbers,
                    .n_classes = K,
                    .classes = names,
                    .split = split};
    CO_TRY(co_dataset_write(&d, numbers_path, 1, ""));
    d = (co_dataset){.n = N,
                     .task = CO_DATA_MULTILABEL,
                     .n_vocab = 30, /* without names */
                     .n_tokens = N,
                     .tokens = tokens,
                     .token_offsets = offsets,
                     .targets = labels,
                     .n_classes = K,
                     .classes = names,
                     .split = split};
    return co_dataset_write(&d, labels_path, 1, "");
}

/* Targets with words of their own; windows of questions, answers, raw text and letters. */
static co_status write_pairs(const char *pairs_path, const char *spans_path)
{
    enum { N = 50 };
    int32_t tokens[2 * N], targets[2 * N], span[2 * N], question[N], place[4 * N], letters[6 * N];
    int64_t two[N + 1] = {0}, answer_bounds[N + 1] = {0}, letter_bounds[2 * N + 1] = {0};
    uint8_t split[N] = {0}, text[2 * N];
    char *names[] = {"<unk>", "a", "b", "c", "d"};
    for (int i = 0; i < 2 * N; i++)
        tokens[i] = i % 3, targets[i] = i % 5, span[i] = i % 4 < 2 ? -1 : 1, text[i] = (uint8_t)i,
        letter_bounds[i + 1] = 3 * i + 3;
    for (int i = 0; i < N; i++)
        two[i + 1] = 2 * i + 2, question[i] = i / 3, answer_bounds[i + 1] = 2 * i + 2;
    for (int i = 0; i < 4 * N; i++) place[i] = i % 4 < 2 ? -1 : i % 2 + 1;
    for (int i = 0; i < 6 * N; i++) letters[i] = i % 4;
    co_dataset d = {.n = N,
                    .task = CO_DATA_SEQ2SEQ,
                    .n_vocab = 3,
                    .vocab = names,
                    .n_tokens = 2 * N,
                    .tokens = tokens,
                    .token_offsets = two,
                    .n_target_vocab = 5,
                    .target_vocab = names,
                    .n_target_tokens = 2 * N,
                    .target_tokens = targets,
                    .target_offsets = two,
                    .split = split};
    CO_TRY(co_dataset_write(&d, pairs_path, 1, ""));
    d.task = CO_DATA_SPAN;
    d.n_target_tokens = d.n_target_vocab = 0;
    d.span = span;
    d.question = question;
    d.n_questions = N / 3 + 1;
    d.token_char = place;
    d.text = text;
    d.text_offsets = two;
    d.n_answers = N;
    d.n_answer_bytes = 2 * N;
    d.answers = text;
    d.answer_bounds = answer_bounds;
    int64_t one[N + 1];
    for (int i = 0; i <= N; i++) one[i] = i;
    d.answer_offsets = one;
    d.n_chars = 6 * N;
    d.chars = letters;
    d.char_offsets = letter_bounds;
    d.n_char_vocab = 4;
    d.char_vocab = names;
    return co_dataset_write(&d, spans_path, 1, "");
}

static bool same_text(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool same(const void *a, const void *b, size_t bytes)
{
    return a && b ? memcmp(a, b, bytes) == 0 : a == b;
}

static void compare(const co_dataset *a, const co_dataset *b)
{
    const size_t n = (size_t)a->n;
    CHECK(a->n == b->n && a->x_type == b->x_type && a->x_ndim == b->x_ndim &&
          a->x_size == b->x_size);
    CHECK(same(a->x_dim, b->x_dim, sizeof a->x_dim) &&
          same(a->x, b->x, n * a->x_size * co_dtype_size(a->x_type, 0)));
    CHECK(a->n_scale == b->n_scale && same(a->scale, b->scale, 8 * a->n_scale) &&
          same(a->shift, b->shift, 8 * a->n_scale));
    CHECK(same(a->y, b->y, 4 * n) && same(a->split, b->split, n));
    CHECK(same(a->targets, b->targets, n * a->n_classes * (a->task == CO_DATA_REGRESSION ? 4 : 1)));
    CHECK(same(a->user, b->user, 4 * n) && same(a->group, b->group, 4 * n));
    CHECK(a->n_classes == b->n_classes && a->n_users == b->n_users && a->n_groups == b->n_groups);
    for (size_t c = 0; a->classes && c < a->n_classes; c++)
        CHECK(same_text(a->classes[c], b->classes[c]));
    CHECK(!!a->user_name == !!b->user_name && !!a->group_name == !!b->group_name);
    CHECK(a->task == b->task && same_text(a->digest, b->digest) && same_text(a->source, b->source));
}

static void load_and_compare(const char *path, const co_comm *comm)
{
    co_dataset loaded, serial = {0};
    const co_status st = co_dataset_load(path, true, &loaded, comm);
    CHECK(st == CO_OK);
    if (st != CO_OK) {
        fprintf(stderr, "%s\n", co_status_message());
        return;
    }
    CHECK(co_dataset_read(path, &serial) == CO_OK);
    compare(&serial, &loaded);
    if (loaded.x) {
        const int64_t ids[2] = {serial.n - 1, 0};
        float *a = co_calloc(2, serial.x_size * 4), *b = co_calloc(2, serial.x_size * 4);
        co_dataset_gather(&serial, ids, 2, a);
        co_dataset_gather(&loaded, ids, 2, b);
        CHECK(same(a, b, 2 * 4 * serial.x_size));
        co_free(a);
        co_free(b);
    }
    CHECK(serial.task != CO_DATA_SPAN || (loaded.text && loaded.text_offsets));
    for (int k = 0; k < CO_N_COLUMNS; k++) {
        const co_column *c = &co_columns[k];
        const void *a = co_column_get(&serial, c), *b = co_column_get(&loaded, c);
        const size_t rows = co_column_rows(&serial, c);
        const bool here = co_column_where(&loaded, c) != CO_IN_FILE;
        CHECK(rows == co_column_rows(&loaded, c) || !here);
        CHECK(!a == !b || !here);
        if (!a || !b) continue;
        if (c->type != CO_STR) CHECK(same(a, b, co_column_bytes(&serial, c)));
        for (size_t i = 0; c->type == CO_STR && i < rows; i++)
            CHECK(same_text(((char *const *)a)[i], ((char *const *)b)[i]));
    }
    CHECK(serial.n_tokens == loaded.n_tokens && serial.n_vocab == loaded.n_vocab);
    CHECK(!serial.vocab == !loaded.vocab);
    for (size_t v = 0; serial.vocab && v < serial.n_vocab; v++)
        CHECK(same_text(serial.vocab[v], loaded.vocab[v]));
    if (serial.n_tokens) {
        const size_t bytes = serial.n_tokens * 4, n_offsets = (size_t)serial.n + 1;
        CHECK(same(serial.tokens, loaded.tokens, bytes));
        CHECK(same(serial.token_y, loaded.token_y, bytes));
        CHECK(same(serial.token_offsets, loaded.token_offsets, n_offsets * 8));
    }
    co_segment_fini(&loaded.memory);
    co_dataset_fini(&loaded);
    co_dataset_fini(&serial);
}

/* Without what a node has once. */
static void load_columns(const char *path, const co_comm *comm)
{
    co_dataset loaded, serial = {0};
    CHECK(co_dataset_load(path, false, &loaded, comm) == CO_OK);
    CHECK(co_dataset_read_columns(path, &serial) == CO_OK);
    CHECK(!loaded.x && !loaded.tokens && !loaded.in_segment);
    compare(&serial, &loaded);
    co_dataset_fini(&loaded);
    co_dataset_fini(&serial);
}

/* Every rank gets this code and a message with the words. */
static void must_fail(const char *path, co_status want, const char *words, const co_comm *comm)
{
    co_dataset data;
    const co_status st = co_dataset_load(path, true, &data, comm);
    CHECK(st == want);
    CHECK(strstr(co_status_message(), words) && strstr(co_status_message(), path));
    if (st == CO_OK) co_segment_fini(&data.memory);
    co_dataset_fini(&data);
}

static void flip_byte(const char *path, long at)
{
    FILE *file = fopen(path, "r+b");
    CHECK(file);
    if (!file) return;
    fseek(file, at, SEEK_SET);
    const int c = fgetc(file);
    fseek(file, at, SEEK_SET);
    fputc(c ^ 4, file);
    fclose(file);
}

/* The same ranks seen as two nodes, so that the first rank of the second one reads x by itself. */
static void two_nodes(const co_comm *one, co_comm *two)
{
    *two = *one;
    two->n_nodes = one->size > 1 ? 2 : 1;
    two->node_index = two->n_nodes == 2 && one->rank >= (one->size + 1) / 2;
    MPI_Comm_split(one->world, two->node_index, one->rank, &two->node);
    MPI_Comm_rank(two->node, &two->node_rank);
    MPI_Comm_size(two->node, &two->node_size);
    MPI_Comm_split(one->world, two->node_rank == 0 ? 0 : MPI_UNDEFINED, one->rank, &two->leaders);
}

int main(int argc, char **argv)
{
    setenv(
        "CO_FAULT", "data_memory:0:5",
        1); /* the fifth reading of x, serial ones too, finds too little memory on rank 0's node */
    const int rank = harness_start(&argc, &argv);
    co_comm comm;
    char images[1024], labels[1024], tags[1024], numbers[1024], several[1024], pairs[1024],
        spans[1024];
    CHECK(co_comm_init(&comm) == CO_OK);
    const size_t blocks = co_memory_blocks();
    agree_on_path("load.h5", images);
    agree_on_path("labels.h5", labels);
    agree_on_path("tags.h5", tags);
    agree_on_path("numbers.h5", numbers);
    agree_on_path("several.h5", several);
    agree_on_path("pairs.h5", pairs);
    agree_on_path("spans.h5", spans);
    if (rank == 0) CHECK(write_pairs(pairs, spans) == CO_OK);
    if (rank == 0) CHECK(write_images(images) == CO_OK && write_labels(labels) == CO_OK);
    if (rank == 0) CHECK(write_tags(tags) == CO_OK && write_targets(numbers, several) == CO_OK);
    MPI_Barrier(MPI_COMM_WORLD);
    load_and_compare(images, &comm);
    load_and_compare(labels, &comm);
    load_columns(images, &comm);
    load_columns(tags, &comm);
    co_comm nodes;
    two_nodes(&comm, &nodes);
    load_and_compare(images, &nodes);
    MPI_Comm_free(&nodes.node);
    if (nodes.leaders != MPI_COMM_NULL) MPI_Comm_free(&nodes.leaders);
    must_fail(images, CO_ENOMEM, "48.9", &comm); /* MiB */
    load_and_compare(tags, &comm);
    load_and_compare(numbers, &comm);
    load_and_compare(several, &comm);
    load_and_compare(pairs, &comm);
    load_and_compare(spans, &comm);
    must_fail("/no/such/file.h5", CO_EFILE, "No such file", &comm);
    MPI_Barrier(MPI_COMM_WORLD);
    if (rank == 0) flip_byte(images, 30000000);
    MPI_Barrier(MPI_COMM_WORLD);
    must_fail(images, CO_EDATA, "digest does not hold", &comm);
    CHECK(co_memory_blocks() == blocks);
    MPI_Barrier(MPI_COMM_WORLD);
    if (rank == 0) unlink(images), unlink(labels), unlink(tags), unlink(numbers), unlink(several);
    if (rank == 0) unlink(pairs), unlink(spans);
    co_comm_fini(&comm);
    return harness_end();
}
