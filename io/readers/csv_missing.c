/* io/readers/csv_missing.c - missing cells of a table: which they are, and the rows that they cost.
 */
#include "core/log.h"
#include "core/memory.h"
#include "io/readers/csv_table.h"
#include "io/readers/members.h"
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

void co_csv_missing_options(const co_config *opt, co_csv_table *t)
{
    static const char *const names[] = {"refuse", "drop", "mean", "median", "zero"};
    for (int k = 0; k < 5; k++)
        if (strcmp(co_config_string(opt, "missing"), names[k]) == 0) t->missing = (co_missing)k;
    t->missing_words = co_config_node(opt, "missing_words");
    t->missing_first[0] = true;
    for (const co_node *word = t->missing_words->first; word; word = word->next) {
        t->missing_first[tolower((unsigned char)*word->text)] = true;
        t->missing_first[toupper((unsigned char)*word->text)] = true;
    }
}

bool co_csv_is_missing(const co_csv_table *t, const char *cell)
{
    if (!t->missing_first[(unsigned char)*cell]) return false; /* nearly all cells */
    if (!*cell) return true;
    for (const co_node *word = t->missing_words->first; word; word = word->next)
        if (strcasecmp(cell, word->text) == 0) return true;
    return false;
}

co_status co_csv_fail(const co_csv_table *t, size_t file, size_t row, size_t column,
                      const char *what)
{
    const co_csv *csv = &t->csv[file];
    const char *name = csv->header ? csv->header[column] : "";
    return CO_FAIL(CO_EDATA, "%s:%zu: column %zu%s%s%s: '%.40s' %s", csv->path, csv->line[row],
                   column, *name ? " (" : "", name, *name ? ")" : "", co_csv_cell(csv, row, column),
                   what);
}

/* Whether a missing cell of the column costs its row. */
static bool costs_row(const co_csv_table *t, size_t column)
{
    if (co_csv_is_feature(t, column)) return t->missing <= CO_MISSING_DROP;
    return co_csv_is_y(t, column) || column == t->user || column == t->group;
}

/* The first column whose missing cell costs the row; n_columns: none. */
static size_t find_missing(const co_csv_table *t, size_t file, size_t row)
{
    size_t j = 0;
    while (j < t->n_columns &&
           !(costs_row(t, j) && co_csv_is_missing(t, co_csv_cell(&t->csv[file], row, j))))
        j++;
    return j;
}

static const char *user_of(const co_csv_table *t, size_t file, size_t row)
{
    if (t->user == CO_FILE_COLUMN) return t->file_name[file];
    const char *cell = co_csv_cell(&t->csv[file], row, t->user);
    return co_csv_is_missing(t, cell) ? NULL : cell;
}

/* Numbers the users of rows that stay; *kept of them. Then of all rows: those behind lost every
 * one. */
static co_status number_users(const co_csv_table *t, co_members *users, size_t *kept)
{
    int32_t number;
    for (size_t i = 0; i < t->n; i++)
        CO_TRY(co_members_number(users, user_of(t, t->at[i].file, t->at[i].row), &number));
    *kept = users->n;
    for (size_t k = 0; k < t->n_files; k++)
        for (size_t r = 0; r < t->csv[k].n_rows; r++)
            if (user_of(t, k, r)) CO_TRY(co_members_number(users, user_of(t, k, r), &number));
    return CO_OK;
}

static co_status tell_users(const co_csv_table *t, const char *how)
{
    enum { SHOWN = 5 };
    co_members users = {0};
    size_t kept = 0, used = 0;
    char names[512] = "";
    const co_status st = number_users(t, &users, &kept);
    for (size_t u = kept; st == CO_OK && u < users.n && u < kept + SHOWN; u++)
        used += (size_t)snprintf(names + used, sizeof names - used, "%s%.80s", u > kept ? ", " : "",
                                 users.name[u]);
    if (st == CO_OK && users.n > kept)
        co_warn("%s: %zu of %zu users have no row left (%s%s)%s", how, users.n - kept, users.n,
                names, users.n > kept + SHOWN ? ", .." : "",
                t->missing == CO_MISSING_DROP ? "; missing=mean, median or zero keep such rows"
                                              : "");
    co_members_fini(&users);
    return st;
}

static co_status tell(const co_csv_table *t, size_t n_all)
{
    const char *how = t->missing == CO_MISSING_DROP
                          ? "missing=drop"
                          : "rows without label, user or group are left out";
    if (t->n == n_all) return CO_OK;
    co_log("%s: %zu of %zu rows went", how, n_all - t->n, n_all);
    return t->user == CO_NO_COLUMN ? CO_OK : tell_users(t, how);
}

co_status co_csv_keep_rows(co_csv_table *t)
{
    size_t capacity = 0, n_all = 0;
    for (size_t k = 0; k < t->n_files; k++)
        for (size_t r = 0; r < t->csv[k].n_rows; r++, n_all++) {
            const size_t j = find_missing(t, k, r);
            if (j < t->n_columns && t->missing != CO_MISSING_REFUSE) continue;
            if (j < t->n_columns)
                return co_csv_fail(t, k, r, j,
                                   "is missing; missing=drop leaves such rows out, mean, median or "
                                   "zero fill features (missing_words= says what is missing)");
            CO_TRY(co_reserve((void **)&t->at, &capacity, t->n + 1, sizeof *t->at));
            t->at[t->n++] = (co_csv_place){(uint32_t)k, r};
        }
    if (t->n == 0) return CO_FAIL(CO_EDATA, "%s: every row has a missing cell", t->csv[0].path);
    return tell(t, n_all);
}
