/* cli/command_plot.c - cohort plot: hands its words to the Python package's module cohort.plots.
 *
 * The package stands at ../python or ../share/cohort/python from the folder of the program, and is
 * put before what PYTHONPATH names. COHORT_PYTHON names the interpreter; else Debian's
 * /usr/bin/python3, else python3 of PATH. The process becomes the interpreter, whose exit code is
 * then ours. */
#include "core/memory.h"
#include "core/text.h"
#include "cli/console.h"
#include "cli/plot.h"
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Lets Python find the package. */
static co_status show_package(void)
{
    static const char *const places[] = {"/../python", "/../share/cohort/python"};
    char folder[PATH_MAX], module[PATH_MAX + 64];
    const ssize_t n = readlink("/proc/self/exe", folder, sizeof folder - 1);
    if (n <= 0)
        return CO_FAIL(CO_EFILE, "/proc/self/exe: %s; cannot tell where the program lies",
                       strerror(errno));
    folder[n] = '\0';
    *strrchr(folder, '/') = '\0';
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        snprintf(module, sizeof module, "%s%s/cohort/plots", folder, places[i]);
        if (access(module, R_OK) != 0) continue;
        const char *others = getenv("PYTHONPATH");
        char *path = others && *others ? co_format("%s%s:%s", folder, places[i], others)
                                       : co_format("%s%s", folder, places[i]);
        if (!path) return CO_FAIL(CO_ENOMEM, "PYTHONPATH");
        setenv("PYTHONPATH", path, 1);
        co_free(path);
        return CO_OK;
    }
    return CO_FAIL(
        CO_EFILE,
        "the Python package `cohort` is neither at %s%s nor at %s%s; install the program "
        "(cmake --install)",
        folder, places[0], folder, places[1]);
}

static const char *interpreter(void)
{
    const char *asked = getenv("COHORT_PYTHON");
    if (asked && *asked) return asked;
    return access("/usr/bin/python3", X_OK) == 0 ? "/usr/bin/python3" : "python3";
}

enum { N_CALL = 4 }; /* words before the user's; then room for -o, its value and the end */

/* The call, for execvp and spawn, which do not change its words. NULL: no memory. */
static char **call_of(const char *python, size_t n_words)
{
    char **call = co_calloc(n_words + N_CALL + 3, sizeof *call);
    const char *const first[N_CALL] = {python, "-B", "-m", "cohort.plots"};
    for (size_t i = 0; call && i < N_CALL; i++) call[i] = (char *)(size_t)first[i];
    return call;
}

static co_status become_python(int n_words, char **words)
{
    const char *python = interpreter();
    CO_TRY(show_package());
    char **call = call_of(python, (size_t)n_words);
    if (!call) return CO_FAIL(CO_ENOMEM, "out of memory for %d words", n_words);
    for (int i = 0; i < n_words; i++) call[i + N_CALL] = words[i];
    fflush(NULL);
    execvp(python, call);
    co_free(call);
    return CO_FAIL(CO_EFILE,
                   "%s: %s; plots need Python 3 with h5py and matplotlib, COHORT_PYTHON names it",
                   python, strerror(errno));
}

co_status co_plot_runs(const char *const *files, size_t n_files, const char *picture)
{
    const char *python = interpreter();
    pid_t child;
    int status = 0;
    CO_TRY(show_package());
    char **call = call_of(python, n_files);
    if (!call) return CO_FAIL(CO_ENOMEM, "picture of %zu runs", n_files);
    for (size_t i = 0; i < n_files; i++) call[i + N_CALL] = (char *)(size_t)files[i];
    call[n_files + N_CALL] = (char *)(size_t) "-o";
    call[n_files + N_CALL + 1] = (char *)(size_t)picture;
    fflush(NULL);
    const bool good = posix_spawnp(&child, python, NULL, NULL, call, environ) == 0 &&
                      waitpid(child, &status, 0) == child && WIFEXITED(status) &&
                      WEXITSTATUS(status) == 0;
    co_free(call);
    return good ? CO_OK
                : CO_FAIL(CO_EFILE, "%s could not be drawn; `cohort plot` tells more", picture);
}

static co_status run(int n_words, char **words)
{
    co_words parsed;
    CO_TRY(co_words_parse(n_words, words, "-o --help", false, &parsed));
    const bool help = parsed.help, has_files = parsed.n_positional > 0;
    co_words_fini(&parsed);
    if (help) {
        co_print_usage(
            &co_command_plot,
            "Runs, several side by side: curves. Partitions: who has which classes, and how much. "
            "A compare.h5:\n"
            "means with intervals. Writes PICTURE.png and PICTURE.svg, by default beside the first "
            "file.\n"
            "\n"
            "Options of runs:\n"
            "  x=round|virtual|bytes|seconds|epsilon\n"
            "                                 what curves are drawn over (virtual: time of section "
            "clock)\n"
            "  metric=NAME                    column of eval (default: the task's first)\n"
            "  show=curves|devices|times      devices: a histogram of the metric over devices "
            "(needs eval.devices=true);\n"
            "                                 times: which device was at work when (section "
            "clock)\n"
            "Options of partitions:\n"
            "  draw=auto|bars|map             each device a bar, or a heat map (auto: from eleven "
            "classes on)\n"
            "  values=shares|counts           of the device's examples, or how many\n"
            "  sort=id|size|class             the order of the devices\n"
            "  data=FILE                      data set with the names of the classes, if the "
            "partition has none\n"
            "\n"
            "COHORT_PYTHON names a Python that has h5py and matplotlib.\n"
            "\n"
            "Example: cohort plot runs/fmnist/run.h5 x=bytes -o curves\n");
        return CO_OK;
    }
    CO_TRY(co_alone_check("plot"));
    if (!has_files)
        return CO_FAIL(CO_EUSAGE, "plot: which file? Give runs, partitions or a compare.h5");
    return become_python(n_words, words);
}

const co_command co_command_plot = {
    .name = "plot",
    .usage = "plot FILE.. [-o PICTURE] [key=value ..]",
    .summary = "draws runs, partitions and comparisons (needs Python with h5py and matplotlib)",
    .run = run};
