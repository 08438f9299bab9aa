/* sim/play.h - one run of an experiment, from the look into its output folder to the last file. */
#pragma once
#include "core/comm.h"
#include "sim/experiment/experiment.h"

/* Results depend on the kernels and on the BLAS core: all ranks take the best kernels that all
 * have; ranks that differ in the core are refused (CO_EUSAGE). Once a job, before its first run.
 * Collective(comm). */
co_status co_blas_agree(const co_comm *comm);

/* Gives every rank rank 0's text, in a new block; *text NULL when there is none. CO_ENOMEM.
 * Collective(comm). */
co_status co_broadcast_text(char **text, const co_comm *comm);

/* What becomes of a run that stands in the output folder already; none of them: refused. */
typedef struct {
    bool resume;    /* goes on from its newest good checkpoint; a finished one is left as it is */
    bool overwrite; /* removes its files first */
    bool dry_run;   /* trains nothing: checks all, prints what the run will take */
} co_play_mode;

/* Plays a checked experiment to its end. The folder is locked meanwhile. Collective(comm).
 * CO_EUSAGE when the output exists, CO_EDATA without a good checkpoint, CO_EDIVERGED, CO_ESTOPPED
 * after a request to stop; else what data, partition and files give. */
co_status co_play(co_experiment *experiment, co_play_mode mode, const co_comm *comm);
