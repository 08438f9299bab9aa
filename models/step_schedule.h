/* models/step_schedule.h - a factor of the learning rate over the steps of one device's round.
 *
 * Step k from 0 of n, w of them warm-up: k / w below w; from there on, with p = (k - w) / (n - w):
 * constant 1, linear 1 - p, cosine (1 + cos(pi p)) / 2. These are the schedules of transformers
 * (get_linear_schedule_with_warmup ..): the first step of a warm-up has rate 0. No state: the same
 * on any rank and after a resume. Local. */
#pragma once
#include "core/config.h"

typedef struct {
    int kind;      /* index of the name in its choice */
    double warmup; /* steps, or below 1 the share of them */
} co_step_schedule;

extern const co_param co_step_schedule_params[]; /* the keys of the map */
/* node: `step_schedule` of the section (for messages), or NULL: 1 at all steps. Checks and fills in
 * defaults. CO_EUSAGE. */
co_status co_step_schedule_create(const co_config *section, co_node *node,
                                  co_step_schedule *schedule);
/* Of step k from 0; n_steps: all that the device makes in this round. */
double co_step_schedule_factor(const co_step_schedule *schedule, int64_t k, int64_t n_steps);
