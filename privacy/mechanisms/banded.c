/* privacy/mechanisms/banded.c - Gaussian noise by a banded matrix over the steps: DP-FTRL by matrix
 * factorisation.
 *
 * The noise of step t is row t of C^-1 z: y_t = (z_t - sum_i C[t][t - i] y_(t - i)) / C[t][t], i in
 * [1, bands), rounded to the grid as post-processing. Kept: the bands - 1 rows before. C has
 * columns of norm 1 at most, so that with steps of a device at least `bands` apart k participations
 * are k releases of one contribution; which C: privacy/mechanisms/banded_optimise.c, or a file's.
 * Cost: bands multiplications and one draw a coordinate.
 * Source: Choquette-Choo et al. 2023, arXiv:2306.08153, Algorithms 1 and 9, Theorem 2. */
#include "core/clones.h"
#include "core/memory.h"
#include "core/status.h"
#include "privacy/mechanisms/banded_matrix.h"
#include "privacy/mechanisms/mechanism.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { AT_ONCE = 1024 };

typedef struct {
    co_banded matrix;
    double reach;   /* k participations are k x reach releases of one contribution */
    bool is_a_file; /* where the matrix comes from */
} banded;

static void destroy(void *self)
{
    if (self) co_banded_fini(&((banded *)self)->matrix);
    co_free(self);
}

/* Optimised for steps that are that far apart; less is a poor choice, and no mistake of a file. */
static co_status find_matrix(const co_config *opt, int64_t n_steps, int64_t separation, banded *b)
{
    if (co_config_has(opt, "horizon")) {
        if (co_config_int(opt, "horizon") < n_steps)
            return co_config_fail(opt, co_config_node(opt, "horizon"),
                                  "the matrix would be made for %lld rounds, and there are %lld",
                                  (long long)co_config_int(opt, "horizon"), (long long)n_steps);
        n_steps = co_config_int(opt, "horizon");
    }
    const int64_t bands = co_config_int(opt, "bands");
    b->is_a_file = co_config_has(opt, "matrix");
    if (b->is_a_file) return co_banded_read(co_config_string(opt, "matrix"), n_steps, &b->matrix);
    if (bands > separation)
        return co_config_fail(
            opt, co_config_node(opt, "bands"),
            "%lld, but steps of one device are only %lld apart: the matrix is "
            "made for devices.min_separation: %lld or more; lower bands, or raise it",
            (long long)bands, (long long)separation, (long long)bands);
    return co_banded_optimise(n_steps, bands < n_steps ? bands : n_steps, &b->matrix);
}

/* A matrix of others may have an inverse that grows from row to row, beyond what integers hold. */
static co_status check_growth(const co_config *opt, const banded *b)
{
    double most, mean;
    CO_TRY(co_banded_errors(&b->matrix, &most, &mean));
    if (most < 0x1p40) return CO_OK;
    return co_config_fail(opt, co_config_node(opt, "matrix"),
                          "its inverse grows: the noise of a prefix sum would be that of %g draws; "
                          "take another matrix",
                          most);
}

static co_status create(const co_config *opt, int64_t n_steps, int64_t separation, void **self)
{
    banded *b = co_calloc(1, sizeof *b);
    if (!b) return CO_FAIL(CO_ENOMEM, "matrix of %lld steps", (long long)n_steps);
    co_status st = find_matrix(opt, n_steps, separation, b);
    if (st == CO_OK && b->is_a_file) st = check_growth(opt, b);
    if (st == CO_OK) {
        b->reach = co_banded_reach(&b->matrix, separation);
        *self = b;
    } else {
        destroy(b);
    }
    return st;
}

static size_t n_kept(const void *self)
{
    return (size_t)((const banded *)self)->matrix.bands - 1;
}

/* y -= by x */
CO_CLONES static void take_off(double by, const double *restrict x, size_t n, double *restrict y)
{
    for (size_t j = 0; j < n; j++) y[j] -= by * x[j];
}

static void next(const void *self, const co_noise_source *source, int64_t step, double scale,
                 const co_noise_part *part, double *noise)
{
    const co_banded *m = &((const banded *)self)->matrix;
    const int64_t row = step - 1, rows = m->bands - 1;
    for (size_t at = 0; at < part->n; at += AT_ONCE) {
        const size_t n = part->n - at < AT_ONCE ? part->n - at : AT_ONCE;
        float draw[AT_ONCE];
        double y[AT_ONCE];
        co_correlated_draw(source, (uint64_t)row, part->first + at, n, draw);
        for (size_t j = 0; j < n; j++) y[j] = (double)draw[j];
        for (int64_t i = 1; i <= rows && i <= row; i++)
            take_off(co_banded_at(m, row, row - i), part->kept[(row - i) % rows] + at, n, y);
        const double by = 1.0 / co_banded_at(m, row, row);
        for (size_t j = 0; j < n; j++) y[j] *= by;
        if (rows > 0) memcpy(part->kept[row % rows] + at, y, n * sizeof *y);
        for (size_t j = 0; j < n; j++) noise[at + j] = rint(scale * y[j]);
    }
}

static co_status cost(void *self, int64_t n_steps, int64_t most, int64_t *squared)
{
    const banded *b = self;
    (void)n_steps;
    *squared = b->reach == 1.0 ? most : (int64_t)ceil((double)most * b->reach * (1.0 + 0x1p-40));
    return CO_OK;
}

static co_status errors(const void *self, double *most, double *mean)
{
    return co_banded_errors(&((const banded *)self)->matrix, most, mean);
}

static uint64_t digest(const void *self)
{
    const co_banded *m = &((const banded *)self)->matrix;
    const size_t n = (size_t)(m->is_toeplitz ? m->bands : m->bands * m->n);
    uint64_t h = UINT64_C(0xcbf29ce484222325) ^ (uint64_t)m->bands;
    for (size_t i = 0; i < n; i++) {
        uint64_t bits;
        memcpy(&bits, &m->c[i], sizeof bits);
        h = (h ^ bits) * UINT64_C(0x9e3779b97f4a7c15);
        h ^= h >> 29;
    }
    return h | 1;
}

static void say(const void *self, char *text, size_t room)
{
    const banded *b = self;
    snprintf(text, room, "a %smatrix of %lld bands%s", b->matrix.is_toeplitz ? "Toeplitz " : "",
             (long long)b->matrix.bands,
             b->is_a_file ? ", read from a file"
                          : ", columns of norm 1, of least mean variance of prefix sums");
}

static const co_correlation correlation = {.create = create,
                                           .destroy = destroy,
                                           .n_kept = n_kept,
                                           .next = next,
                                           .cost = cost,
                                           .errors = errors,
                                           .digest = digest,
                                           .say = say};

static const co_param params[] = {
    CO_CORRELATED_PARAMS,
    {.key = "bands",
     .type = CO_INT,
     .def = 8,
     .lo = 1,
     .hi = 4096,
     .doc = "of the matrix, at most devices.min_separation; each costs a vector of memory"},
    {.key = "horizon",
     .type = CO_INT,
     .lo = 1,
     .hi = 1e9,
     .flags = CO_OPTIONAL,
     .doc = "rounds that the matrix is made for, up to which a run may grow; default: rounds"},
    {.key = "matrix",
     .type = CO_STRING,
     .flags = CO_OPTIONAL,
     .doc = "a text with rows of C, or the first column of a Toeplitz one; default: optimised"},
    {0}};

const co_mechanism co_mechanism_banded = {
    .name = "banded",
    .summary = "DP-FTRL: L2 clip, noise of a banded matrix over the steps; no sampling needed",
    .source = "Choquette-Choo et al. 2023, arXiv:2306.08153",
    .params = params,
    .norm = CO_NORM_L2,
    .noise = CO_NOISE_GAUSSIAN,
    .spread = 1.0,
    .correlation = &correlation};
