/* tests/models/test_reference.c - whole models against PyTorch in double precision
 * (tests/reference/models.py, clipping.py), on every kernel path that this processor has. */
#include "models/kernel_path.h"
#include "models/optimizers/optimizer.h"
#include "tests/harness.h"
#include "tests/models/build.h"
#include <math.h>

enum {
    INPUT = 1000,
    LABEL = 2000,
    LENGTH = 4000,
    TOKEN = 5000,
    TARGET_LENGTH = 6000,
    TARGET_TOKEN = 7000,
    STEPS = 20
};
/* tiny: what is left of a gradient whose parts cancel (biases of keys), in float */
static const double tolerance = 1e-5, tiny = 1e-9;
/* Gradients that are shorter count as so long: that of a key's bias is nothing but rounding. */
static const double shortest_gradient = 1e-2;

typedef struct {
    char name[32], yaml[1024];
    size_t batch, ndim, dim[3], classes, n_tensors, n_params;
    double lr, momentum, decay;
    int nesterov;
    co_model *model;
    const co_tensor *tensor;
    float *params, *grad, *slot, *x, *values;
    int32_t *y, *tokens, *target_tokens;
    int64_t *offsets, *target_offsets;
    co_labels labels;
    co_batch data;
} reference;

static bool begins(const reference *r, const char *prefix)
{
    return strncmp(r->name, prefix, strlen(prefix)) == 0;
}

/* Distance from the coordinates of one line, and of the norms, both relative. */
static void compare_tensor(const reference *r, FILE *file, const char *what, size_t index,
                           const float *have, size_t n)
{
    char word[16];
    size_t got_index, size, samples, at;
    double norm, value, difference = 0.0, length = 0.0, own = 0.0;
    cr_assert_eq(fscanf(file, "%15s %zu %zu %lf %zu", word, &got_index, &size, &norm, &samples), 5);
    cr_assert(strcmp(word, what) == 0 && got_index == index && size == n, "%s: %s %zu", r->name,
              word, got_index);
    for (size_t i = 0; i < samples; i++) {
        cr_assert_eq(fscanf(file, "%zu %lf", &at, &value), 2);
        difference += ((double)have[at] - value) * ((double)have[at] - value);
        length += value * value;
    }
    for (size_t i = 0; i < n; i++) own += (double)have[i] * (double)have[i];
    const double least = strcmp(what, "grad") == 0 && begins(r, "span") ? shortest_gradient : 0.0;
    cr_expect_leq(sqrt(difference), tolerance * fmax(sqrt(length), least) + tiny,
                  "%s on %s: %s %zu: %g of %g", r->name, co_kernel_path(), what, index,
                  sqrt(difference), sqrt(length));
    cr_expect_leq(fabs(sqrt(own) - norm), tolerance * fmax(norm, least) + tiny,
                  "%s: norm of %s %zu: %g, not %g", r->name, what, index, sqrt(own), norm);
}

static void check_shape(const reference *r, FILE *file, const co_tensor *t)
{
    char name[80];
    size_t ndim, dim;
    cr_assert_eq(fscanf(file, " shape %79s %zu", name, &ndim), 2);
    cr_expect_str_eq(name, t->name, "%s", r->name);
    cr_assert_eq(ndim, t->ndim, "%s: %s", r->name, name);
    for (size_t i = 0; i < ndim; i++) {
        cr_assert_eq(fscanf(file, "%zu", &dim), 1);
        cr_expect_eq(dim, t->dim[i], "%s: %s", r->name, name);
    }
}

/* The closed formula of models.py: a layer's tensors share the fan-in of its weight. */
static void fill(const reference *r)
{
    size_t fan_in = 1;
    for (size_t t = 0; t < r->n_tensors; t++) {
        const co_tensor *tensor = &r->tensor[t];
        if (tensor->ndim > 1) fan_in = tensor->size / tensor->dim[0];
        test_fill(t, tensor->size, (float)(1.0 / sqrt((double)fan_in)), r->params + tensor->offset);
    }
}

static const char *task_of(const reference *r)
{
    if (begins(r, "numbers")) return "regression";
    if (begins(r, "labels")) return "multilabel";
    if (begins(r, "pairs")) return "seq2seq";
    if (begins(r, "span")) return "span";
    return r->ndim > 0 || !r->dim[2] ? "classification"
           : r->classes == r->dim[0] ? "lm"
                                     : "tagging";
}

static size_t draw_lengths(const reference *r, int stream, int64_t **offsets)
{
    *offsets = co_calloc(r->batch + 1, sizeof **offsets);
    for (size_t i = 0; i < r->batch; i++)
        (*offsets)[i + 1] = (*offsets)[i] + (int64_t)(test_bits(stream, i) % (r->dim[1] + 1));
    return (size_t)(*offsets)[r->batch];
}

static int32_t *draw_tokens(int stream, size_t n, size_t most)
{
    int32_t *tokens = co_calloc(n, sizeof *tokens);
    for (size_t j = 0; j < n; j++) tokens[j] = (int32_t)(test_bits(stream, j) % most);
    return tokens;
}

/* Floats, or texts of lengths and tokens by the formulas of models.py; the labels of examples or
 * tokens. */
static void open_data(reference *r, const co_shape *in)
{
    size_t n = r->batch, n_labels = n;
    r->data = (co_batch){.n = n, .rows = n};
    if (in->tokens) {
        r->data.rows = draw_lengths(r, LENGTH, &r->offsets);
        r->tokens = draw_tokens(TOKEN, r->data.rows, r->dim[0]);
        if (r->dim[2]) n_labels = r->data.rows;
        if (begins(r, "pairs")) {
            n_labels = r->data.target_rows = draw_lengths(r, TARGET_LENGTH, &r->target_offsets);
            r->target_tokens = draw_tokens(TARGET_TOKEN, n_labels, r->classes);
        }
    } else {
        r->x = co_calloc(n * co_shape_size(in), sizeof(float));
        for (size_t j = 0; j < n * co_shape_size(in); j++)
            r->x[j] = (float)test_bits(INPUT, j) * 0x1p-24f;
    }
    r->y = co_calloc(n_labels, sizeof(int32_t));
    for (size_t j = 0; j < n_labels; j++) r->y[j] = (int32_t)(test_bits(LABEL, j) % r->classes);
    r->values = co_calloc(n * r->classes, sizeof(float));
    for (size_t j = 0; j < n * r->classes; j++)
        r->values[j] = begins(r, "numbers") ? (float)test_bits(LABEL, j) * 0x1p-23f - 1.0f
                                            : (float)(test_bits(LABEL, j) % 2);
    r->data.offsets = r->offsets;
    r->data.tokens = r->tokens;
    r->data.target_offsets = r->target_offsets;
    r->data.target_tokens = r->target_tokens;
    r->data.x = r->x;
    r->data.y = task_of(r)[0] == 'c' || in->tokens ? (const void *)r->y : r->values;
}

/* Texts of one token at least, none of them 0, and the places of a first and a last one. */
static void open_spans(reference *r)
{
    const size_t n = r->batch;
    r->offsets = co_calloc(n + 1, sizeof *r->offsets);
    r->y = co_calloc(2 * n, sizeof *r->y);
    for (size_t i = 0; i < n; i++) {
        const size_t length = test_bits(LENGTH, i) % r->dim[1] + 1;
        r->offsets[i + 1] = r->offsets[i] + (int64_t)length;
        for (size_t k = 2 * i; k < 2 * i + 2; k++)
            r->y[k] = (int32_t)(test_bits(LABEL, k) % length);
    }
    const size_t rows = (size_t)r->offsets[n];
    r->tokens = co_calloc(rows, sizeof *r->tokens);
    for (size_t j = 0; j < rows; j++)
        r->tokens[j] = (int32_t)(test_bits(TOKEN, j) % (r->dim[0] - 1) + 1);
    r->values = NULL;
    r->data =
        (co_batch){.n = n, .rows = rows, .offsets = r->offsets, .tokens = r->tokens, .y = r->y};
}

static void open_model(reference *r, FILE *file)
{
    size_t n_tensors;
    co_shape in = {.ndim = r->ndim, .dim = {r->dim[0], r->dim[1], r->dim[2]}};
    if (r->ndim == 0) in = (co_shape){.sequence = true, .tokens = true, .dim = {r->dim[0]}};
    cr_assert_eq(co_labels_init(&r->labels, NULL, r->classes), CO_OK);
    cr_assert_eq(test_model_for(task_of(r), r->yaml, &in, &r->labels, &r->model), CO_OK, "%s",
                 co_status_message());
    r->tensor = co_model_tensors(r->model, &n_tensors);
    cr_assert_eq(n_tensors, r->n_tensors, "%s", r->name);
    cr_assert_eq(co_model_size(r->model), r->n_params, "%s", r->name);
    for (size_t t = 0; t < n_tensors; t++) check_shape(r, file, &r->tensor[t]);
    r->params = co_calloc(r->n_params, sizeof(float));
    r->grad = co_calloc(r->n_params, sizeof(float));
    r->slot = co_calloc(r->n_params, sizeof(float));
    fill(r);
    if (begins(r, "span"))
        open_spans(r);
    else
        open_data(r, &in);
}

static void close_model(reference *r)
{
    co_model_destroy(r->model);
    co_labels_fini(&r->labels);
    void *const blocks[] = {r->params, r->grad,          r->slot,    r->x,      r->y,
                            r->tokens, r->target_tokens, r->offsets, r->values, r->target_offsets};
    for (size_t k = 0; k < sizeof blocks / sizeof *blocks; k++) co_free(blocks[k]);
    r->x = NULL;
    r->tokens = NULL;
    r->offsets = NULL;
    r->target_tokens = NULL;
    r->target_offsets = NULL;
}

static void *open_sgd(const reference *r)
{
    char yaml[128];
    co_node *root = NULL;
    void *self = NULL;
    const co_optimizer *sgd = co_optimizer_find("sgd");
    snprintf(yaml, sizeof yaml, "{momentum: %g, nesterov: %s, weight_decay: %g}", r->momentum,
             r->nesterov ? "true" : "false", r->decay);
    cr_assert_eq(co_yaml_read_text(yaml, "test.yaml", &root), CO_OK, "%s", co_status_message());
    const co_config opt = {.file = "test.yaml", .section = "local", .map = root};
    const co_param *const tables[] = {sgd->params};
    cr_assert_eq(co_config_check(&opt, tables, 1), CO_OK, "%s", co_status_message());
    cr_assert_eq(sgd->create(&opt, &self), CO_OK, "%s", co_status_message());
    co_node_destroy(root);
    return self;
}

static double take_step(const reference *r, co_workspace *w, const co_pass *pass)
{
    double sums[512] = {0};
    memset(r->grad, 0, r->n_params * sizeof *r->grad);
    co_model_loss(r->model, w, r->params, pass, NULL, r->grad, sums);
    return co_task_mean_loss(sums);
}

static void run(reference *r, FILE *file)
{
    co_workspace *w;
    double before, after, loss = 0.0;
    const co_optimizer *sgd = co_optimizer_find("sgd");
    void *self = open_sgd(r);
    const co_pass pass = {.batch = &r->data, .train = false};
    const size_t n_out = r->target_offsets           ? r->data.target_rows
                         : r->ndim == 0 && r->dim[2] ? r->data.rows
                                                     : r->batch;
    cr_assert_eq(co_workspace_create(r->model, r->batch, r->data.rows, r->data.target_rows, &w),
                 CO_OK);
    for (int64_t step = 1; step <= STEPS; step++) {
        const double now = take_step(r, w, &pass);
        if (step == 1) {
            loss = now;
            const float *out = co_model_forward(r->model, w, r->params, &pass);
            compare_tensor(r, file, "output", 0, out, n_out * r->classes);
            for (size_t t = 0; t < r->n_tensors; t++)
                compare_tensor(r, file, "grad", t, r->grad + r->tensor[t].offset,
                               r->tensor[t].size);
        }
        sgd->step(self, r->params, r->grad, &r->slot, r->n_params, r->lr, step);
    }
    for (size_t t = 0; t < r->n_tensors; t++)
        compare_tensor(r, file, "step", t, r->params + r->tensor[t].offset, r->tensor[t].size);
    cr_assert_eq(fscanf(file, " loss %lf %lf", &before, &after), 2);
    cr_expect_lt(fabs(loss - before), tolerance * before, "%s: %.9g, not %.9g", r->name, loss,
                 before);
    loss = take_step(r, w, &pass);
    cr_expect_lt(fabs(loss - after), tolerance * after, "%s: %.9g, not %.9g", r->name, loss, after);
    co_workspace_destroy(w);
    sgd->destroy(self);
}

enum { MOST_EXAMPLES = 16, MOST_TENSORS = 64 };

/* The norms that the file has of every example and tensor: within 1e-5 of the tensor's, and where
 * it is nothing but rounding in a float of the example's. */
static void compare_norms(const reference *r, FILE *file, const double *norms, double *whole)
{
    for (size_t i = 0; i < r->batch; i++) {
        double want[MOST_TENSORS], square = 0.0;
        size_t index;
        cr_assert_eq(fscanf(file, " alone %zu", &index), 1, "%s", r->name);
        for (size_t t = 0; t < r->n_tensors; t++) {
            cr_assert_eq(fscanf(file, "%lf", &want[t]), 1);
            square += want[t] * want[t];
        }
        whole[i] = sqrt(square);
        for (size_t t = 0; t < r->n_tensors; t++) {
            const double have = norms[i * r->n_tensors + t];
            cr_expect_leq(fabs(have - want[t]), tolerance * want[t] + 1e-6 * whole[i],
                          "%s on %s: norm of example %zu by %s: %.9g, not %.9g", r->name,
                          co_kernel_path(), i, r->tensor[t].name, have, want[t]);
        }
    }
}

/* Tensor by tensor, then all together, by norms and formed. */
static void run_clipped(reference *r, FILE *file)
{
    co_workspace *w;
    double sums[512] = {0}, norms[MOST_EXAMPLES * MOST_TENSORS], whole[MOST_EXAMPLES], clip,
           far[64];
    uint32_t group[MOST_TENSORS];
    const co_pass pass = {.batch = &r->data, .train = false};
    cr_assert(r->batch <= MOST_EXAMPLES && r->n_tensors <= MOST_TENSORS);
    for (uint32_t t = 0; t < MOST_TENSORS; t++) group[t] = t, far[t] = (double)INFINITY;
    cr_assert_eq(co_workspace_create(r->model, r->batch, r->data.rows, r->data.target_rows, &w),
                 CO_OK);
    co_clipping how = {.n_groups = r->n_tensors, .group = group, .clip = far};
    cr_assert_eq(co_workspace_clip(w, &how, r->n_params), CO_OK);
    co_model_clipped(r->model, w, r->params, &pass, &how, r->grad, norms, sums);
    compare_norms(r, file, norms, whole);
    cr_assert_eq(fscanf(file, " clip %lf", &clip), 1);
    const long sum = ftell(file);
    for (int naive = 0; naive < 2; naive++) {
        how = (co_clipping){.naive = naive == 1, .n_groups = 1, .clip = &clip};
        cr_assert_eq(co_workspace_clip(w, &how, r->n_params), CO_OK);
        memset(r->grad, 0, r->n_params * sizeof *r->grad);
        co_model_clipped(r->model, w, r->params, &pass, &how, r->grad, norms, sums);
        for (size_t i = 0; i < r->batch; i++)
            cr_expect_leq(fabs(norms[i] - whole[i]), tolerance * whole[i],
                          "%s on %s: %.9g, not %.9g", r->name, co_kernel_path(), norms[i],
                          whole[i]);
        cr_assert_eq(fseek(file, sum, SEEK_SET), 0);
        for (size_t t = 0; t < r->n_tensors; t++)
            compare_tensor(r, file, "sum", t, r->grad + r->tensor[t].offset, r->tensor[t].size);
    }
    co_workspace_destroy(w);
}

/* The file lies in the source tree; the harness knows it as SOURCE. */
static FILE *open_numbers(const char *name)
{
    char path[1024];
    const char *root = getenv("SOURCE");
    snprintf(path, sizeof path, "%s/tests/reference/%s", root ? root : "..", name);
    FILE *file = fopen(path, "r");
    cr_assert(file, "%s", path);
    return file;
}

/* Checks all cases whose name begins so, and skips the others. */
static void check_on_this_path(const char *prefix, bool clips)
{
    FILE *file = open_numbers(clips ? "clipping.txt" : "models.txt");
    reference r = {0};
    char line[8192];
    size_t n_checked = 0;
    while (fgets(line, sizeof line, file)) {
        if (sscanf(line, "case %31s %zu %zu %zu %zu %zu %zu %zu %zu %lf %lf %d %lf", r.name,
                   &r.batch, &r.ndim, &r.dim[0], &r.dim[1], &r.dim[2], &r.classes, &r.n_tensors,
                   &r.n_params, &r.lr, &r.momentum, &r.nesterov, &r.decay) != 13 ||
            strncmp(r.name, prefix, strlen(prefix)) != 0)
            continue;
        cr_assert(fgets(r.yaml, sizeof r.yaml, file));
        open_model(&r, file);
        (clips ? run_clipped : run)(&r, file);
        close_model(&r);
        n_checked++;
    }
    fclose(file);
    cr_expect_gt(n_checked, 0, "no case is called %s..", prefix);
    cr_expect_eq(co_memory_blocks(), 0, "%s", co_kernel_path());
}

static void check_on_all_paths(const char *prefix, bool clips)
{
    co_kernel_level best;
    cr_assert_eq(co_kernel_best(&best), CO_OK);
    for (co_kernel_level level = CO_KERNELS_REFERENCE; level <= best; level++) {
        co_kernel_use(level);
        check_on_this_path(prefix, clips);
    }
}

static void check_cases(const char *prefix)
{
    check_on_all_paths(prefix, false);
}

/* Per-sample gradients: torch.autograd example by example, and torch.func.vmap. */
static void check_clipped(const char *prefix)
{
    check_on_all_paths(prefix, true);
}

Test(reference, softmax_follows_pytorch)
{
    check_cases("softmax");
}

Test(reference, the_two_layer_network_follows_pytorch)
{
    check_cases("2nn");
}

Test(reference, mlps_with_every_form_of_sgd_follow_pytorch)
{
    check_cases("mlp");
}

Test(reference, even_kernels_strides_tanh_and_overlapping_pools_follow_pytorch)
{
    check_cases("odd");
}

Test(reference, mnist_cnn_follows_pytorch)
{
    check_cases("mnist_cnn");
}

Test(reference, femnist_cnn_follows_pytorch)
{
    check_cases("femnist_cnn");
}

Test(reference, cifar_cnn_follows_pytorch)
{
    check_cases("cifar_cnn");
}

Test(reference, regressions_follow_pytorch)
{
    check_cases("numbers");
}

Test(reference, several_labels_follow_pytorch)
{
    check_cases("labels");
}

Test(reference, blocks_tied_tensors_and_group_norm_follow_pytorch)
{
    check_cases("blocks");
}

Test(reference, residual_networks_follow_pytorch)
{
    check_cases("resnet");
}

Test(reference, text_models_follow_pytorch)
{
    check_cases("text");
}

Test(reference, answers_within_texts_follow_transformers)
{
    check_cases("span");
}

Test(reference, norms_positions_segments_and_smooth_units_follow_pytorch)
{
    check_cases("parts");
}

Test(reference, clipped_sums_of_rows_and_images_are_those_of_pytorch)
{
    check_clipped("softmax");
    check_clipped("2nn");
    check_clipped("mlp");
    check_clipped("odd");
    check_clipped("mnist_cnn");
    check_clipped("cifar_cnn");
}

Test(reference, clipped_sums_of_numbers_and_labels_are_those_of_pytorch)
{
    check_clipped("numbers");
    check_clipped("labels");
}

Test(reference, clipped_sums_of_blocks_and_residual_networks_are_those_of_pytorch)
{
    check_clipped("blocks");
    check_clipped("resnet");
}

Test(reference, clipped_sums_of_text_models_are_those_of_pytorch)
{
    check_clipped("text");
    check_clipped("parts");
}

Test(reference, encoder_decoder_models_follow_pytorch)
{
    check_cases("pairs");
}
