/* tests/mpi/algorithms.c - five rounds of every named algorithm against an independent NumPy
 * program, whose numbers stand in tests/reference/algorithms.txt, and of fine-tuning against
 * PyTorch (fine_tuning.txt), to 1e-5. */
#include "core/memory.h"
#include "tests/harness.h"
#include "tests/run_helpers.h"
#include <math.h>
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FEATURES = 6, HIDDEN = 8, CLASSES = 3, DEVICES = 6, N = 64, SIZE = 83 };
static const int sizes[DEVICES] = {5, 12, 20, 3, 9, 15};
static char data_path[256], same_path[256], init_path[256], out[256];
static co_comm comm;

/* The closed formula of the script. */
static uint32_t bits(uint64_t stream, uint64_t j)
{
    uint64_t z = ((stream << 40) + j + 1) * 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return (uint32_t)((z ^ (z >> 31)) >> 40);
}

static float value(uint64_t stream, uint64_t j)
{
    return (float)bits(stream, j) * 0x1p-23f - 1.0f;
}

/* same: all examples of a device are its first one, so that batches do not depend on the shuffle.
 */
static void write_data(const char *path, bool same)
{
    co_dataset data = {.n = N,
                       .x_type = CO_F32,
                       .x_ndim = 1,
                       .x_dim = {FEATURES},
                       .x_size = FEATURES,
                       .n_classes = CLASSES,
                       .n_scale = 1,
                       .n_users = DEVICES};
    float *x = co_malloc(N * FEATURES, sizeof *x);
    data.x = x;
    data.y = co_malloc(N, sizeof *data.y);
    data.user = co_malloc(N, sizeof *data.user);
    data.split = co_calloc(N, 1);
    data.scale = co_malloc(1, sizeof *data.scale);
    data.shift = co_calloc(1, sizeof *data.shift);
    data.classes = co_malloc(CLASSES, sizeof *data.classes);
    data.user_name = co_malloc(DEVICES, sizeof *data.user_name);
    data.scale[0] = 1.0;
    for (int c = 0; c < CLASSES; c++) data.classes[c] = co_format("%d", c);
    for (int d = 0, i = 0; d < DEVICES; d++) {
        data.user_name[d] = co_format("%d", d);
        for (const int first = i, end = i + sizes[d]; i < end; i++) {
            const int from = same ? first : i;
            data.user[i] = d;
            data.y[i] = (int32_t)((bits(301, (uint64_t)from) % 5 + (uint32_t)d) % CLASSES);
            for (int f = 0; f < FEATURES; f++)
                x[i * FEATURES + f] =
                    value(300, (uint64_t)(from * FEATURES + f)) + 0.25f * (float)(d % 3);
        }
    }
    CHECK(co_dataset_write(&data, path, 1, "test: closed formula\n") == CO_OK);
    co_dataset_fini(&data);
}

static void write_init(void)
{
    static const struct {
        const char *name;
        co_extent extent;
    } tensors[] = {{"model/0.weight", {.type = CO_F32, .ndim = 2, .dim = {HIDDEN, FEATURES}}},
                   {"model/0.bias", {.type = CO_F32, .ndim = 1, .dim = {HIDDEN}}},
                   {"model/2.weight", {.type = CO_F32, .ndim = 2, .dim = {CLASSES, HIDDEN}}},
                   {"model/2.bias", {.type = CO_F32, .ndim = 1, .dim = {CLASSES}}}};
    float w[SIZE];
    size_t at = 0;
    co_file *file = NULL;
    for (uint64_t j = 0; j < SIZE; j++) w[j] = value(302, j) * 0.5f;
    CHECK(co_file_create(init_path, "cohort-checkpoint", &file) == CO_OK);
    CHECK(co_file_set_head(file, 1, "test: closed formula\n", "test") == CO_OK);
    for (size_t k = 0; k < sizeof tensors / sizeof *tensors; k++) {
        CHECK(co_file_write(file, tensors[k].name, &tensors[k].extent, w + at) == CO_OK);
        at += co_extent_count(&tensors[k].extent);
    }
    CHECK(at == SIZE && co_file_publish(file, 0644) == CO_OK);
}

static void play(const char *name, char *settings, const float *want)
{
    co_experiment experiment;
    co_run run;
    for (char *c = settings; *c; c++)
        if (*c == ';') *c = '\n', c[1] = c[1] == ' ' ? '\n' : c[1];
    char *text =
        co_format("name: reference\nrounds: 5\ndata: {file: %s}\neval: {every: 0}\n%s"
                  "model: {layers: [{dense: 8}, tanh, {dense: classes}], init: %s%s}\n"
                  "partition: {method: natural}\noutput: {dir: %s, checkpoint_every: 0}\n%s\n",
                  strncmp(name, "same_", 5) == 0 ? same_path : data_path,
                  strstr(settings, "devices:") ? "" : "devices: {per_round: 6}\n", init_path,
                  strncmp(name, "frozen_", 7) == 0 ? ", freeze: [0.weight]" : "", out, settings);
    const co_status st = play_text(text, &comm, &experiment, &run);
    if (st != CO_OK) fprintf(stderr, "%s: %s\n", name, co_status_message());
    CHECK(st == CO_OK);
    if (st == CO_OK) {
        const double distance = relative_distance(run.exchange.model, want, SIZE);
        if (comm.rank == 0) printf("%-28s %.2e\n", name, distance);
        CHECK(distance < (strncmp(name, "hierarchy", 9) == 0 ? 1e-6 : 1e-5));
        close_run(&experiment, &run);
    }
    co_free(text);
}

static int play_all(const char *numbers)
{
    char path[1024], name[64], settings[512];
    int n, n_cases = 0;
    snprintf(path, sizeof path, "%s/tests/reference/%s", getenv("SOURCE"), numbers);
    FILE *file = fopen(path, "r");
    CHECK(file);
    while (file && fscanf(file, " case %63s %d\n", name, &n) == 2 && n == SIZE) {
        float want[SIZE];
        CHECK(fgets(settings, sizeof settings, file));
        for (int j = 0; j < SIZE; j++) CHECK(fscanf(file, "%f", &want[j]) == 1);
        play(name, settings, want);
        n_cases++;
    }
    if (file) fclose(file);
    return n_cases;
}

int main(int argc, char **argv)
{
    const int rank = harness_start(&argc, &argv);
    setenv("COHORT_PROGRESS", "off", 1);
    CHECK(co_comm_init(&comm) == CO_OK);
    if (rank == 0) {
        snprintf(data_path, sizeof data_path, "%s", scratch_file("algorithms.h5"));
        snprintf(same_path, sizeof same_path, "%s", scratch_file("same.h5"));
        snprintf(init_path, sizeof init_path, "%s", scratch_file("init.h5"));
        snprintf(out, sizeof out, "%s", scratch_file("algorithms"));
        write_data(data_path, false);
        write_data(same_path, true);
        write_init();
    }
    MPI_Bcast(data_path, sizeof data_path, MPI_CHAR, 0, comm.world);
    MPI_Bcast(same_path, sizeof same_path, MPI_CHAR, 0, comm.world);
    MPI_Bcast(init_path, sizeof init_path, MPI_CHAR, 0, comm.world);
    MPI_Bcast(out, sizeof out, MPI_CHAR, 0, comm.world);
    CHECK(play_all("algorithms.txt") >= 33);
    CHECK(play_all("fine_tuning.txt") >= 13);
    if (rank == 0) {
        co_output_remove(out);
        rmdir(out);
        unlink(data_path);
        unlink(same_path);
        unlink(init_path);
    }
    co_comm_fini(&comm);
    CHECK(co_memory_blocks() == 0);
    return harness_end();
}
