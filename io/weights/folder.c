/* io/weights/folder.c - finds the files of a folder and puts their tensors into one list.
 *
 * The index of shards: {"metadata": {..}, "weight_map": {"TENSOR": "FILE", ..}}. It and the shards
 * must name the same tensors. */
#include "io/weights/folder.h"
#include "core/memory.h"
#include "io/json_tree.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_FILES = 512 }; /* they stay open */

static int by_name(const void *a, const void *b)
{
    return strcmp(((const co_stored *)a)->name, ((const co_stored *)b)->name);
}

/* The files' tensors in one list by name. */
static co_status gather(co_weights *w)
{
    size_t n = 0;
    for (size_t f = 0; f < w->n_files; f++) n += w->file[f].n;
    w->tensor = co_malloc(n, sizeof *w->tensor);
    if (!w->tensor) return CO_FAIL(CO_ENOMEM, "%s: %zu tensors", w->path, n);
    for (size_t f = 0; f < w->n_files; f++)
        for (size_t i = 0; i < w->file[f].n; i++) {
            w->tensor[w->n] = w->file[f].tensor[i];
            w->tensor[w->n++].file = f;
        }
    if (n) qsort(w->tensor, n, sizeof *w->tensor, by_name);
    for (size_t i = 1; i < n; i++)
        if (strcmp(w->tensor[i - 1].name, w->tensor[i].name) == 0)
            return CO_FAIL(CO_EDATA, "%s: tensor %.100s stands in %s and in %s", w->path,
                           w->tensor[i].name, co_weights_file(w, &w->tensor[i - 1]),
                           co_weights_file(w, &w->tensor[i]));
    return CO_OK;
}

static co_status open_files(co_weights *w, char *const *path, size_t n)
{
    w->file = co_calloc(n, sizeof *w->file);
    if (!w->file) return CO_FAIL(CO_ENOMEM, "%s: %zu files", w->path, n);
    for (; w->n_files < n; w->n_files++) {
        const co_status st = co_safetensors_open(path[w->n_files], &w->file[w->n_files]);
        if (st != CO_OK) {
            w->n_files++;
            return st;
        }
    }
    return gather(w);
}

/* ---- shards ---- */

static int by_text(const void *a, const void *b)
{
    return strcmp((*(const co_node *const *)a)->text, (*(const co_node *const *)b)->text);
}
static int by_key(const void *a, const void *b)
{
    return strcmp((*(const co_node *const *)a)->key, (*(const co_node *const *)b)->key);
}

/* Every file of the map once; it must be one of the folder. map[n] by text. */
static co_status shard_paths(const co_weights *w, const char *index, const co_node *const *map,
                             size_t n, char **path, size_t *n_paths)
{
    for (size_t i = 0; i < n; i++) {
        const char *name = map[i]->text;
        if (i > 0 && strcmp(name, map[i - 1]->text) == 0) continue;
        if (!*name || strchr(name, '/') || strcmp(name, "..") == 0 || strcmp(name, ".") == 0)
            return CO_FAIL(CO_EDATA, "%s: tensor %.100s: '%.100s' is no file of this folder", index,
                           map[i]->key, name);
        if (*n_paths == MAX_FILES)
            return CO_FAIL(CO_EDATA, "%s: names more than %d files", index, MAX_FILES);
        path[*n_paths] = co_format("%s/%s", w->path, name);
        if (!path[*n_paths]) return CO_FAIL(CO_ENOMEM, "%s: names of files", index);
        if (access(path[(*n_paths)++], F_OK) != 0)
            return CO_FAIL(CO_EDATA, "%s: tensor %.100s lies in %.100s, which is missing", index,
                           map[i]->key, name);
    }
    return CO_OK;
}

/* map[n] by key: the tensors found, each in the file that the index names. */
static co_status check_map(const co_weights *w, const char *index, const co_node *const *map,
                           size_t n)
{
    size_t i = 0, t = 0;
    while (i < n || t < w->n) {
        const int order = i == n ? 1 : t == w->n ? -1 : strcmp(map[i]->key, w->tensor[t].name);
        if (order > 0)
            return CO_FAIL(CO_EDATA, "%s: holds tensor %.100s, which %s does not name",
                           co_weights_file(w, &w->tensor[t]), w->tensor[t].name, index);
        const char *file = order < 0 ? NULL : strrchr(co_weights_file(w, &w->tensor[t]), '/') + 1;
        if (!file || strcmp(file, map[i]->text) != 0)
            return CO_FAIL(CO_EDATA, "%s: tensor %.100s is not in %.100s", index, map[i]->key,
                           map[i]->text);
        i++;
        t++;
    }
    return CO_OK;
}

static co_status open_map(co_weights *w, const char *index, const co_node **map, size_t n)
{
    char *path[MAX_FILES] = {0};
    size_t n_paths = 0;
    if (n) qsort(map, n, sizeof(*map), by_text);
    co_status st = shard_paths(w, index, map, n, path, &n_paths);
    if (st == CO_OK) st = open_files(w, path, n_paths);
    if (n) qsort(map, n, sizeof(*map), by_key);
    if (st == CO_OK) st = check_map(w, index, map, n);
    for (size_t i = 0; i < n_paths; i++) co_free(path[i]);
    return st;
}

static co_status open_index(co_weights *w, const char *index)
{
    co_node *root;
    const co_node **map = NULL;
    size_t n = 0;
    CO_TRY(co_json_tree(index, &root));
    const co_node *tree = co_node_find(root, "weight_map");
    co_status st = CO_OK;
    if (!tree || tree->kind != CO_NODE_MAP)
        st = CO_FAIL(CO_EDATA, "%s: has no map 'weight_map' from tensors to files", index);
    if (st == CO_OK && !(map = co_malloc(co_node_count(tree), sizeof(*map))))
        st = CO_FAIL(CO_ENOMEM, "%s: tensors", index);
    for (const co_node *c = st == CO_OK ? tree->first : NULL; c && st == CO_OK; c = c->next) {
        map[n++] = c;
        if (c->kind != CO_NODE_SCALAR || !c->quoted)
            st = CO_FAIL(CO_EDATA, "%s: tensor %.100s: no name of a file stands there", index,
                         c->key);
    }
    if (st == CO_OK) st = open_map(w, index, map, n);
    co_free(map);
    co_node_destroy(root);
    return st;
}

/* ---- folder ---- */

static co_status open_in_folder(co_weights *w)
{
    static const char *const names[] = {"model.safetensors", "model.safetensors.index.json",
                                        "adapter_model.safetensors"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char *path = co_format("%s/%s", w->path, names[i]);
        if (!path) return CO_FAIL(CO_ENOMEM, "%s: names of files", w->path);
        const bool here = access(path, F_OK) == 0;
        const co_status st = !here ? CO_OK : i == 1 ? open_index(w, path) : open_files(w, &path, 1);
        co_free(path);
        if (here) return st;
    }
    return CO_FAIL(CO_EFILE,
                   "%s: holds none of %s, %s, %s (save_pretrained of transformers writes them)",
                   w->path, names[0], names[1], names[2]);
}

co_status co_weights_open(const char *path, co_weights *weights)
{
    struct stat is;
    *weights = (co_weights){.path = co_strdup(path)};
    if (!weights->path) return CO_FAIL(CO_ENOMEM, "%s: name of the folder", path);
    if (stat(path, &is) != 0)
        return CO_FAIL(CO_EFILE, "%s: cannot be opened: %s", path, strerror(errno));
    if (S_ISDIR(is.st_mode)) return open_in_folder(weights);
    return open_files(weights, &weights->path, 1);
}

void co_weights_close(co_weights *weights)
{
    for (size_t f = 0; f < weights->n_files; f++) co_safetensors_close(&weights->file[f]);
    co_free(weights->file);
    co_free(weights->tensor);
    co_free(weights->path);
    *weights = (co_weights){0};
}

const co_stored *co_weights_find(const co_weights *weights, const char *name)
{
    const co_stored key = {.name = (char *)name};
    return weights->n ? bsearch(&key, weights->tensor, weights->n, sizeof key, by_name) : NULL;
}

const char *co_weights_file(const co_weights *weights, const co_stored *tensor)
{
    return weights->file[tensor->file].path;
}

co_status co_weights_read(const co_weights *weights, const co_stored *tensor, float *out)
{
    return co_safetensors_read(&weights->file[tensor->file], tensor, 0, tensor->size, out);
}
