/* tests/models/test_decoding.c - texts that models write: token for token those of transformers'
 * generate (tests/reference/generate.py), on every kernel path; those of full forward passes; the
 * same bits whichever texts go beside; what cannot write is refused in one message. */
#include "models/decoding/beam.h"
#include "models/presets/folder.h"
#include "tests/models/graph_support.h"

enum { VOCABULARY = 40, MOST_TEXTS = 16, MOST_TOKENS = 64, TEXTS = 9, LENGTH = 14 };

static const char *source(void)
{
    const char *root = getenv("SOURCE");
    return root ? root : "..";
}

/* ---- transformers' own ---- */

typedef struct {
    co_node *root;
    co_labels labels;
    co_model *model;
    float *params;
    co_text said;
} folder_model;

static void open_folder(folder_model *f, const char *name)
{
    const co_model_preset *preset;
    const co_shape in = {.sequence = true, .tokens = true, .dim = {VOCABULARY}};
    const char *task = strcmp(name, "bart") == 0 ? "seq2seq" : "lm";
    char yaml[1400], folder[1024];
    *f = (folder_model){.labels = {.n = VOCABULARY, .unknown = -1}};
    snprintf(folder, sizeof folder, "%s/tests/reference/folders/generate_%s", source(), name);
    snprintf(yaml, sizeof yaml, "{from: \"%s\"}", folder);
    cr_assert_eq(co_yaml_read_text(yaml, "test.yaml", &f->root), CO_OK, "%s", co_status_message());
    const co_config opt = {.file = "test.yaml", .section = "model", .map = f->root};
    cr_assert_eq(co_folder_options(&opt, &preset), CO_OK, "%s", co_status_message());
    const co_param *const tables[] = {co_model_params, preset->params};
    cr_assert_eq(co_config_check(&opt, tables, 2), CO_OK, "%s", co_status_message());
    cr_assert_eq(co_model_create(&opt, &in, &f->labels, co_task_find(task), &f->model), CO_OK, "%s",
                 co_status_message());
    f->params = co_calloc(co_model_size(f->model), sizeof *f->params);
    co_model_init(f->model, 1, f->params);
    cr_assert_eq(co_folder_read(folder, preset->architecture, f->model, f->params, &f->said), CO_OK,
                 "%s", co_status_message());
}

static void close_folder(folder_model *f)
{
    co_model_destroy(f->model);
    co_free(f->params);
    co_text_fini(&f->said);
    co_node_destroy(f->root);
}

/* Prompts, and what is to be written behind them. */
typedef struct {
    size_t n;
    int64_t source_offsets[MOST_TEXTS + 1], offsets[MOST_TEXTS + 1], wanted_offsets[MOST_TEXTS + 1];
    int32_t sources[MOST_TEXTS * MOST_TOKENS], tokens[MOST_TEXTS * MOST_TOKENS],
        wanted[MOST_TEXTS * MOST_TOKENS];
} texts;

static void read_tokens(FILE *file, int n, int64_t *offsets, size_t i, int32_t *tokens)
{
    cr_assert_leq(n, MOST_TOKENS);
    offsets[i + 1] = offsets[i] + n;
    for (int64_t k = offsets[i]; k < offsets[i + 1]; k++)
        cr_assert_eq(fscanf(file, "%d", &tokens[k]), 1);
}

static void read_texts(FILE *file, texts *t)
{
    for (size_t i = 0; i < t->n; i++) {
        int n_source, n_prompt, n_written;
        cr_assert_eq(fscanf(file, "%d %d %d", &n_source, &n_prompt, &n_written), 3);
        read_tokens(file, n_source, t->source_offsets, i, t->sources);
        read_tokens(file, n_prompt, t->offsets, i, t->tokens);
        read_tokens(file, n_written, t->wanted_offsets, i, t->wanted);
    }
}

static void compare(const char *name, const co_decoding *how, const texts *t, const co_written *w)
{
    cr_assert_eq(w->n, t->n);
    for (size_t i = 0; i < t->n; i++) {
        const size_t n = (size_t)(t->wanted_offsets[i + 1] - t->wanted_offsets[i]);
        const int32_t *wanted = t->wanted + t->wanted_offsets[i], *got = w->tokens + w->offsets[i];
        cr_expect_eq((size_t)(w->offsets[i + 1] - w->offsets[i]), n, "%s, %zu beams, text %zu",
                     name, how->beams, i);
        for (size_t k = 0; k < n && w->offsets[i] + (int64_t)k < w->offsets[i + 1]; k++)
            cr_expect_eq(got[k], wanted[k], "%s on %s, %zu beams, text %zu, token %zu: %d for %d",
                         name, co_kernel_path(), how->beams, i, k, got[k], wanted[k]);
    }
}

static void compare_settings(FILE *file, const char *name, const folder_model *f, int32_t end)
{
    int early;
    texts t = {0};
    co_decoding how = {.end = end};
    co_decoder *d;
    co_written w = {0};
    cr_assert_eq(fscanf(file, " settings %zu %zu %lf %d %d %d %zu", &how.beams, &how.max_length,
                        &how.length_penalty, &early, &how.first, &how.last, &t.n),
                 7);
    how.early_stopping = (co_early)early;
    cr_assert_leq(t.n, MOST_TEXTS);
    read_texts(file, &t);
    cr_assert_eq(co_decoder_create(f->model, &how, MOST_TOKENS, &d), CO_OK, "%s",
                 co_status_message());
    co_decoder_lay(d, f->params);
    co_prompts in = {.n = t.n, .offsets = t.offsets, .tokens = t.tokens};
    if (t.source_offsets[1] > 0) in.source_offsets = t.source_offsets, in.sources = t.sources;
    cr_assert_eq(co_decode(d, &in, &w), CO_OK, "%s", co_status_message());
    compare(name, &how, &t, &w);
    co_written_fini(&w);
    co_decoder_destroy(d);
}

static void compare_all(void)
{
    char path[1024], name[64];
    int n_settings, n_vocabulary, end;
    size_t n = 0;
    snprintf(path, sizeof path, "%s/tests/reference/generate.txt", source());
    FILE *file = fopen(path, "r");
    cr_assert(file, "%s", path);
    for (; fscanf(file, " case %63s %d %d %d", name, &n_settings, &n_vocabulary, &end) == 4; n++) {
        folder_model f;
        cr_assert_eq(n_vocabulary, VOCABULARY);
        open_folder(&f, name);
        for (int s = 0; s < n_settings; s++) compare_settings(file, name, &f, end);
        close_folder(&f);
    }
    cr_expect_eq(n, 3);
    fclose(file);
}

Test(decoding, writes_what_transformers_generate)
{
    on_all_paths(compare_all);
}

/* ---- against full forward passes ---- */

/* Models of every layer that steps. */
static const char *const models[] = {
    "{layers: [{embedding: 8}, {positions: {most: 16}}, {attention: {heads: 2, causal: true}}, "
    "layer_norm, {residual: [{dense: 8}, gelu, {dropout: 0.5}]}, {dense: classes}]}",
    "{layers: [{embedding: 8}, {positions: sinusoidal}, {segments: {most: 3, separator: 5}}, "
    "{attention: {heads: 4, kv_heads: 2, rotary: 100, causal: true}}, rms_norm, {gated: 12}, "
    "{dense: {units: classes, bias: false}}]}",
    "{layers: [{embedding: 6}, {lstm: {units: 7, layers: 2}}, tanh, {dense: classes}]}",
    "{layers: [{embedding: 6}, {gru: {units: 5, layers: 3}}, {lstm: 9}, {dense: classes}]}",
    "{layers: [{embedding: 8, name: e}, {attention: {heads: 2, causal: true}}, relu, {dense: 16}, "
    "silu, {dense: 8}, {dense: classes, tie: {weight: e.weight}}], "
    "lora: {rank: 2, targets: [\"*\"]}}",
};
enum { N_MODELS = sizeof models / sizeof *models, N_CLASSES = 11 };
static const char *const pair_models[] = {
    "{encoder: [{embedding: 8}, {positions: {most: 16}}, {attention: {heads: 2}}, layer_norm], "
    "decoder: [{embedding: 8}, {positions: {most: 16}}, {attention: {heads: 2, causal: true}}, "
    "{residual: [{attention: {heads: 4, cross: true}}]}, layer_norm, {dense: 12}, gelu, "
    "{residual: [{attention: {heads: 4, cross: true}}]}, {dense: classes}]}",
    "{encoder: [{embedding: 6}, {lstm: {units: 4, bidirectional: true}}], decoder: [{embedding: "
    "8}, "
    "{lstm: 8}, {residual: [{attention: {heads: 1, cross: true}}]}, tanh, {dense: classes}]}",
};

typedef struct {
    co_model *model;
    float *params;
    int64_t offsets[TEXTS + 1];
    int32_t tokens[TEXTS * 8];
} writer;

static writer open_writer(const char *yaml)
{
    const char *task = strstr(yaml, "decoder") ? "seq2seq" : "lm";
    static const co_labels labels = {.n = N_CLASSES, .unknown = -1};
    const co_shape in = {.sequence = true, .tokens = true, .dim = {N_CLASSES}};
    writer w = {0};
    cr_assert_eq(test_model_for(task, yaml, &in, &labels, &w.model), CO_OK, "%s: %s", yaml,
                 co_status_message());
    const size_t n = co_model_size(w.model);
    w.params = co_calloc(n, sizeof *w.params);
    test_fill(11, n, 1.0f, w.params);
    for (size_t i = 0; i < TEXTS; i++)
        w.offsets[i + 1] = w.offsets[i] + (int64_t)(test_bits(12, i) % 5 + 1);
    for (size_t k = 0; k < TEXTS * 8; k++) w.tokens[k] = (int32_t)(test_bits(13, k) % N_CLASSES);
    return w;
}

static void close_writer(writer *w)
{
    co_model_destroy(w->model);
    co_free(w->params);
}

/* The next token of text i, of which n are there, by a pass over all of it. A model of two texts
 * reads the prompts of the others, text i that of text TEXTS - 1 - i. */
static int32_t next_by_pass(const writer *w, co_workspace *work, size_t i, int64_t n,
                            const int32_t *tokens)
{
    const int64_t offsets[] = {0, n}, *source = w->offsets + TEXTS - 1 - i,
                  source_offsets[] = {0, source[1] - source[0]};
    co_batch batch = {.n = 1, .rows = (size_t)n, .offsets = offsets, .tokens = tokens};
    if (co_model_task(w->model)->targets)
        batch = (co_batch){.n = 1,
                           .rows = (size_t)source_offsets[1],
                           .offsets = source_offsets,
                           .tokens = w->tokens + source[0],
                           .target_rows = (size_t)n,
                           .target_offsets = offsets,
                           .target_tokens = tokens};
    const co_pass pass = {.batch = &batch};
    const float *out = co_model_forward(w->model, work, w->params, &pass);
    return co_best_token(N_CLASSES, out + (size_t)(n - 1) * N_CLASSES);
}

/* The prompts of a writer, and for a model of two texts the sources, from the last prompt on. */
static co_prompts prompts_of(const writer *w, int64_t *source_offsets, int32_t *sources)
{
    co_prompts in = {.n = TEXTS, .offsets = w->offsets, .tokens = w->tokens};
    if (!co_model_task(w->model)->targets) return in;
    for (size_t i = 0; i < TEXTS; i++) {
        const int64_t *from = w->offsets + TEXTS - 1 - i, n = from[1] - from[0];
        source_offsets[i + 1] = source_offsets[i] + n;
        memcpy(sources + source_offsets[i], w->tokens + from[0], (size_t)n * sizeof *sources);
    }
    in.source_offsets = source_offsets;
    in.sources = sources;
    return in;
}

static void follow(const char *yaml)
{
    const co_decoding how = {.beams = 1, .max_length = LENGTH, .end = 3, .first = -1, .last = -1};
    writer w = open_writer(yaml);
    int64_t source_offsets[TEXTS + 1] = {0};
    int32_t sources[TEXTS * 8];
    co_decoder *d;
    co_written written = {0};
    co_workspace *work;
    cr_assert_eq(co_workspace_create(w.model, 1, LENGTH, LENGTH, &work), CO_OK);
    cr_assert_eq(co_decoder_create(w.model, &how, 8, &d), CO_OK, "%s", co_status_message());
    co_decoder_lay(d, w.params);
    const co_prompts in = prompts_of(&w, source_offsets, sources);
    cr_assert_eq(co_decode(d, &in, &written), CO_OK);
    for (size_t i = 0; i < TEXTS; i++) {
        int32_t text[LENGTH];
        int64_t n = w.offsets[i + 1] - w.offsets[i];
        memcpy(text, w.tokens + w.offsets[i], (size_t)n * sizeof *text);
        const int64_t prompt = n;
        while (n < LENGTH && (n == prompt || text[n - 1] != how.end)) {
            text[n] = next_by_pass(&w, work, i, n, text);
            n++;
        }
        cr_expect_eq(written.offsets[i + 1] - written.offsets[i], n - prompt, "%s: text %zu", yaml,
                     i);
        cr_expect_arr_eq(written.tokens + written.offsets[i], text + prompt,
                         (size_t)(n - prompt) * sizeof *text, "%s on %s: text %zu", yaml,
                         co_kernel_path(), i);
    }
    co_workspace_destroy(work);
    co_written_fini(&written);
    co_decoder_destroy(d);
    close_writer(&w);
}

static void follow_all(void)
{
    for (size_t k = 0; k < N_MODELS; k++) follow(models[k]);
    for (size_t k = 0; k < 2; k++) follow(pair_models[k]);
}

Test(decoding, writes_what_full_passes_do)
{
    on_all_paths(follow_all);
}

/* ---- bits ---- */

/* Rows of outputs when n copies of a text stand beside each other, and k of them begin earlier. */
static void step_beside(const char *yaml)
{
    enum { ROWS = 37, STEPS = 6 };
    const co_steps_size size = {.n_slots = ROWS, .most = STEPS};
    writer w = open_writer(yaml);
    co_steps *s;
    float alone[STEPS][N_CLASSES];
    int32_t at[ROWS], slot[ROWS], token[ROWS], past[ROWS][STEPS];
    const int32_t *row[ROWS];
    cr_assert_eq(co_steps_create(w.model, &size, &s), CO_OK, "%s", co_status_message());
    co_steps_lay(s, w.params);
    for (size_t n = 1; n <= ROWS; n += 12) { /* 1, 13, 25, 37 rows of a step */
        for (int32_t t = 0; t < STEPS; t++) {
            for (size_t r = 0; r < n;
                 r++) { /* the text at hand is the last row, in slot n - 1 - t % 2 */
                at[r] = t;
                row[r] = past[r];
                slot[r] = past[r][t] = (int32_t)r;
                token[r] =
                    r + 1 == n ? (t * 3 + 1) % N_CLASSES : (int32_t)((r + (size_t)t) % N_CLASSES);
            }
            const float *out = co_steps_next(
                s, &(co_step){
                       .n = n, .size = &size, .at = at, .slot = slot, .past = row, .token = token});
            const float *own = out + (n - 1) * N_CLASSES;
            if (n == 1)
                memcpy(alone[t], own, sizeof alone[t]);
            else
                cr_expect_arr_eq(own, alone[t], sizeof alone[t], "%s on %s: %zu rows, step %d",
                                 yaml, co_kernel_path(), n, t);
        }
    }
    co_steps_destroy(s);
    close_writer(&w);
}

/* Beams of a text in a row of many, and of the text alone. */
static void write_beside(const char *yaml)
{
    const co_decoding how = {
        .beams = 3, .max_length = LENGTH, .length_penalty = 1.0, .end = 3, .first = -1, .last = -1};
    writer w = open_writer(yaml);
    int64_t source_offsets[TEXTS + 1] = {0};
    int32_t sources[TEXTS * 8];
    co_decoder *d;
    co_written all = {0}, one = {0};
    cr_assert_eq(co_decoder_create(w.model, &how, 8, &d), CO_OK, "%s", co_status_message());
    co_decoder_lay(d, w.params);
    co_prompts in = prompts_of(&w, source_offsets, sources);
    cr_assert_eq(co_decode(d, &in, &all), CO_OK);
    in.n = 1;
    for (size_t i = 0; i < TEXTS; i++, in.offsets++, in.source_offsets += in.sources != NULL) {
        cr_assert_eq(co_decode(d, &in, &one), CO_OK);
        const int64_t n = all.offsets[i + 1] - all.offsets[i];
        cr_expect_eq(one.offsets[1], n, "%s", yaml);
        cr_expect_arr_eq(one.tokens, all.tokens + all.offsets[i], (size_t)n * sizeof *one.tokens,
                         "%s on %s: text %zu", yaml, co_kernel_path(), i);
    }
    co_written_fini(&all);
    co_written_fini(&one);
    co_decoder_destroy(d);
    close_writer(&w);
}

static void step_all_beside(void)
{
    for (size_t k = 0; k < N_MODELS; k++) step_beside(models[k]);
    for (size_t k = 0; k < N_MODELS; k++) write_beside(models[k]);
    for (size_t k = 0; k < 2; k++) write_beside(pair_models[k]);
}

Test(decoding, a_row_has_the_same_bits_whatever_stands_beside_it)
{
    on_all_paths(step_all_beside);
}

/* ---- choices ---- */

Test(decoding, of_equal_ones_the_lower_token_comes_first)
{
    const float out[] = {1.0f, 3.0f, 3.0f, 2.0f, 3.0f};
    co_candidate best[3];
    cr_expect_eq(co_best_token(5, out), 1);
    size_t n = co_candidates_of(NULL, 5, out, -1, 0.0, 1, best, 0, 3);
    cr_expect_eq(n, 3);
    cr_expect(best[0].token == 1 && best[1].token == 2 && best[2].token == 4);
    n = co_candidates_of(NULL, 5, out, -1, 0.0, 0, best, n,
                         3); /* an earlier text, the same scores */
    cr_expect(best[0].token == 1 && best[0].beam == 0 && best[1].token == 1 && best[1].beam == 1 &&
              best[2].token == 2 && best[2].beam == 0);
}

Test(decoding, forced_tokens_stand_at_both_ends)
{
    const co_decoding how = {
        .beams = 3, .max_length = 6, .length_penalty = 1.0, .end = 9, .first = 7, .last = 9};
    writer w = open_writer(models[0]);
    const int64_t offsets[] = {0, 1};
    const int32_t prompt = 2;
    co_decoder *d;
    co_written written = {0};
    cr_assert_eq(co_decoder_create(w.model, &how, 0, &d), CO_OK, "%s", co_status_message());
    co_decoder_lay(d, w.params);
    cr_assert_eq(
        co_decode(d, &(co_prompts){.n = 1, .offsets = offsets, .tokens = &prompt}, &written),
        CO_OK);
    const int64_t n = written.offsets[1];
    cr_expect(n >= 2 && n <= 5);
    cr_expect_eq(written.tokens[0], 7);
    cr_expect_eq(written.tokens[n - 1], 9);
    co_written_fini(&written);
    co_decoder_destroy(d);
    close_writer(&w);
}

/* ---- refusals ---- */

static void refuse_writing(const char *yaml, co_decoding how, const char *word)
{
    writer w = open_writer(yaml);
    co_decoder *d;
    how.end = how.last = -1;
    how.first = how.first ? how.first : -1;
    cr_expect_eq(co_decoder_create(w.model, &how, 0, &d), CO_EUSAGE, "%s", word);
    cr_expect(strstr(co_status_message(), word), "%s: %s", word, co_status_message());
    close_writer(&w);
}

Test(decoding, what_cannot_write_is_refused)
{
    refuse_writing(models[0], (co_decoding){.beams = 0, .max_length = 9}, "beams 0");
    refuse_writing(models[0], (co_decoding){.beams = 1, .max_length = 9, .first = 11}, "token 11");
    refuse_writing(models[0], (co_decoding){.beams = 1, .max_length = 1}, "max_length 1");
    refuse_writing(models[0], (co_decoding){.beams = 1, .max_length = 18}, "give at most 17");
    refuse_writing(models[0], (co_decoding){.beams = 6, .max_length = 9}, "there are 11");
    refuse_writing("{layers: [{embedding: 8}, {attention: {heads: 2}}, {dense: classes}]}",
                   (co_decoding){.beams = 1, .max_length = 9}, "causal");
    refuse_writing(
        "{layers: [{embedding: 8}, {gru: {units: 4, bidirectional: true}}, {dense: classes}]}",
        (co_decoding){.beams = 1, .max_length = 9}, "one direction");
    cr_expect_eq(co_memory_blocks(), 0);
}
