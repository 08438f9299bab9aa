/* privacy/statements/device.h - what the statements on devices have in common: noise on the sum of
 * bounded contributions, once a round. Local. */
#pragma once
#include "privacy/statements/statement.h"

/* The event under a relation: a device that is replaced changes the sum by twice the bound. */
co_event co_device_event(const co_release *release, co_relation relation);
/* From accountant to not covered; composition and mechanism say what is so for noise of each step
 * by itself. */
void co_say_device(const co_release *release, co_statement_text *words);
/* Parts of it: accountant and its orders; mode; covered and not covered. */
void co_say_accountant(const co_release *release, co_statement_text *words);
void co_say_mode(const co_release *release, co_statement_text *words);
void co_say_covered(const co_release *release, co_statement_text *words);
