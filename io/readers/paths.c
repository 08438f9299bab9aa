/* io/readers/paths.c - walks a folder. Cost: one stat a file, sorting. */
#include "io/readers/paths.h"
#include "core/memory.h"
#include "io/files/file.h"
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { MAX_DEPTH = 16 };

typedef struct {
    char **path;
    size_t n, room;
} list;

static co_status walk(const char *path, const char *ending, int depth, list *l);

static co_status walk_entries(DIR *dir, const char *path, const char *ending, int depth, list *l)
{
    co_status st = CO_OK;
    for (struct dirent *e; st == CO_OK && (e = readdir(dir));) {
        if (e->d_name[0] == '.') continue;
        char *child = co_format("%s/%s", path, e->d_name);
        st = child ? walk(child, ending, depth + 1, l) : CO_FAIL(CO_ENOMEM, "list of files");
        co_free(child);
    }
    return st;
}

static co_status keep(const char *path, const char *ending, int depth, list *l)
{
    const size_t n = strlen(path), m = strlen(ending);
    if (depth > 0 && (n < m || strcmp(path + n - m, ending) != 0)) return CO_OK;
    if (co_reserve((void **)&l->path, &l->room, l->n + 1, sizeof *l->path) ||
        !(l->path[l->n] = co_strdup(path)))
        return CO_FAIL(CO_ENOMEM, "out of memory for the names of %zu files", l->n);
    l->n++;
    return CO_OK;
}

static co_status walk(const char *path, const char *ending, int depth, list *l)
{
    struct stat about;
    if (stat(path, &about) != 0)
        return CO_FAIL(CO_EFILE, "%s: cannot be opened: %s", path, strerror(errno));
    if (S_ISREG(about.st_mode)) return keep(path, ending, depth, l);
    if (!S_ISDIR(about.st_mode)) return CO_OK;
    if (depth > MAX_DEPTH)
        return CO_FAIL(CO_EFILE, "%s: more than %d folders deep", path, MAX_DEPTH);
    DIR *dir = opendir(path);
    if (!dir) return CO_FAIL(CO_EFILE, "%s: cannot be read: %s", path, strerror(errno));
    const co_status st = walk_entries(dir, path, ending, depth, l);
    closedir(dir);
    return st;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

co_status co_paths_list(const char *path, const char *ending, char ***paths, size_t *n)
{
    list l = {0};
    const co_status st = walk(path, ending, 0, &l);
    if (l.n) qsort(l.path, l.n, sizeof *l.path, by_text);
    *paths = l.path;
    *n = l.n;
    return st;
}
