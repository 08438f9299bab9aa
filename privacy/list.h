/* privacy/list.h - the members of the kind mechanism. */
X(none)
