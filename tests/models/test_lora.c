/* tests/models/test_lora.c - changes of low rank, patterns of names, and what backward leaves out.
 */
#include "tests/models/graph_support.h"

#define LAYERS                                                                                     \
    "layers: [{dense: 6, name: in}, tanh, {residual: [{dense: 6, name: a.query}, tanh, {dense: "   \
    "6, "                                                                                          \
    "name: a.out}]}, {dense: classes, name: classifier}]"

static const char *role_of(const co_model *model, const char *name)
{
    static const char *const words[] = {"shared", "personal", "frozen"};
    size_t n;
    const co_tensor *tensor = co_model_tensors(model, &n);
    for (size_t t = 0; t < n; t++)
        if (strcmp(tensor[t].name, name) == 0) return words[tensor[t].role];
    return "missing";
}

Test(lora, stands_behind_its_layer_and_trains_with_the_head_alone)
{
    static const char *const names[] = {"in.weight",
                                        "in.bias",
                                        "a.query.weight",
                                        "a.query.bias",
                                        "a.query.lora_A.weight",
                                        "a.query.lora_B.weight",
                                        "a.out.weight",
                                        "a.out.bias",
                                        "classifier.weight",
                                        "classifier.bias"};
    const co_shape in = test_flat(5);
    for (int fixed = 0; fixed < 2; fixed++) {
        char yaml[512];
        co_model *model;
        size_t n;
        snprintf(yaml, sizeof yaml, "{" LAYERS ", lora: {rank: 2, targets: query, aggregate: %s}}",
                 fixed ? "freeze_a" : "mean");
        cr_assert_eq(test_model(yaml, &in, CLASSES, &model), CO_OK, "%s", co_status_message());
        const co_tensor *tensor = co_model_tensors(model, &n);
        cr_assert_eq(n, sizeof names / sizeof *names);
        for (size_t t = 0; t < n; t++) {
            const bool trained = t == 5 || t > 7 || (t == 4 && !fixed);
            cr_expect_str_eq(tensor[t].name, names[t]);
            cr_expect_eq(tensor[t].role, trained ? CO_SHARED : CO_FROZEN, "%s", names[t]);
        }
        cr_expect_eq(co_model_layout(model)->n_shared, (size_t)(fixed ? 12 : 24) + 28);
        co_model_destroy(model);
        cr_expect_eq(co_memory_blocks(), 0);
    }
}

Test(lora, targets_are_whole_names_or_last_parts)
{
    static const char *const targets[] = {"[query, out]", "'a.*'", "[in, '*.out']", "classifier"},
                             *const hit[] = {"a.out", "a.out", "in", "classifier"};
    const co_shape in = test_flat(5);
    for (size_t k = 0; k < 4; k++) {
        char yaml[512], name[64];
        co_model *model;
        snprintf(yaml, sizeof yaml, "{" LAYERS ", lora: {rank: 1, targets: %s}}", targets[k]);
        snprintf(name, sizeof name, "%s.lora_B.weight", hit[k]);
        cr_assert_eq(test_model(yaml, &in, CLASSES, &model), CO_OK, "%s", co_status_message());
        cr_expect_str_eq(role_of(model, name), "shared", "%s", targets[k]);
        co_model_destroy(model);
    }
}

Test(lora, refuses_what_it_cannot_do)
{
    const co_shape in = test_flat(5);
    refuse("{" LAYERS ", lora: {rank: 2, targets: [query, kye]}}", in,
           "kye matches no dense layer; their last parts are in, query, out, classifier");
    refuse("{layers: [flatten, {dense: 4}, relu, {dense: classes}], lora: {rank: 2, targets: 2}}",
           in, "last parts are 1, 3");
    refuse("{layers: [{embedding: 4}, {pool_time: mean}], lora: {rank: 2, targets: 0}}",
           (co_shape){.sequence = true, .tokens = true, .dim = {7}}, "the model has none");
    refuse("{" LAYERS ", lora: {rank: 2, targets: query, aggregate: share_a}}", in, "personal");
    refuse("{" LAYERS ", lora: {rank: 0, targets: query}}", in, "model.lora.rank");
    refuse("{" LAYERS ", lora: {rank: 2, targets: []}}", in, "targets");
    refuse("{" LAYERS ", lora: {rank: 2, targts: query}}", in, "did you mean targets");
    refuse("{" LAYERS ", lora: 8}", in, "map");
    refuse("{" LAYERS ", lora: {rank: 2, targets: query, trained: 'head*'}}", in, "head*");
    refuse("{layers: [{lora: {rank: 2}}, {dense: classes}]}", in, "inputs");
}

Test(lora, freeze_takes_patterns_of_whole_names)
{
    const co_shape in = test_flat(5);
    co_model *model;
    cr_assert_eq(test_model("{" LAYERS ", freeze: ['a.*', 'i?.bias', classifier.bias]}", &in,
                            CLASSES, &model),
                 CO_OK, "%s", co_status_message());
    static const char *const frozen[] = {"a.query.weight", "a.out.bias", "in.bias",
                                         "classifier.bias"},
                             *const shared[] = {"in.weight", "classifier.weight"};
    for (size_t k = 0; k < 4; k++) cr_expect_str_eq(role_of(model, frozen[k]), "frozen");
    for (size_t k = 0; k < 2; k++) cr_expect_str_eq(role_of(model, shared[k]), "shared");
    co_model_destroy(model);
    refuse("{" LAYERS ", freeze: ['a.*', 'b.*']}", in, "b.*");
    refuse("{" LAYERS ", lora: {rank: 2, targets: query}, freeze: 'encoder.*'}", in, "encoder.*");
}

/* The gradient of what is trained against the slope of the loss; begins where B is not zero. */
static void check_slopes(const char *yaml)
{
    setup s = open_model(yaml, test_flat(5));
    size_t n, n_trained = 0;
    const co_tensor *tensor = co_model_tensors(s.model, &n);
    test_fill(9, s.size, 0.5f, s.params);
    loss_of(&s, s.grad);
    for (size_t t = 0; t < n; t++)
        for (size_t i = tensor[t].offset; i < tensor[t].offset + tensor[t].size; i++) {
            const float kept = s.params[i], h = 0.01f;
            if (tensor[t].role == CO_FROZEN) {
                cr_assert_eq(s.grad[i], 0.0f, "%s", tensor[t].name);
                continue;
            }
            s.params[i] = kept + h;
            const double above = loss_of(&s, NULL);
            s.params[i] = kept - h;
            const double slope = (above - loss_of(&s, NULL)) / (2.0 * (double)h) / N;
            s.params[i] = kept;
            cr_assert_float_eq((double)s.grad[i], slope, 3e-4, "%s: %s: %g, slope %g", yaml,
                               tensor[t].name, (double)s.grad[i], slope);
            n_trained++;
        }
    cr_expect_gt(n_trained, 20);
    float *stepped = co_calloc(s.size, sizeof *stepped),
          *scratch = co_calloc(s.size, sizeof *scratch);
    memcpy(stepped, s.params, s.size * sizeof *stepped);
    aim(&s);
    co_model_step(s.model, s.work, stepped, &s.pass, 0.5f, scratch, s.sums);
    for (size_t i = 0; i < s.size; i++) s.params[i] -= 0.5f * s.grad[i];
    cr_expect_lt(relative_distance(stepped, s.params, s.size), 1e-7, "%s", yaml);
    co_free(stepped), co_free(scratch);
    close_model(&s);
}

static void check_all_slopes(void)
{
    check_slopes("{" LAYERS ", lora: {rank: 2, alpha: 3, targets: [query, out]}}");
    check_slopes("{" LAYERS ", lora: {rank: 3, targets: [in, query, out, classifier], dropout: "
                 "0.4}}");
    check_slopes("{" LAYERS ", lora: {rank: 1, targets: out, aggregate: freeze_a}}");
    check_slopes("{" LAYERS ", lora: {rank: 2, targets: [in, out], trained: 'a.*'}}");
}

Test(lora, gradients_are_the_slopes_and_the_step_is_theirs)
{
    on_all_paths(check_all_slopes);
}

/* ---- what backward leaves out ---- */

static size_t n_inputs_formed, n_params_formed;
static const co_layer *really;
static void count_input(const void *self, const co_call *call)
{
    n_inputs_formed++;
    really->backward_input(self, call);
}
static void count_params(const void *self, const co_call *call)
{
    n_params_formed++;
    really->backward_params(self, call);
}

/* Calls of the named dense node in a gradient and in a step: dx, and the gradient of its weights.
 */
static void expect_calls(const char *yaml, const char *name, size_t inputs, size_t params)
{
    for (int steps = 0; steps < 2; steps++) {
        setup s = open_model(yaml, test_flat(5));
        co_layer counting = *co_layer_find("dense");
        really = co_layer_find("dense");
        counting.backward_input = count_input;
        counting.backward_params = count_params;
        n_inputs_formed = n_params_formed = 0;
        for (size_t l = 1; l < s.model->n_nodes; l++)
            if (strcmp(s.model->node[l].name, name) == 0 && s.model->node[l].layer == really) {
                s.model->node[l].layer = &counting;
                s.model->node[l].at_once = false;
            }
        aim(&s);
        if (steps)
            co_model_step(s.model, s.work, s.params, &s.pass, 0.5f, s.grad, s.sums);
        else
            co_model_loss(s.model, s.work, s.params, &s.pass, NULL, s.grad, s.sums);
        cr_expect_eq(n_inputs_formed, inputs, "%s: %s: %zu dx", yaml, name, n_inputs_formed);
        cr_expect_eq(n_params_formed, params, "%s: %s: %zu dW", yaml, name, n_params_formed);
        close_model(&s);
    }
}

Test(lora, no_gradient_is_formed_below_what_trains_nor_of_what_does_not)
{
    expect_calls("{" LAYERS "}", "in", 0, 1);
    expect_calls("{" LAYERS "}", "a.query", 1, 1);
    expect_calls("{" LAYERS ", freeze: 'in.*'}", "in", 0, 0);
    expect_calls("{" LAYERS ", freeze: 'in.*'}", "a.query", 0, 1);
    expect_calls("{" LAYERS ", freeze: ['in.*', a.query.*]}", "a.query", 0, 0);
    expect_calls("{" LAYERS ", freeze: ['in.*', a.query.*]}", "a.out", 0, 1);
    expect_calls("{" LAYERS ", freeze: a.*}", "a.query", 1, 0);
    /* the lowest change of low rank stands at query: dx down to there, dW nowhere but in the head
     */
    expect_calls("{" LAYERS ", lora: {rank: 2, targets: [query, out]}}", "in", 0, 0);
    expect_calls("{" LAYERS ", lora: {rank: 2, targets: [query, out]}}", "a.query", 0, 0);
    expect_calls("{" LAYERS ", lora: {rank: 2, targets: [query, out]}}", "a.out", 1, 0);
    expect_calls("{" LAYERS ", lora: {rank: 2, targets: [query, out]}}", "classifier", 1, 1);
    cr_expect_eq(co_memory_blocks(), 0);
}

/* ---- averages ---- */

/* How far B A of the mean of two trained models is from the mean of their B A. */
static double error_of_mean(const char *aggregate)
{
    enum { RANK = 2, WIDTH = 6 };
    char yaml[512];
    setup s[2];
    float product[3][WIDTH * WIDTH] = {{0}}, *mean = NULL;
    snprintf(yaml, sizeof yaml,
             "{" LAYERS ", lora: {rank: 2, alpha: 8, targets: query, aggregate: %s}}", aggregate);
    for (int k = 0; k < 2; k++) {
        s[k] = open_model(yaml, test_flat(5));
        test_fill(20 + (uint64_t)k, N * 5, 1.0f, s[k].x);
        float *scratch = co_calloc(s[k].size, sizeof *scratch);
        for (int i = 0; i < 20; i++) {
            aim(&s[k]);
            co_model_step(s[k].model, s[k].work, s[k].params, &s[k].pass, 0.3f, scratch, s[k].sums);
        }
        co_free(scratch);
    }
    mean = co_calloc(s[0].size, sizeof *mean);
    for (size_t i = 0; i < s[0].size; i++) mean[i] = 0.5f * (s[0].params[i] + s[1].params[i]);
    size_t n;
    const co_tensor *tensor = co_model_tensors(s[0].model, &n);
    const float *const vector[] = {s[0].params, s[1].params, mean};
    for (int k = 0; k < 3; k++) {
        const float *a = vector[k] + tensor[4].offset, *b = vector[k] + tensor[5].offset;
        for (size_t o = 0; o < WIDTH; o++)
            for (size_t i = 0; i < WIDTH; i++)
                for (size_t r = 0; r < RANK; r++)
                    product[k][o * WIDTH + i] += b[o * RANK + r] * a[r * WIDTH + i];
    }
    for (size_t i = 0; i < WIDTH * WIDTH; i++)
        product[0][i] = 0.5f * (product[0][i] + product[1][i]);
    co_free(mean);
    close_model(&s[0]), close_model(&s[1]);
    return relative_distance(product[2], product[0], WIDTH * WIDTH);
}

Test(lora, the_mean_of_b_is_exact_where_a_is_fixed_and_only_there)
{
    cr_expect_lt(error_of_mean("freeze_a"), 1e-6);
    cr_expect_gt(error_of_mean("mean"), 1e-3);
}
