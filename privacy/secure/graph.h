/* privacy/secure/graph.h - who masks with whom, and how many are enough.
 *
 * Complete (Bonawitz et al., CCS 2017), or a Harary graph on a random order of the devices: on a
 * circle each is joined to the k / 2 next on both sides (Bell et al., CCS 2020, section 3). The
 * graph is public, and drawn anew in every step. All calls are Local. */
#pragma once
#include "privacy/mechanisms/noise_words.h"
#include "core/status.h"

/* What the numbers have to withstand. */
typedef struct {
    double corrupt;     /* gamma: fraction of devices that tell the server all they know */
    double dropout;     /* delta: fraction that is lost during a step */
    double security;    /* sigma: a device's update may come out with probability 2^-sigma */
    double correctness; /* eta: a step may fail with probability 2^-eta though no more are lost */
    bool lies;          /* the server may tell devices different lists of who is left */
} co_secagg_risk;

/* The smallest even k for which a threshold does, and the smallest such threshold t <= k. With
 * hypergeometric numbers of corrupt and of remaining neighbours: (1) the honest that remain are
 * connected, but for 2^-(sigma + 1): only two runs of k / 2 lost places cut the circle; (2) no
 * device has t corrupt neighbours, but for 2^-(sigma + 1); (3) every device keeps t neighbours, but
 * for 2^-eta; union bounds over the devices. lies: t so large that no two lists find t holders
 * each. Where no k < n - 1 does, k = n - 1 (the complete graph) when its counts do: t above the
 * corrupt, at most what remains. CO_EUSAGE with the figures when that fails too. Source: Bell et
 * al., section 3.2 and lemma 3.7 (Harary graphs), with the exact count of pairs of runs. */
co_status co_secagg_parameters(size_t n, const co_secagg_risk *risk, size_t *k, size_t *threshold);

/* What thresholds hold with n devices and k neighbours each, from `least` to `most` shares: least
 * from what is corrupt, most from what may be lost; least > most: none. least 0: what is lost could
 * cut the graph, whatever the threshold. Complete graph: counts, nothing is left to chance. */
typedef struct {
    size_t least, most;
} co_secagg_thresholds;
co_secagg_thresholds co_secagg_thresholds_of(size_t n, size_t k, const co_secagg_risk *risk);

typedef struct co_secagg_graph co_secagg_graph;
/* Of n devices with k neighbours each: k = n - 1, or k even below n - 1. step: the order is drawn
 * anew. CO_EUSAGE, CO_ENOMEM. Memory: 8 n bytes, none when complete. */
co_status co_secagg_graph_create(size_t n, size_t k, const co_noise_source *source, uint64_t step,
                                 co_secagg_graph **graph);
void co_secagg_graph_destroy(co_secagg_graph *graph); /* NULL allowed */
/* The neighbour in slot j < k of a device: places in order, its own left out, when complete; else
 * one step ahead on the circle, one back, two ahead, and so on. O(1). */
size_t co_secagg_neighbour(const co_secagg_graph *graph, size_t place, size_t slot);
/* The slot of `place` with the device `of`; k when they are not joined. O(1). */
size_t co_secagg_slot(const co_secagg_graph *graph, size_t of, size_t place);
/* The k + 1 shares of a secret are held by the neighbours and the device itself. Share i < k + 1,
 * at x = i + 1: held by place i when complete, so that all secrets are opened with the same
 * weights; else by the neighbour in slot i, the last by the device itself. O(1). */
size_t co_secagg_holder(const co_secagg_graph *graph, size_t of, size_t i);
size_t co_secagg_share_of(const co_secagg_graph *graph, size_t of, size_t holder); /* i */
