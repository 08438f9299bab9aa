/* sim/laws/list.h - the members of the kind speed_law. */
X(constant)
X(lognormal)
X(pareto)
X(file)
