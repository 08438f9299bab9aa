/* models/tasks/labels.h - what a task knows about its labels: how many there are and what their
 * names say. */
#pragma once
#include "core/status.h"
#include <stdint.h>

enum { CO_SPECIALS = 10 }; /* tokens that stand for no word */

/* Tags are named as in CoNLL: O (or any other name: outside), B-TYPE begins an entity, I-TYPE is
 * inside one. */
typedef struct {
    size_t n;        /* classes, labels or numbers of an example; or tokens of the vocabulary */
    size_t n_tags;   /* joint: so many of them are tags, classes stand behind them; else 0 */
    int32_t unknown; /* the label "<unk>" or "[UNK]", of words out of vocabulary; -1: none */
    int32_t special[CO_SPECIALS]; /* those of the names; -1: none */
    int32_t mask; /* the one that hides others: [MASK] or <mask>, else that of unknown words; -1 */
    double mask_share;     /* mlm: chance of a token to be hidden */
    size_t max_answer;     /* span: tokens of the longest answer that is given */
    double null_threshold; /* span: how far no answer has to be ahead of the best one .. */
    bool may_have_none;    /* .. where some questions of the data have none */
    char *mark;            /* [n] 'B', 'I' or 'O' */
    int32_t *type;         /* [n] the first label that has its type's name; -1 for 'O' */
    double
        *center; /* regression: [n] a number near the labels of each output (their mean); NULL: 0 */
} co_labels;

/* names[n], or NULL: without meaning. center is NULL; what is put there must come from co_malloc.
 * Time n types. CO_ENOMEM. Local. */
co_status co_labels_init(co_labels *labels, const char *const *names, size_t n);
void co_labels_fini(co_labels *labels); /* Local */
