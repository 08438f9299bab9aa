/* sim/observers/record_tables.c - which tables a run file has, and with what columns. */
#include "core/log.h"
#include "core/memory.h"
#include "sim/observers/record_private.h"
#include "sim/planners/planner.h"
#include "sim/stages/shares.h"
#include <stdio.h>
#include <string.h>

static const co_column head[] = {
    {"round", CO_I64},       {"n_selected", CO_I64}, {"n_reported", CO_I64},
    {"n_dropped", CO_I64},   {"n_empty", CO_I64},    {"n_nonfinite", CO_I64},
    {"n_saturated", CO_I64}, {"n_examples", CO_I64}, {"train_loss", CO_F64}};
static const co_column tail[] = {
    {"update_norm", CO_F64}, {"lr_local", CO_F64}, {"lr_server", CO_F64}, {"bytes_down", CO_I64},
    {"bytes_up", CO_I64},    {"sim_s", CO_F64},    {"wall_s", CO_F64},    {"model_digest", CO_U64}};
static const co_column cut[] = {{"values_cut", CO_I64}};
static const co_column coded[] = {{"bytes_up_coded", CO_I64}};
static const co_column levels[] = {{"bytes_edge_down", CO_I64},
                                   {"bytes_edge_up", CO_I64},
                                   {"bytes_cloud_down", CO_I64},
                                   {"bytes_cloud_up", CO_I64}};
static const co_column timed[] = {{"device_s", CO_F64},       {"lost_s", CO_F64},
                                  {"in_flight", CO_I64},      {"versions", CO_I64},
                                  {"staleness_mean", CO_F64}, {"staleness_max", CO_I64},
                                  {"n_late", CO_I64},         {"n_unavailable", CO_I64}};
static const co_column eval_head[] = {
    {"round", CO_I64},
    {"split", CO_U8, .words = "train,test,validation"},
    {"scope", CO_U8,
     .words = "central,over devices,arriving in the period,arrived before the period"},
    {"n", CO_I64}};
static const co_column devices_columns[] = {
    {"round", CO_I64}, {"device", CO_I64},      {"n_examples", CO_I64}, {"weight", CO_F64},
    {"loss", CO_F64},  {"update_norm", CO_F64}, {"staleness", CO_I64},  {"status", CO_U8}};
static const co_column timed_devices[] = {{"version", CO_I64},
                                          {"start_s", CO_F64},
                                          {"end_s", CO_F64},
                                          {"bytes_down", CO_I64},
                                          {"bytes_up", CO_I64}};
static const co_column load_columns[] = {
    {"round", CO_I64},       {"rank", CO_I64},    {"n_devices", CO_I64}, {"n_examples", CO_I64},
    {"predicted_s", CO_F64}, {"train_s", CO_F64}, {"wait_s", CO_F64},    {"reduce_s", CO_F64},
    {"eval_s", CO_F64},      {"write_s", CO_F64}};
static const co_column privacy_columns[] = {
    {"round", CO_I64},         {"released", CO_U8}, {"n_contributions", CO_I64},
    {"sampling_rate", CO_F64}, {"clip", CO_F64},    {"noise_std", CO_F64},
    {"epsilon", CO_F64},       {"delta", CO_F64},   {"simulated", CO_U8},
    {"participations", CO_I64}};
static const co_column examples_columns[] = {{"round", CO_I64},       {"epsilon_max", CO_F64},
                                             {"epsilon_p10", CO_F64}, {"epsilon_p50", CO_F64},
                                             {"epsilon_p90", CO_F64}, {"delta", CO_F64},
                                             {"n_exhausted", CO_I64}};

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
    co_column columns[N_TIMED_DEVICES];
    char *words = r->status_words;
    const size_t size = sizeof r->status_words;
    memcpy(columns, devices_columns, sizeof devices_columns);
    memcpy(columns + N_DEVICES, timed_devices, sizeof timed_devices);
    for (int k = 0; k < CO_N_OUTCOMES; k++)
        snprintf(words + strlen(words), size - strlen(words), "%s%s", k ? "," : "",
                 co_outcome_names[k]);
    columns[D_STATUS].words = words;
    return co_table_init(&r->devices, "devices", columns,
                         r->is_timed ? N_TIMED_DEVICES : N_DEVICES);
}

static co_status init_tables(co_record *r, const co_eval_columns *eval)
{
    co_column columns[sizeof head / sizeof *head + CO_MAX_METRICS + N_TAIL + N_TIMED + N_CODED +
                      N_CUT + N_LEVELS + N_SECAGG];
    char names[CO_MAX_METRICS][64], secagg_names[N_SECAGG][32];
    CO_ASSERT(r->n_metrics <= CO_MAX_METRICS);
    memcpy(columns, head, sizeof head);
    for (size_t m = 0, k = 0; m < r->n_metrics; m++) {
        if (!co_metric_is_trained(&r->task->metrics[m])) continue;
        snprintf(names[k], sizeof names[k], "train_%s", r->task->metrics[m].name);
        columns[R_METRICS + k] = (co_column){names[k], CO_F64};
        k++;
    }
    const size_t n_plain = R_METRICS + r->n_trained + N_TAIL;
    memcpy(columns + R_METRICS + r->n_trained, tail, sizeof tail);
    size_t n = n_plain;
    if (r->is_timed) {
        memcpy(columns + n, timed, sizeof timed);
        n += N_TIMED;
    }
    if (r->with_codes) {
        memcpy(columns + n, coded, sizeof coded);
        n += N_CODED;
    }
    if (r->with_cut) {
        memcpy(columns + n, cut, sizeof cut);
        n += N_CUT;
    }
    if (r->with_groups) {
        memcpy(columns + n, levels, sizeof levels);
        n += N_LEVELS;
    }
    if (r->secagg) {
        co_record_secagg_columns(r, columns + n, secagg_names);
        n += N_SECAGG;
    }
    CO_TRY(co_table_init(&r->rounds, "rounds", columns, n));
    CO_TRY(init_eval(eval, &r->eval));
    CO_TRY(co_table_init(&r->load, "load", load_columns, N_LOAD));
    if (r->with_privacy)
        CO_TRY(co_table_init(&r->privacy, "privacy", privacy_columns,
                             r->by_arrival ? N_ARRIVALS : N_PRIVACY));
    if (r->with_examples)
        CO_TRY(co_table_init(&r->examples, "privacy_examples", examples_columns, N_EXAMPLES));
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
    r->with_examples = e->example_keys.is_on;
    r->with_groups = e->group_keys.is_on;
    if (e->secagg_keys.is_on) r->secagg = &e->secagg_keys;
    r->with_cut = co_has_shares(e);
    for (size_t k = 0; k < e->n_transforms; k++) {
        r->with_codes |= e->transform[k]->codes;
        r->with_cut |= e->transform[k]->counts_cut;
    }
    r->is_timed = co_is_timed(e);
    r->by_arrival = co_charge_is_by_arrival(e);
    if (co_config_has(&e->output, "devices"))
        r->with_devices = co_config_bool(&e->output, "devices");
    for (const co_metric *m = r->task->metrics; m->name; m++) {
        r->n_metrics++;
        r->n_trained += co_metric_is_trained(m);
    }
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
    co_table_fini(&r->examples);
    co_free(r->path);
    co_free(r->config);
    co_free(r->segments);
    co_free(r->span);
    co_free(r->pending);
    *r = (co_record){0};
}
