/* models/tasks/answers.h - how near an answer, a text, is to those that are accepted: exact match
 * and F1 as the evaluation scripts of SQuAD define them.
 *
 * Both compare normal forms: lower case, without ASCII punctuation, without the words a, an, the,
 * one blank between words, none around them. Letters, digits and blanks are those of Unicode, as
 * Python's str.lower, re and str.split know them; a byte that is no UTF-8 is a mark of its own.
 * Exact match: equal forms. F1: of the words in common, 2 common / (given + accepted), computed by
 * precision and recall. Source: Rajpurkar, Zhang, Lopyrev & Liang, EMNLP 2016, arXiv:1606.05250,
 * section 6.1; Rajpurkar, Jia & Liang, ACL 2018, arXiv:1806.03822. All calls are Local. */
#pragma once
#include "core/status.h"
#include "core/text.h"

/* The normal form of text[n] in place of what stood in `form`. flat: scratch. */
void co_answer_normal(const char *text, size_t n, co_text *flat, co_text *form);

/* A given answer and the best scores of it so far. Zero-initialised is empty; its room grows. */
typedef struct {
    double exact, f1; /* 0 or 1; [0, 1] */
    size_t n_compared;
    bool with_empty; /* see co_answer_open */
    co_text flat, given, accepted;
    size_t n_room;
    bool *used; /* [n_room] words of `accepted` */
    bool failed;
} co_answer;
/* with_empty: as version 2.0 has it, where questions without an answer stand among the others: an
 * accepted answer without words is none, a question that has none accepts the empty text, and equal
 * empty texts have F1 1. Else as version 1.1: F1 of texts without a common word is 0. */
void co_answer_open(co_answer *answer, const char *text, size_t n, bool with_empty);
/* One accepted answer: exact and f1 become the best ones so far. */
void co_answer_accept(co_answer *answer, const char *text, size_t n);
/* After all accepted ones. CO_ENOMEM when any call had no memory. */
co_status co_answer_close(co_answer *answer);
void co_answer_fini(co_answer *answer);
