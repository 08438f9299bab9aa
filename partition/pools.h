/* partition/pools.h - devices take examples out of the groups one after the other, each by its own
 * mix. */
#pragma once
#include "partition/partitioner.h"

/* q[n_groups] ~ Dirichlet(alpha prior_1, .., alpha prior_C), prior the groups' parts of all
 * examples (0 where there are none): the mix that dirichlet_device draws for a device. each:
 * [n_groups] concentrations in place of alpha x prior, or NULL. shape: [n_groups] scratch. Local.
 */
void co_mix_draw(const co_partition_input *in, uint64_t draw_id, double alpha, const double *each,
                 const int64_t *group_size, size_t n_groups, int64_t device, double *shape,
                 double *q);

/* A Dirichlet law's option: one number, or a list of one each. */
typedef struct {
    double one;
    double *each; /* [n], a new block for the caller; NULL: it is a number */
} co_concentration;
/* CO_EUSAGE: the list has another length than the n `what` ("classes", "devices"). Local. */
co_status co_concentration_read(const co_config *opt, const char *key, size_t n, const char *what,
                                co_concentration *alpha);

/* Adds to count[n_groups] `size` examples out of left[n_groups], in proportion to q: floor(size Q_c
 * + u)
 * - floor(size Q_{c-1} + u) with a uniform draw u of the stream. What an exhausted group lacks is
 * taken from the others in proportion to q, or to what they have when q is 0 there; at most
 * n_groups + 1 rounds. Less than size only when all is gone. Local. */
void co_pool_take(co_stream *stream, const double *q, size_t n_groups, int64_t size, int64_t *left,
                  int32_t *count, double *scratch);

/* Mix of device k; draws, reads .. whatever the member does. */
typedef void co_mix(const void *self, const co_partition_input *in, int64_t device, double *q);
/* Devices of equal size (spans of n) by ascending id take from the groups by their mixes. The mixes
 * are drawn by all ranks in turn, the taking is done by each. Fills plan->count. Uses the stream
 * `draw_id`. Collective(in->ranks). */
co_status co_pool_plan(const co_partition_input *in, uint64_t draw_id, co_mix *mix,
                       const void *self, co_partition_plan *plan);

/* dirichlet over the groups of the plan: also for cluster. each: [n_devices], or NULL. Stage 0.
 * Collective(in->ranks). */
co_status co_dirichlet_plan(co_concentration alpha, bool balanced, const co_partition_input *in,
                            co_partition_plan *plan);
