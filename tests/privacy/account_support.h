/* tests/privacy/account_support.h - one-line questions to the accountants. */
#pragma once
#include "core/memory.h"
#include "privacy/accountants/accountant.h"
#include "privacy/accountants/gaussian.h"
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static inline co_event poisson(double rate, double z)
{
    return (co_event){.sampling = CO_SAMPLING_POISSON, .rate = rate, .noise_multiplier = z};
}

static inline co_event plain(co_noise noise, double z)
{
    return (co_event){.noise = noise, .noise_multiplier = z};
}

static inline co_event fixed(double rate, double z)
{
    return (co_event){.sampling = CO_SAMPLING_FIXED, .rate = rate, .noise_multiplier = z};
}

static inline co_ledger ledger_of(co_event event, int64_t count)
{
    co_ledger ledger = {0};
    cr_assert_eq(co_ledger_add(&ledger, &event, count), CO_OK, "%s", co_status_message());
    return ledger;
}

static inline co_guarantee ask(const char *accountant, co_accounting how, const co_ledger *ledger,
                               double delta)
{
    co_guarantee g;
    const co_accountant *by = co_accountant_find(accountant);
    cr_assert(by != NULL, "%s", co_status_message());
    cr_assert_eq(co_account_epsilon(by, ledger, &how, delta, &g), CO_OK, "%s", co_status_message());
    return g;
}

static inline co_guarantee ask_event(const char *accountant, co_accounting how, co_event event,
                                     int64_t count, double delta)
{
    co_ledger ledger = ledger_of(event, count);
    const co_guarantee g = ask(accountant, how, &ledger, delta);
    co_ledger_fini(&ledger);
    return g;
}

static inline double pld(co_event event, int64_t count, double delta)
{
    return ask_event("pld", (co_accounting){0}, event, count, delta).epsilon;
}

static inline double rdp(co_event event, int64_t count, double delta)
{
    return ask_event("rdp", (co_accounting){0}, event, count, delta).epsilon;
}

static inline double delta_at(const char *accountant, co_event event, int64_t count, double epsilon)
{
    co_guarantee g;
    co_ledger ledger = ledger_of(event, count);
    const co_accounting how = {0};
    cr_assert_eq(co_account_delta(co_accountant_find(accountant), &ledger, &how, epsilon, &g),
                 CO_OK, "%s", co_status_message());
    co_ledger_fini(&ledger);
    return g.delta;
}

static inline double noise_for(const char *accountant, co_event event, int64_t count,
                               double epsilon, double delta)
{
    co_guarantee g;
    double factor;
    event.noise_multiplier = 1.0;
    co_ledger ledger = ledger_of(event, count);
    const co_accounting how = {0};
    cr_assert_eq(co_account_noise(co_accountant_find(accountant), &ledger, &how, epsilon, delta,
                                  &factor, &g),
                 CO_OK, "%s", co_status_message());
    cr_expect(g.epsilon <= epsilon, "%s: epsilon %.17g at the answer, above %g", accountant,
              g.epsilon, epsilon);
    co_ledger_fini(&ledger);
    return factor;
}

static inline double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}
