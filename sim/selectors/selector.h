/* sim/selectors/selector.h - kind selector: which devices a round asks.
 *
 * A pure function of (seed, round): every rank computes the same list, no message.
 * Adding one: a file sim/selectors/<name>.c with the table co_selector_<name>, and a line in list.h. */
#pragma once
#include "core/config.h"
#include "core/random.h"

typedef struct {
    CO_PLUGIN_FIELDS;
    bool looks_at_all; /* cost grows with the population, not with the cohort */
    /* Devices asked in `round`, ascending, into devices[per_round]; returns how many. scratch as co_draw_subset wants.
     * Local; Same on all ranks: everything. */
    size_t (*select)(uint64_t seed, int64_t round, int64_t n_devices, size_t per_round, int64_t *devices,
                     int64_t *scratch);
} co_selector;

extern const co_kind co_kind_selector;
const co_selector *co_selector_find(const char *name);
