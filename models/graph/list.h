/* models/graph/list.h - the members of the kind block. */
X(residual)
X(repeat)
X(attention)
X(feed_forward)
X(gated)
X(encoder)
X(decoder)
