/* sim/work/decay.c - patterns of local.no_decay against the names of tensors (fnmatch). What is
 * frozen belongs to the span before it: it stays as it is either way. Cost: linear in tensors times
 * patterns. */
#include "sim/work/decay.h"
#include "core/memory.h"
#include <fnmatch.h>
#include <string.h>

static bool names(const co_node *pattern, const co_tensor *tensor)
{
    return pattern->kind == CO_NODE_SCALAR && fnmatch(pattern->text, tensor->name, 0) == 0;
}

/* A resolved experiment holds them as if they had been written. */
static bool is_standard(const co_node *pattern)
{
    const char *const *p = co_no_decay_patterns;
    while (*p && (pattern->kind != CO_NODE_SCALAR || strcmp(pattern->text, *p) != 0)) p++;
    return *p != NULL;
}

static co_status check(const co_experiment *e, const co_node *list, const co_tensor *tensor,
                       size_t n_tensors)
{
    for (const co_node *p = list->first; p; p = p->next) {
        size_t n = is_standard(p);
        for (size_t t = 0; t < n_tensors; t++) n += names(p, &tensor[t]);
        if (n == 0)
            return co_config_fail(&e->local, p,
                                  "no_decay: no tensor is called %s; the model has %s .. %s",
                                  p->kind == CO_NODE_SCALAR ? p->text : "so", tensor[0].name,
                                  tensor[n_tensors - 1].name);
    }
    return CO_OK;
}

/* The tensor from `at` on; a neighbour of its kind takes it in. */
static void add(co_decay *d, size_t at, bool decays)
{
    if (d->n > 0 && d->span[d->n - 1].decays == decays) return;
    if (d->n > 0) d->span[d->n - 1].size = at - d->span[d->n - 1].at;
    d->span[d->n] = (co_decay_span){.at = d->n > 0 ? at : 0, .decays = decays};
    d->n++;
}

co_status co_decay_init(const co_experiment *e, const co_model *model, co_decay *decay)
{
    const co_node *list = co_config_node(&e->local, "no_decay");
    const co_layout *layout = co_model_layout(model);
    size_t n_tensors;
    const co_tensor *tensor = co_model_tensors(model, &n_tensors);
    *decay = (co_decay){0};
    if (!list || !list->first) return CO_OK;
    CO_TRY(check(e, list, tensor, n_tensors));
    decay->span = co_malloc(n_tensors, sizeof *decay->span);
    if (!decay->span) return CO_FAIL(CO_ENOMEM, "spans of %zu tensors", n_tensors);
    for (size_t t = 0; t < n_tensors; t++) {
        bool named = false;
        if (tensor[t].role == CO_FROZEN) continue;
        for (const co_node *p = list->first; p; p = p->next) named |= names(p, &tensor[t]);
        add(decay, co_layout_place(layout, tensor[t].offset), !named);
    }
    if (decay->n > 0) decay->span[decay->n - 1].size = layout->n - decay->span[decay->n - 1].at;
    return CO_OK;
}

void co_decay_fini(co_decay *decay)
{
    co_free(decay->span);
    *decay = (co_decay){0};
}
