/* tests/models/test_presets.c - presets of transformers: names, shapes and order of their tensors
 * (tests/reference/tensors.py), initial values, refusals. */
#include "tests/harness.h"
#include "tests/models/build.h"
#include <math.h>

static co_labels of(size_t n)
{
    return (co_labels){.n = n, .unknown = -1};
}

/* A text of tokens as the stored models have them. */
static const co_shape tokens = {.sequence = true, .tokens = true, .dim = {11}};

static void compare_tensor(const char *class, FILE *file, const co_tensor *t)
{
    char name[160];
    size_t ndim, dim;
    cr_assert_eq(fscanf(file, " %159s %zu", name, &ndim), 2);
    cr_expect_str_eq(t->name, name, "%s: %s, not %s", class, t->name, name);
    cr_assert_eq(t->ndim, ndim, "%s: %s", class, name);
    for (size_t k = 0; k < ndim; k++) {
        cr_assert_eq(fscanf(file, "%zu", &dim), 1);
        cr_expect_eq(t->dim[k], dim, "%s: %s", class, name);
    }
}

Test(presets, tensors_are_those_of_transformers)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/tests/reference/tensors.txt", getenv("SOURCE"));
    FILE *file = fopen(path, "r");
    char class[64], task[32], yaml[512];
    size_t n, n_cases = 0;
    cr_assert(file);
    while (fscanf(file, " model %63s %31s %zu %511[^\n]", class, task, &n, yaml) == 4) {
        co_labels labels = of(strstr(task, "lm") ? 11 : strcmp(task, "span") == 0 ? 2 : 3);
        co_model *model = NULL;
        size_t n_tensors;
        if (!co_task_find(task)) { /* not in this program */
            for (size_t t = 0; t < n; t++) cr_assert_neq(fscanf(file, " %*[^\n]"), EOF);
            continue;
        }
        cr_assert_eq(test_model_for(task, yaml, &tokens, &labels, &model), CO_OK, "%s: %s", class,
                     co_status_message());
        const co_tensor *tensor = co_model_tensors(model, &n_tensors);
        cr_assert_eq(n_tensors, n, "%s: %zu tensors, not %zu", class, n_tensors, n);
        for (size_t t = 0; t < n; t++) compare_tensor(class, file, &tensor[t]);
        co_model_destroy(model);
        n_cases++;
    }
    fclose(file);
    cr_expect_geq(n_cases, 20);
}

static double deviation(const float *x, size_t n)
{
    double sum = 0.0;
    for (size_t i = 0; i < n; i++) sum += (double)x[i] * (double)x[i];
    return sqrt(sum / (double)n);
}

Test(presets, values_begin_as_the_papers_say)
{
    co_labels labels = of(11);
    co_model *model;
    size_t n;
    cr_assert_eq(test_model_for("lm", "{name: gpt2, layers: 8, hidden: 64, heads: 4}", &tokens,
                                &labels, &model),
                 CO_OK, "%s", co_status_message());
    const co_tensor *tensor = co_model_tensors(model, &n);
    float *params = co_malloc(co_model_size(model), sizeof *params);
    co_model_init(model, 3, params);
    for (size_t t = 0; t < n; t++) {
        const float *x = params + tensor[t].offset;
        const bool ends = strstr(tensor[t].name, "c_proj.weight") != NULL;
        const double wanted = tensor[t].ndim == 2                 ? ends ? 0.005 : 0.02
                              : strstr(tensor[t].name, ".weight") ? 1.0
                                                                  : 0.0;
        const double room = tensor[t].ndim == 2 ? 0.2 * wanted : 0.0;
        cr_expect_leq(fabs(deviation(x, tensor[t].size) - wanted), room, "%s: %g, not %g",
                      tensor[t].name, deviation(x, tensor[t].size), wanted);
    }
    co_free(params);
    co_model_destroy(model);
}

Test(presets, what_does_not_go_together_is_refused)
{
    static const struct {
        const char *task, *yaml, *words;
    } cases[] = {
        {"classification", "{name: bert, layers: 1, hidden: 9, heads: 2}", "do not divide"},
        {"classification", "{name: bert, head: tagging}", "the data's task is classification"},
        {"lm", "{name: bert}", "no head for the task lm"},
        {"span", "{name: llama}", "no head for the task span"},
        {"span", "{name: bert, head: tagging}", "the data's task is span"},
        {"lm", "{name: llama, layers: 1, hidden: 8, heads: 4, kv_heads: 3}", "do not divide"},
        {"classification", "{name: bert, layers: 1, hidden: 8, heads: 2, vocabulary: 10}",
         "10 rows are too few for the 11 tokens of the data's vocabulary; import"},
        {"mlm", "{name: bert, layers: 1, hidden: 8, heads: 2, vocabulary: 12}",
         "(vocabulary) has to be the data's"},
        {"classification", "{name: mlp, hidden: 3, layers: [flatten]}", "not both"}};
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        co_labels labels = of(11);
        co_model *model;
        cr_expect_eq(test_model_for(cases[k].task, cases[k].yaml, &tokens, &labels, &model),
                     CO_EUSAGE, "%s", cases[k].yaml);
        cr_expect(strstr(co_status_message(), cases[k].words), "%s: %s", cases[k].yaml,
                  co_status_message());
        co_model_destroy(model);
    }
}

Test(presets, no_memory_at_any_place_is_an_error)
{
    static const struct {
        const char *yaml;
        co_shape in;
    } cases[] = {
        {"{name: softmax}", {.ndim = 1, .dim = {5}}},
        {"{name: mlp, hidden: [4, 3]}", {.ndim = 1, .dim = {5}}},
        {"{name: mnist_cnn}", {.ndim = 3, .dim = {1, 28, 28}}},
        {"{name: lstm, embedding: 3, units: 2}", {.sequence = true, .tokens = true, .dim = {11}}},
        {"{name: bert, layers: 1, hidden: 8, heads: 2, intermediate: 16}",
         {.sequence = true, .tokens = true, .dim = {11}}}};
    const size_t blocks = co_memory_blocks();
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        bool struck = true;
        int n = 0;
        while (struck) {
            co_labels labels = of(3);
            co_model *model;
            char plan[32];
            snprintf(plan, sizeof plan, "alloc:*:%d", ++n);
            co_fault_plan(plan);
            const co_status st =
                test_model_for("classification", cases[k].yaml, &cases[k].in, &labels, &model);
            struck = co_fault_struck();
            co_fault_plan(NULL);
            cr_expect_eq(st, struck ? CO_ENOMEM : CO_OK, "%s, %s: %s", cases[k].yaml, plan,
                         co_status_message());
            co_model_destroy(model);
            cr_expect_eq(co_memory_blocks(), blocks, "%s, %s", cases[k].yaml, plan);
        }
        cr_expect_gt(n, 20, "%s", cases[k].yaml);
    }
}
