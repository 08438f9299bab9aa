/* models/layers/char_cnn.c - a word from its letters: embeddings, a convolution over them, the
 * largest value of each filter.
 *
 * With letters c_1 .. c_L of a token, y[f] = max_l (b[f] + sum_k sum_e W[f][e][k] E[c_(l+k-p)][e]),
 * k < width, p = (width - 1) / 2; letters outside the token are zeros. PyTorch's Embedding, Conv1d
 * (padding: same) and max; a token without letters gives zeros. What letter c adds at place k of a
 * window is one row P[k][c] = W_k E[c], formed once for each letter that a batch has; a window is
 * then `width` rows added up, and its gradient goes back by the same rows. The first of equal
 * windows takes the gradient. Cost: width x embedding x filters for each different letter, width x
 * filters for each letter. Source: Ma & Hovy, ACL 2016, arXiv:1603.01354, section 2.1; Santos &
 * Zadrozny, ICML 2014. */
#include "core/clones.h"
#include "core/memory.h"
#include "models/layers/init.h"
#include "models/layers/layer.h"
#include <string.h>

enum { EMBEDDING, WEIGHT, BIAS, N_TENSORS };

typedef struct {
    co_shape in;
    size_t n_letters, embedding, filters, width;
} char_cnn;

static co_status create(const co_config *opt, const co_shape *in, size_t n_classes, co_shape *out,
                        void **self)
{
    char text[CO_SHAPE_TEXT];
    (void)n_classes;
    *self = NULL;
    co_shape_text(in, text);
    if (!in->tokens || in->target)
        return co_config_fail(opt, NULL, "needs the tokens of texts, its input is %s", text);
    if (in->dim[1] == 0)
        return co_config_fail(opt, NULL,
                              "needs the letters of the tokens, which the data have not; import "
                              "them with chars=true");
    char_cnn *c = co_malloc(1, sizeof *c);
    if (!c) return CO_FAIL(CO_ENOMEM, "layer char_cnn");
    *c = (char_cnn){.in = *in,
                    .n_letters = in->dim[1],
                    .embedding = (size_t)co_config_int(opt, "embedding"),
                    .filters = (size_t)co_config_int(opt, "filters"),
                    .width = (size_t)co_config_int(opt, "width")};
    *out = (co_shape){.sequence = in->sequence, .ndim = 1, .dim = {c->filters}};
    *self = c;
    return CO_OK;
}

static size_t tensors(const void *self, co_tensor_shape *shape)
{
    const char_cnn *c = self;
    shape[EMBEDDING] = (co_tensor_shape){"embedding.weight", 2, {c->n_letters, c->embedding}};
    shape[WEIGHT] = (co_tensor_shape){"conv.weight", 3, {c->filters, c->embedding, c->width}};
    shape[BIAS] = (co_tensor_shape){"conv.bias", 1, {c->filters}};
    return N_TENSORS;
}

static void init(const void *self, uint64_t seed, size_t t, uint64_t number, float *tensor)
{
    const char_cnn *c = self;
    const size_t fan_in = c->embedding * c->width;
    if (t == EMBEDDING)
        co_init_normal(seed, number, 1.0f, c->n_letters * c->embedding, tensor);
    else
        co_init_fan_in(seed, number, fan_in, t == BIAS ? c->filters : c->filters * fan_in, tensor);
}

/* ---- memory ---- */

static size_t per_place(const char_cnn *c)
{
    return c->embedding * c->filters;
}

/* Kept: the window that gave each value, a letter of the batch; -1 for a token without letters. */
static size_t cache_size(const void *self, size_t n, size_t rows)
{
    (void)n;
    return rows * ((const char_cnn *)self)->filters;
}

/* The letters that rows of the batch have, each with its number; their rows P; the weights, by
 * place. */
typedef struct {
    size_t n;
    int32_t *letter; /* [n] */
    int32_t *number; /* [n_letters], 1 + number of those that are there */
    float *rows;     /* [width][n][filters] */
    float *weight;   /* [width][embedding][filters], or [width][filters][embedding] */
    float *sum;      /* [width][embedding][filters] */
} work;

static size_t scratch_size(const void *self, size_t n, size_t rows)
{
    const char_cnn *c = self;
    (void)n, (void)rows;
    return c->n_letters * (2 + c->width * c->filters) + 2 * c->width * per_place(c);
}

/* Of rows first .. end of the batch. */
static work open_work(const char_cnn *c, const co_call *call, size_t first, size_t end)
{
    const co_batch *batch = call->pass->batch;
    work w = {.number = (int32_t *)call->scratch,
              .letter = (int32_t *)call->scratch + c->n_letters};
    w.rows = call->scratch + 2 * c->n_letters;
    w.weight = w.rows + c->width * c->n_letters * c->filters;
    w.sum = w.weight + c->width * per_place(c);
    memset(w.number, 0, c->n_letters * sizeof *w.number);
    for (int64_t l = batch->char_offsets[first]; l < batch->char_offsets[end]; l++) {
        const int32_t letter = batch->chars[l];
        CO_ASSERT(letter >= 0 && (size_t)letter < c->n_letters);
        if (w.number[letter]) continue;
        w.letter[w.n++] = letter;
        w.number[letter] = (int32_t)w.n;
    }
    return w;
}

/* Rows of place k. */
static float *rows_of(const char_cnn *c, const work *w, size_t k)
{
    return w->rows + k * w->n * c->filters;
}

/* ---- passes ---- */

CO_CLONES static void char_cnn_add(size_t n, float factor, const float *restrict from,
                                   float *restrict to)
{
    for (size_t i = 0; i < n; i++) to[i] += factor * from[i];
}

/* W[f][e][k] to [k][e][f]. */
static void turn_by_embedding(const char_cnn *c, const float *weight, float *turned)
{
    for (size_t f = 0; f < c->filters; f++)
        for (size_t e = 0; e < c->embedding; e++)
            for (size_t k = 0; k < c->width; k++)
                turned[(k * c->embedding + e) * c->filters + f] = *weight++;
}

/* .. to [k][f][e]. */
static void turn_by_filter(const char_cnn *c, const float *weight, float *turned)
{
    for (size_t f = 0; f < c->filters; f++)
        for (size_t e = 0; e < c->embedding; e++)
            for (size_t k = 0; k < c->width; k++)
                turned[(k * c->filters + f) * c->embedding + e] = *weight++;
}

static void form_rows(const char_cnn *c, const co_call *call, const work *w)
{
    const float *embedding = co_call_tensor(call, EMBEDDING);
    turn_by_embedding(c, co_call_tensor(call, WEIGHT), w->weight);
    memset(w->rows, 0, c->width * w->n * c->filters * sizeof *w->rows);
    for (size_t k = 0; k < c->width; k++)
        for (size_t i = 0; i < w->n; i++)
            for (size_t e = 0; e < c->embedding; e++)
                char_cnn_add(c->filters, embedding[(size_t)w->letter[i] * c->embedding + e],
                             w->weight + (k * c->embedding + e) * c->filters,
                             rows_of(c, w, k) + i * c->filters);
}

/* The row of P that window l of a token with letters [first, end) has at place k; NULL: outside. */
static float *row_at(const char_cnn *c, const co_batch *batch, const work *w, int64_t first,
                     int64_t end, int64_t l, size_t k)
{
    const int64_t at = l + (int64_t)k - (int64_t)((c->width - 1) / 2);
    if (at < first || at >= end) return NULL;
    return rows_of(c, w, k) + (size_t)(w->number[batch->chars[at]] - 1) * c->filters;
}

CO_CLONES static void char_cnn_most(size_t n, int32_t l, bool begins, const float *restrict x,
                                    float *restrict y, int32_t *restrict place)
{
    for (size_t f = 0; f < n; f++) {
        const bool more = begins || x[f] > y[f] || x[f] != x[f];
        y[f] = more ? x[f] : y[f];
        place[f] = more ? l : place[f];
    }
}

static void forward(const void *self, const co_call *call)
{
    const char_cnn *c = self;
    const co_batch *batch = call->pass->batch;
    const float *bias = co_call_tensor(call, BIAS);
    const work w = open_work(c, call, 0, batch->rows);
    float *window = w.sum; /* of one: no gradient is formed here */
    form_rows(c, call, &w);
    for (size_t r = 0; r < batch->rows; r++) {
        const int64_t first = batch->char_offsets[r], end = batch->char_offsets[r + 1];
        float *y = call->y + r * c->filters;
        int32_t *place = (int32_t *)call->cache + r * c->filters;
        for (size_t f = 0; first == end && f < c->filters; f++) {
            y[f] = 0.0f;
            place[f] = -1;
        }
        for (int64_t l = first; l < end; l++) {
            memcpy(window, bias, c->filters * sizeof *window);
            for (size_t k = 0; k < c->width; k++) {
                const float *row = row_at(c, batch, &w, first, end, l, k);
                if (row) char_cnn_add(c->filters, 1.0f, row, window);
            }
            char_cnn_most(c->filters, (int32_t)l, l == first, window, y, place);
        }
    }
}

/* The gradient of texts begin .. end by the rows P, in their place, and by the bias. */
static void gather_rows(const char_cnn *c, const co_call *call, const work *w, size_t begin,
                        size_t end, float *bias)
{
    const co_batch *batch = call->pass->batch;
    memset(w->rows, 0, c->width * w->n * c->filters * sizeof *w->rows);
    for (size_t i = begin; i < end; i++) {
        const size_t last = co_shape_first_row(&c->in, batch, i + 1);
        for (size_t r = co_shape_first_row(&c->in, batch, i); r < last; r++) {
            const float *dy = call->dy + r * c->filters;
            const int32_t *place = (const int32_t *)call->cache + r * c->filters;
            for (size_t f = 0; f < c->filters; f++) {
                const float d = call->scale ? call->scale[i] * dy[f] : dy[f];
                if (place[f] < 0) continue;
                bias[f] += d;
                for (size_t k = 0; k < c->width; k++) {
                    float *row = row_at(c, batch, w, batch->char_offsets[r],
                                        batch->char_offsets[r + 1], place[f], k);
                    if (row) row[f] += d;
                }
            }
        }
    }
}

/* The targets += the gradient of texts begin .. end. */
static void add_texts(const char_cnn *c, const co_call *call, size_t begin, size_t end,
                      float *d_embedding, float *weight, float *bias)
{
    const co_batch *batch = call->pass->batch;
    const float *embedding = co_call_tensor(call, EMBEDDING);
    const work w = open_work(c, call, co_shape_first_row(&c->in, batch, begin),
                             co_shape_first_row(&c->in, batch, end));
    gather_rows(c, call, &w, begin, end, bias);
    turn_by_filter(c, co_call_tensor(call, WEIGHT), w.weight);
    memset(w.sum, 0, c->width * per_place(c) * sizeof *w.sum);
    for (size_t k = 0; k < c->width; k++)
        for (size_t i = 0; i < w.n; i++) {
            const float *d = rows_of(c, &w, k) + i * c->filters,
                        *own = embedding + (size_t)w.letter[i] * c->embedding;
            for (size_t e = 0; e < c->embedding; e++)
                char_cnn_add(c->filters, own[e], d, w.sum + (k * c->embedding + e) * c->filters);
            for (size_t f = 0; f < c->filters; f++)
                char_cnn_add(c->embedding, d[f], w.weight + (k * c->filters + f) * c->embedding,
                             d_embedding + (size_t)w.letter[i] * c->embedding);
        }
    for (size_t f = 0; f < c->filters; f++)
        for (size_t e = 0; e < c->embedding; e++)
            for (size_t k = 0; k < c->width; k++)
                *weight++ += w.sum[(k * c->embedding + e) * c->filters + f];
}

static void backward_params(const void *self, const co_call *call)
{
    const char_cnn *c = self;
    const size_t n = call->pass->batch->n, floats = c->filters * c->embedding * c->width;
    if (!call->each)
        add_texts(c, call, 0, n, co_call_target(call, EMBEDDING), co_call_target(call, WEIGHT),
                  co_call_target(call, BIAS));
    for (size_t i = 0; call->each && i < n; i++)
        add_texts(c, call, i, i + 1, co_call_own(call, EMBEDDING, i, c->n_letters * c->embedding),
                  co_call_own(call, WEIGHT, i, floats), co_call_own(call, BIAS, i, c->filters));
}

static co_facts facts(const void *self)
{
    (void)self;
    return (co_facts){.spares_output = true, .each = true};
}

/* Of a token with five letters. */
static double flops(const void *self)
{
    const char_cnn *c = self;
    return 5.0 * (double)(c->width * c->filters);
}

static const co_param params[] = {
    {"filters", CO_INT, .lo = 1, .hi = 65536, .flags = CO_REQUIRED, .doc = "floats of a token"},
    {"embedding", CO_INT, .lo = 1, .hi = 65536, .flags = CO_REQUIRED, .doc = "floats of a letter"},
    {"width", CO_INT, .def = 3, .lo = 1, .hi = 64, .doc = "letters of a window"},
    {0}};
const co_layer co_layer_char_cnn = {.name = "char_cnn",
                                    .summary = "a token from its letters: convolution and maximum",
                                    .source = "Ma & Hovy, ACL 2016, arXiv:1603.01354",
                                    .params = params,
                                    .create = create,
                                    .destroy = co_free,
                                    .facts = facts,
                                    .tensors = tensors,
                                    .init = init,
                                    .cache_size = cache_size,
                                    .scratch_size = scratch_size,
                                    .forward = forward,
                                    .backward_params = backward_params,
                                    .flops = flops};
