/* sim/step.h - the devices' half of a step on this rank: work, stages, wire. */
#pragma once
#include "sim/run.h"

/* What each device is sent and sends, in bytes. Local; Same on all ranks: everything. */
void co_step_declare(co_run *run);
/* Works on this rank's devices of the plan, one to completion before the next, and puts what they
 * give on the wire. Collective(comm) where the aggregator weighs devices by their losses, else
 * Local; returns this rank's own status, which the step's reduction carries to the others. */
co_status co_step_work(co_run *run, double lr);
