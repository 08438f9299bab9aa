/* tests/mpi/fault_walk.c - every place where memory, a file or another rank can fail, made to fail
 * one after the other.
 *
 * The commands run in this process, with no fault at first: that gives the number of passes through
 * each site and the digests of an undisturbed run. Then one pass of one rank is made to fail at a
 * time. Each time all ranks must get the same status with the code of that site and a message, or a
 * fault that could be borne must change nothing; no block of memory may be left, no file half
 * written under its real name, no temporary; and a run that was disturbed must go on with --resume
 * to the undisturbed run's digests. A rank that hangs is ended by an alarm. Sites are taken evenly
 * out of all: WALK_SITES of them (default 200, 40 under the sanitizers; 0: every one, from
 * WALK_FIRST on), or with WALK_STRIDE=s every s-th, the first of them WALK_FIRST. */
#include "core/comm.h"
#include "core/memory.h"
#include "io/files/file.h"
#include "sim/first_model.h"
#include "sim/observers/run_files.h"
#include "sim/observers/snapshot.h"
#include "cli/commands.h"
#include "tests/harness.h"
#include "tests/run_helpers.h"
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#ifdef __SANITIZE_ADDRESS__
enum { N_WORDS = 12, PATIENCE_S = 30, SITES = 40 }; /* the sanitizers make each that much longer */
#else
enum { N_WORDS = 12, PATIENCE_S = 30, SITES = 200 };
#endif

typedef struct {
    const char *title;
    const co_command *command;
    const char *words[N_WORDS];
    const char *before; /* shell words that make the state it starts from */
    bool one_rank;      /* runs on a single rank */
    bool is_run;        /* out/ is to hold a run that can be resumed */
} step;

#define RUN_FROM "rm -rf out && cp -r base out"
#define FULL_FOLDER "rm -rf gen && mkdir gen && cp base/run.h5 gen"
static const step steps[] = {
    {"import",
     &co_command_import,
     {"synthetic", "devices=5", "alpha=1", "beta=1", "size=12", "-o", "d.h5"},
     "rm -f d.h5",
     true,
     false},
    {"csv",
     &co_command_import,
     {"csv", "t.csv", "y=y", "header=true", "-o", "d.h5"},
     "rm -f d.h5",
     true,
     false},
    {"partition",
     &co_command_partition,
     {"data.h5", "method=dirichlet", "devices=6", "alpha=1", "-o", "p.h5"},
     "rm -f p.h5",
     false,
     false},
    {"show data", &co_command_show, {"data.h5"}, "true", true, false},
    {"show partition", &co_command_show, {"part.h5", "--json"}, "true", true, false},
    {"show run", &co_command_show, {"base/run.h5"}, "true", true, false},
    {"show checkpoint", &co_command_show, {"base/ckpt-00000002.h5"}, "true", true, false},
    {"list", &co_command_list, {"partitioner"}, "true", true, false},
    {"run", &co_command_run, {"e.yaml"}, "rm -rf out", false, true},
    {"resume", &co_command_run, {"e.yaml", "--resume"}, RUN_FROM, false, true},
    {"overwrite", &co_command_run, {"g.yaml", "--overwrite"}, FULL_FOLDER, false, false},
    {"scaffold",
     &co_command_run,
     {"g.yaml", "--overwrite", "algorithm=scaffold"},
     FULL_FOLDER,
     false,
     false},
    {"median",
     &co_command_run,
     {"g.yaml", "--overwrite", "aggregate.rule=median"},
     FULL_FOLDER,
     false,
     false},
    {"private",
     &co_command_run,
     {"g.yaml", "--overwrite", "devices.select=poisson",
      "privacy={mechanism: gaussian, clip: 1, noise_multiplier: 1, delta: 1e-3}"},
     FULL_FOLDER,
     false,
     false},
    {"secagg",
     &co_command_run,
     {"g.yaml", "--overwrite", "transforms=[{name: ring}]", "aggregate.weight=uniform",
      "secagg={threshold: 2}", "clock={seconds_per_unit: 1, dropout: 0.2}"},
     FULL_FOLDER,
     false,
     false},
    {"edges",
     &co_command_run,
     {"g.yaml", "--overwrite", "aggregate.groups={servers: 2, cloud_every: 2}"},
     FULL_FOLDER,
     false,
     false},
};
enum { N_STEPS = sizeof steps / sizeof *steps };
static const struct {
    const char *name;
    int exit_code; /* 0: any but 0 */
} sites[] = {{"alloc", 70},    {"agree", 70},    {"shared", 70},    {"data_memory", 70},
             {"train", 70},    {"file_open", 4}, {"file_read", 4},  {"file_write", 4},
             {"file_full", 4}, {"file_sync", 4}, {"file_rename", 4}};
enum { N_SITES = sizeof sites / sizeof *sites };

static int rank, size, quiet, spoken; /* quiet: /dev/null; spoken: the real stderr */
static long n_walked, n_struck, n_borne;
static char whole[2][33]; /* digests of the undisturbed run */

static void on_all(const char *shell)
{
    if (rank == 0) CHECK(system(shell) == 0);
    MPI_Barrier(MPI_COMM_WORLD);
}

/* The status of the command on this rank, with what it says sent nowhere. */
static co_status play(const step *s)
{
    char copies[N_WORDS][160], *words[N_WORDS];
    int n = 0;
    for (; n < N_WORDS && s->words[n]; n++) {
        snprintf(copies[n], sizeof copies[n], "%s", s->words[n]);
        words[n] = copies[n];
    }
    fflush(stdout);
    fflush(stderr);
    const int out = dup(STDOUT_FILENO);
    dup2(quiet, STDOUT_FILENO);
    dup2(quiet, STDERR_FILENO);
    co_status_set_message("");
    alarm(PATIENCE_S);
    const co_status st = s->command->run(n, words);
    alarm(0);
    fflush(stdout);
    fflush(stderr);
    dup2(out, STDOUT_FILENO);
    dup2(spoken, STDERR_FILENO);
    close(out);
    return st;
}

static void digest(const char *path, char hex[33])
{
    co_file *file = NULL;
    hex[0] = 0;
    if (co_file_open(path, NULL, false, &file) != CO_OK || co_file_digest(file, hex) != CO_OK)
        fprintf(stderr, "%s\n", co_status_message());
    co_file_close(file);
}

/* No temporary in the folder, and every file of ours is whole. */
static bool is_clean(const char *dir)
{
    bool clean = true;
    DIR *folder = opendir(dir);
    for (struct dirent *entry; folder && (entry = readdir(folder));) {
        char path[600];
        const char *end = strrchr(entry->d_name, '.');
        snprintf(path, sizeof path, "%s/%s", dir, entry->d_name);
        co_file *file = NULL;
        if (strstr(entry->d_name, ".tmp")) clean = false;
        if (end && strcmp(end, ".h5") == 0 && co_file_open(path, NULL, false, &file) != CO_OK)
            clean = false;
        co_file_close(file);
    }
    if (folder) closedir(folder);
    return clean;
}

static bool is_whole(void)
{
    char found[2][33];
    digest("out/run.h5", found[0]);
    digest("out/ckpt-00000003.h5", found[1]);
    return strcmp(found[0], whole[0]) == 0 && strcmp(found[1], whole[1]) == 0;
}

static void complain(const step *s, const char *plan, const char *what, co_status st)
{
    char text[1400];
    snprintf(text, sizeof text, "%s, %s: %s (status %d: %s)", s->title, plan, what, (int)st,
             co_status_message());
    check_failed(text, "fault walk", 0);
}

/* After a fault in a run: it can be gone on with, to the same bits. Collective. */
static void go_on(const step *s, const char *plan)
{
    const step resume = {"go on", &co_command_run, {"e.yaml", "--resume"}, "true", false, true};
    const co_status st = play(&resume);
    if (st != CO_OK)
        complain(s, plan, "the resume fails", st);
    else if (rank == 0 && !is_whole())
        complain(s, plan, "the resume ends with other bits", st);
}

/* Collective. */
static void strike(const step *s, const char *site, int exit_code, const char *plan)
{
    on_all(s->before);
    const size_t blocks = co_memory_blocks();
    co_fault_plan(plan);
    const co_status st = play(s);
    int struck = co_fault_struck(), codes[2] = {(int)st, -(int)st};
    const size_t left = co_memory_blocks();
    co_fault_plan(NULL);
    MPI_Allreduce(MPI_IN_PLACE, &struck, 1, MPI_INT, MPI_MAX, MPI_COMM_WORLD);
    MPI_Allreduce(MPI_IN_PLACE, codes, 2, MPI_INT, MPI_MAX, MPI_COMM_WORLD);
    n_struck += struck;
    if (left != blocks) complain(s, plan, "memory is left", st);
    if (codes[0] != -codes[1]) complain(s, plan, "the ranks differ in their status", st);
    if (rank == 0 && !struck && strcmp(site, "alloc") != 0) complain(s, plan, "did not strike", st);
    if (rank == 0 && struck && st == CO_OK)
        fprintf(stderr, "borne: %s, %s: %s\n", s->title, plan, co_status_message());
    n_borne += struck && st == CO_OK;
    if (st != CO_OK && co_status_exit_code(st) != exit_code)
        complain(s, plan, "another exit code", st);
    if (st != CO_OK && !*co_status_message()) complain(s, plan, "no message", st);
    if (rank == 0 && (!is_clean(".") || !is_clean("out")))
        complain(s, plan, "something half written is left", st);
    if (s->is_run) go_on(s, plan);
    MPI_Barrier(MPI_COMM_WORLD);
}

/* Passes of this rank through each site in an undisturbed start. */
static void count_passes(const step *s, long passes[N_SITES])
{
    on_all(s->before);
    co_fault_plan("count");
    const co_status st = play(s);
    for (int k = 0; k < N_SITES; k++) passes[k] = co_fault_passes(sites[k].name);
    co_fault_plan(NULL);
    if (st != CO_OK) complain(s, "no fault", "fails", st);
    MPI_Barrier(MPI_COMM_WORLD);
}

static void prepare(void)
{
    char folder[1024];
    if (access("/dev/shm", W_OK) ==
        0) /* thousands of files are brought to the disk: better to none */
        snprintf(folder, sizeof folder, "/dev/shm/cohort-walk-%d", (int)getpid());
    else
        snprintf(folder, sizeof folder, "%s", scratch_file("walk"));
    MPI_Bcast(folder, sizeof folder, MPI_CHAR, 0, MPI_COMM_WORLD);
    if (rank == 0) CHECK(mkdir(folder, 0755) == 0);
    MPI_Barrier(MPI_COMM_WORLD);
    CHECK(chdir(folder) == 0);
    quiet = open("/dev/null", O_WRONLY | O_CLOEXEC);
    spoken = dup(STDERR_FILENO);
    on_all(
        "printf 'a,b,y\\n1,2,u\\n3,5,v\\n4,4,u\\n' > t.csv; "
        "printf 'rounds: 3\\nalgorithm: fedadam\\ndata: {file: data.h5}\\npartition: {file: "
        "part.h5}\\nmodel: {name: softmax}\\n"
        "devices: {per_round: 3}\\nlocal: {batch: 8, lr: 0.05}\\neval: {every: 2, devices: true}\\n"
        "output: {dir: out, checkpoint_every: 1, keep: 2}\\n' > e.yaml; "
        "printf 'rounds: 2\\ndata: {generator: synthetic, devices: 6, alpha: 1, beta: 1, size: "
        "15}\\nmodel: {name: softmax}\\n"
        "devices: {per_round: 3}\\nlocal: {lr: 0.05}\\neval: {every: 1}\\noutput: {dir: gen}\\n' > "
        "g.yaml");
    if (rank == 0) CHECK(write_blobs("data.h5", 60, 6, 3, 1) == CO_OK);
    MPI_Barrier(MPI_COMM_WORLD);
    const step part = {"part",
                       &co_command_partition,
                       {"data.h5", "method=dirichlet", "devices=5", "alpha=1", "test_fraction=0.2",
                        "-o", "part.h5"},
                       "true",
                       false,
                       false};
    if (play(&part) != CO_OK) complain(&part, "no fault", "fails", CO_EINTERNAL);
    const step base = {"base", &co_command_run, {"e.yaml"}, "", false, true};
    MPI_Barrier(MPI_COMM_WORLD);
    if (play(&base) != CO_OK) complain(&base, "no fault", "fails", CO_EINTERNAL);
    if (rank == 0) digest("out/run.h5", whole[0]), digest("out/ckpt-00000003.h5", whole[1]);
    on_all("cp -r out base && rm base/ckpt-00000003.h5"); /* a resume starts at round 2 */
}

/* The sites of one step, `share` of them, each rank's in turn. Collective. */
static void walk(const step *s, double share, long first, bool told, long *index, double *due)
{
    long own[N_SITES], all[N_SITES * size];
    count_passes(s, own);
    MPI_Allgather(own, N_SITES, MPI_LONG, all, N_SITES, MPI_LONG, MPI_COMM_WORLD);
    for (int r = 0; r < size; r++)
        for (int k = 0; k < N_SITES; k++)
            for (long nth = 1; nth <= all[r * N_SITES + k]; nth++) {
                char plan[80];
                if (++*index < first) continue;
                *due += share;
                if (*due < 1.0) continue;
                *due -= 1.0;
                snprintf(plan, sizeof plan, "%s:%d:%ld", sites[k].name, r, nth);
                strike(s, sites[k].name, sites[k].exit_code, plan);
                if (told && rank == 0 && ++n_walked % 100 == 0)
                    fprintf(stderr, "walked %ld: %s, %s\n", *index, s->title, plan);
            }
}

/* Sites there are in all. Collective. */
static long count_all(void)
{
    long n = 0;
    for (int k = 0; k < N_STEPS; k++) {
        long passes[N_SITES];
        if (steps[k].one_rank && size > 1) continue;
        count_passes(&steps[k], passes);
        for (int j = 0; j < N_SITES; j++) n += passes[j];
    }
    MPI_Allreduce(MPI_IN_PLACE, &n, 1, MPI_LONG, MPI_SUM, MPI_COMM_WORLD);
    return n;
}

int main(int argc, char **argv)
{
    setenv("COHORT_PROGRESS", "off", 1);
    setenv("COHORT_WATCHDOG_S", "20", 1);
    co_files_start();
    rank = harness_start(&argc, &argv);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    co_status_set_rank(rank);
    const char *wanted = getenv("WALK_SITES"), *start = getenv("WALK_FIRST"),
               *stride = getenv("WALK_STRIDE");
    const long first = start ? atol(start) : 1;
    prepare();
    const long n_all = count_all(), n = wanted ? atol(wanted) : size == 1 || size == 3 ? SITES : 20;
    const double share = stride               ? 1.0 / atof(stride)
                         : n > 0 && n < n_all ? (double)n / (double)n_all
                                              : 1.0;
    long index = 0;
    double due = stride ? 1.0 - share : 0.0; /* begins with the first */
    for (int k = 0; k < N_STEPS; k++)
        if (!steps[k].one_rank || size == 1)
            walk(&steps[k], share, first, stride || share >= 1.0, &index, &due);
    CHECK(n_struck > 0);
    if (rank == 0)
        fprintf(stderr, "%d ranks: %ld sites, %ld struck, %ld borne without a loss\n", size, n_all,
                n_struck, n_borne);
    char folder[1024];
    if (rank == 0 && getcwd(folder, sizeof folder) && chdir("/") == 0) {
        char command[1100];
        snprintf(command, sizeof command, "rm -rf %s", folder);
        CHECK(system(command) == 0);
    }
    close(quiet);
    close(spoken);
    return harness_end();
}
