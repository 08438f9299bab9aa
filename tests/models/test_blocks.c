/* tests/models/test_blocks.c - blocks of fixed layers: attention, feed_forward, gated. */
#include "tests/models/graph_support.h"

static const co_shape tokens = {.sequence = true, .tokens = true, .dim = {9}};

static void expect_names(const char *yaml, const char *names)
{
    co_model *model;
    char found[2048] = "";
    size_t n;
    cr_assert_eq(test_model(yaml, &tokens, CLASSES, &model), CO_OK, "%s", co_status_message());
    const co_tensor *tensor = co_model_tensors(model, &n);
    for (size_t t = 0; t < n; t++) {
        const size_t used = strlen(found);
        snprintf(found + used, sizeof found - used, "%s%s", t ? " " : "", tensor[t].name);
    }
    cr_expect_str_eq(found, names, "%s: %s", yaml, found);
    co_model_destroy(model);
    cr_expect_eq(co_memory_blocks(), 0);
}

Test(blocks, parts_are_named_by_their_place_or_as_names_says)
{
    expect_names("{layers: [{embedding: 4}, {attention: 2}, {pool_time: mean}, {dense: classes}]}",
                 "0.weight 1.query.weight 1.query.bias 1.key.weight 1.key.bias 1.value.weight "
                 "1.value.bias 1.out.weight 1.out.bias 3.weight 3.bias");
    expect_names("{layers: [{embedding: 4}, {repeat: {times: 2, layers: [{residual: "
                 "[{feed_forward: {units: 6, bias: false}}]}]}}, {pool_time: first}, {dense: "
                 "classes}]}",
                 "0.weight 1.0.0.0.in.weight 1.0.0.0.out.weight 1.1.0.0.in.weight "
                 "1.1.0.0.out.weight 3.weight 3.bias");
    expect_names("{layers: [{embedding: 4}, {gated: {units: 6, bias: false, names: {gate: "
                 "m.gate_proj, up: m.up_proj, down: m.down_proj}}}, {pool_time: last}, {dense: "
                 "classes}]}",
                 "0.weight m.gate_proj.weight m.up_proj.weight m.down_proj.weight 3.weight 3.bias");
    expect_names("{layers: [{embedding: 4}, {attention: {heads: 2, fused: true, names: {query: "
                 "h.c_attn, out: h.c_proj}}}, {pool_time: mean}, {dense: classes}]}",
                 "0.weight h.c_attn.weight h.c_attn.bias h.c_proj.weight h.c_proj.bias 3.weight "
                 "3.bias");
    /* a norm that runs first stands behind; changes of low rank stand with their layer */
    expect_names(
        "{layers: [{embedding: 4}, {residual: [{rms_norm: {}, name: n, after: m.down}, "
        "{gated: {units: 6, bias: false, names: {gate: m.gate, up: m.up, down: m.down}}}]}, "
        "{pool_time: mean}, {dense: classes}], lora: {rank: 1, targets: down}}",
        "0.weight m.gate.weight m.up.weight m.down.weight m.down.lora_A.weight "
        "m.down.lora_B.weight n.weight 3.weight 3.bias");
}

Test(blocks, refuse_what_does_not_fit)
{
    refuse("{layers: [{embedding: 4}, {attention: 3}, {pool_time: mean}, {dense: classes}]}",
           tokens, "3 heads do not divide 4 units");
    refuse("{layers: [{attention: 2}, {pool_time: mean}, {dense: classes}]}", tokens, "embedding");
    refuse("{layers: [{embedding: 4}, {attention: {heads: 2, names: {kye: a}}}, {pool_time: mean}, "
           "{dense: classes}]}",
           tokens, "its parts are query, key, value, out");
    refuse("{layers: [{embedding: 4}, {gated: {units: 4, names: {gate: a/b}}}, {pool_time: mean}, "
           "{dense: classes}]}",
           tokens, "letters");
    refuse("{layers: [{embedding: 4}, {gated: {units: 4, names: [a]}}, {pool_time: mean}, {dense: "
           "classes}]}",
           tokens, "names is a map");
    refuse("{layers: [{embedding: 4}, {gated: {units: 4, names: {gate: a, up: a}}}, {pool_time: "
           "mean}, {dense: classes}]}",
           tokens, "called a.");
    refuse("{layers: [attention, {dense: classes}]}", tokens, "heads");
    refuse("{layers: [{embedding: 4}, {feed_forward: {units: 4, act: elu}}, {pool_time: mean}, "
           "{dense: classes}]}",
           tokens, "gelu");
}

/* Every parameter's gradient against the slope of the loss. */
static void check_slopes(const char *yaml)
{
    setup s = open_model(yaml, tokens);
    loss_of(&s, s.grad);
    double apart = 0.0, length = 0.0;
    for (size_t i = 0; i < s.size; i++) {
        const float kept = s.params[i], h = 0.01f;
        s.params[i] = kept + h;
        const double above = loss_of(&s, NULL);
        s.params[i] = kept - h;
        const double slope = (above - loss_of(&s, NULL)) / (2.0 * (double)h) / N;
        s.params[i] = kept;
        apart += ((double)s.grad[i] - slope) * ((double)s.grad[i] - slope);
        length += slope * slope;
    }
    cr_expect_gt(length, 1e-3, "%s", yaml);
    cr_expect_lt(sqrt(apart / length), 3e-3, "%s: %g", yaml, sqrt(apart / length));
    close_model(&s);
}

static void check_transformers(void)
{
    check_slopes("{layers: [{embedding: 6}, {positions: {most: 20}}, {residual: [layer_norm, "
                 "{attention: {heads: 3, dropout: 0.2}}]}, {residual: [layer_norm, {feed_forward: "
                 "5}]}, layer_norm, {pool_time: mean}, {dense: classes}]}");
    check_slopes("{layers: [{embedding: 6}, {repeat: {times: 2, layers: [{residual: [{attention: "
                 "{heads: 2, kv_heads: 1, units: 4, causal: true, rotary: 100}}]}, layer_norm, "
                 "{residual: [{gated: 5}]}, layer_norm]}}, {pool_time: first}, {dense: classes}]}");
    check_slopes(
        "{layers: [{embedding: 4}, {attention: {heads: 2, fused: true, transposed: true}}, "
        "{feed_forward: {units: 5, act: gelu_tanh, transposed: true}}, {pool_time: last}, "
        "{dense: classes}]}");
}

Test(blocks, gradients_of_transformers_are_the_slopes)
{
    on_all_paths(check_transformers);
}

/* The same weights in one layer or in three: one loss. */
static void check_fused(void)
{
    static const char *const kinds[] = {"heads: 2", "heads: 2, fused: true"};
    setup s[2];
    for (int k = 0; k < 2; k++) {
        char yaml[256];
        snprintf(yaml, sizeof yaml,
                 "{layers: [{embedding: 4}, {attention: {%s}}, {pool_time: mean}, {dense: "
                 "classes}]}",
                 kinds[k]);
        s[k] = open_model(yaml, tokens);
    }
    /* embedding 9 x 4; thrice weight 4 x 4 and bias 4, or weight 12 x 4 and bias 12; the rest */
    const float *from = s[0].params + 36;
    memcpy(s[1].params, s[0].params, s[0].size * sizeof(float));
    for (size_t part = 0; part < 3; part++) {
        memcpy(s[1].params + 36 + part * 16, from + part * 20, 16 * sizeof(float));
        memcpy(s[1].params + 36 + 48 + part * 4, from + part * 20 + 16, 4 * sizeof(float));
    }
    const double apart = loss_of(&s[0], NULL), fused = loss_of(&s[1], NULL);
    cr_expect_float_eq(apart, fused, 1e-6 * apart, "%.9g, fused %.9g", apart, fused);
    close_model(&s[0]), close_model(&s[1]);
}

Test(blocks, one_layer_for_all_three_gives_what_three_give)
{
    on_all_paths(check_fused);
}
