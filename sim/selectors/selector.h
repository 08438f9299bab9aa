/* sim/selectors/selector.h - kind selector: which devices a round asks.
 *
 * A pure function of (seed, round): every rank computes the same list, no message.
 * Adding one: a file sim/selectors/<name>.c with the table co_selector_<name>, and a line in list.h. */
#pragma once
#include "core/config.h"
#include "core/random.h"
#include "privacy/accountants/accountant.h"

typedef struct {
    CO_PLUGIN_FIELDS;
    bool looks_at_all;    /* cost grows with the population, not with the cohort */
    bool any_real;        /* per_round is an expected number, any real in (0, population] */
    bool has_accounting;  /* privacy accountants know its sample as `sampling`; false: no mechanism beside it */
    co_sampling sampling;
    /* The most devices of a round: room for a plan. NULL: per_round. Local. */
    size_t (*most)(int64_t n_devices, double per_round);
    /* Devices asked in `round`, ascending, into devices[most]; returns how many. 0 < per_round <= n_devices. scratch:
     * co_draw_subset_scratch(most). Local; Same on all ranks: everything. */
    size_t (*select)(uint64_t seed, int64_t round, int64_t n_devices, double per_round, int64_t *devices,
                     int64_t *scratch);
} co_selector;

/* The most devices of a round. Local. */
size_t co_selector_most(const co_selector *selector, int64_t n_devices, double per_round);

extern const co_kind co_kind_selector;
const co_selector *co_selector_find(const char *name);
