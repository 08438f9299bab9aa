/* sim/availability/list.h - the members of the kind availability. */
X(always)
X(periodic)
X(markov)
X(file)
