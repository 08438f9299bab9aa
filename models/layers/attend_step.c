/* models/layers/attend_step.c - one row a text, for texts that grow: keys, turned, and values stay
 * under slot and row; those of another text are taken where they are. */
#include "models/layers/attend_parts.h"
#include "core/clones.h"
#include <string.h>

typedef struct {
    float *keys, *values; /* [n_slots][most][kv_heads size]; none of another text */
    float *waves;         /* [most][size] of every row */
    float *q;             /* [heads size] one row, turned and scaled */
    float *scores;        /* [rows that are seen] */
    size_t *place;        /* the same; floats in front of each row of keys and values */
} memory;

static size_t open_memory(const co_attend *a, const co_steps_size *size, float *kept, memory *m)
{
    const size_t own = co_attend_is_cross(a) ? 0 : size->n_slots * size->most,
                 seen = co_attend_is_cross(a) ? size->most_source : size->most;
    *m = (memory){.keys = kept};
    m->values = m->keys + co_attend_align(own * a->kv_heads * a->size);
    m->waves = m->values + co_attend_align(own * a->kv_heads * a->size);
    m->q = m->waves + co_attend_align(size->most * a->size);
    m->scores = m->q + co_attend_align(a->heads * a->size);
    m->place = (size_t *)(m->scores + co_attend_row_of(seen));
    return (size_t)(m->scores - kept) + co_attend_row_of(seen) + 2 * co_attend_align(seen);
}

size_t co_attend_step_size(const void *self, const co_steps_size *size)
{
    float none;
    memory m;
    return open_memory(self, size, &none, &m);
}

void co_attend_lay(const void *self, const co_call *call, const co_steps_size *size, float *kept)
{
    const co_attend *a = self;
    memory m;
    (void)call;
    open_memory(a, size, kept, &m);
    co_attend_waves(a, &(co_attend_room){.length = size->most, .waves = m.waves});
}

/* The columns of head after head in row `first` of its text. */
static void turn_heads(const co_attend *a, const memory *m, size_t first, size_t heads,
                       float factor, const float *from, float *to)
{
    const co_attend_room w = {.waves = m->waves};
    for (size_t h = 0; h < heads; h++)
        co_attend_turn(a, &w, first, 1, 1.0f, factor, from + h * a->size, a->size, to + h * a->size,
                       a->size);
}

CO_CLONES static float attend_dot(size_t n, const float *restrict x, const float *restrict y)
{
    enum { LANES = 16 };
    float lane[LANES] = {0};
    size_t k = 0;
    for (; k + LANES <= n; k += LANES)
        for (size_t l = 0; l < LANES; l++) lane[l] += x[k + l] * y[k + l];
    for (size_t l = 0; k + l < n; l++) lane[l] += x[k + l] * y[k + l];
    for (size_t half = LANES / 2; half > 0; half /= 2)
        for (size_t l = 0; l < half; l++) lane[l] += lane[l + half];
    return lane[0];
}

CO_CLONES static void attend_add(size_t n, float factor, const float *restrict x, float *restrict y)
{
    for (size_t k = 0; k < n; k++) y[k] += factor * x[k];
}

/* The heads' row of y, of the query at hand and n rows of keys and values. */
static void attend_row(const co_attend *a, const memory *m, size_t n, const float *keys,
                       const float *values, float *y)
{
    const size_t group = a->heads / a->kv_heads, size = a->size;
    if (n == 0) memset(y, 0, a->heads * size * sizeof *y);
    for (size_t head = 0; n > 0 && head < a->heads; head++, y += size) {
        const size_t at = head / group * size;
        float max;
        for (size_t s = 0; s < n; s++)
            m->scores[s] = attend_dot(size, m->q + head * size, keys + m->place[s] + at);
        const float rate = 1.0f / a->use->softmax(n, m->scores, &max);
        memset(y, 0, size * sizeof *y);
        for (size_t s = 0; s < n; s++) attend_add(size, m->scores[s], values + m->place[s] + at, y);
        for (size_t k = 0; k < size; k++) y[k] *= rate;
    }
}

/* Row r of the step joins its text: where the text's keys and values stand. */
static void join_text(const co_attend *a, const memory *m, const co_call *call, const co_step *step,
                      size_t r)
{
    const size_t row = a->kv_heads * a->size, t = (size_t)step->at[r], most = step->size->most;
    for (size_t s = 0; s < t; s++) m->place[s] = ((size_t)step->past[r][s] * most + s) * row;
    m->place[t] = ((size_t)step->slot[r] * most + t) * row;
    turn_heads(a, m, t, a->kv_heads, 1.0f, call->x[1] + r * row, m->keys + m->place[t]);
    memcpy(m->values + m->place[t], call->x[2] + r * row, row * sizeof *m->values);
}

void co_attend_step(const void *self, const co_call *call, const co_step *step, float *kept)
{
    const co_attend *a = self;
    const size_t row = a->kv_heads * a->size, q_row = a->heads * a->size;
    memory m;
    open_memory(a, step->size, kept, &m);
    for (size_t r = 0; r < step->n; r++) {
        const size_t t = (size_t)step->at[r];
        float *y = call->y + r * q_row;
        turn_heads(a, &m, t, a->heads, a->scale, call->x[0] + r * q_row, m.q);
        if (co_attend_is_cross(a)) {
            const size_t first = (size_t)step->source[2 * r],
                         n = (size_t)step->source[2 * r + 1] - first;
            for (size_t s = 0; s < n; s++) m.place[s] = (first + s) * row;
            attend_row(a, &m, n, call->x[1], call->x[2], y);
        } else {
            join_text(a, &m, call, step, r);
            attend_row(a, &m, t + 1, m.keys, m.values, y);
        }
    }
}
