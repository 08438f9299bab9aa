/* models/decoding/text_scores.c - words become numbers, runs of them are sorted and counted. */
#include "models/decoding/text_scores.h"
#include "core/elementary.h"
#include "core/memory.h"
#include "models/decoding/words.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ORDERS = 4 };
enum { ROUGE1, ROUGE2, ROUGEL, TEXTS, LENGTH, WANTED, RIGHT, ALL = RIGHT + ORDERS };

typedef struct {
    int32_t id[ORDERS]; /* of a run of words; -1 behind its end */
} gram;

struct co_text_scorer {
    co_words_of words;
    size_t *first; /* [n_texts + 1] first word of each: the text, then its references */
    size_t n_texts, first_room;
    int32_t *id; /* [n_words] words that are equal have one number */
    size_t id_room;
    struct sorted_word {
        const char *text;
        size_t n, place;
    } * sorted;
    size_t sorted_room;
    gram *grams;        /* [n_words] of all texts, each text's sorted */
    size_t *gram_first; /* [n_texts + 1] */
    size_t gram_room, gram_first_room;
    int32_t *row; /* of the table of common subsequences */
    size_t row_room;
};

co_status co_text_scorer_create(co_text_scorer **scorer)
{
    *scorer = co_calloc(1, sizeof **scorer);
    return *scorer ? CO_OK : CO_FAIL(CO_ENOMEM, "scores of texts");
}

void co_text_scorer_destroy(co_text_scorer *s)
{
    if (!s) return;
    co_words_of_fini(&s->words);
    co_free(s->first);
    co_free(s->id);
    co_free(s->sorted);
    co_free(s->grams);
    co_free(s->gram_first);
    co_free(s->row);
    co_free(s);
}

/* ---- words as numbers ---- */

static int by_bytes(const void *a, const void *b)
{
    const struct sorted_word *x = a, *y = b;
    const int order = memcmp(x->text, y->text, x->n < y->n ? x->n : y->n);
    if (order != 0) return order;
    return (x->n > y->n) - (x->n < y->n);
}

static co_status number_words(co_text_scorer *s)
{
    const size_t n = s->words.n_words;
    if (co_reserve((void **)&s->id, &s->id_room, n + 1, sizeof *s->id) ||
        co_reserve((void **)&s->sorted, &s->sorted_room, n + 1, sizeof *s->sorted))
        return CO_FAIL(CO_ENOMEM, "words of a text");
    for (size_t k = 0; k < n; k++)
        s->sorted[k] =
            (struct sorted_word){s->words.bytes.text + s->words.word[k].at, s->words.word[k].n, k};
    qsort(s->sorted, n, sizeof *s->sorted, by_bytes);
    int32_t id = 0;
    for (size_t k = 0; k < n; k++) {
        if (k > 0 && by_bytes(&s->sorted[k - 1], &s->sorted[k]) != 0) id++;
        s->id[s->sorted[k].place] = id;
    }
    return CO_OK;
}

/* Words of the text and its references, by one of the two rules. */
static co_status read_texts(co_text_scorer *s, co_status (*cut)(co_words_of *, co_passage),
                            co_passage text, size_t n_references, const co_passage *references)
{
    s->n_texts = n_references + 1;
    s->words.n_words = s->words.bytes.n = 0;
    if (co_reserve((void **)&s->first, &s->first_room, s->n_texts + 1, sizeof *s->first) ||
        co_reserve((void **)&s->gram_first, &s->gram_first_room, s->n_texts + 1,
                   sizeof *s->gram_first))
        return CO_FAIL(CO_ENOMEM, "%zu references", n_references);
    for (size_t t = 0; t < s->n_texts; t++) {
        s->first[t] = s->words.n_words;
        CO_TRY(cut(&s->words, t == 0 ? text : references[t - 1]));
    }
    s->first[s->n_texts] = s->words.n_words;
    return number_words(s);
}

static size_t length_of(const co_text_scorer *s, size_t t)
{
    return s->first[t + 1] - s->first[t];
}

/* ---- runs of words ---- */

static int by_id(const void *a, const void *b)
{
    const gram *x = a, *y = b;
    for (size_t k = 0; k < ORDERS; k++)
        if (x->id[k] != y->id[k]) return x->id[k] < y->id[k] ? -1 : 1;
    return 0;
}

/* All runs of `order` words, text by text, each text's sorted. */
static co_status list_grams(co_text_scorer *s, size_t order)
{
    size_t n = 0;
    if (co_reserve((void **)&s->grams, &s->gram_room, s->words.n_words + 1, sizeof *s->grams))
        return CO_FAIL(CO_ENOMEM, "words of a text");
    for (size_t t = 0; t < s->n_texts; t++) {
        s->gram_first[t] = n;
        for (size_t w = s->first[t]; w + order <= s->first[t + 1]; w++, n++)
            for (size_t k = 0; k < ORDERS; k++) s->grams[n].id[k] = k < order ? s->id[w + k] : -1;
        qsort(s->grams + s->gram_first[t], n - s->gram_first[t], sizeof *s->grams, by_id);
    }
    s->gram_first[s->n_texts] = n;
    return CO_OK;
}

static size_t n_grams(const co_text_scorer *s, size_t t)
{
    return s->gram_first[t + 1] - s->gram_first[t];
}

/* How often text t has that run. */
static size_t count_gram(const co_text_scorer *s, size_t t, const gram *g)
{
    size_t low = s->gram_first[t], high = s->gram_first[t + 1], n = 0;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (by_id(&s->grams[middle], g) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    while (low + n < s->gram_first[t + 1] && by_id(&s->grams[low + n], g) == 0) n++;
    return n;
}

/* Runs of text 0 that references [from, end) have too, each at most as often as the one that has it
 * most. */
static size_t count_shared(const co_text_scorer *s, size_t from, size_t end)
{
    size_t sum = 0;
    for (size_t k = 0; k < s->gram_first[1];) {
        const size_t own = count_gram(s, 0, &s->grams[k]);
        size_t most = 0;
        for (size_t t = from; t < end; t++) {
            const size_t n = count_gram(s, t, &s->grams[k]);
            most = n > most ? n : most;
        }
        sum += own < most ? own : most;
        k += own;
    }
    return sum;
}

/* ---- BLEU ---- */

/* Of the references the length nearest to the text's, the shorter of two. */
static size_t nearest_length(const co_text_scorer *s)
{
    const size_t own = length_of(s, 0);
    size_t best = length_of(s, 1);
    for (size_t t = 2; t < s->n_texts; t++) {
        const size_t n = length_of(s, t), way = n > own ? n - own : own - n,
                     least = best > own ? best - own : own - best;
        if (way < least || (way == least && n < best)) best = n;
    }
    return best;
}

static co_status add_bleu(co_text_scorer *s, double *sums)
{
    sums[LENGTH] += (double)length_of(s, 0);
    sums[WANTED] += (double)nearest_length(s);
    for (size_t order = 1; order <= ORDERS; order++) {
        CO_TRY(list_grams(s, order));
        sums[RIGHT + order - 1] += (double)count_shared(s, 1, s->n_texts);
        sums[ALL + order - 1] += (double)n_grams(s, 0);
    }
    return CO_OK;
}

/* log of a share of runs that are right, smoothed: the k-th of those without a right one counts
 * 1 / 2^k. */
static double log_precision(double right, double all, double *smooth)
{
    if (right == 0.0) *smooth *= 2.0;
    return co_plain_log(right == 0.0 ? 1.0 / (*smooth * all) : right / all);
}

static double bleu(const double *sums, size_t n_classes)
{
    double smooth = 1.0, sum = 0.0, any = 0.0;
    (void)n_classes;
    if (sums[TEXTS] == 0.0) return (double)NAN;
    for (size_t k = 0; k < ORDERS; k++) any += sums[RIGHT + k];
    if (any == 0.0) return 0.0;
    for (size_t k = 0; k < ORDERS; k++) {
        if (sums[ALL + k] == 0.0) return 0.0; /* no text has so many words */
        sum += log_precision(sums[RIGHT + k], sums[ALL + k], &smooth);
    }
    const double brevity = sums[LENGTH] < sums[WANTED] ? 1.0 - sums[WANTED] / sums[LENGTH] : 0.0;
    return 100.0 * co_plain_exp(brevity) * co_plain_exp(sum / ORDERS);
}

/* ---- ROUGE ---- */

static double f1(size_t shared, size_t own, size_t wanted)
{
    const double precision = (double)shared / (double)(own > 0 ? own : 1),
                 recall = (double)shared / (double)(wanted > 0 ? wanted : 1);
    return shared > 0 ? 2.0 * precision * recall / (precision + recall) : 0.0;
}

static co_status add_rouge_n(co_text_scorer *s, size_t order, double *sum)
{
    double best = 0.0;
    CO_TRY(list_grams(s, order));
    for (size_t t = 1; t < s->n_texts; t++)
        best = fmax(best, f1(count_shared(s, t, t + 1), n_grams(s, 0), n_grams(s, t)));
    *sum += best;
    return CO_OK;
}

/* Words of the longest common subsequence of texts 0 and t, row by row of the table. */
static size_t common_words(co_text_scorer *s, size_t t)
{
    const size_t n = length_of(s, 0), m = length_of(s, t);
    const int32_t *own = s->id + s->first[0], *other = s->id + s->first[t];
    int32_t *row = s->row;
    memset(row, 0, (n + 1) * sizeof *row);
    for (size_t i = 0; i < m; i++) {
        int32_t corner = 0; /* of the row before, one place to the left */
        for (size_t j = 1; j <= n; j++) {
            const int32_t above = row[j];
            if (other[i] == own[j - 1])
                row[j] = corner + 1;
            else if (row[j - 1] > above)
                row[j] = row[j - 1];
            corner = above;
        }
    }
    return (size_t)row[n];
}

static co_status add_rouge(co_text_scorer *s, double *sums)
{
    double best = 0.0;
    if (co_reserve((void **)&s->row, &s->row_room, length_of(s, 0) + 1, sizeof *s->row))
        return CO_FAIL(CO_ENOMEM, "words of a text");
    CO_TRY(add_rouge_n(s, 1, &sums[ROUGE1]));
    CO_TRY(add_rouge_n(s, 2, &sums[ROUGE2]));
    for (size_t t = 1; t < s->n_texts; t++)
        best = fmax(best, f1(common_words(s, t), length_of(s, 0), length_of(s, t)));
    sums[ROUGEL] += best;
    return CO_OK;
}

static double mean_of(const double *sums, size_t k)
{
    return sums[TEXTS] > 0.0 ? sums[k] / sums[TEXTS] : (double)NAN;
}
static double rouge1(const double *sums, size_t n_classes)
{
    (void)n_classes;
    return mean_of(sums, ROUGE1);
}
static double rouge2(const double *sums, size_t n_classes)
{
    (void)n_classes;
    return mean_of(sums, ROUGE2);
}
static double rouge_l(const double *sums, size_t n_classes)
{
    (void)n_classes;
    return mean_of(sums, ROUGEL);
}

const co_metric co_text_metrics[] = {
    {"bleu", "BLEU of the texts written, 0 to 100: 13a tokens, as sacrebleu", true, bleu,
     .unit = "1"},
    {"rouge1", "F1 of words, mean over the texts written, as rouge-score", true, rouge1,
     .unit = "share"},
    {"rouge2", "F1 of pairs of words, likewise", true, rouge2, .unit = "share"},
    {"rougeL", "F1 of the longest common subsequence, likewise", true, rouge_l, .unit = "share"},
    {0}};

co_status co_text_scores_add(co_text_scorer *s, co_passage text, size_t n_references,
                             const co_passage *references, double *sums)
{
    CO_ASSERT(n_references > 0);
    CO_TRY(read_texts(s, co_words_13a, text, n_references, references));
    CO_TRY(add_bleu(s, sums));
    CO_TRY(read_texts(s, co_words_rouge, text, n_references, references));
    CO_TRY(add_rouge(s, sums));
    sums[TEXTS] += 1.0;
    return CO_OK;
}
