/* models/tasks/list.h - the members of the kind task. */
X(classification)
X(lm)
X(tagging)
X(regression)
X(multilabel)
