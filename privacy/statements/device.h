/* privacy/statements/device.h - what the statements on devices have in common: noise on the sum of
 * bounded contributions, once a round. Local. */
#pragma once
#include "privacy/statements/statement.h"

/* The event under a relation: a device that is replaced changes the sum by twice the bound. */
co_event co_device_event(const co_release *release, co_relation relation);
/* From accountant to not covered. */
void co_say_device(const co_release *release, co_statement_text *words);
