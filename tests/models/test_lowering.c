/* tests/models/test_lowering.c - what nodes share changes no bit, and living buffers do not
 * overlap. */
#include "tests/models/graph_support.h"

static const struct {
    const char *yaml;
    co_shape in;
} lists[] = {
    {"{layers: [flatten, {dense: 33}, relu, {dense: 7}, tanh, {dense: classes}]}",
     {.ndim = 3, .dim = {1, 9, 7}}},
    {"{layers: [{conv2d: {channels: 5, kernel: 3}}, relu, {max_pool: 2}, {dropout: 0.3}, relu, "
     "flatten, relu, {dense: classes}]}",
     {.ndim = 3, .dim = {2, 11, 9}}},
    {"{layers: [{conv2d: {channels: 40, kernel: 3}}, relu, {conv2d: {channels: 24, kernel: 3}}, "
     "{dropout: 0.4}, "
     "{conv2d: {channels: 9, kernel: 5, stride: 3}}, relu, {max_pool: 2}, flatten, {dense: "
     "classes}]}",
     {.ndim = 3, .dim = {2, 60, 53}}},
    {"{layers: [{conv2d: {channels: 40, kernel: 3}}, {conv2d: {channels: 24, kernel: 3}}, flatten, "
     "{dense: classes}], freeze: [0.bias, 1.weight]}",
     {.ndim = 3, .dim = {2, 60, 53}}},
    {"{layers: [{conv2d: {channels: 6, kernel: 3}}, relu, {residual: [{conv2d: {channels: 6, "
     "kernel: 3, padding: same}}, relu, "
     "{conv2d: {channels: 6, kernel: 3, padding: same}}]}, relu, {max_pool: 2}, {residual: "
     "{layers: [{max_pool: 2}, "
     "{conv2d: {channels: 7, kernel: 1}}], shortcut: [{conv2d: {channels: 7, kernel: 2, stride: "
     "2}}, relu]}}, flatten, {dense: classes}]}",
     {.ndim = 3, .dim = {2, 12, 12}}},
    {"{layers: [{residual: [relu, {conv2d: {channels: 2, kernel: 3, padding: same}}, relu]}, relu, "
     "{max_pool: 2}, flatten, "
     "{residual: [flatten, relu, {dropout: 0.3}, {dense: 18}, relu]}, {dense: classes}]}",
     {.ndim = 3, .dim = {2, 6, 6}}},
    {"{layers: [flatten, {dense: 12}, {residual: [relu, {dense: 12}]}, relu, {dense: classes}]}",
     {.ndim = 3, .dim = {2, 3, 3}}},
    {"{layers: [{conv2d: {channels: 16, kernel: 3}}, {group_norm: 4}, relu, {residual: [{conv2d: "
     "{channels: 16, kernel: 3, padding: same}}, "
     "{group_norm: 2}, relu]}, {max_pool: 4}, {group_norm: 2}, global_avg_pool, {dense: classes}]}",
     {.ndim = 3, .dim = {2, 60, 53}}},
    {"{layers: [{conv2d: {channels: 96, kernel: 3}}, relu, {conv2d: {channels: 96, kernel: 3}}, "
     "{residual: [{conv2d: {channels: 96, "
     "kernel: 3, padding: same, bias: false}}, {group_norm: 4}, relu, {conv2d: {channels: 96, "
     "kernel: 3, padding: same, bias: false}, tie: {weight: 3.0.weight}}]}, relu, {conv2d: "
     "{channels: 90, kernel: 3, stride: 2}}, global_avg_pool, {dense: classes}]}",
     {.ndim = 3, .dim = {2, 14, 13}}},
    {"{layers: [{embedding: 8}, {dropout: 0.2}, {lstm: 9}, {residual: [{dense: 9}, relu, {dense: "
     "9}]}, {pool_time: mean}, {dense: classes}]}",
     {.sequence = true, .tokens = true, .dim = {20}}},
    {"{layers: [{embedding: 8}, gelu, {positions: {most: 80}}, segments, silu, {segments: 3}, "
     "{pool_time: mean}, {dense: classes}]}",
     {.sequence = true, .tokens = true, .dim = {20}}},
    {"{layers: [{embedding: 12}, {residual: [layer_norm, {attention: {heads: 3, dropout: 0.2}}]}, "
     "layer_norm, {residual: [{feed_forward: 24}]}, {residual: [rms_norm, {gated: 20}]}, "
     "{pool_time: first}, {dense: classes}]}",
     {.sequence = true, .tokens = true, .dim = {20}}},
};
enum { STRETCH = 20 }; /* texts so many times as long: packed products take over at 64 rows */

/* Loss, gradient and parameters after three steps. */
static void train(const char *yaml, co_shape in, size_t stretch, const char *lowering, float **grad,
                  float **params, double *loss, size_t *n)
{
    setenv("COHORT_LOWERING", lowering, 1);
    setup s = open_model(yaml, in);
    for (size_t i = 0; i <= N; i++) s.offsets[i] *= (int64_t)stretch;
    *loss = loss_of(&s, s.grad);
    *grad = malloc(s.size * sizeof **grad);
    *params = malloc(s.size * sizeof **params);
    memcpy(*grad, s.grad, s.size * sizeof **grad);
    for (uint64_t step = 0; step < 3; step++) {
        aim(&s);
        s.pass.step = step;
        co_model_step(s.model, s.work, s.params, &s.pass, 0.1f, s.grad, s.sums);
    }
    memcpy(*params, s.params, s.size * sizeof **params);
    *n = s.size;
    close_model(&s);
    unsetenv("COHORT_LOWERING");
}

static void check_list(const char *yaml, co_shape in, size_t stretch)
{
    float *grad[2], *params[2];
    double loss[2];
    size_t n;
    train(yaml, in, stretch, "off", &grad[0], &params[0], &loss[0], &n);
    train(yaml, in, stretch, "on", &grad[1], &params[1], &loss[1], &n);
    cr_expect_eq(loss[0], loss[1], "%s", yaml);
    cr_expect(memcmp(grad[0], grad[1], n * sizeof(float)) == 0, "%s on %s, %zu: other gradients",
              yaml, co_kernel_path(), stretch);
    cr_expect(memcmp(params[0], params[1], n * sizeof(float)) == 0, "%s on %s, %zu: other steps",
              yaml, co_kernel_path(), stretch);
    for (size_t i = 0; i < 2; i++) free(grad[i]), free(params[i]);
}

static void check_lowering(void)
{
    for (size_t k = 0; k < sizeof lists / sizeof *lists; k++) {
        check_list(lists[k].yaml, lists[k].in, 1);
        if (lists[k].in.tokens) check_list(lists[k].yaml, lists[k].in, STRETCH);
    }
}

Test(lowering, lowering_changes_no_bit)
{
    on_all_paths(check_lowering);
}

Test(lowering, lowering_can_be_on_or_off)
{
    const co_shape in = test_flat(3);
    setenv("COHORT_LOWERING", "of", 1);
    refuse("{layers: [{dense: classes}]}", in, "COHORT_LOWERING is of");
    unsetenv("COHORT_LOWERING");
}

static size_t count(const char *yaml, co_shape in, const char *what)
{
    co_model *m;
    size_t n = 0;
    cr_assert_eq(test_model(yaml, &in, CLASSES, &m), CO_OK, "%s", co_status_message());
    for (size_t l = 1; l < m->n_nodes; l++)
        n += what[0] == 'p'   ? m->node[l].low.passes_on
             : what[0] == 'i' ? m->node[l].low.in_place
                              : m->node[l].low.rectify;
    co_model_destroy(m);
    return n;
}

/* How many nodes are left without a buffer, so that a fact that is no longer used is noticed. */
Test(lowering, lowering_does_what_the_facts_allow)
{
    const co_shape image = test_image(3, 8, 8);
    setenv("COHORT_LOWERING", "on", 1); /* also where a whole run of the tests has it off */
    const bool fast =
        co_kernels_in_use() != NULL; /* the reference path has no images that stand channels-last */
    cr_expect_eq(
        count("{layers: [flatten, {dense: 5}, relu, {dense: classes}]}", image, "passes on"), 1);
    cr_expect_eq(
        count("{layers: [flatten, {dense: 5}, relu, {dense: classes}]}", image, "in place"), 1);
    cr_expect_eq(
        count("{layers: [flatten, {dense: 5}, relu, relu, {dense: classes}]}", image, "in place"),
        1);
    const char *pooled = "{layers: [{conv2d: {channels: 4, kernel: 3}}, relu, {max_pool: 2}, "
                         "flatten, {dense: classes}]}";
    cr_expect_eq(count(pooled, image, "rectify"), fast);
    cr_expect_eq(count(pooled, image, "in place"), !fast);
    /* what a sum reads as well is nobody's alone; the sum itself is */
    const char *block =
        "{layers: [flatten, {dense: 6}, {residual: [relu, {dense: 6}]}, relu, {dense: classes}]}";
    cr_expect_eq(count(block, image, "in place"), 2);
}

/* From a to b each node works in the place of one that nobody else reads, whose values no backward
 * needs. */
static bool is_written_over(const co_model *m, size_t a, size_t b)
{
    while (b > a) {
        const co_vertex *v = &m->node[b], *u = &m->node[v->input[0]];
        if (!v->low.in_place || u->n_uses != 1 || !u->facts.spares_output) return false;
        b = v->input[0];
    }
    return b == a;
}

/* Lifetimes worked out anew: no two nodes whose values both are read later share a place, unless
 * lowering says so. */
Test(lowering, living_buffers_do_not_overlap)
{
    for (size_t k = 0; k < sizeof lists / sizeof *lists; k++) {
        setup s = open_model(lists[k].yaml, lists[k].in);
        aim(&s);
        const co_model *m = s.model;
        for (size_t a = 1; a < m->n_nodes; a++)
            for (size_t b = a + 1; b < m->n_nodes; b++) {
                const co_vertex *u = &m->node[a];
                const float *y = s.work->slot[a].y, *z = s.work->slot[b].y;
                const size_t n = (u->out.sequence ? s.batch.rows : N) * u->floats;
                if (!y || !z || u->low.brief) continue;
                if (y == z) cr_expect(is_written_over(m, a, b), "%zu %zu", a, b);
                if (y != z) cr_expect(z >= y + n || z < y, "%s: %zu and %zu", lists[k].yaml, a, b);
            }
        close_model(&s);
    }
    cr_expect_eq(co_memory_blocks(), 0);
}
