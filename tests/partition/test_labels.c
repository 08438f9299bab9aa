/* Grouping by class: complete, and without order inside a class. */
#include "tests/harness.h"
#include "tests/partition/support.h"
#include <math.h>

enum { N = 3000, C = 7 };

typedef struct {
    co_dataset data;
    int64_t ids[N];
    co_partition_input in;
} grouping;

static void start(grouping *g, uint64_t seed, uint64_t attempt)
{
    g->data = mixed_data(N, C, 1, 4);
    for (int64_t i = 0; i < N; i++) g->ids[i] = i;
    g->in = (co_partition_input){.data = &g->data,
                                 .examples = g->ids,
                                 .n_examples = N,
                                 .n_devices = 1,
                                 .seed = seed,
                                 .attempt = attempt};
}

Test(labels, every_position_stands_once_in_its_class)
{
    grouping g;
    int64_t *order, *first;
    bool seen[N] = {false};
    start(&g, 1, 0);
    cr_assert(co_partition_by_label(&g.in, &order, &first) == CO_OK);
    cr_expect(first[0] == 0 && first[C] == N);
    for (int c = 0; c < C; c++)
        for (int64_t i = first[c]; i < first[c + 1]; i++) {
            cr_assert(!seen[order[i]]);
            seen[order[i]] = true;
            cr_assert(g.data.y[order[i]] == c);
        }
    co_free(order);
    co_free(first);
    co_dataset_fini(&g.data);
    cr_expect(co_memory_blocks() == 0);
}

/* Neighbours in a random order ascend half of the time; the count of n - 1 steps has variance (n +
 * 1) / 12. */
Test(labels, a_class_has_no_order_inside)
{
    grouping g;
    int64_t *order, *first;
    start(&g, 1, 0);
    cr_assert(co_partition_by_label(&g.in, &order, &first) == CO_OK);
    for (int c = 0; c < C; c++) {
        const double n = (double)(first[c + 1] - first[c]);
        double n_up = 0.0;
        for (int64_t i = first[c] + 1; i < first[c + 1]; i++) n_up += order[i - 1] < order[i];
        cr_expect(fabs(n_up - (n - 1.0) / 2.0) < 4.0 * sqrt((n + 1.0) / 12.0), "class %d: %g of %g",
                  c, n_up, n);
    }
    co_free(order);
    co_free(first);
    co_dataset_fini(&g.data);
}

Test(labels, seed_and_attempt_change_the_order)
{
    static const uint64_t key[3][2] = {{1, 0}, {2, 0}, {1, 1}};
    int64_t *order[3], *first[3];
    for (int k = 0; k < 3; k++) {
        grouping g;
        start(&g, key[k][0], key[k][1]);
        cr_assert(co_partition_by_label(&g.in, &order[k], &first[k]) == CO_OK);
        co_dataset_fini(&g.data);
    }
    cr_expect(memcmp(order[0], order[1], N * sizeof(int64_t)) != 0);
    cr_expect(memcmp(order[0], order[2], N * sizeof(int64_t)) != 0);
    for (int k = 0; k < 3; k++) {
        co_free(order[k]);
        co_free(first[k]);
    }
}
