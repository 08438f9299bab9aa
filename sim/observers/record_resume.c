/* sim/observers/record_resume.c - the rows of earlier starts, taken over from the run file. */
#include "core/memory.h"
#include "sim/observers/record_private.h"
#include <stdio.h>
#include <string.h>

static void cut(co_table *table, int64_t round)
{
    size_t n = table->n_rows;
    while (n > 0 && co_table_get_i64(table, n - 1, 0) > round) n--;
    co_table_truncate(table, n);
}

co_moment co_record_moment(const co_record *r, int64_t round)
{
    const size_t sim = R_METRICS + r->n_trained + T_SIM;
    co_moment at = {.round = round};
    if ((size_t)round > r->rounds.n_rows) return at; /* of a run without those rows */
    if (round > 0) at.now_s = co_table_get_f64(&r->rounds, (size_t)round - 1, sim);
    if (round > 1) at.before_s = co_table_get_f64(&r->rounds, (size_t)round - 2, sim);
    return at;
}

/* Drops the evaluation that only the shorter run's last round had. */
static void drop_foreign_eval(co_record *r, const co_experiment *e)
{
    size_t n = r->eval.n_rows;
    while (n > 0) {
        const co_moment at = co_record_moment(r, co_table_get_i64(&r->eval, n - 1, E_ROUND));
        if (co_evaluation_is_due(e, &at)) break;
        n--;
    }
    co_table_truncate(&r->eval, n);
}

/* Row i of an earlier start's eval, whose columns stand at at[..] in this one's. */
static co_status take_eval(co_record *r, const co_table *old, size_t i, const size_t *at)
{
    CO_TRY(co_record_add_eval(r, co_table_get_i64(old, i, E_ROUND),
                              co_table_get_i64(old, i, E_SPLIT), co_table_get_i64(old, i, E_SCOPE),
                              co_table_get_i64(old, i, E_N)));
    for (size_t c = N_EVAL; c < old->n_columns; c++)
        co_table_set_f64(&r->eval, at[c], co_table_get_f64(old, i, c));
    return CO_OK;
}

/* Rows of earlier starts. Columns that they do not have, since they did not evaluate on devices or
 * came from an earlier version with fewer quantiles or observers, stay NaN. */
static co_status read_eval(co_record *r, co_file *file)
{
    co_column columns[N_EVAL + CO_MAX_COLUMNS];
    size_t at[N_EVAL + CO_MAX_COLUMNS], n = 0;
    co_table old;
    if (!co_file_has(file, "eval/round")) return CO_OK;
    for (size_t c = 0; c < r->eval.n_columns; c++) {
        char name[96];
        snprintf(name, sizeof name, "eval/%s", r->eval.names[c]);
        if (c >= N_EVAL && !co_file_has(file, name)) continue;
        columns[n] = r->eval.columns[c];
        at[n++] = c;
    }
    CO_TRY(co_table_init(&old, "eval", columns, n));
    co_status st = co_table_read(&old, file);
    if (st == CO_OK) st = co_table_reserve(&r->eval, old.n_rows);
    for (size_t i = 0; st == CO_OK && i < old.n_rows; i++) st = take_eval(r, &old, i, at);
    co_table_fini(&old);
    return st;
}

/* Rounds, in which an earlier version did not count what integers could not hold: -1 then. */
static co_status read_rounds(co_record *r, co_file *file)
{
    const int cut = co_table_find(&r->rounds, "values_cut");
    if (cut < 0 || co_file_has(file, "rounds/values_cut")) return co_table_read(&r->rounds, file);
    CO_TRY(co_table_read_without(&r->rounds, file, (size_t)cut));
    for (size_t i = 0; i < r->rounds.n_rows; i++) ((int64_t *)r->rounds.data[cut])[i] = -1;
    return CO_OK;
}

static co_status read_privacy_bound(co_record *r, co_file *file)
{
    char *name = NULL;
    if (!co_file_has_attr(file, "privacy_bound")) return CO_OK;
    CO_TRY(co_file_get_text(file, "privacy_bound", &name));
    const co_accountant *by = co_accountant_find(name);
    co_free(name);
    r->privacy_bound = by ? by->name : NULL;
    return CO_OK;
}

static co_status read_tables(co_record *r, co_file *file)
{
    char *segments = NULL;
    CO_TRY(read_rounds(r, file));
    CO_TRY(read_eval(r, file));
    CO_TRY(co_table_read(&r->load, file));
    if (r->with_privacy) CO_TRY(co_table_read(&r->privacy, file));
    if (r->with_privacy) CO_TRY(read_privacy_bound(r, file));
    if (r->with_examples) CO_TRY(co_table_read(&r->examples, file));
    r->with_devices &= co_file_has(file, "devices/round"); /* no table with a hole in front */
    if (r->with_devices) CO_TRY(co_table_read(&r->devices, file));
    CO_TRY(co_file_get_text(file, "segments", &segments));
    const size_t n = strlen(segments); /* "[..]" */
    char *inner = n >= 2 ? co_format("%.*s", (int)(n - 2), segments + 1) : NULL;
    co_free(segments);
    if (!inner && n >= 2) return CO_FAIL(CO_ENOMEM, "%s: the list of starts", r->path);
    if (!inner) return CO_FAIL(CO_EDATA, "%s: attribute segments is not a JSON list", r->path);
    co_free(r->segments);
    r->segments = inner;
    return CO_OK;
}

co_status co_record_resume(co_record *r, int64_t round, const co_experiment *e)
{
    co_file *file = NULL;
    CO_TRY(co_file_open(r->path, "cohort-run", false, &file));
    const co_status st = read_tables(r, file);
    co_file_close(file);
    CO_TRY(st);
    cut(&r->rounds, round);
    cut(&r->eval, round);
    cut(&r->load, round);
    if (r->with_privacy) cut(&r->privacy, round);
    if (r->with_examples) cut(&r->examples, round);
    if (r->with_devices) cut(&r->devices, round);
    if (r->rounds.n_rows != (size_t)round ||
        (r->with_privacy && r->privacy.n_rows != (size_t)round) ||
        (r->with_examples && r->examples.n_rows != (size_t)round))
        return CO_FAIL(CO_EDATA, "%s: holds %zu rounds, but the checkpoint is of round %lld",
                       r->path, r->rounds.n_rows, (long long)round);
    drop_foreign_eval(r, e);
    const size_t wall = R_METRICS + r->n_trained + T_WALL;
    r->wall_before_s = round > 0 ? co_table_get_f64(&r->rounds, (size_t)round - 1, wall) : 0.0;
    r->segment_first_round = round + 1;
    return CO_OK;
}

co_status co_record_retell(co_record *r, co_charge *charge)
{
    const co_table *t = &r->privacy;
    if (!r->with_privacy || t->n_rows == 0) return CO_OK;
    double *epsilon = t->data[P_EPSILON];
    for (size_t i = 0; i < t->n_rows; i++)
        CO_TRY(co_charge_tell(charge, co_table_get_i64(t, i, P_ROUND),
                              r->by_arrival ? co_table_get_i64(t, i, P_PARTS) : 0, &epsilon[i]));
    r->statement = charge->statement;
    r->release = co_charge_release(charge); /* of the next round, but for what the row says */
    r->release.clip = co_table_get_f64(t, t->n_rows - 1, P_CLIP);
    r->release.noise_std = co_table_get_f64(t, t->n_rows - 1, P_STD);
    return CO_OK;
}
