/* partition/labels.c - labels from tags, users, groups, lengths and files. Cost: O(tokens), and a
 * look-up an example. */
#include "partition/labels.h"
#include "core/memory.h"
#include "core/text.h"
#include "io/readers/members.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool wants_labels(const co_partitioner *member, const co_dataset *data)
{
    return (member->needs & CO_PART_NEEDS_LABELS) && !data->y;
}

/* Statistics of a finished partition have no options. */
static bool is_by(const co_config *opt, const char *word)
{
    return opt->map && co_config_has(opt, "by") && strcmp(co_config_string(opt, "by"), word) == 0;
}

bool co_partition_needs_texts(const co_config *opt, const co_partitioner *member,
                              const co_dataset *data)
{
    if (is_by(opt, "length")) return !data->token_offsets && data->n_vocab > 0;
    if (data->token_y || data->task != CO_DATA_TAGGING) return false;
    return is_by(opt, "tags") ||
           (wants_labels(member, data) && !(opt->map && co_config_has(opt, "by")));
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

/* By a column of names, of which there are n. Of nobody: one label more. */
static void label_by_names(const co_dataset *data, const int32_t *column, size_t n,
                           co_dataset *view)
{
    bool nobody = false;
    for (int64_t i = 0; i < data->n; i++) {
        nobody = nobody || column[i] < 0;
        view->y[i] = column[i] >= 0 ? column[i] : (int32_t)n;
    }
    view->n_classes = n + nobody;
}

static int compare_lengths(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* The tenth of all texts, by their tokens, that each is in: texts of one length are in one. */
static co_status label_by_lengths(const co_dataset *data, co_dataset *view)
{
    enum { TENTHS = 10 };
    const size_t n = (size_t)data->n;
    int64_t *sorted = co_malloc(n, sizeof *sorted);
    if (!sorted) return CO_FAIL(CO_ENOMEM, "lengths of %zu texts", n);
    for (size_t i = 0; i < n; i++) sorted[i] = data->token_offsets[i + 1] - data->token_offsets[i];
    qsort(sorted, n, sizeof *sorted, compare_lengths);
    for (size_t i = 0; i < n; i++) {
        const int64_t length = data->token_offsets[i + 1] - data->token_offsets[i];
        int32_t tenth = 0;
        while (tenth < TENTHS - 1 && length >= sorted[n * (size_t)(tenth + 1) / TENTHS]) tenth++;
        view->y[i] = tenth;
    }
    view->n_classes = TENTHS;
    co_free(sorted);
    return CO_OK;
}

/* A word a line, line i + 1 of example i. names: where the words go, for the caller; NULL: nowhere.
 */
static co_status label_by_file(const char *path, const co_dataset *data, co_dataset *view,
                               char ***names)
{
    co_members words = {0};
    char *line = NULL;
    size_t room = 0;
    int64_t n = 0;
    FILE *file = fopen(path, "r");
    if (!file)
        return CO_FAIL(CO_EFILE,
                       "%s: cannot open: %s; by is y, user, group, tags, length or a file", path,
                       strerror(errno));
    co_status st = CO_OK;
    for (ssize_t bytes; st == CO_OK && (bytes = getline(&line, &room, file)) >= 0; n++) {
        while (bytes > 0 && (line[bytes - 1] == '\n' || line[bytes - 1] == '\r')) line[--bytes] = 0;
        if (bytes == 0)
            st = CO_FAIL(CO_EDATA, "%s:%lld: an empty line; a word is wanted for each example",
                         path, (long long)n + 1);
        else if (n < data->n)
            st = co_members_number(&words, line, &view->y[n]);
    }
    const int error = ferror(file) ? errno : 0;
    free(line);
    fclose(file);
    if (st == CO_OK && error) st = CO_FAIL(CO_EFILE, "%s: %s", path, strerror(error));
    if (st == CO_OK && n != data->n)
        st = CO_FAIL(CO_EDATA, "%s: has %lld lines, the data set %lld examples; one line each",
                     path, (long long)n, (long long)data->n);
    view->n_classes = words.n;
    if (names && st == CO_OK) {
        *names = words.name;
        words.name = NULL;
        words.n = 0;
    }
    co_members_fini(&words);
    return st;
}

/* What key `by` says. */
static co_status label_by(const co_config *opt, const co_dataset *data, co_dataset *view)
{
    const char *by = co_config_string(opt, "by"), *lacks = NULL;
    if (is_by(opt, "user")) {
        if (data->user) label_by_names(data, data->user, data->n_users, view);
        lacks = data->user ? NULL : "column user";
    } else if (is_by(opt, "group")) {
        if (data->group) label_by_names(data, data->group, data->n_groups, view);
        lacks = data->group ? NULL : "column group";
    } else if (is_by(opt, "tags")) {
        if (data->token_y) return label_by_types(opt, data, view);
        lacks = "tags";
    } else if (is_by(opt, "length")) {
        if (data->token_offsets) return label_by_lengths(data, view);
        lacks = "tokens";
    } else {
        return label_by_file(by, data, view, NULL);
    }
    return lacks ? co_config_fail(opt, co_config_node(opt, "by"), "%s: the data set has no %s", by,
                                  lacks)
                 : CO_OK;
}

/* What key `by` says in place of the column user: devices are then its values. */
static co_status users_by(const co_config *opt, const co_dataset *data, co_dataset *view)
{
    co_dataset labelled = *data;
    co_status st = CO_OK;
    char **names = NULL;
    if (is_by(opt, "group") && data->group) {
        view->user = data->group;
        view->n_users = data->n_groups;
        view->user_name = data->group_name;
        return CO_OK;
    }
    if (is_by(opt, "y") && data->y) {
        view->user = data->y;
        view->n_users = data->n_classes;
        view->user_name = data->classes;
        return CO_OK;
    }
    if (is_by(opt, "y"))
        return co_config_fail(opt, co_config_node(opt, "by"), "y: the data set has no classes");
    labelled.y = co_malloc((size_t)data->n, sizeof *labelled.y);
    if (!labelled.y) return CO_FAIL(CO_ENOMEM, "labels of %lld examples", (long long)data->n);
    if (is_by(opt, "group") || is_by(opt, "tags") || is_by(opt, "length"))
        st = label_by(opt, data, &labelled);
    else
        st = label_by_file(co_config_string(opt, "by"), data, &labelled, &names);
    view->user = labelled.y; /* also after a failure: co_partition_view_fini frees it */
    view->n_users = labelled.n_classes;
    view->user_name = names;
    return st;
}

co_status co_partition_view(const co_config *opt, const co_partitioner *member,
                            const co_dataset *data, co_dataset *view)
{
    const bool tags = data->task == CO_DATA_TAGGING && data->token_y,
               users = data->task == CO_DATA_SPAN && data->user;
    const bool by = opt->map && co_config_has(opt, "by") && !is_by(opt, "y");
    *view = *data;
    if (member->needs & CO_PART_BY_VALUE) return CO_OK;
    if (opt->map && co_config_has(opt, "by") && !is_by(opt, "user") &&
        member->needs & CO_PART_NEEDS_USERS)
        return users_by(opt, data, view);
    if (by && member->needs & CO_PART_NEEDS_USERS) return CO_OK;
    if (by && !(member->needs & CO_PART_NEEDS_LABELS))
        return co_config_fail(opt, co_config_node(opt, "by"), "%s goes by no labels; leave it out",
                              member->name);
    if (!by && (!wants_labels(member, data) || (!tags && !users))) return CO_OK;
    view->y = co_malloc((size_t)data->n, sizeof *view->y);
    if (!view->y) return CO_FAIL(CO_ENOMEM, "labels of %lld examples", (long long)data->n);
    if (by) return label_by(opt, data, view);
    if (tags) return label_by_types(opt, data, view);
    label_by_names(data, data->user, data->n_users, view);
    return CO_OK;
}

void co_partition_view_fini(const co_dataset *data, co_dataset *view)
{
    if (view->y != data->y) co_free(view->y);
    if (view->user_name != data->user_name && view->user_name != data->classes &&
        view->user_name != data->group_name)
        co_strings_free(view->user_name, view->n_users);
    if (view->user != data->user && view->user != data->group && view->user != data->y)
        co_free(view->user);
    *view = (co_dataset){0};
}
