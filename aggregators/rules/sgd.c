/* aggregators/rules/sgd.c - plain local training: the gradient of the device's own loss.
 * Source: McMahan et al., AISTATS 2017, arXiv:1602.05629, Algorithm 1, ClientUpdate. */
#include "aggregators/rules/rule.h"

const co_rule co_rule_sgd = {.name = "sgd",
                             .summary = "the device's own gradient, nothing added",
                             .source = "McMahan et al. 2017, arXiv:1602.05629, Algorithm 1",
                             .linear = true};
