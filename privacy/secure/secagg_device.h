/* privacy/secure/secagg_device.h - a device in one step of secure aggregation.
 *
 * The calls in this order, each once; each checks what the server sent before it answers, and a
 * failure (CO_EDATA, with the device and the reason) leaves a device that answers nothing more: it
 * has dropped out. `in` is the server's message of the stage, out[co_secagg_bytes(shape, stage,
 * CO_SECAGG_UP)] the answer. Memory: about 200 bytes a neighbour. All calls are Local. */
#pragma once
#include "privacy/secure/secagg_message.h"

typedef struct co_secagg_device co_secagg_device;

/* All its randomness is drawn from the source by (step, place). CO_ENOMEM. */
co_status co_secagg_device_create(const co_secagg_round *round, size_t place,
                                  const co_noise_source *source, co_secagg_device **device);
void co_secagg_device_destroy(co_secagg_device *device); /* wipes. NULL allowed */

/* Public keys. */
co_status co_secagg_device_advertise(co_secagg_device *device, unsigned char *out);
/* Refused when fewer than t - 1 neighbours gave keys, or two gave the same. */
co_status co_secagg_device_share(co_secagg_device *device, const unsigned char *in, size_t n_in,
                                 unsigned char *out);
/* Opens what the neighbours sealed. Refused when fewer than t - 1 of them did. */
co_status co_secagg_device_receive(co_secagg_device *device, const unsigned char *in, size_t n_in);
/* Masks coordinates first .. first + n - 1 of the vector in place. From 0 on, each once: a mask
 * serves one value only. CO_EDATA otherwise. */
co_status co_secagg_device_mask(co_secagg_device *device, uint64_t *values, size_t first, size_t n);
/* The message of a whole masked vector[n_values]. A simulation whose masked vectors meet on another
 * way leaves it out. */
co_status co_secagg_device_input(co_secagg_device *device, const uint64_t *masked,
                                 unsigned char *out);
/* Refused: a list without this device, with a neighbour that shared nothing, with fewer than t. */
co_status co_secagg_device_confirm(co_secagg_device *device, const unsigned char *in, size_t n_in,
                                   unsigned char *out);
/* Refused: a neighbour confirmed another list, or fewer than t (with itself) confirmed this one. */
co_status co_secagg_device_unmask(co_secagg_device *device, const unsigned char *in, size_t n_in,
                                  unsigned char *out);
