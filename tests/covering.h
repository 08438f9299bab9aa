/* tests/covering.h - a covering array: few experiments that hold every allowed pair of values of
 * two parts at least once, by greedy choice (Cohen et al. 1997, AETG). */
#pragma once
#include <stdbool.h>
#include <stddef.h>

enum { COVERING_PARTS = 12, COVERING_MOST = 24 };
/* Value 0 <= i < n[p] of part p < n_parts; plain[p]: the one that stands beside a pair in doubt. */
typedef struct {
    size_t n_parts, n[COVERING_PARTS], plain[COVERING_PARTS];
    bool apart[COVERING_PARTS][COVERING_PARTS]; /* p < q: another test has their pairs */
    bool open[COVERING_PARTS][COVERING_MOST][COVERING_PARTS][COVERING_MOST];      /* p < q */
    bool forbidden[COVERING_PARTS][COVERING_MOST][COVERING_PARTS][COVERING_MOST]; /* p < q */
} covering;
/* at[p]: value of part p. False when the experiment is refused. */
typedef bool covering_play(const size_t at[COVERING_PARTS]);

/* Opens all pairs and asks `allows` about each with plain values beside it; the forbidden ones are
 * closed, and no experiment of covering_run holds one. Returns how many there are. */
size_t covering_ask(covering *c, covering_play *allows);
/* Plays experiments until no pair is open, but those of parts that are `apart`. A refused one
 * leaves its pairs open; the pair that it was made for is then played with plain values beside it.
 */
void covering_run(covering *c, covering_play *play);
