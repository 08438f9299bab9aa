/* trust/adversaries/bit_flip.c - the sign bit of every number is wrong: u becomes -u.
 * Source: Karimireddy, He, Jaggi, ICLR 2022, arXiv:2006.09365, section 6. */
#include "trust/adversaries/attack.h"
#include "core/vector.h"

static void tamper(const void *self, const co_stream *stream, size_t first, float *update, size_t n)
{
    (void)self;
    (void)first;
    (void)stream;
    co_vector_scale(update, n, -1.0f);
}

const co_attack co_attack_bit_flip = {.name = "bit_flip",
                                      .summary = "sends its update with all sign bits flipped",
                                      .source = "Karimireddy et al. 2022, arXiv:2006.09365",
                                      .tamper = tamper};
