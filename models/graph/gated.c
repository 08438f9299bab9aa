/* models/graph/gated.c - every row by itself: dense layers gate and up of the same input, act(gate)
 * times up, and a dense layer down that gives the input's width.
 *
 * Parts gate, up, down in item k are "k.gate" .., or as `names` calls them. Cost: that of its
 * layers. Source: Shazeer 2020, arXiv:2002.05202, equation 6. */
#include "models/graph/block.h"

enum { GATE, UP, DOWN, N_PARTS };
static const char *const part_names[] = {"gate", "up", "down", NULL};

static co_status build(const co_place *place, const co_config *opt, size_t in, size_t *out)
{
    const char *const options[] = {"act", co_config_string(opt, "act"), NULL};
    const size_t units = (size_t)co_config_int(opt, "units");
    co_place part[N_PARTS], own;
    size_t width, ends[2], bent;
    CO_TRY(co_parts_width(place, opt, in, &width));
    CO_TRY(co_parts_check(place, opt, part_names));
    for (size_t p = 0; p < N_PARTS; p++) CO_TRY(co_parts_name(place, opt, part_names[p], &part[p]));
    CO_TRY(co_parts_dense(&part[GATE], opt, units, in, &ends[0]));
    CO_TRY(co_parts_dense(&part[UP], opt, units, in, &ends[1]));
    CO_TRY(co_parts_inside(&part[DOWN], "act", &own));
    CO_TRY(co_parts_add(&own, "gate", options, ends, &bent));
    return co_parts_dense(&part[DOWN], opt, width, bent, out);
}

static const co_param params[] = {
    {"units", CO_INT, .lo = 1, .hi = 1 << 24, .flags = CO_REQUIRED, .doc = "width of gate and up"},
    {"act", CO_CHOICE, .words = "silu|gelu", .doc = "what the gate goes through"},
    {"bias", CO_BOOL, .def = 1, .doc = "of the dense layers"},
    {"transposed", CO_BOOL, .doc = "weights stand as [inputs][units]"},
    {"names", CO_TREE, .flags = CO_OPTIONAL,
     .doc = "names of the dense layers: {gate: .., up: .., down: ..}"},
    {0}};
const co_block co_block_gated = {.name = "gated",
                                 .summary = "three dense layers, one of which gates another",
                                 .source = "Shazeer 2020, arXiv:2002.05202",
                                 .params = params,
                                 .main_option = "units",
                                 .build = build};
