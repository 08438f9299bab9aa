/* sim/observers/generate.c - eval.generate: texts that the new version writes for sources of the
 * test and validation split, and how near they come to the references, as columns of eval.
 *
 * Blocks of examples are dealt to the ranks; sums are exact, texts do not depend on what goes
 * beside them: the same bits on any number of ranks. Time: a forward pass of one row for each token
 * and beam / ranks. */
#include "core/exact.h"
#include "core/log.h"
#include "core/memory.h"
#include "core/random.h"
#include "sim/generation.h"
#include "sim/observers/evaluation.h"
#include "sim/run.h"
#include "sim/watch.h"
#include <stdio.h>
#include <string.h>

typedef struct {
    co_generation texts;
    int64_t *ids[3], n[3]; /* of each split, ascending by place in it */
    int column[8];         /* in eval, of co_text_metrics */
    int64_t digits[CO_TEXT_SUMS * CO_SCALAR_DIGITS + 1]; /* the last: ranks that failed */
} generate;

static void columns(const co_run *run, co_eval_columns *add)
{
    if (!run->experiment->eval_keys.generate.asked) return;
    for (const co_metric *m = co_text_metrics; m->name; m++)
        co_eval_columns_add(add, &(co_column){.name = m->name,
                                              .type = CO_F64,
                                              .unit = m->unit,
                                              .covered = co_eval_covered(run->experiment, false),
                                              .better = CO_BETTER_HIGHER});
}

/* All examples of the split, or a keyed sample of it. */
static co_status choose(generate *g, const co_run *run, int split)
{
    const co_experiment *e = run->experiment;
    const int64_t most = e->eval_keys.generate.max_examples, n = run->population.n_split[split];
    g->n[split] = most > 0 && most < n ? most : n;
    g->ids[split] = co_malloc((size_t)g->n[split], sizeof *g->ids[split]);
    int64_t *scratch = co_malloc(co_draw_subset_scratch((size_t)g->n[split]), sizeof *scratch);
    co_stream s = co_stream_open((uint64_t)e->seed, CO_DRAW_EVAL_EXAMPLES, (uint64_t)split, 1, 0);
    const bool good = scratch && g->ids[split];
    for (int64_t i = 0; good && i < g->n[split]; i++) g->ids[split][i] = i;
    if (good && g->n[split] < n) co_draw_subset(&s, n, (size_t)g->n[split], g->ids[split], scratch);
    for (int64_t i = 0; good && i < g->n[split]; i++)
        g->ids[split][i] = run->population.split_ids[split][g->ids[split][i]];
    co_free(scratch);
    return good ? CO_OK : CO_FAIL(CO_ENOMEM, "examples of eval.generate");
}

static void destroy(void *self)
{
    generate *g = self;
    if (!g) return;
    co_generation_fini(&g->texts);
    for (int split = 1; split <= 2; split++) co_free(g->ids[split]);
    co_free(g);
}

static co_status open(generate *g, co_run *run)
{
    const co_config *eval = &run->experiment->eval;
    const co_population *p = &run->population;
    co_status st =
        co_generation_create(run->model, p, &run->experiment->eval_keys.generate.how, &g->texts);
    if (st == CO_OK && !g->texts.pairs)
        st = CO_FAIL(CO_EUSAGE, "a language model has no references to be compared with; "
                                "`cohort predict output=text` writes how texts go on");
    if (st == CO_OK && !co_evaluates_central(run->experiment, p))
        st = CO_FAIL(CO_EUSAGE, "needs the central evaluation: a test or validation split, and "
                                "eval.every above 0");
    if (st != CO_OK)
        return st == CO_ENOMEM ? st
                               : co_fail_in(st, "%s:%d: eval.generate", eval->file,
                                            co_config_node(eval, "generate")->line);
    for (int split = 1; split <= 2 && st == CO_OK; split++)
        if (p->has_split[split]) st = choose(g, run, split);
    return st;
}

static co_status create(co_run *run, void **self)
{
    if (!run->experiment->eval_keys.generate.asked) return CO_OK;
    generate *g = co_calloc(1, sizeof *g);
    if (!g) return CO_FAIL(CO_ENOMEM, "eval.generate");
    const co_status st = open(g, run);
    if (st == CO_OK)
        *self = g;
    else
        destroy(g);
    return st;
}

static co_status begin(void *self, co_run *run)
{
    generate *g = self;
    for (size_t k = 0; run->comm->rank == 0 && co_text_metrics[k].name; k++)
        g->column[k] = co_table_find(&run->record.eval, co_text_metrics[k].name);
    return CO_OK;
}

/* Sums of a block into the exact accumulators. */
static void add_block(generate *g, const double *sums)
{
    for (size_t k = 0; k < CO_TEXT_SUMS; k++) {
        co_scalar sum;
        memcpy(sum.digit, g->digits + k * CO_SCALAR_DIGITS, sizeof sum.digit);
        co_scalar_add(&sum, sums[k]);
        memcpy(g->digits + k * CO_SCALAR_DIGITS, sum.digit, sizeof sum.digit);
    }
}

/* Blocks b with b % ranks = rank. Local. */
static co_status write_own(generate *g, const co_run *r, int split)
{
    const int64_t n = g->n[split];
    co_progress progress;
    if (r->comm->rank == 0) co_progress_start(&progress, 0);
    co_status st = CO_OK;
    for (int64_t b = r->comm->rank; b * CO_GENERATION_BLOCK < n && st == CO_OK;
         b += r->comm->size) {
        const int64_t first = b * CO_GENERATION_BLOCK,
                      m = n - first < CO_GENERATION_BLOCK ? n - first : CO_GENERATION_BLOCK;
        double sums[CO_TEXT_SUMS] = {0};
        char text[96];
        co_watch_progress(CO_WATCH_WORKING, -1);
        st = co_generation_write(&g->texts, g->ids[split] + first, (size_t)m);
        if (st == CO_OK)
            st = co_generation_score(&g->texts, g->ids[split] + first, (size_t)m, sums);
        if (st == CO_OK) add_block(g, sums);
        const int64_t written = first + m;
        snprintf(text, sizeof text, "round %lld, texts written: %lld/%lld", (long long)r->round,
                 (long long)written, (long long)n);
        if (r->comm->rank == 0) co_progress_step(&progress, written, n, text);
    }
    if (r->comm->rank == 0) co_progress_end(&progress);
    return st;
}

/* One row of eval, which is there. Collective(comm). */
static co_status evaluate(generate *g, co_run *r, int split)
{
    const size_t words = sizeof g->digits / sizeof *g->digits;
    double sums[CO_TEXT_SUMS];
    size_t row;
    memset(g->digits, 0, sizeof g->digits);
    const co_status st = write_own(g, r, split);
    co_watch_progress(CO_WATCH_WAITING, -1);
    g->digits[words - 1] = st != CO_OK;
    MPI_Allreduce(MPI_IN_PLACE, g->digits, (int)words, MPI_INT64_T, MPI_SUM, r->comm->world);
    if (g->digits[words - 1]) return co_agree(st, r->comm);
    if (r->comm->rank != 0) return CO_OK;
    for (size_t k = 0; k < CO_TEXT_SUMS; k++) {
        co_scalar sum;
        memcpy(sum.digit, g->digits + k * CO_SCALAR_DIGITS, sizeof sum.digit);
        sums[k] = co_scalar_value(&sum);
    }
    const co_status late = co_record_eval(&r->record, r->round, split, CO_SCOPE_ALL,
                                          r->population.n_split[split], &row);
    if (r->late == CO_OK) r->late = late;
    for (size_t k = 0; late == CO_OK && co_text_metrics[k].name; k++)
        co_record_set(&r->record, row, g->column[k], co_text_metrics[k].finish(sums, 0));
    return CO_OK;
}

static co_status step(void *self, co_run *r)
{
    generate *g = self;
    const co_experiment *e = r->experiment;
    const double start = co_now_s();
    const int64_t every = e->eval_keys.generate.every;
    const bool due = every == 0 || r->round % every == 0 || co_is_last_step(e, &r->moment);
    if (!due || !co_evaluation_is_due(e, &r->moment)) return CO_OK;
    co_generation_lay(&g->texts, r->exchange.model);
    for (int split = 1; split <= 2; split++)
        if (g->n[split] > 0) CO_TRY(evaluate(g, r, split));
    r->exchange.record[r->comm->rank].eval_s += co_now_s() - start;
    return CO_OK;
}

const co_observer co_observer_generate = {.name = "generate",
                                          .summary = "texts written, against their references "
                                                     "(eval.generate)",
                                          .create = create,
                                          .destroy = destroy,
                                          .columns = columns,
                                          .begin = begin,
                                          .step = step};
