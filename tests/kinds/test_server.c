/* Every server optimiser of the list under the same laws; new members join by themselves. */
#include "aggregators/servers/server.h"
#include "sim/experiment/experiment.h"
#include "tests/harness.h"
#include "tests/kinds/options.h"
#include <math.h>

enum { N = 37, MOST_SLOTS = 4 };

typedef struct {
    const co_server *member;
    void *self;
    size_t n_slots;
    float model[N], slots[MOST_SLOTS][N], *slot[MOST_SLOTS];
} bench;

static void open_bench(bench *b, const co_server *member, const char *yaml)
{
    *b = (bench){.member = member};
    co_node *root;
    const co_config opt = test_options(yaml, "server", &member->params, 1, &root);
    if (member->create) cr_assert_eq(member->create(&opt, &b->self), CO_OK);
    while (member->slots && member->slots[b->n_slots]) b->n_slots++;
    cr_assert_leq(b->n_slots, MOST_SLOTS);
    for (size_t k = 0; k < b->n_slots; k++) {
        b->slot[k] = b->slots[k];
        if (member->init) member->init(b->self, k, b->slot[k], N);
    }
    test_fill(400, N, 1.0f, b->model);
    co_node_destroy(root);
}

static void close_bench(bench *b)
{
    if (b->member->destroy) b->member->destroy(b->self);
}

static void draw_update(int64_t round, double *update)
{
    for (size_t j = 0; j < N; j++)
        update[j] = (double)test_value(400 + (uint64_t)round, j) * (j % 3 ? 1.0 : 1e-3);
}

static void walk(bench *b, int64_t first, int64_t last, double lr, size_t n)
{
    double update[N];
    for (int64_t round = first; round <= last; round++) {
        draw_update(round, update);
        b->member->step(b->self, b->model, update, b->slot, n, lr, round);
    }
}

#define EACH_MEMBER(member)                                                                        \
    for (const co_plugin *const *at_ = co_kind_server_optimizer.members; *at_; at_++)              \
        for (const co_server *member = co_server_find((*at_)->name); member; member = NULL)

Test(server, a_coordinate_does_not_see_its_neighbours)
{
    EACH_MEMBER(member)
    {
        bench whole, part;
        open_bench(&whole, member, "{}");
        open_bench(&part, member, "{}");
        walk(&whole, 1, 7, 0.1, N);
        walk(&part, 1, 7, 0.1, 11);
        cr_expect_arr_eq(whole.model, part.model, 11 * sizeof(float), "%s", member->name);
        close_bench(&whole);
        close_bench(&part);
    }
    cr_expect_eq(co_memory_blocks(), 0);
}

/* All state is in the named slots: another instance with their content goes on to the same bits. */
Test(server, the_slots_are_all_that_a_checkpoint_needs)
{
    EACH_MEMBER(member)
    {
        bench whole, second;
        open_bench(&whole, member, "{}");
        open_bench(&second, member, "{}");
        walk(&whole, 1, 4, 0.1, N);
        memcpy(second.model, whole.model, sizeof second.model);
        memcpy(second.slots, whole.slots, sizeof second.slots);
        walk(&whole, 5, 9, 0.1, N);
        walk(&second, 5, 9, 0.1, N);
        cr_expect_arr_eq(whole.model, second.model, sizeof whole.model, "%s", member->name);
        close_bench(&whole);
        close_bench(&second);
    }
}

Test(server, no_update_and_no_rate_move_nothing)
{
    EACH_MEMBER(member)
    {
        bench b;
        float start[N];
        const double none[N] = {0};
        open_bench(&b, member, "{}");
        memcpy(start, b.model, sizeof start);
        for (int64_t round = 1; round < 4; round++)
            member->step(b.self, b.model, none, b.slot, N, 0.5, round);
        cr_expect_arr_eq(b.model, start, sizeof start, "%s", member->name);
        walk(&b, 1, 4, 0.0, N);
        cr_expect_arr_eq(b.model, start, sizeof start, "%s", member->name);
        close_bench(&b);
    }
}

Test(server, the_first_step_goes_along_the_update)
{
    EACH_MEMBER(member)
    {
        bench b;
        float start[N];
        double update[N];
        open_bench(&b, member, "{}");
        memcpy(start, b.model, sizeof start);
        draw_update(1, update);
        walk(&b, 1, 1, 0.1, N);
        for (size_t j = 0; j < N; j++)
            cr_expect(update[j] == 0.0 || (b.model[j] > start[j]) == (update[j] > 0.0), "%s[%zu]",
                      member->name, j);
        close_bench(&b);
    }
}

Test(server, sgd_at_rate_one_is_plain_averaging)
{
    bench b;
    float start[N];
    double update[N];
    open_bench(&b, co_server_find("sgd"), "{}");
    memcpy(start, b.model, sizeof start);
    draw_update(3, update);
    walk(&b, 3, 3, 1.0, N);
    for (size_t j = 0; j < N; j++) cr_expect_eq(b.model[j], (float)((double)start[j] + update[j]));
    close_bench(&b);
}

/* yogi moves v by at most (1 - beta2) D^2 and never away from D^2; adagrad's v only grows. */
Test(server, mean_squares_move_as_their_names_say)
{
    bench yogi, adagrad;
    open_bench(&yogi, co_server_find("yogi"), "{beta2: 0.9}");
    open_bench(&adagrad, co_server_find("adagrad"), "{}");
    for (int64_t round = 1; round < 30; round++) {
        float before[2][N];
        double update[N];
        memcpy(before[0], yogi.slots[1], sizeof before[0]);
        memcpy(before[1], adagrad.slots[1], sizeof before[1]);
        draw_update(round, update);
        walk(&yogi, round, round, 0.1, N);
        walk(&adagrad, round, round, 0.1, N);
        for (size_t j = 0; j < N; j++) {
            const double square = update[j] * update[j], v = (double)before[0][j];
            const double moved = (double)yogi.slots[1][j] - v;
            cr_expect_leq(fabs(moved), 0.1 * square * (1.0 + 1e-6) + 1e-7 * v);
            cr_expect(moved == 0.0 || (moved > 0.0) == (square > v));
            cr_expect_geq(adagrad.slots[1][j], before[1][j]);
        }
    }
    close_bench(&yogi);
    close_bench(&adagrad);
}

Test(server, options_and_slots_have_names)
{
    EACH_MEMBER(member)
    {
        const co_section *section = co_experiment_sections;
        while (strcmp(section->name, "server") != 0) section++;
        test_option_texts((const co_plugin *)member, section->params);
        for (size_t k = 0; member->slots && member->slots[k]; k++) {
            cr_expect(*member->slots[k] && !strchr(member->slots[k], '/'));
            for (size_t l = 0; l < k; l++)
                cr_expect(strcmp(member->slots[k], member->slots[l]) != 0);
        }
    }
}
