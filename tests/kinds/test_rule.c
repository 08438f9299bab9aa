/* Every local rule of the list under the same laws; new members join by themselves. */
#include "aggregators/rules/rule.h"
#include "models/optimizers/optimizer.h"
#include "sim/experiment.h"
#include "tests/harness.h"
#include "tests/kinds/options.h"

enum { N = 41 };

typedef struct {
    const co_rule *member;
    void *self;
    float global[N], local[N];
} bench;

static void open_bench(bench *b, const co_rule *member, const char *yaml)
{
    *b = (bench){.member = member};
    co_node *root;
    const co_config opt = test_options(yaml, "local", &member->params, 1, &root);
    if (member->create) cr_assert_eq(member->create(&opt, &b->self), CO_OK);
    test_fill(500, N, 1.0f, b->global);
    test_fill(501, N, 1.0f, b->local);
    co_node_destroy(root);
}

static void adjust(const bench *b, const float *local, size_t n, float *grad)
{
    const co_rule_view view = {.device = 3, .n_examples = 9, .n = n, .global = b->global,
                               .local = local, .lr = 0.1};
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

/* The added term is the gradient of mu/2 |w - w_global|^2: mu 0 adds no bit, mu pulls by its share. */
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
