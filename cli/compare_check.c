/* cli/compare_check.c - what a comparison would stumble over is refused before its first run. */
#include "cli/compare.h"
#include "core/log.h"
#include "core/memory.h"
#include "models/tasks/task.h"
#include "sim/experiment/experiment.h"
#include "sim/observers/record.h"
#include <stdio.h>
#include <string.h>

/* Tuning needs rows of eval on the validation split. A data file is looked at once while it is the
 * same. Rank 0. */
static co_status check_tuning(co_compare *c, const co_experiment *e)
{
    const bool is_off = co_config_has(&e->eval, "central") && !co_config_bool(&e->eval, "central");
    if (is_off || co_config_int(&e->eval, "every") == 0)
        return co_config_fail(&e->eval, e->eval.map,
                              "tune: needs central evaluations: every above 0, central not false");
    if (e->has_generator)
        return co_config_fail(
            &e->data, co_config_node(&e->data, "generator"),
            "tune: draws no validation split to choose by; `cohort import synthetic` with "
            "validation_fraction=0.1 does");
    const char *path = co_config_string(&e->data, "file");
    if (c->checked && strcmp(c->checked, path) == 0) return CO_OK;
    CO_TRY(co_comparison_check_data(path));
    co_free(c->checked);
    c->checked = co_strdup(path);
    return c->checked ? CO_OK : CO_FAIL(CO_ENOMEM, "%s", path);
}

/* The metric must be a column that the runs' task has, and says which direction is better. Rank 0.
 */
static co_status check_metric(co_compare *c, const co_experiment *e)
{
    char name[64] = "classification";
    const char *known[CO_MAX_METRICS + 2] = {"loss"}, *wanted = c->comparison.metric;
    size_t n = 1;
    if (!*wanted) return CO_OK;
    if (co_config_has(&e->data, "task"))
        snprintf(name, sizeof name, "%s", co_config_string(&e->data, "task"));
    else if (!e->has_generator)
        CO_TRY(co_comparison_task(co_config_string(&e->data, "file"), name, sizeof name));
    const co_task *task = co_task_find(name);
    if (!task) return CO_EDATA;
    bool found = strcmp(wanted, "loss") == 0;
    for (const co_metric *m = task->metrics; m->name; m++) {
        found |= strcmp(wanted, m->name) == 0;
        known[n++] = m->name;
    }
    char suggestion[512];
    co_suggest(wanted, known, suggestion, sizeof suggestion);
    return found ? CO_OK
                 : CO_FAIL(CO_EUSAGE, "metric=%s: no column of eval for the task %s%s", wanted,
                           name, suggestion);
}

/* Which of the words the point knows. */
static void note_used(co_compare *c, const co_experiment *e, const char *label)
{
    for (size_t i = 0; i < c->n_overrides; i++) {
        const bool known = co_experiment_find(e, c->overrides[i]) != NULL;
        c->used[i] |= known;
        if (!known)
            co_log("%s: has no %.*s, which is left out there", *label ? label : "experiment",
                   (int)strcspn(c->overrides[i], "="), c->overrides[i]);
    }
}

/* A word that no point knows is refused as `cohort run` does it; so is a baseline that is no label.
 */
static co_status check_words(co_compare *c, const char *last_label)
{
    for (size_t i = 0; i < c->n_overrides; i++) {
        co_experiment e = {0};
        if (c->used[i]) continue;
        char *grid[CO_MAX_AXES] = {NULL}, label[CO_MAX_LABEL];
        co_status st = co_axes_words(c->grid, c->n_grid, 0, grid, label);
        for (size_t k = 0; k < c->n_grid; k++) c->overrides[c->n_overrides + k] = grid[k];
        if (st == CO_OK)
            st = co_experiment_load(c->experiment, c->overrides, c->n_overrides + c->n_grid, 0, &e);
        co_experiment_fini(&e);
        co_axes_free_words(grid, c->n_grid);
        return st == CO_OK
                   ? CO_FAIL(CO_EUSAGE, "%s: no point of the grid knows this key", c->overrides[i])
                   : st;
    }
    if (!c->baseline || c->has_baseline) return CO_OK;
    return CO_FAIL(CO_EUSAGE, "baseline=%s: no run has that label; labels are like %s", c->baseline,
                   last_label);
}

co_status co_compare_check(co_compare *c, bool is_first_rank)
{
    const size_t n = co_axes_points(c->grid, c->n_grid),
                 n_tune = co_axes_points(c->tune, c->n_tune);
    char last[CO_MAX_LABEL] = "";
    c->used = co_calloc(c->n_overrides + 1, sizeof *c->used);
    co_status st = c->used ? CO_OK : CO_FAIL(CO_ENOMEM, "words of compare");
    for (size_t k = 0; k < n * n_tune && st == CO_OK; k++) {
        char *grid[CO_MAX_AXES] = {NULL}, *tuned[CO_MAX_AXES] = {NULL}, label[CO_MAX_LABEL];
        co_experiment e = {0};
        st = co_axes_words(c->grid, c->n_grid, k / n_tune, grid, last);
        if (!*last) snprintf(last, sizeof last, "experiment");
        if (c->baseline && strcmp(c->baseline, last) == 0) c->has_baseline = true;
        if (st == CO_OK) st = co_axes_words(c->tune, c->n_tune, k % n_tune, tuned, label);
        if (st == CO_OK)
            st = co_experiment_load(c->experiment, c->overrides,
                                    co_compare_put_words(c, grid, tuned), c->n_overrides, &e);
        if (st == CO_OK && k % n_tune == 0) note_used(c, &e, last);
        if (st == CO_OK && c->n_tune && is_first_rank) st = check_tuning(c, &e);
        if (st == CO_OK && is_first_rank) st = check_metric(c, &e);
        if (st == CO_OK && k == 0) {
            c->dir = co_strdup(co_config_string(&e.output, "dir"));
            c->first_seed = e.seed;
            st = c->dir ? co_experiment_text(&e, &c->config) : CO_FAIL(CO_ENOMEM, "output.dir");
        }
        co_experiment_fini(&e);
        co_axes_free_words(grid, c->n_grid);
        co_axes_free_words(tuned, c->n_tune);
    }
    return st == CO_OK ? check_words(c, last) : st;
}
