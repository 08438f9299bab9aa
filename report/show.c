/* report/show.c - finds the view of a file by its format; a whole file as text or as JSON. */
#include "report/show.h"
#include "core/memory.h"
#include <stdlib.h>
#include <string.h>

static const co_view *const views[] = {&co_view_dataset,    &co_view_partition,
                                       &co_view_run,        &co_view_checkpoint,
                                       &co_view_comparison, &co_view_predictions};

/* Every root attribute that INTERFACE.md knows. */
static const char *const attributes[] = {
    "format",    "version",     "tool",          "seed",         "config",
    "source",    "task",        "method",        "n_devices",    "overlap",
    "state",     "segments",    "round",         "tensors",      "kernel_path",
    "blas_core", "data_digest", "config_digest", "model_digest", "partition_digest",
    "metric",    "baseline",    "target",        "output",       "tap",
    "split",     "base",        "base_digest"};

static const co_view *find_view(const char *format)
{
    for (size_t i = 0; i < sizeof views / sizeof *views; i++)
        if (strcmp(views[i]->format, format) == 0) return views[i];
    return NULL;
}

/* The type of an attribute is found by asking: text, integers, then reals. */
static co_status attribute_json(const co_file *file, const char *name, co_json *json)
{
    char *text = NULL;
    double *values = NULL;
    int64_t integer;
    uint64_t natural;
    size_t n;
    const co_status st = co_file_get_text(file, name, &text);
    if (st == CO_ENOMEM) return st;
    if (st == CO_OK) {
        co_json_text(json, name, text);
        co_free(text);
    } else if (co_file_get_int(file, name, &integer) == CO_OK) {
        co_json_int(json, name, integer);
    } else if (co_file_get_u64(file, name, &natural) == CO_OK) {
        co_json_u64(json, name, natural);
    } else {
        CO_TRY(co_file_get_reals(file, name, &values, &n));
        co_json_open(json, name, '[');
        for (size_t i = 0; i < n; i++) co_json_real(json, NULL, values[i]);
        co_json_close(json, ']');
        co_free(values);
    }
    return CO_OK;
}

static co_status show_json(const co_file *file, const co_view *view, const char *digest, FILE *out)
{
    co_json json = {.out = out};
    co_json_open(&json, NULL, '{');
    co_json_text(&json, "format", view->format);
    co_json_open(&json, "attributes", '{');
    for (size_t i = 0; i < sizeof attributes / sizeof *attributes; i++)
        if (co_file_has_attr(file, attributes[i]))
            CO_TRY(attribute_json(file, attributes[i], &json));
    co_json_close(&json, '}');
    CO_TRY(view->json(file, &json));
    co_json_text(&json, "digest", digest);
    co_json_close(&json, '}');
    fputc('\n', out);
    return CO_OK;
}

static co_status show_text(const co_file *file, const co_view *view, const char *digest, FILE *out)
{
    fprintf(out, "%s: %s\n", co_file_path(file), view->format);
    CO_TRY(view->text(file, out));
    co_print_field(out, "digest", "%s", digest);
    return CO_OK;
}

/* Prints into memory first: a file that turns out bad leaves no half answer. */
co_status co_show_file(const co_file *file, bool json, const char *digest)
{
    const co_view *view = find_view(co_file_format(file));
    char *text = NULL;
    size_t n = 0;
    CO_ASSERT(view);
    FILE *out = open_memstream(&text, &n);
    if (!out) return CO_FAIL(CO_ENOMEM, "out of memory for the text of %s", co_file_path(file));
    const co_status st = (json ? show_json : show_text)(file, view, digest, out);
    const bool complete = fclose(out) == 0;
    if (st == CO_OK && complete) fwrite(text, 1, n, stdout);
    free(text);
    return st == CO_OK && !complete
               ? CO_FAIL(CO_ENOMEM, "out of memory for the text of %s", co_file_path(file))
               : st;
}
