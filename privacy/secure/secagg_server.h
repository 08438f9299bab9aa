/* privacy/secure/secagg_server.h - the server in one step of secure aggregation.
 *
 * For each stage: the messages of `give` go to the devices (not in `advertise`), those that come
 * back go into `take` in any order, and `close` ends the stage: who sent nothing has dropped out.
 * After the last one `terms` tells the masks that are left in the sum of all inputs that were
 * taken. The server has no secrets: every rank may keep a copy fed with the same messages, and give
 * to and take the terms of different devices. Memory: 100 bytes a device, and 96 for each
 * neighbour of one that it serves. All calls are Local. */
#pragma once
#include "privacy/secure/secagg_message.h"

typedef struct co_secagg_server co_secagg_server;

/* serves[n]: the devices that `give` and `terms` will be asked of here, not 0; NULL: all. */
co_status co_secagg_server_create(const co_secagg_round *round, const unsigned char *serves,
                                  co_secagg_server **server);
void co_secagg_server_destroy(co_secagg_server *server); /* wipes. NULL allowed */

co_secagg_stage co_secagg_server_stage(const co_secagg_server *server); /* the open one */
/* Whether the device has sent all that was asked for in the stages that are closed. */
bool co_secagg_server_present(const co_secagg_server *server, size_t place);

/* The message of the open stage to a device that is present. CO_EDATA for others. */
co_status co_secagg_server_give(const co_secagg_server *server, size_t place, unsigned char *out);
/* A message of the open stage. CO_EDATA, and nothing has changed: damaged, doubled, early, late, of
 * another step, of a device that has dropped out. The values of an input (m.body, packed) are added
 * by the caller (co_unpack_add) once it is taken. */
co_status co_secagg_server_take(co_secagg_server *server, const unsigned char *in, size_t n_in);
/* In place of a message of `input` whose values came on another way. */
co_status co_secagg_server_take_input(co_secagg_server *server, size_t place);
/* Ends the stage. CO_EDATA: some device that shared its secrets has fewer than t holders left; the
 * step has failed, and neither take nor terms gives anything more. Same on all copies: arguments.
 */
co_status co_secagg_server_close(co_secagg_server *server);

/* How many masks of this device may be left, at most: room for terms. */
size_t co_secagg_server_most_terms(const co_secagg_server *server, size_t place);
/* After all stages: what the device left in the sum of the inputs, with signs such that co_mask_add
 * of all devices' terms gives the sum of the plain vectors. None for a device that never shared.
 * CO_EDATA: the shares do not give what the device advertised. The terms are seeds: wipe them. */
co_status co_secagg_server_terms(co_secagg_server *server, size_t place, co_mask_term *term,
                                 size_t *n_terms);
