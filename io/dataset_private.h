/* io/dataset_private.h - shared by io/dataset*.c. */
#pragma once
#include "io/dataset.h"

/* Everything but x from an open file, checked, with the digest. data is zeroed first; half filled
 * on failure: the caller ends it. Local. */
co_status co_dataset_columns(const co_file *file, co_dataset *data);

/* The text parts (io/dataset_text.c). All Local. */
co_status co_dataset_text_check(const co_dataset *data, const char *path); /* what of it is in memory */
co_status co_dataset_text_write(co_file *file, const co_dataset *data);
co_status co_dataset_text_columns(const co_file *file, co_dataset *data); /* n, n_tokens, vocab */
co_status co_dataset_text_read(const co_file *file, co_dataset *data);    /* tokens and text, into new blocks */
/* Bytes of offsets, tokens and token_y in one block, and the pointers into it. */
size_t co_dataset_text_bytes(const co_dataset *data);
void co_dataset_text_place(co_dataset *data, void *block);
/* Reads into the block that was placed. */
co_status co_dataset_text_fill(const co_file *file, co_dataset *data);
