/* sim/observers/snapshot_read.c - checkpoints read: all that a run needs to go on, checked. */
#include "core/log.h"
#include "core/memory.h"
#include "core/vector.h"
#include "io/files/digest.h"
#include "models/kernel_path.h"
#include "sim/first_model.h"
#include "sim/observers/snapshot.h"
#include "sim/observers/snapshot_private.h"
#include <stdio.h>
#include <string.h>

co_status co_checkpoint_config(const char *path, char **config)
{
    co_file *file = NULL;
    CO_TRY(co_file_open(path, "cohort-checkpoint", false, &file));
    const co_status st = co_file_get_text(file, "config", config);
    co_file_close(file);
    return st;
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

static co_status read_versions(const co_file *file, const co_versions *versions, size_t n)
{
    const int64_t newest = versions->newest;
    const co_old_version *old = co_versions_before(versions, newest);
    for (; old; old = co_versions_before(versions, old->version)) {
        char name[CO_NAME + 16];
        snprintf(name, sizeof name, "versions/%lld", (long long)(newest - old->version));
        CO_TRY(read_vector(file, name, n, old->value));
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
    CO_TRY(co_checkpoint_read_tensors(file, model, s->model));
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
    if (s->privacy) CO_TRY(co_checkpoint_read_privacy(file, s->privacy));
    if (s->keeps) CO_TRY(co_checkpoint_read_kept(file, s->keeps));
    if (s->budget) CO_TRY(co_checkpoint_read_budget(file, s->budget));
    CO_TRY(co_file_get_int(file, "round", &s->round));
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

co_status co_checkpoint_read_versions(const char *path, const co_versions *versions,
                                      const co_model *model)
{
    co_file *file = NULL;
    if (!co_versions_before(versions, versions->newest)) return CO_OK;
    CO_TRY(co_file_open(path, "cohort-checkpoint", false, &file));
    const co_status st = read_versions(file, versions, co_model_size(model));
    co_file_close(file);
    return st;
}
