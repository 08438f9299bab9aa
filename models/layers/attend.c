/* models/layers/attend.c - attention of every text to itself, or of its target to it: for each
 * head, with queries Q, keys K and values V of its rows, d columns each, Y = P V with P = softmax(Q
 * K' / sqrt d) row by row.
 *
 * Inputs q [rows][heads d], k and v [rows][kv_heads d]; heads / kv_heads neighbouring heads share
 * one of keys and values. Queries of a target see all rows of the text; where that has none, y is
 * zero. causal: row t sees rows 0 .. t alone, and only those are computed.
 * rotary theta: before the product, columns i and i + d/2 of q and k turn by the angle t theta^(-2i
 * / d) in row t of a text, from 0 (rotary positions, paired as Llama's). dropout: in training each
 * probability is dropped with that probability, to 16 bits, else divided by the rest. The draws of
 * a block are halves of words of a keyed stream, from (row of the batch, head) of its first row on,
 * and are drawn again in backward.
 *
 * Backward, of a row: P anew from the scores and the row's log of the sum of
 * exponentials, dP = dY V', D = sum P dP, dS = P (dP - D), dQ = dS K / sqrt d, dK = dS' Q / sqrt d,
 * dV = P' dY.
 *
 * Texts have their own lengths and are never padded. A head goes in blocks of BLOCK rows against
 * all keys of the text. Memory: kept are one float a row and head; scratch is O(BLOCK + d) floats a
 * row of the longest text, whatever the number of texts and heads (room for it counts the rows of
 * a batch, since one text may be all of it; what is not used is never touched). Nothing of the size
 * of a text squared exists. Cost: 2 products of T x T x d forward, 5 backward, half when causal.
 * Sources: Vaswani et al., NeurIPS 2017, arXiv:1706.03762, equation 1; Dao et al., NeurIPS 2022,
 * arXiv:2205.14135, algorithms 1 and 4 (we keep whole rows of scores of a block); Su et al. 2021,
 * arXiv:2104.09864, equation 34; grouped heads: Ainslie et al. 2023, arXiv:2305.13245. */
#include "core/elementary.h"
#include "core/memory.h"
#include "core/random.h"
#include "models/kernels/kernels.h"
#include "models/layers/layer.h"
#include "models/smooth.h"
#include <math.h>
#include <string.h>

enum { BLOCK = 64 };

typedef struct {
    co_shape in, out;             /* of keys and values; of queries */
    size_t heads, kv_heads, size; /* size: d */
    bool causal;
    float scale;
    uint32_t limit; /* of 2^16 draws, those that drop */
    double *rate; /* [size / 2][2] cosine and sine of the angle from row to row; NULL: no rotary */
    const co_kernels *use, *fast; /* fast NULL: reference, which uses the plain loops below */
} attend;

/* ---- plain loops, and the kernels in their place (models/kernels/attend.inc) ---- */

static float plain_softmax(size_t n, float *s, float *max)
{
    float sum = 0.0f;
    *max = s[0];
    for (size_t j = 1; j < n; j++) *max = s[j] > *max ? s[j] : *max;
    for (size_t j = 0; j < n; j++) sum += s[j] = co_exp_negative(s[j] - *max);
    return sum;
}

static void plain_softmax_back(size_t n, float log_sum, const float *mask, float *s, float *ds)
{
    float dot = 0.0f;
    for (size_t j = 0; j < n; j++) {
        s[j] = co_exp_negative(s[j] - log_sum);
        if (mask) ds[j] *= mask[j];
        dot += s[j] * ds[j];
    }
    for (size_t j = 0; j < n; j++) {
        ds[j] = s[j] * (ds[j] - dot);
        if (mask) s[j] *= mask[j];
    }
}

static const co_kernels plain = {
    .product = co_reference_product, .softmax = plain_softmax, .softmax_back = plain_softmax_back};

static void destroy(void *self)
{
    if (self) co_free(((attend *)self)->rate);
    co_free(self);
}

static co_status check(const co_config *opt, const co_shape *in, size_t heads, size_t kv_heads)
{
    char text[3][CO_SHAPE_TEXT];
    bool fits = co_shape_equal(&in[1], &in[2]);
    for (size_t s = 0; s < 3; s++) {
        co_shape_text(&in[s], text[s]);
        fits = fits && in[s].sequence && !in[s].tokens && in[s].ndim == 1;
    }
    if (!fits)
        return co_config_fail(
            opt, NULL,
            "needs sequences of [features], keys and values of one size; queries, "
            "keys, values are %s, %s, %s",
            text[0], text[1], text[2]);
    if (in[0].dim[0] % heads != 0)
        return co_config_fail(opt, co_config_node(opt, "heads"),
                              "%zu features do not divide into %zu heads", in[0].dim[0], heads);
    if (heads % kv_heads != 0)
        return co_config_fail(opt, co_config_node(opt, "kv_heads"),
                              "%zu heads do not divide into groups for %zu of keys and values",
                              heads, kv_heads);
    if (in[1].dim[0] != kv_heads * (in[0].dim[0] / heads))
        return co_config_fail(opt, co_config_node(opt, "kv_heads"),
                              "%zu heads of %zu columns need keys and values of [%zu], they are %s",
                              kv_heads, in[0].dim[0] / heads, kv_heads * (in[0].dim[0] / heads),
                              text[1]);
    const bool cross = in[0].target != in[1].target;
    if (cross && (co_config_bool(opt, "causal") || co_config_real(opt, "rotary") > 0.0))
        return co_config_fail(
            opt, co_config_node(opt, co_config_bool(opt, "causal") ? "causal" : "rotary"),
            "the rows of a target have no places among those of its text; leave "
            "it out where attention is cross");
    if (co_config_real(opt, "rotary") > 0.0 && in[0].dim[0] / heads % 2 != 0)
        return co_config_fail(opt, co_config_node(opt, "rotary"),
                              "pairs of columns turn, but a head has %zu; choose other heads",
                              in[0].dim[0] / heads);
    return CO_OK;
}

static co_status create(const co_config *opt, const co_shape *in, size_t n_classes, co_shape *out,
                        void **self)
{
    const size_t heads = (size_t)co_config_int(opt, "heads"),
                 kv_heads = co_config_has(opt, "kv_heads") ? (size_t)co_config_int(opt, "kv_heads")
                                                           : heads;
    const double theta = co_config_real(opt, "rotary"),
                 limit = co_config_real(opt, "dropout") * 65536.0 + 0.5;
    (void)n_classes;
    *self = NULL;
    CO_TRY(check(opt, in, heads, kv_heads));
    const size_t size = in[0].dim[0] / heads;
    attend *a = co_calloc(1, sizeof *a);
    if (!a) return CO_FAIL(CO_ENOMEM, "layer attend");
    *a = (attend){.in = in[1],
                  .out = in[0],
                  .heads = heads,
                  .kv_heads = kv_heads,
                  .size = size,
                  .causal = co_config_bool(opt, "causal"),
                  .scale = (float)(1.0 / sqrt((double)size)),
                  .limit = limit < 65535.0 ? (uint32_t)limit : 65535,
                  .fast = co_kernels_in_use()};
    a->use = a->fast ? a->fast : &plain;
    if (theta > 0.0) {
        a->rate = co_malloc(a->size, sizeof *a->rate);
        if (!a->rate) {
            destroy(a);
            return CO_FAIL(CO_ENOMEM, "layer attend");
        }
        for (size_t i = 0; i < a->size / 2; i++) {
            const double angle = 1.0 / co_plain_power(theta, 2.0 * (double)i / (double)a->size);
            a->rate[2 * i] = co_plain_cos(angle), a->rate[2 * i + 1] = co_plain_sin(angle);
        }
    }
    *out = in[0];
    *self = a;
    return CO_OK;
}

/* ---- memory ---- */

static size_t align(size_t floats)
{
    return (floats + 15) / 16 * 16;
}

static size_t cache_size(const void *self, size_t n, size_t rows)
{
    (void)n;
    return rows * ((const attend *)self)->heads;
}

/* For a text with keys of `length` rows; row: floats from a row of scores to the next, no power of
 * two. */
typedef struct {
    bool back;
    size_t length, row;
    float *scores, *slopes;             /* [BLOCK][row] */
    float *mask;                        /* [row] factors of a row of probabilities */
    uint32_t *draws;                    /* [BLOCK][row / 2] two columns a word */
    float *keys_across, *values_across; /* [size][row] keys, turned, and values as columns */
    float *keys;                        /* [length][size] turned */
    float *q, *dq;                      /* [BLOCK][size] queries, turned and scaled */
    float *waves;                       /* [length][size] cosines, then sines */
    float rate[BLOCK];                  /* 1 / sum of exponentials of a row */
} room;

static size_t row_of(size_t length)
{
    return align(length) + 16;
}

static room open_room(const attend *a, float *scratch, size_t longest)
{
    const size_t row = row_of(longest), size = align(a->size);
    room w = {.length = longest, .waves = scratch};
    w.keys_across = w.waves + row * size;
    w.values_across = w.keys_across + row * size;
    w.keys = w.values_across + row * size;
    w.q = w.keys + row * size;
    w.dq = w.q + BLOCK * size;
    w.scores = w.dq + BLOCK * size;
    w.slopes = w.scores + BLOCK * row;
    w.mask = w.slopes + BLOCK * row;
    w.draws = (uint32_t *)(w.mask + row);
    return w;
}

static size_t scratch_size(const void *self, size_t n, size_t rows)
{
    const attend *a = self;
    const size_t row = row_of(rows), size = align(a->size);
    (void)n;
    return (2 * BLOCK + 1 + BLOCK / 2) * row + 4 * row * size + 2 * BLOCK * size;
}

/* ---- rotary positions ---- */

/* From row to row the angles grow by one turn each: in double, so that it adds 1e-16 a row. */
static void fill_waves(const attend *a, const room *w)
{
    const size_t half = a->size / 2;
    for (size_t i = 0; a->rate && i < half; i++) {
        double c = 1.0, s = 0.0;
        for (size_t t = 0; t < w->length; t++) {
            w->waves[t * a->size + i] = (float)c, w->waves[t * a->size + half + i] = (float)s;
            const double next = c * a->rate[2 * i] - s * a->rate[2 * i + 1];
            s = c * a->rate[2 * i + 1] + s * a->rate[2 * i];
            c = next;
        }
    }
}

/* The columns of the next head, on their way to a near cache while this one is worked on. */
static void fetch_next(const attend *a, size_t rows, const float *head, size_t row)
{
    for (size_t r = 0; r < rows; r++, head += row)
        for (size_t k = 0; k < a->size; k += 16) __builtin_prefetch(head + a->size + k);
}

/* Rows of one head, from row `first` of the text on, turned forward (sign 1) or back (-1) and
 * multiplied by factor. to may be from. */
static void turn(const attend *a, const room *w, size_t first, size_t rows, float sign,
                 float factor, const float *from, size_t from_row, float *to, size_t to_row)
{
    const size_t half = a->size / 2;
    for (size_t r = 0; r < rows; r++, from += from_row, to += to_row) {
        const float *c = w->waves + (first + r) * a->size, *s = c + half;
        if (!a->rate)
            for (size_t k = 0; k < a->size; k++) to[k] = factor * from[k];
        else
            for (size_t k = 0; k < half; k++) {
                const float left = factor * from[k], right = factor * from[k + half],
                            way = sign * s[k];
                to[k] = left * c[k] - right * way;
                to[k + half] = right * c[k] + left * way;
            }
    }
}

/* ---- one block of queries ---- */

static void transpose(const attend *a, size_t rows, const float *from, size_t from_row, float *to,
                      size_t to_row)
{
    if (a->fast) {
        a->fast->transpose(rows, a->size, from, from_row, to, to_row);
        return;
    }
    for (size_t r = 0; r < rows; r++)
        for (size_t k = 0; k < a->size; k++) to[k * to_row + r] = from[r * from_row + k];
}

/* limit: of 2^16. mask has room for an even n. */
CO_CLONES static void mask_row(size_t n, uint32_t limit, const uint32_t *restrict draw,
                               float *restrict mask)
{
    const float factor = 65536.0f / (float)(int32_t)(65536 - limit);
    for (size_t i = 0; i < (n + 1) / 2; i++) {
        mask[2 * i] = (draw[i] & 65535) < limit ? 0.0f : factor;
        mask[2 * i + 1] = draw[i] >> 16 < limit ? 0.0f : factor;
    }
}

CO_CLONES static void multiply_row(size_t n, const float *restrict by, float *restrict x)
{
    for (size_t i = 0; i < n; i++) x[i] *= by[i];
}

/* Rows first .. first + rows - 1 of the queries that begin at row `begin` of the batch, of one
 * head; they see `keys` rows of those that begin at `from` at most. */
typedef struct {
    size_t begin, from, first, rows, keys, head;
} block;

static size_t seen_by(const attend *a, const block *b, size_t r)
{
    return a->causal ? b->first + r + 1 : b->keys;
}

/* The first column of the head's q or y, in the block's first row; of its k or v, in the text's. */
static size_t q_at(const attend *a, const block *b)
{
    return ((b->begin + b->first) * a->heads + b->head) * a->size;
}
static size_t kv_at(const attend *a, const block *b)
{
    return (b->from * a->kv_heads + b->head / (a->heads / a->kv_heads)) * a->size;
}

static bool drops(const attend *a, const co_call *call)
{
    return a->limit > 0 && call->pass->train;
}

static void draw(const attend *a, const room *w, const block *b, const co_call *call)
{
    const co_pass *pass = call->pass;
    if (!drops(a, call)) return;
    const co_stream stream =
        co_stream_open(pass->seed, CO_DRAW_DROPOUT, pass->round, pass->device, call->draw);
    const size_t row = co_pass_drawn(pass, &a->out) + b->begin + b->first;
    co_fill_u32(&stream, (uint64_t)(row * a->heads + b->head) << 31, b->rows * ((b->keys + 1) / 2),
                w->draws);
}

/* The factors of the probabilities of row r of the block; NULL: nothing is dropped. */
static const float *mask_of(const attend *a, const room *w, const block *b, size_t r,
                            const co_call *call)
{
    if (!drops(a, call)) return NULL;
    mask_row(seen_by(a, b, r), a->limit, w->draws + r * ((b->keys + 1) / 2), w->mask);
    return w->mask;
}

/* Q K' / sqrt d of the block. */
static void score(const attend *a, const room *w, const block *b, const co_call *call)
{
    fetch_next(a, b->rows, call->x[0] + q_at(a, b), a->heads * a->size);
    turn(a, w, b->first, b->rows, 1.0f, a->scale, call->x[0] + q_at(a, b), a->heads * a->size, w->q,
         a->size);
    a->use->product(&(co_product){.rows = b->rows,
                                  .cols = b->keys,
                                  .depth = a->size,
                                  .n_segments = 1,
                                  .a = w->q,
                                  .a_row = a->size,
                                  .a_step = 1,
                                  .b = w->keys_across,
                                  .b_step = w->row,
                                  .c = w->scores,
                                  .c_row = w->row});
}

static void forward_block(const attend *a, room *w, const block *b, const co_call *call)
{
    float *y = call->y + q_at(a, b);
    draw(a, w, b, call);
    score(a, w, b, call);
    for (size_t r = 0; r < b->rows; r++) {
        const size_t n = seen_by(a, b, r), row = b->begin + b->first + r;
        float *s = w->scores + r * w->row, max;
        const float sum = a->use->softmax(n, s, &max);
        const float *mask = mask_of(a, w, b, r, call);
        if (mask) multiply_row(n, mask, s);
        memset(s + n, 0, (b->keys - n) * sizeof *s);
        call->cache[row * a->heads + b->head] = max + (float)co_plain_log((double)sum);
        w->rate[r] = 1.0f / sum;
    }
    a->use->product(&(co_product){.rows = b->rows,
                                  .cols = a->size,
                                  .depth = b->keys,
                                  .n_segments = 1,
                                  .a = w->scores,
                                  .a_row = w->row,
                                  .a_step = 1,
                                  .b = call->x[2] + kv_at(a, b),
                                  .b_step = a->kv_heads * a->size,
                                  .c = y,
                                  .c_row = a->heads * a->size});
    for (size_t r = 0; r < b->rows; r++, y += a->heads * a->size)
        for (size_t k = 0; k < a->size; k++) y[k] *= w->rate[r];
}

/* Probabilities (times mask) into scores, dS into slopes. */
static void slope(const attend *a, const room *w, const block *b, const co_call *call)
{
    const float *dy = call->dy + q_at(a, b);
    draw(a, w, b, call);
    score(a, w, b, call);
    fetch_next(a, b->rows, dy, a->heads * a->size);
    a->use->product(&(co_product){.rows = b->rows,
                                  .cols = b->keys,
                                  .depth = a->size,
                                  .n_segments = 1,
                                  .a = dy,
                                  .a_row = a->heads * a->size,
                                  .a_step = 1,
                                  .b = w->values_across,
                                  .b_step = w->row,
                                  .c = w->slopes,
                                  .c_row = w->row});
    for (size_t r = 0; r < b->rows; r++) {
        const size_t n = seen_by(a, b, r), row = b->begin + b->first + r, at = r * w->row;
        const float *mask = mask_of(a, w, b, r, call);
        a->use->softmax_back(n, call->cache[row * a->heads + b->head], mask, w->scores + at,
                             w->slopes + at);
        memset(w->scores + at + n, 0, (b->keys - n) * sizeof *w->scores);
        memset(w->slopes + at + n, 0, (b->keys - n) * sizeof *w->slopes);
    }
}

/* to[keys][size] += from' b: from [rows][keys] of the block. */
static void add_to_keys(const attend *a, const room *w, const block *b, const float *from,
                        const float *with, size_t with_row, float *to)
{
    a->use->product(&(co_product){.rows = b->keys,
                                  .cols = a->size,
                                  .depth = b->rows,
                                  .n_segments = 1,
                                  .a = from,
                                  .a_row = 1,
                                  .a_step = w->row,
                                  .b = with,
                                  .b_step = with_row,
                                  .c = to,
                                  .c_row = a->kv_heads * a->size,
                                  .add = true,
                                  .factor = 1.0f});
}

static void backward_block(const attend *a, const room *w, const block *b, const co_call *call)
{
    const size_t q_row = a->heads * a->size, kv_row = a->kv_heads * a->size, kv = kv_at(a, b);
    slope(a, w, b, call);
    if (call->dx[2])
        add_to_keys(a, w, b, w->scores, call->dy + q_at(a, b), q_row, call->dx[2] + kv);
    if (call->dx[1]) add_to_keys(a, w, b, w->slopes, w->q, a->size, call->dx[1] + kv);
    if (!call->dx[0]) return;
    a->use->product(&(co_product){.rows = b->rows,
                                  .cols = a->size,
                                  .depth = b->keys,
                                  .n_segments = 1,
                                  .a = w->slopes,
                                  .a_row = w->row,
                                  .a_step = 1,
                                  .b = a->rate ? w->keys : call->x[1] + kv,
                                  .b_step = a->rate ? a->size : kv_row,
                                  .c = w->dq,
                                  .c_row = a->size});
    turn(a, w, b->first, b->rows, -1.0f, a->scale, w->dq, a->size, call->dx[0] + q_at(a, b), q_row);
}

/* ---- texts ---- */

/* The keys of the block's head, turned; as columns too, and the values where backward needs them.
 */
static void open_head(const attend *a, const room *w, const block *b, const co_call *call)
{
    const size_t kv_row = a->kv_heads * a->size, kv = kv_at(a, b);
    if (a->rate) turn(a, w, 0, w->length, 1.0f, 1.0f, call->x[1] + kv, kv_row, w->keys, a->size);
    transpose(a, w->length, a->rate ? w->keys : call->x[1] + kv, a->rate ? a->size : kv_row,
              w->keys_across, w->row);
    if (w->back) transpose(a, w->length, call->x[2] + kv, kv_row, w->values_across, w->row);
}

/* The gradients of the turned keys become those of the keys. */
static void close_head(const attend *a, const room *w, const block *b, const co_call *call)
{
    const size_t kv_row = a->kv_heads * a->size, kv = kv_at(a, b);
    if (a->rate && call->dx[1])
        turn(a, w, 0, w->length, -1.0f, 1.0f, call->dx[1] + kv, kv_row, call->dx[1] + kv, kv_row);
}

/* n queries from row `begin` on, and the keys from row `from` on. */
static void run_text(const attend *a, room *w, size_t begin, size_t n, size_t from,
                     const co_call *call)
{
    const size_t group = a->heads / a->kv_heads;
    for (size_t head = 0; head < a->heads; head++) {
        block b = {.begin = begin, .from = from, .head = head};
        if (head % group == 0) open_head(a, w, &b, call);
        for (; b.first < n; b.first += BLOCK) {
            b.rows = n - b.first < BLOCK ? n - b.first : BLOCK;
            b.keys = a->causal ? b.first + b.rows : w->length;
            if (w->back)
                backward_block(a, w, &b, call);
            else
                forward_block(a, w, &b, call);
        }
        if (w->back && head % group == group - 1) close_head(a, w, &b, call);
    }
}

static size_t length_of(const co_shape *shape, const co_batch *batch, size_t i)
{
    return co_shape_first_row(shape, batch, i + 1) - co_shape_first_row(shape, batch, i);
}

/* n queries from row `begin` on have nothing to see. */
static void clear_text(const attend *a, bool back, size_t begin, size_t n, const co_call *call)
{
    const size_t row = a->heads * a->size;
    float *to = back ? call->dx[0] : call->y;
    if (to && n > 0) memset(to + begin * row, 0, n * row * sizeof *to);
}

static void run(const attend *a, const co_call *call, bool back)
{
    const co_batch *batch = call->pass->batch;
    size_t longest = 0;
    for (size_t i = 0; i < batch->n; i++)
        if (length_of(&a->in, batch, i) > longest) longest = length_of(&a->in, batch, i);
    room w = open_room(a, call->scratch, longest);
    w.back = back;
    fill_waves(a, &w);
    for (size_t i = 0; i < batch->n; i++) {
        const size_t begin = co_shape_first_row(&a->out, batch, i),
                     n = length_of(&a->out, batch, i);
        w.length = length_of(&a->in, batch, i);
        w.row = row_of(w.length);
        if (w.length > 0)
            run_text(a, &w, begin, n, co_shape_first_row(&a->in, batch, i), call);
        else
            clear_text(a, back, begin, n, call);
    }
}

static void forward(const void *self, const co_call *call)
{
    run(self, call, false);
}

static void backward_input(const void *self, const co_call *call)
{
    const attend *a = self;
    const size_t rows = co_shape_rows(&a->in, call->pass->batch), kv_row = a->kv_heads * a->size;
    for (size_t s = 1; s < 3; s++)
        if (call->dx[s]) memset(call->dx[s], 0, rows * kv_row * sizeof *call->dy);
    run(a, call, true);
}

/* ---- one row a text: keys, turned, and values stay under slot and row; those of another text
 * ---- */

static bool is_cross(const attend *a)
{
    return a->in.target != a->out.target;
}

typedef struct {
    float *keys, *values; /* [n_slots][most][kv_heads size]; none of another text */
    float *waves;         /* [most][size] of every row */
    float *q;             /* [heads size] one row, turned and scaled */
    float *scores;        /* [rows that are seen] */
    size_t *place;        /* the same; floats in front of each row of keys and values */
} memory;

static size_t open_memory(const attend *a, const co_steps_size *size, float *kept, memory *m)
{
    const size_t own = is_cross(a) ? 0 : size->n_slots * size->most,
                 seen = is_cross(a) ? size->most_source : size->most;
    *m = (memory){.keys = kept};
    m->values = m->keys + align(own * a->kv_heads * a->size);
    m->waves = m->values + align(own * a->kv_heads * a->size);
    m->q = m->waves + align(size->most * a->size);
    m->scores = m->q + align(a->heads * a->size);
    m->place = (size_t *)(m->scores + row_of(seen));
    return (size_t)(m->scores - kept) + row_of(seen) + 2 * align(seen);
}

static size_t step_size(const void *self, const co_steps_size *size)
{
    float none;
    memory m;
    return open_memory(self, size, &none, &m);
}

static void lay(const void *self, const co_call *call, const co_steps_size *size, float *kept)
{
    const attend *a = self;
    memory m;
    (void)call;
    open_memory(a, size, kept, &m);
    fill_waves(a, &(room){.length = size->most, .waves = m.waves});
}

/* The columns of head after head in row `first` of its text. */
static void turn_heads(const attend *a, const memory *m, size_t first, size_t heads, float factor,
                       const float *from, float *to)
{
    const room w = {.waves = m->waves};
    for (size_t h = 0; h < heads; h++)
        turn(a, &w, first, 1, 1.0f, factor, from + h * a->size, a->size, to + h * a->size, a->size);
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
static void attend_row(const attend *a, const memory *m, size_t n, const float *keys,
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
static void join_text(const attend *a, const memory *m, const co_call *call, const co_step *step,
                      size_t r)
{
    const size_t row = a->kv_heads * a->size, t = (size_t)step->at[r], most = step->size->most;
    for (size_t s = 0; s < t; s++) m->place[s] = ((size_t)step->past[r][s] * most + s) * row;
    m->place[t] = ((size_t)step->slot[r] * most + t) * row;
    turn_heads(a, m, t, a->kv_heads, 1.0f, call->x[1] + r * row, m->keys + m->place[t]);
    memcpy(m->values + m->place[t], call->x[2] + r * row, row * sizeof *m->values);
}

static void step(const void *self, const co_call *call, const co_step *step, float *kept)
{
    const attend *a = self;
    const size_t row = a->kv_heads * a->size, q_row = a->heads * a->size;
    memory m;
    open_memory(a, step->size, kept, &m);
    for (size_t r = 0; r < step->n; r++) {
        const size_t t = (size_t)step->at[r];
        float *y = call->y + r * q_row;
        turn_heads(a, &m, t, a->heads, a->scale, call->x[0] + r * q_row, m.q);
        if (is_cross(a)) {
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

/* Scores and their sum of values; a causal row sees half of the others. */
static double pair_flops(const void *self)
{
    const attend *a = self;
    return (a->causal ? 1.0 : 2.0) * (double)a->heads * (double)a->size;
}

static co_facts facts(const void *self)
{
    const attend *a = self;
    return (co_facts){.spares_output = true, .steps = a->causal || is_cross(a)};
}

static const co_param params[] = {
    {"heads", CO_INT, .lo = 1, .hi = 65536, .flags = CO_REQUIRED, .doc = "heads of the queries"},
    {"kv_heads", CO_INT, .lo = 1, .hi = 65536, .flags = CO_OPTIONAL,
     .doc = "heads of keys and values; default: as many"},
    {"causal", CO_BOOL, .doc = "a row sees itself and those before it alone"},
    {"rotary", CO_REAL, .def = 0.0, .lo = 0.0, .hi = INFINITY,
     .doc = "base of rotary positions, 10000 in most models; 0: none"},
    {"dropout", CO_REAL, .def = 0.0, .lo = 0.0, .hi = 1.0, .flags = CO_HI_OPEN,
     .doc = "probability that an attention is dropped in training"},
    {0}};
const co_layer co_layer_attend = {.name = "attend",
                                  .summary = "attention of every text to itself, or of a target "
                                             "to its text: queries, keys, values",
                                  .source = "Vaswani et al., NeurIPS 2017, arXiv:1706.03762",
                                  .params = params,
                                  .main_option = "heads",
                                  .n_inputs = 3,
                                  .create = create,
                                  .destroy = destroy,
                                  .facts = facts,
                                  .cache_size = cache_size,
                                  .scratch_size = scratch_size,
                                  .forward = forward,
                                  .backward_input = backward_input,
                                  .step_size = step_size,
                                  .lay = lay,
                                  .step = step,
                                  .pair_flops = pair_flops};
