/* Every work of the list under the same laws; new members join by themselves. */
#include "core/vector.h"
#include "sim/work/work.h"
#include "tests/kinds/drawn_population.h"
#include "tests/kinds/options.h"
#include <math.h>

enum { MOST = 400 };

#define EACH_MEMBER(member)                                                                        \
    for (const co_plugin *const *at_ = co_kind_work.members; *at_; at_++)                          \
        for (const co_work *member = co_work_find((*at_)->name); member; member = NULL)

typedef struct {
    const co_work *member;
    co_experiment experiment;
    co_population population;
    co_model *model;
    co_workplace place;
    void *self;
    float version[MOST], beside[MOST], state[2][MOST], *slot[2];
} bench;

static void open_bench(bench *b, const co_work *member, const char *more)
{
    *b = (bench){.member = member};
    drawn_open(more, &b->experiment, &b->population);
    cr_assert_eq(co_model_create(&b->experiment.model, &b->population.shape, &b->population.labels,
                                 co_task_find("classification"), &b->model),
                 CO_OK);
    cr_assert(co_model_size(b->model) <= MOST);
    cr_assert_eq(co_workplace_init(&b->place, &b->experiment, b->model, &b->population), CO_OK);
    cr_assert_eq(member->create(&b->place, &b->self), CO_OK);
    co_model_init(b->model, 5, b->version);
    for (int k = 0; k < 2; k++) b->slot[k] = b->state[k];
}

static void close_bench(bench *b)
{
    b->member->destroy(b->self);
    co_workplace_fini(&b->place);
    co_model_destroy(b->model);
    drawn_close(&b->experiment, &b->population);
    cr_expect_eq(co_memory_blocks(), 0);
}

static co_plan_row row_of(const bench *b, int64_t device)
{
    const int64_t n = co_population_examples(&b->population, device);
    return (co_plan_row){.device = device,
                         .n_examples = n,
                         .n_steps = (n + 9) / 10,
                         .weight = 1.0,
                         .coefficient = 0.25,
                         .outcome = CO_REPORTED,
                         .loss = NAN,
                         .update_norm = NAN,
                         .loss_before = NAN};
}

static void ask(bench *b, int64_t device, const co_sum_slice *slice, co_plan_row *row,
                co_given *given)
{
    const co_request with = {.step = 3,
                             .lr = 0.1,
                             .version = b->version,
                             .beside = b->beside,
                             .state = b->slot,
                             .slice = slice,
                             .n_slices = 1};
    *row = row_of(b, device);
    memset(b->state, 0, sizeof b->state);
    cr_assert_eq(b->member->perform(b->self, &with, row, given), CO_OK, "%s: %s", b->member->name,
                 co_status_message());
}

#define PLAIN "model: {name: softmax}\ndevices: {per_round: 7}\nlocal: {momentum: 0.9}\n"
#define SCAFFOLD "model: {name: softmax}\ndevices: {per_round: 7}\nalgorithm: scaffold\n"

Test(work, gives_spans_of_known_vectors_and_finite_sums)
{
    static const char *const texts[] = {PLAIN, SCAFFOLD};
    EACH_MEMBER(member)
    for (int t = 0; t < 2; t++) {
        static bench b;
        co_plan_row row;
        co_given given;
        open_bench(&b, member, texts[t]);
        const size_t n = co_model_size(b.model);
        float before[MOST];
        memcpy(before, b.version, sizeof before);
        ask(&b, 4, NULL, &row, &given);
        cr_expect(given.n_pieces <= CO_MAX_PIECES);
        for (size_t k = 0; k < given.n_pieces; k++) {
            const co_piece *piece = &given.piece[k];
            cr_expect(piece->first + piece->n <= n && !piece->is_added, "%s", member->name);
            cr_expect(piece->into == (k == 0 ? CO_INTO_MODEL : CO_INTO_RULE), "%s", member->name);
            cr_expect(co_vector_finite(piece->value, piece->n), "%s", member->name);
            cr_expect(co_vector_norm(piece->value, piece->n) > 0.0, "%s", member->name);
        }
        for (size_t k = 0; k < b.place.n_sums; k++) cr_expect(isfinite(given.sums[k]));
        cr_expect(co_task_mean_loss(given.sums) > 0.0 && given.term >= 0.0, "%s", member->name);
        cr_expect_eq(row.outcome, CO_REPORTED);
        cr_expect_arr_eq(before, b.version, sizeof before, "%s: the received model", member->name);
        close_bench(&b);
    }
}

/* What a device gives does not depend on the devices before it, nor on what was done before. */
Test(work, nothing_of_one_device_is_left_for_the_next)
{
    static const char *const texts[] = {PLAIN, SCAFFOLD};
    EACH_MEMBER(member)
    for (int t = 0; t < 2; t++) {
        static bench b;
        co_plan_row row;
        co_given given;
        float value[CO_MAX_PIECES][MOST];
        double sums[64];
        open_bench(&b, member, texts[t]);
        cr_assert(b.place.n_sums <= 64);
        ask(&b, 4, NULL, &row, &given);
        const size_t n_pieces = given.n_pieces;
        for (size_t k = 0; k < n_pieces; k++)
            memcpy(value[k], given.piece[k].value, given.piece[k].n * sizeof(float));
        memcpy(sums, given.sums, b.place.n_sums * sizeof *sums);
        for (int64_t device = 0; device < 8; device++) ask(&b, device, NULL, &row, &given);
        cr_expect(memcmp(sums, given.sums, b.place.n_sums * sizeof *sums) != 0,
                  "%s: device 7 gives what device 4 gave", member->name);
        ask(&b, 4, NULL, &row, &given);
        cr_assert_eq(given.n_pieces, n_pieces);
        for (size_t k = 0; k < n_pieces; k++)
            cr_expect_arr_eq(value[k], given.piece[k].value, given.piece[k].n * sizeof(float),
                             "%s: piece %zu", member->name, k);
        cr_expect_arr_eq(sums, given.sums, b.place.n_sums * sizeof *sums, "%s", member->name);
        close_bench(&b);
    }
}

/* Bytes are those of what travels, in as many vectors as are given. */
Test(work, bytes_are_of_what_travels)
{
    static const char *const texts[] = {
        PLAIN, SCAFFOLD, "model: {name: softmax, freeze: [1.bias]}\ndevices: {per_round: 7}\n"};
    EACH_MEMBER(member)
    for (int t = 0; t < 3; t++) {
        static bench b;
        co_plan_row row;
        co_given given;
        int64_t down = 0, up = 0;
        open_bench(&b, member, texts[t]);
        ask(&b, 4, NULL, &row, &given);
        if (member->traffic) member->traffic(b.self, &down, &up);
        const int64_t each = 4 * (t == 2 ? 8 * 4 : 8 * 4 + 4);
        cr_expect(up == each * (int64_t)given.n_pieces, "%s: %lld", member->name, (long long)up);
        cr_expect(down == up, "%s: %lld", member->name, (long long)down);
        for (size_t j = 32; t == 2 && given.n_pieces && j < 36; j++)
            cr_expect_eq(given.piece[0].value[j], 0.0f, "%s: a frozen coordinate", member->name);
        close_bench(&b);
    }
}

/* What is added to sums on the way is what the caller would add. */
Test(work, sums_on_the_way_are_those_of_the_update)
{
    EACH_MEMBER(member)
    {
        static bench b;
        co_plan_row row;
        co_given given;
        int64_t want[MOST] = {0}, sum[MOST] = {0};
        open_bench(&b, member, PLAIN);
        const size_t n = co_model_size(b.model);
        ask(&b, 4, NULL, &row, &given);
        if (given.n_pieces) co_exact_add(want, given.piece[0].value, n, row.coefficient);
        const double norm = row.update_norm;
        ask(&b, 4, &(co_sum_slice){.sum = sum, .n = n}, &row, &given);
        if (!given.n_pieces || !given.piece[0].is_added) memcpy(sum, want, sizeof sum);
        cr_expect_arr_eq(sum, want, sizeof sum, "%s", member->name);
        cr_expect(row.update_norm == norm || (isnan(norm) && isnan(row.update_norm)));
        close_bench(&b);
    }
}

/* A version that is no number gives nothing that is kept. */
Test(work, what_is_not_finite_is_said)
{
    EACH_MEMBER(member)
    {
        static bench b;
        co_plan_row row;
        co_given given;
        open_bench(&b, member, PLAIN);
        b.version[3] = NAN;
        ask(&b, 4, NULL, &row, &given);
        cr_expect(given.n_pieces == 0 || row.outcome == CO_NONFINITE, "%s", member->name);
        cr_expect(given.n_pieces > 0 || !isfinite(co_task_mean_loss(given.sums)), "%s",
                  member->name);
        close_bench(&b);
    }
}

Test(work, members_have_texts)
{
    EACH_MEMBER(member) test_option_texts((const co_plugin *)member, NULL);
}

/* ---- how a device trains ---- */

/* The update of device 4 after so many steps; false when the parts cannot go together. */
static bool train(const char *rule, const char *optimizer, const char *more, int64_t n_steps,
                  float *update)
{
    static bench b;
    char text[400];
    co_given given;
    const co_rule *half = co_rule_find(rule);
    snprintf(text, sizeof text,
             "model: {layers: [{dense: 7}, tanh, {dense: classes}]}\ndevices: {per_round: 7}\n"
             "local: {rule: %s, optimizer: %s, %s}\naggregate: {rule: %s}\n",
             rule, optimizer, more, half->partner ? half->partner : "mean");
    b = (bench){.member = co_work_find("train")};
    drawn_open(text, &b.experiment, &b.population);
    cr_assert_eq(co_model_create(&b.experiment.model, &b.population.shape, &b.population.labels,
                                 co_task_find("classification"), &b.model),
                 CO_OK);
    cr_assert_eq(co_workplace_init(&b.place, &b.experiment, b.model, &b.population), CO_OK);
    const bool good = b.member->create(&b.place, &b.self) == CO_OK;
    if (good) {
        const size_t n = co_model_size(b.model);
        cr_assert(n <= MOST);
        co_model_init(b.model, 5, b.version);
        test_fill(3, n, 0.01f, b.beside);
        for (int k = 0; k < 2; k++) b.slot[k] = b.state[k];
        for (int k = 0; k < 2; k++) test_fill(4 + (uint64_t)k, n, 0.01f, b.state[k]);
        co_plan_row row = row_of(&b, 4);
        cr_assert_gt(row.n_examples, 24); /* several steps an epoch, the last one a short one */
        cr_assert_neq(row.n_examples % 12, 0);
        row.n_steps = n_steps;
        const co_request with = {
            .step = 3, .lr = 0.02, .version = b.version, .beside = b.beside, .state = b.slot};
        cr_assert_eq(b.member->perform(b.self, &with, &row, &given), CO_OK);
        memset(update, 0, MOST * sizeof *update);
        memcpy(update, given.piece[0].value, n * sizeof *update);
    }
    close_bench(&b);
    return good;
}

static double distance(const float *a, const float *b)
{
    double sum = 0.0, whole = 0.0;
    for (size_t j = 0; j < MOST; j++) {
        sum += (double)(a[j] - b[j]) * (double)(a[j] - b[j]);
        whole += (double)b[j] * (double)b[j];
    }
    return sqrt(sum / whole);
}

Test(work, accumulated_batches_are_one_large_batch)
{
    static float whole[MOST], parts[MOST], other[MOST];
    int n_pairs = 0;
    for (const co_plugin *const *r = co_kind_local_rule.members; *r; r++)
        for (const co_plugin *const *o = co_kind_optimizer.members; *o; o++) {
            const char *rule = (*r)->name, *optimizer = (*o)->name;
            if (!train(rule, optimizer, "weight_decay: 0.1, batch: 12", 11, whole)) continue;
            cr_assert(
                train(rule, optimizer, "weight_decay: 0.1, batch: 4, accumulate: 3", 11, parts));
            cr_assert(train(rule, optimizer, "weight_decay: 0.1, batch: 4", 11, other));
            cr_expect_lt(distance(parts, whole), 2e-5, "%s %s: %g", rule, optimizer,
                         distance(parts, whole));
            cr_expect_gt(distance(other, whole), 1e-3, "%s %s", rule, optimizer);
            n_pairs++;
        }
    cr_expect_geq(n_pairs, 15);
}

/* Momentum, clipping and the schedule go by whole steps too. */
Test(work, what_is_counted_in_steps_does_not_see_the_batches_of_one)
{
    static float whole[MOST], parts[MOST];
    static const char *const more[] = {"momentum: 0.9, clip_grad: 0.3",
                                       "nesterov: true, momentum: 0.5, weight_decay: 0.1, "
                                       "step_schedule: {name: cosine, warmup: 0.3}"};
    for (int k = 0; k < 2; k++) {
        char words[200];
        snprintf(words, sizeof words, "%s, batch: 12", more[k]);
        cr_assert(train("sgd", "sgd", words, 11, whole));
        snprintf(words, sizeof words, "%s, batch: 4, accumulate: 3", more[k]);
        cr_assert(train("sgd", "sgd", words, 11, parts));
        cr_expect_lt(distance(parts, whole), 1e-5, "%s: %g", more[k], distance(parts, whole));
    }
}

/* After one step, to the bit: biases as without decay, the rest as with it. */
Test(work, tensors_of_no_decay_have_none)
{
    static float with[MOST], without[MOST], both[MOST];
    for (const co_plugin *const *o = co_kind_optimizer.members; *o; o++) {
        cr_assert(train("sgd", (*o)->name, "weight_decay: 0.3", 1, with));
        cr_assert(train("sgd", (*o)->name, "weight_decay: 0", 1, without));
        cr_assert(train("sgd", (*o)->name, "weight_decay: 0.3, no_decay: ['*.bias']", 1, both));
        for (size_t j = 0; j < 8 * 7 + 7 + 7 * 4 + 4; j++) {
            const bool bias = (j >= 56 && j < 63) || j >= 91;
            cr_expect_eq(both[j], (bias ? without : with)[j], "%s: %zu", (*o)->name, j);
        }
        cr_expect_neq(memcmp(with, without, sizeof with), 0, "%s", (*o)->name);
        cr_assert(train("sgd", (*o)->name, "weight_decay: 0.3", 5, with));
        cr_assert(train("sgd", (*o)->name, "weight_decay: 0.3, no_decay: []", 5, both));
        cr_expect_arr_eq(with, both, sizeof with, "%s", (*o)->name);
        cr_assert(train("sgd", (*o)->name, "weight_decay: 0", 5, without));
        cr_assert(train("sgd", (*o)->name, "weight_decay: 0.3, no_decay: ['*']", 5, both));
        cr_expect_arr_eq(without, both, sizeof with, "%s", (*o)->name);
    }
    cr_expect_not(train("sgd", "adamw", "no_decay: ['*.bias', 'LayerNorm*']", 1, both));
    cr_expect(strstr(co_status_message(), "LayerNorm*"), "%s", co_status_message());
    cr_expect_not(train("scaffold", "sgd", "weight_decay: 0.1, no_decay: ['*.bias']", 1, both));
    cr_expect(strstr(co_status_message(), "no_decay"), "%s", co_status_message());
}
