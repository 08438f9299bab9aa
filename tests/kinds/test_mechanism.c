/* Every mechanism of the list under the same laws; new members join by themselves. The mass of each
 * law, point by point, is in tests/privacy/test_samplers.c and test_shares.c. */
#include "privacy/mechanisms/bound.h"
#include "privacy/mechanisms/distributed.h"
#include "tests/harness.h"
#include "tests/kinds/options.h"
#include <math.h>

enum { N = 5000, DRAWS = 1000000 };

/* Members with noise of each step by itself; of the server alone; in shares. */
#define EACH_MEMBER(member)                                                                        \
    for (const co_plugin *const *at_ = co_kind_mechanism.members; *at_; at_++)                     \
        for (const co_mechanism *member = (const co_mechanism *)*at_; member && has_noise(member); \
             member = NULL)
#define EACH_CENTRAL(member) EACH_MEMBER(member) if (member->add)

static bool has_noise(const co_mechanism *member)
{
    return member->add || member->share;
}

/* Shares are of steps as coarse as bits allow, not of a grid as fine as can be. */
static double scale_of(const co_mechanism *member)
{
    return member->share ? 4000.0 : (1 << 20) + 77;
}

/* What a member draws under; a share has no purpose but its own, and a device. */
static co_noise_release release_for(const co_mechanism *member, const co_noise_source *source,
                                    co_noise_purpose purpose, int64_t round)
{
    return member->share ? co_noise_share_of(source, round, (int64_t)purpose)
                         : co_noise_release_of(source, purpose, round);
}

static co_noise_release release_of(const co_mechanism *member, uint64_t seed,
                                   co_noise_purpose purpose, int64_t round)
{
    return release_for(member, &(co_noise_source){.seed = seed}, purpose, round);
}

static void add(const co_mechanism *member, const co_noise_release *release, uint64_t first,
                size_t n, int64_t *sum)
{
    static const co_mechanism *newest; /* whose table it is */
    static co_noise_table table;
    const double scale = scale_of(member);
    if (member->add) {
        member->add(release, scale, first, n, sum);
        return;
    }
    if (newest != member) {
        co_noise_table_fini(&table);
        newest = member;
        cr_assert_eq(member->share((uint64_t)(scale * scale * CO_NOISE_UNIT), &table), CO_OK, "%s",
                     co_status_message());
    }
    co_noise_table_add(&table, release, first, n, sum);
}

static void draw(const co_mechanism *member, const co_noise_release *release, uint64_t first,
                 size_t n, int64_t *noise)
{
    memset(noise, 0, n * sizeof *noise);
    add(member, release, first, n, noise);
}

/* Correlation of x and y, and of their sizes, in standard errors. */
static void expect_independent(const char *name, const char *what, const int64_t *x,
                               const int64_t *y)
{
    double xy = 0.0, xx = 0.0, yy = 0.0, sizes = 0.0, mean_x = 0.0, mean_y = 0.0, n_equal = 0.0;
    for (int j = 0; j < N; j++) {
        const double a = (double)x[j], b = (double)y[j];
        xy += a * b, xx += a * a, yy += b * b;
        mean_x += fabs(a) / N, mean_y += fabs(b) / N;
        n_equal += x[j] == y[j];
    }
    for (int j = 0; j < N; j++)
        sizes += (fabs((double)x[j]) - mean_x) * (fabs((double)y[j]) - mean_y);
    cr_expect(n_equal < 5.0, "%s, another %s: %g of %d draws are equal", name, what, n_equal, N);
    cr_expect(fabs(xy) < 5.0 * sqrt(xx * yy / N), "%s, another %s: correlation %g", name, what,
              xy / sqrt(xx * yy));
    cr_expect(fabs(sizes) < 5.0 * sqrt(xx * yy / N), "%s, another %s: sizes go together", name,
              what);
}

Test(mechanism, noise_is_a_function_of_release_and_coordinate)
{
    static int64_t x[N], y[N];
    EACH_MEMBER(member)
    {
        const co_noise_release release = release_of(member, 1, CO_NOISE_FOR_SUM, 4);
        draw(member, &release, 70, N, x);
        draw(member, &release, 70, N, y);
        cr_expect_arr_eq(x, y, sizeof x, "%s: one release, drawn twice", member->name);
        const struct {
            const char *what;
            co_noise_release release;
            uint64_t first;
        } other[] = {{"seed", release_of(member, 2, CO_NOISE_FOR_SUM, 4), 70},
                     {"round", release_of(member, 1, CO_NOISE_FOR_SUM, 5), 70},
                     {"purpose", release_of(member, 1, CO_NOISE_FOR_COUNT, 4), 70},
                     {"slice", release, 70 + N},
                     {"slice by one", release, 71},
                     {"slice far off", release, (UINT64_C(1) << 40) + 70}};
        for (size_t k = 0; k < sizeof other / sizeof *other; k++) {
            draw(member, &other[k].release, other[k].first, N, y);
            expect_independent(member->name, other[k].what, x, y);
        }
    }
}

Test(mechanism, noise_does_not_depend_on_how_the_vector_is_cut)
{
    static int64_t whole[3 * N], parts[3 * N];
    EACH_MEMBER(member)
    {
        const co_noise_release release = release_of(member, 3, CO_NOISE_FOR_SUM, 1);
        co_stream s = co_stream_open(5, CO_DRAW_TEST, 0, 0, 0);
        draw(member, &release, 11, 3 * N, whole);
        memset(parts, 0, sizeof parts);
        for (size_t at = 0, n; at < 3 * N; at += n) {
            n = (size_t)co_draw_below(&s, co_draw_below(&s, 8) ? 9 : 4000);
            if (n > 3 * N - at) n = 3 * N - at;
            add(member, &release, 11 + at, n, parts + at);
        }
        cr_expect_arr_eq(whole, parts, sizeof whole, "%s", member->name);
    }
}

Test(mechanism, noise_is_added_to_the_sum)
{
    static int64_t noise[N], sum[N];
    EACH_MEMBER(member)
    {
        const co_noise_release release = release_of(member, 3, CO_NOISE_FOR_SUM, 2);
        size_t n_wrong = 0;
        draw(member, &release, 0, N, noise);
        for (int64_t j = 0; j < N; j++) sum[j] = (j - N / 2) * 1000000007;
        add(member, &release, 0, N, sum);
        for (int64_t j = 0; j < N; j++) n_wrong += sum[j] != (j - N / 2) * 1000000007 + noise[j];
        cr_expect_eq(n_wrong, 0, "%s: %zu of %d", member->name, n_wrong, N);
    }
}

Test(mechanism, mean_is_zero_and_variance_what_spread_and_scale_say)
{
    static int64_t noise[DRAWS];
    EACH_MEMBER(member)
    {
        const co_noise_release release = release_of(member, 6, CO_NOISE_FOR_SUM, 9);
        double mean = 0.0, square = 0.0;
        const double std = member->spread * scale_of(member);
        draw(member, &release, 0, DRAWS, noise);
        for (int j = 0; j < DRAWS; j++) {
            mean += (double)noise[j] / DRAWS;
            square += (double)noise[j] * (double)noise[j] / DRAWS;
        }
        cr_expect(fabs(mean) < 5.0 * std / sqrt(DRAWS), "%s: mean %g of standard deviation %g",
                  member->name, mean, std);
        cr_expect(fabs(square / (std * std) - 1.0) < 0.01, "%s: variance %g of what it says",
                  member->name, square / (std * std));
    }
}

/* 64 classes of remainders, each equally often: what is left of a law this wide. */
Test(mechanism, low_bits_are_uniform)
{
    static int64_t noise[DRAWS];
    EACH_MEMBER(member)
    {
        const co_noise_release release = release_of(member, 6, CO_NOISE_FOR_SUM, 10);
        double count[64] = {0}, square = 0.0;
        draw(member, &release, 0, DRAWS, noise);
        for (int j = 0; j < DRAWS; j++) count[noise[j] & 63]++;
        for (int k = 0; k < 64; k++) square += pow(count[k] - DRAWS / 64.0, 2.0) / (DRAWS / 64.0);
        cr_expect(fabs(square - 63.0) < 5.0 * sqrt(2.0 * 63.0), "%s: chi-square %g of 63",
                  member->name, square);
    }
}

/* The grid gives exact members a whole scale; they alone may draw from a secret key. */
Test(mechanism, exact_ones_take_whole_scales)
{
    EACH_CENTRAL(member)
    {
        co_grid grid;
        cr_assert_eq(co_grid_make(member, 1.37, 0.83, 100.0, &grid), CO_OK, "%s",
                     co_status_message());
        cr_expect(grid.scale >= 1 << 20 && grid.scale <= 1 << 21, "%s: %g", member->name,
                  grid.scale);
        cr_expect(grid.scale * grid.step >= 1.37 * 0.83, "%s: %g", member->name,
                  grid.scale * grid.step);
        cr_expect(!member->is_exact || grid.scale == floor(grid.scale), "%s: %.17g", member->name,
                  grid.scale);
    }
}

Test(mechanism, exact_ones_draw_from_secret_keys)
{
    static int64_t x[N], y[N];
    EACH_MEMBER(member)
    {
        if (!member->is_exact) continue;
        co_noise_source source = {0};
        co_noise_source_draw(&source);
        const co_noise_release release = release_for(member, &source, CO_NOISE_FOR_SUM, 1);
        draw(member, &release, 0, N, x);
        draw(member, &release, 0, N, y);
        cr_expect_arr_eq(x, y, sizeof x, "%s: one key", member->name);
        co_noise_source_draw(&source);
        const co_noise_release other = release_for(member, &source, CO_NOISE_FOR_SUM, 1);
        draw(member, &other, 0, N, y);
        expect_independent(member->name, "key", x, y);
    }
}

Test(mechanism, only_what_bounds_adds_noise)
{
    for (const co_plugin *const *at = co_kind_mechanism.members; *at; at++) {
        const co_mechanism *member = (const co_mechanism *)*at;
        cr_expect((member->norm == CO_NORM_NONE) == (!has_noise(member) && !member->correlation) &&
                      (member->norm == CO_NORM_NONE) == !(member->spread > 0.0),
                  "%s", member->name);
        cr_expect(!!member->add + !!member->share + !!member->correlation <= 1, "%s: noise twice",
                  member->name);
        cr_expect(!member->share || (member->is_exact && member->norm == CO_NORM_L2), "%s",
                  member->name);
        cr_expect(!member->correlation || (member->noise == CO_NOISE_GAUSSIAN && !member->is_exact),
                  "%s: accounted for as Gaussian draws", member->name);
        cr_expect((member->params == co_distributed_params) == (member->share != NULL) &&
                      (member->params == co_mechanism_params) == (member->add != NULL),
                  "%s: options", member->name);
        cr_expect(member->norm != CO_NORM_NONE || !member->is_exact, "%s", member->name);
        test_option_texts(*at, NULL);
    }
    cr_expect(!co_mechanism_find("none")->add, "none adds nothing");
}
