/* models/tasks/lm.c - language modelling: at every token of a text the next one, labels int32 in
 * [0, vocabulary); sequence to sequence: the same of every text's target.
 *
 * The loss is the mean over tokens of all texts (or targets) of a batch; perplexity = exp(loss). A
 * token is right when its output is the largest, the first of equal ones. The metrics named _known
 * leave out the places where the next token is out of vocabulary
 * (<unk>, [UNK]), whose answer is no word. Sums: tokens, loss, loss where known; right ones, known
 * tokens, right known ones. */
#include "core/elementary.h"
#include "models/tasks/task.h"
#include <math.h>

enum { TOKENS, LOSS, KNOWN_LOSS, RIGHT, KNOWN, KNOWN_RIGHT, N_SUMS };

static void measure(const co_pass *pass, const co_labels *labels, const co_criterion *criterion,
                    const float *out, float *d_out, double *sums)
{
    const co_batch *batch = pass->batch;
    const int32_t *y = batch->y;
    const size_t n = labels->n, n_rows = batch->target_offsets ? batch->target_rows : batch->rows;
    co_row_loss rows[CO_LOSS_ROWS];
    for (size_t r = 0; r < n_rows; r++) {
        const size_t k = r % CO_LOSS_ROWS, left = n_rows - r;
        if (k == 0)
            criterion->loss->of_classes(criterion->self, left < CO_LOSS_ROWS ? left : CO_LOSS_ROWS,
                                        n, out + r * n, y + r, n_rows, d_out ? d_out + r * n : NULL,
                                        rows);
        const co_row_loss row = rows[k];
        const double right = row.best == (size_t)y[r] ? 1.0 : 0.0;
        sums[TOKENS] += 1.0;
        sums[LOSS] += row.loss;
        sums[RIGHT] += right;
        if (y[r] == labels->unknown) continue;
        sums[KNOWN_LOSS] += row.loss;
        sums[KNOWN] += 1.0;
        sums[KNOWN_RIGHT] += right;
    }
}

static double ratio(double part, double whole)
{
    return whole > 0.0 ? part / whole : (double)NAN;
}

static double accuracy(const double *sums, size_t n_classes)
{
    (void)n_classes;
    return ratio(sums[RIGHT], sums[TOKENS]);
}

static double perplexity(const double *sums, size_t n_classes)
{
    (void)n_classes;
    return 1.0 / co_plain_exp(-ratio(sums[LOSS], sums[TOKENS]));
}

static double accuracy_known(const double *sums, size_t n_classes)
{
    (void)n_classes;
    return ratio(sums[KNOWN_RIGHT], sums[KNOWN]);
}

static double perplexity_known(const double *sums, size_t n_classes)
{
    (void)n_classes;
    return 1.0 / co_plain_exp(-ratio(sums[KNOWN_LOSS], sums[KNOWN]));
}

static size_t n_reals(size_t n_classes)
{
    (void)n_classes;
    return 3;
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
    {"accuracy", "share of tokens that are predicted", true, accuracy, .unit = "share"},
    {"perplexity", "exp of the mean loss of a token", false, perplexity, .unit = "1"},
    {"accuracy_known", "accuracy where the next token is in the vocabulary", true, accuracy_known,
     .unit = "share"},
    {"perplexity_known", "perplexity where the next token is in the vocabulary", false,
     perplexity_known, .unit = "1"},
    {0}};
const co_task co_task_lm = {.name = "lm",
                            .summary = "the next token of a text: softmax cross-entropy a token",
                            .per_row = true,
                            .metrics = metrics,
                            .loss_unit = "nats",
                            .losses = losses,
                            .n_reals = n_reals,
                            .n_sums = n_sums,
                            .outputs = outputs,
                            .measure = measure};
const co_task co_task_seq2seq = {
    .name = "seq2seq",
    .summary = "a text from a text: softmax cross-entropy a token of the target",
    .source = "Sutskever et al., NeurIPS 2014, arXiv:1409.3215",
    .per_row = true,
    .targets = true,
    .metrics = metrics,
    .loss_unit = "nats",
    .losses = losses,
    .n_reals = n_reals,
    .n_sums = n_sums,
    .outputs = outputs,
    .measure = measure};
