/* privacy/accountants/pld_law.h - the law of the privacy loss of one event, and its pessimistic and
 * optimistic form on a grid. Local. */
#pragma once
#include "privacy/accountants/accountant.h"
#include "privacy/accountants/discrete_gaussian.h"

/* Which pair of outputs is compared. REMOVE: with the device against without; ADD: the reverse;
 * BOTH: the pair that dominates a fixed-size sample with one device replaced, in either direction.
 */
typedef enum { CO_REMOVE, CO_ADD, CO_BOTH, CO_N_DIRECTIONS } co_direction;

typedef struct {
    co_noise noise;
    double z, rate;
    co_discrete_gaussian integer; /* noise discrete_gaussian */
} co_loss_law;

/* lower: for a lower bound (matters for vectors of integers alone, which lie between two continuous
 * Gaussians). */
co_status co_loss_law_init(co_loss_law *law, const co_event *event, bool lower);
void co_loss_law_fini(co_loss_law *law);
/* Mass of unsampled loss > t under P and Q, t >= 0. */
void co_loss_law_tail(const co_loss_law *law, double t, double *p, double *q);
/* The t from which on no more than cut is left under P. */
double co_loss_law_reach(const co_loss_law *law, double cut);
/* The highest loss, and the lowest, beyond which the mass is at most cut (REMOVE; for any pair the
 * absolute values bound). */
double co_loss_law_range(const co_loss_law *law, double cut, double *low);

/* The law as atoms on losses of its own, close where it has mass. SPREAD: every cell's mass moves
 * to the two ends so that both outputs keep theirs (an upper bound of the curve); MERGED: every
 * cell is one outcome (a lower bound). */
typedef enum { CO_SPREAD, CO_MERGED } co_loss_form;
typedef struct {
    double *loss, *log_mass;
    size_t n;
    double infinite; /* mass at infinite loss; SPREAD alone */
} co_loss_atoms;
/* At most 4 n_cells + 6 atoms. What lies beyond mass `cut` of the sampled output is one atom, or
 * infinite. */
co_status co_loss_atoms_init(co_loss_atoms *atoms, const co_loss_law *law, co_direction direction,
                             size_t n_cells, double cut, co_loss_form form);
void co_loss_atoms_fini(co_loss_atoms *atoms);

/* Masses of the cells (first + j, first + j + 1] x step of the loss under P and Q; REMOVE. */
typedef struct {
    int64_t first;
    size_t n;
    double step, *p, *q; /* [n] */
    double p_below, q_below, p_above, q_above;
} co_loss_cells;
/* Cells reach so far that what is beyond has mass at most cut at either end, but not below low nor
 * above high. */
co_status co_loss_cells_init(co_loss_cells *cells, const co_loss_law *law, double step, double cut,
                             double low, double high);
void co_loss_cells_fini(co_loss_cells *cells);

/* Probability mass under P at (first + i) x step, and at infinity. */
typedef struct {
    int64_t first;
    size_t n;
    double *mass, infinite;
} co_loss_pmf;
co_status co_loss_pmf_init(co_loss_pmf *pmf, const co_loss_cells *cells, co_direction direction,
                           bool lower);
void co_loss_pmf_fini(co_loss_pmf *pmf);
