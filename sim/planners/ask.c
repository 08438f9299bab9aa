/* sim/planners/ask.c - whom a step asks: the selector's choice among those that may be asked now,
 * and what is kept of earlier steps for it.
 *
 * devices.min_separation b: the last step of every device is kept, 8 bytes each; a device may be
 * asked in step s when s - last >= b. A device in flight takes part in the step that it arrives in,
 * or that loses it: no earlier one, so that the bound holds there as well. */
#include "core/memory.h"
#include "sim/devices/groups.h"
#include "sim/devices/timing.h"
#include "sim/planners/planner.h"
#include "sim/planners/secure.h"
#include <math.h>

co_status co_plan_check_separation(co_plan *plan, double asked, size_t rows)
{
    const co_experiment *e = plan->experiment;
    const double n = (double)plan->population->n_devices;
    plan->separation = co_min_separation(e);
    /* who is asked and lost rests as well; of those under way between steps it is not known which
     * step that will be, so that places may stay empty where many are lost */
    const double rest = rows && e->planner->holds ? (double)rows : asked,
                 need = (double)(plan->separation - 1) * rest + asked;
    if (plan->separation > 1 && need > n)
        return co_config_fail(
            &e->devices, co_config_node(&e->devices, "min_separation"),
            "%lld keeps %g devices of the last %lld steps back and %g are to be "
            "asked, but there are %.0f devices: lower min_separation or per_round",
            (long long)plan->separation, need - asked, (long long)plan->separation - 1, asked, n);
    return CO_OK;
}

co_status co_plan_open_memory(co_plan *plan)
{
    const size_t n = (size_t)plan->population->n_devices;
    if (plan->separation > 1) {
        plan->last_step = co_calloc(n, sizeof *plan->last_step);
        if (!plan->last_step) return CO_FAIL(CO_ENOMEM, "last steps of %zu devices", n);
    }
    if (plan->selector->hear) {
        plan->heard = co_malloc(plan->capacity, sizeof *plan->heard);
        if (!plan->heard) return CO_FAIL(CO_ENOMEM, "losses of %zu devices", plan->capacity);
    }
    return CO_OK;
}

/* All that has a say in whether a device may be asked. */
typedef struct {
    const co_plan *plan;
    int64_t step;
    bool (*may)(const void *self, int64_t device); /* the planner's; NULL: all */
    const void *self;
} gate;

static bool is_rested(const co_plan *plan, int64_t step, int64_t device)
{
    return !plan->last_step || plan->last_step[device] == 0 ||
           step - plan->last_step[device] >= plan->separation;
}

/* When it would begin. */
static int64_t begin_of(const gate *g, int64_t device)
{
    const co_groups *groups = g->plan->groups;
    return groups ? co_groups_start(groups, device, g->step) : g->plan->time;
}

static bool passes(const void *of, int64_t device)
{
    const gate *g = of;
    const co_plan *plan = g->plan;
    return is_rested(plan, g->step, device) && (!g->may || g->may(g->self, device)) &&
           (!plan->selector->asks_there || !plan->timing ||
            co_timing_is_there(plan->timing, device, begin_of(g, device)));
}

static size_t draw(co_plan *plan, const gate *g, int64_t ordinal, size_t m)
{
    const bool all = !g->may && !plan->last_step && !(plan->selector->asks_there && plan->timing);
    const co_draw wanted = {
        .round = g->step, .ordinal = ordinal, .m = m, .may = all ? NULL : passes, .of = g};
    return plan->selector->draw(plan->chosen_by, &plan->input, &wanted, plan->devices,
                                plan->scratch);
}

co_status co_plan_send_versions(co_plan *plan, int64_t bytes_model, int64_t bytes_version)
{
    const size_t n = (size_t)plan->population->n_devices;
    CO_ASSERT(bytes_version > 0);
    plan->bytes_model = bytes_model;
    plan->bytes_version = bytes_version;
    plan->has_version = co_calloc(n, sizeof *plan->has_version);
    return plan->has_version ? CO_OK : CO_FAIL(CO_ENOMEM, "versions of %zu devices", n);
}

static size_t choose(co_plan *plan, int64_t step)
{
    const co_selector *s = plan->selector;
    const gate g = {.plan = plan, .step = step};
    if (s->draw) return draw(plan, &g, 0, (size_t)plan->input.per_round);
    const size_t n = s->select(plan->chosen_by, &plan->input, step, plan->devices, plan->scratch);
    size_t kept = 0; /* each by itself: those that may not be asked are left out */
    for (size_t i = 0; i < n; i++)
        if (passes(&g, plan->devices[i])) plan->devices[kept++] = plan->devices[i];
    return kept;
}

size_t co_plan_select(co_plan *plan, int64_t step)
{
    const size_t n = choose(plan, step);
    if (plan->secure) co_secure_open(plan, step, n); /* they wait for each other */
    return n;
}

size_t co_plan_draw(co_plan *plan, int64_t step, int64_t ordinal, size_t m,
                    bool (*may)(const void *self, int64_t device), const void *self)
{
    CO_ASSERT(plan->selector->draw && m <= plan->n_asked);
    const gate g = {.plan = plan, .step = step, .may = may, .self = self};
    return draw(plan, &g, ordinal, m);
}

size_t co_plan_survey(co_plan *plan, int64_t step, int64_t time, const int64_t **devices,
                      double **loss)
{
    const co_selector *s = plan->selector;
    const gate g = {.plan = plan, .step = step};
    const co_draw wanted = {
        .round = step, .m = (size_t)plan->input.per_round, .may = passes, .of = &g};
    plan->n_surveyed = 0;
    if (!s->survey || s->most_surveyed(plan->chosen_by) == 0) return 0;
    plan->round = step;
    plan->time = time;
    return plan->n_surveyed = s->survey(plan->chosen_by, &plan->input, &wanted, devices, loss);
}

void co_plan_close(co_plan *plan)
{
    for (size_t i = 0; plan->last_step && i < plan->n + plan->n_lost; i++)
        plan->last_step[i < plan->n ? plan->row[i].device : plan->lost[i - plan->n].device] =
            plan->round;
    for (size_t i = 0; plan->has_version && i < plan->n; i++)
        if (co_row_is_back(&plan->row[i]))
            plan->has_version[plan->row[i].device] = 1 + plan->row[i].version;
    if (!plan->heard) return;
    for (size_t i = 0; i < plan->n; i++) {
        const co_plan_row *row = &plan->row[i];
        plan->heard[i] = (co_heard){.device = row->device,
                                    .n_examples = row->n_examples,
                                    .loss = row->outcome == CO_REPORTED ? row->loss : NAN};
    }
    plan->selector->hear(plan->chosen_by, &plan->input, plan->round, plan->heard, plan->n);
}

void co_plan_keeps(co_plan *plan, co_keeps *keeps)
{
    if (plan->last_step) {
        co_keep_ints(keeps, "selector/last_step", plan->last_step, NULL,
                     plan->population->n_devices);
        co_keep_within(keeps, 0.0, (double)plan->experiment->rounds);
    }
    if (plan->has_version) {
        co_keep_ints(keeps, "downlink/version", plan->has_version, NULL,
                     plan->population->n_devices);
        co_keep_within(keeps, 0.0, (double)plan->experiment->rounds);
    }
    if (plan->selector->keeps) plan->selector->keeps(plan->chosen_by, keeps);
}
