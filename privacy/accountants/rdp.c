/* privacy/accountants/rdp.c - accountant rdp: Renyi divergences add up over a run, the best order
 * becomes epsilon.
 *
 * The moments K(a) of the events add (Mironov 2017, arXiv:1702.07476, Proposition 1); the order is
 * any real a > 1, found by golden section in log(a - 1) over a quasi-convex function, so that no
 * grid of orders is too coarse or too short. Any order gives a valid bound: a search that stops
 * early costs tightness, never truth. Some 40 moments an answer. The classic conversion is there to
 * reproduce older reports, and takes the orders that those took. */
#include "core/memory.h"
#include "privacy/accountants/accountant.h"
#include "privacy/accountants/conversion.h"
#include "privacy/accountants/rdp_event.h"
#include <math.h>

typedef struct {
    co_rdp_event *events;
    const co_ledger *ledger;
    double most; /* excess */
    double target;
    bool classic;
} search;

static void fini(search *s)
{
    for (size_t i = 0; s->events && i < s->ledger->n; i++) co_rdp_event_fini(&s->events[i]);
    co_free(s->events);
}

static co_status init(search *s, const co_ledger *ledger, const co_accounting *how, double target)
{
    *s = (search){.ledger = ledger, .most = INFINITY, .target = target, .classic = how->classic};
    s->events = co_calloc(ledger->n, sizeof *s->events);
    if (!s->events)
        return CO_FAIL(CO_ENOMEM, "out of memory for a privacy ledger of %zu rows", ledger->n);
    for (size_t i = 0; i < ledger->n; i++) {
        CO_TRY(co_rdp_event_init(&s->events[i], &ledger->rows[i].event));
        s->most = fmin(s->most, s->events[i].most);
    }
    return CO_OK;
}

static double moment(const search *s, double excess)
{
    double sum = 0.0;
    for (size_t i = 0; i < s->ledger->n; i++)
        sum += (double)s->ledger->rows[i].count * co_rdp_event_moment(&s->events[i], excess);
    return sum;
}

static double epsilon_at(const void *what, double log_excess)
{
    const search *s = what;
    const double excess = exp(log_excess);
    return co_rdp_to_epsilon(excess, moment(s, excess), log(s->target), s->classic);
}

static double log_delta_at(const void *what, double log_excess)
{
    const search *s = what;
    const double excess = exp(log_excess);
    return co_rdp_to_log_delta(excess, moment(s, excess), s->target, s->classic);
}

/* The orders of TensorFlow Privacy's tutorials: ten from 1.25 to 4.5, 5 to 63, 128, 256, 512. */
static double best_of_older(const search *s, double (*f)(const void *, double))
{
    static const double low[] = {1.25, 1.5, 1.75, 2.0, 2.25, 2.5, 3.0, 3.5, 4.0, 4.5},
                        high[] = {128.0, 256.0, 512.0};
    double best = log(low[0] - 1.0), least = f(s, best);
    for (int i = 1; i < 72; i++) {
        const double order = i < 10 ? low[i] : i < 69 ? i - 5.0 : high[i - 69];
        const double at = log(order - 1.0), value = f(s, at);
        if (value < least) least = value, best = at;
    }
    return best;
}

/* The lowest order: excess 1e-5, or an integer table's straight part up to order 2. */
static double best(const search *s, double (*f)(const void *, double))
{
    if (s->classic) return best_of_older(s, f);
    return co_minimise(f, s, log(1e-5), log(s->most) - 1e-12, 1e-6);
}

static co_status epsilon(const co_ledger *ledger, const co_accounting *how, double delta,
                         co_guarantee *out)
{
    search s;
    const co_status st = init(&s, ledger, how, delta);
    if (st == CO_OK && delta > 0.0) {
        const double at = best(&s, epsilon_at);
        out->epsilon = fmax(0.0, epsilon_at(&s, at));
        out->order = 1.0 + exp(at);
    } else {
        out->epsilon = INFINITY;
    }
    fini(&s);
    return st;
}

static co_status delta(const co_ledger *ledger, const co_accounting *how, double target,
                       co_guarantee *out)
{
    search s;
    const co_status st = init(&s, ledger, how, target);
    if (st == CO_OK) {
        const double at = best(&s, log_delta_at);
        out->delta = fmin(1.0, exp(log_delta_at(&s, at)));
        out->order = 1.0 + exp(at);
    }
    fini(&s);
    return st;
}

static const co_param params[] = {
    {.key = "conversion",
     .type = CO_CHOICE,
     .words = "improved|classic",
     .doc = "from Renyi divergence to epsilon; classic: as older reports, over their 72 orders"},
    {0}};

const co_accountant co_accountant_rdp = {
    .name = "rdp",
    .summary = "Renyi differential privacy at the best real order: an upper bound in a few ms",
    .source = "Mironov, Talwar and Zhang 2019, arXiv:1908.10530; Wang, Balle and Kasiviswanathan "
              "2019, arXiv:1808.00087",
    .params = params,
    .epsilon = epsilon,
    .delta = delta};
