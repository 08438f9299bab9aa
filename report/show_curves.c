/* report/show_curves.c - the evaluations of a run as tables, a split and scope each: means beside
 * the training loss, the best of them, and below how each metric is spread over the devices. At
 * most thirteen rows at even steps, and the last. Columns are taken as the file has them; what
 * holds no value is left out. Cost: O(rows x columns). */
#include "core/memory.h"
#include "report/columns.h"
#include "report/show.h"
#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { SHOWN = 13, MAX_COLUMNS = 512, ENDING = 32 };

static void print_value(FILE *out, int width, double value)
{
    const bool fixed = fabs(value) < 1e4 && (fabs(value) >= 1e-3 || value == 0.0);
    if (isnan(value))
        fprintf(out, " %*s", width, "-");
    else
        fprintf(out, fixed ? " %*.4f" : " %*.3g", width, value);
}

/* Every how many rows one is shown, so that the steps between the rows are even: 1, 2, 5, 10, 20 ..
 */
static size_t stride_of(size_t n)
{
    size_t stride = 1;
    for (int k = 0; (n + stride - 1) / stride > SHOWN; k++)
        stride = k % 3 == 1 ? stride / 2 * 5 : stride * 2;
    return stride;
}

/* The training loss of a round; NaN for round 0 and rounds that are not there. Rows are rounds 1,
 * 2, 3 .. */
static double train_loss(const co_table *rounds, int64_t round)
{
    return round < 1 || (size_t)round > rounds->n_rows
               ? (double)NAN
               : co_column_cell(rounds, (size_t)round - 1, "train_loss");
}

/* Rows of eval of one split and scope. */
typedef struct {
    const co_table *rounds, *eval;
    const size_t *row; /* [n] */
    size_t n;
    const char *endings; /* of columns over devices */
} view;

/* Where a column's name goes on behind its metric's: "_p10"; "" of a mean over all examples or
 * devices. */
static const char *ending(const view *v, const char *name)
{
    char end[ENDING];
    for (int64_t k = 0; co_column_word(v->endings, k, end, sizeof end), *end; k++) {
        const size_t n = strlen(name), m = strlen(end);
        if (n > m && strcmp(name + n - m, end) == 0) return name + n - m;
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

/* The next measurement of eval at or behind column c, NaN throughout left out; n_columns when there
 * is none. metric NULL: loss first is the caller's, then all means; else what is told of that
 * metric's spread over the devices. */
static size_t next_column(const view *v, const char *metric, size_t c)
{
    for (; c < v->eval->n_columns; c++) {
        const co_column *column = &v->eval->columns[c];
        const char *end = ending(v, column->name);
        if (column->type != CO_F64 || strcmp(column->name, "loss") == 0 || !holds(v, c)) continue;
        const size_t n = (size_t)(end - column->name);
        if (metric ? *end && strlen(metric) == n && strncmp(metric, column->name, n) == 0 : !*end)
            break;
    }
    return c;
}

/* Columns in the order that they are read: of means the loss first, of a spread as the file says.
 * Returns how many. */
static size_t choose_columns(const view *v, const char *metric, size_t column[MAX_COLUMNS])
{
    size_t n = 0;
    const int loss = co_table_find(v->eval, "loss");
    if (!metric && loss >= 0 && holds(v, (size_t)loss)) column[n++] = (size_t)loss;
    for (size_t c = 0; !metric && (c = next_column(v, NULL, c)) < v->eval->n_columns; c++)
        column[n++] = c;
    char end[ENDING];
    for (int64_t k = 0; metric && (co_column_word(v->endings, k, end, sizeof end), *end); k++)
        for (size_t c = 0; (c = next_column(v, metric, c)) < v->eval->n_columns; c++)
            if (strcmp(ending(v, v->eval->columns[c].name), end) == 0) column[n++] = c;
    return n;
}

static bool holds_training(const view *v)
{
    bool any = false;
    for (size_t i = 0; i < v->n; i++)
        any |= !isnan(train_loss(v->rounds, co_column_count(v->eval, v->row[i], "round")));
    return any;
}

/* Rows of the view. metric NULL: means beside the rounds' training loss; else that metric's spread,
 * under the endings of the names. */
static void print_rows(FILE *out, const view *v, const char *metric, const size_t *column,
                       size_t n_columns)
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
        fprintf(out, " %*s", width[c], metric ? ending(v, name) + 1 : name);
    }
    fputc('\n', out);
    for (size_t i = 0; i < v->n; i++) {
        if (i % stride != 0 && i + 1 < v->n) continue;
        const int64_t round = co_column_count(v->eval, v->row[i], "round");
        fprintf(out, "  %8" PRId64, round);
        if (with_training) print_value(out, least, train_loss(v->rounds, round));
        for (size_t c = 0; c < n_columns; c++)
            print_value(out, width[c], co_table_get_f64(v->eval, v->row[i], column[c]));
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
            if (isnan(value) ||
                (!isnan(best) &&
                 (what->better == CO_BETTER_HIGHER ? value <= best : value >= best)))
                continue;
            best = value;
            at = v->row[i];
        }
        if (isnan(best)) continue;
        fprintf(out, "%s%s %.5g in round %" PRId64, any ? ", " : "  best: ", what->name, best,
                co_column_count(v->eval, at, "round"));
        any = true;
    }
    if (any) fputc('\n', out);
}

/* A split and scope of eval: the means, and below them the spread of each metric over the devices.
 */
static void print_view(FILE *out, const view *v, const char *split, const char *scope)
{
    size_t column[MAX_COLUMNS], spread[MAX_COLUMNS];
    const size_t n = choose_columns(v, NULL, column), stride = stride_of(v->n);
    fprintf(out, "\n  %s split, %s", split, scope);
    if (stride > 1)
        fprintf(out, "; every %zu%s of %zu evaluations", stride, stride == 2 ? "nd" : "th", v->n);
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

/* Without an evaluation: the training loss alone. */
static void print_training(FILE *out, const co_table *rounds)
{
    const size_t n = rounds->n_rows, stride = stride_of(n);
    if (n) fprintf(out, "\n  %8s %14s\n", "round", "train_loss");
    for (size_t r = 0; r < n; r++) {
        if (r % stride != 0 && r + 1 < n) continue;
        fprintf(out, "  %8" PRId64, co_column_count(rounds, r, "round"));
        print_value(out, 14, co_column_cell(rounds, r, "train_loss"));
        fputc('\n', out);
    }
}

/* The largest value of a column of eval that holds bytes. */
static int64_t largest(const co_table *eval, const char *column)
{
    int64_t most = 0;
    for (size_t r = 0; r < eval->n_rows; r++) {
        const int64_t value = co_column_count(eval, r, column);
        if (value > most && value <= UINT8_MAX) most = value;
    }
    return most;
}

/* Name of a value of split or scope. */
static void name_value(const char *words, int64_t value, char *text, size_t size)
{
    co_column_word(words, value, text, size);
    if (!*text) snprintf(text, size, "unknown");
}

co_status co_show_curves(const co_file *file, FILE *out, const co_table *rounds,
                         const co_table *eval)
{
    char splits[256], scopes[256], endings[256];
    CO_TRY(co_column_words(file, "split", splits, sizeof splits));
    CO_TRY(co_column_words(file, "scope", scopes, sizeof scopes));
    CO_TRY(co_column_endings(file, endings, sizeof endings));
    size_t *row = co_malloc(eval->n_rows, sizeof *row);
    if (!row) return CO_FAIL(CO_ENOMEM, "out of memory for %zu rows of eval", eval->n_rows);
    if (eval->n_rows == 0) print_training(out, rounds);
    const int64_t last_scope = largest(eval, "scope"), last_split = largest(eval, "split");
    for (int64_t scope = 0; scope <= last_scope && eval->n_rows; scope++)
        for (int64_t split = 0; split <= last_split; split++) {
            char names[2][64];
            view v = {rounds, eval, row, 0, endings};
            for (size_t r = 0; r < eval->n_rows; r++)
                if (co_column_count(eval, r, "split") == split &&
                    co_column_count(eval, r, "scope") == scope)
                    row[v.n++] = r;
            name_value(splits, split, names[0], sizeof names[0]);
            name_value(scopes, scope, names[1], sizeof names[1]);
            if (v.n) print_view(out, &v, names[0], names[1]);
        }
    co_free(row);
    fputc('\n', out);
    return CO_OK;
}
