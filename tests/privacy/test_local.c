/* Local privacy away from any run: the cap of PrivUnit and its draws, messages added up and
 * shuffled, randomised response. */
#include "core/memory.h"
#include "privacy/accountants/pure.h"
#include "privacy/mechanisms/privunit.h"
#include "privacy/mechanisms/response.h"
#include "tests/harness.h"
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static FILE *open_reference(const char *name)
{
    char path[600];
    const char *root = getenv("SOURCE");
    snprintf(path, sizeof path, "%s/tests/reference/%s", root ? root : "..", name);
    FILE *file = fopen(path, "r");
    cr_assert(file != NULL, "%s", path);
    return file;
}

/* Shares and best caps by mpmath, 50 digits (tests/reference/privunit.py). */
Test(privunit, shares_and_best_caps_are_those_of_fifty_digits)
{
    FILE *file = open_reference("privunit.txt");
    char line[256];
    int n_shares = 0, n_best = 0;
    while (fgets(line, sizeof line, file)) {
        double n, x, cap, share, mean;
        if (sscanf(line, "share %lf %lf %lf", &n, &x, &share) == 3) {
            const double off = fabs(co_cap_log_mass((size_t)n, x) - share);
            cr_expect(off < (n > 1e5 ? 1e-9 : 1e-11), "%s: %g off", line, off);
            n_shares++;
        } else if (sscanf(line, "best %lf %lf %lf %lf %lf", &n, &x, &cap, &share, &mean) == 5) {
            const co_privunit law = co_privunit_find((size_t)n, x);
            cr_expect(fabs(law.cap / cap - 1.0) < 1e-8 && fabs(law.log_mass - share) < 1e-7,
                      "%s: cap %.12g, share %.12g", line, law.cap, law.log_mass);
            cr_expect(fabs(law.mean / mean - 1.0) < 1e-8, "%s: mean %.14g", line, law.mean);
            cr_expect(law.mean <= mean, "%s: better than the best by %g", line, law.mean - mean);
            n_best++;
        }
    }
    fclose(file);
    cr_expect(n_shares > 40 && n_best > 20);
}

Test(privunit, variance_at_100_dimensions_and_epsilon_4_is_the_published_42_8)
{
    const co_privunit law = co_privunit_find(100, 4.0);
    cr_expect_float_eq(1.0 / (law.mean * law.mean) - 1.0, 42.8, 0.05);
}

/* The density of a told direction V, relative to the uniform one, is p / q on the cap and (1 - p) /
 * (1 - q) off it: constant on both, so that over all pairs of inputs and all V the largest ratio is
 * theirs. With q from the reference and not from the program. */
Test(privunit, density_ratio_is_at_most_e_to_the_epsilon_and_reaches_it)
{
    FILE *file = open_reference("privunit.txt");
    char line[256];
    while (fgets(line, sizeof line, file)) {
        double n, epsilon, cap, share, mean;
        if (sscanf(line, "best %lf %lf %lf %lf %lf", &n, &epsilon, &cap, &share, &mean) != 5)
            continue;
        const co_privunit law = co_privunit_find((size_t)n, epsilon);
        const double moved = law.log_mass - share; /* our cap is not quite theirs: by that much */
        const double on = log1p(-law.outside) - law.log_mass,
                     off = log(law.outside) - log1p(-exp(law.log_mass));
        cr_expect(fabs(moved) < 1e-7 && on - off <= epsilon && on - off > epsilon * (1.0 - 2e-9),
                  "%s: log ratio %.15g", line, on - off);
    }
    fclose(file);
}

/* The ratio as an adversary would look for it: directions of a sphere of 4 dimensions, where a
 * chance can be counted; two opposite inputs, the bins of the cosine between them. */
Test(privunit, counted_chances_differ_by_no_more_than_epsilon_and_by_nearly_that)
{
    enum { BINS = 40, DRAWS = 2000000 };
    const double epsilon = 1.5;
    const co_privunit law = co_privunit_find(4, epsilon);
    static double chance[BINS];
    co_stream s = co_stream_open(3, CO_DRAW_TEST, 0, 0, 0);
    for (int i = 0; i < DRAWS; i++) {
        const double t = co_privunit_draw(&law, &s);
        cr_assert(t >= -1.0 && t < 1.0);
        chance[(int)((t + 1.0) * BINS / 2.0)] += 1.0;
    }
    double most = 0.0;
    for (int b = 0; b < BINS; b++) { /* the opposite input sees bin BINS - 1 - b */
        const double x = chance[b], y = chance[BINS - 1 - b];
        if (x < 1000.0 || y < 1000.0) continue;
        const double z = (log(x / y) - epsilon) / sqrt(1.0 / x + 1.0 / y);
        cr_expect(z < 4.5, "bin %d: ratio %g, %g sigma above", b, x / y, z);
        most = fmax(most, log(x / y));
    }
    cr_expect(most > 0.97 * epsilon, "%g", most);
}

/* Mean, mean square on the cap and off it, and how often it is hit, in dimensions from 4 to 10^7.
 */
Test(privunit, draws_follow_the_law)
{
    enum { DRAWS = 200000 };
    static const size_t n[] = {4, 5, 30, 1000, 10000000};
    static const double epsilon[] = {0.2, 2.0, 12.0, 300.0};
    for (int i = 0; i < 20; i++) {
        const co_privunit law = co_privunit_find(n[i % 5], epsilon[i / 5]);
        co_stream s = co_stream_open(4, CO_DRAW_TEST, (uint64_t)i, 0, 0);
        double sum = 0.0, squares = 0.0, off = 0.0;
        for (int k = 0; k < DRAWS; k++) {
            const double t = co_privunit_draw(&law, &s);
            sum += t - law.mean, squares += (t - law.mean) * (t - law.mean), off += t < law.cap;
        }
        const double error = sum / DRAWS, spread = sqrt((squares / DRAWS - error * error) / DRAWS);
        cr_expect(fabs(error) < 4.5 * spread, "d %zu, epsilon %g: mean %g off %g, +- %g", law.n,
                  epsilon[i / 5], error, law.mean, spread);
        const double z =
            (off - DRAWS * law.outside) / sqrt(DRAWS * law.outside * (1.0 - law.outside) + 1.0);
        cr_expect(fabs(z) < 4.5, "d %zu, epsilon %g: %g off the cap, not %g", law.n, epsilon[i / 5],
                  off / DRAWS, law.outside);
        cr_expect((double)s.next < 20.0 * DRAWS, "d %zu, epsilon %g: %g words a draw", law.n,
                  epsilon[i / 5], (double)s.next / DRAWS);
    }
}

Test(messages, composed_and_shuffled_are_the_references)
{
    FILE *file = open_reference("messages.txt");
    char line[256];
    int n_lines = 0;
    for (; fgets(line, sizeof line, file); n_lines++) {
        double each, n, delta, want, upper, closed;
        if (sscanf(line, "compose %lf %lf %lf %lf", &each, &n, &delta, &want) == 4) {
            const double got = co_pure_epsilon(each, (int64_t)n, delta);
            cr_expect(fabs(got / want - 1.0) < 1e-5 && got <= n * each, "%s: %.12g", line, got);
            continue;
        }
        if (sscanf(line, "shuffle %lf %lf %lf %lf", &each, &n, &delta, &want) == 4) {
            const double got = co_shuffled_epsilon(each, n, delta);
            cr_expect(got >= want * (1.0 - 1e-9) && got < want * (1.0 + 2e-5), "%s: %.12g", line,
                      got);
            continue;
        }
        cr_assert_eq(sscanf(line, "authors %lf %lf %lf %lf %lf %lf", &each, &n, &delta, &want,
                            &upper, &closed),
                     6, "%s", line);
        const double got = co_shuffled_epsilon(each, n, delta);
        cr_expect(got >= want && got <= upper, "%s: %.12g", line, got);
        cr_expect_float_eq(co_shuffled_closed(each, n, delta) / closed, 1.0, 1e-12, "%s", line);
    }
    fclose(file);
    cr_expect(n_lines >= 24);
}

Test(messages, what_must_hold_of_any_of_them)
{
    for (double each = 0.05; each < 8.0; each *= 2.3) {
        cr_expect_eq(co_pure_epsilon(each, 0, 1e-5), 0.0);
        cr_expect_eq(co_pure_epsilon(each, 17, 0.0), 17.0 * each);
        cr_expect(co_pure_epsilon(each, 1, 1e-5) <= each);
        for (int64_t n = 2; n < 500; n *= 3) {
            const double got = co_pure_epsilon(each, n, 1e-6);
            cr_expect(got <= (double)n * each && got > co_pure_epsilon(each, n - 1, 1e-6));
            cr_expect(co_pure_epsilon(each, n, 1e-5) <= got);
        }
        cr_expect_eq(co_shuffled_epsilon(each, 1.0, 1e-6) > 0.999 * each - 1e-5, true);
        double before = each;
        for (double n = 10.0; n < 1e6; n *= 10.0) {
            const double got = co_shuffled_epsilon(each, n, 1e-6),
                         closed = co_shuffled_closed(each, n, 1e-6);
            cr_expect(got <= before && got > 0.0, "epsilon %g, n %g: %g", each, n, got);
            cr_expect(isnan(closed) || closed > got, "epsilon %g, n %g: closed %g", each, n,
                      closed);
            cr_expect(co_shuffled_delta(each, n, got * 1.001) <= 1e-6);
            before = got;
        }
    }
}

/* The matrix of frequencies, and that (f - q) / (p - q) brings back the shares of the truths. */
Test(response, frequencies_are_the_matrix_and_their_correction_is_unbiased)
{
    enum { K = 5, DRAWS = 400000 };
    const double epsilon = 1.2, p = co_response_right(epsilon, K), q = (1.0 - p) / (K - 1);
    double share[K] = {0.4, 0.3, 0.2, 0.1, 0.0}, told[K] = {0};
    cr_expect_float_eq(p / q, exp(epsilon), 1e-12);
    co_stream s = co_stream_open(5, CO_DRAW_TEST, 0, 0, 0);
    for (int32_t truth = 0; truth < K; truth++) {
        double n[K] = {0};
        for (int i = 0; i < DRAWS; i++) {
            const int32_t answer = co_response_draw(epsilon, K, truth, &s);
            cr_assert(answer >= 0 && answer < K);
            n[answer] += 1.0;
        }
        for (int answer = 0; answer < K; answer++) {
            const double want = answer == truth ? p : q;
            cr_expect(fabs(n[answer] / DRAWS - want) < 4.5 * sqrt(want * (1.0 - want) / DRAWS),
                      "%d told as %d: %g, not %g", truth, answer, n[answer] / DRAWS, want);
            told[answer] += share[truth] * n[answer] / DRAWS;
        }
    }
    for (int answer = 0; answer < K; answer++)
        cr_expect_float_eq((told[answer] - q) / (p - q), share[answer], 0.01);
    cr_expect_eq(co_response_draw(epsilon, 1, 0, &s), 0);
}
