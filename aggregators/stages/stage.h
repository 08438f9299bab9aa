/* aggregators/stages/stage.h - kind transform: one thing an update goes through on its way from a
 * device to the model.
 *
 * A stage has a half on the device (forward, in the order of the chain, on the rank that trained
 * the device) and may have one on the server (rows: all updates of a step at once; backward: the
 * sum, on each owner's slice; end: the step's exact counts). What an experiment lists under
 * `transforms` comes first, then what attackers do, then the central bound of section `privacy`.
 * What stands after a stage that closes (error feedback) is seen by it once the last transform is
 * done. Transforms carry no privacy guarantee, but for those of local privacy (guarantee), of what
 * a device sends. Every stage states what it takes and gives, floats or integers modulo 2^b; that
 * each takes what the one before gives, and that the sum of a step's integers fits, is checked
 * before the first step. Adding a transform: a file aggregators/stages/<name>.c with the table
 * co_stage_<name>, and a line in list.h; clip.c is the simplest. */
#pragma once
#include "aggregators/aggregator.h"
#include "privacy/mechanisms/bound.h"
#include "privacy/statements/statement.h"

/* Whose contribution, when: the key of every draw. */
typedef struct {
    uint64_t seed;
    int64_t step, device;         /* device -1: the server's half */
    size_t cohort;                /* most devices of a step */
    const co_noise_source *noise; /* of stages whose draws are secret; NULL: there is none */
} co_stage_key;

/* What a contribution consists of. */
typedef enum {
    CO_FLOATS,  /* update */
    CO_INTEGERS /* residue: they meet modulo 2^b, on the wire `ring` */
} co_domain;

/* Integers as a stage makes them. */
typedef struct {
    int bits;     /* b, at most CO_MAX_RING_BITS */
    double bound; /* no integer of a contribution is larger in magnitude */
    bool wraps;   /* it is meant that sums pass 2^b; else cohort x bound must stay below 2^(b-1) */
} co_ring;
enum { CO_MAX_RING_BITS = 44 };

/* Where a stage works, known before the first step. Borrowed as long as the stage lives. */
typedef struct {
    const co_layout *layout; /* of the updates; NULL in tests of stages that do not ask for it */
    const co_tensor *tensor; /* [n_tensors] of the model; NULL with 0 */
    size_t n_tensors;
    size_t cohort;      /* most devices of a step */
    int64_t population; /* devices of the run */
    double most_weight; /* no w_i is larger; INFINITY: nothing says so beforehand */
} co_stage_site;

/* What a contribution is on the wire: a function of sizes alone, never of values. */
typedef struct {
    int64_t n_values;
    double bits;    /* of each value; 32 before the first stage */
    int64_t beside; /* bytes of indices, scales and headers */
} co_message;
static inline int64_t co_message_bytes(const co_message *m)
{
    const double bytes = (double)m->n_values * m->bits / 8.0;
    const int64_t whole = (int64_t)bytes;
    return whole + (bytes > (double)whole) + m->beside;
}

/* What a device sends. Borrowed during forward. */
typedef struct {
    size_t n;            /* coordinates, of what is trained of the model */
    const co_part *part; /* [n_parts] where they stand in the model's vector */
    size_t n_parts;
    float *update;     /* [n] finite */
    uint64_t *residue; /* [n] in [0, 2^b), from the first stage on that gives integers; update then
                          is nothing any more. NULL where no stage does */
    uint32_t *words;   /* [n] sums modulo 2^32 that a stage which adds puts its integers into, in
                          place of residue. NULL: it does not */
    double norm;   /* L2 of update; a stage that changes the update sets it to NaN: it is measured
                      before the next reads it */
    double weight; /* w_i */
    double factor; /* in (0, 1]: of an old version; in a_i, and in whatever stands for a_i */
    double coefficient; /* a_i, by which the sum multiplies the update */
    bool attacker;
    int64_t
        n_values; /* that are sent of it: what travels, or fewer behind a stage that is sparse */
    /* Integers: the sum bounds and rounds bounded_weight x update on this grid, in place of a_i u_i
     * on its own. NULL: floats. */
    const co_mechanism *mechanism;
    const co_grid *grid;
    double bounded_weight, bounded_norm; /* in [0, 1]; of update, in the mechanism's kind of norm */
    double coded_bits; /* of an entropy code of the message, values at 32 bits each until a stage
                          codes them; NAN: no stage has made symbols */
    int64_t *counts;   /* [n_counts] of the stage, zero at first: their exact sums over all devices
                          come to `end` */
} co_contribution;

/* The updates of a step that came whole, for the coordinates that this rank owns, devices by
 * ascending id. */
typedef struct {
    size_t n_rows, n;
    float *const *row;             /* [n_rows][n] to be changed in place */
    const unsigned char *attacker; /* [n_rows] */
    const float **scratch;         /* [n_rows] */
} co_stage_rows;

/* What a step has come to. */
typedef struct {
    const int64_t *counts; /* [n_counts] of the stage, exact sums over all devices */
    int64_t n_reported;
    bool failed; /* it has no result: nothing was released */
} co_stage_end;

typedef struct {
    CO_PLUGIN_FIELDS;
    co_status (*create)(const co_config *opt, void **self); /* Local. NULL: no options */
    void (*destroy)(void *self);
    co_domain takes, gives; /* a stage that gives integers binds attackers as well */
    /* Before the first step: makes room, looks at shapes. CO_EUSAGE: cannot work there. NULL:
     * nothing. Local. */
    co_status (*ready)(void *self, const co_stage_site *site);
    /* Where floats become integers: what they are with that many devices in a step. Local. */
    co_ring (*ring)(const void *self, size_t cohort);
    /* state[slots][n]: the device's own, zero before it first takes part; kept only when the update
     * reaches the sum. NULL: nothing on the device. Local. */
    void (*forward)(void *self, const co_stage_key *key, co_contribution *contribution,
                    float *const *state);
    /* Behind the last of the experiment's transforms, the last stage that closes first: update is
     * what the server will have of it behind the backward of the stages behind this one. NULL:
     * nothing. Local. */
    void (*close)(void *self, const co_stage_key *key, co_contribution *contribution,
                  float *const *state);
    void (*rows)(
        void *self,
        const co_stage_rows *rows); /* NULL: none. Costs memory of cohort x model / ranks. Local */
    /* Changes the sum on this rank's slice before the aggregator sees it; in the last stage of
     * integers from residues to a sum with its step and total. NULL: none. Local. */
    void (*backward)(void *self, const co_stage_key *key, co_round_sum *sum);
    /* After the step, with what it has come to, the same on all ranks. NULL: none. Local. */
    co_status (*end)(void *self, const co_stage_key *key, const co_stage_end *end);
    /* What a message is behind the stage. NULL: what it was. Local. */
    void (*message)(const void *self, co_message *message);
    /* What one message guarantees: the stage makes it private on the device, whatever stands in
     * front of it (noise: nothing does not stay nothing). NULL: it does not. Local. */
    void (*guarantee)(const void *self, co_release *release);
    const char *sample; /* options with which it works, "{clip: 1, epsilon: 8}", where some have no
                           default. NULL: none are needed */
    const char *const *slots; /* names of the vectors kept per device; ends with NULL. NULL: none */
    /* Names of the vectors that the server keeps, zero at first: sum->slot[..][n] in backward; ends
     * with NULL. NULL: none */
    const char *const *server_slots;
    /* Whether backward and server_slots are there with these options. NULL: they are. Local. */
    bool (*serves)(const void *self);
    bool adds; /* puts integers into words, where those are there */
    /* Whether forward changes residues with these options. NULL: it does. Local. */
    bool (*changes)(const void *self);
    bool codes;        /* sets coded_bits */
    bool fixed_shares; /* backward needs sum->coverage, and that a device's part of the population's
                          weight is the same in all steps */
    size_t n_counts;
    bool counts_cut; /* counts[0]: numbers that its integers could not hold as they were */
    bool enforced;   /* the server sees to it: attackers go through it as well */
    bool releases;   /* gives a sum also when nobody reported */
    bool blockwise; /* forward works on each block of CO_BLOCK coordinates of the model by itself */
    /* What the order of a chain goes by. */
    bool sparse; /* sends some coordinates alone: behind it stands only what keeps zeros */
    bool
        same_places; /* sparse, and all devices of a step send the same ones: integers may follow */
    bool keeps_zeros; /* a coordinate that is zero stays zero */
    bool coded;       /* says how a value is written: behind it nothing changes values any more */
    bool mixes;       /* the coordinates of a block with each other, until backward */
    bool by_tensor;   /* goes by the shapes of the model's tensors: behind nothing that mixes */
} co_stage;

extern const co_kind co_kind_stage;
const co_stage *co_stage_find(const char *name);
