/* sim/outlook.h - a run's schedule played through without training: planner and clock are pure
 * functions, so that what they will do is known before the first device trains.
 *
 * It has a planner, a selector and a clock of its own: those of the run stay as they are. Not with
 * selectors that look at losses. */
#pragma once
#include "sim/planners/planner.h"

typedef struct {
    int64_t n_steps; /* played */
    bool is_whole;   /* all steps of the experiment, or up to where the run ends by itself */
    char *end;       /* why no device will come any more, where that ends it; else NULL */
    int64_t time;    /* virtual, in nanoseconds, at the last of them */
    int64_t n_rows;  /* that arrived */
    int64_t n_lost[CO_N_OUTCOMES]; /* asked in vain, by what became of them */
    double staleness;              /* sum over the rows */
    int64_t most_stale, most_versions, most_flying;
    double device_s, lost_s;
    int64_t
        most_parts; /* the most steps that any device trains for, or sends private messages in */
} co_outlook;

/* Whether it can be played: choice is blind to losses. Local. */
bool co_outlook_can(const co_experiment *experiment);
/* From the first step on, by rank 0, for all to know; at most some `seconds` long, and to
 * stop.virtual_s; INFINITY: all rounds, whatever stop says, which a resume may change.
 * plan: the run's, for what a participation weighs in bytes; flops as for the clock. population is
 * moved through its periods, and back to the first. Collective(comm). CO_ENOMEM. */
co_status co_outlook_play(co_outlook *outlook, const co_plan *plan, co_population *population,
                          double flops, double seconds, const co_comm *comm);
void co_outlook_fini(co_outlook *outlook);
/* Lines for the dry run, on stdout: virtual time, staleness, what is lost. version_bytes: of one
 * old version, a node. Local. */
void co_outlook_print(const co_outlook *outlook, int64_t rounds, double version_bytes);
