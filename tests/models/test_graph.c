/* tests/models/test_graph.c - blocks, tied tensors, keys of draws, roles. */
#include "tests/models/graph_support.h"

/* ---- blocks ---- */

Test(graph, tensors_inside_blocks_are_named_by_their_place)
{
    static const char *const names[] = {"0.weight",
                                        "0.bias",
                                        "1.0.weight",
                                        "1.0.bias",
                                        "1.2.weight",
                                        "1.2.bias",
                                        "2.0.0.weight",
                                        "2.0.0.bias",
                                        "2.1.0.weight",
                                        "2.1.0.bias",
                                        "3.0.weight",
                                        "3.0.bias",
                                        "3.shortcut.0.weight",
                                        "3.shortcut.0.bias",
                                        "4.0.0.0.weight",
                                        "4.0.0.0.bias",
                                        "4.1.0.0.weight",
                                        "4.1.0.0.bias",
                                        "5.weight",
                                        "5.bias"};
    const co_shape in = test_flat(3);
    co_model *model;
    size_t n, offset = 0;
    cr_assert_eq(
        test_model("{layers: [{dense: 5}, {residual: [{dense: 5}, relu, {dense: 5}]}, "
                   "{repeat: {times: 2, layers: [{dense: 4}, tanh]}}, "
                   "{residual: {layers: [{dense: 6}, tanh], shortcut: [{dense: 6}]}}, "
                   "{repeat: {times: 2, layers: [{residual: [{dense: 6}]}]}}, {dense: classes}]}",
                   &in, CLASSES, &model),
        CO_OK, "%s", co_status_message());
    const co_tensor *tensor = co_model_tensors(model, &n);
    cr_assert_eq(n, sizeof names / sizeof *names);
    for (size_t t = 0; t < n; t++) {
        cr_expect_str_eq(tensor[t].name, names[t]);
        cr_expect_eq(tensor[t].offset, offset);
        offset += tensor[t].size;
    }
    co_model_destroy(model);
    cr_expect_eq(co_memory_blocks(), 0);
}

Test(graph, refuses_what_makes_no_block_and_says_what_to_do)
{
    const co_shape in = test_flat(6);
    refuse("{layers: [{residual: [{dense: 5}]}, {dense: classes}]}", in, "shortcut");
    refuse("{layers: [{residual: [{dense: 5}]}, {dense: classes}]}", in, "[5]");
    refuse("{layers: [{residual: {layers: [relu], shortcut: [{dense: 7}]}}, {dense: classes}]}", in,
           "[7]");
    refuse("{layers: [{residual: []}, {dense: classes}]}", in, "list");
    refuse("{layers: [residual, {dense: classes}]}", in, "layers");
    refuse("{layers: [{residual: [relu, {dens: 3}]}, {dense: classes}]}", in,
           "layers[0].residual[1]");
    refuse("{layers: [{residul: [relu]}, {dense: classes}]}", in, "did you mean residual");
    refuse("{layers: [{residual: [{dense: 0}]}, {dense: classes}]}", in,
           "layers[0].residual[0].dense");
    refuse("{layers: [{repeat: [relu]}, {dense: classes}]}", in, "times");
    refuse("{layers: [{repeat: {layers: [relu]}}, {dense: classes}]}", in, "times");
    refuse("{layers: [{repeat: {times: 0, layers: [relu]}}, {dense: classes}]}", in, "times");
    refuse("{layers: [{repeat: {times: 300, layers: [{repeat: {times: 300, layers: [relu]}}]}}, "
           "{dense: classes}]}",
           in, "65535");
    refuse("{layers: [add, {dense: classes}]}", in, "residual");
    refuse("{layers: [{dense: 3}, {residual: [{dense: 3}], tie: {weight: 0.weight}}, {dense: "
           "classes}]}",
           in, "tie");
    refuse("{layers: [{dense: 6}, {dense: 6, tie: {weight: 1.weight}}, {dense: classes}]}", in,
           "1.weight");
    refuse("{layers: [{dense: 5}, {dense: 6, tie: {weight: 0.weight}}, {dense: classes}]}", in,
           "shape");
    refuse("{layers: [{dense: 6}, {dense: 6, tie: {wait: 0.weight}}, {dense: classes}]}", in,
           "wait");
    refuse("{layers: [{dense: 6}, {dense: 6, tie: 0.weight}, {dense: classes}]}", in, "map");
    refuse("{layers: [{dense: 6, tie: {weight: 0.weight}, relu: 3}, {dense: classes}]}", in,
           "one key");
}

/* Every parameter's gradient against the slope of the loss, and the step against the gradient. */
static void check_model(const char *yaml, co_shape in)
{
    setup s = open_model(yaml, in);
    loss_of(&s, s.grad);
    for (size_t i = 0; i < s.size; i++) {
        const float kept = s.params[i], h = 0.01f;
        s.params[i] = kept + h;
        const double above = loss_of(&s, NULL);
        s.params[i] = kept - h;
        const double below = loss_of(&s, NULL);
        s.params[i] = kept;
        const double slope = (above - below) / (2.0 * (double)h) / N;
        cr_assert_float_eq((double)s.grad[i], slope, 2e-4, "%s: %zu: %g, slope %g", yaml, i,
                           (double)s.grad[i], slope);
    }
    float *stepped = co_calloc(s.size, sizeof *stepped),
          *scratch = co_calloc(s.size, sizeof *scratch);
    memcpy(stepped, s.params, s.size * sizeof *stepped);
    aim(&s);
    co_model_step(s.model, s.work, stepped, &s.pass, 0.5f, scratch, s.sums);
    for (size_t i = 0; i < s.size; i++) s.params[i] -= 0.5f * s.grad[i];
    cr_expect_lt(relative_distance(stepped, s.params, s.size), 1e-7, "%s", yaml);
    if (co_kernels_in_use())
        cr_expect(memcmp(stepped, s.params, s.size * sizeof *stepped) == 0, "%s: another step",
                  yaml);
    co_free(stepped), co_free(scratch);
    close_model(&s);
}

static void check_blocks(void)
{
    check_model("{layers: [{residual: [{dense: 6}, tanh, {dense: 6}]}, tanh, {residual: [tanh]}, "
                "{dense: classes}]}",
                test_flat(6));
    check_model("{layers: [{dense: 5}, {repeat: {times: 3, layers: [{residual: [{dense: 5}, "
                "tanh]}]}}, {dropout: 0.3}, "
                "{residual: {layers: [{dense: 7}, tanh, {residual: [{dense: 7}, tanh]}], shortcut: "
                "[{dense: 7}]}}, "
                "{dense: classes}]}",
                test_flat(6));
    check_model(
        "{layers: [{residual: [tanh, {conv2d: {channels: 2, kernel: 3, padding: same}}]}, tanh, "
        "{residual: [{conv2d: {channels: 2, kernel: 3, padding: same}}, tanh, {dropout: 0.2}]}, "
        "{residual: {layers: [{conv2d: {channels: 3, kernel: 3}}, tanh], shortcut: [{avg_pool: "
        "{kernel: 3, stride: 1}}, "
        "{conv2d: {channels: 3, kernel: 1}}]}}, {avg_pool: 2}, flatten, {dense: classes}]}",
        test_image(2, 6, 6));
    check_model("{layers: [{embedding: 4}, {residual: [{lstm: 4}, tanh]}, {residual: {layers: "
                "[{gru: 5}], shortcut: [{dense: 5}]}}, "
                "{pool_time: mean}, {dense: classes}]}",
                (co_shape){.sequence = true, .tokens = true, .dim = {9}});
}

Test(graph, gradients_of_blocks_are_the_slopes_of_the_loss)
{
    on_all_paths(check_blocks);
}

/* ---- tied tensors ---- */

static void check_tied(void)
{
    check_model(
        "{layers: [{dense: 6}, tanh, {dense: 6, tie: {weight: 0.weight}}, tanh, {tie: {bias: "
        "0.bias}, dense: 6}, "
        "{residual: [tanh, {dense: 6, tie: {weight: 0.weight, bias: 2.bias}}]}, {dense: classes}]}",
        test_flat(6));
    check_model("{layers: [{conv2d: {channels: 2, kernel: 3, padding: same}}, tanh, {conv2d: "
                "{channels: 2, kernel: 3, padding: same}, "
                "tie: {weight: 0.weight}}, flatten, {dense: classes}]}",
                test_image(2, 4, 4));
    check_model("{layers: [{conv2d: {channels: 2, kernel: 3, padding: same, bias: false}}, "
                "{group_norm: 1}, tanh, {residual: [{conv2d: {channels: 2, kernel: 3, padding: "
                "same, bias: false}}, {group_norm: 1}, tanh, {conv2d: {channels: 2, kernel: 3, "
                "padding: same, bias: false}, tie: {weight: 3.0.weight}}, {group_norm: 1, tie: "
                "{bias: 3.1.bias}}]}, tanh, global_avg_pool, {dense: classes}]}",
                test_image(2, 5, 5));
    check_model(
        "{layers: [{embedding: 5}, {lstm: 5}, {lstm: 5, tie: {weight_hh_l0: 1.weight_ih_l0}}, "
        "{dense: 9, tie: {weight: 0.weight}}, tanh, {pool_time: mean}, {dense: classes}]}",
        (co_shape){.sequence = true, .tokens = true, .dim = {9}});
}

Test(graph, the_gradient_of_a_tied_tensor_is_the_slope_over_all_its_uses)
{
    on_all_paths(check_tied);
}

Test(graph, a_tied_tensor_stands_once_and_starts_as_in_its_first_layer)
{
    setup s = open_model(
        "{layers: [{dense: 6}, tanh, {dense: 6, tie: {weight: 0.weight}}, {dense: classes}]}",
        test_flat(6));
    setup apart =
        open_model("{layers: [{dense: 6}, tanh, {dense: 6}, {dense: classes}]}", test_flat(6));
    size_t n;
    const co_tensor *tensor = co_model_tensors(s.model, &n);
    cr_assert_eq(n, 5);
    cr_expect_str_eq(tensor[2].name, "2.bias");
    cr_expect(tensor[0].n_uses == 2 && tensor[1].n_uses == 1);
    cr_expect_eq(s.size + 36, apart.size);
    cr_expect(memcmp(s.params, apart.params, 42 * sizeof(float)) == 0);
    /* with equal weights apart: the gradient is the sum of both, in the order of the nodes */
    memcpy(apart.params, s.params, 42 * sizeof(float));
    memcpy(apart.params + 42, s.params, 36 * sizeof(float));
    memcpy(apart.params + 78, s.params + 42, (s.size - 42) * sizeof(float));
    loss_of(&s, s.grad);
    loss_of(&apart, apart.grad);
    for (size_t i = 0; i < 36; i++)
        cr_expect_float_eq(s.grad[i], apart.grad[i] + apart.grad[42 + i], 1e-7f);
    cr_expect(memcmp(s.grad + 42, apart.grad + 78, (s.size - 42) * sizeof(float)) == 0);
    close_model(&s);
    close_model(&apart);
    cr_expect_eq(co_memory_blocks(), 0);
}

/* ---- draws ---- */

/* The last layer but one is dropout, of ones: which of the 40 places does it drop? */
static void dropped(const char *yaml, bool *is_zero)
{
    co_shape in = test_flat(40);
    setup s = open_model(yaml, in);
    aim(&s);
    for (size_t i = 0; i < N * 40; i++) s.x[i] = 1.0f;
    for (size_t i = 0; i < s.size; i++)
        s.params[i] = i < 40 * CLASSES && i % 41 == 0 ? 1.0f : 0.0f; /* output k is value k */
    const float *out = co_model_forward(s.model, s.work, s.params, &s.pass);
    for (size_t i = 0; i < N * CLASSES; i++) is_zero[i] = out[i] == 0.0f;
    close_model(&s);
}

static size_t n_different(const bool *a, const bool *b)
{
    size_t n = 0;
    for (size_t i = 0; i < N * CLASSES; i++) n += a[i] != b[i];
    return n;
}

Test(graph, layers_draw_by_their_place_also_past_the_sixty_fourth)
{
    bool first[N * CLASSES], second[N * CLASSES], in_block[N * CLASSES], late[N * CLASSES];
    dropped("{layers: [{dropout: 0.5}, {dense: classes}]}", first);
    dropped("{layers: [relu, {dropout: 0.5}, {dense: classes}]}", second);
    dropped("{layers: [{repeat: {times: 1, layers: [relu, {dropout: 0.5}]}}, {dense: classes}]}",
            in_block);
    dropped("{layers: [{repeat: {times: 64, layers: [relu]}}, {dropout: 0.5}, {dense: classes}]}",
            late);
    cr_expect_gt(n_different(first, second), 2);
    cr_expect_eq(n_different(second, in_block), 0);
    cr_expect_gt(n_different(first, late), 2); /* place 64 is 0 again, but for its upper half */
    cr_expect_eq(co_graph_draw(9, 1), 9 * 64);
    cr_expect_eq(co_graph_draw(9, 64), 9 * 64 + 63);
    cr_expect_neq(co_graph_draw(9, 65), co_graph_draw(10, 1));
}

/* ---- roles ---- */

Test(graph, spans_of_the_roles_make_up_the_vector)
{
    setup s = open_model("{layers: [{dense: 5}, {residual: [{dense: 5}]}, {dense: classes}], "
                         "freeze: [0.weight, 0.bias, 1.0.bias]}",
                         test_flat(6));
    size_t n, total = 0;
    const co_span *span = co_model_spans(s.model, CO_SHARED, &n);
    cr_assert_eq(n, 2);
    cr_expect(span[0].offset == 35 && span[0].size == 25);
    cr_expect(span[1].offset == 65 && span[1].offset + span[1].size == s.size);
    span = co_model_spans(s.model, CO_FROZEN, &n);
    cr_assert_eq(n, 2);
    cr_expect(span[0].offset == 0 && span[0].size == 35 && span[1].offset == 60 &&
              span[1].size == 5);
    cr_assert_eq(co_model_set_role(s.model, "2.bias", CO_PERSONAL), CO_OK);
    cr_assert_eq(co_model_set_role(s.model, "0.bias", CO_SHARED), CO_OK);
    cr_expect_eq(co_model_set_role(s.model, "9.bias", CO_PERSONAL), CO_EUSAGE);
    for (int role = CO_SHARED; role <= CO_FROZEN; role++) {
        span = co_model_spans(s.model, (co_role)role, &n);
        for (size_t k = 0; k < n; k++) total += span[k].size;
        cr_expect_eq(n, role == CO_PERSONAL ? 1 : 2);
    }
    cr_expect_eq(total, s.size);
    loss_of(&s, s.grad);
    span = co_model_spans(s.model, CO_FROZEN, &n);
    for (size_t k = 0; k < n; k++)
        for (size_t i = span[k].offset; i < span[k].offset + span[k].size; i++)
            cr_expect_eq(s.grad[i], 0.0f);
    cr_expect_neq(s.grad[30], 0.0f); /* 0.bias trains again */
    close_model(&s);
    cr_expect_eq(co_memory_blocks(), 0);
}
