/* privacy/statements/message.c - statement message: noise on the device; what one message tells
 * anyone, the server included, of the device's input.
 *
 * Neighbours are any two inputs of the stage: two clipped updates differ by twice the clip at most.
 * What stands in front of the stage, a device's memory of earlier rounds too, only says what its
 * input is: the bound holds for each message whatever was sent before, so that the messages of a
 * device are an adaptive composition. What stands behind it, and all that the server does, is
 * post-processing. Shuffling (Feldman, McMillan and Talwar 2020, arXiv:2012.12803) is told as a
 * bound, and never counted: nothing here shuffles. */
#include "privacy/statements/statement.h"
#include <math.h>
#include <stdio.h>

static bool fits(const co_release *r)
{
    const co_noise noise = r->mechanism->noise;
    return r->sampling == CO_SAMPLING_NONE && r->noise_cohort == 0.0 &&
           r->mechanism->norm != CO_NORM_NONE &&
           (noise == CO_NOISE_GAUSSIAN || noise == CO_NOISE_LAPLACE || noise == CO_N_NOISES);
}

static co_relation neighbours(const co_release *r)
{
    (void)r;
    return CO_RELATION_REPLACE;
}

/* "epsilon 2", rounded up to five digits, with delta where there is one. */
static const char *guarantee(double epsilon, double delta, char text[96])
{
    const double unit = epsilon > 0.0 ? pow(10.0, floor(log10(epsilon)) - 4.0) : 1.0;
    const double up = ceil(epsilon / unit * (1.0 - 1e-12)) * unit;
    if (delta > 0.0)
        snprintf(text, 96, "epsilon %.5g at delta %g", up, delta);
    else
        snprintf(text, 96, "epsilon %.5g", up);
    return text;
}

static void say_accounting(const co_release *r, co_statement_text *words)
{
    const bool is_pure = r->mechanism->noise != CO_NOISE_GAUSSIAN;
    char one[96], all[96];
    co_say(words, "epsilon", "%s for one message; %s for all of any device so far",
           guarantee(r->epsilon, is_pure ? 0.0 : r->delta, one),
           guarantee(r->epsilon_all, r->delta, all));
    co_say(words, "sampling",
           "none claimed: a device is charged for each message that it sends, rate %g", r->rate);
    co_say(words, "composition", "%lld release%s, one a message, by the device with most so far",
           (long long)r->n_releases, r->n_releases == 1 ? "" : "s");
    if (r->mechanism->noise == CO_N_NOISES)
        co_say(words, "accountant", "%s",
               r->delta > 0.0
                   ? "exact composition of epsilon-private messages (Kairouz, Oh, Viswanath 2015)"
                   : "the sum of the messages' epsilons");
    else
        co_say(words, "accountant", "%s%s", r->accountant->name,
               r->delta > 0.0 ? "" : ": the sum of the messages' epsilons");
}

static void say_mechanism(const co_release *r, co_statement_text *words)
{
    if (r->mechanism->noise == CO_N_NOISES)
        co_say(words, "mechanism",
               "%s, clip %g (L2), on the device: a vector of one length in a random direction "
               "near that of the update, unbiased; error %g a coordinate at a zero update",
               r->mechanism->name, r->clip, r->noise_std);
    else
        co_say(words, "mechanism",
               "%s, clip %g (%s), noise of standard deviation %g on each coordinate, on the device",
               r->mechanism->name, r->clip, r->mechanism->norm == CO_NORM_L1 ? "L1" : "L2",
               r->noise_std);
    co_say(words, "mode", "%s",
           r->is_secure ? "secure: noise from a secret key of the system's generator, which is in "
                          "the checkpoints alone: destroy them after the run (real devices would "
                          "have a key each)"
                        : "simulation: the noise is reproducible, not private");
}

/* What nobody does here, but could. */
static void say_shuffled(const co_release *r, co_statement_text *words)
{
    char text[96];
    if (!(r->reports > 0.0) || isnan(r->epsilon_shuffled)) return;
    co_say(words, "were it shuffled",
           "%s of a round, for the %.15g messages that one asks for in an order that nobody knows: "
           "a bound (Feldman et al. 2020), not part of the guarantee",
           guarantee(r->epsilon_shuffled, r->delta_shuffled, text), r->reports);
}

static void say(const co_release *r, co_statement_text *words)
{
    co_say(words, "unit", "%s: what a device sends in one step", co_unit_text(r->unit));
    co_say(words, "neighbours", "one %s: %s, by that of any other data of the device",
           co_unit_text(r->unit), co_relation_text(neighbours(r)));
    say_accounting(r, words);
    say_mechanism(r, words);
    say_shuffled(r, words);
    co_say(words, "covered",
           "every update as it leaves its device, update_norm, the model of every round, its "
           "digests; all that is computed from them, the server's view included");
    co_say(words, "not covered",
           "train_loss and train metrics, the loss in table devices: exact values of real devices\n"
           "n_examples, who takes part, reports, drops out or diverges, and when; bytes; tables "
           "devices and load\n"
           "table eval, where its examples belong to the devices; a stop rule on it");
    co_say(words, "assumes",
           "a device's noise stays with it (it is drawn from the seed: keep it too), only the "
           "covered values are published, other runs on these devices add to epsilon");
}

const co_statement co_statement_message = {
    .name = "message",
    .summary = "one message of a device, noise on the device: the server learns no more either",
    .source = "Kasiviswanathan et al. 2008, arXiv:0803.0924",
    .unit = CO_UNIT_MESSAGE,
    .fits = fits,
    .neighbours = neighbours,
    .say = say};
