/* sim/experiment/clock.c - how long devices take on the virtual clock: section clock. */
#include "sim/experiment/sections.h"

const co_param co_clock_params[] = {
    {"seconds_per_unit", CO_REAL, .lo = 0.0, .hi = 1e9, .flags = CO_OPTIONAL | CO_LO_OPEN,
     .doc = "of local training: an example, or a token of texts (default: three times the model's "
            "multiply-adds, at `flops` a second)"},
    {"flops", CO_REAL, .def = 1e9, .lo = 1.0, .hi = 1e18,
     .doc = "multiply-adds a second of a device of speed 1"},
    {"down", CO_REAL, .lo = 0.0, .hi = 1e15, .flags = CO_OPTIONAL | CO_LO_OPEN,
     .doc = "bytes a second to a device (default: no time passes)"},
    {"up", CO_REAL, .lo = 0.0, .hi = 1e15, .flags = CO_OPTIONAL | CO_LO_OPEN,
     .doc = "bytes a second from a device (default: no time passes)"},
    {0}};

static double or_zero(const co_config *section, const char *key)
{
    return co_config_has(section, key) ? co_config_real(section, key) : 0.0;
}

co_status co_check_clock(co_experiment *e)
{
    co_clock_keys *k = &e->clock_keys;
    *k = (co_clock_keys){0};
    if (!co_node_find(e->root, "clock")) return CO_OK;
    CO_TRY(co_section_open(e, "clock", &e->clock));
    CO_TRY(co_section_check(&e->clock, NULL, NULL, NULL));
    *k = (co_clock_keys){.is_on = true,
                         .seconds_per_unit = or_zero(&e->clock, "seconds_per_unit"),
                         .flops = co_config_real(&e->clock, "flops"),
                         .down = or_zero(&e->clock, "down"),
                         .up = or_zero(&e->clock, "up")};
    return CO_OK;
}
