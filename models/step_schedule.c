/* models/step_schedule.c - the learning rate within a device's round, in closed form.
 * A warm-up that is a share is rounded up to whole steps, as transformers does. Cost: constant.
 * Source: Goyal et al. 2017, arXiv:1706.02677, section 2.2 (warm-up); Loshchilov & Hutter, ICLR
 * 2017, equation 5 (cosine, without restarts). */
#include "models/step_schedule.h"
#include "core/elementary.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { CONSTANT, LINEAR, COSINE };

const co_param co_step_schedule_params[] = {{"name", CO_CHOICE, .words = "constant|linear|cosine",
                                             .doc = "shape of the factor over a device's steps"},
                                            {"warmup", CO_REAL, .lo = 0.0, .hi = 1e9,
                                             .doc =
                                                 "steps of linear rise from 0, so that the first "
                                                 "step does nothing; below 1: the share of the "
                                                 "device's steps"},
                                            {0}};

co_status co_step_schedule_create(const co_config *section, co_node *node,
                                  co_step_schedule *schedule)
{
    static const co_param *const tables[] = {co_step_schedule_params};
    char name[96];
    *schedule = (co_step_schedule){.kind = CONSTANT};
    if (!node) return CO_OK;
    snprintf(name, sizeof name, "%s.step_schedule", section->section);
    const co_config opt = {.file = section->file, .section = name, .map = node};
    if (node->kind != CO_NODE_MAP)
        return co_config_fail(&opt, node,
                              "must be a map such as {name: linear, warmup: 0.1}, not %s",
                              node->kind == CO_NODE_SCALAR ? node->text : "a list");
    CO_TRY(co_config_check(&opt, tables, 1));
    const char *kind = co_config_string(&opt, "name");
    schedule->kind = strcmp(kind, "linear") == 0   ? LINEAR
                     : strcmp(kind, "cosine") == 0 ? COSINE
                                                   : CONSTANT;
    schedule->warmup = co_config_real(&opt, "warmup");
    if (schedule->warmup > 1.0 && schedule->warmup != floor(schedule->warmup))
        return co_config_fail(&opt, co_config_node(&opt, "warmup"),
                              "%g is neither a share below 1 nor a whole number of steps",
                              schedule->warmup);
    return CO_OK;
}

double co_step_schedule_factor(const co_step_schedule *s, int64_t k, int64_t n_steps)
{
    const double n = (double)n_steps, at = (double)k,
                 warmup = s->warmup < 1.0 ? ceil(s->warmup * n) : s->warmup;
    if (at < warmup) return at / warmup;
    const double part = n > warmup ? (at - warmup) / (n - warmup) : 0.0;
    if (s->kind == LINEAR) return 1.0 - part;
    if (s->kind == COSINE) return (1.0 + co_plain_cos_turn(0.5 * part)) / 2.0;
    return 1.0;
}
