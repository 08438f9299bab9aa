/* core/log.h - what the user sees while a command works. Rank 0 alone speaks, on stderr; results go
 * to stdout by printf. Where several runs go on at once, the first rank of each warns as well.
 * Local.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What this process says from now on. At first rank 0 says all, the others nothing. */
typedef enum {
    CO_VOICE_NONE,
    CO_VOICE_WARNINGS, /* each names the run (co_status_set_run) */
    CO_VOICE_ALL
} co_voice;
void co_log_set_voice(co_voice voice);
bool co_log_speaks(void); /* this process says all */

/* Only where the voice is CO_VOICE_ALL. */
void co_log(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* "warning: " before it; each distinct text is printed once by a process. */
void co_warn(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A progress display. On a terminal one line that is rewritten, else plain lines with growing
 * pauses. COHORT_PROGRESS=line|plain|off overrides; under mpirun the launcher's own output decides.
 */
typedef struct {
    double start_s, last_s, pause_s;
    int mode; /* 0 off, 1 one line, 2 plain */
    int64_t first;
    size_t shown; /* width of the line on the terminal now */
} co_progress;
void co_progress_start(co_progress *progress, int64_t first);
/* done of total steps; text says more ("round 12/200 accuracy 0.81"). Prints at most 10 times a
 * second. */
void co_progress_step(co_progress *progress, int64_t done, int64_t total, const char *text);
/* Ends the line and leaves the last text standing. */
void co_progress_end(co_progress *progress);
/* "1 h 02 min", "3 min 10 s", "4.1 s" into text[size]. */
void co_format_seconds(double seconds, char *text, size_t size);
/* "1.2346"; of a loss that there is not (NaN), as of a step without a result, "none". */
void co_format_loss(double loss, char *text, size_t size);
/* "1.6 MiB" into text[size]. */
void co_format_bytes(double bytes, char *text, size_t size);
double co_now_s(void); /* monotonic clock, seconds */
