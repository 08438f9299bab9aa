/* models/tasks/tagging.c - a tag for every token, labels int32 in [0, n_classes) named O, B-TYPE,
 * I-TYPE; -1: the token has none (a word's later pieces, marks of begin and end) and is passed over
 * by loss and metrics, as if it did not stand there.
 *
 * The loss is the mean over the tokens with a label of all texts of a batch. Behind a layer that
 * chains (crf) it is the negative log-likelihood of the texts' labels, divided by the number of
 * tokens that have one (pytorch-crf's reduction token_mean), and tags are those of the best path.
 * Entities are read from tags as entities.h says.
 * Precision = right / predicted, recall = right / labelled, F1 = 2 right / (predicted + labelled),
 * 0 where nothing is counted; sums over all texts (micro). Sums, of tokens with a label: tokens,
 * loss; right tokens; right, predicted, labelled entities. Source: Tjong Kim Sang & De Meulder,
 * CoNLL 2003, section 2.3. */
#include "models/layers/layer.h"
#include "models/tasks/entities.h"
#include "models/tasks/task.h"
#include <math.h>
#include <string.h>

enum { TOKENS, LOSS, RIGHT, ENTITIES, N_SUMS = ENTITIES + CO_ENTITY_COUNTS };

static size_t count_scored(size_t rows, const int32_t *y)
{
    size_t n = 0;
    for (size_t r = 0; r < rows; r++) n += y[r] >= 0;
    return n;
}

static void count_row(co_entities *e, const co_labels *labels, int32_t y, size_t best, double *sums)
{
    sums[TOKENS] += 1.0;
    sums[RIGHT] += best == (size_t)y ? 1.0 : 0.0;
    co_entities_add(e, labels, (size_t)y, best < labels->n ? best : 0, sums + ENTITIES);
}

/* Loss and tag of each row by itself. */
static void measure_rows(const co_pass *pass, const co_labels *labels,
                         const co_criterion *criterion, const float *out, float *d_out,
                         double *sums)
{
    const co_batch *batch = pass->batch;
    const int32_t *y = batch->y;
    const size_t n = labels->n, n_scored = count_scored(batch->rows, y);
    co_row_loss rows[CO_LOSS_ROWS];
    for (size_t i = 0; i < batch->n; i++) {
        co_entities entities = co_entities_begin();
        const size_t end = batch->offsets ? (size_t)batch->offsets[i + 1] : i + 1;
        for (size_t r = batch->offsets ? (size_t)batch->offsets[i] : i; r < end; r++) {
            const size_t k = r % CO_LOSS_ROWS, left = batch->rows - r;
            if (k == 0)
                criterion->loss->of_classes(
                    criterion->self, left < CO_LOSS_ROWS ? left : CO_LOSS_ROWS, n, out + r * n,
                    y + r, n_scored, d_out ? d_out + r * n : NULL, rows);
            if (y[r] < 0) continue;
            sums[LOSS] += rows[k].loss;
            count_row(&entities, labels, y[r], rows[k].best, sums);
        }
        co_entities_end(&entities, sums + ENTITIES);
    }
}

/* Loss of each text and tags of its best path, as the chain gives them. */
static void measure_chain(const co_pass *pass, const co_labels *labels, const float *out,
                          float *d_out, double *sums)
{
    const co_batch *batch = pass->batch;
    const int32_t *y = batch->y;
    const size_t n = labels->n, wide = n + CO_CRF_EXTRA;
    const float share = 1.0f / (float)count_scored(batch->rows, y);
    if (d_out) memset(d_out, 0, batch->rows * wide * sizeof *d_out);
    for (size_t i = 0; i < batch->n; i++) {
        co_entities entities = co_entities_begin();
        const size_t first = batch->offsets ? (size_t)batch->offsets[i] : i,
                     end = batch->offsets ? (size_t)batch->offsets[i + 1] : i + 1;
        bool begun = false;
        for (size_t r = first; r < end; r++) {
            const float *chain = out + r * wide + n;
            if (y[r] < 0) continue;
            sums[LOSS] += (double)chain[CO_CRF_LOSS];
            if (d_out && !begun) d_out[r * wide + n + CO_CRF_LOSS] = share;
            begun = true;
            count_row(&entities, labels, y[r],
                      chain[CO_CRF_TAG] >= 0.0f ? (size_t)chain[CO_CRF_TAG] : n, sums);
        }
        co_entities_end(&entities, sums + ENTITIES);
    }
}

static void measure(const co_pass *pass, const co_labels *labels, const co_criterion *criterion,
                    const float *out, float *d_out, double *sums)
{
    if (criterion->chain)
        measure_chain(pass, labels, out, d_out, sums);
    else
        measure_rows(pass, labels, criterion, out, d_out, sums);
}

static double entity_f1(const double *sums, size_t n_classes)
{
    (void)n_classes;
    return co_entities_f1(sums + ENTITIES, sums[TOKENS]);
}

static double entity_precision(const double *sums, size_t n_classes)
{
    (void)n_classes;
    return co_entities_ratio(sums[ENTITIES + CO_ENTITIES_RIGHT],
                             sums[ENTITIES + CO_ENTITIES_PREDICTED], sums[TOKENS]);
}

static double entity_recall(const double *sums, size_t n_classes)
{
    (void)n_classes;
    return co_entities_ratio(sums[ENTITIES + CO_ENTITIES_RIGHT],
                             sums[ENTITIES + CO_ENTITIES_LABELLED], sums[TOKENS]);
}

static double accuracy(const double *sums, size_t n_classes)
{
    (void)n_classes;
    return co_entities_ratio(sums[RIGHT], sums[TOKENS], sums[TOKENS]);
}

static size_t n_reals(size_t n_classes)
{
    (void)n_classes;
    return 2;
}

static size_t n_sums(size_t n_classes)
{
    (void)n_classes;
    return N_SUMS;
}

static size_t outputs(size_t n_classes)
{
    return n_classes;
}

static const char *const losses[] = {"cross_entropy", NULL};
static const co_metric metrics[] = {
    {"entity_f1", "harmonic mean of the next two", true, entity_f1, .unit = "share"},
    {"entity_precision", "share of predicted entities that are right", true, entity_precision,
     .unit = "share"},
    {"entity_recall", "share of labelled entities that are found", true, entity_recall,
     .unit = "share"},
    {"accuracy", "share of tokens with the right tag", true, accuracy, .unit = "share"},
    {0}};
const co_task co_task_tagging = {
    .name = "tagging",
    .summary = "a tag for every token: softmax cross-entropy a token, entities in BIO or IO",
    .source = "Tjong Kim Sang & De Meulder, CoNLL 2003",
    .per_row = true,
    .tags = true,
    .takes_chain = true,
    .metrics = metrics,
    .loss_unit = "nats",
    .losses = losses,
    .n_reals = n_reals,
    .n_sums = n_sums,
    .outputs = outputs,
    .measure = measure};
