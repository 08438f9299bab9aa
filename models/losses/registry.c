/* models/losses/registry.c - finds losses by name, and the one that a model is trained with. */
#include "models/losses/loss.h"
#include <stdio.h>
#include <string.h>

#define X(name) extern const co_loss co_loss_##name;
#include "models/losses/list.h"
#undef X

static const co_plugin *const members[] = {
#define X(name) (const co_plugin *)&co_loss_##name,
#include "models/losses/list.h"
#undef X
    NULL};

const co_kind co_kind_loss = {"loss", "how far outputs are from their targets", members};

const co_loss *co_loss_find(const char *name)
{
    return (const co_loss *)co_plugin_find(&co_kind_loss, name);
}

static co_status refuse(const co_config *opt, const char *name, const char *task,
                        const char *const *known)
{
    char names[160] = "";
    for (size_t k = 0; known[k]; k++)
        snprintf(names + strlen(names), sizeof names - strlen(names), "%s%s", k ? " or " : "",
                 known[k]);
    return co_config_fail(opt, co_config_node(opt, "loss"),
                          "the task %s is trained with %s, not %s", task, names, name);
}

co_status co_criterion_init(co_criterion *c, const co_config *opt, const char *task,
                            const char *const *known)
{
    const char *name = co_config_has(opt, "loss") ? co_config_string(opt, "loss") : known[0];
    size_t k = 0;
    *c = (co_criterion){.loss = co_loss_find(name)};
    if (!c->loss) return co_fail_in(CO_EUSAGE, "%s: %s.loss", opt->file, opt->section);
    while (known[k] && strcmp(known[k], name) != 0) k++;
    if (!known[k]) return refuse(opt, name, task, known);
    return c->loss->create ? c->loss->create(opt, &c->self) : CO_OK;
}

void co_criterion_fini(co_criterion *c)
{
    if (c->loss && c->loss->destroy) c->loss->destroy(c->self);
    *c = (co_criterion){0};
}
