/* report/columns.c - attributes of the columns of eval, and the names of files without them. */
#include "report/columns.h"
#include "core/memory.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

/* What columns of version 1 without attributes meant. */
static co_better old_better(const char *column)
{
    const bool lower = strncmp(column, "loss", 4) == 0 || strncmp(column, "perplexity", 10) == 0;
    return lower ? CO_BETTER_LOWER : CO_BETTER_HIGHER;
}

static const char *const old_metrics[] = {"entity_f1", "accuracy", "perplexity", "loss"};

static const char *old_words(const char *column)
{
    return strcmp(column, "split") == 0 ? "train,test,validation"
                                        : "central,over devices,recent,past";
}

/* The text of an attribute into text[size]; "" when it is not there. */
static co_status read_text(const co_file *file, const char *attribute, char *text, size_t size)
{
    char *found = NULL;
    *text = 0;
    if (!co_file_has_attr(file, attribute)) return CO_OK;
    CO_TRY(co_file_get_text(file, attribute, &found));
    snprintf(text, size, "%s", found);
    co_free(found);
    return CO_OK;
}

co_better co_column_better(const co_file *file, const char *column)
{
    char name[160], text[16];
    snprintf(name, sizeof name, "eval/%s@better", column);
    if (read_text(file, name, text, sizeof text) != CO_OK || !*text) return old_better(column);
    return strcmp(text, "higher") == 0 ? CO_BETTER_HIGHER : CO_BETTER_LOWER;
}

co_status co_column_metric(const co_file *file, char *metric, size_t size)
{
    CO_TRY(read_text(file, "eval@metric", metric, size));
    for (size_t k = 0; !*metric && k < sizeof old_metrics / sizeof *old_metrics; k++) {
        char name[80];
        snprintf(name, sizeof name, "eval/%s", old_metrics[k]);
        if (co_file_has(file, name)) snprintf(metric, size, "%s", old_metrics[k]);
    }
    return CO_OK;
}

co_status co_column_unit(const co_file *file, const char *column, char *unit, size_t size)
{
    char name[96];
    snprintf(name, sizeof name, "eval/%s@unit", column);
    return read_text(file, name, unit, size);
}

co_status co_column_words(const co_file *file, const char *column, char *words, size_t size)
{
    char name[96];
    snprintf(name, sizeof name, "eval/%s@%s_names", column, column);
    CO_TRY(read_text(file, name, words, size));
    if (!*words) snprintf(words, size, "%s", old_words(column));
    return CO_OK;
}

static const char old_endings[] = "_weighted,_p10,_p20,_p30,_p40,_p50,_p60,_p70,_p80,_p90,_worst10";

co_status co_column_endings(const co_file *file, char *words, size_t size)
{
    CO_TRY(read_text(file, "eval@score_endings", words, size));
    if (!*words) snprintf(words, size, "%s", old_endings);
    return CO_OK;
}

void co_column_word(const char *words, int64_t k, char *text, size_t size)
{
    for (; *words && k > 0; k--) words += strcspn(words, ",") + (words[strcspn(words, ",")] == ',');
    snprintf(text, size, "%.*s", (int)strcspn(words, ","), words);
}

double co_column_cell(const co_table *table, size_t row, const char *name)
{
    const int column = co_table_find(table, name);
    return column < 0 ? (double)NAN : co_table_get_f64(table, row, (size_t)column);
}

int64_t co_column_count(const co_table *table, size_t row, const char *name)
{
    const int column = co_table_find(table, name);
    return column < 0 ? 0 : co_table_get_i64(table, row, (size_t)column);
}
