/* tests/models/test_order.c - names of items, and the order of tensors. */
#include "tests/models/graph_support.h"

static void expect_names(const char *yaml, co_shape in, const char *const *names, size_t n_names)
{
    co_model *model;
    size_t n, offset = 0;
    cr_assert_eq(test_model(yaml, &in, CLASSES, &model), CO_OK, "%s", co_status_message());
    const co_tensor *tensor = co_model_tensors(model, &n);
    cr_assert_eq(n, n_names);
    for (size_t t = 0; t < n; t++) {
        cr_expect_str_eq(tensor[t].name, names[t]);
        cr_expect_eq(tensor[t].offset, offset);
        offset += tensor[t].size;
    }
    cr_expect_eq(offset, co_model_size(model));
    co_model_destroy(model);
    cr_expect_eq(co_memory_blocks(), 0);
}

#define EXPECT_NAMES(yaml, in, ...)                                                                \
    expect_names(yaml, in, (const char *const[]){__VA_ARGS__},                                     \
                 sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

Test(order, a_name_stands_in_place_of_the_numbered_one)
{
    EXPECT_NAMES("{layers: [{dense: 5, name: bert.pooler.dense}, {name: encoder, residual: "
                 "[{dense: 5}, {dense: 5, name: out}]}, {dense: classes}]}",
                 test_flat(5), "bert.pooler.dense.weight", "bert.pooler.dense.bias",
                 "encoder.0.weight", "encoder.0.bias", "out.weight", "out.bias", "2.weight",
                 "2.bias");
}

Test(order, tensors_stand_behind_those_of_the_item_that_they_name)
{
    /* a stands behind c, b behind a, a block's behind the second one, and two in their own order */
    EXPECT_NAMES("{layers: [{dense: 5, name: a, after: c}, {dense: 5, name: b, after: a}, "
                 "{residual: [{dense: 5}, tanh, {dense: 5, after: d}], after: b, name: r}, "
                 "{dense: 5, name: c}, {dense: 5, name: e, after: c}, {dense: classes, name: d}]}",
                 test_flat(5), "c.weight", "c.bias", "a.weight", "a.bias", "b.weight", "b.bias",
                 "r.0.weight", "r.0.bias", "e.weight", "e.bias", "d.weight", "d.bias", "r.2.weight",
                 "r.2.bias");
    EXPECT_NAMES("{layers: [{dense: 5, after: r}, {name: r, residual: [{dense: 5}, tanh, {dense: "
                 "5}]}, {dense: classes}]}",
                 test_flat(5), "r.0.weight", "r.0.bias", "r.2.weight", "r.2.bias", "0.weight",
                 "0.bias", "2.weight", "2.bias");
}

/* Tensor by tensor, of models whose order differs. */
static float *part_of(const setup *s, const char *name, const float *vector, size_t *size)
{
    size_t n;
    const co_tensor *tensor = co_model_tensors(s->model, &n);
    for (size_t t = 0; t < n; t++)
        if (strcmp(tensor[t].name, name) == 0) {
            *size = tensor[t].size;
            return (float *)vector + tensor[t].offset;
        }
    cr_expect_fail("%s", name);
    return NULL;
}

Test(order, loss_gradients_and_steps_know_no_order)
{
    static const char *const names[] = {"a.weight", "a.bias", "b.weight", "b.bias", "c.bias"};
    static const char *const order[] = {"", ", after: c"};
    setup s[2];
    for (int k = 0; k < 2; k++) {
        char yaml[256];
        snprintf(yaml, sizeof yaml,
                 "{layers: [{dense: 4, name: a%s}, tanh, {dense: 4, name: b}, tanh, {dense: "
                 "classes, tie: {weight: a.weight}, name: c}], freeze: [b.bias]}",
                 order[k]);
        s[k] = open_model(yaml, test_flat(4));
    }
    for (size_t t = 0; t < 5; t++) {
        size_t size;
        float *to = part_of(&s[1], names[t], s[1].params, &size);
        memcpy(to, part_of(&s[0], names[t], s[0].params, &size), size * sizeof *to);
    }
    cr_expect(memcmp(s[0].params, s[1].params, s[0].size * sizeof(float)) != 0);
    cr_expect_eq(loss_of(&s[0], s[0].grad), loss_of(&s[1], s[1].grad));
    for (int k = 0; k < 2; k++) {
        float *scratch = co_calloc(s[k].size, sizeof *scratch);
        aim(&s[k]);
        co_model_step(s[k].model, s[k].work, s[k].params, &s[k].pass, 0.5f, scratch, s[k].sums);
        co_free(scratch);
    }
    for (size_t t = 0; t < 5; t++) {
        size_t size;
        const float *grad = part_of(&s[1], names[t], s[1].grad, &size),
                    *params = part_of(&s[1], names[t], s[1].params, &size);
        cr_expect(memcmp(grad, part_of(&s[0], names[t], s[0].grad, &size), size * sizeof *grad) ==
                      0,
                  "%s", names[t]);
        cr_expect(
            memcmp(params, part_of(&s[0], names[t], s[0].params, &size), size * sizeof *grad) == 0,
            "%s", names[t]);
    }
    close_model(&s[0]), close_model(&s[1]);
    cr_expect_eq(co_memory_blocks(), 0);
}

Test(order, initial_values_are_keyed_by_the_place_in_the_vector)
{
    setup behind = open_model("{layers: [{dense: 6, name: a, after: b}, {dense: 5, name: b}, "
                              "{dense: classes}]}",
                              test_flat(4)),
          first = open_model("{layers: [{dense: 5}, {dense: classes}]}", test_flat(6));
    cr_expect(memcmp(behind.params, first.params, 5 * 7 * sizeof(float)) == 0);
    close_model(&behind), close_model(&first);
}

Test(order, a_frozen_tensor_that_moved_keeps_its_role)
{
    const co_shape in = test_flat(4);
    co_model *model;
    size_t n;
    cr_assert_eq(test_model("{layers: [{dense: 4, name: a, after: b}, {dense: 4, name: b}, {dense: "
                            "classes}], freeze: [a.weight]}",
                            &in, CLASSES, &model),
                 CO_OK, "%s", co_status_message());
    const co_span *span = co_model_spans(model, CO_FROZEN, &n);
    cr_expect(n == 1 && span[0].offset == 20 && span[0].size == 16);
    co_model_destroy(model);
}

Test(order, names_have_up_to_128_characters)
{
    char yaml[512];
    const co_shape in = test_flat(4);
    for (int extra = 0; extra < 2; extra++) {
        co_model *model = NULL;
        snprintf(yaml, sizeof yaml, "{layers: [{dense: classes, name: %0*d}]}", 121 + extra, 1);
        const co_status st = test_model(yaml, &in, CLASSES, &model);
        cr_assert_eq(st, extra ? CO_EUSAGE : CO_OK, "%s", co_status_message());
        if (extra) {
            cr_expect(strstr(co_status_message(), "128"), "%s", co_status_message());
            continue;
        }
        size_t n;
        cr_expect_eq(strlen(co_model_tensors(model, &n)[0].name), 128);
        char *text = co_model_describe(model);
        cr_expect(strstr(text, co_model_tensors(model, &n)[0].name));
        cr_expect_eq(text[strlen(text) - 1], ']');
        co_free(text);
        co_model_destroy(model);
    }
}

Test(order, refuses_names_that_are_none)
{
    const co_shape in = test_flat(4);
    refuse("{layers: [{dense: 4, name: a}, {dense: classes, name: a}]}", in, "called a.");
    refuse("{layers: [{repeat: {times: 2, layers: [{dense: 4, name: a}]}}, {dense: classes}]}", in,
           "called a.");
    refuse("{layers: [{dense: 4, name: 1}, {dense: classes}]}", in, "called 1.");
    refuse("{layers: [{dense: 4, after: b}, {dense: classes}]}", in, "after: b of item 0");
    refuse("{layers: [{dense: 4, name: a, after: b}, {dense: classes, name: b, after: a}]}", in,
           "circle");
    refuse("{layers: [{dense: 4, name: a, after: a}, {dense: classes}]}", in, "circle");
    refuse("{layers: [{dense: 4, name: a/b}, {dense: classes}]}", in, "letters");
    refuse("{layers: [{dense: 4, name: .a}, {dense: classes}]}", in, "letters");
    refuse("{layers: [{dense: 4, name: a..b}, {dense: classes}]}", in, "letters");
    refuse("{layers: [{dense: 4, name: [a]}, {dense: classes}]}", in, "letters");
    refuse("{layers: [{dense: 4, name: }, {dense: classes}]}", in, "letters");
    refuse("{layers: [{name: a}, {dense: classes}]}", in, "one key");
}
