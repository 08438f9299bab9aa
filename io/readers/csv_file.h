/* io/readers/csv_file.h - tables of text cells, separated by commas, tabs or another character.
 * Local. */
#pragma once
#include "io/readers/raw.h"

typedef struct {
    const char *path; /* borrowed */
    char separator;
    size_t n_rows, n_columns;
    char **cell;   /* [n_rows][n_columns], zero-terminated, inside raw; a reader may shorten them */
    size_t *line;  /* [n_rows] the line, from 1, on which a row begins */
    char **header; /* [n_columns], or NULL */
    co_raw raw;
    size_t cell_room, line_room; /* of the growing arrays */
} co_csv;

/* Reads RFC 4180: quotes, doubled quotes, separators and line ends inside quotes, LF, CRLF or CR.
 * separator 0: a tab for names that end in .tsv, .tab (or these and .gz), else a comma; ' ': runs
 * of blanks and tabs. Where we differ: blanks around a cell are dropped (not inside quotes); blank
 * lines are passed over, and so is a first line that begins with '|' (a comment in the C4.5 files
 * of UCI); a first line sep=C says the separator; a UTF-8 byte order mark is dropped. CO_EDATA with
 * line and column for rows of another length than the first (expected and found), a quote left
 * open, text behind a closing quote, zero bytes, no rows. encoding
 * as in co_raw_text_as. path is kept. csv is ended by
 * co_csv_fini, also after a failure. */
co_status co_csv_read(const char *path, char separator, bool header, const char *encoding,
                      co_csv *csv);
void co_csv_fini(co_csv *csv);
/* The column of a name in the header, else of a 0-based index. CO_EUSAGE names the option and what
 * there is. */
co_status co_csv_column(const co_csv *csv, const char *option, const char *name, size_t *column);

static inline char *co_csv_cell(const co_csv *csv, size_t row, size_t column)
{
    return csv->cell[row * csv->n_columns + column];
}
