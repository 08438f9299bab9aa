/* report/show_predictions.c - predictions: of which model and data, what rows, and over their
 * values smallest, mean and largest. Cost: one read, in blocks. */
#include "core/memory.h"
#include "report/show.h"
#include <inttypes.h>
#include <math.h>

typedef struct {
    const char *name; /* logits, hidden, loss, tags, score */
    size_t n, rows, width;
    int64_t n_scored; /* values that are numbers */
    double least, mean, most;
} summary;

static co_status add_values(const co_file *file, summary *s)
{
    size_t block;
    double sum = 0.0;
    CO_TRY(co_file_block_rows(file, s->name, s->width * sizeof(float), &block));
    float *values = co_malloc(block * s->width, sizeof *values);
    co_status st = values ? CO_OK : CO_FAIL(CO_ENOMEM, "out of memory for rows of %s", s->name);
    s->least = INFINITY;
    s->most = -INFINITY;
    for (size_t at = 0; at < s->rows && st == CO_OK; at += block) {
        const size_t n = s->rows - at < block ? s->rows - at : block;
        st = co_file_read_rows(file, s->name, CO_F32, at, n, values);
        for (size_t i = 0; i < n * s->width && st == CO_OK; i++) {
            if (isnan(values[i])) continue;
            s->n_scored++;
            sum += (double)values[i];
            s->least = fmin(s->least, (double)values[i]);
            s->most = fmax(s->most, (double)values[i]);
        }
    }
    if (s->n_scored == 0) s->least = s->most = NAN;
    s->mean = s->n_scored ? sum / (double)s->n_scored : NAN;
    co_free(values);
    return st;
}

static co_status summarise(const co_file *file, summary *s)
{
    static const char *const names[] = {"logits", "hidden", "loss", "tags", "score"};
    co_extent extent;
    *s = (summary){0};
    for (size_t k = 0; k < 5 && !s->name; k++)
        if (co_file_has(file, names[k])) s->name = names[k];
    if (!s->name)
        return CO_FAIL(CO_EDATA, "%s: holds neither logits, hidden, loss, tags nor answers",
                       co_file_path(file));
    CO_TRY(co_file_extent(file, "id", &extent));
    s->n = co_extent_count(&extent);
    CO_TRY(co_file_extent(file, s->name, &extent));
    s->rows = extent.ndim ? extent.dim[0] : 0;
    s->width = extent.ndim == 2 ? extent.dim[1] : 1;
    return add_values(file, s);
}

/* Texts that were written: how many, how long, and the first ones. */
static co_status show_texts(const co_file *file, FILE *out)
{
    enum { SHOWN = 3, MOST = 400 };
    char bytes[MOST];
    int64_t bounds[2], id;
    co_extent extent;
    size_t n;
    CO_TRY(co_file_extent(file, "id", &extent));
    n = co_extent_count(&extent);
    CO_TRY(co_file_extent(file, "text", &extent));
    co_print_field(out, "predictions", "text of %zu examples, %zu bytes", n,
                   co_extent_count(&extent));
    for (size_t i = 0; i < n && i < SHOWN; i++) {
        CO_TRY(co_file_read_rows(file, "text_offsets", CO_I64, i, 2, bounds));
        CO_TRY(co_file_read_rows(file, "id", CO_I64, i, 1, &id));
        const size_t length = bounds[1] > bounds[0] ? (size_t)(bounds[1] - bounds[0]) : 0,
                     shown = length < MOST ? length : MOST;
        if (shown > 0)
            CO_TRY(co_file_read_rows(file, "text", CO_U8, (size_t)bounds[0], shown, bytes));
        co_print_field(out, "", "%" PRId64 ": %.*s%s", id, (int)shown, bytes,
                       shown < length ? " .." : "");
    }
    return CO_OK;
}

static co_status text(const co_file *file, FILE *out)
{
    static const char *const fields[][2] = {{"task", "task"},
                                            {"split", "split"},
                                            {"tap", "tap"},
                                            {"model", "source"},
                                            {"kernels", "kernel_path"},
                                            {"BLAS core", "blas_core"},
                                            {"data digest", "data_digest"}};
    summary s;
    int64_t round;
    uint64_t digest;
    if (co_file_has(file, "text")) {
        CO_TRY(show_texts(file, out));
    } else {
        CO_TRY(summarise(file, &s));
        co_print_field(out, "predictions", "%s of %zu examples, %zu %s of %zu", s.name, s.n, s.rows,
                       co_file_has(file, "offsets") ? "tokens" : "rows", s.width);
        co_print_field(out, "values", "%.6g to %.6g, mean %.6g", s.least, s.most, s.mean);
    }
    for (size_t k = 0; k < sizeof fields / sizeof *fields; k++)
        CO_TRY(co_show_attribute(file, out, fields[k][0], fields[k][1]));
    if (!co_file_has_attr(file, "model_digest")) return CO_OK; /* made by hand */
    CO_TRY(co_file_get_int(file, "round", &round));
    CO_TRY(co_file_get_u64(file, "model_digest", &digest));
    co_print_field(out, "round", "%" PRId64, round);
    co_print_field(out, "model digest", "%" PRIu64, digest);
    return CO_OK;
}

static co_status json_stats(const co_file *file, co_json *json)
{
    summary s = {0};
    co_extent extent;
    if (co_file_has(file, "text")) {
        CO_TRY(co_file_extent(file, "id", &extent));
        s.n = s.rows = co_extent_count(&extent);
        s.least = s.mean = s.most = NAN;
    } else {
        CO_TRY(summarise(file, &s));
    }
    co_json_open(json, "stats", '{');
    co_json_int(json, "n", (int64_t)s.n);
    co_json_int(json, "rows", (int64_t)s.rows);
    co_json_int(json, "width", (int64_t)s.width);
    co_json_real(json, "least", s.least);
    co_json_real(json, "mean", s.mean);
    co_json_real(json, "most", s.most);
    co_json_close(json, '}');
    return CO_OK;
}

const co_view co_view_predictions = {
    .format = "cohort-predictions", .text = text, .json = json_stats};
