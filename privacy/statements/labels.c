/* privacy/statements/labels.c - statement labels: randomised response on the label of every
 * training example, once for all rounds; features and everything else are not hidden.
 *
 * Neighbours differ in the label of one example. Each label is answered once, and the same answer
 * is taken in every round, so that nothing adds up, whatever is trained on it (Ghazi et al. 2021,
 * arXiv:2102.06062, label differential privacy). */
#include "privacy/mechanisms/response.h"
#include "privacy/statements/statement.h"

static bool fits(const co_release *r)
{
    return r->mechanism->norm == CO_NORM_NONE && r->mechanism->noise == CO_N_NOISES &&
           r->sampling == CO_SAMPLING_NONE && !r->is_secure && r->noise_cohort == 0.0;
}

static co_relation neighbours(const co_release *r)
{
    (void)r;
    return CO_RELATION_REPLACE;
}

static void say(const co_release *r, co_statement_text *words)
{
    co_say(words, "unit", "%s: the label of one for training", co_unit_text(r->unit));
    co_say(words, "neighbours", "the label of one %s: %s, its features stay", co_unit_text(r->unit),
           co_relation_text(neighbours(r)));
    co_say(words, "epsilon", "%.5g, of all rounds together", r->epsilon);
    co_say(words, "sampling", "none: every label is answered, rate %g", r->rate);
    co_say(words, "composition",
           "%lld release%s of each label: the same answer in every round, nothing adds up",
           (long long)r->n_releases, r->n_releases == 1 ? "" : "s");
    co_say(words, "accountant", "none is needed");
    co_say(words, "mechanism", "%s of %lld classes: the true one with probability %.4g",
           r->mechanism->name, (long long)r->n_classes,
           co_response_right(r->epsilon, r->n_classes));
    co_say(words, "mode", "simulation: the answers are reproducible, not private");
    co_say(words, "covered",
           "labels of training examples, in updates, train_loss, train metrics, the model of every "
           "round; all that is computed from them");
    co_say(words, "not covered",
           "everything but labels: features, numbers of examples, who takes part; train_loss and "
           "train metrics tell of features exactly\n"
           "labels of evaluations: table eval, a stop rule on it; those of a partition by label");
    co_say(
        words, "assumes",
        "the answers' draws stay secret (they are drawn from the seed: keep it too), only the "
        "covered values are published, one label does not tell of another's, other runs on these "
        "labels with another seed add to epsilon");
}

const co_statement co_statement_labels = {
    .name = "labels",
    .summary = "the label of one training example, by randomised response; nothing else",
    .source = "Ghazi et al. 2021, arXiv:2102.06062",
    .unit = CO_UNIT_EXAMPLE,
    .fits = fits,
    .neighbours = neighbours,
    .say = say};
