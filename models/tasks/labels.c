/* models/tasks/labels.c - reads the names of labels once, so that losses and metrics need no
 * strings. */
#include "models/tasks/labels.h"
#include "core/memory.h"
#include <string.h>

static char mark_of(const char *name)
{
    return (name[0] == 'B' || name[0] == 'I') && name[1] == '-' ? name[0] : 'O';
}

/* The first tag of the same type, itself at the latest. */
static int32_t type_of(const co_labels *l, const char *const *names, size_t label)
{
    size_t first = 0;
    while (l->mark[first] == 'O' || strcmp(names[first] + 2, names[label] + 2) != 0) first++;
    return (int32_t)first;
}

static bool is_unknown(const char *name)
{
    return strcmp(name, "<unk>") == 0 || strcmp(name, "[UNK]") == 0;
}

/* The first two hide others, or else the next two. */
static const char *const specials[CO_SPECIALS] = {"[MASK]", "<mask>", "[UNK]", "<unk>", "[CLS]",
                                                  "[SEP]",  "[PAD]",  "<s>",   "</s>",  "<pad>"};

static void find_specials(co_labels *l, const char *const *names)
{
    l->mask = -1;
    for (size_t s = CO_SPECIALS; s-- > 0;) {
        l->special[s] = -1;
        for (size_t k = 0; names && k < l->n && l->special[s] < 0; k++)
            if (strcmp(names[k], specials[s]) == 0) l->special[s] = (int32_t)k;
        if (s < 4 && l->special[s] >= 0) l->mask = l->special[s];
    }
}

co_status co_labels_init(co_labels *l, const char *const *names, size_t n)
{
    *l = (co_labels){
        .n = n, .unknown = -1, .mark = co_malloc(n, 1), .type = co_malloc(n, sizeof *l->type)};
    if (!l->mark || !l->type) {
        co_labels_fini(l);
        return CO_FAIL(CO_ENOMEM, "labels of %zu classes", n);
    }
    find_specials(l, names);
    for (size_t k = 0; k < n; k++) {
        l->mark[k] = names ? mark_of(names[k]) : 'O';
        l->type[k] = l->mark[k] == 'O' ? -1 : type_of(l, names, k);
        if (names && l->unknown < 0 && is_unknown(names[k])) l->unknown = (int32_t)k;
    }
    return CO_OK;
}

void co_labels_fini(co_labels *l)
{
    co_free(l->mark);
    co_free(l->type);
    co_free(l->center);
    *l = (co_labels){0};
}
