/* Every statement of the list under the same laws; new members join by themselves. A member speaks
 * of those releases alone that it fits; together they leave no sampling without one. */
#include "privacy/mechanisms/privunit.h"
#include "privacy/mechanisms/response.h"
#include "privacy/statements/statement.h"
#include "tests/harness.h"
#include "tests/kinds/correlations.h"
#include <math.h>

#define EACH_MEMBER(m)                                                                             \
    for (const co_plugin *const *at_ = co_kind_statement.members; *at_; at_++)                     \
        for (const co_statement *m = (const co_statement *)*at_; m; m = NULL)
#define EACH_RELEASE(r)                                                                            \
    for (int k_ = 0; k_ < N_RELEASES; k_++)                                                        \
        for (const co_release *r = release_number(k_); r; r = NULL)

enum {
    N_MECHANISMS = 9,
    N_HIDDEN = CO_N_UNITS * CO_N_SAMPLINGS * N_MECHANISMS * 16,
    N_RELEASES = 2 * N_HIDDEN
}; /* then once more, where no sample hides who takes part */

static size_t n_kept_blocks; /* of the noise below */

/* Noise that is correlated, of 20 steps, made once. */
static const void *noise_of(const co_mechanism *mechanism)
{
    static struct {
        const co_mechanism *mechanism;
        void *self;
    } made[N_MECHANISMS];
    int k = 0;
    while (made[k].mechanism && made[k].mechanism != mechanism) k++;
    if (!made[k].mechanism) {
        const size_t before = co_memory_blocks();
        made[k].mechanism = mechanism;
        made[k].self = make_correlation(mechanism, "", 20, 8);
        n_kept_blocks += co_memory_blocks() - before;
    }
    return made[k].self;
}

/* Correlated noise is of devices, without a sample, without an adaptive clip or a secret key. */
static void make_correlated(co_release *r)
{
    if (r->unit != CO_UNIT_DEVICE) {
        r->mechanism = co_mechanism_find("gaussian");
        return;
    }
    r->by_arrival = true;
    r->sampling = CO_SAMPLING_NONE;
    r->rate = 1.0;
    r->noise_cohort = r->noise_population = 0.0;
    r->is_adaptive = r->is_secure = false;
    r->noise = noise_of(r->mechanism);
    r->separation = 8;
    r->squared = 12;
}

/* Every unit, sampling, mechanism, accountant, and what else may be. */
static const co_release *release_number(int k)
{
    static const char *const listed[] = {
        "gaussian", "laplace", "discrete_gaussian", "tree", "banded", "ddgauss", "skellam"};
    static const co_mechanism *const others[] = {&co_mechanism_privunit, &co_mechanism_response};
    static co_release r;
    r = (co_release){.clip = 0.5,
                     .noise_std = 0.45,
                     .multiplier = 0.9,
                     .rate = 0.125,
                     .n_releases = 7,
                     .n_parts = 3,
                     .is_adaptive = k & 1,
                     .is_secure = k & 2,
                     .classic = k & 4,
                     .accountant = co_accountant_find(k & 4 ? "rdp" : "pld"),
                     .noise_cohort = k & 8 ? 1000 : 0,
                     .noise_population = k & 8 ? 4e6 : 0,
                     .epsilon = 2.0,
                     .epsilon_all = 5.0,
                     .delta = 1e-6,
                     .reports = k & 1 ? 500.0 : 0.0,
                     .epsilon_shuffled = k & 2 ? NAN : 0.25,
                     .delta_shuffled = 1e-7,
                     .n_classes = 10};
    bool by_arrival = k >= N_HIDDEN;
    k = k % N_HIDDEN / 16;
    const int m = k % N_MECHANISMS;
    k /= N_MECHANISMS;
    r.sampling = (co_sampling)(k % CO_N_SAMPLINGS);
    r.unit = (co_unit)(k / CO_N_SAMPLINGS);
    const bool is_listed = m < 7 || r.unit == CO_UNIT_DEVICE; /* sums take members of the kind */
    r.mechanism = is_listed ? co_mechanism_find(listed[m % 7]) : others[m - 7];
    if (r.mechanism->share) { /* a server that knows who takes part */
        by_arrival = true;
        r.unit = CO_UNIT_DEVICE;
        r.is_adaptive = false;
        r.n_shares = 20.0, r.dim = 1000.0, r.stretch = 2.0, r.lattice_std = 300.0;
    }
    if (by_arrival) r.sampling = CO_SAMPLING_NONE;
    r.by_arrival = by_arrival && r.unit == CO_UNIT_DEVICE;
    if (r.by_arrival) r.noise_cohort = r.noise_population = 0.0; /* is refused */
    if (r.sampling == CO_SAMPLING_NONE) r.rate = 1.0;
    if (r.mechanism->correlation) make_correlated(&r);
    return &r;
}

static bool speaks_of(const co_statement *member, const co_release *r)
{
    return member->unit == r->unit && member->fits(r);
}

Test(statement, has_what_cohort_list_shows)
{
    EACH_MEMBER(m) test_option_texts((const co_plugin *)m, NULL);
}

Test(statement, one_member_speaks_of_a_release_and_every_sampling_of_devices_has_one)
{
    EACH_RELEASE(r)
    {
        int n = 0;
        const co_statement *found = co_statement_for(r);
        EACH_MEMBER(m) if (speaks_of(m, r)) n++;
        cr_expect(n <= 1, "%d statements of one release: unit %s, sampling %s", n,
                  co_unit_text(r->unit), co_sampling_text(r->sampling));
        cr_expect((found != NULL) == (n == 1) && (!found || speaks_of(found, r)));
        cr_expect(found || r->unit != CO_UNIT_DEVICE, "devices, sampling %s: no statement",
                  co_sampling_text(r->sampling));
    }
}

/* The ledger takes the event, under the relation of the words; noise counts in units of what one
 * neighbour changes: of the bound when one is added or removed, of twice the bound when one is
 * replaced; a sample is not told as larger or smaller than it is. */
Test(statement, the_event_is_what_was_sampled_and_added)
{
    EACH_MEMBER(m) EACH_RELEASE(r)
    {
        if (!speaks_of(m, r) || !m->event) continue;
        co_ledger ledger = {0};
        const co_event e = m->event(r);
        const co_relation said = m->neighbours(r);
        cr_assert_eq(co_ledger_add(&ledger, &e, 1), CO_OK, "%s", co_status_message());
        const co_relation counted = co_ledger_relation(&ledger);
        cr_expect(said != CO_RELATION_ANY && (counted == CO_RELATION_ANY || counted == said),
                  "%s, sampling %s: said %s, counted %s", m->name, co_sampling_text(r->sampling),
                  co_relation_text(said), co_relation_text(counted));
        cr_expect(e.n_shares == r->n_shares && e.dim == r->dim, "%s: another vector", m->name);
        cr_expect(e.noise == r->mechanism->noise && e.sampling == r->sampling && e.rate == r->rate,
                  "%s: another event than the release", m->name);
        cr_expect_eq(e.noise_multiplier * (said == CO_RELATION_REPLACE ? 2.0 : 1.0) *
                         (r->stretch > 0.0 ? r->stretch : 1.0),
                     r->multiplier, "%s, %s: noise multiplier %g of %g", m->name,
                     co_relation_text(said), e.noise_multiplier, r->multiplier);
        co_ledger_fini(&ledger);
    }
    cr_expect_eq(co_memory_blocks(), n_kept_blocks);
}

static void expect_said(const co_statement *m, const co_statement_text *words, const char *label,
                        const char *text)
{
    const char *said = co_said(words, label);
    cr_expect(said && *said, "%s says nothing of %s", m->name, label);
    cr_expect(!said || strstr(said, text), "%s, %s: no '%s' in '%s'", m->name, label, text, said);
}

Test(statement, says_who_is_protected_from_what_and_how)
{
    EACH_MEMBER(m) EACH_RELEASE(r)
    {
        if (!speaks_of(m, r)) continue;
        co_statement_text words = {0};
        char text[64];
        m->say(r, &words);
        expect_said(m, &words, "unit", co_unit_text(m->unit));
        expect_said(m, &words, "neighbours", co_relation_text(m->neighbours(r)));
        expect_said(m, &words, "neighbours", co_unit_text(m->unit));
        snprintf(text, sizeof text, "rate %g", r->rate);
        expect_said(m, &words, "sampling", text);
        snprintf(text, sizeof text, "%lld release", (long long)r->n_releases);
        expect_said(m, &words, "composition", text);
        const bool is_known = r->mechanism->noise != CO_N_NOISES; /* to accountants */
        expect_said(m, &words, "accountant", is_known ? r->accountant->name : "");
        expect_said(m, &words, "mechanism", r->mechanism->name);
        if (r->mechanism->norm != CO_NORM_NONE)
            expect_said(m, &words, "mechanism", r->mechanism->norm == CO_NORM_L1 ? "L1" : "L2");
        expect_said(m, &words, "mode", r->is_secure ? "secret key" : "not private");
        expect_said(m, &words, "covered", "model");
        if (r->unit == CO_UNIT_DEVICE &&
            r->is_adaptive) /* that of a device's step is in no table */
            expect_said(m, &words, "covered", "clip");
        expect_said(m, &words, "not covered", "train_loss");
        expect_said(m, &words, "assumes", "only the covered values are published");
    }
}

/* Where no ledger tells it, the words do: for one release and for all. */
Test(statement, what_no_ledger_takes_says_its_epsilon)
{
    EACH_MEMBER(m) EACH_RELEASE(r)
    {
        if (!speaks_of(m, r) || m->event) continue;
        co_statement_text words = {0};
        m->say(r, &words);
        expect_said(m, &words, "epsilon", m->unit == CO_UNIT_MESSAGE ? "epsilon 2" : "2");
        if (m->unit == CO_UNIT_MESSAGE) expect_said(m, &words, "epsilon", "epsilon 5 at delta");
        const char *shuffled = co_said(&words, "were it shuffled");
        cr_expect((shuffled != NULL) ==
                  (m->unit == CO_UNIT_MESSAGE && r->reports > 0.0 && !isnan(r->epsilon_shuffled)));
        cr_expect(!shuffled || (strstr(shuffled, "500 messages") && strstr(shuffled, "0.25") &&
                                strstr(shuffled, "not part of the guarantee")));
    }
}

/* An epsilon of a run that did not happen is never told as that of one that did. */
Test(statement, a_simulated_cohort_is_called_one_and_no_other_is)
{
    EACH_MEMBER(m) EACH_RELEASE(r)
    {
        if (!speaks_of(m, r)) continue;
        co_statement_text words = {0};
        m->say(r, &words);
        const char *sampling = co_said(&words, "sampling"), *said = co_said(&words, "simulated");
        const bool simulated = r->noise_cohort > 0.0;
        cr_expect((strstr(sampling, "simulated") != NULL) == simulated, "%s: '%s'", m->name,
                  sampling);
        cr_expect((said != NULL) == simulated, "%s, simulated %d", m->name, simulated);
        cr_expect(!said || (strstr(said, "1000 devices") && strstr(said, "4000000")), "%s: %s",
                  m->name, said);
    }
}

/* All steps are one release: what it comes to, how far apart a device's steps are, and what the
 * noise is made of is said. */
Test(statement, correlated_noise_is_called_one_release)
{
    EACH_MEMBER(m) EACH_RELEASE(r)
    {
        char text[64];
        co_statement_text words = {0};
        if (!speaks_of(m, r)) continue;
        cr_expect((strcmp(m->name, "correlated") == 0) == (r->mechanism->correlation != NULL));
        if (!r->mechanism->correlation) continue;
        m->say(r, &words);
        expect_said(m, &words, "composition", "one Gaussian release");
        expect_said(m, &words, "composition", "sensitivity^2 12");
        expect_said(m, &words, "composition", "at most 3 of them");
        expect_said(m, &words, "sampling", "none claimed");
        snprintf(text, sizeof text, "at least %lld", (long long)r->separation);
        expect_said(m, &words, "sampling", text);
        r->mechanism->correlation->say(r->noise, text, sizeof text);
        expect_said(m, &words, "mechanism", text);
    }
}
