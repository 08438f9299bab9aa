/* models/layers/crf_paths.h - sums over all paths of tags through one text: the linear-chain
 * conditional random field.
 *
 * A path y of n rows with emissions e_t and transitions has the score S(y) = start[y_1] + sum_t
 * e_t[y_t] + sum_t T[y_(t-1)][y_t] + end[y_n]. log Z = log sum_y exp S(y) by the forward recursion
 * a_t(j) = e_t(j) + log sum_i exp(a_(t-1)(i) + T[i][j]); backward likewise. All in the logarithm
 * and in double: the sums take exponentials of a(i) - max a and of T - max T, which are made once,
 * and where such a sum loses everything to underflow it is made again term by term. Ties of the
 * best path go to the lower tag, from the last row on. Cost a row: n^2 products for each of
 * forward, backward, pairs and best path, and 7 n exponentials or logarithms. All calls are Local,
 * allocate nothing, and give the same bits on every processor. Source: Lafferty et al., ICML 2001;
 * Rabiner, Proc. IEEE 77, 1989. */
#pragma once
#include <stddef.h>
#include <stdint.h>

double co_crf_share(double log_share); /* exp, of a logarithm near or below 0 */

/* What the paths go through. */
typedef struct {
    size_t n;                              /* tags */
    const float *start, *end, *transition; /* [n], [n], [n][n]: from, to */
    double most;                           /* the largest transition */
    double *power, *turned;                /* [n][n] exp(T - most), and with rows for columns */
} co_crf_paths;
/* Doubles of a chain's own, and of the scratch that each call below takes. */
static inline size_t co_crf_doubles(size_t n)
{
    return 2 * n * n;
}
static inline size_t co_crf_scratch(size_t n)
{
    return n * n + 4 * n;
}
/* own: [co_crf_doubles(n)], as long as the chain is used. */
void co_crf_open(co_crf_paths *chain, size_t n, const float *start, const float *end,
                 const float *transition, double *own);

/* The rows of one text that the chain runs over: emission row t is e + row[t] n. */
typedef struct {
    size_t n;           /* rows, 1 at least */
    const int32_t *row; /* [n] ascending */
    const float *e;
} co_crf_text;

/* forward[n rows][n tags] = a_t; returns log Z, NaN when an emission or a transition is none. */
double co_crf_forward(const co_crf_paths *chain, const co_crf_text *text, double *forward,
                      double *scratch);
/* S(y) of tag[n rows]. */
double co_crf_score(const co_crf_paths *chain, const co_crf_text *text, const int32_t *tag);
/* behind[n rows][n tags]: e_t(j) + log of the sum over all that may follow tag j in row t, the end
 * included; forward + behind - e - log Z is the logarithm of a tag's probability. */
void co_crf_backward(const co_crf_paths *chain, const co_crf_text *text, double *behind,
                     double *scratch);
/* Adds factor times the expected numbers of starts, ends and transitions to each block, from what
 * the two above left and log Z. */
void co_crf_expect(const co_crf_paths *chain, const co_crf_text *text, const double *forward,
                   const double *behind, double log_z, double factor, double *start, double *end,
                   double *transition, double *scratch);
/* tag[n rows] of the path with the largest score. from: [n rows][n tags], scratch too. */
void co_crf_best(const co_crf_paths *chain, const co_crf_text *text, int32_t *tag, int32_t *from,
                 double *scratch);
