/* partition/labels.c - labels from tags and users. Cost: O(tokens), and a look-up an example. */
#include "partition/labels.h"
#include "core/memory.h"
#include "core/text.h"
#include "io/readers/members.h"
#include <stdio.h>
#include <string.h>

static bool wants_labels(const co_partitioner *member, const co_dataset *data)
{
    return (member->needs & CO_PART_NEEDS_LABELS) && !data->y;
}

bool co_partition_needs_tags(const co_partitioner *member, const co_dataset *data)
{
    return wants_labels(member, data) && data->task == CO_DATA_TAGGING && !data->token_y;
}

/* type[tag]: the type of entity that it is of, -1: of none. */
static co_status find_types(const co_dataset *data, co_members *types, int32_t *type)
{
    for (size_t k = 0; k < data->n_classes; k++) {
        const char *name = data->classes ? data->classes[k] : "";
        type[k] = -1;
        if ((name[0] == 'B' || name[0] == 'I') && name[1] == '-')
            CO_TRY(co_members_number(types, name + 2, &type[k]));
    }
    return CO_OK;
}

/* The number of the set of types that example i has. */
static co_status number_set(const co_dataset *data, int64_t i, const int32_t *type, size_t n_types,
                            bool *has, co_members *sets, int32_t *label)
{
    co_text text = {0};
    char part[24];
    memset(has, 0, n_types * sizeof *has);
    for (int64_t t = data->token_offsets[i]; t < data->token_offsets[i + 1]; t++)
        if (data->token_y[t] >= 0 && type[data->token_y[t]] >= 0)
            has[type[data->token_y[t]]] = true;
    co_text_add(&text, "{");
    for (size_t k = 0; k < n_types; k++) {
        if (!has[k]) continue;
        snprintf(part, sizeof part, "%zu,", k);
        co_text_add(&text, part);
    }
    const co_status st = text.failed ? CO_FAIL(CO_ENOMEM, "types of example %lld", (long long)i)
                                     : co_members_number(sets, text.data, label);
    co_text_fini(&text);
    return st;
}

static co_status label_by_types(const co_config *opt, const co_dataset *data, co_dataset *view)
{
    co_members types = {0}, sets = {0};
    int32_t *type = co_malloc(data->n_classes, sizeof *type);
    bool *has = co_malloc(data->n_classes, sizeof *has);
    co_status st = type && has ? CO_OK : CO_FAIL(CO_ENOMEM, "types of tags");
    if (st == CO_OK) st = find_types(data, &types, type);
    if (st == CO_OK && types.n == 0)
        st = co_config_fail(opt, co_config_node(opt, "method"),
                            "goes by the types of entities in a text, and no tag of the data set "
                            "is called B-TYPE or I-TYPE");
    for (int64_t i = 0; st == CO_OK && i < data->n; i++)
        st = number_set(data, i, type, types.n, has, &sets, &view->y[i]);
    view->n_classes = sets.n;
    co_members_fini(&types);
    co_members_fini(&sets);
    co_free(type);
    co_free(has);
    return st;
}

/* Of nobody: one label more. */
static void label_by_users(const co_dataset *data, co_dataset *view)
{
    bool nobody = false;
    for (int64_t i = 0; i < data->n; i++) {
        nobody = nobody || data->user[i] < 0;
        view->y[i] = data->user[i] >= 0 ? data->user[i] : (int32_t)data->n_users;
    }
    view->n_classes = data->n_users + nobody;
}

co_status co_partition_view(const co_config *opt, const co_partitioner *member,
                            const co_dataset *data, co_dataset *view)
{
    const bool tags = data->task == CO_DATA_TAGGING && data->token_y,
               users = data->task == CO_DATA_SPAN && data->user;
    *view = *data;
    if (!wants_labels(member, data) || (!tags && !users)) return CO_OK;
    view->y = co_malloc((size_t)data->n, sizeof *view->y);
    if (!view->y) return CO_FAIL(CO_ENOMEM, "labels of %lld examples", (long long)data->n);
    if (tags) return label_by_types(opt, data, view);
    label_by_users(data, view);
    return CO_OK;
}

void co_partition_view_fini(const co_dataset *data, co_dataset *view)
{
    if (view->y != data->y) co_free(view->y);
    *view = (co_dataset){0};
}
