/* Noise in shares: tables of laws against the laws themselves, sums of shares, keys; and Renyi
 * bounds against the divergences of small cases, summed out. */
#include "core/memory.h"
#include "privacy/accountants/rdp_shares.h"
#include "privacy/mechanisms/mechanism.h"
#include "tests/harness.h"
#include "tests/privacy/account_support.h"
#include <stdlib.h>

enum { FAR = 4000, N_DRAWS = 1000000, DEVICES = 12 };

typedef struct {
    const char *name;
    double variance;
} law;
static const law laws[] = {{"ddgauss", 0.25},  {"ddgauss", 1.0},   {"ddgauss", 12.34},
                           {"ddgauss", 900.0}, {"skellam", 0.01},  {"skellam", 0.6},
                           {"skellam", 1.0},   {"skellam", 12.34}, {"skellam", 900.0}};
#define EACH_LAW(l) for (const law *l = laws; l < laws + sizeof laws / sizeof *laws; l++)

static double poisson_log_mass(double mean, double k)
{
    return k * log(mean) - mean - lgamma(k + 1.0);
}

/* mass[FAR + k] of k. Skellam as what it is: the difference of two Poisson numbers. */
static void fill_mass(const char *name, double v, double mass[2 * FAR + 1])
{
    double sum = 0.0;
    for (int k = 0; k <= FAR; k++) {
        double p = 0.0;
        if (strcmp(name, "skellam") == 0)
            for (int j = 0; j < 4 * (int)sqrt(v) + 40 + (int)v; j++)
                p += exp(poisson_log_mass(v / 2.0, j) + poisson_log_mass(v / 2.0, j + k));
        else
            p = exp(-0.5 * k * k / v);
        mass[FAR + k] = mass[FAR - k] = p;
        sum += k ? 2.0 * p : p;
        if (k > 12.0 * sqrt(v) + 60.0) { /* the rest is zero */
            for (int far = k + 1; far <= FAR; far++) mass[FAR + far] = mass[FAR - far] = 0.0;
            break;
        }
    }
    for (int k = 0; k <= 2 * FAR; k++) mass[k] /= sum;
}

static co_noise_table table_of(const char *name, double variance)
{
    co_noise_table table;
    const co_mechanism *member = co_mechanism_find(name);
    cr_assert_eq(member->share((uint64_t)ceil(variance * CO_NOISE_UNIT), &table), CO_OK, "%s",
                 co_status_message());
    return table;
}

static void draw(const co_noise_table *table, const co_noise_source *source, int64_t device,
                 size_t n, int64_t *x)
{
    const co_noise_release share = co_noise_share_of(source, 3, device);
    memset(x, 0, n * sizeof *x);
    co_noise_table_add(table, &share, 0, n, x);
}

/* The probabilities in the table itself, to the last digits of a double. */
Test(shares, tables_hold_the_law)
{
    static double mass[2 * FAR + 1];
    EACH_LAW(l)
    {
        co_noise_table t = table_of(l->name, l->variance);
        fill_mass(l->name, ceil(l->variance * CO_NOISE_UNIT) / CO_NOISE_UNIT, mass);
        double worst = 0.0, before = 0.0;
        for (size_t k = 0; k + 1 < t.n; k++) {
            const double upto = (double)t.high[k] * 0x1p-63, is = upto - before,
                         wanted = mass[FAR + k] * (k ? 2.0 : 1.0);
            worst = fmax(worst, fabs(is - wanted));
            before = upto;
        }
        cr_expect(worst < 2e-13, "%s, variance %g: a mass is off by %g", l->name, l->variance,
                  worst);
        cr_expect((double)t.n > 9.0 * sqrt(l->variance), "%s, variance %g: ends at %zu", l->name,
                  l->variance, t.n);
        co_noise_table_fini(&t);
    }
    cr_expect_eq(co_memory_blocks(), 0);
}

/* The first word decides, and where it does not the next 64 bits do. */
Test(shares, a_draw_is_the_inverse_of_the_law)
{
    co_noise_table t = table_of("skellam", 12.34);
    for (size_t k = 0; k + 1 < t.n && t.high[k] < UINT64_C(1) << 63; k++) {
        const uint64_t word = t.high[k] << 1;
        if (k > 0 && t.high[k] == t.high[k - 1]) break; /* beyond 63 bits */
        cr_expect_eq(co_noise_table_draw(&t, word, 0), (int64_t)k, "at %zu", k);
        if (t.low[k] > 0)
            cr_expect_eq(co_noise_table_draw(&t, word, t.low[k] - 1), (int64_t)k, "below %zu", k);
        cr_expect_eq(co_noise_table_draw(&t, word, t.low[k]), (int64_t)k + 1, "above %zu", k);
        cr_expect_eq(co_noise_table_draw(&t, word - 2, UINT64_MAX), (int64_t)k, "before %zu", k);
        cr_expect_eq(co_noise_table_draw(&t, word | 1, 0), -(int64_t)k, "sign at %zu", k);
    }
    cr_expect(co_noise_table_draw(&t, UINT64_MAX, UINT64_MAX) < 0);
    co_noise_table_fini(&t);
}

/* Chi-square over the integers that are drawn often enough, and the divergence of the draws. */
static void expect_law(const char *what, const int64_t *x, size_t n, const double *mass)
{
    static double count[2 * FAR + 1];
    double square = 0.0, freedom = -1.0, kl = 0.0, rest = (double)n, rest_mass = 1.0;
    memset(count, 0, sizeof count);
    for (size_t j = 0; j < n; j++) count[FAR + x[j]]++;
    for (int k = 0; k <= 2 * FAR; k++) {
        const double wanted = mass[k] * (double)n;
        if (count[k] > 0.0) kl += count[k] / (double)n * log(count[k] / wanted);
        if (wanted < 10.0) continue;
        square += (count[k] - wanted) * (count[k] - wanted) / wanted;
        freedom++, rest -= count[k], rest_mass -= mass[k];
    }
    if (rest_mass * (double)n > 5.0) {
        square += pow(rest - rest_mass * (double)n, 2.0) / (rest_mass * (double)n);
        freedom++;
    }
    cr_expect(freedom < 1.0 || square < freedom + 5.0 * sqrt(2.0 * freedom) + 10.0,
              "%s: chi-square %g of %g", what, square, freedom);
    cr_expect(kl < 10.0 * (freedom + 2.0) / (double)n, "%s: divergence %g", what, kl);
}

Test(shares, draws_have_the_law_from_the_seed_and_from_a_key)
{
    static double mass[2 * FAR + 1];
    static int64_t x[N_DRAWS];
    EACH_LAW(l)
    {
        co_noise_table t = table_of(l->name, l->variance);
        fill_mass(l->name, l->variance, mass);
        co_noise_source source = {.seed = 21};
        for (int secret = 0; secret < 2; secret++) {
            char what[64];
            double second = 0.0;
            snprintf(what, sizeof what, "%s, variance %g, secret %d", l->name, l->variance, secret);
            draw(&t, &source, 8, N_DRAWS, x);
            expect_law(what, x, N_DRAWS, mass);
            for (size_t j = 0; j < N_DRAWS; j++) second += (double)(x[j] * x[j]) / N_DRAWS;
            if (strcmp(l->name, "skellam") == 0) /* E x^4 = 3 v^2 + v */
                cr_expect(fabs(second - l->variance) <
                              5.0 * sqrt((2.0 * l->variance + 1.0) * l->variance / N_DRAWS),
                          "%s: variance %g", what, second);
            source.is_secret = true;
            memset(source.key, 5, sizeof source.key);
        }
        co_noise_table_fini(&t);
    }
}

/* Shares of a Skellam number add up to one; of discrete Gaussians, to next to one. */
Test(shares, the_sum_of_all_shares_has_the_law_of_their_variance)
{
    static double mass[2 * FAR + 1];
    static int64_t x[N_DRAWS], sum[N_DRAWS];
    static const law parts[] = {{"skellam", 0.05}, {"skellam", 3.0}, {"ddgauss", 1.0}};
    for (size_t k = 0; k < 3; k++) {
        co_noise_table t = table_of(parts[k].name, parts[k].variance);
        memset(sum, 0, sizeof sum);
        for (int64_t device = 0; device < DEVICES; device++) {
            draw(&t, &(co_noise_source){.seed = 4}, device, N_DRAWS, x);
            for (size_t j = 0; j < N_DRAWS; j++) sum[j] += x[j];
        }
        const double v = ceil(parts[k].variance * CO_NOISE_UNIT) / CO_NOISE_UNIT * (double)DEVICES;
        fill_mass(parts[k].name, v, mass);
        expect_law(parts[k].name, sum, N_DRAWS, mass);
        co_noise_table_fini(&t);
    }
}

/* Of one divergence, log sum p^a q^(1 - a) / (a - 1), with q = p moved by `by`. */
static double divergence(const double *mass, int by, double a)
{
    double sum = 0.0;
    for (int k = by; k <= 2 * FAR; k++)
        if (mass[k] > 0.0 && mass[k - by] > 0.0)
            sum += exp(a * log(mass[k]) + (1.0 - a) * log(mass[k - by]));
    return log(sum) / (a - 1.0);
}

static void convolve(double *x, const double *y, int reach)
{
    static double z[2 * FAR + 1];
    memset(z, 0, sizeof z);
    for (int i = -reach; i <= reach; i++)
        for (int j = -40; j <= 40; j++)
            if (abs(i + j) <= FAR) z[FAR + i + j] += x[FAR + i] * y[FAR + j];
    memcpy(x, z, sizeof z);
}

/* One integer, moved by 1, 2, 3: the bound is one, and for wide noise next to the truth. */
Test(shares, renyi_bounds_hold_where_the_divergence_can_be_summed_out)
{
    static double mass[2 * FAR + 1], share[2 * FAR + 1];
    static const struct {
        co_noise noise;
        double variance, n;
    } cases[] = {{CO_NOISE_SKELLAM, 0.5, 1},  {CO_NOISE_SKELLAM, 2.0, 1},
                 {CO_NOISE_SKELLAM, 9.0, 1},  {CO_NOISE_SKELLAM, 60.0, 1},
                 {CO_NOISE_DDGAUSS, 0.25, 2}, {CO_NOISE_DDGAUSS, 0.25, 5},
                 {CO_NOISE_DDGAUSS, 0.4, 3},  {CO_NOISE_DDGAUSS, 1.0, 8}};
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        const double v = cases[c].variance, n = cases[c].n;
        fill_mass(co_noise_text(cases[c].noise), v, mass);
        memcpy(share, mass, sizeof mass);
        for (int k = 1; k < (int)n; k++) convolve(mass, share, 60);
        for (int by = 1; by <= 3; by++)
            for (double a = 2.0; a <= 6.0; a++) {
                const co_event e = {.noise = cases[c].noise,
                                    .noise_multiplier = sqrt(n * v) / by,
                                    .rate = 1.0,
                                    .lattice_std = sqrt(n * v),
                                    .dim = 1.0,
                                    .n_shares = n};
                const double bound = co_rdp_shares(&e, a - 1.0) / (a - 1.0),
                             truth = divergence(mass, by, a);
                cr_expect(truth <= bound * (1.0 + 1e-9),
                          "%s, variance %g x %g, by %d, order %g: %g above %g",
                          co_noise_text(e.noise), v, n, by, a, truth, bound);
                if (v >= 60.0)
                    cr_expect(bound < 1.05 * truth, "order %g: %g for %g", a, bound, truth);
            }
    }
}

Test(shares, every_device_round_seed_and_key_draws_its_own)
{
    enum { N = 3000 };
    static int64_t x[N], y[N], parts[N];
    co_noise_table t = table_of("skellam", 1e6);
    for (int secret = 0; secret < 2; secret++) {
        const co_noise_source source = {.seed = 9, .is_secret = secret},
                              another = {.seed = 10, .is_secret = secret, .key = {1}};
        const co_noise_release share = co_noise_share_of(&source, 4, 7);
        memset(x, 0, sizeof x), memset(parts, 0, sizeof parts);
        co_noise_table_add(&t, &share, 11, N, x);
        for (size_t at = 0; at < N;) {
            const size_t m = at % 701 + 1 < N - at ? at % 701 + 1 : N - at;
            co_noise_table_add(&t, &share, 11 + at, m, parts + at);
            at += m;
        }
        cr_expect_arr_eq(x, parts, sizeof x, "secret %d: noise depends on the cut", secret);
        const co_noise_release others[] = {co_noise_share_of(&source, 5, 7),
                                           co_noise_share_of(&source, 4, 8),
                                           co_noise_share_of(&another, 4, 7), share};
        for (int o = 0; o < 4; o++) {
            int n_same = 0;
            memset(y, 0, sizeof y);
            co_noise_table_add(&t, &others[o], o == 3 ? 12 : 11, N, y);
            for (int j = 0; j < N; j++) n_same += x[j] == y[j];
            cr_expect(n_same < 10, "secret %d, %d: %d draws are the same", secret, o, n_same);
        }
    }
    co_noise_table_fini(&t);
}
