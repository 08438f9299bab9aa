/* privacy/statements/public_counts.c - statement public_counts: public numbers of examples say who
 * takes part; noise is added to the sum of their bounded updates.
 *
 * The choice is a function of public values: given those, round after round is a plain release,
 * whose charge for every device is an upper bound for those that are asked less often. */
#include "privacy/statements/device.h"

static bool fits(const co_release *r)
{
    return r->sampling == CO_SAMPLING_NONE && !r->by_arrival && r->n_shares == 0.0;
}

static co_relation neighbours(const co_release *r)
{
    (void)r;
    return CO_RELATION_REPLACE;
}

static co_event event(const co_release *r)
{
    return co_device_event(r, CO_RELATION_REPLACE);
}

static void say(const co_release *r, co_statement_text *words)
{
    co_say(words, "unit", "%s", co_unit_text(r->unit));
    co_say(words, "neighbours", "one %s: %s, by one with as many examples", co_unit_text(r->unit),
           co_relation_text(CO_RELATION_REPLACE));
    co_say(words, "sampling",
           "by public counts, noise / (2 x clip) accounted for; no amplification: each device "
           "charged for every round, rate %g%s",
           r->rate, r->noise_cohort > 0.0 ? " (simulated)" : "");
    co_say_device(r, words);
    co_say(words, "assumes",
           "how many examples a device has is no secret at any time (counts: public), only the "
           "covered values are published, other runs on these devices add to epsilon");
}

const co_statement co_statement_public_counts = {
    .name = "public_counts",
    .summary = "one device, chosen by public counts; charged for every round, no amplification",
    .unit = CO_UNIT_DEVICE,
    .fits = fits,
    .neighbours = neighbours,
    .event = event,
    .say = say};
