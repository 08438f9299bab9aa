/* io/lists/fednlp.c - the partition files of FedNLP: /METHOD/partition_data/CLIENT/{train,test}.
 *
 * One file holds several methods. An empty list may be stored as floats. Groups without
 * partition_data (k-means assignments) are no partitions. Source: Lin et al., Findings of NAACL
 * 2022, arXiv:2104.08815, and the files published with it. */
#include "core/memory.h"
#include "io/lists/lists.h"
#include <stdio.h>
#include <string.h>

static const char MIDDLE[] = "/partition_data/";

/* The parts of "/METHOD/partition_data/CLIENT/PART" as places in name; false for another name. */
typedef struct {
    const char *method, *client, *part;
    size_t n_method, n_client;
} list_name;

static bool split_name(const char *name, list_name *l)
{
    const char *middle = strstr(name, MIDDLE);
    if (name[0] != '/' || !middle || middle == name) return false;
    l->method = name + 1;
    l->n_method = (size_t)(middle - name) - 1;
    l->client = middle + strlen(MIDDLE);
    const char *slash = strchr(l->client, '/');
    if (!slash) return false;
    l->n_client = (size_t)(slash - l->client);
    l->part = slash + 1;
    return strcmp(l->part, "train") == 0 || strcmp(l->part, "test") == 0;
}

static bool same(const char *a, size_t n, const char *b, size_t m)
{
    return n == m && memcmp(a, b, n) == 0;
}

/* The wanted method, or the only one. New block. */
static co_status choose_method(const char *path, char *const *names, size_t n, const char *wanted,
                               char **method)
{
    char known[512] = "";
    size_t n_methods = 0, used = 0;
    list_name l, last = {0};
    *method = NULL;
    if (wanted && *wanted == '/') wanted++;
    for (size_t i = 0; i < n; i++) {
        if (!split_name(names[i], &l) || same(l.method, l.n_method, last.method, last.n_method))
            continue;
        last = l;
        if (!wanted || same(l.method, l.n_method, wanted, strlen(wanted))) {
            co_free(*method);
            *method = co_format("%.*s", (int)l.n_method, l.method);
            if (!*method) return CO_FAIL(CO_ENOMEM, "%s: name of a method", path);
        }
        if (used < sizeof known)
            used += (size_t)snprintf(known + used, sizeof known - used, "%s%.*s",
                                     n_methods ? ", " : "", (int)l.n_method, l.method);
        n_methods++;
    }
    if (n_methods == 0)
        return CO_FAIL(CO_EDATA,
                       "%s: has no METHOD/partition_data/CLIENT/train; FedNLP's partition "
                       "files do",
                       path);
    if (wanted ? *method != NULL : n_methods == 1) return CO_OK;
    co_free(*method);
    *method = NULL;
    return CO_FAIL(CO_EUSAGE, "%s: %s%s; add name=, one of: %s", path,
                   wanted ? "has no method " : "holds several methods", wanted ? wanted : "",
                   known);
}

static co_status read_list(co_lists *lists, const co_file *file, const char *name,
                           const list_name *l)
{
    co_extent extent;
    int32_t device;
    int64_t *ids;
    size_t n;
    char *client = co_format("%.*s", (int)l->n_client, l->client);
    if (!client) return CO_FAIL(CO_ENOMEM, "%s: name of a client", lists->path);
    co_status st = co_lists_device(lists, client, &device);
    co_free(client);
    CO_TRY(st);
    CO_TRY(co_file_extent(file, name, &extent));
    if (co_extent_count(&extent) == 0) return CO_OK;
    CO_TRY(co_file_read_new(file, name, CO_I64, (void **)&ids, &n));
    for (size_t i = 0; st == CO_OK && i < n; i++)
        st = co_lists_add(lists, device, strcmp(l->part, "test") == 0, ids[i]);
    co_free(ids);
    return st;
}

static co_status check_number(const co_lists *lists, const co_file *file, const char *method)
{
    int64_t n;
    char *name = co_format("%s/n_clients", method);
    if (!name) return CO_FAIL(CO_ENOMEM, "%s: name of a dataset", lists->path);
    co_status st = CO_OK;
    if (co_file_has(file, name)) {
        st = co_file_read(file, name, CO_I64, 0, &n);
        if (st == CO_OK && n != (int64_t)lists->devices.n)
            st = CO_FAIL(CO_EDATA, "%s: %s is %lld, but %zu clients have lists", lists->path, name,
                         (long long)n, lists->devices.n);
    }
    co_free(name);
    return st;
}

static co_status read_file(co_lists *lists, const co_file *file, const char *wanted)
{
    char **names, *method = NULL;
    size_t n;
    list_name l;
    CO_TRY(co_file_list(file, &names, &n));
    co_status st = choose_method(lists->path, names, n, wanted, &method);
    for (size_t i = 0; st == CO_OK && i < n; i++)
        if (split_name(names[i], &l) && same(l.method, l.n_method, method, strlen(method)))
            st = read_list(lists, file, names[i], &l);
    if (st == CO_OK) st = check_number(lists, file, method);
    co_free(method);
    co_strings_free(names, n);
    return st;
}

co_status co_lists_fednlp(co_lists *lists, const char *method)
{
    co_file *file;
    CO_TRY(co_file_open_foreign(lists->path, &file));
    const co_status st = read_file(lists, file, method);
    co_file_close(file);
    return st;
}
