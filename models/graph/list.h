/* models/graph/list.h - the members of the kind block. */
X(residual)
X(repeat)
