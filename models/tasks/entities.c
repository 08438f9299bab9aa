/* models/tasks/entities.c - two walks over the tags of a text, one of labels, one of guesses. */
#include "models/tasks/entities.h"
#include <math.h>

static void read_tag(co_entity_walk *w, const co_labels *labels, size_t tag)
{
    const char mark = labels->mark[tag];
    const int32_t type = labels->type[tag];
    w->begins = mark == 'B' || (mark == 'I' && type != w->type);
    w->ends = w->type >= 0 && (mark == 'O' || w->begins);
    w->type = type;
}

static void close_match(co_entities *e, double *count)
{
    if (e->matching && e->label.ends && e->guess.ends) count[CO_ENTITIES_RIGHT] += 1.0;
    if (e->label.ends || e->guess.ends) e->matching = false;
}

void co_entities_add(co_entities *e, const co_labels *labels, size_t label, size_t guess,
                     double *count)
{
    read_tag(&e->label, labels, label);
    read_tag(&e->guess, labels, guess);
    close_match(e, count);
    count[CO_ENTITIES_LABELLED] += e->label.begins ? 1.0 : 0.0;
    count[CO_ENTITIES_PREDICTED] += e->guess.begins ? 1.0 : 0.0;
    if (e->label.begins && e->guess.begins) e->matching = e->label.type == e->guess.type;
}

void co_entities_end(co_entities *e, double *count)
{
    e->label.ends = e->label.type >= 0;
    e->guess.ends = e->guess.type >= 0;
    close_match(e, count);
}

double co_entities_ratio(double part, double whole, double tokens)
{
    if (tokens == 0.0) return (double)NAN;
    return whole > 0.0 ? part / whole : 0.0;
}

double co_entities_f1(const double *count, double tokens)
{
    return co_entities_ratio(2.0 * count[CO_ENTITIES_RIGHT],
                             count[CO_ENTITIES_PREDICTED] + count[CO_ENTITIES_LABELLED], tokens);
}
