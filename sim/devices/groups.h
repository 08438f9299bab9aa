/* sim/devices/groups.h - edge servers between devices and the cloud (section aggregate.groups):
 * which device belongs to which, what a step's devices count for there, how far each edge is in
 * time, and what goes over its line to the cloud.
 *
 * A step is one average at the edges: edge l has a_i = w_i / W_l over the step's devices of its
 * own. Every cloud_every steps the cloud averages the edges' models, edge l with D_l / D: the
 * weight of all that has reached it since the cloud's last average. With every device in every step
 * that is |D^l| / |D| of Liu et al. (ICC 2020, arXiv:1905.06641), Algorithm 1, whose kappa_2 is
 * cloud_every; its kappa_1 is what local.epochs or local.steps give a device to do in a step. Edges
 * do not wait for each other but at the cloud. Calls are Local, and the Same on all ranks. */
#pragma once
#include "sim/kept.h"
#include "sim/planners/plan.h"

enum { CO_MAX_GROUPS = 4096 };

struct co_groups {
    size_t n;
    int64_t cloud_every;
    int32_t *edge; /* [n_devices] of each device; NULL: dealt, device k to edge k mod n */
    int64_t bytes; /* of a model between an edge and the cloud */
    int64_t up_time, down_time; /* nanoseconds that it takes */
    /* of the step at hand */
    double *asked; /* [n] W_l */
    int64_t *end;  /* [n] when edge l is through with it */
    /* after the last step */
    int64_t *ready; /* [n] virtual time in nanoseconds at which edge l begins the next */
    double *weight; /* [n] D_l: what has reached edge l since it was last fresh */
};

/* timing: of the trace, for by: trace; bytes: of the model as it travels. *groups NULL without the
 * section. CO_EUSAGE: more servers than devices, no such column, a device with examples of two
 * groups, an edge without an example. */
co_status co_groups_create(const co_experiment *experiment, const co_population *population,
                           const co_timing *timing, int64_t bytes, co_groups **groups);
void co_groups_destroy(co_groups *groups);                          /* NULL allowed */
size_t co_groups_bytes(const co_groups *groups, int64_t n_devices); /* a rank; NULL: none */
void co_groups_keeps(co_groups *groups, co_keeps *keeps);

size_t co_groups_of(const co_groups *groups, int64_t device);
/* Whether edges begin a step with the cloud's newest model; whether the cloud averages in it. */
bool co_groups_is_fresh(const co_groups *groups, int64_t step);
bool co_groups_is_cloud(const co_groups *groups, int64_t step);
/* When the device's edge asks it in a step. */
int64_t co_groups_start(const co_groups *groups, int64_t device, int64_t step);
/* The rows' vectors and coefficients, and when the step is made: by the edges that end last. */
void co_groups_plan(co_groups *groups, co_plan *plan);
/* After a step that counts: total[n] is what has reached each edge, in parts of its W_l; NULL: all
 * of it. */
void co_groups_step(co_groups *groups, int64_t step, const double *total);
/* Bytes of the step's models between edges and the cloud: down to all edges at the begin, up from
 * those that something has reached. After co_groups_step. */
void co_groups_traffic(const co_groups *groups, int64_t step, int64_t *down, int64_t *up);
