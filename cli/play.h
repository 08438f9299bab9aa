/* cli/play.h - what commands make of an experiment or of run files beside their own work. */
#pragma once
#include "cli/commands.h"
#include "sim/experiment/experiment.h"

/* What `cohort run` does with a checked experiment: resume, overwrite or dry run as the words say.
 * Collective(comm). */
co_status co_play(co_experiment *experiment, const co_words *words, const co_comm *comm);
/* Has jobs/plot draw run files into PICTURE.png and .svg, in a process of its own. CO_EFILE when it
 * fails. Local. */
co_status co_plot_runs(const char *const *files, size_t n_files, const char *picture);
