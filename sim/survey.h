/* sim/survey.h - the measuring pass before a step, for selectors that go by the losses of the
 * newest version. */
#pragma once
#include "sim/run.h"

/* Where the selector asks for one: *time, of the step's begin, moves on to its end; run->ending is
 * CO_STOPPED when it was given up half way. Collective(comm). */
co_status co_run_survey(co_run *run, int64_t step, int64_t *time);
