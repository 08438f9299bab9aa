/* sim/first_model.c - where the values of a run's first model come from: drawn, a folder of
 * transformers (model.from), or a checkpoint, a file made by hand or weights of safetensors
 * (model.init), and beside a folder what that holds of the rest. Tensors that a checkpoint left out
 * come from where it says. */
#include "sim/first_model.h"
#include "core/log.h"
#include "core/memory.h"
#include "core/text.h"
#include "io/json_tree.h"
#include "io/weights/folder.h"
#include "io/yaml.h"
#include "models/presets/folder.h"
#include "sim/observers/left_out.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The first names of a list, and how many more there are. */
static void add_names(co_text *text, const char *const *names, size_t n)
{
    enum { SHOWN = 8 };
    for (size_t k = 0; k < n && k < SHOWN; k++) {
        if (k) co_text_add(text, ", ");
        co_text_add(text, names[k] + (*names[k] == '/'));
    }
    char more[48];
    snprintf(more, sizeof more, " and %zu more", n - SHOWN);
    if (n > SHOWN) co_text_add(text, more);
    if (n == 0) co_text_add(text, "nothing");
}

/* What the model wants, and what the file has instead. */
static co_status other_names(const co_file *file, const co_model *model, const char *missing)
{
    size_t n_tensors, n_found;
    char **found;
    co_text text = {0};
    const co_tensor *tensor = co_model_tensors(model, &n_tensors);
    CO_TRY(co_file_list(file, &found, &n_found));
    const char **wanted = co_malloc(n_tensors, sizeof *wanted);
    for (size_t k = 0; wanted && k < n_tensors; k++) wanted[k] = tensor[k].name;
    co_text_add(&text, "the model wants model/ with ");
    if (wanted) add_names(&text, wanted, n_tensors);
    co_text_add(&text, "; the file holds ");
    add_names(&text, (const char *const *)found, n_found);
    const co_status st = CO_FAIL(
        CO_EDATA, "%s: has no %s: it belongs to another model, or names its weights otherwise: %s",
        co_file_path(file), missing, text.failed ? "" : text.data);
    co_text_fini(&text);
    co_free(wanted);
    co_strings_free(found, n_found);
    return st;
}

static co_status read_tensor(const co_file *file, const co_tensor *tensor, float *params)
{
    char name[CO_NAME + 16];
    co_extent extent;
    snprintf(name, sizeof name, "model/%s", tensor->name);
    CO_TRY(co_file_extent(file, name, &extent));
    bool same = extent.ndim == tensor->ndim;
    for (size_t k = 0; same && k < extent.ndim; k++) same = extent.dim[k] == tensor->dim[k];
    if (!same)
        return CO_FAIL(CO_EDATA, "%s: %s has another shape (%zu values, the model wants %zu)",
                       co_file_path(file), name, co_extent_count(&extent), tensor->size);
    CO_TRY(co_file_read(file, name, CO_F32, 0, params + tensor->offset));
    for (size_t i = 0; i < tensor->size; i++)
        if (!__builtin_isfinite(params[tensor->offset + i]))
            return CO_FAIL(CO_EDATA, "%s: %s[%zu] is not finite", co_file_path(file), name, i);
    return CO_OK;
}

/* The tensors that are there; the others may only be some that were left out: left_out[n_tensors].
 */
static co_status read_present(const co_file *file, const co_model *model, float *params,
                              bool *left_out)
{
    size_t n_tensors;
    const co_tensor *tensor = co_model_tensors(model, &n_tensors);
    const bool refers = co_file_has_attr(file, "base_digest");
    for (size_t k = 0; k < n_tensors; k++) {
        char name[CO_NAME + 16];
        snprintf(name, sizeof name, "model/%s", tensor[k].name);
        left_out[k] = !co_file_has(file, name);
        if (left_out[k] && !refers) return other_names(file, model, name);
        if (!left_out[k]) CO_TRY(read_tensor(file, &tensor[k], params));
    }
    return CO_OK;
}

co_status co_checkpoint_read_tensors(const co_file *file, const co_model *model, float *params)
{
    size_t n_tensors;
    (void)co_model_tensors(model, &n_tensors);
    bool *left_out = co_malloc(n_tensors, sizeof *left_out);
    co_status st = left_out ? CO_OK : CO_FAIL(CO_ENOMEM, "model");
    if (st == CO_OK) st = read_present(file, model, params, left_out);
    if (st == CO_OK) st = co_left_out_check(file, model, params, left_out);
    co_free(left_out);
    return st;
}

static const char peft[] = "base_model.model.";

/* A tensor of a folder of weights by its name, or the name that PEFT gives it. NULL: none. */
static const co_stored *find_stored(const co_weights *weights, const co_tensor *tensor)
{
    char name[CO_NAME + 32];
    snprintf(name, sizeof name, "%s%s", peft, tensor->name);
    const co_stored *stored = co_weights_find(weights, tensor->name);
    return stored ? stored : co_weights_find(weights, name);
}

static co_status read_stored(const co_weights *weights, const co_tensor *tensor, float *params)
{
    char shape[192];
    const co_stored *stored = find_stored(weights, tensor);
    if (!stored)
        return CO_FAIL(CO_EDATA, "%s: has no tensor %s: it belongs to another model", weights->path,
                       tensor->name);
    bool same = stored->n_dims == tensor->ndim;
    for (size_t k = 0; same && k < tensor->ndim; k++) same = stored->dim[k] == tensor->dim[k];
    if (!same || !co_stored_is_read(stored))
        return CO_FAIL(CO_EDATA, "%s: %s is %s of %s: not the model's shape, or no type of floats",
                       co_weights_file(weights, stored), stored->name,
                       co_stored_shape(stored, shape), stored->dtype);
    CO_TRY(co_weights_read(weights, stored, params + tensor->offset));
    for (size_t i = 0; i < tensor->size; i++)
        if (!__builtin_isfinite(params[tensor->offset + i]))
            return CO_FAIL(CO_EDATA, "%s: %s[%zu] is not finite", co_weights_file(weights, stored),
                           stored->name, i);
    return CO_OK;
}

static co_status read_weights(const char *path, const co_model *model, float *params)
{
    size_t n_tensors;
    co_weights weights;
    const co_tensor *tensor = co_model_tensors(model, &n_tensors);
    co_status st = co_weights_open(path, &weights);
    for (size_t k = 0; k < n_tensors && st == CO_OK; k++)
        st = read_stored(&weights, &tensor[k], params);
    co_weights_close(&weights);
    return st;
}

/* A folder, or a file named so. */
static bool holds_weights(const char *path)
{
    struct stat is;
    const size_t n = strlen(path);
    if (stat(path, &is) == 0 && S_ISDIR(is.st_mode)) return true;
    return n > 12 && strcmp(path + n - 12, ".safetensors") == 0;
}

/* The weights of a folder; the checkpoint's experiment says of which architecture they are. */
static co_status read_folder(const co_file *file, const char *folder, const co_model *model,
                             float *params)
{
    char *config = NULL;
    co_node *root = NULL;
    co_text said = {0};
    CO_TRY(co_file_get_text(file, "config", &config));
    co_status st = co_yaml_read_text(config, co_file_path(file), &root);
    const co_node *section = st == CO_OK ? co_node_find(root, "model") : NULL;
    const co_node *name = section ? co_node_find(section, "name") : NULL;
    const co_model_preset *preset = name ? co_preset_find(name->text) : NULL;
    if (st == CO_OK && (!preset || !preset->architecture))
        st = CO_FAIL(CO_EDATA, "%s: does not say of which architecture the weights in %s are",
                     co_file_path(file), folder);
    if (st == CO_OK) st = co_folder_read(folder, preset->architecture, model, params, &said);
    co_text_fini(&said);
    co_node_destroy(root);
    co_free(config);
    return st;
}

static co_status read_model(const char *path, const co_model *model, float *params, int depth);

/* The values that the tensors had which a checkpoint leaves out, where it says that they were read
 * from a file or drawn. */
static co_status read_base(const co_file *file, const co_model *model, float *params, int depth)
{
    static const char seed[] = "seed ", init[] = "model.init ", from[] = "model.from ";
    char *base = NULL;
    co_status st = CO_OK;
    if (!co_file_has_attr(file, "base")) return CO_OK;
    CO_TRY(co_file_get_text(file, "base", &base));
    if (strncmp(base, seed, sizeof seed - 1) == 0)
        co_model_init(model, strtoull(base + sizeof seed - 1, NULL, 10), params);
    if (strncmp(base, from, sizeof from - 1) == 0)
        st = read_folder(file, base + sizeof from - 1, model, params);
    if (strncmp(base, init, sizeof init - 1) == 0)
        st = depth > 0 ? read_model(base + sizeof init - 1, model, params, depth - 1)
                       : CO_FAIL(CO_EDATA,
                                 "%s: its frozen tensors were left out, and so they were in file "
                                 "after file that it refers to",
                                 co_file_path(file));
    co_free(base);
    return st;
}

static co_status read_model(const char *path, const co_model *model, float *params, int depth)
{
    co_file *file = NULL;
    if (holds_weights(path)) return read_weights(path, model, params);
    CO_TRY(co_file_open(path, "cohort-checkpoint", true, &file));
    co_status st = read_base(file, model, params, depth);
    if (st == CO_OK) st = co_checkpoint_read_tensors(file, model, params);
    co_file_close(file);
    return st;
}

co_status co_checkpoint_read_model(const char *path, const co_model *model, float *params)
{
    enum { MOST_BASES = 64 };
    return read_model(path, model, params, MOST_BASES);
}

static const co_tensor *find_tensor(const co_model *model, const char *name)
{
    size_t n_tensors;
    const co_tensor *tensor = co_model_tensors(model, &n_tensors);
    for (size_t k = 0; k < n_tensors; k++)
        if (strcmp(tensor[k].name, name) == 0) return &tensor[k];
    return NULL;
}

/* Changes of low rank that the model has no layer for: without them it would not be that model. */
static co_status check_lora(const char *path, const char *name, const co_model *model)
{
    if (!strstr(name, ".lora_") || find_tensor(model, name)) return CO_OK;
    return CO_FAIL(
        CO_EDATA,
        "%s: the model has no place for %s; model.lora.targets must name the layers that "
        "it was made for",
        path, name);
}

static co_status read_weights_part(const char *path, const co_model *model, const bool *wanted,
                                   float *params, size_t *n_read)
{
    size_t n_tensors;
    co_weights weights;
    const co_tensor *tensor = co_model_tensors(model, &n_tensors);
    co_status st = co_weights_open(path, &weights);
    for (size_t k = 0; k < weights.n && st == CO_OK; k++) {
        const char *name = weights.tensor[k].name;
        const size_t n = sizeof peft - 1;
        st = check_lora(path, strncmp(name, peft, n) == 0 ? name + n : name, model);
    }
    for (size_t k = 0; k < n_tensors && st == CO_OK; k++) {
        if (!wanted[k] || !find_stored(&weights, &tensor[k])) continue;
        st = read_stored(&weights, &tensor[k], params);
        ++*n_read;
    }
    co_weights_close(&weights);
    return st;
}

static co_status read_file_part(const char *path, const co_model *model, const bool *wanted,
                                float *params, size_t *n_read)
{
    size_t n_tensors, n_found = 0;
    char **found = NULL;
    co_file *file = NULL;
    const co_tensor *tensor = co_model_tensors(model, &n_tensors);
    CO_TRY(co_file_open(path, "cohort-checkpoint", true, &file));
    co_status st = co_file_list(file, &found, &n_found);
    for (size_t k = 0; k < n_found && st == CO_OK; k++) {
        const char *name = found[k] + (*found[k] == '/');
        if (strncmp(name, "model/", 6) == 0) st = check_lora(path, name + 6, model);
    }
    for (size_t k = 0; k < n_tensors && st == CO_OK; k++) {
        char name[CO_NAME + 16];
        snprintf(name, sizeof name, "model/%s", tensor[k].name);
        if (!wanted[k] || !co_file_has(file, name)) continue;
        st = read_tensor(file, &tensor[k], params);
        ++*n_read;
    }
    co_strings_free(found, n_found);
    co_file_close(file);
    return st;
}

/* Of the tensors that are wanted those that the file or folder holds; the others keep their values.
 */
static co_status read_part_of(const char *path, const co_model *model, const bool *wanted,
                              float *params, size_t *n_read)
{
    *n_read = 0;
    return holds_weights(path) ? read_weights_part(path, model, wanted, params, n_read)
                               : read_file_part(path, model, wanted, params, n_read);
}

/* *alpha: what PEFT's adapter in a folder was made with (adapter_config.json); NaN: there is none.
 */
static co_status read_alpha(const char *path, double *alpha)
{
    co_node *root = NULL;
    char *file = co_format("%s/adapter_config.json", path);
    *alpha = NAN;
    if (!file) return CO_FAIL(CO_ENOMEM, "model");
    co_status st = access(file, F_OK) == 0 ? co_json_tree(file, &root) : CO_OK;
    const co_node *value = root ? co_node_find(root, "lora_alpha") : NULL;
    if (value && !co_node_real(value, alpha))
        st = CO_FAIL(CO_EDATA, "%s: lora_alpha is no number", file);
    co_node_destroy(root);
    co_free(file);
    return st;
}

/* model.from: the folder's weights, and a line about what was left out. */
static co_status read_from(const co_config *opt, const co_model *model, float *params)
{
    const co_model_preset *preset = co_preset_find(co_config_string(opt, "name"));
    co_text said = {0};
    const co_status st =
        co_folder_read(co_config_string(opt, "from"), preset->architecture, model, params, &said);
    if (st == CO_OK && said.n > 0) co_log("%s", said.data);
    co_text_fini(&said);
    return st;
}

/* An adapter is another function under another alpha. */
static co_status check_alpha(const co_config *opt)
{
    double made, asked;
    const char *init = co_config_string(opt, "init");
    const co_node *lora = co_config_node(opt, "lora"),
                  *alpha = lora ? co_node_find(lora, "alpha") : NULL;
    CO_TRY(read_alpha(init, &made));
    if (lora && !alpha) alpha = co_node_find(lora, "rank");
    if (!alpha || !co_node_real(alpha, &asked) || isnan(made) || made == asked) return CO_OK;
    return co_config_fail(opt, lora,
                          "the adapter in %s was made with alpha %g, model.lora has %g; give "
                          "alpha: %g",
                          init, made, asked, made);
}

/* model.init beside model.from: what it holds of lora, of the head and of what is trained. */
static co_status read_part(const co_config *opt, const co_model *model, float *params)
{
    const char *init = co_config_string(opt, "init");
    const co_architecture *architecture =
        co_preset_find(co_config_string(opt, "name"))->architecture;
    size_t n_tensors, n_read, n_wanted = 0;
    const co_tensor *tensor = co_model_tensors(model, &n_tensors);
    bool *wanted = co_malloc(n_tensors, sizeof *wanted);
    if (!wanted) return CO_FAIL(CO_ENOMEM, "model");
    for (size_t k = 0; k < n_tensors; k++) {
        wanted[k] =
            tensor[k].role != CO_FROZEN || co_folder_may_lack(architecture, model, tensor[k].name);
        n_wanted += wanted[k];
    }
    co_status st = read_part_of(init, model, wanted, params, &n_read);
    if (st == CO_OK && n_read == 0)
        st = co_config_fail(opt, co_config_node(opt, "init"),
                            "%s holds none of the %zu tensors that it may fill beside model.from: "
                            "those of lora, of the head and of what is trained",
                            init, n_wanted);
    if (st == CO_OK)
        co_log("weights: %zu of %zu tensors that are no part of the base come from %s", n_read,
               n_wanted, init);
    co_free(wanted);
    return st;
}

co_status co_first_model(const co_experiment *e, const co_model *model, float *params)
{
    const bool from = co_config_has(&e->model, "from"), init = co_config_has(&e->model, "init");
    co_model_init(model, (uint64_t)e->seed, params);
    if (from) CO_TRY(read_from(&e->model, model, params));
    if (from && init) {
        CO_TRY(check_alpha(&e->model));
        return read_part(&e->model, model, params);
    }
    return init ? co_checkpoint_read_model(co_config_string(&e->model, "init"), model, params)
                : CO_OK;
}
