/* models/layers/pool_time.c - one row from all rows of a sequence: their mean, the last or the
 * first one.
 *
 * mean: y = (1/T) sum_t x_t, dx_t = dy / T. last: y = x_T, dx_T = dy, else 0; first: likewise with
 * x_1. A sequence without rows gives zeros. Cost: one pass. */
#include "core/memory.h"
#include "models/layers/input.h"
#include <string.h>

typedef struct {
    co_shape in;
    size_t size;
    enum { MEAN, LAST, FIRST } by;
} pool;

static co_status create(const co_config *opt, const co_shape *in, size_t n_classes, co_shape *out,
                        void **self)
{
    (void)n_classes;
    *self = NULL;
    CO_TRY(co_input_sequences(opt, in));
    pool *p = co_malloc(1, sizeof *p);
    if (!p) return CO_FAIL(CO_ENOMEM, "layer pool_time");
    const char *by = co_config_string(opt, "by");
    *p = (pool){.in = *in,
                .size = in->dim[0],
                .by = strcmp(by, "last") == 0    ? LAST
                      : strcmp(by, "first") == 0 ? FIRST
                                                 : MEAN};
    *out = (co_shape){.ndim = 1, .dim = {in->dim[0]}};
    *self = p;
    return CO_OK;
}

/* The rows of example i that its output is made of. */
static void find_rows(const pool *p, const co_batch *batch, size_t i, size_t *first, size_t *end)
{
    *first = co_shape_first_row(&p->in, batch, i);
    *end = co_shape_first_row(&p->in, batch, i + 1);
    if (*first == *end) return;
    if (p->by == LAST) *first = *end - 1;
    if (p->by == FIRST) *end = *first + 1;
}

static void forward(const void *self, const co_call *call)
{
    const pool *p = self;
    const co_batch *batch = call->pass->batch;
    const float *x = call->x[0];
    float *restrict y = call->y;
    memset(y, 0, batch->n * p->size * sizeof *y);
    for (size_t i = 0; i < batch->n; i++, y += p->size) {
        size_t first, end;
        find_rows(p, batch, i, &first, &end);
        if (first == end) continue;
        if (p->by != MEAN) {
            memcpy(y, x + first * p->size, p->size * sizeof *y);
            continue;
        }
        const float factor = 1.0f / (float)(end - first);
        for (size_t r = first; r < end; r++)
            for (size_t k = 0; k < p->size; k++) y[k] += x[r * p->size + k];
        for (size_t k = 0; k < p->size; k++) y[k] *= factor;
    }
}

static void backward_input(const void *self, const co_call *call)
{
    const pool *p = self;
    const co_batch *batch = call->pass->batch;
    const float *restrict dy = call->dy;
    float *restrict dx = call->dx[0];
    memset(dx, 0, co_shape_rows(&p->in, batch) * p->size * sizeof *dx);
    for (size_t i = 0; i < batch->n; i++, dy += p->size) {
        size_t first, end;
        find_rows(p, batch, i, &first, &end);
        const float factor = 1.0f / (float)(end - first);
        for (size_t r = first; r < end; r++)
            for (size_t k = 0; k < p->size; k++) dx[r * p->size + k] = factor * dy[k];
    }
}

static const co_param params[] = {{"by", CO_CHOICE, .words = "mean|last|first",
                                   .flags = CO_REQUIRED,
                                   .doc = "the mean of all rows, the last row, or the first"},
                                  {0}};
const co_layer co_layer_pool_time = {.name = "pool_time",
                                     .summary =
                                         "the mean, the last or the first of a sequence's rows",
                                     .params = params,
                                     .main_option = "by",
                                     .create = create,
                                     .destroy = co_free,
                                     .forward = forward,
                                     .backward_input = backward_input};
