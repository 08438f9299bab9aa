/* cli/command_compare.c - cohort compare: a grid of experiments x paired seeds, one run after
 * another, then one table.
 *
 * Words grid.KEY=[..] multiply; each point has a label, KEY=value,.. (`experiment` when there is no
 * grid), and each run a folder output.dir/LABEL/seed-S. Runs that are there are continued or taken
 * as they are, so that a comparison that was stopped goes on. tune.KEY=[..] first tries each value
 * with the first seed, for tune_rounds rounds, in LABEL/tune/KEY=value and keeps what is best on
 * the validation split (worst: what diverged); the test split decides nothing. Existing run files
 * can be compared instead. */
#include "core/log.h"
#include "core/memory.h"
#include "io/files/inputs.h"
#include "io/files/lock.h"
#include "io/yaml.h"
#include "models/tasks/task.h"
#include "report/comparison.h"
#include "sim/observers/record.h"
#include "cli/console.h"
#include "cli/play.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_AXES = 8, MAX_LABEL = 400, N_OWN = 3 };

/* A key and the values it goes through. */
typedef struct {
    char *key;
    co_node *list; /* root map {v: [..]} */
    const co_node *values;
} axis;

typedef struct {
    const char *experiment;
    axis grid[MAX_AXES], tune[MAX_AXES];
    size_t n_grid, n_tune;
    int64_t n_seeds, tune_rounds; /* tune_rounds 0: as many as the experiment */
    const char *baseline;
    char **overrides; /* borrowed words; room for those of a run behind them */
    size_t n_overrides, n_files;
    const char **files;
    co_comparison comparison;
    char *dir, *config;
    char *checked; /* the data file whose validation split was found last */
    bool *used;    /* [n_overrides] whether any point knows the key */
    bool has_baseline;
    int64_t first_seed;
} compare;

/* A run of the comparison. */
typedef struct {
    char *const *grid, *const *tuned; /* words of its point and of tuning; tuned NULL: none */
    int64_t seed, rounds;             /* rounds 0: as the experiment says */
    const char *dir;                  /* NULL: this and the seed as the experiment says */
} one_run;

static void print_help(void)
{
    co_print_usage(
        &co_command_compare,
        "Runs every point of the grid with every seed, one after another, each into "
        "output.dir/LABEL/seed-S\n"
        "with LABEL = KEY=value,.., and writes output.dir/compare.h5 (tables runs and summary), "
        "compare.png\n"
        "and compare.svg. What is there already is continued or kept: call it again after a stop.\n"
        "\n"
        "  grid.KEY=[a,b]   values of a key of the experiment; several grids multiply\n"
        "  seeds=N          seeds seed .. seed + N - 1, the same for every point (default 1)\n"
        "  baseline=LABEL   what the paired test compares with (default: the first point)\n"
        "  tune.KEY=[a,b]   choose the key for each point on the validation split, with the first "
        "seed\n"
        "  tune_rounds=N    rounds of a run that only chooses (default: as many as the "
        "experiment)\n"
        "  target=VALUE     also tell the rounds and bytes until the metric reached it\n"
        "  metric=NAME      column of eval that is compared (default: the task's first)\n"
        "  KEY=value        any other word overrides the experiment, as for `cohort run`\n"
        "\n"
        "Examples: cohort compare jobs/experiments/compare.yaml grid.algorithm=[fedavg,scaffold] "
        "seeds=3\n"
        "          cohort compare a/run.h5 b/run.h5 -o comparison\n");
}

/* The list behind "KEY=", from the word's value. */
static co_status open_axis(const char *word, size_t prefix, axis *a)
{
    const char *equals = strchr(word, '=');
    a->key = co_format("%.*s", (int)(equals - word - (ptrdiff_t)prefix), word + prefix);
    char *text = co_format("v: %s\n", equals + 1);
    if (!a->key || !text) {
        co_free(text);
        return CO_FAIL(CO_ENOMEM, "%s", word);
    }
    const co_status st = co_yaml_read_text(text, word, &a->list);
    co_free(text);
    CO_TRY(st);
    a->values = co_node_find(a->list, "v");
    if (!a->values || a->values->kind != CO_NODE_LIST || !a->values->first)
        return CO_FAIL(CO_EUSAGE, "%s: give a list of values: %.*s=[a,b]", word,
                       (int)(equals - word), word);
    for (const co_node *v = a->values->first; v; v = v->next)
        if (v->kind != CO_NODE_SCALAR || !v->text || !*v->text || strpbrk(v->text, "/,="))
            return CO_FAIL(CO_EUSAGE,
                           "%s: each value must be one word or number, to stand in a label", word);
    return CO_OK;
}

static co_status read_number(const char *word, double *value)
{
    char *end;
    const char *text = strchr(word, '=') + 1;
    *value = strtod(text, &end);
    return *text && !*end && isfinite(*value) ? CO_OK
                                              : CO_FAIL(CO_EUSAGE, "%s: give a number", word);
}

static co_status read_count(const char *word, int64_t most, int64_t *count)
{
    double value;
    CO_TRY(read_number(word, &value));
    if (value < 1.0 || value > (double)most || value != floor(value))
        return CO_FAIL(CO_EUSAGE, "%s: must be a whole number from 1 to %lld", word,
                       (long long)most);
    *count = (int64_t)value;
    return CO_OK;
}

static bool starts(const char *word, const char *prefix)
{
    return strncmp(word, prefix, strlen(prefix)) == 0;
}

static co_status read_word(compare *c, const char *word)
{
    axis *axes = starts(word, "grid.") ? c->grid : c->tune;
    size_t *n = starts(word, "grid.") ? &c->n_grid : &c->n_tune;
    if (strchr(word, '=') && (starts(word, "grid.") || starts(word, "tune."))) {
        if (*n == MAX_AXES)
            return CO_FAIL(CO_EUSAGE, "%s: at most %d keys at once", word, MAX_AXES);
        return open_axis(word, strlen("grid."), &axes[(*n)++]);
    }
    if (starts(word, "seeds=")) {
        CO_TRY(read_count(word, 10000, &c->n_seeds));
    } else if (starts(word, "tune_rounds=")) {
        CO_TRY(read_count(word, 1000000000, &c->tune_rounds));
    } else if (starts(word, "baseline=")) {
        c->baseline = word + strlen("baseline=");
    } else if (starts(word, "metric=")) {
        co_comparison_set_metric(&c->comparison, word + strlen("metric="));
    } else if (starts(word, "target=")) {
        CO_TRY(read_number(word, &c->comparison.target));
    } else if (word[strspn(word, "abcdefghijklmnopqrstuvwxyz0123456789_.")] == '=') {
        c->overrides[c->n_overrides++] = (char *)(size_t)word;
    } else if (strlen(word) > 3 && strcmp(word + strlen(word) - 3, ".h5") == 0) {
        c->files[c->n_files++] = word;
    } else if (!c->experiment) {
        c->experiment = word;
    } else {
        return CO_FAIL(CO_EUSAGE, "compare: one experiment, or run files; found %s and %s",
                       c->experiment, word);
    }
    return CO_OK;
}

static co_status read_words(compare *c, const co_words *words)
{
    c->overrides = co_calloc(words->n_positional + 2 * MAX_AXES + N_OWN, sizeof *c->overrides);
    c->files = co_calloc(words->n_positional + 1, sizeof *c->files);
    if (!c->overrides || !c->files) return CO_FAIL(CO_ENOMEM, "words of compare");
    for (size_t i = 0; i < words->n_positional; i++) CO_TRY(read_word(c, words->positional[i]));
    if (!c->experiment && !c->n_files)
        return CO_FAIL(CO_EUSAGE,
                       "compare needs an experiment file or run files (cohort compare --help)");
    if (c->experiment && c->n_files)
        return CO_FAIL(CO_EUSAGE, "compare: give an experiment or run files, not both (%s, %s)",
                       c->experiment, c->files[0]);
    if (c->n_files && (c->n_grid || c->n_tune || c->n_overrides || !words->output))
        return CO_FAIL(CO_EUSAGE,
                       "compare of run files: takes -o DIR, baseline=, metric= and target= alone");
    if (c->tune_rounds && !c->n_tune)
        return CO_FAIL(CO_EUSAGE, "tune_rounds: nothing is tuned; add tune.KEY=[a,b]");
    if (c->experiment && words->output)
        return CO_FAIL(CO_EUSAGE, "-o %s: the experiment's output.dir says where; override it",
                       words->output);
    return CO_OK;
}

static size_t count_points(const axis *axes, size_t n)
{
    size_t points = 1;
    for (size_t k = 0; k < n; k++) points *= co_node_count(axes[k].values);
    return points;
}

/* The words KEY=value of a point, the last axis fastest; word[n] are new blocks. Their list with
 * commas into label. */
static co_status words_of(const axis *axes, size_t n, size_t point, char **word,
                          char label[MAX_LABEL])
{
    size_t used = 0;
    for (size_t k = n; k-- > 0;) {
        const size_t n_values = co_node_count(axes[k].values);
        const co_node *value = axes[k].values->first;
        for (size_t i = point % n_values; i > 0; i--) value = value->next;
        point /= n_values;
        word[k] = co_format("%s=%s", axes[k].key, value->text);
        if (!word[k]) return CO_FAIL(CO_ENOMEM, "grid");
    }
    label[0] = 0;
    for (size_t k = 0; k < n && used < MAX_LABEL; k++)
        used += (size_t)snprintf(label + used, MAX_LABEL - used, "%s%s", k ? "," : "", word[k]);
    return used < 200 ? CO_OK
                      : CO_FAIL(CO_EUSAGE,
                                "%s: too long for the name of a folder; compare fewer keys at once",
                                label);
}

static void free_words(char **word, size_t n)
{
    for (size_t k = 0; k < n; k++) {
        co_free(word[k]);
        word[k] = NULL;
    }
}

/* The experiment with the words of a run. */
static co_status load(const compare *c, const one_run *run, co_experiment *experiment)
{
    size_t n = c->n_overrides;
    char *own[N_OWN] = {run->dir ? co_format("seed=%lld", (long long)run->seed) : NULL,
                        run->dir ? co_format("output.dir=\"%s\"", run->dir) : NULL,
                        run->rounds ? co_format("rounds=%lld", (long long)run->rounds) : NULL};
    const bool has_room = (!run->dir || (own[0] && own[1])) && (!run->rounds || own[2]);
    for (size_t k = 0; k < c->n_grid; k++) c->overrides[n++] = run->grid[k];
    for (size_t k = 0; run->tuned && k < c->n_tune; k++) c->overrides[n++] = run->tuned[k];
    for (int k = 0; k < N_OWN; k++)
        if (own[k]) c->overrides[n++] = own[k];
    const co_status st =
        has_room ? co_experiment_load(c->experiment, c->overrides, n, c->n_overrides, experiment)
                 : CO_FAIL(CO_ENOMEM, "words of a run");
    for (int k = 0; k < N_OWN; k++) co_free(own[k]);
    return st;
}

/* Runs to the end, from where it is. Collective(comm). */
static co_status play_run(const compare *c, const one_run *run, const co_comm *comm)
{
    const co_words words = {.resume = true};
    co_experiment experiment = {0};
    co_status st = co_agree(load(c, run, &experiment), comm);
    if (st == CO_OK) st = co_play(&experiment, &words, comm);
    co_experiment_fini(&experiment);
    return co_fail_in(st, "%s", run->dir);
}

/* Tries all candidates with the first seed; *best is the one of the highest validation score.
 * Collective(comm). */
static co_status tune(compare *c, const char *label, char *const *grid, size_t *best,
                      const co_comm *comm)
{
    double top = NAN;
    const size_t n = count_points(c->tune, c->n_tune);
    co_status st = CO_OK;
    for (size_t k = 0; k < n && st == CO_OK; k++) {
        char *word[MAX_AXES] = {NULL}, candidate[MAX_LABEL];
        double score = NAN;
        st = words_of(c->tune, c->n_tune, k, word, candidate);
        char *dir = co_format("%s/%s/tune/%s", c->dir, label, candidate),
             *file = co_format("%s/run.h5", dir ? dir : "");
        if (st == CO_OK && (!dir || !file)) st = CO_FAIL(CO_ENOMEM, "tuning");
        if (st == CO_OK && comm->rank == 0)
            co_log("tuning %s: %s (%zu of %zu)", label, candidate, k + 1, n);
        st = co_agree(st, comm);
        if (st == CO_OK)
            st = play_run(c, &(one_run){grid, word, c->first_seed, c->tune_rounds, dir}, comm);
        const bool has_diverged = st == CO_EDIVERGED;
        if (has_diverged && comm->rank == 0) co_log("tuning %s: %s diverged", label, candidate);
        if (has_diverged)
            st = CO_OK; /* the worst of candidates */
        else if (st == CO_OK)
            st = co_agree(comm->rank == 0 ? co_comparison_validate(&c->comparison, file, &score)
                                          : CO_OK,
                          comm);
        if (st == CO_OK) MPI_Bcast(&score, 1, MPI_DOUBLE, 0, comm->world);
        int higher = c->comparison.higher;
        if (st == CO_OK) MPI_Bcast(&higher, 1, MPI_INT, 0, comm->world);
        if (isnan(top) || (higher ? score > top : score < top)) {
            top = score;
            *best = k;
        }
        co_free(dir);
        co_free(file);
        free_words(word, c->n_tune);
    }
    return st;
}

/* All seeds of a point. Collective(comm). */
static co_status play_point(compare *c, const char *label, char *const *grid, char *const *tuned,
                            const co_comm *comm)
{
    co_status st = CO_OK;
    for (int64_t s = 0; s < c->n_seeds && st == CO_OK; s++) {
        const int64_t seed = c->first_seed + s;
        char *dir = co_format("%s/%s/seed-%lld", c->dir, label, (long long)seed);
        char *file = co_format("%s/run.h5", dir ? dir : "");
        st = co_agree(dir && file ? CO_OK : CO_FAIL(CO_ENOMEM, "run"), comm);
        if (st == CO_OK && comm->rank == 0) co_log("%s, seed %lld", label, (long long)seed);
        if (st == CO_OK) st = play_run(c, &(one_run){grid, tuned, seed, 0, dir}, comm);
        if (st == CO_OK)
            st = co_agree(comm->rank == 0 ? co_comparison_add(&c->comparison, file, label) : CO_OK,
                          comm);
        co_free(dir);
        co_free(file);
    }
    return st;
}

static co_status play_grid(compare *c, const co_comm *comm)
{
    const size_t n = count_points(c->grid, c->n_grid);
    co_status st = CO_OK;
    for (size_t k = 0; k < n && st == CO_OK; k++) {
        char *grid[MAX_AXES] = {NULL}, *tuned[MAX_AXES] = {NULL}, label[MAX_LABEL],
             chosen[MAX_LABEL];
        size_t best = 0;
        st = co_agree(words_of(c->grid, c->n_grid, k, grid, label), comm);
        if (st == CO_OK && !*label) snprintf(label, sizeof label, "experiment");
        if (st == CO_OK && c->n_tune) {
            st = tune(c, label, grid, &best, comm);
            if (st == CO_OK) st = co_agree(words_of(c->tune, c->n_tune, best, tuned, chosen), comm);
            if (st == CO_OK && comm->rank == 0)
                co_log("%s: chosen on the validation split: %s", label, chosen);
        }
        if (st == CO_OK) st = play_point(c, label, grid, c->n_tune ? tuned : NULL, comm);
        free_words(grid, c->n_grid);
        free_words(tuned, c->n_tune);
    }
    return st;
}

/* Tuning needs rows of eval on the validation split. A data file is looked at once while it is the
 * same. Rank 0. */
static co_status check_tuning(compare *c, const co_experiment *e)
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
static co_status check_metric(compare *c, const co_experiment *e)
{
    char name[64] = "classification";
    const char *known[CO_MAX_METRICS + 2] = {"loss"}, *wanted = c->comparison.metric;
    size_t n = 1;
    if (!*wanted) return CO_OK;
    if (!e->has_generator)
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
static void note_used(compare *c, const co_experiment *e, const char *label)
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
static co_status check_words(compare *c, const char *last_label)
{
    for (size_t i = 0; i < c->n_overrides; i++) {
        co_experiment e = {0};
        if (c->used[i]) continue;
        char *grid[MAX_AXES] = {NULL}, label[MAX_LABEL];
        co_status st = words_of(c->grid, c->n_grid, 0, grid, label);
        for (size_t k = 0; k < c->n_grid; k++) c->overrides[c->n_overrides + k] = grid[k];
        if (st == CO_OK)
            st = co_experiment_load(c->experiment, c->overrides, c->n_overrides + c->n_grid, 0, &e);
        co_experiment_fini(&e);
        free_words(grid, c->n_grid);
        return st == CO_OK
                   ? CO_FAIL(CO_EUSAGE, "%s: no point of the grid knows this key", c->overrides[i])
                   : st;
    }
    if (!c->baseline || c->has_baseline) return CO_OK;
    return CO_FAIL(CO_EUSAGE, "baseline=%s: no run has that label; labels are like %s", c->baseline,
                   last_label);
}

/* Every point must be a good experiment before the first of them runs. Takes folder and seed from
 * the first. */
static co_status check_points(compare *c, bool is_first_rank)
{
    const size_t n = count_points(c->grid, c->n_grid), n_tune = count_points(c->tune, c->n_tune);
    char point[MAX_LABEL] = "";
    c->used = co_calloc(c->n_overrides + 1, sizeof *c->used);
    co_status st = c->used ? CO_OK : CO_FAIL(CO_ENOMEM, "words of compare");
    for (size_t k = 0; k < n * n_tune && st == CO_OK; k++) {
        char *grid[MAX_AXES] = {NULL}, *tuned[MAX_AXES] = {NULL}, label[MAX_LABEL];
        co_experiment e = {0};
        st = words_of(c->grid, c->n_grid, k / n_tune, grid, point);
        if (!*point) snprintf(point, sizeof point, "experiment");
        if (c->baseline && strcmp(c->baseline, point) == 0) c->has_baseline = true;
        if (st == CO_OK) st = words_of(c->tune, c->n_tune, k % n_tune, tuned, label);
        if (st == CO_OK) st = load(c, &(one_run){.grid = grid, .tuned = tuned}, &e);
        if (st == CO_OK && k % n_tune == 0) note_used(c, &e, point);
        if (st == CO_OK && c->n_tune && is_first_rank) st = check_tuning(c, &e);
        if (st == CO_OK && is_first_rank) st = check_metric(c, &e);
        if (st == CO_OK && k == 0) {
            c->dir = co_strdup(co_config_string(&e.output, "dir"));
            c->first_seed = e.seed;
            st = c->dir ? co_experiment_text(&e, &c->config) : CO_FAIL(CO_ENOMEM, "output.dir");
        }
        co_experiment_fini(&e);
        free_words(grid, c->n_grid);
        free_words(tuned, c->n_tune);
    }
    return st == CO_OK ? check_words(c, point) : st;
}

/* compare.h5 and the pictures; a missing Python costs the pictures alone. Local, rank 0. */
static co_status finish(compare *c)
{
    char *file = co_format("%s/compare.h5", c->dir), *picture = co_format("%s/compare", c->dir);
    const char **paths = co_malloc(c->comparison.n_runs, sizeof *paths);
    co_status st = file && picture && paths ? CO_OK : CO_FAIL(CO_ENOMEM, "compare.h5");
    if (st == CO_OK)
        st = co_comparison_finish(&c->comparison, file, c->baseline, c->config ? c->config : "",
                                  (uint64_t)c->first_seed);
    for (size_t i = 0; st == CO_OK && i < c->comparison.n_runs; i++)
        paths[i] = c->comparison.run[i].path;
    if (st == CO_OK) printf("%s\n", file);
    if (st == CO_OK && co_plot_runs(paths, c->comparison.n_runs, picture) != CO_OK)
        co_warn("%s", co_status_message());
    co_free(file);
    co_free(picture);
    co_free(paths);
    return st;
}

static co_status read_files(compare *c, const char *output)
{
    c->dir = co_strdup(output);
    char *result = co_format("%s/compare.h5", output);
    co_status st = c->dir && result
                       ? co_output_differs(result, (const char *const *)c->files, c->n_files)
                       : CO_FAIL(CO_ENOMEM, "compare");
    co_free(result);
    CO_TRY(st);
    for (size_t i = 0; i < c->n_files; i++)
        CO_TRY(co_comparison_add(&c->comparison, c->files[i], NULL));
    return CO_OK;
}

static void close_axes(axis *axes, size_t n)
{
    for (size_t k = 0; k < n; k++) {
        co_free(axes[k].key);
        co_node_destroy(axes[k].list);
    }
}

static void fini(compare *c)
{
    close_axes(c->grid, c->n_grid);
    close_axes(c->tune, c->n_tune);
    co_comparison_fini(&c->comparison);
    co_free(c->overrides);
    co_free(c->files);
    co_free(c->dir);
    co_free(c->config);
    co_free(c->checked);
    co_free(c->used);
}

static co_status compare_command(int n_words, char **words)
{
    co_words parsed = {0};
    co_comm comm;
    co_lock *lock = NULL;
    compare c = {.n_seeds = 1, .comparison = {.target = NAN}};
    CO_TRY(co_comm_init(&comm));
    co_status st = co_words_parse(n_words, words, "-o --help", false, &parsed);
    CO_TRY_OUT(co_agree(st, &comm));
    if (parsed.help) {
        if (comm.rank == 0) print_help();
        goto out;
    }
    CO_TRY_OUT(co_agree(read_words(&c, &parsed), &comm));
    if (c.experiment) {
        CO_TRY_OUT(co_agree(check_points(&c, comm.rank == 0), &comm));
        CO_TRY_OUT(co_agree(comm.rank == 0 ? co_lock_take(c.dir, 0.0, &lock) : CO_OK, &comm));
        CO_TRY_OUT(play_grid(&c, &comm));
    } else {
        CO_TRY_OUT(co_agree(comm.rank == 0 ? read_files(&c, parsed.output) : CO_OK, &comm));
        CO_TRY_OUT(co_agree(comm.rank == 0 ? co_lock_take(c.dir, 0.0, &lock) : CO_OK, &comm));
    }
    st = co_agree(comm.rank == 0 ? finish(&c) : CO_OK, &comm);
out:
    co_lock_release(lock);
    fini(&c);
    co_words_fini(&parsed);
    co_comm_fini(&comm);
    return st;
}

const co_command co_command_compare = {
    .name = "compare",
    .usage = "compare EXPERIMENT.yaml grid.KEY=[a,b] seeds=5 [baseline=LABEL] [tune.KEY=[..]]  |  "
             "compare RUN.h5 .. -o DIR",
    .summary =
        "runs a grid of experiments over paired seeds, or takes run files, and compares them",
    .needs_mpi = true,
    .run = compare_command};
