/* sim/work/train.c - local training: from the received model by steps of the local optimiser under
 * the local rule to an update = local - received.
 *
 * Every device starts with zeroed optimiser state. Each epoch reshuffles (keyed by step, device,
 * epoch); the short last batch is kept; the loss is the batch's mean; `steps` draws on over
 * reshuffled epochs. With `accumulate` a step takes so many batches of its epoch, as many as are
 * left at its end, and goes by the mean over all their examples (or tokens): each batch's gradient
 * weighs as much as its loss, so that the step is that of one large batch. Under section local.dp
 * the gradient of a step is noisy_gradient.h's. Source: McMahan et al.,
 * AISTATS 2017, arXiv:1602.05629, Algorithm 1, ClientUpdate. */
#include "core/memory.h"
#include "core/vector.h"
#include "sim/devices/budget.h"
#include "sim/work/decay.h"
#include "sim/work/noisy_gradient.h"
#include "sim/work/work.h"
#include <math.h>
#include <string.h>

typedef struct {
    const co_experiment *experiment;
    co_workplace *place;
    void *rule, *optimizer;
    void *undecayed; /* the optimiser of what local.no_decay names */
    co_decay decay;
    bool fused; /* nothing needs the gradient: the step is part of the backward pass */
    bool needs_anchor, needs_reach;
    size_t n, n_slots;
    const co_layout *layout;
    size_t n_rule_states; /* behind them stands what is personal */
    const float *global;  /* [n] the model that the device at hand received */
    float *local, *grad, *slots, *slot[4];
    co_noisy_gradient *noisy; /* section local.dp: what its steps go by; else NULL */
    float *part; /* [n_grad] the gradient of a batch that is not a step by itself, or empty */
    float *change, *anchor;  /* [n] or empty, as the rule needs */
    double *sums, *surveyed; /* of the batches before their steps; of the anchor's pass */
} trainer;

/* Weight decay counts in the coefficients with which gradients enter, so that these differ between
 * coordinates. */
static co_status check_reach(const trainer *t)
{
    const co_experiment *e = t->experiment;
    if (!t->needs_reach || t->decay.n == 0 || co_config_real(&e->local, "weight_decay") == 0.0)
        return CO_OK;
    return co_config_fail(&e->local, co_config_node(&e->local, "no_decay"),
                          "%s %s weighs all coordinates of a device alike: leave out no_decay "
                          "([]), or weight_decay",
                          e->aggregator->needs_reach ? "aggregate.rule" : "local.rule",
                          e->aggregator->needs_reach ? e->aggregator->name : e->rule->name);
}

/* A second optimiser, but for its decay the same. */
static co_status create_undecayed(trainer *t)
{
    const co_experiment *e = t->experiment;
    co_config options = e->local;
    CO_TRY(co_decay_init(e, t->place->model, &t->decay));
    if (t->decay.n == 0 || !co_config_has(&e->local, "weight_decay")) return CO_OK;
    options.map = co_node_copy(e->local.map);
    if (!options.map) return CO_FAIL(CO_ENOMEM, "local.no_decay");
    co_status st = co_node_set(options.map, "weight_decay", "0");
    if (st == CO_OK) st = e->optimizer->create(&options, &t->undecayed);
    co_node_destroy(options.map);
    return st;
}

static co_status create_members(trainer *t)
{
    const co_experiment *e = t->experiment;
    if (e->rule->create) CO_TRY(e->rule->create(&e->local, &t->rule));
    if (e->optimizer->create) CO_TRY(e->optimizer->create(&e->local, &t->optimizer));
    CO_TRY(create_undecayed(t));
    t->n_slots = e->optimizer->n_slots;
    if (e->optimizer->needs_slots && !e->optimizer->needs_slots(t->optimizer)) t->n_slots = 0;
    if (e->example_keys.is_on) CO_TRY(co_noisy_gradient_create(t->place, &t->noisy));
    t->fused = !t->noisy && !e->rule->adjust && e->local_keys.clip_grad == 0.0 &&
               e->local_keys.accumulate == 1 && e->optimizer->is_plain &&
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
    if (e->attack->flips_labels &&
        strcmp(co_model_task(t->place->model)->name, "classification") != 0)
        return co_config_fail(&e->devices, co_config_node(&e->devices, "attack"),
                              "%s needs classes; the task is %s", e->attack->name,
                              co_model_task(t->place->model)->name);
    if (e->label_epsilon > 0.0 &&
        strcmp(co_model_task(t->place->model)->name, "classification") != 0)
        return co_config_fail(&e->local, co_config_node(&e->local, "label_dp"),
                              "answers with one class for another; the task %s has no one class of "
                              "an example",
                              co_model_task(t->place->model)->name);
    while (e->rule->slots && e->rule->slots[t->n_rule_states]) t->n_rule_states++;
    t->needs_reach = linear || e->aggregator->needs_reach;
    return check_reach(t);
}

static void destroy(void *self)
{
    trainer *t = self;
    if (!t) return;
    const co_experiment *e = t->experiment;
    if (e->rule->destroy) e->rule->destroy(t->rule);
    if (e->optimizer->destroy) e->optimizer->destroy(t->optimizer);
    if (e->optimizer->destroy) e->optimizer->destroy(t->undecayed);
    co_decay_fini(&t->decay);
    co_noisy_gradient_destroy(t->noisy);
    co_free(t->local);
    co_free(t->grad);
    co_free(t->part);
    co_free(t->slots);
    co_free(t->change);
    co_free(t->anchor);
    co_free(t->sums);
    co_free(t->surveyed);
    co_free(t);
}

static co_status allocate(trainer *t)
{
    t->local = co_malloc(t->n, sizeof *t->local);
    t->grad = co_calloc(t->layout->n_grad, sizeof *t->grad);
    t->part = co_malloc(t->experiment->local_keys.accumulate > 1 ? t->layout->n_grad : 0,
                        sizeof *t->part);
    t->slots = co_malloc(t->n_slots * t->n, sizeof *t->slots);
    t->change = co_malloc(t->experiment->rule->common ? t->n : 0, sizeof *t->change);
    t->anchor = co_malloc(t->needs_anchor ? t->n : 0, sizeof *t->anchor);
    t->sums = co_malloc(t->place->n_sums, sizeof *t->sums);
    t->surveyed = co_malloc(t->place->n_sums, sizeof *t->surveyed);
    if (!t->local || !t->grad || !t->part || !t->slots || !t->change || !t->anchor || !t->sums ||
        !t->surveyed)
        return CO_FAIL(CO_ENOMEM, "no memory to train a model of %zu parameters", t->n);
    for (size_t k = 0; k < t->n_slots; k++) t->slot[k] = t->slots + k * t->n;
    return CO_OK;
}

static co_status create(co_workplace *place, void **self)
{
    trainer *t = co_calloc(1, sizeof *t);
    if (!t) return CO_FAIL(CO_ENOMEM, "trainer");
    *t = (trainer){
        .experiment = place->experiment, .place = place, .n = place->n, .layout = place->layout};
    co_status st = create_members(t);
    if (st == CO_OK) st = allocate(t);
    if (st != CO_OK) {
        destroy(t);
        t = NULL;
    }
    *self = t;
    return st;
}

static size_t bytes(const void *self)
{
    const trainer *t = self;
    const size_t vectors = 1 + t->n_slots + (t->experiment->rule->common != NULL) + t->needs_anchor;
    const size_t gradients = t->experiment->local_keys.accumulate > 1 ? 2 : 1;
    return (vectors * t->n + gradients * t->layout->n_grad) * sizeof(float) +
           (t->noisy ? co_noisy_gradient_bytes(t->noisy) : 0);
}

static void traffic(const void *self, int64_t *down, int64_t *up)
{
    const trainer *t = self;
    *down = *up = 4 * (int64_t)t->layout->n_shared * (t->experiment->rule->common ? 2 : 1);
}

static void clip_gradient(const trainer *t)
{
    const double bound = t->experiment->local_keys.clip_grad;
    if (bound == 0.0) return;
    const double norm = co_vector_norm(t->grad, t->n);
    if (norm > bound) co_vector_scale(t->grad, t->n, (float)(bound / norm));
}

static co_rule_view view_of(const trainer *t, const co_plan_row *row, const co_request *with)
{
    return (co_rule_view){.device = row->device,
                          .n_examples = row->n_examples,
                          .n = t->n,
                          .global = t->global,
                          .local = t->local,
                          .common = with->beside,
                          .state = with->state,
                          .lr = with->lr,
                          .reach = NAN};
}

/* Where a constant gradient of 1 leads one coordinate, over -lr: as optimiser and rule are linear,
 * that is the sum of the coefficients with which the gradients enter. */
static double reach(const trainer *t, int64_t n_steps, double lr)
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
        e->optimizer->step(t->optimizer, &local, &grad, slot, 1,
                           lr * co_step_schedule_factor(&e->step_rate, k - 1, n_steps), k);
    }
    return -(double)local / lr;
}

/* Frozen tensors stay as they came, whatever weight decay did. */
static void keep_frozen(trainer *t)
{
    const co_part *span = t->layout->span[CO_FROZEN];
    for (size_t s = 0; s < t->layout->n_spans[CO_FROZEN]; s++)
        memcpy(t->local + span[s].at, t->global + span[s].at, span[s].size * sizeof *t->local);
}

/* The examples of a step, [at, at + m) of the epoch's order, and where it stands. */
typedef struct {
    int64_t number, epoch, at, m, batch;
    double lr;
} stretch;

/* Batch k of the step; draws of any two batches have other keys. */
static co_pass pass_of(const trainer *t, const co_plan_row *row, const co_request *with,
                       const stretch *s, int64_t k)
{
    return (co_pass){.batch = &t->place->examples.batch,
                     .train = true,
                     .seed = t->place->seed,
                     .round = (uint64_t)with->step,
                     .device = (uint64_t)row->device,
                     .step = (uint64_t)(s->number * t->experiment->local_keys.accumulate + k),
                     .frozen = t->place->frozen};
}

static co_status gradient_of(trainer *t, const co_plan_row *row, const co_request *with,
                             const stretch *s, int64_t k, float *grad)
{
    const co_pass pass = pass_of(t, row, with, s, k);
    const int64_t done = k * s->batch, left = s->m - done;
    CO_TRY(co_workplace_read(t->place, row, with->step, s->at + done,
                             (size_t)(left < s->batch ? left : s->batch)));
    memset(grad, 0, t->n * sizeof *grad);
    co_model_loss(t->place->model, t->place->workspace, t->local, &pass, NULL, grad, t->sums);
    return CO_OK;
}

/* Of the mean over all that counts in the batches of the step; with nothing that counts, zeros. */
static co_status accumulate(trainer *t, const co_plan_row *row, const co_request *with,
                            const stretch *s)
{
    const double start = t->sums[0];
    memset(t->grad, 0, t->n * sizeof *t->grad);
    for (int64_t k = 0; k * s->batch < s->m; k++) {
        const double before = t->sums[0];
        CO_TRY(gradient_of(t, row, with, s, k, t->part));
        co_vector_add_scaled(t->grad, t->part, t->n, (float)(t->sums[0] - before));
    }
    if (t->sums[0] > start) co_vector_scale(t->grad, t->n, (float)(1.0 / (t->sums[0] - start)));
    return CO_OK;
}

static co_status noisy_gradient(trainer *t, const co_plan_row *row, const co_request *with,
                                const stretch *s)
{
    const bool is_shuffled = t->experiment->example_keys.is_shuffled;
    const co_noisy_step step = {.step = with->step,
                                .number = s->number,
                                .event = t->place->budget->events[row->device] +
                                         (is_shuffled ? s->epoch : s->number),
                                .at = s->at,
                                .m = s->m};
    return co_noisy_gradient_of(t->noisy, row, &step, t->local, t->grad, t->sums);
}

static void move(trainer *t, const stretch *s)
{
    const co_optimizer *o = t->experiment->optimizer;
    if (!t->undecayed) {
        o->step(t->optimizer, t->local, t->grad, t->slot, t->n, s->lr, s->number + 1);
        return;
    }
    for (const co_decay_span *d = t->decay.span; d < t->decay.span + t->decay.n; d++) {
        float *slot[sizeof t->slot / sizeof *t->slot] = {NULL};
        for (size_t k = 0; k < t->n_slots; k++) slot[k] = t->slot[k] + d->at;
        o->step(d->decays ? t->optimizer : t->undecayed, t->local + d->at, t->grad + d->at, slot,
                d->size, s->lr, s->number + 1);
    }
}

static co_status step(trainer *t, const co_plan_row *row, const co_request *with, const stretch *s)
{
    const co_experiment *e = t->experiment;
    if (t->fused) {
        const co_pass pass = pass_of(t, row, with, s, 0);
        CO_TRY(co_workplace_read(t->place, row, with->step, s->at, (size_t)s->m));
        co_model_step(t->place->model, t->place->workspace, t->local, &pass, (float)s->lr, t->grad,
                      t->sums);
        return CO_OK;
    }
    CO_TRY(t->noisy          ? noisy_gradient(t, row, with, s)
           : s->m > s->batch ? accumulate(t, row, with, s)
                             : gradient_of(t, row, with, s, 0, t->grad));
    if (e->rule->adjust) {
        const co_rule_view view = view_of(t, row, with);
        e->rule->adjust(t->rule, &view, t->grad);
    }
    clip_gradient(t);
    move(t, s);
    keep_frozen(t);
    return CO_OK;
}

/* What is personal goes on from where the device left it: from - received, in the slot behind the
 * rule's. */
static void take_personal(trainer *t, const co_request *with)
{
    const co_part *span = t->layout->span[CO_PERSONAL];
    for (size_t s = 0; s < t->layout->n_spans[CO_PERSONAL]; s++)
        co_vector_add_scaled(t->local + span[s].at, with->state[t->n_rule_states] + span[s].at,
                             span[s].size, 1.0f);
}

static void leave_personal(trainer *t, const co_request *with)
{
    const co_part *span = t->layout->span[CO_PERSONAL];
    for (size_t s = 0; s < t->layout->n_spans[CO_PERSONAL]; s++) {
        const size_t at = span[s].at;
        co_vector_difference(with->state[t->n_rule_states] + at, t->local + at, t->global + at,
                             span[s].size);
        memcpy(t->local + at, t->global + at, span[s].size * sizeof *t->local);
        if (t->experiment->rule->common)
            memset(t->change + at, 0, span[s].size * sizeof *t->change);
    }
}

/* local becomes the update; the rule's last word. */
static void finish(trainer *t, const co_request *with, co_plan_row *row, co_given *given)
{
    const co_rule *rule = t->experiment->rule;
    const double way = t->needs_reach ? reach(t, row->n_steps, with->lr) : NAN;
    if (rule->end) {
        co_rule_view view = view_of(t, row, with);
        view.anchor = t->needs_anchor ? t->anchor : NULL;
        view.reach = way;
        rule->end(t->rule, &view, rule->common ? t->change : NULL);
    }
    leave_personal(t, with);
    /* The sum is formed along with the update where the engine has nothing else to do with it. */
    const bool adds = with->slice && !rule->common && isfinite(t->sums[1]);
    size_t n_cut = 0;
    const double norm = adds ? co_exact_add_difference(with->slice, with->n_slices, t->local,
                                                       t->global, row->coefficient, &n_cut)
                             : co_vector_difference(t->local, t->local, t->global, t->n);
    bool finite = isfinite(norm) && isfinite(t->sums[1]);
    if (finite && rule->common) finite = co_vector_finite(t->change, t->n);
    row->outcome = finite ? CO_REPORTED : CO_NONFINITE;
    row->loss = co_task_mean_loss(t->sums);
    row->update_norm = finite ? norm : NAN;
    row->saturated = n_cut > 0;
    *given =
        (co_given){.n_pieces = rule->common ? 2 : 1,
                   .piece = {{.into = row->into, .n = t->n, .value = t->local, .is_added = adds},
                             {.into = CO_INTO_RULE, .n = t->n, .value = t->change}},
                   .sums = t->sums,
                   .term = 1.0,
                   .report = {.loss = NAN, .norm = row->update_norm, .reach = way, .lr = with->lr}};
}

static co_status perform(void *self, const co_request *with, co_plan_row *row, co_given *given)
{
    trainer *t = self;
    const co_survey_gradient anchor = {t->anchor, t->grad};
    const co_local_keys *keys = &t->experiment->local_keys;
    const int64_t n = row->n_examples, size = co_local_step_size(keys, n);
    CO_TRY(co_workplace_open(t->place, row));
    t->global = co_workplace_receive(t->place, with->version, with->frozen);
    memcpy(t->local, t->global, t->n * sizeof *t->local);
    if (t->noisy) CO_TRY(co_noisy_gradient_open(t->noisy, row, t->global));
    take_personal(t, with);
    memset(t->slots, 0, t->n_slots * t->n * sizeof *t->slots);
    memset(t->sums, 0, t->place->n_sums * sizeof *t->sums);
    if (t->needs_anchor)
        CO_TRY(co_workplace_survey(t->place, t->global, row, with->step, t->surveyed, &anchor));
    stretch s = {.at = n, .batch = keys->batch == 0 ? n : keys->batch, .epoch = -1};
    for (; s.number < row->n_steps; s.number++, s.at += size) {
        if (s.at >= n) {
            co_workplace_shuffle(t->place, row, with->step, ++s.epoch);
            s.at = 0;
        }
        s.m = n - s.at < size ? n - s.at : size;
        s.lr =
            with->lr * co_step_schedule_factor(&t->experiment->step_rate, s.number, row->n_steps);
        CO_TRY(step(t, row, with, &s));
    }
    finish(t, with, row, given);
    return CO_OK;
}

const co_work co_work_train = {.name = "train",
                               .summary = "local training: an update of the received model",
                               .source = "McMahan et al., AISTATS 2017, arXiv:1602.05629",
                               .create = create,
                               .destroy = destroy,
                               .bytes = bytes,
                               .traffic = traffic,
                               .perform = perform};
