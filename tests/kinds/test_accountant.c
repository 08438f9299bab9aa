/* Every accountant of the list under the same laws; new members join by themselves. Which of them
 * is the tighter, and the exact values, are in tests/privacy. */
#include "tests/harness.h"
#include "tests/kinds/options.h"
#include "tests/privacy/account_support.h"

#define EACH_MEMBER(m) for (const co_plugin *const *m = co_kind_accountant.members; *m; m++)
#define EACH_EVENT(e)                                                                              \
    for (int k_ = 0; k_ < CO_N_SAMPLINGS * CO_N_NOISES; k_++)                                      \
        for (const co_event *e = event_number(k_); e; e = NULL)

/* Every noise under every sampling. */
static const co_event *event_number(int k)
{
    static co_event e;
    e = (co_event){.noise = (co_noise)(k % CO_N_NOISES),
                   .sampling = (co_sampling)(k / CO_N_NOISES),
                   .rate = 0.02,
                   .noise_multiplier = 3.0};
    return &e;
}

static const char *words_of(const co_event *e)
{
    static char text[128];
    snprintf(text, sizeof text, "%s, sampling %s", co_noise_text(e->noise),
             co_sampling_text(e->sampling));
    return text;
}

static double epsilon_of(const co_plugin *member, co_event e, int64_t count, double delta)
{
    return ask_event(member->name, (co_accounting){0}, e, count, delta).epsilon;
}

Test(accountant, epsilon_grows_with_rounds_and_rate_and_shrinks_with_noise_and_delta)
{
    EACH_MEMBER(m) EACH_EVENT(e)
    {
        const double at = epsilon_of(*m, *e, 200, 1e-5);
        co_event more_rate = *e, more_noise = *e;
        more_rate.rate = 0.021;
        more_noise.noise_multiplier = 3.05;
        const double with_rate = epsilon_of(*m, more_rate, 200, 1e-5);
        cr_expect(at > 0.0 && isfinite(at), "%s, %s: %g", (*m)->name, words_of(e), at);
        cr_expect(epsilon_of(*m, *e, 203, 1e-5) > at, "%s, %s: rounds", (*m)->name, words_of(e));
        cr_expect(e->sampling == CO_SAMPLING_NONE ? with_rate == at : with_rate > at,
                  "%s, %s: rate", (*m)->name, words_of(e));
        cr_expect(epsilon_of(*m, more_noise, 200, 1e-5) < at, "%s, %s: noise", (*m)->name,
                  words_of(e));
        cr_expect(epsilon_of(*m, *e, 200, 1.1e-5) < at, "%s, %s: delta", (*m)->name, words_of(e));
    }
}

Test(accountant, sampling_does_not_cost_more_than_everybody)
{
    EACH_MEMBER(m) EACH_EVENT(e)
    {
        co_event all = *e;
        all.sampling = CO_SAMPLING_NONE;
        cr_expect(epsilon_of(*m, *e, 50, 1e-6) <= epsilon_of(*m, all, 50, 1e-6), "%s, %s",
                  (*m)->name, words_of(e));
    }
}

Test(accountant, no_noise_is_infinite_and_no_rounds_cost_nothing)
{
    EACH_MEMBER(m)
    {
        EACH_EVENT(e)
        {
            co_event bare = *e, unasked = *e;
            bare.noise_multiplier = 0.0;
            unasked.rate = 0.0;
            cr_expect(isinf(epsilon_of(*m, bare, 10, 1e-5)), "%s, %s", (*m)->name, words_of(e));
            cr_expect_eq(delta_at((*m)->name, bare, 10, 1.0), 1.0, "%s, %s", (*m)->name,
                         words_of(e));
            cr_expect_eq(epsilon_of(*m, bare, 0, 1e-5), 0.0, "%s, %s: no rounds", (*m)->name,
                         words_of(e));
            cr_expect_eq(delta_at((*m)->name, *e, 0, 1.0), 0.0, "%s, %s: no rounds", (*m)->name,
                         words_of(e));
            if (e->sampling == CO_SAMPLING_NONE) continue;
            cr_expect_eq(epsilon_of(*m, unasked, 10, 1e-5), 0.0, "%s, %s: rate 0", (*m)->name,
                         words_of(e));
        }
        const co_ledger empty = {0};
        cr_expect_eq(ask((*m)->name, (co_accounting){0}, &empty, 1e-5).epsilon, 0.0, "%s",
                     (*m)->name);
    }
}

/* In one call, in two, in any order: the same bits. */
Test(accountant, parts_in_any_order_are_the_whole)
{
    const co_event events[3] = {poisson(0.01, 1.0), poisson(0.02, 1.5),
                                plain(CO_NOISE_GAUSSIAN, 20.0)};
    EACH_MEMBER(m)
    {
        co_ledger whole = {0}, parts = {0}, turned = {0};
        for (int k = 0; k < 3; k++) {
            cr_assert_eq(co_ledger_add(&whole, &events[k], 100), CO_OK);
            cr_assert_eq(co_ledger_add(&parts, &events[k], 37), CO_OK);
            cr_assert_eq(co_ledger_add(&turned, &events[2 - k], 100), CO_OK);
        }
        const double some = ask((*m)->name, (co_accounting){0}, &parts, 1e-5).epsilon;
        for (int k = 0; k < 3; k++) cr_assert_eq(co_ledger_add(&parts, &events[k], 63), CO_OK);
        const double all = ask((*m)->name, (co_accounting){0}, &whole, 1e-5).epsilon;
        cr_expect(some < all, "%s", (*m)->name);
        cr_expect_eq(ask((*m)->name, (co_accounting){0}, &parts, 1e-5).epsilon, all, "%s",
                     (*m)->name);
        cr_expect_eq(ask((*m)->name, (co_accounting){0}, &turned, 1e-5).epsilon, all, "%s",
                     (*m)->name);
        for (int k = 0; k < 3; k++)
            cr_expect(epsilon_of(*m, events[k], 100, 1e-5) < all, "%s: one kind of event alone",
                      (*m)->name);
        co_ledger_fini(&whole);
        co_ledger_fini(&parts);
        co_ledger_fini(&turned);
    }
    cr_expect_eq(co_memory_blocks(), 0);
}

Test(accountant, delta_and_epsilon_invert_each_other)
{
    EACH_MEMBER(m) EACH_EVENT(e)
    {
        const double epsilon = epsilon_of(*m, *e, 50, 1e-7),
                     back = delta_at((*m)->name, *e, 50, epsilon);
        cr_expect(fabs(log(back / 1e-7)) < 1e-3, "%s, %s: delta %g", (*m)->name, words_of(e), back);
        cr_expect(delta_at((*m)->name, *e, 50, 1.01 * epsilon) < back, "%s, %s", (*m)->name,
                  words_of(e));
    }
}

Test(accountant, calibrated_noise_keeps_the_promise_and_a_hundredth_less_breaks_it)
{
    static const double targets[] = {0.1, 1.0, 8.0};
    EACH_MEMBER(m) EACH_EVENT(e)
    {
        const double target = targets[k_ % 3];
        co_event found = *e;
        found.noise_multiplier = noise_for((*m)->name, *e, 200, target, 1e-5);
        cr_expect(epsilon_of(*m, found, 200, 1e-5) <= target, "%s, %s", (*m)->name, words_of(e));
        found.noise_multiplier *= 0.99;
        cr_expect(epsilon_of(*m, found, 200, 1e-5) > target, "%s, %s, target %g", (*m)->name,
                  words_of(e), target);
    }
    co_event e = poisson(0.01, 1.0);
    EACH_MEMBER(m)
    {
        e.noise_multiplier = noise_for((*m)->name, e, 200, 1.0, 1e-5) * (1.0 - 1e-6);
        cr_expect(epsilon_of(*m, e, 200, 1e-5) > 1.0, "%s: a millionth less", (*m)->name);
    }
}

Test(accountant, lower_bounds_are_below_and_only_where_promised)
{
    EACH_MEMBER(m) EACH_EVENT(e)
    {
        const co_accountant *member = (const co_accountant *)*m;
        const co_guarantee g =
            ask_event(member->name, (co_accounting){.lower = true}, *e, 100, 1e-6);
        cr_expect(member->has_lower ? g.epsilon_lower <= g.epsilon : isnan(g.epsilon_lower),
                  "%s, %s: [%g, %g]", member->name, words_of(e), g.epsilon_lower, g.epsilon);
        cr_expect(co_accountant_find(g.bound) != NULL, "%s", g.bound);
    }
}

Test(accountant, impossible_questions_are_refused_with_the_value)
{
    const co_accounting how = {0};
    co_ledger ledger = ledger_of(poisson(0.1, 1.0), 10);
    EACH_MEMBER(m)
    {
        const co_accountant *member = (const co_accountant *)*m;
        co_guarantee g;
        double factor;
        cr_expect_eq(co_account_epsilon(member, &ledger, &how, 1.5, &g), CO_EUSAGE);
        cr_expect(strstr(co_status_message(), "1.5"), "%s", co_status_message());
        cr_expect_eq(co_account_epsilon(member, &ledger, &how, NAN, &g), CO_EUSAGE);
        cr_expect_eq(co_account_delta(member, &ledger, &how, -0.5, &g), CO_EUSAGE);
        cr_expect(strstr(co_status_message(), "-0.5"), "%s", co_status_message());
        cr_expect_eq(co_account_noise(member, &ledger, &how, 1.0, 0.0, &factor, &g), CO_EUSAGE,
                     "%s: Gaussian, delta 0", member->name);
    }
    co_ledger_fini(&ledger);
    cr_expect_eq(co_memory_blocks(), 0);
}

Test(accountant, options_have_texts)
{
    EACH_MEMBER(m) test_option_texts(*m, NULL);
}
