/* What is trained of a model, without the blocks that are frozen: where it stands, and that passes
 * over it give the bits of passes over the whole vector. */
#include "core/vector.h"
#include "tests/models/graph_support.h"

/* Every coordinate that is not frozen has its place, in order; spans of all roles fill the
 * layout. */
static void expect_places(const co_model *model)
{
    const co_layout *l = co_model_layout(model);
    size_t n_tensors, total = 0, shared = 0;
    const co_tensor *tensor = co_model_tensors(model, &n_tensors);
    for (size_t k = 0; k < l->n_parts; k++) {
        const co_part *p = &l->part[k];
        cr_assert(p->offset % CO_BLOCK == 0 && p->at == total);
        cr_assert(p->size % CO_BLOCK == 0 || p->offset + p->size == l->whole);
        total += p->size;
    }
    cr_assert_eq(total, l->n);
    for (size_t t = 0; t < n_tensors; t++) {
        if (tensor[t].role == CO_FROZEN) continue;
        const size_t last = tensor[t].offset + tensor[t].size - 1;
        cr_assert_eq(co_layout_place(l, last),
                     co_layout_place(l, tensor[t].offset) + tensor[t].size - 1);
        if (tensor[t].role == CO_SHARED) shared += tensor[t].size;
    }
    cr_assert_eq(l->n_shared, shared);
    unsigned char *seen = co_calloc(l->n, 1);
    for (int role = 0; role < 3; role++)
        for (size_t k = 0; k < l->n_spans[role]; k++)
            for (size_t j = 0; j < l->span[role][k].size; j++) seen[l->span[role][k].at + j]++;
    for (size_t j = 0; j < l->n; j++) cr_assert_eq(seen[j], 1);
    co_free(seen);
}

/* A loss and its gradient, and a step of SGD, both ways. */
static void expect_same_bits(const char *yaml, co_shape in)
{
    setup s = open_model(yaml, in);
    const co_layout *l = co_model_layout(s.model);
    float *local = co_malloc(l->n, sizeof *local), *grad = co_calloc(l->n_grad, sizeof *grad),
          *want = co_calloc(s.size, sizeof *want), *got = co_calloc(s.size, sizeof *got),
          *start = co_malloc(s.size, sizeof *start);
    expect_places(s.model);
    cr_assert_lt(l->n, s.size, "%s", yaml);
    co_layout_pack(l, s.params, local);
    const double loss = loss_of(&s, want);
    aim(&s);
    s.pass.frozen = s.params;
    co_model_loss(s.model, s.work, local, &s.pass, NULL, grad, s.sums);
    cr_expect_eq(s.sums[1], loss, "%s", yaml);
    co_layout_unpack(l, grad, got);
    cr_expect_arr_eq(got, want, s.size * sizeof *got, "%s", yaml);
    memcpy(start, s.params, s.size * sizeof *start);
    aim(&s);
    s.pass.frozen = start;
    memset(grad, 0xff, l->n_grad * sizeof *grad); /* scratch for a step: NaN */
    memset(s.grad, 0xff, s.size * sizeof *grad);
    co_model_step(s.model, s.work, local, &s.pass, 0.5f, grad, s.sums);
    aim(&s);
    co_model_step(s.model, s.work, s.params, &s.pass, 0.5f, s.grad, s.sums);
    memcpy(got, start, s.size * sizeof *got);
    co_layout_unpack(l, local, got);
    cr_expect_arr_eq(got, s.params, s.size * sizeof *got, "%s", yaml);
    cr_expect_neq(memcmp(got, start, s.size * sizeof *got), 0);
    co_free(local), co_free(grad), co_free(want), co_free(got), co_free(start);
    close_model(&s);
}

#define TWO "{layers: [{dense: 70}, relu, {dense: 190}, tanh, {dense: 80}, {dense: classes}], "

static void passes(void)
{
    expect_same_bits(TWO "freeze: [0.weight, 0.bias, 2.weight, 2.bias]}", test_flat(60));
    expect_same_bits(TWO "freeze: [0.weight, 2.weight, 4.weight]}", test_flat(60)); /* biases */
    expect_same_bits(TWO "freeze: [2.weight, 2.bias, 4.bias]}", test_flat(80));
    expect_same_bits("{layers: [{embedding: 300}, {lstm: 40}, {pool_time: last}, {dense: "
                     "classes}], freeze: [1.weight_ih_l0, 1.bias_hh_l0]}",
                     (co_shape){.sequence = true, .tokens = true, .dim = {30}});
    expect_same_bits("{layers: [{dense: 70}, relu, {dense: 70}, {dense: 70, tie: {weight: "
                     "2.weight}}, {dense: 70}, {dense: 70, tie: {weight: 4.weight}}, {dense: "
                     "classes}], freeze: [0.weight, 4.weight]}",
                     test_flat(120));
    expect_same_bits("{layers: [{conv2d: {channels: 16, kernel: 3, padding: same}}, relu, {conv2d: "
                     "{channels: 80, kernel: 3}}, relu, flatten, {dense: classes}], freeze: "
                     "[2.weight]}",
                     test_image(8, 6, 6));
}

Test(layout, passes_over_what_is_trained_give_the_bits_of_the_whole)
{
    on_all_paths(passes);
}

Test(layout, follows_the_roles)
{
    setup s = open_model(TWO "freeze: [0.weight]}", test_flat(200));
    const co_layout *l = co_model_layout(s.model);
    cr_expect(l->n_parts == 1 && l->part[0].offset == 3 * CO_BLOCK);
    cr_expect(l->n_spans[CO_FROZEN] == 1 && l->span[CO_FROZEN][0].at == 0);
    cr_expect_eq(l->span[CO_FROZEN][0].size, 200 * 70 - 3 * CO_BLOCK);
    cr_assert_eq(co_model_set_role(s.model, "5.bias", CO_PERSONAL), CO_OK);
    cr_expect_eq(l->n_spans[CO_PERSONAL], 1);
    expect_places(s.model);
    cr_assert_eq(co_model_set_role(s.model, "0.weight", CO_SHARED), CO_OK);
    cr_expect(l->n == s.size && l->n_spans[CO_FROZEN] == 0 && l->n_grad == s.size);
    expect_places(s.model);
    static const char *const all[] = {"0.weight", "0.bias", "2.weight", "2.bias",
                                      "4.weight", "4.bias", "5.weight", "5.bias"};
    for (size_t k = 0; k < sizeof all / sizeof *all; k++)
        cr_assert_eq(co_model_set_role(s.model, all[k], CO_FROZEN), CO_OK);
    cr_expect(l->n == 0 && l->n_parts == 0 && l->n_shared == 0);
    close_model(&s);
    cr_expect_eq(co_memory_blocks(), 0);
}
