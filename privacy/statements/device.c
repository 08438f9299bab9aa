/* privacy/statements/device.c - words and events of central noise over devices. */
#include "privacy/statements/device.h"
#include <string.h>

co_event co_device_event(const co_release *r, co_relation relation)
{
    return (co_event){.noise = r->mechanism->noise,
                      .sampling = r->sampling,
                      .noise_multiplier =
                          r->multiplier / (relation == CO_RELATION_REPLACE ? 2.0 : 1.0),
                      .rate = r->rate,
                      .lattice_std = r->lattice_std};
}

static void say_composition(const co_release *r, co_statement_text *words)
{
    const char *count = r->is_adaptive ? ", with the noisy count that moves the clip" : "";
    if (r->by_arrival)
        co_say(words, "composition",
               "%lld release%s, one a round%s; no device takes part in more than %lld of them so "
               "far, which the accountant adds up",
               (long long)r->n_releases, r->n_releases == 1 ? "" : "s", count,
               (long long)r->n_parts);
    else
        co_say(words, "composition", "%lld release%s, one a round%s; the accountant adds them up",
               (long long)r->n_releases, r->n_releases == 1 ? "" : "s", count);
}

void co_say_accountant(const co_release *r, co_statement_text *words)
{
    const bool is_rdp = !r->accountant->has_lower;
    co_say(words, "accountant", "%s%s%s", r->accountant->name,
           is_rdp ? ", conversion " : ", no conversion: a certified upper bound",
           !is_rdp      ? ""
           : r->classic ? "classic"
                        : "improved");
    if (is_rdp)
        co_say(words, "orders", "%s",
               r->classic ? "72 from 1.25 to 512" : "all real orders above 1");
}

void co_say_mode(const co_release *r, co_statement_text *words)
{
    co_say(words, "mode", "%s",
           r->is_secure ? "secure: noise from a secret key of the system's generator, which is in "
                          "the checkpoints alone: destroy them after the run"
                        : "simulation: the noise is reproducible, not private");
}

static void say_mechanism(const co_release *r, co_statement_text *words)
{
    co_say(words, "mechanism",
           "%s, clip %g (%s), noise of standard deviation %g on the sum, once a round",
           r->mechanism->name, r->clip, r->mechanism->norm == CO_NORM_L1 ? "L1" : "L2",
           r->noise_std);
    co_say_mode(r, words);
    if (r->noise_cohort > 0.0)
        co_say(words, "simulated",
               "the noise of %.15g devices a round out of %.15g: epsilon is of such a run, not of "
               "this data",
               r->noise_cohort, r->noise_population);
}

void co_say_covered(const co_release *r, co_statement_text *words)
{
    co_say(words, "covered",
           "the model of every round, its digests, update_norm%s; all that is computed from them",
           r->is_adaptive ? ", clip (its noisy count is charged)" : "");
    co_say(
        words, "not covered",
        "train_loss and train metrics, n_selected, n_reported, n_empty, n_nonfinite, n_examples, "
        "values_cut, bytes, n_contributions, tables devices and load%s: exact values of real "
        "devices\n"
        "table eval, where its examples belong to devices of the population; a stop rule on it%s",
        r->is_timed && !r->by_arrival ? ", sim_s, device_s, lost_s and other columns of time" : "",
        r->is_timed && !r->by_arrival ? " or on virtual time" : "");
}

void co_say_device(const co_release *r, co_statement_text *words)
{
    say_composition(r, words);
    co_say_accountant(r, words);
    say_mechanism(r, words);
    co_say_covered(r, words);
}
