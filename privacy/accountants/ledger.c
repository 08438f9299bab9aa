/* privacy/accountants/ledger.c - the list of a run's releases: equal events are one row, rows in a
 * fixed order. */
#include "core/memory.h"
#include "privacy/accountants/rdp_shares.h"
#include <math.h>
#include <string.h>

static const char *const noises[CO_N_NOISES] = {"gaussian", "laplace", "discrete_gaussian",
                                                "ddgauss", "skellam"};
static const char *const samplings[CO_N_SAMPLINGS] = {"none", "poisson", "fixed"};

const char *co_noise_text(co_noise noise)
{
    return noises[noise];
}

const char *co_sampling_text(co_sampling sampling)
{
    return samplings[sampling];
}

const char *co_relation_text(co_relation relation)
{
    return relation == CO_RELATION_REPLACE ? "replace one" : "add or remove one";
}

static co_relation relation_of(const co_event *event)
{
    static const co_relation of[CO_N_SAMPLINGS] = {CO_RELATION_ANY, CO_RELATION_ADD_REMOVE,
                                                   CO_RELATION_REPLACE};
    return of[event->sampling];
}

co_relation co_ledger_relation(const co_ledger *ledger)
{
    for (size_t i = 0; i < ledger->n; i++)
        if (relation_of(&ledger->rows[i].event) != CO_RELATION_ANY)
            return relation_of(&ledger->rows[i].event);
    return CO_RELATION_ANY;
}

static int compare_reals(double a, double b)
{
    return (a > b) - (a < b);
}

/* A total order over events: by noise, sampling, noise multiplier, rate, lattice, shares. */
static int compare(const co_event *a, const co_event *b)
{
    if (a->noise != b->noise) return a->noise < b->noise ? -1 : 1;
    if (a->sampling != b->sampling) return a->sampling < b->sampling ? -1 : 1;
    const int by_noise = compare_reals(a->noise_multiplier, b->noise_multiplier);
    if (by_noise) return by_noise;
    const int by_rate = compare_reals(a->rate, b->rate);
    if (by_rate) return by_rate;
    const int by_lattice = compare_reals(a->lattice_std, b->lattice_std);
    if (by_lattice) return by_lattice;
    const int by_dim = compare_reals(a->dim, b->dim);
    return by_dim ? by_dim : compare_reals(a->n_shares, b->n_shares);
}

static co_status check(const co_ledger *ledger, const co_event *event, int64_t count)
{
    if (!(event->noise_multiplier >= 0.0) || isinf(event->noise_multiplier))
        return CO_FAIL(CO_EUSAGE, "privacy: noise multiplier %g is no number >= 0",
                       event->noise_multiplier);
    if (!(event->rate >= 0.0 && event->rate <= 1.0))
        return CO_FAIL(CO_EUSAGE, "privacy: sampling rate %g is not in [0, 1]", event->rate);
    if (!(event->lattice_std >= 0.0) || isinf(event->lattice_std))
        return CO_FAIL(CO_EUSAGE,
                       "privacy: standard deviation of %g lattice steps is no number >= 0",
                       event->lattice_std);
    if (!(event->dim >= 0.0 && event->n_shares >= 0.0) || isinf(event->dim + event->n_shares))
        return CO_FAIL(CO_EUSAGE,
                       "privacy: %g integers with noise of %g devices are no numbers >= 0",
                       event->dim, event->n_shares);
    if (count < 0)
        return CO_FAIL(CO_EUSAGE, "privacy: a release cannot happen %lld times", (long long)count);
    const co_relation before = co_ledger_relation(ledger), now = relation_of(event);
    if (before != CO_RELATION_ANY && now != CO_RELATION_ANY && now != before)
        return CO_FAIL(CO_EUSAGE,
                       "privacy: one run releases under sampling poisson (%s) and fixed (%s): no "
                       "neighbouring relation fits both; use one selector",
                       co_relation_text(CO_RELATION_ADD_REMOVE),
                       co_relation_text(CO_RELATION_REPLACE));
    return CO_OK;
}

co_status co_ledger_add(co_ledger *ledger, const co_event *event, int64_t count)
{
    co_event e = *event;
    if (e.sampling == CO_SAMPLING_NONE) e.rate = 1.0;
    if (e.noise == CO_NOISE_GAUSSIAN || e.noise == CO_NOISE_LAPLACE) e.lattice_std = 0.0;
    if (!co_noise_is_shared(e.noise)) e.dim = e.n_shares = 0.0;
    CO_TRY(check(ledger, &e, count));
    if (count == 0) return CO_OK;
    size_t at = 0;
    while (at < ledger->n && compare(&ledger->rows[at].event, &e) < 0) at++;
    if (at < ledger->n && compare(&ledger->rows[at].event, &e) == 0) {
        if (__builtin_add_overflow(ledger->rows[at].count, count, &ledger->rows[at].count))
            return CO_FAIL(CO_EUSAGE, "privacy: more than 2^63 releases");
        return CO_OK;
    }
    if (co_reserve((void **)&ledger->rows, &ledger->capacity, ledger->n + 1,
                   sizeof *ledger->rows) != 0)
        return CO_FAIL(CO_ENOMEM, "out of memory for a privacy ledger of %zu rows", ledger->n + 1);
    memmove(ledger->rows + at + 1, ledger->rows + at, (ledger->n - at) * sizeof *ledger->rows);
    ledger->rows[at] = (co_ledger_row){e, count};
    ledger->n++;
    return CO_OK;
}

void co_ledger_fini(co_ledger *ledger)
{
    co_free(ledger->rows);
    *ledger = (co_ledger){0};
}
