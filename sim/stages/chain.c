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
    chain->link[chain->n++] =
        (co_link){stage, self, chain->n_slots, chain->n_counts, chain->n_server_slots};
    chain->n_slots += count_names(stage->slots);
    chain->n_counts += stage->n_counts;
    chain->n_server_slots += count_names(stage->server_slots);
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
    chain->n_transforms = chain->n;
    return CO_OK;
}

/* The sum of a step's integers keeps its value modulo 2^bits, where it is not meant to wrap. */
static co_status check_ring(const co_link *link, const co_ring *ring, size_t cohort)
{
    CO_ASSERT(ring->bits > 0 && ring->bits <= CO_MAX_RING_BITS);
    if (ring->wraps || (double)cohort * ring->bound < ldexp(1.0, ring->bits - 1)) return CO_OK;
    return CO_FAIL(CO_EUSAGE,
                   "transforms: the integers of %s, up to %g from each of %zu devices, can pass "
                   "the 2^%d that their sum has room for; ask fewer devices a round",
                   link->stage->name, ring->bound, cohort, ring->bits - 1);
}

static co_status check_order(co_chain *chain)
{
    const co_link *maker = NULL; /* of the integers */
    for (const co_link *link = chain->link; link < chain->link + chain->n; link++) {
        const co_stage *stage = link->stage;
        if (maker && (stage->takes != CO_INTEGERS || stage->rows))
            return CO_FAIL(CO_EUSAGE,
                           "transforms: %s works on numbers, and %s in front of it makes integers "
                           "modulo 2^%d of them; leave one of the two out, or put %s last",
                           stage->name, maker->stage->name, chain->ring.bits, maker->stage->name);
        if (!maker && stage->takes == CO_INTEGERS)
            return CO_FAIL(CO_EUSAGE,
                           "transforms: %s works on integers, and nothing in front of it makes any",
                           stage->name);
        if (maker || stage->gives != CO_INTEGERS) continue;
        maker = link;
        chain->ring = stage->ring(link->self, chain->cohort);
        CO_TRY(check_ring(link, &chain->ring, chain->cohort));
    }
    return CO_OK;
}

co_status co_chain_ready(co_chain *chain, const co_stage_site *site)
{
    const co_layout *layout = site->layout;
    chain->layout = layout;
    chain->cohort = site->cohort;
    for (size_t k = 0; k < chain->n; k++)
        if (chain->link[k].stage->ready)
            CO_TRY(chain->link[k].stage->ready(chain->link[k].self, site));
    CO_TRY(check_order(chain));
    chain->counts = co_calloc(chain->n_counts + 1, sizeof *chain->counts);
    chain->residue = co_malloc(chain->ring.bits && layout ? layout->n : 0, sizeof *chain->residue);
    return chain->counts && chain->residue ? CO_OK : CO_FAIL(CO_ENOMEM, "stages of an update");
}

void co_chain_destroy(co_chain *chain)
{
    for (size_t k = 0; k < chain->n; k++)
        if (chain->link[k].stage->destroy) chain->link[k].stage->destroy(chain->link[k].self);
    co_free(chain->counts);
    co_free(chain->residue);
    *chain = (co_chain){0};
}

static bool binds(const co_stage *stage, bool attacker)
{
    return stage->forward && (!attacker || stage->enforced || stage->gives == CO_INTEGERS);
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

size_t co_chain_server_slots(const co_chain *chain, const char **name, size_t room)
{
    CO_ASSERT(chain->n_server_slots <= room);
    for (size_t k = 0; k < chain->n; k++) {
        const co_link *link = &chain->link[k];
        for (size_t s = 0; s < count_names(link->stage->server_slots); s++)
            name[link->first_server_slot + s] = link->stage->server_slots[s];
    }
    return chain->n_server_slots;
}

/* What does not travel counts as zero, whatever a stage did to it. */
static void clear_unsent(const co_layout *l, void *values, size_t bytes)
{
    for (int role = 0; l && role < 3; role++)
        for (size_t k = 0; role != CO_SHARED && k < l->n_spans[role]; k++)
            memset((char *)values + l->span[role][k].at * bytes, 0, l->span[role][k].size * bytes);
}

/* Behind the last transform. */
static void close_transforms(co_chain *chain, const co_stage_key *key, co_contribution *c,
                             float *const *state)
{
    for (size_t k = chain->n_transforms; k-- > 0;) {
        const co_link *link = &chain->link[k];
        if (!link->stage->close || !binds(link->stage, c->attacker)) continue;
        c->counts = chain->counts + link->first_count;
        link->stage->close(link->self, key, c, state ? state + link->first_slot : NULL);
    }
}

/* One stage on a device's update. False when the update is not finite behind it. */
static bool pass(co_chain *chain, const co_link *link, const co_stage_key *key, co_contribution *c,
                 float *const *state)
{
    c->counts = chain->counts + link->first_count;
    link->stage->forward(link->self, key, c, state ? state + link->first_slot : NULL);
    if (link->stage->gives == CO_INTEGERS) {
        clear_unsent(chain->layout, c->residue, sizeof *c->residue);
    } else if (isnan(c->norm)) {
        clear_unsent(chain->layout, c->update, sizeof *c->update);
        c->norm = co_vector_norm(c->update, c->n);
    }
    return isfinite(c->norm);
}

bool co_chain_forward(co_chain *chain, int64_t step, int64_t device, co_contribution *c,
                      float *const *state)
{
    const co_stage_key key = {chain->seed, step, device, chain->cohort, chain->noise};
    const co_part all = {0, 0, c->n};
    c->part = chain->layout ? chain->layout->part : &all;
    c->n_parts = chain->layout ? chain->layout->n_parts : 1;
    c->residue = chain->ring.bits ? chain->residue : NULL;
    c->coded_bits = NAN;
    memset(chain->counts, 0, (chain->n_counts + 1) * sizeof *chain->counts);
    for (size_t k = 0; k < chain->n; k++) {
        if (k == chain->n_transforms) close_transforms(chain, &key, c, state);
        if (binds(chain->link[k].stage, c->attacker) &&
            !pass(chain, &chain->link[k], &key, c, state))
            return false;
    }
    if (chain->n == chain->n_transforms) close_transforms(chain, &key, c, state);
    return true;
}

int64_t co_chain_bytes(const co_chain *chain, bool attacker, int64_t n_values)
{
    co_message message = {n_values, 32.0, 0};
    for (size_t k = 0; k < chain->n; k++) {
        const co_stage *stage = chain->link[k].stage;
        if (stage->message && binds(stage, attacker)) stage->message(chain->link[k].self, &message);
    }
    return co_message_bytes(&message);
}

void co_chain_rows(const co_chain *chain, const co_stage_rows *rows)
{
    for (size_t k = 0; k < chain->n; k++)
        if (chain->link[k].stage->rows) chain->link[k].stage->rows(chain->link[k].self, rows);
}

void co_chain_backward(const co_chain *chain, int64_t step, float *const *slot, co_round_sum *sum)
{
    const co_stage_key key = {chain->seed, step, -1, chain->cohort, chain->noise};
    float *const *rules = sum->slot;
    for (size_t k = chain->n; k-- > 0 && !sum->failed;) {
        const co_link *link = &chain->link[k];
        sum->slot = slot ? slot + link->first_server_slot : NULL;
        if (link->stage->backward) link->stage->backward(link->self, &key, sum);
    }
    sum->slot = rules;
}

co_status co_chain_end(co_chain *chain, int64_t step, const co_stage_end *end)
{
    const co_stage_key key = {chain->seed, step, -1, chain->cohort, chain->noise};
    for (size_t k = 0; k < chain->n; k++) {
        const co_link *link = &chain->link[k];
        co_stage_end own = *end;
        own.counts += link->first_count;
        if (link->stage->end) CO_TRY(link->stage->end(link->self, &key, &own));
    }
    return CO_OK;
}
