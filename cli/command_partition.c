/* cli/command_partition.c - cohort partition: deals the examples of a data set to devices.
 *
 * Under mpirun the ranks share the work: each reads the data set's columns (5 bytes an example; all
 * of it when the method looks at features), deals to its own devices, and rank 0 writes the file.
 */
#include "core/log.h"
#include "core/memory.h"
#include "io/yaml.h"
#include "partition/labels.h"
#include "partition/partitioner.h"
#include "partition/peers.h"
#include "cli/console.h"
#include "report/show.h"
#include <inttypes.h>
#include <string.h>
#include <time.h>

enum {
    MAX_PARAMS = 16,
    LARGE = 20000000 /* examples and devices that take more than a second or two */
};

/* The experiment section's table as the command line has it: no `file`, a method is required, the
 * seed is 1 unless given. */
static void command_params(co_param params[MAX_PARAMS])
{
    size_t n = 0;
    for (const co_param *p = co_partition_params; p->key; p++) {
        CO_ASSERT(n + 1 < MAX_PARAMS);
        if (strcmp(p->key, "file") == 0) continue;
        params[n] = *p;
        if (strcmp(p->key, "method") == 0) params[n].flags = CO_REQUIRED;
        if (strcmp(p->key, "seed") == 0)
            params[n].flags = 0, params[n].def = 1.0, params[n].doc = "key of every draw";
        n++;
    }
    params[n] = (co_param){0};
}

static void print_help(const co_partitioner *member)
{
    co_param params[MAX_PARAMS];
    command_params(params);
    co_print_usage(&co_command_partition, "Options:\n");
    co_print_params(stdout, params);
    if (member && member->params) {
        co_print_wrapped(stdout, "\nOptions of method %s:\n", member->name);
        co_print_params(stdout, member->params);
    } else if (!member) {
        co_print_wrapped(stdout, "\nMethods (`cohort list partitioner NAME` for their options):\n");
        for (const co_plugin *const *m = co_kind_partitioner.members; *m; m++)
            co_print_wrapped(stdout, "  %-16s %s\n", (*m)->name, (*m)->summary);
    }
    co_print_wrapped(
        stdout,
        "\n  --overwrite  replace FILE when the partition has succeeded\n\n"
        "Statistics of the labels: js_* is the Jensen-Shannon distance, the square root of the "
        "divergence with "
        "natural logarithms (0 to 0.8326); emd_* is sum |p - q| (0 to 2); _global_ of a device to "
        "all, _pair_ of "
        "two devices.\n\n"
        "Example: cohort partition data.h5 -o part.h5 method=dirichlet devices=100 alpha=0.3 "
        "seed=1\n");
}

/* *member stays NULL when no method is named. */
static co_status find_member(const co_words *words, const co_partitioner **member)
{
    const co_node *method = co_node_find(words->settings, "method");
    *member = NULL;
    if (!method) return CO_OK;
    if (method->kind == CO_NODE_SCALAR)
        *member = co_partitioner_find(method->text);
    else
        co_fail(
            CO_EUSAGE,
            "command line: method: a list or map is no name; `cohort list partitioner` has them");
    return *member ? CO_OK : CO_EUSAGE;
}

/* The file is read once for all ranks. Collective(comm), NULL: alone. */
static co_status read_data(const co_words *words, const co_partitioner *member,
                           const co_config *opt, co_dataset *data, const co_comm *comm)
{
    const char *path = words->positional[0];
    CO_ASSERT(member); /* the options have been read, and method is required */
    const bool with_x = co_partition_needs_x(member, opt);
    if (!comm)
        CO_TRY(with_x ? co_dataset_read(path, data) : co_dataset_read_columns(path, data));
    else
        CO_TRY(co_dataset_load(path, with_x, data, comm));
    if (!co_partition_needs_texts(opt, member, data)) return CO_OK;
    if (data->in_segment) co_segment_fini(&data->memory);
    co_dataset_fini(data);
    return comm ? co_dataset_load(path, true, data, comm) : co_dataset_read(path, data);
}

static co_status write(const co_words *words, const co_config *opt, const co_dataset *data,
                       co_partition *made)
{
    char *config = NULL;
    CO_TRY(co_yaml_write(opt->map, &config));
    const co_status st =
        co_partition_write(made, data, words->output, (uint64_t)co_config_int(opt, "seed"), config);
    co_free(config);
    return st;
}

/* Seconds since the call began at the end of each step. */
enum { READ, DEALT, DESCRIBED, WRITTEN, N_STEPS };

static void report(const co_words *words, const co_partition *made, const double end_s[N_STEPS])
{
    char text[32];
    co_show_partition(stdout, made);
    co_print_file_size(stdout, words->output);
    co_format_seconds(end_s[WRITTEN], text, sizeof text);
    co_print_field(stdout, "time",
                   "%s (reading %.2f s, dealing %.2f s, statistics %.2f s, writing %.2f s)", text,
                   end_s[READ], end_s[DEALT] - end_s[READ], end_s[DESCRIBED] - end_s[DEALT],
                   end_s[WRITTEN] - end_s[DESCRIBED]);
}

/* One status for all ranks. Collective(comm), NULL: alone. */
static co_status agree(co_status st, const co_comm *comm)
{
    return comm ? co_agree(st, comm) : st;
}

/* Waits until rank 0 has written, without taking a core from its threads. Collective(comm), NULL:
 * alone. */
static void wait_for_file(const co_comm *comm)
{
    MPI_Request request;
    int done = 0;
    if (!comm) return;
    MPI_Ibarrier(comm->world, &request);
    while (MPI_Test(&request, &done, MPI_STATUS_IGNORE) == MPI_SUCCESS && !done)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

/* A line before each step of what takes long; rank 0 alone speaks. */
static void tell(const co_config *opt, const co_dataset *data, const char *step)
{
    const int64_t devices = co_config_has(opt, "devices") ? co_config_int(opt, "devices") : 0;
    if (devices + data->n > LARGE)
        co_log("%s: %" PRId64 " examples, %" PRId64 " devices", step, data->n, devices);
}

/* Every rank has the data and takes part; rank 0 writes. Collective(comm), NULL: alone. */
static co_status make_and_write(const co_words *words, const co_partitioner *member,
                                const co_config *opt, const co_comm *comm)
{
    const double start_s = co_now_s();
    const bool first = !comm || comm->rank == 0;
    double end_s[N_STEPS];
    co_dataset data = {0};
    co_partition made = {0};
    co_status st = agree(first ? co_output_check("partition", words) : CO_OK, comm);
    if (st == CO_OK) st = read_data(words, member, opt, &data, comm);
    end_s[READ] = co_now_s() - start_s;
    if (st == CO_OK) tell(opt, &data, "dealing");
    if (st == CO_OK)
        st = co_partition_deal_on(opt, (uint64_t)co_config_int(opt, "seed"), &data,
                                  comm ? comm->world : MPI_COMM_NULL, &made);
    end_s[DEALT] = co_now_s() - start_s;
    if (st == CO_OK) tell(opt, &data, "statistics");
    if (st == CO_OK && first) st = co_partition_statistics(&made, &data, made.seed);
    end_s[DESCRIBED] = co_now_s() - start_s;
    if (st == CO_OK) tell(opt, &data, "writing");
    if (st == CO_OK && first) st = write(words, opt, &data, &made);
    wait_for_file(comm);
    st = agree(st, comm);
    end_s[WRITTEN] = co_now_s() - start_s;
    if (st == CO_OK && first) report(words, &made, end_s);
    co_partition_fini(&made);
    if (data.in_segment) co_segment_fini(&data.memory);
    co_dataset_fini(&data);
    return st;
}

/* No key `method`: another key may be meant as it. */
static co_status missing_method(const co_words *words)
{
    static const char *const known[] = {"method", NULL};
    for (const co_node *node = words->settings->first; node; node = node->next)
        if (co_nearest(node->key, known))
            return CO_FAIL(CO_EUSAGE, "command line: %.64s: unknown key; did you mean method?",
                           node->key);
    return CO_FAIL(
        CO_EUSAGE,
        "partition: which method? Add method=NAME; `cohort list partitioner` names them");
}

static co_status check(const co_words *words, const co_partitioner *member, const co_config *opt)
{
    co_param params[MAX_PARAMS];
    if (words->n_positional != 1)
        return CO_FAIL(CO_EUSAGE, "partition takes one data set file, %zu were given",
                       words->n_positional);
    if (!member) return missing_method(words);
    command_params(params);
    return co_config_check(opt, (const co_param *const[]){params, member->params}, 2);
}

/* Collective(comm), NULL: alone. */
static co_status partition(int n_words, char **words, const co_comm *comm)
{
    co_words parsed = {0};
    const co_partitioner *member = NULL;
    co_status st = co_words_parse(n_words, words, "-o --overwrite --help", true, &parsed);
    const co_config opt = {.file = "command line", .map = parsed.settings};
    if (st == CO_OK) st = co_partition_advise(&opt);
    if (st == CO_OK) st = find_member(&parsed, &member);
    if (st == CO_OK && !parsed.help) st = check(&parsed, member, &opt);
    st = agree(st, comm);
    if (st == CO_OK && !parsed.help)
        st = make_and_write(&parsed, member, &opt, comm);
    else if (st == CO_OK && (!comm || comm->rank == 0))
        print_help(member);
    co_words_fini(&parsed);
    return st;
}

static co_status run(int n_words, char **words)
{
    co_comm comm;
    if (!co_launched_on_ranks()) return partition(n_words, words, NULL);
    CO_TRY(co_comm_init(&comm)); /* first: what fails on one rank alone has to be agreed on */
    const co_status st = partition(n_words, words, &comm);
    co_comm_fini(&comm);
    return st;
}

const co_command co_command_partition = {
    .name = "partition",
    .usage = "partition DATA -o FILE method=NAME [devices=N] [key=value ..] [--overwrite]",
    .summary = "deals the training examples of a data set to devices",
    .uses_ranks = true,
    .run = run};
