/* tests/run_helpers.c - experiments in tests. */
#include "core/memory.h"
#include "core/random.h"
#include "tests/harness.h"
#include "tests/run_helpers.h"
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

co_status play_text(const char *yaml, const co_comm *comm, co_experiment *experiment, co_run *run)
{
    CO_TRY(co_experiment_parse(yaml, "test.yaml", experiment));
    const char *dir = co_config_string(&experiment->output, "dir");
    co_status st = CO_OK;
    if (comm->rank == 0) {
        mkdir(dir, 0755);
        st = co_output_remove(dir);
    }
    st = co_agree(st, comm);
    if (st == CO_OK) st = co_run_create(run, experiment, dir, comm);
    if (st != CO_OK) {
        co_experiment_fini(experiment);
        return st;
    }
    st = co_run_rounds(run);
    if (st != CO_OK) close_run(experiment, run);
    return st;
}

void close_run(co_experiment *experiment, co_run *run)
{
    co_run_destroy(run);
    co_experiment_fini(experiment);
}

bool play_on(const char *data, const char *yaml, const char *out, const co_comm *comm,
             co_experiment *experiment, co_run *run)
{
    char *text = co_format("name: test\n%s\ndata: {file: %s}\noutput: {dir: %s, "
                           "checkpoint_every: 0}\neval: {every: 0}\n",
                           yaml, data, out);
    const co_status st = play_text(text, comm, experiment, run);
    if (st != CO_OK) fprintf(stderr, "%s\n", co_status_message());
    co_free(text);
    CHECK(st == CO_OK);
    return st == CO_OK;
}

co_status write_blobs(const char *path, int64_t n, size_t features, size_t classes, uint64_t seed)
{
    co_dataset data = {.n = n,
                       .x_type = CO_F32,
                       .x_ndim = 1,
                       .x_dim = {features},
                       .x_size = features,
                       .n_classes = classes,
                       .n_scale = 1};
    co_stream s = co_stream_open(seed, CO_DRAW_TEST, 0, 0, 0);
    float *x = co_malloc((size_t)n * features, sizeof *x);
    data.x = x;
    data.y = co_malloc((size_t)n, sizeof *data.y);
    data.split = co_calloc((size_t)n, 1);
    data.scale = co_malloc(1, sizeof *data.scale);
    data.shift = co_calloc(1, sizeof *data.shift);
    data.classes = co_malloc(classes, sizeof *data.classes);
    CO_ASSERT(x && data.y && data.split && data.scale && data.shift && data.classes);
    data.scale[0] = 1.0;
    for (size_t c = 0; c < classes; c++) data.classes[c] = co_format("%zu", c);
    for (int64_t i = 0; i < n; i++) {
        data.y[i] = (int32_t)co_draw_below(&s, classes);
        data.split[i] = i % 5 == 4;
        for (size_t f = 0; f < features; f++)
            x[(size_t)i * features + f] =
                (float)(co_draw_normal(&s) + (f % classes == (size_t)data.y[i] ? 1.5 : 0.0));
    }
    const co_status st = co_dataset_write(&data, path, seed, "test: blobs\n");
    co_dataset_fini(&data);
    return st;
}

enum { WORDS = 17, TEXT_MOST = 30, USERS = 9 };

static void draw_texts(co_dataset *data, uint64_t seed)
{
    co_stream s = co_stream_open(seed, CO_DRAW_TEST, 1, 0, 0);
    for (int64_t i = 0; i < data->n; i++) {
        const size_t length = i % 7 == 6 ? 0 : co_draw_below(&s, TEXT_MOST + 1);
        const uint64_t a = co_draw_below(&s, USERS), b = co_draw_below(&s, USERS);
        data->user[i] = (int32_t)(a < b ? a : b);
        data->split[i] = i % 5 == 4;
        data->token_offsets[i + 1] = data->token_offsets[i] + (int64_t)length;
        for (size_t k = 0; k < length; k++, data->n_tokens++) {
            const int32_t last = k ? data->tokens[data->n_tokens - 1] : (int32_t)data->user[i];
            const int32_t token = (int32_t)(co_draw_below(&s, 3) ? (uint64_t)(last * 5 + 1) % WORDS
                                                                 : co_draw_below(&s, WORDS));
            data->tokens[data->n_tokens] = token;
            if (data->token_y) data->token_y[data->n_tokens] = token < 12 ? 0 : token - 11;
        }
    }
}

co_status write_texts(const char *path, int64_t n, co_data_task task, uint64_t seed)
{
    static const char *const tags[] = {"O", "B-A", "I-A", "B-B", "I-B", "I-C"};
    co_dataset data = {.n = n, .task = task, .n_vocab = WORDS, .n_users = USERS};
    const size_t most = (size_t)n * TEXT_MOST;
    data.split = co_calloc((size_t)n, 1);
    data.user = co_calloc((size_t)n, sizeof *data.user);
    data.tokens = co_malloc(most, sizeof *data.tokens);
    data.token_offsets = co_calloc((size_t)n + 1, sizeof *data.token_offsets);
    data.vocab = co_calloc(WORDS, sizeof *data.vocab);
    CO_ASSERT(data.split && data.user && data.tokens && data.token_offsets && data.vocab);
    for (size_t v = 0; v < WORDS; v++)
        data.vocab[v] = v ? co_format("w%zu", v) : co_strdup("<unk>");
    if (task == CO_DATA_TAGGING) {
        data.token_y = co_malloc(most, sizeof *data.token_y);
        data.n_classes = 6;
        data.classes = co_calloc(6, sizeof *data.classes);
        CO_ASSERT(data.token_y && data.classes);
        for (size_t c = 0; c < 6; c++) data.classes[c] = co_strdup(tags[c]);
    }
    draw_texts(&data, seed);
    const co_status st = co_dataset_write(&data, path, seed, "test: texts\n");
    co_dataset_fini(&data);
    return st;
}

double sum_of_ranks(double x, const co_comm *comm)
{
    MPI_Allreduce(MPI_IN_PLACE, &x, 1, MPI_DOUBLE, MPI_SUM, comm->world);
    return x;
}

double last_value(const co_table *table, const char *column, const co_comm *comm)
{
    double x = 0.0;
    if (comm->rank == 0)
        x = co_table_get_f64(table, table->n_rows - 1, (size_t)co_table_find(table, column));
    MPI_Bcast(&x, 1, MPI_DOUBLE, 0, comm->world);
    return x;
}
