/* models/decoding/text_scores.h - how near written texts come to references: BLEU and ROUGE.
 *
 * Both are made of sums over texts, so that their bits do not depend on how the texts are dealt.
 * bleu: 0 to 100, of the whole corpus, as sacrebleu makes it by default (13a tokens, counts cut to
 * the most that one reference has, the nearest reference length, exponential smoothing). rouge1,
 * rouge2, rougeL: the mean over texts of the F1 of shared words, pairs of words, and of the longest
 * common subsequence, as the package rouge-score makes it (words of a-z and 0-9; the best reference
 * of a text counts for each; no stemmer, its default). All calls are Local. Sources: Papineni et
 * al., ACL 2002; Post, WMT 2018, arXiv:1804.08771; Lin, ACL Workshop Text Summarization Branches
 * Out 2004. */
#pragma once
#include "models/tasks/task.h"

enum { CO_TEXT_REALS = 3, CO_TEXT_SUMS = 14 }; /* of the sums, the first may be any numbers */
extern const co_metric co_text_metrics[];      /* bleu, rouge1, rouge2, rougeL; ends with {0} */

typedef struct {
    const char *text; /* UTF-8, no zero at its end */
    size_t n;         /* bytes */
} co_passage;

typedef struct co_text_scorer co_text_scorer;
co_status co_text_scorer_create(co_text_scorer **scorer);
void co_text_scorer_destroy(co_text_scorer *scorer); /* NULL allowed */
/* sums[CO_TEXT_SUMS] += those of one text with at least one reference. CO_ENOMEM. Time: n log n,
 * and for rougeL words x words of each reference. */
co_status co_text_scores_add(co_text_scorer *scorer, co_passage text, size_t n_references,
                             const co_passage *references, double *sums);
