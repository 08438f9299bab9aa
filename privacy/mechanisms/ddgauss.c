/* privacy/mechanisms/ddgauss.c - shares of discrete Gaussian noise. Cost: noise_table.c. */
#include "privacy/mechanisms/distributed.h"
#include "privacy/mechanisms/noise_table.h"

const co_mechanism co_mechanism_ddgauss = {
    .name = "ddgauss",
    .summary = "L2 clip, discrete Gaussian noise in shares: each device adds its own, the server "
               "sees the noisy sum alone",
    .source = "Kairouz, Liu and Steinke 2021, arXiv:2102.06387",
    .params = co_distributed_params,
    .norm = CO_NORM_L2,
    .noise = CO_NOISE_DDGAUSS,
    .is_exact = true,
    .spread = 1.0,
    .share = co_noise_table_gaussian};
