/* A writer of checkpoints killed at random moments, again and again: no file is half written under
 * its real name, and the newest generation that loads is the last one that was finished, or the one
 * that was just being given its name.
 *
 * A child writes one generation after the other and tells the last one finished through shared
 * memory; the parent sends SIGKILL after a keyed random time. WRITER_KILLS: how many (default 40;
 * tests/campaign/kill_writer.sh takes 2,000). */
#include "core/log.h"
#include "core/random.h"
#include "io/files/file.h"
#include "sim/first_model.h"
#include "sim/observers/run_files.h"
#include "sim/observers/snapshot.h"
#include "tests/harness.h"
#include "tests/models/build.h"
#include <dirent.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { KEEP = 2, FIRST_US = 12000, LONGEST_US = 2000000 };

typedef struct {
    const char *dir;
    co_model *model;
    float *params;
    volatile int64_t *finished; /* shared with the child */
} writer;

/* Never returns: writes generations behind the last one until it is killed. */
static void write_on(writer *w)
{
    for (int64_t round = *w->finished + 1;; round++) {
        co_snapshot s = {.round = round,
                         .model_digest = (uint64_t)round,
                         .model = w->params,
                         .config_digest = "c",
                         .data_digest = "d"};
        for (size_t i = 0; i < co_model_size(w->model); i++) w->params[i] = (float)round;
        if (co_checkpoint_write(w->dir, &s, w->model, 1, "rounds: 1\n", "test", KEEP) != CO_OK)
            _exit(1);
        *w->finished = round;
    }
}

/* Every file under a real name is whole; counts the temporaries, left when the kill came inside a
 * write. */
static int count_temporaries(const char *dir)
{
    int n = 0;
    DIR *folder = opendir(dir);
    cr_assert(folder);
    for (struct dirent *entry; (entry = readdir(folder));) {
        char path[1200];
        co_file *file = NULL;
        if (strstr(entry->d_name, ".tmp-")) n++;
        if (entry->d_name[0] == '.') continue;
        snprintf(path, sizeof path, "%s/%s", dir, entry->d_name);
        cr_expect_eq(co_file_open(path, "cohort-checkpoint", false, &file), CO_OK, "%s",
                     co_status_message());
        co_file_close(file);
    }
    closedir(folder);
    return n;
}

/* The newest generation found in dir and, from its values, that it is the one it says. */
static int64_t newest(const writer *w)
{
    char *path = NULL;
    int64_t round = 0;
    size_t n_damaged = 0;
    cr_assert_eq(co_checkpoint_find(w->dir, &path, &round, &n_damaged), CO_OK, "%s",
                 co_status_message());
    cr_expect_eq(n_damaged, 0);
    if (path) {
        cr_assert_eq(co_checkpoint_read_model(path, w->model, w->params), CO_OK, "%s",
                     co_status_message());
        cr_expect(w->params[0] == (float)round &&
                      w->params[co_model_size(w->model) - 1] == (float)round,
                  "%s", path);
    }
    co_free(path);
    return round;
}

/* Starts the writer and kills it after that time. */
static void kill_once(writer *w, uint64_t after_us)
{
    const pid_t child = fork();
    int status;
    cr_assert_geq(child, 0);
    if (child == 0) write_on(w);
    usleep((useconds_t)after_us);
    kill(child, SIGKILL);
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL,
              "the writer ended by itself with status %d", status);
}

Test(kill_writer, leaves_whole_files_and_the_generation_before, .timeout = 3600)
{
    const char *wanted = getenv("WRITER_KILLS");
    const int n_kills = wanted ? atoi(wanted) : 40;
    int n_inside = 0;
    uint64_t most_us =
        FIRST_US; /* grows and shrinks until a kill meets a generation or two, on any machine */
    char dir[1024];
    const co_shape in = test_flat(60);
    writer w = {.dir = dir};
    co_stream draws = co_stream_open(7, CO_DRAW_TEST, 0, 0, 0);
    snprintf(dir, sizeof dir, "%s", scratch_file("writer"));
    cr_assert_eq(mkdir(dir, 0755), 0);
    cr_assert_eq(test_model("{name: softmax}", &in, 10, &w.model), CO_OK, "%s",
                 co_status_message());
    w.params = co_calloc(co_model_size(w.model), sizeof *w.params);
    w.finished =
        mmap(NULL, sizeof *w.finished, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    cr_assert(w.params && w.finished != MAP_FAILED);
    for (int k = 0; k < n_kills; k++) {
        const int64_t before = *w.finished;
        kill_once(&w, 200 + co_draw_below(&draws, most_us));
        n_inside += count_temporaries(dir) > 0;
        const int64_t found = newest(&w);
        cr_expect(found == *w.finished || found == *w.finished + 1,
                  "kill %d: generation %lld is found, %lld was finished", k, (long long)found,
                  (long long)*w.finished);
        *w.finished = found;
        if (found == before && most_us < LONGEST_US) most_us += most_us / 4;
        if (found > before + 2) most_us -= most_us / 4;
        cr_assert_eq(co_output_sweep(dir), CO_OK);
        cr_expect_eq(count_temporaries(dir), 0);
    }
    fprintf(stderr, "%d kills, %d of them inside a write, %lld generations\n", n_kills, n_inside,
            (long long)*w.finished);
    cr_expect_gt(n_inside, n_kills / 4);
    cr_expect_gt(*w.finished, 0);
    munmap((void *)w.finished, sizeof *w.finished);
    co_free(w.params);
    co_model_destroy(w.model);
    cr_assert_eq(co_output_remove(dir), CO_OK);
    cr_expect_eq(rmdir(dir), 0);
}
