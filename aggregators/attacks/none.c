/* aggregators/attacks/none.c - every device is honest. */
#include "aggregators/attacks/attack.h"

const co_attack co_attack_none = {.name = "none", .summary = "every device is honest"};
