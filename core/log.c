/* core/log.c - messages, progress with the time left, readable seconds and bytes. */
#include "core/log.h"
#include "core/status.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static co_progress
    *open_line; /* a progress line on the terminal that a message must not run into */

static int own_voice = -1; /* a co_voice; -1: by the rank */

void co_log_set_voice(co_voice voice)
{
    own_voice = voice;
}

static co_voice voice(void)
{
    if (own_voice >= 0) return (co_voice)own_voice;
    return co_status_rank() == 0 ? CO_VOICE_ALL : CO_VOICE_NONE;
}

bool co_log_speaks(void)
{
    return voice() == CO_VOICE_ALL;
}

static void clear_line(void)
{
    if (open_line && open_line->mode == 1 && open_line->shown)
        fprintf(stderr, "\r%*s\r", (int)open_line->shown, "");
    if (open_line) open_line->shown = 0;
}

void co_log(const char *format, ...)
{
    if (!co_log_speaks()) return;
    clear_line();
    va_list args;
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    fflush(stderr);
}

void co_warn(const char *format, ...)
{
    static uint64_t seen[64];
    static size_t n_seen;
    if (voice() == CO_VOICE_NONE) return;
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    uint64_t hash = 1469598103934665603u; /* FNV-1a */
    for (const char *c = text; *c; c++) hash = (hash ^ (unsigned char)*c) * 1099511628211u;
    for (size_t i = 0; i < n_seen; i++)
        if (seen[i] == hash) return;
    if (n_seen < sizeof seen / sizeof *seen) seen[n_seen++] = hash;
    clear_line();
    const char *subject = voice() == CO_VOICE_WARNINGS ? co_status_run() : NULL;
    fprintf(stderr, "warning: %s%s%s\n", subject ? subject : "", subject ? ": " : "", text);
    fflush(stderr);
}

double co_now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Under mpirun a rank's own stderr is a pipe or a pseudo terminal of the launcher: ask where the
 * launcher writes. */
static bool on_terminal(void)
{
    if (!getenv("OMPI_COMM_WORLD_SIZE")) return isatty(STDERR_FILENO);
    char path[64], target[256];
    snprintf(path, sizeof path, "/proc/%d/fd/2", (int)getppid());
    const ssize_t n = readlink(path, target, sizeof target - 1);
    if (n <= 0) return false;
    target[n] = 0;
    return strncmp(target, "/dev/pts/", 9) == 0 || strncmp(target, "/dev/tty", 8) == 0;
}

void co_progress_start(co_progress *progress, int64_t first)
{
    const char *asked = getenv("COHORT_PROGRESS");
    *progress = (co_progress){.start_s = co_now_s(), .pause_s = 0.0, .first = first};
    progress->last_s = progress->start_s - 1.0;
    if (!co_log_speaks() || (asked && strcmp(asked, "off") == 0)) return;
    const bool line = asked && strcmp(asked, "line") == 0,
               plain = asked && strcmp(asked, "plain") == 0;
    progress->mode = line ? 1 : plain ? 2 : on_terminal() ? 1 : 2;
    open_line = progress;
}

void co_progress_step(co_progress *progress, int64_t done, int64_t total, const char *text)
{
    const double now = co_now_s();
    const bool last = done >= total;
    if (!progress->mode) return;
    const double pause = progress->mode == 1 ? 0.1 : progress->pause_s;
    if (!last && now - progress->last_s < pause) return;
    if (last && progress->mode == 1 && now - progress->last_s < 0.0) return;
    progress->last_s = now;
    progress->pause_s = progress->pause_s < 0.5    ? 0.5
                        : progress->pause_s < 60.0 ? 1.3 * progress->pause_s
                                                   : 60.0;
    char left[32] = "";
    const double spent = now - progress->start_s;
    if (done > progress->first && !last) {
        char seconds[24];
        co_format_seconds(spent / (double)(done - progress->first) * (double)(total - done),
                          seconds, sizeof seconds);
        snprintf(left, sizeof left, ", %s left", seconds);
    }
    char line[256];
    const int n = snprintf(line, sizeof line, "%3d %%  %s%s",
                           (int)(total > 0 ? 100 * done / total : 100), text, left);
    const size_t width = n < 0 ? 0 : (size_t)n < sizeof line ? (size_t)n : sizeof line - 1;
    if (progress->mode == 2)
        fprintf(stderr, "%s\n", line);
    else
        fprintf(stderr, "\r%s%*s", line,
                progress->shown > width ? (int)(progress->shown - width) : 0, "");
    progress->shown = width;
    fflush(stderr);
}

void co_progress_end(co_progress *progress)
{
    if (progress->mode == 1 && progress->shown) fputc('\n', stderr);
    fflush(stderr);
    progress->shown = 0;
    progress->mode = 0;
    if (open_line == progress) open_line = NULL;
}

void co_format_loss(double loss, char *text, size_t size)
{
    if (loss != loss)
        snprintf(text, size, "none");
    else
        snprintf(text, size, "%.4f", loss);
}

void co_format_seconds(double seconds, char *text, size_t size)
{
    if (seconds < 10.0)
        snprintf(text, size, "%.1f s", seconds);
    else if (seconds < 100.0)
        snprintf(text, size, "%.0f s", seconds);
    else if (seconds < 6000.0)
        snprintf(text, size, "%d min %02d s", (int)seconds / 60, (int)seconds % 60);
    else if (seconds < 4 * 86400.0)
        snprintf(text, size, "%lld h %02d min", (long long)seconds / 3600,
                 (int)((int64_t)seconds / 60 % 60));
    else
        snprintf(text, size, "%lld days %lld h", (long long)seconds / 86400,
                 (long long)seconds / 3600 % 24);
}

void co_format_bytes(double bytes, char *text, size_t size)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    size_t u = 0;
    while (bytes >= 1024.0 && u + 1 < sizeof units / sizeof *units) bytes /= 1024.0, u++;
    snprintf(text, size, u == 0 ? "%.0f %s" : "%.1f %s", bytes, units[u]);
}
