/* models/graph/lowering.c - what nodes of a graph may share, from what their layers state as facts
 * alone.
 *
 * A node that only renames floats passes its neighbour's on; one that works float by float writes
 * over its input where nobody reads that any more; one that can adds to a gradient that others gave
 * before it; a rectifier is left to what stands behind it where that does its work at once. Through
 * the nodes at the front that take parts a batch goes in parts, so that what one gives is still in
 * the second cache when the next takes it. A node whose values somebody else reads, or that is
 * tapped, keeps a buffer of its own. COHORT_LOWERING=off in the environment leaves all of it out;
 * no float changes. Cost: linear in nodes. */
#include "models/graph/graph.h"
#include <stdlib.h>
#include <string.h>

static co_status read_switch(bool *on)
{
    const char *word = getenv("COHORT_LOWERING");
    *on = !word || !*word || strcmp(word, "on") == 0;
    if (*on || strcmp(word, "off") == 0) return CO_OK;
    return CO_FAIL(CO_EUSAGE, "COHORT_LOWERING is %s; it can be on or off", word);
}

/* Who reads whom, and whose gradients are sums: of several readers the last node comes first in a
 * backward pass. */
static void count_uses(co_model *m)
{
    for (size_t l = 0; l < m->n_nodes; l++) m->node[l].n_uses = 0;
    for (size_t l = m->n_nodes; l-- > 1;)
        for (size_t s = 0; s < m->node[l].n_inputs; s++)
            m->node[l].adds[s] = m->node[m->node[l].input[s]].n_uses++ > 0;
}

static void find_wanted(co_model *m)
{
    for (size_t l = 1; l < m->n_nodes; l++) {
        co_vertex *v = &m->node[l];
        v->trained = v->frozen = v->tied = false;
        for (size_t t = 0; t < v->n_tensors; t++) {
            const co_tensor *tensor = &m->tensor[v->tensor[t]];
            v->frozen |= tensor->role == CO_FROZEN;
            v->trained |= tensor->role != CO_FROZEN;
            v->tied |= tensor->n_uses > 1;
        }
        v->at_once = v->facts.at_once && v->trained && !v->frozen && !v->tied;
        v->wanted = v->trained;
        for (size_t s = 0; s < v->n_inputs; s++) v->wanted |= m->node[v->input[s]].wanted;
    }
}

/* Nobody but its one reader needs the values of node u. */
static bool is_private(const co_vertex *u)
{
    return u->n_uses == 1 && !u->tapped;
}

/* Node l and the one before it are neighbours that nobody else touches. */
static bool may_pass_on(const co_model *m, const co_vertex *v)
{
    return v->n_inputs == 1 && !v->tapped && is_private(&m->node[v->input[0]]);
}

static void find_passing(co_model *m)
{
    for (size_t l = 1; l < m->n_nodes; l++) {
        co_vertex *v = &m->node[l], *u = &m->node[v->input[0]];
        v->low.passes_on = v->facts.alias && may_pass_on(m, v);
        if (v->facts.takes_unrectified && u->facts.rectifies && is_private(u) && may_pass_on(m, u))
            v->low.rectify = u->low.passes_on = true;
    }
}

/* Node v may write over the values and gradients of u, the node before it. One with tensors needs
 * its dy again in phase two, and a u that shares it would write dx there. */
static bool may_overwrite(const co_vertex *v, const co_vertex *u)
{
    return v->facts.in_place && !v->low.passes_on && u->facts.spares_output && !u->low.passes_on &&
           is_private(u) && (v->n_tensors == 0 || !u->low.in_place);
}

static void find_in_place(co_model *m)
{
    for (size_t l = 1; l < m->n_nodes; l++)
        m->node[l].low.in_place = may_overwrite(&m->node[l], &m->node[m->node[l].input[0]]);
    for (size_t l = 1; l < m->n_nodes; l++)
        m->node[l].low.adds_dx = m->node[l].facts.adds_dx && m->node[l].adds[0];
    for (size_t l = 1; l < m->n_nodes; l++)
        if (m->node[l].low.passes_on || m->node[l].low.in_place)
            m->node[m->node[l].input[0]].low.dy_of = l;
}

/* How far a batch goes in parts: from the front, one node behind the other, while they take parts
 * and share no tensor; not at all without weights. */
static void find_parts(co_model *m)
{
    enum { FLOATS = 131072 }; /* outputs of a part: half a MiB */
    size_t n = 1, floats = 0;
    bool has_weights = false;
    for (; n < m->n_nodes; n++) {
        const co_vertex *v = &m->node[n];
        if (!v->facts.in_parts || v->out.sequence || v->tied || v->n_inputs > 1 ||
            v->input[0] != n - 1)
            break;
        if (m->node[n - 1].n_uses > 1) break;
        has_weights |= v->n_tensors > 0;
        floats += v->floats;
    }
    m->n_parts = has_weights ? n : 0;
    m->part = floats > 0 && floats < FLOATS ? FLOATS / floats : 1;
}

static void find_brief(co_model *m)
{
    for (size_t l = 1; l < m->n_parts; l++) {
        co_vertex *v = &m->node[l];
        size_t next = l + 1;
        while (next < m->n_parts && m->node[next].low.passes_on) next++;
        if (v->low.passes_on)
            v->low.brief = m->node[l - 1].low.brief;
        else
            v->low.brief = next < m->n_parts && !v->tapped && v->facts.spares_output &&
                           m->node[next].facts.spares_input && !m->node[next].low.in_place;
    }
    for (size_t l = m->n_parts; l-- > 1;) /* what shares the buffer of the last one */
        m->node[l].low.whole_dy =
            l + 1 == m->n_parts || (m->node[l].low.dy_of == l + 1 && m->node[l + 1].low.whole_dy);
}

bool co_graph_keeps_parts(const co_model *m)
{
    if (m->n_parts <= 1 || !m->node[m->n_parts - 1].wanted) return false;
    for (size_t l = 1; l < m->n_parts; l++)
        if (m->node[l].trained && co_graph_clip_way(&m->node[l]) != CO_KEPT) return false;
    return true;
}

co_status co_lower(co_model *m)
{
    bool on;
    CO_TRY(read_switch(&on));
    for (size_t l = 0; l < m->n_nodes; l++) m->node[l].low = (co_lowered){0};
    m->n_parts = 0;
    count_uses(m);
    find_wanted(m);
    if (!on) return CO_OK;
    find_passing(m);
    find_in_place(m);
    find_parts(m);
    find_brief(m);
    return CO_OK;
}
