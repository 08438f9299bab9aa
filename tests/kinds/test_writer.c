/* Every writer of the list under the same laws, on partitions of one data set; new members join by
 * themselves, those of whole folders aside (tests/cli/weights.sh). What other programs make of the
 * files is in tests/cli/interop.sh. */
#include "io/lists/lists.h"
#include "io/writers/writer.h"
#include "tests/io/io_helpers.h"
#include "tests/io/reader_support.h"
#include "tests/kinds/export_support.h"
#include <dirent.h>

#define EACH_MEMBER(member)                                                                        \
    for (const co_plugin *const *at_ = co_kind_writer.members; *at_; at_++)                        \
        for (const co_writer *member = (const co_writer *)*at_; member && !member->folder;         \
             member = NULL)

static co_status export_with(const co_writer *member, const co_config *opt, const char *to)
{
    const bool takes_data = strstr(member->usage, "DATA PART") != NULL;
    const char *const sources[] = {takes_data ? data_path : part_path, part_path};
    co_status_set_message("");
    return member->write(opt, sources, takes_data ? 2 : 1, to);
}

static co_status export(const co_writer *member)
{
    co_node *root;
    const co_config opt = test_options("{}", NULL, &member->params, 1, &root);
    const co_status st = export_with(member, &opt, out_path);
    co_node_destroy(root);
    return st;
}

/* Files in the folder, hidden ones included. */
static int n_files(void)
{
    int n = 0;
    DIR *dir = opendir(folder);
    cr_assert(dir);
    for (const struct dirent *e; (e = readdir(dir));)
        n += strcmp(e->d_name, ".") && strcmp(e->d_name, "..");
    closedir(dir);
    return n;
}

/* Lists of either partition: the same ids for each device. */
static bool same_lists(int64_t n, const int64_t *at, const int64_t *ids, const int64_t *at2,
                       const int64_t *ids2)
{
    if (!at || !at2) return (at ? at[n] : 0) == (at2 ? at2[n] : 0);
    return memcmp(at, at2, (size_t)(n + 1) * sizeof *at) == 0 &&
           memcmp(ids, ids2, (size_t)at[n] * sizeof *ids) == 0;
}

/* What was exported, read as lists, is the partition again; names: with its names, if it has any.
 */
static void expect_lists(const co_writer *member, const co_partition *p, bool with_names)
{
    co_partition back;
    cr_assert_eq(co_lists_read(out_path, NULL, &back), CO_OK, "%s: %s", member->name,
                 co_status_message());
    cr_expect_eq(back.n_devices, p->n_devices, "%s: %lld devices", member->name,
                 (long long)back.n_devices);
    cr_expect(
        back.n_devices == p->n_devices &&
            same_lists(p->n_devices, p->train_offsets, p->train, back.train_offsets, back.train) &&
            same_lists(p->n_devices, p->test_offsets, p->test, back.test_offsets, back.test),
        "%s: other lists", member->name);
    cr_expect_eq(back.device_name != NULL, with_names && p->device_name, "%s: names", member->name);
    for (int64_t d = 0; back.device_name && p->device_name && d < p->n_devices; d++)
        cr_expect_str_eq(back.device_name[d], p->device_name[d], "%s", member->name);
    co_partition_fini(&back);
}

/* What was exported, imported as a data set, has each device's rows for a user of its name. */
static void expect_rows(const co_writer *member, const co_partition *p)
{
    co_dataset data, back;
    cr_assert_eq(co_dataset_read(data_path, &data), CO_OK);
    import_good(member->name, out_path, "", &back);
    cr_expect_eq(back.n, p->train_offsets[p->n_devices], "%s: %lld rows", member->name,
                 (long long)back.n);
    for (int64_t d = 0; d < p->n_devices; d++) {
        char number[24];
        snprintf(number, sizeof number, "%lld", (long long)d);
        const char *name = p->device_name ? p->device_name[d] : number;
        int64_t at = p->train_offsets[d];
        for (int64_t i = 0; i < back.n; i++) {
            if (strcmp(back.user_name[back.user[i]], name) != 0) continue;
            cr_assert(at < p->train_offsets[d + 1], "%s: device '%s' has too many rows",
                      member->name, name);
            cr_expect(memcmp((float *)back.x + i * 3, (float *)data.x + p->train[at] * 3,
                             3 * sizeof(float)) == 0 &&
                          back.y[i] == data.y[p->train[at]],
                      "%s: device '%s'", member->name, name);
            at++;
        }
        cr_expect_eq(at, p->train_offsets[d + 1], "%s: device '%s' lacks rows", member->name, name);
    }
    co_dataset_fini(&data);
    co_dataset_fini(&back);
}

Test(writer, what_is_written_is_read_back_as_the_same_devices)
{
    static const form forms[] = {PLAIN, NAMED,         TESTED,        NAMED | TESTED,
                                 EMPTY, NAMED | EMPTY, EMPTY | TESTED};
    start();
    EACH_MEMBER(member)
    {
        for (size_t k = 0; k < sizeof forms / sizeof *forms; k++) {
            co_partition p;
            make_partition(forms[k]);
            cr_assert_eq(co_partition_read(part_path, NULL, &p), CO_OK, "%s", co_status_message());
            cr_assert_eq(export(member), CO_OK, "%s, form %d: %s", member->name, (int)forms[k],
                         co_status_message());
            cr_expect_eq(n_files(), 3, "%s leaves files", member->name);
            if (strstr(member->usage, "DATA PART")) {
                if (!(forms[k] & EMPTY))
                    expect_rows(member, &p); /* without rows it is no data set to import */
            } else {
                expect_lists(member, &p,
                             strstr(member->summary, "FedNLP") ==
                                 NULL); /* which numbers its devices */
            }
            co_partition_fini(&p);
            remove(out_path);
        }
    }
    end();
}

/* Lists that were read back and written again: the same lists once more. */
Test(writer, the_export_of_an_export_is_the_export)
{
    start();
    EACH_MEMBER(member)
    {
        if (strstr(member->usage, "DATA PART")) continue; /* read as a data set */
        co_partition once;
        co_dataset data;
        make_partition(NAMED | TESTED);
        cr_assert_eq(export(member), CO_OK, "%s", co_status_message());
        size_t n[2];
        unsigned char *first = slurp(out_path, &n[0]);
        cr_assert_eq(co_lists_read(out_path, NULL, &once), CO_OK, "%s", co_status_message());
        cr_assert_eq(co_dataset_read(data_path, &data), CO_OK);
        once.method = co_strdup("natural");
        cr_assert_eq(co_partition_write(&once, &data, part_path, 1, "test: writer\n"), CO_OK, "%s",
                     co_status_message());
        remove(out_path);
        cr_assert_eq(export(member), CO_OK, "%s", co_status_message());
        unsigned char *again = slurp(out_path, &n[1]);
        cr_expect(n[0] == n[1] && memcmp(first, again, n[0]) == 0, "%s: other bytes", member->name);
        expect_lists(member, &once, true);
        free(first);
        free(again);
        co_partition_fini(&once);
        co_dataset_fini(&data);
        remove(out_path);
    }
    end();
}

/* One export in which a pass through a site fails: a status, a message, and at its place the old
 * file, or the new one where only the folder did not reach the disk; nothing beside it. */
static void fail_once(const co_writer *member, const co_config *opt, const char *site, long nth,
                      const unsigned char *good, size_t n_good)
{
    size_t n = 0;
    char plan[64];
    write_bytes(out_path, "old", 3);
    snprintf(plan, sizeof plan, "%s:*:%ld", site, nth);
    const size_t blocks = co_memory_blocks();
    co_fault_plan(plan);
    const co_status st = export_with(member, opt, out_path);
    const bool struck = co_fault_struck();
    co_fault_plan(NULL);
    unsigned char *now = slurp(out_path, &n);
    const bool old = now && n == 3 && memcmp(now, "old", 3) == 0,
               whole = now && n == n_good && memcmp(now, good, n) == 0;
    cr_expect(struck && st != CO_OK && *co_status_message(), "%s, %s: status %d, '%s'",
              member->name, plan, (int)st, co_status_message());
    cr_expect(old || (whole && strcmp(site, "file_sync") == 0), "%s, %s: %zu bytes stand there",
              member->name, plan, n);
    cr_expect_eq(n_files(), 3, "%s, %s: leaves files", member->name, plan);
    cr_expect_eq(co_memory_blocks(), blocks, "%s, %s: leaks", member->name, plan);
    free(now);
}

Test(writer, a_failure_leaves_the_old_file_and_nothing_else)
{
    static const char *const sites[] = {"alloc",     "file_open", "file_read",  "file_write",
                                        "file_full", "file_sync", "file_rename"};
    start();
    make_partition(NAMED | TESTED);
    EACH_MEMBER(member)
    {
        co_node *root;
        const co_config opt = test_options("{}", NULL, &member->params, 1, &root);
        size_t n_good;
        cr_assert_eq(export_with(member, &opt, out_path), CO_OK, "%s", co_status_message());
        unsigned char *good = slurp(out_path, &n_good);
        for (size_t s = 0; s < sizeof sites / sizeof *sites; s++) {
            co_fault_plan("count");
            cr_assert_eq(export_with(member, &opt, out_path), CO_OK, "%s", co_status_message());
            const long passes = co_fault_passes(sites[s]), step = passes / 40 + 1;
            cr_expect(passes > 0, "%s never passes %s", member->name, sites[s]);
            for (long nth = 1; nth <= passes; nth += step)
                fail_once(member, &opt, sites[s], nth, good, n_good);
        }
        free(good);
        co_node_destroy(root);
    }
    end();
}

Test(writer, what_cannot_be_written_is_refused_by_name)
{
    char nowhere[1200];
    start();
    make_partition(PLAIN);
    snprintf(nowhere, sizeof nowhere, "%s/no/such/folder", folder);
    EACH_MEMBER(member)
    {
        co_node *root;
        const co_config opt = test_options("{}", NULL, &member->params, 1, &root);
        cr_expect_eq(export_with(member, &opt, nowhere), CO_EFILE, "%s", member->name);
        cr_expect(strstr(co_status_message(), "no/such/folder"), "%s: %s", member->name,
                  co_status_message());
        cr_expect_eq(member->write(&opt, NULL, 0, out_path), CO_EUSAGE, "%s: without a source",
                     member->name);
        const char *const twice[] = {nowhere, nowhere};
        cr_expect_eq(
            member->write(&opt, twice, strstr(member->usage, "DATA PART") ? 2 : 1, out_path),
            CO_EFILE, "%s", member->name);
        cr_expect(strstr(co_status_message(), "no/such/folder"), "%s: %s", member->name,
                  co_status_message());
        co_node_destroy(root);
        cr_expect_eq(n_files(), 2, "%s leaves files", member->name);
        test_option_texts((const co_plugin *)member, NULL);
    }
    end();
}
