/* cli/command_account.c - cohort account: what a number of noisy releases adds up to, without a
 * run.
 *
 * Two of noise_multiplier, epsilon and delta are given, the third is the answer. Printed epsilons,
 * deltas and noise multipliers are rounded up, lower bounds down. */
#include "core/text.h"
#include "privacy/accountants/accountant.h"
#include "privacy/accountants/gaussian.h"
#include "privacy/statements/statement.h"
#include "cli/account_correlated.h"
#include "cli/account_message.h"
#include "cli/account_shares.h"
#include "cli/console.h"
#include "io/json.h"
#include "report/print.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SIGNIFICANT = 7 };

static const co_param params[] = {
    {.key = "mechanism",
     .type = CO_CHOICE,
     .words = "gaussian|laplace|discrete_gaussian|ddgauss|skellam|tree|banded",
     .doc = "the noise; ddgauss, skellam: in shares of devices; tree, banded: over all rounds"},
    {.key = "noise_multiplier",
     .type = CO_REAL,
     .lo = 0.0,
     .hi = 1e9,
     .flags = CO_OPTIONAL,
     .doc = "standard deviation (laplace: scale) / sensitivity; ddgauss, skellam: of the noise of "
            "min_reporting devices / clip; tree, banded: of one draw / clip"},
    {.key = "epsilon",
     .type = CO_REAL,
     .lo = 0.0,
     .hi = 1e6,
     .flags = CO_OPTIONAL,
     .doc = "target"},
    {.key = "delta",
     .type = CO_REAL,
     .lo = 0.0,
     .hi = 1.0,
     .flags = CO_OPTIONAL | CO_HI_OPEN,
     .doc = "target; at most 1 / population"},
    {.key = "rounds", .type = CO_INT, .def = 1, .lo = 1, .hi = 1e9, .doc = "number of releases"},
    {.key = "sampling",
     .type = CO_CHOICE,
     .words = "none|poisson|fixed",
     .doc = "who takes part in a round"},
    {.key = "rate",
     .type = CO_REAL,
     .lo = 0.0,
     .hi = 1.0,
     .flags = CO_OPTIONAL,
     .doc = "sampling poisson: rate"},
    {.key = "population",
     .type = CO_INT,
     .lo = 1,
     .hi = 1e15,
     .flags = CO_OPTIONAL,
     .doc = "sampling fixed: devices"},
    {.key = "per_round",
     .type = CO_INT,
     .lo = 0,
     .hi = 1e15,
     .flags = CO_OPTIONAL,
     .doc = "sampling fixed: devices in a round"},
    {.key = "accountant",
     .type = CO_CHOICE,
     .words = "pld|rdp",
     .doc = "pld: tight, never above rdp; rdp: fast"},
    {.key = "conversion",
     .type = CO_CHOICE,
     .words = "improved|classic",
     .doc = "accountant rdp: to epsilon"},
    {.key = "rho",
     .type = CO_REAL,
     .lo = 0.0,
     .hi = 1e6,
     .flags = CO_OPTIONAL | CO_LO_OPEN,
     .doc = "zCDP of all rounds, in place of mechanism and noise_multiplier"},
    {.key = "epsilon_message",
     .type = CO_REAL,
     .lo = 0.0,
     .hi = 1000.0,
     .flags = CO_OPTIONAL | CO_LO_OPEN,
     .doc = "local privacy: of one message of a device, which sends `rounds` of them; in place of "
            "mechanism and noise_multiplier, delta 0 where none is given"},
    {.key = "reports",
     .type = CO_INT,
     .lo = 1,
     .hi = 10000000,
     .flags = CO_OPTIONAL,
     .doc = "epsilon_message: messages of a round that a trusted party shuffles"},
    {0}};

static void print_help(void)
{
    co_print_usage(&co_command_account, "Give two of noise_multiplier, epsilon and delta: the "
                                        "third is the answer. The unit is one device.\n"
                                        "The sensitivity of a sum of contributions clipped to C is "
                                        "C when a device is added or removed\n"
                                        "(sampling none, poisson) and 2 C when one is replaced "
                                        "(sampling fixed). mechanism=discrete_gaussian\n"
                                        "is one integer that changes by at most 1.\n"
                                        "mechanism=ddgauss and skellam need dim= and "
                                        "min_reporting=; sampling amplifies their guarantee\n"
                                        "against those alone who do not know the sample: a server "
                                        "that collects shares knows it.\n"
                                        "mechanism=tree and banded (DP-FTRL) need separation=; all "
                                        "rounds are one release.\n\nOptions:\n");
    co_print_params(stdout, params);
    co_print_params(stdout, co_account_shares_params);
    co_print_params(stdout, co_correlated_account_params);
    co_print_wrapped(stdout, "\n  --json       one line of JSON\n\n"
                             "Example: cohort account mechanism=gaussian noise_multiplier=1.1 "
                             "delta=1e-5 rounds=1000 sampling=poisson "
                             "rate=0.01\n");
}

static bool has(const co_config *opt, const char *key)
{
    return co_config_has(opt, key);
}

static bool is_written(const co_config *opt, const char *key)
{
    const co_node *node = co_node_find(opt->map, key);
    return node && !node->is_default;
}

static co_status check_sampling(const co_config *opt, co_sampling sampling)
{
    static const char *const keys[] = {"rate", "population", "per_round"};
    static const co_sampling of[] = {CO_SAMPLING_POISSON, CO_SAMPLING_FIXED, CO_SAMPLING_FIXED};
    for (size_t i = 0; i < 3; i++) {
        if (of[i] == sampling && !has(opt, keys[i]))
            return co_config_fail(opt, NULL, "sampling=%s needs %s=", co_sampling_text(sampling),
                                  keys[i]);
        if (of[i] != sampling && has(opt, keys[i]))
            return co_config_fail(opt, co_config_node(opt, keys[i]),
                                  "%s goes with sampling=%s, not %s", keys[i],
                                  co_sampling_text(of[i]), co_sampling_text(sampling));
    }
    return CO_OK;
}

static co_status check_known(const co_config *opt)
{
    static const char *const keys[] = {"noise_multiplier", "epsilon", "delta"};
    int n = 0;
    for (size_t i = 0; i < 3; i++) n += has(opt, keys[i]);
    if (n != 2)
        return co_config_fail(
            opt, NULL,
            "%d of noise_multiplier, epsilon and delta are given: give two, the third is "
            "the answer",
            n);
    if (strcmp(co_config_string(opt, "accountant"), "rdp") != 0 && is_written(opt, "conversion"))
        return co_config_fail(opt, co_config_node(opt, "conversion"),
                              "only accountant=rdp converts");
    return CO_OK;
}

static co_status read_event(const co_config *opt, co_event *event)
{
    const char *mechanism = co_config_string(opt, "mechanism"),
               *sampling = co_config_string(opt, "sampling");
    *event = (co_event){.noise_multiplier = 1.0, .rate = 1.0};
    while (event->noise < CO_N_NOISES && strcmp(co_noise_text(event->noise), mechanism) != 0)
        event->noise++;
    if (event->noise == CO_N_NOISES) event->noise = CO_NOISE_GAUSSIAN; /* correlated draws */
    while (strcmp(co_sampling_text(event->sampling), sampling) != 0) event->sampling++;
    CO_TRY(check_sampling(opt, event->sampling));
    if (has(opt, "noise_multiplier"))
        event->noise_multiplier = co_config_real(opt, "noise_multiplier");
    if (event->sampling == CO_SAMPLING_POISSON) event->rate = co_config_real(opt, "rate");
    if (event->sampling == CO_SAMPLING_FIXED) {
        const int64_t population = co_config_int(opt, "population"),
                      per_round = co_config_int(opt, "per_round");
        if (per_round > population)
            return co_config_fail(opt, co_config_node(opt, "per_round"),
                                  "%lld devices a round of a population of %lld",
                                  (long long)per_round, (long long)population);
        event->rate = (double)per_round / (double)population;
    }
    return CO_OK;
}

/* What is printed. */
typedef struct {
    const char *accountant, *relation, *sampling, *conversion, *mechanism;
    double noise_multiplier, rate;
    int64_t rounds, population, per_round;
    co_guarantee g;
    bool solved_delta;
    co_correlated_account correlated;
    co_account_shares shares; /* is_on: the noise is in such */
} result;

static void print_number(const char *label, double value, const char *behind)
{
    char text[CO_REAL_TEXT];
    co_format_real(value, text);
    co_print_field(stdout, label, "%s%s", text, behind);
}

static void print_gdp(const result *r)
{
    if (strcmp(r->mechanism, "gaussian") != 0 || strcmp(r->sampling, "poisson") != 0 ||
        !(r->noise_multiplier > 0.0))
        return;
    const double mu = co_gdp_mu(r->rate, r->noise_multiplier, (double)r->rounds);
    if (!(mu > 0.0) || !isfinite(mu)) return;
    if (r->solved_delta)
        co_print_field(stdout, "gdp-clt", "delta about %.4g (approximation, not a bound)",
                       co_gaussian_delta(mu, r->g.epsilon));
    else if (r->g.delta > 0.0)
        co_print_field(stdout, "gdp-clt", "epsilon about %.4g (approximation, not a bound)",
                       co_gaussian_epsilon(mu, r->g.delta));
}

static void print_sampling(const result *r)
{
    char rate[CO_REAL_TEXT];
    co_format_real(r->rate, rate);
    if (strcmp(r->sampling, "poisson") == 0)
        co_print_field(stdout, "sampling", "poisson, rate %s", rate);
    else if (strcmp(r->sampling, "fixed") == 0)
        co_print_field(stdout, "sampling", "fixed size without replacement, %lld of %lld",
                       (long long)r->per_round, (long long)r->population);
    else
        co_print_field(stdout, "sampling", "%s", r->sampling);
}

static void print_text(const result *r)
{
    const bool pair = !isnan(r->solved_delta ? r->g.delta_lower : r->g.epsilon_lower);
    print_number("epsilon", r->g.epsilon,
                 pair && !r->solved_delta ? " (certified upper bound)" : "");
    if (pair && !r->solved_delta)
        print_number("at least", r->g.epsilon_lower, " (certified lower bound)");
    print_number("delta", r->g.delta, pair && r->solved_delta ? " (certified upper bound)" : "");
    if (pair && r->solved_delta)
        print_number("at least", r->g.delta_lower, " (certified lower bound)");
    if (!isnan(r->noise_multiplier))
        print_number("noise", r->noise_multiplier,
                     r->shares.is_on       ? " = standard deviation of min_reporting devices / clip"
                     : r->correlated.is_on ? " = standard deviation of one draw / clip"
                                           : " = standard deviation / sensitivity");
    co_print_field(stdout, "mechanism", "%s, %lld rounds", r->mechanism, (long long)r->rounds);
    co_correlated_account_print(&r->correlated, r->noise_multiplier);
    print_sampling(r);
    co_account_shares_print(&r->shares);
    co_print_field(stdout, "unit", "one %s", co_unit_text(CO_UNIT_DEVICE));
    co_print_field(stdout, "neighbours", "%s %s", r->relation, co_unit_text(CO_UNIT_DEVICE));
    co_print_field(stdout, "accountant", "%s%s", r->accountant,
                   r->g.bound && strcmp(r->g.bound, r->accountant) != 0
                       ? " (the bound of rdp, smaller here)"
                       : "");
    co_print_field(stdout, "conversion", "%s", r->conversion);
    if (!isnan(r->g.order))
        co_print_field(stdout, "order", "%.6g, of %s", r->g.order,
                       strcmp(r->conversion, "classic") == 0 ? "72 orders from 1.25 to 512"
                                                             : "all real orders > 1");
    print_gdp(r);
}

static void print_json(const result *r)
{
    co_json json = {.out = stdout};
    co_json_open(&json, NULL, '{');
    co_json_real(&json, "epsilon", r->g.epsilon);
    co_json_real(&json, "epsilon_lower", r->g.epsilon_lower);
    co_json_real(&json, "noise_multiplier", r->noise_multiplier);
    co_json_real(&json, "delta", r->g.delta);
    co_json_real(&json, "delta_lower", r->g.delta_lower);
    co_json_text(&json, "accountant", r->accountant);
    co_json_text(&json, "bound", r->g.bound ? r->g.bound : r->accountant);
    co_json_text(&json, "relation", r->relation);
    co_json_text(&json, "unit", co_unit_text(CO_UNIT_DEVICE));
    co_json_text(&json, "sampling", r->sampling);
    co_json_text(&json, "conversion", r->conversion);
    co_json_real(&json, "order", r->g.order);
    co_json_text(&json, "mechanism", r->mechanism);
    co_json_int(&json, "rounds", r->rounds);
    co_correlated_account_json(&r->correlated, &json);
    co_account_shares_json(&r->shares, &json);
    co_json_close(&json, '}');
    fputc('\n', stdout);
}

static void print_result(result *r, bool json)
{
    r->g.epsilon =
        r->solved_delta ? r->g.epsilon : co_round_digits(r->g.epsilon, SIGNIFICANT, true);
    r->g.delta = r->solved_delta ? co_round_digits(r->g.delta, SIGNIFICANT, true) : r->g.delta;
    r->g.epsilon_lower = r->solved_delta ? r->g.epsilon_lower
                                         : co_round_digits(r->g.epsilon_lower, SIGNIFICANT, false);
    r->g.delta_lower =
        r->solved_delta ? co_round_digits(r->g.delta_lower, SIGNIFICANT, false) : r->g.delta_lower;
    json ? print_json(r) : print_text(r);
}

/* The third of noise, epsilon and delta. The printed noise is rounded up first, and accounted for
 * as printed. */
static co_status solve(const co_config *opt, const co_event *event, result *r)
{
    const co_accountant *by = co_accountant_find(r->accountant);
    const double delta = has(opt, "delta") ? co_config_real(opt, "delta") : NAN;
    const double epsilon = has(opt, "epsilon") ? co_config_real(opt, "epsilon") : NAN;
    co_accounting how = co_accounting_from(opt);
    co_event e = *event;
    co_ledger ledger = {0};
    how.lower = by->has_lower;
    const int64_t n = r->correlated.is_on ? r->correlated.squared : r->rounds;
    co_status st = CO_OK;
    if (r->shares.is_on)
        CO_TRY_OUT(co_account_shares_solve(&r->shares, by, &how, epsilon, delta, r->rounds, &e));
    CO_TRY_OUT(co_ledger_add(&ledger, &e, n));
    if (!has(opt, "noise_multiplier") && !r->shares.is_on) {
        double factor;
        CO_TRY_OUT(co_account_noise(by, &ledger, &how, epsilon, delta, &factor, &r->g));
        e.noise_multiplier = co_round_digits(factor, SIGNIFICANT, true);
        co_ledger_fini(&ledger);
        CO_TRY_OUT(co_ledger_add(&ledger, &e, n));
    }
    r->noise_multiplier = r->shares.is_on ? r->shares.setup.multiplier : e.noise_multiplier;
    if (r->solved_delta)
        CO_TRY_OUT(co_account_delta(by, &ledger, &how, epsilon, &r->g));
    else
        CO_TRY_OUT(co_account_epsilon(by, &ledger, &how, delta, &r->g));
out:
    co_ledger_fini(&ledger);
    return st;
}

static co_status account_zcdp(const co_config *opt, bool json)
{
    static const char *const none[] = {"mechanism", "noise_multiplier", "rounds",    "sampling",
                                       "rate",      "population",       "per_round", "accountant",
                                       "conversion"};
    const double rho = co_config_real(opt, "rho");
    result r = {.accountant = "zcdp",
                .relation = "as rho's",
                .sampling = "as rho's",
                .conversion = "improved",
                .mechanism = "zcdp",
                .noise_multiplier = NAN,
                .rounds = 1,
                .solved_delta = has(opt, "epsilon"),
                .g = {.order = NAN, .epsilon_lower = NAN, .delta_lower = NAN}};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        if (is_written(opt, none[i]))
            return co_config_fail(opt, co_config_node(opt, none[i]),
                                  "%s says nothing beside rho=, the zCDP of all rounds", none[i]);
    if (has(opt, "epsilon") == has(opt, "delta"))
        return co_config_fail(opt, NULL,
                              "rho= takes one of epsilon and delta; the other is the answer");
    if (r.solved_delta) {
        r.g.epsilon = co_config_real(opt, "epsilon");
        r.g.delta = co_zcdp_delta(rho, r.g.epsilon);
    } else {
        r.g.delta = co_config_real(opt, "delta");
        r.g.epsilon = co_zcdp_epsilon(rho, r.g.delta);
    }
    print_result(&r, json);
    return CO_OK;
}

/* What holds of any guarantee over a population that is known. */
static co_status check_delta(const co_config *opt, const result *r)
{
    const double delta = r->g.delta;
    if (r->solved_delta || r->population == 0 || delta == 0.0) return CO_OK;
    if (delta * (double)r->population > 1.0 + 1e-9)
        return co_config_fail(opt, co_config_node(opt, "delta"),
                              "%g is above 1 / population = %g: set it below", delta,
                              1.0 / (double)r->population);
    if (r->per_round == 0 || r->g.epsilon > 0.0) return CO_OK;
    return co_config_fail(opt, co_config_node(opt, "delta"),
                          "%g: so large that epsilon is 0 and says nothing; lower it", delta);
}

static co_status account(const co_words *words)
{
    const co_config opt = {.file = "command line", .map = words->settings};
    co_event event;
    if (words->n_positional)
        return CO_FAIL(CO_EUSAGE, "account takes key=value words, '%.64s' is none",
                       words->positional[0]);
    CO_TRY(co_config_check(
        &opt,
        (const co_param *const[]){params, co_account_shares_params, co_correlated_account_params},
        3));
    if (has(&opt, "epsilon_message")) return co_account_message(&opt, words->json);
    if (has(&opt, "reports"))
        return co_config_fail(&opt, co_config_node(&opt, "reports"), "goes with epsilon_message=");
    if (has(&opt, "rho")) return account_zcdp(&opt, words->json);
    CO_TRY(check_known(&opt));
    CO_TRY(read_event(&opt, &event));
    result r = {.accountant = co_config_string(&opt, "accountant"),
                .mechanism = co_config_string(&opt, "mechanism"),
                .sampling = co_config_string(&opt, "sampling"),
                .rate = event.rate,
                .rounds = co_config_int(&opt, "rounds"),
                .population = has(&opt, "population") ? co_config_int(&opt, "population") : 0,
                .per_round = has(&opt, "per_round") ? co_config_int(&opt, "per_round") : 0,
                .solved_delta = !has(&opt, "delta")};
    CO_TRY(co_account_shares_read(&opt, &event, &r.shares));
    if (r.shares.is_on) r.accountant = "rdp";
    r.relation = co_relation_text(event.sampling == CO_SAMPLING_FIXED ? CO_RELATION_REPLACE
                                                                      : CO_RELATION_ADD_REMOVE);
    r.conversion = strcmp(r.accountant, "rdp") == 0 ? co_config_string(&opt, "conversion")
                                                    : "none: the privacy loss distribution itself";
    CO_TRY(co_correlated_account_read(&opt, &r.correlated));
    CO_TRY(solve(&opt, &event, &r));
    CO_TRY(check_delta(&opt, &r));
    print_result(&r, words->json);
    return CO_OK;
}

static co_status run(int n_words, char **words)
{
    co_words parsed;
    co_status st = CO_OK;
    CO_TRY(co_words_parse(n_words, words, "--json --help", true, &parsed));
    if (parsed.help)
        print_help();
    else
        st = account(&parsed);
    co_words_fini(&parsed);
    return st;
}

const co_command co_command_account = {
    .name = "account",
    .usage = "account key=value .. [--json]",
    .summary = "what noisy releases add up to: epsilon, delta, or the noise for a target",
    .run = run};
