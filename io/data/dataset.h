/* io/data/dataset.h - a data set: examples in the type they were published in, labels, splits,
 * users. */
#pragma once
#include "core/comm.h"
#include "io/data/columns.h"
#include "io/files/file.h"
#include <stdint.h>

/* What a data set is made for: its labels are y (a class an example), the next token, token_y (a
 * class a token), targets (numbers, or any of several labels, an example), target_tokens (a text an
 * example), span (first and last token of the answer), or y and token_y (joint: a class an example
 * and a tag a token). */
typedef enum {
    CO_DATA_CLASSIFICATION,
    CO_DATA_LM,
    CO_DATA_TAGGING,
    CO_DATA_REGRESSION,
    CO_DATA_MULTILABEL,
    CO_DATA_SEQ2SEQ,
    CO_DATA_SPAN,
    CO_DATA_JOINT,
    CO_N_DATA_TASKS,
    CO_DATA_MASKED = CO_N_DATA_TASKS /* of a run, never of a file: the tokens are the labels */
} co_data_task;
extern const char
    *const co_data_task_names[CO_N_DATA_TASKS]; /* as files and the kind task name them */

/* One description for images, float rows and texts. The columns, one pointer each, are those of
 * io/data/columns.h, NULL where the data set lacks the part: x [n][x_size], y [n], targets
 * [n][n_classes], split [n], user [n], tokens [n_tokens], token_offsets [n + 1], classes
 * [n_classes]
 * .. */
typedef struct {
    int64_t n;       /* examples; an example's id is its row */
    co_dtype x_type; /* CO_U8 or CO_F32 */
    size_t x_ndim;   /* without the first dimension; images are 3: C, H, W */
    size_t x_dim[4];
    size_t x_size;         /* elements of one example */
    size_t n_scale;        /* 1, or channels */
    double *scale, *shift; /* [n_scale]: value = x * scale + shift */
    co_data_task task;
    size_t n_vocab; /* 0: no text; else tokens stand instead of x; vocab may be NULL */
    size_t n_tokens;
    size_t n_classes;                       /* or labels, or numbers an example */
    size_t n_tags;                          /* of a task joint */
    size_t n_target_vocab, n_target_tokens; /* of a task seq2seq */
    size_t n_answers, n_answer_bytes;       /* 0: the data set has no answers */
    size_t n_questions, n_question_bytes;   /* of a task span; bytes 0: without their raw text */
    size_t n_chars, n_char_vocab;           /* 0: its tokens have no letters */
    size_t n_text; /* bytes of raw text that a node has; 0: it stays in the file */
    size_t n_users, n_groups;
#define CO_FIELD(field, name, element, ...) element *field;
    CO_DATASET_COLUMNS(CO_FIELD)
#undef CO_FIELD
    char digest[33];   /* content digest of the file; "" before it is written */
    co_file *x_file;   /* x, tokens, their classes and raw text stay in this file, open, until
                          co_dataset_write copies them in blocks; or NULL */
    char *source;      /* where it came from, for the file's attribute; or NULL */
    co_segment memory; /* where the columns of a node lie when loaded for a run */
    bool in_segment;   /* they are parts of memory and not freed by themselves */
} co_dataset;

void co_dataset_fini(co_dataset *data); /* frees all but what lies in a segment; zeroes. Local. */

/* Lengths, ranges of labels, users, splits; floats finite: CO_EDATA names row and value. Local. */
co_status co_dataset_check(const co_dataset *data, const char *path);

/* Checks, writes and publishes; fills data->digest. Local. */
co_status co_dataset_write(co_dataset *data, const char *path, uint64_t seed, const char *config);

/* Whether its labels are targets. Local. */
bool co_dataset_has_targets(const co_dataset *data);

/* Everything but x, tokens and text, on this rank (the columns are small: 9 bytes an example, or
 * its targets). Local. */
co_status co_dataset_read_columns(const char *path, co_dataset *data);
/* Everything, x in memory of this process. Local. */
co_status co_dataset_read(const char *path, co_dataset *data);
/* As co_dataset_read, but x, tokens and raw text, of any size, stay in the file: for a data set
 * that is written again. No digest. Local. */
co_status co_dataset_open(const char *path, co_dataset *data);
/* Everything but text, x (or tokens) and targets once per node in a segment; the file is
 * verified once and read by rank 0 of each node. CO_ENOMEM with the figure when the node's memory
 * is too small. with_x false: the columns of each rank alone. Collective(comm). data->memory must
 * be ended with co_segment_fini before co_dataset_fini. */
co_status co_dataset_load(const char *path, bool with_x, co_dataset *data, const co_comm *comm);

/* out[n_ids][x_size] floats of the given examples: (float)x * (float)scale + (float)shift, each
 * step rounded to float, so the same bits everywhere. Local. Vectorised; the hot path of reading a
 * device. */
void co_dataset_gather(const co_dataset *data, const int64_t *ids, size_t n_ids, float *out);

/* out[n_ids][n_classes] targets as floats. Local. */
void co_dataset_gather_targets(const co_dataset *data, const int64_t *ids, size_t n_ids,
                               float *out);
/* center[n_classes]: the mean of each column of a regression's targets, in double, in order. Local.
 */
void co_dataset_center_targets(const co_dataset *data, double *center);

/* Tokens that training sees of an example: all of it, or for lm all but its last (which is only
 * predicted). Local. */
size_t co_dataset_rows(const co_dataset *data, int64_t id);
/* Tokens that the decoder sees of a target: all but its last. Local. */
size_t co_dataset_target_rows(const co_dataset *data, int64_t id);
/* Rows that have a label: for tagging and joint, where it is not -1; for seq2seq those of the
 * target; else all. Local. */
size_t co_dataset_scored(const co_dataset *data, int64_t id);
/* A batch of texts one after another: offsets[n_ids + 1], tokens and y [rows]. y: lm: the next
 * token; masked: the token; tagging: its class; joint: [rows][2], its tag and the example's class;
 * classification: the example's class, [n_ids]; span: [n_ids][2], first and last token of the
 * answer, 0 twice where the window has none; not touched for targets and seq2seq. Local. */
void co_dataset_gather_tokens(const co_dataset *data, const int64_t *ids, size_t n_ids,
                              int64_t *offsets, int32_t *tokens, int32_t *y);
/* The targets of these texts, one after another: offsets[n_ids + 1], tokens and y [target rows]:
 * each target without its last token, and without its first. Local. */
void co_dataset_gather_targets_text(const co_dataset *data, const int64_t *ids, size_t n_ids,
                                    int64_t *offsets, int32_t *tokens, int32_t *y);
/* Letters of the tokens that training sees of an example, where the data set has them. Local. */
size_t co_dataset_letters(const co_dataset *data, int64_t id);
/* Those of a batch of texts: offsets[rows + 1], letters of row r: [r] to [r + 1]. Local. */
void co_dataset_gather_letters(const co_dataset *data, const int64_t *ids, size_t n_ids,
                               int64_t *offsets, int32_t *letters);
/* The names of the words of targets, its own or those of the sources; NULL without names. Local. */
char *const *co_dataset_target_names(const co_dataset *data);
