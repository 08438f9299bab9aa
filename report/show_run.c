/* report/show_run.c - a run: state, curves at some twelve rounds, totals, load over the ranks.
 *
 * Columns are taken as the file has them, so that a task's own metrics show without a list of them
 * here. Cost: O(rows). */
#include "core/log.h"
#include "core/memory.h"
#include "io/files/table.h"
#include "io/json_in.h"
#include "io/yaml.h"
#include "sim/observers/record.h"
#include "report/columns.h"
#include "report/show.h"
#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { SHOWN = 13, MAX_COLUMNS = 512, MAX_STARTS = 6 };

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
        if (st != CO_OK || extent.type == CO_STR || n == MAX_COLUMNS) continue;
        columns[n++] = (co_column){.name = name, .type = extent.type};
        if (strcmp(group, "eval") == 0 && extent.type == CO_F64) columns[n - 1].better = co_column_better(file, name);
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

static void print_value(FILE *out, int width, double value)
{
    const bool fixed = fabs(value) < 1e4 && (fabs(value) >= 1e-3 || value == 0.0);
    if (isnan(value))
        fprintf(out, " %*s", width, "-");
    else
        fprintf(out, fixed ? " %*.4f" : " %*.3g", width, value);
}

/* Every how many rows one is shown, so that the steps between the rows are even: 1, 2, 5, 10, 20 .. */
static size_t stride_of(size_t n)
{
    size_t stride = 1;
    for (int k = 0; (n + stride - 1) / stride > SHOWN; k++) stride = k % 3 == 1 ? stride / 2 * 5 : stride * 2;
    return stride;
}

/* The training loss of a round; NaN for round 0 and rounds that are not there. Rows are rounds 1,
 * 2, 3 .. */
static double train_loss(const co_table *rounds, int64_t round)
{
    return round < 1 || (size_t)round > rounds->n_rows
               ? (double)NAN
               : cell(rounds, (size_t)round - 1, "train_loss");
}

/* Rows of eval of one split and scope. */
typedef struct {
    const co_table *rounds, *eval;
    const size_t *row; /* [n] */
    size_t n;
} view;

/* Where a column's name goes on behind its metric's: "_p10"; "" of a mean over all examples or devices. */
static const char *ending(const char *name)
{
    for (int s = CO_SCORE_MEAN + 1; s < CO_N_SCORES; s++) {
        const size_t n = strlen(name), m = strlen(co_score_suffix[s]);
        if (n > m && strcmp(name + n - m, co_score_suffix[s]) == 0) return name + n - m;
    }
    return "";
}

/* Whether any row of the view has a value there. */
static bool holds(const view *v, size_t column)
{
    for (size_t i = 0; i < v->n; i++)
        if (!isnan(co_table_get_f64(v->eval, v->row[i], column))) return true;
    return false;
}

/* The next measurement of eval at or behind column c, NaN throughout left out; n_columns when there is none. metric NULL: loss first is
 * the caller's, then all means; else what is told of that metric's spread over the devices. */
static size_t next_column(const view *v, const char *metric, size_t c)
{
    for (; c < v->eval->n_columns; c++) {
        const co_column *column = &v->eval->columns[c];
        const char *end = ending(column->name);
        if (column->type != CO_F64 || strcmp(column->name, "loss") == 0 || !holds(v, c)) continue;
        const size_t n = (size_t)(end - column->name);
        if (metric ? *end && strlen(metric) == n && strncmp(metric, column->name, n) == 0 : !*end) break;
    }
    return c;
}

/* Columns in the order that they are read: of means the loss first, of a spread as evaluation_devices.h has it. Returns how many. */
static size_t choose_columns(const view *v, const char *metric, size_t column[MAX_COLUMNS])
{
    size_t n = 0;
    const int loss = co_table_find(v->eval, "loss");
    if (!metric && loss >= 0 && holds(v, (size_t)loss)) column[n++] = (size_t)loss;
    for (size_t c = 0; !metric && (c = next_column(v, NULL, c)) < v->eval->n_columns; c++) column[n++] = c;
    for (int s = CO_SCORE_MEAN + 1; metric && s < CO_N_SCORES; s++)
        for (size_t c = 0; (c = next_column(v, metric, c)) < v->eval->n_columns; c++)
            if (strcmp(ending(v->eval->columns[c].name), co_score_suffix[s]) == 0) column[n++] = c;
    return n;
}

static bool holds_training(const view *v)
{
    bool any = false;
    for (size_t i = 0; i < v->n; i++) any |= !isnan(train_loss(v->rounds, count_at(v->eval, v->row[i], "round")));
    return any;
}

/* Rows of the view. metric NULL: means beside the rounds' training loss; else that metric's spread, under the endings of the names. */
static void print_rows(FILE *out, const view *v, const char *metric, const size_t *column, size_t n_columns)
{
    const int least = metric ? 8 : 14;
    int width[MAX_COLUMNS];
    const size_t stride = stride_of(v->n);
    const bool with_training = !metric && holds_training(v);
    fprintf(out, "  %8s", "round");
    if (with_training) fprintf(out, " %*s", least, "train_loss");
    for (size_t c = 0; c < n_columns; c++) {
        const char *name = v->eval->columns[column[c]].name;
        width[c] = !metric && (int)strlen(name) > least ? (int)strlen(name) : least;
        fprintf(out, " %*s", width[c], metric ? ending(name) + 1 : name);
    }
    fputc('\n', out);
    for (size_t i = 0; i < v->n; i++) {
        if (i % stride != 0 && i + 1 < v->n) continue;
        const int64_t round = count_at(v->eval, v->row[i], "round");
        fprintf(out, "  %8" PRId64, round);
        if (with_training) print_value(out, least, train_loss(v->rounds, round));
        for (size_t c = 0; c < n_columns; c++) print_value(out, width[c], co_table_get_f64(v->eval, v->row[i], column[c]));
        fputc('\n', out);
    }
}

/* The best value of each column that has a better direction. */
static void print_best(FILE *out, const view *v, const size_t *column, size_t n_columns)
{
    bool any = false;
    for (size_t c = 0; c < n_columns && v->n > 1; c++) {
        const co_column *what = &v->eval->columns[column[c]];
        double best = NAN;
        size_t at = 0;
        for (size_t i = 0; i < v->n && what->better != CO_BETTER_UNSAID; i++) {
            const double value = co_table_get_f64(v->eval, v->row[i], column[c]);
            if (isnan(value) || (!isnan(best) && (what->better == CO_BETTER_HIGHER ? value <= best : value >= best))) continue;
            best = value;
            at = v->row[i];
        }
        if (isnan(best)) continue;
        fprintf(out, "%s%s %.5g in round %" PRId64, any ? ", " : "  best: ", what->name, best, count_at(v->eval, at, "round"));
        any = true;
    }
    if (any) fputc('\n', out);
}

/* A split and scope of eval: the means, and below them the spread of each metric over the devices. */
static void print_view(FILE *out, const view *v, const char *split, const char *scope)
{
    size_t column[MAX_COLUMNS], spread[MAX_COLUMNS];
    const size_t n = choose_columns(v, NULL, column), stride = stride_of(v->n);
    fprintf(out, "\n  %s split, %s", split, scope);
    if (stride > 1) fprintf(out, "; every %zu%s of %zu evaluations", stride, stride == 2 ? "nd" : "th", v->n);
    fputc('\n', out);
    print_rows(out, v, NULL, column, n);
    print_best(out, v, column, n);
    for (size_t c = 0; c < n; c++) {
        const char *metric = v->eval->columns[column[c]].name;
        const size_t n_spread = choose_columns(v, metric, spread);
        if (!n_spread) continue;
        fprintf(out, "\n  %s split, %s: %s\n", split, scope, metric);
        print_rows(out, v, metric, spread, n_spread);
    }
}

/* Word number k of a list separated by commas. */
static void word_of(const char *words, int64_t k, char *text, size_t size)
{
    for (; *words && k > 0; k--) words += strcspn(words, ",") + (words[strcspn(words, ",")] == ',');
    snprintf(text, size, "%.*s", (int)strcspn(words, ","), words);
    if (!*text) snprintf(text, size, "unknown");
}

/* Without an evaluation: the training loss alone. */
static void print_training(FILE *out, const co_table *rounds)
{
    const size_t n = rounds->n_rows, stride = stride_of(n);
    if (n) fprintf(out, "\n  %8s %14s\n", "round", "train_loss");
    for (size_t r = 0; r < n; r++) {
        if (r % stride != 0 && r + 1 < n) continue;
        fprintf(out, "  %8" PRId64, count_at(rounds, r, "round"));
        print_value(out, 14, cell(rounds, r, "train_loss"));
        fputc('\n', out);
    }
}

static co_status print_curves(FILE *out, const co_file *file, const co_table *rounds, const co_table *eval)
{
    char splits[256], scopes[256];
    CO_TRY(co_column_words(file, "split", splits, sizeof splits));
    CO_TRY(co_column_words(file, "scope", scopes, sizeof scopes));
    size_t *row = co_malloc(eval->n_rows, sizeof *row);
    if (!row) return CO_FAIL(CO_ENOMEM, "out of memory for %zu rows of eval", eval->n_rows);
    if (eval->n_rows == 0) print_training(out, rounds);
    for (int64_t scope = 0; scope < CO_N_SCOPES && eval->n_rows; scope++)
        for (int64_t split = 0; split < 3; split++) {
            char names[2][64];
            view v = {rounds, eval, row, 0};
            for (size_t r = 0; r < eval->n_rows; r++)
                if (count_at(eval, r, "split") == split && count_at(eval, r, "scope") == scope) row[v.n++] = r;
            word_of(splits, split, names[0], sizeof names[0]);
            word_of(scopes, scope, names[1], sizeof names[1]);
            if (v.n) print_view(out, &v, names[0], names[1]);
        }
    co_free(row);
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
        " rank%s; train %.2f s a rank (%.2f to %.2f), wait %.2f s (%.2f to %.2f), %.1f %% waiting",
        n_ranks, n_ranks == 1 ? "" : "s", train.sum / m, train.least, train.most, wait.sum / m, wait.least, wait.most,
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

/* {"ranks": 2, "first_round": 1, "last_round": 100} */
typedef struct {
    int64_t ranks, first, last;
} start;

static co_status read_start(co_json_in *in, start *s)
{
    bool begins = true, more = true;
    *s = (start){0};
    CO_TRY(co_json_in_take(in, '{'));
    while (true) {
        char *key = NULL;
        CO_TRY(co_json_in_more(in, '}', &begins, &more));
        if (!more) return CO_OK;
        CO_TRY(co_json_in_key(in, &key));
        int64_t *value = strcmp(key, "ranks") == 0         ? &s->ranks
                         : strcmp(key, "first_round") == 0 ? &s->first
                         : strcmp(key, "last_round") == 0  ? &s->last
                                                           : NULL;
        co_free(key);
        CO_TRY(value ? co_json_in_int(in, value) : co_json_in_skip(in));
    }
}

/* "rounds 1-100 on 2 ranks", or shorter behind another start. A start may have done no round. */
static void print_start(FILE *out, const start *s, bool is_first)
{
    fputs(is_first ? "rounds " : ", ", out);
    if (s->last < s->first)
        fprintf(out, "none");
    else if (s->last == s->first)
        fprintf(out, "%" PRId64, s->first);
    else
        fprintf(out, "%" PRId64 "-%" PRId64, s->first, s->last);
    fprintf(out, " on %" PRId64, s->ranks);
    if (is_first) fputs(s->ranks == 1 ? " rank" : " ranks", out);
}

/* "2 starts: rounds 1-100 on 2 ranks, 101-200 on 3"; of many the first and the last ones. */
static co_status print_starts(const co_file *file, FILE *out, const char *segments)
{
    co_json_in in = {.path = co_file_path(file), .text = segments, .at = segments};
    start s[MAX_STARTS];
    size_t n = 0;
    bool begins = true, more = true;
    CO_TRY(co_json_in_take(&in, '['));
    while (true) {
        CO_TRY(co_json_in_more(&in, ']', &begins, &more));
        if (!more) break;
        if (n >= MAX_STARTS) memmove(&s[MAX_STARTS / 2], &s[MAX_STARTS / 2 + 1], (MAX_STARTS / 2 - 1) * sizeof *s);
        CO_TRY(read_start(&in, &s[n < MAX_STARTS ? n : MAX_STARTS - 1]));
        n++;
    }
    fprintf(out, "  %-16s %zu start%s%s", "ran", n, n == 1 ? "" : "s", n ? ": " : "");
    for (size_t k = 0; k < n && k < MAX_STARTS; k++) {
        if (n > MAX_STARTS && k == MAX_STARTS / 2) fputs(", ..", out);
        print_start(out, &s[k], k == 0);
    }
    fputc('\n', out);
    return CO_OK;
}

static co_status show_starts(const co_file *file, FILE *out)
{
    char *segments = NULL;
    if (!co_file_has_attr(file, "segments")) return CO_OK;
    CO_TRY(co_file_get_text(file, "segments", &segments));
    const co_status st = print_starts(file, out, segments);
    co_free(segments);
    return st;
}

static co_status print_head(const co_file *file, FILE *out, const co_node *config)
{
    if (config) {
        print_key(out, config, "name");
        print_key(out, config, "algorithm");
        print_key(out, config, "seed");
    }
    static const char *const fields[][2] = {{"state", "state"},
                                            {"source", "source"},
                                            {"kernels", "kernel_path"},
                                            {"BLAS core", "blas_core"},
                                            {"data digest", "data_digest"},
                                            {"partition", "partition_digest"},
                                            {"epsilon by", "privacy_bound"}};
    CO_TRY(show_starts(file, out));
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
    if (st == CO_OK) st = print_curves(out, file, &rounds, &eval);
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
