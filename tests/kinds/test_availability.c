/* Every availability of the list under the same laws; new members join by themselves. Transition
 * probabilities are SciPy's (tests/reference/laws.py). */
#include "sim/availability/availability.h"
#include "core/random.h"
#include "sim/availability/on_off.h"
#include "tests/kinds/options.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DEVICES = 40, MOST = 12 };
#define S INT64_C(1000000000)
#define END (INT64_C(2000000000) * S)

/* Up to MOST intervals of each device, of whole and broken seconds; some meet. */
typedef struct {
    co_trace trace;
    int64_t offsets[DEVICES + 1], start[DEVICES * MOST], end[DEVICES * MOST];
} drawn_trace;

static void draw_trace(drawn_trace *t)
{
    int64_t n = 0;
    for (int64_t k = 0; k < DEVICES; k++) {
        co_stream s = co_stream_open(1, CO_DRAW_TEST, 0, (uint64_t)k, 0);
        int64_t at = 0;
        t->offsets[k] = n;
        for (uint64_t left = 1 + co_draw_below(&s, MOST); left > 0; left--) {
            if (n > t->offsets[k] && co_draw_below(&s, 4) > 0)
                at += 1 + (int64_t)co_draw_below(&s, 9 * S);
            t->start[n] = at;
            at += 1 + (int64_t)co_draw_below(&s, 9 * S);
            t->end[n++] = at;
            if (at > t->trace.last) t->trace.last = at;
        }
    }
    t->offsets[DEVICES] = n;
    t->trace = (co_trace){.n_devices = DEVICES,
                          .n_intervals = n,
                          .last = t->trace.last,
                          .offsets = t->offsets,
                          .start = t->start,
                          .end = t->end};
}

typedef struct {
    const co_availability *of;
    void *self;
} course;

static const co_trace *trace(void)
{
    static drawn_trace t;
    if (t.trace.n_devices == 0) draw_trace(&t);
    return &t.trace;
}

static course open_course(const co_plugin *member, const char *yaml, uint64_t seed)
{
    course c = {.of = (const co_availability *)member};
    co_node *root;
    const co_config opt = test_options(yaml, "clock.availability", &member->params, 1, &root);
    const co_availability_input in = {.seed = seed, .trace = trace()};
    if (c.of->create)
        cr_assert_eq(c.of->create(&opt, &in, &c.self), CO_OK, "%s", co_status_message());
    co_node_destroy(root);
    return c;
}

static void close_course(course *c)
{
    if (c->of->destroy) c->of->destroy(c->self);
}

static int64_t first(const course *c, int64_t device, bool there, int64_t from, int64_t until)
{
    return c->of->first(c->self, device, there, from, until);
}

static bool is_there(const course *c, int64_t device, int64_t time)
{
    return first(c, device, true, time, time + 1) == time;
}

/* Options of members, where the defaults do not do. */
static const char *const variants[][2] = {{"always", "{}"},
                                          {"periodic", "{period_s: 13.7, share: 0.3}"},
                                          {"periodic", "{period_s: 5, share: 1}"},
                                          {"markov", "{on_s: 6, off_s: 4}"},
                                          {"markov", "{on_s: 1e-4, off_s: 40}"},
                                          {"markov", "{on_s: 500000000, off_s: 2}"},
                                          {"file", "{}"},
                                          {"file", "{period_s: 300}"}};
enum { VARIANTS = sizeof variants / sizeof *variants };

Test(availability, every_member_is_tried)
{
    for (const co_plugin *const *m = co_kind_availability.members; *m; m++) {
        bool found = false;
        for (int v = 0; v < VARIANTS; v++) found |= strcmp(variants[v][0], (*m)->name) == 0;
        cr_expect(found, "%s: give it a line of variants", (*m)->name);
        test_option_texts(*m, NULL);
    }
}

/* One course: it is there or away, changes where `first` says, and any cut of a span finds the
 * same; asked backwards, too. */
Test(availability, a_device_has_one_course_whatever_is_asked)
{
    for (int v = 0; v < VARIANTS; v++) {
        const co_plugin *member = co_plugin_find(&co_kind_availability, variants[v][0]);
        course c = open_course(member, variants[v][1], 7),
               other = open_course(member, variants[v][1], 7);
        for (int64_t k = 0; k < DEVICES; k++) {
            int64_t at = 0, change[60];
            const bool begins = is_there(&c, k, 0);
            int n = 0;
            for (bool now = begins; n < 60 && at < 200 * S; now = !now) {
                const int64_t next = first(&c, k, !now, at, 200 * S);
                cr_assert(next > at && next <= 200 * S, "%s", member->name);
                at = change[n++] = next;
            }
            co_stream s = co_stream_open(5, CO_DRAW_TEST, (uint64_t)v, (uint64_t)k, 0);
            for (int i = 0; i < 40; i++) {
                const int64_t x = (int64_t)co_draw_below(&s, (uint64_t)change[n - 1]),
                              y = x + 1 + (int64_t)co_draw_below(&s, 30 * S),
                              m = x + 1 + (int64_t)co_draw_below(&s, (uint64_t)(y - x));
                int j = 0;
                while (change[j] <= x) j++;
                const bool there = begins == (j % 2 == 0);
                cr_expect(is_there(&other, k, x) == there, "%s %s: device %lld at %lld",
                          member->name, variants[v][1], (long long)k, (long long)x);
                const int64_t next = first(&other, k, !there, x, END);
                if (change[j] < 200 * S) cr_expect(next == change[j], "%s", member->name);
                cr_expect(first(&other, k, there, x, y) == x, "%s", member->name);
                int64_t cut = first(&other, k, !there, x, m);
                if (cut == m && m < y) cut = first(&other, k, !there, m, y);
                cr_expect(cut == first(&other, k, !there, x, y), "%s", member->name);
            }
        }
        close_course(&c);
        close_course(&other);
    }
    cr_expect_eq(co_memory_blocks(), 0);
}

Test(availability, a_periodic_device_is_there_its_share_from_a_moment_of_its_own)
{
    course c = open_course(co_plugin_find(&co_kind_availability, "periodic"),
                           "{period_s: 40, share: 0.3}", 7);
    double phases = 0.0, squares = 0.0;
    for (int64_t k = 0; k < 4000; k++) {
        const int64_t away = first(&c, k, false, 0, END), on = first(&c, k, true, away, END),
                      off = first(&c, k, false, on, END), again = first(&c, k, true, off, END);
        cr_expect(off - on == 12 * S && again - on == 40 * S, "device %lld", (long long)k);
        const double phase = (double)(on % (40 * S)) / (double)(40 * S);
        phases += phase / 4000, squares += phase * phase / 4000;
    }
    cr_expect_float_eq(phases, 0.5, 5.0 * sqrt(1.0 / 12 / 4000), "%g", phases);
    cr_expect_float_eq(squares, 1.0 / 3, 0.03, "%g", squares);
    close_course(&c);
}

/* Of many keys: the share that is there, at 0 and later, and the share that is there after a time
 * among those that were there (away) before it. */
Test(availability, a_chain_keeps_its_transition_probabilities)
{
    enum { KEYS = 40000 };
    char path[1000], line[300];
    const char *root = getenv("SOURCE");
    double on_s, off_s, after_s, on_on, off_on;
    int n_cases = 0;
    snprintf(path, sizeof path, "%s/tests/reference/laws.txt", root ? root : "..");
    FILE *file = fopen(path, "r");
    cr_assert(file, "%s", path);
    while (fgets(line, sizeof line, file)) {
        if (sscanf(line, "chain %lf %lf %lf %lf %lf", &on_s, &off_s, &after_s, &on_on, &off_on) !=
            5)
            continue;
        n_cases++;
        co_on_off chain;
        co_on_off_init(&chain, 9, 0, on_s, off_s);
        const int64_t from = (int64_t)(1e9 * 7.3 * on_s), to = from + (int64_t)(1e9 * after_s);
        double were[2] = {0}, are[2] = {0}, at_start = 0.0;
        for (int64_t k = 0; k < KEYS; k++) {
            at_start += co_on_off_first(&chain, k, true, 0, 1) == 0;
            const bool was = co_on_off_first(&chain, k, true, from, from + 1) == from;
            were[was]++;
            are[was] += co_on_off_first(&chain, k, true, to, to + 1) == to;
        }
        const double share = on_s / (on_s + off_s), spread = 5.0 * sqrt(share * (1 - share) / KEYS);
        cr_expect(fabs(at_start / KEYS - share) < spread, "%g %g: %g at 0", on_s, off_s, at_start);
        cr_expect(fabs(were[1] / KEYS - share) < spread, "%g %g: %g later", on_s, off_s, were[1]);
        const double want[2] = {off_on, on_on};
        for (int s = 0; s < 2; s++)
            cr_expect(fabs(are[s] / were[s] - want[s]) <
                          5.0 * sqrt(want[s] * (1.0 - want[s]) / were[s]) + 1e-9,
                      "%s after %g s of %g and %g: %g, not %g", s ? "there" : "away", after_s, on_s,
                      off_s, are[s] / were[s], want[s]);
    }
    fclose(file);
    cr_expect_eq(n_cases, 20);
}

/* Times there and away are exponential (mean, square, share beyond the mean), and what is left of
 * one from any moment on is, too. */
Test(availability, stays_of_a_chain_are_exponential)
{
    enum { KEYS = 20000 };
    static const double mean_s[3][2] = {{6.0, 4.0}, {0.001, 50.0}, {1e8, 1e8}};
    for (int v = 0; v < 3; v++) {
        co_on_off chain;
        co_on_off_init(&chain, 21, 0, mean_s[v][0], mean_s[v][1]);
        double sum[3] = {0}, square[3] = {0}, beyond[3] = {0}, n[3] = {0};
        for (int64_t k = 0; k < KEYS; k++) {
            const int64_t any = 17 * S + k, goes = co_on_off_first(&chain, k, false, any, END),
                          comes = co_on_off_first(&chain, k, true, goes, END),
                          leaves = co_on_off_first(&chain, k, false, comes, END),
                          back = co_on_off_first(&chain, k, true, leaves, END);
            const double x[3] = {1e-9 * (double)(goes - any) / mean_s[v][0],
                                 1e-9 * (double)(leaves - comes) / mean_s[v][0],
                                 1e-9 * (double)(back - leaves) / mean_s[v][1]};
            for (int i = 0; i < 3; i++) {
                if (i == 0 && goes == any) continue; /* was away */
                sum[i] += x[i], square[i] += x[i] * x[i], beyond[i] += x[i] > 1.0, n[i]++;
            }
        }
        for (int i = 0; i < 3; i++) {
            if (n[i] < 1000 || v == 2) continue; /* of 63 years, stays of three end too late */
            cr_expect(fabs(sum[i] / n[i] - 1.0) < 5.0 / sqrt(n[i]), "%d %d: mean %g", v, i,
                      sum[i] / n[i]);
            cr_expect(fabs(square[i] / n[i] - 2.0) < 5.0 * sqrt(20.0 / n[i]), "%d %d: square %g", v,
                      i, square[i] / n[i]);
            cr_expect(fabs(beyond[i] / n[i] - exp(-1.0)) < 2.5 / sqrt(n[i]), "%d %d: beyond %g", v,
                      i, beyond[i] / n[i]);
        }
    }
}

/* Keys, seeds and kinds of chains have courses of their own. */
Test(availability, courses_are_independent)
{
    enum { KEYS = 20000 };
    co_on_off a, b, c;
    co_on_off_init(&a, 1, 0, 5.0, 5.0);
    co_on_off_init(&b, 2, 0, 5.0, 5.0);
    co_on_off_init(&c, 1, 1, 5.0, 5.0);
    double same[3] = {0};
    for (int64_t k = 0; k < KEYS; k++) {
        const int64_t t = 12 * S;
        const bool at = co_on_off_first(&a, k, true, t, t + 1) == t;
        same[0] += at == (co_on_off_first(&a, k + 1, true, t, t + 1) == t);
        same[1] += at == (co_on_off_first(&b, k, true, t, t + 1) == t);
        same[2] += at == (co_on_off_first(&c, k, true, t, t + 1) == t);
    }
    for (int i = 0; i < 3; i++)
        cr_expect(fabs(same[i] / KEYS - 0.5) < 2.5 / sqrt(KEYS), "%d: %g", i, same[i] / KEYS);
}

/* Against a walk through the intervals. */
Test(availability, a_trace_is_its_intervals_once_or_over_and_over)
{
    const co_trace *t = trace();
    const co_plugin *member = co_plugin_find(&co_kind_availability, "file");
    course once = open_course(member, "{}", 7), often = open_course(member, "{period_s: 300}", 7);
    cr_assert(t->last < 300 * S);
    for (int64_t k = 0; k < DEVICES; k++) {
        for (int64_t x = 0; x < 700 * S; x += 777777777) {
            bool want = false, again = false;
            for (int64_t i = t->offsets[k]; i < t->offsets[k + 1]; i++) {
                want |= t->start[i] <= x && x < t->end[i];
                again |= t->start[i] <= x % (300 * S) && x % (300 * S) < t->end[i];
            }
            cr_expect(is_there(&once, k, x) == want && is_there(&often, k, x) == again,
                      "device %lld at %lld", (long long)k, (long long)x);
        }
        const int64_t last = t->end[t->offsets[k + 1] - 1];
        cr_expect_eq(first(&once, k, true, last, END), END, "nobody comes back");
        cr_expect_eq(first(&often, k, true, 300 * S + last, END), 600 * S);
    }
    close_course(&once);
    close_course(&often);
    co_node *root;
    void *self = NULL;
    const co_config opt =
        test_options("{period_s: 20}", "clock.availability", &member->params, 1, &root);
    const co_availability_input in = {.seed = 1, .trace = t};
    cr_expect_eq(((const co_availability *)member)->create(&opt, &in, &self), CO_EUSAGE);
    co_node_destroy(root);
    cr_expect_eq(co_memory_blocks(), 0);
}
