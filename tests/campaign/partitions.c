/* tests/campaign/partitions.c - one partition for many seeds, for
 * tests/campaign/partitions_peers.sh.
 *
 *     cohort_partitions DATA SEEDS key=value ..
 *
 * The words of `cohort partition` but seed. Writes for each seed 1 .. SEEDS, as int64: the number
 * of devices, where the training part of each begins and the last ends, the ids of all parts. */
#include "cli/commands.h"
#include "partition/labels.h"
#include "partition/partitioner.h"
#include <stdio.h>
#include <stdlib.h>

static co_status read_data(const char *path, const co_partitioner *member, const co_config *opt,
                           co_dataset *data)
{
    if (co_partition_needs_x(member, opt)) return co_dataset_read(path, data);
    return co_dataset_read_columns(path, data);
}

static co_status write_lists(const co_partition *p)
{
    const size_t k = (size_t)p->n_devices, n = (size_t)p->train_offsets[k];
    if (fwrite(&p->n_devices, sizeof p->n_devices, 1, stdout) == 1 &&
        fwrite(p->train_offsets, sizeof *p->train_offsets, k + 1, stdout) == k + 1 &&
        fwrite(p->train, sizeof *p->train, n, stdout) == n)
        return CO_OK;
    return CO_FAIL(CO_EFILE, "lists of %zu examples cannot be written", n);
}

static co_status deal(const char *path, uint64_t seeds, const co_words *words)
{
    const co_config opt = {.file = "command line", .map = words->settings};
    const co_node *method = co_node_find(words->settings, "method");
    const co_partitioner *member = method ? co_partitioner_find(method->text) : NULL;
    if (!member) return CO_FAIL(CO_EUSAGE, "which method?");
    const co_param *tables[] = {co_partition_params, member->params};
    co_dataset data = {0};
    CO_TRY(co_config_check(&opt, tables, 2));
    co_status st = read_data(path, member, &opt, &data);
    for (uint64_t seed = 1; st == CO_OK && seed <= seeds; seed++) {
        co_partition made = {0};
        st = co_partition_deal_on(&opt, seed, &data, MPI_COMM_NULL, &made);
        if (st == CO_OK) st = write_lists(&made);
        co_partition_fini(&made);
    }
    co_dataset_fini(&data);
    return st;
}

int main(int argc, char **argv)
{
    co_words words = {0};
    if (argc < 4) {
        fprintf(stderr, "usage: cohort_partitions DATA SEEDS key=value ..\n");
        return 2;
    }
    co_status st = co_words_parse(argc - 3, argv + 3, "", true, &words);
    if (st == CO_OK) st = deal(argv[1], strtoull(argv[2], NULL, 10), &words);
    if (st != CO_OK) fprintf(stderr, "cohort_partitions: %s\n", co_status_message());
    co_words_fini(&words);
    return co_status_exit_code(st);
}
