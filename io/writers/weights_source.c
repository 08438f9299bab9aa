/* io/writers/weights_source.c - what a checkpoint tells of its model: tensors with their roles, and
 * the experiment. Cost: linear in tensors; no values are read. */
#include "core/memory.h"
#include "io/json_in.h"
#include "io/writers/weights.h"
#include "io/yaml.h"
#include <stdlib.h>
#include <string.h>

bool co_weights_ends(const char *name, const char *end)
{
    const size_t n = strlen(name), m = strlen(end);
    return n >= m && strcmp(name + n - m, end) == 0;
}

const char *co_weights_option(const co_node *section, const char *key)
{
    const co_node *node = section ? co_node_find(section, key) : NULL;
    return node && node->kind == CO_NODE_SCALAR && !co_node_is_null(node) ? node->text : NULL;
}

static int by_name(const void *a, const void *b)
{
    const co_weights_tensor *x = a, *y = b;
    return strcmp(x->stored.name, y->stored.name);
}

const co_weights_tensor *co_weights_source_find(const co_weights_source *s, const char *name)
{
    const co_weights_tensor key = {.stored = {.name = (char *)name}};
    return s->n ? bsearch(&key, s->tensor, s->n, sizeof key, by_name) : NULL;
}

/* ---- tensors: the datasets below model/ ---- */

static co_status add_tensor(co_weights_source *s, const char *path)
{
    co_extent extent;
    co_weights_tensor *t = &s->tensor[s->n];
    CO_TRY(co_file_extent(s->file, path, &extent));
    *t = (co_weights_tensor){
        .stored = {.name = co_strdup(path + strlen("/model/")), .n_dims = extent.ndim},
        .trained = true};
    for (size_t k = 0; k < extent.ndim; k++) t->stored.dim[k] = extent.dim[k];
    if (!t->stored.name) return CO_FAIL(CO_ENOMEM, "%s: names of tensors", co_file_path(s->file));
    s->n++;
    return CO_OK;
}

static co_status list_tensors(co_weights_source *s)
{
    char **path;
    size_t n;
    CO_TRY(co_file_list(s->file, &path, &n));
    s->tensor = co_malloc(n, sizeof *s->tensor);
    co_status st =
        s->tensor ? CO_OK : CO_FAIL(CO_ENOMEM, "%s: %zu tensors", co_file_path(s->file), n);
    for (size_t i = 0; i < n && st == CO_OK; i++)
        if (strncmp(path[i], "/model/", 7) == 0) st = add_tensor(s, path[i]);
    co_strings_free(path, n);
    if (st == CO_OK && s->n == 0)
        st = CO_FAIL(CO_EDATA, "%s: holds no tensor below model/", co_file_path(s->file));
    if (st == CO_OK) qsort(s->tensor, s->n, sizeof *s->tensor, by_name);
    return st;
}

/* {"name": .., "shape": .., "role": ..}: the role. */
static co_status take_role(co_weights_source *s, co_json_in *in)
{
    bool first = true, more = true;
    char *key, *name = NULL, *role = NULL;
    co_status st = co_json_in_take(in, '{');
    while (st == CO_OK) {
        st = co_json_in_more(in, '}', &first, &more);
        if (st != CO_OK || !more) break;
        st = co_json_in_key(in, &key);
        if (st != CO_OK) break;
        char **text = strcmp(key, "name") == 0 ? &name : strcmp(key, "role") == 0 ? &role : NULL;
        if (text) co_free(*text);
        st = text ? co_json_in_text(in, text) : co_json_in_skip(in);
        co_free(key);
    }
    const co_weights_tensor *t = st == CO_OK && name ? co_weights_source_find(s, name) : NULL;
    if (t) s->tensor[t - s->tensor].trained = !role || strcmp(role, "frozen") != 0;
    if (st == CO_OK && name && !t && !s->missing) s->missing = name, name = NULL;
    co_free(name);
    co_free(role);
    return st;
}

static co_status take_roles(co_weights_source *s)
{
    char *list;
    bool first = true, more = true;
    if (!co_file_has_attr(s->file, "tensors")) return CO_OK; /* made by hand */
    CO_TRY(co_file_get_text(s->file, "tensors", &list));
    co_json_in in = {co_file_path(s->file), list, list};
    co_status st = co_json_in_take(&in, '[');
    while (st == CO_OK) {
        st = co_json_in_more(&in, ']', &first, &more);
        if (st != CO_OK || !more) break;
        st = take_role(s, &in);
    }
    co_free(list);
    return st;
}

/* ---- the experiment ---- */

static co_status read_config(co_weights_source *s)
{
    char *text;
    if (!co_file_has_attr(s->file, "config")) return CO_OK;
    CO_TRY(co_file_get_text(s->file, "config", &text));
    const co_status st = *text ? co_yaml_read_text(text, "its experiment", &s->config) : CO_OK;
    co_free(text);
    if (st != CO_OK)
        return co_fail_in(st == CO_ENOMEM ? st : CO_EDATA, "%s", co_file_path(s->file));
    s->model = s->config ? co_node_find(s->config, "model") : NULL;
    if (s->model && s->model->kind != CO_NODE_MAP) s->model = NULL;
    s->from = co_weights_option(s->model, "from");
    s->lora = s->model ? co_node_find(s->model, "lora") : NULL;
    if (s->lora && s->lora->kind != CO_NODE_MAP) s->lora = NULL;
    s->alpha = s->lora ? co_node_find(s->lora, "alpha") : NULL;
    if (s->lora && !s->alpha) s->alpha = co_node_find(s->lora, "rank");
    return CO_OK;
}

co_status co_weights_source_open(const char *path, co_weights_source *source)
{
    *source = (co_weights_source){0};
    CO_TRY(co_file_open(path, "cohort-checkpoint", true, &source->file));
    CO_TRY(list_tensors(source));
    CO_TRY(take_roles(source));
    return read_config(source);
}

void co_weights_source_close(co_weights_source *source)
{
    for (size_t i = 0; i < source->n; i++) co_free(source->tensor[i].stored.name);
    co_free(source->tensor);
    co_free(source->missing);
    co_node_destroy(source->config);
    co_file_close(source->file);
    *source = (co_weights_source){0};
}
