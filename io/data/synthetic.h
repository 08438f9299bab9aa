/* io/data/synthetic.h - the generator synthetic(alpha, beta): softmax data whose model and inputs
 * differ per device.
 *
 * Device k: u_k ~ N(0, alpha), B_k ~ N(0, beta); W_k[c][f], b_k[c] ~ N(u_k, 1); v_k[f] ~ N(B_k, 1);
 * x ~ N(v_k, diag(j^-1.2)), y = argmax(W_k x + b_k). alpha and beta are variances. Sizes
 * int(lognormal(4, 2)) + 50, or fixed. Every draw is keyed by (seed, device), so any device can be
 * made alone, on any rank. Source: Li et al., MLSys 2020, arXiv:1812.06127, section 5.1 and
 * appendix C.1. All calls are Local. */
#pragma once
#include "core/config.h"
#include <stdint.h>

typedef struct {
    uint64_t seed;
    int64_t n_devices;
    double alpha, beta;
    int64_t features, classes, size; /* size 0: lognormal */
} co_synthetic;

/* The options, for tables that have more of their own. */
#define CO_SYNTHETIC_OPTIONS                                                                       \
    {"devices",                                                                                    \
     CO_INT,                                                                                       \
     .lo = 1,                                                                                      \
     .hi = 2147483647,                                                                             \
     .flags = CO_REQUIRED,                                                                         \
     .doc = "number of devices"},                                                                  \
        {"alpha",                                                                                  \
         CO_REAL,                                                                                  \
         .lo = 0,                                                                                  \
         .hi = 1e6,                                                                                \
         .flags = CO_REQUIRED,                                                                     \
         .doc = "variance of the devices' mean weights (the same shift for all classes: changes "  \
                "no label)"},                                                                      \
        {"beta",                                                                                   \
         CO_REAL,                                                                                  \
         .lo = 0,                                                                                  \
         .hi = 1e6,                                                                                \
         .flags = CO_REQUIRED,                                                                     \
         .doc = "variance of the devices' mean inputs: how much the inputs differ"},               \
        {"features", CO_INT, .def = 60, .lo = 1, .hi = 1e6, .doc = "inputs"},                      \
        {"classes", CO_INT, .def = 10, .lo = 2, .hi = 1e6, .doc = "classes"},                      \
    {                                                                                              \
        "size", CO_INT, .def = 0, .lo = 0, .hi = 1e9,                                              \
                        .doc = "examples per device; 0: 50 + a lognormal number"                   \
    }
extern const co_param co_synthetic_params[]; /* devices, alpha, beta, features, classes, size */
co_status co_synthetic_init(co_synthetic *gen, const co_config *opt, uint64_t seed);
int64_t co_synthetic_size(const co_synthetic *gen, int64_t device); /* examples of a device */
/* How many doubles co_synthetic_fill needs. */
size_t co_synthetic_scratch(const co_synthetic *gen);
/* Examples [first, first + n) of a device: x[n][features], y[n]. */
void co_synthetic_fill(const co_synthetic *gen, int64_t device, int64_t first, size_t n, float *x,
                       int32_t *y, double *scratch);
