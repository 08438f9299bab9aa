/* sim/stages/chain.c - creates, walks forward and back. */
#include "sim/stages/chain.h"
#include "core/memory.h"
#include "core/vector.h"
#include <math.h>
#include <string.h>

static size_t count_names(const char *const *name)
{
    size_t n = 0;
    while (name && name[n]) n++;
    return n;
}

void co_chain_add(co_chain *chain, const co_stage *stage, void *self)
{
    CO_ASSERT(chain->n < CO_MAX_STAGES);
    chain->link[chain->n++] = (co_link){stage, self, chain->n_slots, chain->n_counts};
    chain->n_slots += count_names(stage->slots);
    chain->n_counts += stage->n_counts;
}

co_status co_chain_create(co_chain *chain, const co_experiment *e)
{
    *chain = (co_chain){.seed = (uint64_t)e->seed};
    for (size_t k = 0; k < e->n_transforms; k++) {
        void *self = NULL;
        if (e->transform[k]->create)
            CO_TRY(e->transform[k]->create(&e->transform_options[k], &self));
        co_chain_add(chain, e->transform[k], self);
    }
    return CO_OK;
}

co_status co_chain_ready(co_chain *chain, const co_layout *layout, size_t cohort)
{
    chain->layout = layout;
    chain->cohort = cohort;
    chain->counts = co_calloc(chain->n_counts + 1, sizeof *chain->counts);
    return chain->counts ? CO_OK : CO_FAIL(CO_ENOMEM, "stages of an update");
}

void co_chain_destroy(co_chain *chain)
{
    for (size_t k = 0; k < chain->n; k++)
        if (chain->link[k].stage->destroy) chain->link[k].stage->destroy(chain->link[k].self);
    co_free(chain->counts);
    *chain = (co_chain){0};
}

static bool binds(const co_stage *stage, bool attacker)
{
    return stage->forward && (!attacker || stage->enforced);
}

bool co_chain_touches(const co_chain *chain, bool attacker)
{
    for (size_t k = 0; k < chain->n; k++)
        if (binds(chain->link[k].stage, attacker)) return true;
    return false;
}

bool co_chain_needs_rows(const co_chain *chain)
{
    for (size_t k = 0; k < chain->n; k++)
        if (chain->link[k].stage->rows) return true;
    return false;
}

bool co_chain_releases(const co_chain *chain)
{
    for (size_t k = 0; k < chain->n; k++)
        if (chain->link[k].stage->releases) return true;
    return false;
}

size_t co_chain_slots(const co_chain *chain, const char **name, size_t room)
{
    CO_ASSERT(chain->n_slots <= room);
    for (size_t k = 0; k < chain->n; k++) {
        const co_link *link = &chain->link[k];
        for (size_t s = 0; s < count_names(link->stage->slots); s++)
            name[link->first_slot + s] = link->stage->slots[s];
    }
    return chain->n_slots;
}

/* After a stage has changed an update: what does not travel counts as zero, whatever it did. */
static void measure(const co_chain *chain, co_contribution *c)
{
    const co_layout *l = chain->layout;
    for (int role = 0; l && role < 3; role++)
        for (const co_part *s = l->span[role];
             role != CO_SHARED && s < l->span[role] + l->n_spans[role]; s++)
            memset(c->update + s->at, 0, s->size * sizeof *c->update);
    c->norm = co_vector_norm(c->update, c->n);
}

bool co_chain_forward(co_chain *chain, int64_t step, int64_t device, co_contribution *c,
                      float *const *state)
{
    const co_stage_key key = {chain->seed, step, device, chain->cohort};
    const co_part all = {0, 0, c->n};
    c->part = chain->layout ? chain->layout->part : &all;
    c->n_parts = chain->layout ? chain->layout->n_parts : 1;
    memset(chain->counts, 0, (chain->n_counts + 1) * sizeof *chain->counts);
    for (size_t k = 0; k < chain->n; k++) {
        const co_link *link = &chain->link[k];
        if (!binds(link->stage, c->attacker)) continue;
        c->counts = chain->counts + link->first_count;
        link->stage->forward(link->self, &key, c, state ? state + link->first_slot : NULL);
        if (isnan(c->norm)) measure(chain, c);
        if (!isfinite(c->norm)) return false;
    }
    return true;
}

int64_t co_chain_bytes(const co_chain *chain, bool attacker, int64_t bytes)
{
    for (size_t k = 0; k < chain->n; k++) {
        const co_stage *stage = chain->link[k].stage;
        if (stage->bytes && binds(stage, attacker))
            bytes = stage->bytes(chain->link[k].self, bytes);
    }
    return bytes;
}

void co_chain_rows(const co_chain *chain, const co_stage_rows *rows)
{
    for (size_t k = 0; k < chain->n; k++)
        if (chain->link[k].stage->rows) chain->link[k].stage->rows(chain->link[k].self, rows);
}

void co_chain_backward(const co_chain *chain, int64_t step, co_round_sum *sum)
{
    const co_stage_key key = {chain->seed, step, -1, chain->cohort};
    for (size_t k = chain->n; k-- > 0;)
        if (chain->link[k].stage->backward)
            chain->link[k].stage->backward(chain->link[k].self, &key, sum);
}

co_status co_chain_end(co_chain *chain, int64_t step, const int64_t *counts, int64_t n_reported)
{
    const co_stage_key key = {chain->seed, step, -1, chain->cohort};
    for (size_t k = 0; k < chain->n; k++) {
        const co_link *link = &chain->link[k];
        if (link->stage->end)
            CO_TRY(link->stage->end(link->self, &key, counts + link->first_count, n_reported));
    }
    return CO_OK;
}
