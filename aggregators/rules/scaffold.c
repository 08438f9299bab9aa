/* aggregators/rules/scaffold.c - SCAFFOLD: control variates against the drift of devices whose data
 * differ. Step: gradient + c - c_i. End: c_i gets, by option 1, the gradient over all the device's
 * examples at the received model, by option 2, c_i - c + (global - local) / (K lr); c, which all
 * receive, gains p_i (new c_i - old c_i), p_i the device's weight over that of the whole
 * population: c stays the weighted mean of all c_i. K is the number of steps, with momentum the sum
 * of the gradients' coefficients. Cost: two vectors on the wire instead of one, one float a
 * coordinate for each device that has taken part; option 1 another pass over its examples. Source:
 * Karimireddy et al., ICML 2020, arXiv:1910.06378, Algorithm 1 (equal weights there). */
#include "aggregators/rules/rule.h"
#include "core/memory.h"

typedef struct {
    int64_t option;
} scaffold;

static co_status create(const co_config *opt, void **self)
{
    scaffold *s = co_malloc(1, sizeof *s);
    if (!s) return CO_FAIL(CO_ENOMEM, "scaffold");
    s->option = co_config_int(opt, "option");
    *self = s;
    return CO_OK;
}

static void adjust(const void *self, const co_rule_view *view, float *grad)
{
    const float *restrict c = view->common, *restrict own = view->state[0];
    (void)self;
    for (size_t j = 0; j < view->n; j++) grad[j] += c[j] - own[j];
}

static void end(const void *self, const co_rule_view *view, float *change)
{
    const float *restrict c = view->common;
    float *restrict own = view->state[0];
    const double way = view->reach * view->lr;
    const float scale = way > 0.0 ? (float)(1.0 / way) : 0.0f;
    const bool exact = ((const scaffold *)self)->option == 1;
    for (size_t j = 0; j < view->n; j++) {
        const float now = exact ? view->anchor[j]
                          : scale > 0.0f
                              ? own[j] - c[j] + (view->global[j] - view->local[j]) * scale
                              : own[j];
        change[j] = now - own[j];
        own[j] = now;
    }
}

static bool needs_anchor(const void *self)
{
    return ((const scaffold *)self)->option == 1;
}

static bool needs_linear(const void *self)
{
    return !needs_anchor(self);
}

static const co_param params[] = {
    {"option", CO_INT, .def = 2, .lo = 1, .hi = 2,
     .doc = "control variate from the full gradient (1) or from the steps made (2)"},
    {0}};
static const char *const slots[] = {"control", NULL};

const co_rule co_rule_scaffold = {.name = "scaffold",
                                  .summary = "control variates against client drift",
                                  .source =
                                      "Karimireddy et al. 2020, arXiv:1910.06378, Algorithm 1",
                                  .params = params,
                                  .create = create,
                                  .destroy = co_free,
                                  .adjust = adjust,
                                  .end = end,
                                  .slots = slots,
                                  .needs_newest = "its control variates are gradients at one "
                                                  "model, which all devices have received",
                                  .common = "control",
                                  .needs_anchor = needs_anchor,
                                  .needs_linear = needs_linear};
