/* io/readers/labels.h - what the labels of a file are: one rule for all readers. Local.
 *
 * Whole numbers in any spelling (5, 5.0, 05, +5, 5e0) are one class, named in decimal. Words are
 * classes as they stand. Real numbers are no classes: they are refused, with the advice to learn
 * them by task=regression. */
#pragma once
#include "io/data/dataset.h"

typedef enum { CO_LABELS_WHOLE, CO_LABELS_WORDS, CO_LABELS_REALS } co_label_kind;

/* WHOLE: all are whole numbers. REALS: all are finite numbers, not all whole. Else WORDS. *odd: the
 * first that is not whole, n when there is none. */
co_label_kind co_labels_kind(const char *const *text, size_t n, size_t *odd);
/* CO_EDATA: the label at `where` (file, line or row) is real. */
co_status co_labels_real(const char *where, const char *label);

/* index[i] = class of text[i], *names the classes: whole numbers in numerical order, words in byte
 * order. CO_EDATA by co_labels_real for REALS. Words with numbers among them: one warning. */
co_status co_labels_number(const char *where, const char *const *text, size_t n, int32_t *index,
                           char ***names, size_t *n_names);
