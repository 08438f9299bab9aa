/* sim/observers/snapshot.h - what a run needs to go on to the same bits: model, server state,
 * round, digests.
 *
 * ckpt-%08d.h5 in output.dir; written by rank 0 through the one mechanism of io/files/file.h, so
 * that none is ever half written under its name. run_files.h finds and removes them. */
#pragma once
#include "models/model.h"
#include "sim/experiment/experiment.h"
#include "sim/stages/charge.h"
#include "sim/devices/budget.h"
#include "sim/devices/state.h"
#include "sim/kept.h"
#include "sim/versions.h"

/* What is stored. Vectors are whole (on rank 0), borrowed. */
typedef struct {
    int64_t round;
    uint64_t model_digest;
    float *model;     /* [size]; read: holds the first model, for tensors that are left out */
    const char *base; /* where frozen tensors come from, which are left out; NULL: they are not */
    co_keeps *keeps;  /* of planner, selector, clock; read: filled in. NULL: none */
    const co_versions *versions; /* those before it that are still needed; read: by a call of its
                                    own. NULL: none */
    size_t n_slots;
    const char *const *slot_name;
    float *const *slot; /* [n_slots][size] */
    co_state *state;    /* what devices keep, written row by row, put row by row */
    int64_t rounds;     /* of the experiment: behind the last one no state is read */
    const char *const *state_name;
    co_budget *budget;         /* of the devices; read: filled in. NULL: none */
    co_private_state *privacy; /* NULL: none; read: what was there, to be taken over */
    char config_digest[33], data_digest[33], partition_digest[33];
} co_snapshot;

/* Writes and publishes (for its owner alone when it holds a key), then removes all but the newest
 * `keep` generations. Local (rank 0). */
co_status co_checkpoint_write(const char *dir, const co_snapshot *snapshot, const co_model *model,
                              uint64_t seed, const char *config, const char *source, int64_t keep);
/* best.h5: the model alone, for model.init and other programs; neither what the server and the
 * devices keep nor a key. Local (rank 0). */
co_status co_checkpoint_write_best(const char *dir, const co_snapshot *snapshot,
                                   const co_model *model, uint64_t seed, const char *config,
                                   const char *source);
/* The experiment text stored in it: new block. Local. */
co_status co_checkpoint_config(const char *path, char **config);
/* Reads model and slots into the snapshot's vectors; tensors must fit the model by name and shape,
 * the digest of the model must hold, and that of tensors that were left out (CO_EUSAGE). Local. */
co_status co_checkpoint_read(const char *path, co_snapshot *snapshot, const co_model *model);
/* Older versions of the model, into those that the resumed run has room for. CO_EDATA when one is
 * missing or has another size. Local (rank 0). */
co_status co_checkpoint_read_versions(const char *path, const co_versions *versions,
                                      const co_model *model);
