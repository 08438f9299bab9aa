/* tests/models/test_model.c - lists of layers, tensor tables, presets, freezing, messages,
 * two-phase backward. */
#include "tests/harness.h"
#include "tests/models/build.h"
#include <math.h>

static size_t count_of(const char *yaml, co_shape in, size_t classes)
{
    co_model *model;
    cr_assert_eq(test_model(yaml, &in, classes, &model), CO_OK, "%s", co_status_message());
    const size_t size = co_model_size(model);
    co_model_destroy(model);
    cr_expect_eq(co_memory_blocks(), 0);
    return size;
}

Test(model, presets_have_the_published_numbers_of_parameters)
{
    const co_shape mnist = test_image(1, 28, 28);
    cr_expect_eq(count_of("{name: softmax}", mnist, 10), 7850);
    cr_expect_eq(count_of("{name: 2nn}", mnist, 10), 199210);
    cr_expect_eq(count_of("{name: mnist_cnn}", mnist, 10), 1663370);
    cr_expect_eq(count_of("{name: femnist_cnn}", mnist, 62), 6603710);
    cr_expect_eq(count_of("{name: cifar_cnn}", test_image(3, 32, 32), 10), 1626442);
    cr_expect_eq(count_of("{name: resnet_gn}", test_image(3, 32, 32), 10), 11173962);
    cr_expect_eq(
        count_of("{name: resnet_gn, width: 16, stages: 3, blocks: 3}", test_image(3, 32, 32), 10),
        272474);
    cr_expect_eq(count_of("{name: mlp, hidden: [200, 200]}", mnist, 10), 199210);
    cr_expect_eq(count_of("{name: mlp, hidden: 7}", test_flat(5), 3), 5 * 7 + 7 + 7 * 3 + 3);
    cr_expect_eq(count_of("{name: softmax}", test_flat(60), 10), 610);
    const co_shape words = {.sequence = true, .tokens = true, .dim = {1000}};
    cr_expect_eq(count_of("{name: bow, embedding: 50}", words, 20), 1000 * 50 + 50 * 20 + 20);
    cr_expect_eq(count_of("{name: lstm}", words, 20),
                 1000 * 100 + 4 * 128 * (100 + 128 + 2) + 128 * 20 + 20);
}

static void refuse_for(const char *task, const char *yaml, co_shape in, const char *words)
{
    const co_labels labels = {.n = 5};
    co_model *model;
    cr_expect_eq(test_model_for(task, yaml, &in, &labels, &model), CO_EUSAGE, "%s", yaml);
    cr_expect(strstr(co_status_message(), words), "%s: %s", yaml, co_status_message());
}

Test(model, lists_that_do_not_fit_texts_or_their_task_are_refused_with_the_remedy)
{
    const co_shape words = {.sequence = true, .tokens = true, .dim = {30}};
    refuse_for("classification", "{layers: [{embedding: 4}, {dense: classes}]}", words,
               "pool_time");
    refuse_for("lm", "{layers: [{embedding: 4}, {pool_time: mean}, {dense: classes}]}", words,
               "a row for every token");
    refuse_for("tagging", "{layers: [{lstm: 4}, {dense: classes}]}", words,
               "put embedding before it");
    refuse_for("lm", "{layers: [{dense: classes}]}", words, "put embedding before it");
    refuse_for("classification", "{layers: [{embedding: 4}, {dense: classes}]}", test_flat(6),
               "needs tokens");
    refuse_for("classification", "{layers: [{gru: 4}, {dense: classes}]}", test_flat(6),
               "needs sequences");
    refuse_for("classification", "{name: softmax}", words, "put embedding before it");
}

Test(model, tensors_are_named_and_placed_as_in_a_torch_sequential)
{
    static const char *const names[] = {"0.weight", "0.bias", "3.weight", "3.bias",
                                        "7.weight", "7.bias", "9.weight", "9.bias"};
    const co_shape in = test_image(1, 28, 28);
    co_model *model;
    size_t n, offset = 0;
    cr_assert_eq(test_model("{name: mnist_cnn}", &in, 10, &model), CO_OK);
    const co_tensor *tensor = co_model_tensors(model, &n);
    cr_assert_eq(n, 8);
    for (size_t t = 0; t < n; t++) {
        cr_expect_str_eq(tensor[t].name, names[t]);
        cr_expect_eq(tensor[t].offset, offset);
        cr_expect_eq(tensor[t].role, CO_SHARED);
        offset += tensor[t].size;
    }
    cr_expect(tensor[2].ndim == 4 && tensor[2].dim[0] == 64 && tensor[2].dim[1] == 32 &&
              tensor[2].dim[3] == 5);
    cr_expect_eq(offset, co_model_size(model));
    co_model_destroy(model);
}

Test(model, describes_its_tensors_as_json)
{
    const co_shape in = test_flat(4);
    co_model *model;
    cr_assert_eq(test_model("{layers: [{dense: 3}, relu, {dense: classes}], freeze: [0.bias]}", &in,
                            2, &model),
                 CO_OK, "%s", co_status_message());
    char *text = co_model_describe(model);
    cr_expect_str_eq(text, "[{\"name\": \"0.weight\", \"shape\": [3, 4], \"role\": \"shared\"}, "
                           "{\"name\": \"0.bias\", \"shape\": [3], \"role\": \"frozen\"}, "
                           "{\"name\": \"2.weight\", \"shape\": [2, 3], \"role\": \"shared\"}, "
                           "{\"name\": \"2.bias\", \"shape\": [2], \"role\": \"shared\"}]");
    cr_expect_eq(co_model_flops(model, 1.0, 0.0), 4.0 * 3.0 + 3.0 * 2.0);
    co_free(text);
    co_model_destroy(model);
    cr_expect_eq(co_memory_blocks(), 0);
}

static void refuse(const char *yaml, co_shape in, const char *word)
{
    co_model *model;
    cr_assert_eq(test_model(yaml, &in, 10, &model), CO_EUSAGE, "%s", yaml);
    cr_expect(strstr(co_status_message(), word), "%s: %s", word, co_status_message());
    cr_expect_null(model);
    cr_expect_eq(co_memory_blocks(), 0, "%s", yaml);
}

Test(model, refuses_what_makes_no_model_and_says_what_to_do)
{
    const co_shape image = test_image(1, 28, 28), flat = test_flat(20);
    refuse("{}", flat, "name");
    refuse("{name: softmax, layers: [flatten]}", flat, "not both");
    refuse("{name: sotfmax}", flat, "softmax");
    refuse("{layers: []}", flat, "list");
    refuse("{layers: relu}", flat, "list");
    refuse("{layers: [dens]}", flat, "dense");
    refuse("{layers: [relu, {dens: 3}]}", flat, "layers[1]");
    refuse("{layers: [{dense: 3, relu: 1}]}", flat, "one key");
    refuse("{layers: [{conv2d: 3}, flatten]}", image, "channels");
    refuse("{layers: [{relu: 3}]}", flat, "no option");
    refuse("{layers: [{dense: classes}]}", image, "flatten");
    refuse("{layers: [flatten, {dense: 9}]}", image, "dense: classes");
    refuse("{layers: [flatten, {dense: 9}]}", image, "[9]");
    refuse("{layers: [{conv2d: {channels: 10, kernel: 28}}]}", image, "[10, 1, 1]");
    refuse("{layers: [{conv2d: {channels: 10, kernal: 28}}]}", image, "kernel");
    refuse("{layers: [{dropout: 1.0}, {dense: classes}]}", flat, "dropout");
    refuse("{name: softmax, freeze: [1.wait]}", flat, "1.wait");
    refuse("{layers: [{dense: 16777216}, {dense: 100}, {dense: 16777216}, {dense: classes}]}", flat,
           "2^31 - 1");
}

enum { ROWS = 4 };
typedef struct {
    co_model *model;
    co_workspace *work;
    size_t size;
    float *params, *grad, *x;
    int32_t y[ROWS];
    co_batch batch;
    co_pass pass;
} setup;

static setup open_setup(const char *yaml, co_shape in)
{
    setup s = {0};
    cr_assert_eq(test_model(yaml, &in, 3, &s.model), CO_OK, "%s", co_status_message());
    cr_assert_eq(co_workspace_create(s.model, ROWS, ROWS, 0, &s.work), CO_OK);
    s.size = co_model_size(s.model);
    s.params = co_calloc(s.size, sizeof(float));
    s.grad = co_calloc(s.size, sizeof(float));
    s.x = co_calloc(ROWS * co_shape_size(&in), sizeof(float));
    co_model_init(s.model, 1, s.params);
    test_fill(1, ROWS * co_shape_size(&in), 1.0f, s.x);
    for (int i = 0; i < ROWS; i++) s.y[i] = i % 3;
    return s;
}

static void close_setup(setup *s)
{
    co_workspace_destroy(s->work);
    co_model_destroy(s->model);
    co_free(s->params);
    co_free(s->grad);
    co_free(s->x);
    cr_expect_eq(co_memory_blocks(), 0);
}

/* Summed loss of n examples from `first` on; adds to grad if grad is not NULL. */
static double loss_of(setup *s, size_t first, size_t n, const float *scale, float *grad,
                      size_t n_in)
{
    double sums[64] = {0};
    s->batch = (co_batch){.n = n, .rows = n, .x = s->x + first * n_in, .y = s->y + first};
    s->pass = (co_pass){.batch = &s->batch, .train = true, .seed = 3};
    co_model_loss(s->model, s->work, s->params, &s->pass, scale, grad, sums);
    cr_expect_eq(sums[0], (double)n);
    return sums[1];
}

static const char small_cnn[] =
    "{layers: [{conv2d: {channels: 3, kernel: 3, padding: same}}, tanh, {avg_pool: 2}, "
    "flatten, {dense: 5}, tanh, {dropout: 0.3}, {dense: classes}]}";

Test(model, the_gradient_is_the_slope_of_the_mean_loss)
{
    setup s = open_setup(small_cnn, test_image(2, 6, 4));
    loss_of(&s, 0, ROWS, NULL, s.grad, 48);
    for (size_t i = 0; i < s.size; i++) {
        const float kept = s.params[i], h = 0.01f;
        s.params[i] = kept + h;
        const double above = loss_of(&s, 0, ROWS, NULL, NULL, 48);
        s.params[i] = kept - h;
        const double below = loss_of(&s, 0, ROWS, NULL, NULL, 48);
        s.params[i] = kept;
        const double slope = (above - below) / (2.0 * (double)h) / ROWS;
        cr_assert_float_eq((double)s.grad[i], slope, 1e-4, "%zu: %g, slope %g", i,
                           (double)s.grad[i], slope);
    }
    close_setup(&s);
}

static void check_scales(const char *yaml)
{
    const float scale[ROWS] = {1.0f, 0.0f, -2.0f, 0.25f};
    setup s = open_setup(yaml, test_flat(7));
    float *sum = co_calloc(s.size, sizeof *sum);
    loss_of(&s, 0, ROWS, scale, s.grad, 7);
    float *all = co_calloc(s.size, sizeof *all);
    memcpy(all, s.grad, s.size * sizeof *all);
    for (size_t e = 0; e < ROWS; e++) {
        memset(s.grad, 0, s.size * sizeof *s.grad);
        loss_of(&s, e, 1, NULL, s.grad, 7);
        for (size_t i = 0; i < s.size; i++) sum[i] += scale[e] * s.grad[i] / ROWS;
    }
    cr_expect_lt(relative_distance(all, sum, s.size), 1e-5, "%s", yaml);
    co_free(sum);
    co_free(all);
    close_setup(&s);
}

Test(model, scales_weigh_the_examples_own_gradients)
{
    check_scales("{name: mlp, hidden: [6, 5]}");
    check_scales("{layers: [{residual: [{group_norm: 7}, {dense: 7}, tanh, {group_norm: 1}]}, "
                 "{dense: 7, tie: {weight: 0.1.weight}}, "
                 "{residual: {layers: [{dense: 4}], shortcut: [{dense: 4}]}}, {dense: classes}]}");
}

Test(model, frozen_tensors_get_no_gradient_and_the_others_the_same)
{
    static const char *const frozen[] = {"[0.weight]", "[0.weight, 0.bias]", "[4.weight, 7.bias]",
                                         "[0.weight, 0.bias, 4.weight, 4.bias, 7.weight, 7.bias]"};
    setup s = open_setup(small_cnn, test_image(2, 6, 4));
    loss_of(&s, 0, ROWS, NULL, s.grad, 48);
    for (size_t f = 0; f < 4; f++) {
        char yaml[512];
        size_t n;
        snprintf(yaml, sizeof yaml, "%.*s, freeze: %s}", (int)strlen(small_cnn) - 1, small_cnn,
                 frozen[f]);
        setup part = open_setup(yaml, test_image(2, 6, 4));
        const co_tensor *tensor = co_model_tensors(part.model, &n);
        loss_of(&part, 0, ROWS, NULL, part.grad, 48);
        for (size_t t = 0; t < n; t++)
            for (size_t i = tensor[t].offset; i < tensor[t].offset + tensor[t].size; i++)
                cr_assert_eq(part.grad[i], tensor[t].role == CO_FROZEN ? 0.0f : s.grad[i], "%s",
                             tensor[t].name);
        co_workspace_destroy(part.work);
        co_model_destroy(part.model);
        co_free(part.params);
        co_free(part.grad);
        co_free(part.x);
    }
    close_setup(&s);
}

Test(model, passes_allocate_nothing)
{
    setup s = open_setup(small_cnn, test_image(2, 6, 4));
    const size_t blocks = co_memory_blocks(), peak = co_memory_peak();
    loss_of(&s, 0, ROWS, NULL, s.grad, 48);
    cr_expect_eq(co_memory_blocks(), blocks);
    cr_expect_eq(co_memory_peak(), peak);
    close_setup(&s);
}

Test(model, memory_of_a_workspace_is_told_beforehand)
{
    setup s = open_setup(small_cnn, test_image(2, 6, 4));
    for (size_t n = 1; n <= 64; n *= 8) {
        co_workspace *w;
        const size_t before = co_memory_bytes();
        cr_assert_eq(co_workspace_create(s.model, n, n, 0, &w), CO_OK);
        const size_t told = co_workspace_bytes(s.model, n, n, 0),
                     taken = co_memory_bytes() - before;
        cr_expect(told <= taken && taken <= told + 4096, "%zu told, %zu taken", told, taken);
        cr_expect_geq(told, 2 * n * 72 * 2 * sizeof(float)); /* conv and tanh, both ways */
        co_workspace_destroy(w);
    }
    cr_expect_eq(co_workspace_bytes(s.model, SIZE_MAX / 4, SIZE_MAX / 4, 0), 0);
    close_setup(&s);
}

Test(model, initial_values_depend_on_the_seed_and_differ_between_tensors)
{
    setup s = open_setup("{layers: [{dense: 5}, {dense: 5}, {dense: classes}]}", test_flat(5));
    float *other = co_calloc(s.size, sizeof *other);
    co_model_init(s.model, 1, other);
    cr_expect(memcmp(s.params, other, s.size * sizeof *other) == 0);
    cr_expect_neq(other[0], other[30]); /* weights of equal shape: 0.weight and 1.weight */
    cr_expect_neq(other[0], other[25]);
    co_model_init(s.model, 2, other);
    cr_expect(memcmp(s.params, other, s.size * sizeof *other) != 0);
    co_free(other);
    close_setup(&s);
}

Test(model, a_batch_too_large_for_memory_is_refused)
{
    const co_shape in = test_image(1, 28, 28);
    co_model *model;
    co_workspace *work;
    cr_assert_eq(test_model("{name: mnist_cnn}", &in, 10, &model), CO_OK);
    cr_expect_eq(co_workspace_create(model, SIZE_MAX / 8, SIZE_MAX / 8, 0, &work), CO_EUSAGE);
    cr_expect_eq(co_workspace_create(model, (size_t)1 << 40, (size_t)1 << 40, 0, &work), CO_EUSAGE);
    cr_expect_null(work);
    co_model_destroy(model);
}
