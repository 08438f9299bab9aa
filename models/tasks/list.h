/* models/tasks/list.h - the members of the kind task. */
X(classification)
X(lm)
X(mlm)
X(tagging)
X(regression)
X(multilabel)
X(seq2seq)
