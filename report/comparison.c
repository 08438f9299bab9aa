/* report/comparison.c - what runs reached, and how sure their differences are. */
#include "report/comparison.h"
#include "core/memory.h"
#include "io/files/file.h"
#include "report/columns.h"
#include "report/student.h"
#include "report/summary.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

void co_comparison_fini(co_comparison *c)
{
    for (size_t i = 0; i < c->n_runs; i++) {
        co_free(c->run[i].label);
        co_free(c->run[i].path);
    }
    co_free(c->run);
    *c = (co_comparison){0};
}

void co_comparison_set_metric(co_comparison *c, const char *metric)
{
    snprintf(c->metric, sizeof c->metric, "%s", metric);
}

enum { ROUND, SPLIT, SCOPE, LOSS, SCORE, N_COLUMNS };

/* Columns of eval as doubles; all freed by free_columns, also on failure. */
static co_status read_columns(co_comparison *c, const co_file *file, double *column[N_COLUMNS],
                              size_t *n_rows)
{
    char score[80];
    if (!c->metric[0]) CO_TRY(co_column_metric(file, c->metric, sizeof c->metric));
    c->higher = co_column_better(file, c->metric) == CO_BETTER_HIGHER;
    CO_TRY(co_column_unit(file, c->metric, c->unit, sizeof c->unit));
    snprintf(score, sizeof score, "eval/%s", c->metric);
    const char *const names[N_COLUMNS] = {"eval/round", "eval/split", "eval/scope", "eval/loss",
                                          score};
    for (int k = 0; k < N_COLUMNS; k++) {
        if (!c->metric[0] || !co_file_has(file, names[k]))
            return CO_FAIL(CO_EDATA,
                           "%s: has no %s: the run was not evaluated by it; set eval.every, or "
                           "another metric=",
                           co_file_path(file), names[k]);
        CO_TRY(co_file_read_new(file, names[k], CO_F64, (void **)&column[k], n_rows));
    }
    return CO_OK;
}

static void free_columns(double *column[N_COLUMNS])
{
    for (int k = 0; k < N_COLUMNS; k++) co_free(column[k]);
}

/* Split and scope worth comparing; false when there are no rows. */
static bool choose_rows(double *const column[N_COLUMNS], size_t n, double *split, double *scope)
{
    static const double order[][2] = {{1, 0}, {1, 1}, {2, 0}, {2, 1}, {0, 1}};
    for (size_t k = 0; k < sizeof order / sizeof *order; k++)
        for (size_t i = 0; i < n; i++)
            if (column[SPLIT][i] == order[k][0] && column[SCOPE][i] == order[k][1]) {
                *split = order[k][0];
                *scope = order[k][1];
                return true;
            }
    return false;
}

/* Sums of what travelled, up to the target's round and in all. */
static co_status read_bytes(const co_file *file, co_outcome *run)
{
    static const char *const names[] = {"rounds/round", "rounds/bytes_down", "rounds/bytes_up",
                                        "rounds/wall_s"};
    double *column[4] = {NULL};
    size_t n = 0;
    co_status st = CO_OK;
    for (int k = 0; k < 4 && st == CO_OK; k++)
        st = co_file_read_new(file, names[k], CO_F64, (void **)&column[k], &n);
    double to_target = 0.0;
    for (size_t i = 0; st == CO_OK && i < n; i++) {
        run->bytes += column[1][i] + column[2][i];
        if (column[0][i] <= run->target_round) to_target = run->bytes;
        run->wall_s = column[3][i];
        run->rounds = (int64_t)column[0][i];
    }
    run->target_bytes = isnan(run->target_round) ? NAN : to_target;
    for (int k = 0; k < 4; k++) co_free(column[k]);
    return st;
}

static co_status read_outcome(co_comparison *c, const co_file *file, co_outcome *run)
{
    double *column[N_COLUMNS] = {NULL}, split = 1.0, scope = 0.0;
    size_t n = 0;
    co_status st = read_columns(c, file, column, &n);
    if (st == CO_OK && !choose_rows(column, n, &split, &scope))
        st = CO_FAIL(CO_EDATA, "%s: no evaluation is recorded; set eval.every", co_file_path(file));
    run->target_round = NAN;
    for (size_t i = 0; st == CO_OK && i < n; i++) {
        if (column[SPLIT][i] != split || column[SCOPE][i] != scope) continue;
        run->score = column[SCORE][i];
        run->loss = column[LOSS][i];
        const bool reached = c->higher ? run->score >= c->target : run->score <= c->target;
        if (reached && isnan(run->target_round)) run->target_round = column[ROUND][i];
    }
    free_columns(column);
    if (st == CO_OK) st = read_bytes(file, run);
    return st == CO_OK ? co_file_get_int(file, "seed", &run->seed) : st;
}

/* The folder's name, or that above it when it is seed-S. New block. */
static char *label_of(const char *path)
{
    size_t end = strlen(path), begin;
    for (int up = 0;; up++) {
        while (end > 0 && path[end - 1] != '/') end--; /* drops the last part */
        while (end > 0 && path[end - 1] == '/') end--;
        begin = end;
        while (begin > 0 && path[begin - 1] != '/') begin--;
        if (up > 0 || strncmp(path + begin, "seed-", 5) != 0 || begin == 0) break;
    }
    return end > begin ? co_format("%.*s", (int)(end - begin), path + begin) : co_strdup("run");
}

co_status co_comparison_add(co_comparison *c, const char *path, const char *label)
{
    co_file *file = NULL;
    CO_TRY((co_status)co_reserve((void **)&c->run, &c->capacity, c->n_runs + 1, sizeof *c->run));
    co_outcome *run = &c->run[c->n_runs];
    *run =
        (co_outcome){.label = label ? co_strdup(label) : label_of(path), .path = co_strdup(path)};
    c->n_runs++;
    if (!run->label || !run->path) return CO_FAIL(CO_ENOMEM, "%s", path);
    CO_TRY(co_file_open(path, "cohort-run", false, &file));
    const co_status st = read_outcome(c, file, run);
    co_file_close(file);
    return st;
}

static co_status no_validation(const char *path)
{
    return CO_FAIL(CO_EUSAGE,
                   "tune: %s: there is no validation split (2) to choose by, and the test split is "
                   "not for that; import "
                   "the data with validation_fraction=0.1",
                   path);
}

co_status co_comparison_check_data(const char *path)
{
    co_file *file = NULL;
    uint8_t *split = NULL;
    size_t n = 0, at = 0;
    CO_TRY(co_file_open(path, "cohort-dataset", true, &file));
    const co_status st = co_file_has(file, "split")
                             ? co_file_read_new(file, "split", CO_U8, (void **)&split, &n)
                             : CO_OK;
    co_file_close(file);
    while (at < n && split[at] != 2) at++;
    co_free(split);
    CO_TRY(st);
    return at < n ? CO_OK : no_validation(path);
}

co_status co_comparison_task(const char *path, char *name, size_t size)
{
    co_file *file = NULL;
    char *task = NULL;
    CO_TRY(co_file_open(path, "cohort-dataset", true, &file));
    const co_status st =
        co_file_has_attr(file, "task") ? co_file_get_text(file, "task", &task) : CO_OK;
    if (st == CO_OK)
        snprintf(name, size, "%s", task ? task : "classification"); /* of a file made by hand */
    co_free(task);
    co_file_close(file);
    return st;
}

co_status co_comparison_validate(co_comparison *c, const char *path, double *score)
{
    double *column[N_COLUMNS] = {NULL};
    size_t n = 0;
    co_file *file = NULL;
    CO_TRY(co_file_open(path, "cohort-run", false, &file));
    co_status st = read_columns(c, file, column, &n);
    bool found = false;
    for (size_t i = 0; st == CO_OK && i < n; i++) {
        if (column[SPLIT][i] != 2.0 || column[SCOPE][i] != 0.0) continue;
        *score = column[SCORE][i];
        found = true;
    }
    if (st == CO_OK && !found) st = no_validation(path);
    free_columns(column);
    co_file_close(file);
    return st;
}

static double sample_sd(double sum, double squares, double n)
{
    const double variance = n > 1.0 ? (squares - sum * sum / n) / (n - 1.0) : NAN;
    return variance > 0.0 ? sqrt(variance) : n > 1.0 ? 0.0 : NAN;
}

static void average(const co_comparison *c, co_summary_row *row)
{
    double centre = NAN, sum = 0.0, squares = 0.0;
    double *const mean[] = {&row->loss, &row->bytes, &row->wall_s};
    for (size_t i = 0; i < c->n_runs; i++) {
        const co_outcome *run = &c->run[i];
        const double values[] = {run->loss, run->bytes, run->wall_s};
        if (strcmp(run->label, row->label) != 0) continue;
        if (row->n_seeds++ == 0) centre = run->score;
        sum += run->score - centre;
        squares += (run->score - centre) * (run->score - centre);
        for (int k = 0; k < 3; k++) *mean[k] += values[k];
        if (isnan(run->target_round)) continue;
        row->n_reached++;
        row->target_round += run->target_round;
        row->target_bytes += run->target_bytes;
    }
    const double n = (double)row->n_seeds;
    row->mean = centre + sum / n;
    row->sd = sample_sd(sum, squares, n);
    const double half =
        row->n_seeds > 1 ? co_student_quantile(0.05, n - 1.0) * row->sd / sqrt(n) : NAN;
    row->low = row->mean - half;
    row->high = row->mean + half;
    for (int k = 0; k < 3; k++) *mean[k] /= n;
    row->target_round = row->n_reached ? row->target_round / (double)row->n_reached : NAN;
    row->target_bytes = row->n_reached ? row->target_bytes / (double)row->n_reached : NAN;
}

/* Mean difference to the baseline over the seeds both have, and the paired t-test of it. */
static void test_against(const co_comparison *c, const char *baseline, co_summary_row *row)
{
    double sum = 0.0, squares = 0.0;
    for (size_t i = 0; i < c->n_runs; i++)
        for (size_t k = 0; k < c->n_runs; k++) {
            const co_outcome *own = &c->run[i], *other = &c->run[k];
            if (strcmp(own->label, row->label) != 0 || strcmp(other->label, baseline) != 0 ||
                own->seed != other->seed)
                continue;
            row->n_pairs++;
            sum += own->score - other->score;
            squares += (own->score - other->score) * (own->score - other->score);
        }
    const double n = (double)row->n_pairs, sd = sample_sd(sum, squares, n);
    row->difference = row->n_pairs ? sum / n : NAN;
    row->p_value = NAN;
    if (row->n_pairs > 1 && sd > 0.0)
        row->p_value = co_student_two_sided(fabs(row->difference) / (sd / sqrt(n)), n - 1.0);
}

/* One row a label, in the order of first runs. Returns how many. */
static size_t summarise(const co_comparison *c, const char *baseline, co_summary_row *row)
{
    size_t n = 0;
    for (size_t i = 0; i < c->n_runs; i++) {
        size_t k = 0;
        while (k < n && strcmp(row[k].label, c->run[i].label) != 0) k++;
        if (k < n) continue;
        row[n] = (co_summary_row){.label = c->run[i].label};
        average(c, &row[n]);
        test_against(c, baseline, &row[n]);
        n++;
    }
    return n;
}

static co_status write_labels(co_file *file, const char *name, const void *first, size_t stride,
                              size_t n)
{
    const char **labels = co_malloc(n, sizeof *labels);
    if (!labels) return CO_FAIL(CO_ENOMEM, "%s", name);
    for (size_t i = 0; i < n; i++)
        memcpy(&labels[i], (const char *)first + i * stride, sizeof *labels);
    const co_status st = co_file_write_strings(file, name, labels, n);
    co_free(labels);
    return st;
}

/* A column of doubles that stand `stride` bytes apart. */
static co_status write_reals(co_file *file, const char *name, const double *first, size_t stride,
                             size_t n)
{
    double *values = co_malloc(n, sizeof *values);
    if (!values) return CO_FAIL(CO_ENOMEM, "%s", name);
    for (size_t i = 0; i < n; i++)
        memcpy(&values[i], (const char *)first + i * stride, sizeof *values);
    const co_status st = co_file_write_f64(file, name, values, n);
    co_free(values);
    return st;
}

static co_status write_counts(co_file *file, const char *name, const void *first, size_t stride,
                              size_t n)
{
    int64_t *values = co_malloc(n, sizeof *values);
    if (!values) return CO_FAIL(CO_ENOMEM, "%s", name);
    for (size_t i = 0; i < n; i++)
        memcpy(&values[i], (const char *)first + i * stride, sizeof *values);
    const co_status st = co_file_write_i64(file, name, values, n);
    co_free(values);
    return st;
}

static co_status write_runs(co_file *file, const co_comparison *c)
{
    const co_outcome *r = c->run;
    const size_t n = c->n_runs, stride = sizeof *r;
    CO_TRY(write_labels(file, "runs/label", &r->label, stride, n));
    CO_TRY(write_labels(file, "runs/path", &r->path, stride, n));
    CO_TRY(write_counts(file, "runs/seed", &r->seed, stride, n));
    CO_TRY(write_counts(file, "runs/rounds", &r->rounds, stride, n));
    CO_TRY(write_reals(file, "runs/score", &r->score, stride, n));
    CO_TRY(write_reals(file, "runs/loss", &r->loss, stride, n));
    CO_TRY(write_reals(file, "runs/target_round", &r->target_round, stride, n));
    CO_TRY(write_reals(file, "runs/target_bytes", &r->target_bytes, stride, n));
    CO_TRY(write_reals(file, "runs/bytes", &r->bytes, stride, n));
    return write_reals(file, "runs/wall_s", &r->wall_s, stride, n);
}

static co_status write_file(co_file *file, const co_comparison *c, const co_summary_row *row,
                            size_t n, const char *baseline, const char *config, uint64_t seed)
{
    CO_TRY(co_file_set_head(file, seed, config, "cohort compare"));
    CO_TRY(co_file_set_text(file, "metric", c->metric));
    CO_TRY(co_file_set_text(file, "baseline", baseline));
    if (!isnan(c->target)) CO_TRY(co_file_set_reals(file, "target", &c->target, 1));
    CO_TRY(write_runs(file, c));
    CO_TRY(co_summary_write(file, row, n));
    CO_TRY(co_file_set_text(file, "runs/score@better", c->higher ? "higher" : "lower"));
    return c->unit[0] ? co_file_set_text(file, "runs/score@unit", c->unit) : CO_OK;
}

co_status co_comparison_finish(const co_comparison *c, const char *path, const char *baseline,
                               const char *config, uint64_t seed)
{
    if (!baseline) baseline = c->run[0].label;
    co_summary_row *row = co_malloc(c->n_runs, sizeof *row);
    if (!row) return CO_FAIL(CO_ENOMEM, "summary of %zu runs", c->n_runs);
    const size_t n = summarise(c, baseline, row);
    size_t at = 0;
    co_file *file = NULL;
    co_status st = CO_OK;
    while (at < n && strcmp(row[at].label, baseline) != 0) at++;
    if (at == n)
        st = CO_FAIL(CO_EUSAGE, "baseline=%s: no run has that label; the first is %s", baseline,
                     row[0].label);
    if (st == CO_OK) st = co_file_create(path, "cohort-comparison", &file);
    if (st == CO_OK) {
        st = write_file(file, c, row, n, baseline, config, seed);
        if (st == CO_OK)
            st = co_file_publish(file, 0644);
        else
            co_file_close(file);
    }
    if (st == CO_OK) co_summary_print(stdout, c->metric, baseline, row, n);
    co_free(row);
    return st;
}
