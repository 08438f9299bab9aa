/* models/losses/list.h - the members of the kind loss. */
X(cross_entropy)
X(squared)
X(huber)
X(binary)
