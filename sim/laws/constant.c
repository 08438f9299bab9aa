/* sim/laws/constant.c - all devices alike. */
#include "sim/laws/law.h"

static double factor(const double *option, co_stream *draws)
{
    (void)option;
    (void)draws;
    return 1.0;
}

const co_law co_law_constant = {
    .name = "constant", .summary = "all devices alike", .factor = factor};
