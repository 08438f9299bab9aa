/* report/show_comparison.c - a comparison: its table as `cohort compare` printed it. */
#include "core/memory.h"
#include "report/show.h"
#include "report/summary.h"
#include <inttypes.h>

static co_status text(const co_file *file, FILE *out)
{
    co_summary_row *row = NULL;
    char **label = NULL, *metric = NULL, *baseline = NULL;
    int64_t n_runs = 0;
    size_t n = 0;
    co_status st = co_file_get_text(file, "metric", &metric);
    if (st == CO_OK) st = co_file_get_text(file, "baseline", &baseline);
    if (st == CO_OK) st = co_summary_read(file, &row, &label, &n);
    if (st == CO_OK) {
        for (size_t i = 0; i < n; i++) n_runs += row[i].n_seeds;
        co_print_field(out, "runs", "%" PRId64 ", their paths in the column runs/path", n_runs);
        co_print_field(out, "baseline", "%s", baseline);
        fputc('\n', out);
        co_summary_print(out, metric, baseline, row, n);
        fputc('\n', out);
    }
    co_free(row);
    co_strings_free(label, n);
    co_free(metric);
    co_free(baseline);
    return st;
}

/* stats: a list, an entry a label. */
static co_status json_stats(const co_file *file, co_json *json)
{
    co_summary_row *row = NULL;
    char **label = NULL;
    size_t n = 0;
    CO_TRY(co_summary_read(file, &row, &label, &n));
    co_json_open(json, "stats", '[');
    for (size_t i = 0; i < n; i++) {
        co_json_open(json, NULL, '{');
        co_json_text(json, "label", row[i].label);
        co_json_int(json, "n_seeds", row[i].n_seeds);
        co_json_real(json, "mean", row[i].mean);
        co_json_real(json, "low", row[i].low);
        co_json_real(json, "high", row[i].high);
        co_json_real(json, "loss", row[i].loss);
        co_json_int(json, "n_reached", row[i].n_reached);
        co_json_real(json, "target_round", row[i].target_round);
        co_json_real(json, "target_bytes", row[i].target_bytes);
        co_json_int(json, "n_pairs", row[i].n_pairs);
        co_json_real(json, "difference", row[i].difference);
        co_json_real(json, "p_value", row[i].p_value);
        co_json_close(json, '}');
    }
    co_json_close(json, ']');
    co_free(row);
    co_strings_free(label, n);
    return CO_OK;
}

const co_view co_view_comparison = {
    .format = "cohort-comparison", .text = text, .json = json_stats};
