/* aggregators/stages/list.h - the members of the kind transform. */
X(clip)
X(momentum)
X(error_feedback)
