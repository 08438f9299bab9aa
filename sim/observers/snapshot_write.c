/* sim/observers/snapshot_write.c - checkpoints written and published. */
#include "core/memory.h"
#include "core/text.h"
#include "models/kernel_path.h"
#include "sim/observers/left_out.h"
#include "sim/observers/run_files.h"
#include "sim/observers/snapshot.h"
#include "sim/observers/snapshot_private.h"
#include <stdio.h>
#include <string.h>

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
    if (s->base) CO_TRY(co_left_out_write(file, s->base, model, s->model));
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

/* versions/<k>: the model k steps before, where it is still needed. */
static co_status write_versions(co_file *file, const co_snapshot *s, size_t n)
{
    const co_extent extent = {.type = CO_F32, .ndim = 1, .dim = {n}};
    const co_old_version *old = s->versions ? co_versions_before(s->versions, s->round) : NULL;
    for (; old; old = co_versions_before(s->versions, old->version)) {
        char name[CO_NAME + 16];
        snprintf(name, sizeof name, "versions/%lld", (long long)(s->round - old->version));
        CO_TRY(co_file_write(file, name, &extent, old->value));
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
    if (s->privacy) CO_TRY(co_checkpoint_write_privacy(file, s->privacy));
    if (s->budget) CO_TRY(co_checkpoint_write_budget(file, s->budget));
    if (s->keeps) CO_TRY(co_checkpoint_write_kept(file, s->keeps));
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
    return co_checkpoint_prune(dir, keep, s->round);
}

co_status co_checkpoint_write_best(const char *dir, const co_snapshot *s, const co_model *model,
                                   uint64_t seed, const char *config, const char *source)
{
    co_snapshot bare = *s;
    bare.n_slots = 0;
    bare.versions = NULL;
    bare.keeps = NULL;
    bare.state = NULL;
    bare.privacy = NULL;
    bare.budget = NULL;
    return publish_take(co_format("%s/best.h5", dir), &bare, model, seed, config, source);
}
