/* sim/planners/secure.c - a step of secure aggregation, stage by stage on the clock. Cost:
 * O(cohort) and, on a graph of few edges, O(cohort x neighbours) to count holders. */
#include "sim/planners/secure.h"
#include "core/memory.h"
#include "sim/devices/budget.h"
#include "sim/devices/timing.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const co_secure_stage_names[CO_SECAGG_STAGES] = {"keys", "shares", "input", "confirm",
                                                             "unmask"};

/* ---- what a step of n devices is ---- */

static co_status find_parameters(co_secure *s, size_t n, size_t *k, size_t *t)
{
    if (s->found_for != n) {
        CO_TRY(co_secagg_parameters(n, &s->keys->risk, &s->found_k, &s->found_t));
        s->found_for = n;
    }
    *k = s->found_k;
    *t = s->found_t;
    return CO_OK;
}

/* Whether a threshold that was given withstands what is said of the devices. */
static co_status check_risk(const co_secagg_shape *shape, const co_secagg_risk *r)
{
    const co_secagg_thresholds hold = co_secagg_thresholds_of(shape->n, shape->k, r);
    const char *lies = r->lies ? " and a server that lies of who is left" : "";
    if (hold.least == 0)
        return CO_FAIL(CO_EUSAGE,
                       "neighbours %zu of %zu devices: with %g of them corrupt and %g lost those "
                       "that are left may fall into parts, with probability above 2^-%g; raise "
                       "neighbours",
                       shape->k, shape->n, r->corrupt, r->dropout, r->security + 1.0);
    if (hold.least > hold.most)
        return CO_FAIL(CO_EUSAGE,
                       "threshold %zu: none of %zu shares holds: %g of %zu devices corrupt%s need "
                       "%zu or more, %g lost leave %zu; take more devices, or expect fewer of "
                       "those",
                       shape->threshold, shape->k + 1, r->corrupt, shape->n, lies, hold.least,
                       r->dropout, hold.most);
    if (shape->threshold < hold.least)
        return CO_FAIL(CO_EUSAGE,
                       "threshold %zu: against %g of %zu devices corrupt%s the smallest that holds "
                       "is %zu",
                       shape->threshold, r->corrupt, shape->n, lies, hold.least);
    if (shape->threshold > hold.most)
        return CO_FAIL(CO_EUSAGE,
                       "threshold %zu: with %g of %zu devices lost the largest that can be met is "
                       "%zu, the smallest that holds %zu",
                       shape->threshold, r->dropout, shape->n, hold.most, hold.least);
    return CO_OK;
}

co_status co_secure_shape(co_secure *s, size_t n, co_secagg_shape *shape)
{
    const co_secagg_keys *keys = s->keys;
    *shape = (co_secagg_shape){.n = n, .n_values = s->n_values, .bits = s->bits};
    if (n < 2) return CO_FAIL(CO_EUSAGE, "%zu devices: at least 2 have something to hide", n);
    shape->k =
        keys->neighbours && (size_t)keys->neighbours < n - 1 ? (size_t)keys->neighbours : n - 1;
    shape->threshold = (size_t)keys->threshold;
    const double holders = (double)shape->k + 1.0;
    if (keys->is_plus && !keys->neighbours)
        CO_TRY(find_parameters(s, n, &shape->k, &shape->threshold));
    else if (keys->threshold == 0.0)
        shape->threshold = (size_t)floor(2.0 * holders / 3.0) + 1;
    else if (keys->threshold < 1.0)
        shape->threshold = (size_t)fmax(2.0, ceil(keys->threshold * holders - 1e-9));
    if (keys->has_risk && keys->threshold == 0.0) { /* found, or more than 2/3 where that holds */
        const co_secagg_thresholds hold = co_secagg_thresholds_of(n, shape->k, &keys->risk);
        if (hold.least > shape->threshold) shape->threshold = hold.least;
        if (hold.least <= hold.most && shape->threshold > hold.most) shape->threshold = hold.most;
    }
    CO_TRY(co_secagg_check(shape));
    return keys->has_risk ? check_risk(shape, &keys->risk) : CO_OK;
}

co_status co_secure_create(const co_experiment *e, size_t n_values, int bits, size_t most,
                           double expected, co_secure **secure)
{
    co_secagg_shape shape;
    *secure = NULL;
    if (!e->secagg_keys.is_on) return CO_OK;
    co_secure *s = co_calloc(1, sizeof *s);
    if (!s) return CO_FAIL(CO_ENOMEM, "secure aggregation");
    *s = (co_secure){.keys = &e->secagg_keys,
                     .source = {.seed = (uint64_t)e->seed},
                     .n_values = n_values,
                     .bits = bits,
                     .most = most,
                     .least = co_config_has(&e->privacy, "min_reporting")
                                  ? (size_t)co_config_int(&e->privacy, "min_reporting")
                                  : 0,
                     .row = co_calloc(most, sizeof *s->row),
                     .sent = co_calloc(most, sizeof *s->sent)};
    co_status st =
        s->row && s->sent ? CO_OK : CO_FAIL(CO_ENOMEM, "secure aggregation of %zu devices", most);
    if (st == CO_OK && co_secure_shape(s, (size_t)llround(expected), &shape) != CO_OK) {
        char cause[400];
        snprintf(cause, sizeof cause, "%s", co_status_message());
        st = co_config_fail(&e->secagg, e->secagg.map, "%s (devices.per_round)", cause);
    }
    if (st == CO_OK)
        *secure = s;
    else
        co_secure_destroy(s);
    return st;
}

void co_secure_destroy(co_secure *s)
{
    if (!s) return;
    co_secagg_graph_destroy(s->graph);
    co_free(s->row);
    co_free(s->sent);
    co_free(s);
}

size_t co_secure_bytes(const co_secure *s)
{
    return s ? s->most * (sizeof *s->row + sizeof *s->sent + 8) : 0;
}

/* ---- what a device does ---- */

/* Seconds of its own at speed 1. */
static double labour(const co_secure *s, co_secagg_stage stage)
{
    const double k = (double)s->round.shape.k;
    const co_secagg_keys *c = s->keys;
    switch (stage) {
    case CO_SECAGG_ADVERTISE: return 2.0 * c->agreement_s;
    case CO_SECAGG_SHARE: return k * c->agreement_s + (3.0 * k + 2.0) * c->share_s;
    case CO_SECAGG_INPUT:
        return k * (c->agreement_s + c->share_s) + (k + 1.0) * (double)s->n_values * c->value_s;
    default: return k * c->share_s; /* tags */
    }
}

static int64_t message(const co_secure *s, co_secagg_stage stage, co_secagg_way way)
{
    if (stage == CO_SECAGG_INPUT && way == CO_SECAGG_UP) return 0; /* its update */
    return (int64_t)co_secagg_bytes(&s->round.shape, stage, way);
}

/* Nanoseconds of its own in a stage; of the input without download, training and upload. */
static int64_t own_time(const co_plan *plan, const co_plan_row *row, co_secagg_stage stage)
{
    const co_secure *s = plan->secure;
    return co_timing_sends(plan->timing, row->device, message(s, stage, CO_SECAGG_DOWN), false) +
           co_timing_works(plan->timing, row->device, labour(s, stage)) +
           co_timing_sends(plan->timing, row->device, message(s, stage, CO_SECAGG_UP), true);
}

static int64_t whole_time(const co_plan *plan, const co_plan_row *row, co_secagg_stage stage)
{
    return own_time(plan, row, stage) +
           (stage == CO_SECAGG_INPUT ? co_timing_trip(plan->timing, row) : 0);
}

/* Nanoseconds of its own time in a stage after which it drops out; at least that time when it does
 * not. */
static int64_t drops_after(const co_plan *plan, const co_plan_row *row, co_secagg_stage stage)
{
    const double part = co_timing_drops_at(plan->timing, plan->round, row->device);
    int64_t before = 0, all = 0;
    if (part == 1.0) return INT64_MAX;
    for (int k = 0; k < CO_SECAGG_STAGES; k++) {
        const int64_t own = whole_time(plan, row, (co_secagg_stage)k);
        if (k < (int)stage) before += own;
        all += own;
    }
    const int64_t at = (int64_t)(part * (double)all) - before;
    return at > 0 ? at : 0;
}

/* What becomes of a device that is there when a stage opens: it answers, or is lost. Before that it
 * was last heard of at row->end. */
static void play_device(const co_plan *plan, co_plan_row *row, co_secagg_stage stage, int64_t opens)
{
    if (!plan->timing) {
        row->answers++;
        return;
    }
    const int64_t own = whole_time(plan, row, stage), after = drops_after(plan, row, stage),
                  end = opens + own, stop = after < own ? opens + after : end,
                  left = co_timing_leaves(plan->timing, row->device, row->end, stop),
                  bound = (int64_t)llrint(fmin(plan->secure->keys->stage_s, CO_NEVER_S) * CO_NANO),
                  latest = bound > 0 ? opens + bound : INT64_MAX;
    const bool is_late = left > latest, stays = left == end && !is_late;
    if (stage == CO_SECAGG_INPUT) row->ahead = opens - row->start + own_time(plan, row, stage);
    row->end = is_late ? latest : left;
    row->answers += stays;
    if (!stays && stage <= CO_SECAGG_INPUT) row->outcome = is_late ? CO_LATE : CO_DROPPED;
}

/* ---- a step ---- */

/* Of n rows, those that have answered all before. Returns when the stage ends. */
static int64_t play(const co_plan *plan, co_plan_row *row, size_t n, co_secagg_stage stage,
                    int64_t opens)
{
    int64_t ends = opens;
    for (size_t i = 0; i < n; i++) {
        if (row[i].outcome != CO_REPORTED || row[i].answers < (int)stage) continue;
        play_device(plan, &row[i], stage, opens);
        if (row[i].end > ends) ends = row[i].end;
        plan->secure->sent[row[i].place] = (unsigned char)row[i].answers;
    }
    plan->secure->end[stage] = ends;
    return ends;
}

/* Fewer inputs than must be noised together are not opened, whatever the threshold. */
static bool is_enough(const co_secure *s, co_secagg_stage stage)
{
    size_t n_inputs = 0;
    for (size_t u = 0; u < s->round.shape.n; u++) n_inputs += s->sent[u] > CO_SECAGG_INPUT;
    return s->round.shape.k > 0 && (stage != CO_SECAGG_INPUT || n_inputs >= s->least) &&
           co_secagg_enough(&s->round, stage, s->sent) == CO_OK;
}

/* Whether the step goes on behind a stage. */
static bool goes_on(co_secure *s, co_secagg_stage stage)
{
    if (is_enough(s, stage)) return true;
    s->failed = (int)stage;
    return false;
}

/* Nobody is asked for an input: the devices that are left have answered in vain. */
static void give_up(co_plan *plan, size_t n, int64_t time)
{
    for (size_t i = 0; i < n; i++) {
        co_plan_row *row = &plan->secure->row[i];
        if (row->outcome == CO_REPORTED) {
            row->outcome = CO_LATE;
            row->end = time;
        }
    }
}

/* Whether a device that is asked takes part from the first stage on. */
static void ask(const co_plan *plan, co_plan_row *row)
{
    if (row->outcome != CO_REPORTED) return; /* without examples it has nothing to give */
    if (plan->timing && !co_timing_is_there(plan->timing, row->device, row->start))
        row->outcome = CO_UNAVAILABLE;
    else if (plan->budget && !co_budget_allows(plan->budget, row->device))
        row->outcome = CO_DROPPED;
}

static void begin(co_plan *plan, int64_t step, size_t n)
{
    co_secure *s = plan->secure;
    CO_ASSERT(n <= s->most);
    s->status = CO_OK;
    s->begin = plan->time;
    s->failed = CO_SECAGG_STAGES;
    s->round = (co_secagg_round){.step = (uint64_t)step};
    memset(s->sent, 0, n);
    memset(s->end, 0, sizeof s->end);
    co_secagg_graph_destroy(s->graph);
    s->graph = NULL;
    if (co_secure_shape(s, n, &s->round.shape) != CO_OK)
        s->round.shape.k = 0;
    else
        s->status =
            co_secagg_graph_create(n, s->round.shape.k, &s->source, s->round.step, &s->graph);
    s->round.graph = s->graph;
    for (size_t i = 0; i < n; i++) {
        s->row[i] = co_plan_describe(plan, plan->devices[i], step - 1, plan->time);
        s->row[i].place = i;
        ask(plan, &s->row[i]);
    }
}

void co_secure_open(co_plan *plan, int64_t step, size_t n)
{
    co_secure *s = plan->secure;
    int64_t time = plan->time;
    begin(plan, step, n);
    if (s->status != CO_OK) return;
    if (s->round.shape.k == 0) { /* nobody needs to be asked for keys */
        s->failed = CO_SECAGG_ADVERTISE;
        give_up(plan, n, time);
    }
    for (int k = CO_SECAGG_ADVERTISE; k <= CO_SECAGG_SHARE && s->failed == CO_SECAGG_STAGES; k++) {
        time = play(plan, s->row, n, (co_secagg_stage)k, time);
        if (!goes_on(s, (co_secagg_stage)k)) give_up(plan, n, time);
    }
    for (size_t i = 0; i < n; i++)
        if (s->row[i].outcome != CO_REPORTED) s->row[i].bytes_down = 0; /* of the model */
    if (s->failed == CO_SECAGG_STAGES) play(plan, s->row, n, CO_SECAGG_INPUT, time);
}

static int by_id(const void *a, const void *b)
{
    const int64_t x = ((const co_plan_row *)a)->device, y = ((const co_plan_row *)b)->device;
    return (x > y) - (x < y);
}

co_plan_row co_secure_job(const co_plan *plan, int64_t device)
{
    const co_secure *s = plan->secure;
    const co_plan_row key = {.device = device},
                      *row = bsearch(&key, s->row, s->round.shape.n, sizeof key, by_id);
    CO_ASSERT(row);
    return *row;
}

/* Of one whose input the planner did not wait for. */
static void cut(co_secure *s, co_plan_row *row)
{
    if (row->outcome != CO_REPORTED && row->answers > CO_SECAGG_INPUT)
        row->answers = CO_SECAGG_INPUT;
    s->sent[row->place] = (unsigned char)row->answers;
}

co_status co_secure_close(co_plan *plan)
{
    co_secure *s = plan->secure;
    CO_TRY(s->status);
    for (size_t i = 0; i < plan->n; i++) cut(s, &plan->row[i]);
    for (size_t i = 0; i < plan->n_lost; i++) cut(s, &plan->lost[i]);
    if (s->failed < CO_SECAGG_INPUT) return CO_OK;
    s->end[CO_SECAGG_INPUT] = plan->time;
    for (int stage = CO_SECAGG_INPUT; goes_on(s, (co_secagg_stage)stage);) {
        if (++stage == CO_SECAGG_STAGES) break;
        plan->time = play(plan, plan->row, plan->n, (co_secagg_stage)stage, plan->time);
    }
    return CO_OK;
}

void co_secure_turned_out(co_secure *s)
{
    if (s->failed < CO_SECAGG_INPUT) return;
    s->failed = CO_SECAGG_STAGES;
    for (int stage = CO_SECAGG_INPUT; stage < CO_SECAGG_STAGES; stage++)
        if (!goes_on(s, (co_secagg_stage)stage)) return;
}

/* ---- what it cost ---- */

/* Stages that a device has answered, whatever became of its update. */
static int answered(const co_plan_row *row)
{
    return row->outcome == CO_NONFINITE && row->answers > CO_SECAGG_INPUT ? CO_SECAGG_INPUT
                                                                          : row->answers;
}

static int64_t stage_bytes(const co_secure *s, const co_plan_row *row, int stage, co_secagg_way way)
{
    const bool is_asked = stage <= s->failed && answered(row) >= stage,
               answers = is_asked && answered(row) > stage;
    return (way == CO_SECAGG_UP ? answers : is_asked) && s->round.shape.k > 0
               ? message(s, (co_secagg_stage)stage, way)
               : 0;
}

int64_t co_secure_row_bytes(const co_secure *s, const co_plan_row *row, co_secagg_way way)
{
    int64_t bytes = 0;
    for (int stage = 0; stage < CO_SECAGG_STAGES; stage++) bytes += stage_bytes(s, row, stage, way);
    return bytes;
}

co_secure_stage co_secure_stage_of(const co_plan *plan, co_secagg_stage stage)
{
    const co_secure *s = plan->secure;
    co_secure_stage of = {0};
    for (size_t i = 0; i < plan->n + plan->n_lost; i++) {
        const co_plan_row *row = i < plan->n ? &plan->row[i] : &plan->lost[i - plan->n];
        const bool answers = (int)stage <= s->failed && answered(row) > (int)stage;
        of.n_answered += answers;
        of.bytes += stage_bytes(s, row, (int)stage, CO_SECAGG_DOWN) +
                    stage_bytes(s, row, (int)stage, CO_SECAGG_UP);
        if (stage == CO_SECAGG_INPUT) of.bytes += answers ? co_row_up(row) : 0;
    }
    const int64_t opens = stage == 0 ? s->begin : s->end[stage - 1];
    if ((int)stage <= s->failed && s->end[stage] > opens)
        of.seconds = 1e-9 * (double)(s->end[stage] - opens);
    return of;
}
