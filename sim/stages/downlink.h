/* sim/stages/downlink.h - what the server sends, through stages as well (section `downlink`).
 *
 * Devices have w', which lies on the board; the server's model is w = w' + e, with e in a vector of
 * the server. After the server's step C(w - w') is sent, block by block of the grid: w' += C(w -
 * w'), and e is the rest. Where C leaves a coordinate as it is, its value is sent in place of the
 * difference, and w' = w to the bit. Every step sends one message of a fixed size, also where the
 * server has made no step of its own; a device that has been away needs those of all versions that
 * it lacks, or the model as a whole (sim/planners/plan.h). What is evaluated and lies in
 * checkpoints as the model is w'; e lies beside it as server/downlink_rest. Source: Gruntkowska,
 * Tyurin, Richtarik 2023, arXiv:2209.15218, Algorithm 1 (EF21-P). */
#pragma once
#include "sim/stages/chain.h"
#include "sim/wires/exchange.h"

#define CO_DOWNLINK_SLOT "downlink_rest"

typedef struct {
    co_chain chain; /* without a link: models are sent as they are */
} co_downlink;

static inline bool co_downlink_is_on(const co_downlink *downlink)
{
    return downlink->chain.n > 0;
}
/* CO_EUSAGE as co_chain_ready. Local. */
co_status co_downlink_create(co_downlink *downlink, const co_experiment *experiment,
                             const co_stage_site *site);
void co_downlink_destroy(co_downlink *downlink); /* zeroed allowed */
/* Before the server's step: what this rank owns of the board becomes w; rest[n_own], which was e,
 * keeps w'. Local. */
void co_downlink_begin(const co_exchange *exchange, float *rest);
/* Behind it: the board becomes the next w', rest the next e. Local. */
void co_downlink_send(co_downlink *downlink, int64_t step, const co_exchange *exchange,
                      float *rest);
