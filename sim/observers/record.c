/* sim/observers/record.c - the tables of the run file. Cost of a round: some forty cells in memory;
 * publishing writes all rows. */
#include "sim/observers/record.h"
#include "core/log.h"
#include "core/memory.h"
#include "io/json.h"
#include "models/kernel_path.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Columns of rounds before and after the training metrics. */
enum {
    R_ROUND,
    R_SELECTED,
    R_REPORTED,
    R_DROPPED,
    R_EMPTY,
    R_NONFINITE,
    R_SATURATED,
    R_EXAMPLES,
    R_LOSS,
    R_METRICS
};
static const co_column head[] = {
    {"round", CO_I64},       {"n_selected", CO_I64}, {"n_reported", CO_I64},
    {"n_dropped", CO_I64},   {"n_empty", CO_I64},    {"n_nonfinite", CO_I64},
    {"n_saturated", CO_I64}, {"n_examples", CO_I64}, {"train_loss", CO_F64}};
enum { T_NORM, T_LR_LOCAL, T_LR_SERVER, T_DOWN, T_UP, T_SIM, T_WALL, T_DIGEST, N_TAIL };
static const co_column tail[] = {
    {"update_norm", CO_F64}, {"lr_local", CO_F64}, {"lr_server", CO_F64}, {"bytes_down", CO_I64},
    {"bytes_up", CO_I64},    {"sim_s", CO_F64},    {"wall_s", CO_F64},    {"model_digest", CO_U64}};
enum { E_ROUND, E_SPLIT, E_SCOPE, E_N, N_EVAL };
static const co_column eval_head[] = {
    {"round", CO_I64},
    {"split", CO_U8, .words = "train,test,validation"},
    {"scope", CO_U8,
     .words = "central,over devices,arriving in the period,arrived before the period"},
    {"n", CO_I64}};
enum { D_ROUND, D_DEVICE, D_EXAMPLES, D_WEIGHT, D_LOSS, D_NORM, D_STALENESS, D_STATUS, N_DEVICES };
static const co_column devices_columns[] = {
    {"round", CO_I64}, {"device", CO_I64},      {"n_examples", CO_I64}, {"weight", CO_F64},
    {"loss", CO_F64},  {"update_norm", CO_F64}, {"staleness", CO_I64},  {"status", CO_U8}};
enum {
    L_ROUND,
    L_RANK,
    L_DEVICES,
    L_EXAMPLES,
    L_PREDICTED,
    L_TRAIN,
    L_WAIT,
    L_REDUCE,
    L_EVAL,
    L_WRITE,
    N_LOAD
};
static const co_column load_columns[] = {
    {"round", CO_I64},       {"rank", CO_I64},    {"n_devices", CO_I64}, {"n_examples", CO_I64},
    {"predicted_s", CO_F64}, {"train_s", CO_F64}, {"wait_s", CO_F64},    {"reduce_s", CO_F64},
    {"eval_s", CO_F64},      {"write_s", CO_F64}};

enum {
    P_ROUND,
    P_RELEASED,
    P_CONTRIBUTIONS,
    P_RATE,
    P_CLIP,
    P_STD,
    P_EPSILON,
    P_DELTA,
    P_SIMULATED,
    N_PRIVACY
};
static const co_column privacy_columns[] = {
    {"round", CO_I64},         {"released", CO_U8}, {"n_contributions", CO_I64},
    {"sampling_rate", CO_F64}, {"clip", CO_F64},    {"noise_std", CO_F64},
    {"epsilon", CO_F64},       {"delta", CO_F64},   {"simulated", CO_U8}};

enum { LARGE_TABLE = 1000000 };

void co_eval_columns_add(co_eval_columns *columns, const co_column *column)
{
    for (size_t k = 0; k < columns->n; k++)
        if (strcmp(columns->name[k], column->name) == 0) return;
    CO_ASSERT(columns->n < CO_MAX_COLUMNS && strlen(column->name) < sizeof columns->name[0]);
    const size_t k = columns->n++;
    strcpy(columns->name[k], column->name);
    columns->column[k] = *column;
    columns->column[k].name = columns->name[k];
}

/* Columns of eval: the head, then what the observers add. */
static co_status init_eval(const co_eval_columns *add, co_table *table)
{
    co_column columns[N_EVAL + CO_MAX_COLUMNS];
    memcpy(columns, eval_head, sizeof eval_head);
    memcpy(columns + N_EVAL, add->column, add->n * sizeof *columns);
    return co_table_init(table, "eval", columns, N_EVAL + add->n);
}

/* The table devices; the words of status are the record's. */
static co_status init_devices(co_record *r)
{
    co_column columns[N_DEVICES];
    char *words = r->status_words;
    const size_t size = sizeof r->status_words;
    memcpy(columns, devices_columns, sizeof columns);
    for (int k = 0; k < CO_N_OUTCOMES; k++)
        snprintf(words + strlen(words), size - strlen(words), "%s%s", k ? "," : "",
                 co_outcome_names[k]);
    columns[D_STATUS].words = words;
    return co_table_init(&r->devices, "devices", columns, N_DEVICES);
}

static co_status init_tables(co_record *r, const co_eval_columns *eval)
{
    co_column columns[sizeof head / sizeof *head + CO_MAX_METRICS + N_TAIL];
    char names[CO_MAX_METRICS][64];
    CO_ASSERT(r->n_metrics <= CO_MAX_METRICS);
    memcpy(columns, head, sizeof head);
    for (size_t k = 0; k < r->n_trained; k++) {
        snprintf(names[k], sizeof names[k], "train_%s", r->task->metrics[k].name);
        columns[R_METRICS + k] = (co_column){names[k], CO_F64};
    }
    memcpy(columns + R_METRICS + r->n_trained, tail, sizeof tail);
    CO_TRY(co_table_init(&r->rounds, "rounds", columns, R_METRICS + r->n_trained + N_TAIL));
    CO_TRY(init_eval(eval, &r->eval));
    CO_TRY(co_table_init(&r->load, "load", load_columns, N_LOAD));
    if (r->with_privacy) CO_TRY(co_table_init(&r->privacy, "privacy", privacy_columns, N_PRIVACY));
    return r->with_devices ? init_devices(r) : CO_OK;
}

co_status co_record_init(co_record *r, const co_experiment *e, const co_population *population,
                         const co_model *model, const co_eval_columns *eval, const char *dir,
                         int ranks)
{
    const double rows = co_config_real(&e->devices, "per_round") * (double)e->rounds;
    *r = (co_record){.task = co_model_task(model),
                     .seed = (uint64_t)e->seed,
                     .ranks = ranks,
                     .with_devices = rows <= LARGE_TABLE,
                     .with_scores = e->eval_keys.devices,
                     .started_s = co_now_s(),
                     .segment_first_round = 1,
                     .load_span = ((int64_t)ranks * e->rounds + LARGE_TABLE - 1) / LARGE_TABLE};
    r->published_s = r->started_s;
    r->with_privacy =
        co_mechanism_find(co_config_string(&e->privacy, "mechanism"))->norm != CO_NORM_NONE;
    if (co_config_has(&e->output, "devices"))
        r->with_devices = co_config_bool(&e->output, "devices");
    while (r->task->metrics[r->n_metrics].name) r->n_metrics++;
    while (r->task->metrics[r->n_trained].finish) r->n_trained++;
    memcpy(r->data_digest, population->data_digest, sizeof r->data_digest);
    memcpy(r->partition_digest, population->partition_digest, sizeof r->partition_digest);
    snprintf(r->source, sizeof r->source, "%s",
             e->has_generator ? "generator" : co_config_string(&e->data, "file"));
    r->path = co_format("%s/run.h5", dir);
    r->segments = co_strdup("");
    r->span = co_calloc((size_t)ranks, sizeof *r->span);
    r->pending = co_calloc((size_t)ranks, sizeof *r->pending);
    co_status st =
        r->path && r->segments && r->span && r->pending ? CO_OK : CO_FAIL(CO_ENOMEM, "run record");
    if (st == CO_OK) st = co_experiment_text(e, &r->config);
    if (st == CO_OK) st = init_tables(r, eval);
    if (st != CO_OK) co_record_fini(r);
    return st;
}

void co_record_fini(co_record *r)
{
    co_table_fini(&r->rounds);
    co_table_fini(&r->eval);
    co_table_fini(&r->devices);
    co_table_fini(&r->load);
    co_table_fini(&r->privacy);
    co_free(r->path);
    co_free(r->config);
    co_free(r->segments);
    co_free(r->span);
    co_free(r->pending);
    *r = (co_record){0};
}

static void cut(co_table *table, int64_t round)
{
    size_t n = table->n_rows;
    while (n > 0 && co_table_get_i64(table, n - 1, 0) > round) n--;
    co_table_truncate(table, n);
}

/* Drops the evaluation that only the shorter run's last round had. */
static void drop_foreign_eval(co_record *r, int64_t every, int64_t rounds)
{
    size_t n = r->eval.n_rows;
    while (n > 0) {
        const int64_t round = co_table_get_i64(&r->eval, n - 1, E_ROUND);
        if (every > 0 && (round % every == 0 || round == rounds)) break;
        n--;
    }
    co_table_truncate(&r->eval, n);
}

/* A new row of eval with its head; all else is NaN until set. */
static co_status add_eval(co_record *r, int64_t round, int64_t split, int64_t scope, int64_t n)
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

/* Row i of an earlier start's eval, whose columns stand at at[..] in this one's. */
static co_status take_eval(co_record *r, const co_table *old, size_t i, const size_t *at)
{
    CO_TRY(add_eval(r, co_table_get_i64(old, i, E_ROUND), co_table_get_i64(old, i, E_SPLIT),
                    co_table_get_i64(old, i, E_SCOPE), co_table_get_i64(old, i, E_N)));
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
    CO_TRY(co_table_read(&r->rounds, file));
    CO_TRY(read_eval(r, file));
    CO_TRY(co_table_read(&r->load, file));
    if (r->with_privacy) CO_TRY(co_table_read(&r->privacy, file));
    if (r->with_privacy) CO_TRY(read_privacy_bound(r, file));
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

co_status co_record_resume(co_record *r, int64_t round, int64_t eval_every, int64_t rounds)
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
    if (r->with_devices) cut(&r->devices, round);
    if (r->rounds.n_rows != (size_t)round ||
        (r->with_privacy && r->privacy.n_rows != (size_t)round))
        return CO_FAIL(CO_EDATA, "%s: holds %zu rounds, but the checkpoint is of round %lld",
                       r->path, r->rounds.n_rows, (long long)round);
    drop_foreign_eval(r, eval_every, rounds);
    const size_t wall = R_METRICS + r->n_trained + T_WALL;
    r->wall_before_s = round > 0 ? co_table_get_f64(&r->rounds, (size_t)round - 1, wall) : 0.0;
    r->segment_first_round = round + 1;
    return CO_OK;
}

co_status co_record_reserve(co_record *r, size_t cohort)
{
    CO_TRY(co_table_reserve(&r->rounds, 1));
    CO_TRY(co_table_reserve(&r->eval, 7));
    CO_TRY(co_table_reserve(&r->load, (size_t)r->ranks));
    if (r->with_privacy) CO_TRY(co_table_reserve(&r->privacy, 1));
    return r->with_devices ? co_table_reserve(&r->devices, cohort) : CO_OK;
}

static int64_t count(const co_plan *plan, int outcome)
{
    int64_t n = 0;
    for (size_t i = 0; i < plan->n; i++) n += plan->row[i].outcome == outcome;
    return n;
}

static void add_devices(co_record *r, const co_plan *plan)
{
    for (size_t i = 0; i < plan->n; i++) {
        const co_plan_row *row = &plan->row[i];
        CO_ASSERT(co_table_add_row(&r->devices) == CO_OK); /* reserved */
        co_table_set_i64(&r->devices, D_ROUND, plan->round);
        co_table_set_i64(&r->devices, D_DEVICE, row->device);
        co_table_set_i64(&r->devices, D_EXAMPLES, row->n_examples);
        co_table_set_f64(&r->devices, D_WEIGHT, row->weight);
        co_table_set_f64(&r->devices, D_LOSS, row->loss);
        co_table_set_f64(&r->devices, D_NORM, row->update_norm);
        co_table_set_i64(&r->devices, D_STALENESS, plan->round - 1 - row->version);
        co_table_set_i64(&r->devices, D_STATUS, row->outcome);
    }
}

void co_record_round(co_record *r, const co_plan *plan, const co_round_row *row,
                     const double *train_metrics)
{
    co_table *t = &r->rounds;
    const size_t after = R_METRICS + r->n_trained;
    CO_ASSERT(co_table_add_row(t) == CO_OK); /* reserved */
    co_table_set_i64(t, R_ROUND, plan->round);
    co_table_set_i64(t, R_SELECTED, (int64_t)plan->n);
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
    co_table_set_f64(t, after + T_SIM,
                     0.0); /* devices have no speed of their own: no simulated time passes */
    co_table_set_f64(t, after + T_WALL, r->wall_before_s + co_now_s() - r->started_s);
    co_table_set_u64(t, after + T_DIGEST, row->model_digest);
    if (r->with_devices) add_devices(r, plan);
}

co_status co_record_retell(co_record *r, co_private *p)
{
    const co_table *t = &r->privacy;
    if (!r->with_privacy || t->n_rows == 0) return CO_OK;
    double *epsilon = t->data[P_EPSILON];
    for (size_t i = 0; i < t->n_rows; i++)
        CO_TRY(co_private_tell(p, co_table_get_i64(t, i, P_ROUND), &epsilon[i]));
    r->statement = p->statement;
    r->release = co_private_release(p); /* of the next round, but for what the row says */
    r->release.clip = co_table_get_f64(t, t->n_rows - 1, P_CLIP);
    r->release.noise_std = co_table_get_f64(t, t->n_rows - 1, P_STD);
    return CO_OK;
}

void co_record_private(co_record *r, const co_private_row *row)
{
    co_table *t = &r->privacy;
    CO_ASSERT(co_table_add_row(t) == CO_OK); /* reserved */
    co_table_set_i64(t, P_ROUND, row->round);
    co_table_set_i64(t, P_RELEASED, 1);
    co_table_set_i64(t, P_CONTRIBUTIONS, row->n_contributions);
    co_table_set_f64(t, P_RATE, row->sampling_rate);
    co_table_set_f64(t, P_CLIP, row->clip);
    co_table_set_f64(t, P_STD, row->noise_std);
    co_table_set_f64(t, P_EPSILON, row->epsilon);
    co_table_set_f64(t, P_DELTA, row->delta);
    co_table_set_i64(t, P_SIMULATED, row->release.noise_cohort > 0.0);
    r->privacy_bound = row->bound;
    r->statement = row->statement;
    r->release = row->release;
}

/* Adds the rows of the rounds summed so far. */
static void flush_load(co_record *r)
{
    if (r->span_round == 0) return;
    for (int k = 0; k < r->ranks; k++) {
        const co_rank_record *from = &r->span[k];
        const double values[] = {from->cost,     from->train_s, from->wait_s,
                                 from->reduce_s, from->eval_s,  from->write_s};
        CO_ASSERT(co_table_add_row(&r->load) == CO_OK); /* reserved */
        co_table_set_i64(&r->load, L_ROUND, r->span_round);
        co_table_set_i64(&r->load, L_RANK, k);
        co_table_set_i64(&r->load, L_DEVICES, from->n_devices);
        co_table_set_i64(&r->load, L_EXAMPLES, from->n_examples);
        for (size_t c = 0; c < sizeof values / sizeof *values; c++)
            co_table_set_f64(&r->load, L_PREDICTED + c, values[c]);
        r->span[k] = (co_rank_record){0};
    }
    r->span_round = 0;
}

/* Seconds that the plan's cost stands for, as rank 0 has found it. */
static double rate_of(const co_record *r)
{
    return r->spent_cost > 0.0 ? r->spent_s / r->spent_cost : 0.0;
}

/* The pending round, of which now all times are known, into the span. */
static void add_load(co_record *r, int64_t round)
{
    for (int k = 0; k < r->ranks; k++) {
        co_rank_record *sum = &r->span[k];
        const co_rank_record *rank = &r->pending[k];
        sum->n_devices += rank->n_devices;
        sum->n_examples += rank->n_examples;
        sum->cost += rank->cost * rate_of(r); /* predicted seconds from here on */
        sum->train_s += rank->train_s;
        sum->wait_s += rank->wait_s;
        sum->reduce_s += rank->reduce_s;
        sum->eval_s += rank->eval_s;
        sum->write_s += rank->write_s;
    }
    r->span_round = round;
    if (round % r->load_span == 0) flush_load(r);
}

/* Adds the seconds of a save to the newest rows of load, which were published before it. The last
 * save of a run is in no file. */
static void add_write(co_record *r, const co_rank_record *rank)
{
    const size_t n = (size_t)r->ranks, n_rows = r->load.n_rows;
    double *write_s = r->load.data[L_WRITE];
    for (size_t k = 0; k < n && n_rows >= n; k++) write_s[n_rows - n + k] += rank[k].write_s;
}

void co_record_load(co_record *r, int64_t round, const co_rank_record *rank)
{
    r->spent_s += rank[0].train_s;
    r->spent_cost += rank[0].cost;
    for (int k = 0; k < r->ranks; k++) {
        r->pending[k].reduce_s = rank[k].reduce_s;
        r->pending[k].eval_s = rank[k].eval_s;
        r->pending[k].write_s = rank[k].write_s;
    }
    if (r->has_pending)
        add_load(r, round - 1);
    else
        add_write(r, rank);
    memcpy(r->pending, rank, (size_t)r->ranks * sizeof *rank);
    r->has_pending = true;
}

void co_record_complete(co_record *r, int64_t round, const co_rank_record *rank)
{
    if (!r->has_pending) return;
    memcpy(r->pending, rank, (size_t)r->ranks * sizeof *rank);
    add_load(r, round);
    r->has_pending = false;
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
    return add_eval(r, round, split, scope, n);
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

bool co_record_is_due(const co_record *r)
{
    const double now = co_now_s(), spent = now - r->started_s,
                 pause = 0.01 * spent > 10.0 ? 0.01 * spent : 10.0;
    return now - r->published_s > pause;
}

/* The starts so far and this one, as a JSON list. */
static char *all_segments(const co_record *r)
{
    const int64_t last =
        r->rounds.n_rows ? co_table_get_i64(&r->rounds, r->rounds.n_rows - 1, R_ROUND) : 0;
    return co_format("[%s%s{\"ranks\": %d, \"first_round\": %lld, \"last_round\": %lld}]",
                     r->segments, *r->segments ? ", " : "", r->ranks,
                     (long long)r->segment_first_round, (long long)last);
}

/* Endings of the columns that tell of a metric over the devices, in the order they are read. */
static co_status write_scores(co_file *file)
{
    char words[128] = "";
    for (int s = CO_SCORE_MEAN + 1; s < CO_N_SCORES; s++)
        snprintf(words + strlen(words), sizeof words - strlen(words), "%s%s", *words ? "," : "",
                 co_score_suffix[s]);
    return co_file_set_text(file, "eval@score_endings", words);
}

/* [{"statement": "central", "unit": "device", ..}]: a map of texts for each guarantee of the run.
 */
static char *statement_json(const co_statement *statement, const co_release *release)
{
    char *text = NULL;
    size_t n = 0;
    co_statement_text words = {0};
    FILE *out = open_memstream(&text, &n);
    if (!out) return NULL;
    co_json json = {.out = out};
    statement->say(release, &words);
    co_json_open(&json, NULL, '[');
    co_json_open(&json, NULL, '{');
    co_json_text(&json, "statement", statement->name);
    for (size_t i = 0; i < words.n; i++)
        co_json_text(&json, words.line[i].label, words.line[i].text);
    co_json_close(&json, '}');
    co_json_close(&json, ']');
    if (fclose(out) == 0) return text;
    free(text);
    return NULL;
}

static co_status write_privacy(const co_record *r, co_file *file)
{
    CO_TRY(co_table_write(&r->privacy, file));
    if (r->privacy_bound) CO_TRY(co_file_set_text(file, "privacy_bound", r->privacy_bound));
    if (!r->statement) return CO_OK;
    char *text = statement_json(r->statement, &r->release);
    if (!text) return CO_FAIL(CO_ENOMEM, "out of memory for the privacy statement");
    const co_status st = co_file_set_text(file, "privacy_statement", text);
    free(text);
    return st;
}

static co_status write_all(const co_record *r, co_file *file, const char *state)
{
    char *segments = all_segments(r);
    if (!segments) return CO_FAIL(CO_ENOMEM, "run file");
    co_status st = co_file_set_head(file, r->seed, r->config, r->source);
    if (st == CO_OK) st = co_file_set_text(file, "state", state);
    if (st == CO_OK) st = co_file_set_text(file, "segments", segments);
    co_free(segments);
    CO_TRY(st);
    CO_TRY(co_file_set_text(file, "kernel_path", co_kernel_path()));
    CO_TRY(co_file_set_text(file, "blas_core", co_blas_core()));
    CO_TRY(co_file_set_text(file, "data_digest", r->data_digest));
    if (r->partition_digest[0])
        CO_TRY(co_file_set_text(file, "partition_digest", r->partition_digest));
    CO_TRY(co_table_write(&r->rounds, file));
    CO_TRY(co_table_write(&r->eval, file));
    CO_TRY(co_file_set_text(file, "eval@metric", r->task->metrics[0].name));
    if (r->with_scores) CO_TRY(write_scores(file));
    CO_TRY(co_table_write(&r->load, file));
    if (r->with_privacy) CO_TRY(write_privacy(r, file));
    return r->with_devices ? co_table_write(&r->devices, file) : CO_OK;
}

co_status co_record_publish(co_record *r, const char *state)
{
    co_file *file = NULL;
    flush_load(r);
    CO_TRY(co_file_create(r->path, "cohort-run", &file));
    const co_status st = write_all(r, file, state);
    if (st != CO_OK) {
        co_file_close(file);
        return st;
    }
    CO_TRY(co_file_publish(file, 0644));
    r->published_s = co_now_s();
    return CO_OK;
}
