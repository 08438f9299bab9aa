/* privacy/accountants/accountant.h - kind accountant: from what a run released to (epsilon, delta).
 *
 * The unit is one device. An event is one noisy release; a ledger counts the events of a run. The
 * guarantee is a function of the ledger alone: equal events are one row with a count, rows stand in
 * a fixed order, so that neither the order of the rounds nor a stop and a restart changes a digit.
 *
 * Neighbours: fixed-size sampling speaks of replacing one device, Poisson sampling of adding or
 * removing one; an event without sampling fits both. A ledger with both samplings has no common
 * relation and is refused. The noise multiplier is always standard deviation (laplace: scale) /
 * sensitivity under the event's own relation: with contributions clipped to C the sensitivity of
 * their sum is C when one device is added or removed, and 2 C when one is replaced.
 *
 * Adding one: a file privacy/accountants/<name>.c with the table co_accountant_<name>, and a line
 * in list.h. All calls are Local and pure functions of their arguments. */
#pragma once
#include "core/config.h"

typedef enum {
    CO_NOISE_GAUSSIAN,
    CO_NOISE_LAPLACE,
    CO_NOISE_DISCRETE_GAUSSIAN,
    CO_NOISE_DDGAUSS, /* discrete Gaussians, in shares */
    CO_NOISE_SKELLAM, /* likewise */
    CO_N_NOISES
} co_noise;
typedef enum {
    CO_SAMPLING_NONE,
    CO_SAMPLING_POISSON,
    CO_SAMPLING_FIXED,
    CO_N_SAMPLINGS
} co_sampling;
typedef enum { CO_RELATION_ANY, CO_RELATION_ADD_REMOVE, CO_RELATION_REPLACE } co_relation;

typedef struct {
    co_noise noise;
    co_sampling sampling;
    double noise_multiplier; /* >= 0; 0: no noise at all, epsilon is infinite */
    double rate; /* poisson: sampling rate; fixed: cohort / population; none: ignored. In [0, 1] */
    /* Noise of integers: standard deviation in steps of the lattice, for vectors of integers of any
     * length with an L2 sensitivity of lattice_std / noise_multiplier steps. 0: one integer that
     * changes by at most 1. */
    double lattice_std;
    /* Noise in shares: integers of the vector; devices that add a share each, at least. */
    double dim, n_shares;
} co_event;

typedef struct {
    co_event event;
    int64_t count;
} co_ledger_row;

/* Zero-initialised is empty. */
typedef struct {
    co_ledger_row *rows; /* all different, in a fixed order */
    size_t n, capacity;
} co_ledger;

/* CO_EUSAGE when a field is out of its range, or when the relation contradicts the rows before.
 * count >= 0. */
co_status co_ledger_add(co_ledger *ledger, const co_event *event, int64_t count);
void co_ledger_fini(co_ledger *ledger);
co_relation co_ledger_relation(const co_ledger *ledger);
const char *co_noise_text(co_noise noise);          /* "gaussian", .. */
const char *co_sampling_text(co_sampling sampling); /* "none", "poisson", "fixed" */
const char *co_relation_text(co_relation relation); /* "add or remove one", "replace one" */

/* How to account. Zero-initialised: improved conversion, upper bound only, fine grid. */
typedef struct {
    bool classic; /* rdp: the conversion of Mironov 2017 in place of the improved one */
    bool lower;   /* pld: the lower bound as well */
    bool quick;   /* pld: 1/16 of the grid: some ms, still a certified upper bound, looser by about
                     0.1 % */
} co_accounting;

typedef struct {
    double epsilon;       /* upper bound; INFINITY: none */
    double epsilon_lower; /* the true value is not below; NAN when the accountant has none */
    double delta;         /* upper bound */
    double delta_lower;
    double order;      /* of Renyi divergence that gave it; NAN elsewhere */
    const char *bound; /* the accountant whose bound it is: pld answers with the smaller of its own
                          and rdp's. Static */
} co_guarantee;

typedef struct {
    CO_PLUGIN_FIELDS;
    bool has_lower; /* gives certified pairs */
    /* The ledger has events with noise and rate > 0 only, of one relation. delta in [0, 1), epsilon
     * >= 0 finite. */
    co_status (*epsilon)(const co_ledger *ledger, const co_accounting *how, double delta,
                         co_guarantee *out);
    co_status (*delta)(const co_ledger *ledger, const co_accounting *how, double epsilon,
                       co_guarantee *out);
} co_accountant;

extern const co_kind co_kind_accountant;
const co_accountant *co_accountant_find(const char *name);
/* From the accountant's options (see .params), checked. */
co_accounting co_accounting_from(const co_config *opt);

/* epsilon at delta, and delta at epsilon. An empty ledger gives 0, an event without noise INFINITY
 * (delta 1). */
co_status co_account_epsilon(const co_accountant *by, const co_ledger *ledger,
                             const co_accounting *how, double delta, co_guarantee *out);
co_status co_account_delta(const co_accountant *by, const co_ledger *ledger,
                           const co_accounting *how, double epsilon, co_guarantee *out);
/* The smallest factor on all noise multipliers of the ledger with which epsilon at delta is not
 * above the target, rounded up (relative width 1e-7 for pld, 1e-12 elsewhere); out: the guarantee
 * at that factor. CO_EUSAGE when no noise reaches the target. */
co_status co_account_noise(const co_accountant *by, const co_ledger *ledger,
                           const co_accounting *how, double epsilon, double delta, double *factor,
                           co_guarantee *out);
