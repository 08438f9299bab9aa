/* sim/devices/population_private.h - what the files population*.c share among themselves. */
#pragma once
#include "sim/devices/population.h"

/* Reads or makes the partition on node rank 0, and places its lists for the node. The data are
 * loaded. Collective(comm). */
co_status co_population_place_partition(const co_experiment *experiment, co_population *population,
                                        const co_comm *comm);
/* What devices keep (devices.memory, period_rounds); CO_EUSAGE unless the keys of periods and a
 * partition in periods come together. Puts the splits in the order of arrival. Local. */
co_status co_population_read_memory(const co_experiment *experiment, co_population *population);
/* Order of ids for qsort_r: by arrival, then id. period: int32_t of each example. */
int co_by_arrival(const void *a, const void *b, void *period);
/* How many of ids[n], by arrival, arrive before the period. */
int64_t co_population_before(const co_population *population, const int64_t *ids, int64_t n,
                             int64_t period);
/* What the device holds now: *n ids of the data set, borrowed until the next call. Local. */
const int64_t *co_population_held(const co_population *population, int64_t device, int64_t *n);

/* Devices from the experiment's generator. Collective(comm). */
co_status co_population_open_generator(const co_experiment *experiment, bool central,
                                       co_population *population, const co_comm *comm);
/* A drawn device's examples to train on; those of its test part, which come after them. */
int64_t co_population_drawn_examples(const co_population *population, int64_t device);
int64_t co_population_drawn_tests(const co_population *population, int64_t device);
/* Draws the device's examples, unless it is the one at hand. CO_ENOMEM. Local. */
co_status co_population_draw(co_population *population, int64_t device);
/* Up to n test examples from place `at` of all devices' on, those of one device, to place `to` of
 * examples, where room is; *m: how many. CO_ENOMEM. Local. */
co_status co_population_copy_drawn(co_population *population, int64_t at, size_t n,
                                   co_examples *examples, size_t to, size_t *m);
