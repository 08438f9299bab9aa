/* sim/selectors/oort.c - devices that are worth most: by their losses and by their speed.
 *
 * In step R a device k that has reported before has the score (U - U_min) / (U_top - U_min) +
 * sqrt(0.1 log R / L), times (T / t)^penalty when its participation takes t > T. U = n |mean loss|
 * of the step L that it took part in last; a U above the quantile `outliers` of all counts as that
 * one, U_top. Of m places (1 - e) m go to scores: all at or above `cutoff` times the score of the
 * place's last are admitted, and drawn from in proportion to it. The others go to devices that have
 * never taken part, in proportion to 1 / t, or all alike, and to scores when there are fewer. e
 * begins at `explore` and falls by `explore_decay` a step to `explore_least`; a fraction of a place
 * goes one way or the other by key. Places that are left then go to any device that may be asked.
 *
 * The pacer: T is the time within which a share of all devices are done, at first pacer_start.
 * Every pacer_window steps it grows by pacer_step when the sum of U over the window is less than
 * over the one before.
 *
 * Source: Lai et al., OSDI 2021, arXiv:2010.06081, Algorithm 1. Where we differ: the paper's U is n
 * sqrt(mean of the examples' squared losses), our training sums hold the losses' sum alone, so that
 * the mean stands for it; scores are scaled to [0, 1] before the term of uncertainty is added, as
 * in the authors' program; there is one threshold of time in quantiles of the devices, not in
 * seconds. Cost: O(n) a draw and O(log n) for every device that is looked at; 40 bytes a device. */
#include "core/elementary.h"
#include "core/memory.h"
#include "sim/selectors/draw.h"
#include "sim/selectors/queue.h"
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { STREAM_PLACES = 1, STREAM_WORTH, STREAM_NEW }; /* 0: who fills what is left */

typedef struct {
    double explore, explore_decay, explore_least, cutoff, outliers, penalty;
    double pacer_start, pacer_step;
    int64_t window, blacklist;
    bool by_speed;
    int64_t n;
    /* kept */
    double *utility; /* [n] U; -1: has never taken part */
    int64_t *last;   /* [n] L */
    int64_t *count;  /* [n] steps taken part in */
    double *history; /* [2 window] sum of U of step R at R modulo 2 window */
    double paced[1]; /* how much T has grown by, as a share of the devices */
    /* found anew */
    bool is_settled; /* least and top are those of the utilities */
    double least, top;
    int64_t *trip, *sorted; /* [n] t of each device; rising */
    co_queue queue, admitted;
    double *room; /* [n] */
} oort;

static void destroy(void *self)
{
    oort *o = self;
    if (!o) return;
    co_free(o->utility);
    co_free(o->last);
    co_free(o->count);
    co_free(o->history);
    co_free(o->trip);
    co_free(o->sorted);
    co_free(o->room);
    co_queue_fini(&o->queue);
    co_queue_fini(&o->admitted);
    co_free(o);
}

static oort options(const co_config *opt, int64_t n)
{
    return (oort){.explore = co_config_real(opt, "explore"),
                  .explore_decay = co_config_real(opt, "explore_decay"),
                  .explore_least = co_config_real(opt, "explore_least"),
                  .by_speed = strcmp(co_config_string(opt, "explore_by"), "speed") == 0,
                  .cutoff = co_config_real(opt, "cutoff"),
                  .outliers = co_config_real(opt, "outliers"),
                  .penalty = co_config_real(opt, "penalty"),
                  .pacer_start = co_config_real(opt, "pacer_start"),
                  .pacer_step = co_config_real(opt, "pacer_step"),
                  .window = co_config_int(opt, "pacer_window"),
                  .blacklist =
                      co_config_has(opt, "blacklist") ? co_config_int(opt, "blacklist") : INT64_MAX,
                  .n = n};
}

static co_status create(const co_config *opt, const co_selector_input *in, void **self)
{
    const size_t n = (size_t)in->n_devices;
    oort *o = co_malloc(1, sizeof *o);
    if (!o) return CO_FAIL(CO_ENOMEM, "selector");
    *o = options(opt, in->n_devices);
    o->utility = co_malloc(n, sizeof *o->utility);
    o->last = co_calloc(n, sizeof *o->last);
    o->count = co_calloc(n, sizeof *o->count);
    o->history = co_calloc(2 * (size_t)o->window, sizeof *o->history);
    o->trip = co_calloc(n, sizeof *o->trip);
    o->sorted = co_calloc(n, sizeof *o->sorted);
    o->room = co_malloc(n, sizeof *o->room);
    const bool made = co_queue_init(&o->queue, n) && co_queue_init(&o->admitted, n);
    if (!o->utility || !o->last || !o->count || !o->history || !o->trip || !o->sorted || !o->room ||
        !made) {
        destroy(o);
        return CO_FAIL(CO_ENOMEM, "utilities of %zu devices", n);
    }
    for (size_t k = 0; k < n; k++) o->utility[k] = -1.0;
    *self = o;
    return CO_OK;
}

static int rising(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void look(void *self, const co_selector_input *in)
{
    oort *o = self;
    for (int64_t k = 0; k < o->n; k++) o->sorted[k] = o->trip[k] = in->trip(in->clock, k);
    qsort(o->sorted, (size_t)o->n, sizeof *o->sorted, rising);
}

/* Item `at` of the values by rising order, which are put in another one. O(n) but for unlucky
 * orders. Source: Hoare 1961, CACM 4 (Algorithm 65, FIND). */
static double find(double *x, int64_t n, int64_t at)
{
    for (int64_t low = 0, high = n - 1; low < high;) {
        const double pivot = x[low + (high - low) / 2];
        int64_t i = low, j = high;
        while (i <= j) {
            while (x[i] < pivot) i++;
            while (x[j] > pivot) j--;
            if (i > j) break;
            const double t = x[i];
            x[i++] = x[j];
            x[j--] = t;
        }
        if (j < at) low = i;
        if (at < i) high = j;
    }
    return x[at];
}

/* Least and top of the utilities. */
static void settle(oort *o)
{
    int64_t n = 0;
    o->is_settled = true;
    o->least = INFINITY;
    for (int64_t k = 0; k < o->n; k++) {
        if (o->utility[k] < 0.0) continue;
        o->room[n++] = o->utility[k];
        o->least = fmin(o->least, o->utility[k]);
    }
    if (n == 0) return;
    const int64_t at = (int64_t)floor(o->outliers * (double)n);
    o->top = find(o->room, n, at < n ? at : n - 1);
}

/* T; everybody is within it at 1. */
static double threshold(const oort *o)
{
    const double share = o->pacer_start + o->paced[0];
    if (share >= 1.0) return INFINITY;
    const int64_t at = (int64_t)floor(share * (double)o->n);
    return (double)o->sorted[at < o->n ? at : o->n - 1];
}

static double score(const oort *o, int64_t device, int64_t step, double most_time)
{
    const double u = fmin(o->utility[device], o->top), span = o->top - o->least,
                 t = (double)o->trip[device],
                 worth = (span > 0.0 ? (u - o->least) / span : 1.0) +
                         sqrt(0.1 * co_plain_log((double)step) / (double)o->last[device]);
    return t > most_time ? worth * co_plain_power(most_time / t, o->penalty) : worth;
}

static bool has_score(const oort *o, int64_t device)
{
    return o->utility[device] >= 0.0 && o->count[device] < o->blacklist;
}

/* The step's e, and with it the places that go to scores; no more than there are devices with one.
 */
static size_t worth_places(const oort *o, const co_selector_input *in, const co_draw *wanted)
{
    const double decayed =
        o->explore * co_plain_power(o->explore_decay, (double)(wanted->round - 1));
    co_stream s = co_stream_open(in->seed, CO_DRAW_SELECT, (uint64_t)wanted->round,
                                 (uint64_t)wanted->ordinal, STREAM_PLACES);
    const double places = (1.0 - fmax(decayed, o->explore_least)) * (double)wanted->m;
    const double whole = fmin(floor(places + co_draw_uniform(&s)), (double)wanted->m);
    size_t n = 0;
    for (int64_t k = 0; k < o->n && (double)n < whole; k++) n += has_score(o, k);
    return n;
}

static bool may(const co_draw *wanted, int64_t device)
{
    return !wanted->may || wanted->may(wanted->of, device);
}

static co_queue_chances chances(const co_selector_input *in, const co_draw *wanted, uint64_t which)
{
    const co_stream s = co_stream_open(in->seed, CO_DRAW_SELECT, (uint64_t)wanted->round,
                                       (uint64_t)wanted->ordinal, which);
    return co_queue_chances_open(&s);
}

/* The first m of a queue into devices. */
static size_t take(co_queue *queue, const co_draw *wanted, size_t m, int64_t *devices)
{
    co_queued next;
    size_t n = 0;
    co_queue_settle(queue);
    while (n < m && co_queue_take(queue, &next))
        if (may(wanted, next.device)) devices[n++] = next.device;
    return n;
}

/* m devices by their scores. */
static size_t take_worth(oort *o, const co_selector_input *in, const co_draw *wanted, size_t m,
                         int64_t *devices)
{
    co_queue_chances c = chances(in, wanted, STREAM_WORTH);
    const double most_time = threshold(o);
    double least = 0.0;
    co_queued next;
    if (m == 0) return 0;
    co_queue_clear(&o->queue);
    co_queue_clear(&o->admitted);
    for (int64_t k = 0; k < o->n; k++)
        if (has_score(o, k)) co_queue_add(&o->queue, -score(o, k, wanted->round, most_time), k);
    co_queue_settle(&o->queue);
    while (co_queue_take(&o->queue, &next) && (o->admitted.n < m || -next.key >= least)) {
        if (!may(wanted, next.device)) continue;
        co_queue_add(&o->admitted, co_queue_chance(&c, next.device, -next.key), next.device);
        least = o->admitted.n == m ? o->cutoff * -next.key : least;
    }
    return take(&o->admitted, &(co_draw){0}, m, devices);
}

/* m devices that have never taken part. */
static size_t take_new(oort *o, const co_selector_input *in, const co_draw *wanted, size_t m,
                       int64_t *devices)
{
    co_queue_chances c = chances(in, wanted, STREAM_NEW);
    if (m == 0) return 0;
    co_queue_clear(&o->queue);
    for (int64_t k = 0; k < o->n; k++)
        if (o->utility[k] < 0.0)
            co_queue_add(
                &o->queue,
                co_queue_chance(&c, k, o->by_speed ? 1.0 / fmax((double)o->trip[k], 1.0) : 1.0), k);
    return take(&o->queue, wanted, m, devices);
}

/* Those that may be asked and are not yet. */
typedef struct {
    const co_draw *wanted;
    const int64_t *devices;
    size_t n;
} others;

static bool is_other(const void *of, int64_t device)
{
    const others *o = of;
    for (size_t i = 0; i < o->n; i++)
        if (o->devices[i] == device) return false;
    return may(o->wanted, device);
}

static size_t draw(void *self, const co_selector_input *in, const co_draw *wanted, int64_t *devices,
                   int64_t *scratch)
{
    oort *o = self;
    if (!o->is_settled) settle(o);
    size_t n = take_new(o, in, wanted, wanted->m - worth_places(o, in, wanted), devices);
    n += take_worth(o, in, wanted, wanted->m - n, devices + n);
    if (n < wanted->m) {
        const others rest = {wanted, devices, n};
        co_draw more = *wanted;
        more.m = wanted->m - n;
        more.may = is_other;
        more.of = &rest;
        n += co_draw_allowed(in, &more, devices + n, scratch);
    }
    qsort(devices, n, sizeof *devices, rising);
    return n;
}

/* Sum of U over the window of steps that ends with `end`. */
static double window_sum(const oort *o, int64_t end)
{
    double sum = 0.0;
    for (int64_t r = end - o->window + 1; r <= end; r++) sum += o->history[r % (2 * o->window)];
    return sum;
}

static void hear(void *self, const co_selector_input *in, int64_t step, const co_heard *heard,
                 size_t n)
{
    oort *o = self;
    double *sum = &o->history[step % (2 * o->window)];
    (void)in;
    *sum = 0.0;
    for (const co_heard *h = heard; h < heard + n; h++) {
        const double u = isfinite(h->loss) ? (double)h->n_examples * fabs(h->loss) : 0.0;
        o->utility[h->device] = u;
        o->last[h->device] = step;
        o->count[h->device]++;
        *sum += u;
    }
    if (step >= 2 * o->window && step % o->window == 0 &&
        window_sum(o, step - o->window) > window_sum(o, step))
        o->paced[0] += o->pacer_step;
    o->is_settled = false;
}

static void keeps(void *self, co_keeps *keeps)
{
    oort *o = self;
    co_keep_reals(keeps, "selector/utility", o->utility, NULL, o->n);
    co_keep_within(keeps, -1.0, DBL_MAX);
    co_keep_ints(keeps, "selector/last", o->last, NULL, o->n);
    co_keep_within(keeps, 0.0, 1e18);
    co_keep_ints(keeps, "selector/count", o->count, NULL, o->n);
    co_keep_within(keeps, 0.0, 1e18);
    co_keep_reals(keeps, "selector/history", o->history, NULL, 2 * o->window);
    co_keep_within(keeps, 0.0, DBL_MAX);
    co_keep_reals(keeps, "selector/paced", o->paced, NULL, 1);
    co_keep_within(keeps, 0.0, DBL_MAX);
}

static const co_param params[] = {
    {"explore", CO_REAL, .def = 0.9, .lo = 0.0, .hi = 1.0,
     .doc = "part of the places of the first step that goes to devices which never took part"},
    {"explore_decay", CO_REAL, .def = 0.98, .lo = 0.0, .hi = 1.0, .flags = CO_LO_OPEN,
     .doc = "factor on it from step to step"},
    {"explore_least", CO_REAL, .def = 0.2, .lo = 0.0, .hi = 1.0, .doc = "least that it falls to"},
    {"explore_by", CO_CHOICE, .words = "speed|random",
     .doc = "new devices in proportion to their speed (section clock), or all alike"},
    {"cutoff", CO_REAL, .def = 0.95, .lo = 0.0, .hi = 1.0,
     .doc = "scores from this part of the last place's on are admitted to its draw"},
    {"outliers", CO_REAL, .def = 0.95, .lo = 0.0, .hi = 1.0,
     .doc = "quantile of the utilities above which they count as that"},
    {"penalty", CO_REAL, .def = 2.0, .lo = 0.0, .hi = 100.0,
     .doc = "exponent on (time wanted / time needed) of devices that need longer"},
    {"pacer_start", CO_REAL, .def = 0.3, .lo = 0.0, .hi = 1.0,
     .doc = "part of the devices that are done within the time wanted; 1: no time is wanted"},
    {"pacer_step", CO_REAL, .def = 0.05, .lo = 0.0, .hi = 1.0,
     .doc = "what it grows by when utility falls"},
    {"pacer_window", CO_INT, .def = 20, .lo = 1, .hi = 1e6,
     .doc = "steps over which utility is summed and compared"},
    {"blacklist", CO_INT, .lo = 1, .hi = 1e9, .flags = CO_OPTIONAL,
     .doc = "steps after which a device is no longer asked for its score (default: never)"},
    {0}};
const co_selector co_selector_oort = {
    .name = "oort",
    .summary = "by the devices' last losses and their speed, with exploration; looks at every "
               "device",
    .source = "Lai et al., OSDI 2021, arXiv:2010.06081",
    .params = params,
    .looks_at_all = true,
    .asks_there = true,
    .sampling = CO_SAMPLING_NONE,
    .create = create,
    .destroy = destroy,
    .look = look,
    .draw = draw,
    .hear = hear,
    .keeps = keeps};
