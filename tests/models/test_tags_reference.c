/* tests/models/test_tags_reference.c - taggers against PyTorch and pytorch-crf in double precision
 * (tests/reference/tags.py): chains, letters, classes with tags; on every kernel path. */
#include "models/kernel_path.h"
#include "tests/harness.h"
#include "tests/models/build.h"
#include <math.h>

enum { BATCH = 7, WORDS = 30, CHARS = 11, STEPS = 20, MOST = 64 };
enum { LABEL = 2000, LENGTH = 4000, TOKEN = 5000, LETTERS = 7000, LETTER = 7100 };
static const double tolerance = 1e-5;

typedef struct {
    char name[32], task[16], yaml[512];
    size_t tags, classes, n_tensors, n_params;
    double lr;
    co_model *model;
    co_labels labels;
    const co_tensor *tensor;
    float params[4096], grad[4096];
    int64_t offsets[BATCH + 1], char_offsets[MOST + 1];
    int32_t tokens[MOST], chars[5 * MOST], y[2 * MOST];
    co_batch batch;
} reference;

static void compare(const reference *r, FILE *file, const char *what, size_t index,
                    const float *have, size_t n)
{
    char word[16];
    size_t got, size, samples, at;
    double norm, value, difference = 0.0, own = 0.0;
    cr_assert_eq(fscanf(file, "%15s %zu %zu %lf %zu", word, &got, &size, &norm, &samples), 5);
    cr_assert(strcmp(word, what) == 0 && got == index && size == n, "%s: %s %zu of %zu, not %zu",
              r->name, word, got, size, n);
    for (size_t i = 0; i < samples; i++) {
        cr_assert_eq(fscanf(file, "%zu %lf", &at, &value), 2);
        difference += ((double)have[at] - value) * ((double)have[at] - value);
    }
    for (size_t i = 0; i < n; i++) own += (double)have[i] * (double)have[i];
    const double most = tolerance * fmax(norm, 1e-2);
    cr_expect_leq(sqrt(difference), most, "%s on %s: %s %zu: %g off", r->name, co_kernel_path(),
                  what, index, sqrt(difference));
    cr_expect_leq(fabs(sqrt(own) - norm), most, "%s: norm of %s %zu: %g, not %g", r->name, what,
                  index, sqrt(own), norm);
}

static void check_shape(const reference *r, FILE *file, const co_tensor *t)
{
    char name[80];
    size_t ndim, dim;
    cr_assert_eq(fscanf(file, " shape %79s %zu", name, &ndim), 2);
    cr_expect_str_eq(name, strrchr(t->name, '.') + 1, "%s: %s", r->name, t->name);
    cr_assert_eq(ndim, t->ndim, "%s: %s", r->name, t->name);
    for (size_t i = 0; i < ndim; i++) {
        cr_assert_eq(fscanf(file, "%zu", &dim), 1);
        cr_expect_eq(dim, t->dim[i], "%s: %s", r->name, t->name);
    }
}

/* A layer's tensors share the fan-in of its weight. */
static void fill(reference *r)
{
    size_t fan_in = 1;
    for (size_t t = 0; t < r->n_tensors; t++) {
        const co_tensor *tensor = &r->tensor[t];
        if (tensor->ndim > 1) fan_in = tensor->size / tensor->dim[0];
        test_fill(t, tensor->size, (float)(1.0 / sqrt((double)fan_in)), r->params + tensor->offset);
    }
}

static void open_data(reference *r)
{
    const bool joint = r->classes > 0;
    for (size_t i = 0; i < BATCH; i++)
        r->offsets[i + 1] = r->offsets[i] + (int64_t)(test_bits(LENGTH, i) % 10);
    const size_t rows = (size_t)r->offsets[BATCH];
    cr_assert_leq(rows, MOST);
    for (size_t t = 0; t < rows; t++) {
        const int32_t tag =
            test_bits(LABEL + 1, t) % 5 == 0 ? -1 : (int32_t)(test_bits(LABEL, t) % r->tags);
        r->tokens[t] = (int32_t)(test_bits(TOKEN, t) % WORDS);
        r->char_offsets[t + 1] = r->char_offsets[t] + (int64_t)(test_bits(LETTERS, t) % 6);
        r->y[joint ? 2 * t : t] = tag;
    }
    for (size_t l = 0; l < (size_t)r->char_offsets[rows]; l++)
        r->chars[l] = (int32_t)(test_bits(LETTER, l) % CHARS);
    for (size_t i = 0; joint && i < BATCH; i++)
        for (int64_t t = r->offsets[i]; t < r->offsets[i + 1]; t++)
            r->y[2 * t + 1] = (int32_t)(test_bits(LABEL + 2, i) % r->classes);
    r->batch = (co_batch){.n = BATCH,
                          .rows = rows,
                          .offsets = r->offsets,
                          .tokens = r->tokens,
                          .chars = r->chars,
                          .char_offsets = r->char_offsets,
                          .y = r->y};
}

static void open_model(reference *r, FILE *file)
{
    const co_shape in = {.sequence = true, .tokens = true, .dim = {WORDS, CHARS}};
    size_t n;
    cr_assert_eq(co_labels_init(&r->labels, NULL, r->tags + r->classes), CO_OK);
    r->labels.n_tags = r->classes ? r->tags : 0;
    cr_assert_eq(test_model_for(r->task, r->yaml, &in, &r->labels, &r->model), CO_OK, "%s",
                 co_status_message());
    r->tensor = co_model_tensors(r->model, &n);
    cr_assert_eq(n, r->n_tensors, "%s", r->name);
    cr_assert(co_model_size(r->model) == r->n_params && r->n_params <= 4096, "%s", r->name);
    for (size_t t = 0; t < n; t++) check_shape(r, file, &r->tensor[t]);
    fill(r);
    open_data(r);
}

static double take_step(reference *r, co_workspace *w, const co_pass *pass)
{
    double sums[16] = {0};
    memset(r->grad, 0, sizeof r->grad);
    co_model_loss(r->model, w, r->params, pass, NULL, r->grad, sums);
    return co_task_mean_loss(sums);
}

/* The outputs without what the chain adds, and its tags. */
static void check_outputs(const reference *r, FILE *file, const float *out, int32_t *tags,
                          size_t *n_tags)
{
    static float plain[MOST * 16];
    const size_t n = r->labels.n, extra = co_model_has_chain(r->model) ? CO_CRF_EXTRA : 0;
    *n_tags = 0;
    for (size_t t = 0; t < r->batch.rows; t++) {
        memcpy(plain + t * n, out + t * (n + extra), n * sizeof *plain);
        if (extra && r->y[t] >= 0)
            tags[(*n_tags)++] = (int32_t)out[t * (n + extra) + n + CO_CRF_TAG];
    }
    compare(r, file, "output", 0, plain, r->batch.rows * n);
}

static void check_tags(const reference *r, FILE *file, const int32_t *tags, size_t n)
{
    size_t wanted;
    int tag;
    cr_assert_eq(fscanf(file, " tags %zu", &wanted), 1);
    cr_assert_eq(wanted, n, "%s", r->name);
    for (size_t t = 0; t < n; t++) {
        cr_assert_eq(fscanf(file, "%d", &tag), 1);
        cr_expect_eq(tag, tags[t], "%s: tag %zu", r->name, t);
    }
}

static void run(reference *r, FILE *file)
{
    co_workspace *w;
    int32_t tags[MOST];
    size_t n_tags;
    double first = 0.0, before, after;
    const co_pass pass = {.batch = &r->batch};
    cr_assert_eq(co_workspace_create(r->model, BATCH, r->batch.rows, 0, &w), CO_OK);
    for (int step = 0; step < STEPS; step++) {
        const double now = take_step(r, w, &pass);
        if (step == 0) {
            first = now;
            check_outputs(r, file, co_model_outputs(r->model, w), tags, &n_tags);
            for (size_t t = 0; t < r->n_tensors; t++)
                compare(r, file, "grad", t, r->grad + r->tensor[t].offset, r->tensor[t].size);
            check_tags(r, file, tags, n_tags);
        }
        for (size_t k = 0; k < r->n_params; k++) r->params[k] -= (float)r->lr * r->grad[k];
    }
    for (size_t t = 0; t < r->n_tensors; t++)
        compare(r, file, "step", t, r->params + r->tensor[t].offset, r->tensor[t].size);
    cr_assert_eq(fscanf(file, " loss %lf %lf", &before, &after), 2);
    cr_expect_float_eq(first, before, tolerance * before, "%s: %.9g", r->name, first);
    cr_expect_float_eq(take_step(r, w, &pass), after, tolerance * after, "%s", r->name);
    co_workspace_destroy(w);
}

static void check_all(void)
{
    char path[1024], line[8192];
    const char *root = getenv("SOURCE");
    static reference r;
    size_t n_checked = 0;
    snprintf(path, sizeof path, "%s/tests/reference/tags.txt", root ? root : "..");
    FILE *file = fopen(path, "r");
    cr_assert(file, "%s", path);
    while (fgets(line, sizeof line, file)) {
        r = (reference){0};
        if (sscanf(line, "case %31s %15s %zu %zu %zu %zu %lf", r.name, r.task, &r.tags, &r.classes,
                   &r.n_tensors, &r.n_params, &r.lr) != 7)
            continue;
        cr_assert(fgets(r.yaml, sizeof r.yaml, file));
        open_model(&r, file);
        run(&r, file);
        co_model_destroy(r.model);
        co_labels_fini(&r.labels);
        n_checked++;
    }
    fclose(file);
    cr_expect_eq(n_checked, 5);
    cr_expect_eq(co_memory_blocks(), 0);
}

Test(tags_reference, taggers_follow_pytorch)
{
    co_kernel_level best;
    cr_assert_eq(co_kernel_best(&best), CO_OK);
    for (co_kernel_level level = CO_KERNELS_REFERENCE; level <= best; level++) {
        co_kernel_use(level);
        check_all();
    }
}
