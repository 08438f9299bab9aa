/* cli/plot.h - pictures of run files. */
#pragma once
#include "core/status.h"

/* Has cohort.plots draw run files into PICTURE.png and .svg, in a process of its own. CO_EFILE when
 * it fails. Local. */
co_status co_plot_runs(const char *const *files, size_t n_files, const char *picture);
