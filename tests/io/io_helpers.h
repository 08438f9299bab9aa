/* tests/io/io_helpers.h - what the tests of io share: whole files in memory, the outside checker,
 * children with faults. */
#pragma once
#include "core/memory.h"
#include "io/files/file.h"
#include "tests/harness.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* The bytes of a file in a malloc block. */
static inline unsigned char *slurp(const char *path, size_t *n)
{
    FILE *file = fopen(path, "rb");
    *n = 0;
    if (!file) return NULL;
    fseek(file, 0, SEEK_END);
    *n = (size_t)ftell(file);
    rewind(file);
    unsigned char *bytes = malloc(*n + 1);
    if (fread(bytes, 1, *n, file) != *n) abort();
    fclose(file);
    return bytes;
}

static inline void spill(const char *path, const void *bytes, size_t n)
{
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(bytes, 1, n, file) != n || fclose(file) != 0) abort();
}

/* Debian's Python with h5py; false, with a line, where it is missing. */
static inline bool have_python(void)
{
    if (system("/usr/bin/python3 -c 'import h5py, numpy' 2>/dev/null") == 0) return true;
    fprintf(stderr, "skipped: /usr/bin/python3 has no h5py\n");
    return false;
}

/* Runs /usr/bin/python3 with arguments; its output (at most size - 1 bytes) in text. True when it
 * exits 0. */
static inline bool python(const char *arguments, char *text, size_t size)
{
    char command[8192];
    snprintf(command, sizeof command, "/usr/bin/python3 %s 2>&1", arguments);
    FILE *pipe = popen(command, "r");
    if (!pipe) return false;
    const size_t n = fread(text, 1, size - 1, pipe);
    text[n] = '\0';
    return pclose(pipe) == 0;
}

/* check_files.py on a file that was written: true when it finds no fault and the same content
 * digest. True as well, with a line, where the script or h5py is missing. */
static inline bool checker_agrees(const char *path, const char *digest)
{
    char arguments[2048], text[4096], script[1024];
    const char *found = shared_file("check_files.py");
    if (!found || !have_python()) return true;
    snprintf(script, sizeof script, "%s", found);
    snprintf(arguments, sizeof arguments, "%s %s", script, path);
    if (!python(arguments, text, sizeof text)) return fprintf(stderr, "checker: %s\n", text), false;
    snprintf(arguments, sizeof arguments, "%s --digest %s", script, path);
    if (!python(arguments, text, sizeof text)) return fprintf(stderr, "checker: %s\n", text), false;
    text[strcspn(text, "\n")] = '\0';
    if (strcmp(text, digest) == 0) return true;
    fprintf(stderr, "checker: digest %s, ours %s\n", text, digest);
    return false;
}

/* How many temporaries of path stand beside it. */
static inline int count_temporaries(const char *path)
{
    char command[2048];
    const char *name = strrchr(path, '/') + 1;
    snprintf(command, sizeof command, "exit $(ls -A '%.*s' | grep -c -F '.%s.tmp-')",
             (int)(name - path), path, name);
    return WEXITSTATUS(system(command));
}

/* Runs work(path) in a child with CO_FAULT set (NULL: none); its status. CO_FAULT is looked at once
 * a process: the parent must not have allocated by co_malloc before. */
static inline int in_child(const char *fault, int (*work)(const char *path), const char *path)
{
    fflush(NULL);
    const pid_t child = fork();
    if (child == 0) {
        if (fault) setenv("CO_FAULT", fault, 1);
        _exit(work(path));
    }
    int status = 0;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}
