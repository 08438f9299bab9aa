/* Every planner of the list under the same laws, with and without a clock; new members join by
 * themselves (one whose options have no defaults gets them in `ways`). */
#include "sim/planners/planner.h"
#include "sim/work/work.h"
#include "tests/kinds/drawn_population.h"
#include "tests/kinds/options.h"
#include "tests/kinds/played_clock.h"
#include <math.h>

enum { STEPS = 12 };

/* Ways to play a member beside that of its defaults. */
static const struct {
    const char *member, *options;
} ways[] = {
    {"deadline", ", over_select: 1.5"},
    {"deadline", ", over_select: 1.5, late: partial, deadline_s: 4"},
    {"deadline", ", deadline_s: 3"},
    {"buffered", ", concurrency: 13, staleness: polynomial"},
    {"buffered", ", concurrency: 3, staleness: hinge, staleness_b: 1, max_staleness: 2"},
    {"buffered", ", concurrency: 20, divisor: weights, staleness: polynomial, difference: current"},
    {"semi_synchronous", ", interval_s: 2"},
    {"semi_synchronous", ", interval_s: 3, steps_by_speed: true, max_staleness: 0"},
};
enum { N_WAYS = sizeof ways / sizeof *ways };

typedef struct {
    const co_planner *member;
    co_experiment experiment;
    co_population population;
    co_plan plan;
    co_timing *timing;
    void *self;
    co_clock now;
    int64_t held[64]; /* versions that were held before the step */
    size_t n_held;
    co_keeps keeps;
} bench;

static void open_bench(bench *b, const co_planner *member, const char *options, bool timed,
                       int size, int seed)
{
    char more[500];
    *b = (bench){.member = member};
    snprintf(more, sizeof more,
             "seed: %d\nmodel: {name: softmax}\ndevices: {per_round: 7, mode: %s, attackers: 3, "
             "attack: sign_flip%s}\nlocal: {epochs: 2, batch: 5}\n",
             seed, member->name, options);
    drawn_open(more, &b->experiment, &b->population);
    cr_assert_eq(
        co_plan_init(&b->plan, &b->experiment, &b->population, size, co_work_index("train")),
        CO_OK);
    if (timed) {
        played_clock_open(&b->timing, 1);
        b->plan.timing = b->timing;
    }
    if (member->create)
        cr_assert_eq(member->create(&b->experiment.devices, &b->plan, &b->self), CO_OK);
    if (member->keeps) member->keeps(b->self, &b->keeps);
    co_plan_look(&b->plan);
}

static const co_plan *next_step(bench *b)
{
    const int64_t *version = NULL;
    b->n_held = b->member->holds ? b->member->holds(b->self, &version) : 0;
    cr_assert(b->n_held <= 64);
    if (b->n_held > 0) memcpy(b->held, version, b->n_held * sizeof *version);
    b->now.step++;
    cr_assert_eq(co_planner_make(b->member, b->self, &b->now, &b->plan), CO_OK, "%s",
                 co_status_message());
    cr_assert(b->plan.time >= b->now.time);
    b->now.time = b->plan.time;
    return &b->plan;
}

static void close_bench(bench *b)
{
    co_keeps_fini(&b->keeps);
    if (b->member->destroy) b->member->destroy(b->self);
    played_clock_close(b->timing);
    co_plan_fini(&b->plan);
    drawn_close(&b->experiment, &b->population);
}

/* Plays `law` with every member, each of its ways, with and without a clock. */
static void each(void (*law)(const co_planner *member, const char *options, bool timed))
{
    for (const co_plugin *const *at = co_kind_planner.members; *at; at++)
        for (int timed = 0; timed < 2; timed++) {
            bool needs = false;
            for (const co_param *p = (*at)->params; p && p->key; p++)
                needs |= (p->flags & CO_REQUIRED) != 0;
            if (!needs) law(co_planner_find((*at)->name), "", timed);
            for (size_t k = 0; k < N_WAYS; k++)
                if (strcmp(ways[k].member, (*at)->name) == 0)
                    law(co_planner_find((*at)->name), ways[k].options, timed);
        }
    cr_expect_eq(co_memory_blocks(), 0);
}

static bool is_available(const bench *b, int64_t version)
{
    if (version > b->now.step - 1 - (int64_t)b->member->n_versions && version >= 0) return true;
    for (size_t k = 0; k < b->n_held; k++)
        if (b->held[k] == version) return true;
    return false;
}

static void check_row(const bench *b, const co_plan_row *row, const char *what)
{
    const int64_t n = co_population_examples(&b->population, row->device);
    cr_expect(row->device >= 0 && row->device < 30, "%s: device %lld", what,
              (long long)row->device);
    cr_expect(row->version < b->now.step && is_available(b, row->version),
              "%s: version %lld in step %lld", what, (long long)row->version,
              (long long)b->now.step);
    cr_expect(row->n_examples == n && row->n_steps >= (n > 0) && row->n_steps <= 2 * ((n + 4) / 5),
              "%s: %lld steps", what, (long long)row->n_steps);
    cr_expect(row->start >= 0 && row->end >= row->start && row->end <= b->plan.time, "%s", what);
    cr_expect(row->factor > 0.0 && row->factor <= 1.0);
    cr_expect(row->work == co_work_index("train") && row->into == CO_INTO_MODEL);
}

static void rows(const co_planner *member, const char *options, bool timed)
{
    bench b;
    char what[200];
    size_t n_lost = 0;
    snprintf(what, sizeof what, "%s%s", member->name, options);
    open_bench(&b, member, options, timed, 1, 1);
    cr_expect(member->n_versions >= 1);
    for (int64_t step = 1; step <= STEPS; step++) {
        const co_plan *plan = next_step(&b);
        double sum_a = 0.0, sum_share = 0.0, least = 1.0;
        bool part[30] = {false};
        cr_assert(plan->round == step && plan->n <= plan->capacity, "%s", what);
        for (size_t k = 0; k < plan->n; k++) {
            const co_plan_row *row = &plan->row[k];
            check_row(&b, row, what);
            cr_expect(k == 0 || row->device > row[-1].device, "%s", what);
            cr_expect(row->outcome == (row->n_examples > 0 ? CO_REPORTED : CO_EMPTY), "%s", what);
            part[row->device] = true;
            sum_a += row->coefficient;
            sum_share += row->share;
            least = fmin(least, row->factor);
        }
        for (size_t k = 0; k < plan->n_lost; k++) {
            const co_plan_row *row = &plan->lost[k];
            check_row(&b, row, what);
            cr_expect(!co_row_comes(row) && !part[row->device], "%s: device %lld twice", what,
                      (long long)row->device);
            cr_expect(k == 0 || row->device > row[-1].device, "%s", what);
            part[row->device] = true;
        }
        n_lost += plan->n_lost;
        if (plan->n == 0) continue;
        cr_expect(sum_a <= 1.0 + 1e-12 && (least < 1.0 || sum_a > 1.0 - 1e-12), "%s: %.17g", what,
                  sum_a);
        cr_expect(fabs(sum_share - (plan->is_fixed_divisor ? 1.0 : sum_a)) < 1e-12, "%s: %.17g",
                  what, sum_share);
    }
    cr_expect(!timed || n_lost > 0, "%s: the clock loses some", what);
    close_bench(&b);
}

Test(planner, rows_are_devices_that_can_do_what_they_are_asked)
{
    each(rows);
}

static void expect_same(const co_plan *x, const co_plan *y, const char *what)
{
    cr_assert(x->n == y->n && x->n_lost == y->n_lost && x->time == y->time, "%s: round %lld", what,
              (long long)x->round);
    for (size_t k = 0; k < x->n + x->n_lost; k++) {
        const co_plan_row *a = k < x->n ? &x->row[k] : &x->lost[k - x->n],
                          *b = k < x->n ? &y->row[k] : &y->lost[k - x->n];
        cr_expect(a->device == b->device && a->version == b->version && a->cost == b->cost &&
                      a->coefficient == b->coefficient && a->start == b->start &&
                      a->end == b->end && a->outcome == b->outcome && a->n_steps == b->n_steps &&
                      a->attacker == b->attacker,
                  "%s: round %lld, row %zu", what, (long long)x->round, k);
    }
}

/* The same steps give the same rows, on any number of ranks. */
static void on_any_ranks(const co_planner *member, const char *options, bool timed)
{
    for (int size = 2; size <= 4; size++) {
        bench b, other;
        open_bench(&b, member, options, timed, 1, 1);
        open_bench(&other, member, options, timed, size, 1);
        for (int64_t step = 1; step <= STEPS; step++) {
            const co_plan *x = next_step(&b), *y = next_step(&other);
            expect_same(x, y, member->name);
            for (size_t k = 0; k < x->n; k++)
                cr_expect(y->row[k].rank >= 0 && y->row[k].rank < size && x->row[k].rank == 0);
        }
        close_bench(&other);
        close_bench(&b);
    }
}

static void by_seed(const co_planner *member, const char *options, bool timed)
{
    bench b;
    int64_t device[30];
    size_t n_same = 0;
    open_bench(&b, member, options, timed, 1, 1);
    const co_plan *x = next_step(&b);
    const size_t n = x->n;
    for (size_t k = 0; k < n; k++) device[k] = x->row[k].device;
    close_bench(&b);
    open_bench(&b, member, options, timed, 1, 2);
    x = next_step(&b);
    for (size_t k = 0; k < x->n && k < n; k++) n_same += x->row[k].device == device[k];
    cr_expect(n_same < n, "%s: another seed asks the same devices", member->name);
    close_bench(&b);
}

Test(planner, a_plan_is_a_function_of_seed_step_and_time)
{
    each(on_any_ranks);
    each(by_seed);
}

static void take_lists(bench *to, const bench *from)
{
    cr_assert_eq(from->keeps.n, to->keeps.n);
    for (size_t i = 0; i < from->keeps.n; i++) {
        const co_kept *x = &from->keeps.list[i], *y = &to->keeps.list[i];
        const int64_t n = x->n ? *x->n : x->most;
        cr_assert(strcmp(x->name, y->name) == 0 && n <= y->most);
        memcpy(y->value, x->value, 8 * (size_t)n);
        if (y->n) *y->n = n;
    }
    to->now = from->now;
}

/* Another planner of the same kind, given the lists that the first keeps, goes on as that one; also
 * when the first had begun a step that was given up. */
static void from_lists(const co_planner *member, const char *options, bool timed)
{
    bench calm, b, other;
    open_bench(&calm, member, options, timed, 1, 1);
    open_bench(&b, member, options, timed, 1, 1);
    open_bench(&other, member, options, timed, 3, 1);
    for (int64_t step = 1; step <= STEPS / 2; step++)
        expect_same(next_step(&calm), next_step(&b), "");
    const co_clock was = b.now;
    cr_assert_eq(co_keeps_hold(&b.keeps), CO_OK);
    next_step(&b);
    co_keeps_back(&b.keeps);
    b.now = was;
    take_lists(&other, &b);
    for (int64_t step = 1; step <= STEPS; step++)
        expect_same(next_step(&calm), next_step(&other), member->name);
    close_bench(&other);
    close_bench(&b);
    close_bench(&calm);
}

Test(planner, kept_lists_give_the_same_future)
{
    each(from_lists);
}

/* The longest rank has at most one device more to do than an even share. */
static void even_load(const co_planner *member, const char *options, bool timed)
{
    bench b;
    open_bench(&b, member, options, timed, 3, 1);
    for (int64_t step = 1; step <= STEPS; step++) {
        const co_plan *plan = next_step(&b);
        double load[3] = {0}, total = 0.0, most = 0.0;
        bool in_order = true;
        for (size_t i = 0; i < plan->n; i++) {
            const co_plan_row *row = &plan->row[plan->order[i]];
            load[row->rank] += row->cost;
            total += row->cost;
            most = fmax(most, row->cost);
            in_order &= i == 0 || row->cost <= plan->row[plan->order[i - 1]].cost;
        }
        cr_expect(in_order, "%s", member->name);
        for (int r = 0; r < 3; r++)
            cr_expect(load[r] <= total / 3.0 + most, "%s: %g of %g", member->name, load[r], total);
    }
    close_bench(&b);
}

Test(planner, ranks_are_loaded_evenly)
{
    each(even_load);
}

Test(planner, options_have_texts)
{
    for (const co_plugin *const *at = co_kind_planner.members; *at; at++)
        test_option_texts(*at, NULL);
}

/* s(tau) as in Xie et al., section 5.2. */
Test(planner, old_versions_count_for_what_the_paper_says)
{
    bench b;
    const co_planner *member = co_planner_find("buffered");
    open_bench(&b, member, ", concurrency: 25, staleness: hinge, staleness_a: 2, staleness_b: 0.5",
               true, 1, 1);
    int64_t most = 0;
    for (int64_t step = 1; step <= STEPS; step++) {
        const co_plan *plan = next_step(&b);
        for (size_t k = 0; k < plan->n; k++) {
            const int64_t tau = step - 1 - plan->row[k].version;
            const double want = tau > 0 ? 1.0 / (2.0 * ((double)tau - 0.5) + 1.0) : 1.0;
            cr_expect_eq(plan->row[k].factor, want);
            if (tau > most) most = tau;
        }
    }
    cr_expect(most >= 2, "the run has old versions");
    close_bench(&b);
    open_bench(&b, member, ", concurrency: 25, staleness: polynomial", true, 1, 1);
    for (int64_t step = 1; step <= STEPS; step++) {
        const co_plan *plan = next_step(&b);
        for (size_t k = 0; k < plan->n; k++)
            cr_expect_float_eq(plan->row[k].factor,
                               1.0 / sqrt((double)(step - plan->row[k].version)), 1e-15);
    }
    close_bench(&b);
}

/* Nobody is older than max_staleness says, and who would be is late. */
Test(planner, too_old_versions_are_given_up)
{
    bench b;
    size_t n_late = 0;
    open_bench(&b, co_planner_find("buffered"), ", concurrency: 25, max_staleness: 1", true, 1, 1);
    for (int64_t step = 1; step <= STEPS; step++) {
        const co_plan *plan = next_step(&b);
        for (size_t k = 0; k < plan->n; k++) cr_expect(step - 1 - plan->row[k].version <= 1);
        for (size_t k = 0; k < plan->n_lost; k++) {
            n_late += plan->lost[k].outcome == CO_LATE;
            cr_expect(plan->lost[k].outcome != CO_LATE ||
                      (step - plan->lost[k].version == 2 && plan->lost[k].end == plan->time));
        }
    }
    cr_expect(n_late > 0);
    close_bench(&b);
}

/* Plays two planners side by side; law: of the clock of both. */
static void expect_like_synchronous(const char *member, const char *options, bool calm)
{
    bench b, plain;
    open_bench(&b, co_planner_find(member), options, true, 1, 1);
    open_bench(&plain, co_planner_find("synchronous"), "", true, 1, 1);
    b.timing->is_calm = plain.timing->is_calm = calm;
    for (int64_t step = 1; step <= STEPS; step++)
        expect_same(next_step(&plain), next_step(&b), member);
    close_bench(&plain);
    close_bench(&b);
}

Test(planner, equal_speeds_make_all_of_them_synchronous)
{
    expect_like_synchronous("buffered", "", true);
    expect_like_synchronous("buffered", ", staleness: polynomial, max_staleness: 0", true);
    expect_like_synchronous("deadline", "", true);
    expect_like_synchronous("semi_synchronous", ", interval_s: 3", true);
    expect_like_synchronous("semi_synchronous", ", interval_s: 3, steps_by_speed: true", true);
}

Test(planner, without_an_end_a_deadline_waits_for_all)
{
    expect_like_synchronous("deadline", "", false);
    expect_like_synchronous("deadline", ", deadline_s: 1e9, late: partial", false);
}

/* The mean time of a step is that of the k-th of n exponential times, the sum over i < k of 1 / (n
 * - i), its variance that of 1 / (n - i)^2 (Renyi 1953, Acta Math. Hung. 4). */
Test(planner, over_selection_takes_as_long_as_order_statistics_say)
{
    enum { PLAYED = 3000, K = 7 };
    static const struct {
        const char *options;
        int n;
    } ask[] = {{", over_select: 1.3", 10}, {", over_select: 2", 14}, {", over_select: 4", 28}};
    for (size_t a = 0; a < sizeof ask / sizeof *ask; a++) {
        bench b;
        double mean = 0.0, variance = 0.0;
        open_bench(&b, co_planner_find("deadline"), ask[a].options, true, 1, 1);
        b.timing->is_calm = true;
        b.timing->mean_s = 5.0;
        for (int i = 0; i < K; i++) {
            mean += 5.0 / (ask[a].n - i);
            variance += 25.0 / ((ask[a].n - i) * (ask[a].n - i));
        }
        for (int step = 0; step < PLAYED; step++) {
            const co_plan *plan = next_step(&b);
            cr_assert(plan->n == K && plan->n_lost == (size_t)ask[a].n - K);
        }
        const double found = 1e-9 * (double)b.now.time / PLAYED;
        cr_expect(fabs(found - mean) < 4.0 * sqrt(variance / PLAYED), "%s: %g, not %g",
                  ask[a].options, found, mean);
        close_bench(&b);
    }
}

/* A population that is never there ends the run; nobody waits for ever. */
Test(planner, nobody_who_ever_comes_is_an_error)
{
    for (const co_plugin *const *at = co_kind_planner.members; *at; at++) {
        bench b;
        int64_t step = 0;
        co_status st = CO_OK;
        open_bench(&b, co_planner_find((*at)->name),
                   strcmp((*at)->name, "semi_synchronous") == 0 ? ", interval_s: 2" : "", true, 1,
                   1);
        b.timing->goes_at = 25 * (int64_t)CO_NANO;
        for (; st == CO_OK && step < 200; step++) {
            b.now.step++;
            st = co_planner_make(b.member, b.self, &b.now, &b.plan);
            b.now.time = b.plan.time;
        }
        cr_expect_eq(st, CO_EUSAGE, "%s goes on", (*at)->name);
        cr_expect(strstr(co_status_message(), "none of the 30 devices can be reached at"), "%s: %s",
                  (*at)->name, co_status_message());
        close_bench(&b);
    }
}
