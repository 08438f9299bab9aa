/* models/tasks/span.c - the answer of a question within a text: two outputs a token, as which it
 * begins and ends there; labels int32 [n][2], the first and the last token, -1, -1: the answer is
 * not in this window, which stands for token 0 as both.
 *
 * The loss of a window is the mean of two cross-entropies over its tokens, that of the first and
 * that of the last one; of a batch the mean over windows, as BertForQuestionAnswering has it where
 * no window is padded. The softmax is over the rows of one text, not over the outputs of a row, so
 * that the kind loss has no part in it. accuracy is cheap: windows whose both tokens have the
 * largest outputs, the first of equal ones. The other metrics are of whole questions (span.h,
 * answers.h) and measured in evaluations, where the windows of a question meet. Sums: windows,
 * loss; F1 of questions, of those that have an answer; right windows; questions, answerable ones,
 * exact matches of all and of answerable ones. Source: Devlin et al., NAACL 2019, arXiv:1810.04805,
 * section 4.2 and 4.3; Rajpurkar, Jia & Liang, ACL 2018, arXiv:1806.03822. */
#include "models/tasks/span.h"
#include "core/elementary.h"
#include "models/smooth.h"
#include "models/tasks/task.h"
#include <math.h>

enum {
    WINDOWS,
    LOSS,
    F1,
    F1_ANSWERABLE,
    N_REALS,
    RIGHT = N_REALS,
    QUESTIONS,
    ANSWERABLE,
    EXACT,
    EXACT_ANSWERABLE,
    N_SUMS
};
enum { SIDES = 2 };

/* ---- the loss ---- */

/* Softmax of one side, outputs o[0], o[2] .. of n > 0 rows. */
typedef struct {
    float max;
    size_t best; /* the first of the largest */
    double sum;  /* of exp(o - max) */
} column;

static column look(const float *o, size_t n)
{
    column c = {.max = o[0]};
    for (size_t r = 1; r < n; r++)
        if (o[r * SIDES] > c.max) c.max = o[r * SIDES], c.best = r;
    for (size_t r = 0; r < n; r++) c.sum += (double)co_exp_negative(o[r * SIDES] - c.max);
    return c;
}

static void slope(const column *c, const float *o, size_t n, size_t y, double n_windows, float *d)
{
    const float factor = (float)(1.0 / (c->sum * SIDES * n_windows));
    for (size_t r = 0; r < n; r++) d[r * SIDES] = factor * co_exp_negative(o[r * SIDES] - c->max);
    d[y * SIDES] -= (float)(1.0 / (SIDES * n_windows));
}

/* The loss of one side; *right stays when its token is found. */
static double measure_side(const float *o, size_t n, int32_t label, double n_windows, float *d,
                           bool *right)
{
    const size_t y = label < 0 ? 0 : (size_t)label;
    CO_ASSERT(y < n);
    const column c = look(o, n);
    *right &= c.best == y && !isnan(c.sum);
    if (d) slope(&c, o, n, y, n_windows, d);
    return (double)c.max - (double)o[y * SIDES] + (isfinite(c.sum) ? co_plain_log(c.sum) : c.sum);
}

/* A window without tokens has nothing to be right or wrong about, and no loss. */
static void measure(const co_pass *pass, const co_labels *labels, const co_criterion *criterion,
                    const float *out, float *d_out, double *sums)
{
    const co_batch *batch = pass->batch;
    const int32_t *y = batch->y;
    (void)labels;
    (void)criterion;
    for (size_t i = 0; i < batch->n; i++) {
        const size_t first = batch->offsets ? (size_t)batch->offsets[i] : i,
                     n = batch->offsets ? (size_t)batch->offsets[i + 1] - first : 1;
        bool right = n > 0;
        double loss = 0.0;
        for (size_t s = 0; n > 0 && s < SIDES; s++)
            loss += measure_side(out + first * SIDES + s, n, y[i * SIDES + s], (double)batch->n,
                                 d_out ? d_out + first * SIDES + s : NULL, &right);
        sums[WINDOWS] += 1.0;
        sums[LOSS] += loss / SIDES;
        sums[RIGHT] += right ? 1.0 : 0.0;
    }
}

/* ---- questions ---- */

co_span_guess co_span_best(const float *out, const int32_t *place, size_t n, size_t most)
{
    co_span_guess g = {.score = -INFINITY, .none = n ? (double)out[0] + (double)out[1] : -INFINITY};
    for (size_t a = 0; a < n; a++) {
        if (place[a * SIDES] < 0) continue;
        for (size_t b = a; b < n && b - a < most; b++) {
            const double score = (double)out[a * SIDES] + (double)out[b * SIDES + 1];
            if (place[b * SIDES] < 0 || !(score > g.score)) continue;
            g.score = score;
            g.first = a;
            g.last = b;
        }
    }
    return g;
}

void co_span_count(const co_answer *answer, bool answerable, double *sums)
{
    sums[QUESTIONS] += 1.0;
    sums[EXACT] += answer->exact;
    sums[F1] += answer->f1;
    if (!answerable) return;
    sums[ANSWERABLE] += 1.0;
    sums[EXACT_ANSWERABLE] += answer->exact;
    sums[F1_ANSWERABLE] += answer->f1;
}

/* ---- metrics ---- */

static double ratio(double part, double whole)
{
    return whole > 0.0 ? part / whole : (double)NAN;
}

static double accuracy(const double *sums, size_t n_classes)
{
    (void)n_classes;
    return ratio(sums[RIGHT], sums[WINDOWS]);
}

static double f1(const double *sums, size_t n_classes)
{
    (void)n_classes;
    return ratio(sums[F1], sums[QUESTIONS]);
}

static double exact_match(const double *sums, size_t n_classes)
{
    (void)n_classes;
    return ratio(sums[EXACT], sums[QUESTIONS]);
}

static double f1_answerable(const double *sums, size_t n_classes)
{
    (void)n_classes;
    return ratio(sums[F1_ANSWERABLE], sums[ANSWERABLE]);
}

static double exact_match_answerable(const double *sums, size_t n_classes)
{
    (void)n_classes;
    return ratio(sums[EXACT_ANSWERABLE], sums[ANSWERABLE]);
}

static double accuracy_unanswerable(const double *sums, size_t n_classes)
{
    (void)n_classes;
    return ratio(sums[EXACT] - sums[EXACT_ANSWERABLE], sums[QUESTIONS] - sums[ANSWERABLE]);
}

static size_t n_reals(size_t n_classes)
{
    (void)n_classes;
    return N_REALS;
}

static size_t n_sums(size_t n_classes)
{
    (void)n_classes;
    return N_SUMS;
}

static size_t outputs(size_t n_classes)
{
    (void)n_classes;
    return SIDES;
}

static const char *const losses[] = {"cross_entropy", NULL};
static const co_param params[] = {
    {"max_answer", CO_INT, .def = CO_SPAN_MAX_ANSWER, .lo = 1, .hi = 1 << 20,
     .doc = "tokens of the longest answer that is given"},
    {"null_threshold", CO_REAL, .def = 0.0, .lo = -1e6, .hi = 1e6,
     .doc = "data with unanswerable questions: no answer is given where the score of none exceeds "
            "that of the best one by more"},
    {0}};
static const co_metric metrics[] = {
    {"f1", "words that an answer shares with the nearest accepted one", true, f1, .unit = "share",
     .joined = true},
    {"exact_match", "share of questions whose answer is an accepted one", true, exact_match,
     .unit = "share", .joined = true},
    {"accuracy", "share of windows in which the first and the last token are found", true, accuracy,
     .unit = "share"},
    {"f1_answerable", "f1 of the questions that have an answer", true, f1_answerable,
     .unit = "share", .joined = true},
    {"exact_match_answerable", "exact_match of the questions that have an answer", true,
     exact_match_answerable, .unit = "share", .joined = true},
    {"accuracy_unanswerable", "share of the other questions that are given none", true,
     accuracy_unanswerable, .unit = "share", .joined = true},
    {0}};
const co_task co_task_span = {
    .name = "span",
    .summary = "the answer of a question within a text: first and last token; f1, exact match",
    .source = "Rajpurkar, Zhang, Lopyrev & Liang, EMNLP 2016, arXiv:1606.05250",
    .params = params,
    .per_row = true,
    .label_per_text = true,
    .metrics = metrics,
    .loss_unit = "nats",
    .losses = losses,
    .n_reals = n_reals,
    .n_sums = n_sums,
    .outputs = outputs,
    .label_words = outputs,
    .measure = measure};
