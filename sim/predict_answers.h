/* sim/predict_answers.h - the answers that a model gives to questions, as a predictions file holds
 * them. All calls are Local. */
#pragma once
#include "io/files/file.h"
#include "sim/observers/evaluation_questions.h"

/* Zero-initialised is empty. Memory: 48 bytes a question, and the answers. */
typedef struct {
    co_question question;
    size_t n, n_room;
    int64_t *id, *window, *place, *offsets; /* [n_room], place [n_room][2], offsets [n_room + 1] */
    float *score, *none;
    co_text text;
} co_given_answers;

/* The next window, in the order of the file. CO_ENOMEM. */
co_status co_given_hear(co_given_answers *given, const co_population *population, int64_t id,
                        const co_window_says *says);
/* Ends the last question and writes id, the first window of each question; text and text_offsets;
 * window, of which the answer is, and place, its bytes there, -1 both for none; score of the best
 * pair of tokens and none, that of no answer. */
co_status co_given_write(co_given_answers *given, const co_population *population, co_file *file);
void co_given_fini(co_given_answers *given);
