/* sim/work/public_data.h - what public examples add to training under local.dp: nothing of it costs
 * any privacy.
 *
 * AdaMix (Golatkar et al., CVPR 2022, arXiv:2203.11481), each part a switch of section
 * local.dp.public: training of the first model on them (warm_start); their gradient mixed with the
 * private one (fraction, lambda); the private gradient, after its noise, projected on the span of
 * the largest public gradients (subspace); the clip from the norms of their gradients
 * (clip_quantile). The last two are of the version that a device received, and the same for all
 * devices that start from it: a function of the public examples and of what was released. */
#pragma once
#include "models/model.h"
#include "sim/devices/population.h"

typedef struct {
    double fraction, lambda; /* (1 - fraction) private + fraction public, or private + lambda
                                public; both 0: not mixed */
    double quantile;         /* below 0: the clip is not taken from them */
    int64_t batch, warm_start, subspace;
} co_public_keys;

typedef struct co_public {
    const co_experiment *experiment; /* NULL: none, and nothing below */
    const co_model *model;
    co_public_keys keys;
    co_population population;
    co_workspace *workspace;
    co_examples examples;
    size_t n, n_coords;   /* public examples to train on; coordinates of what is trained */
    int64_t *ids, *order; /* [n] in the data set; drawn out of them */
    int64_t version;      /* that clip and basis are of; -1: none yet */
    double clip;          /* of a step, where quantile asks for it */
    size_t n_basis;       /* directions that were found: at most subspace */
    float *basis;         /* [n_basis][n_coords] orthonormal */
    float *grad, *part;   /* [n_grad] room */
    double *sums, *norms; /* [n_sums]; of the examples that are looked at, of each group */
    size_t n_norms;       /* room of norms */
    float *rows;          /* subspace: [2 subspace][n_coords] the gradients of a version */
    double *gram;         /* .. and [2][2 subspace][2 subspace] */
} co_public;

extern const co_param co_public_params[];
/* CO_EUSAGE: the section is wrong, or the examples are not of the model's shape and classes.
 * reference: the data that are trained on. Collective(comm). */
co_status co_public_init(co_public *public, const co_experiment *experiment, const co_model *model,
                         const co_population *reference, const co_comm *comm);
void co_public_fini(co_public *public); /* Collective(node) */
size_t co_public_bytes(const co_public *public);
/* Epochs of plain SGD on the first model, params[size]. Local. */
co_status co_public_warm_start(co_public *public, float *params);
/* Clip and basis at a version: params as received, [n]. Local; the same for all devices. */
co_status co_public_look(co_public *public, int64_t version, const float *params,
                         const float *frozen);
/* square[n_groups]: mean squared norms of their gradients at a version, by the groups of the
 * tensors. CO_ENOMEM. Local; the same for all devices. */
co_status co_public_measure(co_public *public, int64_t version, const float *params,
                            const float *frozen, const uint32_t *group, size_t n_groups,
                            double *square);
/* grad[n], a noisy step's gradient at params: projected, then mixed with the mean gradient of a
 * keyed batch of public examples. Local. */
co_status co_public_mix(co_public *public, int64_t step, int64_t device, int64_t number,
                        const float *params, const float *frozen, float *grad);
