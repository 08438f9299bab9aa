/* sim/observers/snapshot.c - writing, finding, reading checkpoints; what a run may remove. */
#include "sim/observers/snapshot.h"
#include "core/log.h"
#include "core/memory.h"
#include "core/text.h"
#include "core/vector.h"
#include "io/files/digest.h"
#include "io/files/file.h"
#include "io/files/hasher.h"
#include "io/weights/folder.h"
#include "models/kernel_path.h"
#include "io/files/inputs.h"
#include "io/yaml.h"
#include "models/presets/folder.h"
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_checkpoint(const char *name)
{
    if (strncmp(name, "ckpt-", 5) != 0) return false;
    for (int k = 5; k < 13; k++)
        if (!isdigit((unsigned char)name[k])) return false;
    return strcmp(name + 13, ".h5") == 0;
}

bool co_is_run_file(const char *name)
{
    return is_checkpoint(name) || strcmp(name, "best.h5") == 0 || strcmp(name, "run.h5") == 0 ||
           strcmp(name, "experiment.yaml") == 0;
}

/* What a killed writer leaves: the hidden temporary of io/files/file.h, or the text written aside.
 */
static bool is_temporary(const char *name)
{
    if (strcmp(name, "experiment.yaml.tmp") == 0) return true;
    return (strncmp(name, ".run.h5.tmp-", 12) == 0 || strncmp(name, ".best.h5.tmp-", 13) == 0 ||
            strncmp(name, ".ckpt-", 6) == 0) &&
           strstr(name, ".tmp-");
}

static int by_name(const void *a, const void *b)
{
    return -strcmp(*(char *const *)a, *(char *const *)b);
}

/* Names in dir that `wanted` accepts, by falling name; a missing folder holds none.
 * co_strings_free. */
static co_status list_folder(const char *dir, bool (*wanted)(const char *), char ***names,
                             size_t *n)
{
    *names = NULL;
    *n = 0;
    size_t capacity = 0;
    DIR *folder = opendir(dir);
    if (!folder && errno == ENOENT) return CO_OK;
    if (!folder)
        return CO_FAIL(CO_EFILE, "%s: %s; set output.dir to a folder you may read and write", dir,
                       strerror(errno));
    co_status st = CO_OK;
    for (struct dirent *entry; st == CO_OK && (entry = readdir(folder));) {
        if (!wanted(entry->d_name)) continue;
        st = (co_status)co_reserve((void **)names, &capacity, *n + 1, sizeof **names);
        if (st == CO_OK && !((*names)[*n] = co_strdup(entry->d_name)))
            st = CO_FAIL(CO_ENOMEM, "list of %s", dir);
        if (st == CO_OK) ++*n;
    }
    closedir(folder);
    if (st != CO_OK) {
        co_strings_free(*names, *n);
        *names = NULL;
        *n = 0;
        return st;
    }
    if (*n) qsort(*names, *n, sizeof **names, by_name);
    return CO_OK;
}

co_status co_output_exists(const char *dir, bool *exists)
{
    char **names;
    size_t n;
    CO_TRY(list_folder(dir, co_is_run_file, &names, &n));
    *exists = false;
    for (size_t i = 0; i < n; i++) *exists |= strcmp(names[i], "experiment.yaml") != 0;
    co_strings_free(names, n);
    return CO_OK;
}

co_status co_output_spares(const char *dir, const char *const *inputs, size_t n_inputs)
{
    char **names;
    size_t n;
    CO_TRY(list_folder(dir, co_is_run_file, &names, &n));
    co_status st = CO_OK;
    for (size_t i = 0; st == CO_OK && i < n; i++) {
        char *path = co_format("%s/%s", dir, names[i]);
        st = path ? co_output_differs(path, inputs, n_inputs)
                  : CO_FAIL(CO_ENOMEM, "path of %s", names[i]);
        co_free(path);
    }
    co_strings_free(names, n);
    return st;
}

static co_status remove_file(const char *dir, const char *name)
{
    char *path = co_format("%s/%s", dir, name);
    if (!path) return CO_FAIL(CO_ENOMEM, "path of %s", name);
    const int rc = unlink(path);
    const co_status st = rc == 0 || errno == ENOENT ? CO_OK
                                                    : CO_FAIL(CO_EFILE, "%s: cannot be removed: %s",
                                                              path, strerror(errno));
    co_free(path);
    return st;
}

static co_status remove_listed(const char *dir, bool (*wanted)(const char *))
{
    char **names;
    size_t n;
    CO_TRY(list_folder(dir, wanted, &names, &n));
    co_status st = CO_OK;
    for (size_t i = 0; i < n && st == CO_OK; i++) st = remove_file(dir, names[i]);
    co_strings_free(names, n);
    return st;
}

co_status co_output_remove(const char *dir)
{
    return remove_listed(dir, co_is_run_file);
}

co_status co_output_sweep(const char *dir)
{
    return remove_listed(dir, is_temporary);
}

/* Removes all but the newest `keep` by name (names carry the round), never the one just written. */
static co_status prune(const char *dir, int64_t keep, int64_t newest)
{
    char **names;
    size_t n;
    CO_TRY(list_folder(dir, is_checkpoint, &names, &n));
    co_status st = CO_OK;
    int64_t kept = 0;
    for (size_t i = 0; i < n && st == CO_OK; i++) {
        const int64_t round = strtoll(names[i] + 5, NULL, 10);
        if (round > newest || kept++ >= keep) st = remove_file(dir, names[i]);
    }
    co_strings_free(names, n);
    return st;
}

/* H over the values of the tensors that are left out, in the order of the vector. */
static void base_digest(const co_model *model, const bool *left_out, const float *params,
                        char hex[33])
{
    size_t n_tensors;
    unsigned char out[16];
    co_hasher hasher;
    const co_tensor *tensor = co_model_tensors(model, &n_tensors);
    co_hasher_start(&hasher, sizeof out);
    for (size_t k = 0; k < n_tensors; k++)
        if (left_out[k])
            co_hasher_feed(&hasher, params + tensor[k].offset, tensor[k].size * sizeof *params);
    co_hasher_finish(&hasher, out, sizeof out);
    sodium_bin2hex(hex, 33, out, sizeof out);
}

/* Names what is left out, by its digest and where it comes from. */
static co_status write_base(co_file *file, const co_snapshot *s, const co_model *model)
{
    size_t n_tensors;
    char hex[33];
    const co_tensor *tensor = co_model_tensors(model, &n_tensors);
    bool *left_out = co_malloc(n_tensors, sizeof *left_out);
    if (!left_out) return CO_FAIL(CO_ENOMEM, "checkpoint");
    for (size_t k = 0; k < n_tensors; k++) left_out[k] = tensor[k].role == CO_FROZEN;
    base_digest(model, left_out, s->model, hex);
    co_free(left_out);
    CO_TRY(co_file_set_text(file, "base_digest", hex));
    return co_file_set_text(file, "base", s->base);
}

/* A slot of the server; beside a base that is left out, of what is trained alone. */
static co_status write_slot(co_file *file, const co_snapshot *s, const co_model *model, size_t k)
{
    char name[CO_NAME + 16];
    const co_layout *layout = co_model_layout(model);
    const co_extent extent = {
        .type = CO_F32, .ndim = 1, .dim = {s->base ? layout->n : layout->whole}};
    float *packed = s->base ? co_malloc(layout->n, sizeof *packed) : NULL;
    if (s->base && !packed) return CO_FAIL(CO_ENOMEM, "checkpoint");
    if (packed) co_layout_pack(layout, s->slot[k], packed);
    snprintf(name, sizeof name, "server/%s", s->slot_name[k]);
    const co_status st = co_file_write(file, name, &extent, packed ? packed : s->slot[k]);
    co_free(packed);
    return st;
}

static co_status write_model(co_file *file, const co_snapshot *s, const co_model *model)
{
    size_t n_tensors;
    const co_tensor *tensor = co_model_tensors(model, &n_tensors);
    if (s->base) CO_TRY(write_base(file, s, model));
    for (size_t k = 0; k < n_tensors; k++) {
        if (s->base && tensor[k].role == CO_FROZEN) continue;
        char name[CO_NAME + 16];
        co_extent extent = {.type = CO_F32, .ndim = tensor[k].ndim};
        memcpy(extent.dim, tensor[k].dim, sizeof tensor[k].dim);
        snprintf(name, sizeof name, "model/%s", tensor[k].name);
        CO_TRY(co_file_write(file, name, &extent, s->model + tensor[k].offset));
    }
    for (size_t k = 0; k < s->n_slots; k++) CO_TRY(write_slot(file, s, model, k));
    return CO_OK;
}

/* versions/<k>: the model k steps before. */
static co_status write_versions(co_file *file, const co_snapshot *s, size_t n)
{
    const co_extent extent = {.type = CO_F32, .ndim = 1, .dim = {n}};
    for (size_t back = 1; s->versions && back < s->versions->n; back++) {
        const float *version = co_versions_place(s->versions, back);
        char name[CO_NAME + 16];
        snprintf(name, sizeof name, "versions/%zu", back);
        if (version) CO_TRY(co_file_write(file, name, &extent, version));
    }
    return CO_OK;
}

/* The rows of device i, zeros where nothing is trained; whole: room for a row. */
static co_status write_state(co_file *file, const co_snapshot *s, const co_layout *layout, size_t i,
                             float *whole)
{
    const float *block = co_state_row(s->state, i);
    for (size_t k = 0; k < s->state->n_slots; k++) {
        char name[CO_NAME + 16];
        snprintf(name, sizeof name, "devices/%s", s->state_name[k]);
        co_layout_unpack(layout, block + k * layout->n, whole);
        CO_TRY(co_file_write_rows(file, name, i, 1, whole));
    }
    return CO_OK;
}

/* devices/id [k] and devices/<slot> [k, size] of those that have taken part. */
static co_status write_states(co_file *file, const co_snapshot *s, const co_layout *layout)
{
    co_state *state = s->state;
    const size_t n = layout->whole;
    if (!state || !state->comm) return CO_OK; /* no rule or transform keeps any */
    CO_TRY(co_file_write_i64(file, "devices/id", state->ids, state->n_ids));
    for (size_t k = 0; k < state->n_slots; k++) {
        char name[CO_NAME + 16];
        snprintf(name, sizeof name, "devices/%s", s->state_name[k]);
        CO_TRY(co_file_create_rows(
            file, name, &(co_extent){.type = CO_F32, .ndim = 2, .dim = {state->n_ids, n}}));
    }
    float *whole = co_calloc(n, sizeof *whole);
    co_status st = whole ? CO_OK : CO_FAIL(CO_ENOMEM, "state of a device");
    for (size_t i = 0; st == CO_OK && i < state->n_ids; i++)
        st = write_state(file, s, layout, i, whole);
    co_free(whole);
    return st;
}

enum { N_LEDGER_COLUMNS = 6 };
static const char *const ledger_names[N_LEDGER_COLUMNS] = {
    "privacy/noise", "privacy/sampling",    "privacy/noise_multiplier",
    "privacy/rate",  "privacy/lattice_std", "privacy/count"};

static void ledger_row_values(const co_ledger_row *row, double value[N_LEDGER_COLUMNS])
{
    const co_event *e = &row->event;
    const double values[] = {(double)e->noise, (double)e->sampling, e->noise_multiplier,
                             e->rate,          e->lattice_std,      (double)row->count};
    memcpy(value, values, sizeof values);
}

/* The ledger as columns, one value a release of its own kind; all numbers are exact in a double. */
static co_status write_privacy(co_file *file, const co_private_state *p)
{
    const co_extent bytes = {.type = CO_U8, .ndim = 1, .dim = {CO_NOISE_KEY_BYTES}};
    const size_t n = p->ledger.n;
    double *columns = co_malloc(n * N_LEDGER_COLUMNS, sizeof *columns), value[N_LEDGER_COLUMNS];
    if (!columns) return CO_FAIL(CO_ENOMEM, "privacy ledger of %zu rows", n);
    for (size_t i = 0; i < n; i++) {
        ledger_row_values(&p->ledger.rows[i], value);
        for (size_t c = 0; c < N_LEDGER_COLUMNS; c++) columns[c * n + i] = value[c];
    }
    co_status st = CO_OK;
    for (size_t c = 0; c < N_LEDGER_COLUMNS && st == CO_OK; c++)
        st = co_file_write_f64(file, ledger_names[c], columns + c * n, n);
    co_free(columns);
    CO_TRY(st);
    CO_TRY(co_file_write_f64(file, "privacy/clip", &p->clip, 1));
    CO_TRY(co_file_write_f64(file, "privacy/multiplier", &p->multiplier, 1));
    return p->is_secure ? co_file_write(file, "privacy/key", &bytes, p->key) : CO_OK;
}

static co_status write_all(co_file *file, const co_snapshot *s, const co_model *model,
                           uint64_t seed, const char *config, const char *source)
{
    CO_TRY(co_file_set_head(file, seed, config, source));
    char *tensors = co_model_describe(model);
    if (!tensors) return CO_FAIL(CO_ENOMEM, "checkpoint");
    const co_status st = co_file_set_text(file, "tensors", tensors);
    co_free(tensors);
    CO_TRY(st);
    CO_TRY(co_file_set_int(file, "round", s->round));
    CO_TRY(co_file_set_u64(file, "model_digest", s->model_digest));
    CO_TRY(co_file_set_text(file, "config_digest", s->config_digest));
    CO_TRY(co_file_set_text(file, "data_digest", s->data_digest));
    if (s->partition_digest[0])
        CO_TRY(co_file_set_text(file, "partition_digest", s->partition_digest));
    CO_TRY(co_file_set_text(file, "kernel_path", co_kernel_path()));
    CO_TRY(co_file_set_text(file, "blas_core", co_blas_core()));
    if (s->privacy) CO_TRY(write_privacy(file, s->privacy));
    CO_TRY(write_model(file, s, model));
    CO_TRY(write_versions(file, s, co_model_size(model)));
    return write_states(file, s, co_model_layout(model));
}

/* Writes and publishes; frees path. */
static co_status publish_take(char *path, const co_snapshot *s, const co_model *model,
                              uint64_t seed, const char *config, const char *source)
{
    if (!path) return CO_FAIL(CO_ENOMEM, "checkpoint");
    co_file *file = NULL;
    co_status st = co_file_create(path, "cohort-checkpoint", &file);
    if (st == CO_OK) {
        st = write_all(file, s, model, seed, config, source);
        if (st == CO_OK)
            st = co_file_publish(file, s->privacy && s->privacy->is_secure ? 0600 : 0644);
        else
            co_file_close(file);
    }
    co_free(path);
    return st;
}

co_status co_checkpoint_write(const char *dir, const co_snapshot *s, const co_model *model,
                              uint64_t seed, const char *config, const char *source, int64_t keep)
{
    CO_TRY(publish_take(co_format("%s/ckpt-%08lld.h5", dir, (long long)s->round), s, model, seed,
                        config, source));
    return prune(dir, keep, s->round);
}

co_status co_checkpoint_write_best(const char *dir, const co_snapshot *s, const co_model *model,
                                   uint64_t seed, const char *config, const char *source)
{
    co_snapshot bare = *s;
    bare.n_slots = 0;
    bare.versions = NULL;
    bare.state = NULL;
    bare.privacy = NULL;
    return publish_take(co_format("%s/best.h5", dir), &bare, model, seed, config, source);
}

co_status co_checkpoint_find(const char *dir, char **path, int64_t *round, size_t *n_damaged)
{
    char **names;
    size_t n;
    *path = NULL;
    *round = 0;
    *n_damaged = 0;
    CO_TRY(list_folder(dir, is_checkpoint, &names, &n));
    co_status st = CO_OK;
    for (size_t i = 0; i < n && st == CO_OK; i++) {
        char *candidate = co_format("%s/%s", dir, names[i]);
        co_file *file = NULL;
        int64_t found = 0;
        st = candidate ? co_file_open(candidate, "cohort-checkpoint", false, &file)
                       : CO_FAIL(CO_ENOMEM, "checkpoint");
        if (st == CO_OK) st = co_file_get_int(file, "round", &found);
        co_file_close(file);
        if (st == CO_OK && (!*path || found > *round)) {
            co_free(*path);
            *path = candidate;
            candidate = NULL;
            *round = found;
        } else if (st == CO_EDATA) {
            co_warn("skipped a damaged checkpoint: %s", co_status_message());
            ++*n_damaged;
            st = CO_OK;
        }
        co_free(candidate);
    }
    co_strings_free(names, n);
    return st;
}

co_status co_checkpoint_config(const char *path, char **config)
{
    co_file *file = NULL;
    CO_TRY(co_file_open(path, "cohort-checkpoint", false, &file));
    const co_status st = co_file_get_text(file, "config", config);
    co_file_close(file);
    return st;
}

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

/* What was left out is what it was. */
static co_status check_base(const co_file *file, const co_model *model, const float *params,
                            const bool *left_out)
{
    char found[33], *base = NULL, *digest = NULL;
    if (!co_file_has_attr(file, "base_digest")) return CO_OK;
    base_digest(model, left_out, params, found);
    co_status st = co_file_get_text(file, "base_digest", &digest);
    if (st == CO_OK) st = co_file_get_text(file, "base", &base);
    if (st == CO_OK && strcmp(found, digest) != 0)
        st = CO_FAIL(CO_EUSAGE,
                     "%s: its frozen tensors were left out; they came from %s and had the digest "
                     "%s, those at hand have %s: give the model and the base it was made with",
                     co_file_path(file), base, digest, found);
    co_free(base);
    co_free(digest);
    return st;
}

static co_status read_tensors(const co_file *file, const co_model *model, float *params)
{
    size_t n_tensors;
    (void)co_model_tensors(model, &n_tensors);
    bool *left_out = co_malloc(n_tensors, sizeof *left_out);
    co_status st = left_out ? CO_OK : CO_FAIL(CO_ENOMEM, "model");
    if (st == CO_OK) st = read_present(file, model, params, left_out);
    if (st == CO_OK) st = check_base(file, model, params, left_out);
    co_free(left_out);
    return st;
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
    if (st == CO_OK && (!preset || !preset->folder))
        st = CO_FAIL(CO_EDATA, "%s: does not say of which architecture the weights in %s are",
                     co_file_path(file), folder);
    if (st == CO_OK) st = co_folder_read(folder, preset->folder, model, params, &said);
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
    if (st == CO_OK) st = read_tensors(file, model, params);
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

co_status co_checkpoint_read_part(const char *path, const co_model *model, const bool *wanted,
                                  float *params, size_t *n_read)
{
    *n_read = 0;
    return holds_weights(path) ? read_weights_part(path, model, wanted, params, n_read)
                               : read_file_part(path, model, wanted, params, n_read);
}

static co_status check_digest(const co_file *file, co_snapshot *s, size_t n)
{
    const size_t n_blocks = co_n_blocks(n);
    unsigned char *hashes = co_malloc(n_blocks, 16);
    if (!hashes) return CO_FAIL(CO_ENOMEM, "digest of the model");
    co_model_block_hashes(s->model, n, hashes);
    const uint64_t found = co_model_digest(hashes, n_blocks);
    co_free(hashes);
    CO_TRY(co_file_get_u64(file, "model_digest", &s->model_digest));
    if (found == s->model_digest) return CO_OK;
    return CO_FAIL(CO_EDATA, "%s: the model does not match its digest", co_file_path(file));
}

/* Bits are compared on one kernel path and BLAS core alone: going on with others is allowed, and
 * said. */
static co_status compare_arithmetic(const co_file *file)
{
    const char *const names[] = {"kernel_path", "blas_core"}, *const own[] = {co_kernel_path(),
                                                                              co_blas_core()};
    for (size_t k = 0; k < 2; k++) {
        char *text = NULL;
        CO_TRY(co_file_get_text(file, names[k], &text));
        if (strcmp(text, own[k]) != 0)
            co_warn("the run so far was computed with %s %s, now with %s: its bits are not those "
                    "of an undisturbed run",
                    names[k], text, own[k]);
        co_free(text);
    }
    return CO_OK;
}

static co_status check_states(const co_file *file, const co_snapshot *s, const int64_t *id,
                              size_t n_ids, size_t n)
{
    for (size_t k = 0; k < s->state->n_slots; k++) {
        char name[CO_NAME + 16];
        co_extent extent;
        snprintf(name, sizeof name, "devices/%s", s->state_name[k]);
        CO_TRY(co_file_extent(file, name, &extent));
        if (extent.ndim != 2 || extent.dim[0] != n_ids || extent.dim[1] != n)
            return CO_FAIL(CO_EDATA, "%s: %s is not of shape [%zu, %zu]", co_file_path(file), name,
                           n_ids, n);
    }
    for (size_t i = 0; i < n_ids; i++)
        if (id[i] < 0 || id[i] >= s->state->n_devices || (i > 0 && id[i] <= id[i - 1]))
            return CO_FAIL(CO_EDATA, "%s: devices/id[%zu] = %lld: ids must ascend below %lld",
                           co_file_path(file), i, (long long)id[i], (long long)s->state->n_devices);
    return CO_OK;
}

static co_status read_state(const co_file *file, const co_snapshot *s, const co_layout *layout,
                            size_t i, float *block, float *whole)
{
    for (size_t k = 0; k < s->state->n_slots; k++) {
        char name[CO_NAME + 16];
        snprintf(name, sizeof name, "devices/%s", s->state_name[k]);
        CO_TRY(co_file_read_rows(file, name, CO_F32, i, 1, whole));
        co_layout_pack(layout, whole, block + k * layout->n);
    }
    return CO_OK;
}

static co_status read_states(const co_file *file, const co_snapshot *s, const co_layout *layout)
{
    co_state *state = s->state;
    if (!state || !state->comm) return CO_OK; /* no rule or transform keeps any */
    if (s->round > s->rounds) return CO_OK;   /* and no room was made for that many rounds */
    int64_t *id = NULL;
    size_t n_ids;
    CO_TRY(co_file_read_new(file, "devices/id", CO_I64, (void **)&id, &n_ids));
    float *block = co_malloc(state->block + layout->whole, sizeof *block);
    co_status st = block ? check_states(file, s, id, n_ids, layout->whole)
                         : CO_FAIL(CO_ENOMEM, "state of a device");
    for (size_t i = 0; st == CO_OK && i < n_ids; i++) {
        st = read_state(file, s, layout, i, block, block + state->block);
        if (st == CO_OK) co_state_put(state, id[i], block);
    }
    co_free(block);
    co_free(id);
    return st;
}

static co_status add_release(const co_file *file, const double value[N_LEDGER_COLUMNS],
                             co_ledger *ledger)
{
    const co_event event = {.noise = (co_noise)value[0],
                            .sampling = (co_sampling)value[1],
                            .noise_multiplier = value[2],
                            .rate = value[3],
                            .lattice_std = value[4]};
    const bool known =
        value[0] >= 0 && value[0] < CO_N_NOISES && value[1] >= 0 && value[1] < CO_N_SAMPLINGS;
    if (!known || !(value[5] >= 0 && value[5] < 0x1p53))
        return CO_FAIL(CO_EDATA,
                       "%s: a release of the privacy ledger has noise %g, sampling %g, count %g",
                       co_file_path(file), value[0], value[1], value[5]);
    CO_TRY(co_ledger_add(ledger, &event, 1)); /* a count of 0 keeps its row */
    ledger->rows[ledger->n - 1].count = (int64_t)value[5];
    return CO_OK;
}

static co_status read_ledger(const co_file *file, co_ledger *ledger)
{
    double *column[N_LEDGER_COLUMNS] = {NULL}, value[N_LEDGER_COLUMNS];
    size_t n[N_LEDGER_COLUMNS] = {0};
    co_status st = CO_OK;
    for (size_t c = 0; c < N_LEDGER_COLUMNS && st == CO_OK; c++) {
        st = co_file_read_new(file, ledger_names[c], CO_F64, (void **)&column[c], &n[c]);
        if (st == CO_OK && n[c] != n[0])
            st = CO_FAIL(CO_EDATA, "%s: %s has %zu rows, %s %zu", co_file_path(file),
                         ledger_names[c], n[c], ledger_names[0], n[0]);
    }
    for (size_t i = 0; st == CO_OK && i < n[0]; i++) {
        for (size_t c = 0; c < N_LEDGER_COLUMNS; c++) value[c] = column[c][i];
        st = add_release(file, value, ledger);
    }
    for (size_t c = 0; c < N_LEDGER_COLUMNS; c++) co_free(column[c]);
    return st;
}

static co_status read_scalar(const co_file *file, const char *name, double *value)
{
    co_extent extent;
    CO_TRY(co_file_extent(file, name, &extent));
    if (co_extent_count(&extent) != 1)
        return CO_FAIL(CO_EDATA, "%s: %s has %zu values, not 1", co_file_path(file), name,
                       co_extent_count(&extent));
    return co_file_read(file, name, CO_F64, 0, value);
}

static co_status read_privacy(const co_file *file, co_private_state *p)
{
    co_extent extent;
    if (!co_file_has(file, "privacy/clip"))
        return CO_FAIL(CO_EDATA, "%s: has no privacy/clip: it is not of a private run",
                       co_file_path(file));
    CO_TRY(read_scalar(file, "privacy/clip", &p->clip));
    CO_TRY(read_scalar(file, "privacy/multiplier", &p->multiplier));
    p->is_secure = co_file_has(file, "privacy/key");
    if (p->is_secure) {
        CO_TRY(co_file_extent(file, "privacy/key", &extent));
        if (co_extent_count(&extent) != CO_NOISE_KEY_BYTES)
            return CO_FAIL(CO_EDATA, "%s: privacy/key has %zu bytes, not %d", co_file_path(file),
                           co_extent_count(&extent), CO_NOISE_KEY_BYTES);
        CO_TRY(co_file_read(file, "privacy/key", CO_U8, 0, p->key));
    }
    return read_ledger(file, &p->ledger);
}

/* A vector of the model's size. */
static co_status read_vector(const co_file *file, const char *name, size_t n, float *vector)
{
    co_extent extent;
    CO_TRY(co_file_extent(file, name, &extent));
    if (co_extent_count(&extent) != n)
        return CO_FAIL(CO_EDATA, "%s: %s has %zu values, the model %zu", co_file_path(file), name,
                       co_extent_count(&extent), n);
    return co_file_read(file, name, CO_F32, 0, vector);
}

static co_status read_versions(const co_file *file, co_snapshot *s, size_t n)
{
    if (!s->versions) return CO_OK;
    s->versions->newest = s->round;
    for (size_t back = 1; back < s->versions->n; back++) {
        float *version = co_versions_place(s->versions, back);
        char name[CO_NAME + 16];
        snprintf(name, sizeof name, "versions/%zu", back);
        if (version) CO_TRY(read_vector(file, name, n, version));
    }
    return CO_OK;
}

static co_status read_slot(const co_file *file, const co_model *model, const char *slot,
                           float *whole)
{
    char name[CO_NAME + 16];
    const co_layout *layout = co_model_layout(model);
    snprintf(name, sizeof name, "server/%s", slot);
    if (!co_file_has_attr(file, "base_digest"))
        return read_vector(file, name, layout->whole, whole);
    float *packed = co_malloc(layout->n, sizeof *packed);
    if (!packed) return CO_FAIL(CO_ENOMEM, "slots of the server");
    const co_status st = read_vector(file, name, layout->n, packed);
    if (st == CO_OK) co_layout_unpack(layout, packed, whole);
    co_free(packed);
    return st;
}

static co_status read_all(const co_file *file, co_snapshot *s, const co_model *model)
{
    CO_TRY(read_tensors(file, model, s->model));
    CO_TRY(check_digest(file, s, co_model_size(model)));
    for (size_t k = 0; k < s->n_slots; k++)
        CO_TRY(read_slot(file, model, s->slot_name[k], s->slot[k]));
    const char *const names[] = {"config_digest", "data_digest", "partition_digest"};
    char *const digests[] = {s->config_digest, s->data_digest, s->partition_digest};
    for (size_t k = 0; k < 3; k++) {
        char *text = NULL;
        digests[k][0] = 0;
        if (k == 2 && !co_file_has_attr(file, names[k])) break;
        CO_TRY(co_file_get_text(file, names[k], &text));
        snprintf(digests[k], 33, "%s", text);
        co_free(text);
    }
    CO_TRY(compare_arithmetic(file));
    if (s->privacy) CO_TRY(read_privacy(file, s->privacy));
    CO_TRY(co_file_get_int(file, "round", &s->round));
    CO_TRY(read_versions(file, s, co_model_size(model)));
    return read_states(file, s, co_model_layout(model));
}

co_status co_checkpoint_read(const char *path, co_snapshot *s, const co_model *model)
{
    co_file *file = NULL;
    CO_TRY(co_file_open(path, "cohort-checkpoint", false, &file));
    const co_status st = read_all(file, s, model);
    co_file_close(file);
    return st;
}
