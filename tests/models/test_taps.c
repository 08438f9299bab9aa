/* tests/models/test_taps.c - values and gradients of single nodes, passes that begin at one. */
#include "tests/models/graph_support.h"

/* A pass from node `node` on with the values that an ordinary pass has there: the same loss and
 * gradients. */
static void check_beginning(setup *s, size_t node, double loss, const float *grad)
{
    const co_shape shape = co_model_tap_shape(s->model, node);
    const size_t n = co_shape_rows(&shape, &s->batch) * co_shape_size(&shape);
    float *values = co_calloc(n, sizeof *values), *d = co_calloc(n, sizeof *d),
          *own = co_calloc(s->size, sizeof *own);
    size_t behind = s->size; /* tensors of the nodes behind it: none is tied here */
    for (size_t l = s->model->n_nodes; l-- > node + 1;)
        if (s->model->node[l].n_tensors) behind = s->model->node[l].at[0];
    loss_of(s, NULL);
    co_model_tap_values(s->model, s->work, &s->batch, node, values);
    memset(s->sums, 0, sizeof s->sums);
    co_model_loss_from(s->model, s->work, s->params, &s->pass, node, values, NULL, own, d, s->sums);
    cr_expect_eq(s->sums[1], loss);
    for (size_t i = 0; i < s->size; i++)
        cr_assert_eq(own[i], i < behind ? 0.0f : grad[i], "node %zu: %zu", node, i);
    for (size_t i = 0; i < n; i += 1 + n / 40) {
        const float kept = values[i], h = 0.004f;
        double sides[2] = {0};
        for (int k = 0; k < 2; k++) {
            values[i] = k ? kept + h : kept - h;
            memset(s->sums, 0, sizeof s->sums);
            co_model_loss_from(s->model, s->work, s->params, &s->pass, node, values, NULL, NULL,
                               NULL, s->sums);
            sides[k] = s->sums[1];
        }
        values[i] = kept;
        cr_assert_float_eq((double)d[i], (sides[1] - sides[0]) / (2.0 * (double)h) / N, 2e-4,
                           "node %zu: %zu", node, i);
    }
    co_free(values), co_free(d), co_free(own);
}

static void check_taps(void)
{
    static const struct {
        const char *yaml;
        co_shape in;
        size_t n_past; /* tokens, and nodes that something goes past */
    } smooth[] = {
        {"{layers: [{conv2d: {channels: 3, kernel: 3}}, tanh, {residual: [{conv2d: {channels: 3, "
         "kernel: 3, padding: same}}, tanh]}, "
         "{group_norm: 3}, {avg_pool: 2}, flatten, {residual: [flatten, tanh]}, {dense: 6}, tanh, "
         "{dense: classes}]}",
         {.ndim = 3, .dim = {2, 8, 8}},
         4},
        {"{layers: [{conv2d: {channels: 4, kernel: 3, bias: false}}, {group_norm: 2}, tanh, "
         "{residual: {layers: [{conv2d: {channels: 6, kernel: 3, stride: 2, padding: 1, bias: "
         "false}}, {group_norm: 2}, tanh, {conv2d: {channels: 6, kernel: 3, padding: same, bias: "
         "false}}, {group_norm: 3}], shortcut: [{conv2d: {channels: 6, kernel: 1, stride: 2, bias: "
         "false}}, {group_norm: 2}]}}, tanh, global_avg_pool, {dense: classes}]}",
         {.ndim = 3, .dim = {2, 9, 8}},
         7},
        {"{layers: [{embedding: 6}, {lstm: 5}, {repeat: {times: 2, layers: [{dense: 5}, tanh]}}, "
         "{dropout: 0.2}, {pool_time: mean}, "
         "{dense: classes}]}",
         {.sequence = true, .tokens = true, .dim = {9}},
         1},
    };
    for (size_t k = 0; k < sizeof smooth / sizeof *smooth; k++) {
        setup plain = open_model(smooth[k].yaml, smooth[k].in),
              s = open_model(smooth[k].yaml, smooth[k].in);
        size_t n_begun = 0, node;
        for (size_t l = smooth[k].in.tokens; l < s.model->n_nodes; l++) {
            cr_assert_eq(co_model_tap(s.model, s.model->node[l].name, &node), CO_OK);
            cr_expect_eq(node, l);
        }
        const double loss = loss_of(&plain, plain.grad);
        cr_expect_eq(loss_of(&s, s.grad), loss, "taps change the loss");
        cr_expect(memcmp(s.grad, plain.grad, s.size * sizeof(float)) == 0, "taps change gradients");
        for (size_t l = smooth[k].in.tokens; l < s.model->n_nodes; l++) {
            if (!co_model_begins_at(s.model, l)) continue;
            check_beginning(&s, l, loss, plain.grad);
            n_begun++;
        }
        cr_expect_eq(n_begun, s.model->n_nodes - smooth[k].n_past);
        close_model(&plain);
        close_model(&s);
    }
}

Test(taps, a_pass_may_begin_at_a_node_and_gives_the_gradient_there)
{
    on_all_paths(check_taps);
}

/* Values in front of a rectifier, behind it, and behind the pooling that takes it over otherwise.
 */
static void check_values(void)
{
    const char *yaml = "{layers: [{conv2d: {channels: 3, kernel: 3}}, relu, {max_pool: 2}, relu, "
                       "flatten, {dense: classes}]}";
    setup s = open_model(yaml, test_image(2, 6, 8));
    size_t node[5];
    static const char *const names[] = {"0", "1", "2", "3", "4"};
    float values[5][N * 72];
    for (size_t k = 0; k < 5; k++) cr_assert_eq(co_model_tap(s.model, names[k], &node[k]), CO_OK);
    loss_of(&s, s.grad);
    for (size_t k = 0; k < 5; k++)
        co_model_tap_values(s.model, s.work, &s.batch, node[k], values[k]);
    size_t n_below = 0;
    for (size_t i = 0; i < N * 72; i++) {
        n_below += values[0][i] < 0.0f;
        cr_assert_eq(values[1][i], values[0][i] > 0.0f ? values[0][i] : 0.0f);
    }
    cr_expect(n_below > 20 && n_below < N * 72 - 20);
    for (size_t i = 0; i < N * 18; i++) {
        const float *corner = values[1] + i / 6 * 24 + i % 6 / 3 * 12 + i % 3 * 2;
        cr_assert_eq(values[2][i], fmaxf(fmaxf(corner[0], corner[1]), fmaxf(corner[6], corner[7])));
        cr_assert(values[3][i] == values[2][i] && values[4][i] == values[2][i]);
    }
    close_model(&s);
}

Test(taps, a_tap_hands_out_the_values_of_its_own_node)
{
    on_all_paths(check_values);
}

/* Soft embeddings: rows of floats in the place of the table's; the gradient by them, summed by
 * token, is that of the table. */
Test(taps, soft_embeddings_have_the_gradient_of_the_table)
{
    setup s =
        open_model("{layers: [{embedding: 6}, {lstm: 5}, {pool_time: last}, {dense: classes}]}",
                   (co_shape){.sequence = true, .tokens = true, .dim = {9}});
    size_t node;
    float values[16 * 6], d[16 * 6], sum[9 * 6] = {0};
    cr_expect_eq(co_model_tap(s.model, "input", &node), CO_EUSAGE);
    cr_expect(strstr(co_status_message(), "tokens"));
    cr_expect_eq(co_model_tap(s.model, "7", &node), CO_EUSAGE);
    cr_expect(strstr(co_status_message(), "7"));
    cr_assert_eq(co_model_tap(s.model, "0", &node), CO_OK);
    loss_of(&s, s.grad);
    for (size_t r = 0; r < s.batch.rows; r++)
        memcpy(values + r * 6, s.params + (size_t)s.tokens[r] * 6, 6 * sizeof *values);
    co_model_loss_from(s.model, s.work, s.params, &s.pass, node, values, NULL, NULL, d, s.sums);
    for (size_t r = 0; r < s.batch.rows; r++)
        for (size_t k = 0; k < 6; k++) sum[(size_t)s.tokens[r] * 6 + k] += d[r * 6 + k];
    cr_expect_lt(relative_distance(sum, s.grad, 9 * 6), 1e-6);
    cr_expect_gt(fabsf(d[0]), 0.0f);
    close_model(&s);
    cr_expect_eq(co_memory_blocks(), 0);
}
