/* trust/adversaries/poisoning.c - tampering alone, or colluding: all attackers of a step send what
 * they make of the honest updates; without any of those, what they have. */
#include "trust/adversaries/poisoning.h"
#include "core/memory.h"
#include <math.h>
#include <string.h>

typedef struct {
    const co_attack *attack;
    void *self;
} poisoning;

static void destroy(void *self)
{
    poisoning *p = self;
    if (p && p->attack->destroy) p->attack->destroy(p->self);
    co_free(p);
}

static void forward(void *self, const co_stage_key *key, co_contribution *c, float *const *state)
{
    const poisoning *p = self;
    (void)state;
    if (!c->attacker) return;
    const co_stream stream =
        co_stream_open(key->seed, CO_DRAW_ATTACK, (uint64_t)key->step, (uint64_t)key->device, 0);
    for (const co_part *at = c->part; at < c->part + c->n_parts; at++)
        p->attack->tamper(p->self, &stream, at->offset, c->update + at->at, at->size);
    c->norm = NAN;
}

static void rows(void *self, const co_stage_rows *all)
{
    const poisoning *p = self;
    float *first = NULL;
    size_t n_honest = 0;
    for (size_t i = 0; i < all->n_rows; i++)
        if (!all->attacker[i]) all->scratch[n_honest++] = all->row[i];
    const co_updates honest = {.n_rows = n_honest, .n = all->n, .row = all->scratch};
    for (size_t i = 0; n_honest > 0 && i < all->n_rows; i++) {
        if (!all->attacker[i]) continue;
        if (first)
            memcpy(all->row[i], first, all->n * sizeof *first);
        else
            p->attack->collude(p->self, &honest, all->n_rows - n_honest, first = all->row[i]);
    }
}

co_status co_poisoning_create(const co_attack *attack, const co_config *opt, const co_stage **stage,
                              void **self)
{
    static const co_stage tampers = {.name = "poisoning",
                                     .summary = "attackers change their updates",
                                     .destroy = destroy,
                                     .forward = forward,
                                     .enforced = true},
                          colludes = {.name = "poisoning",
                                      .summary = "attackers send one vector",
                                      .destroy = destroy,
                                      .rows = rows,
                                      .enforced = true};
    *stage = attack->collude ? &colludes : attack->tamper ? &tampers : NULL;
    if (!*stage) return CO_OK;
    poisoning *p = co_calloc(1, sizeof *p);
    if (!p) return CO_FAIL(CO_ENOMEM, "attackers");
    p->attack = attack;
    const co_status st = attack->create ? attack->create(opt, &p->self) : CO_OK;
    if (st != CO_OK) co_free(p);
    *self = st == CO_OK ? p : NULL;
    return st;
}
