/* privacy/statements/example.c - statement example: noise on the clipped gradients of every step,
 * on the device; what leaves it protects each of its examples.
 *
 * Poisson batches: one example is added or removed. Shuffled batches: one is replaced, each is in
 * one step an epoch, without amplification (removing one would move all behind it). In
 * micro-batches one example changes the clipped mean of its own, by twice the bound at most either
 * way. A noisy count that moves the clip is part of its step's event. */
#include "privacy/statements/statement.h"

static bool fits(const co_release *r)
{
    return r->sampling != CO_SAMPLING_FIXED && r->mechanism->noise == CO_NOISE_GAUSSIAN &&
           !r->is_secure && r->noise_cohort == 0.0;
}

static co_relation neighbours(const co_release *r)
{
    return r->sampling == CO_SAMPLING_POISSON ? CO_RELATION_ADD_REMOVE : CO_RELATION_REPLACE;
}

static co_event event(const co_release *r)
{
    const bool doubles = neighbours(r) == CO_RELATION_REPLACE || r->is_grouped;
    return (co_event){.noise = r->mechanism->noise,
                      .sampling = r->sampling,
                      .noise_multiplier = r->multiplier / (doubles ? 2.0 : 1.0),
                      .rate = r->rate};
}

static void say(const co_release *r, co_statement_text *words)
{
    const bool is_poisson = r->sampling == CO_SAMPLING_POISSON;
    co_say(words, "unit", "%s", co_unit_text(r->unit));
    co_say(words, "neighbours", "one %s of a device: %s", co_unit_text(r->unit),
           co_relation_text(neighbours(r)));
    if (is_poisson)
        co_say(words, "sampling", "poisson batches of a device's examples, rate %g at most",
               r->rate);
    else
        co_say(words, "sampling",
               "shuffled batches, each example once an epoch; no amplification: rate %g", r->rate);
    co_say(words, "composition",
           "%lld release%s at most, one a%s of a device; the accountant adds up those of each "
           "device by itself",
           (long long)r->n_releases, r->n_releases == 1 ? "" : "s",
           is_poisson ? " step" : "n epoch");
    co_say(words, "accountant", "%s%s", r->accountant->name,
           r->accountant->has_lower ? ", no conversion: a certified upper bound"
                                    : ", conversion improved");
    co_say(
        words, "mechanism",
        "%s, clip %g (L2) of the gradient of each %s, so that one changes the sum by %g; noise of "
        "standard deviation %g at least on the sum, once a step",
        r->mechanism->name, r->clip, r->is_grouped ? "micro-batch" : "example",
        r->clip * (r->is_grouped || !is_poisson ? 2.0 : 1.0), r->noise_std);
    if (r->is_adaptive)
        co_say(words, "clip",
               "of a device's step: in each round from %g on towards a quantile of its norms, by a "
               "noisy count that is charged; sums and noise are in proportion to it",
               r->clip);
    if (r->is_public_clip)
        co_say(
            words, "clip",
            "of a round: a quantile of the norms of public gradients, at most %g; sums and noise "
            "are in proportion to it",
            r->clip);
    co_say(words, "mode", "simulation: the noise is reproducible, not private");
    co_say(words, "covered",
           "every update of a device, update_norm, the model of every round, its digests; all that "
           "is computed from them");
    co_say(
        words, "not covered",
        "train_loss and train metrics, the loss in table devices: exact values of real examples\n"
        "table eval, where its examples belong to the devices; a stop rule on it\n"
        "a text as a whole that import has cut: each of its windows or pieces is an example");
    co_say(words, "assumes",
           "how many examples a device has is no secret, its batches and noise stay secret (they "
           "are drawn from the seed: keep it too), only the covered values are published, other "
           "runs on these examples add to epsilon");
}

const co_statement co_statement_example = {
    .name = "example",
    .summary = "one example of a device; noise on the clipped gradients of each of its steps",
    .source = "Abadi et al. 2016, arXiv:1607.00133",
    .unit = CO_UNIT_EXAMPLE,
    .fits = fits,
    .neighbours = neighbours,
    .event = event,
    .say = say};
