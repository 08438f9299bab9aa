/* privacy/statements/distributed.c - statement distributed: every device adds its share of the
 * noise, the server of a secure aggregation sees the noisy sum alone.
 *
 * Neighbours: all contributions of one device are zero, rounded and noised as ever; who takes part
 * when stays what it is. The noise accounted for is that of the fewest devices that a released sum
 * may be of: more noise is post-processing. The server runs the aggregation and knows who takes
 * part, so that no sample hides a device, and each pays for its own steps. */
#include "privacy/statements/device.h"
#include <math.h>
#include <stdio.h>

static bool fits(const co_release *r)
{
    return r->n_shares > 0.0;
}

static co_relation neighbours(const co_release *r)
{
    (void)r;
    return CO_RELATION_ADD_REMOVE;
}

static co_event event(const co_release *r)
{
    return (co_event){.noise = r->mechanism->noise,
                      .noise_multiplier = r->multiplier / r->stretch,
                      .rate = r->rate,
                      .lattice_std = r->lattice_std,
                      .dim = r->dim,
                      .n_shares = r->n_shares};
}

static void say(const co_release *r, co_statement_text *words)
{
    char corrupt[64] = "";
    if (r->n_corrupt > 0.0)
        snprintf(corrupt, sizeof corrupt, ", and up to %.15g are corrupt", r->n_corrupt);
    co_say(words, "unit", "%s", co_unit_text(r->unit));
    co_say(words, "neighbours",
           "one %s: %s; all its contributions count as zero, who takes part when stays as it is",
           co_unit_text(r->unit), co_relation_text(CO_RELATION_ADD_REMOVE));
    co_say(words, "sampling",
           "none claimed, from the server too: it knows who takes part; each device is charged for "
           "the steps that it takes part in, rate %g",
           r->rate);
    co_say_device(r, words);
    co_say(words, "noise",
           "in shares of standard deviation %g each, at least %.15g by honest devices in a sum; "
           "accounted for as integers: after rounding a device changes the sum by %.6g x clip at "
           "most%s",
           r->noise_std / sqrt(r->n_shares), r->n_shares, r->stretch,
           r->mechanism->noise == CO_NOISE_DDGAUSS
               ? ", and a sum of discrete Gaussians is not one (tau is in epsilon)"
               : "");
    co_say(
        words, "server sees",
        "sums modulo 2^b of at least %.15g devices, who takes part, sizes of messages; no update",
        r->n_shares + r->n_corrupt);
    co_say(
        words, "assumes",
        "at least %.15g devices whose reports are in a sum are honest%s: they add their noise and "
        "keep it secret; the server and others follow the protocol of the aggregation, which "
        "stops where fewer are left; only the "
        "covered values are published, other runs on these devices add to epsilon",
        r->n_shares, corrupt);
}

const co_statement co_statement_distributed = {
    .name = "distributed",
    .summary = "one device, whose noise and that of others hides it from the server too",
    .source = "Kairouz, Liu and Steinke 2021, arXiv:2102.06387",
    .unit = CO_UNIT_DEVICE,
    .fits = fits,
    .neighbours = neighbours,
    .event = event,
    .say = say};
