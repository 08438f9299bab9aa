/* Every local optimiser of the list under the same laws; new members join by themselves. And twelve
 * steps of each against PyTorch (tests/reference/optimizers.txt). */
#include "models/optimizers/optimizer.h"
#include "tests/harness.h"
#include "tests/models/build.h"
#include <math.h>

enum { N = 23, MOST_SLOTS = 4 };

typedef struct {
    const co_optimizer *member;
    void *self;
    float p[N], slots[MOST_SLOTS][N], *slot[MOST_SLOTS];
} bench;

static void open_bench(bench *b, const co_optimizer *member, const char *yaml)
{
    *b = (bench){.member = member};
    co_node *root = NULL;
    const co_param *const tables[] = {member->params};
    cr_assert_eq(co_yaml_read_text(yaml, "test.yaml", &root), CO_OK, "%s", co_status_message());
    const co_config opt = {.file = "test.yaml", .section = "local", .map = root};
    cr_assert_eq(co_config_check(&opt, tables, 1), CO_OK, "%s", co_status_message());
    if (member->create) cr_assert_eq(member->create(&opt, &b->self), CO_OK);
    cr_assert_leq(member->n_slots, MOST_SLOTS);
    for (size_t k = 0; k < MOST_SLOTS; k++) b->slot[k] = b->slots[k];
    test_fill(200, N, 1.0f, b->p);
    co_node_destroy(root);
}

static void close_bench(bench *b)
{
    if (b->member->destroy) b->member->destroy(b->self);
    cr_expect_eq(co_memory_blocks(), 0);
}

/* Steps first .. last with the gradients of the reference. */
static void walk(bench *b, int64_t first, int64_t last, double lr, size_t n)
{
    static const float scale[5] = {1e-3f, 1e-2f, 1e-1f, 1.0f, 10.0f};
    for (int64_t t = first; t <= last; t++) {
        float grad[N];
        test_fill(200 + (uint64_t)t, N, 1.0f, grad);
        for (size_t j = 0; j < N; j++) grad[j] *= scale[j % 5];
        b->member->step(b->self, b->p, grad, b->slot, n, lr, t);
    }
}

Test(optimizer, gives_the_numbers_of_pytorch)
{
    char path[1024], name[32], yaml[200];
    double lr;
    int steps, n, n_cases = 0;
    snprintf(path, sizeof path, "%s/tests/reference/optimizers.txt", getenv("SOURCE"));
    FILE *file = fopen(path, "r");
    cr_assert(file, "%s", path);
    while (fscanf(file, " case %31s %lf %d %d\n", name, &lr, &steps, &n) == 4) {
        bench b;
        cr_assert(fgets(yaml, sizeof yaml, file) && n == N);
        open_bench(&b, co_optimizer_find(name), yaml);
        walk(&b, 1, steps, lr, N);
        for (int j = 0; j < n; j++) {
            float want;
            cr_assert_eq(fscanf(file, "%f", &want), 1);
            cr_expect(fabsf(b.p[j] - want) <= 2e-6f * (1.0f + fabsf(want)), "%s %s%d: %.9g, %.9g",
                      name, yaml, j, (double)b.p[j], (double)want);
        }
        close_bench(&b);
        n_cases++;
    }
    fclose(file);
    cr_expect_geq(n_cases, 10);
}

#define EACH_MEMBER(member)                                                                        \
    for (const co_plugin *const *at_ = co_kind_optimizer.members; *at_; at_++)                     \
        for (const co_optimizer *member = co_optimizer_find((*at_)->name); member; member = NULL)

/* Every coordinate by itself: cutting the vector changes no bit. */
Test(optimizer, a_coordinate_does_not_see_its_neighbours)
{
    EACH_MEMBER(member)
    {
        bench whole, part;
        open_bench(&whole, member, "{weight_decay: 0.1}");
        open_bench(&part, member, "{weight_decay: 0.1}");
        walk(&whole, 1, 9, 0.03, N);
        walk(&part, 1, 9, 0.03, 5);
        cr_expect_arr_eq(whole.p, part.p, 5 * sizeof *whole.p, "%s", member->name);
        member->destroy(part.self);
        close_bench(&whole);
    }
}

Test(optimizer, a_gradient_of_zero_moves_nothing_and_a_rate_of_zero_neither)
{
    EACH_MEMBER(member)
    {
        bench b;
        float start[N];
        const float none[N] = {0};
        open_bench(&b, member, "{weight_decay: 0}");
        memcpy(start, b.p, sizeof start);
        for (int64_t t = 1; t <= 4; t++) member->step(b.self, b.p, none, b.slot, N, 0.5, t);
        cr_expect_arr_eq(b.p, start, sizeof start, "%s", member->name);
        walk(&b, 1, 4, 0.0, N);
        cr_expect_arr_eq(b.p, start, sizeof start, "%s", member->name);
        close_bench(&b);
    }
}

/* The first step goes against the gradient, in every coordinate. */
Test(optimizer, the_first_step_goes_downhill)
{
    EACH_MEMBER(member)
    {
        bench b;
        float start[N], grad[N];
        open_bench(&b, member, "{weight_decay: 0}");
        memcpy(start, b.p, sizeof start);
        test_fill(7, N, 1.0f, grad);
        member->step(b.self, b.p, grad, b.slot, N, 0.01, 1);
        for (size_t j = 0; j < N; j++)
            cr_expect(grad[j] == 0.0f || (b.p[j] < start[j]) == (grad[j] > 0.0f), "%s",
                      member->name);
        close_bench(&b);
    }
}

/* Twenty steps on half a squared distance come near its minimum, 0. */
Test(optimizer, a_bowl_is_descended)
{
    EACH_MEMBER(member)
    {
        bench b;
        double before = 0.0, after = 0.0;
        open_bench(&b, member, "{weight_decay: 0}");
        for (size_t j = 0; j < N; j++) before += (double)(b.p[j] * b.p[j]);
        for (int64_t t = 1; t <= 60; t++) {
            float grad[N];
            memcpy(grad, b.p, sizeof grad);
            member->step(b.self, b.p, grad, b.slot, N, 0.1, t);
        }
        for (size_t j = 0; j < N; j++) after += (double)(b.p[j] * b.p[j]);
        cr_expect_lt(after, 0.1 * before, "%s: %g of %g", member->name, after, before);
        close_bench(&b);
    }
}
