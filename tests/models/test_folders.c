/* tests/models/test_folders.c - folders of transformers: tiny models of every architecture give
 * transformers' own logits and follow its steps (tests/reference/folders.py), on every kernel path;
 * config.json and weights that cannot be used are refused in one message. */
#include "models/kernel_path.h"
#include "models/optimizers/optimizer.h"
#include "models/presets/folder.h"
#include "tests/harness.h"
#include "tests/models/build.h"
#include <math.h>
#include <sys/stat.h>

enum {
    LABEL = 2000,
    LENGTH = 4000,
    TOKEN = 5000,
    FACTOR = 6000,
    TARGET_LENGTH = 7000,
    TARGET_TOKEN = 8000,
    N_CLASSES = 3,
    LONGEST = 7,
    N_STEPS = 20
};
static const double tolerance = 1e-5;

static const char *source(void)
{
    const char *root = getenv("SOURCE");
    return root ? root : "..";
}

/* A model from a folder, and what it needs to run. */
typedef struct {
    char name[64], task[32];
    size_t n, n_tokens, n_values;
    co_node *root;
    co_labels labels;
    co_model *model;
    float *params;
    co_text said;
    int64_t offsets[9], target_offsets[9];
    int32_t tokens[64], target_tokens[64], y[64];
    co_batch batch;
} folder_case;

/* Section `model` as an experiment has it; CO_OK or what the first failing part says. */
static co_status open_folder(folder_case *c, const char *folder, const char *more)
{
    const co_model_preset *preset;
    char yaml[1400];
    const co_shape in = {.sequence = true, .tokens = true, .dim = {11}};
    snprintf(yaml, sizeof yaml, "{from: \"%s\"%s, attention_dropout: 0}", folder, more);
    c->labels =
        (co_labels){.n = c->task[0] == 'l' || c->task[0] == 's' ? 11 : N_CLASSES, .unknown = -1};
    CO_TRY(co_yaml_read_text(yaml, "test.yaml", &c->root));
    const co_config opt = {.file = "test.yaml", .section = "model", .map = c->root};
    CO_TRY(co_folder_options(&opt, &preset));
    const co_param *const tables[] = {co_model_params, preset->params};
    CO_TRY(co_config_check(&opt, tables, 2));
    CO_TRY(co_model_create(&opt, &in, &c->labels, co_task_find(c->task), &c->model));
    c->params = co_calloc(co_model_size(c->model), sizeof *c->params);
    if (!c->params) return CO_FAIL(CO_ENOMEM, "parameters");
    co_model_init(c->model, 1, c->params);
    return co_folder_read(folder, preset->architecture, c->model, c->params, &c->said);
}

static void close_folder(folder_case *c)
{
    co_model_destroy(c->model);
    co_free(c->params);
    co_text_fini(&c->said);
    co_node_destroy(c->root);
    *c = (folder_case){0};
}

static void open_targets(folder_case *c)
{
    for (size_t i = 0; i < c->n; i++)
        c->target_offsets[i + 1] = c->target_offsets[i] + test_bits(TARGET_LENGTH, i) % LONGEST + 1;
    c->batch.target_rows = (size_t)c->target_offsets[c->n];
    c->batch.target_offsets = c->target_offsets;
    c->batch.target_tokens = c->target_tokens;
}

/* The texts of folders.py. */
static void open_texts(folder_case *c)
{
    for (size_t i = 0; i < c->n; i++)
        c->offsets[i + 1] = c->offsets[i] + (i == 0   ? 1
                                             : i == 1 ? LONGEST
                                                      : test_bits(LENGTH, i) % LONGEST + 1);
    const size_t rows = (size_t)c->offsets[c->n];
    for (size_t j = 0; j < 64; j++) {
        c->target_tokens[j] = (int32_t)(test_bits(TARGET_TOKEN, j) % 9 + 1);
        c->tokens[j] = (int32_t)(test_bits(TOKEN, j) % 9 + 1);
        c->y[j] = (int32_t)(test_bits(LABEL, j) % N_CLASSES);
    }
    c->batch =
        (co_batch){.n = c->n, .rows = rows, .offsets = c->offsets, .tokens = c->tokens, .y = c->y};
    cr_assert_leq(rows, 64);
    if (strcmp(c->task, "seq2seq") == 0) open_targets(c);
    cr_assert_eq(c->batch.target_rows ? c->batch.target_rows : rows, c->n_tokens);
}

static void compare_logits(folder_case *c, FILE *file)
{
    const co_pass pass = {.batch = &c->batch};
    co_workspace *w;
    double worst = 0.0, value;
    cr_assert_eq(co_workspace_create(c->model, c->n, c->batch.rows, c->batch.target_rows, &w),
                 CO_OK);
    const float *out = co_model_forward(c->model, w, c->params, &pass);
    for (size_t i = 0; i < c->n_values; i++) {
        cr_assert_eq(fscanf(file, "%lf", &value), 1);
        worst = fmax(worst, fabs((double)out[i] - value));
    }
    cr_expect_leq(worst, tolerance, "%s on %s: %g", c->name, co_kernel_path(), worst);
    co_workspace_destroy(w);
}

static void follow_steps(folder_case *c, FILE *file)
{
    const co_optimizer *adamw = co_optimizer_find("adamw");
    const co_param *const tables[] = {adamw->params};
    const co_pass pass = {.batch = &c->batch, .train = true};
    const size_t n = co_model_size(c->model);
    co_workspace *w;
    co_node *root;
    void *self;
    float *slot[2] = {co_calloc(n, sizeof(float)), co_calloc(n, sizeof(float))},
          *grad = co_malloc(n, sizeof *grad);
    cr_assert_eq(co_yaml_read_text("{weight_decay: 0}", "test.yaml", &root), CO_OK);
    const co_config opt = {.file = "test.yaml", .section = "local", .map = root};
    cr_assert_eq(co_config_check(&opt, tables, 1), CO_OK, "%s", co_status_message());
    cr_assert_eq(adamw->create(&opt, &self), CO_OK);
    cr_assert_eq(co_workspace_create(c->model, c->n, c->batch.rows, c->batch.target_rows, &w),
                 CO_OK);
    for (int64_t step = 1; step <= N_STEPS; step++) {
        double sums[64] = {0}, wanted;
        cr_assert_eq(fscanf(file, "%lf", &wanted), 1);
        memset(grad, 0, n * sizeof *grad);
        co_model_loss(c->model, w, c->params, &pass, NULL, grad, sums);
        const double loss = co_task_mean_loss(sums);
        cr_expect_leq(fabs(loss - wanted), tolerance * wanted,
                      "%s on %s: loss before step %lld: %g, "
                      "not %g",
                      c->name, co_kernel_path(), (long long)step, loss, wanted);
        adamw->step(self, c->params, grad, slot, n, 1e-3, step);
    }
    co_workspace_destroy(w);
    adamw->destroy(self);
    co_node_destroy(root);
    co_free(slot[0]);
    co_free(slot[1]);
    co_free(grad);
}

/* The same folder with changes of low rank beside it: A by the formula of folders.py, B zero. */
static void follow_lora(folder_case *c, const char *path, FILE *file)
{
    size_t n_tensors, n_factors = 0, n_trained = 0;
    folder_case l = {.n = c->n, .n_tokens = c->n_tokens};
    snprintf(l.name, sizeof l.name, "%.40s with lora", c->name);
    snprintf(l.task, sizeof l.task, "%s", c->task);
    cr_assert_eq(open_folder(&l, path, ", lora: {rank: 2, alpha: 6, targets: [query, value]}"),
                 CO_OK, "%s", co_status_message());
    open_texts(&l);
    const co_tensor *tensor = co_model_tensors(l.model, &n_tensors);
    for (size_t t = 0; t < n_tensors; t++)
        if (strstr(tensor[t].name, ".lora_A."))
            test_fill(FACTOR + n_factors++, tensor[t].size, 0.5f, l.params + tensor[t].offset);
    follow_steps(&l, file);
    for (size_t t = 0; t < n_tensors; t++) {
        double sum = 0.0, wanted;
        if (tensor[t].role == CO_FROZEN) continue;
        for (size_t i = 0; i < tensor[t].size; i++)
            sum += pow((double)l.params[tensor[t].offset + i], 2.0);
        cr_assert_eq(fscanf(file, "%lf", &wanted), 1);
        cr_expect_leq(fabs(sqrt(sum) - wanted), 1e-4 * wanted, "%s: norm of %s: %g, not %g",
                      co_kernel_path(), tensor[t].name, sqrt(sum), wanted);
        n_trained++;
    }
    cr_expect_eq(n_factors, 4);
    cr_expect_eq(n_trained, 10);
    close_folder(&l);
}

/* The norm of each text's gradient by each tensor (clipping.py): by norms alone. */
static void compare_norms(folder_case *c, FILE *file, size_t n_tensors)
{
    enum { MOST = 64 };
    const co_pass pass = {.batch = &c->batch};
    co_workspace *w;
    size_t n, index;
    uint32_t group[MOST];
    double far[MOST], norms[9 * MOST], want[MOST], whole[9], sums[64] = {0};
    float *grad = co_calloc(co_model_size(c->model), sizeof *grad);
    const co_tensor *tensor = co_model_tensors(c->model, &n);
    cr_assert(n == n_tensors && n <= MOST, "%s", c->name);
    for (uint32_t t = 0; t < n; t++) group[t] = t, far[t] = (double)INFINITY;
    const co_clipping how = {.n_groups = n, .group = group, .clip = far};
    cr_assert_eq(co_workspace_create(c->model, c->n, c->n_tokens, 0, &w), CO_OK);
    cr_assert_eq(co_workspace_clip(w, &how, co_model_size(c->model)), CO_OK);
    co_model_clipped(c->model, w, c->params, &pass, &how, grad, norms, sums);
    for (size_t i = 0; i < c->n; i++) {
        double square = 0.0;
        cr_assert_eq(fscanf(file, " alone %zu", &index), 1, "%s", c->name);
        for (size_t t = 0; t < n; t++) {
            cr_assert_eq(fscanf(file, "%lf", &want[t]), 1);
            square += want[t] * want[t];
        }
        whole[i] = sqrt(square);
        for (size_t t = 0; t < n; t++) { /* the bias of keys is nothing but rounding */
            const double room = want[t] > 1e-12 * whole[i] ? tolerance * want[t] : 1e-3 * whole[i];
            cr_expect_leq(fabs(norms[i * n + t] - want[t]), room + 1e-6 * whole[i],
                          "%s on %s: norm of text %zu by %s: %.9g, not %.9g", c->name,
                          co_kernel_path(), i, tensor[t].name, norms[i * n + t], want[t]);
        }
    }
    const co_clipping flat = {.n_groups = 1, .clip = far};
    co_model_clipped(c->model, w, c->params, &pass, &flat, grad, norms, sums);
    for (size_t i = 0; i < c->n; i++)
        cr_expect_leq(fabs(norms[i] - whole[i]), tolerance * whole[i], "%s on %s: %.9g, not %.9g",
                      c->name, co_kernel_path(), norms[i], whole[i]);
    co_workspace_destroy(w);
    co_free(grad);
}

static void check_norms(void)
{
    char path[1024], line[256], task[32] = "classification", outside[] = "OOOOOOOOOOO";
    int32_t none[] = {-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1};
    size_t n_cases = 0, n_tensors;
    folder_case c = {0};
    snprintf(path, sizeof path, "%s/tests/reference/clipping.txt", source());
    FILE *file = fopen(path, "r");
    cr_assert(file, "%s", path);
    while (fgets(line, sizeof line, file)) {
        if (sscanf(line, "folder %63s %zu %zu", c.name, &c.n, &n_tensors) != 3) continue;
        snprintf(c.task, sizeof c.task, "%s",
                 strstr(c.name, "_lm")     ? "lm"
                 : strstr(c.name, "_tags") ? "tagging"
                                           : task);
        snprintf(path, sizeof path, "%s/tests/reference/folders/%s", source(), c.name);
        cr_assert_eq(open_folder(&c, path, ""), CO_OK, "%s: %s", c.name, co_status_message());
        for (size_t i = 0, rows = 0; i < c.n; i++)
            c.n_tokens = rows += i == 0 ? 1 : i == 1 ? LONGEST : test_bits(LENGTH, i) % LONGEST + 1;
        open_texts(&c);
        c.labels.mark = outside, c.labels.type = none;
        compare_norms(&c, file, n_tensors);
        close_folder(&c);
        n_cases++;
    }
    fclose(file);
    cr_expect_eq(n_cases, 7);
    cr_expect_eq(co_memory_blocks(), 0, "%s", co_kernel_path());
}

static void check_all(void)
{
    char path[1024], word[16];
    folder_case c = {0};
    size_t n_cases = 0;
    snprintf(path, sizeof path, "%s/tests/reference/folders.txt", source());
    FILE *file = fopen(path, "r");
    cr_assert(file, "%s", path);
    while (fscanf(file, "%15s", word) == 1) {
        if (strcmp(word, "steps") == 0) {
            follow_steps(&c, file);
            continue;
        }
        if (strcmp(word, "lora") == 0) {
            follow_lora(&c, path, file);
            continue;
        }
        close_folder(&c);
        cr_assert_eq(
            fscanf(file, "%63s %31s %zu %zu %zu", c.name, c.task, &c.n, &c.n_tokens, &c.n_values),
            5);
        snprintf(path, sizeof path, "%s/tests/reference/folders/%s", source(), c.name);
        cr_assert_eq(open_folder(&c, path, ""), CO_OK, "%s: %s", c.name, co_status_message());
        open_texts(&c);
        compare_logits(&c, file);
        n_cases++;
    }
    fclose(file);
    close_folder(&c);
    cr_expect_eq(n_cases, 8);
    cr_expect_eq(co_memory_blocks(), 0, "%s", co_kernel_path());
}

Test(folders, norms_of_single_texts_are_those_of_transformers)
{
    co_kernel_level best;
    cr_assert_eq(co_kernel_best(&best), CO_OK);
    for (co_kernel_level level = CO_KERNELS_REFERENCE; level <= best; level++) {
        co_kernel_use(level);
        check_norms();
    }
}

Test(folders, models_give_what_transformers_gives)
{
    co_kernel_level best;
    cr_assert_eq(co_kernel_best(&best), CO_OK);
    for (co_kernel_level level = CO_KERNELS_REFERENCE; level <= best; level++) {
        co_kernel_use(level);
        check_all();
    }
}

/* Opens a stored folder for another section and says what became of it. */
static co_status try_folder(const char *name, const char *task, const char *more, co_text *said)
{
    char path[1024];
    folder_case c = {0};
    snprintf(c.task, sizeof c.task, "%s", task);
    snprintf(path, sizeof path, "%s/tests/reference/folders/%s", source(), name);
    const co_status st = open_folder(&c, path, more);
    if (c.said.data) co_text_add(said, c.said.data);
    close_folder(&c);
    return st;
}

Test(folders, a_head_that_the_folder_lacks_is_drawn_and_named)
{
    co_text said = {0};
    cr_assert_eq(try_folder("bert_classes", "tagging", "", &said), CO_OK, "%s",
                 co_status_message());
    cr_expect(strstr(said.data, "passed over") && strstr(said.data, "bert.pooler.dense.weight"),
              "%s", said.data);
    co_text_fini(&said);
    cr_assert_eq(try_folder("llama_lm", "classification", "", &said), CO_OK, "%s",
                 co_status_message());
    cr_expect(strstr(said.data, "drawn anew") && strstr(said.data, "score.weight"), "%s",
              said.data);
    co_text_fini(&said);
    cr_assert_eq(try_folder("bert_classes", "classification", ", head: none", &said), CO_OK, "%s",
                 co_status_message());
    cr_expect(strstr(said.data, "passed over") && strstr(said.data, "classifier.weight"), "%s",
              said.data);
    co_text_fini(&said);
}

Test(folders, sizes_that_are_not_those_of_the_weights_are_refused_in_one_message)
{
    static const struct {
        const char *more, *words[3];
    } cases[] = {{", hidden: 8", {"of another shape", "is [11, 16], the model's [11, 8]", ".."}},
                 {", layers: 1", {"without a place in the model", "encoder.layer.1.", ".."}},
                 {", layers: 3", {"missing (16)", "encoder.layer.2.", ".."}}};
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        co_text said = {0};
        cr_expect_eq(try_folder("bert_classes", "classification", cases[k].more, &said), CO_EDATA,
                     "%s", cases[k].more);
        for (size_t i = 0; i < 3; i++)
            cr_expect(strstr(co_status_message(), cases[k].words[i]), "%s: %s", cases[k].more,
                      co_status_message());
        co_text_fini(&said);
    }
}

/* A folder that fits, with something to say, and one that does not. */
Test(folders, no_memory_at_any_place_is_an_error)
{
    static const struct {
        const char *task, *more;
        co_status ends;
    } cases[] = {{"tagging", "", CO_OK}, {"classification", ", hidden: 8", CO_EDATA}};
    const size_t blocks = co_memory_blocks();
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        bool struck = true;
        int n = 0;
        while (struck) {
            folder_case c = {0};
            char path[1024], plan[32];
            snprintf(c.task, sizeof c.task, "%s", cases[k].task);
            snprintf(path, sizeof path, "%s/tests/reference/folders/bert_classes", source());
            snprintf(plan, sizeof plan, "alloc:*:%d", ++n);
            co_fault_plan(plan);
            const co_status st = open_folder(&c, path, cases[k].more);
            struck = co_fault_struck();
            co_fault_plan(NULL);
            close_folder(&c);
            cr_expect_eq(st, struck ? CO_ENOMEM : cases[k].ends, "%s%s, %s: %s", cases[k].task,
                         cases[k].more, plan, co_status_message());
            cr_expect_eq(co_memory_blocks(), blocks, "%s, %s", cases[k].task, plan);
        }
        cr_expect_gt(n, 20);
    }
}

/* A folder with that config.json alone. */
static co_status try_config(const char *json)
{
    folder_case c = {.task = "classification"};
    char folder[1024], path[1100];
    snprintf(folder, sizeof folder, "%s", scratch_file("folder"));
    snprintf(path, sizeof path, "%s/config.json", folder);
    mkdir(folder, 0755);
    FILE *file = fopen(path, "w");
    cr_assert(file, "%s", path);
    fputs(json, file);
    fclose(file);
    const co_status st = open_folder(&c, folder, "");
    close_folder(&c);
    return st;
}

Test(folders, configs_that_cannot_be_used_are_refused_in_one_message)
{
    static const struct {
        const char *json, *words[2];
    } cases[] = {
        {"{\"model_type\": \"t5\"}", {"model_type is t5", "bert, distilbert, gpt2, llama, bart"}},
        {"{}", {"model_type is missing", "bert"}},
        {"{\"model_type\": \"bert\"", {"config.json", ""}},
        {"{\"model_type\": \"bert\", \"position_embedding_type\": \"relative_key\", "
         "\"is_decoder\": true}",
         {"position_embedding_type is relative_key; only absolute", "is_decoder is true"}},
        {"{\"model_type\": \"bert\", \"hidden_size\": -8}", {"hidden_size is -8", "[1, "}},
        {"{\"model_type\": \"bert\", \"hidden_size\": \"8\"}", {"hidden_size is 8", "[1, "}},
        {"{\"model_type\": \"bert\", \"hidden_size\": 100}", {"12 heads", "100"}},
        {"{\"model_type\": \"bert\", \"hidden_size\": 12000000, \"vocab_size\": 1000000000}",
         {"2^31 - 1", "parameters"}},
        {"{\"model_type\": \"bert\", \"hidden_act\": \"mish\"}", {"hidden_act is mish", "gelu"}},
        {"{\"model_type\": \"llama\", \"rope_scaling\": {\"type\": \"yarn\"}, "
         "\"attention_bias\": true}",
         {"rope_scaling is a map; only null", "attention_bias is true"}},
        {"{\"model_type\": \"llama\", \"head_dim\": 64}", {"head_dim is 64", "128"}},
        {"{\"model_type\": \"bart\", \"encoder_layerdrop\": 0.1, \"normalize_before\": true}",
         {"encoder_layerdrop is 0.1; only", "normalize_before is true"}},
        {"{\"model_type\": \"bart\", \"d_model\": 100, \"encoder_attention_heads\": 3}",
         {"3 heads", "100"}},
        {"{\"model_type\": \"gpt2\", \"scale_attn_by_inverse_layer_idx\": true}",
         {"scale_attn_by_inverse_layer_idx is true", "false"}}};
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        cr_expect_eq(try_config(cases[k].json), CO_EDATA, "%s", cases[k].json);
        for (size_t i = 0; i < 2; i++)
            cr_expect(strstr(co_status_message(), cases[k].words[i]), "%s: %s", cases[k].json,
                      co_status_message());
    }
}
