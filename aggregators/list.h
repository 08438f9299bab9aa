/* aggregators/list.h - the members of the kind aggregator. */
X(mean)
X(median)
X(trimmed_mean)
X(krum)
X(multi_krum)
X(geometric_median)
X(centred_clip)
