/* models/schedule.h - learning rates over rounds, for devices and server.
 *
 * By round r from 1: step lr factor^((r-1) div every); exponential lr factor^(r-1); cosine
 * floor + (lr - floor)(1 + cos(pi (r-1)/horizon))/2; all times min(1, r/warmup). Local. */
#pragma once
#include "core/config.h"

typedef struct {
    int kind; /* index of the name in its choice */
    double lr, factor, floor;
    int64_t every, horizon, warmup;
} co_schedule;

extern const co_param co_schedule_params[]; /* the keys of a `schedule` map */
/* node: the `schedule` map or NULL (constant); section: the one it stands in, for messages;
 * horizon_default: rounds. Checks and fills in the node's defaults. */
co_status co_schedule_create(const co_config *section, co_node *node, double lr,
                             int64_t horizon_default, co_schedule *schedule);
double co_schedule_rate(const co_schedule *schedule, int64_t round);
