/* sim/observers/progress.c - the line on the terminal: round, training loss, newest metric. */
#include "core/log.h"
#include "core/memory.h"
#include "sim/run.h"
#include <math.h>
#include <stdio.h>

static co_status create(co_run *run, void **self)
{
    if (run->comm->rank != 0) return CO_OK;
    *self = co_calloc(1, sizeof(co_progress));
    return *self ? CO_OK : CO_FAIL(CO_ENOMEM, "progress");
}

static co_status begin(void *self, co_run *run)
{
    co_progress_start(self, run->round);
    return CO_OK;
}

/* ", at 3 h 20 min" of virtual time. */
static void say_time(const co_run *run, char *text, size_t size)
{
    char seconds[32];
    co_format_seconds(1e-9 * (double)run->time, seconds, sizeof seconds);
    snprintf(text, size, ", at %s", seconds);
}

static co_status step(void *self, co_run *run)
{
    const co_table *t = &run->record.rounds;
    const int column = co_table_find(t, "train_loss");
    const int64_t rounds = run->experiment->rounds;
    char text[200], metric[64] = "", time[48] = "", trained[32];
    double loss, value;
    co_record_newest(&run->record, &loss, &value);
    if (!isnan(value))
        snprintf(metric, sizeof metric, ", test %s %.4f", run->task->metrics[0].name, value);
    if (co_is_timed(run->experiment)) say_time(run, time, sizeof time);
    co_format_loss(t->n_rows ? co_table_get_f64(t, t->n_rows - 1, (size_t)column) : NAN, trained,
                   sizeof trained);
    snprintf(text, sizeof text, "round %lld/%lld%s, train loss %s%s", (long long)run->round,
             (long long)rounds, time, trained, metric);
    co_progress_step(self, run->ending == CO_DONE ? rounds : run->round, rounds, text);
    return CO_OK;
}

static co_status end(void *self, co_run *run)
{
    (void)run;
    co_progress_end(self);
    return CO_OK;
}

/* Also of a run that was over before it began. */
static void destroy(void *self)
{
    if (self) co_progress_end(self);
    co_free(self);
}

const co_observer co_observer_progress = {.name = "progress",
                                          .summary = "the line on the terminal",
                                          .create = create,
                                          .destroy = destroy,
                                          .begin = begin,
                                          .step = step,
                                          .end = end};
