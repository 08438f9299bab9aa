/* sim/secagg.h - secure aggregation in a step: the masks of its devices, and what the server takes
 * off again.
 *
 * sim/planners/secure.h says who answers which stage. With secagg.simulate: protocol all of it is
 * done: every device that the step asks is played by one rank (the one that trains it, else by its
 * place) and masks what it sends; every rank keeps a copy of the server, which has no secrets, fed
 * with all messages, and takes the masks that are left off its own slice of the sum. With simulate:
 * sum nothing is masked: the same integers, so the same bits. In both the step fails when a stage
 * leaves too few; then nothing is revealed and the model stays. Costs of protocol: n k messages'
 * worth of broadcasts, and for each device k + 1 masks of the model where it is trained, and the
 * masks that are left on every slice. */
#pragma once
#include "aggregators/stages/stage.h"
#include "privacy/secure/secagg_device.h"
#include "privacy/secure/secagg_server.h"
#include "sim/planners/secure.h"

typedef struct {
    const co_comm *comm;
    const co_layout *layout; /* of the updates */
    const co_plan *plan;
    bool is_on, is_played;
    co_noise_source source; /* of the devices' secrets */
    /* Of the step, by place */
    int *rank;                 /* [n] that plays it */
    co_secagg_device **device; /* [n] NULL: not here */
    unsigned char *serves;     /* [n] whether it is here */
    unsigned char *sends;      /* [n] that an input came */
    co_secagg_server *server;
    unsigned char *message, *passing; /* this rank's of a stage, and those under way */
    size_t n_message, n_passing;      /* room in bytes */
    co_mask_term *term;               /* that are left in the sum, of all devices */
    size_t n_terms, term_room;
    const co_part *own;  /* [n_own] the shared spans of this rank's slice */
    size_t n_own, first; /* first: shared coordinates before it */
    bool failed;         /* the step at hand: too few were left */
} co_secagg;

/* Whether section secagg is there. plan: the run's, with its co_secure by the first step. secret:
 * secagg.secure gives a key of the system's generator. Collective(comm). */
co_status co_secagg_create(co_secagg *s, const co_experiment *experiment, const co_plan *plan,
                           const co_layout *layout, const co_comm *comm);
void co_secagg_destroy(co_secagg *s); /* wipes. Zeroed allowed */

/* The stage, last in the chain, with a co_secagg as its self (borrowed): masks the integers of an
 * update; backward takes what is left off the sum, or says that the step has failed. */
extern const co_stage co_stage_secagg;

/* Behind the plan: keys and shares of all devices of the step. Nothing when it is off.
 * Collective(comm). */
co_status co_secagg_begin(co_secagg *s);
/* Behind the wire: who has sent an input, confirming and unmasking. own: the shared spans of this
 * rank's slice of the sum, [n_own], `first` shared coordinates behind the first of all.
 * Collective(comm). */
co_status co_secagg_end(co_secagg *s, const co_part *own, size_t n_own, size_t first);
/* A step that was given up half way. Local. */
void co_secagg_abandon(co_secagg *s);
