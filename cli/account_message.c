/* cli/account_message.c - cohort account epsilon_message=: what messages that are epsilon-private
 * each come to: those of one device added up, or those of a round shuffled. */
#include "cli/account_message.h"
#include "core/text.h"
#include "io/json.h"
#include "privacy/accountants/pure.h"
#include "privacy/statements/statement.h"
#include "report/print.h"
#include <math.h>

enum { SIGNIFICANT = 7 };

typedef struct {
    double each, epsilon, closed, delta; /* closed: of the shuffled, in closed form; NAN: none */
    int64_t rounds, reports;             /* reports 0: not shuffled */
} result;

static void print_text(const result *r)
{
    char epsilon[CO_REAL_TEXT], each[CO_REAL_TEXT], delta[CO_REAL_TEXT], closed[CO_REAL_TEXT];
    co_format_real(r->epsilon, epsilon);
    co_format_real(r->each, each);
    co_format_real(r->delta, delta);
    co_print_field(stdout, "epsilon", "%s", epsilon);
    co_print_field(stdout, "delta", "%s", delta);
    co_print_field(stdout, "mechanism", "any, epsilon %s a message", each);
    co_print_field(stdout, "unit", "one %s",
                   co_unit_text(r->reports ? CO_UNIT_DEVICE : CO_UNIT_MESSAGE));
    co_print_field(stdout, "neighbours", "%s", co_relation_text(CO_RELATION_REPLACE));
    if (!r->reports) {
        co_print_field(stdout, "composition", "%lld messages of one device%s", (long long)r->rounds,
                       r->delta > 0.0 ? ", exact (Kairouz, Oh, Viswanath 2015)" : "");
        return;
    }
    co_print_field(stdout, "shuffled",
                   "%lld messages, one of each device, in an order that nobody knows: an upper "
                   "bound (Feldman, McMillan, Talwar 2020, Theorem 3.2)",
                   (long long)r->reports);
    if (isnan(r->closed)) return;
    co_format_real(r->closed, closed);
    co_print_field(stdout, "closed form", "epsilon %s (Theorem 3.1)", closed);
}

static void print_json(const result *r)
{
    co_json json = {.out = stdout};
    co_json_open(&json, NULL, '{');
    co_json_real(&json, "epsilon", r->epsilon);
    co_json_real(&json, "delta", r->delta);
    co_json_real(&json, "epsilon_message", r->each);
    co_json_text(&json, "relation", co_relation_text(CO_RELATION_REPLACE));
    co_json_text(&json, "unit", co_unit_text(r->reports ? CO_UNIT_DEVICE : CO_UNIT_MESSAGE));
    co_json_int(&json, "rounds", r->rounds);
    if (r->reports) co_json_int(&json, "reports", r->reports);
    if (r->reports) co_json_real(&json, "epsilon_closed", r->closed);
    co_json_close(&json, '}');
    fputc('\n', stdout);
}

static co_status check(const co_config *opt)
{
    static const char *const none[] = {"mechanism",  "noise_multiplier", "sampling",   "rate",
                                       "population", "per_round",        "accountant", "conversion",
                                       "rho",        "epsilon"};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        const co_node *node = co_node_find(opt->map, none[i]);
        if (node && !node->is_default)
            return co_config_fail(opt, node, "%s says nothing beside epsilon_message=", none[i]);
    }
    if (!co_config_has(opt, "reports")) return CO_OK;
    if (co_config_int(opt, "rounds") > 1)
        return co_config_fail(opt, co_config_node(opt, "rounds"),
                              "reports= are those of one round; leave rounds out");
    if (!co_config_has(opt, "delta") || co_config_real(opt, "delta") == 0.0)
        return co_config_fail(opt, NULL, "shuffled messages (reports=) need delta= above 0");
    return CO_OK;
}

co_status co_account_message(const co_config *opt, bool json)
{
    CO_TRY(check(opt));
    result r = {.each = co_config_real(opt, "epsilon_message"),
                .closed = NAN,
                .delta = co_config_has(opt, "delta") ? co_config_real(opt, "delta") : 0.0,
                .rounds = co_config_int(opt, "rounds"),
                .reports = co_config_has(opt, "reports") ? co_config_int(opt, "reports") : 0};
    if (r.reports) {
        r.epsilon = co_shuffled_epsilon(r.each, (double)r.reports, r.delta);
        r.closed = co_round_digits(co_shuffled_closed(r.each, (double)r.reports, r.delta),
                                   SIGNIFICANT, true);
    } else {
        r.epsilon = co_pure_epsilon(r.each, r.rounds, r.delta);
    }
    r.epsilon = co_round_digits(r.epsilon, SIGNIFICANT, true);
    json ? print_json(&r) : print_text(&r);
    return CO_OK;
}
