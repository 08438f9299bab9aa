/* cli/account_correlated.c - reads steps, separation and participations; asks the mechanism. */
#include "cli/account_correlated.h"
#include "privacy/mechanisms/mechanism.h"
#include "report/print.h"
#include <math.h>
#include <string.h>

const co_param co_correlated_account_params[] = {
    {.key = "separation",
     .type = CO_INT,
     .lo = 1,
     .hi = 1e9,
     .flags = CO_OPTIONAL,
     .doc = "tree, banded: least difference of the rounds of one device (rounds between, plus 1)"},
    {.key = "participations",
     .type = CO_INT,
     .lo = 1,
     .hi = 1e9,
     .flags = CO_OPTIONAL,
     .doc = "tree, banded: most of one device; default: as many as separation leaves"},
    {.key = "restart_every",
     .type = CO_INT,
     .lo = 1,
     .hi = 1e9,
     .flags = CO_OPTIONAL,
     .doc = "tree: rounds of a tree; default: one for all"},
    {.key = "bands",
     .type = CO_INT,
     .lo = 1,
     .hi = 4096,
     .def = 8,
     .doc = "banded: of the matrix, at most separation"},
    {.key = "matrix",
     .type = CO_STRING,
     .flags = CO_OPTIONAL,
     .doc = "banded: a text with the matrix; default: optimised"},
    {0}};

static bool is_written(const co_config *opt, const char *key)
{
    const co_node *node = co_node_find(opt->map, key);
    return node && !node->is_default;
}

/* The keys that belong to the mechanism, and no others. */
static co_status check_keys(const co_config *opt, const co_mechanism *mechanism)
{
    static const char *const not_with[] = {"rate", "population", "per_round", "sampling"};
    const bool is_on = mechanism && mechanism->correlation;
    for (const co_param *p = co_correlated_account_params; p->key; p++) {
        const co_param *own = is_on ? mechanism->params : p;
        while (is_on && own->key && strcmp(own->key, p->key) != 0) own++;
        const bool is_shared = p - co_correlated_account_params < 2;
        if (is_written(opt, p->key) && (!is_on || (!is_shared && !own->key)))
            return co_config_fail(opt, co_config_node(opt, p->key),
                                  "%s says nothing beside mechanism=%s", p->key,
                                  co_config_string(opt, "mechanism"));
    }
    for (size_t i = 0; is_on && i < sizeof not_with / sizeof *not_with; i++)
        if (is_written(opt, not_with[i]) &&
            (i < 3 || strcmp(co_config_string(opt, not_with[i]), "none") != 0))
            return co_config_fail(opt, co_config_node(opt, not_with[i]),
                                  "mechanism=%s: no amplification by sampling is claimed; give "
                                  "separation= and participations=",
                                  mechanism->name);
    if (is_on && !co_config_has(opt, "separation"))
        return co_config_fail(opt, NULL,
                              "mechanism=%s needs separation=, the least difference of the rounds "
                              "of one device (1: it may be in every round)",
                              mechanism->name);
    return CO_OK;
}

co_status co_correlated_account_read(const co_config *opt, co_correlated_account *out)
{
    const co_mechanism *mechanism = co_mechanism_find(co_config_string(opt, "mechanism"));
    void *self = NULL;
    *out = (co_correlated_account){0};
    CO_TRY(check_keys(opt, mechanism));
    if (!mechanism || !mechanism->correlation) return CO_OK;
    const co_correlation *correlation = mechanism->correlation;
    const int64_t rounds = co_config_int(opt, "rounds");
    out->is_on = true;
    out->separation = co_config_int(opt, "separation");
    out->participations = (rounds + out->separation - 1) / out->separation;
    if (co_config_has(opt, "participations") &&
        co_config_int(opt, "participations") < out->participations)
        out->participations = co_config_int(opt, "participations");
    CO_TRY(correlation->create(opt, rounds, out->separation, &self));
    co_status st = correlation->cost(self, rounds, out->participations, &out->squared);
    if (st == CO_OK) st = correlation->errors(self, &out->most, &out->mean);
    correlation->say(self, out->matrix, sizeof out->matrix);
    correlation->destroy(self);
    return st;
}

void co_correlated_account_print(const co_correlated_account *a, double z)
{
    if (!a->is_on) return;
    const double rho = (double)a->squared / (2.0 * z * z);
    co_print_field(stdout, "made by", "%s", a->matrix);
    co_print_field(stdout, "device", "in %lld rounds at most, %lld or more apart",
                   (long long)a->participations, (long long)a->separation);
    co_print_field(stdout, "sensitivity", "%.6g x clip (its square %lld) of all rounds together",
                   sqrt((double)a->squared), (long long)a->squared);
    co_print_field(stdout, "zcdp", "%.6g", rho);
    co_print_field(stdout, "prefix sums",
                   "noise of %.6g x clip at most, %.6g in the mean square (of the model, by the "
                   "clip)",
                   z * sqrt(a->most), z * sqrt(a->mean));
}

void co_correlated_account_json(const co_correlated_account *a, co_json *json)
{
    if (!a->is_on) return;
    co_json_int(json, "separation", a->separation);
    co_json_int(json, "participations", a->participations);
    co_json_int(json, "sensitivity_squared", a->squared);
    co_json_real(json, "prefix_max", a->most);
    co_json_real(json, "prefix_mean", a->mean);
}
