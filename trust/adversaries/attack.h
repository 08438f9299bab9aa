/* trust/adversaries/attack.h - kind attack: what devices that mean harm send in place of their
 * update.
 *
 * Attackers train as others do, on flipped labels where the attack says so, but apply no transform:
 * they need not keep to the protocol. Then each changes its update by itself (tamper), or all send
 * the same vector, made of the honest devices' updates, which they are taken to know (collude).
 * Options stand in section `devices`. Adding one: a file trust/adversaries/<name>.c with the table
 * co_attack_<name>, and a line in list.h. */
#pragma once
#include "aggregators/aggregator.h"
#include "core/random.h"

typedef struct {
    CO_PLUGIN_FIELDS;
    co_status (*create)(const co_config *opt, void **self); /* Local. NULL: no options */
    void (*destroy)(void *self);                            /* NULL allowed */
    bool flips_labels;                                      /* class y becomes classes - 1 - y */
    /* Changes coordinates first .. first + n - 1 of one attacker's update; draws by coordinate from
     * the stream, which is the device's own. Local. NULL: as trained */
    void (*tamper)(const void *self, const co_stream *stream, size_t first, float *update,
                   size_t n);
    /* out[n]: what every attacker sends, coordinate by coordinate from the honest rows. Costs
     * memory of cohort x model / ranks, as an aggregator that sees every update. Local. NULL:
     * attackers act alone */
    void (*collude)(const void *self, const co_updates *honest, size_t n_attackers, float *out);
} co_attack;

extern const co_kind co_kind_attack;
const co_attack *co_attack_find(const char *name);
