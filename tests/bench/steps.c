/* tests/bench/steps.c - seconds of one local SGD step, for jobs/bench/bench; and the peak that a
 * core can reach.
 *
 *     cohort_steps MODEL BATCH CHANNELS HEIGHT WIDTH CLASSES  a preset on random images
 *     cohort_steps MODEL BATCH LENGTH TOKENS                  a preset on random texts: the next
 * token at every place cohort_steps peak                                       2 x fused
 * multiply-adds a second, in registers
 *
 * Prints `ready PATH`, then one number for every line on stdin: seconds a sample, or floating-point
 * operations a second; at the end of stdin the peak memory in MiB. */
#include "core/memory.h"
#include "io/yaml.h"
#include "models/kernel_path.h"
#include "models/model.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#if defined __x86_64__
#include <immintrin.h>
#endif

static const double window_s = 0.5;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void die(const char *why)
{
    fprintf(stderr, "cohort_steps: %s\n", why);
    exit(2);
}

typedef struct {
    co_model *model;
    co_workspace *workspace;
    co_batch batch;
    co_labels labels;
    float *params, *grad, *x;
    double *sums;
    int32_t *y, *tokens;
    int64_t *offsets;
} bench;

static void open_model(bench *b, const char *name, const char *task, const co_shape *in)
{
    co_node *root = co_node_create(CO_NODE_MAP, NULL, NULL);
    const co_plugin *preset = co_plugin_find(&co_kind_model, name);
    const co_param *const tables[] = {co_model_params, preset ? preset->params : NULL};
    const co_config opt = {.file = "bench", .section = "model", .map = root};
    if (!root || b->batch.n == 0 || co_node_set(root, "name", name) ||
        co_config_check(&opt, tables, 2) ||
        co_model_create(&opt, in, &b->labels, co_task_find(task), &b->model) ||
        co_workspace_create(b->model, b->batch.n, b->batch.rows, 0, &b->workspace))
        die(co_status_message());
    co_node_destroy(root);
    b->params = co_malloc(co_model_size(b->model), sizeof *b->params);
    b->grad = co_malloc(co_model_size(b->model), sizeof *b->grad);
    b->sums = co_calloc(co_model_task(b->model)->n_sums(b->labels.n), sizeof *b->sums);
    if (!b->params || !b->grad || !b->sums) die("no memory");
    co_model_init(b->model, 1, b->params);
}

static uint32_t next(uint32_t *draw)
{
    return *draw = *draw * 1664525u + 1013904223u;
}

static void open_images(bench *b, char **word)
{
    const size_t n = strtoul(word[1], NULL, 10);
    const co_shape in = {.ndim = 3,
                         .dim = {strtoul(word[2], NULL, 10), strtoul(word[3], NULL, 10),
                                 strtoul(word[4], NULL, 10)}};
    uint32_t draw = 1;
    b->labels = (co_labels){.n = strtoul(word[5], NULL, 10)};
    b->x = co_malloc(n * co_shape_size(&in), sizeof *b->x);
    b->y = co_malloc(n, sizeof *b->y);
    b->batch = (co_batch){.n = n, .rows = n, .x = b->x, .y = b->y};
    if (!b->x || !b->y) die("no memory");
    open_model(b, word[0], "classification", &in);
    for (size_t i = 0; i < n * co_shape_size(&in); i++)
        b->x[i] = (float)(next(&draw) >> 8) * 0x1p-24f;
    for (size_t i = 0; i < n; i++) b->y[i] = (int32_t)(i % b->labels.n);
}

static void open_texts(bench *b, char **word)
{
    const size_t n = strtoul(word[1], NULL, 10), length = strtoul(word[2], NULL, 10),
                 rows = n * length;
    const co_shape in = {.sequence = true, .tokens = true, .dim = {strtoul(word[3], NULL, 10)}};
    uint32_t draw = 1;
    b->labels = (co_labels){.n = in.dim[0], .unknown = -1};
    b->tokens = co_malloc(rows, sizeof *b->tokens);
    b->y = co_malloc(rows, sizeof *b->y);
    b->offsets = co_malloc(n + 1, sizeof *b->offsets);
    b->batch =
        (co_batch){.n = n, .rows = rows, .tokens = b->tokens, .offsets = b->offsets, .y = b->y};
    if (!b->tokens || !b->y || !b->offsets) die("no memory");
    open_model(b, word[0], "lm", &in);
    for (size_t i = 0; i <= n; i++) b->offsets[i] = (int64_t)(i * length);
    for (size_t r = 0; r < rows; r++) b->tokens[r] = (int32_t)((next(&draw) >> 8) % in.dim[0]);
    for (size_t r = 0; r < rows; r++) b->y[r] = b->tokens[(r + 1) % rows];
}

static double measure_steps(const bench *b)
{
    const double start = now();
    uint64_t step = 0;
    for (; now() - start < window_s; step++) {
        const co_pass pass = {.batch = &b->batch, .train = true, .seed = 1, .step = step};
        co_model_step(b->model, b->workspace, b->params, &pass, 0.01f, b->grad, b->sums);
    }
    return (now() - start) / (double)step / (double)b->batch.n;
}

#if defined __x86_64__
enum { CHAINS = 24, ROUNDS = 1 << 16 }; /* more chains than latency x units */

__attribute__((target("avx512f"))) static double flops_512(void)
{
    __m512 sum[CHAINS];
    const __m512 a = _mm512_set1_ps(0.5f), b = _mm512_set1_ps(1.0f);
    for (int c = 0; c < CHAINS; c++) sum[c] = a;
    for (int i = 0; i < ROUNDS; i++) {
#pragma GCC unroll 24
        for (int c = 0; c < CHAINS; c++) sum[c] = _mm512_fmadd_ps(sum[c], a, b);
    }
    volatile float keep = 0.0f;
    for (int c = 0; c < CHAINS; c++) keep += _mm512_cvtss_f32(sum[c]);
    (void)keep;
    return 2.0 * 16.0 * CHAINS * ROUNDS;
}

__attribute__((target("avx2,fma"))) static double flops_256(void)
{
    enum { HALF = CHAINS / 2 };
    __m256 sum[HALF];
    const __m256 a = _mm256_set1_ps(0.5f), b = _mm256_set1_ps(1.0f);
    for (int c = 0; c < HALF; c++) sum[c] = a;
    for (int i = 0; i < ROUNDS; i++) {
#pragma GCC unroll 12
        for (int c = 0; c < HALF; c++) sum[c] = _mm256_fmadd_ps(sum[c], a, b);
    }
    volatile float keep = 0.0f;
    for (int c = 0; c < HALF; c++) keep += _mm256_cvtss_f32(sum[c]);
    (void)keep;
    return 2.0 * 8.0 * HALF * ROUNDS;
}

static double measure_peak(void)
{
    const bool wide = __builtin_cpu_supports("avx512f");
    if (!wide && !(__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")))
        die("peak: this processor has no AVX2");
    const double start = now();
    double flops = 0.0;
    while (now() - start < window_s) flops += wide ? flops_512() : flops_256();
    return flops / (now() - start);
}
#else
static double measure_peak(void)
{
    die("peak: only measured on x86-64");
    return 0.0;
}
#endif

int main(int argc, char **argv)
{
    const bool peak = argc == 2 && strcmp(argv[1], "peak") == 0;
    char line[64];
    struct rusage use;
    bench b = {0};
    co_blas_start(argv);
    if (argc == 7)
        open_images(&b, argv + 1);
    else if (argc == 5)
        open_texts(&b, argv + 1);
    else if (!peak)
        die("cohort_steps MODEL BATCH CHANNELS HEIGHT WIDTH CLASSES, MODEL BATCH LENGTH TOKENS, or "
            "peak");
    if (!peak) measure_steps(&b);
    printf("ready %s\n", co_kernel_path());
    fflush(stdout);
    while (fgets(line, sizeof line, stdin)) {
        printf("%.9g\n", peak ? measure_peak() : measure_steps(&b));
        fflush(stdout);
    }
    getrusage(RUSAGE_SELF, &use);
    printf("%.1f\n", (double)use.ru_maxrss / 1024.0);
    co_workspace_destroy(b.workspace);
    co_model_destroy(b.model);
    void *const blocks[] = {b.params, b.grad, b.x, b.y, b.sums, b.tokens, b.offsets};
    for (size_t k = 0; k < sizeof blocks / sizeof *blocks; k++) co_free(blocks[k]);
    return 0;
}
