/* report/print.h - labelled lines, rounded bounds, sizes. Local. */
#pragma once
#include <stdbool.h>
#include <stdio.h>

/* "  label          text" on a line of its own. */
void co_print_field(FILE *out, const char *label, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Prints text of any number of lines. Lines of more than CO_LINE_WIDTH columns are broken at
 * blanks; they go on below what stands last in them behind two blanks or more (the last column of a
 * table), or where that is too far to the right, a little behind the line's begin. A word that is
 * longer than a line stays whole. */
enum { CO_LINE_WIDTH = 100 };
void co_print_wrapped(FILE *out, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* value to that many significant digits, away from zero (up) or towards it: a bound that is printed
 * stays one. value >= 0. */
double co_round_digits(double value, int digits, bool up);
/* Bytes of a file as "54.9 MiB"; "?" when it cannot be asked. */
void co_print_file_size(FILE *out, const char *path);
