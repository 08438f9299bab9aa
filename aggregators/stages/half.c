/* aggregators/stages/half.c - IEEE binary16: 11 significant bits, magnitudes from 2^-24 to 65,504.
 *
 * To the nearest, ties to even. Differs from the standard in one place: what would overflow becomes
 * 65,504 with its sign, for one infinite coordinate would cost the whole update. Updates below
 * 2^-25 become 0; bf16 keeps them. The message: 16 bits a value. Cost: 0.2 ns a coordinate. Source:
 * IEEE 754-2019, sections 3.4 and 4.3.1. */
#include "aggregators/stages/stage.h"
#include "core/clones.h"
#include <math.h>
#include <string.h>

/* From 2^-14 on 13 bits of the float go; below, the sum with 1/2, whose last bit weighs 2^-24,
 * rounds. */
CO_CLONES static void to_half(float *x, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t bits;
        float normal;
        const float size = fabsf(x[i]), small = (size + 0.5f) - 0.5f;
        memcpy(&bits, &size, sizeof bits);
        bits = (bits + 0xfff + (bits >> 13 & 1)) & ~0x1fffu;
        memcpy(&normal, &bits, sizeof normal);
        const float rounded = size < 0x1p-14f ? small : normal;
        x[i] = copysignf(rounded < 65504.0f ? rounded : 65504.0f, x[i]);
    }
}

static void forward(void *self, const co_stage_key *key, co_contribution *c, float *const *state)
{
    (void)self;
    (void)key;
    (void)state;
    to_half(c->update, c->n);
    c->norm = NAN;
}

static void message(const void *self, co_message *m)
{
    (void)self;
    m->bits = 16;
}

const co_stage co_stage_half = {.name = "half",
                                .summary = "16 bits a value (IEEE binary16); 65,504 is the largest",
                                .source = "IEEE 754-2019",
                                .forward = forward,
                                .message = message,
                                .enforced = true,
                                .blockwise = true,
                                .keeps_zeros = true,
                                .coded = true};
