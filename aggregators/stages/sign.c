/* aggregators/stages/sign.c - sends the signs, and one magnitude for all.
 *
 * u_j becomes m sgn(u_j): m the mean magnitude of what travels (`mean`: |u|_1 / n, the least square
 * error, and what error feedback is proven for), that which keeps the norm (`l2`: |u|_2 / sqrt n),
 * or 1 (`none`, for aggregate.rule majority_vote). A 0 counts as +. The message: a bit a value and,
 * but for `none`, a float; no header. Biased. Cost: 0.2 ns a coordinate. Source: Bernstein et al.,
 * ICML 2018, arXiv:1802.04434; Karimireddy et al., ICML 2019, arXiv:1901.09847, section 4 (mean).
 */
#include "aggregators/stages/stage.h"
#include "aggregators/travel.h"
#include "core/memory.h"
#include <math.h>
#include <string.h>

typedef enum { BY_MEAN, BY_L2, BY_NONE } scale_by;

typedef struct {
    scale_by by;
    const co_layout *layout;
} sign;

static co_status create(const co_config *opt, void **self)
{
    sign *s = co_calloc(1, sizeof *s);
    if (!s) return CO_FAIL(CO_ENOMEM, "sign state");
    const char *by = co_config_string(opt, "scale");
    s->by = strcmp(by, "mean") == 0 ? BY_MEAN : strcmp(by, "l2") == 0 ? BY_L2 : BY_NONE;
    *self = s;
    return CO_OK;
}

static co_status ready(void *self, const co_stage_site *site)
{
    ((sign *)self)->layout = site->layout;
    return CO_OK;
}

CO_CLONES static double sum_magnitudes(const float *x, size_t n)
{
    double lane[CO_LANES] = {0};
    size_t i = 0;
    for (; i + CO_LANES <= n; i += CO_LANES)
        for (size_t l = 0; l < CO_LANES; l++) lane[l] += (double)fabsf(x[i + l]);
    for (size_t l = 0; i + l < n; l++) lane[l] += (double)fabsf(x[i + l]);
    return co_sum_lanes(lane);
}

/* x < 0 alone is negative: -0 is not. */
CO_CLONES static void set_signs(float *x, size_t n, float magnitude)
{
    for (size_t i = 0; i < n; i++) x[i] = x[i] < 0.0f ? -magnitude : magnitude;
}

/* What does not travel is 0. */
static double magnitude_of(const sign *s, const co_contribution *c)
{
    const double n = (double)s->layout->n_shared;
    double sum = 0.0;
    if (s->by == BY_NONE) return 1.0;
    if (s->by == BY_L2) return co_vector_norm(c->update, c->n) / sqrt(n);
    for (size_t i = 0; i < c->n; i += CO_BLOCK)
        sum += sum_magnitudes(c->update + i, c->n - i < CO_BLOCK ? c->n - i : CO_BLOCK);
    return sum / n;
}

static void forward(void *self, const co_stage_key *key, co_contribution *c, float *const *state)
{
    const sign *s = self;
    const float magnitude = (float)magnitude_of(s, c);
    (void)key;
    (void)state;
    for (co_walk w = co_walk_begin(s->layout, c->part, c->n_parts); co_walk_next(&w);)
        for (size_t k = 0, n; k < w.n_runs; k++) {
            const size_t at = co_walk_run(&w, k, &n);
            set_signs(c->update + at, n, magnitude);
        }
    c->norm = NAN;
}

static void message(const void *self, co_message *m)
{
    m->bits = 1;
    if (((const sign *)self)->by != BY_NONE) m->beside += 4;
}

static const co_param params[] = {
    {"scale", CO_CHOICE, .words = "mean|l2|none", .doc = "the magnitude that all signs get"}, {0}};

const co_stage co_stage_sign = {.name = "sign",
                                .summary = "sends signs, and one magnitude for all",
                                .source = "Bernstein et al. 2018, arXiv:1802.04434",
                                .params = params,
                                .create = create,
                                .destroy = co_free,
                                .ready = ready,
                                .forward = forward,
                                .message = message,
                                .enforced = true,
                                .coded = true};
