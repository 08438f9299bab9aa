/* cli/console.c - the rules of the output file, and the usage lines of all commands. */
#include "cli/console.h"
#include "io/files/inputs.h"
#include "report/print.h"
#include "core/memory.h"
#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* mpirun sets the first variable (Open MPI) or the second (MPICH), srun the third (also for a
 * single task). */
bool co_launched_on_ranks(void)
{
    static const char *const variables[] = {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE",
                                            "SLURM_STEP_NUM_TASKS"};
    for (size_t k = 0; k < sizeof variables / sizeof *variables; k++) {
        const char *size = getenv(variables[k]);
        if (size) return atol(size) > 1;
    }
    return false;
}

static co_status check_folder(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *folder =
        slash ? co_format("%.*s", slash == path ? 1 : (int)(slash - path), path) : co_strdup(".");
    co_status st = CO_OK;
    if (!folder) return CO_FAIL(CO_ENOMEM, "out of memory for the name of a folder");
    if (access(folder, W_OK | X_OK) != 0)
        st = CO_FAIL(CO_EFILE,
                     "%s: cannot write into folder %s: %s; make the folder or choose another -o",
                     path, folder, strerror(errno));
    co_free(folder);
    return st;
}

/* Whether the file is empty or begins as one of ours. */
static co_status is_replaceable(const char *path, bool *yes)
{
    char head[8] = "";
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return CO_FAIL(CO_EFILE, "%s: cannot be read before it is replaced: %s", path,
                       strerror(errno));
    const ssize_t n = read(fd, head, sizeof head);
    close(fd);
    *yes = n == 0 || (n >= 7 && memcmp(head, "cohort-", 7) == 0) ||
           (n == 8 && memcmp(head, "\x89HDF\r\n\x1a\n", 8) == 0);
    return CO_OK;
}

co_status co_alone_check(const char *command)
{
    if (!co_launched_on_ranks()) return CO_OK;
    return CO_FAIL(CO_EUSAGE,
                   "%s works on one process: run it without mpirun (srun: with one task)", command);
}

/* The words that may name files: the positional ones behind a format, and the values of settings.
 */
static co_status check_inputs(const char *command, const co_words *words)
{
    const size_t first =
        strcmp(command, "partition") == 0 || strcmp(command, "predict") == 0 ? 0 : 1;
    if (words->n_positional > first)
        CO_TRY(co_output_differs(words->output, words->positional + first,
                                 words->n_positional - first));
    for (const co_node *node = words->settings ? words->settings->first : NULL; node;
         node = node->next)
        if (node->kind == CO_NODE_SCALAR)
            CO_TRY(co_output_differs(words->output, (const char *const[]){node->text}, 1));
    return CO_OK;
}

co_status co_output_check(const char *command, const co_words *words)
{
    struct stat info;
    bool replaceable = false;
    const char *path = words->output;
    if (!path)
        return CO_FAIL(CO_EUSAGE,
                       "%s: where shall the result go? Add -o FILE, for example -o %s.h5", command,
                       strcmp(command, "import") == 0    ? "data"
                       : strcmp(command, "predict") == 0 ? "predictions"
                                                         : "part");
    CO_TRY(check_folder(path));
    if (stat(path, &info) != 0)
        return errno == ENOENT ? CO_OK : CO_FAIL(CO_EFILE, "%s: %s", path, strerror(errno));
    if (S_ISDIR(info.st_mode))
        return CO_FAIL(CO_EUSAGE, "%s is a folder; -o takes a file name, for example -o %s/%s.h5",
                       path, path, command);
    CO_TRY(check_inputs(command, words));
    if (!words->overwrite)
        return CO_FAIL(CO_EUSAGE, "%s exists; add --overwrite to replace it, or choose another -o",
                       path);
    if (S_ISREG(info.st_mode)) CO_TRY(is_replaceable(path, &replaceable));
    if (!replaceable)
        return CO_FAIL(CO_EUSAGE,
                       "%s exists and is none of cohort's files: --overwrite leaves it alone; "
                       "choose another -o",
                       path);
    return CO_OK;
}

/* An entry of the folder that is none of those files, new block; any entry when files is NULL. */
static char *other_entry(DIR *folder, const char *const *files)
{
    for (const struct dirent *e; (e = readdir(folder));) {
        bool known = strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0;
        for (const char *const *f = files; f && *f && !known; f++)
            known = fnmatch(*f, e->d_name, 0) == 0;
        if (!known) return co_strdup(e->d_name);
    }
    return NULL;
}

co_status co_output_folder_check(const char *command, const co_words *words,
                                 const char *const *files)
{
    struct stat info;
    const char *path = words->output;
    if (!path) return CO_FAIL(CO_EUSAGE, "%s: where shall the result go? Add -o FOLDER", command);
    CO_TRY(check_folder(path));
    if (stat(path, &info) != 0)
        return errno == ENOENT ? CO_OK : CO_FAIL(CO_EFILE, "%s: %s", path, strerror(errno));
    if (!S_ISDIR(info.st_mode))
        return CO_FAIL(CO_EUSAGE, "%s is no folder; choose another -o", path);
    DIR *folder = opendir(path);
    if (!folder) return CO_FAIL(CO_EFILE, "%s: cannot be read: %s", path, strerror(errno));
    char *other = other_entry(folder, words->overwrite ? files : NULL);
    closedir(folder);
    if (!other) return CO_OK;
    const co_status st =
        words->overwrite
            ? CO_FAIL(CO_EUSAGE,
                      "%s holds %s, which %s does not write: --overwrite leaves the folder alone; "
                      "choose another -o",
                      path, other, command)
            : CO_FAIL(CO_EUSAGE,
                      "%s exists; add --overwrite to replace what is in it, or choose another -o",
                      path);
    co_free(other);
    return st;
}

void co_print_usage(const co_command *command, const char *details)
{
    co_print_wrapped(stdout, "usage: cohort %s\n\n%s.\n\n%s", command->usage, command->summary,
                     details);
}
