/* report/show_checkpoint.c - a checkpoint: round, tensors with shapes and norms, server slots,
 * devices that keep state. Norms are those of core/vector.h. Cost: one read of the tensors, one
 * tensor in memory at a time. */
#include "core/memory.h"
#include "core/vector.h"
#include "io/yaml.h"
#include "report/show.h"
#include <inttypes.h>
#include <string.h>

static co_status print_vector(const co_file *file, FILE *out, const char *path, const char *role)
{
    co_extent extent;
    void *values = NULL;
    size_t n, used;
    char shape[96] = "";
    CO_TRY(co_file_extent(file, path, &extent));
    if (extent.type != CO_F32 && extent.type != CO_F64) return CO_OK;
    CO_TRY(co_file_read_new(file, path, CO_F32, &values, &n));
    used = 0;
    for (size_t i = 0; i < extent.ndim && used < sizeof shape; i++)
        used += (size_t)snprintf(shape + used, sizeof shape - used, "%s%zu", i ? ", " : "",
                                 extent.dim[i]);
    fprintf(out, "  %-32s %-20s %12zu %14.6g  %s\n", path + 1, shape, n, co_vector_norm(values, n),
            role);
    co_free(values);
    return CO_OK;
}

/* The list of tensors in vector order, from the attribute; *root to be destroyed. */
static co_status read_tensors(const co_file *file, co_node **root)
{
    char *list = NULL;
    CO_TRY(co_file_get_text(file, "tensors", &list));
    char *yaml = co_format("{\"tensors\": %s}", list); /* JSON is YAML */
    co_free(list);
    if (!yaml) return CO_FAIL(CO_ENOMEM, "out of memory for the list of tensors");
    const co_status st = co_yaml_read_text(yaml, "attribute tensors", root);
    co_free(yaml);
    return st == CO_OK ? CO_OK
                       : co_fail_in(st == CO_ENOMEM ? st : CO_EDATA, "%s", co_file_path(file));
}

static co_status print_tensors(const co_file *file, FILE *out)
{
    co_node *root = NULL;
    CO_TRY(read_tensors(file, &root));
    co_status st = CO_OK;
    fprintf(out, "\n  %-32s %-20s %12s %14s  %s\n", "tensor", "shape", "values", "norm", "role");
    const co_node *list = co_node_find(root, "tensors");
    for (const co_node *t = list->first; t && st == CO_OK; t = t->next) {
        const co_node *name = co_node_find(t, "name"), *role = co_node_find(t, "role");
        char *path = name && name->text ? co_format("/model/%s", name->text) : NULL;
        const bool left_out = path && !co_file_has(file, path) && co_file_has_attr(file, "base");
        if (left_out) fprintf(out, "  %-32s %-20s\n", name->text, "not in this file");
        st = left_out ? CO_OK
             : path   ? print_vector(file, out, path, role && role->text ? role->text : "")
             : name && name->text
                 ? CO_FAIL(CO_ENOMEM, "%s: path of %s", co_file_path(file), name->text)
                 : CO_FAIL(CO_EDATA, "%s: attribute tensors: an entry without name",
                           co_file_path(file));
        co_free(path);
    }
    co_node_destroy(root);
    return st;
}

/* Everything that is no tensor of the model: the slots of the server, the selector, privacy,
 * devices. */
static co_status print_slots(const co_file *file, FILE *out)
{
    char **paths = NULL;
    size_t n = 0;
    co_status st = co_file_list(file, &paths, &n);
    for (size_t i = 0; i < n && st == CO_OK; i++)
        if (strncmp(paths[i], "/model/", 7) != 0) st = print_vector(file, out, paths[i], "");
    co_strings_free(paths, n);
    return st;
}

static co_status print_devices(const co_file *file, FILE *out)
{
    co_extent extent;
    if (!co_file_has(file, "devices/id")) return CO_OK;
    CO_TRY(co_file_extent(file, "devices/id", &extent));
    co_print_field(out, "device states", "%zu", co_extent_count(&extent));
    return CO_OK;
}

static co_status text(const co_file *file, FILE *out)
{
    static const char *const fields[][2] = {
        {"source", "source"},           {"kernels", "kernel_path"},
        {"BLAS core", "blas_core"},     {"config digest", "config_digest"},
        {"data digest", "data_digest"}, {"partition", "partition_digest"},
        {"frozen from", "base"},        {"their digest", "base_digest"}};
    int64_t round;
    uint64_t digest;
    CO_TRY(co_file_get_int(file, "round", &round));
    CO_TRY(co_file_get_u64(file, "model_digest", &digest));
    co_print_field(out, "round", "%" PRId64, round);
    co_print_field(out, "model digest", "%" PRIu64, digest);
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        CO_TRY(co_show_attribute(file, out, fields[i][0], fields[i][1]));
    CO_TRY(print_tensors(file, out));
    CO_TRY(print_slots(file, out));
    fputc('\n', out);
    return print_devices(file, out);
}

static co_status json_stats(const co_file *file, co_json *json)
{
    char **paths = NULL;
    size_t n = 0, n_tensors = 0, n_values = 0;
    co_status st = co_file_list(file, &paths, &n);
    for (size_t i = 0; i < n && st == CO_OK; i++) {
        co_extent extent;
        if (strncmp(paths[i], "/model/", 7) != 0) continue;
        st = co_file_extent(file, paths[i], &extent);
        n_tensors++;
        if (st == CO_OK) n_values += co_extent_count(&extent);
    }
    co_strings_free(paths, n);
    if (st != CO_OK) return st;
    co_json_open(json, "stats", '{');
    co_json_int(json, "n_tensors", (int64_t)n_tensors);
    co_json_int(json, "n_values", (int64_t)n_values);
    co_json_close(json, '}');
    return CO_OK;
}

const co_view co_view_checkpoint = {
    .format = "cohort-checkpoint", .text = text, .json = json_stats};
