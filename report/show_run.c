/* report/show_run.c - a run: state, starts, totals, load over the ranks; its curves are of
 * show_curves.c.
 *
 * Columns are taken as the file has them, so that a task's own metrics show without a list of them
 * here. Cost: O(rows). */
#include "core/log.h"
#include "core/memory.h"
#include "io/files/table.h"
#include "io/json_in.h"
#include "io/yaml.h"
#include "report/columns.h"
#include "report/show.h"
#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { MAX_COLUMNS = 512, MAX_STARTS = 6 };

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
        if (strcmp(group, "eval") == 0 && extent.type == CO_F64)
            columns[n - 1].better = co_column_better(file, name);
    }
    if (st == CO_OK && n) st = co_table_init(table, group, columns, n);
    if (st == CO_OK && n) st = co_table_read(table, file);
    if (st != CO_OK) co_table_fini(table);
    co_strings_free(paths, n_paths);
    return st;
}

static int64_t total(const co_table *table, const char *name)
{
    int64_t sum = 0;
    for (size_t r = 0; r < table->n_rows; r++) sum += co_column_count(table, r, name);
    return sum;
}

/* With edge servers: what of the traffic goes between them and the cloud. */
static void print_levels(FILE *out, const co_table *rounds)
{
    char down[32], up[32];
    if (co_table_find(rounds, "bytes_cloud_down") < 0) return;
    co_format_bytes((double)total(rounds, "bytes_cloud_down"), down, sizeof down);
    co_format_bytes((double)total(rounds, "bytes_cloud_up"), up, sizeof up);
    co_print_field(out, "to the cloud", "%s down, %s up, between it and edge servers", down, up);
}

/* With secure aggregation: how many rounds have no sum, what its stages took of the traffic. */
static void print_secagg(FILE *out, const co_table *rounds)
{
    static const char *const stages[] = {"keys", "shares", "input", "confirm", "unmask"};
    char all[200] = "", bytes[32], name[64];
    int64_t failed = 0;
    if (co_table_find(rounds, "secagg_failed") < 0) return;
    for (size_t r = 0; r < rounds->n_rows; r++)
        failed += co_column_count(rounds, r, "secagg_failed") != 0;
    for (size_t k = 0; k < sizeof stages / sizeof *stages; k++) {
        snprintf(name, sizeof name, "secagg_bytes_%s", stages[k]);
        co_format_bytes((double)total(rounds, name), bytes, sizeof bytes);
        snprintf(all + strlen(all), sizeof all - strlen(all), "%s%s %s", k ? ", " : "", stages[k],
                 bytes);
    }
    co_print_field(out, "secure sums", "%zu of %zu rounds%s", rounds->n_rows - (size_t)failed,
                   rounds->n_rows,
                   failed ? "; in the others too few devices were left, or in parts" : "");
    co_print_field(out, "their traffic", "%s", all);
}

/* With transforms that write symbols: what an entropy code would make of the traffic up. */
static void print_coded(FILE *out, const co_table *rounds)
{
    char up[32];
    if (co_table_find(rounds, "bytes_up_coded") < 0) return;
    co_format_bytes((double)total(rounds, "bytes_up_coded"), up, sizeof up);
    co_print_field(out, "", "%s up behind an entropy code", up);
}

/* With integers of limited range: numbers beyond it. An earlier version did not count them: -1. */
static void print_cut(FILE *out, const co_table *rounds)
{
    int64_t cut = 0;
    if (co_table_find(rounds, "values_cut") < 0) return;
    for (size_t r = 0; r < rounds->n_rows; r++)
        if (co_column_count(rounds, r, "values_cut") > 0)
            cut += co_column_count(rounds, r, "values_cut");
    co_print_field(out, "", "%" PRId64 " numbers beyond what the ring's integers hold", cut);
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
    print_coded(out, rounds);
    print_levels(out, rounds);
    print_secagg(out, rounds);
    co_print_field(out, "updates lost",
                   "%" PRId64 " non-finite; %" PRId64 " values cut to the bound (saturated)",
                   total(rounds, "n_nonfinite"), total(rounds, "n_saturated"));
    print_cut(out, rounds);
    co_format_seconds(n ? co_column_cell(rounds, n - 1, "wall_s") : 0.0, seconds, sizeof seconds);
    co_print_field(out, "time", "%s", seconds);
}

static double summed(const co_table *table, const char *name)
{
    double sum = 0.0;
    for (size_t r = 0; r < table->n_rows; r++) {
        const double value = co_column_cell(table, r, name);
        if (!isnan(value)) sum += value;
    }
    return sum;
}

static int64_t greatest(const co_table *table, const char *name)
{
    int64_t most = 0;
    for (size_t r = 0; r < table->n_rows; r++) {
        const int64_t value = co_column_count(table, r, name);
        if (value > most) most = value;
    }
    return most;
}

/* Mean over the devices that arrived, from the means of the rounds. */
static double mean_staleness(const co_table *rounds)
{
    double sum = 0.0, n = 0.0;
    for (size_t r = 0; r < rounds->n_rows; r++) {
        const double mean = co_column_cell(rounds, r, "staleness_mean"),
                     came = (double)(co_column_count(rounds, r, "n_reported") +
                                     co_column_count(rounds, r, "n_empty") +
                                     co_column_count(rounds, r, "n_nonfinite"));
        if (isnan(mean)) continue;
        sum += mean * came;
        n += came;
    }
    return n > 0.0 ? sum / n : 0.0;
}

/* Of a timed run: virtual time, what the devices did in it, and whom the steps lost. */
static void print_time(FILE *out, const co_table *rounds)
{
    const size_t n = rounds->n_rows;
    char time[32], each[32], devices[32];
    if (n == 0 || co_table_find(rounds, "device_s") < 0) return;
    const double seconds = co_column_cell(rounds, n - 1, "sim_s"),
                 device_s = summed(rounds, "device_s"), lost_s = summed(rounds, "lost_s");
    co_format_seconds(seconds, time, sizeof time);
    co_format_seconds(seconds / (double)n, each, sizeof each);
    co_format_seconds(device_s, devices, sizeof devices);
    co_print_field(out, "virtual time", "%s, %s a round", time, each);
    co_print_field(out, "device time", "%s, of which %.1f %% counted", devices,
                   device_s > 0.0 ? 100.0 * (1.0 - lost_s / device_s) : 100.0);
    co_print_field(
        out, "devices lost", "%" PRId64 " late, %" PRId64 " unavailable, %" PRId64 " dropped",
        total(rounds, "n_late"), total(rounds, "n_unavailable"), total(rounds, "n_dropped"));
    co_print_field(out, "staleness",
                   "%.2f on average, %" PRId64 " at most; up to %" PRId64
                   " versions of the model, %" PRId64 " devices at work between rounds",
                   mean_staleness(rounds), greatest(rounds, "staleness_max"),
                   greatest(rounds, "versions"), greatest(rounds, "in_flight"));
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
        if (co_column_count(load, r, "rank") >= n_ranks)
            n_ranks = co_column_count(load, r, "rank") + 1;
    if (n_ranks == 0) return CO_OK;
    double *seconds = co_calloc((size_t)n_ranks, 2 * sizeof *seconds);
    if (!seconds)
        return CO_FAIL(CO_ENOMEM, "out of memory for the load of %" PRId64 " ranks", n_ranks);
    for (size_t r = 0; r < load->n_rows; r++) {
        const int64_t rank = co_column_count(load, r, "rank");
        if (rank < 0) continue;
        seconds[2 * rank] += co_column_cell(load, r, "train_s");
        seconds[2 * rank + 1] += co_column_cell(load, r, "wait_s");
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
        n_ranks, n_ranks == 1 ? "" : "s", train.sum / m, train.least, train.most, wait.sum / m,
        wait.least, wait.most, both > 0.0 ? 100.0 * wait.sum / both : 0.0);
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
    return st == CO_OK ? CO_OK
                       : co_fail_in(st == CO_ENOMEM ? st : CO_EDATA, "%s", co_file_path(file));
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
        if (n >= MAX_STARTS)
            memmove(&s[MAX_STARTS / 2], &s[MAX_STARTS / 2 + 1], (MAX_STARTS / 2 - 1) * sizeof *s);
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
    co_table rounds = {0}, eval = {0}, load = {0}, privacy = {0}, examples = {0};
    co_node *config = NULL;
    co_status st = read_config(file, &config);
    if (st == CO_OK) st = print_head(file, out, config);
    if (st == CO_OK) st = load_table(file, "rounds", &rounds);
    if (st == CO_OK) st = load_table(file, "eval", &eval);
    if (st == CO_OK) st = load_table(file, "load", &load);
    if (st == CO_OK) st = load_table(file, "privacy", &privacy);
    if (st == CO_OK) st = load_table(file, "privacy_examples", &examples);
    if (st == CO_OK) st = co_show_curves(file, out, &rounds, &eval);
    if (st == CO_OK) {
        print_totals(out, &rounds);
        print_time(out, &rounds);
        st = print_load(out, &load);
    }
    if (st == CO_OK) st = co_show_privacy(file, out, &privacy, &examples);
    co_node_destroy(config);
    co_table_fini(&rounds);
    co_table_fini(&eval);
    co_table_fini(&load);
    co_table_fini(&privacy);
    co_table_fini(&examples);
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
    const int64_t round = co_column_count(eval, n - 1, "round");
    for (size_t r = n; r-- > 0 && co_column_count(eval, r, "round") == round;)
        if (co_column_count(eval, r, "split") == 1 && co_column_count(eval, r, "scope") == 0)
            return r;
    return n - 1;
}

/* last: the newest row of each table; `eval` is the central row of the test split when there is
 * one, `evals` all of that round. */
static co_status json_last(const co_file *file, co_json *json)
{
    co_table rounds = {0}, eval = {0}, privacy = {0}, examples = {0};
    co_status st = load_table(file, "rounds", &rounds);
    if (st == CO_OK) st = load_table(file, "eval", &eval);
    if (st == CO_OK) st = load_table(file, "privacy", &privacy);
    if (st == CO_OK) st = load_table(file, "privacy_examples", &examples);
    if (st == CO_OK) {
        co_json_open(json, "last", '{');
        if (rounds.n_rows) row_json(json, "rounds", &rounds, rounds.n_rows - 1);
        if (privacy.n_rows) row_json(json, "privacy", &privacy, privacy.n_rows - 1);
        if (examples.n_rows) row_json(json, "privacy_examples", &examples, examples.n_rows - 1);
        st = co_show_statements_json(file, json);
        if (eval.n_rows) {
            const int64_t round = co_column_count(&eval, eval.n_rows - 1, "round");
            row_json(json, "eval", &eval, last_row(&eval));
            co_json_open(json, "evals", '[');
            for (size_t r = 0; r < eval.n_rows; r++)
                if (co_column_count(&eval, r, "round") == round) row_json(json, NULL, &eval, r);
            co_json_close(json, ']');
        }
        co_json_close(json, '}');
    }
    co_table_fini(&rounds);
    co_table_fini(&eval);
    co_table_fini(&privacy);
    co_table_fini(&examples);
    return st;
}

const co_view co_view_run = {.format = "cohort-run", .text = text, .json = json_last};
