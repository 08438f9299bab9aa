/* models/layers/init.h - initial values that several layers share. */
#pragma once
#include <stddef.h>
#include <stdint.h>

/* out[n] uniform in [-1/sqrt(fan_in), 1/sqrt(fan_in)), from stream (seed, CO_DRAW_MODEL_INIT, 0, 0,
 * tensor): what PyTorch draws for weight and bias of Linear and Conv2d (Kaiming uniform with a =
 * sqrt 5). Local. */
void co_init_fan_in(uint64_t seed, uint64_t tensor, size_t fan_in, size_t n, float *out);

/* out[n] normal around 0 with that standard deviation, from the same stream. Local. */
void co_init_normal(uint64_t seed, uint64_t tensor, float deviation, size_t n, float *out);
