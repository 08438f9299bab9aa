/* tests/kinds/options.h - checked options of a member from one line of YAML, closed-form vectors.
 */
#pragma once
#include "core/memory.h"
#include "io/yaml.h"
#include "tests/models/build.h"

/* The root must be destroyed. Fails the test when the options are refused. */
static inline co_config test_options(const char *yaml, const char *section,
                                     const co_param *const *tables, size_t n_tables, co_node **root)
{
    *root = NULL;
    cr_assert_eq(co_yaml_read_text(yaml, "test.yaml", root), CO_OK, "%s", co_status_message());
    const co_config opt = {.file = "test.yaml", .section = section, .map = *root};
    cr_assert_eq(co_config_check(&opt, tables, n_tables), CO_OK, "%s", co_status_message());
    return opt;
}

/* Every option of a member, for `cohort list`, has a text; no key stands twice or among `taken`. */
static inline void test_option_texts(const co_plugin *member, const co_param *taken)
{
    cr_expect(member->name && *member->name && member->summary && *member->summary);
    for (const co_param *p = member->params; p && p->key; p++) {
        cr_expect(p->doc && *p->doc, "%s.%s", member->name, p->key);
        for (const co_param *q = p + 1; q->key; q++)
            cr_expect(strcmp(p->key, q->key) != 0, "%s.%s twice", member->name, p->key);
        for (const co_param *q = taken; q && q->key; q++)
            cr_expect(strcmp(p->key, q->key) != 0, "%s.%s is the section's own", member->name,
                      p->key);
    }
}
