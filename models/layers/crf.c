/* models/layers/crf.c - a linear-chain conditional random field over the tags of a text: the end of
 * a model that tags tokens.
 *
 * Takes rows of n emissions and gives rows of n + 2 values: the emissions as they are; in the first
 * row of a text that has a label the negative log-likelihood log Z - S(y) of all of its labels,
 * elsewhere 0; and the tag of the best path (Viterbi), -1 where a row is passed over or nothing is
 * a number. The chain runs over the rows with a label (y >= 0), as if the others did not stand
 * there: a word's later pieces and marks have none; over all rows, without a loss, where a batch
 * brings no labels. Tensors, names and initial values (uniform in [-0.1, 0.1)) are those of
 * pytorch-crf: start_transitions, end_transitions, transitions [from][to]. The gradient of the
 * likelihood is expected minus observed counts, from forward and backward sums in double
 * (crf_paths.h); the tag has none. Cost: crf_paths.h. Source: Lafferty et al., ICML 2001; Lample et
 * al., NAACL 2016, arXiv:1603.01360, section 2.2. */
#include "core/memory.h"
#include "core/random.h"
#include "models/layers/crf_paths.h"
#include "models/layers/input.h"
#include <string.h>

enum { START, END, TRANSITIONS, N_TENSORS };

typedef struct {
    co_shape in;
    size_t n, wide; /* tags; values of a row that it gives */
} crf;

static co_status create(const co_config *opt, const co_shape *in, size_t n_classes, co_shape *out,
                        void **self)
{
    size_t pairs = in->dim[0];
    (void)n_classes;
    *self = NULL;
    CO_TRY(co_input_sequences(opt, in));
    if (!co_size_multiply(&pairs, in->dim[0]))
        return co_config_fail(opt, NULL, "%zu tags have more than 2^31 - 1 transitions",
                              in->dim[0]);
    crf *c = co_malloc(1, sizeof *c);
    if (!c) return CO_FAIL(CO_ENOMEM, "layer crf");
    *c = (crf){.in = *in, .n = in->dim[0], .wide = in->dim[0] + CO_CRF_EXTRA};
    *out = *in;
    out->dim[0] = c->wide;
    *self = c;
    return CO_OK;
}

static co_facts facts(const void *self)
{
    (void)self;
    return (co_facts){.chains = true, .spares_output = true, .each = true};
}

static size_t tensors(const void *self, co_tensor_shape *shape)
{
    const crf *c = self;
    shape[START] = (co_tensor_shape){"start_transitions", 1, {c->n}};
    shape[END] = (co_tensor_shape){"end_transitions", 1, {c->n}};
    shape[TRANSITIONS] = (co_tensor_shape){"transitions", 2, {c->n, c->n}};
    return N_TENSORS;
}

static void init(const void *self, uint64_t seed, size_t t, uint64_t number, float *tensor)
{
    const crf *c = self;
    const size_t n = t == TRANSITIONS ? c->n * c->n : c->n;
    const co_stream stream = co_stream_open(seed, CO_DRAW_MODEL_INIT, 0, 0, number);
    co_fill_uniform(&stream, 0, n, tensor);
    for (size_t i = 0; i < n; i++) tensor[i] = 0.2f * tensor[i] - 0.1f;
}

/* ---- memory ---- */

enum { PER_DOUBLE = sizeof(double) / sizeof(float) };

/* Kept: the sums of both directions, a row; log Z and the weight of the loss, a text; the rows that
 * the chain runs over. */
typedef struct {
    double *forward, *behind, *log_z, *weight;
    int32_t *row;
} kept;

static kept kept_in(const crf *c, const co_call *call)
{
    const size_t n = call->pass->batch->n, rows = call->pass->batch->rows;
    double *at = (double *)call->cache;
    return (kept){at, at + rows * c->n, at + 2 * rows * c->n, at + 2 * rows * c->n + n,
                  (int32_t *)(at + 2 * rows * c->n + 2 * n)};
}

static size_t cache_size(const void *self, size_t n, size_t rows)
{
    return PER_DOUBLE * (2 * rows * ((const crf *)self)->n + 2 * n) + rows;
}

/* Scratch: the chain's own, that of its calls, sums of the gradient, the best path. */
typedef struct {
    double *own, *scratch, *sum;
    int32_t *tag, *from;
} work;

static work work_in(const crf *c, const co_call *call)
{
    double *own = (double *)call->scratch, *scratch = own + co_crf_doubles(c->n),
           *sum = scratch + co_crf_scratch(c->n);
    int32_t *tag = (int32_t *)(sum + c->n * (c->n + 2));
    return (work){own, scratch, sum, tag, tag + call->pass->batch->rows};
}

static size_t scratch_size(const void *self, size_t n, size_t rows)
{
    const crf *c = self;
    (void)n;
    return PER_DOUBLE * (co_crf_doubles(c->n) + co_crf_scratch(c->n) + c->n * (c->n + 2)) +
           rows * (c->n + 1);
}

static co_crf_paths open_chain(const crf *c, const co_call *call, const work *w)
{
    co_crf_paths chain;
    co_crf_open(&chain, c->n, co_call_tensor(call, START), co_call_tensor(call, END),
                co_call_tensor(call, TRANSITIONS), w->own);
    return chain;
}

/* ---- texts ---- */

/* Lists the rows of text i that the chain runs over, at the place of its first row. */
static co_crf_text list_rows(const crf *c, const co_call *call, size_t i, const kept *k)
{
    const co_batch *batch = call->pass->batch;
    const int32_t *y = batch->y;
    const size_t first = co_shape_first_row(&c->in, batch, i),
                 end = co_shape_first_row(&c->in, batch, i + 1);
    co_crf_text text = {.row = k->row + first, .e = call->x[0]};
    for (size_t r = first; r < end; r++) {
        CO_ASSERT(!y || y[r] < (int32_t)c->n);
        if (!y || y[r] >= 0) k->row[first + text.n++] = (int32_t)r;
    }
    return text;
}

/* As list_rows left them. */
static co_crf_text rows_of(const crf *c, const co_call *call, size_t i, const kept *k)
{
    const co_batch *batch = call->pass->batch;
    const int32_t *y = batch->y;
    const size_t first = co_shape_first_row(&c->in, batch, i),
                 end = co_shape_first_row(&c->in, batch, i + 1);
    co_crf_text text = {.row = k->row + first, .e = call->x[0]};
    for (size_t r = first; r < end; r++) text.n += !y || y[r] >= 0;
    return text;
}

/* The labels of its rows, packed. */
static const int32_t *labels_of(const co_call *call, const co_crf_text *text, int32_t *tag)
{
    const int32_t *y = call->pass->batch->y;
    for (size_t t = 0; t < text->n; t++) tag[t] = y[text->row[t]];
    return tag;
}

static void forward(const void *self, const co_call *call)
{
    const crf *c = self;
    const co_batch *batch = call->pass->batch;
    const size_t n = c->n;
    const work w = work_in(c, call);
    const kept k = kept_in(c, call);
    const co_crf_paths chain = open_chain(c, call, &w);
    for (size_t r = 0; r < batch->rows; r++) {
        float *y = call->y + r * c->wide;
        memcpy(y, call->x[0] + r * n, n * sizeof *y);
        y[n + CO_CRF_LOSS] = 0.0f;
        y[n + CO_CRF_TAG] = -1.0f;
    }
    for (size_t i = 0; i < batch->n; i++) {
        const co_crf_text text = list_rows(c, call, i, &k);
        if (text.n == 0) continue;
        double *sums = k.forward + (size_t)(text.row - k.row) * n;
        k.log_z[i] = co_crf_forward(&chain, &text, sums, w.scratch);
        if (batch->y)
            call->y[(size_t)text.row[0] * c->wide + n + CO_CRF_LOSS] =
                (float)(k.log_z[i] - co_crf_score(&chain, &text, labels_of(call, &text, w.tag)));
        co_crf_best(&chain, &text, w.tag, w.from, w.scratch);
        for (size_t t = 0; k.log_z[i] == k.log_z[i] && t < text.n; t++)
            call->y[(size_t)text.row[t] * c->wide + n + CO_CRF_TAG] = (float)w.tag[t];
    }
}

/* dx of the likelihood: the probability of each tag less the label. */
static void spread(const crf *c, const co_call *call, const co_crf_text *text, const kept *k,
                   size_t i, const double *forward, const double *behind)
{
    const int32_t *y = call->pass->batch->y;
    for (size_t t = 0; t < text->n; t++) {
        const size_t r = (size_t)text->row[t];
        const float *e = text->e + r * c->n;
        float *dx = call->dx[0] + r * c->n;
        for (size_t j = 0; j < c->n; j++) {
            const double p = co_crf_share(forward[t * c->n + j] + behind[t * c->n + j] -
                                          (double)e[j] - k->log_z[i]);
            dx[j] += (float)(k->weight[i] * (p - (y[r] == (int32_t)j ? 1.0 : 0.0)));
        }
    }
}

static void backward_input(const void *self, const co_call *call)
{
    const crf *c = self;
    const co_batch *batch = call->pass->batch;
    const work w = work_in(c, call);
    const kept k = kept_in(c, call);
    const co_crf_paths chain = open_chain(c, call, &w);
    for (size_t r = 0; call->dx[0] && r < batch->rows; r++)
        memcpy(call->dx[0] + r * c->n, call->dy + r * c->wide, c->n * sizeof *call->dy);
    for (size_t i = 0; i < batch->n; i++) {
        const co_crf_text text = rows_of(c, call, i, &k);
        const bool counts = batch->y && text.n > 0;
        k.weight[i] =
            counts ? (double)call->dy[(size_t)text.row[0] * c->wide + c->n + CO_CRF_LOSS] : 0.0;
        if (k.weight[i] == 0.0) continue;
        const size_t at = (size_t)(text.row - k.row) * c->n;
        co_crf_backward(&chain, &text, k.behind + at, w.scratch);
        if (call->dx[0]) spread(c, call, &text, &k, i, k.forward + at, k.behind + at);
    }
}

/* Adds the counts of the labels. */
static void observe(const crf *c, const co_crf_text *text, const int32_t *tag, double factor,
                    double *start, double *end, double *transition)
{
    start[tag[0]] += factor;
    end[tag[text->n - 1]] += factor;
    for (size_t t = 1; t < text->n; t++)
        transition[(size_t)tag[t - 1] * c->n + (size_t)tag[t]] += factor;
}

/* Adds factor times the gradient of text i to the sums. */
static void add_text(const crf *c, const co_call *call, const co_crf_paths *chain, const work *w,
                     const kept *k, size_t i, double factor)
{
    const co_crf_text text = rows_of(c, call, i, k);
    const size_t at = (size_t)(text.row - k->row) * c->n;
    double *start = w->sum, *end = start + c->n, *transition = end + c->n;
    co_crf_expect(chain, &text, k->forward + at, k->behind + at, k->log_z[i], factor, start, end,
                  transition, w->scratch);
    observe(c, &text, labels_of(call, &text, w->tag), -factor, start, end, transition);
}

/* Text i's gradient, or the sums so far, to the targets of that text. */
static void hand_out(const crf *c, const co_call *call, size_t i, const double *from)
{
    const size_t size[N_TENSORS] = {c->n, c->n, c->n * c->n};
    for (size_t t = 0; t < N_TENSORS; t++) {
        float *to = co_call_own(call, t, i, size[t]);
        for (size_t j = 0; j < size[t]; j++) to[j] += (float)*from++;
    }
}

static void backward_params(const void *self, const co_call *call)
{
    const crf *c = self;
    const size_t floats = c->n * (c->n + 2);
    const work w = work_in(c, call);
    const kept k = kept_in(c, call);
    const co_crf_paths chain = open_chain(c, call, &w);
    memset(w.sum, 0, floats * sizeof *w.sum);
    for (size_t i = 0; i < call->pass->batch->n; i++) {
        const double factor = k.weight[i] * (call->scale ? (double)call->scale[i] : 1.0);
        if (factor != 0.0) add_text(c, call, &chain, &w, &k, i, factor);
        if (!call->each) continue;
        hand_out(c, call, i, w.sum);
        memset(w.sum, 0, floats * sizeof *w.sum);
    }
    if (!call->each) hand_out(c, call, 0, w.sum);
}

static double flops(const void *self)
{
    const crf *c = self;
    return 4.0 * (double)c->n * (double)c->n;
}

const co_layer co_layer_crf = {
    .name = "crf",
    .summary = "a chain over the tags of a text: how well each follows the one before",
    .source = "Lafferty et al., ICML 2001; Lample et al., NAACL 2016, arXiv:1603.01360",
    .create = create,
    .destroy = co_free,
    .facts = facts,
    .tensors = tensors,
    .init = init,
    .cache_size = cache_size,
    .scratch_size = scratch_size,
    .forward = forward,
    .backward_input = backward_input,
    .input_first = true,
    .backward_params = backward_params,
    .flops = flops};
