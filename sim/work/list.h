/* sim/work/list.h - the members of the kind work. */
X(train)
X(measure)
