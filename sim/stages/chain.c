/* sim/stages/chain.c - creates, walks forward and back. */
#include "sim/stages/chain.h"
#include "core/memory.h"
#include "core/vector.h"
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static size_t count_names(const char *const *name)
{
    size_t n = 0;
    while (name && name[n]) n++;
    return n;
}

static void insert(co_chain *chain, size_t at, const co_stage *stage, void *self)
{
    CO_ASSERT(chain->n < CO_MAX_STAGES);
    for (size_t k = chain->n; k > at; k--) chain->link[k] = chain->link[k - 1];
    chain->link[at] = (co_link){stage,
                                self,
                                chain->n_slots,
                                chain->n_counts,
                                chain->n_server_slots,
                                !stage->serves || stage->serves(self),
                                NULL};
    chain->n++;
    chain->n_slots += count_names(stage->slots);
    chain->n_counts += stage->n_counts;
    chain->n_server_slots += chain->link[at].serves ? count_names(stage->server_slots) : 0;
}

void co_chain_add(co_chain *chain, const co_stage *stage, void *self)
{
    insert(chain, chain->n, stage, self);
}

void co_chain_attack(co_chain *chain, const co_stage *stage, void *self)
{
    size_t at = 0;
    while (at < chain->n && chain->link[at].stage->gives == CO_FLOATS) at++;
    insert(chain, at, stage, self);
    chain->close_at = at;
}

static co_status add_list(co_chain *chain, size_t n, const co_stage *const *stage,
                          const co_config *options)
{
    for (size_t k = 0; k < n; k++) {
        void *self = NULL;
        if (stage[k]->create) CO_TRY(stage[k]->create(&options[k], &self));
        co_chain_add(chain, stage[k], self);
        chain->link[k].where = &options[k];
    }
    chain->close_at = chain->n;
    return CO_OK;
}

co_status co_chain_create(co_chain *chain, const co_experiment *e)
{
    *chain = (co_chain){.section = "transforms", .seed = (uint64_t)e->seed};
    return add_list(chain, e->n_transforms, e->transform, e->transform_options);
}

co_status co_chain_create_downlink(co_chain *chain, const co_experiment *e)
{
    *chain = (co_chain){.section = "downlink", .seed = (uint64_t)e->seed};
    return add_list(chain, e->n_downlink, e->downlink, e->downlink_options);
}

/* Whether a stage that closes stands in front of one whose work the server undoes. */
static bool needs_decoding(const co_chain *chain)
{
    bool closes = false;
    for (size_t k = 0; k < chain->close_at; k++) {
        const co_link *link = &chain->link[k];
        if (closes && !link->stage->close && link->stage->backward && link->serves) return true;
        closes |= link->stage->close != NULL;
    }
    return false;
}

/* What a stage refuses gets its place in the experiment. */
static co_status ready_link(const co_link *link, const co_stage_site *site)
{
    const co_status st = link->stage->ready(link->self, site);
    const co_node *item = link->where ? link->where->map : NULL;
    if (st != CO_EUSAGE || !item) return st;
    return item->line > 0 ? co_fail_in(st, "%s:%d", link->where->file, item->line)
                          : co_fail_in(st, "command line");
}

co_status co_chain_ready(co_chain *chain, const co_stage_site *site)
{
    const co_layout *layout = site->layout;
    if (!chain->section) chain->section = "transforms";
    chain->layout = layout;
    chain->cohort = site->cohort;
    for (size_t k = 0; k < chain->n; k++)
        if (chain->link[k].stage->ready) CO_TRY(ready_link(&chain->link[k], site));
    CO_TRY(co_chain_check_order(chain));
    const size_t n_decoded = needs_decoding(chain) && layout ? layout->n : 0;
    if (n_decoded) {
        chain->decoded = co_malloc(n_decoded, sizeof *chain->decoded);
        chain->number = co_malloc(n_decoded, sizeof *chain->number);
        if (!chain->decoded || !chain->number) return CO_FAIL(CO_ENOMEM, "stages of an update");
    }
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
    co_free(chain->decoded);
    co_free(chain->number);
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
        for (size_t s = 0; link->serves && s < count_names(link->stage->server_slots); s++)
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

/* What the server makes of the update when it comes by itself: backward through a link. */
static void decode(co_chain *chain, const co_link *link, const co_stage_key *key,
                   co_contribution *c)
{
    const co_stage_key server = {key->seed, key->step, -1, key->cohort};
    co_round_sum sum = {.n = c->n,
                        .part = c->part,
                        .n_parts = c->n_parts,
                        .value = chain->number,
                        .is_value = true,
                        .total = 1.0,
                        .terms = 1.0,
                        .coverage = 1.0,
                        .n_reported = 1};
    for (size_t j = 0; j < c->n; j++) chain->number[j] = (double)c->update[j];
    link->stage->backward(link->self, &server, &sum);
    for (size_t j = 0; j < c->n; j++) chain->decoded[j] = (float)chain->number[j];
    c->update = chain->decoded;
}

/* Behind the last transform. */
static void close_transforms(co_chain *chain, const co_stage_key *key, co_contribution *c,
                             float *const *state)
{
    float *const sent = c->update;
    for (size_t k = chain->close_at; k-- > 0;) {
        const co_link *link = &chain->link[k];
        if (!binds(link->stage, c->attacker)) continue;
        c->counts = chain->counts + link->first_count;
        if (link->stage->close)
            link->stage->close(link->self, key, c, state ? state + link->first_slot : NULL);
        else if (chain->decoded && link->stage->backward && link->serves)
            decode(chain, link, key, c);
    }
    c->update = sent;
}

/* One stage on a device's update. False when the update is not finite behind it. */
static bool pass(co_chain *chain, const co_link *link, const co_stage_key *key, co_contribution *c,
                 float *const *state)
{
    c->counts = chain->counts + link->first_count;
    link->stage->forward(link->self, key, c, state ? state + link->first_slot : NULL);
    if (link->stage->gives == CO_INTEGERS && !c->words) {
        clear_unsent(chain->layout, c->residue, sizeof *c->residue);
    } else if (link->stage->gives == CO_FLOATS && isnan(c->norm)) {
        clear_unsent(chain->layout, c->update, sizeof *c->update);
        c->norm = co_vector_norm(c->update, c->n);
    }
    return isfinite(c->norm);
}

/* Whether a stage adds, and nothing behind it has to do with its integers. */
static bool can_add(const co_chain *chain)
{
    for (size_t k = chain->n; k-- > 0;) {
        const co_link *link = &chain->link[k];
        if (link->stage->adds) return true;
        if (link->stage->forward && (!link->stage->changes || link->stage->changes(link->self)))
            return false;
    }
    return false;
}

bool co_chain_forward(co_chain *chain, int64_t step, int64_t device, co_contribution *c,
                      float *const *state)
{
    const co_stage_key key = {chain->seed, step, device, chain->cohort, chain->noise};
    const co_part all = {0, 0, c->n};
    if (!c->part) {
        c->part = chain->layout ? chain->layout->part : &all;
        c->n_parts = chain->layout ? chain->layout->n_parts : 1;
    }
    c->residue = chain->ring.bits ? chain->residue : NULL;
    if (!can_add(chain)) c->words = NULL;
    c->coded_bits = NAN;
    c->n_values = (int64_t)(chain->layout ? chain->layout->n_shared : c->n);
    memset(chain->counts, 0, (chain->n_counts + 1) * sizeof *chain->counts);
    for (size_t k = 0; k < chain->n; k++) {
        if (k == chain->close_at) close_transforms(chain, &key, c, state);
        if (binds(chain->link[k].stage, c->attacker) &&
            !pass(chain, &chain->link[k], &key, c, state))
            return false;
    }
    if (chain->n == chain->close_at) close_transforms(chain, &key, c, state);
    return true;
}

int64_t co_chain_cut(const co_chain *chain, const int64_t *counts)
{
    int64_t cut = 0;
    for (size_t k = 0; k < chain->n; k++)
        if (chain->link[k].stage->counts_cut) cut += counts[chain->link[k].first_count];
    return cut;
}

co_message co_chain_message(const co_chain *chain, bool attacker, int64_t n_values)
{
    co_message message = {n_values, 32.0, 0};
    for (size_t k = 0; k < chain->n; k++) {
        const co_stage *stage = chain->link[k].stage;
        if (stage->message && binds(stage, attacker)) stage->message(chain->link[k].self, &message);
    }
    return message;
}

int64_t co_chain_bytes(const co_chain *chain, bool attacker, int64_t n_values)
{
    const co_message message = co_chain_message(chain, attacker, n_values);
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
        if (link->stage->backward && link->serves) link->stage->backward(link->self, &key, sum);
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
