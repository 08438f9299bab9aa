/* What writers leave beside their targets: nothing after a signal, and what a SIGKILL leaves goes
 * with the next writer. */
#include "io/files/temporary.h"
#include "io/writers/aside.h"
#include "tests/io/io_helpers.h"
#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>

static void must(co_status st)
{
    cr_assert_eq(st, CO_OK, "%s", co_status_message());
}

static int deadly;

/* Starts a file and a plain one, and dies of the signal. */
static int start_and_die(const char *path)
{
    co_file *file;
    co_aside aside;
    const int64_t one = 1;
    signal(deadly,
           SIG_DFL); /* under nohup SIGHUP is ignored, and then it does not end the program */
    if (co_file_create(path, "cohort-run", &file) != CO_OK ||
        co_file_write_i64(file, "y", &one, 1) != CO_OK)
        return 97;
    char *other = co_format("%s.csv", path);
    if (co_aside_start(other, &aside) != CO_OK) return 98;
    if (count_temporaries(path) != 1 || count_temporaries(other) != 1) return 99;
    raise(deadly);
    return 96;
}

Test(temporary, a_signal_that_ends_the_program_removes_what_it_began)
{
    static const int signals[] = {SIGTERM, SIGINT, SIGHUP};
    const char *path = scratch_file("stopped.h5");
    char other[1100];
    snprintf(other, sizeof other, "%s.csv", path);
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
        deadly = signals[i];
        cr_assert_eq(in_child(NULL, start_and_die, path), 1000 + deadly,
                     "it still dies of the signal");
        cr_assert(count_temporaries(path) == 0 && count_temporaries(other) == 0, "signal %d",
                  deadly);
    }
}

Test(temporary, what_sigkill_leaves_is_removed_by_the_next_writer)
{
    const char *path = scratch_file("killed.h5");
    co_file *file;
    deadly = SIGKILL;
    cr_assert_eq(in_child(NULL, start_and_die, path), 1000 + SIGKILL);
    cr_assert_eq(count_temporaries(path), 1);
    must(co_file_create(path, "cohort-run", &file));
    cr_assert_eq(count_temporaries(path), 1, "its own alone");
    co_file_close(file);
    cr_assert_eq(count_temporaries(path), 0);
}

static void touch(const char *path)
{
    const int fd = open(path, O_CREAT | O_WRONLY, 0600);
    cr_assert_geq(fd, 0);
    close(fd);
}

Test(temporary, only_dead_ones_of_the_same_target_are_removed)
{
    const char *path = scratch_file("many.h5");
    char *slash = strrchr(path, '/'), folder[1024], left[1100];
    static const char *const around[][2] = {
        {".", ".tmp-1x"}, {".", ".tmp-"}, {".x", ".tmp-1"}, {"", ".tmp-1"}, {".", ".x.tmp-1"}};
    co_temporary t;
    snprintf(folder, sizeof folder, "%.*s", (int)(slash - path), path);
    snprintf(left, sizeof left, "%s/.%s.tmp-1", folder, slash + 1);
    touch(left);
    char kept[5][1200];
    for (int k = 0; k < 5; k++) {
        snprintf(kept[k], sizeof kept[k], "%s/%s%s%s", folder, around[k][0], slash + 1,
                 around[k][1]);
        touch(kept[k]);
    }
    must(co_temporary_start(path, &t));
    cr_assert_neq(access(left, F_OK), 0, "process 1 lives, but holds no lock");
    for (int k = 0; k < 5; k++) cr_assert_eq(unlink(kept[k]), 0, "%s", kept[k]);
    co_temporary_remove(&t);
    cr_assert_eq(count_temporaries(path), 0);
}

static int *told; /* shared with the child */

static int hold(const char *path)
{
    co_temporary t;
    if (co_temporary_start(path, &t) != CO_OK) return 97;
    *told = 1;
    while (*(volatile int *)told == 1) usleep(1000);
    return co_temporary_rename(&t, path);
}

Test(temporary, that_of_a_living_writer_is_left_alone)
{
    const char *path = scratch_file("alive.h5");
    co_temporary t;
    told = mmap(NULL, sizeof *told, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    fflush(NULL);
    const pid_t child = fork();
    if (child == 0) _exit(hold(path));
    while (*(volatile int *)told == 0) usleep(1000);
    must(co_temporary_start(path, &t));
    cr_assert_eq(count_temporaries(path), 2);
    co_temporary_remove(&t);
    *told = 2;
    int status;
    waitpid(child, &status, 0);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0,
              "it could still give its file the name");
    cr_assert_eq(access(path, F_OK), 0);
}

static volatile sig_atomic_t handled;

static void handle(int signal_number)
{
    handled = signal_number;
}

Test(temporary, signals_that_somebody_handles_stay_his)
{
    const char *path = scratch_file("handled.h5");
    co_temporary t;
    struct sigaction act = {.sa_handler = handle};
    sigaction(SIGTERM, &act, NULL);
    must(co_temporary_start(path, &t));
    raise(SIGTERM);
    cr_assert_eq(handled, SIGTERM);
    cr_assert_eq(count_temporaries(path), 1);
    co_temporary_remove(&t);
}
