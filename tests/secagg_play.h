/* tests/secagg_play.h - a cohort and its server in one process, all messages as byte strings. */
#pragma once
#include "privacy/secure/secagg_device.h"
#include "privacy/secure/secagg_server.h"

typedef struct secagg_play secagg_play;
struct secagg_play {
    co_secagg_round round;
    co_secagg_graph *graph;
    co_noise_source source;
    co_secagg_device **device;
    co_secagg_server *server;
    unsigned char *answers; /* [n] stages that each device answers, then it drops out; 5: all */
    uint64_t *values;       /* [n][n_values] plain */
    uint64_t *sum, *plain;  /* [n_values] of what the server took; of the inputs that it took */
    uint64_t *masked;       /* [n_values] the input that is on its way */
    unsigned char *message;
    size_t room;
    size_t n_refused; /* answers that a device refused, or the server */
    char reason[512]; /* of the last one */
    /* Of the processor, of devices and of the server; the last: taking masks off. Without what the
     * play itself needs: drawing inputs, adding them in plain */
    double seconds[CO_SECAGG_STAGES + 1][2];
    /* Sees, and may change, every message on its way; n 0: it is lost. NULL: nothing */
    void (*on_way)(secagg_play *play, co_secagg_stage stage, co_secagg_way way, size_t place,
                   unsigned char *message, size_t *n);
    void *self;
};

/* Inputs are drawn by (seed, step). Asserts that there is memory. */
void secagg_open(secagg_play *play, const co_secagg_shape *shape, uint64_t seed, uint64_t step);
void secagg_close(secagg_play *play);
/* One stage: down, answers, up. Then the server closes it: its status. */
co_status secagg_stage(secagg_play *play, co_secagg_stage stage);
/* The answer of one device to the message in play->message, which is replaced. */
co_status secagg_answer(secagg_play *play, co_secagg_stage stage, size_t place, size_t n_in,
                        size_t *n_out);
/* The sum without masks; of devices first .. first + n - 1 of the vector alone. */
co_status secagg_unmask(secagg_play *play, size_t first, size_t n);
/* All of it. CO_OK: sum is without masks. */
co_status secagg_run(secagg_play *play);
/* Whether a step with these answers has to work, by the definition of the papers. */
bool secagg_should_work(const secagg_play *play);
