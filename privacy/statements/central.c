/* privacy/statements/central.c - statement central: devices are sampled in secret, noise is added
 * to the sum of their bounded updates.
 *
 * Poisson: each device takes part by itself, one is added or removed. Fixed size: m of n without
 * replacement, one is replaced (Zhu, Dong and Wang 2022, arXiv:2106.08567). */
#include "privacy/statements/device.h"

static bool fits(const co_release *r)
{
    return r->sampling != CO_SAMPLING_NONE && !r->by_arrival && r->n_shares == 0.0;
}

static co_relation neighbours(const co_release *r)
{
    return r->sampling == CO_SAMPLING_POISSON ? CO_RELATION_ADD_REMOVE : CO_RELATION_REPLACE;
}

static co_event event(const co_release *r)
{
    return co_device_event(r, neighbours(r));
}

static void say(const co_release *r, co_statement_text *words)
{
    co_say(words, "unit", "%s", co_unit_text(r->unit));
    co_say(words, "neighbours", "one %s: %s", co_unit_text(r->unit),
           co_relation_text(neighbours(r)));
    co_say(words, "sampling", "%s, rate %g%s",
           r->sampling == CO_SAMPLING_POISSON
               ? "poisson"
               : "fixed size without replacement, noise / (2 x clip) accounted for",
           r->rate, r->noise_cohort > 0.0 ? " (simulated)" : "");
    co_say_device(r, words);
    co_say(words, "assumes",
           "who takes part stays secret (the sample is drawn from the seed: keep the seed too), "
           "only the covered values are published, other runs on these devices add to epsilon");
}

const co_statement co_statement_central = {
    .name = "central",
    .summary = "one device, sampled in secret (poisson, fixed size); noise on the sum of a round",
    .source = "McMahan et al. 2018, arXiv:1710.06963",
    .unit = CO_UNIT_DEVICE,
    .fits = fits,
    .neighbours = neighbours,
    .event = event,
    .say = say};
