/* sim/observers/observer.h - kind observer: watches a run, and never changes what is trained.
 *
 * Members act in the order of the list: rows of the run file first, then what measures the new
 * version, then what decides whether the run goes on, then files. A member may add columns to the
 * table eval of the run file, with unit and better direction: show, compare and plot need no more.
 * It may end the run, and it may ask for exact sums over the devices of a step. Adding one: a file
 * sim/observers/<name>.c with the table co_observer_<name>, and a line in list.h; divergence.c is
 * the simplest, central.c has columns of eval, and tests/probes/wobble.c is the shortest that has
 * one. A column that every run gets changes every golden hash of eval: an `except column NAME` line
 * in tests/golden/cases.txt leaves it out. */
#pragma once
#include "sim/observers/record.h"
#include "sim/work/work.h"

typedef struct co_run co_run; /* sim/run.h: all there is to see */

/* How a run stands. */
typedef enum { CO_GOES_ON, CO_DONE, CO_STOPPED, CO_DIVERGED, CO_FAILED } co_ending;

/* Exact sums in the step's reduction: a member notes where its own begin and adds how many. */
typedef struct {
    size_t n_counts, n_scalars;
} co_needs;

typedef struct {
    CO_PLUGIN_FIELDS;
    /* What the member keeps; left NULL when it has nothing to see in this run: then nothing else of
     * it is called. Refuses what the experiment asks and the run cannot give. Local. */
    co_status (*create)(co_run *run, void **self);
    void (*destroy)(void *self);
    /* Columns of eval, besides round, split, scope and n. Called before create, and whether or not
     * the member takes part: a table is the same whenever the experiment is, so experiment and task
     * decide, not the population or the model. NULL: none. Local. */
    void (*columns)(const co_run *run, co_eval_columns *columns);
    void (*needs)(void *self, const co_run *run, co_needs *needs); /* NULL: none. Local */
    /* After rank 0 has read a checkpoint and the rows of the run file before it. NULL: nothing.
     * Collective(comm). */
    co_status (*load)(void *self, co_run *run);
    /* Before the first step of this start: with run->round 0 the time for what is told of the first
     * model; behind a resume its row is there. NULL: nothing. Collective(comm). */
    co_status (*begin)(void *self, co_run *run);
    /* A device that reported, on the rank that asked it. NULL: nothing. Local. */
    void (*see)(void *self, co_run *run, const co_plan_row *row, const co_given *given);
    /* After a step: run->round is the new version. May set run->ending, and run->late, where it is
     * CO_OK, to an error of rank 0, which then reaches all. NULL: nothing. Collective(comm). */
    co_status (*step)(void *self, co_run *run);
    /* Once, when the loop is left, by run->ending. NULL: nothing. Collective(comm); Local when it
     * is CO_FAILED. */
    co_status (*end)(void *self, co_run *run);
} co_observer;

extern const co_kind co_kind_observer;
const co_observer *co_observer_find(const char *name);

/* All members of a run, by their place in the list. */
enum { CO_MAX_OBSERVERS = 32 };
typedef struct {
    void *self[CO_MAX_OBSERVERS]; /* NULL: takes no part */
} co_observers;

/* Each as the member's function of that name says; the first error ends the walk, but that of
 * `end`, which all hear. step also ends it when the run has diverged. */
void co_observers_columns(const co_run *run, co_eval_columns *columns);
co_status co_observers_create(co_run *run);
void co_observers_destroy(co_run *run);
void co_observers_needs(co_run *run, co_needs *needs);
co_status co_observers_load(co_run *run);
co_status co_observers_begin(co_run *run);
void co_observers_see(co_run *run, const co_plan_row *row, const co_given *given);
co_status co_observers_step(co_run *run);
co_status co_observers_end(co_run *run);
