/* sim/work/trainer.c - the loop of local training.
 * Each epoch reshuffles (keyed by round, device, epoch); the short last batch is kept; the loss is
 * the batch's mean; `steps` draws on over reshuffled epochs. max_examples trains on a keyed subset
 * of the device's examples. Source: McMahan et al., AISTATS 2017, arXiv:1602.05629, Algorithm 1,
 * ClientUpdate. */
#include "sim/work/trainer.h"
#include "core/memory.h"
#include "core/vector.h"
#include "sim/watch.h"
#include <math.h>
#include <string.h>

/* Rows of a batch that room is made for at once; longer ones when they come. */
enum { FIRST_ROWS = 4096 };

struct co_trainer {
    const co_experiment *experiment;
    const co_model *model;
    co_workspace *workspace;
    void *rule, *optimizer;
    bool fused; /* nothing needs the gradient: the step is part of the backward pass */
    const co_layout *layout;
    size_t n, n_slots, batch, most_rows, n_index; /* n: floats of what is trained */
    uint64_t seed;
    float *local, *grad, *slots;
    float *global;       /* [n] of the model, where some blocks of it are not trained; else NULL */
    const float *frozen; /* the whole model of the device at hand, where `global` is; else NULL */
    float *change, *anchor; /* [n] or empty, as the rule needs */
    bool needs_anchor, needs_reach;
    size_t n_rule_states; /* behind them stands what is personal */
    double *sums;         /* of a pass that only measures */
    size_t n_sums;
    float *slot[4];
    int64_t *index, *subset, *scratch; /* order of the examples; the subset of max_examples */
    co_examples examples;
};

static co_status create_members(co_trainer *t)
{
    const co_experiment *e = t->experiment;
    if (e->rule->create) CO_TRY(e->rule->create(&e->local, &t->rule));
    if (e->optimizer->create) CO_TRY(e->optimizer->create(&e->local, &t->optimizer));
    t->n_slots = e->optimizer->n_slots;
    if (e->optimizer->needs_slots && !e->optimizer->needs_slots(t->optimizer)) t->n_slots = 0;
    t->fused = !e->rule->adjust && e->local_keys.clip_grad == 0.0 && e->optimizer->is_plain &&
               e->optimizer->is_plain(t->optimizer);
    CO_ASSERT(t->n_slots <= sizeof t->slot / sizeof *t->slot);
    t->needs_anchor = e->rule->needs_anchor && e->rule->needs_anchor(t->rule);
    const bool linear = e->rule->needs_linear && e->rule->needs_linear(t->rule);
    if ((linear || e->aggregator->needs_reach) && !e->optimizer->linear)
        return co_config_fail(&e->local, co_config_node(&e->local, "optimizer"),
                              "%s %s weighs the devices' gradients by the steps made, which only "
                              "works with sgd, not %s",
                              linear ? "local.rule" : "aggregate.rule",
                              linear ? e->rule->name : e->aggregator->name, e->optimizer->name);
    if (e->aggregator->needs_reach && !e->rule->linear)
        return co_config_fail(
            &e->local, co_config_node(&e->local, "rule"),
            "aggregate.rule %s needs updates that are sums of gradients: sgd or prox, not %s",
            e->aggregator->name, e->rule->name);
    if (e->attack->flips_labels && strcmp(co_model_task(t->model)->name, "classification") != 0)
        return co_config_fail(&e->devices, co_config_node(&e->devices, "attack"),
                              "%s needs classes; the task is %s", e->attack->name,
                              co_model_task(t->model)->name);
    while (e->rule->slots && e->rule->slots[t->n_rule_states]) t->n_rule_states++;
    t->needs_reach = linear || e->aggregator->needs_reach;
    return CO_OK;
}

/* Room for devices of up to `capacity` examples: their order, and one batch. */
static co_status reserve(co_trainer *t, size_t capacity)
{
    const co_experiment *e = t->experiment;
    if (capacity <= t->n_index) return CO_OK;
    size_t batch = (size_t)e->local_keys.batch;
    if (batch == 0 || batch > capacity) batch = capacity;
    const size_t most = (size_t)e->local_keys.max_examples;
    co_free(t->index);
    co_free(t->subset);
    co_free(t->scratch);
    t->n_index = 0;
    t->index = co_malloc(capacity, sizeof *t->index);
    t->subset = co_malloc(most < capacity ? most : capacity, sizeof *t->subset);
    t->scratch =
        co_malloc(co_draw_subset_scratch(most < capacity ? most : capacity), sizeof *t->scratch);
    if (!t->index || !t->subset || !t->scratch)
        return CO_FAIL(CO_ENOMEM, "no memory for a device of %zu examples", capacity);
    if (batch > t->batch) {
        size_t rows = batch;
        if (t->most_rows > 1)
            rows = batch < FIRST_ROWS / t->most_rows ? batch * t->most_rows : FIRST_ROWS;
        if (!t->workspace)
            CO_TRY(co_workspace_create(t->model, batch, rows, &t->workspace));
        else
            CO_TRY(co_workspace_reserve(t->workspace, batch, rows));
        t->batch = batch;
    }
    t->n_index = capacity;
    return CO_OK;
}

/* Parameters and gradients are shorter than the model. */
static bool has_parts(const co_trainer *t)
{
    return t->n < t->layout->whole;
}

co_status co_trainer_create(const co_experiment *e, const co_model *model, int64_t capacity,
                            size_t most_rows, co_trainer **trainer)
{
    co_trainer *t = co_calloc(1, sizeof *t);
    if (!t) return CO_FAIL(CO_ENOMEM, "trainer");
    *t = (co_trainer){.experiment = e,
                      .model = model,
                      .layout = co_model_layout(model),
                      .n = co_model_layout(model)->n,
                      .seed = (uint64_t)e->seed,
                      .most_rows = most_rows};
    co_status st = create_members(t);
    if (st == CO_OK) {
        t->local = co_malloc(t->n, sizeof *t->local);
        t->grad = co_calloc(t->layout->n_grad, sizeof *t->grad);
        t->global = co_malloc(has_parts(t) ? t->n : 0, sizeof *t->global);
        t->slots = co_malloc(t->n_slots * t->n, sizeof *t->slots);
        t->change = co_malloc(e->rule->shared ? t->n : 0, sizeof *t->change);
        t->anchor = co_malloc(t->needs_anchor ? t->n : 0, sizeof *t->anchor);
        t->n_sums = co_model_task(model)->n_sums(co_model_n_classes(model));
        t->sums = co_malloc(t->n_sums, sizeof *t->sums);
        if (!t->local || !t->grad || !t->global || !t->slots || !t->change || !t->anchor ||
            !t->sums)
            st = CO_FAIL(CO_ENOMEM, "no memory to train a model of %zu parameters", t->n);
        for (size_t k = 0; st == CO_OK && k < t->n_slots; k++) t->slot[k] = t->slots + k * t->n;
    }
    if (st == CO_OK) st = reserve(t, capacity > 0 ? (size_t)capacity : 1);
    if (st != CO_OK) {
        co_trainer_destroy(t);
        return st;
    }
    *trainer = t;
    return CO_OK;
}

void co_trainer_destroy(co_trainer *t)
{
    if (!t) return;
    const co_experiment *e = t->experiment;
    if (e->rule->destroy) e->rule->destroy(t->rule);
    if (e->optimizer->destroy) e->optimizer->destroy(t->optimizer);
    co_workspace_destroy(t->workspace);
    co_free(t->local);
    co_free(t->grad);
    co_free(t->global);
    co_free(t->slots);
    co_free(t->change);
    co_free(t->anchor);
    co_free(t->sums);
    co_free(t->index);
    co_free(t->subset);
    co_free(t->scratch);
    co_examples_fini(&t->examples);
    co_free(t);
}

size_t co_trainer_bytes(const co_trainer *t, size_t all_rows)
{
    const size_t longest = t->batch * t->most_rows, rows = longest < all_rows ? longest : all_rows;
    const size_t vectors =
        1 + has_parts(t) + t->n_slots + (t->experiment->rule->shared != NULL) + t->needs_anchor;
    return (vectors * t->n + t->layout->n_grad) * sizeof(float) +
           t->batch * (co_shape_size(co_model_input(t->model)) + 1) * sizeof(float) +
           t->n_index * sizeof(int64_t) +
           co_workspace_bytes(t->model, t->batch, rows > t->batch ? rows : t->batch);
}

/* The order in which epoch `epoch` goes through the device's examples. */
static void shuffle(co_trainer *t, const co_plan_row *row, int64_t n_held, int64_t round,
                    int64_t epoch)
{
    const size_t n = (size_t)row->n_examples;
    if (epoch == 0 && row->n_examples < n_held) {
        co_stream s = co_stream_open(t->seed, CO_DRAW_MAX_EXAMPLES, (uint64_t)round,
                                     (uint64_t)row->device, 0);
        co_draw_subset(&s, n_held, n, t->subset, t->scratch);
    }
    for (size_t i = 0; i < n; i++)
        t->index[i] = row->n_examples < n_held ? t->subset[i] : (int64_t)i;
    co_stream s = co_stream_open(t->seed, CO_DRAW_SHUFFLE, (uint64_t)round, (uint64_t)row->device,
                                 (uint64_t)epoch);
    co_draw_shuffle(&s, t->index, n);
}

static void clip_gradient(const co_trainer *t)
{
    const double bound = t->experiment->local_keys.clip_grad;
    if (bound == 0.0) return;
    const double norm = co_vector_norm(t->grad, t->n);
    if (norm > bound) co_vector_scale(t->grad, t->n, (float)(bound / norm));
}

static co_rule_view view_of(const co_trainer *t, const co_plan_row *row, const co_training *with)
{
    return (co_rule_view){.device = row->device,
                          .n_examples = row->n_examples,
                          .n = t->n,
                          .global = with->global,
                          .local = t->local,
                          .shared = with->shared,
                          .state = with->state,
                          .lr = with->lr,
                          .reach = NAN};
}

/* Where a constant gradient of 1 leads one coordinate, over -lr: as optimiser and rule are linear,
 * that is the sum of the coefficients with which the gradients enter. */
static double reach(const co_trainer *t, int64_t n_steps, double lr)
{
    const co_experiment *e = t->experiment;
    float local = 0.0f, kept[4] = {0}, *slot[4] = {kept, kept + 1, kept + 2, kept + 3};
    const float global = 0.0f;
    if (!(lr > 0.0)) return (double)n_steps;
    for (int64_t k = 1; k <= n_steps; k++) {
        float grad = 1.0f;
        const co_rule_view view = {
            .n = 1, .global = &global, .local = &local, .lr = lr, .reach = NAN};
        if (e->rule->adjust && e->rule->linear) e->rule->adjust(t->rule, &view, &grad);
        e->optimizer->step(t->optimizer, &local, &grad, slot, 1, lr, k);
    }
    return -(double)local / lr;
}

/* m examples of the order, with the labels that the device takes them to have. */
static co_status read_batch(co_trainer *t, co_population *population, const co_plan_row *row,
                            int64_t at, size_t m)
{
    CO_TRY(co_population_read(population, row->device, t->index + at, m, &t->examples));
    const int32_t last = (int32_t)co_model_n_classes(t->model) - 1;
    for (size_t i = 0; row->attacker && t->experiment->attack->flips_labels && i < m; i++)
        t->examples.y[i] = last - t->examples.y[i];
    return co_workspace_reserve(t->workspace, m, t->examples.batch.rows);
}

/* Frozen tensors stay as they came, whatever weight decay did. */
static void keep_frozen(co_trainer *t, const float *global)
{
    const co_part *span = t->layout->span[CO_FROZEN];
    for (size_t s = 0; s < t->layout->n_spans[CO_FROZEN]; s++)
        memcpy(t->local + span[s].at, global + span[s].at, span[s].size * sizeof *t->local);
}

/* What is personal goes on from where the device left it: from - global, in the slot behind the
 * rule's. */
static void take_personal(co_trainer *t, const co_training *with)
{
    const co_part *span = t->layout->span[CO_PERSONAL];
    for (size_t s = 0; s < t->layout->n_spans[CO_PERSONAL]; s++)
        co_vector_add_scaled(t->local + span[s].at, with->state[t->n_rule_states] + span[s].at,
                             span[s].size, 1.0f);
}

static void leave_personal(co_trainer *t, const co_training *with)
{
    const co_part *span = t->layout->span[CO_PERSONAL];
    for (size_t s = 0; s < t->layout->n_spans[CO_PERSONAL]; s++) {
        const size_t at = span[s].at;
        co_vector_difference(with->state[t->n_rule_states] + at, t->local + at, with->global + at,
                             span[s].size);
        memcpy(t->local + at, with->global + at, span[s].size * sizeof *t->local);
    }
}

/* One step on t->examples. */
static void step(co_trainer *t, const co_plan_row *row, const co_training *with, int64_t number,
                 double *sums)
{
    const co_experiment *e = t->experiment;
    const co_pass pass = {.batch = &t->examples.batch,
                          .train = true,
                          .seed = t->seed,
                          .round = (uint64_t)with->round,
                          .device = (uint64_t)row->device,
                          .step = (uint64_t)number,
                          .frozen = t->frozen};
    if (t->fused) {
        co_model_step(t->model, t->workspace, t->local, &pass, (float)with->lr, t->grad, sums);
        return;
    }
    memset(t->grad, 0, t->n * sizeof *t->grad);
    co_model_loss(t->model, t->workspace, t->local, &pass, NULL, t->grad, sums);
    if (e->rule->adjust) {
        const co_rule_view view = view_of(t, row, with);
        e->rule->adjust(t->rule, &view, t->grad);
    }
    clip_gradient(t);
    e->optimizer->step(t->optimizer, t->local, t->grad, t->slot, t->n, with->lr, number + 1);
    keep_frozen(t, with->global);
}

static void finish(co_trainer *t, const co_training *with, co_plan_row *row, co_trained *trained,
                   const double *sums)
{
    const co_experiment *e = t->experiment;
    const double way = t->needs_reach ? reach(t, row->n_steps, with->lr) : NAN;
    if (e->rule->end) {
        co_rule_view view = view_of(t, row, with);
        view.anchor = t->needs_anchor ? t->anchor : NULL;
        view.reach = way;
        e->rule->end(t->rule, &view, e->rule->shared ? t->change : NULL);
    }
    leave_personal(t, with);
    /* The sum is formed along with the update where the engine has nothing else to do with it. */
    const bool adds = with->slice && !e->rule->shared && isfinite(sums[1]);
    size_t n_cut = 0;
    const double norm = adds ? co_exact_add_difference(with->slice, with->n_slices, t->local,
                                                       with->global, row->share, &n_cut)
                             : co_vector_difference(t->local, t->local, with->global, t->n);
    bool finite = isfinite(norm) && isfinite(sums[1]);
    if (finite && e->rule->shared) finite = co_vector_finite(t->change, t->n);
    row->outcome = finite ? CO_REPORTED : CO_NONFINITE;
    row->loss = co_task_mean_loss(sums);
    row->update_norm = finite ? norm : NAN;
    row->saturated = n_cut > 0;
    *trained = (co_trained){
        .update = t->local,
        .is_added = adds,
        .term = 1.0,
        .change = e->rule->shared ? t->change : NULL,
        .report = {.loss = NAN, .norm = row->update_norm, .reach = way, .lr = with->lr}};
}

/* A pass over all examples of the opened device, as in evaluation: mean loss, and with t->anchor
 * the gradient of it. */
static co_status survey(co_trainer *t, co_population *population, const float *global,
                        int64_t round, const co_plan_row *row, bool gradient)
{
    const int64_t n = co_population_examples(population, row->device);
    int64_t batch = t->experiment->local_keys.batch;
    if (batch == 0 || batch > n) batch = n;
    for (int64_t i = 0; i < n; i++) t->index[i] = i;
    memset(t->sums, 0, t->n_sums * sizeof *t->sums);
    if (gradient) memset(t->anchor, 0, t->n * sizeof *t->anchor);
    for (int64_t at = 0; at < n; at += batch) {
        const size_t m = (size_t)(n - at < batch ? n - at : batch);
        const co_pass pass = {.batch = &t->examples.batch,
                              .seed = t->seed,
                              .round = (uint64_t)round,
                              .device = (uint64_t)row->device,
                              .frozen = t->frozen};
        const double before = t->sums[0];
        co_watch_progress(CO_WATCH_WORKING, round);
        if (co_stop_overdue())
            return CO_FAIL(CO_ESTOPPED, "stopped in the middle of round %lld", (long long)round);
        CO_TRY(read_batch(t, population, row, at, m));
        if (gradient) memset(t->grad, 0, t->n * sizeof *t->grad);
        co_model_loss(t->model, t->workspace, global, &pass, NULL, gradient ? t->grad : NULL,
                      t->sums);
        if (gradient) co_vector_add_scaled(t->anchor, t->grad, t->n, (float)(t->sums[0] - before));
    }
    if (gradient) co_vector_scale(t->anchor, t->n, (float)(1.0 / t->sums[0]));
    return CO_OK;
}

co_status co_trainer_measure(co_trainer *t, co_population *population, const float *global,
                             int64_t round, const co_plan_row *row, double *loss)
{
    CO_TRY(reserve(t, (size_t)co_population_examples(population, row->device)));
    CO_TRY(co_population_open(population, row->device));
    t->frozen = NULL;
    CO_TRY(survey(t, population, global, round, row, false));
    *loss = co_task_mean_loss(t->sums);
    return CO_OK;
}

/* What the device receives, of what is trained. */
static co_training receive(co_trainer *t, const co_training *with)
{
    co_training own = *with;
    t->frozen = has_parts(t) ? with->global : NULL;
    if (!t->frozen) return own;
    co_layout_pack(t->layout, with->global, t->global);
    own.global = t->global;
    return own;
}

co_status co_trainer_train(co_trainer *t, co_population *population, const co_training *sent,
                           co_plan_row *row, co_trained *trained, double *sums)
{
    const co_training own = receive(t, sent), *with = &own;
    const float *global = with->global;
    const int64_t round = with->round;
    const int64_t n_held = co_population_examples(population, row->device), n = row->n_examples;
    CO_TRY(reserve(t, (size_t)n_held));
    CO_TRY(co_population_open(population, row->device));
    memcpy(t->local, global, t->n * sizeof *t->local);
    take_personal(t, with);
    memset(t->slots, 0, t->n_slots * t->n * sizeof *t->slots);
    if (t->needs_anchor) CO_TRY(survey(t, population, global, round, row, true));
    int64_t batch = t->experiment->local_keys.batch;
    if (batch == 0 || batch > n) batch = n;
    int64_t at = n, epoch = -1;
    for (int64_t number = 0; number < row->n_steps; number++) {
        if (at >= n) {
            shuffle(t, row, n_held, round, ++epoch);
            at = 0;
        }
        const size_t m = (size_t)(n - at < batch ? n - at : batch);
        co_watch_progress(CO_WATCH_WORKING, round);
        if (co_stop_overdue())
            return CO_FAIL(CO_ESTOPPED, "stopped in the middle of round %lld", (long long)round);
        CO_TRY(read_batch(t, population, row, at, m));
        step(t, row, with, number, sums);
        at += batch;
    }
    finish(t, with, row, trained, sums);
    return CO_OK;
}
