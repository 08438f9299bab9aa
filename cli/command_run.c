/* cli/command_run.c - `cohort run`: its words and its help; sim/play.c does the rest. */
#include "core/comm.h"
#include "report/print.h"
#include "cli/commands.h"
#include "sim/play.h"

static const char help[] =
    "usage: cohort run EXPERIMENT.yaml [section.key=value ..] [--resume | --overwrite] "
    "[--dry-run]\n"
    "       mpirun -n 4 cohort run EXPERIMENT.yaml        (any number of ranks: the same bits)\n"
    "\n"
    "Trains as the experiment file says and leaves run.h5, checkpoints and the resolved "
    "experiment.yaml\n"
    "in output.dir (default runs/<name>). Words like rounds=50 or local.lr=0.05 override the "
    "file.\n"
    "\n"
    "  --resume      go on from the newest good checkpoint; start at round 0 if there is none\n"
    "  --overwrite   remove an earlier run's files in output.dir first\n"
    "  --dry-run     check everything and print what the run will take\n"
    "\n"
    "Keys of the sections, with defaults:\n";

static void print_help(void)
{
    co_print_wrapped(stdout, "%s", help);
    for (const co_section *s = co_experiment_sections; s->name; s++) {
        printf("\n%s%s\n", *s->name ? s->name : "(top level)", *s->name ? ":" : "");
        co_print_params(stdout, s->params);
    }
    puts("\nexample: cohort run jobs/experiments/quickstart.yaml rounds=20 --overwrite");
}

static co_status run_command(int n_words, char **words)
{
    co_words parsed = {0};
    co_comm comm;
    co_experiment experiment = {0};
    CO_TRY(co_comm_init(&comm)); /* first: what fails on one rank alone has to be agreed on */
    co_status st =
        co_words_parse(n_words, words, "--resume --overwrite --dry-run --help", false, &parsed);
    CO_TRY_OUT(co_agree(st, &comm));
    if (parsed.help) {
        if (comm.rank == 0) print_help();
        goto out;
    }
    if (parsed.n_positional == 0)
        CO_TRY_OUT(CO_FAIL(
            CO_EUSAGE,
            "run needs an experiment file: cohort run EXPERIMENT.yaml (cohort run --help)"));
    if (parsed.resume && parsed.overwrite)
        CO_TRY_OUT(
            CO_FAIL(CO_EUSAGE,
                    "--resume goes on with the files, --overwrite removes them: give one of them"));
    st = co_experiment_load(parsed.positional[0], (char **)parsed.positional + 1,
                            parsed.n_positional - 1, 0, &experiment);
    st = co_agree(st, &comm);
    if (st == CO_OK) st = co_blas_agree(&comm);
    const co_play_mode mode = {parsed.resume, parsed.overwrite, parsed.dry_run};
    if (st == CO_OK) st = co_play(&experiment, mode, &comm);
out:
    co_experiment_fini(&experiment);
    co_words_fini(&parsed);
    co_comm_fini(&comm);
    return st;
}

const co_command co_command_run = {
    .name = "run",
    .usage = "run EXPERIMENT.yaml [section.key=value ..] [--resume | --overwrite] [--dry-run]",
    .summary = "train as an experiment file says (mpirun -n N cohort run ..)",
    .needs_mpi = true,
    .run = run_command};
