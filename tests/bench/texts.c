/* tests/bench/texts.c - seconds of one step of fine-tuning on texts of given lengths, or of a
 * forward pass, for jobs/bench/bench.
 *
 *     cohort_texts step|forward TASK CLASSES VOCABULARY BATCH LENGTHS key=value ..
 *
 * LENGTHS is a file of whole numbers, the tokens of each text (for seq2seq in turn with those that
 * the decoder reads of its target); BATCH of them in turn make a batch (the last, incomplete one is
 * left out). The words are those of an experiment's section `model`. A
 * step is the gradient of the mean loss, then AdamW. Prints `ready PATH`, then for every line on
 * stdin seconds a text over all batches; at the end of stdin the peak memory in MiB. */
#include "core/memory.h"
#include "io/yaml.h"
#include "models/kernel_path.h"
#include "models/model.h"
#include "models/optimizers/optimizer.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

static const double lr = 5e-5;

typedef struct {
    co_model *model;
    co_workspace *workspace;
    const co_layout *layout;
    const co_optimizer *optimizer;
    void *optimizer_self;
    co_labels labels;
    const co_task *task;
    size_t n_texts, batch;
    int64_t *offsets, *target_offsets;
    int32_t *tokens, *target_tokens, *y;
    float *whole, *params, *grad, *slot[2];
    double *sums;
    int64_t n_steps;
} bench;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void die(const char *why)
{
    fprintf(stderr, "cohort_texts: %s\n", why);
    exit(2);
}

static void *take(size_t n, size_t size)
{
    void *block = co_calloc(n, size);
    if (!block) die("no memory");
    return block;
}

static void add_length(size_t n, long long length, int64_t **offsets)
{
    *offsets = co_realloc(*offsets, n + 2, sizeof **offsets);
    if (!*offsets) die("no memory");
    if (n == 0) (*offsets)[0] = 0;
    (*offsets)[n + 1] = (*offsets)[n] + length;
}

static void read_lengths(bench *b, const char *path)
{
    long long length;
    FILE *file = fopen(path, "r");
    if (!file || b->batch == 0) die("no file of lengths, or no batch");
    while (fscanf(file, "%lld", &length) == 1) {
        add_length(b->n_texts, length, &b->offsets);
        if (b->task->targets) {
            if (fscanf(file, "%lld", &length) != 1) die("a text without a target");
            add_length(b->n_texts, length, &b->target_offsets);
        }
        b->n_texts++;
    }
    fclose(file);
    b->n_texts -= b->n_texts % b->batch;
    if (b->n_texts == 0) die("fewer lengths than a batch has");
}

/* Tokens of all texts, and labels of them. */
static void draw_rows(const bench *b, size_t rows, size_t vocabulary, int32_t **tokens)
{
    uint32_t draw = 1;
    *tokens = take(rows, sizeof **tokens);
    for (size_t r = 0; r < rows; r++) {
        draw = draw * 1664525u + 1013904223u;
        (*tokens)[r] = (int32_t)((draw >> 8) % vocabulary);
        if (b->y) b->y[r] = (int32_t)((draw >> 4) % b->labels.n);
    }
}

static void draw_texts(bench *b, size_t vocabulary)
{
    const size_t rows = (size_t)b->offsets[b->n_texts],
                 target_rows = b->task->targets ? (size_t)b->target_offsets[b->n_texts] : 0;
    if (b->task->targets) draw_rows(b, rows, vocabulary, &b->tokens);
    b->y = take(target_rows > rows ? target_rows : rows, sizeof *b->y);
    if (b->task->targets)
        draw_rows(b, target_rows, b->labels.n, &b->target_tokens);
    else
        draw_rows(b, rows, vocabulary, &b->tokens);
}

static size_t most_rows(const bench *b, const int64_t *offsets)
{
    size_t most = 0;
    for (size_t i = 0; offsets && i < b->n_texts; i += b->batch) {
        const size_t rows = (size_t)(offsets[i + b->batch] - offsets[i]);
        most = rows > most ? rows : most;
    }
    return most;
}

static void open_model(bench *b, size_t vocabulary, char **words, int n_words)
{
    co_node *root = co_node_create(CO_NODE_MAP, NULL, NULL);
    const co_shape in = {.sequence = true, .tokens = true, .dim = {vocabulary}};
    const co_plugin *preset = NULL;
    const co_config opt = {.file = "bench", .section = "model", .map = root};
    for (int k = 0; root && k < n_words; k++) {
        if (co_yaml_override(root, words[k])) die(co_status_message());
        if (strncmp(words[k], "name=", 5) == 0)
            preset = co_plugin_find(&co_kind_model, words[k] + 5);
    }
    const co_param *const tables[] = {co_model_params, preset ? preset->params : NULL};
    if (!root || co_config_check(&opt, tables, 2) ||
        co_model_create(&opt, &in, &b->labels, b->task, &b->model) ||
        co_workspace_create(b->model, b->batch, most_rows(b, b->offsets),
                            most_rows(b, b->target_offsets), &b->workspace))
        die(co_status_message());
    co_node_destroy(root);
}

static void open_optimizer(bench *b)
{
    co_node *root = co_node_create(CO_NODE_MAP, NULL, NULL);
    b->optimizer = co_optimizer_find("adamw");
    const co_param *const tables[] = {b->optimizer->params};
    const co_config opt = {.file = "bench", .section = "local", .map = root};
    if (!root || co_config_check(&opt, tables, 1) || b->optimizer->create(&opt, &b->optimizer_self))
        die(co_status_message());
    co_node_destroy(root);
}

/* What is trained stands in a vector of its own where something is frozen, as on a device. */
static void open_vectors(bench *b, bool trains)
{
    const co_layout *l = b->layout = co_model_layout(b->model);
    b->whole = take(l->whole, sizeof *b->whole);
    co_model_init(b->model, 1, b->whole);
    b->params = b->whole;
    b->sums = take(co_model_task(b->model)->n_sums(b->labels.n), sizeof *b->sums);
    if (!trains) return;
    if (l->n < l->whole) {
        b->params = take(l->n, sizeof *b->params);
        co_layout_pack(l, b->whole, b->params);
    }
    b->grad = take(l->n_grad, sizeof *b->grad);
    for (int k = 0; k < 2; k++) b->slot[k] = take(l->n, sizeof *b->slot[k]);
}

/* offsets: room for those of sources and targets, [2][batch + 1]. */
static co_batch batch_at(const bench *b, size_t i, int64_t *offsets)
{
    int64_t *target_offsets = offsets + b->batch + 1;
    const int64_t first = b->offsets[i], target = b->task->targets ? b->target_offsets[i] : 0;
    for (size_t k = 0; k <= b->batch; k++) offsets[k] = b->offsets[i + k] - first;
    co_batch batch = {.n = b->batch,
                      .rows = (size_t)offsets[b->batch],
                      .tokens = b->tokens + first,
                      .offsets = offsets,
                      .y = b->y + (b->task->per_row ? first : (int64_t)i)};
    if (!b->task->targets) return batch;
    for (size_t k = 0; k <= b->batch; k++) target_offsets[k] = b->target_offsets[i + k] - target;
    batch.target_rows = (size_t)target_offsets[b->batch];
    batch.target_tokens = b->target_tokens + target;
    batch.target_offsets = target_offsets;
    batch.y = b->y + target;
    return batch;
}

static void step(bench *b, const co_pass *pass)
{
    memset(b->grad, 0, b->layout->n_grad * sizeof *b->grad);
    co_model_loss(b->model, b->workspace, b->params, pass, NULL, b->grad, b->sums);
    b->optimizer->step(b->optimizer_self, b->params, b->grad, b->slot, b->layout->n, lr,
                       ++b->n_steps);
}

static double measure(bench *b)
{
    const bool trains = b->grad != NULL;
    int64_t offsets[2 * (b->batch + 1)];
    const double start = now();
    for (size_t i = 0; i < b->n_texts; i += b->batch) {
        const co_batch batch = batch_at(b, i, offsets);
        const co_pass pass = {.batch = &batch,
                              .train = trains,
                              .seed = 1,
                              .step = (uint64_t)b->n_steps,
                              .frozen = b->params == b->whole ? NULL : b->whole};
        if (trains)
            step(b, &pass);
        else
            co_model_forward(b->model, b->workspace, b->params, &pass);
    }
    return (now() - start) / (double)b->n_texts;
}

int main(int argc, char **argv)
{
    char line[64];
    struct rusage use;
    bench b = {0};
    co_blas_start(argv);
    if (argc < 8 || (strcmp(argv[1], "step") != 0 && strcmp(argv[1], "forward") != 0))
        die("cohort_texts step|forward TASK CLASSES VOCABULARY BATCH LENGTHS key=value ..");
    b.labels = (co_labels){.n = strtoul(argv[3], NULL, 10), .unknown = -1};
    b.batch = strtoul(argv[5], NULL, 10);
    b.task = co_task_find(argv[2]);
    if (!b.task) die(co_status_message());
    read_lengths(&b, argv[6]);
    draw_texts(&b, strtoul(argv[4], NULL, 10));
    open_model(&b, strtoul(argv[4], NULL, 10), argv + 7, argc - 7);
    open_optimizer(&b);
    open_vectors(&b, strcmp(argv[1], "step") == 0);
    measure(&b);
    printf("ready %s\n", co_kernel_path());
    fflush(stdout);
    while (fgets(line, sizeof line, stdin)) {
        printf("%.9g\n", measure(&b));
        fflush(stdout);
    }
    getrusage(RUSAGE_SELF, &use);
    printf("%.1f\n", (double)use.ru_maxrss / 1024.0);
    if (b.optimizer->destroy) b.optimizer->destroy(b.optimizer_self);
    co_workspace_destroy(b.workspace);
    co_model_destroy(b.model);
    if (b.params != b.whole) co_free(b.params);
    void *const blocks[] = {b.offsets, b.target_offsets, b.target_tokens, b.tokens,  b.y,
                            b.whole,   b.grad,           b.slot[0],       b.slot[1], b.sums};
    for (size_t k = 0; k < sizeof blocks / sizeof *blocks; k++) co_free(blocks[k]);
    return 0;
}
