/* Laws that every accountant keeps: monotone, independent of order, bounds in their order, round trips. */
#include "tests/harness.h"
#include "tests/privacy/account_support.h"

static const char *const accountants[] = {"rdp", "pld"};

static double epsilon_of(const char *name, co_event e, int64_t count, double delta)
{
    return ask_event(name, (co_accounting){0}, e, count, delta).epsilon;
}

Test(laws, epsilon_grows_with_rate_and_rounds_and_shrinks_with_noise_and_delta)
{
    for (int a = 0; a < 2; a++)
        for (int sampling = CO_SAMPLING_POISSON; sampling <= CO_SAMPLING_FIXED; sampling++)
            for (int noise = 0; noise < CO_N_NOISES; noise++) {
                co_event e = {.noise = (co_noise)noise, .sampling = (co_sampling)sampling, .rate = 0.02,
                              .noise_multiplier = 1.2};
                co_event more_rate = e, more_noise = e;
                more_rate.rate = 0.021;
                more_noise.noise_multiplier = 1.22;
                const double at = epsilon_of(accountants[a], e, 200, 1e-5);
                cr_expect(at > 0.0 && isfinite(at));
                cr_expect(epsilon_of(accountants[a], more_rate, 200, 1e-5) > at, "rate, %s %d %d", accountants[a], sampling, noise);
                cr_expect(epsilon_of(accountants[a], e, 203, 1e-5) > at, "rounds, %s %d %d", accountants[a], sampling, noise);
                cr_expect(epsilon_of(accountants[a], more_noise, 200, 1e-5) < at, "noise, %s %d %d", accountants[a], sampling, noise);
                cr_expect(epsilon_of(accountants[a], e, 200, 1.1e-5) < at, "delta, %s %d %d", accountants[a], sampling, noise);
            }
}

Test(laws, order_of_the_rounds_changes_no_bit)
{
    const co_event events[3] = {poisson(0.01, 1.0), poisson(0.02, 1.5), plain(CO_NOISE_GAUSSIAN, 20.0)};
    for (int a = 0; a < 2; a++) {
        co_ledger one = {0}, other = {0};
        for (int round = 0; round < 60; round++) {
            cr_assert_eq(co_ledger_add(&one, &events[round % 3], 1), CO_OK);
            cr_assert_eq(co_ledger_add(&other, &events[2 - round / 20], 1), CO_OK);
        }
        cr_expect_eq(one.n, 3);
        cr_expect_eq(ask(accountants[a], (co_accounting){0}, &one, 1e-5).epsilon,
                     ask(accountants[a], (co_accounting){0}, &other, 1e-5).epsilon);
        co_ledger_fini(&one);
        co_ledger_fini(&other);
    }
}

Test(laws, pld_is_not_above_rdp_and_improved_not_above_classic)
{
    static const double rates[] = {1e-4, 1e-3, 0.05, 0.5}, noises[] = {0.6, 1.0, 3.0};
    for (int i = 0; i < 4; i++)
        for (int j = 0; j < 3; j++)
            for (int64_t rounds = 1; rounds <= 1000; rounds *= 10) {
                const co_event e = poisson(rates[i], noises[j]);
                const double tight = pld(e, rounds, 1e-6), improved = rdp(e, rounds, 1e-6);
                const double classic = ask_event("rdp", (co_accounting){.classic = true}, e, rounds, 1e-6).epsilon;
                cr_expect(tight <= improved * (1.0 + 1e-9) && improved <= classic, "q %g z %g T %lld: %g %g %g",
                          rates[i], noises[j], (long long)rounds, tight, improved, classic);
            }
}

Test(laws, certified_pairs_enclose_a_narrow_range)
{
    static const double rates[] = {1e-3, 0.05, 1.0}, noises[] = {0.7, 2.0};
    const co_accounting both = {.lower = true}, quick = {.quick = true};
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 2; j++) {
            const co_event e = poisson(rates[i], noises[j]);
            const co_guarantee g = ask_event("pld", both, e, 300, 1e-6);
            const double coarse = ask_event("pld", quick, e, 300, 1e-6).epsilon;
            cr_expect(g.epsilon_lower <= g.epsilon && g.epsilon <= coarse * (1.0 + 1e-12));
            cr_expect(g.epsilon - g.epsilon_lower < 2e-3 * g.epsilon, "[%g, %g]", g.epsilon_lower, g.epsilon);
            cr_expect(coarse < 1.01 * g.epsilon, "%g against %g", coarse, g.epsilon);
        }
}

Test(laws, grid_encloses_the_exact_gaussian)
{
    const co_event vector = {.noise = CO_NOISE_DISCRETE_GAUSSIAN, .noise_multiplier = 1.3, .lattice_std = 1 << 20};
    const co_event almost_all = poisson(1.0 - 1e-12, 1.3); /* sampled at almost 1: goes through the grid */
    static const double deltas[] = {1e-2, 1e-6, 1e-12, 1e-40};
    for (int i = 0; i < 4; i++) {
        const double exact = co_gaussian_epsilon(sqrt(7.0) / 1.3, deltas[i]);
        const co_guarantee g = ask_event("pld", (co_accounting){.lower = true}, almost_all, 7, deltas[i]);
        const co_guarantee v = ask_event("pld", (co_accounting){.lower = true}, vector, 7, deltas[i]);
        cr_expect(g.epsilon_lower <= exact + 1e-9 && exact <= g.epsilon + 1e-9, "delta %g: %.12g not in [%.12g, %.12g]",
                  deltas[i], exact, g.epsilon_lower, g.epsilon);
        cr_expect(g.epsilon - exact < 1e-4 * exact && exact - g.epsilon_lower < 1e-3 * exact, "delta %g: [%.12g, %.12g] around %.12g", deltas[i], g.epsilon_lower, g.epsilon, exact);
        cr_expect(v.epsilon_lower <= exact + 1e-9 && exact <= v.epsilon + 1e-9 && v.epsilon - exact < 1e-3 * exact, "vector, delta %g: %.12g not in [%.12g, %.12g]", deltas[i], exact, v.epsilon_lower, v.epsilon);
    }
}

Test(laws, delta_and_epsilon_invert_each_other)
{
    const co_event events[] = {poisson(0.01, 1.0), fixed(0.01, 2.0), plain(CO_NOISE_LAPLACE, 5.0),
                               plain(CO_NOISE_GAUSSIAN, 3.0)};
    for (int a = 0; a < 2; a++)
        for (int i = 0; i < 4; i++) {
            const double epsilon = epsilon_of(accountants[a], events[i], 50, 1e-7);
            const double back = delta_at(accountants[a], events[i], 50, epsilon);
            cr_expect(fabs(log(back / 1e-7)) < 1e-3, "%s, event %d: delta %g", accountants[a], i, back);
        }
}

Test(laws, no_noise_is_infinite_and_no_sample_costs_nothing)
{
    for (int a = 0; a < 2; a++) {
        cr_expect(isinf(epsilon_of(accountants[a], poisson(0.01, 0.0), 10, 1e-5)));
        cr_expect_eq(epsilon_of(accountants[a], poisson(0.0, 0.0), 10, 1e-5), 0.0);
        cr_expect_eq(delta_at(accountants[a], poisson(0.0, 1.0), 10, 1.0), 0.0);
        cr_expect_eq(delta_at(accountants[a], poisson(0.1, 0.0), 10, 1.0), 1.0);
    }
    cr_expect(isinf(pld(poisson(0.1, 1.0), 10, 0.0)));
    cr_expect_float_eq(pld(plain(CO_NOISE_LAPLACE, 4.0), 10, 0.0), 2.5, 1e-12);
}

Test(laws, calibrated_noise_keeps_the_promise_and_little_less_breaks_it)
{
    static const double targets[] = {0.1, 1.0, 8.0};
    for (int a = 0; a < 2; a++)
        for (int i = 0; i < 3; i++) {
            co_event e = poisson(0.01, 1.0);
            e.noise_multiplier = noise_for(accountants[a], e, 200, targets[i], 1e-5);
            cr_expect(epsilon_of(accountants[a], e, 200, 1e-5) <= targets[i]);
            e.noise_multiplier *= 1.0 - 1e-6;
            cr_expect(epsilon_of(accountants[a], e, 200, 1e-5) > targets[i], "%s, target %g", accountants[a], targets[i]);
        }
}

Test(laws, fixed_size_costs_more_than_poisson_and_at_full_rate_neither_helps)
{
    cr_expect(rdp(fixed(0.01, 2.0), 1000, 1e-5) > 2.0 * rdp(poisson(0.01, 2.0), 1000, 1e-5));
    cr_expect(pld(fixed(0.01, 2.0), 1000, 1e-5) > pld(poisson(0.01, 2.0), 1000, 1e-5));
    cr_expect_float_eq(pld(fixed(1.0, 2.0), 10, 1e-5), pld(plain(CO_NOISE_GAUSSIAN, 2.0), 10, 1e-5), 1e-9);
    cr_expect_float_eq(rdp(poisson(1.0, 2.0), 10, 1e-5), rdp(plain(CO_NOISE_GAUSSIAN, 2.0), 10, 1e-5), 1e-9);
}

Test(laws, relations_do_not_mix_and_bad_events_are_named)
{
    co_ledger ledger = ledger_of(poisson(0.1, 1.0), 1);
    const co_event other = fixed(0.1, 1.0), wild = poisson(1.5, 1.0), negative = poisson(0.1, -1.0);
    cr_expect_eq(co_ledger_relation(&ledger), CO_RELATION_ADD_REMOVE);
    cr_expect_eq(co_ledger_add(&ledger, &other, 1), CO_EUSAGE);
    cr_expect(strstr(co_status_message(), "replace one") != NULL);
    cr_expect_eq(co_ledger_add(&ledger, &wild, 1), CO_EUSAGE);
    cr_expect(strstr(co_status_message(), "1.5") != NULL);
    cr_expect_eq(co_ledger_add(&ledger, &negative, 1), CO_EUSAGE);
    co_ledger_fini(&ledger);
    cr_expect_eq(co_memory_blocks(), 0);
}

Test(laws, coarse_lattices_are_refused_for_vectors)
{
    co_guarantee g;
    const co_event e = {.noise = CO_NOISE_DISCRETE_GAUSSIAN, .noise_multiplier = 1.0, .lattice_std = 3.0};
    const co_accounting how = {0};
    co_ledger ledger = ledger_of(e, 5);
    cr_expect_eq(co_account_epsilon(co_accountant_find("pld"), &ledger, &how, 1e-5, &g), CO_EUSAGE);
    cr_expect(strstr(co_status_message(), "accountant rdp") != NULL);
    cr_expect_eq(co_account_epsilon(co_accountant_find("rdp"), &ledger, &how, 1e-5, &g), CO_OK);
    co_ledger_fini(&ledger);
    cr_expect_eq(co_memory_blocks(), 0);
}
