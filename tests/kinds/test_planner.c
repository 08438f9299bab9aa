/* Every planner of the list under the same laws; new members join by themselves. */
#include "sim/planners/planner.h"
#include "sim/work/work.h"
#include "tests/kinds/drawn_population.h"
#include "tests/kinds/options.h"
#include <math.h>

enum { STEPS = 12 };

#define EACH_MEMBER(member)                                                                        \
    for (const co_plugin *const *at_ = co_kind_planner.members; *at_; at_++)                       \
        for (const co_planner *member = co_planner_find((*at_)->name); member; member = NULL)

typedef struct {
    const co_planner *member;
    co_experiment experiment;
    co_population population;
    co_plan plan;
    void *self;
} bench;

static void open_bench(bench *b, const co_planner *member, int size, int seed)
{
    char more[500];
    *b = (bench){.member = member};
    snprintf(more, sizeof more,
             "seed: %d\nmodel: {name: softmax}\ndevices: {per_round: 7, mode: %s, attackers: 3, "
             "attack: sign_flip}\nlocal: {epochs: 2, batch: 5}\n",
             seed, member->name);
    drawn_open(more, &b->experiment, &b->population);
    cr_assert_eq(
        co_plan_init(&b->plan, &b->experiment, &b->population, size, co_work_index("train")),
        CO_OK);
    if (member->create)
        cr_assert_eq(member->create(&b->experiment.devices, &b->plan, &b->self), CO_OK);
    co_plan_look(&b->plan);
}

static const co_plan *step_of(bench *b, int64_t step)
{
    co_planner_make(b->member, b->self, &(co_clock){.step = step}, &b->plan);
    return &b->plan;
}

static void close_bench(bench *b)
{
    if (b->member->destroy) b->member->destroy(b->self);
    co_plan_fini(&b->plan);
    drawn_close(&b->experiment, &b->population);
}

Test(planner, rows_are_devices_that_can_do_what_they_are_asked)
{
    EACH_MEMBER(member)
    {
        bench b;
        open_bench(&b, member, 1, 1);
        cr_expect(member->n_versions >= 1, "%s", member->name);
        for (int64_t step = 1; step <= STEPS; step++) {
            const co_plan *plan = step_of(&b, step);
            double sum_a = 0.0;
            cr_assert(plan->round == step && plan->n <= plan->capacity, "%s", member->name);
            for (size_t k = 0; k < plan->n; k++) {
                const co_plan_row *row = &plan->row[k];
                const int64_t n = co_population_examples(&b.population, row->device);
                cr_expect(row->device >= 0 && row->device < 30 &&
                              (k == 0 || row->device > row[-1].device),
                          "%s: device %lld", member->name, (long long)row->device);
                cr_expect(row->version >= 0 && row->version < step &&
                              row->version >= step - (int64_t)member->n_versions,
                          "%s: version %lld in step %lld", member->name, (long long)row->version,
                          (long long)step);
                cr_expect(row->n_examples == n && row->n_steps == 2 * ((n + 4) / 5), "%s",
                          member->name);
                cr_expect(row->outcome == (n > 0 ? CO_REPORTED : CO_EMPTY));
                cr_expect(row->start >= 0 && row->end >= row->start);
                cr_expect(row->work == co_work_index("train") && row->into == CO_INTO_MODEL);
                sum_a += row->coefficient;
            }
            cr_expect(plan->n == 0 || fabs(sum_a - 1.0) < 1e-12, "%s: %.17g", member->name, sum_a);
        }
        close_bench(&b);
    }
    cr_expect_eq(co_memory_blocks(), 0);
}

/* The same steps give the same rows, on any number of ranks; another seed gives others. */
Test(planner, a_plan_is_a_function_of_seed_and_step)
{
    EACH_MEMBER(member)
    {
        bench b, other;
        size_t n_same = 0, n_rows = 0;
        for (int size = 1; size <= 4; size++) {
            open_bench(&b, member, 1, 1);
            open_bench(&other, member, size, 1);
            for (int64_t step = 1; step <= STEPS; step++) {
                const co_plan *x = step_of(&b, step), *y = step_of(&other, step);
                cr_assert_eq(x->n, y->n, "%s", member->name);
                for (size_t k = 0; k < x->n; k++) {
                    co_plan_row row = y->row[k];
                    cr_expect(row.rank >= 0 && row.rank < size && x->row[k].rank == 0);
                    row.rank = 0;
                    const co_plan_row *want = &x->row[k];
                    cr_expect(row.device == want->device && row.version == want->version &&
                                  row.coefficient == want->coefficient && row.cost == want->cost &&
                                  row.start == want->start && row.end == want->end &&
                                  row.attacker == want->attacker,
                              "%s: step %lld", member->name, (long long)step);
                }
            }
            close_bench(&other);
            close_bench(&b);
        }
        open_bench(&b, member, 1, 1);
        const co_plan *x = step_of(&b, 1);
        int64_t device[30];
        n_rows = x->n;
        for (size_t k = 0; k < n_rows; k++) device[k] = x->row[k].device;
        close_bench(&b);
        open_bench(&b, member, 1, 2);
        x = step_of(&b, 1);
        for (size_t k = 0; k < x->n && k < n_rows; k++) n_same += x->row[k].device == device[k];
        cr_expect(n_same < n_rows, "%s: another seed asks the same devices", member->name);
        close_bench(&b);
    }
    cr_expect_eq(co_memory_blocks(), 0);
}

/* The longest rank has at most one device more to do than an even share. */
Test(planner, ranks_are_loaded_evenly)
{
    EACH_MEMBER(member)
    {
        bench b;
        open_bench(&b, member, 3, 1);
        for (int64_t step = 1; step <= STEPS; step++) {
            const co_plan *plan = step_of(&b, step);
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
                cr_expect(load[r] <= total / 3.0 + most, "%s: %g of %g", member->name, load[r],
                          total);
        }
        close_bench(&b);
    }
    cr_expect_eq(co_memory_blocks(), 0);
}

Test(planner, options_have_texts)
{
    EACH_MEMBER(member) test_option_texts((const co_plugin *)member, NULL);
}
