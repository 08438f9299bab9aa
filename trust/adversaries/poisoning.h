/* trust/adversaries/poisoning.h - the stage in which attackers replace what they send. */
#pragma once
#include "aggregators/stages/stage.h"
#include "trust/adversaries/attack.h"

/* The stage of an attack, with its self, which the stage destroys: forward tampers with the update
 * of an attacker, rows let all of them send one vector, as the attack does. *stage is NULL when it
 * does neither (none, label flips). Local. */
co_status co_poisoning_create(const co_attack *attack, const co_config *opt, const co_stage **stage,
                              void **self);
