/* models/tasks/entities.h - entities of tagged texts, counted as conlleval and seqeval (default
 * mode) count them: B begins one; I begins one after O or after another type; an entity ends before
 * the next one begins, before O, and with its text. So IO tags (no B) need no rule of their own. An
 * entity is right when type, first and last token agree. All calls are Local. Source: Tjong Kim
 * Sang & De Meulder, CoNLL 2003, section 2.3. */
#pragma once
#include "models/tasks/labels.h"
#include <stdbool.h>
#include <stddef.h>

enum { CO_ENTITIES_RIGHT, CO_ENTITIES_PREDICTED, CO_ENTITIES_LABELLED, CO_ENTITY_COUNTS };

/* The walk over the tags of one text: the entity that is open. */
typedef struct {
    int32_t type; /* -1: none */
    bool begins,
        ends; /* at the tag just read: an entity begins with it; the one before has ended */
} co_entity_walk;

/* Two walks side by side: `matching` while both have an entity open that began together and has one
 * type. */
typedef struct {
    co_entity_walk label, guess;
    bool matching;
} co_entities;

/* Of a text that begins. */
static inline co_entities co_entities_begin(void)
{
    return (co_entities){.label.type = -1, .guess.type = -1};
}
/* Its next token: count[CO_ENTITY_COUNTS] += */
void co_entities_add(co_entities *e, const co_labels *labels, size_t label, size_t guess,
                     double *count);
void co_entities_end(co_entities *e, double *count);
/* part / whole; 0 where nothing is counted, NaN where there was no token. */
double co_entities_ratio(double part, double whole, double tokens);
/* Of all texts (micro); NaN without tokens. */
double co_entities_f1(const double *count, double tokens);
