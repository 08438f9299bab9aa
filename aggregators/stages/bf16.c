/* aggregators/stages/bf16.c - the upper half of a float: 8 significant bits, a float's range.
 *
 * To the nearest, ties to even; what would overflow becomes the largest number that there is,
 * 0x1.fep127. The message: 16 bits a value. Cost: 0.1 ns a coordinate. Source: Kalamkar et al.,
 * arXiv:1905.12322, section 3. */
#include "aggregators/stages/stage.h"
#include "core/clones.h"
#include <math.h>
#include <string.h>

CO_CLONES static void to_bf16(float *x, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t bits, size;
        memcpy(&bits, &x[i], sizeof bits);
        size = bits & INT32_MAX;
        size = (size + 0x7fff + (size >> 16 & 1)) & 0xffff0000;
        size = size < 0x7f7f0000 ? size : 0x7f7f0000;
        bits = (bits & 0x80000000) | size;
        memcpy(&x[i], &bits, sizeof bits);
    }
}

static void forward(void *self, const co_stage_key *key, co_contribution *c, float *const *state)
{
    (void)self;
    (void)key;
    (void)state;
    to_bf16(c->update, c->n);
    c->norm = NAN;
}

static void message(const void *self, co_message *m)
{
    (void)self;
    m->bits = 16;
}

const co_stage co_stage_bf16 = {.name = "bf16",
                                .summary = "16 bits a value (bfloat16): the range of a float",
                                .source = "Kalamkar et al. 2019, arXiv:1905.12322",
                                .forward = forward,
                                .message = message,
                                .enforced = true,
                                .blockwise = true,
                                .keeps_zeros = true,
                                .coded = true};
