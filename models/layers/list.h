/* models/layers/list.h - the members of the kind layer. */
X(flatten)
X(relu)
X(tanh)
X(dropout)
X(dense)
X(conv2d)
X(max_pool)
X(avg_pool)
