/* io/data/columns.h - the columns of a data set, in the order in which they stand in its file: one
 * table that writing, reading, checking, sending to other ranks, placing in shared memory and
 * freeing walk. A new column is one line here and the reader that fills it. */
#pragma once
#include <stdint.h>

/* What a column has one row of; how many there are: co_column_rows. */
typedef enum {
    CO_PER_X,       /* example; a row has the shape of x and its type */
    CO_PER_TARGETS, /* example of a task with targets; a row has n_classes values */
    CO_PER_LABEL,   /* example of another task */
    CO_PER_EXAMPLE,
    CO_PER_TOKEN,
    CO_PER_TAG,   /* token, where the task is tagging or joint */
    CO_PER_PLACE, /* token of a task span; a row has 2 values */
    CO_PER_LETTER,
    CO_PER_LETTER_BOUND, /* token, and the end of the last one; only with letters */
    CO_PER_TARGET_TOKEN,
    CO_PER_TARGET_BOUND, /* example of a task seq2seq, and the end of the last one */
    CO_PER_ANSWER_BYTE,
    CO_PER_ANSWER_BOUND, /* answer, and the end of the last one */
    CO_PER_ANSWERS,      /* example, and the end of the last one; only with answers */
    CO_PER_SPAN,         /* example of a task span; a row has 2 values */
    CO_PER_WINDOW,       /* example of a task span */
    CO_PER_QUESTION_BYTE,
    CO_PER_QUESTION_BOUND, /* question, and the end of the last one; only with their raw text */
    CO_PER_TEXT_BOUND,     /* example, and the end of the last one; only with tokens */
    CO_PER_RAW_BOUND,      /* the same; only with raw text */
    CO_PER_RAW_BYTE,
    CO_PER_CLASS, /* these are lists of names */
    CO_PER_TAG_NAME,
    CO_PER_WORD,
    CO_PER_TARGET_WORD,
    CO_PER_LETTER_NAME,
    CO_PER_QUESTION,
    CO_PER_USER,
    CO_PER_GROUP
} co_column_per;

/* Where it is in a run. */
typedef enum {
    CO_ON_RANK, /* a copy on every rank: few bytes an example */
    CO_ON_NODE, /* once in the node's shared memory; has to be there */
    CO_IN_FILE  /* nowhere: it stays in the file; but raw text of a task span on the node */
} co_column_place;

/* What its values may be. */
typedef enum {
    CO_VALUES_ANY,
    CO_VALUES_FINITE,
    CO_VALUES_TARGETS, /* finite numbers, or 0 and 1, as the task has it */
    CO_VALUES_SPLIT,   /* 0, 1 or 2 */
    CO_VALUES_CLASS,   /* below n_classes .. */
    CO_VALUES_TAG,     /* .. or -1 for none */
    CO_VALUES_WORD,
    CO_VALUES_TARGET_WORD,
    CO_VALUES_LETTER,
    CO_VALUES_QUESTION, /* below n_questions, never less than the one before */
    CO_VALUES_SPAN,     /* first and last token of the example's, or -1 twice */
    CO_VALUES_PLACE,    /* from and to byte of the example's raw text, or -1 twice */
    CO_VALUES_USER,     /* .. or -1 for none */
    CO_VALUES_GROUP,
    CO_VALUES_TOKEN_BOUNDS,    /* ascending from 0 to n_tokens */
    CO_VALUES_RAW_BOUNDS,      /* .. to the bytes of the raw text */
    CO_VALUES_TARGET_BOUNDS,   /* .. to n_target_tokens, by 2 at least */
    CO_VALUES_ANSWER_BOUNDS,   /* .. to n_answer_bytes */
    CO_VALUES_ANSWERS,         /* .. to n_answers */
    CO_VALUES_QUESTION_BOUNDS, /* .. to n_question_bytes */
    CO_VALUES_LETTER_BOUNDS    /* .. to n_chars */
} co_column_values;

/* field of co_dataset, dataset in the file, type in memory, stored type (x and targets: asked of
 * the data set), one row per, place in a run, values, what it is. A column that a data set may lack
 * is NULL then; split never is. */
#define CO_DATASET_COLUMNS(X)                                                                      \
    X(x, "x", void, CO_F32, CO_PER_X, CO_ON_NODE, CO_VALUES_FINITE,                                \
      "features: value = x * scale + shift")                                                       \
    X(tokens, "tokens", int32_t, CO_I32, CO_PER_TOKEN, CO_ON_NODE, CO_VALUES_WORD,                 \
      "instead of x: words of the vocabulary")                                                     \
    X(token_offsets, "token_offsets", int64_t, CO_I64, CO_PER_TEXT_BOUND, CO_ON_NODE,              \
      CO_VALUES_TOKEN_BOUNDS, "tokens of example i: [i] to [i + 1]; may be none")                  \
    X(token_y, "token_y", int32_t, CO_I32, CO_PER_TAG, CO_ON_NODE, CO_VALUES_TAG,                  \
      "class of each token (tagging), or its tag (joint); -1: it has none and is not scored")      \
    X(vocab, "vocab", char *, CO_STR, CO_PER_WORD, CO_ON_RANK, CO_VALUES_ANY,                      \
      "words; <unk> (the first) or [UNK] stands for unknown ones. Absent: vocab_size [1] i64")     \
    X(text, "text", uint8_t, CO_U8, CO_PER_RAW_BYTE, CO_IN_FILE, CO_VALUES_ANY, "raw bytes")       \
    X(text_offsets, "text_offsets", int64_t, CO_I64, CO_PER_RAW_BOUND, CO_IN_FILE,                 \
      CO_VALUES_RAW_BOUNDS, "raw bytes of example i: [i] to [i + 1]")                              \
    X(target_tokens, "target_tokens", int32_t, CO_I32, CO_PER_TARGET_TOKEN, CO_ON_NODE,            \
      CO_VALUES_TARGET_WORD,                                                                       \
      "seq2seq: words of the targets, with the marks before and behind each")                      \
    X(target_offsets, "target_offsets", int64_t, CO_I64, CO_PER_TARGET_BOUND, CO_ON_NODE,          \
      CO_VALUES_TARGET_BOUNDS, "target of example i: [i] to [i + 1]; 2 tokens at least")           \
    X(target_vocab, "target_vocab", char *, CO_STR, CO_PER_TARGET_WORD, CO_ON_RANK, CO_VALUES_ANY, \
      "words of the targets. Absent: target_vocab_size [1] i64, else those of vocab")              \
    X(answers, "answers", uint8_t, CO_U8, CO_PER_ANSWER_BYTE, CO_ON_NODE, CO_VALUES_ANY,           \
      "span, seq2seq: accepted answers, or references, as raw bytes")                              \
    X(answer_bounds, "answer_bounds", int64_t, CO_I64, CO_PER_ANSWER_BOUND, CO_ON_NODE,            \
      CO_VALUES_ANSWER_BOUNDS, "bytes of answer a: [a] to [a + 1]")                                \
    X(answer_offsets, "answer_offsets", int64_t, CO_I64, CO_PER_ANSWERS, CO_ON_NODE,               \
      CO_VALUES_ANSWERS,                                                                           \
      "answers of example i: [i] to [i + 1]; may be none. A question's stand at its first window") \
    X(span, "span", int32_t, CO_I32, CO_PER_SPAN, CO_ON_RANK, CO_VALUES_SPAN,                      \
      "span: first and last token of the answer; -1, -1: it is not in this window")                \
    X(question, "question", int32_t, CO_I32, CO_PER_WINDOW, CO_ON_RANK, CO_VALUES_QUESTION,        \
      "span: of which question this is a window; ascending")                                       \
    X(question_name, "question_name", char *, CO_STR, CO_PER_QUESTION, CO_ON_RANK, CO_VALUES_ANY,  \
      "names of the questions")                                                                    \
    X(question_text, "question_text", uint8_t, CO_U8, CO_PER_QUESTION_BYTE, CO_IN_FILE,            \
      CO_VALUES_ANY, "raw bytes of the questions")                                                 \
    X(question_bounds, "question_bounds", int64_t, CO_I64, CO_PER_QUESTION_BOUND, CO_IN_FILE,      \
      CO_VALUES_QUESTION_BOUNDS, "bytes of question q: [q] to [q + 1]")                            \
    X(token_char, "token_char", int32_t, CO_I32, CO_PER_PLACE, CO_ON_NODE, CO_VALUES_PLACE,        \
      "span: first byte, and the one behind the last, of the raw text that a token is from; -1, "  \
      "-1: of none")                                                                               \
    X(chars, "chars", int32_t, CO_I32, CO_PER_LETTER, CO_ON_NODE, CO_VALUES_LETTER,                \
      "letters of the tokens, of char_vocab")                                                      \
    X(char_offsets, "char_offsets", int64_t, CO_I64, CO_PER_LETTER_BOUND, CO_ON_NODE,              \
      CO_VALUES_LETTER_BOUNDS, "letters of token t: [t] to [t + 1]; may be none")                  \
    X(char_vocab, "char_vocab", char *, CO_STR, CO_PER_LETTER_NAME, CO_ON_RANK, CO_VALUES_ANY,     \
      "letters; <unk> (the first) stands for unknown ones")                                        \
    X(y, "y", int32_t, CO_I32, CO_PER_LABEL, CO_ON_RANK, CO_VALUES_CLASS, "class")                 \
    X(targets, "y", void, CO_F32, CO_PER_TARGETS, CO_ON_NODE, CO_VALUES_TARGETS,                   \
      "regression: float, multilabel: uint8_t, 0 or 1")                                            \
    X(classes, "classes", char *, CO_STR, CO_PER_CLASS, CO_ON_RANK, CO_VALUES_ANY,                 \
      "names of the classes, labels or numbers")                                                   \
    X(tags, "tags", char *, CO_STR, CO_PER_TAG_NAME, CO_ON_RANK, CO_VALUES_ANY,                    \
      "joint: names of the tags, where classes are those of the examples")                         \
    X(split, "split", uint8_t, CO_U8, CO_PER_EXAMPLE, CO_ON_RANK, CO_VALUES_SPLIT,                 \
      "0 train, 1 test, 2 validation")                                                             \
    X(user, "user", int32_t, CO_I32, CO_PER_EXAMPLE, CO_ON_RANK, CO_VALUES_USER,                   \
      "whose example it is; -1: nobody's")                                                         \
    X(user_name, "user_name", char *, CO_STR, CO_PER_USER, CO_ON_RANK, CO_VALUES_ANY,              \
      "names of the users")                                                                        \
    X(group, "group", int32_t, CO_I32, CO_PER_EXAMPLE, CO_ON_RANK, CO_VALUES_GROUP,                \
      "of which group; -1: of none")                                                               \
    X(group_name, "group_name", char *, CO_STR, CO_PER_GROUP, CO_ON_RANK, CO_VALUES_ANY,           \
      "names of the groups")
