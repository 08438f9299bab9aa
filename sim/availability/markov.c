/* sim/availability/markov.c - coming and going at random, without memory: exponential times there
 * and away, every device by itself (on_off.h). */
#include "core/memory.h"
#include "sim/availability/availability.h"
#include "sim/availability/on_off.h"

static co_status create(const co_config *opt, const co_availability_input *in, void **self)
{
    co_on_off *chain = co_calloc(1, sizeof *chain);
    if (!chain) return CO_FAIL(CO_ENOMEM, "availability");
    co_on_off_init(chain, in->seed, 0, co_config_real(opt, "on_s"), co_config_real(opt, "off_s"));
    *self = chain;
    return CO_OK;
}

static int64_t first(const void *self, int64_t device, bool there, int64_t from, int64_t until)
{
    return co_on_off_first(self, device, there, from, until);
}

static const co_param params[] = {{"on_s", CO_REAL, .lo = 1e-6, .hi = 1e9, .flags = CO_REQUIRED,
                                   .doc = "mean time that a device stays"},
                                  {"off_s", CO_REAL, .lo = 1e-6, .hi = 1e9, .flags = CO_REQUIRED,
                                   .doc = "mean time until it is back"},
                                  {0}};
const co_availability co_availability_markov = {
    .name = "markov",
    .summary = "exponential times there and away, each device by itself",
    .params = params,
    .create = create,
    .destroy = co_free,
    .first = first};
