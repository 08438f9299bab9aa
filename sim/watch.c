/* sim/watch.c - signal handlers that only set flags, and an alarm.
 * The median is that of the last 32 rounds. For tests COHORT_WATCHDOG_S overrides the least
 * patience of 60 s, COHORT_STOP_S the 30 s that a round may go on after a request. */
#include "sim/watch.h"
#include "core/log.h"
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { RING = 32, FIRST_ROUND_S = 3600 };
static const double LISTEN_S = 0.005; /* pause between two questions to the listener */

static volatile sig_atomic_t asked, waiting, second_alarm;
static bool expired; /* the run at hand has had its time */
static double asked_s, deadline_s, armed_s;
static double ring[RING];
static size_t n_rounds;
static unsigned patience_s, stop_patience_s;
static volatile int64_t current_round;
static struct sigaction old_usr1, old_term, old_alarm;
static int depth;       /* of starts without their end */
static unsigned left_s; /* of an alarm that the process had set before */
static bool (*listener)(void *);
static void *listener_self;
static double listened_s;

static void on_request(int signal_number)
{
    (void)signal_number;
    asked = 1;
}

/* Digits of n; returns how many. snprintf may not be called in a signal handler. */
static size_t put_number(char *text, uint64_t n)
{
    char digits[20];
    size_t m = 0;
    do digits[m++] = (char)('0' + n % 10);
    while ((n /= 10) != 0);
    for (size_t k = 0; k < m; k++) text[k] = digits[m - 1 - k];
    return m;
}

static size_t put_text(char *text, const char *what)
{
    const size_t n = strnlen(what, 200);
    memcpy(text, what, n);
    return n;
}

/* A rank that waits for others lets the one that hangs speak first; if that one cannot (it is
 * stopped), the lowest of the others. */
static void on_alarm(int signal_number)
{
    (void)signal_number;
    if (waiting && !second_alarm) {
        second_alarm = 1;
        alarm(3 + (unsigned)co_status_rank());
        return;
    }
    char text[512];
    const char *run = co_status_run();
    size_t n = put_text(text, "cohort: rank ");
    n += put_number(text + n, (uint64_t)co_status_rank());
    n += put_text(text + n, ": no progress for ");
    n += put_number(text + n, patience_s);
    n += put_text(text + n, " s in round ");
    n += put_number(text + n, (uint64_t)current_round);
    n += put_text(text + n, run ? " of " : "");
    n += put_text(text + n, run ? run : "");
    n += put_text(text + n, waiting ? " (waiting for other ranks)" : " (working)");
    n += put_text(text + n, run ? "; the same call" : "; --resume");
    n += put_text(text + n, " continues from the last checkpoint\n");
    if (write(STDERR_FILENO, text, n) < 0) _exit(70);
    _exit(70);
}

static unsigned seconds_from(const char *variable, unsigned standard)
{
    const char *text = getenv(variable);
    const int seconds = text ? atoi(text) : 0;
    return seconds > 0 ? (unsigned)seconds : standard;
}

static void install(void)
{
    struct sigaction act = {.sa_handler = on_request, .sa_flags = SA_RESTART};
    struct sigaction bell = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
    asked = 0;
    asked_s = 0.0;
    sigemptyset(&act.sa_mask);
    sigemptyset(&bell.sa_mask);
    sigaction(SIGUSR1, &act, &old_usr1);
    sigaction(SIGTERM, &act, &old_term);
    sigaction(SIGALRM, &bell, &old_alarm);
}

void co_watch_start(double walltime_s)
{
    if (depth++ == 0) {
        left_s = alarm(0);
        install();
    }
    waiting = second_alarm = 0;
    expired = false;
    if (!asked) asked_s = 0.0;
    armed_s = 0.0;
    n_rounds = 0;
    patience_s = seconds_from("COHORT_WATCHDOG_S", FIRST_ROUND_S);
    stop_patience_s = seconds_from("COHORT_STOP_S", CO_STOP_PATIENCE_S);
    deadline_s = walltime_s > 0.0 ? co_now_s() + walltime_s : 0.0;
}

void co_watch_end(void)
{
    if (depth == 0) return;
    alarm(0);
    deadline_s = 0.0;
    expired = false;
    if (--depth > 0) return;
    sigaction(SIGUSR1, &old_usr1, NULL);
    sigaction(SIGTERM, &old_term, NULL);
    sigaction(SIGALRM, &old_alarm, NULL);
    alarm(left_s);
}

void co_watch_listen(bool (*wants_stop)(void *), void *self)
{
    listener = wants_stop;
    listener_self = self;
}

static void ask_listener(void)
{
    const double now = co_now_s();
    if (!listener || now - listened_s < LISTEN_S) return;
    listened_s = now;
    if (listener(listener_self)) asked = 1;
}

bool co_stop_wanted(void)
{
    if (deadline_s > 0.0 && co_now_s() >= deadline_s) expired = true;
    if ((asked || expired) && asked_s == 0.0) asked_s = co_now_s();
    return asked || expired;
}

bool co_stop_overdue(void)
{
    return co_stop_wanted() && co_now_s() - asked_s >= (double)stop_patience_s;
}

void co_watch_progress(co_watch_phase phase, int64_t round)
{
    if (depth == 0) return;
    ask_listener();
    const bool was_waiting = waiting;
    waiting = phase == CO_WATCH_WAITING;
    if (round >= 0) current_round = round;
    if (phase == CO_WATCH_OFF) {
        alarm(0);
        armed_s = 0.0;
        return;
    }
    const double now = co_now_s();
    if (now - armed_s < 1.0 && was_waiting == (bool)waiting) return;
    armed_s = now;
    second_alarm = 0;
    alarm(patience_s);
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

void co_watch_round(double seconds)
{
    double sorted[RING];
    ring[n_rounds++ % RING] = seconds;
    const size_t n = n_rounds < RING ? n_rounds : RING;
    memcpy(sorted, ring, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, by_value);
    const double wanted = 20.0 * sorted[n / 2];
    const unsigned least = seconds_from("COHORT_WATCHDOG_S", 60);
    patience_s = wanted > (double)least ? (unsigned)wanted + 1 : least;
}
