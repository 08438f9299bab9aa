/* models/tasks/mlm.c - masked language modelling: which words stood where tokens were hidden.
 *
 * Each time a text is met every token but the special ones ([CLS], [SEP] ..) is chosen with chance
 * mask_share; of the chosen 80 % become the mask, 10 % a random token, 10 % stay. Their labels are
 * the tokens that stood there, those of the others -1: loss and metrics are over the chosen tokens
 * of a batch alone. Evaluations choose the same ones every time. Sums: chosen tokens, loss; right
 * ones. Source: Devlin et al., NAACL 2019, arXiv:1810.04805, section 3.1; each token by itself, as
 * transformers does, not exactly 15 % of a text. */
#include "core/elementary.h"
#include "models/tasks/task.h"
#include <math.h>
#include <string.h>

enum { TOKENS, LOSS, RIGHT, N_SUMS };

static bool is_special(const co_labels *labels, int32_t token)
{
    for (size_t k = 0; k < CO_SPECIALS; k++)
        if (labels->special[k] == token) return true;
    return false;
}

static void hide(const co_labels *labels, co_stream *draws, int32_t *token)
{
    const double way = co_draw_uniform(draws);
    if (way < 0.8)
        *token = labels->mask;
    else if (way < 0.9)
        *token = (int32_t)co_draw_below(draws, labels->n);
}

static void prepare(const co_labels *labels, co_stream *draws, size_t n, int32_t *tokens,
                    int32_t *y)
{
    for (size_t i = 0; i < n; i++) {
        y[i] = -1;
        if (is_special(labels, tokens[i]) || co_draw_uniform(draws) >= labels->mask_share) continue;
        y[i] = tokens[i];
        hide(labels, draws, &tokens[i]);
    }
}

static void measure(const co_pass *pass, const co_labels *labels, const co_criterion *criterion,
                    const float *out, float *d_out, double *sums)
{
    const co_batch *batch = pass->batch;
    const int32_t *y = batch->y;
    const size_t n = labels->n;
    size_t n_chosen = 0;
    for (size_t r = 0; r < batch->rows; r++) n_chosen += y[r] >= 0;
    for (size_t r = 0; r < batch->rows; r++) {
        co_row_loss row;
        if (y[r] < 0) {
            if (d_out) memset(d_out + r * n, 0, n * sizeof *d_out);
            continue;
        }
        criterion->loss->of_classes(criterion->self, 1, n, out + r * n, y + r, n_chosen,
                                    d_out ? d_out + r * n : NULL, &row);
        sums[TOKENS] += 1.0;
        sums[LOSS] += row.loss;
        sums[RIGHT] += row.best == (size_t)y[r] ? 1.0 : 0.0;
    }
}

static double accuracy(const double *sums, size_t n_classes)
{
    (void)n_classes;
    return sums[TOKENS] > 0.0 ? sums[RIGHT] / sums[TOKENS] : (double)NAN;
}

static double perplexity(const double *sums, size_t n_classes)
{
    (void)n_classes;
    return sums[TOKENS] > 0.0 ? 1.0 / co_plain_exp(-sums[LOSS] / sums[TOKENS]) : (double)NAN;
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

static const co_param params[] = {{"mask_share", CO_REAL, .def = 0.15, .lo = 0.0, .hi = 1.0,
                                   .flags = CO_LO_OPEN | CO_HI_OPEN,
                                   .doc = "chance of a token to be chosen (section data)"},
                                  {0}};
static const char *const losses[] = {"cross_entropy", NULL};
static const co_metric metrics[] = {
    {"accuracy", "share of chosen tokens that are predicted", true, accuracy, .unit = "share"},
    {"perplexity", "exp of the mean loss of a chosen token", false, perplexity, .unit = "1"},
    {0}};
const co_task co_task_mlm = {.name = "mlm",
                             .summary = "hidden tokens of a text (data.task: mlm): softmax "
                                        "cross-entropy of each",
                             .source = "Devlin et al. 2019, arXiv:1810.04805",
                             .params = params,
                             .per_row = true,
                             .metrics = metrics,
                             .loss_unit = "nats",
                             .losses = losses,
                             .n_reals = n_reals,
                             .n_sums = n_sums,
                             .outputs = outputs,
                             .prepare = prepare,
                             .measure = measure};
