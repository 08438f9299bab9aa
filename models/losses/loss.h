/* models/losses/loss.h - kind loss: how far an output is from its target, and which way is nearer.
 *
 * A task (models/tasks/) names the losses that it can be trained with; the first one is its
 * default, another is chosen by `model.loss`, whose options stand beside it. The loss of a batch is
 * the mean over its rows. A target is a class or a value for every output, so a member has one of
 * two functions, or both. A NaN among the outputs makes the row's loss NaN, one that is infinite an
 * infinite or NaN loss: that is how a device that has diverged is noticed.
 *
 * Adding one: a file models/losses/<name>.c with the table co_loss_<name>, and a line in list.h.
 * squared.c is the simplest. */
#pragma once
#include "core/config.h"

typedef struct {
    double loss;
    size_t best; /* the largest output, the first of equal ones; n when an output is no number */
} co_row_loss;

enum { CO_LOSS_ROWS = 32 }; /* most rows of a call */

/* Both functions: rows [rows][n] of outputs o, at most CO_LOSS_ROWS; d[rows][n] (NULL: not wanted)
 * = the gradient of the row's loss by its outputs, divided by n_rows, the rows of the batch. Local;
 * allocates nothing. */
typedef struct {
    CO_PLUGIN_FIELDS;
    co_status (*create)(const co_config *opt,
                        void **self); /* Local. NULL: no options, self is NULL */
    void (*destroy)(void *self);      /* NULL allowed */
    /* Targets y[rows] are classes, or -1: the row is not scored, so that loss and gradient are 0
     * and best is n, whatever its outputs; another one outside [0, n) is a bug. NULL: takes values
     * alone. */
    void (*of_classes)(const void *self, size_t rows, size_t n, const float *o, const int32_t *y,
                       size_t n_rows, float *d, co_row_loss *result);
    /* Targets t[rows][n] are values. probabilities: t in [0, 1]. NULL: takes
     * classes alone. */
    void (*of_values)(const void *self, size_t rows, size_t n, const float *o, const float *t,
                      size_t n_rows, float *d, double *loss);
    bool probabilities;
} co_loss;

extern const co_kind co_kind_loss;
const co_loss *co_loss_find(const char *name); /* NULL with a message */

/* A loss with what its options made of it. */
typedef struct {
    const co_loss *loss;
    void *self;
    bool chain; /* the outputs are those of a layer that chains (layer.h), which has the loss */
} co_criterion;

/* The loss that `loss` in the checked section opt (`model`) names, or the first of known[], the
 * names a task can be trained with (ends with NULL). CO_EUSAGE for another one; CO_ENOMEM. Local.
 */
co_status co_criterion_init(co_criterion *criterion, const co_config *opt, const char *task,
                            const char *const *known);
void co_criterion_fini(co_criterion *criterion); /* zeroed allowed */
