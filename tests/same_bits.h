/* tests/same_bits.h - experiments that rank 0 alone and all ranks play with the same bits, or that
 * are refused with a reason. */
#pragma once
#include "core/comm.h"

typedef struct {
    co_comm all, alone;
    char out[256]; /* output.dir of the experiments; named test.yaml in messages */
    size_t n_played, n_refused;
} same_bits;

/* Collective(world). */
void same_bits_start(same_bits *s, const char *folder);
/* Whether the experiment can be read. Local. */
bool same_bits_is_read(char *text);
/* Plays three rounds and compares run.h5 and the checkpoint; false when it is refused. The last
 * text on stdout is the one under way. Takes the text. Collective(all). */
bool same_bits_play(same_bits *s, char *text);
/* Prints the counts and removes the folder. Collective(all). */
void same_bits_end(same_bits *s);
