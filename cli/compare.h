/* cli/compare.h - what cohort compare is asked for, and its three parts: words and table
 * (command_compare.c), checks (compare_check.c), the runs (compare_play.c). */
#pragma once
#include "core/comm.h"
#include "core/config.h"
#include "report/comparison.h"

enum { CO_MAX_AXES = 8, CO_MAX_LABEL = 400 };

/* A key and the values it goes through. */
typedef struct {
    char *key;
    co_node *list; /* root map {v: [..]} */
    const co_node *values;
} co_axis;

typedef struct {
    const char *experiment;
    co_axis grid[CO_MAX_AXES], tune[CO_MAX_AXES];
    size_t n_grid, n_tune;
    int64_t n_seeds, n_groups, tune_rounds; /* tune_rounds 0: as many as the experiment */
    const char *baseline;
    char **overrides; /* borrowed words; room for those of a point behind them */
    size_t n_overrides, n_files;
    const char **files;
    co_comparison comparison;
    char *dir, *config;
    char *checked; /* the data file whose validation split was found last */
    bool *used;    /* [n_overrides] whether any point knows the key */
    bool has_baseline;
    int64_t first_seed;
} co_compare;

/* How many points n axes have. */
size_t co_axes_points(const co_axis *axes, size_t n);
/* The words KEY=value of a point, the last axis fastest; word[n] are new blocks. Their list with
 * commas into label. CO_EUSAGE when that is too long for a folder. */
co_status co_axes_words(const co_axis *axes, size_t n, size_t at, char **word,
                        char label[CO_MAX_LABEL]);
void co_axes_free_words(char **word, size_t n); /* leaves NULL */
/* The words of a point, and a candidate's where tuned is not NULL, into c->overrides; how many
 * stand there then. */
size_t co_compare_put_words(co_compare *c, char *const *grid, char *const *tuned);

/* Every point must be a good experiment before the first of them runs. Takes folder and seed from
 * the first. Looks into data files on the first rank alone. Local. */
co_status co_compare_check(co_compare *c, bool is_first_rank);
/* Tunes, plays all points with all seeds, and reads what they reached (rank 0). Collective(comm).
 */
co_status co_compare_play(co_compare *c, const co_comm *comm);
