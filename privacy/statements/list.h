/* privacy/statements/list.h - the members of the kind statement. */
X(central)
X(public_counts)
X(example)
X(arrivals)
X(distributed)
X(correlated)
X(message)
X(labels)
