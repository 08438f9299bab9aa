/* privacy/statements/correlated.c - statement correlated: noise of one step takes back part of that
 * of earlier ones; all steps together are one Gaussian release.
 *
 * Neighbours: all contributions of one device are zero, who takes part when stays what it is. What
 * the device can change of C x is bounded for every way to take part as often, and as far apart, as
 * the run has seen: steps so far, the most that any device took part in, the separation that
 * sim/planners/ask.c keeps (privacy/mechanisms/correlated.h). */
#include "privacy/statements/device.h"
#include <math.h>

static bool fits(const co_release *r)
{
    return r->by_arrival && r->mechanism->correlation;
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

static void say_noise(const co_release *r, co_statement_text *words)
{
    char matrix[160] = "";
    r->mechanism->correlation->say(r->noise, matrix, sizeof matrix);
    co_say(
        words, "composition",
        "%lld release%s, one a round, which are one Gaussian release of all: a device in at most "
        "%lld of them so far, %lld or more apart, changes it by %.6g x clip (sensitivity^2 %lld)",
        (long long)r->n_releases, r->n_releases == 1 ? "" : "s", (long long)r->n_parts,
        (long long)r->separation, sqrt((double)r->squared), (long long)r->squared);
    co_say_accountant(r, words);
    co_say(words, "mechanism",
           "%s, clip %g (L2), independent draws of standard deviation %g, combined by %s",
           r->mechanism->name, r->clip, r->noise_std, matrix);
}

static void say(const co_release *r, co_statement_text *words)
{
    co_say(words, "unit", "%s", co_unit_text(r->unit));
    co_say(words, "neighbours",
           "one %s: %s; all its contributions count as zero, who takes part when stays as it is",
           co_unit_text(r->unit), co_relation_text(CO_RELATION_ADD_REMOVE));
    co_say(words, "sampling",
           "none claimed: noise / clip accounted for, at least %lld from one step of a device to "
           "its next (difference of their indices), rate %g",
           (long long)r->separation, r->rate);
    say_noise(r, words);
    co_say_mode(r, words);
    co_say_covered(r, words);
    co_say(words, "assumes",
           "who takes part when does not follow from what examples say; only the covered values "
           "are published, other runs on these devices add to epsilon");
}

const co_statement co_statement_correlated = {
    .name = "correlated",
    .summary = "one device, in steps far apart; noise of all steps together (DP-FTRL)",
    .source = "Denisov et al. 2022, arXiv:2202.08312",
    .unit = CO_UNIT_DEVICE,
    .fits = fits,
    .neighbours = neighbours,
    .event = event,
    .say = say};
