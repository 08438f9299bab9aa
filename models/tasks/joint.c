/* models/tasks/joint.c - a class for a text (its intent) and a tag for each of its tokens (its
 * slots), from one model.
 *
 * labels: n_tags tags, then the classes. A row's outputs are those of the tags, and behind them, in
 * a text's first row alone, those of the classes (models/graph/joint.c). Labels are int32
 * [rows][2]: the tag, -1 where there is none, and the class of the text, counted from 0. The loss
 * of a text is the cross-entropy of its class plus the mean of its tags' over the tokens that have
 * one; that of a batch the mean over its texts with tokens. Entities: entities.h. A text is both
 * right when its class and all of its tags are. Sums: texts, loss; classes right, texts right;
 * tokens, their tags right; right, predicted, labelled entities. Source: Chen et al., 2019,
 * arXiv:1902.10909, equations 1 to 3, who take the mean over all tokens of a batch. */
#include "models/tasks/entities.h"
#include "models/tasks/task.h"
#include <math.h>
#include <string.h>

enum { TEXTS, LOSS, CLASS_RIGHT, BOTH_RIGHT, TOKENS, TAGS_RIGHT, ENTITIES };
enum { N_SUMS = ENTITIES + CO_ENTITY_COUNTS };

/* A batch on its way. */
typedef struct {
    const co_labels *labels;
    const co_criterion *criterion;
    const int32_t *y;
    const float *out;
    float *d_out; /* NULL: not wanted */
    double *sums;
    size_t n_texts; /* with tokens */
} walk;

static size_t first_row(const co_batch *batch, size_t i)
{
    return batch->offsets ? (size_t)batch->offsets[i] : i;
}

/* Cross-entropy of n of the outputs of row r, from `from` on, divided by `share`. */
static co_row_loss loss_of(const walk *w, size_t r, size_t from, size_t n, int32_t y, size_t share)
{
    const size_t at = r * w->labels->n + from;
    co_row_loss row;
    w->criterion->loss->of_classes(w->criterion->self, 1, n, w->out + at, &y, share,
                                   w->d_out ? w->d_out + at : NULL, &row);
    return row;
}

/* Its tags; whether all are right. */
static bool measure_tags(const walk *w, size_t first, size_t end)
{
    const size_t n_tags = w->labels->n_tags;
    co_entities entities = co_entities_begin();
    size_t n = 0;
    bool right = true;
    for (size_t r = first; r < end; r++) n += w->y[2 * r] >= 0;
    for (size_t r = first; r < end; r++) {
        const int32_t y = w->y[2 * r];
        if (y < 0) continue;
        const co_row_loss row = loss_of(w, r, 0, n_tags, y, n * w->n_texts);
        const size_t best = row.best < n_tags ? row.best : 0;
        w->sums[LOSS] += row.loss / (double)n;
        w->sums[TOKENS] += 1.0;
        w->sums[TAGS_RIGHT] += row.best == (size_t)y ? 1.0 : 0.0;
        right = right && row.best == (size_t)y;
        co_entities_add(&entities, w->labels, (size_t)y, best, w->sums + ENTITIES);
    }
    co_entities_end(&entities, w->sums + ENTITIES);
    return right;
}

static void measure_text(const walk *w, size_t first, size_t end)
{
    const size_t n_tags = w->labels->n_tags, n_classes = w->labels->n - n_tags;
    const int32_t y = w->y[2 * first + 1];
    const co_row_loss row = loss_of(w, first, n_tags, n_classes, y, w->n_texts);
    const bool right = row.best == (size_t)y, tags = measure_tags(w, first, end);
    w->sums[TEXTS] += 1.0;
    w->sums[LOSS] += row.loss;
    w->sums[CLASS_RIGHT] += right ? 1.0 : 0.0;
    w->sums[BOTH_RIGHT] += right && tags ? 1.0 : 0.0;
}

static void measure(const co_pass *pass, const co_labels *labels, const co_criterion *criterion,
                    const float *out, float *d_out, double *sums)
{
    const co_batch *batch = pass->batch;
    walk w = {.labels = labels,
              .criterion = criterion,
              .y = batch->y,
              .out = out,
              .d_out = d_out,
              .sums = sums};
    for (size_t i = 0; i < batch->n; i++)
        w.n_texts += first_row(batch, i + 1) > first_row(batch, i);
    if (d_out) memset(d_out, 0, batch->rows * labels->n * sizeof *d_out);
    for (size_t i = 0; i < batch->n; i++)
        if (first_row(batch, i + 1) > first_row(batch, i))
            measure_text(&w, first_row(batch, i), first_row(batch, i + 1));
}

static double share_of(const double *sums, size_t part, size_t whole)
{
    return sums[whole] > 0.0 ? sums[part] / sums[whole] : (double)NAN;
}

static double accuracy(const double *sums, size_t n_classes)
{
    (void)n_classes;
    return share_of(sums, CLASS_RIGHT, TEXTS);
}

static double both_right(const double *sums, size_t n_classes)
{
    (void)n_classes;
    return share_of(sums, BOTH_RIGHT, TEXTS);
}

static double tag_accuracy(const double *sums, size_t n_classes)
{
    (void)n_classes;
    return share_of(sums, TAGS_RIGHT, TOKENS);
}

static double entity_f1(const double *sums, size_t n_classes)
{
    (void)n_classes;
    return co_entities_f1(sums + ENTITIES, sums[TOKENS]);
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

static size_t label_words(size_t n_classes)
{
    (void)n_classes;
    return 2;
}

static size_t outputs(size_t n_classes)
{
    return n_classes;
}

static const char *const losses[] = {"cross_entropy", NULL};
static const co_metric metrics[] = {
    {"accuracy", "share of texts with the right class", true, accuracy, .unit = "share"},
    {"entity_f1", "entities (slots) found, as for tagging", true, entity_f1, .unit = "share"},
    {"both_right", "share of texts with the right class and no wrong tag", true, both_right,
     .unit = "share"},
    {"tag_accuracy", "share of tokens with the right tag", true, tag_accuracy, .unit = "share"},
    {0}};
const co_task co_task_joint = {
    .name = "joint",
    .summary = "a class for a text and a tag for every token: intents and slots",
    .source = "Chen et al., 2019, arXiv:1902.10909",
    .per_row = true,
    .joins = true,
    .tags = true,
    .metrics = metrics,
    .loss_unit = "nats",
    .losses = losses,
    .n_reals = n_reals,
    .n_sums = n_sums,
    .label_words = label_words,
    .outputs = outputs,
    .measure = measure};
