/* io/readers/csv_pairs.c - tables of which two columns are a source and its target. Local. */
#include "io/readers/answers.h"
#include "io/readers/columns.h"
#include "io/readers/csv_table.h"
#include <stdio.h>
#include <string.h>

static co_status add_rows(const co_csv *csv, const size_t column[2], size_t user, uint8_t split,
                          co_pairs *pairs)
{
    for (size_t i = 0; i < csv->n_rows; i++) {
        char where[1200];
        const char *source = co_csv_cell(csv, i, column[0]),
                   *target = co_csv_cell(csv, i, column[1]);
        const char *name = user == CO_NO_COLUMN     ? NULL
                           : user == CO_FILE_COLUMN ? co_raw_name(csv->path)
                                                    : co_csv_cell(csv, i, user);
        snprintf(where, sizeof where, "%s:%zu", csv->path, csv->line[i]);
        CO_TRY(co_pairs_add(pairs, where, source, strlen(source), target, strlen(target), split,
                            name));
    }
    return CO_OK;
}

co_status co_csv_pairs(const co_config *opt, const co_csv_table *t, co_dataset *data)
{
    static const char *const others[] = {"y", "text", "group"};
    size_t column[2];
    for (size_t k = 0; k < sizeof others / sizeof *others; k++)
        if (co_config_has(opt, others[k]))
            return CO_FAIL(CO_EUSAGE, "%s=: pairs have a source and a target alone; leave it",
                           others[k]);
    if (!co_config_has(opt, "source") || !co_config_has(opt, "target"))
        return CO_FAIL(CO_EUSAGE, "csv: source= and target= go together");
    CO_TRY(co_csv_column(&t->csv[0], "source", co_config_string(opt, "source"), &column[0]));
    CO_TRY(co_csv_column(&t->csv[0], "target", co_config_string(opt, "target"), &column[1]));
    co_pairs pairs = {0};
    co_status st = CO_OK;
    for (size_t k = 0; st == CO_OK && k < t->n_files; k++)
        st = add_rows(&t->csv[k], column, t->user, k >= t->n_train_files, &pairs);
    if (st == CO_OK) st = co_pairs_give(&pairs, t->csv[0].path, data);
    co_pairs_fini(&pairs);
    CO_TRY(st);
    CO_TRY(co_columns_source(data, "csv", t->file_name, t->n_files));
    return co_pairs_finish(opt, data);
}
