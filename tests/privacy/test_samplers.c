/* Exact samplers against the exact probability mass (G-test), and noise as a function of its key.
 */
#include "core/memory.h"
#include "privacy/mechanisms/discrete.h"
#include "privacy/mechanisms/mechanism.h"
#include "tests/harness.h"
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CELLS = 64 };

/* P[X <= x] for a law on the integers. */
typedef double (*cdf)(double x, double scale);

/* Up to 1000 by the sum itself; above, the continuous law over [.., x + 1/2], equal to 1 / (24
 * s^2). */
static double discrete_gaussian_law(double x, double s)
{
    if (s > 1000.0) return 0.5 * erfc(-(x + 0.5) / (s * sqrt(2.0)));
    double below = 0.0, all = 0.0;
    for (double n = -ceil(12.0 * s) - 2.0; n <= ceil(12.0 * s) + 2.0; n++) {
        const double mass = exp(-n * n / (2.0 * s * s));
        all += mass;
        if (n <= x) below += mass;
    }
    return below / all;
}

static double rounded_laplace_law(double x, double t)
{
    return x >= 0.0 ? 1.0 - 0.5 * exp(-(x + 0.5) / t) : 0.5 * exp((x + 0.5) / t);
}

static double normal_law(double x, double s)
{
    return 0.5 * erfc(-(x + 0.5) / (s * sqrt(2.0)));
}

/* Borders of cells with about equal mass: cell k holds border[k - 1] < x <= border[k]. */
static int make_cells(cdf p, double scale, double border[CELLS], double mass[CELLS])
{
    int n = 0;
    double before = 0.0;
    for (int k = 1; k <= CELLS; k++) {
        double lo = -40.0 * scale - 40.0, hi = 40.0 * scale + 40.0;
        while (hi - lo > 1.0) { /* the least integer with P >= k / CELLS */
            const double x = floor(0.5 * (lo + hi));
            *(p(x, scale) >= (double)k / CELLS - 1e-12 ? &hi : &lo) = x;
        }
        const double upto = k == CELLS ? 1.0 : p(floor(hi), scale);
        if (upto - before < 1e-4) continue;
        border[n] = k == CELLS ? INFINITY : floor(hi);
        mass[n++] = upto - before;
        before = upto;
    }
    mass[n - 1] += 1.0 - before;
    return n;
}

static int cell_of(const double *border, int n, double x)
{
    int at = 0;
    while (at < n - 1 && x > border[at]) at++;
    return at;
}

/* G = 2 sum O log(O / E) is chi-squared with n - 1 degrees of freedom; five sigmas of it, Wilson
 * and Hilferty. */
static void check_draws(const int64_t *x, size_t n_draws, cdf p, double scale, const char *what)
{
    double border[CELLS], mass[CELLS], g = 0.0, count[CELLS] = {0};
    const int n = make_cells(p, scale, border, mass);
    for (size_t i = 0; i < n_draws; i++) count[cell_of(border, n, (double)x[i])]++;
    for (int k = 0; k < n; k++)
        if (count[k] > 0.0) g += 2.0 * count[k] * log(count[k] / (mass[k] * (double)n_draws));
    const double freedom = n - 1, z = (cbrt(g / freedom) - 1.0 + 2.0 / (9.0 * freedom)) /
                                      sqrt(2.0 / (9.0 * freedom));
    cr_expect(n > 1 && z < 5.0, "%s of scale %g: G %g with %g degrees of freedom, %g sigmas", what,
              scale, g, freedom, z);
}

static size_t draws_wanted(void)
{
    const char *text = getenv("COHORT_DRAWS"); /* tests/campaign/samplers.sh: 1e7 */
    return text ? (size_t)atof(text) : 1000000;
}

static int64_t *draw_all(const co_noise_source *source, uint64_t p, uint64_t q, size_t n)
{
    int64_t *x = co_malloc(n, sizeof *x);
    const co_noise_release release = co_noise_release_of(source, CO_NOISE_FOR_SUM, 1);
    const co_discrete_law law = co_discrete_law_of(p, q);
    for (size_t i = 0; i < n; i++) {
        co_noise_words words;
        co_noise_words_open(&words, &release, i);
        x[i] = co_noise_discrete_gaussian(&words, &law);
    }
    return x;
}

Test(samplers, discrete_gaussian_has_its_exact_mass)
{
    static const uint64_t ratio[][2] = {{3, 10}, {17, 10}, {40, 1}, {12345, 10}, {1000000, 1}};
    co_noise_source source = {.seed = 11};
    for (int secret = 0; secret < 2; secret++) {
        const size_t n = secret ? draws_wanted() / 10 : draws_wanted();
        for (size_t i = 0; i < sizeof ratio / sizeof *ratio; i++) {
            int64_t *x = draw_all(&source, ratio[i][0], ratio[i][1], n);
            check_draws(x, n, discrete_gaussian_law, (double)ratio[i][0] / (double)ratio[i][1],
                        secret ? "secret discrete Gaussian" : "discrete Gaussian");
            co_free(x);
        }
        source.is_secret = true; /* a fixed key: this test must not fail once in a million */
        memset(source.key, 7, sizeof source.key);
    }
}

Test(samplers, mechanisms_have_the_mass_of_their_law_on_the_grid)
{
    const struct {
        const char *name;
        cdf p;
        double scale;
    } members[] = {{"gaussian", normal_law, 1234567.25},
                   {"discrete_gaussian", discrete_gaussian_law, 1234567.0},
                   {"laplace", rounded_laplace_law, 1234567.0},
                   {"laplace", rounded_laplace_law, 1.0},
                   {"laplace", rounded_laplace_law, 3.0}};
    const co_noise_source source = {.seed = 5};
    const co_noise_release release = co_noise_release_of(&source, CO_NOISE_FOR_SUM, 3);
    const size_t n = draws_wanted();
    int64_t *x = co_malloc(n, sizeof *x);
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        memset(x, 0, n * sizeof *x);
        co_mechanism_find(members[i].name)->add(&release, members[i].scale, 0, n, x);
        check_draws(x, n, members[i].p, members[i].scale, members[i].name);
    }
    co_free(x);
}

/* E[n^2] is between 1 / (e^(1/s^2) - 1) and s^2. */
Test(samplers, discrete_gaussian_variance_lies_between_its_bounds)
{
    const co_noise_source source = {.seed = 12};
    const size_t n = 200000;
    int64_t *x = draw_all(&source, 1, 2, n);
    double squares = 0.0;
    for (size_t i = 0; i < n; i++) squares += (double)(x[i] * x[i]);
    const double variance = squares / (double)n, low = 1.0 / expm1(4.0);
    cr_expect(variance > low * 0.97 && variance < 0.25, "%g not in [%g, 0.25]", variance, low);
    co_free(x);
}

Test(samplers, bernoulli_has_its_probability_for_small_and_wide_numbers)
{
    const co_noise_source source = {.seed = 13};
    const co_noise_release release = co_noise_release_of(&source, CO_NOISE_FOR_SUM, 1);
    const unsigned __int128 wide = (unsigned __int128)1 << 90;
    const struct {
        unsigned __int128 a, b;
    } ratio[] = {
        {1, 3}, {2, 3}, {1, 2}, {wide / 7, wide}, {wide - wide / 5, wide}, {1, UINT64_C(1) << 57}};
    for (size_t k = 0; k < sizeof ratio / sizeof *ratio; k++) {
        const double p = (double)ratio[k].a / (double)ratio[k].b, n = 100000;
        double hits = 0.0, kept = 0.0;
        co_noise_words words;
        co_noise_words_open(&words, &release, k);
        for (int i = 0; i < n; i++) hits += co_noise_bernoulli(&words, ratio[k].a, ratio[k].b);
        for (int i = 0; i < n; i++)
            kept += co_noise_bernoulli_exp(&words, 3 * ratio[k].a, ratio[k].b);
        const double e = exp(-3.0 * p);
        cr_expect(fabs(hits - n * p) <= 5.0 * sqrt(n * p * (1.0 - p)), "%g of %g", hits, n * p);
        cr_expect(fabs(kept - n * e) <= 5.0 * sqrt(n * e * (1.0 - e)), "%g of %g", kept, n * e);
    }
}

/* The same coordinates in other slices: the same noise; another round, purpose or seed: all of it
 * new. */
Test(samplers, noise_is_a_function_of_round_and_coordinate_alone)
{
    enum { N = 5000 };
    static const char *const names[] = {"gaussian", "discrete_gaussian", "laplace"};
    for (int secret = 0; secret < 2; secret++)
        for (int k = 0; k < 3; k++) {
            const co_mechanism *m = co_mechanism_find(names[k]);
            co_noise_source source = {.seed = 9, .is_secret = secret};
            static int64_t whole[N], parts[N], other[N];
            if (secret && !m->is_exact) continue;
            const co_noise_release round = co_noise_release_of(&source, CO_NOISE_FOR_SUM, 4);
            memset(whole, 0, sizeof whole), memset(parts, 0, sizeof parts);
            m->add(&round, 1500000.0, 0, N, whole);
            m->add(&round, 1500000.0, 0, 1777, parts);
            m->add(&round, 1500000.0, 1777, N - 1777, parts + 1777);
            cr_expect(memcmp(whole, parts, sizeof whole) == 0, "%s: noise depends on the slices",
                      names[k]);
            source.seed = 10;
            memset(source.key, 1, sizeof source.key);
            const co_noise_release others[] = {
                co_noise_release_of(&source, CO_NOISE_FOR_SUM, 4),
                co_noise_release_of(&(co_noise_source){.seed = 9, .is_secret = secret},
                                    CO_NOISE_FOR_SUM, 5),
                co_noise_release_of(&(co_noise_source){.seed = 9, .is_secret = secret},
                                    CO_NOISE_FOR_COUNT, 4)};
            for (int o = 0; o < 3; o++) {
                int n_same = 0;
                memset(other, 0, sizeof other);
                m->add(&others[o], 1500000.0, 0, N, other);
                for (int j = 0; j < N; j++) n_same += other[j] == whole[j];
                cr_expect(n_same < 5, "%s, release %d: %d of %d draws are the same", names[k], o,
                          n_same, N);
            }
        }
}

Test(samplers, a_secret_key_is_new_each_time)
{
    co_noise_source a = {0}, b = {0};
    co_noise_source_draw(&a);
    co_noise_source_draw(&b);
    cr_expect(a.is_secret && memcmp(a.key, b.key, sizeof a.key) != 0);
}
