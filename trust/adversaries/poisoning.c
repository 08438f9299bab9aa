/* trust/adversaries/poisoning.c - tampering alone, or colluding: all attackers of a step send what
 * they make of the honest updates; without any of those, what they have. */
#include "trust/adversaries/poisoning.h"
#include <math.h>
#include <string.h>

static void forward(void *self, const co_stage_key *key, co_contribution *c, float *const *state)
{
    const co_poisoning *p = self;
    (void)state;
    if (!c->attacker) return;
    const co_stream stream =
        co_stream_open(key->seed, CO_DRAW_ATTACK, (uint64_t)key->step, (uint64_t)key->device, 0);
    p->attack->tamper(p->options, &stream, c->update, c->n);
    c->norm = NAN;
}

static void rows(void *self, const co_stage_rows *all)
{
    const co_poisoning *p = self;
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
            p->attack->collude(p->options, &honest, all->n_rows - n_honest, first = all->row[i]);
    }
}

const co_stage *co_poisoning_stage(const co_attack *attack)
{
    static const co_stage tampers = {.name = "poisoning",
                                     .summary = "attackers change their updates",
                                     .forward = forward,
                                     .enforced = true},
                          colludes = {.name = "poisoning",
                                      .summary = "attackers send one vector",
                                      .rows = rows,
                                      .enforced = true};
    return attack->collude ? &colludes : attack->tamper ? &tampers : NULL;
}
