/* sim/work/work.h - kind work: what a device does when the plan asks it.
 *
 * A work reads the device's examples and gives a contribution: spans of vectors (update of the
 * model, change of a vector of the bank), exact sums, bytes; its weight stands in the plan's row.
 * It knows one device at a time, and nothing of one is left for the next. All draws are keyed by
 * (seed, step, device). Adding one: a file sim/work/<name>.c with the table co_work_<name>, and a
 * line in list.h; measure.c is the simplest. */
#pragma once
#include "aggregators/aggregator.h"
#include "core/exact.h"
#include "sim/work/workplace.h"

/* What a device receives. n, whole: of the model's co_layout. Borrowed. */
typedef struct {
    int64_t step;
    double lr;
    const float *version; /* [whole] the model that it starts from, what is trained of it; */
    const float *frozen;  /* [whole] a model that holds the rest */
    const float *beside;  /* [n] the vector of the bank that its local rule reads; NULL without */
    float *const *state;  /* [slots][n] what its local rule keeps on the device; then, where tensors
                             are personal, how far they are from the version */
    const co_sum_slice *slice; /* [n_slices] sums to which the update is added, times the row's
                                  coefficient, while it is formed; NULL: the caller does that */
    size_t n_slices;
} co_request;

/* A span of a vector that a contribution adds to. */
typedef struct {
    size_t into, first,
        n;         /* vector of the bank (CO_INTO_MODEL ..); coordinates [first, first + n) */
    float *value;  /* [n], for the stages to change */
    bool is_added; /* to the request's sums: value is nothing any more */
} co_piece;
enum { CO_MAX_PIECES = 2 };

/* What a device gives: the work's own memory, good until its next device. */
typedef struct {
    size_t n_pieces;
    co_piece piece[CO_MAX_PIECES];
    const double *sums; /* [n_sums of the task] loss and metrics; exact sums over the devices that
                           report */
    double term;        /* what the row counts for in the sum of terms (co_aggregator.report) */
    co_device_report report; /* all but the loss, which a measuring pass gives */
} co_given;

typedef struct {
    CO_PLUGIN_FIELDS;
    /* Local. place is shared with the other works and outlives this one. */
    co_status (*create)(co_workplace *place, void **self);
    void (*destroy)(void *self);       /* NULL allowed */
    size_t (*bytes)(const void *self); /* memory beside the workplace. NULL: next to none */
    /* Bytes of the vectors that a device is sent and sends, before the stages. NULL: none. */
    void (*traffic)(const void *self, int64_t *down, int64_t *up);
    /* Sets the row's outcome (CO_NONFINITE when what it gives has a NaN or Inf: then the device's
     * state is not to be kept), loss and update_norm; where a part is_added also saturated.
     * CO_ENOMEM; CO_ESTOPPED when the step is given up half way (sim/watch.h). Local. */
    co_status (*perform)(void *self, const co_request *request, co_plan_row *row, co_given *given);
} co_work;

extern const co_kind co_kind_work;
const co_work *co_work_find(const char *name);

/* All members, made. */
enum { CO_MAX_WORKS = 16 };
typedef struct {
    size_t n;
    const co_work *work[CO_MAX_WORKS];
    void *self[CO_MAX_WORKS];
} co_works;
co_status co_works_create(co_works *works, co_workplace *place); /* Local */
void co_works_destroy(co_works *works);
size_t co_works_bytes(const co_works *works);
/* A member's position in the list, as plan rows carry it. */
size_t co_work_index(const char *name);
