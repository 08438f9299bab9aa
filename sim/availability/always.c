/* sim/availability/always.c - every device at any time. */
#include "sim/availability/availability.h"

static int64_t first(const void *self, int64_t device, bool there, int64_t from, int64_t until)
{
    (void)self;
    (void)device;
    return there ? from : until;
}

const co_availability co_availability_always = {
    .name = "always", .summary = "every device at any time", .first = first};
