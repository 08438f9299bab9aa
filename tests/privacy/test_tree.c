/* The tree: its sensitivity against published values and every way to take part, its noise against
 * the best linear estimate of a dense system. */
#include "privacy/mechanisms/tree_cost.h"
#include "tests/kinds/correlations.h"
#include <math.h>

static int64_t squared_of(int64_t separation, int64_t restart, int64_t n_steps, int64_t most)
{
    int64_t squared = -1;
    co_tree_cost *cost = co_tree_cost_create(separation, restart);
    cr_assert_eq(co_tree_cost_squared(cost, n_steps, most, &squared), CO_OK);
    co_tree_cost_destroy(cost);
    return squared;
}

/* tests of Google's federated repository for DP-FTRL (tree_aggregation accounting), there with
 * rounds between: one less than the differences here. The last: Xu et al. 2023, arXiv:2305.18465,
 * Table 2, zCDP 0.81 at z = 7. */
Test(tree, sensitivity_is_the_published_one)
{
    static const struct {
        int64_t most, separation, steps, squared;
    } row[] = {{1, 8, 8, 4},   {3, 4, 9, 11},  {3, 3, 7, 9},
               {8, 3, 24, 88}, {8, 1, 8, 120}, {6, 313, 2000, 79}};
    for (size_t i = 0; i < sizeof row / sizeof *row; i++)
        cr_expect_eq(squared_of(row[i].separation, 0, row[i].steps, row[i].most), row[i].squared,
                     "%lld participations, %lld apart, %lld steps: %lld", (long long)row[i].most,
                     (long long)row[i].separation, (long long)row[i].steps,
                     (long long)squared_of(row[i].separation, 0, row[i].steps, row[i].most));
    const double rho = (double)squared_of(313, 0, 2000, 6) / (2.0 * 7.0 * 7.0);
    cr_expect_eq(rint(rho * 100.0), 81.0, "zCDP %g", rho);
}

/* ---- every node by itself */

enum { MOST_STEPS = 12, MOST_NODES = 64 };
typedef struct {
    int start, end, height; /* steps of the node, those that are there */
    bool is_whole;          /* else it is released with the next tree's first step */
} node;

/* Nodes that are released in n steps: whole ones, and in a tree that another follows all up to the
 * root. */
static int list_nodes(int n, int restart, node *list)
{
    int count = 0;
    const int each = restart > 0 ? restart : n;
    for (int begin = 0; begin < n; begin += each) {
        const bool is_followed = begin + each < n;
        const int leaves = n - begin < each ? n - begin : each;
        for (int height = 0, size = 1; height == 0 || size / 2 < leaves; height++, size *= 2)
            for (int start = 0; start < leaves; start += size) {
                const bool is_whole = start + size <= leaves;
                if (!is_whole && !is_followed) continue;
                cr_assert(count < MOST_NODES);
                list[count++] = (node){begin + start, begin + (is_whole ? start + size : leaves),
                                       height, is_whole};
            }
    }
    return count;
}

static bool is_apart(unsigned pattern, int separation)
{
    for (int i = 1; i < separation; i++)
        if (pattern & pattern >> i) return false;
    return true;
}

static int64_t square_of(unsigned pattern, const node *list, int n_nodes)
{
    int64_t sum = 0;
    for (int k = 0; k < n_nodes; k++) {
        const unsigned below =
            pattern >> list[k].start & ((1u << (list[k].end - list[k].start)) - 1);
        const int64_t c = __builtin_popcount(below);
        sum += c * c;
    }
    return sum;
}

Test(tree, sensitivity_is_the_largest_over_all_ways_to_take_part)
{
    static const int restarts[] = {0, 1, 2, 3, 4, 5, 6, 7, 9, 11};
    node list[MOST_NODES];
    for (size_t r = 0; r < sizeof restarts / sizeof *restarts; r++)
        for (int n = 1; n <= MOST_STEPS; n++) {
            const int n_nodes = list_nodes(n, restarts[r], list);
            for (int apart = 1; apart <= 6; apart++) {
                int64_t largest[MOST_STEPS + 1] = {0};
                for (unsigned pattern = 0; pattern < 1u << n; pattern++) {
                    if (!is_apart(pattern, apart)) continue;
                    const int64_t square = square_of(pattern, list, n_nodes);
                    for (int q = __builtin_popcount(pattern); q <= MOST_STEPS; q++)
                        if (square > largest[q]) largest[q] = square;
                }
                for (int q = 0; q <= MOST_STEPS; q++)
                    cr_expect_eq(squared_of(apart, restarts[r], n, q), largest[q],
                                 "%d participations, %d apart, %d steps, restarts %d: %lld of %lld",
                                 q, apart, n, restarts[r],
                                 (long long)squared_of(apart, restarts[r], n, q),
                                 (long long)largest[q]);
            }
        }
    cr_expect_eq(co_memory_blocks(), 0);
}

/* Where the exact answer takes too long: a bound, equal where a device is in every step. */
Test(tree, sensitivity_of_very_many_participations_is_bounded)
{
    const int64_t n = 1 << 16, all = n * (2 * n - 1);
    cr_expect_eq(squared_of(1, 0, n, n), all);
    cr_expect(squared_of(1, 0, n, n / 2) <= all && squared_of(1, 0, n, n / 2) >= all / 4);
    cr_expect(squared_of(1, 0, n, 20000) <= squared_of(1, 0, n, 40000));
}

/* ---- noise: the least-squares estimate of each subtree's sum, from all of its nodes */

enum { STEPS = 13, N = 2000 };

static bool is_in(const node *k, int begin, int end, bool is_over)
{
    return k->start >= begin && k->end <= end && (k->is_whole || is_over);
}

/* weight[k] of node k in the estimate of the sum of steps [begin, end), from the nodes inside;
 * is_over: of a tree that has been followed by another. */
static void estimate(const node *list, int n_nodes, int begin, int end, bool is_over,
                     double *weight)
{
    double a[STEPS][STEPS + 1] = {{0.0}};
    const int n = end - begin;
    for (int k = 0; k < n_nodes; k++) /* normal equations of the leaves, right side: ones */
        if (is_in(&list[k], begin, end, is_over))
            for (int i = list[k].start; i < list[k].end; i++)
                for (int j = list[k].start; j < list[k].end; j++) a[i - begin][j - begin] += 1.0;
    for (int i = 0; i < n; i++) a[i][n] = 1.0;
    for (int i = 0; i < n; i++)
        for (int row = 0; row < n; row++) {
            const double by = a[row][i] / a[i][i];
            for (int j = i; row != i && j <= n; j++) a[row][j] -= by * a[i][j];
        }
    for (int k = 0; k < n_nodes; k++)
        if (is_in(&list[k], begin, end, is_over))
            for (int i = list[k].start; i < list[k].end; i++)
                weight[k] += a[i - begin][n] / a[i - begin][i - begin];
}

/* weight[k] of node k in the noise on the sum of the first t steps: fewest whole subtrees, and all
 * that an earlier tree has. */
static void prefix_weights(const node *list, int n_nodes, int restart, int t, double *weight)
{
    const int before = restart > 0 ? (t - 1) / restart * restart : 0;
    memset(weight, 0, MOST_NODES * sizeof *weight);
    for (int begin = 0; begin < before; begin += restart)
        estimate(list, n_nodes, begin, begin + restart, true, weight);
    for (int begin = before, size = 16; size > 0; size /= 2)
        if ((t - before) & size) {
            estimate(list, n_nodes, begin, begin + size, false, weight);
            begin += size;
        }
}

/* Variances of prefix sums, and the noise itself, from the same draws. */
static void compare(int restart)
{
    static double noise[N], sum[N], room[16 * N], wanted[N];
    static float draw[MOST_NODES][N];
    node list[MOST_NODES];
    double *kept[16], weight[MOST_NODES], most, mean, largest = 0.0, all = 0.0;
    const double scale = 1 << 20;
    char words[40] = "";
    const co_noise_source source = {.seed = 9};
    const co_mechanism *member = co_mechanism_find("tree");
    const int n_nodes = list_nodes(STEPS, restart, list);
    if (restart > 0) snprintf(words, sizeof words, "restart_every: %d", restart);
    void *self = make_correlation(member, words, STEPS, 4);
    cr_assert(self && member->correlation->n_kept(self) <= 16);
    memset(room, 0, sizeof room);
    memset(sum, 0, sizeof sum);
    for (int k = 0; k < 16; k++) kept[k] = room + k * N;
    for (int k = 0; k < n_nodes; k++)
        co_correlated_draw(&source, (uint64_t)list[k].start << 6 | (uint64_t)list[k].height, 0, N,
                           draw[k]);
    for (int t = 1; t <= STEPS; t++) {
        double worst = 0.0, variance = 0.0;
        member->correlation->next(self, &source, t, scale, &(co_noise_part){0, N, kept}, noise);
        prefix_weights(list, n_nodes, restart, t, weight);
        memset(wanted, 0, sizeof wanted);
        for (int k = 0; k < n_nodes; k++) {
            variance += weight[k] * weight[k];
            for (int j = 0; j < N; j++) wanted[j] += weight[k] * (double)draw[k][j];
        }
        for (int j = 0; j < N; j++) {
            sum[j] += noise[j];
            worst = fmax(worst, fabs(sum[j] - scale * wanted[j]));
        }
        cr_expect(worst <= 0.5001, "restarts %d, %d steps: off by %g of %g", restart, t, worst,
                  scale);
        largest = fmax(largest, variance);
        all += variance / STEPS;
    }
    cr_assert_eq(member->correlation->errors(self, &most, &mean), CO_OK);
    cr_expect(fabs(largest / most - 1.0) < 1e-9, "restarts %d: %g, said %g", restart, largest,
              most);
    cr_expect(fabs(all / mean - 1.0) < 1e-9, "restarts %d: %g, said %g", restart, all, mean);
    member->correlation->destroy(self);
}

Test(tree, prefix_noise_is_the_best_linear_estimate_of_the_nodes)
{
    static const int restarts[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 11};
    for (size_t r = 0; r < sizeof restarts / sizeof *restarts; r++) compare(restarts[r]);
    cr_expect_eq(co_memory_blocks(), 0);
}
