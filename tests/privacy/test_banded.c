/* The banded matrix: its optimum against jax_privacy's, its noise and errors against dense solves,
 * its sensitivity against every way to take part, and matrices from files. */
#include "privacy/mechanisms/banded_matrix.h"
#include "tests/harness.h"
#include "tests/kinds/correlations.h"
#include <math.h>
#include <unistd.h>

enum { STEPS = 12, N = 1500 };

/* Mean variance of prefix sums at the optimum of jax_privacy 1.0
 * (matrix_factorization.banded.optimize(n, bands=b, max_optimizer_steps=500), float64, then the
 * mean of per_query_error). */
Test(banded, the_optimum_is_that_of_jax_privacy)
{
    static const struct {
        int64_t n, bands;
        double mean;
    } row[] = {{100, 1, 50.5},
               {100, 2, 26.720603714205673},
               {100, 4, 15.129690066040098},
               {100, 8, 9.511285520723538},
               {100, 16, 6.801499855760621},
               {100, 32, 5.548075881031625},
               {500, 1, 250.5},
               {500, 2, 127.64499665612581},
               {500, 4, 66.75596903466126},
               {500, 8, 36.637409489781696},
               {500, 16, 21.661762905797367},
               {500, 32, 14.126928583335447}};
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        co_banded m;
        double most, mean;
        cr_assert_eq(co_banded_optimise(row[i].n, row[i].bands, &m), CO_OK);
        cr_assert_eq(co_banded_errors(&m, &most, &mean), CO_OK);
        cr_expect(fabs(mean / row[i].mean - 1.0) < 1e-4,
                  "%lld steps, %lld bands: %.9g, theirs %.9g", (long long)row[i].n,
                  (long long)row[i].bands, mean, row[i].mean);
        cr_expect(most > mean || row[i].n == 1);
        co_banded_fini(&m);
    }
}

/* Far more steps than columns of their own are found for: Toeplitz, a little worse than what is
 * found for fewer steps would be. */
Test(banded, many_steps_take_a_toeplitz_matrix)
{
    co_banded few, many;
    double most[2], mean[2];
    cr_assert_eq(co_banded_optimise(1000, 4, &few), CO_OK);
    cr_assert_eq(co_banded_optimise(20000, 4, &many), CO_OK);
    cr_expect(!few.is_toeplitz && many.is_toeplitz && many.bands == 4);
    cr_assert_eq(co_banded_errors(&few, &most[0], &mean[0]), CO_OK);
    cr_assert_eq(co_banded_errors(&many, &most[1], &mean[1]), CO_OK);
    cr_expect(mean[1] / mean[0] > 18.0 && mean[1] / mean[0] < 20.5, "%g, %g", mean[0], mean[1]);
    co_banded_fini(&few);
    co_banded_fini(&many);
}

/* ---- dense */

static void make_dense(const co_banded *m, double c[STEPS][STEPS])
{
    for (int t = 0; t < STEPS; t++)
        for (int j = 0; j < STEPS; j++)
            c[t][j] = j <= t && t - j < m->bands ? co_banded_at(m, t, j) : 0.0;
}

/* inverse = C^-1 by elimination of the whole system. */
static void invert(double c[STEPS][STEPS], double inverse[STEPS][STEPS])
{
    double a[STEPS][2 * STEPS] = {{0.0}};
    for (int t = 0; t < STEPS; t++) {
        memcpy(a[t], c[t], sizeof c[t]);
        a[t][STEPS + t] = 1.0;
    }
    for (int i = 0; i < STEPS; i++)
        for (int row = 0; row < STEPS; row++) {
            const double by = row == i ? 1.0 - 1.0 / a[i][i] : a[row][i] / a[i][i];
            for (int j = 2 * STEPS - 1; j >= 0; j--) a[row][j] -= by * a[i][j];
        }
    for (int t = 0; t < STEPS; t++) memcpy(inverse[t], a[t] + STEPS, STEPS * sizeof *inverse[t]);
}

/* Row by row from the same draws, and the variance of every prefix sum. */
static void compare(const char *words, const co_banded *m)
{
    static double noise[N], room[STEPS * N], inverse[STEPS][STEPS], c[STEPS][STEPS];
    static float draw[STEPS][N];
    double *kept[STEPS], most, mean, largest = 0.0, all = 0.0;
    const double scale = 1 << 20;
    const co_noise_source source = {.seed = 4};
    const co_mechanism *member = co_mechanism_find("banded");
    void *self = make_correlation(member, words, STEPS, STEPS);
    cr_assert(self, "%s", co_status_message());
    make_dense(m, c);
    invert(c, inverse);
    memset(room, 0, sizeof room);
    for (int k = 0; k < STEPS; k++) kept[k] = room + k * N;
    for (int t = 0; t < STEPS; t++) co_correlated_draw(&source, (uint64_t)t, 50, N, draw[t]);
    for (int t = 0; t < STEPS; t++) {
        double worst = 0.0, variance = 0.0;
        member->correlation->next(self, &source, t + 1, scale, &(co_noise_part){50, N, kept},
                                  noise);
        for (int j = 0; j < N; j++) {
            double wanted = 0.0;
            for (int i = 0; i <= t; i++) wanted += inverse[t][i] * (double)draw[i][j];
            worst = fmax(worst, fabs(noise[j] - scale * wanted));
        }
        cr_expect(worst <= 0.5001, "%s, step %d: off by %g", words, t + 1, worst);
        for (int i = 0; i <= t; i++) {
            double b = 0.0;
            for (int row = i; row <= t; row++) b += inverse[row][i];
            variance += b * b;
        }
        largest = fmax(largest, variance);
        all += variance / STEPS;
    }
    cr_assert_eq(member->correlation->errors(self, &most, &mean), CO_OK);
    cr_expect(fabs(largest / most - 1.0) < 1e-9 && fabs(all / mean - 1.0) < 1e-9,
              "%s: %g and %g, said %g and %g", words, largest, all, most, mean);
    member->correlation->destroy(self);
}

Test(banded, noise_is_the_inverse_of_the_matrix_times_the_draws)
{
    for (int bands = 1; bands <= STEPS; bands += bands < 4 ? 1 : 4) {
        char words[32];
        co_banded m;
        cr_assert_eq(co_banded_optimise(STEPS, bands, &m), CO_OK);
        snprintf(words, sizeof words, "bands: %d", bands);
        compare(words, &m);
        co_banded_fini(&m);
    }
}

/* ---- sensitivity */

static double dense_square(double c[STEPS][STEPS], unsigned pattern, unsigned signs)
{
    double square = 0.0;
    for (int t = 0; t < STEPS; t++) {
        double x = 0.0;
        for (int j = 0; j <= t; j++)
            if (pattern >> j & 1) x += signs >> j & 1 ? -c[t][j] : c[t][j];
        square += x * x;
    }
    return square;
}

/* The largest |C x|^2 over patterns of `most` steps that far apart and contributions of +-1. */
static double brute_force(double c[STEPS][STEPS], int apart, int most)
{
    double largest = 0.0;
    for (unsigned pattern = 1; pattern < 1u << STEPS; pattern++) {
        bool is_apart = __builtin_popcount(pattern) == most;
        for (int i = 1; i < apart; i++) is_apart = is_apart && !(pattern & pattern >> i);
        if (!is_apart) continue;
        for (unsigned signs = pattern;; signs = (signs - 1) & pattern) {
            largest = fmax(largest, dense_square(c, pattern, signs));
            if (signs == 0) break;
        }
    }
    return largest;
}

static void expect_covered(const co_banded *m)
{
    static double c[STEPS][STEPS];
    make_dense(m, c);
    for (int apart = 1; apart <= STEPS; apart++)
        for (int most = 1; (most - 1) * apart < STEPS; most++) {
            const double largest = brute_force(c, apart, most),
                         said = most * co_banded_reach(m, apart);
            cr_expect(largest <= said * (1.0 + 1e-12), "%d apart, %d: %g, said %g", apart, most,
                      largest, said);
            if (apart >= m->bands && !m->is_toeplitz)
                cr_expect(fabs(largest / said - 1.0) < 1e-9, "%d apart, %d: %g, said %g", apart,
                          most, largest, said);
        }
}

/* Exact where steps are `bands` apart and all columns have norm 1; else a bound, whatever signs
 * contributions and columns have.
 */
Test(banded, no_way_to_take_part_changes_more_than_is_said)
{
    co_banded m, mixed = {.n = STEPS, .bands = 3, .is_toeplitz = true};
    cr_assert_eq(co_banded_optimise(STEPS, 4, &m), CO_OK);
    expect_covered(&m);
    co_banded_fini(&m);
    mixed.c = co_malloc(3, sizeof *mixed.c);
    mixed.c[0] = 1.0, mixed.c[1] = -0.8, mixed.c[2] = 0.3;
    co_banded_normalise(&mixed);
    expect_covered(&mixed);
    co_banded_fini(&mixed);
}

/* The same matrix written out column by column, each product from its definition, has the same
 * reach: wide and narrow, short and long, whatever the signs. */
Test(banded, reach_of_a_first_column_is_that_of_all_columns)
{
    static const int64_t size[][2] = {{1, 1}, {5, 5}, {9, 5}, {10, 5}, {8, 7}, {40, 6}, {61, 30}};
    for (size_t s = 0; s < sizeof size / sizeof *size; s++) {
        const int64_t n = size[s][0], bands = size[s][1];
        for (int signs = 0; signs < 2; signs++) {
            co_banded one = {.n = n, .bands = bands, .is_toeplitz = true}, all = one;
            all.is_toeplitz = false;
            one.c = co_malloc((size_t)bands, sizeof *one.c);
            all.c = co_malloc((size_t)(n * bands), sizeof *all.c);
            cr_assert(one.c && all.c);
            for (int64_t i = 0; i < bands; i++)
                one.c[i] = (signs && i * i % 7 > 2 ? -1.0 : 1.0) / (1.0 + 0.3 * (double)i);
            co_banded_normalise(&one);
            for (int64_t i = 0; i < n * bands; i++) all.c[i] = one.c[i % bands];
            for (int64_t apart = 1; apart <= bands; apart++)
                cr_expect_eq(co_banded_reach(&one, apart), co_banded_reach(&all, apart),
                             "n %lld, %lld bands, %lld apart", (long long)n, (long long)bands,
                             (long long)apart);
            co_banded_fini(&one);
            co_banded_fini(&all);
        }
    }
}

/* ---- files */

static const char *write_matrix(const char *text)
{
    const char *path = scratch_file("matrix.txt");
    FILE *file = fopen(path, "w");
    cr_assert(file && fputs(text, file) >= 0 && fclose(file) == 0);
    return path;
}

Test(banded, a_file_is_read_by_rows_or_as_a_first_column)
{
    co_banded m;
    const char *path = write_matrix("# C\n2 0 0\n1, 2\n\n0 1.5 4e0 \n");
    cr_assert_eq(co_banded_read(path, 3, &m), CO_OK, "%s", co_status_message());
    cr_expect(m.n == 3 && m.bands == 2 && !m.is_toeplitz);
    cr_expect_float_eq(co_banded_at(&m, 2, 2), 1.0, 1e-12);
    cr_expect_float_eq(co_banded_at(&m, 1, 0), 0.25, 1e-12);
    cr_expect_float_eq(co_banded_at(&m, 2, 1), 0.375, 1e-12);
    co_banded_fini(&m);
    unlink(path);
    path = write_matrix("3 4");
    cr_assert_eq(co_banded_read(path, STEPS, &m), CO_OK);
    cr_expect(m.n == STEPS && m.bands == 2 && m.is_toeplitz && fabs(m.c[1] - 0.8) < 1e-12);
    char *words = co_format("matrix: %s", path);
    compare(words, &m);
    co_free(words);
    co_banded_fini(&m);
    unlink(path);
}

Test(banded, a_file_that_is_no_such_matrix_is_refused_by_its_place)
{
    static const struct {
        const char *text, *message;
    } row[] = {{"1 0\n1 x\n", "line 2: 'x' is no number"},
               {"1\n1 1\n", "2 rows, but there are 3 rounds"},
               {"1 2 0\n1 1 0\n1 1 1\n", "row 1 has 2 behind its diagonal"},
               {"1\n1 0\n1 1 1\n", "row 2 has nothing above 0"},
               {"1\n1 nan\n1 1 1\n", "line 2: 'nan' is no number"},
               {"# nothing\n", "holds no numbers"},
               {"-1 2\n", "the first coefficient is -1"}};
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        co_banded m;
        const char *path = write_matrix(row[i].text);
        cr_expect_eq(co_banded_read(path, 3, &m), CO_EDATA, "%s", row[i].text);
        cr_expect(strstr(co_status_message(), row[i].message), "'%s': %s", row[i].text,
                  co_status_message());
        unlink(path);
    }
    co_banded m;
    cr_expect_eq(co_banded_read("/tmp/no-such-matrix", 3, &m), CO_EFILE);
    cr_expect_eq(co_memory_blocks(), 0);
}

/* A matrix is made for steps that far apart; less is refused, as is what cannot be. */
Test(banded, bands_need_steps_that_are_as_far_apart)
{
    const co_mechanism *member = co_mechanism_find("banded");
    cr_expect(!make_correlation(member, "bands: 9", 20, 8));
    cr_expect(strstr(co_status_message(), "min_separation: 9"), "%s", co_status_message());
    void *self = make_correlation(member, "bands: 30", 20, 30); /* no more than there are steps */
    cr_expect(self && member->correlation->n_kept(self) == 19);
    member->correlation->destroy(self);
    cr_expect_eq(co_memory_blocks(), 0);
}
