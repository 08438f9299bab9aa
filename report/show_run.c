/* report/show_run.c - a run: state, curves at some twelve rounds, totals, load over the ranks.
 *
 * Columns are taken as the file has them, so that a task's own metrics show without a list of them
 * here. Cost: O(rows). */
#include "core/log.h"
#include "core/memory.h"
#include "io/files/table.h"
#include "io/yaml.h"
#include "sim/observers/record.h"
#include "report/show.h"
#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { SHOWN = 12, MAX_COLUMNS = 64, MAX_METRICS = 40 };

/* The name of a column when path is /group/column, else NULL. */
static const char *column_of(const char *path, const char *group)
{
    const size_t n = strlen(group);
    return path[0] == '/' && strncmp(path + 1, group, n) == 0 && path[n + 1] == '/' &&
                   !strchr(path + n + 2, '/')
               ? path + n + 2
               : NULL;
}

/* All columns of a group; no columns and no rows when the file lacks it. */
static co_status load_table(const co_file *file, const char *group, co_table *table)
{
    co_column columns[MAX_COLUMNS];
    char **paths = NULL;
    size_t n_paths = 0, n = 0;
    co_status st = co_file_list(file, &paths, &n_paths);
    *table = (co_table){.group = group};
    for (size_t i = 0; i < n_paths && st == CO_OK; i++) {
        co_extent extent;
        const char *name = column_of(paths[i], group);
        if (!name) continue;
        st = co_file_extent(file, paths[i], &extent);
        if (st == CO_OK && extent.type != CO_STR && n < MAX_COLUMNS)
            columns[n++] = (co_column){name, extent.type};
    }
    if (st == CO_OK && n) st = co_table_init(table, group, columns, n);
    if (st == CO_OK && n) st = co_table_read(table, file);
    if (st != CO_OK) co_table_fini(table);
    co_strings_free(paths, n_paths);
    return st;
}

/* NaN when the table has no such column. */
static double cell(const co_table *table, size_t row, const char *name)
{
    const int column = co_table_find(table, name);
    return column < 0 ? (double)NAN : co_table_get_f64(table, row, (size_t)column);
}

static int64_t count_at(const co_table *table, size_t row, const char *name)
{
    const int column = co_table_find(table, name);
    return column < 0 ? 0 : co_table_get_i64(table, row, (size_t)column);
}

static int64_t total(const co_table *table, const char *name)
{
    int64_t sum = 0;
    for (size_t r = 0; r < table->n_rows; r++) sum += count_at(table, r, name);
    return sum;
}

static void print_value(FILE *out, double value)
{
    const bool fixed = fabs(value) < 1e4 && (fabs(value) >= 1e-3 || value == 0.0);
    if (isnan(value))
        fprintf(out, " %14s", "-");
    else
        fprintf(out, fixed ? " %14.4f" : " %14.4g", value);
}

/* Evenly chosen rows of n, the first and the last among them, at most SHOWN; row i of m. */
static size_t chosen(size_t i, size_t m, size_t n)
{
    return m < 2 ? n - 1 : (size_t)((double)i * (double)(n - 1) / (double)(m - 1) + 0.5);
}

/* The training loss of a round; NaN for round 0 and rounds that are not there. Rows are rounds 1,
 * 2, 3 .. */
static double train_loss(const co_table *rounds, int64_t round)
{
    return round < 1 || (size_t)round > rounds->n_rows
               ? (double)NAN
               : cell(rounds, (size_t)round - 1, "train_loss");
}

/* Whether the column tells of a metric's spread over devices: accuracy_p10. */
static bool is_spread(const char *name)
{
    for (int s = 1; s < CO_N_SCORES; s++) {
        const size_t n = strlen(name), m = strlen(co_score_suffix[s]);
        if (n > m && strcmp(name + n - m, co_score_suffix[s]) == 0) return true;
    }
    return false;
}

static bool any_number(const co_table *eval, size_t column, const size_t *row, size_t n)
{
    size_t i = 0;
    while (i < n && isnan(co_table_get_f64(eval, row[i], column))) i++;
    return i < n;
}

/* The columns of eval that are measurements: loss first, then the metrics, then their spread over devices where these rows have it. */
static size_t measured_columns(const co_table *eval, const size_t *row, size_t n_rows, size_t column[MAX_METRICS])
{
    const int loss = co_table_find(eval, "loss");
    size_t n = 0;
    if (loss >= 0) column[n++] = (size_t)loss;
    for (int spread = 0; spread < 2; spread++)
        for (size_t c = 0; c < eval->n_columns && n < MAX_METRICS; c++)
            if (eval->columns[c].type == CO_F64 && (int)c != loss && is_spread(eval->columns[c].name) == spread &&
                (!spread || any_number(eval, c, row, n_rows)))
                column[n++] = c;
    return n;
}

static const char *split_name(int64_t split)
{
    static const char *const names[] = {"training", "test", "validation"};
    return split >= 0 && split < 3 ? names[split] : "unknown";
}

static const char *scope_name(int64_t scope)
{
    static const char *const names[CO_N_SCOPES] = {"central", "over devices", "what arrives in the period",
                                                   "what arrived before the period"};
    return names[scope];
}

/* Rows of one (split, scope) of eval beside the rounds' training loss. */
static co_status print_evaluation(FILE *out, const co_table *rounds, const co_table *eval,
                                  int64_t split, int64_t scope)
{
    size_t column[MAX_METRICS], n = 0;
    size_t *row = co_malloc(eval->n_rows, sizeof *row);
    if (!row) return CO_FAIL(CO_ENOMEM, "out of memory for %zu rows of eval", eval->n_rows);
    for (size_t r = 0; r < eval->n_rows; r++)
        if (count_at(eval, r, "split") == split && count_at(eval, r, "scope") == scope)
            row[n++] = r;
    const size_t n_columns = measured_columns(eval, row, n, column);
    const size_t shown = n < SHOWN ? n : SHOWN;
    if (n) {
        fprintf(out, "\n  %s split, %s\n  %8s %14s", split_name(split),
                scope_name(scope), "round", "train_loss");
        for (size_t c = 0; c < n_columns; c++) fprintf(out, " %14s", eval->columns[column[c]].name);
        fputc('\n', out);
    }
    for (size_t i = 0; i < shown; i++) {
        const size_t r = row[chosen(i, shown, n)];
        const int64_t round = count_at(eval, r, "round");
        fprintf(out, "  %8" PRId64, round);
        print_value(out, train_loss(rounds, round));
        for (size_t c = 0; c < n_columns; c++)
            print_value(out, co_table_get_f64(eval, r, column[c]));
        fputc('\n', out);
    }
    co_free(row);
    return CO_OK;
}

/* Without an evaluation: the training loss alone. */
static void print_training(FILE *out, const co_table *rounds)
{
    const size_t n = rounds->n_rows, shown = n < SHOWN ? n : SHOWN;
    if (n) fprintf(out, "\n  %8s %14s\n", "round", "train_loss");
    for (size_t i = 0; i < shown; i++) {
        const size_t r = chosen(i, shown, n);
        fprintf(out, "  %8" PRId64, count_at(rounds, r, "round"));
        print_value(out, cell(rounds, r, "train_loss"));
        fputc('\n', out);
    }
}

static co_status print_curves(FILE *out, const co_table *rounds, const co_table *eval)
{
    if (eval->n_rows == 0) print_training(out, rounds);
    for (int64_t scope = 0; scope < CO_N_SCOPES && eval->n_rows; scope++)
        for (int64_t split = 0; split < 3; split++)
            CO_TRY(print_evaluation(out, rounds, eval, split, scope));
    fputc('\n', out);
    return CO_OK;
}

static void print_totals(FILE *out, const co_table *rounds)
{
    char down[32], up[32], seconds[32];
    const size_t n = rounds->n_rows;
    co_print_field(out, "rounds", "%zu", n);
    co_print_field(out, "devices",
                   "%" PRId64 " asked, %" PRId64 " reported, %" PRId64 " dropped, %" PRId64
                   " empty",
                   total(rounds, "n_selected"), total(rounds, "n_reported"),
                   total(rounds, "n_dropped"), total(rounds, "n_empty"));
    co_print_field(out, "examples", "%" PRId64, total(rounds, "n_examples"));
    co_format_bytes((double)total(rounds, "bytes_down"), down, sizeof down);
    co_format_bytes((double)total(rounds, "bytes_up"), up, sizeof up);
    co_print_field(out, "traffic", "%s down, %s up", down, up);
    co_print_field(out, "updates lost",
                   "%" PRId64 " non-finite; %" PRId64 " values cut to the bound (saturated)",
                   total(rounds, "n_nonfinite"), total(rounds, "n_saturated"));
    co_format_seconds(n ? cell(rounds, n - 1, "wall_s") : 0.0, seconds, sizeof seconds);
    co_print_field(out, "time", "%s", seconds);
}

typedef struct {
    double least, most, sum;
} spread;

static void add_to(spread *s, double value, bool is_first)
{
    s->least = is_first || value < s->least ? value : s->least;
    s->most = is_first || value > s->most ? value : s->most;
    s->sum += value;
}

/* Seconds that each rank trained and waited, over all rounds. */
static co_status print_load(FILE *out, const co_table *load)
{
    int64_t n_ranks = 0;
    spread train = {0}, wait = {0};
    for (size_t r = 0; r < load->n_rows; r++)
        if (count_at(load, r, "rank") >= n_ranks) n_ranks = count_at(load, r, "rank") + 1;
    if (n_ranks == 0) return CO_OK;
    double *seconds = co_calloc((size_t)n_ranks, 2 * sizeof *seconds);
    if (!seconds)
        return CO_FAIL(CO_ENOMEM, "out of memory for the load of %" PRId64 " ranks", n_ranks);
    for (size_t r = 0; r < load->n_rows; r++) {
        const int64_t rank = count_at(load, r, "rank");
        if (rank < 0) continue;
        seconds[2 * rank] += cell(load, r, "train_s");
        seconds[2 * rank + 1] += cell(load, r, "wait_s");
    }
    for (int64_t rank = 0; rank < n_ranks; rank++) {
        add_to(&train, seconds[2 * rank], rank == 0);
        add_to(&wait, seconds[2 * rank + 1], rank == 0);
    }
    const double both = train.sum + wait.sum, m = (double)n_ranks;
    co_print_field(
        out, "load",
        "%" PRId64
        " ranks; train %.2f s a rank (%.2f to %.2f), wait %.2f s (%.2f to %.2f), %.1f %% waiting",
        n_ranks, train.sum / m, train.least, train.most, wait.sum / m, wait.least, wait.most,
        both > 0.0 ? 100.0 * wait.sum / both : 0.0);
    co_free(seconds);
    return CO_OK;
}

static void print_key(FILE *out, const co_node *config, const char *key)
{
    const co_node *node = co_node_find(config, key);
    if (node && node->kind == CO_NODE_SCALAR) co_print_field(out, key, "%s", node->text);
}

/* The resolved experiment; *root NULL when the file has none. */
static co_status read_config(const co_file *file, co_node **root)
{
    char *config = NULL;
    *root = NULL;
    if (!co_file_has_attr(file, "config")) return CO_OK;
    CO_TRY(co_file_get_text(file, "config", &config));
    const co_status st = co_yaml_read_text(config, "attribute config", root);
    co_free(config);
    return st == CO_OK ? CO_OK : co_fail_in(st == CO_ENOMEM ? st : CO_EDATA, "%s", co_file_path(file));
}

static co_status print_head(const co_file *file, FILE *out, const co_node *config)
{
    if (config) {
        print_key(out, config, "name");
        print_key(out, config, "algorithm");
        print_key(out, config, "seed");
    }
    static const char *const fields[][2] = {{"state", "state"},
                                            {"starts", "segments"},
                                            {"source", "source"},
                                            {"kernels", "kernel_path"},
                                            {"BLAS core", "blas_core"},
                                            {"data digest", "data_digest"},
                                            {"partition", "partition_digest"},
                                            {"epsilon by", "privacy_bound"}};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        CO_TRY(co_show_attribute(file, out, fields[i][0], fields[i][1]));
    return CO_OK;
}

static co_status text(const co_file *file, FILE *out)
{
    co_table rounds = {0}, eval = {0}, load = {0}, privacy = {0};
    co_node *config = NULL;
    co_status st = read_config(file, &config);
    if (st == CO_OK) st = print_head(file, out, config);
    if (st == CO_OK) st = load_table(file, "rounds", &rounds);
    if (st == CO_OK) st = load_table(file, "eval", &eval);
    if (st == CO_OK) st = load_table(file, "load", &load);
    if (st == CO_OK) st = load_table(file, "privacy", &privacy);
    if (st == CO_OK) st = print_curves(out, &rounds, &eval);
    if (st == CO_OK) {
        print_totals(out, &rounds);
        st = print_load(out, &load);
        co_show_privacy(out, &privacy, config);
    }
    co_node_destroy(config);
    co_table_fini(&rounds);
    co_table_fini(&eval);
    co_table_fini(&load);
    co_table_fini(&privacy);
    return st;
}

static void row_json(co_json *json, const char *key, const co_table *table, size_t row)
{
    co_json_open(json, key, '{');
    for (size_t c = 0; c < table->n_columns; c++) {
        const co_column *column = &table->columns[c];
        if (column->type == CO_F64 || column->type == CO_F32)
            co_json_real(json, column->name, co_table_get_f64(table, row, c));
        else if (column->type == CO_U64)
            co_json_u64(json, column->name, ((const uint64_t *)table->data[c])[row]);
        else
            co_json_int(json, column->name, co_table_get_i64(table, row, c));
    }
    co_json_close(json, '}');
}

/* The row of the last evaluation that a reader wants first: central, test split; else the last one.
 */
static size_t last_row(const co_table *eval)
{
    const size_t n = eval->n_rows;
    const int64_t round = count_at(eval, n - 1, "round");
    for (size_t r = n; r-- > 0 && count_at(eval, r, "round") == round;)
        if (count_at(eval, r, "split") == 1 && count_at(eval, r, "scope") == 0) return r;
    return n - 1;
}

/* last: the newest row of each table; `eval` is the central row of the test split when there is
 * one, `evals` all of that round. */
static co_status json_last(const co_file *file, co_json *json)
{
    co_table rounds = {0}, eval = {0}, privacy = {0};
    co_status st = load_table(file, "rounds", &rounds);
    if (st == CO_OK) st = load_table(file, "eval", &eval);
    if (st == CO_OK) st = load_table(file, "privacy", &privacy);
    if (st == CO_OK) {
        co_json_open(json, "last", '{');
        if (rounds.n_rows) row_json(json, "rounds", &rounds, rounds.n_rows - 1);
        if (privacy.n_rows) row_json(json, "privacy", &privacy, privacy.n_rows - 1);
        if (eval.n_rows) {
            const int64_t round = count_at(&eval, eval.n_rows - 1, "round");
            row_json(json, "eval", &eval, last_row(&eval));
            co_json_open(json, "evals", '[');
            for (size_t r = 0; r < eval.n_rows; r++)
                if (count_at(&eval, r, "round") == round) row_json(json, NULL, &eval, r);
            co_json_close(json, ']');
        }
        co_json_close(json, '}');
    }
    co_table_fini(&rounds);
    co_table_fini(&eval);
    co_table_fini(&privacy);
    return st;
}

const co_view co_view_run = {.format = "cohort-run", .text = text, .json = json_last};
