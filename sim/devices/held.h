/* sim/devices/held.h - which of the examples that have arrived a device still has.
 *
 * What a device remembers (devices.memory) and, with devices.replay, how much of that it looks at
 * again beside what is new:
 *
 *   all, window, fifo: one piece of its list, which stands in the order of arrival (period, id);
 *   reservoir: `capacity` of all that came, each subset equally likely. Example number i (from 0)
 *     takes place i while there is room, then a place drawn from 0 .. i if that is one. Vitter, ACM
 *     TOMS 11, 1985, algorithm R.
 *   balanced: the same where all classes have as many places, as far as they have examples: the
 *     class-balancing reservoir of Chrysakis and Moens, ICML 2020, algorithm 1. A class is full
 * once it was one of the largest in a full memory. An example of a class that is not takes the
 * place of a drawn one of a largest class; of a full class, with probability m / n (m: of that
 * class in memory, n: that came so far, this one included), that of a drawn one of its own.
 *
 * Without replay the memory has what is new as well, and a device trains on it. With replay: r the
 * memory is of earlier periods, all that is new is there, and of what a device trains on in a step
 * a share r is drawn from the memory, anew for every step: ceil(r / (1 - r) n_new) or as many as
 * there are; all of them when nothing is new. replay_select: random; balanced, which takes one
 * example of each class in turn; or coordinated over devices, by Efraimidis and Spirakis (2006)
 * with weights 1 / (examples of the class in the memories of all devices), so that what all devices
 * replay is balanced, where the server tells them those counts once a period. Coordinated selection
 * for federated replay: Good et al., EMNLP 2023, arXiv:2310.15054, who match gradients; we match
 * classes.
 *
 * What a device has is a function of (seed, device, period, step): nothing of it is kept for any
 * device, and no checkpoint has it. Cost: O(log examples) to know how many; reservoir and replay
 * O(examples of the device) to list them, balanced O(examples x capacity) at worst, coordinated
 * that of all devices once a period. Memory per rank: 24 bytes an example of the largest device. */
#pragma once
#include "core/status.h"
#include "sim/experiment/experiment.h"

typedef struct co_population co_population;

typedef enum {
    CO_MEMORY_ALL,
    CO_MEMORY_WINDOW,
    CO_MEMORY_FIFO,
    CO_MEMORY_RESERVOIR,
    CO_MEMORY_BALANCED
} co_held_kind;
typedef enum { CO_REPLAY_RANDOM, CO_REPLAY_BALANCED, CO_REPLAY_COORDINATED } co_replay;

typedef struct {
    co_held_kind kind;
    int64_t window, capacity; /* periods, examples; INT64_MAX where none is asked for */
    double share;             /* replay; 0: none */
    co_replay select;
    size_t n_classes; /* where classes matter, else 0 */
    /* the list at hand */
    int64_t device, period, step; /* whose; device -1: none */
    int64_t n, room, *ids;        /* [room] examples of the data set */
    int64_t *order;               /* [room] of the memory's examples, their rank within a class */
    double *key;                  /* [room] */
    int64_t *stored, *seen;       /* [n_classes] in the memory; that came */
    bool *full;                   /* [n_classes] */
    int64_t *all, all_period;     /* [n_classes] in the memories of all devices in that period */
} co_held;

/* What the experiment asks for, with room for the lists of the population's largest device.
 * CO_EUSAGE: classes are asked of data without them. Local. */
co_status co_held_create(const co_experiment *experiment, const co_population *population,
                         co_held **memory);
void co_held_destroy(co_held *memory);
size_t co_held_bytes(const co_held *memory); /* NULL: 0 */
/* "reservoir of 20 examples, 50 % of a batch replayed from it", into text[size]. */
void co_held_describe(const co_held *memory, char *text, size_t size);

/* How many examples the device has to train on in the population's period. Local. */
int64_t co_held_count(const co_population *population, int64_t device);
/* Which: ids of the data set, *n of them, borrowed until the next call. Local. */
const int64_t *co_held_list(const co_population *population, int64_t device, int64_t *n);
