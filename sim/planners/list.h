/* sim/planners/list.h - the members of the kind planner. */
X(synchronous)
X(deadline)
X(buffered)
X(semi_synchronous)
