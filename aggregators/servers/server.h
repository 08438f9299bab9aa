/* aggregators/servers/server.h - kind server optimiser: one step of the global model along the
 * round's update.
 *
 * Works on the slice of coordinates that this rank owns; every coordinate by itself, so the same on
 * any number of ranks. Adding one: a file aggregators/servers/<name>.c with the table
 * co_server_<name>, and a line in list.h. */
#pragma once
#include "core/config.h"

typedef struct {
    CO_PLUGIN_FIELDS;
    const char *const *slots; /* names of the state vectors, as in checkpoints (server/<slot>); ends
                                 with NULL; NULL: none */
    co_status (*create)(const co_config *opt, void **self); /* Local */
    void (*destroy)(void *self);
    /* First content of a slot's coordinates. NULL: zeros. Local. */
    void (*init)(const void *self, size_t slot, float *values, size_t n);
    /* model[n] += step from update[n] (mean of local - global). slot[..][n]; round from 1. Local.
     */
    void (*step)(const void *self, float *model, const double *update, float *const *slot, size_t n,
                 double lr, int64_t round);
} co_server;

extern const co_kind co_kind_server_optimizer;
const co_server *co_server_find(const char *name);
