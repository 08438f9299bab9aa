/* trust/adversaries/none.c - every device is honest. */
#include "trust/adversaries/attack.h"

const co_attack co_attack_none = {.name = "none", .summary = "every device is honest"};
