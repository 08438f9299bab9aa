/* Every reader of the list under the same laws, on a small good input of its own
 * (tests/kinds/inputs.h) and on what becomes of it; new members join with a recipe there. What each
 * understands is in tests/io. */
#include "tests/kinds/inputs.h"
#include <dirent.h>

static size_t open_files(void)
{
    size_t n = 0;
    DIR *dir = opendir("/proc/self/fd");
    cr_assert(dir);
    while (readdir(dir)) n++;
    closedir(dir);
    return n;
}

static co_status read_input(const input *in, co_dataset *data)
{
    const char *source = in->source;
    return import(in->recipe->name, &source, source[0] ? 1 : 0, in->options, data);
}

/* Imports what is there now: a data set that passes its check, or one message of one line that
 * names the file and a status of bad content (or the one given); nothing stays behind. Returns the
 * status. */
static co_status check_import(const input *in, const char *what, co_status wanted)
{
    co_dataset data;
    const char *name = in->recipe->name;
    const size_t blocks = co_memory_blocks(), files = open_files();
    co_status_set_message("");
    const co_status st = read_input(in, &data);
    const char *message = co_status_message();
    if (st == CO_OK) {
        cr_expect_eq(co_dataset_check(&data, in->victim), CO_OK, "%s, %s: %s", name, what, message);
    } else {
        cr_expect(st == CO_EDATA || st == wanted, "%s, %s: status %d: %s", name, what, (int)st,
                  message);
        cr_expect(strstr(message, strrchr(in->victim, '/') + 1) ||
                      strstr(message, in->source[0] ? in->source : in->victim),
                  "%s, %s: the message does not name %s: %s", name, what, in->victim, message);
        cr_expect(*message && !strchr(message, '\n'), "%s, %s: %s", name, what, message);
    }
    co_dataset_fini(&data);
    cr_expect_eq(co_memory_blocks(), blocks, "%s, %s: blocks", name, what);
    cr_expect_eq(open_files(), files, "%s, %s: files are open", name, what);
    return st;
}

/* Members that read a file. */
#define EACH_INPUT(in)                                                                             \
    for (const co_plugin *const *at_ = co_kind_reader.members; *at_; at_++)                        \
        for (input in_ = make_input((*at_)->name), *in = &in_; in && in->victim[0]; in = NULL)

Test(reader, every_member_has_a_recipe_and_texts)
{
    for (const co_plugin *const *at = co_kind_reader.members; *at; at++) {
        const co_reader *member = (const co_reader *)*at;
        test_option_texts(*at, NULL); /* synthetic has test_fraction with a default of its own */
        cr_expect(recipe_of(member->name),
                  "%s: tests/kinds/inputs.h has no small good input for it", member->name);
        cr_expect(member->read && member->usage &&
                  strncmp(member->usage, member->name, strlen(member->name)) == 0);
    }
}

Test(reader, a_good_input_gives_a_data_set_with_one_digest)
{
    for (const co_plugin *const *at = co_kind_reader.members; *at; at++) {
        const input in = make_input((*at)->name);
        char digest[2][33], path[1100];
        for (int k = 0; k < 2; k++) {
            co_dataset data;
            cr_assert_eq(read_input(&in, &data), CO_OK, "%s: %s", (*at)->name, co_status_message());
            cr_expect(data.n > 0 && (data.x || data.x_file || data.tokens), "%s: nothing in it",
                      (*at)->name);
            cr_expect_eq(co_dataset_check(&data, "test"), CO_OK, "%s: %s", (*at)->name,
                         co_status_message());
            snprintf(path, sizeof path, "%s", scratch_file("imported.h5"));
            cr_assert_eq(co_dataset_write(&data, path, 1, "test: import\n"), CO_OK, "%s: %s",
                         (*at)->name, co_status_message());
            memcpy(digest[k], data.digest, sizeof digest[k]);
            co_dataset_fini(&data);
        }
        cr_expect_str_eq(digest[0], digest[1], "%s", (*at)->name);
        remove(path);
        remove_input(&in);
    }
}

/* The file as UTF-16 with a byte order mark, the small end first; ASCII alone. */
static void widen(const char *path)
{
    size_t n;
    unsigned char *bytes = slurp(path, &n);
    if (!bytes) return;
    unsigned char *wide = calloc(n + 1, 2);
    wide[0] = 0xff, wide[1] = 0xfe;
    for (size_t i = 0; i < n; i++) wide[2 * i + 2] = bytes[i];
    write_bytes(path, wide, 2 * n + 2);
    free(wide);
    free(bytes);
}

static bool takes(const co_plugin *member, const char *option)
{
    const co_param *p = member->params;
    while (p && p->key && strcmp(p->key, option) != 0) p++;
    return p && p->key;
}

/* HDF5 says itself how its strings are encoded; the messages of newsgroups stand in a tar. */
Test(reader, texts_in_another_encoding_are_the_same_texts)
{
    for (const co_plugin *const *at = co_kind_reader.members; *at; at++) {
        const char *name = (*at)->name;
        const bool other = strcmp(name, "fednlp") == 0 || strcmp(name, "tff") == 0;
        cr_expect_eq(takes(*at, "encoding"), takes(*at, "tokens") && !other, "%s", name);
        if (!takes(*at, "encoding") || strcmp(name, "newsgroups") == 0) continue;
        input in = make_input(name);
        char digest[2][33], labels[1300];
        for (int k = 0; k < 2; k++) {
            co_dataset data;
            cr_assert_eq(read_input(&in, &data), CO_OK, "%s: %s", name, co_status_message());
            cr_assert_eq(co_dataset_write(&data, scratch_file("encoded.h5"), 1, "test: import\n"),
                         CO_OK, "%s", co_status_message());
            memcpy(digest[k], data.digest, sizeof digest[k]);
            co_dataset_fini(&data);
            snprintf(labels, sizeof labels, "%s-labels", in.victim);
            widen(in.victim);
            widen(labels);
            snprintf(in.options + strlen(in.options), sizeof in.options - strlen(in.options),
                     " encoding=utf-16");
        }
        cr_expect_str_eq(digest[0], digest[1], "%s", name);
        remove(scratch_file("encoded.h5"));
        remove_input(&in);
    }
}

Test(reader, a_missing_file_is_named)
{
    EACH_INPUT(in)
    {
        remove(in->victim);
        cr_expect_eq(check_import(in, "missing", CO_EFILE), CO_EFILE, "%s: %s", in->recipe->name,
                     co_status_message());
        remove_input(in);
    }
}

Test(reader, a_folder_is_no_file)
{
    EACH_INPUT(in)
    {
        remove(in->victim);
        cr_assert_eq(mkdir(in->victim, 0755), 0);
        cr_expect_neq(check_import(in, "a folder", CO_EFILE), CO_OK, "%s", in->recipe->name);
        rmdir(in->victim);
        remove_input(in);
    }
}

Test(reader, an_empty_file_and_a_file_of_zeros_are_refused)
{
    static const char zeros[1000];
    static const size_t sizes[] = {0, 1, 8, sizeof zeros};
    EACH_INPUT(in)
    {
        for (int k = 0; k < 4; k++) {
            char what[32];
            snprintf(what, sizeof what, "%zu zeros", sizes[k]);
            write_bytes(in->victim, zeros, sizes[k]);
            cr_expect_neq(check_import(in, what, CO_EDATA), CO_OK, "%s, %s", in->recipe->name,
                          what);
        }
        remove_input(in);
    }
}

/* A format that knows its length refuses every part of a file; text that is cut may still be text.
 */
Test(reader, a_file_that_was_cut_is_refused_or_read_to_where_it_ends)
{
    enum { CUTS = 60 };
    EACH_INPUT(in)
    {
        size_t n;
        unsigned char *bytes = slurp(in->victim, &n);
        cr_assert(bytes && n > 8);
        for (size_t k = 0; k < CUTS; k++) {
            char what[64];
            const size_t left = k < 8 ? n - 1 - k : k * n / CUTS;
            snprintf(what, sizeof what, "%zu of %zu bytes", left, n);
            write_bytes(in->victim, bytes, left);
            const co_status st = check_import(in, what, CO_EDATA);
            cr_expect(st != CO_OK || !in->recipe->knows_length, "%s, %s was read", in->recipe->name,
                      what);
        }
        free(bytes);
        remove_input(in);
    }
}
