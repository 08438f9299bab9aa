/* sim/selectors/power_of_choice.c - of some candidates those with the largest losses.
 *
 * d candidates are drawn one by one without replacement, in proportion to their examples, from the
 * devices that may be asked; the m with the largest loss take part, level ones in the order of
 * their draw. The loss is that of the newest version on all examples of a candidate, by a pass over
 * the candidates before the step (pow-d); with last_known the mean loss of the local training that
 * a device did last, infinite while there was none (rpow-d): no pass. Cost: O(devices) a draw; 8
 * bytes a device with last_known. Source: Cho, Wang and Joshi 2020, arXiv:2010.01243, section 3
 * (pow-d, rpow-d). */
#include "core/memory.h"
#include "sim/selectors/queue.h"
#include "sim/selectors/selector.h"
#include <math.h>
#include <stdlib.h>

typedef struct {
    bool last_known;
    int64_t n, n_most; /* devices; candidates */
    co_queue queue;
    int64_t *examples; /* [n] */
    double *last;      /* [n] with last_known */
    int64_t step;      /* that the candidates are of */
    size_t n_candidates;
    int64_t *candidate; /* [n_most] in the order of their draw */
    double *loss;       /* [n_most] NaN: has not answered */
} power;

static void destroy(void *self)
{
    power *p = self;
    if (!p) return;
    co_queue_fini(&p->queue);
    co_free(p->examples);
    co_free(p->last);
    co_free(p->candidate);
    co_free(p->loss);
    co_free(p);
}

static co_status check(const co_config *opt, const co_selector_input *in, int64_t n_most)
{
    if ((double)n_most < in->per_round || n_most > in->n_devices)
        return co_config_fail(
            opt, co_config_node(opt, "candidates"),
            "%lld: select: power_of_choice needs at least the %g devices that are "
            "asked, and at most the %lld there are",
            (long long)n_most, in->per_round, (long long)in->n_devices);
    return CO_OK;
}

static co_status create(const co_config *opt, const co_selector_input *in, void **self)
{
    const size_t n = (size_t)in->n_devices;
    const double twice = fmin(2.0 * in->per_round, (double)n);
    const int64_t n_most =
        co_config_has(opt, "candidates") ? co_config_int(opt, "candidates") : (int64_t)twice;
    CO_TRY(check(opt, in, n_most));
    power *p = co_calloc(1, sizeof *p);
    if (!p) return CO_FAIL(CO_ENOMEM, "selector");
    *p = (power){
        .last_known = co_config_bool(opt, "last_known"), .n = in->n_devices, .n_most = n_most};
    p->examples = co_calloc(n, sizeof *p->examples);
    p->last = co_malloc(p->last_known ? n : 0, sizeof *p->last);
    p->candidate = co_malloc((size_t)n_most, sizeof *p->candidate);
    p->loss = co_malloc((size_t)n_most, sizeof *p->loss);
    if (!co_queue_init(&p->queue, n) || !p->examples || !p->last || !p->candidate || !p->loss) {
        destroy(p);
        return CO_FAIL(CO_ENOMEM, "losses of %zu devices", n);
    }
    for (size_t k = 0; p->last_known && k < n; k++) p->last[k] = INFINITY;
    *self = p;
    return CO_OK;
}

static void look(void *self, const co_selector_input *in)
{
    power *p = self;
    for (int64_t k = 0; k < p->n; k++) p->examples[k] = in->examples(in->population, k);
}

/* The step's candidates. */
static void nominate(power *p, const co_selector_input *in, const co_draw *wanted)
{
    const co_stream s = co_stream_open(in->seed, CO_DRAW_SELECT, (uint64_t)wanted->round,
                                       (uint64_t)wanted->ordinal, 0);
    co_queue_chances c = co_queue_chances_open(&s);
    co_queued next;
    co_queue_clear(&p->queue);
    for (int64_t k = 0; k < p->n; k++)
        if (p->examples[k] > 0)
            co_queue_add(&p->queue, co_queue_chance(&c, k, (double)p->examples[k]), k);
    co_queue_settle(&p->queue);
    p->step = wanted->round;
    p->n_candidates = 0;
    while (p->n_candidates < (size_t)p->n_most && co_queue_take(&p->queue, &next))
        if (!wanted->may || wanted->may(wanted->of, next.device)) {
            p->loss[p->n_candidates] = NAN;
            p->candidate[p->n_candidates++] = next.device;
        }
}

static size_t most_surveyed(const void *self)
{
    const power *p = self;
    return p->last_known ? 0 : (size_t)p->n_most;
}

static size_t survey(void *self, const co_selector_input *in, const co_draw *wanted,
                     const int64_t **devices, double **loss)
{
    power *p = self;
    nominate(p, in, wanted);
    *devices = p->candidate;
    *loss = p->loss;
    return p->n_candidates;
}

static int by_id(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static size_t draw(void *self, const co_selector_input *in, const co_draw *wanted, int64_t *devices,
                   int64_t *scratch)
{
    power *p = self;
    size_t n = 0;
    co_queued next;
    (void)scratch;
    if (p->last_known) nominate(p, in, wanted);
    CO_ASSERT(p->step == wanted->round); /* the pass goes before */
    co_queue_clear(&p->queue);
    for (size_t i = 0; i < p->n_candidates; i++) {
        const double loss = p->last_known ? p->last[p->candidate[i]] : p->loss[i];
        if (!isnan(loss)) co_queue_add(&p->queue, -loss, (int64_t)i);
    }
    co_queue_settle(&p->queue);
    while (n < wanted->m && co_queue_take(&p->queue, &next)) {
        const int64_t device = p->candidate[next.device];
        if (!wanted->may || wanted->may(wanted->of, device)) devices[n++] = device;
    }
    qsort(devices, n, sizeof *devices, by_id);
    return n;
}

static void hear(void *self, const co_selector_input *in, int64_t step, const co_heard *heard,
                 size_t n)
{
    power *p = self;
    (void)in;
    (void)step;
    for (const co_heard *h = heard; p->last_known && h < heard + n; h++)
        p->last[h->device] = isnan(h->loss) ? 0.0 : h->loss;
}

static void keeps(void *self, co_keeps *keeps)
{
    power *p = self;
    if (!p->last_known) return;
    co_keep_reals(keeps, "selector/last_loss", p->last, NULL, p->n);
    co_keep_within(keeps, -INFINITY, INFINITY); /* but not NaN */
}

static const co_param params[] = {
    {"candidates", CO_INT, .lo = 1, .hi = 2147483647, .flags = CO_OPTIONAL,
     .doc = "devices of which those with the largest loss are asked (default: twice as many)"},
    {"last_known", CO_BOOL, .def = 0,
     .doc = "go by the loss of a device's last local training instead of a pass over the "
            "candidates before each step"},
    {0}};
const co_selector co_selector_power_of_choice = {
    .name = "power_of_choice",
    .summary = "of candidates drawn by their examples those with the largest loss; looks at every "
               "device",
    .source = "Cho, Wang and Joshi 2020, arXiv:2010.01243",
    .params = params,
    .looks_at_all = true,
    .leaves_out = true,
    .asks_there = true,
    .sampling = CO_SAMPLING_NONE,
    .create = create,
    .destroy = destroy,
    .look = look,
    .most_surveyed = most_surveyed,
    .survey = survey,
    .draw = draw,
    .hear = hear,
    .keeps = keeps};
