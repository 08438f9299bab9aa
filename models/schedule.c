/* models/schedule.c - the learning rate of a round, in closed form.
 *
 * r from 1: step lr factor^((r-1) div every); exponential lr factor^(r-1); cosine floor + (lr -
 * floor)(1 + cos(pi (r-1)/h))/2 up to r - 1 = h and floor from there on; all times min(1,
 * r/warmup). Cost: constant; no state, so that a restart at any round gives the same rates. Source:
 * Loshchilov & Hutter, ICLR 2017, equation 5 (cosine, without restarts). */
#include "models/schedule.h"
#include "core/elementary.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { CONSTANT, STEP, EXPONENTIAL, COSINE };
static const char *const kinds[] = {"constant", "step", "exponential", "cosine"};
enum { N_KINDS = 4 };

const co_param co_schedule_params[] = {
    {"name", CO_CHOICE, .words = "constant|step|exponential|cosine",
     .doc = "shape of the rate over rounds"},
    {"every", CO_INT, .lo = 1, .hi = 1e9, .flags = CO_OPTIONAL,
     .doc = "step: rounds between two changes"},
    {"factor", CO_REAL, .lo = 0.0, .hi = 10.0, .flags = CO_OPTIONAL | CO_LO_OPEN,
     .doc = "step, exponential: factor at each change"},
    {"floor", CO_REAL, .lo = 0.0, .hi = 1e6, .doc = "cosine: rate at the end"},
    {"horizon", CO_INT, .lo = 1, .hi = 1e9, .flags = CO_OPTIONAL,
     .doc = "cosine: rounds until the floor; default: rounds"},
    {"warmup", CO_INT, .lo = 0, .hi = 1e9, .doc = "rounds of linear rise at the start"},
    {0}};

static int kind_of(const char *name)
{
    for (int k = 0; k < N_KINDS; k++)
        if (strcmp(name, kinds[k]) == 0) return k;
    return CONSTANT;
}

/* An option that this kind cannot do without. */
static co_status need(const co_config *opt, const char *key)
{
    if (co_config_has(opt, key)) return CO_OK;
    return co_config_fail(opt, co_config_node(opt, "name"), "schedule %s needs `%s`",
                          co_config_string(opt, "name"), key);
}

static co_status fill_horizon(const co_config *opt, int64_t horizon)
{
    char text[24];
    if (co_config_has(opt, "horizon")) return CO_OK;
    snprintf(text, sizeof text, "%" PRId64, horizon > 0 ? horizon : 1);
    CO_TRY(co_node_set(opt->map, "horizon", text));
    co_node_find(opt->map, "horizon")->is_default =
        true; /* a resume keeps the horizon of the first start */
    return CO_OK;
}

static co_status read_options(const co_config *opt, int64_t horizon_default, co_schedule *s)
{
    s->kind = kind_of(co_config_string(opt, "name"));
    s->warmup = co_config_int(opt, "warmup");
    s->floor = co_config_real(opt, "floor");
    if (s->kind == STEP) CO_TRY(need(opt, "every"));
    if (s->kind == STEP || s->kind == EXPONENTIAL) CO_TRY(need(opt, "factor"));
    if (s->kind == COSINE) CO_TRY(fill_horizon(opt, horizon_default));
    if (s->kind == COSINE && s->floor > s->lr)
        return co_config_fail(opt, co_config_node(opt, "floor"),
                              "floor %g is above lr %g; choose a smaller floor", s->floor, s->lr);
    if (co_config_has(opt, "every")) s->every = co_config_int(opt, "every");
    if (co_config_has(opt, "factor")) s->factor = co_config_real(opt, "factor");
    if (co_config_has(opt, "horizon")) s->horizon = co_config_int(opt, "horizon");
    return CO_OK;
}

co_status co_schedule_create(const co_config *section, co_node *node, double lr,
                             int64_t horizon_default, co_schedule *schedule)
{
    char name[96];
    const co_param *const tables[] = {co_schedule_params};
    co_schedule s = {.kind = CONSTANT, .lr = lr, .factor = 1.0, .every = 1, .horizon = 1};
    if (node) {
        snprintf(name, sizeof name, "%s%sschedule", section->section ? section->section : "",
                 section->section ? "." : "");
        const co_config opt = {.file = section->file, .section = name, .map = node};
        if (node->kind != CO_NODE_MAP)
            return co_config_fail(&opt, node, "must be a map such as {name: cosine}, not %s",
                                  node->kind == CO_NODE_SCALAR ? node->text : "a list");
        CO_TRY(co_config_check(&opt, tables, 1));
        CO_TRY(read_options(&opt, horizon_default, &s));
    }
    *schedule = s;
    return CO_OK;
}

double co_schedule_rate(const co_schedule *s, int64_t round)
{
    const int64_t past = round - 1;
    double rate = s->lr;
    const int64_t n_steps = s->kind == STEP ? past / s->every : 0;
    if (s->kind == STEP) rate *= co_plain_power(s->factor, (double)n_steps);
    if (s->kind == EXPONENTIAL) rate *= co_plain_power(s->factor, (double)past);
    if (s->kind == COSINE) {
        const double part = past < s->horizon ? (double)past / (double)s->horizon : 1.0;
        rate = s->floor + (s->lr - s->floor) * (1.0 + co_plain_cos_turn(0.5 * part)) / 2.0;
    }
    return round < s->warmup ? rate * (double)round / (double)s->warmup : rate;
}
