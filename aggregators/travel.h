/* aggregators/travel.h - what travels of a vector, block by block of the model's grid.
 *
 * A walk goes through a device's whole update or a server's slice of the sum: both are whole blocks
 * of CO_BLOCK coordinates of the model's vector, so that what works on a block by itself, keyed by
 * its offset, is the same on a device and on whatever rank owns the block. All calls are Local. */
#pragma once
#include "core/vector.h"
#include "models/model.h"

typedef struct {
    /* The block at hand. */
    size_t offset, at, size; /* its place in the model's vector and in the one walked through */
    size_t n;                /* coordinates of it that travel; above 0 */
    const co_part *run;      /* [n_runs] where they are, cut to the block by co_walk_run */
    size_t n_runs;
    /* What is to come. */
    const co_part *part, *part_end, *span, *span_end;
    size_t done;
} co_walk;

/* part[n_parts]: where the vector's coordinates stand in the model's, ascending. layout NULL:
 * everything travels. */
co_walk co_walk_begin(const co_layout *layout, const co_part *part, size_t n_parts);
/* To the next block of which something travels; false behind the last. */
bool co_walk_next(co_walk *walk);
/* Run k of the block: its first place in the vector walked through; *n coordinates. */
size_t co_walk_run(const co_walk *walk, size_t k, size_t *n);
/* The block's travelling values side by side, [walk->n] of so many bytes each: in x itself where
 * they stand that way, else copied into room[CO_BLOCK]. */
void *co_walk_pack(const co_walk *walk, void *x, size_t bytes, void *room);
/* Back to where they came from, when they were copied. */
void co_walk_unpack(const co_walk *walk, const void *packed, size_t bytes, void *x);
/* Coordinates that travel in all. */
size_t co_walk_count(const co_layout *layout, const co_part *part, size_t n_parts);
