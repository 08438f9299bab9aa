/* sim/edges.h - the models of edge servers (sim/devices/groups.h), and their averages.
 *
 * Edge l's model is the cloud's newest version plus a vector of the bank, x_l = v + b_l: 0 after
 * the cloud's average. A step, on each rank's slice: at the edge     b_l += sum_i a_i u_i / sum_i
 * a_i, both sums exact, over its devices that reported at the cloud    update = sum_l D_l / D b_l,
 * for the server's optimiser; then b_l = 0 In double until the last rounding: with one edge and
 * cloud_every 1 that is the mean itself, so that the bits are FedAvg's. A step costs one
 * reduce-scatter for each edge, and between the cloud's averages one all-gather for each. Memory
 * for each edge: a rank as the exchange's, a node 4 bytes a parameter; and one model a rank to
 * start from. Source: Liu et al., ICC 2020, arXiv:1905.06641, Algorithm 1 (HierFAVG). */
#pragma once
#include "sim/bank.h"
#include "sim/devices/groups.h"

typedef struct {
    co_groups *groups; /* NULL: no edge servers, and nothing else here */
    co_bank *bank;
    const co_exchange *exchange; /* of the cloud's model */
    float *start;                /* [whole] the model of edge `at` in step `step` */
    size_t at;
    int64_t step;
    double *total; /* [n] */
} co_edges;

/* Opens the bank's vectors. All but comm are borrowed; groups NULL allowed. CO_EUSAGE with the
 * figure when a node's memory is too small. Collective(comm). */
co_status co_edges_create(co_edges *edges, co_groups *groups, co_bank *bank,
                          const co_exchange *exchange);
void co_edges_fini(co_edges *edges);          /* Local; the bank is its owner's */
size_t co_edges_bytes(const co_edges *edges); /* a rank, beside the bank */
/* The model that a device of that row starts from in a step, [whole], what is trained of it; good
 * until the next call. Local. */
const float *co_edges_read(co_edges *edges, const co_plan_row *row, int64_t step);
/* After the wire has met: the edges' averages, and in its steps the cloud's into update[n_own], on
 * this rank's slice. False when the cloud's model stays. Collective(comm). */
bool co_edges_average(co_edges *edges, int64_t step, double *update);
