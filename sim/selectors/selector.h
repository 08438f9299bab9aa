/* sim/selectors/selector.h - kind selector: which devices a round asks.
 *
 * A pure function of (seed, round), of what the devices hold, and of the losses of earlier steps,
 * which reach all ranks with the new version: every rank computes the same list, no message. Adding
 * one: a file sim/selectors/<name>.c with the table co_selector_<name>, and a line in list.h. The
 * simplest is uniform.c. */
#pragma once
#include "core/config.h"
#include "core/random.h"
#include "privacy/accountants/accountant.h"
#include "sim/kept.h"

/* What a selector works on. Borrowed; the same on all ranks. */
typedef struct {
    uint64_t seed;
    int64_t n_devices;
    double per_round; /* in (0, n_devices] */
    /* Activity: the training examples that a device holds now. For members that look at all
     * devices. */
    int64_t (*examples)(const void *population, int64_t device);
    const void *population;
    /* Virtual nanoseconds that the device needs for a participation, by what it holds now:
     * download, training, upload. Without a clock 0. */
    int64_t (*trip)(void *clock, int64_t device);
    void *clock;
} co_selector_input;

/* Whom a planner wants (co_plan_select, co_plan_draw). */
typedef struct {
    int64_t round, ordinal;                      /* draw `ordinal` of the step, from 0 */
    size_t m;                                    /* at most per_round */
    bool (*may)(const void *of, int64_t device); /* those that can be asked now; NULL: all */
    const void *of;
} co_draw;

/* What became of a device whose update a step has waited for. */
typedef struct {
    int64_t device, n_examples;
    double loss; /* mean over its local training; NaN: it has not reported */
} co_heard;

typedef struct {
    CO_PLUGIN_FIELDS;
    bool looks_at_all; /* by their activity: cost grows with the population; a mechanism beside it
                          needs counts: public */
    bool leaves_out;   /* some devices with examples are never asked: no unbiased weights */
    bool any_real;     /* per_round is an expected number, any real in (0, population] */
    bool asks_there;   /* only devices that are there at that time (section clock) are asked */
    /* What privacy accountants know its sample as. NONE: no result on amplification fits it, a
     * device is charged for every round. */
    co_sampling sampling;
    /* The most devices of a round: room for a plan. NULL: per_round. Local. */
    size_t (*most)(int64_t n_devices, double per_round);
    /* What the member keeps. NULL: nothing, and no destroy. opt is range-checked. CO_ENOMEM. Local.
     */
    co_status (*create)(const co_config *opt, const co_selector_input *in, void **self);
    void (*destroy)(void *self); /* NULL allowed */
    /* Reads every device's activity, before the first round and whenever it has changed. Members
     * that look at all have it. Allocates nothing. Local. */
    void (*look)(void *self, const co_selector_input *in);
    /* A member has one of the two. Both are functions of their arguments, and of what was heard
     * until the step before: the same step can be asked for again.
     * draw: draw->m of the devices that may be asked, ascending, into devices[most]; fewer when
     * there are no more of them; returns how many. scratch: co_draw_subset_scratch(most). Local.
     * select: devices asked in `round`, the same way: goes only with planners that ask once a step,
     * and all that there are. Local. */
    size_t (*draw)(void *self, const co_selector_input *in, const co_draw *draw, int64_t *devices,
                   int64_t *scratch);
    size_t (*select)(void *self, const co_selector_input *in, int64_t round, int64_t *devices,
                     int64_t *scratch);
    /* The rows of a step, ascending by device, once it is done: the same on all ranks. Whom a
     * member with it asks tells of the devices' losses. NULL: choice is blind to them, and they
     * stay with rank 0. Local. */
    void (*hear)(void *self, const co_selector_input *in, int64_t step, const co_heard *heard,
                 size_t n);
    /* A measuring pass before a step's plan: the devices that the newest version is sent to, and
     * room for its loss on the examples of each, which the caller fills in before draw (NaN: no
     * answer). Both lists are the member's own, and nothing that it keeps for a resume is changed:
     * the pass may be given up half way. Returns how many, at most most_surveyed: 0, no
     * pass. Such a member has both, and goes only with planners that ask once a step while the most
     * is not 0. NULL: none. Local. */
    size_t (*most_surveyed)(const void *self);
    size_t (*survey)(void *self, const co_selector_input *in, const co_draw *draw,
                     const int64_t **devices, double **loss);
    /* Lists that have to be there after a resume. NULL: none. Local. */
    void (*keeps)(void *self, co_keeps *keeps);
    /* The probability that a round asks the device, with everybody allowed: exact. NULL: not known,
     * no unbiased weights. Local, O(1). */
    double (*chance)(const void *self, const co_selector_input *in, int64_t device);
} co_selector;

/* The most devices of a round. Local. */
size_t co_selector_most(const co_selector *selector, int64_t n_devices, double per_round);

extern const co_kind co_kind_selector;
const co_selector *co_selector_find(const char *name);
