/* tests/report/test_comparison.c - which way is better, as the tasks say. */
#include "models/tasks/task.h"
#include "report/comparison.h"
#include "sim/observers/evaluation_devices.h"
#include <criterion/criterion.h>
#include <stdio.h>

static bool higher(const char *column)
{
    co_comparison c = {0};
    co_comparison_set_metric(&c, column);
    return c.higher;
}

Test(comparison, goes_by_the_direction_of_the_metric)
{
    for (const co_plugin *const *task = co_kind_task.members; *task; task++)
        for (const co_metric *m = ((const co_task *)*task)->metrics; m->name; m++)
            for (int s = 0; s < CO_N_SCORES; s++) {
                char column[80];
                snprintf(column, sizeof column, "%s%s", m->name, co_score_suffix[s]);
                cr_expect_eq(higher(column), m->higher_is_better, "%s", column);
            }
    cr_expect(!higher("loss"));
    cr_expect(!higher("rmse") && !higher("mae_p90") && higher("r2_worst10") &&
              !higher("perplexity_known"));
}
