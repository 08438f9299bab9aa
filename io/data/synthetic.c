/* io/data/synthetic.c - synthetic(alpha, beta), any device and any stretch of its examples by
 * itself.
 *
 * Streams of device k: CO_DRAW_SYNTHETIC_SIZE (one normal), CO_DRAW_SYNTHETIC_MODEL (normals in the
 * order u, B, b[c], v[f], W[f][c]) and CO_DRAW_SYNTHETIC_X (normal i f + j is feature j of example
 * i). Logits are double sums over the features in order; ties go to the lower class. Cost of n
 * examples: classes x features + n features normals and n x classes x features multiply-adds,
 * vectorised over the classes. Source: io/data/synthetic.h. The code published with that paper
 * takes alpha and beta as standard deviations; we follow its text, where they are variances (the
 * same for 0 and 1). As written there, u_k is added to every weight and bias of a device, hence u_k
 * (1 + sum x) to each of its logits alike: alpha changes no label (a test shows it), beta does the
 * work. */
#include "io/data/synthetic.h"
#include "core/clones.h"
#include "core/elementary.h"
#include "core/random.h"
#include <math.h>

#define WEIGHT_LIMIT ((int64_t)1 << 27)

const co_param co_synthetic_params[] = {CO_SYNTHETIC_OPTIONS, {0}};

co_status co_synthetic_init(co_synthetic *gen, const co_config *opt, uint64_t seed)
{
    *gen = (co_synthetic){.seed = seed,
                          .n_devices = co_config_int(opt, "devices"),
                          .alpha = co_config_real(opt, "alpha"),
                          .beta = co_config_real(opt, "beta"),
                          .features = co_config_int(opt, "features"),
                          .classes = co_config_int(opt, "classes"),
                          .size = co_config_int(opt, "size")};
    if (gen->features > WEIGHT_LIMIT / gen->classes)
        return co_config_fail(opt, co_config_node(opt, "features"),
                              "%lld features x %lld classes: at most %lld weights",
                              (long long)gen->features, (long long)gen->classes,
                              (long long)WEIGHT_LIMIT);
    return CO_OK;
}

static co_stream open_stream(const co_synthetic *gen, co_purpose purpose, int64_t device)
{
    return co_stream_open(gen->seed, purpose, 0, (uint64_t)device, 0);
}

/* e^x by co_plain_exp, which takes x <= 0 only: the same bits on every processor. */
static double plain_exp(double x)
{
    return x <= 0.0 ? co_plain_exp(x) : 1.0 / co_plain_exp(-x);
}

int64_t co_synthetic_size(const co_synthetic *gen, int64_t device)
{
    if (gen->size > 0) return gen->size;
    co_stream stream = open_stream(gen, CO_DRAW_SYNTHETIC_SIZE, device);
    return (int64_t)plain_exp(4.0 + 2.0 * co_draw_normal(&stream)) + 50;
}

/* b, v, deviation and logits in double, then the drawn normals u, B, b, v, W as floats. */
size_t co_synthetic_scratch(const co_synthetic *gen)
{
    const size_t c = (size_t)gen->classes, f = (size_t)gen->features;
    return 2 * c + 2 * f + (2 + c + f + c * f + 1) / 2;
}

typedef struct {
    double *logit, *b, *v, *deviation;
    float *drawn; /* u, B, b, v */
    float *w;     /* [features][classes] */
} device_model;

static device_model make_model(const co_synthetic *gen, int64_t device, double *scratch)
{
    const size_t c = (size_t)gen->classes, f = (size_t)gen->features;
    double *v = scratch + 2 * c;
    float *drawn = (float *)(void *)(v + 2 * f);
    const device_model m = {scratch, scratch + c, v, v + f, drawn, drawn + 2 + c + f};
    const co_stream stream = open_stream(gen, CO_DRAW_SYNTHETIC_MODEL, device);
    co_fill_normal(&stream, 0, 2 + c + f + c * f, drawn);
    const double u = sqrt(gen->alpha) * (double)drawn[0], mean = sqrt(gen->beta) * (double)drawn[1];
    for (size_t k = 0; k < c; k++) m.b[k] = u + (double)drawn[2 + k];
    for (size_t j = 0; j < f; j++) {
        m.v[j] = mean + (double)drawn[2 + c + j];
        m.deviation[j] =
            co_plain_exp(-0.6 * co_plain_log((double)(j + 1))); /* sqrt of (j + 1)^-1.2 */
    }
    for (size_t i = 0; i < c * f; i++) m.w[i] = (float)(u + (double)m.w[i]);
    return m;
}

/* Turns the normals in x into inputs and finds their labels. */
CO_CLONES static void finish_rows(const device_model *m, size_t n, size_t f, size_t c,
                                  float *restrict x, int32_t *restrict y)
{
    double *restrict logit = m->logit;
    for (size_t i = 0; i < n; i++, x += f) {
        for (size_t j = 0; j < f; j++) x[j] = (float)(m->v[j] + m->deviation[j] * (double)x[j]);
        for (size_t k = 0; k < c; k++) logit[k] = m->b[k];
        for (size_t j = 0; j < f; j++) {
            const double value = (double)x[j];
            const float *restrict w = m->w + j * c;
            for (size_t k = 0; k < c; k++) logit[k] += value * (double)w[k];
        }
        y[i] = 0;
        for (size_t k = 1; k < c; k++)
            if (logit[k] > logit[y[i]]) y[i] = (int32_t)k;
    }
}

void co_synthetic_fill(const co_synthetic *gen, int64_t device, int64_t first, size_t n, float *x,
                       int32_t *y, double *scratch)
{
    const size_t c = (size_t)gen->classes, f = (size_t)gen->features;
    const device_model m = make_model(gen, device, scratch);
    const co_stream stream = open_stream(gen, CO_DRAW_SYNTHETIC_X, device);
    co_fill_normal(&stream, (uint64_t)first * f, n * f, x);
    finish_rows(&m, n, f, c, x, y);
}
