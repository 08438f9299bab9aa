/* aggregators/list.h - the members of the kind aggregator. */
X(mean)
