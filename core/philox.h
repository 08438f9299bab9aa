/* core/philox.h - many Philox4x32-10 blocks of one stream at once. Local. */
#pragma once
#include <stdint.h>

#define CO_PHILOX_BLOCKS 64

/* w[j][l] = word j of the block with counter (first + l, high[0], high[1]), first + l modulo 2^64.
 * The same words on every processor; AVX-512 or AVX2 is used where it is there. */
void co_philox_blocks(const uint32_t key[2], const uint32_t high[2], uint64_t first,
                      uint32_t w[4][CO_PHILOX_BLOCKS]);
/* The same in plain C on any processor: what the tests compare with. */
void co_philox_blocks_plain(const uint32_t key[2], const uint32_t high[2], uint64_t first,
                            uint32_t w[4][CO_PHILOX_BLOCKS]);
