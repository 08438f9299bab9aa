/* sim/selectors/selector.h - kind selector: which devices a round asks.
 *
 * A pure function of (seed, round) and of what the devices hold: every rank computes the same list,
 * no message. Adding one: a file sim/selectors/<name>.c with the table co_selector_<name>, and a
 * line in list.h. The simplest is uniform.c. */
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
} co_selector_input;

/* Whom a planner wants that asks at any time (co_plan_draw). */
typedef struct {
    int64_t round,
        ordinal; /* of the step: with 0 and every device allowed as `select` of that round */
    size_t m;    /* at most per_round */
    bool (*may)(const void *of, int64_t device); /* those that can be asked now; NULL: all */
    const void *of;
} co_draw;

typedef struct {
    CO_PLUGIN_FIELDS;
    bool looks_at_all; /* by their activity: cost grows with the population; a mechanism beside it
                          needs counts: public */
    bool leaves_out;   /* some devices with examples are never asked: no unbiased weights */
    bool any_real;     /* per_round is an expected number, any real in (0, population] */
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
    /* Devices asked in `round`, ascending, into devices[most]; returns how many. scratch:
     * co_draw_subset_scratch(most). Local. */
    size_t (*select)(void *self, const co_selector_input *in, int64_t round, int64_t *devices,
                     int64_t *scratch);
    /* draw->m of the devices that may be asked, ascending; fewer when there are no more. NULL: goes
     * only with planners that ask once a step, and whom they like. Local. */
    size_t (*draw)(void *self, const co_selector_input *in, const co_draw *draw, int64_t *devices,
                   int64_t *scratch);
    /* Lists that have to be there after a resume. NULL: none. Local. */
    void (*keeps)(void *self, co_keeps *keeps);
    /* The probability that a round asks the device: exact. Local, O(1). */
    double (*chance)(const void *self, const co_selector_input *in, int64_t device);
} co_selector;

/* The most devices of a round. Local. */
size_t co_selector_most(const co_selector *selector, int64_t n_devices, double per_round);

extern const co_kind co_kind_selector;
const co_selector *co_selector_find(const char *name);
