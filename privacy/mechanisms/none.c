/* privacy/mechanisms/none.c - no bound and no noise: the sum is released as it is. */
#include "privacy/mechanisms/mechanism.h"

const co_mechanism co_mechanism_none = {.name = "none",
                                        .summary = "no bound, no noise, no guarantee"};
