/* tests/kinds/correlations.h - members with correlated noise, made from words as an experiment has
 * them. */
#pragma once
#include "privacy/mechanisms/mechanism.h"
#include "tests/kinds/options.h"

/* What the member makes with these options ("bands: 4") beside clip and noise; NULL: refused. */
static inline void *make_correlation(const co_mechanism *member, const char *words, int64_t n_steps,
                                     int64_t separation)
{
    co_node *root;
    void *self = NULL;
    char *text = co_format("clip: 1\nnoise_multiplier: 1\n%s\n", words);
    const co_config opt = test_options(text, "privacy", &member->params, 1, &root);
    const co_status st = member->correlation->create(&opt, n_steps, separation, &self);
    co_node_destroy(root);
    co_free(text);
    return st == CO_OK ? self : NULL;
}
