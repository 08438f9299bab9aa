/* sim/laws/registry.c - finds members of the kind speed_law by name, and reads what a key asks. */
#include "sim/laws/law.h"
#include <math.h>
#include <stdio.h>

#define X(name) extern const co_law co_law_##name;
#include "sim/laws/list.h"
#undef X

static const co_plugin *const members[] = {
#define X(name) (const co_plugin *)&co_law_##name,
#include "sim/laws/list.h"
#undef X
    NULL};

const co_kind co_kind_speed_law = {"speed_law", "how the speeds and rates of devices differ",
                                   members};

const co_law *co_law_find(const char *name)
{
    return (const co_law *)co_plugin_find(&co_kind_speed_law, name);
}

static const co_param own[] = {
    {"name", CO_STRING, .flags = CO_REQUIRED, .doc = "law (cohort list speed_law)"},
    {"median", CO_REAL, .lo = 0.0, .hi = 1e15, .flags = CO_OPTIONAL | CO_LO_OPEN,
     .doc = "of all devices"},
    {0}};

static co_status read_options(const co_config *opt, bool needs_median, co_law_use *use)
{
    size_t n = 0;
    if (use->law->is_traced && co_config_has(opt, "median"))
        return co_config_fail(opt, co_config_node(opt, "median"), "the trace says what it is");
    if (needs_median && !use->law->is_traced && !co_config_has(opt, "median"))
        return co_config_fail(opt, co_config_node(opt, "name"),
                              "%s needs median, in bytes a second", use->law->name);
    if (co_config_has(opt, "median")) use->median = co_config_real(opt, "median");
    for (const co_param *p = use->law->params; p && p->key; p++) {
        CO_ASSERT(n < CO_LAW_OPTIONS && p->type == CO_REAL);
        use->option[n++] = co_config_real(opt, p->key);
    }
    return CO_OK;
}

co_status co_law_read(const co_config *section, const char *key, bool needs_median, co_law_use *use)
{
    char name[64];
    double number;
    co_node *node = co_node_find(section->map, key);
    *use = (co_law_use){.median = 1.0};
    if (!node) return CO_OK;
    if (node->kind == CO_NODE_SCALAR && co_node_real(node, &number)) {
        if (!(number > 0.0 && number <= 1e15))
            return co_config_fail(section, node, "%s is out of range: (0, 1e15]", node->text);
        use->law = co_law_find("constant");
        use->median = number;
        return CO_OK;
    }
    CO_TRY(co_config_named_map(section, node));
    snprintf(name, sizeof name, "%s.%s", section->section, key);
    const co_config opt = {.file = section->file, .section = name, .map = node};
    const co_node *law = co_node_find(node, "name");
    use->law = co_law_find(law->text);
    if (!use->law) {
        char text[600];
        snprintf(text, sizeof text, "%s", co_status_message());
        return co_config_fail(&opt, law, "%s", text);
    }
    const co_param *const tables[] = {own, use->law->params};
    CO_TRY(co_config_check(&opt, tables, 2));
    return read_options(&opt, needs_median, use);
}

double co_law_factor(const co_law_use *use, uint64_t seed, int64_t device, uint64_t which)
{
    co_stream s = co_stream_open(seed, CO_DRAW_CLOCK, 0, (uint64_t)device, which);
    return use->law->factor(use->option, &s);
}
