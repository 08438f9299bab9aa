/* trust/adversaries/poisoning.h - the stage in which attackers replace what they send. */
#pragma once
#include "aggregators/stages/stage.h"
#include "trust/adversaries/attack.h"

/* Forward tampers with the update of an attacker, rows let all of them send one vector, as the
 * attack does; options are borrowed. */
typedef struct {
    const co_attack *attack;
    const co_config *options;
} co_poisoning;

/* The stage of an attack: NULL when it does neither (none, label flips). self of the stage: a
 * co_poisoning that the caller keeps. */
const co_stage *co_poisoning_stage(const co_attack *attack);
