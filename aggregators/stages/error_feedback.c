/* aggregators/stages/error_feedback.c - a device makes up later for what compression loses now; it
 * stands in front of the stages that compress, C in all.
 *
 * classic: e_i <- u_i + e_i - C(u_i + e_i), from e_i = 0; C(u_i + e_i) is sent. Over the steps that
 * a device takes part in, what it has sent and e_i sum up to its updates. Sources: Stich,
 * Cordonnier, Jaggi, NeurIPS 2018, arXiv:1809.07599; Karimireddy et al., ICML 2019,
 * arXiv:1901.09847.
 *
 * ef21: c_i = C(u_i - g_i) is sent, g_i <- g_i + c_i on the device and G <- G + sum_i p_i c_i on
 * the server, from zeros; the step's update is G. p_i is device i's part of the weight of the whole
 * population: a device that is not asked has c_i = 0, so that it counts in G with the g_i that it
 * had last, one that has never taken part with 0. A step to which nobody reports has no update.
 * What an attacker sends stays in G. Source: Richtarik, Sokolov, Fatkhullin, NeurIPS 2021,
 * arXiv:2106.05203, Algorithm 2; absent devices as in Fatkhullin et al. 2021, arXiv:2110.03294,
 * Algorithm 3 (EF21-PP).
 *
 * Both keep a float a coordinate for each device that has taken part; what central privacy or
 * attackers do comes behind them and is not made up for. */
#include "aggregators/stages/stage.h"
#include "core/memory.h"
#include <math.h>
#include <string.h>

typedef struct {
    bool is_ef21;
} error_feedback;

static co_status create(const co_config *opt, void **self)
{
    error_feedback *f = co_malloc(1, sizeof *f);
    if (!f) return CO_FAIL(CO_ENOMEM, "error feedback");
    f->is_ef21 = strcmp(co_config_string(opt, "method"), "ef21") == 0;
    *self = f;
    return CO_OK;
}

static void forward(void *self, const co_stage_key *key, co_contribution *c, float *const *state)
{
    (void)key;
    float *restrict kept = state[0], *restrict update = c->update;
    if (((const error_feedback *)self)->is_ef21)
        for (size_t j = 0; j < c->n; j++) update[j] -= kept[j];
    else
        for (size_t j = 0; j < c->n; j++) kept[j] = update[j] += kept[j];
    c->norm = NAN;
}

static void close(void *self, const co_stage_key *key, co_contribution *c, float *const *state)
{
    (void)key;
    float *restrict kept = state[0];
    const float *restrict sent = c->update;
    if (((const error_feedback *)self)->is_ef21)
        for (size_t j = 0; j < c->n; j++) kept[j] += sent[j];
    else
        for (size_t j = 0; j < c->n; j++) kept[j] -= sent[j];
}

static bool serves(const void *self)
{
    return ((const error_feedback *)self)->is_ef21;
}

static void backward(void *self, const co_stage_key *key, co_round_sum *sum)
{
    (void)self;
    (void)key;
    float *restrict mean = sum->slot[0];
    co_sum_to_values(sum);
    for (size_t j = 0; j < sum->n; j++) {
        mean[j] = (float)((double)mean[j] + sum->coverage * sum->value[j]);
        sum->value[j] = (double)mean[j];
    }
    sum->total = 1.0;
}

static const co_param params[] = {
    {"method", CO_CHOICE, .words = "classic|ef21",
     .doc = "classic: what was lost is added to the next update; ef21: what is sent is the way "
            "from what the server has of the device"},
    {0}};
static const char *const slots[] = {"error_feedback", NULL};
static const char *const server_slots[] = {"error_feedback_mean", NULL};

const co_stage co_stage_error_feedback = {
    .name = "error_feedback",
    .summary = "each device makes up for what stages behind it lose",
    .source = "Stich et al. 2018, arXiv:1809.07599; Richtarik et al. 2021, arXiv:2106.05203",
    .params = params,
    .create = create,
    .destroy = co_free,
    .forward = forward,
    .close = close,
    .backward = backward,
    .serves = serves,
    .slots = slots,
    .server_slots = server_slots,
    .fixed_shares = true};
