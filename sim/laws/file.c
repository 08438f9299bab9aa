/* sim/laws/file.c - what clock.trace says of each device (io/data/trace.h). */
#include "sim/laws/law.h"

const co_law co_law_file = {.name = "file",
                            .summary = "what the trace says of each device (clock.trace)",
                            .is_traced = true};
