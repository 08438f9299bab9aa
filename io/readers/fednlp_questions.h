/* io/readers/fednlp_questions.h - FedNLP's files of questions (span_extraction). Local. */
#pragma once
#include "io/readers/answers.h"

/* Questions from /context_X/I, /question_X/I, /Y/I (first character of the answer, and the one
 * behind it), /question_ids/I and /Y_answer/I, where they are there; I = 0 .. n - 1. Examples with
 * the same question_id, split and document that follow each other are one question with several
 * answers. document[n] of each I, or NULL; split[n]. CO_EDATA names the dataset. Fills data->n,
 * split, user and the answers. */
co_status co_fednlp_questions(const co_file *file, const char *path, const int64_t *document,
                              const uint8_t *split, size_t n, co_asked *questions,
                              co_dataset *data);
