/* tests/reference/partition.h - made by partition.py: name and value of each statistic. */
#pragma once
static const struct {
    const char *name;
    double value;
} reference_stats[] = {
    {"js_global_mean", 0.32334406400801435},
    {"js_pair_mean", 0.4466941420384427},
    {"n_empty", 5.0},
    {"n_pairs", 595.0},
    {"size_cv", 1.0848450990297596},
    {"size_gini", 0.5268333333333334},
    {"size_max", 86.0},
    {"size_min", 0.0},
    {"size_p10", 0.0},
    {"size_p20", 3.0},
    {"size_p30", 5.0},
    {"size_p40", 7.0},
    {"size_p50", 10.0},
    {"size_p60", 12.0},
    {"size_p70", 15.0},
    {"size_p80", 26.0},
    {"size_p90", 34.0},
};
