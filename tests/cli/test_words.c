/* tests/cli/test_words.c - flags, settings and the rest of a command line. */
#include "core/memory.h"
#include "cli/commands.h"
#include "tests/harness.h"
#include <criterion/criterion.h>
#include <string.h>

#define PARSE(allowed, keep, parsed, ...)                                                          \
    co_words_parse((int)(sizeof((char *[]){__VA_ARGS__}) / sizeof(char *)),                        \
                   (char *[]){__VA_ARGS__}, allowed, keep, parsed)

static const char *setting(const co_words *words, const char *key)
{
    const co_node *node = co_node_find(words->settings, key);
    return node ? node->text : NULL;
}

/* The message of a refusal, which must also leave nothing behind. */
static const char *refusal(co_status status, const co_words *words)
{
    cr_assert_eq(status, CO_EUSAGE, "status %d", (int)status);
    cr_assert_null(words->settings);
    cr_assert_null(words->positional);
    cr_assert_eq(co_memory_blocks(), 0);
    return co_status_message();
}

Test(words, sorts_flags_settings_and_the_rest_in_any_order)
{
    co_words w;
    cr_assert_eq(PARSE("-o --overwrite --help", true, &w, "csv", "y=label", "a.csv", "-o", "out.h5",
                       "header=true", "b.csv", "--overwrite"),
                 CO_OK);
    cr_assert_eq(w.n_positional, 3);
    cr_assert_str_eq(w.positional[0], "csv");
    cr_assert_str_eq(w.positional[1], "a.csv");
    cr_assert_str_eq(w.positional[2], "b.csv");
    cr_assert_str_eq(w.output, "out.h5");
    cr_assert(w.overwrite && !w.help && !w.json && !w.digest && !w.resume && !w.dry_run);
    cr_assert_str_eq(setting(&w, "y"), "label");
    cr_assert_str_eq(setting(&w, "header"), "true");
    cr_assert_eq(co_node_count(w.settings), 2);
    co_words_fini(&w);
    cr_assert_eq(co_memory_blocks(), 0);
}

Test(words, every_flag_sets_its_own_switch)
{
    co_words w;
    cr_assert_eq(
        PARSE("--json --digest --resume --dry-run --help", false, &w, "--json", "--resume"), CO_OK);
    cr_assert(w.json && w.resume && !w.digest && !w.dry_run && !w.help && !w.overwrite);
    co_words_fini(&w);
    cr_assert_eq(PARSE("--json --digest --resume --dry-run --help", false, &w, "--digest",
                       "--dry-run", "--help"),
                 CO_OK);
    cr_assert(!w.json && !w.resume && w.digest && w.dry_run && w.help && !w.overwrite);
    co_words_fini(&w);
}

Test(words, only_an_identifier_before_the_sign_makes_a_setting)
{
    co_words w;
    cr_assert_eq(PARSE("-o", true, &w, "./a=b.csv", "=x", "Label=1", "-", "", "a-b=1", "text=a=b",
                       "images=/tmp/a=b"),
                 CO_OK);
    cr_assert_eq(w.n_positional, 6);
    cr_assert_str_eq(w.positional[0], "./a=b.csv");
    cr_assert_str_eq(w.positional[4], "");
    cr_assert_str_eq(setting(&w, "text"), "a=b");
    cr_assert_str_eq(setting(&w, "images"), "/tmp/a=b");
    co_words_fini(&w);
}

Test(words, settings_stay_in_place_when_they_are_not_to_be_kept)
{
    co_words w;
    cr_assert_eq(PARSE("--help", false, &w, "e.yaml", "local.lr=0.1", "rounds=5", "rounds=6"),
                 CO_OK);
    cr_assert_eq(w.n_positional, 4);
    cr_assert_str_eq(w.positional[1], "local.lr=0.1");
    cr_assert_eq(co_node_count(w.settings), 0);
    co_words_fini(&w);
}

Test(words, values_are_yaml)
{
    co_words w;
    cr_assert_eq(PARSE("", true, &w, "classes=[0, 1]", "name=\"1\""), CO_OK);
    cr_assert_eq(co_node_find(w.settings, "classes")->kind, CO_NODE_LIST);
    cr_assert_eq(co_node_count(co_node_find(w.settings, "classes")), 2);
    cr_assert(co_node_find(w.settings, "name")->quoted);
    co_words_fini(&w);
}

Test(words, an_unknown_flag_names_the_nearest)
{
    co_words w;
    const char *text = refusal(PARSE("-o --overwrite --help", true, &w, "a", "--overwite"), &w);
    cr_assert(strstr(text, "'--overwite'") && strstr(text, "did you mean --overwrite"), "%s", text);
    text = refusal(PARSE("--json --digest", false, &w, "--overwrite"), &w);
    cr_assert(strstr(text, "--json") && strstr(text, "--digest"), "%s", text);
}

Test(words, an_output_needs_one_name)
{
    co_words w;
    refusal(PARSE("-o", true, &w, "a", "-o"), &w);
    refusal(PARSE("-o", true, &w, "-o", ""), &w);
    const char *text = refusal(PARSE("-o --overwrite", true, &w, "-o", "--overwrite"), &w);
    cr_assert(strstr(text, "--overwrite"), "%s", text);
    text = refusal(PARSE("-o", true, &w, "-o", "x.h5", "-o", "y.h5"), &w);
    cr_assert(strstr(text, "x.h5") && strstr(text, "y.h5"), "%s", text);
    refusal(PARSE("--help", true, &w, "-o", "x.h5"), &w); /* not every command has one */
}

Test(words, a_key_given_twice_is_refused)
{
    co_words w;
    const char *text = refusal(PARSE("", true, &w, "alpha=0.3", "devices=2", "alpha=0.5"), &w);
    cr_assert(strstr(text, "alpha"), "%s", text);
}

Test(words, no_words_are_fine)
{
    co_words w;
    cr_assert_eq(co_words_parse(0, NULL, "--help", true, &w), CO_OK);
    cr_assert_eq(w.n_positional, 0);
    cr_assert_null(w.output);
    co_words_fini(&w);
    cr_assert_eq(co_memory_blocks(), 0);
}
