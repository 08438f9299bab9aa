/* sim/selectors/poisson.c - each device by itself with probability q = per_round / population.
 *
 * The gap to the next device asked is geometric: floor(log(u) / log(1 - q)), u uniform in (0, 1].
 * So a round costs O(cohort) draws whatever the population. The cohort's size varies, and may be 0;
 * a plan has room for m + t devices, m expected, t^2 = 120 (m + t / 3): more come with probability
 * at most e^-60 (Bernstein's inequality). Then the program ends rather than cap the sample, which
 * would be another sampling with another guarantee. Source: amplification by this sampling, Zhu and
 * Wang 2019 (Poisson Subsampled Renyi Differential Privacy). */
#include "core/status.h"
#include "sim/selectors/selector.h"
#include <math.h>

static size_t most(int64_t n_devices, double per_round)
{
    const double room = ceil(per_round + 20.0 + sqrt(400.0 + 120.0 * per_round));
    return (size_t)fmin((double)n_devices, room);
}

static double chance(const void *self, const co_selector_input *in, int64_t device)
{
    (void)self;
    (void)device;
    return in->per_round / (double)in->n_devices;
}

static size_t select_devices(void *self, const co_selector_input *in, int64_t round,
                             int64_t *devices, int64_t *scratch)
{
    (void)scratch;
    const size_t room = most(in->n_devices, in->per_round);
    const double rate = chance(self, in, 0);
    co_stream s = co_stream_open(in->seed, CO_DRAW_SELECT, (uint64_t)round, 0, 0);
    size_t n = 0;
    for (int64_t next = 0;; next++) {
        const double gap = co_draw_gap(&s, rate);
        if (!(gap < (double)(in->n_devices - next))) return n;
        next += (int64_t)gap;
        CO_ASSERT(n < room); /* fails once in e^60 rounds */
        devices[n++] = next;
    }
}

const co_selector co_selector_poisson = {.name = "poisson",
                                         .summary =
                                             "each device by itself with probability per_round / "
                                             "population; rounds differ in size; O(cohort)",
                                         .source = "Zhu and Wang 2019, ICML, PMLR 97:7634",
                                         .any_real = true,
                                         .sampling = CO_SAMPLING_POISSON,
                                         .most = most,
                                         .select = select_devices,
                                         .chance = chance};
