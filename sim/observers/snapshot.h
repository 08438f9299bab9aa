/* sim/observers/snapshot.h - what a run needs to go on to the same bits: model, server state,
 * round, digests.
 *
 * ckpt-%08d.h5 in output.dir; written by rank 0 through the one mechanism of io/files/file.h, so
 * that none is ever half written under its name. The newest good one is found by verification and
 * by the round inside, not by name. */
#pragma once
#include "models/model.h"
#include "sim/experiment/experiment.h"
#include "sim/stages/private.h"
#include "sim/devices/state.h"
#include "sim/versions.h"

/* What is stored. Vectors are whole (on rank 0), borrowed. */
typedef struct {
    int64_t round;
    uint64_t model_digest;
    float *model;     /* [size]; read: holds the first model, for tensors that are left out */
    const char *base; /* where frozen tensors come from, which are left out; NULL: they are not */
    co_versions *versions; /* those before it, where the planner needs them; NULL: none */
    size_t n_slots;
    const char *const *slot_name;
    float *const *slot; /* [n_slots][size] */
    co_state *state;    /* what devices keep, written row by row, put row by row */
    int64_t rounds;     /* of the experiment: behind the last one no state is read */
    const char *const *state_name;
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
/* Path and round of the newest good checkpoint in dir; damaged ones are named in a warning and
 * skipped. *path NULL when there is none. *n_damaged counts those skipped. New block. Local. */
co_status co_checkpoint_find(const char *dir, char **path, int64_t *round, size_t *n_damaged);
/* The experiment text stored in it: new block. Local. */
co_status co_checkpoint_config(const char *path, char **config);
/* Reads model and slots into the snapshot's vectors; tensors must fit the model by name and shape,
 * the digest of the model must hold, and that of tensors that were left out (CO_EUSAGE). Local. */
co_status co_checkpoint_read(const char *path, co_snapshot *snapshot, const co_model *model);
/* Model alone, for model.init: a checkpoint, a file made by hand with model/<tensor> datasets, or a
 * folder or file of safetensors with the model's names, also with PEFT's prefix. Tensors that a
 * checkpoint left out are read or drawn again where they came from. Local. */
co_status co_checkpoint_read_model(const char *path, const co_model *model, float *params);
/* Of the tensors that are wanted, [n_tensors], those that the file or folder (as above) holds; the
 * others keep their values. CO_EDATA: one of another shape, or not finite; a change of low rank for
 * a layer that has none in the model. Local. */
co_status co_checkpoint_read_part(const char *path, const co_model *model, const bool *wanted,
                                  float *params, size_t *n_read);
/* True when the name is one that a run writes: run.h5, ckpt-NNNNNNNN.h5, best.h5, experiment.yaml.
 */
bool co_is_run_file(const char *name);
/* CO_EUSAGE when one of the inputs (NULL allowed) is a file of a run in dir, under whatever link: a
 * new run there would remove it. Local. */
co_status co_output_spares(const char *dir, const char *const *inputs, size_t n_inputs);
/* Whether dir holds a run file or a checkpoint; CO_EFILE when dir is no folder or cannot be read.
 * Local. */
co_status co_output_exists(const char *dir, bool *exists);
/* Removes what a run writes there, nothing else. Local. */
co_status co_output_remove(const char *dir);
/* Removes temporaries that a killed writer left there. Only when no other run writes to dir. Local.
 */
co_status co_output_sweep(const char *dir);
