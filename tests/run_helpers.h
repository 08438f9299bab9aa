/* tests/run_helpers.h - an experiment from YAML text, run in this process. */
#pragma once
#include "sim/run.h"

/* Loads, creates and plays the experiment in its output.dir (emptied first); the run is left open
 * for looking at. */
co_status play_text(const char *yaml, const co_comm *comm, co_experiment *experiment, co_run *run);
/* The same on a data set, into the folder out, without checkpoints and evaluations: yaml is the
 * rest. Whether it went well; else the message is told and counted. Collective(comm). */
bool play_on(const char *data, const char *yaml, const char *out, const co_comm *comm,
             co_experiment *experiment, co_run *run);
void close_run(co_experiment *experiment, co_run *run);
/* A small labelled data set of n examples with `features` float features (Gaussian blobs of c
 * classes), every fifth an example of split 1, written to path. */
co_status write_blobs(const char *path, int64_t n, size_t features, size_t classes, uint64_t seed);
/* n texts of 0 to 30 tokens out of 17, by 9 users of unequal size, every fifth of split 1, every
 * seventh empty; tagging: of two types of entities, which the token mostly decides. */
co_status write_texts(const char *path, int64_t n, co_data_task task, uint64_t seed);
/* x of all ranks together. Collective(comm). */
double sum_of_ranks(double x, const co_comm *comm);
/* The last row of a table that rank 0 holds, on all ranks. Collective(comm). */
double last_value(const co_table *table, const char *column, const co_comm *comm);
