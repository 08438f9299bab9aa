/* sim/step.h - the devices' half of a step, and what makes its result known. */
#pragma once
#include "sim/run.h"

/* After the plan: wire, bank and device state made ready. Local; sends. */
void co_step_open(co_run *run);
/* Works on this rank's devices of the plan, one to completion before the next, and puts what they
 * give through the stages and on the wire. Collective(comm) where the aggregator weighs devices by
 * their losses, else Local; returns this rank's own status. */
co_status co_step_work(co_run *run, double lr);
/* The reduction, with the ranks' status as counts: CO_COUNT_FAILED, CO_COUNT_ABANDONED. When there
 * are none, masks are opened, and device state is kept where the sum can be known.
 * Collective(comm); returns what went wrong with the masks, agreed on. */
co_status co_step_meet(co_run *run, co_status status, co_gathered *met);
/* The new version and the ranks' load to all nodes; the stages' last word. Collective(comm). */
void co_step_gather(co_run *run);
