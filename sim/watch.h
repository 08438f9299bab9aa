/* sim/watch.h - requests to stop, and a watchdog over progress.
 *
 * SIGUSR1 (mpirun and srun pass it on) and SIGTERM ask for a stop: the ranks agree at the end of
 * the round, write a checkpoint and leave with exit code 75. A round that is still running
 * CO_STOP_PATIENCE_S after the request is given up; the checkpoint is then of the round before.
 * stop.walltime asks in the same way. The watchdog ends a rank that makes no progress for 20 x the
 * median round, at least 60 s, with a message that names it. All calls are Local; one run at a time
 * per process.
 *
 * A campaign starts its own watch around those of its runs: the handlers then stay between two
 * runs, and a request that comes there is not lost. */
#pragma once
#include "core/status.h"
#include <stdint.h>

enum { CO_STOP_PATIENCE_S = 30 };

/* Installs the handlers. walltime_s: seconds from now until a stop is asked for; 0: never. Between
 * start and end another pair may stand, which leaves handlers and requests as they are. */
void co_watch_start(double walltime_s);
void co_watch_end(void); /* handlers and alarm back to what they were */
/* co_watch_progress calls this as well, at most 200 times a second; true is a request to stop.
 * NULL: nobody. */
void co_watch_listen(bool (*wants_stop)(void *self), void *self);

bool co_stop_wanted(void);  /* this rank was asked to stop */
bool co_stop_overdue(void); /* it was asked CO_STOP_PATIENCE_S ago */

/* The phases of a round, for the watchdog: a rank that waits for others is not the one that hangs.
 */
typedef enum { CO_WATCH_OFF, CO_WATCH_WORKING, CO_WATCH_WAITING } co_watch_phase;
/* Progress was made: the alarm starts anew. Cheap: calls alarm() at most once a second. round -1:
 * as before. */
void co_watch_progress(co_watch_phase phase, int64_t round);
/* Tells how long the last round took, from which the patience follows. */
void co_watch_round(double seconds);
