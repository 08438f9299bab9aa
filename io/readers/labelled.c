/* io/readers/labelled.c - texts, labels, splits and users side by side. Cost: O(bytes). */
#include "io/readers/labelled.h"
#include "core/memory.h"
#include "core/text.h"
#include "io/readers/columns.h"
#include "io/readers/labels.h"
#include <string.h>

co_status co_labelled_add(co_labelled *l, const char *text, const char *label, uint8_t split,
                          const char *user)
{
    const size_t i = l->texts.n;
    if (co_reserve((void **)&l->label, &l->label_room, i + 1, sizeof *l->label) ||
        co_reserve((void **)&l->split, &l->split_room, i + 1, sizeof *l->split) ||
        (user && co_reserve((void **)&l->user, &l->user_room, i + 1, sizeof *l->user)))
        return CO_FAIL(CO_ENOMEM, "out of memory after %zu texts", i);
    if (user) CO_TRY(co_members_number(&l->users, user, &l->user[i]));
    CO_TRY(co_texts_bytes(&l->texts, text, strlen(text)));
    l->split[i] = split;
    l->label[i] = label ? co_strdup(label) : NULL;
    if (label && !l->label[i]) return CO_FAIL(CO_ENOMEM, "out of memory after %zu texts", i);
    return co_texts_end(&l->texts);
}

static co_status number(const co_labelled *l, const char *where, size_t n, co_dataset *data)
{
    data->y = co_malloc(n, sizeof *data->y);
    if (!data->y) return CO_FAIL(CO_ENOMEM, "%s: %zu labels", where, n);
    CO_TRY(co_labels_number(where, (const char *const *)l->label, n, data->y, &data->classes,
                            &data->n_classes));
    data->task = CO_DATA_CLASSIFICATION;
    return CO_OK;
}

co_status co_labelled_give(co_labelled *l, const char *where, co_dataset *data)
{
    const size_t n = l->texts.n;
    CO_TRY(co_texts_give(&l->texts, where, data));
    memcpy(data->split, l->split, n);
    data->task = CO_DATA_LM;
    if (l->label[0]) CO_TRY(number(l, where, n, data));
    if (!l->user) return CO_OK;
    data->user = l->user;
    l->user = NULL;
    data->n_users = l->users.n;
    return co_columns_copy_names((const char *const *)l->users.name, l->users.n, &data->user_name);
}

void co_labelled_fini(co_labelled *l)
{
    for (size_t i = 0; l->label && i < l->texts.n; i++) co_free(l->label[i]);
    co_texts_fini(&l->texts);
    co_members_fini(&l->users);
    co_free(l->label);
    co_free(l->split);
    co_free(l->user);
    *l = (co_labelled){0};
}
