/* sim/planners/list.h - the members of the kind planner. */
X(synchronous)
