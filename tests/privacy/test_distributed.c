/* What distributed noise is, from its numbers, against the papers' formulas in another program; and
 * what it promises: that no number of a sum wraps more often than said, that found noise holds. */
#include "privacy/mechanisms/distributed.h"
#include "core/random.h"
#include "tests/harness.h"
#include "tests/privacy/account_support.h"
#include <stdlib.h>

typedef struct {
    co_distributed_setup setup;
    long long rounds;
    double delta, step, norm, share, epsilon;
} setting;

static FILE *open_reference(void)
{
    char path[4096];
    const char *root = getenv("SOURCE");
    snprintf(path, sizeof path, "%s/tests/reference/distributed.txt", root ? root : "..");
    FILE *file = fopen(path, "r");
    cr_assert(file != NULL, "%s", path);
    return file;
}

static bool next(FILE *file, setting *x)
{
    char name[32];
    co_distributed_setup *s = &x->setup;
    *x = (setting){.setup = {.clip = 1.0}};
    const int n =
        fscanf(file, "%31s %d %lf %lf %lf %lf %lf %lf %lf %lld %lf %lf %lf %lf %lf", name, &s->bits,
               &s->n_least, &s->n_most, &s->dim, &s->multiplier, &s->beta, &s->wrap_stds, &s->rate,
               &x->rounds, &x->delta, &x->step, &x->norm, &x->share, &x->epsilon);
    if (n != 15) return false;
    s->mechanism = co_mechanism_find(name);
    s->sampling = s->rate < 1.0 ? CO_SAMPLING_POISSON : CO_SAMPLING_NONE;
    return true;
}

static double epsilon_of(const co_distributed *d, int64_t rounds, double delta)
{
    return rdp(d->event, rounds, delta);
}

/* The share is rounded up by 2^-20 of a square step: epsilon is not above, and next to it. */
Test(distributed, is_what_the_papers_say)
{
    FILE *file = open_reference();
    int n = 0, n_sampled = 0;
    for (setting x; next(file, &x); n++) {
        co_distributed d;
        cr_assert_eq(co_distributed_make(&x.setup, &d), CO_OK, "%s", co_status_message());
        const double share = sqrt((double)d.share / CO_NOISE_UNIT),
                     epsilon = epsilon_of(&d, x.rounds, x.delta);
        cr_expect(fabs(d.step / x.step - 1.0) < 1e-9, "%d: step %.12g of %.12g", n, d.step, x.step);
        cr_expect(fabs(d.bound * d.step / x.norm - 1.0) < 1e-9, "%d: norm %.12g of %.12g", n,
                  d.bound * d.step, x.norm);
        cr_expect(share >= x.share * (1.0 - 1e-9) && share < x.share * (1.0 + 1e-5),
                  "%d: share %.12g of %.12g", n, share, x.share);
        cr_expect(epsilon <= x.epsilon * (1.0 + 1e-6) && epsilon >= x.epsilon * (1.0 - 2e-3),
                  "%d, %s: epsilon %.9g of %.9g", n, x.setup.mechanism->name, epsilon, x.epsilon);
        n_sampled += x.setup.sampling == CO_SAMPLING_POISSON;
    }
    fclose(file);
    cr_expect(n == 30 && n_sampled > 5, "%d settings, %d sampled", n, n_sampled);
}

/* Of each setting's own epsilon: the noise found for it is not more than the setting's. */
Test(distributed, found_noise_reaches_the_target_and_no_less_does)
{
    FILE *file = open_reference();
    for (setting x; next(file, &x);) {
        co_distributed d;
        const double given = x.setup.multiplier;
        if (x.setup.sampling != CO_SAMPLING_NONE) continue;
        cr_assert_eq(co_distributed_find_noise(&x.setup, co_accountant_find("rdp"),
                                               &(co_accounting){0}, x.epsilon, x.delta, x.rounds),
                     CO_OK, "%s", co_status_message());
        cr_expect(x.setup.multiplier < given * (1.0 + 2e-3) &&
                      x.setup.multiplier > given * (1.0 - 5e-3),
                  "%.9g, given %.9g", x.setup.multiplier, given);
        cr_assert_eq(co_distributed_make(&x.setup, &d), CO_OK);
        cr_expect(epsilon_of(&d, x.rounds, x.delta) <= x.epsilon);
        x.setup.multiplier *= 1.0 - 1e-4;
        cr_expect(co_distributed_make(&x.setup, &d) != CO_OK ||
                  epsilon_of(&d, x.rounds, x.delta) > x.epsilon);
    }
    fclose(file);
}

Test(distributed, what_cannot_be_is_refused_with_what_to_change)
{
    const co_distributed_setup good = {.mechanism = co_mechanism_find("ddgauss"),
                                       .multiplier = 1.0,
                                       .clip = 2.0,
                                       .beta = 0.5,
                                       .wrap_stds = 4.0,
                                       .n_least = 100.0,
                                       .n_most = 100.0,
                                       .dim = 10000.0,
                                       .bits = 16};
    co_distributed d;
    cr_expect_eq(co_distributed_make(&good, &d), CO_OK);
    co_distributed_setup bad = good;
    bad.bits = 5;
    cr_expect(co_distributed_make(&bad, &d) == CO_EUSAGE && strstr(co_status_message(), "bits"));
    bad = good;
    bad.multiplier = 5e-4;
    cr_expect(co_distributed_make(&bad, &d) == CO_EUSAGE &&
              strstr(co_status_message(), "too coarse") && strstr(co_status_message(), "skellam"));
    bad.mechanism = co_mechanism_find("skellam");
    cr_expect_eq(co_distributed_make(&bad, &d), CO_OK, "%s", co_status_message());
    bad = good;
    bad.granularity = 1e-9;
    cr_expect(co_distributed_make(&bad, &d) == CO_EUSAGE &&
              strstr(co_status_message(), "too fine"));
    bad = good;
    bad.bits = 9, bad.dim = 1e7;
    cr_expect(co_distributed_find_noise(&bad, co_accountant_find("rdp"), &(co_accounting){0}, 0.1,
                                        1e-6, 100) == CO_EUSAGE &&
              strstr(co_status_message(), "raise bits"));
}

/* Sums of devices that all send the same coordinate of a rotated update, drawn: how often one is
 * out of range, against the bound, at bounds that happen. */
Test(distributed, numbers_wrap_no_more_often_than_said)
{
    static const char *const names[] = {"ddgauss", "skellam"};
    enum { M = 20, TRIALS = 200000, SIZE = 256 };
    for (int k = 0; k < 4; k++) {
        const co_distributed_setup s = {.mechanism = co_mechanism_find(names[k % 2]),
                                        .multiplier = k < 2 ? 3.0 : 0.5,
                                        .clip = 1.0,
                                        .beta = 0.5,
                                        .wrap_stds = k < 2 ? 1.5 : 2.0,
                                        .n_least = M,
                                        .n_most = M,
                                        .dim = SIZE,
                                        .bits = 8};
        co_distributed d;
        co_noise_table t;
        cr_assert_eq(co_distributed_make(&s, &d), CO_OK, "%s", co_status_message());
        cr_assert_eq(s.mechanism->share(d.share, &t), CO_OK);
        int64_t *noise = co_calloc(TRIALS, sizeof *noise);
        for (int64_t i = 0; i < M; i++) {
            const co_noise_release share = co_noise_share_of(&(co_noise_source){.seed = 3}, 1, i);
            co_noise_table_add(&t, &share, 0, TRIALS, noise);
        }
        co_stream stream = co_stream_open(6, CO_DRAW_TEST, (uint64_t)k, 0, 0);
        double out = 0.0;
        const double room = ldexp(1.0, s.bits - 1), each = s.clip / d.step / SIZE;
        for (int i = 0; i < TRIALS; i++) { /* SIZE equal numbers c / 16 of random signs, over 16 */
            double x = 0.0;
            for (int j = 0; j < SIZE; j += 32)
                x += each * (2.0 * __builtin_popcount(co_draw_u32(&stream)) - 32.0);
            double sum = (double)noise[i];
            for (int m = 0; m < M; m++) sum += floor(x + co_draw_uniform(&stream));
            out += sum < -room || sum >= room;
        }
        const double said = co_distributed_wrap(&s, &d, SIZE);
        cr_expect(out / TRIALS <= said && out > 10.0, "%s: %g wrap, said %g", names[k % 2],
                  out / TRIALS, said);
        cr_expect(said < 0.7);
        co_noise_table_fini(&t);
        co_free(noise);
    }
}
