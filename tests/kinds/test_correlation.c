/* Every mechanism with correlated noise under the same laws; new members join by themselves. What
 * each does exactly: tests/privacy/test_tree.c, test_banded.c. */
#include "tests/kinds/correlations.h"
#include <math.h>

enum { STEPS = 19, SEPARATION = 8, N = 40000, MOST_KEPT = 64 };
static const double scale = (1 << 20) + 77;

#define EACH_MEMBER(member)                                                                        \
    for (const co_plugin *const *at_ = co_kind_mechanism.members; *at_; at_++)                     \
        for (const co_mechanism *member = (const co_mechanism *)*at_;                              \
             member && member->correlation; member = NULL)

/* A slice in the making. */
typedef struct {
    const co_mechanism *member;
    void *self;
    size_t n, n_kept;
    double *room, *kept[MOST_KEPT];
} slice;

static slice open_slice(const co_mechanism *member, size_t n)
{
    slice s = {.member = member, .n = n};
    s.self = make_correlation(member, "", STEPS, SEPARATION);
    cr_assert(s.self, "%s: %s", member->name, co_status_message());
    s.n_kept = member->correlation->n_kept(s.self);
    cr_assert(s.n_kept <= MOST_KEPT);
    s.room = co_calloc(s.n_kept * n, sizeof *s.room);
    for (size_t k = 0; k < s.n_kept; k++) s.kept[k] = s.room + k * n;
    return s;
}

static void close_slice(slice *s)
{
    s->member->correlation->destroy(s->self);
    co_free(s->room);
}

/* Steps 1 .. of coordinates first .., one behind the other: noise[STEPS][n]. */
static void play(slice *s, const co_noise_source *source, uint64_t first, double *noise)
{
    const co_noise_part part = {.first = first, .n = s->n, .kept = s->kept};
    memset(s->room, 0, s->n_kept * s->n * sizeof *s->room);
    for (int t = 0; t < STEPS; t++)
        s->member->correlation->next(s->self, source, t + 1, scale, &part,
                                     noise + (size_t)t * s->n);
}

static double correlation_of(const double *x, const double *y, size_t n)
{
    double xy = 0.0, xx = 0.0, yy = 0.0;
    for (size_t j = 0; j < n; j++) xy += x[j] * y[j], xx += x[j] * x[j], yy += y[j] * y[j];
    return xy / sqrt(xx * yy);
}

Test(correlation, noise_is_a_function_of_source_step_and_coordinate)
{
    enum { FEW = 3000 };
    static double x[STEPS * FEW], y[STEPS * FEW];
    EACH_MEMBER(member)
    {
        slice s = open_slice(member, FEW);
        play(&s, &(co_noise_source){.seed = 1}, 70, x);
        play(&s, &(co_noise_source){.seed = 1}, 70, y);
        cr_expect_arr_eq(x, y, sizeof x, "%s: gone through again", member->name);
        play(&s, &(co_noise_source){.seed = 2}, 70, y);
        cr_expect(fabs(correlation_of(x, y, STEPS * FEW)) < 0.03, "%s: another seed", member->name);
        play(&s, &(co_noise_source){.seed = 1}, 70 + FEW, y);
        cr_expect(fabs(correlation_of(x, y, STEPS * FEW)) < 0.03, "%s: another slice",
                  member->name);
        play(&s, &(co_noise_source){.seed = 1}, 71, y);
        for (int t = 0; t < STEPS; t++)
            cr_expect_arr_eq(x + t * FEW + 1, y + t * FEW, (FEW - 1) * sizeof *x,
                             "%s, step %d: the same coordinates, cut elsewhere", member->name,
                             t + 1);
        close_slice(&s);
    }
    cr_expect_eq(co_memory_blocks(), 0);
}

/* The variance of every prefix sum lies below the largest that the member states, their mean is
 * what it states, and one is the largest; every value is whole. */
Test(correlation, prefix_sums_vary_as_is_said)
{
    static double noise[STEPS * N], sum[N];
    EACH_MEMBER(member)
    {
        double most, mean, largest = 0.0, all = 0.0;
        slice s = open_slice(member, N);
        size_t n_broken = 0;
        cr_assert_eq(member->correlation->errors(s.self, &most, &mean), CO_OK);
        play(&s, &(co_noise_source){.seed = 5}, 0, noise);
        memset(sum, 0, sizeof sum);
        for (int t = 0; t < STEPS; t++) {
            double square = 0.0;
            for (int j = 0; j < N; j++) {
                n_broken += noise[t * N + j] != rint(noise[t * N + j]);
                sum[j] += noise[t * N + j];
                square += sum[j] * sum[j] / (scale * scale) / N;
            }
            largest = fmax(largest, square);
            all += square / STEPS;
        }
        const double sigma = sqrt(2.0 / N);
        cr_expect_eq(n_broken, 0, "%s", member->name);
        cr_expect(fabs(largest / most - 1.0) < 4.0 * sigma, "%s: largest %g, said %g", member->name,
                  largest, most);
        cr_expect(fabs(all / mean - 1.0) < 4.0 * sigma, "%s: mean %g, said %g", member->name, all,
                  mean);
        close_slice(&s);
    }
}

/* More steps or more participations never cost less; a first step costs one release. */
Test(correlation, cost_grows)
{
    EACH_MEMBER(member)
    {
        void *self = make_correlation(member, "", STEPS, SEPARATION);
        int64_t squared, before;
        cr_assert_eq(member->correlation->cost(self, 1, 1, &squared), CO_OK);
        cr_expect_eq(squared, 1, "%s: %lld", member->name, (long long)squared);
        cr_assert_eq(member->correlation->cost(self, STEPS, 0, &squared), CO_OK);
        cr_expect_eq(squared, 0, "%s: nobody took part", member->name);
        for (int most = 1; most <= 3; most++)
            for (int n = 1; n <= STEPS; n++) {
                cr_assert_eq(member->correlation->cost(self, n, most, &squared), CO_OK);
                cr_assert_eq(member->correlation->cost(self, n, most - 1, &before), CO_OK);
                cr_expect(squared >= before);
                cr_assert_eq(member->correlation->cost(self, n - 1, most, &before), CO_OK);
                cr_expect(squared >= before, "%s, %d steps: %lld after %lld", member->name, n,
                          (long long)squared, (long long)before);
            }
        member->correlation->destroy(self);
    }
}

Test(correlation, says_what_it_is)
{
    EACH_MEMBER(member)
    {
        char text[160] = "";
        void *self = make_correlation(member, "", STEPS, SEPARATION), *again;
        member->correlation->say(self, text, sizeof text);
        cr_expect(strlen(text) > 10, "%s: '%s'", member->name, text);
        again = make_correlation(member, "", STEPS, SEPARATION);
        if (member->correlation->digest) {
            cr_expect_neq(member->correlation->digest(self), 0);
            cr_expect_eq(member->correlation->digest(self), member->correlation->digest(again));
        }
        member->correlation->destroy(self);
        member->correlation->destroy(again);
    }
    cr_expect_eq(co_memory_blocks(), 0);
}
