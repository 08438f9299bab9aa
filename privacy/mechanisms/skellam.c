/* privacy/mechanisms/skellam.c - shares of Skellam noise, whose sums are Skellam again. Cost:
 * noise_table.c. */
#include "privacy/mechanisms/distributed.h"
#include "privacy/mechanisms/noise_table.h"

const co_mechanism co_mechanism_skellam = {
    .name = "skellam",
    .summary = "L2 clip, Skellam noise in shares: each device adds its own, the server sees the "
               "noisy sum alone",
    .source = "Agarwal, Kairouz and Liu 2021, arXiv:2110.04995",
    .params = co_distributed_params,
    .norm = CO_NORM_L2,
    .noise = CO_NOISE_SKELLAM,
    .is_exact = true,
    .spread = 1.0,
    .share = co_noise_table_skellam};
