/* io/readers/tags.c - types of entities in byte order, and tags numbered by them. */
#include "io/readers/tags.h"
#include "core/memory.h"
#include "core/text.h"
#include <string.h>

co_status co_tags_add(co_tags *tags, const char *type, bool begins)
{
    int32_t number = -1;
    if (co_reserve((void **)&tags->tag, &tags->room, tags->n + 1, sizeof *tags->tag))
        return CO_FAIL(CO_ENOMEM, "out of memory after %zu words", tags->n);
    if (type) CO_TRY(co_members_number(&tags->types, type, &number));
    tags->tag[tags->n++] = type ? 2 * number + !begins : -1;
    return CO_OK;
}

void co_tags_fini(co_tags *tags)
{
    co_members_fini(&tags->types);
    co_free(tags->tag);
    *tags = (co_tags){0};
}

/* Types in byte order: rank[type]. */
static int32_t *rank_types(const co_members *types)
{
    int32_t *rank = co_calloc(types->n + 1, sizeof *rank);
    for (size_t i = 0; rank && i < types->n; i++)
        for (size_t j = 0; j < types->n; j++) rank[i] += strcmp(types->name[j], types->name[i]) < 0;
    return rank;
}

static co_status name_classes(const co_tags *tags, co_tag_scheme scheme, const int32_t *rank,
                              char ***names, size_t *n_names)
{
    const size_t per = scheme == CO_TAGS_BIO ? 2 : 1, outside = scheme != CO_TAGS_PLAIN;
    const size_t n = *n_names = outside + per * tags->types.n;
    char **all = *names = co_calloc(n, sizeof *all);
    if (!all) return CO_FAIL(CO_ENOMEM, "names of %zu tags", n);
    bool good = !outside || (all[0] = co_strdup("O"));
    for (size_t t = 0; t < tags->types.n; t++) {
        const char *type = tags->types.name[t];
        char **name = all + outside + per * (size_t)rank[t];
        if (scheme == CO_TAGS_BIO) good = (*name++ = co_format("B-%s", type)) && good;
        good =
            (*name = scheme == CO_TAGS_PLAIN ? co_strdup(type) : co_format("I-%s", type)) && good;
    }
    return good ? CO_OK : CO_FAIL(CO_ENOMEM, "names of %zu tags", n);
}

static int32_t class_of(co_tag_scheme scheme, const int32_t *rank, int32_t tag)
{
    if (tag < 0) return 0;
    if (scheme == CO_TAGS_PLAIN) return rank[tag / 2];
    return scheme == CO_TAGS_IO ? 1 + rank[tag / 2] : 1 + 2 * rank[tag / 2] + tag % 2;
}

co_status co_tags_give(co_tags *tags, co_tag_scheme scheme, int32_t **y, char ***names,
                       size_t *n_names)
{
    int32_t *rank = rank_types(&tags->types);
    const co_status st = rank ? name_classes(tags, scheme, rank, names, n_names)
                              : CO_FAIL(CO_ENOMEM, "types of tags");
    for (size_t i = 0; st == CO_OK && i < tags->n; i++)
        tags->tag[i] = class_of(scheme, rank, tags->tag[i]);
    co_free(rank);
    *y = tags->tag;
    tags->tag = NULL;
    return st;
}
