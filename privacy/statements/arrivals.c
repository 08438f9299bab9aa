/* privacy/statements/arrivals.c - statement arrivals: devices come when their time says, and
 * nothing hides who takes part in a step; noise is added to the sum of their bounded updates.
 *
 * Who takes part when, and from which version, is a function of public values: speeds, reach,
 * numbers of examples, declared bytes. Neighbours: all contributions of one device are zero, time
 * stays what it is. Steps that the device takes no part in are the same function of what was
 * released before, so that it pays for its own steps alone: those are an adaptive composition of
 * plain releases with the clip as sensitivity. The device with the most steps is told of. */
#include "privacy/statements/device.h"

static bool fits(const co_release *r)
{
    return r->by_arrival && r->n_shares == 0.0 && !r->mechanism->correlation;
}

static co_relation neighbours(const co_release *r)
{
    (void)r;
    return CO_RELATION_ADD_REMOVE;
}

static co_event event(const co_release *r)
{
    return co_device_event(r, CO_RELATION_ADD_REMOVE);
}

static void say(const co_release *r, co_statement_text *words)
{
    co_say(words, "unit", "%s", co_unit_text(r->unit));
    co_say(words, "neighbours",
           "one %s: %s; all its contributions count as zero, who takes part when stays as it is",
           co_unit_text(r->unit), co_relation_text(CO_RELATION_ADD_REMOVE));
    co_say(
        words, "sampling",
        "none claimed: devices take part when they arrive; each is charged for the steps that it "
        "takes part in, noise / clip accounted for, rate %g",
        r->rate);
    co_say_device(r, words);
    co_say(words, "assumes",
           "who takes part when is no secret: speeds, reach, numbers of examples (counts: public) "
           "and bytes of every device; only the covered values are published, other runs on these "
           "devices add to epsilon");
}

const co_statement co_statement_arrivals = {
    .name = "arrivals",
    .summary = "one device, at public times; charged for the steps that it takes part in",
    .unit = CO_UNIT_DEVICE,
    .fits = fits,
    .neighbours = neighbours,
    .event = event,
    .say = say};
