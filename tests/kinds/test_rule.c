/* Every local rule of the list under the same laws; new members join by themselves. */
#include "aggregators/rules/rule.h"
#include "models/optimizers/optimizer.h"
#include "sim/experiment/experiment.h"
#include "tests/harness.h"
#include "tests/kinds/options.h"

enum { N = 41 };

typedef struct {
    const co_rule *member;
    void *self;
    float global[N], local[N], common[N], anchor[N], state[2][N], *slot[2];
} bench;

static void open_bench(bench *b, const co_rule *member, const char *yaml)
{
    *b = (bench){.member = member};
    co_node *root;
    const co_config opt = test_options(yaml, "local", &member->params, 1, &root);
    if (member->create) cr_assert_eq(member->create(&opt, &b->self), CO_OK);
    test_fill(500, N, 1.0f, b->global);
    test_fill(501, N, 1.0f, b->local);
    for (int k = 0; k < 2; k++) b->slot[k] = b->state[k];
    co_node_destroy(root);
}

static void adjust(const bench *b, const float *local, size_t n, float *grad)
{
    const co_rule_view view = {.device = 3,
                               .n_examples = 9,
                               .n = n,
                               .global = b->global,
                               .local = local,
                               .common = b->common,
                               .state = b->slot,
                               .lr = 0.1};
    test_fill(502, N, 1.0f, grad);
    if (b->member->adjust) b->member->adjust(b->self, &view, grad);
}

static void close_bench(bench *b)
{
    if (b->member->destroy) b->member->destroy(b->self);
    cr_expect_eq(co_memory_blocks(), 0);
}

#define EACH_MEMBER(member)                                                                        \
    for (const co_plugin *const *at_ = co_kind_local_rule.members; *at_; at_++)                    \
        for (const co_rule *member = co_rule_find((*at_)->name); member; member = NULL)

/* At the global model, a device that comes for the first time has nothing to correct. */
Test(rule, the_first_gradient_at_the_global_model_is_left_alone)
{
    EACH_MEMBER(member)
    {
        bench b;
        float plain[N], grad[N];
        open_bench(&b, member, "{}");
        test_fill(502, N, 1.0f, plain);
        adjust(&b, b.global, N, grad);
        cr_expect_arr_eq(grad, plain, sizeof plain, "%s", member->name);
        close_bench(&b);
    }
}

Test(rule, a_coordinate_does_not_see_its_neighbours)
{
    EACH_MEMBER(member)
    {
        bench b;
        float whole[N], part[N];
        open_bench(&b, member, "{}");
        adjust(&b, b.local, N, whole);
        adjust(&b, b.local, 13, part);
        cr_expect_arr_eq(whole, part, 13 * sizeof *whole, "%s", member->name);
        close_bench(&b);
    }
}

static void end(bench *b, float *change)
{
    test_fill(503, N, 1.0f, b->anchor);
    const co_rule_view view = {.device = 3,
                               .n_examples = 9,
                               .n = N,
                               .global = b->global,
                               .local = b->local,
                               .common = b->common,
                               .anchor = b->anchor,
                               .state = b->slot,
                               .lr = 0.1,
                               .reach = 4.0};
    if (b->member->end) b->member->end(b->self, &view, change);
}

/* A rule that changes common vector or state says so in its table, and the other way round. */
Test(rule, what_a_rule_keeps_stands_in_its_table)
{
    EACH_MEMBER(member)
    {
        bench b;
        float change[N] = {0};
        static const float zero[N];
        open_bench(&b, member, "{}");
        end(&b, change);
        cr_expect_eq(member->slots != NULL, memcmp(b.state[0], zero, sizeof zero) != 0, "%s",
                     member->name);
        cr_expect_eq(member->common != NULL, memcmp(change, zero, sizeof zero) != 0, "%s",
                     member->name);
        cr_expect(!member->slots || member->end, "%s", member->name);
        close_bench(&b);
    }
}

/* Option 1 keeps the gradient itself, option 2 the mean gradient of the steps; c gains the
 * difference. */
Test(rule, scaffold_keeps_a_gradient_and_passes_on_the_change)
{
    static const char *const yaml[] = {"{option: 1}", "{option: 2}"};
    for (int k = 0; k < 2; k++) {
        bench b;
        float change[N], old[N], grad[N], plain[N];
        open_bench(&b, co_rule_find("scaffold"), yaml[k]);
        test_fill(504, N, 1.0f, b.common);
        test_fill(505, N, 1.0f, b.state[0]);
        memcpy(old, b.state[0], sizeof old);
        adjust(&b, b.local, N, grad);
        test_fill(502, N, 1.0f, plain);
        end(&b, change);
        for (size_t j = 0; j < N; j++) {
            const float mean = (b.global[j] - b.local[j]) / (4.0f * 0.1f);
            const float want = k == 0 ? b.anchor[j] : old[j] - b.common[j] + mean;
            cr_expect_float_eq(grad[j], plain[j] + b.common[j] - old[j], 1e-6);
            cr_expect_float_eq(b.state[0][j], want, 1e-5);
            cr_expect_float_eq(change[j], want - old[j], 1e-5);
        }
        close_bench(&b);
    }
}

/* At the minimum of what the device minimises, its own gradient has become that of its loss. */
Test(rule, feddyn_learns_the_gradient_of_the_device)
{
    bench b;
    float grad[N], plain[N];
    open_bench(&b, co_rule_find("feddyn"), "{alpha: 0.5}");
    test_fill(505, N, 1.0f, b.state[0]);
    adjust(&b, b.local, N, grad);
    test_fill(502, N, 1.0f, plain);
    /* a loss gradient that makes the adjusted one vanish: the same point is then a minimum */
    for (size_t j = 0; j < N; j++) plain[j] -= grad[j];
    end(&b, NULL);
    for (size_t j = 0; j < N; j++) cr_expect_float_eq(b.state[0][j], plain[j], 1e-6);
    close_bench(&b);
}

/* The added term is the gradient of mu/2 |w - w_global|^2: mu 0 adds no bit, mu pulls by its share.
 */
Test(rule, prox_pulls_by_mu_times_the_distance)
{
    static const char *const yaml[] = {"{mu: 0}", "{mu: 0.5}"};
    for (int k = 0; k < 2; k++) {
        bench b;
        float plain[N], grad[N];
        open_bench(&b, co_rule_find("prox"), yaml[k]);
        test_fill(502, N, 1.0f, plain);
        adjust(&b, b.local, N, grad);
        for (size_t j = 0; j < N; j++) {
            const float pull = k == 0 ? 0.0f : 0.5f * (b.local[j] - b.global[j]);
            cr_expect_eq(grad[j], plain[j] + pull);
        }
        close_bench(&b);
    }
}

/* Rules and optimisers share the section `local`: a key means one thing in it. */
Test(rule, options_keep_clear_of_the_section_and_of_the_optimisers)
{
    const co_section *section = co_experiment_sections;
    while (strcmp(section->name, "local") != 0) section++;
    for (const co_plugin *const *o = co_kind_optimizer.members; *o; o++)
        test_option_texts(*o, section->params);
    EACH_MEMBER(member)
    {
        test_option_texts((const co_plugin *)member, section->params);
        for (const co_plugin *const *o = co_kind_optimizer.members; *o; o++)
            test_option_texts((const co_plugin *)member, (*o)->params);
    }
}
