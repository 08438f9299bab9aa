/* sim/selectors/queue.h - devices by a key, the best one first, and only as many as are asked
 * for. What selectors share that rank all devices. Local. */
#pragma once
#include "core/random.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
    double key;
    int64_t device;
} co_queued;

/* Zero-initialised is empty. */
typedef struct {
    size_t n, room;
    co_queued *item; /* [room] */
} co_queue;

/* Room for so many devices. False: no memory. */
bool co_queue_init(co_queue *queue, size_t room);
void co_queue_fini(co_queue *queue);
/* Add devices to an empty queue, in any order; settle; take them by rising key, level ones by
 * their ids; false: there is none left. O(1), O(n), O(log n). */
void co_queue_clear(co_queue *queue);
void co_queue_add(co_queue *queue, double key, int64_t device);
void co_queue_settle(co_queue *queue);
bool co_queue_take(co_queue *queue, co_queued *next);

/* Keys by chance, of a stream by device. */
typedef struct {
    co_stream stream;
    int64_t first; /* of the devices whose words are here; -1: none */
    uint32_t word[256];
} co_queue_chances;

co_queue_chances co_queue_chances_open(const co_stream *stream);
/* A key such that devices by rising key are drawn one by one without replacement, each time with
 * probabilities in proportion to the weights of those that are left: -log(u) / weight, u uniform.
 * weight 0: never before another. Cheap by rising device. Source: Efraimidis and Spirakis 2006,
 * Inf. Process. Lett. 97. */
double co_queue_chance(co_queue_chances *chances, int64_t device, double weight);
