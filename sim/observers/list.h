/* sim/observers/list.h - the members of the kind observer, in the order in which they act. */
X(tables)
X(divergence)
X(central)
X(generate)
X(devices)
X(stop)
X(checkpoint)
X(progress)
