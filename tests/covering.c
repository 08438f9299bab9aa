/* tests/covering.c - a covering array by greedy choice. */
#include "tests/covering.h"
#include <string.h>

typedef struct {
    size_t p, i, q, k; /* value i of part p and value k of part q, p < q */
} pair;

/* Calls visit for every open pair. */
static void each(covering *c, void (*visit)(covering *, pair, covering_play *, size_t *),
                 covering_play *play, size_t *count)
{
    for (size_t p = 0; p < c->n_parts; p++)
        for (size_t q = p + 1; q < c->n_parts; q++)
            for (size_t i = 0; i < c->n[p]; i++)
                for (size_t k = 0; k < c->n[q]; k++)
                    if (c->open[p][i][q][k]) visit(c, (pair){p, i, q, k}, play, count);
}

static bool play_plain(const covering *c, pair a, covering_play *play)
{
    size_t at[COVERING_PARTS];
    memcpy(at, c->plain, sizeof at);
    at[a.p] = a.i;
    at[a.q] = a.k;
    return play(at);
}

static void ask(covering *c, pair a, covering_play *allows, size_t *count)
{
    if (play_plain(c, a, allows)) return;
    c->forbidden[a.p][a.i][a.q][a.k] = true;
    c->open[a.p][a.i][a.q][a.k] = false;
    ++*count;
}

/* Open pairs of value i of part p with the values chosen already; -1 when one is forbidden. */
static int gain(const covering *c, const size_t at[], const bool chosen[], size_t p, size_t i)
{
    int n = 0;
    for (size_t q = 0; q < c->n_parts; q++) {
        if (!chosen[q]) continue;
        if (p < q ? c->forbidden[p][i][q][at[q]] : c->forbidden[q][at[q]][p][i]) return -1;
        n += p < q ? c->open[p][i][q][at[q]] : c->open[q][at[q]][p][i];
    }
    return n;
}

/* An experiment around an open pair. */
static void fill(const covering *c, pair a, size_t at[])
{
    bool chosen[COVERING_PARTS] = {false};
    at[a.p] = a.i;
    at[a.q] = a.k;
    chosen[a.p] = chosen[a.q] = true;
    for (size_t r = 0; r < c->n_parts; r++) {
        if (chosen[r]) continue;
        size_t best = c->plain[r];
        for (size_t j = 0; j < c->n[r]; j++)
            if (gain(c, at, chosen, r, j) > gain(c, at, chosen, r, best)) best = j;
        at[r] = best;
        chosen[r] = true;
    }
}

static void cover(covering *c, pair a, covering_play *play, size_t *count)
{
    size_t at[COVERING_PARTS];
    (void)count;
    fill(c, a, at);
    if (!play(at))
        c->forbidden[a.p][a.i][a.q][a.k] = !play_plain(c, a, play);
    else
        for (size_t p = 0; p < c->n_parts; p++)
            for (size_t q = p + 1; q < c->n_parts; q++) c->open[p][at[p]][q][at[q]] = false;
    c->open[a.p][a.i][a.q][a.k] = false;
}

size_t covering_ask(covering *c, covering_play *allows)
{
    size_t n_forbidden = 0;
    memset(c->open, true, sizeof c->open);
    each(c, ask, allows, &n_forbidden);
    for (size_t p = 0; p < c->n_parts; p++)
        for (size_t q = p + 1; q < c->n_parts; q++)
            for (size_t i = 0; c->apart[p][q] && i < c->n[p]; i++)
                memset(c->open[p][i][q], false, sizeof c->open[p][i][q]);
    return n_forbidden;
}

void covering_run(covering *c, covering_play *play)
{
    each(c, cover, play, NULL);
}
