/* report/show_privacy.c - the report of a private run: what is promised, to whom, about which
 * values, and what has to be true for it.
 *
 * Numbers are those of table privacy; an epsilon is printed rounded up. Words are those of the
 * attribute privacy_statement, which the run wrote as it happened: a list of maps of texts, one for
 * each guarantee, printed in their order. Files of earlier versions have the numbers alone. */
#include "core/memory.h"
#include "io/json_in.h"
#include "report/columns.h"
#include "report/show.h"
#include <string.h>

/* A text of several lines has its label before each. */
static void print_lines(FILE *out, const char *label, const char *text)
{
    for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n')
        co_print_field(out, label, "%.*s", (int)strcspn(line, "\n"), line);
}

/* Where the statements go: lines of text, or JSON when out is NULL. */
typedef struct {
    FILE *out;
    co_json *json;
} sink;

static co_status take_entry(const sink *to, co_json_in *in)
{
    char *label = NULL, *text = NULL;
    co_status st = co_json_in_key(in, &label);
    if (st == CO_OK) st = co_json_in_text(in, &text);
    if (st == CO_OK && to->out) print_lines(to->out, label, text);
    if (st == CO_OK && !to->out) co_json_text(to->json, label, text);
    co_free(label);
    co_free(text);
    return st;
}

static co_status take_statement(const sink *to, co_json_in *in)
{
    bool begins = true, more = true;
    CO_TRY(co_json_in_take(in, '{'));
    if (!to->out) co_json_open(to->json, NULL, '{');
    while (true) {
        CO_TRY(co_json_in_more(in, '}', &begins, &more));
        if (!more) break;
        CO_TRY(take_entry(to, in));
    }
    if (!to->out) co_json_close(to->json, '}');
    return CO_OK;
}

static co_status take_statements(const sink *to, const co_file *file)
{
    char *text = NULL;
    bool begins = true, more = true;
    CO_TRY(co_file_get_text(file, "privacy_statement", &text));
    co_json_in in = {.path = co_file_path(file), .text = text, .at = text};
    co_status st = co_json_in_take(&in, '[');
    while (st == CO_OK) {
        st = co_json_in_more(&in, ']', &begins, &more);
        if (st != CO_OK || !more) break;
        st = take_statement(to, &in);
    }
    if (st == CO_OK) st = co_json_in_end(&in);
    co_free(text);
    return st;
}

co_status co_show_statements_json(const co_file *file, co_json *json)
{
    const sink to = {.json = json};
    if (!co_file_has_attr(file, "privacy_statement")) return CO_OK;
    co_json_open(json, "statements", '[');
    CO_TRY(take_statements(&to, file));
    co_json_close(json, ']');
    return CO_OK;
}

/* What the columns say of the last release. */
static void print_numbers(FILE *out, const co_table *t)
{
    const size_t row = t->n_rows - 1;
    const bool is_simulated = co_column_count(t, row, "simulated") != 0;
    co_print_field(out, "statement", "none in this file, which an earlier version wrote");
    co_print_field(out, "sampling", "rate %g%s", co_column_cell(t, row, "sampling_rate"),
                   is_simulated ? " (simulated)" : "");
    co_print_field(out, "mechanism", "clip %g, noise of standard deviation %g on the sum",
                   co_column_cell(t, row, "clip"), co_column_cell(t, row, "noise_std"));
}

static double epsilon_of(const co_table *t, const char *column)
{
    return co_round_digits(co_column_cell(t, t->n_rows - 1, column), 5, true);
}

/* What the devices' examples have paid. */
static void print_examples(FILE *out, const co_table *t)
{
    const size_t row = t->n_rows - 1;
    co_print_field(out, "privacy",
                   "of examples: epsilon <= %.5g (10 %% of devices up to %.5g, half up to %.5g, 90 "
                   "%% up to %.5g) at delta %g after %.0f rounds; %.0f device%s without budget",
                   epsilon_of(t, "epsilon_max"), epsilon_of(t, "epsilon_p10"),
                   epsilon_of(t, "epsilon_p50"), epsilon_of(t, "epsilon_p90"),
                   co_column_cell(t, row, "delta"), co_column_cell(t, row, "round"),
                   co_column_cell(t, row, "n_exhausted"),
                   co_column_cell(t, row, "n_exhausted") == 1.0 ? "" : "s");
}

co_status co_show_privacy(const co_file *file, FILE *out, const co_table *t,
                          const co_table *examples)
{
    const bool has_statements = co_file_has_attr(file, "privacy_statement");
    if (t->n_rows == 0 && examples->n_rows == 0 && !has_statements) return CO_OK;
    const sink to = {.out = out};
    fputc('\n', out);
    if (t->n_rows > 0)
        co_print_field(out, "privacy", "epsilon <= %.5g at delta %g after %.0f rounds",
                       epsilon_of(t, "epsilon"), co_column_cell(t, t->n_rows - 1, "delta"),
                       co_column_cell(t, t->n_rows - 1, "round"));
    if (examples->n_rows > 0) print_examples(out, examples);
    if (has_statements) return take_statements(&to, file);
    if (t->n_rows > 0) print_numbers(out, t);
    return CO_OK;
}
