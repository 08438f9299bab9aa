/* io/writers/fednlp_questions.h - a data set of questions as FedNLP's span_extraction. Local. */
#pragma once
#include "io/data/dataset.h"

/* /context_X/I, /question_X/I, /question_ids/I, /Y/I (first character of the answer, and the one
 * behind it), /Y_answer/I and /attributes: an example an answer. Windows are left out: each
 * question stands there once with its whole context. CO_EUSAGE for a data set without the
 * questions' text or without answers. */
co_status co_fednlp_put_questions(co_file *file, const co_dataset *data, const char *path);
