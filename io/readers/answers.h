/* io/readers/answers.h - answers and references under construction: lists of raw texts, one list an
 * example. Local. */
#pragma once
#include "io/readers/members.h"
#include "io/readers/texts.h"

typedef struct {
    co_texts texts; /* each answer */
    int64_t *end;   /* [n] answers up to the end of each example */
    size_t n, room;
} co_answers;

co_status co_answers_add(co_answers *answers, const char *text, size_t n); /* to the open example */
co_status co_answers_end(co_answers *answers);                             /* ends it */
/* Hands them to data: answers, answer_bounds, answer_offsets; nothing when there is none at all. */
co_status co_answers_give(co_answers *answers, co_dataset *data);
void co_answers_fini(co_answers *answers);

/* Pairs of texts under construction. */
typedef struct {
    co_texts sources;
    co_answers targets; /* one an example, until they are joined */
    uint8_t *split;     /* [n] */
    co_members users;
    int32_t *user; /* [n] where pairs have one */
    size_t split_room, user_room;
} co_pairs;
/* One more, of that user or (NULL, for all of them) of none. CO_EDATA, naming `where`, for a source
 * or a target that is blank. */
co_status co_pairs_add(co_pairs *pairs, const char *where, const char *source, size_t n_source,
                       const char *target, size_t n_target, uint8_t split, const char *user);
/* Makes them a data set of the task seq2seq: text, answers, split, user. */
co_status co_pairs_give(co_pairs *pairs, const char *where, co_dataset *data);
void co_pairs_fini(co_pairs *pairs);
/* Of the splits 1 and 2: examples of one source become one, whose answers are all their targets.
 * The first of them stays, with its user and group. */
co_status co_pairs_join(co_dataset *data);
/* Options of tables of pairs; source, target and user name columns or keys. */
#define CO_PAIR_TABLE_PARAMS                                                                       \
    {"references", CO_CHOICE, .words = "each|join", .flags = CO_OPTIONAL,                          \
     .doc = "rows of one source in test and validation: examples of their own (default), or one "  \
            "example with all targets as its references"},                                         \
        CO_PAIR_PARAMS
/* What tables of pairs do once their rows are in: the splits of the options, references joined. */
co_status co_pairs_finish(const co_config *opt, co_dataset *data);
