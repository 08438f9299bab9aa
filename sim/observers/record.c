/* sim/observers/record.c - rows of rounds, devices, privacy and eval. Cost of a round: some forty
 * cells in memory. */
#include "core/log.h"
#include "sim/observers/record_private.h"
#include <math.h>

co_status co_record_reserve(co_record *r, size_t cohort)
{
    CO_TRY(co_table_reserve(&r->rounds, 1));
    CO_TRY(co_table_reserve(&r->eval, 7));
    CO_TRY(co_table_reserve(&r->load, (size_t)r->ranks));
    if (r->with_privacy) CO_TRY(co_table_reserve(&r->privacy, 1));
    if (r->with_examples) CO_TRY(co_table_reserve(&r->examples, 1));
    return r->with_devices ? co_table_reserve(&r->devices, cohort) : CO_OK;
}

static int64_t count(const co_plan *plan, int outcome)
{
    int64_t n = 0;
    for (size_t i = 0; i < plan->n; i++) n += plan->row[i].outcome == outcome;
    for (size_t i = 0; i < plan->n_lost; i++) n += plan->lost[i].outcome == outcome;
    return n;
}

/* Of a timed run: when a device was at work, for which version, and what it cost. */
static void set_time(co_table *t, const co_plan *plan, const co_plan_row *row)
{
    co_table_set_i64(t, D_VERSION, row->version);
    co_table_set_f64(t, D_START, 1e-9 * (double)row->start);
    co_table_set_f64(t, D_END, 1e-9 * (double)row->end);
    co_table_set_i64(t, D_DOWN, co_plan_down(plan, row));
    co_table_set_i64(t, D_UP, co_plan_up(plan, row));
}

static void add_devices(co_record *r, const co_plan *plan)
{
    for (size_t i = 0; i < plan->n + plan->n_lost; i++) {
        const co_plan_row *row = i < plan->n ? &plan->row[i] : &plan->lost[i - plan->n];
        CO_ASSERT(co_table_add_row(&r->devices) == CO_OK); /* reserved */
        co_table_set_i64(&r->devices, D_ROUND, plan->round);
        co_table_set_i64(&r->devices, D_DEVICE, row->device);
        co_table_set_i64(&r->devices, D_EXAMPLES, row->n_examples);
        co_table_set_f64(&r->devices, D_WEIGHT, row->weight);
        co_table_set_f64(&r->devices, D_LOSS, row->loss);
        co_table_set_f64(&r->devices, D_NORM, row->update_norm);
        co_table_set_i64(&r->devices, D_STALENESS, plan->round - 1 - row->version);
        co_table_set_i64(&r->devices, D_STATUS, row->outcome);
        if (r->is_timed) set_time(&r->devices, plan, row);
    }
}

static void add_levels(co_record *r, const co_round_row *row)
{
    const size_t after = r->rounds.n_columns - N_LEVELS;
    co_table_set_i64(&r->rounds, after + G_EDGE_DOWN, row->bytes_down);
    co_table_set_i64(&r->rounds, after + G_EDGE_UP, row->bytes_up);
    co_table_set_i64(&r->rounds, after + G_CLOUD_DOWN, row->cloud_down);
    co_table_set_i64(&r->rounds, after + G_CLOUD_UP, row->cloud_up);
}

/* Columns of a timed run from `first` on. */
static void set_timed(co_table *t, size_t first, const co_plan *plan)
{
    const co_times times = co_plan_times(plan);
    co_table_set_f64(t, first + V_DEVICE_S, times.device_s);
    co_table_set_f64(t, first + V_LOST_S, times.lost_s);
    co_table_set_i64(t, first + V_IN_FLIGHT, plan->n_flying);
    co_table_set_i64(t, first + V_VERSIONS, plan->n_versions);
    co_table_set_f64(t, first + V_STALENESS_MEAN, times.staleness_mean);
    co_table_set_i64(t, first + V_STALENESS_MAX, times.staleness_max);
    co_table_set_i64(t, first + V_LATE, count(plan, CO_LATE));
    co_table_set_i64(t, first + V_UNAVAILABLE, count(plan, CO_UNAVAILABLE));
}

void co_record_round(co_record *r, const co_plan *plan, const co_round_row *row,
                     const double *train_metrics)
{
    co_table *t = &r->rounds;
    const size_t after = R_METRICS + r->n_trained;
    CO_ASSERT(co_table_add_row(t) == CO_OK); /* reserved */
    co_table_set_i64(t, R_ROUND, plan->round);
    co_table_set_i64(t, R_SELECTED, (int64_t)(plan->n + plan->n_lost));
    co_table_set_i64(t, R_REPORTED, row->n_reported);
    co_table_set_i64(t, R_DROPPED, count(plan, CO_DROPPED));
    co_table_set_i64(t, R_EMPTY, count(plan, CO_EMPTY));
    co_table_set_i64(t, R_NONFINITE, row->n_nonfinite);
    co_table_set_i64(t, R_SATURATED, row->n_saturated);
    co_table_set_i64(t, R_EXAMPLES, row->n_examples);
    co_table_set_f64(t, R_LOSS, row->train_loss);
    for (size_t k = 0; k < r->n_trained; k++) co_table_set_f64(t, R_METRICS + k, train_metrics[k]);
    co_table_set_f64(t, after + T_NORM, row->update_norm);
    co_table_set_f64(t, after + T_LR_LOCAL, row->lr_local);
    co_table_set_f64(t, after + T_LR_SERVER, row->lr_server);
    co_table_set_i64(t, after + T_DOWN, row->bytes_down);
    co_table_set_i64(t, after + T_UP, row->bytes_up);
    co_table_set_f64(t, after + T_SIM, 1e-9 * (double)plan->time);
    co_table_set_f64(t, after + T_WALL, r->wall_before_s + co_now_s() - r->started_s);
    co_table_set_u64(t, after + T_DIGEST, row->model_digest);
    if (r->is_timed) set_timed(t, after + N_TAIL, plan);
    size_t more = after + N_TAIL + (r->is_timed ? N_TIMED : 0);
    if (r->with_codes) co_table_set_i64(t, more + C_UP, row->bytes_coded);
    more += r->with_codes ? N_CODED : 0;
    if (r->with_cut) co_table_set_i64(t, more + I_CUT, row->values_cut);
    if (r->with_groups) add_levels(r, row);
    if (r->secagg) co_record_secagg(t, plan);
    if (r->with_devices) add_devices(r, plan);
}

void co_record_private(co_record *r, const co_private_row *row)
{
    co_table *t = &r->privacy;
    CO_ASSERT(co_table_add_row(t) == CO_OK); /* reserved */
    co_table_set_i64(t, P_ROUND, row->round);
    co_table_set_i64(t, P_RELEASED, !row->failed);
    co_table_set_i64(t, P_CONTRIBUTIONS, row->n_contributions);
    co_table_set_f64(t, P_RATE, row->sampling_rate);
    co_table_set_f64(t, P_CLIP, row->clip);
    co_table_set_f64(t, P_STD, row->noise_std);
    co_table_set_f64(t, P_EPSILON, row->epsilon);
    co_table_set_f64(t, P_DELTA, row->delta);
    co_table_set_i64(t, P_SIMULATED, row->release.noise_cohort > 0.0);
    if (r->by_arrival) co_table_set_i64(t, P_PARTS, row->n_parts);
    r->privacy_bound = row->bound;
    r->statement = row->statement;
    r->release = row->release;
}

void co_record_examples(co_record *r, const co_example_row *row)
{
    co_table *t = &r->examples;
    CO_ASSERT(co_table_add_row(t) == CO_OK); /* reserved */
    co_table_set_i64(t, X_ROUND, row->round);
    co_table_set_f64(t, X_MAX, row->epsilon_max);
    co_table_set_f64(t, X_P10, row->epsilon_p10);
    co_table_set_f64(t, X_P50, row->epsilon_p50);
    co_table_set_f64(t, X_P90, row->epsilon_p90);
    co_table_set_f64(t, X_DELTA, row->delta);
    co_table_set_i64(t, X_EXHAUSTED, row->n_exhausted);
}

void co_record_statement(co_record *r, co_release release)
{
    const co_statement *by = co_statement_for(&release);
    size_t k = 0;
    while (k < r->n_beside && co_statement_for(&r->beside[k]) != by) k++;
    CO_ASSERT(by && k < sizeof r->beside / sizeof *r->beside);
    r->beside[k] = release;
    if (k == r->n_beside) r->n_beside++;
}

co_status co_record_add_eval(co_record *r, int64_t round, int64_t split, int64_t scope, int64_t n)
{
    co_table *t = &r->eval;
    CO_TRY(co_table_add_row(t));
    co_table_set_i64(t, E_ROUND, round);
    co_table_set_i64(t, E_SPLIT, split);
    co_table_set_i64(t, E_SCOPE, scope);
    co_table_set_i64(t, E_N, n);
    for (size_t k = N_EVAL; k < t->n_columns; k++) co_table_set_f64(t, k, NAN);
    return CO_OK;
}

co_status co_record_eval(co_record *r, int64_t round, int split, co_scope scope, int64_t n,
                         size_t *row)
{
    const co_table *t = &r->eval;
    for (size_t i = t->n_rows; i-- > 0 && co_table_get_i64(t, i, E_ROUND) == round;) {
        *row = i;
        if (co_table_get_i64(t, i, E_SPLIT) == split &&
            co_table_get_i64(t, i, E_SCOPE) == (int64_t)scope)
            return CO_OK;
    }
    *row = t->n_rows;
    return co_record_add_eval(r, round, split, scope, n);
}

void co_record_set(co_record *r, size_t row, int column, double value)
{
    CO_ASSERT(column >= N_EVAL && row < r->eval.n_rows);
    ((double *)r->eval.data[column])[row] = value;
}

void co_record_newest(const co_record *r, double *loss, double *metric)
{
    const co_table *t = &r->eval;
    int64_t best = 3;
    *loss = *metric = NAN;
    for (size_t i = t->n_rows; i-- > 0;) {
        const int64_t split = co_table_get_i64(t, i, E_SPLIT);
        if (co_table_get_i64(t, i, E_ROUND) != co_table_get_i64(t, t->n_rows - 1, E_ROUND)) break;
        if (co_table_get_i64(t, i, E_SCOPE) != CO_SCOPE_ALL || split >= best) continue;
        best = split;
        *loss = co_table_get_f64(t, i, (size_t)co_table_find(t, "loss"));
        *metric = co_table_get_f64(t, i, (size_t)co_table_find(t, r->task->metrics[0].name));
    }
}
