/* tests/mpi/laws.c - what training must equal: centralised gradient descent, plain averaging, a
 * device trained alone; and what must be counted: updates that are not finite or beyond the bound
 * of the exact sum. */
#include "core/memory.h"
#include "core/vector.h"
#include "tests/harness.h"
#include "tests/run_helpers.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char blobs[256], out[256];
static co_comm comm;

static char *with_files(const char *yaml)
{
    return co_format("%s\ndata: {file: %s}\noutput: {dir: %s, checkpoint_every: 0}\n", yaml, blobs,
                     out);
}

static bool open_text(const char *yaml, co_experiment *experiment, co_run *run)
{
    char *text = with_files(yaml);
    const co_status st = play_text(text, &comm, experiment, run);
    if (st != CO_OK) fprintf(stderr, "%s\n", co_status_message());
    co_free(text);
    CHECK(st == CO_OK);
    return st == CO_OK;
}

static double of_round(const co_run *run, size_t row, const char *column)
{
    const co_table *t = &run->record.rounds;
    return co_table_get_f64(t, row, (size_t)co_table_find(t, column));
}

/* Five steps on the mean loss of all training examples, in the data set's order; weights that are
 * not frozen decay. */
static void descend(const co_run *run, double lr, double decay, float *w)
{
    const co_population *p = &run->population;
    const size_t n = co_model_size(run->model), m = (size_t)p->data.n;
    size_t n_train = 0, n_spans;
    const co_span *span = co_model_spans(run->model, CO_SHARED, &n_spans);
    float *x = co_malloc(m * p->x_size, sizeof *x), *grad = co_malloc(n, sizeof *grad);
    int32_t *y = co_malloc(m, sizeof *y);
    co_workspace *workspace = NULL;
    for (int64_t i = 0; i < p->data.n; i++) {
        if (p->data.split[i] != 0) continue;
        co_dataset_gather(&p->data, &i, 1, x + n_train * p->x_size);
        y[n_train++] = p->data.y[i];
    }
    CHECK(co_workspace_create(run->model, n_train, n_train, 0, &workspace) == CO_OK);
    co_model_init(run->model, (uint64_t)run->experiment->seed, w);
    for (int step = 0; step < 5; step++) {
        const co_batch batch = {.n = n_train, .rows = n_train, .x = x, .y = y};
        const co_pass pass = {.batch = &batch, .train = true};
        double sums[64] = {0};
        memset(grad, 0, n * sizeof *grad);
        co_model_loss(run->model, workspace, w, &pass, NULL, grad, sums);
        for (size_t k = 0; k < n_spans; k++)
            for (size_t j = span[k].offset; j < span[k].offset + span[k].size; j++)
                w[j] -= (float)lr * (grad[j] + (float)decay * w[j]);
    }
    co_workspace_destroy(workspace);
    co_free(x);
    co_free(y);
    co_free(grad);
}

static void one_device_with_all_data_is_gradient_descent(void)
{
    co_experiment experiment;
    co_run run;
    if (!open_text(
            "name: gd\nrounds: 5\npartition: {method: iid, devices: 1}\n"
            "model: {layers: [{dense: 30}, tanh, {dense: classes}]}\ndevices: {per_round: 1}\n"
            "local: {batch: 0, lr: 0.5}\neval: {every: 0}",
            &experiment, &run))
        return;
    const size_t n = co_model_size(run.model);
    float *w = co_malloc(n, sizeof *w);
    descend(&run, 0.5, 0.0, w);
    CHECK(relative_distance(run.exchange.model, w, n) < 1e-6);
    co_free(w);
    close_run(&experiment, &run);
}

/* With all devices, one full-batch step each and weights by examples, the mean update is the
 * gradient of the whole loss. */
static void all_devices_in_one_step_are_gradient_descent(void)
{
    co_experiment experiment;
    co_run run;
    if (!open_text(
            "name: gd\nrounds: 5\npartition: {method: dirichlet, devices: 25, alpha: 0.3}\n"
            "model: {layers: [{dense: 30}, tanh, {dense: classes}]}\ndevices: {per_round: 25}\n"
            "local: {batch: 0, lr: 0.5}\neval: {every: 0}",
            &experiment, &run))
        return;
    const size_t n = co_model_size(run.model);
    float *w = co_malloc(n, sizeof *w);
    descend(&run, 0.5, 0.0, w);
    CHECK(relative_distance(run.exchange.model, w, n) < 1e-6);
    co_free(w);
    close_run(&experiment, &run);
}

#define COMMON                                                                                     \
    "name: same\nrounds: 4\npartition: {method: dirichlet, devices: 30, alpha: 0.3}\nmodel: "      \
    "{name: softmax}\n"                                                                            \
    "devices: {per_round: 9}\neval: {every: 2}\n"

static void same_model(const char *one, const char *other)
{
    uint64_t digest[2] = {0, 1};
    const char *const yaml[2] = {one, other};
    for (int k = 0; k < 2; k++) {
        co_experiment experiment;
        co_run run;
        if (!open_text(yaml[k], &experiment, &run)) return;
        digest[k] = co_exchange_digest(&run.exchange);
        close_run(&experiment, &run);
    }
    CHECK(digest[0] == digest[1]);
}

static void special_cases_are_fedavg(void)
{
    same_model(COMMON "local: {lr: 0.1}", COMMON "algorithm: fedprox\nlocal: {lr: 0.1, mu: 0}");
    same_model(COMMON "local: {lr: 0.1}",
               COMMON "local: {lr: 0.1}\ntransforms: [{name: clip, norm: 1e9}]");
    same_model(COMMON "local: {lr: 0.1}",
               COMMON "local: {lr: 0.1, epochs: 1, clip_grad: 1e9, max_examples: 100000}");
    same_model(COMMON "local: {lr: 0.1}",
               COMMON "local: {lr: 0.1, schedule: {name: step, every: 100, factor: 0.5}}");
}

static void close_models(const char *one, const char *other)
{
    float *first = NULL;
    const char *const yaml[2] = {one, other};
    for (int k = 0; k < 2; k++) {
        co_experiment experiment;
        co_run run;
        if (!open_text(yaml[k], &experiment, &run)) break;
        const size_t n = co_model_size(run.model);
        if (k == 0 && (first = co_malloc(n, sizeof *first)))
            memcpy(first, run.exchange.model, n * sizeof *first);
        if (k == 1) CHECK(relative_distance(run.exchange.model, first, n) < 1e-6);
        close_run(&experiment, &run);
    }
    co_free(first);
}

#define ONE                                                                                        \
    "name: one\nrounds: 5\npartition: {method: iid, devices: 1}\nmodel: {name: "                   \
    "softmax}\ndevices: {per_round: 1}\n"                                                          \
    "eval: {every: 0}\nlocal: {lr: 0.1, batch: 20"

static void limits_of_the_algorithms_are_fedavg(void)
{
    close_models(COMMON "local: {lr: 0.1}",
                 COMMON "local: {lr: 0.1}\nalgorithm: qfedavg\naggregate: {q: 0}");
    close_models(COMMON "local: {lr: 0.1, steps: 3}",
                 COMMON "local: {lr: 0.1, steps: 3}\nalgorithm: fednova");
    close_models(COMMON "local: {lr: 0.1}",
                 COMMON "local: {lr: 0.1}\ntransforms: [{name: momentum, beta: 0}]");
    close_models(ONE "}", ONE ", option: 1}\nalgorithm: scaffold");
    close_models(ONE "}", ONE ", option: 2}\nalgorithm: scaffold");
    close_models(ONE ", momentum: 0.5}", ONE ", momentum: 0.5, option: 2}\nalgorithm: scaffold");
}

/* With a server that never steps, a device's momentum is made of its own updates alone, which a
 * trainer of its own repeats. */
static void state_of_a_device_is_its_own(void)
{
    co_experiment experiment;
    co_run run;
    if (!open_text(COMMON "local: {lr: 0.1, batch: 4}\nserver: {lr: 0}\ntransforms: [{name: "
                          "momentum, beta: 0.5}]",
                   &experiment, &run))
        return;
    const size_t n = co_model_size(run.model);
    float *own = co_calloc(30 * n, sizeof *own);
    bool took_part[30] = {false};
    const co_work *train = co_work_find("train");
    co_request with = {.version = run.exchange.model, .lr = 0.1};
    for (with.step = 1; with.step <= 4; with.step++) {
        co_planner_make(experiment.planner, run.planner, &(co_clock){.step = with.step}, &run.plan);
        for (size_t k = 0; k < run.plan.n; k++) {
            co_plan_row *row = &run.plan.row[k];
            float *const state[1] = {own + (size_t)row->device * n};
            co_workplace fresh;
            void *self;
            co_given given;
            if (row->outcome == CO_EMPTY) continue;
            CHECK(co_workplace_init(&fresh, &experiment, run.model, &run.population) == CO_OK);
            CHECK(train->create(&fresh, &self) == CO_OK);
            with.state = state;
            CHECK(train->perform(self, &with, row, &given) == CO_OK);
            co_contribution c = {.n = n,
                                 .factor = 1.0,
                                 .update = given.piece[0].value,
                                 .norm = row->update_norm,
                                 .weight = row->weight,
                                 .coefficient = row->coefficient};
            CHECK(co_chain_forward(&run.chain, with.step, row->device, &c, state));
            took_part[row->device] = true;
            train->destroy(self);
            co_workplace_fini(&fresh);
        }
    }
    for (int64_t device = comm.rank; device < 30; device += comm.size) {
        const float *kept = run.state.home[device / comm.size];
        CHECK((kept != NULL) == took_part[device]);
        if (kept) CHECK(memcmp(kept, own + (size_t)device * n, n * sizeof *kept) == 0);
    }
    co_free(own);
    close_run(&experiment, &run);
}

/* Accuracy on the test split after training with these words. */
static double accuracy_of(const char *words)
{
    co_experiment experiment;
    co_run run;
    char *text = co_format(
        "name: attack\nrounds: 12\npartition: {method: iid, devices: 15}\nmodel: {name: softmax}\n"
        "local: {lr: 0.05}\neval: {every: 12}\n%s",
        words);
    double accuracy = NAN;
    if (open_text(text, &experiment, &run)) {
        double loss;
        if (comm.rank == 0) co_record_newest(&run.record, &loss, &accuracy);
        MPI_Bcast(&accuracy, 1, MPI_DOUBLE, 0, comm.world);
        close_run(&experiment, &run);
    }
    co_free(text);
    return accuracy;
}

/* Attacks wreck what they are meant to wreck, and a rule that holds against them holds. */
static void attacks_do_what_they_say(void)
{
    const double calm = accuracy_of("devices: {per_round: 15}");
    CHECK(calm > 0.75);
    CHECK(accuracy_of("devices: {per_round: 15, attack: sign_flip, attackers: 5}") < calm - 0.2);
    CHECK(accuracy_of("devices: {per_round: 15, attack: sign_flip, attackers: 5}\naggregate: "
                      "{rule: median}") > calm - 0.1);
    CHECK(accuracy_of("devices: {per_round: 15, attack: gaussian, attackers: 1}") < calm - 0.2);
    CHECK(accuracy_of("devices: {per_round: 15, attack: gaussian, attackers: 1}\naggregate: {rule: "
                      "krum, f: 1}") > calm - 0.1);
    CHECK(accuracy_of("devices: {per_round: 15, attack: ipm, epsilon: 5, attackers: 5}") <
          calm - 0.2);
    CHECK(accuracy_of("devices: {per_round: 15, attack: alie, z: 30, attackers: 5}") < calm - 0.2);
    CHECK(accuracy_of("devices: {per_round: 15, attack: label_flip, attackers: 15}") < 0.2);
    CHECK(accuracy_of("devices: {per_round: 15, attack: bit_flip, attackers: 15}") < 0.2);
}

/* A work that has trained other devices gives the update that a new one gives. */
static void nothing_of_one_device_reaches_the_next(void)
{
    co_experiment experiment;
    co_run run;
    if (!open_text(COMMON "local: {lr: 0.1, momentum: 0.9, epochs: 3, batch: 4}", &experiment,
                   &run))
        return;
    const size_t n = co_model_size(run.model);
    float *alone = co_malloc(n, sizeof *alone);
    const co_request with = {.version = run.exchange.model, .step = 7, .lr = 0.1};
    const co_work *train = co_work_find("train");
    void *used = run.works.self[co_work_index("train")];
    co_given given;
    for (int64_t device = 0; device < 8; device++) {
        co_workplace fresh;
        void *self;
        co_plan_row row = {.device = device,
                           .n_examples = co_population_examples(&run.population, device)};
        if (row.n_examples == 0) continue;
        row.n_steps = 3 * ((row.n_examples + 3) / 4);
        CHECK(co_workplace_init(&fresh, &experiment, run.model, &run.population) == CO_OK);
        CHECK(train->create(&fresh, &self) == CO_OK);
        CHECK(train->perform(self, &with, &row, &given) == CO_OK);
        memcpy(alone, given.piece[0].value, n * sizeof *alone);
        train->destroy(self);
        co_workplace_fini(&fresh);
        CHECK(train->perform(used, &with, &row, &given) == CO_OK);
        CHECK(memcmp(alone, given.piece[0].value, n * sizeof *alone) == 0);
        CHECK(co_vector_norm(given.piece[0].value, n) > 0.0);
    }
    co_free(alone);
    close_run(&experiment, &run);
}

/* Frozen tensors stay as they were drawn, whatever pulls at them. */
static void frozen_tensors_do_not_move(void)
{
    co_experiment experiment;
    co_run run;
    if (!open_text("name: frozen\nrounds: 3\npartition: {method: iid, devices: 6}\ndevices: "
                   "{per_round: 4}\n"
                   "model: {layers: [{dense: 20}, relu, {dense: classes}], freeze: [0.weight]}\n"
                   "local: {lr: 0.1, weight_decay: 0.1, momentum: 0.5}\nserver: {weight_decay: "
                   "0.1}\neval: {every: 0}",
                   &experiment, &run))
        return;
    const size_t n = co_model_size(run.model);
    size_t n_tensors;
    const co_tensor *tensor = co_model_tensors(run.model, &n_tensors);
    float *w = co_malloc(n, sizeof *w);
    co_model_init(run.model, (uint64_t)experiment.seed, w);
    CHECK(memcmp(w, run.exchange.model, tensor[0].size * sizeof *w) == 0);
    CHECK(memcmp(w + tensor[0].size, run.exchange.model + tensor[0].size,
                 tensor[1].size * sizeof *w) != 0);
    co_free(w);
    close_run(&experiment, &run);
}

/* While a device trains, too: what it computes with does not decay. */
static void frozen_tensors_do_not_decay(void)
{
    co_experiment experiment;
    co_run run;
    if (!open_text("name: frozen\nrounds: 1\npartition: {method: iid, devices: 1}\ndevices: "
                   "{per_round: 1}\nmodel: {layers: [{dense: 2100}, tanh, {dense: classes}], "
                   "freeze: [0.weight, 2.bias]}\nlocal: {lr: 0.1, batch: 0, epochs: 5, "
                   "weight_decay: 2}\neval: {every: 0}",
                   &experiment, &run))
        return;
    const size_t n = co_model_size(run.model);
    float *w = co_malloc(n, sizeof *w);
    CHECK(co_model_layout(run.model)->n < n);
    descend(&run, 0.1, 2.0, w);
    CHECK(relative_distance(run.exchange.model, w, n) < 1e-6);
    co_free(w);
    close_run(&experiment, &run);
}

static co_status train_alone(co_run *run, const co_request *with, co_plan_row *row, float *update)
{
    const co_work *train = co_work_find("train");
    co_workplace fresh;
    void *self = NULL;
    co_given given;
    co_status st = co_workplace_init(&fresh, run->experiment, run->model, &run->population);
    if (st == CO_OK) st = train->create(&fresh, &self);
    if (st == CO_OK) st = train->perform(self, with, row, &given);
    if (st == CO_OK)
        memcpy(update, given.piece[0].value, co_model_size(run->model) * sizeof *update);
    train->destroy(self);
    co_workplace_fini(&fresh);
    return st;
}

/* A device goes on from its own values of a personal tensor, and sends nothing of them. */
static void personal_tensors_stay_with_the_device(void)
{
    co_experiment experiment;
    co_run run;
    if (!open_text(COMMON "local: {lr: 0.1, momentum: 0.5, batch: 4}", &experiment, &run)) return;
    const size_t n = co_model_size(run.model);
    size_t n_tensors;
    const co_tensor own = co_model_tensors(run.model, &n_tensors)[1];
    float *block = co_calloc(5 * n, sizeof *block), *kept = block, *update = block + n,
          *again = update + n, *whole = again + n, *model = whole + n, *const state[1] = {kept};
    memcpy(model, run.exchange.model, n * sizeof *model);
    co_request with = {.version = model, .state = state, .step = 3, .lr = 0.1};
    co_plan_row row = {.device = 0};
    while (co_population_examples(&run.population, row.device) < 8) row.device++;
    row.n_examples = co_population_examples(&run.population, row.device);
    row.n_steps = 2;
    CHECK(co_model_set_role(run.model, own.name, CO_PERSONAL) == CO_OK);
    CHECK(train_alone(&run, &with, &row, update) == CO_OK);
    size_t n_sent = 0, n_kept = 0;
    for (size_t j = own.offset; j < own.offset + own.size; j++) {
        n_sent += update[j] != 0.0f;
        n_kept += kept[j] != 0.0f;
        model[j] += kept[j]; /* for the comparison below */
    }
    CHECK(n_sent == 0 && n_kept > 0 && kept[0] == 0.0f && co_vector_norm(update, n) > 0.0);
    with.version = run.exchange.model;
    with.step = 4;
    CHECK(train_alone(&run, &with, &row, again) == CO_OK);
    CHECK(co_model_set_role(run.model, own.name, CO_SHARED) == CO_OK);
    with.version = model;
    CHECK(train_alone(&run, &with, &row, whole) == CO_OK);
    size_t n_wrong = 0;
    for (size_t j = 0; j < n; j++)
        n_wrong += again[j] != (j < own.offset || j >= own.offset + own.size ? whole[j] : 0.0f);
    CHECK(n_wrong == 0);
    co_free(block);
    close_run(&experiment, &run);
}

/* What a rule adds to its common vector has no part in a personal tensor either. */
static void personal_tensors_stay_out_of_the_bank(void)
{
    co_experiment experiment;
    co_run run;
    if (!open_text(COMMON "algorithm: scaffold\nlocal: {lr: 0.1, batch: 4}", &experiment, &run))
        return;
    const co_work *train = co_work_find("train");
    const size_t n = co_model_size(run.model);
    size_t n_tensors, n_inside = 0, n_outside = 0;
    const co_tensor own = co_model_tensors(run.model, &n_tensors)[1];
    float *block = co_calloc(3 * n, sizeof *block),
          *const state[2] = {block, block + n}; /* the rule's, then what is personal */
    const co_request with = {.version = run.exchange.model,
                             .beside = block + 2 * n,
                             .state = state,
                             .step = 3,
                             .lr = 0.1};
    co_plan_row row = {.device = 0, .n_steps = 2};
    while (co_population_examples(&run.population, row.device) < 8) row.device++;
    row.n_examples = co_population_examples(&run.population, row.device);
    co_workplace fresh;
    void *self = NULL;
    co_given given;
    CHECK(co_model_set_role(run.model, own.name, CO_PERSONAL) == CO_OK);
    CHECK(co_workplace_init(&fresh, &experiment, run.model, &run.population) == CO_OK);
    CHECK(train->create(&fresh, &self) == CO_OK);
    CHECK(train->perform(self, &with, &row, &given) == CO_OK && given.n_pieces == 2);
    for (size_t j = 0; j < n; j++)
        *(j - own.offset < own.size ? &n_inside : &n_outside) += given.piece[1].value[j] != 0.0f;
    CHECK(n_inside == 0 && n_outside > 0);
    train->destroy(self);
    co_workplace_fini(&fresh);
    co_free(block);
    CHECK(co_model_set_role(run.model, own.name, CO_SHARED) == CO_OK);
    close_run(&experiment, &run);
}

/* Examples of class 0 are scaled by `factor`, so that the devices of shards with class 0 alone go
 * wrong. */
static void spoil(const char *path, float factor)
{
    co_dataset data = {0};
    CHECK(co_dataset_read(path, &data) == CO_OK);
    for (int64_t i = 0; i < data.n; i++)
        if (data.y[i] == 0)
            for (size_t f = 0; f < data.x_size; f++)
                ((float *)data.x)[(size_t)i * data.x_size + f] = factor;
    CHECK(co_dataset_write(&data, path, 1, "test: spoiled\n") == CO_OK);
    co_dataset_fini(&data);
}

#define SPOILED                                                                                    \
    "name: spoiled\nrounds: 2\npartition: {method: shards, devices: 8, shards_per_device: 1}\n"    \
    "model: {layers: [{dense: 8}, {dense: classes}]}\ndevices: {per_round: 8}\neval: {every: "     \
    "0}\nlocal: {lr: 0.1}"

static int64_t count_states(const co_run *run)
{
    int64_t n = 0;
    for (int64_t device = comm.rank; device < run->population.n_devices; device += comm.size)
        n += run->state.home[device / comm.size] != NULL;
    MPI_Allreduce(MPI_IN_PLACE, &n, 1, MPI_INT64_T, MPI_SUM, comm.world);
    return n;
}

static void bad_updates_are_counted(void)
{
    co_experiment experiment;
    co_run run;
    if (comm.rank == 0) spoil(blobs, 3e38f);
    MPI_Barrier(comm.world);
    if (open_text(SPOILED, &experiment, &run)) {
        if (comm.rank == 0) {
            CHECK(of_round(&run, 0, "n_nonfinite") >= 1.0 &&
                  of_round(&run, 0, "n_nonfinite") <= 3.0);
            CHECK(of_round(&run, 0, "n_reported") == 8.0 - of_round(&run, 0, "n_nonfinite"));
            CHECK(isfinite(of_round(&run, 1, "train_loss")) &&
                  isfinite(of_round(&run, 1, "update_norm")));
        }
        close_run(&experiment, &run);
    }
    if (open_text(SPOILED "\nalgorithm: scaffold", &experiment, &run)) {
        const int64_t n_kept = count_states(&run); /* what a diverged device learned is not kept */
        if (comm.rank == 0) CHECK((double)n_kept == of_round(&run, 0, "n_reported") && n_kept < 8);
        CHECK(co_vector_finite(co_bank_read(&run.bank, CO_INTO_RULE), co_model_size(run.model)));
        close_run(&experiment, &run);
    }
    if (comm.rank == 0) spoil(blobs, 1e15f);
    MPI_Barrier(comm.world);
    if (open_text("name: attack\nrounds: 1\npartition: {method: shards, devices: 8, "
                  "shards_per_device: 1}\n"
                  "model: {name: softmax}\ndevices: {per_round: 8}\neval: {every: 0}\n"
                  "local: {lr: 0.1, steps: 1, batch: 0}",
                  &experiment, &run)) {
        if (comm.rank == 0) {
            CHECK(of_round(&run, 0, "n_saturated") >= 1.0 &&
                  of_round(&run, 0, "n_nonfinite") == 0.0);
            CHECK(of_round(&run, 0, "update_norm") >
                  1000.0); /* cut to the bound, it still wrecks a plain mean */
        }
        close_run(&experiment, &run);
    }
}

int main(int argc, char **argv)
{
    harness_start(&argc, &argv);
    setenv("COHORT_PROGRESS", "off", 1);
    CHECK(co_comm_init(&comm) == CO_OK);
    if (comm.rank == 0) {
        snprintf(blobs, sizeof blobs, "%s", scratch_file("laws.h5"));
        snprintf(out, sizeof out, "%s", scratch_file("laws"));
        CHECK(write_blobs(blobs, 600, 10, 4, 5) == CO_OK);
    }
    MPI_Bcast(blobs, sizeof blobs, MPI_CHAR, 0, comm.world);
    MPI_Bcast(out, sizeof out, MPI_CHAR, 0, comm.world);
    one_device_with_all_data_is_gradient_descent();
    all_devices_in_one_step_are_gradient_descent();
    special_cases_are_fedavg();
    limits_of_the_algorithms_are_fedavg();
    state_of_a_device_is_its_own();
    attacks_do_what_they_say();
    nothing_of_one_device_reaches_the_next();
    frozen_tensors_do_not_move();
    frozen_tensors_do_not_decay();
    personal_tensors_stay_with_the_device();
    personal_tensors_stay_out_of_the_bank();
    bad_updates_are_counted();
    MPI_Barrier(comm.world);
    if (comm.rank == 0) {
        co_output_remove(out);
        rmdir(out);
        unlink(blobs);
    }
    co_comm_fini(&comm);
    CHECK(co_memory_blocks() == 0);
    return harness_end();
}
