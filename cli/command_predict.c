/* cli/command_predict.c - `cohort predict`: its words and its help; sim/predict.c does the rest. */
#include "cli/console.h"
#include "core/log.h"
#include "models/decoding/options.h"
#include "report/print.h"
#include "sim/play.h"
#include "sim/predict.h"
#include <inttypes.h>
#include <string.h>

static const co_param params[] = {
    {.key = "split",
     .type = CO_CHOICE,
     .words = CO_PREDICT_SPLITS,
     .doc = "examples of the data set"},
    {.key = "output",
     .type = CO_CHOICE,
     .words = CO_PREDICT_OUTPUTS,
     .doc = "what the last layer gives; the task's loss of each example (or token); what feeds the "
            "last layer that has weights; the tag of each token; the answers to questions (task "
            "span); or the texts that the model writes: targets of sources (seq2seq), how texts go "
            "on (lm)"},
    {.key = "show",
     .type = CO_INT,
     .def = 0,
     .hi = 1e9,
     .doc = "output=text: prints so many of them"},
    CO_DECODING_PARAMS,
    {.key = "tap",
     .type = CO_STRING,
     .flags = CO_OPTIONAL,
     .doc = "with output=hidden: what that item of the model's list gives instead (2, inside "
            "blocks 3.1)"},
    {0}};

static void print_help(void)
{
    co_print_usage(&co_command_predict,
                   "CHECKPOINT: any that a run has left, best.h5 too. EXPERIMENT.yaml: its model "
                   "before the first round\n"
                   "(drawn, or as model.init says). DATA stands in place of the experiment's own "
                   "data set.\n\nOptions:\n");
    co_print_params(stdout, params);
    co_print_wrapped(
        stdout,
        "\n  --overwrite  replace FILE when the predictions have succeeded\n\n"
        "FILE holds id [n], by split and id, and logits or hidden [rows, width], loss or tags\n"
        "[rows]; where rows are tokens, offsets [n + 1] says which are whose (language models: a\n"
        "row for each token but the last; seq2seq: for each of the target but the last).\n"
        "text: bytes, with text_offsets [n + 1].\n"
        "answers: a row for each question: id of its first window; text (bytes) with\n"
        "text_offsets; place [n, 2], its bytes in the raw text of window [n]; score, and none,\n"
        "that of no answer.\n"
        "`cohort partition DATA -o PART method=cluster features=FILE` takes hidden values,\n"
        "of tokens their mean.\n\n"
        "Example: cohort predict runs/mnist/ckpt-00000200.h5 mnist.h5 -o logits.h5 split=test\n");
}

static co_status check(const co_words *words, const co_config *opt)
{
    const co_param *const tables[] = {params};
    if (words->n_positional != 2)
        return CO_FAIL(CO_EUSAGE,
                       "predict takes a checkpoint or an experiment file and a data set, %zu words "
                       "were given: cohort predict CKPT DATA -o FILE",
                       words->n_positional);
    CO_TRY(co_config_check(opt, tables, 1));
    if (strcmp(co_config_string(opt, "output"), "text") != 0)
        for (const char *const *key =
                 (const char *const[]){"show", "beams", "max_length", "length_penalty",
                                       "early_stopping", "forced_first", "forced_last", NULL};
             *key; key++)
            if (co_config_has(opt, *key) && !co_config_node(opt, *key)->is_default)
                return co_config_fail(opt, co_config_node(opt, *key), "goes with output=text");
    if (co_config_has(opt, "tap") && strcmp(co_config_string(opt, "output"), "hidden") != 0)
        return co_config_fail(opt, co_config_node(opt, "tap"), "goes with output=hidden");
    return CO_OK;
}

static co_status predict(const co_words *words, const co_config *opt, const co_comm *comm)
{
    const double start = co_now_s();
    const co_predict_request want = {.model = words->positional[0],
                                     .data = words->positional[1],
                                     .file = words->output,
                                     .split = co_config_string(opt, "split"),
                                     .output = co_config_string(opt, "output"),
                                     .how = co_decoding_from(opt),
                                     .show = co_config_int(opt, "show"),
                                     .tap = co_config_has(opt, "tap") ? co_config_string(opt, "tap")
                                                                      : NULL};
    co_predicted said;
    char time[32];
    CO_TRY(co_agree(comm->rank == 0 ? co_output_check("predict", words) : CO_OK, comm));
    CO_TRY(co_blas_agree(comm));
    CO_TRY(co_predict(&want, comm, &said));
    if (comm->rank != 0) return CO_OK;
    co_format_seconds(co_now_s() - start, time, sizeof time);
    co_print_field(stdout, "predictions", "%s of %" PRId64 " examples, %" PRId64 " rows of %zu",
                   want.output, said.n, said.n_rows, said.width);
    co_print_file_size(stdout, words->output);
    co_print_field(stdout, "time", "%s on %d rank%s", time, comm->size, comm->size == 1 ? "" : "s");
    return CO_OK;
}

static co_status run(int n_words, char **words)
{
    co_words parsed = {0};
    co_comm comm;
    CO_TRY(co_comm_init(&comm)); /* first: what fails on one rank alone has to be agreed on */
    co_status st = co_words_parse(n_words, words, "-o --overwrite --help", true, &parsed);
    const co_config opt = {.file = "command line", .map = parsed.settings};
    if (st == CO_OK && !parsed.help) st = check(&parsed, &opt);
    st = co_agree(st, &comm);
    if (st == CO_OK && !parsed.help)
        st = predict(&parsed, &opt, &comm);
    else if (st == CO_OK && comm.rank == 0)
        print_help();
    co_words_fini(&parsed);
    co_comm_fini(&comm);
    return st;
}

const co_command co_command_predict = {
    .name = "predict",
    .usage = "predict CHECKPOINT|EXPERIMENT.yaml DATA -o FILE [key=value ..] [--overwrite]",
    .summary = "what a model says of the examples of a data set (mpirun -n N cohort predict ..)",
    .needs_mpi = true,
    .run = run};
