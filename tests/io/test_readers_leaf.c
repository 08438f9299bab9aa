/* tests/io/test_readers_leaf.c - LEAF's JSON: floats, texts and their next character, lists of
 * texts; what does not fit. */
#include "tests/io/reader_support.h"
#include <stdlib.h>
#include <sys/stat.h>

static char *text_of(const co_dataset *d, int64_t i)
{
    static char out[512];
    snprintf(out, sizeof out, "%.*s", (int)(d->text_offsets[i + 1] - d->text_offsets[i]),
             (const char *)d->text + d->text_offsets[i]);
    return out;
}

Test(leaf, rows_of_numbers_are_classified_by_users)
{
    co_dataset d;
    import_good(
        "leaf",
        write_text(
            "all.json",
            "{\"users\": [\"b\", \"a\"], \"num_samples\": [2, 1], \"hierarchies\": [[1], {}], "
            "\"user_data\": {\"a\": {\"x\": [[0.5, -1, 2e1]], \"y\": [7]}, "
            "\"b\": {\"y\": [3, 7], \"x\": [[1, 2, 3], [4, 5, 6]]}}}"),
        "", &d);
    cr_expect(d.n == 3 && d.x_size == 3 && d.n_classes == 2 && d.n_users == 2);
    cr_expect_eq(((float *)d.x)[2], 20.0f);
    cr_expect_eq(((float *)d.x)[8], 6.0f);
    cr_expect(d.y[0] == 1 && d.y[1] == 0 && d.y[2] == 1);
    cr_expect_str_eq(d.classes[1], "7");
    cr_expect_str_eq(d.user_name[d.user[2]], "b");
    co_dataset_fini(&d);
}

Test(leaf, a_text_and_its_next_character_are_one_text_to_predict)
{
    co_dataset d;
    import_good(
        "leaf",
        write_text(
            "play.json",
            "{\"users\": [\"R\"], \"num_samples\": [2], \"user_data\": {\"R\": {\"x\": [\"to b\", "
            "\"o \\u00e9\\n\"], \"y\": [\"e\", \"!\"]}}}"),
        "", &d);
    cr_expect(d.n == 2 && d.task == CO_DATA_LM);
    cr_expect_str_eq(text_of(&d, 0), "to be");
    cr_expect_str_eq(text_of(&d, 1), "o \xc3\xa9\n!");
    cr_expect_eq(co_dataset_rows(&d, 1), 4);
    co_dataset_fini(&d);
}

static void write_at(char *path, const char *name, const char *text)
{
    snprintf(path + strlen(path), 64, "%s", name);
    FILE *f = fopen(path, "w");
    cr_assert(f, "%s", path);
    fputs(text, f);
    fclose(f);
}

Test(leaf, folders_train_and_test_are_splits_with_common_users)
{
    char root[512], folder[600], path[700];
    co_dataset d;
    snprintf(root, sizeof root, "%s", write_text("leaf_root", ""));
    unlink(root);
    mkdir(root, 0755);
    for (int test = 0; test < 2; test++) {
        snprintf(folder, sizeof folder, "%s/%s", root, test ? "test" : "train");
        mkdir(folder, 0755);
        snprintf(path, sizeof path, "%s", folder);
        write_at(path, "/a.json",
                 test ? "{\"user_data\": {\"u\": {\"x\": [[\"9\", \"late\"]], \"y\": [4]}}}"
                      : "{\"user_data\": {\"v\": {\"x\": [[\"1\", \"so bad\"], [\"2\", \"good\"]], "
                        "\"y\": [0, 4]}, "
                        "\"u\": {\"x\": [[\"3\", \"bad\"]], \"y\": [0]}}}");
    }
    import_good("leaf", root, "tokens=word field=1", &d);
    cr_expect(d.n == 4 && d.task == CO_DATA_CLASSIFICATION && d.n_users == 2);
    cr_expect_str_eq(text_of(&d, 0), "so bad");
    cr_expect_str_eq(text_of(&d, 3), "late");
    cr_expect(d.split[2] == 0 && d.split[3] == 1 && d.user[3] == d.user[2] && d.y[3] == 1);
    cr_expect_eq(d.tokens[d.token_offsets[3]], 0,
                 "a word of the test split alone is out of vocabulary");
    co_dataset_fini(&d);
}

Test(leaf, what_does_not_fit_is_told_with_file_and_place)
{
    static const struct {
        const char *json, *words;
    } bad[] = {
        {"{\"users\": [\"a\"], \"num_samples\": [2], \"user_data\": {\"a\": {\"x\": [\"q\"], "
         "\"y\": [\"r\"]}}}",
         "user a has 2 examples, user_data holds 1"},
        {"{\"users\": [\"a\"], \"num_samples\": [], \"user_data\": {\"a\": {\"x\": [\"q\"], \"y\": "
         "[\"r\"]}}}",
         "equally long"},
        {"{\"user_data\": {\"a\": {\"x\": [\"q\"], \"y\": []}}}", "1 x and 0 y"},
        {"{\"user_data\": {\"a\": {\"x\": [\"q\", [1]], \"y\": [1, 2]}}}", "another kind"},
        {"{\"user_data\": {\"a\": {\"x\": [[1, 2], [1]], \"y\": [1, 2]}}}", "1 numbers"},
        {"{\"user_data\": {\"a\": {\"x\": [[\"p\"]], \"y\": [1]}}}", "give field="},
        {"{\"user_data\": {\"a\": {\"x\": [[1]], \"y\": [\"p\", 2]}}}", "both texts and numbers"},
        {"{\"users\": []}", "no user_data"},
        {"{\"user_data\": {}}", "no example"},
        {"{\"user_data\": {\"a\": {\"x\": [[1, ", "is no number"},
    };
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++)
        import_bad("leaf", write_text("bad.json", bad[k].json), "", CO_EDATA, "bad.json",
                   bad[k].words);
}
