/* sim/stages/noise_rows.c - keeps what correlated noise needs, and goes through steps. Memory:
 * n_kept + 1 doubles a coordinate; time: one row a step, behind a resume as many as there were. */
#include "sim/stages/noise_rows.h"
#include "core/memory.h"
#include <math.h>
#include <string.h>

co_status co_noise_rows_init(co_noise_rows *r, const co_correlation *correlation, const void *noise,
                             size_t n)
{
    *r = (co_noise_rows){
        .correlation = correlation, .noise = noise, .n = n, .n_kept = correlation->n_kept(noise)};
    r->kept = co_calloc(2 * r->n_kept, sizeof *r->kept);
    r->row = co_calloc((r->n_kept + 1) * n, sizeof *r->row);
    if (!r->kept || !r->row)
        return CO_FAIL(CO_ENOMEM, "correlated noise: %zu vectors of %zu coordinates", r->n_kept, n);
    r->at = r->kept + r->n_kept;
    for (size_t k = 0; k < r->n_kept; k++) r->kept[k] = r->row + (k + 1) * n;
    return CO_OK;
}

void co_noise_rows_fini(co_noise_rows *r)
{
    co_free(r->kept);
    co_free(r->row);
    *r = (co_noise_rows){0};
}

/* The next row, of all parts. */
static void make(co_noise_rows *r, const co_noise_source *source, double scale,
                 const co_round_sum *sum)
{
    r->made++;
    for (const co_part *p = sum->part; p < sum->part + sum->n_parts; p++) {
        const co_noise_part part = {.first = p->offset, .n = p->size, .kept = r->at};
        for (size_t k = 0; k < r->n_kept; k++) r->at[k] = r->kept[k] + p->at;
        r->correlation->next(r->noise, source, r->made, scale, &part, r->row + p->at);
    }
}

void co_noise_rows_add(co_noise_rows *r, const co_noise_source *source, int64_t step, double scale,
                       co_round_sum *sum)
{
    CO_ASSERT(sum->n == r->n && step >= 1);
    if (r->made >= step) {
        memset(r->row, 0, (r->n_kept + 1) * r->n * sizeof *r->row);
        r->made = 0;
    }
    while (r->made < step) make(r, source, scale, sum);
    for (size_t j = 0; j < r->n; j++) {
        CO_ASSERT(fabs(r->row[j]) < 0x1p61); /* what a matrix may do to noise is bounded */
        sum->sum[j] += (int64_t)r->row[j];
    }
}
