/* report/show_privacy.c - the report of a private run: what is promised, to whom, about which
 * values, and what has to be true for it.
 *
 * Numbers are the run file's; an epsilon is printed rounded up. The sampling, and with it the
 * neighbouring relation, is that of the experiment's selector, the one that the accountant was fed
 * with. */
#include "privacy/mechanisms/mechanism.h"
#include "sim/selectors/selector.h"
#include "report/show.h"
#include <string.h>

static double cell(const co_table *table, const char *name)
{
    const int column = co_table_find(table, name);
    return column < 0 ? 0.0 : co_table_get_f64(table, table->n_rows - 1, (size_t)column);
}

/* The text of section.key, or `standard`. */
static const char *word(const co_node *config, const char *section, const char *key,
                        const char *standard)
{
    const co_node *map = config ? co_node_find(config, section) : NULL;
    const co_node *node = map && map->kind == CO_NODE_MAP ? co_node_find(map, key) : NULL;
    return node && node->kind == CO_NODE_SCALAR && node->text ? node->text : standard;
}

static void print_accounting(FILE *out, const co_table *t, const co_node *config)
{
    const char *accountant = word(config, "privacy", "accountant", "pld");
    const bool is_rdp = strcmp(accountant, "rdp") == 0;
    const char *conversion = word(config, "privacy", "conversion", "improved");
    const co_selector *selector = co_selector_find(word(config, "devices", "select", "uniform"));
    static const char *const sampled[CO_N_SAMPLINGS] = {
        ("by public counts, noise / (2 x clip) accounted for; no amplification: each device "
         "charged for every round"),
        "poisson", "fixed size without replacement, noise / (2 x clip) accounted for"};
    const co_sampling sampling = selector ? selector->sampling : CO_SAMPLING_FIXED;
    const bool is_simulated = cell(t, "simulated") != 0.0;
    co_print_field(out, "neighbours", "one %s: %s%s", CO_PRIVACY_UNIT,
                   co_relation_text(sampling == CO_SAMPLING_POISSON ? CO_RELATION_ADD_REMOVE
                                                                    : CO_RELATION_REPLACE),
                   sampling == CO_SAMPLING_NONE ? ", by one with as many examples" : "");
    co_print_field(out, "sampling", "%s, rate %g%s", sampled[sampling], cell(t, "sampling_rate"),
                   is_simulated ? " (simulated)" : "");
    co_print_field(out, "accountant", "%s%s%s", accountant,
                   is_rdp ? ", conversion " : ", no conversion: a certified upper bound",
                   is_rdp ? conversion : "");
    if (is_rdp)
        co_print_field(out, "orders", "%s",
                       strcmp(conversion, "classic") == 0 ? "72 from 1.25 to 512"
                                                          : "all real orders above 1");
}

static void print_mechanism(FILE *out, const co_table *t, const co_node *config)
{
    const char *name = word(config, "privacy", "mechanism", "unknown");
    const bool is_l1 = strcmp(name, "laplace") == 0,
               is_secure = strcmp(word(config, "privacy", "secure", "false"), "true") == 0;
    co_print_field(out, "mechanism",
                   "%s, clip %g (%s), noise of standard deviation %g on the sum, once a round",
                   name, cell(t, "clip"), is_l1 ? "L1" : "L2", cell(t, "noise_std"));
    co_print_field(out, "mode", "%s",
                   is_secure ? "secure: noise from a secret key of the system's generator, which "
                               "is in the checkpoints alone: "
                               "destroy them after the run"
                             : "simulation: the noise is reproducible, not private");
    if (cell(t, "simulated") != 0.0)
        co_print_field(
            out, "simulated",
            "the noise of %s devices a round out of %s: epsilon is of such a run, not of this data",
            word(config, "privacy", "noise_cohort", "?"),
            word(config, "privacy", "noise_population", "?"));
}

static void print_released(FILE *out, const co_node *config)
{
    const bool is_adaptive = strcmp(word(config, "privacy", "clip_quantile", ""), "") != 0;
    co_print_field(
        out, "covered",
        "the model of every round, its digests, update_norm%s; all that is computed from them",
        is_adaptive ? ", clip (its noisy count is charged)" : "");
    co_print_field(
        out, "not covered",
        "train_loss and train metrics, n_selected, n_reported, n_empty, n_nonfinite, n_examples, "
        "bytes, n_contributions, tables devices and load: exact values of real devices");
    co_print_field(
        out, "not covered",
        "table eval, where its examples belong to devices of the population; a stop rule on it");
    const co_selector *selector = co_selector_find(word(config, "devices", "select", "uniform"));
    co_print_field(
        out, "assumes",
        "%s, only the covered values are published, other runs on these devices add to epsilon",
        selector && selector->sampling == CO_SAMPLING_NONE
            ? "how many examples a device has is no secret at any time (counts: public)"
            : "who takes part stays secret (the sample is drawn from the seed: keep the seed too)");
}

void co_show_privacy(FILE *out, const co_table *t, const co_node *config)
{
    if (t->n_rows == 0) return;
    fputc('\n', out);
    co_print_field(out, "privacy", "epsilon <= %.5g at delta %g after %.0f rounds",
                   co_round_digits(cell(t, "epsilon"), 5, true), cell(t, "delta"),
                   cell(t, "round"));
    print_accounting(out, t, config);
    print_mechanism(out, t, config);
    print_released(out, config);
}
