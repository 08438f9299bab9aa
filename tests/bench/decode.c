/* tests/bench/decode.c - seconds of the processor for writing a text from a source, for
 * tests/bench/decode.py.
 *
 *     cohort_decode VOCABULARY BEAMS TEXTS SOURCE LENGTH key=value ..
 *
 * TEXTS sources of SOURCE drawn tokens each; every text grows to LENGTH tokens. The words are those
 * of an experiment's section `model`. Prints for every line on stdin seconds of the processor a
 * text. */
#include "core/memory.h"
#include "io/yaml.h"
#include "models/decoding/decode.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void check(co_status st)
{
    if (st == CO_OK) return;
    fprintf(stderr, "cohort_decode: %s\n", co_status_message());
    exit(2);
}

static co_model *create(int n_words, char **words, const co_labels *labels)
{
    co_node *root = co_node_create(CO_NODE_MAP, NULL, NULL);
    co_model *model;
    for (int i = 0; i < n_words; i++) {
        char *value = strchr(words[i], '=');
        if (!value) check(CO_FAIL(CO_EUSAGE, "%s: key=value", words[i]));
        *value = 0;
        check(co_node_set(root, words[i], value + 1));
    }
    const co_node *name = co_node_find(root, "name");
    const co_plugin *preset = name ? co_plugin_find(&co_kind_model, name->text) : NULL;
    const co_param *const tables[] = {co_model_params, preset ? preset->params : NULL};
    const co_config opt = {.file = "command line", .section = "model", .map = root};
    const co_shape in = {.sequence = true, .tokens = true, .dim = {labels->n}};
    check(co_config_check(&opt, tables, 2));
    check(co_model_create(&opt, &in, labels, co_task_find("seq2seq"), &model));
    co_node_destroy(root);
    return model;
}

int main(int n_words, char **words)
{
    char line[8];
    if (n_words < 7) {
        fprintf(stderr, "cohort_decode VOCABULARY BEAMS TEXTS SOURCE LENGTH key=value ..\n");
        return 2;
    }
    const size_t n = strtoul(words[3], NULL, 10), m = strtoul(words[4], NULL, 10);
    const co_labels labels = {.n = strtoul(words[1], NULL, 10), .unknown = -1};
    const co_decoding how = {.beams = strtoul(words[2], NULL, 10),
                             .max_length = strtoul(words[5], NULL, 10),
                             .length_penalty = 1.0,
                             .end = -1,
                             .first = -1,
                             .last = -1};
    co_model *model = create(n_words - 6, words + 6, &labels);
    float *params = co_calloc(co_model_size(model), sizeof *params);
    int64_t *offsets = co_calloc(2 * (n + 1), sizeof *offsets), *sources = offsets + n + 1;
    int32_t *tokens = co_calloc(n * (m + 1), sizeof *tokens), *begin = tokens + n * m;
    co_decoder *decoder;
    co_written written = {0};
    co_model_init(model, 1, params);
    for (size_t i = 0; i <= n; i++) offsets[i] = (int64_t)i, sources[i] = (int64_t)(i * m);
    for (size_t k = 0; k < n * m; k++) tokens[k] = (int32_t)(k * 7919 % labels.n);
    for (size_t i = 0; i < n; i++) begin[i] = 2;
    check(co_decoder_create(model, &how, m, &decoder));
    while (fgets(line, sizeof line, stdin)) {
        const double start = now();
        co_decoder_lay(decoder, params);
        check(co_decode(decoder,
                        &(co_prompts){.n = n,
                                      .offsets = offsets,
                                      .tokens = begin,
                                      .source_offsets = sources,
                                      .sources = tokens},
                        &written));
        printf("%.9f\n", (now() - start) / (double)n);
        fflush(stdout);
    }
    co_written_fini(&written);
    co_decoder_destroy(decoder);
    co_free(tokens);
    co_free(offsets);
    co_free(params);
    co_model_destroy(model);
    return 0;
}
