/* tests/models/test_graph.c - blocks, tied tensors, lowering on and off, taps, roles. */
#include "models/graph/graph.h"
#include "models/kernel_path.h"
#include "tests/harness.h"
#include "tests/models/build.h"
#include <math.h>

enum { N = 5, CLASSES = 4 };

/* A model with everything around it for N images, rows or texts. */
typedef struct {
    co_model *model;
    co_workspace *work;
    size_t size;
    float *params, *grad, *x;
    int64_t offsets[N + 1];
    int32_t y[N], tokens[16];
    co_batch batch;
    co_pass pass;
    double sums[64];
} setup;

static setup open_model(const char *yaml, co_shape in)
{
    setup s = {0};
    cr_assert_eq(test_model(yaml, &in, CLASSES, &s.model), CO_OK, "%s", co_status_message());
    s.size = co_model_size(s.model);
    s.params = co_calloc(s.size, sizeof(float));
    s.grad = co_calloc(s.size, sizeof(float));
    co_model_init(s.model, 1, s.params);
    s.x = co_calloc(N * (in.tokens ? 1 : co_shape_size(&in)), sizeof(float));
    test_fill(1, in.tokens ? 0 : N * co_shape_size(&in), 1.0f, s.x);
    for (int i = 0; i < N; i++) s.y[i] = i % CLASSES;
    for (int i = 0; i < N; i++) s.offsets[i + 1] = s.offsets[i] + (i % 3 ? i : 2);
    for (int i = 0; i < 16; i++)
        s.tokens[i] = (int32_t)(test_bits(4, (uint64_t)i) % (in.tokens ? in.dim[0] : 1));
    return s;
}

static void aim(setup *s)
{
    const co_shape *in = co_model_input(s->model);
    s->batch = (co_batch){.n = N, .rows = N, .x = in->tokens ? NULL : s->x, .y = s->y};
    if (in->tokens) {
        s->batch.rows = (size_t)s->offsets[N];
        s->batch.offsets = s->offsets;
        s->batch.tokens = s->tokens;
    }
    s->pass = (co_pass){.batch = &s->batch, .train = true, .seed = 3, .step = 7};
    if (!s->work)
        cr_assert_eq(co_workspace_create(s->model, N, s->batch.rows, &s->work), CO_OK, "%s",
                     co_status_message());
    memset(s->sums, 0, sizeof s->sums);
}

/* Summed loss; adds the gradient of its mean to grad if that is not NULL. */
static double loss_of(setup *s, float *grad)
{
    aim(s);
    co_model_loss(s->model, s->work, s->params, &s->pass, NULL, grad, s->sums);
    return s->sums[1];
}

static void close_model(setup *s)
{
    co_workspace_destroy(s->work);
    co_model_destroy(s->model);
    co_free(s->params), co_free(s->grad), co_free(s->x);
}

static void on_all_paths(void (*law)(void))
{
    co_kernel_level best;
    cr_assert_eq(co_kernel_best(&best), CO_OK, "%s", co_status_message());
    for (co_kernel_level level = CO_KERNELS_REFERENCE; level <= best; level++) {
        co_kernel_use(level);
        law();
    }
    cr_expect_eq(co_memory_blocks(), 0);
}

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

static void refuse(const char *yaml, co_shape in, const char *word)
{
    co_model *model;
    cr_assert_eq(test_model(yaml, &in, CLASSES, &model), CO_EUSAGE, "%s", yaml);
    cr_expect(strstr(co_status_message(), word), "%s: %s", word, co_status_message());
    cr_expect_eq(co_memory_blocks(), 0, "%s", yaml);
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

/* ---- lowering ---- */

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
    {"{layers: [{embedding: 8}, {dropout: 0.2}, {lstm: 9}, {residual: [{dense: 9}, relu, {dense: "
     "9}]}, {pool_time: mean}, {dense: classes}]}",
     {.sequence = true, .tokens = true, .dim = {20}}},
};

/* Loss, gradient and parameters after three steps. */
static void train(const char *yaml, co_shape in, const char *lowering, float **grad, float **params,
                  double *loss, size_t *n)
{
    setenv("COHORT_LOWERING", lowering, 1);
    setup s = open_model(yaml, in);
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

static void check_lowering(void)
{
    for (size_t k = 0; k < sizeof lists / sizeof *lists; k++) {
        float *grad[2], *params[2];
        double loss[2];
        size_t n;
        const char *yaml = lists[k].yaml;
        train(yaml, lists[k].in, "off", &grad[0], &params[0], &loss[0], &n);
        train(yaml, lists[k].in, "on", &grad[1], &params[1], &loss[1], &n);
        cr_expect_eq(loss[0], loss[1], "%s", yaml);
        cr_expect(memcmp(grad[0], grad[1], n * sizeof(float)) == 0, "%s on %s: other gradients",
                  yaml, co_kernel_path());
        cr_expect(memcmp(params[0], params[1], n * sizeof(float)) == 0, "%s on %s: other steps",
                  yaml, co_kernel_path());
        for (size_t i = 0; i < 2; i++) free(grad[i]), free(params[i]);
    }
}

Test(graph, lowering_changes_no_bit)
{
    on_all_paths(check_lowering);
}

Test(graph, lowering_can_be_on_or_off)
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
Test(graph, lowering_does_what_the_facts_allow)
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

/* ---- memory ---- */

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
Test(graph, living_buffers_do_not_overlap)
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

/* ---- taps ---- */

/* A pass from node `node` on with the values that an ordinary pass has there: the same loss and
 * gradients. */
static void check_beginning(setup *s, size_t node, double loss, const float *grad)
{
    const co_shape shape = co_model_tap_shape(s->model, node);
    const size_t n = co_shape_rows(&shape, &s->batch) * co_shape_size(&shape),
                 first = node < s->model->n_nodes - 1;
    float *values = co_calloc(n, sizeof *values), *d = co_calloc(n, sizeof *d),
          *own = co_calloc(s->size, sizeof *own);
    size_t behind = s->size; /* tensors of the nodes behind it: none is tied here */
    for (size_t l = s->model->n_nodes; l-- > node + 1;)
        if (s->model->node[l].n_tensors) behind = s->model->node[l].at[0];
    loss_of(s, NULL);
    co_model_tap_values(s->model, s->work, &s->batch, node, values);
    memset(s->sums, 0, sizeof s->sums);
    co_model_loss_from(s->model, s->work, s->params, &s->pass, node, values, NULL, own,
                       first ? d : NULL, s->sums);
    cr_expect_eq(s->sums[1], loss);
    for (size_t i = 0; i < s->size; i++)
        cr_assert_eq(own[i], i < behind ? 0.0f : grad[i], "node %zu: %zu", node, i);
    for (size_t i = 0; first && i < n; i += 1 + n / 40) {
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
    } smooth[] = {
        {"{layers: [{conv2d: {channels: 3, kernel: 3}}, tanh, {residual: [{conv2d: {channels: 3, "
         "kernel: 3, padding: same}}, tanh]}, "
         "{group_norm: 3}, {avg_pool: 2}, flatten, {residual: [flatten, tanh]}, {dense: 6}, tanh, "
         "{dense: classes}]}",
         {.ndim = 3, .dim = {2, 8, 8}}},
        {"{layers: [{embedding: 6}, {lstm: 5}, {repeat: {times: 2, layers: [{dense: 5}, tanh]}}, "
         "{dropout: 0.2}, {pool_time: mean}, "
         "{dense: classes}]}",
         {.sequence = true, .tokens = true, .dim = {9}}},
    };
    for (size_t k = 0; k < sizeof smooth / sizeof *smooth; k++) {
        setup plain = open_model(smooth[k].yaml, smooth[k].in),
              s = open_model(smooth[k].yaml, smooth[k].in);
        size_t n_begun = 0, node;
        for (size_t l = k == 0 ? 0 : 1; l < s.model->n_nodes; l++) {
            cr_assert_eq(co_model_tap(s.model, s.model->node[l].name, &node), CO_OK);
            cr_expect_eq(node, l);
        }
        const double loss = loss_of(&plain, plain.grad);
        cr_expect_eq(loss_of(&s, s.grad), loss, "taps change the loss");
        cr_expect(memcmp(s.grad, plain.grad, s.size * sizeof(float)) == 0, "taps change gradients");
        for (size_t l = k == 0 ? 0 : 1; l < s.model->n_nodes; l++) {
            if (!co_model_begins_at(s.model, l)) continue;
            check_beginning(&s, l, loss, plain.grad);
            n_begun++;
        }
        cr_expect_eq(n_begun, s.model->n_nodes - 1 -
                                  (k == 0 ? 3 : 0)); /* not inside residual blocks of 2 and 2
                                                        layers; the last of each ends it */
        close_model(&plain);
        close_model(&s);
    }
}

Test(graph, a_pass_may_begin_at_a_node_and_gives_the_gradient_there)
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

Test(graph, a_tap_hands_out_the_values_of_its_own_node)
{
    on_all_paths(check_values);
}

/* Soft embeddings: rows of floats in the place of the table's; the gradient by them, summed by
 * token, is that of the table. */
Test(graph, soft_embeddings_have_the_gradient_of_the_table)
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
