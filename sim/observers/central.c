/* sim/observers/central.c - loss and metrics of the new version on the test and validation split
 * (eval.max_examples: on a sample of it), as rows of eval; with periods on what arrived in the
 * current one and before it, too. */
#include "core/log.h"
#include "core/memory.h"
#include "core/random.h"
#include "sim/run.h"

typedef struct {
    int64_t *place[3], n_places[3]; /* the sample of a split, ascending; NULL: all of it */
    int column[CO_MAX_METRICS + 1]; /* in eval: loss, metrics */
} central;

static void columns(const co_run *run, co_eval_columns *add)
{
    const char *covered = co_eval_covered(run->experiment, false);
    co_eval_columns_add(add, &(co_column){.name = "loss",
                                          .type = CO_F64,
                                          .unit = run->task->loss_unit,
                                          .covered = covered,
                                          .better = CO_BETTER_LOWER});
    for (const co_metric *m = run->task->metrics; m->name; m++)
        co_eval_columns_add(
            add, &(co_column){.name = m->name,
                              .type = CO_F64,
                              .unit = m->unit,
                              .covered = covered,
                              .better = m->higher_is_better ? CO_BETTER_HIGHER : CO_BETTER_LOWER});
}

/* Whether the example at that place of a split goes on with the question of the one before. */
static bool goes_on(const co_population *p, int split, int64_t at)
{
    const int64_t *ids = p->split_ids[split];
    return p->data.task == CO_DATA_SPAN && at > 0 &&
           p->data.question[ids[at]] == p->data.question[ids[at - 1]];
}

/* The places of all windows of questions question[n], ascending. */
static co_status list_windows(central *c, const co_population *p, int split, int64_t n)
{
    int64_t *question = c->place[split], at = -1, k = 0, n_windows = 0;
    int64_t *place = co_malloc((size_t)p->n_split[split], sizeof *place);
    if (!place) return CO_FAIL(CO_ENOMEM, "windows of %lld questions", (long long)n);
    for (int64_t i = 0; i < p->n_split[split]; i++) {
        at += !goes_on(p, split, i);
        while (k < n && question[k] < at) k++;
        if (k < n && question[k] == at) place[n_windows++] = i;
    }
    co_free(question);
    c->place[split] = place;
    c->n_places[split] = n_windows;
    return CO_OK;
}

/* eval.max_examples: a keyed subset of each larger split; of a task span of its questions. */
static co_status choose_sample(central *c, const co_run *run, int split)
{
    const co_experiment *e = run->experiment;
    const co_population *p = &run->population;
    const int64_t most = e->eval_keys.max_examples;
    int64_t n = p->n_split[split];
    for (int64_t i = 0; most > 0 && p->data.task == CO_DATA_SPAN && i < p->n_split[split]; i++)
        n -= goes_on(p, split, i);
    if (most == 0 || n <= most) return CO_OK;
    int64_t *scratch = co_malloc(co_draw_subset_scratch((size_t)most), sizeof *scratch);
    c->n_places[split] = most;
    c->place[split] = co_malloc((size_t)most, sizeof *c->place[split]);
    const bool good = scratch && c->place[split];
    co_stream s = co_stream_open((uint64_t)e->seed, CO_DRAW_EVAL_EXAMPLES, (uint64_t)split, 0, 0);
    if (good) co_draw_subset(&s, n, (size_t)most, c->place[split], scratch);
    co_free(scratch);
    if (good && p->data.task == CO_DATA_SPAN) return list_windows(c, p, split, most);
    return good ? CO_OK : CO_FAIL(CO_ENOMEM, "sample of %lld examples", (long long)most);
}

/* An explicit true without examples for it is refused. */
static co_status create(co_run *run, void **self)
{
    const co_config *eval = &run->experiment->eval;
    const co_eval_keys *keys = &run->experiment->eval_keys;
    const bool any = run->population.has_split[1] || run->population.has_split[2];
    if (keys->central && !any)
        return co_config_fail(eval, co_config_node(eval, "central"),
                              "the data have neither a test nor a validation split; import them "
                              "with test_fraction=0.1");
    if (!keys->central_asked && !any && co_eval_is_on(keys))
        co_warn("no evaluation: the data have no test split (import with test_fraction=0.1, or set "
                "eval.every: 0)");
    if (!co_evaluates_central(run->experiment, &run->population)) return CO_OK;
    CO_TRY(co_evaluator_ready(&run->evaluator, run->model, &run->population));
    *self = co_calloc(1, sizeof(central));
    if (!*self) return CO_FAIL(CO_ENOMEM, "evaluation");
    CO_TRY(choose_sample(*self, run, 1));
    return choose_sample(*self, run, 2);
}

static void destroy(void *self)
{
    central *c = self;
    for (int split = 0; c && split < 3; split++) co_free(c->place[split]);
    co_free(c);
}

/* What of the span the sample has: the examples of the span that are in it. */
static co_eval_span of_sample(const central *c, co_eval_span span)
{
    const int64_t *place = c->place[span.split];
    int64_t begin = 0, end = 0;
    if (!place) return span;
    const int64_t n = c->n_places[span.split];
    while (begin < n && place[begin] < span.first) begin++;
    for (end = begin; end < n && place[end] < span.first + span.n;) end++;
    return (co_eval_span){.split = span.split, .n = end - begin, .place = place + begin};
}

/* One row of eval. Collective(comm). */
static co_status evaluate(const central *c, co_run *r, co_scope scope, co_eval_span span)
{
    double loss, metrics[CO_MAX_METRICS];
    span = of_sample(c, span);
    if (span.n == 0) return CO_OK;
    CO_TRY(co_evaluate_span(&r->evaluator, &r->population, span, r->exchange.model, r->comm, &loss,
                            metrics));
    if (r->comm->rank != 0) return CO_OK;
    size_t row;
    const co_status st = co_record_eval(&r->record, r->round, span.split, scope, span.n, &row);
    if (r->late == CO_OK) r->late = st;
    if (st != CO_OK) return CO_OK;
    co_record_set(&r->record, row, c->column[0], loss);
    for (size_t k = 0; r->task->metrics[k].name; k++)
        co_record_set(&r->record, row, c->column[1 + k], metrics[k]);
    return CO_OK;
}

/* Splits 1 and 2. Collective(comm). */
static co_status evaluate_all(const central *c, co_run *r)
{
    const double start = co_now_s();
    co_population *p = &r->population;
    for (int split = 1; split <= 2; split++) {
        int64_t first, n;
        if (!p->has_split[split]) continue;
        CO_TRY(evaluate(c, r, CO_SCOPE_ALL, (co_eval_span){split, 0, p->n_split[split], NULL}));
        if (!p->n_periods) continue;
        co_population_recent(p, split, &first, &n);
        CO_TRY(evaluate(c, r, CO_SCOPE_RECENT, (co_eval_span){split, first, n, NULL}));
        CO_TRY(evaluate(c, r, CO_SCOPE_PAST, (co_eval_span){split, 0, first, NULL}));
    }
    r->exchange.record[r->comm->rank].eval_s += co_now_s() - start;
    return CO_OK;
}

static co_status begin(void *self, co_run *run)
{
    central *c = self;
    if (run->comm->rank == 0) {
        c->column[0] = co_table_find(&run->record.eval, "loss");
        for (size_t k = 0; run->task->metrics[k].name; k++)
            c->column[1 + k] = co_table_find(&run->record.eval, run->task->metrics[k].name);
    }
    return run->round == 0 ? evaluate_all(c, run) : CO_OK;
}

static co_status step(void *self, co_run *run)
{
    return co_evaluation_is_due(run->experiment, &run->moment) ? evaluate_all(self, run) : CO_OK;
}

const co_observer co_observer_central = {.name = "central",
                                         .summary = "evaluates on the test and validation split",
                                         .create = create,
                                         .destroy = destroy,
                                         .columns = columns,
                                         .begin = begin,
                                         .step = step};
