/* io/data/features_file.h - rows of a file of predictions as the features of a data set's
 * examples. Local. */
#pragma once
#include "io/data/dataset.h"

/* features: as many examples as data has and its splits (borrowed), x [n][width] the values
 * `hidden` (or `logits`) at the example's id, of rows that are tokens their mean (Reimers &
 * Gurevych, EMNLP 2019, arXiv:1908.10084), zeros where the file has none. CO_EDATA: no such values,
 * ids beyond the data set or doubled, a training example without a row, what is not finite. A file
 * of another data set is taken by its ids, with a warning. Empty after a failure. */
co_status co_features_read(const char *path, const co_dataset *data, co_dataset *features);
void co_features_fini(co_dataset *features);
