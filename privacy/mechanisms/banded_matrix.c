/* privacy/mechanisms/banded_matrix.c - a banded matrix read, normalised, and what it costs and
 * gives. Source: Choquette-Choo et al. 2023, arXiv:2306.08153, Sections 3 and 4; Choquette-Choo et
 * al. 2022, arXiv:2211.06530, Theorem 2.1 (signs). */
#include "privacy/mechanisms/banded_matrix.h"
#include "core/memory.h"
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_TEXT = 1 << 26 };

void co_banded_fini(co_banded *m)
{
    co_free(m->c);
    *m = (co_banded){0};
}

static double dot(const co_banded *m, int64_t a, int64_t b) /* columns, a <= b */
{
    double sum = 0.0;
    const int64_t end = a + m->bands < m->n ? a + m->bands : m->n;
    for (int64_t row = b; row < end; row++)
        sum += co_banded_at(m, row, a) * co_banded_at(m, row, b);
    return sum;
}

void co_banded_normalise(co_banded *m)
{
    double most = 0.0;
    const int64_t columns = m->is_toeplitz ? 1 : m->n;
    for (int64_t j = 0; j < columns; j++) most = fmax(most, dot(m, j, j));
    const double by = 1.0 / (sqrt(most) * (1.0 + 0x1p-50));
    for (int64_t i = 0; i < columns * m->bands; i++) m->c[i] *= by;
}

/* Row t of A C^-1, from its end; room: [n + bands] zero behind the row. */
static double row_square(const co_banded *m, int64_t t, double *room)
{
    double square = 0.0;
    memset(room + t + 1, 0, (size_t)m->bands * sizeof *room);
    for (int64_t j = t; j >= 0; j--) {
        double x = 1.0;
        const double *c = m->c + (m->is_toeplitz ? 0 : j * m->bands);
        for (int64_t i = 1; i < m->bands; i++) x -= c[i] * room[j + i];
        room[j] = x / c[0];
        square += room[j] * room[j];
    }
    return square;
}

co_status co_banded_errors(const co_banded *m, double *most, double *mean)
{
    double *room = co_calloc((size_t)(m->n + m->bands), sizeof *room), last = 0.0;
    if (!room) return CO_FAIL(CO_ENOMEM, "rows of %lld steps", (long long)m->n);
    *most = *mean = 0.0;
    if (m->is_toeplitz) row_square(m, m->n - 1, room); /* all rows are ends of the last */
    for (int64_t t = 0; t < m->n; t++) {
        if (m->is_toeplitz)
            last += room[m->n - 1 - t] * room[m->n - 1 - t];
        else
            last = row_square(m, t, room);
        *most = fmax(*most, last);
        *mean += last / (double)m->n;
    }
    co_free(room);
    return CO_OK;
}

/* The most that |C_j . C_m| sums to over m at distances `separation` or more from j and from each
 * other, on one side of it. product[d] = C_j . C_m at distance d < bands, 0 where there is no m;
 * best: room for as many. */
static double side_of(const double *product, double *best, int64_t bands, int64_t separation)
{
    double most = 0.0;
    for (int64_t d = bands - 1; d >= separation; d--) { /* best[d]: of m at distance d or more */
        const double then = d + separation < bands ? best[d + separation] : 0.0;
        best[d] = most = fmax(most, fabs(product[d]) + then);
    }
    return most;
}

/* C_j . C_m for the columns m before j (left) and behind it (right), from dot(). */
static void products_of(const co_banded *m, int64_t j, double *left, double *right)
{
    for (int64_t d = 0; d < m->bands; d++) {
        left[d] = j - d >= 0 ? dot(m, j - d, j) : 0.0;
        right[d] = j + d < m->n ? dot(m, j, j + d) : 0.0;
    }
}

/* The same for a Toeplitz matrix from those of column j + 1: each gains the term of one more row
 * until all rows are there. */
static void next_products(const co_banded *m, int64_t j, double *left, double *right)
{
    const int64_t rows = m->n - j; /* from the diagonal on */
    for (int64_t d = 0; d < m->bands; d++) {
        if (rows <= m->bands - d) left[d] += m->c[rows - 1 + d] * m->c[rows - 1];
        if (rows > d && rows <= m->bands) right[d] += m->c[rows - 1] * m->c[rows - 1 - d];
    }
}

/* Column by column from the last. Toeplitz: once columns are whole those before them have the same
 * products, and no more neighbours than the first that has `bands` - 1 on its left. */
double co_banded_reach(const co_banded *m, int64_t separation)
{
    double left[1 << 12] = {0.0}, right[1 << 12] = {0.0}, best[1 << 12], most = 1.0;
    if (separation >= m->bands) return most;
    CO_ASSERT(m->bands <= 1 << 12);
    const bool is_long = m->is_toeplitz && m->n >= 2 * m->bands - 1;
    const int64_t last = is_long ? m->n - m->bands : 0;
    for (int64_t j = m->n - 1; j >= last; j--) {
        if (m->is_toeplitz)
            next_products(m, j, left, right);
        else
            products_of(m, j, left, right);
        for (int64_t d = j + 1; d < m->bands; d++) left[d] = 0.0; /* no column is there */
        most = fmax(most, right[0] + side_of(left, best, m->bands, separation) +
                              side_of(right, best, m->bands, separation));
    }
    return most;
}

/* ---- text */

typedef struct {
    const char *path;
    char *text;
    double *value; /* of all rows, one behind the other */
    size_t n_values, value_room;
    int64_t *end; /* [n_rows] values up to the end of each row */
    size_t n_rows, row_room;
} reading;

static co_status read_text(reading *r)
{
    FILE *file = fopen(r->path, "rb");
    if (!file) return CO_FAIL(CO_EFILE, "%s: %s", r->path, strerror(errno));
    r->text = co_malloc(MOST_TEXT + 1, 1);
    const size_t n = r->text ? fread(r->text, 1, MOST_TEXT, file) : 0;
    const bool is_whole = r->text && feof(file) && !ferror(file);
    fclose(file);
    if (!r->text) return CO_FAIL(CO_ENOMEM, "%s", r->path);
    if (!is_whole)
        return CO_FAIL(CO_EDATA, "%s: not readable as a text of up to %d bytes", r->path,
                       MOST_TEXT);
    r->text[n] = '\0';
    if (strlen(r->text) != n)
        return CO_FAIL(CO_EDATA, "%s: holds a zero byte: no text of numbers", r->path);
    return CO_OK;
}

/* One line of numbers, up to *at. */
static co_status read_line(reading *r, int line, char **at)
{
    char *p = *at;
    const size_t before = r->n_values;
    for (;;) {
        char *end;
        p += strspn(p, " \t\r,");
        if (*p == '\0' || *p == '\n') break;
        const double x = strtod(p, &end);
        if (end == p || !isfinite(x) || !strchr(" \t\r,\n", *end))
            return CO_FAIL(CO_EDATA, "%s, line %d: '%.*s' is no number", r->path, line,
                           (int)strcspn(p, " \t\r,\n"), p);
        if (co_reserve((void **)&r->value, &r->value_room, r->n_values + 1, sizeof x) != 0)
            return CO_FAIL(CO_ENOMEM, "%s", r->path);
        r->value[r->n_values++] = x;
        p = end;
    }
    *at = p + (*p == '\n');
    if (r->n_values == before) return CO_OK; /* nothing in it */
    if (co_reserve((void **)&r->end, &r->row_room, r->n_rows + 1, sizeof *r->end) != 0)
        return CO_FAIL(CO_ENOMEM, "%s", r->path);
    r->end[r->n_rows++] = (int64_t)r->n_values;
    return CO_OK;
}

static co_status read_lines(reading *r)
{
    int line = 1;
    CO_TRY(read_text(r));
    for (char *at = r->text; *at; line++) {
        if (*at == '#')
            at += strcspn(at, "\n"), at += *at == '\n';
        else
            CO_TRY(read_line(r, line, &at));
    }
    return r->n_rows > 0 ? CO_OK : CO_FAIL(CO_EDATA, "%s: holds no numbers", r->path);
}

static int64_t row_start(const reading *r, size_t row)
{
    return row ? r->end[row - 1] : 0;
}

/* Rows have no more numbers than there are rows, none above the diagonal, and a diagonal. */
static co_status check_rows(const reading *r, int64_t n, int64_t *bands)
{
    *bands = 1;
    if ((int64_t)r->n_rows < n)
        return CO_FAIL(CO_EDATA, "%s: a matrix of %zu rows, but there are %lld rounds", r->path,
                       r->n_rows, (long long)n);
    for (int64_t t = 0; t < n; t++) {
        const double *row = r->value + row_start(r, (size_t)t);
        const int64_t length = r->end[t] - row_start(r, (size_t)t);
        for (int64_t j = t + 1; j < length; j++)
            if (row[j] != 0.0)
                return CO_FAIL(CO_EDATA,
                               "%s: row %lld has %g behind its diagonal; the matrix must be lower "
                               "triangular",
                               r->path, (long long)t + 1, row[j]);
        if (length <= t || !(row[t] > 0.0))
            return CO_FAIL(CO_EDATA, "%s: row %lld has nothing above 0 on its diagonal", r->path,
                           (long long)t + 1);
        int64_t first = 0;
        while (row[first] == 0.0) first++;
        if (t - first + 1 > *bands) *bands = t - first + 1;
    }
    return CO_OK;
}

static co_status take_rows(const reading *r, int64_t n, co_banded *out)
{
    int64_t bands;
    CO_TRY(check_rows(r, n, &bands));
    *out = (co_banded){.n = n, .bands = bands};
    out->c = co_calloc((size_t)n * (size_t)bands, sizeof *out->c);
    if (!out->c) return CO_FAIL(CO_ENOMEM, "%s", r->path);
    for (int64_t t = 0; t < n; t++)
        for (int64_t j = t + 1 > bands ? t + 1 - bands : 0; j <= t; j++)
            out->c[j * bands + t - j] = r->value[row_start(r, (size_t)t) + j];
    return CO_OK;
}

static co_status take_column(const reading *r, int64_t n, co_banded *out)
{
    const int64_t given = (int64_t)r->n_values, bands = given < n ? given : n;
    if (!(r->value[0] > 0.0))
        return CO_FAIL(CO_EDATA, "%s: the first coefficient is %g, not above 0", r->path,
                       r->value[0]);
    *out = (co_banded){.n = n, .bands = bands, .is_toeplitz = true};
    out->c = co_malloc((size_t)bands, sizeof *out->c);
    if (!out->c) return CO_FAIL(CO_ENOMEM, "%s", r->path);
    memcpy(out->c, r->value, (size_t)bands * sizeof *out->c);
    return CO_OK;
}

co_status co_banded_read(const char *path, int64_t n, co_banded *out)
{
    reading r = {.path = path};
    *out = (co_banded){0};
    co_status st = read_lines(&r);
    if (st == CO_OK) st = r.n_rows == 1 ? take_column(&r, n, out) : take_rows(&r, n, out);
    if (st == CO_OK && out->bands > 1 << 12)
        st = CO_FAIL(CO_EDATA, "%s: a matrix of %lld bands; at most 4096", path,
                     (long long)out->bands);
    if (st == CO_OK) co_banded_normalise(out);
    co_free(r.text);
    co_free(r.value);
    co_free(r.end);
    return st;
}
