/* io/data/dataset_private.h - shared by io/dataset*.c. */
#pragma once
#include "io/content.h"
#include "io/data/dataset.h"

/* Everything but x from an open file, checked, with the digest. data is zeroed first; half filled
 * on failure: the caller ends it. with_x: x is to be read next, so its size is checked first: the
 * digest goes over every byte of the file. Local. */
co_status co_dataset_columns(const co_file *file, bool with_x, co_dataset *data);
/* CO_EDATA at the first value of x's rows [first, first + n), given in memory, that is not finite.
 * Local. */
co_status co_dataset_check_rows(const co_dataset *data, const char *path, size_t first, size_t n,
                                const void *rows);
/* Bytes of x, or of the tokens, and of the targets behind them. Local. */
size_t co_dataset_x_bytes(const co_dataset *data);
/* The pointers of these into a block of so many bytes. Local. */
void co_dataset_place(co_dataset *data, void *block);
/* CO_ENOMEM, with both figures, when they do not fit into what this node has free. Fault site:
 * data_memory. Local. */
co_status co_dataset_check_memory(const co_dataset *data, const char *path);

/* The text parts (io/data/dataset_text.c). All Local. */
co_status co_dataset_text_check(const co_dataset *data,
                                const char *path); /* what of it is in memory */
co_status co_dataset_text_columns(const co_file *file, co_dataset *data); /* n, n_tokens, vocab */
co_status co_dataset_text_read(const co_file *file,
                               co_dataset *data); /* tokens and text, into new blocks */
/* Bytes of offsets, tokens and token_y in one block, and the pointers into it. */
size_t co_dataset_text_bytes(const co_dataset *data);
void co_dataset_text_place(co_dataset *data, void *block);
/* Reads into the block that was placed. */
co_status co_dataset_text_fill(const co_file *file, co_dataset *data);

/* The targets (io/data/dataset_targets.c). All Local. */
co_status co_dataset_targets_check(const co_dataset *data,
                                   const char *path); /* what of them is in memory */
co_status co_dataset_targets_add(co_content *content, const co_dataset *data);
co_status co_dataset_targets_columns(const co_file *file,
                                     co_dataset *data);                   /* n_classes, classes */
co_status co_dataset_targets_read(const co_file *file, co_dataset *data); /* into a new block */
co_status co_dataset_targets_fill(const co_file *file, co_dataset *data); /* into data->targets */
size_t co_dataset_target_bytes(const co_dataset *data);                   /* 0 for other tasks */
