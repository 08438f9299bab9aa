/* sim/stages/order.c - which stages may follow each other, from what they state of themselves. */
#include "sim/stages/chain.h"
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* CO_EUSAGE at the stage's place in the experiment, or at the section's. */
__attribute__((format(printf, 3, 4))) static co_status
refuse(const co_chain *chain, const co_link *link, const char *format, ...)
{
    char text[600];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return link->where && link->where->map
               ? co_config_fail(link->where, co_config_node(link->where, "name"), "%s", text)
               : CO_FAIL(CO_EUSAGE, "%s: %s", chain->section, text);
}

/* The sum of a step's integers keeps its value modulo 2^bits, where it is not meant to wrap. */
static co_status check_ring(const co_chain *chain, const co_link *link)
{
    const co_ring *ring = &chain->ring;
    CO_ASSERT(ring->bits > 0 && ring->bits <= CO_MAX_RING_BITS);
    if (ring->wraps || (double)chain->cohort * ring->bound < ldexp(1.0, ring->bits - 1))
        return CO_OK;
    return refuse(
        chain, link,
        "the integers of %s, up to %g from each of %zu devices, can pass the 2^%d "
        "that their sum has room for; ask fewer devices a round, or let a device send smaller ones "
        "(ring: fewer levels, or more bits)",
        link->stage->name, ring->bound, chain->cohort, ring->bits - 1);
}

/* Whether `stage` would undo what `before` has done to an update, whose bytes would then not be
 * those that travel; NULL: no. */
static const char *find_why(const co_stage *before, const co_stage *stage)
{
    const bool makes_integers = stage->gives == CO_INTEGERS && stage->takes == CO_FLOATS;
    return before->coded ? "has said how values are written, which would change behind it"
           : before->sparse && makes_integers && !before->same_places
               ? "leaves each device coordinates of its own, and integers are summed in all"
           : before->sparse && stage->sparse ? "has chosen which coordinates are sent"
           : before->sparse && !stage->keeps_zeros
               ? "leaves few coordinates, which would become many"
           : before->mixes && stage->mixes ? "mixes the same coordinates already"
           : before->mixes && stage->slots
               ? "mixes coordinates in another way in each step, and what it remembers would mean "
                 "nothing in the next"
           : before->mixes && stage->by_tensor
               ? "mixes coordinates, and the shapes of tensors mean nothing behind it"
               : NULL;
}

/* What attackers do, and the central bound, are no part of the message. */
static co_status check_undone(const co_chain *chain, size_t at)
{
    const co_link *link = &chain->link[at];
    const co_stage *stage = link->stage;
    const bool changes =
        stage->forward && stage->takes == CO_FLOATS && (link->where || stage->gives == CO_INTEGERS);
    for (size_t k = at; changes && k-- > 0;) {
        const co_link *before = &chain->link[k];
        const char *why = before->where ? find_why(before->stage, stage) : NULL;
        if (why)
            return refuse(
                chain, link->where ? link : before,
                "%s cannot stand behind %s, which %s; change their order, or leave one of "
                "the two out",
                stage->name, before->stage->name, why);
    }
    return CO_OK;
}

/* What closes makes up for the loss of those behind it, which the server has to have as it is. */
static co_status check_closing(const co_chain *chain, size_t at)
{
    const co_stage *stage = chain->link[at].stage;
    if (!stage->close || at >= chain->close_at) return CO_OK;
    if (chain->ring.bits)
        return refuse(chain, &chain->link[at],
                      "%s has to know what the server has of an update by itself; of integers "
                      "modulo 2^%d there is the sum alone: leave one of the two out",
                      stage->name, chain->ring.bits);
    for (size_t k = at + 1; k < chain->close_at; k++)
        if (chain->link[k].stage->guarantee)
            return refuse(chain, &chain->link[at],
                          "the noise of %s behind %s would count as lost and be sent once more; "
                          "leave one of the two out",
                          chain->link[k].stage->name, stage->name);
    for (size_t k = at + 1; k < chain->close_at; k++)
        if (chain->link[k].stage->message) return CO_OK;
    return refuse(chain, &chain->link[at],
                  "nothing behind %s makes an update smaller, whose loss it could make up "
                  "for; put it in front of a stage that does, or leave it out",
                  stage->name);
}

/* From floats to integers, once. *maker: of the integers; NULL: not yet. */
static co_status check_domain(co_chain *chain, const co_link *link, const co_link **maker)
{
    const co_stage *stage = link->stage;
    if (*maker && stage->takes != CO_INTEGERS)
        return refuse(chain, link->where ? link : *maker,
                      "%s works on numbers, and %s in front of it makes integers modulo 2^%d "
                      "of them; leave one of the two out, or put %s last",
                      stage->name, (*maker)->stage->name, chain->ring.bits, (*maker)->stage->name);
    if (!*maker && stage->takes == CO_INTEGERS)
        return refuse(chain, link, "%s works on integers, and nothing in front of it makes any",
                      stage->name);
    if (*maker || stage->gives != CO_INTEGERS) return CO_OK;
    *maker = link;
    chain->ring = stage->ring(link->self, chain->cohort);
    return check_ring(chain, link);
}

co_status co_chain_check_order(co_chain *chain)
{
    const co_link *maker = NULL;
    for (size_t k = 0; k < chain->n; k++) {
        CO_TRY(check_domain(chain, &chain->link[k], &maker));
        CO_TRY(check_undone(chain, k));
    }
    for (size_t k = 0; k < chain->n; k++) {
        const co_stage *stage = chain->link[k].stage;
        if (maker && stage->rows)
            return refuse(chain, maker,
                          "%s reads the updates of all devices; of the integers that %s makes "
                          "there is the sum alone: leave one of the two out",
                          stage->name, maker->stage->name);
        CO_TRY(check_closing(chain, k));
    }
    return CO_OK;
}
