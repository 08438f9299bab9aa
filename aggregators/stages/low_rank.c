/* aggregators/stages/low_rank.c - sends each matrix of an update as two factors of r columns.
 *
 * M[rows][cols] becomes P Q^T: Q starts as keyed normal draws, then `iterations` times P = M Q,
 * columns of P made orthonormal (Gram-Schmidt, twice), Q = M^T P. So P Q^T is the projection of M
 * on the span of P, with more iterations as near to M as any matrix of rank r. A tensor of two or
 * more dimensions is a matrix of its first one by the others; one that r (rows + cols) floats would
 * not make smaller goes whole, and so do vectors. The factors are sent as floats, and the server
 * multiplies them before it adds: the sum is of full matrices. It is not PowerSGD (Vogels et al.,
 * NeurIPS 2019, arXiv:1905.13727), whose devices share P after one mean and send Q in a second, so
 * that only factors are ever added; here nothing is shared, and one message is enough. Biased.
 * Cost: 4 r (iterations + 1/2) operations a coordinate; 3 ns at rank 4. Source: Halko, Martinsson,
 * Tropp, SIAM Review 2011, arXiv:0909.4061, Algorithms 4.3 and 4.4 (subspace iteration). */
#include "aggregators/stages/stage.h"
#include "core/clones.h"
#include "core/memory.h"
#include "core/random.h"
#include <math.h>
#include <string.h>

enum { LANES = 8 };

typedef struct {
    size_t at, rows, cols; /* from where in a device's whole update; row by row */
    uint64_t key;          /* place of its tensor in the model's list */
} matrix;

typedef struct {
    size_t rank;
    int iterations;
    size_t n_matrices;
    matrix *matrix;   /* [n_matrices] */
    int64_t n_values; /* of a message: factors, and what goes whole */
    double *p, *q;    /* [rank][most rows], [rank][most cols]: factors' columns */
    double *row;      /* [most cols] */
} low_rank;

static co_status create(const co_config *opt, void **self)
{
    low_rank *l = co_calloc(1, sizeof *l);
    if (!l) return CO_FAIL(CO_ENOMEM, "low_rank state");
    l->rank = (size_t)co_config_int(opt, "rank");
    l->iterations = (int)co_config_int(opt, "iterations");
    *self = l;
    return CO_OK;
}

static void destroy(void *self)
{
    low_rank *l = self;
    if (!l) return;
    co_free(l->matrix);
    co_free(l->p);
    co_free(l->q);
    co_free(l->row);
    co_free(l);
}

/* False: it goes whole. */
static bool is_matrix(const low_rank *l, const co_tensor *tensor, matrix *m)
{
    if (tensor->role != CO_SHARED || tensor->ndim < 2 || tensor->dim[0] == 0) return false;
    m->rows = tensor->dim[0];
    m->cols = tensor->size / m->rows;
    return l->rank * (m->rows + m->cols) < tensor->size;
}

static co_status ready(void *self, const co_stage_site *site)
{
    low_rank *l = self;
    size_t most_rows = 0, most_cols = 0;
    l->matrix = co_calloc(site->n_tensors, sizeof *l->matrix);
    if (!l->matrix) return CO_FAIL(CO_ENOMEM, "low_rank matrices");
    l->n_values = (int64_t)site->layout->n_shared;
    for (size_t t = 0; t < site->n_tensors; t++) {
        matrix m = {.key = t};
        if (!is_matrix(l, &site->tensor[t], &m)) continue;
        m.at = co_layout_place(site->layout, site->tensor[t].offset);
        l->n_values += (int64_t)(l->rank * (m.rows + m.cols)) - (int64_t)(m.rows * m.cols);
        if (m.rows > most_rows) most_rows = m.rows;
        if (m.cols > most_cols) most_cols = m.cols;
        l->matrix[l->n_matrices++] = m;
    }
    if (l->n_matrices == 0)
        return CO_FAIL(
            CO_EUSAGE,
            "transforms: low_rank of rank %zu makes no tensor of the model smaller; lower "
            "rank, or leave it out",
            l->rank);
    l->p = co_malloc(l->rank * most_rows, sizeof *l->p);
    l->q = co_malloc(l->rank * most_cols, sizeof *l->q);
    l->row = co_malloc(most_cols, sizeof *l->row);
    return l->p && l->q && l->row ? CO_OK : CO_FAIL(CO_ENOMEM, "low_rank factors");
}

CO_CLONES static double dot_row(const float *restrict x, const double *restrict y, size_t n)
{
    double lane[LANES] = {0}, sum = 0.0;
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (size_t k = 0; k < LANES; k++) lane[k] += (double)x[i + k] * y[i + k];
    for (; i < n; i++) sum += (double)x[i] * y[i];
    for (size_t k = 0; k < LANES; k++) sum += lane[k];
    return sum;
}

CO_CLONES static void add_row(double *restrict y, const float *restrict x, size_t n, double factor)
{
    for (size_t i = 0; i < n; i++) y[i] += factor * (double)x[i];
}

CO_CLONES static double dot_columns(const double *x, const double *y, size_t n)
{
    double lane[LANES] = {0}, sum = 0.0;
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (size_t k = 0; k < LANES; k++) lane[k] += x[i + k] * y[i + k];
    for (; i < n; i++) sum += x[i] * y[i];
    for (size_t k = 0; k < LANES; k++) sum += lane[k];
    return sum;
}

CO_CLONES static void add_column(double *restrict y, const double *restrict x, size_t n,
                                 double factor)
{
    for (size_t i = 0; i < n; i++) y[i] += factor * x[i];
}

/* P = M Q */
static void multiply(const low_rank *l, const matrix *m, const float *x)
{
    for (size_t i = 0; i < m->rows; i++)
        for (size_t a = 0; a < l->rank; a++)
            l->p[a * m->rows + i] = dot_row(x + i * m->cols, l->q + a * m->cols, m->cols);
}

/* Q = M^T P */
static void multiply_back(const low_rank *l, const matrix *m, const float *x)
{
    memset(l->q, 0, l->rank * m->cols * sizeof *l->q);
    for (size_t i = 0; i < m->rows; i++)
        for (size_t a = 0; a < l->rank; a++)
            add_row(l->q + a * m->cols, x + i * m->cols, m->cols, l->p[a * m->rows + i]);
}

/* Columns that are nothing but rounding beside the ones before become 0. */
static void orthonormalise(double *p, size_t n_columns, size_t n)
{
    for (size_t a = 0; a < n_columns; a++) {
        double *x = p + a * n;
        const double before = sqrt(dot_columns(x, x, n));
        for (int twice = 0; twice < 2; twice++)
            for (size_t b = 0; b < a; b++)
                add_column(x, p + b * n, n, -dot_columns(x, p + b * n, n));
        const double norm = sqrt(dot_columns(x, x, n));
        const double factor = norm > 1e-12 * before ? 1.0 / norm : 0.0;
        for (size_t i = 0; i < n; i++) x[i] *= factor;
    }
}

/* M = P Q^T, of factors as they are sent. */
static void expand(const low_rank *l, const matrix *m, float *x)
{
    double *row = l->row;
    for (size_t i = 0; i < m->rows; i++, x += m->cols) {
        memset(row, 0, m->cols * sizeof *row);
        for (size_t a = 0; a < l->rank; a++)
            add_column(row, l->q + a * m->cols, m->cols, l->p[a * m->rows + i]);
        for (size_t j = 0; j < m->cols; j++) x[j] = (float)row[j];
    }
}

static void round_to_floats(double *x, size_t n)
{
    for (size_t i = 0; i < n; i++) x[i] = (double)(float)x[i];
}

/* Q of normal draws. */
static void draw(const low_rank *l, const matrix *m, const co_stage_key *key)
{
    const co_stream s = co_stream_open(key->seed, CO_DRAW_LOW_RANK, (uint64_t)key->step,
                                       (uint64_t)key->device, m->key);
    const size_t n = l->rank * m->cols;
    float z[256];
    for (size_t i = 0; i < n; i++) {
        if (i % 256 == 0) co_fill_normal(&s, i, 256, z);
        l->q[i] = (double)z[i % 256];
    }
}

static void approximate(const low_rank *l, const matrix *m, const co_stage_key *key, float *x)
{
    draw(l, m, key);
    for (int i = 0; i < l->iterations; i++) {
        multiply(l, m, x);
        orthonormalise(l->p, l->rank, m->rows);
        multiply_back(l, m, x);
    }
    round_to_floats(l->p, l->rank * m->rows);
    round_to_floats(l->q, l->rank * m->cols);
    expand(l, m, x);
}

static void forward(void *self, const co_stage_key *key, co_contribution *c, float *const *state)
{
    const low_rank *l = self;
    (void)state;
    for (const matrix *m = l->matrix; m < l->matrix + l->n_matrices; m++)
        approximate(l, m, key, c->update + m->at);
    c->n_values = l->n_values;
    c->norm = NAN;
}

static void message(const void *self, co_message *m)
{
    m->n_values = ((const low_rank *)self)->n_values;
}

static const co_param params[] = {
    {"rank", CO_INT, .def = 4, .lo = 1, .hi = 4096, .doc = "columns of each factor"},
    {"iterations", CO_INT, .def = 2, .lo = 1, .hi = 100,
     .doc = "passes over a matrix in search of its largest directions"},
    {0}};

const co_stage co_stage_low_rank = {.name = "low_rank",
                                    .summary =
                                        "sends each matrix as two thin factors; not PowerSGD, "
                                        "the sum is of whole matrices",
                                    .source = "Halko et al. 2011, arXiv:0909.4061",
                                    .params = params,
                                    .create = create,
                                    .destroy = destroy,
                                    .ready = ready,
                                    .forward = forward,
                                    .message = message,
                                    .enforced = true,
                                    .coded = true,
                                    .by_tensor = true};
