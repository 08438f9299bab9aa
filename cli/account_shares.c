/* cli/account_shares.c - what distributed noise is, at clip 1: nothing else depends on the clip. */
#include "cli/account_shares.h"
#include "privacy/mechanisms/noise_table.h"
#include "report/print.h"
#include <math.h>
#include <string.h>

enum { SIGNIFICANT = 7 };

const co_param co_account_shares_params[] = {
    {.key = "dim",
     .type = CO_INT,
     .lo = 1,
     .hi = 1e12,
     .flags = CO_OPTIONAL,
     .doc = "ddgauss, skellam: numbers of an update"},
    {.key = "min_reporting",
     .type = CO_INT,
     .lo = 1,
     .hi = 1e12,
     .flags = CO_OPTIONAL,
     .doc = "likewise: fewest devices in a sum, whose shares make the noise"},
    {.key = "devices",
     .type = CO_INT,
     .lo = 1,
     .hi = 1e12,
     .flags = CO_OPTIONAL,
     .doc = "likewise: most devices in a sum (default min_reporting)"},
    {.key = "bits",
     .type = CO_INT,
     .def = 20,
     .lo = 4,
     .hi = 32,
     .doc = "likewise: sums are modulo 2^bits"},
    {.key = "beta",
     .type = CO_REAL,
     .def = 0.6065306597126334,
     .lo = 0.0,
     .hi = 1.0,
     .flags = CO_HI_OPEN,
     .doc = "likewise: of the norm bound of rounding"},
    {.key = "wrap_stds",
     .type = CO_REAL,
     .def = 4.0,
     .lo = 1.0,
     .hi = 100.0,
     .doc = "likewise: standard deviations of a sum that 2^bits has room for, either way"},
    {.key = "granularity",
     .type = CO_REAL,
     .lo = 0.0,
     .hi = 1e12,
     .flags = CO_OPTIONAL | CO_LO_OPEN,
     .doc = "likewise: step / clip, in place of the one that wrap_stds gives"},
    {0}};

static bool is_written(const co_config *opt, const char *key)
{
    const co_node *node = co_node_find(opt->map, key);
    return node && !node->is_default;
}

static double count_of(const co_config *opt, const char *key)
{
    return (double)co_config_int(opt, key);
}

co_status co_account_shares_read(const co_config *opt, const co_event *event, co_account_shares *s)
{
    const co_mechanism *mechanism = co_mechanism_find(co_noise_text(event->noise));
    *s = (co_account_shares){.is_on = mechanism->share != NULL};
    for (const co_param *p = co_account_shares_params; p->key && !s->is_on; p++)
        if (is_written(opt, p->key))
            return co_config_fail(opt, co_config_node(opt, p->key),
                                  "%s goes with mechanism=ddgauss and skellam", p->key);
    if (!s->is_on) return CO_OK;
    static const char *const needed[] = {"dim", "min_reporting"};
    for (size_t k = 0; k < 2; k++)
        if (!co_config_has(opt, needed[k]))
            return co_config_fail(opt, NULL, "mechanism=%s needs %s=", mechanism->name, needed[k]);
    if (is_written(opt, "accountant") && strcmp(co_config_string(opt, "accountant"), "rdp") != 0)
        return co_config_fail(opt, co_config_node(opt, "accountant"),
                              "mechanism=%s is bounded by its moments: only accountant=rdp",
                              mechanism->name);
    s->setup = (co_distributed_setup){.mechanism = mechanism,
                                      .clip = 1.0,
                                      .beta = co_config_real(opt, "beta"),
                                      .wrap_stds = co_config_real(opt, "wrap_stds"),
                                      .n_least = count_of(opt, "min_reporting"),
                                      .n_most = count_of(opt, "min_reporting"),
                                      .dim = count_of(opt, "dim"),
                                      .bits = (int)co_config_int(opt, "bits"),
                                      .sampling = event->sampling,
                                      .rate = event->rate};
    if (co_config_has(opt, "devices")) s->setup.n_most = count_of(opt, "devices");
    if (co_config_has(opt, "granularity"))
        s->setup.granularity = co_config_real(opt, "granularity");
    if (co_config_has(opt, "noise_multiplier"))
        s->setup.multiplier = co_config_real(opt, "noise_multiplier");
    if (s->setup.n_most < s->setup.n_least)
        return co_config_fail(opt, co_config_node(opt, "devices"),
                              "%.0f at most, but min_reporting is %.0f", s->setup.n_most,
                              s->setup.n_least);
    if (co_config_has(opt, "noise_multiplier") && s->setup.multiplier == 0.0)
        return co_config_fail(opt, co_config_node(opt, "noise_multiplier"),
                              "0: mechanism=%s always has noise", mechanism->name);
    return CO_OK;
}

co_status co_account_shares_solve(co_account_shares *s, const co_accountant *by,
                                  const co_accounting *how, double epsilon, double delta,
                                  int64_t rounds, co_event *event)
{
    if (s->setup.multiplier == 0.0) {
        CO_TRY(co_distributed_find_noise(&s->setup, by, how, epsilon, delta, rounds));
        s->setup.multiplier = co_round_digits(s->setup.multiplier, SIGNIFICANT, true);
    }
    CO_TRY(co_distributed_make(&s->setup, &s->what));
    *event = s->what.event;
    return CO_OK;
}

static double share_std(const co_account_shares *s)
{
    return sqrt((double)s->what.share / CO_NOISE_UNIT);
}

void co_account_shares_print(const co_account_shares *s)
{
    if (!s->is_on) return;
    co_print_field(stdout, "shares", "of %.0f to %.0f devices, %.0f numbers each, %d bits",
                   s->setup.n_least, s->setup.n_most, s->setup.dim, s->setup.bits);
    co_print_field(stdout, "steps",
                   "%.7g x clip; norm at most %.7g x clip once rounded; a share has a standard "
                   "deviation of %.7g steps",
                   s->what.step, s->what.bound * s->what.step, share_std(s));
    co_print_field(stdout, "wraps",
                   "a number of a sum with probability %.2g at most, where updates spread evenly",
                   co_distributed_wrap(&s->setup, &s->what, s->setup.dim));
}

void co_account_shares_json(const co_account_shares *s, co_json *json)
{
    if (!s->is_on) return;
    co_json_int(json, "bits", s->setup.bits);
    co_json_real(json, "granularity", s->what.step);
    co_json_real(json, "rounded_norm", s->what.bound * s->what.step);
    co_json_real(json, "share_std", share_std(s));
    co_json_real(json, "wrap", co_distributed_wrap(&s->setup, &s->what, s->setup.dim));
}
