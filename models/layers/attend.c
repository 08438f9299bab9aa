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
 * Texts have their own lengths and are never padded. A head goes in blocks of CO_ATTEND_BLOCK rows
 * against all keys of the text. Memory: kept are one float a row and head; scratch is
 * O(CO_ATTEND_BLOCK + d) floats a row of the longest text, whatever the number of texts and heads
 * (room for it counts the rows of a batch, since one text may be all of it; what is not used is
 * never touched). Nothing of the size of a text squared exists. Cost: 2 products of T x T x d
 * forward, 5 backward, half when causal. Sources: Vaswani et al., NeurIPS 2017, arXiv:1706.03762,
 * equation 1; Dao et al., NeurIPS 2022, arXiv:2205.14135, algorithms 1 and 4 (we keep whole rows of
 * scores of a block); Su et al. 2021, arXiv:2104.09864, equation 34; grouped heads: Ainslie et al.
 * 2023, arXiv:2305.13245. */
#include "core/elementary.h"
#include "core/memory.h"
#include "models/layers/attend_parts.h"
#include "models/smooth.h"
#include <math.h>
#include <string.h>

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
    if (self) co_free(((co_attend *)self)->rate);
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
    co_attend *a = co_calloc(1, sizeof *a);
    if (!a) return CO_FAIL(CO_ENOMEM, "layer attend");
    *a = (co_attend){.in = in[1],
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

static size_t cache_size(const void *self, size_t n, size_t rows)
{
    (void)n;
    return rows * ((const co_attend *)self)->heads;
}

static co_attend_room open_room(const co_attend *a, float *scratch, size_t longest)
{
    const size_t row = co_attend_row_of(longest), size = co_attend_align(a->size);
    co_attend_room w = {.length = longest, .waves = scratch};
    w.keys_across = w.waves + row * size;
    w.values_across = w.keys_across + row * size;
    w.keys = w.values_across + row * size;
    w.q = w.keys + row * size;
    w.dq = w.q + CO_ATTEND_BLOCK * size;
    w.scores = w.dq + CO_ATTEND_BLOCK * size;
    w.slopes = w.scores + CO_ATTEND_BLOCK * row;
    w.mask = w.slopes + CO_ATTEND_BLOCK * row;
    w.draws = (uint32_t *)(w.mask + row);
    return w;
}

static size_t scratch_size(const void *self, size_t n, size_t rows)
{
    const co_attend *a = self;
    const size_t row = co_attend_row_of(rows), size = co_attend_align(a->size);
    (void)n;
    return (2 * CO_ATTEND_BLOCK + 1 + CO_ATTEND_BLOCK / 2) * row + 4 * row * size +
           2 * CO_ATTEND_BLOCK * size;
}

/* ---- texts ---- */

static void transpose(const co_attend *a, size_t rows, const float *from, size_t from_row,
                      float *to, size_t to_row)
{
    if (a->fast) {
        a->fast->transpose(rows, a->size, from, from_row, to, to_row);
        return;
    }
    for (size_t r = 0; r < rows; r++)
        for (size_t k = 0; k < a->size; k++) to[k * to_row + r] = from[r * from_row + k];
}

/* The keys of the block's head, turned; as columns too, and the values where backward needs them.
 */
static void open_head(const co_attend *a, const co_attend_room *w, const co_attend_block *b,
                      const co_call *call)
{
    const size_t kv_row = a->kv_heads * a->size, kv = co_attend_kv_at(a, b);
    if (a->rate)
        co_attend_turn(a, w, 0, w->length, 1.0f, 1.0f, call->x[1] + kv, kv_row, w->keys, a->size);
    transpose(a, w->length, a->rate ? w->keys : call->x[1] + kv, a->rate ? a->size : kv_row,
              w->keys_across, w->row);
    if (w->back) transpose(a, w->length, call->x[2] + kv, kv_row, w->values_across, w->row);
}

/* The gradients of the turned keys become those of the keys. */
static void close_head(const co_attend *a, const co_attend_room *w, const co_attend_block *b,
                       const co_call *call)
{
    const size_t kv_row = a->kv_heads * a->size, kv = co_attend_kv_at(a, b);
    if (a->rate && call->dx[1])
        co_attend_turn(a, w, 0, w->length, -1.0f, 1.0f, call->dx[1] + kv, kv_row, call->dx[1] + kv,
                       kv_row);
}

/* n queries from row `begin` on, and the keys from row `from` on. */
static void run_text(const co_attend *a, co_attend_room *w, size_t begin, size_t n, size_t from,
                     const co_call *call)
{
    const size_t group = a->heads / a->kv_heads;
    for (size_t head = 0; head < a->heads; head++) {
        co_attend_block b = {.begin = begin, .from = from, .head = head};
        if (head % group == 0) open_head(a, w, &b, call);
        for (; b.first < n; b.first += CO_ATTEND_BLOCK) {
            b.rows = n - b.first < CO_ATTEND_BLOCK ? n - b.first : CO_ATTEND_BLOCK;
            b.keys = a->causal ? b.first + b.rows : w->length;
            if (w->back)
                co_attend_backward(a, w, &b, call);
            else
                co_attend_forward(a, w, &b, call);
        }
        if (w->back && head % group == group - 1) close_head(a, w, &b, call);
    }
}

static size_t length_of(const co_shape *shape, const co_batch *batch, size_t i)
{
    return co_shape_first_row(shape, batch, i + 1) - co_shape_first_row(shape, batch, i);
}

/* n queries from row `begin` on have nothing to see. */
static void clear_text(const co_attend *a, bool back, size_t begin, size_t n, const co_call *call)
{
    const size_t row = a->heads * a->size;
    float *to = back ? call->dx[0] : call->y;
    if (to && n > 0) memset(to + begin * row, 0, n * row * sizeof *to);
}

static void run(const co_attend *a, const co_call *call, bool back)
{
    const co_batch *batch = call->pass->batch;
    size_t longest = 0;
    for (size_t i = 0; i < batch->n; i++)
        if (length_of(&a->in, batch, i) > longest) longest = length_of(&a->in, batch, i);
    co_attend_room w = open_room(a, call->scratch, longest);
    w.back = back;
    co_attend_waves(a, &w);
    for (size_t i = 0; i < batch->n; i++) {
        const size_t begin = co_shape_first_row(&a->out, batch, i),
                     n = length_of(&a->out, batch, i);
        w.length = length_of(&a->in, batch, i);
        w.row = co_attend_row_of(w.length);
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
    const co_attend *a = self;
    const size_t rows = co_shape_rows(&a->in, call->pass->batch), kv_row = a->kv_heads * a->size;
    for (size_t s = 1; s < 3; s++)
        if (call->dx[s]) memset(call->dx[s], 0, rows * kv_row * sizeof *call->dy);
    run(a, call, true);
}

/* Scores and their sum of values; a causal row sees half of the others. */
static double pair_flops(const void *self)
{
    const co_attend *a = self;
    return (a->causal ? 1.0 : 2.0) * (double)a->heads * (double)a->size;
}

static co_facts facts(const void *self)
{
    const co_attend *a = self;
    return (co_facts){.spares_output = true, .steps = a->causal || co_attend_is_cross(a)};
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
                                  .step_size = co_attend_step_size,
                                  .lay = co_attend_lay,
                                  .step = co_attend_step,
                                  .pair_flops = pair_flops};
