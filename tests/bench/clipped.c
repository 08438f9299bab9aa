/* tests/bench/clipped.c - seconds of one step of DP-SGD beside one of SGD, for jobs/bench/bench.
 *
 *     cohort_clipped WHAT TASK CLASSES BATCH image CHANNELS HEIGHT WIDTH key=value ..
 *     cohort_clipped WHAT TASK CLASSES BATCH text VOCABULARY LENGTH key=value ..
 *
 * The words are those of an experiment's section `model`; pixels, tokens and labels are random.
 * WHAT is one of
 *     plain    a step of SGD
 *     clipped  the sum of the clipped gradients, by norms
 *     private  the same, Gaussian noise on it, and the step
 *     naive    the sum of the clipped gradients, formed one after the other
 * Prints `ready PATH`, then for every line on stdin seconds of the processor an example (others may
 * have the core for a while); at the end of stdin the peak memory in MiB. */
#include "core/memory.h"
#include "core/random.h"
#include "core/vector.h"
#include "io/yaml.h"
#include "models/kernel_path.h"
#include "models/model.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

static const double window_s = 0.3, clip = 1.0, noise_multiplier = 1.0;
static const float lr = 0.01f;

typedef struct {
    co_model *model;
    co_workspace *workspace;
    const co_layout *layout;
    co_batch batch;
    co_labels labels;
    float *whole, *params, *grad, *x;
    double *sums, *norms;
    int32_t *y, *tokens;
    int64_t *offsets;
    uint64_t step;
} bench;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void die(const char *why)
{
    fprintf(stderr, "cohort_clipped: %s\n", why);
    exit(2);
}

static void *take(size_t n, size_t size)
{
    void *block = co_calloc(n, size);
    if (!block) die("no memory");
    return block;
}

static void draw_data(bench *b, const co_shape *in, size_t length, bool per_row)
{
    const size_t n = b->batch.n, rows = n * length, n_labels = per_row ? rows : n;
    uint32_t draw = 1;
    b->x = take(in->tokens ? 1 : n * co_shape_size(in), sizeof *b->x);
    b->y = take(n_labels, sizeof *b->y);
    b->tokens = take(rows, sizeof *b->tokens);
    b->offsets = take(n + 1, sizeof *b->offsets);
    for (size_t i = 0; !in->tokens && i < n * co_shape_size(in); i++)
        b->x[i] = (float)((draw = draw * 1664525u + 1013904223u) >> 8) * 0x1p-24f;
    for (size_t r = 0; in->tokens && r < rows; r++)
        b->tokens[r] = (int32_t)(((draw = draw * 1664525u + 1013904223u) >> 8) % in->dim[0]);
    for (size_t i = 0; i < n_labels; i++)
        b->y[i] = (int32_t)(((draw = draw * 1664525u + 1013904223u) >> 8) % b->labels.n);
    for (size_t i = 0; i <= n; i++) b->offsets[i] = (int64_t)(i * length);
    b->batch.rows = rows;
    b->batch.y = b->y;
    if (in->tokens) b->batch.tokens = b->tokens, b->batch.offsets = b->offsets;
    if (!in->tokens) b->batch.x = b->x;
}

static void open_model(bench *b, const char *task, const co_shape *in, char **words, int n_words)
{
    co_node *root = co_node_create(CO_NODE_MAP, NULL, NULL);
    const co_plugin *preset = NULL;
    const co_config opt = {.file = "bench", .section = "model", .map = root};
    for (int k = 0; root && k < n_words; k++) {
        if (co_yaml_override(root, words[k])) die(co_status_message());
        if (strncmp(words[k], "name=", 5) == 0)
            preset = co_plugin_find(&co_kind_model, words[k] + 5);
    }
    const co_param *const tables[] = {co_model_params, preset ? preset->params : NULL};
    if (!root || co_config_check(&opt, tables, 2) ||
        co_model_create(&opt, in, &b->labels, co_task_find(task), &b->model) ||
        co_workspace_create(b->model, b->batch.n, b->batch.rows, 0, &b->workspace))
        die(co_status_message());
    co_node_destroy(root);
}

/* What is trained stands in a vector of its own where something is frozen, as on a device. */
static void open_vectors(bench *b)
{
    const co_layout *l = b->layout = co_model_layout(b->model);
    b->whole = take(l->whole, sizeof *b->whole);
    co_model_init(b->model, 1, b->whole);
    b->params = b->whole;
    if (l->n < l->whole) {
        b->params = take(l->n, sizeof *b->params);
        co_layout_pack(l, b->whole, b->params);
    }
    b->grad = take(l->n_grad, sizeof *b->grad);
    b->sums = take(co_model_task(b->model)->n_sums(b->labels.n), sizeof *b->sums);
    b->norms = take(b->batch.n, sizeof *b->norms);
}

static void clipped(bench *b, const co_pass *pass, bool naive)
{
    const co_clipping how = {.naive = naive, .n_groups = 1, .clip = &clip};
    if (co_workspace_clip(b->workspace, &how, b->layout->n_grad)) die(co_status_message());
    memset(b->grad, 0, b->layout->n_grad * sizeof *b->grad);
    co_model_clipped(b->model, b->workspace, b->params, pass, &how, b->grad, b->norms, b->sums);
}

/* The step: noise on the sum, as a device adds it, and SGD's. */
static void step(bench *b)
{
    const co_stream stream = co_stream_open(1, CO_DRAW_DROPOUT, 0, 0, b->step);
    const double scale = 1.0 / (double)b->batch.n;
    co_add_noise(&stream, b->layout->n, (float)scale, (float)(scale * noise_multiplier * clip),
                 b->grad);
    co_vector_add_scaled(b->params, b->grad, b->layout->n, -lr);
}

static double measure(bench *b, const char *what)
{
    const double start = now();
    size_t n = 0;
    do {
        const co_pass pass = {.batch = &b->batch,
                              .train = true,
                              .seed = 1,
                              .step = b->step++,
                              .frozen = b->params == b->whole ? NULL : b->whole};
        if (strcmp(what, "plain") == 0)
            co_model_step(b->model, b->workspace, b->params, &pass, lr, b->grad, b->sums);
        else
            clipped(b, &pass, strcmp(what, "naive") == 0);
        if (strcmp(what, "private") == 0) step(b);
        n++;
    } while (now() - start < window_s);
    return (now() - start) / (double)n / (double)b->batch.n;
}

int main(int argc, char **argv)
{
    char line[64];
    struct rusage use;
    bench b = {0};
    co_blas_start(argv);
    const char *what = argc > 1 ? argv[1] : "";
    char **word = argv + 1;
    const bool text = argc > 6 && strcmp(word[4], "text") == 0;
    const int n_words = text ? 7 : 8;
    if (argc < 1 + n_words || !strstr("plain clipped private naive", what))
        die("plain|clipped|private|naive TASK CLASSES BATCH image|text .. key=value ..");
    const size_t d0 = strtoul(word[5], NULL, 10), d1 = strtoul(word[6], NULL, 10);
    const co_shape in = text ? (co_shape){.sequence = true, .tokens = true, .dim = {d0}}
                             : (co_shape){.ndim = 3, .dim = {d0, d1, strtoul(word[7], NULL, 10)}};
    if (!co_task_find(word[1]) || co_labels_init(&b.labels, NULL, strtoul(word[2], NULL, 10)))
        die(co_status_message());
    b.batch.n = strtoul(word[3], NULL, 10);
    draw_data(&b, &in, text ? d1 : 1, co_task_find(word[1])->per_row);
    open_model(&b, word[1], &in, word + n_words, argc - 1 - n_words);
    open_vectors(&b);
    measure(&b, what);
    printf("ready %s\n", co_kernel_path());
    fflush(stdout);
    while (fgets(line, sizeof line, stdin)) {
        printf("%.9g\n", measure(&b, what));
        fflush(stdout);
    }
    getrusage(RUSAGE_SELF, &use);
    printf("%.1f\n", (double)use.ru_maxrss / 1024.0);
    co_workspace_destroy(b.workspace);
    co_model_destroy(b.model);
    co_labels_fini(&b.labels);
    if (b.params != b.whole) co_free(b.params);
    void *const blocks[] = {b.whole, b.grad, b.x, b.sums, b.norms, b.y, b.tokens, b.offsets};
    for (size_t k = 0; k < sizeof blocks / sizeof *blocks; k++) co_free(blocks[k]);
    return 0;
}
