/* How the accountants stand to each other, and what the ledger refuses. What each keeps by itself:
 * tests/kinds/test_accountant.c. */
#include "tests/harness.h"
#include "tests/privacy/account_support.h"

Test(laws, pld_is_not_above_rdp_and_improved_not_above_classic)
{
    static const double rates[] = {1e-4, 1e-3, 0.05, 0.5}, noises[] = {0.6, 1.0, 3.0};
    for (int i = 0; i < 4; i++)
        for (int j = 0; j < 3; j++)
            for (int64_t rounds = 1; rounds <= 1000; rounds *= 10) {
                const co_event e = poisson(rates[i], noises[j]);
                const double tight = pld(e, rounds, 1e-6), improved = rdp(e, rounds, 1e-6);
                const double classic =
                    ask_event("rdp", (co_accounting){.classic = true}, e, rounds, 1e-6).epsilon;
                cr_expect(tight <= improved * (1.0 + 1e-9) && improved <= classic,
                          "q %g z %g T %lld: %g %g %g", rates[i], noises[j], (long long)rounds,
                          tight, improved, classic);
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
            cr_expect(g.epsilon - g.epsilon_lower < 2e-3 * g.epsilon, "[%g, %g]", g.epsilon_lower,
                      g.epsilon);
            cr_expect(coarse < 1.01 * g.epsilon, "%g against %g", coarse, g.epsilon);
        }
}

Test(laws, grid_encloses_the_exact_gaussian)
{
    const co_event vector = {
        .noise = CO_NOISE_DISCRETE_GAUSSIAN, .noise_multiplier = 1.3, .lattice_std = 1 << 20};
    const co_event almost_all =
        poisson(1.0 - 1e-12, 1.3); /* sampled at almost 1: goes through the grid */
    static const double deltas[] = {1e-2, 1e-6, 1e-12, 1e-40};
    for (int i = 0; i < 4; i++) {
        const double exact = co_gaussian_epsilon(sqrt(7.0) / 1.3, deltas[i]);
        const co_guarantee g =
            ask_event("pld", (co_accounting){.lower = true}, almost_all, 7, deltas[i]);
        const co_guarantee v =
            ask_event("pld", (co_accounting){.lower = true}, vector, 7, deltas[i]);
        cr_expect(g.epsilon_lower <= exact + 1e-9 && exact <= g.epsilon + 1e-9,
                  "delta %g: %.12g not in [%.12g, %.12g]", deltas[i], exact, g.epsilon_lower,
                  g.epsilon);
        cr_expect(g.epsilon - exact < 1e-4 * exact && exact - g.epsilon_lower < 1e-3 * exact,
                  "delta %g: [%.12g, %.12g] around %.12g", deltas[i], g.epsilon_lower, g.epsilon,
                  exact);
        cr_expect(v.epsilon_lower <= exact + 1e-9 && exact <= v.epsilon + 1e-9 &&
                      v.epsilon - exact < 1e-3 * exact,
                  "vector, delta %g: %.12g not in [%.12g, %.12g]", deltas[i], exact,
                  v.epsilon_lower, v.epsilon);
    }
}

Test(laws, delta_zero_is_for_laplace_alone)
{
    cr_expect(isinf(pld(poisson(0.1, 1.0), 10, 0.0)));
    cr_expect_float_eq(pld(plain(CO_NOISE_LAPLACE, 4.0), 10, 0.0), 2.5, 1e-12);
}

Test(laws, fixed_size_costs_more_than_poisson_and_at_full_rate_neither_helps)
{
    cr_expect(rdp(fixed(0.01, 2.0), 1000, 1e-5) > 2.0 * rdp(poisson(0.01, 2.0), 1000, 1e-5));
    cr_expect(pld(fixed(0.01, 2.0), 1000, 1e-5) > pld(poisson(0.01, 2.0), 1000, 1e-5));
    cr_expect_float_eq(pld(fixed(1.0, 2.0), 10, 1e-5), pld(plain(CO_NOISE_GAUSSIAN, 2.0), 10, 1e-5),
                       1e-9);
    cr_expect_float_eq(rdp(poisson(1.0, 2.0), 10, 1e-5),
                       rdp(plain(CO_NOISE_GAUSSIAN, 2.0), 10, 1e-5), 1e-9);
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
    const co_event e = {
        .noise = CO_NOISE_DISCRETE_GAUSSIAN, .noise_multiplier = 1.0, .lattice_std = 3.0};
    const co_accounting how = {0};
    co_ledger ledger = ledger_of(e, 5);
    cr_expect_eq(co_account_epsilon(co_accountant_find("pld"), &ledger, &how, 1e-5, &g), CO_EUSAGE);
    cr_expect(strstr(co_status_message(), "accountant rdp") != NULL);
    cr_expect_eq(co_account_epsilon(co_accountant_find("rdp"), &ledger, &how, 1e-5, &g), CO_OK);
    co_ledger_fini(&ledger);
    cr_expect_eq(co_memory_blocks(), 0);
}
