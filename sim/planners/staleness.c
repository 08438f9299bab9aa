/* sim/planners/staleness.c - options and factors of old versions. */
#include "sim/planners/staleness.h"
#include "core/elementary.h"
#include <stdlib.h>
#include <string.h>

static double real_or(const co_config *opt, const char *key, double otherwise)
{
    return co_config_has(opt, key) ? co_config_real(opt, key) : otherwise;
}

co_staleness co_staleness_from(const co_config *opt)
{
    const char *law = co_config_string(opt, "staleness");
    const bool hinge = strcmp(law, "hinge") == 0;
    return (co_staleness){
        .law = hinge                            ? CO_STALE_HINGE
               : strcmp(law, "polynomial") == 0 ? CO_STALE_POLYNOMIAL
                                                : CO_STALE_CONSTANT,
        .a = real_or(opt, "staleness_a", hinge ? 10.0 : 0.5),
        .b = real_or(opt, "staleness_b", 4.0),
        .most = co_config_has(opt, "max_staleness") ? co_config_int(opt, "max_staleness") : -1,
        .is_to_newest = strcmp(co_config_string(opt, "difference"), "current") == 0,
        .is_fixed_divisor = strcmp(co_config_string(opt, "divisor"), "buffer") == 0};
}

double co_staleness_places(const co_config *opt, double per_round)
{
    return co_config_has(opt, "concurrency") ? (double)co_config_int(opt, "concurrency")
                                             : per_round;
}

double co_staleness_factor(const co_staleness *s, int64_t tau)
{
    const double t = (double)tau;
    if (s->law == CO_STALE_POLYNOMIAL) return 1.0 / co_plain_power(1.0 + t, s->a);
    if (s->law == CO_STALE_HINGE && t > s->b) return 1.0 / (s->a * (t - s->b) + 1.0);
    return 1.0;
}

static int by_id(const void *a, const void *b)
{
    const co_plan_row *x = a, *y = b;
    return (x->device > y->device) - (x->device < y->device);
}

void co_staleness_add(const co_staleness *s, co_plan *plan, co_plan_row *row, size_t n)
{
    plan->is_to_newest = s->is_to_newest;
    plan->is_fixed_divisor = s->is_fixed_divisor;
    qsort(row, n, sizeof *row, by_id);
    for (size_t k = 0; k < n; k++) {
        row[k].factor = co_staleness_factor(s, plan->round - 1 - row[k].version);
        co_plan_add(plan, &row[k]);
    }
}
