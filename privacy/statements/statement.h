/* privacy/statements/statement.h - kind statement: what is guaranteed to whom, and what has to be
 * true for it.
 *
 * A stage that releases something says how (co_release); the statement of its kind says what such a
 * release is to an accountant, and writes the guarantee in words: whom it protects, what neighbours
 * are, mechanism, sampling, composition, accountant, whether it is simulated, what is covered and
 * what not. The ledger and the words come from one place, so that they cannot differ. The run file
 * keeps the words (attribute privacy_statement), and whoever prints them needs nothing else.
 *
 * Adding one: a file privacy/statements/<name>.c with the table co_statement_<name>, and a line in
 * list.h. All calls are Local and pure functions of their arguments. */
#pragma once
#include "privacy/accountants/accountant.h"
#include "privacy/mechanisms/mechanism.h"

typedef enum { CO_UNIT_DEVICE, CO_UNIT_EXAMPLE, CO_UNIT_MESSAGE, CO_N_UNITS } co_unit;
const char *co_unit_text(co_unit unit); /* "device", "example", "message" */

/* What a run releases in a step, as its stage does it, and what that has come to. */
typedef struct {
    co_unit unit;
    const co_mechanism *mechanism; /* with noise */
    double multiplier;             /* scale of the noise / bound of a contribution */
    double lattice_std;            /* as in co_event */
    double n_shares, dim;          /* noise in shares, as in co_event; 0: the server adds it */
    double n_corrupt;              /* devices whose noise in a sum counts for nothing, beside those
                                      of n_shares */
    double stretch;         /* likewise: what one device changes of the sum / clip, at least 1 */
    co_sampling sampling;   /* what the sampler is known to accountants as */
    double rate;            /* as accounted for */
    double clip, noise_std; /* of the newest release, in units of the model */
    bool is_adaptive;       /* a noisy count that moves the clip is released too */
    bool is_secure;         /* noise from a secret key */
    bool is_public_clip;    /* the clip follows public examples, and is at most what is said */
    bool is_grouped; /* bounds are of groups, in which one neighbour changes up to twice that */
    double noise_cohort, noise_population; /* of a simulated cohort; 0: what is told is what ran */
    int64_t n_releases;
    bool by_arrival; /* no sampling hides who takes part in a step: a device pays for the steps that
                        it takes part in */
    int64_t n_parts; /* by_arrival: the most steps that any device has taken part in */
    const void *noise;           /* correlated: what its mechanism made; borrowed */
    int64_t separation, squared; /* correlated: least difference of two steps of a device; square of
                                    the sensitivity of all releases so far, in units of the clip */
    bool is_timed;               /* virtual time is told too */
    const co_accountant *accountant;
    bool classic; /* rdp's conversion */
    /* unit message, and labels (unit example) */
    double epsilon, delta;   /* of one message; of the guarantee (0: none is needed) */
    double epsilon_all;      /* of the n_releases messages of the device that has sent most */
    double reports;          /* messages of a step, as asked for; 0: unknown */
    double epsilon_shuffled; /* of a step, were they shuffled; NAN: no bound is known, or none below
                                epsilon */
    double delta_shuffled;
    int64_t n_classes; /* labels */
} co_release;

/* Words in the order they are read: every label once, texts of several lines ended by \n between
 * them. */
enum { CO_MOST_SAID = 16, CO_LONGEST_SAID = 512 };
typedef struct {
    size_t n;
    struct {
        const char *label; /* static */
        char text[CO_LONGEST_SAID];
    } line[CO_MOST_SAID];
} co_statement_text;

typedef struct {
    CO_PLUGIN_FIELDS;
    co_unit unit;
    /* Whether it is the statement of such releases; of all members, exactly one or none. */
    bool (*fits)(const co_release *release);
    co_relation (*neighbours)(const co_release *release); /* never ANY */
    /* One release as the ledger takes it: the noise multiplier is that under the relation. NULL:
     * no ledger of the central bound takes it. */
    co_event (*event)(const co_release *release);
    /* Appends with co_say: unit, neighbours, sampling, composition, accountant, mechanism, mode,
     * covered, not covered, assumes; simulated where it is; more where it helps. */
    void (*say)(const co_release *release, co_statement_text *words);
} co_statement;

extern const co_kind co_kind_statement;
/* The member that fits; NULL: nothing is known to hold for such releases. */
const co_statement *co_statement_for(const co_release *release);
/* One more line. A text that does not fit is a bug. */
void co_say(co_statement_text *words, const char *label, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The text of a label; NULL when it was not said. */
const char *co_said(const co_statement_text *words, const char *label);
