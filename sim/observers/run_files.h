/* sim/observers/run_files.h - the files that runs write to output.dir: what is there, the newest
 * good checkpoint, and what may be removed.
 *
 * The newest checkpoint is found by verification and by the round inside, not by name. */
#pragma once
#include "core/status.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Path and round of the newest good checkpoint in dir; damaged ones are named in a warning and
 * skipped. *path NULL when there is none. *n_damaged counts those skipped. New block. Local. */
co_status co_checkpoint_find(const char *dir, char **path, int64_t *round, size_t *n_damaged);
/* Removes checkpoints of rounds after `newest`, and of the others all but the newest `keep`, by
 * name (names carry the round). Local. */
co_status co_checkpoint_prune(const char *dir, int64_t keep, int64_t newest);
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
