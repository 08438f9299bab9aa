/* The partitioner matrix: the given distribution is what the devices hold. */
#include "tests/harness.h"
#include "tests/partition/support.h"

static const char *write_matrix(const char *text)
{
    static char words[1200];
    const char *path = scratch_file("given.csv");
    FILE *file = fopen(path, "w");
    cr_assert(file);
    fputs(text, file);
    fclose(file);
    snprintf(words, sizeof words, "method=matrix matrix=%s", path);
    return words;
}

static void expect_counts(const char *table, const char *unit, const int64_t *wanted,
                          int64_t n_left)
{
    char words[1300];
    co_dataset data = plain_data(60, 3);
    snprintf(words, sizeof words, "%s unit=%s", write_matrix(table), unit);
    co_partition p = must_make(words, &data);
    int64_t *counts = count_table(&p, &data);
    cr_expect(p.n_devices == 2 && p.n_unassigned == n_left);
    for (int i = 0; i < 6; i++)
        cr_expect(counts[i] == wanted[i], "%s: entry %d is %lld", unit, i, (long long)counts[i]);
    co_free(counts);
    co_partition_fini(&p);
    co_dataset_fini(&data);
}

Test(matrix, counts_shares_and_mixes_are_kept)
{
    expect_counts("# a comment\n5, 0, 7\n10, 20, 0\n", "count", (int64_t[]){5, 0, 7, 10, 20, 0},
                  18);
    expect_counts("\xef\xbb\xbf" "5,0,7\r\n10,20,0\r\n", "count", (int64_t[]){5, 0, 7, 10, 20, 0}, 18);
    expect_counts("1,0,3\n3,0,1\n", "class", (int64_t[]){5, 0, 15, 15, 0, 5}, 20);
    expect_counts("2,1,0\n0,1,2\n", "device", (int64_t[]){20, 10, 0, 0, 10, 20}, 0);
}

Test(matrix, asking_for_more_than_there_is_is_refused)
{
    co_dataset data = plain_data(60, 3);
    co_partition p;
    char words[1300];
    snprintf(words, sizeof words, "%s unit=count", write_matrix("21,0,0\n0,0,0\n"));
    cr_expect(make_partition(words, &data, &p) == CO_EUSAGE);
    cr_expect(strstr(co_status_message(), "ask for 21 examples, there are 20"), "%s",
              co_status_message());
    co_dataset_fini(&data);
}
