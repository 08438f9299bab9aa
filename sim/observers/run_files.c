/* sim/observers/run_files.c - the files of runs in a folder, by name: listed, found, removed. */
#include "sim/observers/run_files.h"
#include "core/log.h"
#include "core/memory.h"
#include "core/text.h"
#include "io/files/file.h"
#include "io/files/inputs.h"
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool is_checkpoint(const char *name)
{
    if (strncmp(name, "ckpt-", 5) != 0) return false;
    for (int k = 5; k < 13; k++)
        if (!isdigit((unsigned char)name[k])) return false;
    return strcmp(name + 13, ".h5") == 0;
}

bool co_is_run_file(const char *name)
{
    return is_checkpoint(name) || strcmp(name, "best.h5") == 0 || strcmp(name, "run.h5") == 0 ||
           strcmp(name, "experiment.yaml") == 0;
}

/* What a killed writer leaves: the hidden temporary of io/files/file.h, or the text written aside.
 */
static bool is_temporary(const char *name)
{
    if (strcmp(name, "experiment.yaml.tmp") == 0) return true;
    return (strncmp(name, ".run.h5.tmp-", 12) == 0 || strncmp(name, ".best.h5.tmp-", 13) == 0 ||
            strncmp(name, ".ckpt-", 6) == 0) &&
           strstr(name, ".tmp-");
}

static int by_name(const void *a, const void *b)
{
    return -strcmp(*(char *const *)a, *(char *const *)b);
}

/* Names in dir that `wanted` accepts, by falling name; a missing folder holds none.
 * co_strings_free. */
static co_status list_folder(const char *dir, bool (*wanted)(const char *), char ***names,
                             size_t *n)
{
    *names = NULL;
    *n = 0;
    size_t capacity = 0;
    DIR *folder = opendir(dir);
    if (!folder && errno == ENOENT) return CO_OK;
    if (!folder)
        return CO_FAIL(CO_EFILE, "%s: %s; set output.dir to a folder you may read and write", dir,
                       strerror(errno));
    co_status st = CO_OK;
    for (struct dirent *entry; st == CO_OK && (entry = readdir(folder));) {
        if (!wanted(entry->d_name)) continue;
        st = (co_status)co_reserve((void **)names, &capacity, *n + 1, sizeof **names);
        if (st == CO_OK && !((*names)[*n] = co_strdup(entry->d_name)))
            st = CO_FAIL(CO_ENOMEM, "list of %s", dir);
        if (st == CO_OK) ++*n;
    }
    closedir(folder);
    if (st != CO_OK) {
        co_strings_free(*names, *n);
        *names = NULL;
        *n = 0;
        return st;
    }
    if (*n) qsort(*names, *n, sizeof **names, by_name);
    return CO_OK;
}

co_status co_output_exists(const char *dir, bool *exists)
{
    char **names;
    size_t n;
    CO_TRY(list_folder(dir, co_is_run_file, &names, &n));
    *exists = false;
    for (size_t i = 0; i < n; i++) *exists |= strcmp(names[i], "experiment.yaml") != 0;
    co_strings_free(names, n);
    return CO_OK;
}

co_status co_output_spares(const char *dir, const char *const *inputs, size_t n_inputs)
{
    char **names;
    size_t n;
    CO_TRY(list_folder(dir, co_is_run_file, &names, &n));
    co_status st = CO_OK;
    for (size_t i = 0; st == CO_OK && i < n; i++) {
        char *path = co_format("%s/%s", dir, names[i]);
        st = path ? co_output_differs(path, inputs, n_inputs)
                  : CO_FAIL(CO_ENOMEM, "path of %s", names[i]);
        co_free(path);
    }
    co_strings_free(names, n);
    return st;
}

static co_status remove_file(const char *dir, const char *name)
{
    char *path = co_format("%s/%s", dir, name);
    if (!path) return CO_FAIL(CO_ENOMEM, "path of %s", name);
    const int rc = unlink(path);
    const co_status st = rc == 0 || errno == ENOENT ? CO_OK
                                                    : CO_FAIL(CO_EFILE, "%s: cannot be removed: %s",
                                                              path, strerror(errno));
    co_free(path);
    return st;
}

static co_status remove_listed(const char *dir, bool (*wanted)(const char *))
{
    char **names;
    size_t n;
    CO_TRY(list_folder(dir, wanted, &names, &n));
    co_status st = CO_OK;
    for (size_t i = 0; i < n && st == CO_OK; i++) st = remove_file(dir, names[i]);
    co_strings_free(names, n);
    return st;
}

co_status co_output_remove(const char *dir)
{
    return remove_listed(dir, co_is_run_file);
}

co_status co_output_sweep(const char *dir)
{
    return remove_listed(dir, is_temporary);
}

co_status co_checkpoint_prune(const char *dir, int64_t keep, int64_t newest)
{
    char **names;
    size_t n;
    CO_TRY(list_folder(dir, is_checkpoint, &names, &n));
    co_status st = CO_OK;
    int64_t kept = 0;
    for (size_t i = 0; i < n && st == CO_OK; i++) {
        const int64_t round = strtoll(names[i] + 5, NULL, 10);
        if (round > newest || kept++ >= keep) st = remove_file(dir, names[i]);
    }
    co_strings_free(names, n);
    return st;
}

co_status co_checkpoint_find(const char *dir, char **path, int64_t *round, size_t *n_damaged)
{
    char **names;
    size_t n;
    *path = NULL;
    *round = 0;
    *n_damaged = 0;
    CO_TRY(list_folder(dir, is_checkpoint, &names, &n));
    co_status st = CO_OK;
    for (size_t i = 0; i < n && st == CO_OK; i++) {
        char *candidate = co_format("%s/%s", dir, names[i]);
        co_file *file = NULL;
        int64_t found = 0;
        st = candidate ? co_file_open(candidate, "cohort-checkpoint", false, &file)
                       : CO_FAIL(CO_ENOMEM, "checkpoint");
        if (st == CO_OK) st = co_file_get_int(file, "round", &found);
        co_file_close(file);
        if (st == CO_OK && (!*path || found > *round)) {
            co_free(*path);
            *path = candidate;
            candidate = NULL;
            *round = found;
        } else if (st == CO_EDATA) {
            co_warn("skipped a damaged checkpoint: %s", co_status_message());
            ++*n_damaged;
            st = CO_OK;
        }
        co_free(candidate);
    }
    co_strings_free(names, n);
    return st;
}
