/* io/readers/tags.h - tags of words, collected while texts are read: O, and for each type of entity
 * B- and I-. Local. */
#pragma once
#include "io/readers/members.h"
#include <stdbool.h>
#include <stddef.h>

typedef enum {
    CO_TAGS_BIO,  /* O, then for each type in byte order B- and I- */
    CO_TAGS_IO,   /* O, then I- alone; B- is read as I- */
    CO_TAGS_PLAIN /* the types as they stand, in byte order */
} co_tag_scheme;

typedef struct {
    co_members types;
    int32_t *tag; /* [n] -1: outside; 2 type: begins; 2 type + 1: inside */
    size_t n, room;
} co_tags;

/* One more word. type NULL: outside. CO_ENOMEM. */
co_status co_tags_add(co_tags *tags, const char *type, bool begins);
/* The words' classes, and the names of the classes, as new blocks. CO_ENOMEM. */
co_status co_tags_give(co_tags *tags, co_tag_scheme scheme, int32_t **y, char ***names,
                       size_t *n_names);
void co_tags_fini(co_tags *tags); /* zeroed allowed */
