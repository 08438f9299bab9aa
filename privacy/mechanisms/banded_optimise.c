/* privacy/mechanisms/banded_optimise.c - the banded matrix whose prefix sums have the least mean
 * variance.
 *
 * Minimised: f(C) = |A C^-1|^2 / n over matrices with columns of norm 1, by a quasi-Newton method
 * of limited memory. With B = A C^-1 and W = B C^-T the derivative by C is -2 B^T W / n; rows of B
 * and W are solved for by themselves, LANES at a time, so that memory is n bands and time
 * n^2 bands. Begun from the best Toeplitz matrix, f(theta) = |theta|^2 sum_t (n - t) u_t^2 / n,
 * theta * u = 1, which takes n bands.
 * Source: Choquette-Choo et al. 2023, arXiv:2306.08153, Section 4 (the optimisation problem);
 * McKenna 2024, arXiv:2405.15913 (columns normalised, Toeplitz); Nocedal and Wright, Algorithm 7.4
 * (the method). */
#include "core/clones.h"
#include "core/memory.h"
#include "privacy/mechanisms/banded_matrix.h"
#include <math.h>
#include <string.h>

enum { LANES = 16, PAIRS = 10, MOST_ITERATIONS = 300, MOST_HALVINGS = 30, PATIENCE = 5 };
#define MOST_WORK 0x1p27
#define ENOUGH 1e-6 /* relative gain over PATIENCE iterations below which it is over */

/* f at x[n_x], with its derivative. */
typedef double (*objective)(void *self, const double *x, double *slope);

/* ---- quasi-Newton of limited memory */

typedef struct {
    size_t n;
    double *x, *slope, *to, *to_slope, *way; /* [n] */
    double *step[PAIRS], *turn[PAIRS];       /* [n] differences of x and of the slope */
    double inverse[PAIRS];                   /* 1 / (step . turn) */
    int n_pairs, newest;
} descent;

static double inner(const double *a, const double *b, size_t n)
{
    double sum = 0.0;
    for (size_t i = 0; i < n; i++) sum += a[i] * b[i];
    return sum;
}

static void add_scaled(double by, const double *from, size_t n, double *to)
{
    for (size_t i = 0; i < n; i++) to[i] += by * from[i];
}

/* way = -(inverse Hessian) slope, by the pairs so far. */
static void find_way(descent *d)
{
    double part[PAIRS];
    for (size_t i = 0; i < d->n; i++) d->way[i] = -d->slope[i];
    for (int k = 0; k < d->n_pairs; k++) {
        const int at = (d->newest - k + PAIRS) % PAIRS;
        part[at] = d->inverse[at] * inner(d->step[at], d->way, d->n);
        add_scaled(-part[at], d->turn[at], d->n, d->way);
    }
    double scale = 0.1 / sqrt(inner(d->slope, d->slope, d->n) + 1e-300);
    if (d->n_pairs > 0)
        scale = 1.0 / (d->inverse[d->newest] * inner(d->turn[d->newest], d->turn[d->newest], d->n));
    for (size_t i = 0; i < d->n; i++) d->way[i] *= scale;
    for (int k = d->n_pairs - 1; k >= 0; k--) {
        const int at = (d->newest - k + PAIRS) % PAIRS;
        const double back = d->inverse[at] * inner(d->turn[at], d->way, d->n);
        add_scaled(part[at] - back, d->step[at], d->n, d->way);
    }
}

/* The step from x to `to` as a pair more, where the slope has turned with it; then goes there. */
static void go_on(descent *d)
{
    const int at = (d->newest + 1) % PAIRS;
    for (size_t i = 0; i < d->n; i++) {
        d->step[at][i] = d->to[i] - d->x[i];
        d->turn[at][i] = d->to_slope[i] - d->slope[i];
    }
    const double turned = inner(d->step[at], d->turn[at], d->n);
    if (turned > 1e-14 * inner(d->turn[at], d->turn[at], d->n)) {
        d->inverse[at] = 1.0 / turned;
        d->newest = at;
        if (d->n_pairs < PAIRS) d->n_pairs++;
    }
    memcpy(d->x, d->to, d->n * sizeof *d->x);
    memcpy(d->slope, d->to_slope, d->n * sizeof *d->slope);
}

/* A point on the way that is better by what its length promises; false: there is none. */
static bool search(descent *d, objective f, void *self, double *value)
{
    const double fall = inner(d->slope, d->way, d->n);
    double length = 1.0;
    for (int k = 0; fall < 0.0 && k < MOST_HALVINGS; k++, length *= 0.5) {
        for (size_t i = 0; i < d->n; i++) d->to[i] = d->x[i] + length * d->way[i];
        const double there = f(self, d->to, d->to_slope);
        if (!(there <= *value + 1e-4 * length * fall)) continue;
        *value = there;
        return true;
    }
    return false;
}

/* Lowers f from x on, in place. */
static co_status descend(objective f, void *self, size_t n, double *x)
{
    descent d = {.n = n, .x = x};
    double *room = co_malloc((4 + 2 * PAIRS) * n, sizeof *room);
    if (!room) return CO_FAIL(CO_ENOMEM, "optimising %zu coefficients", n);
    d.slope = room, d.to = room + n, d.to_slope = room + 2 * n, d.way = room + 3 * n;
    for (int k = 0; k < PAIRS; k++) {
        d.step[k] = room + (4 + 2 * (size_t)k) * n;
        d.turn[k] = d.step[k] + n;
    }
    double value = f(self, x, d.slope), before = value;
    for (int k = 1; k <= MOST_ITERATIONS; k++) {
        find_way(&d);
        if (!search(&d, f, self, &value)) {
            if (d.n_pairs == 0) break;
            d.n_pairs = 0; /* once more, straight down */
            continue;
        }
        go_on(&d);
        if (k % PATIENCE != 0) continue;
        if (value > before * (1.0 - ENOUGH)) break;
        before = value;
    }
    co_free(room);
    return CO_OK;
}

/* ---- Toeplitz */

typedef struct {
    int64_t n, bands;
    double *u, *back; /* [n + bands] */
} toeplitz;

static double of_toeplitz(void *self, const double *theta, double *slope)
{
    const toeplitz *t = self;
    const int64_t n = t->n, bands = t->bands;
    const double norm = inner(theta, theta, (size_t)bands);
    double f = 0.0;
    for (int64_t k = 0; k < n; k++) {
        double x = 1.0;
        for (int64_t i = 1; i < bands && i <= k; i++) x -= theta[i] * t->u[k - i];
        t->u[k] = x / theta[0];
        f += (double)(n - k) / (double)n * t->u[k] * t->u[k];
    }
    memset(slope, 0, (size_t)bands * sizeof *slope);
    memset(t->back + n, 0, (size_t)bands * sizeof *t->back);
    for (int64_t k = n - 1; k >= 0; k--) {
        double x = 2.0 * (double)(n - k) / (double)n * t->u[k];
        for (int64_t i = 1; i < bands; i++) x -= theta[i] * t->back[k + i];
        t->back[k] = x / theta[0];
        for (int64_t i = 0; i < bands && i <= k; i++) slope[i] -= t->back[k] * t->u[k - i];
    }
    for (int64_t i = 0; i < bands; i++) slope[i] = slope[i] * norm + 2.0 * f * theta[i];
    return f * norm;
}

/* From the square root of A: 1, 1/2, 3/8, .. (Fichtenberger et al. 2023). */
static co_status best_toeplitz(int64_t n, int64_t bands, double *theta)
{
    toeplitz t = {n, bands, NULL, NULL};
    t.u = co_malloc(2 * (size_t)(n + bands), sizeof *t.u);
    if (!t.u) return CO_FAIL(CO_ENOMEM, "optimising %lld coefficients", (long long)bands);
    t.back = t.u + n + bands;
    theta[0] = 1.0;
    for (int64_t i = 1; i < bands; i++)
        theta[i] = theta[i - 1] * (2.0 * (double)i - 1.0) / (2.0 * (double)i);
    const co_status st = descend(of_toeplitz, &t, (size_t)bands, theta);
    co_free(t.u);
    return st;
}

/* ---- any columns */

typedef struct {
    int64_t n, bands;
    double *c, *r;  /* [n][bands] by columns; by rows: r[j * bands + i] = C[j][j - i] */
    double *norm;   /* [n] */
    double *b, *w;  /* [n + bands][LANES] */
    double *turned; /* [LANES][n + bands] b */
} columns;

/* LANES rows of B = A C^-1 from row t on, and of W = B C^-T as far as they meet B. */
CO_CLONES static void solve_lanes(const columns *q, int64_t t)
{
    const int64_t bands = q->bands, end = t + LANES < q->n ? t + LANES : q->n;
    memset(q->b + end * LANES, 0, (size_t)(bands * LANES) * sizeof *q->b);
    for (int64_t j = end - 1; j >= 0; j--) {
        double x[LANES];
        const double *c = q->c + j * bands, by = 1.0 / c[0];
        for (int l = 0; l < LANES; l++) x[l] = j <= t + l && t + l < q->n ? 1.0 : 0.0;
        for (int64_t i = 1; i < bands; i++) {
            const double *b = q->b + (j + i) * LANES, ci = c[i];
            for (int l = 0; l < LANES; l++) x[l] -= ci * b[l];
        }
        for (int l = 0; l < LANES; l++) q->b[j * LANES + l] = x[l] * by;
    }
    for (int64_t j = 0; j < end; j++) {
        double x[LANES];
        const double *r = q->r + j * bands, by = 1.0 / r[0];
        const int64_t most = j + 1 < bands ? j + 1 : bands;
        memcpy(x, q->b + j * LANES, sizeof x);
        for (int64_t i = 1; i < most; i++) {
            const double *w = q->w + (j - i) * LANES, ri = r[i];
            for (int l = 0; l < LANES; l++) x[l] -= ri * w[l];
        }
        for (int l = 0; l < LANES; l++) q->w[j * LANES + l] = x[l] * by;
    }
}

/* slope[j][i] -= sum over the lanes of B[j + i] W[j]. */
CO_CLONES static void gather_slope(const columns *q, int64_t end, double *slope)
{
    const int64_t bands = q->bands, width = q->n + bands;
    for (int l = 0; l < LANES; l++)
        for (int64_t j = 0; j < end; j++) q->turned[l * width + j] = q->b[j * LANES + l];
    for (int l = 0; l < LANES; l++) {
        memset(q->turned + l * width + end, 0, (size_t)bands * sizeof *q->turned);
        for (int64_t j = 0; j < end; j++) {
            double *s = slope + j * bands;
            const double *b = q->turned + l * width + j, w = q->w[j * LANES + l];
            for (int64_t i = 0; i < bands; i++) s[i] -= b[i] * w;
        }
    }
}

static void take_columns(const columns *q, const double *p)
{
    for (int64_t j = 0; j < q->n; j++) {
        const int64_t most = q->n - j < q->bands ? q->n - j : q->bands;
        q->norm[j] = sqrt(inner(p + j * q->bands, p + j * q->bands, (size_t)most));
        for (int64_t i = 0; i < q->bands; i++) {
            const double x = i < most ? p[j * q->bands + i] / q->norm[j] : 0.0;
            q->c[j * q->bands + i] = x;
            if (i < most) q->r[(j + i) * q->bands + i] = x;
        }
    }
}

static double of_columns(void *self, const double *p, double *slope)
{
    const columns *q = self;
    const int64_t n = q->n, bands = q->bands;
    double f = 0.0;
    take_columns(q, p);
    memset(slope, 0, (size_t)(n * bands) * sizeof *slope);
    for (int64_t t = 0; t < n; t += LANES) {
        const int64_t end = t + LANES < n ? t + LANES : n;
        solve_lanes(q, t);
        f += inner(q->b, q->b, (size_t)(end * LANES));
        gather_slope(q, end, slope);
    }
    for (int64_t j = 0; j < n; j++) { /* by what the columns were before they were normalised */
        const int64_t most = n - j < bands ? n - j : bands;
        double *s = slope + j * bands;
        const double *c = q->c + j * bands, along = inner(s, c, (size_t)most);
        for (int64_t i = 0; i < bands; i++)
            s[i] = i < most ? 2.0 / (double)n * (s[i] - along * c[i]) / q->norm[j] : 0.0;
    }
    return f / (double)n;
}

static co_status best_columns(int64_t n, int64_t bands, double *c)
{
    const size_t all = (size_t)(n * bands), wide = (size_t)(n + bands) * LANES;
    columns q = {.n = n, .bands = bands};
    double *room = co_calloc(2 * all + (size_t)n + 3 * wide, sizeof *room);
    if (!room) return CO_FAIL(CO_ENOMEM, "optimising %zu coefficients", all);
    q.c = room, q.r = room + all, q.norm = room + 2 * all, q.b = q.norm + n;
    q.w = q.b + wide, q.turned = q.w + wide;
    const co_status st = descend(of_columns, &q, all, c);
    take_columns(&q, c);
    memcpy(c, q.c, all * sizeof *c);
    co_free(room);
    return st;
}

co_status co_banded_optimise(int64_t n, int64_t bands, co_banded *out)
{
    const bool is_toeplitz = (double)n * (double)n * (double)bands > MOST_WORK || bands == 1;
    *out = (co_banded){.n = n, .bands = bands, .is_toeplitz = is_toeplitz};
    double *theta = co_malloc((size_t)bands, sizeof *theta);
    if (!theta) return CO_FAIL(CO_ENOMEM, "matrix of %lld bands", (long long)bands);
    co_status st = best_toeplitz(n, bands, theta);
    if (is_toeplitz) {
        out->c = theta;
    } else {
        out->c = co_malloc((size_t)(n * bands), sizeof *out->c);
        if (!out->c) st = CO_FAIL(CO_ENOMEM, "matrix of %lld bands", (long long)bands);
        for (int64_t j = 0; st == CO_OK && j < n; j++)
            memcpy(out->c + j * bands, theta, (size_t)bands * sizeof *theta);
        co_free(theta);
        if (st == CO_OK) st = best_columns(n, bands, out->c);
    }
    if (st == CO_OK)
        co_banded_normalise(out);
    else
        co_banded_fini(out);
    return st;
}
