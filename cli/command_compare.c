/* cli/command_compare.c - cohort compare: a grid of experiments x paired seeds, played as a
 * campaign (sim/campaign/campaign.h), then one table.
 *
 * Words grid.KEY=[..] multiply; each point has a label, KEY=value,.. (`experiment` when there is no
 * grid), and each run a folder output.dir/LABEL/seed-S. Runs that are there are continued or taken
 * as they are, so that a comparison that was stopped goes on. tune.KEY=[..] first tries each value
 * with the first seed, for tune_rounds rounds, in LABEL/tune/KEY=value and keeps what is best on
 * the validation split (worst: what diverged); the test split decides nothing. Existing run files
 * can be compared instead. */
#include "cli/compare.h"
#include "cli/console.h"
#include "cli/plot.h"
#include "core/log.h"
#include "core/memory.h"
#include "io/files/inputs.h"
#include "io/files/lock.h"
#include "io/yaml.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_help(void)
{
    co_print_usage(
        &co_command_compare,
        "Runs every point of the grid with every seed, each into output.dir/LABEL/seed-S\n"
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
        "  groups=N         cut the ranks into N groups, each of which plays runs of its own "
        "(default 1:\n"
        "                   one run after another on all ranks); the same results. Faster where\n"
        "                   ranks do not help a run much: small models, or more ranks than\n"
        "                   devices in a round. Each group holds its own data on its nodes\n"
        "  target=VALUE     also tell the rounds and bytes until the metric reached it\n"
        "  metric=NAME      column of eval that is compared (default: the task's first)\n"
        "  KEY=value        any other word overrides the experiment, as for `cohort run`\n"
        "\n"
        "Examples: cohort compare jobs/experiments/compare.yaml grid.algorithm=[fedavg,scaffold] "
        "seeds=3\n"
        "          cohort compare a/run.h5 b/run.h5 -o comparison\n");
}

/* The list behind "KEY=", from the word's value. */
static co_status open_axis(const char *word, size_t prefix, co_axis *a)
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
    for (const co_node *v = a->values->first; v; v = v->next)
        for (const co_node *w = a->values->first; w != v; w = w->next)
            if (strcmp(v->text, w->text) == 0)
                return CO_FAIL(CO_EUSAGE, "%s: %s stands in it twice", word, v->text);
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

static co_status read_word(co_compare *c, const char *word)
{
    co_axis *axes = starts(word, "grid.") ? c->grid : c->tune;
    size_t *n = starts(word, "grid.") ? &c->n_grid : &c->n_tune;
    if (strchr(word, '=') && (starts(word, "grid.") || starts(word, "tune."))) {
        if (*n == CO_MAX_AXES)
            return CO_FAIL(CO_EUSAGE, "%s: at most %d keys at once", word, CO_MAX_AXES);
        return open_axis(word, strlen("grid."), &axes[(*n)++]);
    }
    if (starts(word, "seeds=")) {
        CO_TRY(read_count(word, 10000, &c->n_seeds));
    } else if (starts(word, "groups=")) {
        CO_TRY(read_count(word, 1000000, &c->n_groups));
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

static co_status read_words(co_compare *c, const co_words *words, int n_ranks)
{
    c->overrides = co_calloc(words->n_positional + 2 * CO_MAX_AXES, sizeof *c->overrides);
    c->files = co_calloc(words->n_positional + 1, sizeof *c->files);
    if (!c->overrides || !c->files) return CO_FAIL(CO_ENOMEM, "words of compare");
    for (size_t i = 0; i < words->n_positional; i++) CO_TRY(read_word(c, words->positional[i]));
    if (!c->experiment && !c->n_files)
        return CO_FAIL(CO_EUSAGE,
                       "compare needs an experiment file or run files (cohort compare --help)");
    if (c->experiment && c->n_files)
        return CO_FAIL(CO_EUSAGE, "compare: give an experiment or run files, not both (%s, %s)",
                       c->experiment, c->files[0]);
    if (c->n_files && (c->n_grid || c->n_tune || c->n_overrides || c->n_groups))
        return CO_FAIL(CO_EUSAGE,
                       "compare of run files: takes -o DIR, baseline=, metric= and target= alone");
    if (c->n_files && !words->output)
        return CO_FAIL(
            CO_EUSAGE,
            "compare of run files: needs -o DIR, the folder for compare.h5 and pictures");
    if (c->tune_rounds && !c->n_tune)
        return CO_FAIL(CO_EUSAGE, "tune_rounds: nothing is tuned; add tune.KEY=[a,b]");
    if (c->n_groups > n_ranks)
        return CO_FAIL(CO_EUSAGE,
                       "groups=%lld: a group needs a rank, and there are %d (mpirun -n %lld)",
                       (long long)c->n_groups, n_ranks, (long long)c->n_groups);
    if (!c->n_groups) c->n_groups = 1;
    if (c->experiment && words->output)
        return CO_FAIL(CO_EUSAGE, "-o %s: the experiment's output.dir says where; override it",
                       words->output);
    return CO_OK;
}

/* compare.h5 and the pictures; a missing Python costs the pictures alone. Local, rank 0. */
static co_status finish(co_compare *c)
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

static co_status read_files(co_compare *c, const char *output)
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

static void close_axes(co_axis *axes, size_t n)
{
    for (size_t k = 0; k < n; k++) {
        co_free(axes[k].key);
        co_node_destroy(axes[k].list);
    }
}

static void fini(co_compare *c)
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
    co_compare c = {.n_seeds = 1, .comparison = {.target = NAN}};
    CO_TRY(co_comm_init(&comm));
    co_status st = co_words_parse(n_words, words, "-o --help", false, &parsed);
    CO_TRY_OUT(co_agree(st, &comm));
    if (parsed.help) {
        if (comm.rank == 0) print_help();
        goto out;
    }
    CO_TRY_OUT(co_agree(read_words(&c, &parsed, comm.size), &comm));
    if (c.experiment) {
        CO_TRY_OUT(co_agree(co_compare_check(&c, comm.rank == 0), &comm));
        CO_TRY_OUT(co_agree(comm.rank == 0 ? co_lock_take(c.dir, 0.0, &lock) : CO_OK, &comm));
        CO_TRY_OUT(co_compare_play(&c, &comm));
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
