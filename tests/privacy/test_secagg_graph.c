/* Graphs are regular and symmetric; degrees and thresholds are those that the authors publish. */
#include "core/memory.h"
#include "privacy/secure/graph.h"
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

static const co_noise_source source = {.seed = 5};

static co_secagg_graph *graph(size_t n, size_t k, uint64_t step)
{
    co_secagg_graph *g;
    cr_assert_eq(co_secagg_graph_create(n, k, &source, step, &g), CO_OK, "%s", co_status_message());
    return g;
}

Test(secagg_graph, neighbours_are_k_others_and_mutual)
{
    for (size_t n = 2; n <= 40; n++)
        for (size_t k = 1; k < n; k++) {
            if (k < n - 1 && k % 2) continue;
            co_secagg_graph *g = graph(n, k, n);
            for (size_t u = 0; u < n; u++) {
                size_t seen[40] = {0}, joined = 0;
                for (size_t j = 0; j < k; j++) {
                    const size_t v = co_secagg_neighbour(g, u, j);
                    cr_assert(v < n && v != u && seen[v]++ == 0, "%zu of %zu", k, n);
                    cr_assert_eq(co_secagg_slot(g, u, v), j);
                    cr_assert(co_secagg_slot(g, v, u) < k, "not mutual");
                }
                for (size_t v = 0; v < n; v++) joined += co_secagg_slot(g, u, v) < k;
                cr_assert_eq(joined, k);
                memset(seen, 0, sizeof seen);
                for (size_t i = 0; i <= k; i++) {
                    const size_t v = co_secagg_holder(g, u, i);
                    cr_assert(seen[v]++ == 0 && (v == u || co_secagg_slot(g, u, v) < k));
                    cr_assert_eq(co_secagg_share_of(g, u, v), i);
                }
            }
            co_secagg_graph_destroy(g);
        }
    cr_expect_eq(co_memory_blocks(), 0);
}

/* k - 1 devices gone, wherever, leave the others connected: a Harary graph is k-connected. */
Test(secagg_graph, fewer_than_k_lost_devices_never_cut_it)
{
    enum { N = 12, K = 4 };
    co_secagg_graph *g = graph(N, K, 1);
    size_t n_cut = 0;
    for (unsigned lost = 0; lost < 1u << N; lost++) {
        const unsigned left = ~lost & ((1u << N) - 1);
        unsigned reached = left & -left, before = 0;
        while (reached != before) {
            before = reached;
            for (size_t u = 0; u < N; u++)
                for (size_t j = 0; reached >> u & 1 && j < K; j++)
                    reached |= 1u << co_secagg_neighbour(g, u, j) & left;
        }
        if (reached == left) continue;
        n_cut++;
        cr_assert_geq(__builtin_popcount(lost), K);
    }
    cr_expect_gt(n_cut, 0, "k lost devices at the right places do");
    co_secagg_graph_destroy(g);
}

/* Over steps every pair is joined k / (n - 1) of the time; chi-square over the pairs within 4
 * sigma; and a step drawn again is the same. */
Test(secagg_graph, circles_are_uniform_and_new_in_every_step)
{
    enum { N = 20, K = 4, STEPS = 4000 };
    static int joined[N][N];
    double chi = 0.0;
    for (uint64_t step = 0; step < STEPS; step++) {
        co_secagg_graph *g = graph(N, K, step), *again = graph(N, K, step);
        for (size_t u = 0; u < N; u++)
            for (size_t j = 0; j < K; j++) {
                joined[u][co_secagg_neighbour(g, u, j)]++;
                cr_assert_eq(co_secagg_neighbour(g, u, j), co_secagg_neighbour(again, u, j));
            }
        co_secagg_graph_destroy(g);
        co_secagg_graph_destroy(again);
    }
    const double p = (double)K / (N - 1), mean = STEPS * p;
    for (size_t u = 0; u < N; u++)
        for (size_t v = 0; v < u; v++) {
            const double z = (joined[u][v] - mean) / sqrt(mean * (1.0 - p));
            chi += z * z;
            cr_expect(fabs(z) < 4.5, "%zu and %zu: %.1f sigma", u, v, z);
        }
    const double pairs = N * (N - 1) / 2.0;
    cr_expect(fabs(chi - pairs) < 4.0 * sqrt(2.0 * pairs), "%.0f of %.0f pairs", chi, pairs);
}

/* sigma 40, eta 20: (k, t) that the authors' own program gives (google-parfait/federated-compute,
 * fcp/secagg/server/graph_parameter_finder_test.cc). It counts a device among its own neighbours
 * and gives it no share of its own secret: so up to 2 neighbours are between theirs and ours; where
 * the server may lie, 6 in a hundred, for that share is one more that it may ask for. */
Test(secagg_graph, degrees_and_thresholds_are_those_published)
{
    static const struct {
        size_t n;
        double corrupt, dropout;
        bool lies;
        size_t k, t;
    } row[] = {{100, .45, .45, false, 92, 46},         {1000, .45, .45, false, 822, 417},
               {10000, .45, .45, false, 3494, 1771},   {100000, .45, .45, false, 5508, 2788},
               {1000000, .45, .45, false, 6240, 3156}, {10, .33, .33, false, 8, 4},
               {100, .33, .33, false, 68, 34},         {1000, .33, .33, false, 286, 150},
               {10000, .33, .33, false, 422, 221},     {100000, .33, .33, false, 480, 251},
               {1000000, .33, .33, false, 518, 270},   {10, .05, .33, false, 4, 2},
               {100, .05, .33, false, 28, 6},          {1000, .05, .33, false, 72, 24},
               {10000, .05, .33, false, 86, 29},       {100000, .05, .33, false, 96, 32},
               {1000000, .05, .33, false, 102, 34},    {10, .33, .05, false, 4, 4},
               {100, .33, .05, false, 34, 29},         {1000, .33, .05, false, 78, 60},
               {10000, .33, .05, false, 92, 70},       {100000, .33, .05, false, 102, 77},
               {1000000, .33, .05, false, 110, 83},    {10, .05, .05, false, 2, 2},
               {100, .05, .05, false, 12, 6},          {1000, .05, .05, false, 30, 17},
               {10000, .05, .05, false, 34, 20},       {100000, .05, .05, false, 36, 21},
               {1000000, .05, .05, false, 38, 22},     {100, .33, 0., false, 26, 25},
               {1000000, .33, 0., false, 50, 47},      {1000000, 0., .33, false, 50, 2},
               {1000000, 0., 0., false, 2, 2},         {100, .3, .3, true, 92, 62},
               {1000, .3, .3, true, 872, 584},         {10000, .3, .3, true, 4822, 3230},
               {100000, .3, .3, true, 9388, 6286},     {1000000, .3, .3, true, 11136, 7454},
               {100, .05, .33, true, 72, 39},          {1000, .05, .33, true, 398, 223},
               {10000, .05, .33, true, 746, 420},      {100000, .05, .33, true, 882, 496},
               {1000000, .05, .33, true, 970, 545},    {100, .33, .05, true, 42, 37},
               {1000, .33, .05, true, 132, 109},       {10000, .33, .05, true, 178, 146},
               {1000000, .33, .05, true, 212, 173},    {1000000, .05, .05, true, 74, 52},
               {1000000, 0., .33, true, 410, 206}};
    size_t equal = 0;
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        const co_secagg_risk risk = {row[i].corrupt, row[i].dropout, 40.0, 20.0, row[i].lies};
        size_t k, t;
        cr_assert_eq(co_secagg_parameters(row[i].n, &risk, &k, &t), CO_OK, "%s",
                     co_status_message());
        const double far = fmax(2.0, (row[i].lies ? 0.06 : 0.002) * (double)row[i].k);
        cr_expect(fabs((double)k - (double)row[i].k) <= far &&
                      fabs((double)t - (double)row[i].t) <= far + 1.0,
                  "%zu devices, %g corrupt, %g lost: k %zu, t %zu; published %zu, %zu", row[i].n,
                  row[i].corrupt, row[i].dropout, k, t, row[i].k, row[i].t);
        equal += k == row[i].k && t == row[i].t;
    }
    cr_expect_geq(equal, 25);
}

static long double choose(double n, double k)
{
    return k < 0.0 || k > n ? 0.0L
                            : expl(lgammal((long double)n + 1) - lgammal((long double)k + 1) -
                                   lgammal((long double)(n - k) + 1));
}

/* Of k out of n - 1, `marked` of which are: at least x. */
static long double at_least(double n, double marked, double k, double x)
{
    long double sum = 0.0L;
    for (double j = x; j <= k; j++)
        sum += choose(marked, j) * choose(n - 1.0 - marked, k - j) / choose(n - 1.0, k);
    return sum;
}

static bool holds(double n, double k, double t, double corrupt, double lost)
{
    const long double each = exp2l(-41.0L);
    const long double cut = n * (n - k - 1.0) / 2.0 * choose(corrupt + lost, k) / choose(n, k);
    return cut <= each && n * at_least(n, corrupt, k, t) <= each &&
           n * (1.0L - at_least(n, n - lost, k, t)) <= exp2l(-20.0L);
}

/* The three conditions summed term by term in long double: they hold for (k, t), for no smaller t,
 * and for no t with k - 2. */
Test(secagg_graph, they_are_the_smallest_that_meet_the_conditions)
{
    static const double corrupt[] = {0.0, 0.1, 0.2, 0.33}, dropout[] = {0.05, 0.1, 0.3};
    for (double n = 50; n <= 400; n += 70)
        for (int c = 0; c < 4; c++)
            for (int d = 0; d < 3; d++) {
                const co_secagg_risk risk = {corrupt[c], dropout[d], 40.0, 20.0, false};
                const double bad = floor(corrupt[c] * n + 1e-6),
                             lost = floor(dropout[d] * n + 1e-6);
                size_t k, t;
                cr_assert_eq(co_secagg_parameters((size_t)n, &risk, &k, &t), CO_OK);
                if (k + 1 == (size_t)n) continue;
                cr_expect(holds(n, (double)k, (double)t, bad, lost), "%g: %zu %zu", n, k, t);
                cr_expect(t == 2 || !holds(n, (double)k, (double)t - 1.0, bad, lost));
                for (double less = 2.0; less <= (double)k - 2.0; less++)
                    cr_expect_not(holds(n, (double)k - 2.0, less, bad, lost),
                                  "%g devices, %g corrupt, %g lost: k %zu - 2 does with t %g", n,
                                  corrupt[c], dropout[d], k, less);
            }
}

Test(secagg_graph, few_devices_are_all_joined_or_refused)
{
    size_t k, t;
    const co_secagg_risk mild = {0.3, 0.2, 40.0, 20.0, false}, lying = {0.3, 0.2, 40.0, 20.0, true},
                         hopeless = {0.5, 0.5, 40.0, 20.0, false};
    cr_assert_eq(co_secagg_parameters(5, &mild, &k, &t), CO_OK);
    cr_expect(k == 4 && t == 2, "%zu %zu", k, t);
    cr_assert_eq(co_secagg_parameters(5, &lying, &k, &t), CO_OK);
    cr_expect(k == 4 && t == 4, "%zu %zu", k, t);
    cr_assert_eq(co_secagg_parameters(4, &hopeless, &k, &t), CO_EUSAGE);
    cr_expect(strstr(co_status_message(), "threshold of 3") &&
                  strstr(co_status_message(), "2 are left"),
              "%s", co_status_message());
    cr_expect_eq(co_secagg_parameters(1, &mild, &k, &t), CO_EUSAGE);
}

Test(secagg_graph, degrees_that_no_graph_has_are_refused)
{
    static const size_t bad[][2] = {{1, 0}, {5, 0}, {5, 5}, {5, 3}, {6, 1}, {0, 0}};
    co_secagg_graph *g;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        cr_expect_eq(co_secagg_graph_create(bad[i][0], bad[i][1], &source, 0, &g), CO_EUSAGE);
        cr_expect_null(g);
    }
}
