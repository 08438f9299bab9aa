/* Option trees, strict scalars, tables and messages. */
#include "core/config.h"
#include "core/memory.h"
#include "core/param.h"
#include "core/text.h"
#include "tests/harness.h"
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const co_param local_params[] = {
    {"lr", CO_REAL, .lo = 0.0, .hi = 1e6, .flags = CO_REQUIRED | CO_LO_OPEN, .doc = "step size"},
    {"epochs", CO_INT, .def = 1, .lo = 1, .hi = INFINITY, .doc = "passes over the data"},
    {"batch", CO_INT, .def = 10, .lo = 1, .hi = 1e9, .doc = "examples a step"},
    {"nesterov", CO_BOOL, .doc = "look ahead"},
    {"rule", CO_CHOICE, .def = 1, .words = "prox|sgd|scaffold", .doc = "local rule"},
    {"file", CO_STRING, .words = "", .doc = "a path"},
    {"sizes", CO_INTS, .lo = 1, .hi = 8, .words = "2, 3", .doc = "layers"},
    {"rates", CO_REALS, .lo = 0.0, .hi = 1.0, .flags = CO_HI_OPEN, .doc = "shares"},
    {"names", CO_STRINGS, .doc = "names"},
    {"clip", CO_REAL, .lo = 0.0, .hi = INFINITY, .flags = CO_OPTIONAL | CO_LO_OPEN, .doc = "bound"},
    {"schedule", CO_TREE, .doc = "by round"},
    {0}};
static const co_param *const tables[] = {local_params, NULL};

static co_node *scalar(const char *key, const char *text, int line, int column)
{
    co_node *node = co_node_create(CO_NODE_SCALAR, key, text);
    cr_assert(node);
    node->line = line;
    node->column = column;
    return node;
}

/* A section local: {lr: 0.1, key: text}; key NULL: lr alone. */
static co_config section(const char *key, const char *text)
{
    co_config cfg = {"exp.yaml", "local", co_node_create(CO_NODE_MAP, "local", NULL)};
    cfg.map->line = 5;
    cfg.map->column = 1;
    if (!key || strcmp(key, "lr") != 0) co_node_append(cfg.map, scalar("lr", "0.1", 6, 3));
    if (key) co_node_append(cfg.map, scalar(key, text, 7, 3));
    return cfg;
}

static void expect_message(co_config cfg, const char *message)
{
    cr_expect_eq(co_config_check(&cfg, tables, 2), CO_EUSAGE, "no error, wanted: %s", message);
    cr_expect_str_eq(co_status_message(), message);
    co_node_destroy(cfg.map);
}

Test(scalar, reals_are_what_users_write_and_nothing_else)
{
    static const struct {
        const char *text;
        double value;
    } good[] = {{"1", 1},     {"-3", -3},     {"+2", 2},     {"0.1", 0.1},  {"1e-3", 1e-3},
                {"1E5", 1e5}, {".5", .5},     {"5.", 5},     {"0", 0},      {"-0.0", 0},
                {"0e9", 0},   {"1e+06", 1e6}, {"-.5e1", -5}, {"1.e2", 100}, {"4e-320", 4e-320}};
    static const char *const bad[] = {
        "",    " 1",    "1 ",   "0.1abc", "010",   "00",      "01.5",   "0x10",   "nan",
        "inf", "-inf",  ".inf", ".nan",   "NaN",   "1e400",   "-1e999", "1e-400", "1_000",
        "1,5", ".",     "-",    "+",      "e5",    ".e5",     "1e",     "1e+",    "1.2.3",
        "--1", "0x1p3", "1f",   "one",    "1e5.0", "\xd9\xa1"};
    double value = 0.0;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        co_node node = {.text = (char *)good[i].text};
        cr_expect(co_node_real(&node, &value) && value == good[i].value, "%s", good[i].text);
        node.quoted = true;
        cr_expect_not(co_node_real(&node, &value), "quoted %s", good[i].text);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const co_node node = {.text = (char *)bad[i]};
        cr_expect_not(co_node_real(&node, &value), "'%s' read as %g", bad[i], value);
    }
}

Test(scalar, integers_are_digits_within_64_bits)
{
    static const char *const bad[] = {"",
                                      "1e3",
                                      "1.0",
                                      "010",
                                      "0x10",
                                      "1_0",
                                      "9223372036854775808",
                                      "-9223372036854775809",
                                      "99999999999999999999999",
                                      "1 2",
                                      "-",
                                      "true",
                                      "5."};
    static const char *const good[] = {"0", "-1", "+7", "9223372036854775807",
                                       "-9223372036854775808"};
    int64_t value;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const co_node node = {.text = (char *)bad[i]};
        cr_expect_not(co_node_int(&node, &value), "'%s'", bad[i]);
    }
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        const co_node node = {.text = (char *)good[i]};
        cr_expect(co_node_int(&node, &value) && value == strtoll(good[i], NULL, 10), "'%s'",
                  good[i]);
    }
    const co_node list = {.kind = CO_NODE_LIST};
    cr_expect_not(co_node_int(&list, &value));
}

Test(scalar, booleans_are_true_and_false_alone)
{
    static const char *const bad[] = {"True", "yes", "no", "on", "0", "1", "maybe", "", "truely"};
    bool value;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_expect_not(co_node_bool(&(co_node){.text = (char *)bad[i]}, &value), "'%s'", bad[i]);
    cr_expect(co_node_bool(&(co_node){.text = (char *)"true"}, &value) && value);
    cr_expect(co_node_bool(&(co_node){.text = (char *)"false"}, &value) && !value);
    cr_expect_not(co_node_bool(&(co_node){.text = (char *)"true", .quoted = true}, &value));
}

Test(text, reals_print_as_the_shortest_text_that_reads_back)
{
    static const struct {
        double value;
        const char *text;
    } cases[] = {{0.1, "0.1"},       {1e6, "1e6"},
                 {1e-5, "1e-5"},     {200, "200"},
                 {0, "0"},           {1.0 / 3.0, "0.3333333333333333"},
                 {-0.001, "-0.001"}, {123456.5, "123456.5"},
                 {1e300, "1e300"},   {5e-324, "5e-324"},
                 {60000, "60000"},   {0.1 + 0.2, "0.30000000000000004"},
                 {1000, "1000"},     {10, "10"},
                 {1.5e9, "1.5e9"},   {INFINITY, "inf"}};
    char text[CO_REAL_TEXT];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        co_format_real(cases[i].value, text);
        cr_expect_str_eq(text, cases[i].text);
    }
    uint64_t bits = 1;
    for (int i = 0; i < 20000; i++) {
        double value, back = 0.0;
        bits = bits * 6364136223846793005u + 1442695040888963407u;
        memcpy(&value, &bits, sizeof value);
        if (!isfinite(value)) continue;
        co_format_real(value, text);
        cr_assert(co_node_real(&(co_node){.text = text}, &back) && back == value, "%a as %s", value,
                  text);
    }
}

Test(text, utf8_is_decoded_and_ill_formed_bytes_are_refused)
{
    static const char *const bad[] = {
        "\x80", "\xc0\xaf", "\xe0\x80\xaf", "\xed\xa0\x80",         "\xf4\x90\x80\x80",
        "\xff", "\xc3",     "\xe2\x82",     "\xf8\x88\x80\x80\x80", "\xc3("};
    uint32_t code = 0;
    cr_expect(co_utf8_decode("\xe2\x82\xac", 3, &code) == 3 && code == 0x20ac);
    cr_expect(co_utf8_decode("\xf0\x9f\x98\x80x", 5, &code) == 4 && code == 0x1f600);
    cr_expect_eq(co_utf8_decode("\xe2\x82\xac", 2, &code), 0);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_expect_eq(co_utf8_decode(bad[i], strlen(bad[i]), &code), 0, "case %zu", i);
}

Test(node, children_are_set_replaced_removed_and_copied_in_place)
{
    const size_t blocks = co_memory_blocks();
    co_node *map = co_node_create(CO_NODE_MAP, NULL, NULL);
    cr_assert_eq(co_node_set(map, "a", "1"), CO_OK);
    cr_assert_eq(co_node_set(map, "b", ""), CO_OK);
    cr_assert_eq(co_node_set(map, "c", "3"), CO_OK);
    cr_assert_eq(co_node_set(map, "a", "9"), CO_OK);
    cr_expect_eq(co_node_count(map), 3);
    cr_expect_str_eq(map->first->key, "a");
    cr_expect_str_eq(map->first->text, "9");
    cr_expect(co_node_find(map, "b")->quoted, "an empty text is a text, not a missing value");
    co_node_remove(map, "b");
    co_node_remove(map, "zzz");
    cr_expect_null(co_node_find(map, "b"));
    co_node *copy = co_node_copy(map);
    co_node_destroy(map);
    cr_expect_eq(co_node_count(copy), 2);
    cr_expect_str_eq(copy->first->next->text, "3");
    co_node_destroy(copy);
    co_node_destroy(NULL);
    cr_expect_eq(co_memory_blocks(), blocks);
}

Test(check, defaults_are_filled_in_and_readable)
{
    const size_t blocks = co_memory_blocks();
    co_config cfg = section("sizes", "4");
    cr_assert_eq(co_config_check(&cfg, tables, 2), CO_OK, "%s", co_status_message());
    cr_assert_eq(co_config_check(&cfg, tables, 2), CO_OK, "again: %s", co_status_message());
    cr_expect_eq(co_config_real(&cfg, "lr"), 0.1);
    cr_expect_eq(co_config_int(&cfg, "epochs"), 1);
    cr_expect_eq(co_config_int(&cfg, "batch"), 10);
    cr_expect_not(co_config_bool(&cfg, "nesterov"));
    cr_expect_str_eq(co_config_string(&cfg, "rule"), "sgd");
    cr_expect_str_eq(co_config_string(&cfg, "file"), "");
    cr_expect_not(co_config_has(&cfg, "clip"));
    cr_expect_not(co_config_has(&cfg, "schedule"));
    cr_expect(co_config_node(&cfg, "batch")->is_default);
    cr_expect_not(co_config_node(&cfg, "lr")->is_default);
    const co_node *sizes = co_config_node(&cfg, "sizes");
    cr_expect(sizes->kind == CO_NODE_LIST && co_node_count(sizes) == 1);
    cr_expect_str_eq(sizes->first->text, "4");
    cr_expect_eq(co_node_count(co_config_node(&cfg, "rates")), 0);
    co_node_destroy(cfg.map);
    cr_expect_eq(co_memory_blocks(), blocks);
}

Test(check, integers_serve_as_reals_and_list_defaults_have_elements)
{
    co_config cfg = section("lr", "2");
    cr_assert_eq(co_config_check(&cfg, tables, 2), CO_OK, "%s", co_status_message());
    cr_expect_eq(co_config_real(&cfg, "lr"), 2.0);
    const co_node *sizes = co_config_node(&cfg, "sizes");
    cr_assert_eq(co_node_count(sizes), 2);
    cr_expect_str_eq(sizes->first->text, "2");
    cr_expect_str_eq(sizes->first->next->text, "3");
    co_node_destroy(cfg.map);
}

Test(check, messages_name_place_key_value_and_what_is_allowed)
{
    static const struct {
        const char *key, *text, *message;
    } cases[] = {
        {"lrr", "1",
         "exp.yaml:7:3: local.lrr: unknown key; did you mean lr? (known: batch, clip, epochs, "
         "file, lr, names, nesterov, "
         "rates, rule, schedule, sizes)"},
        {"lr", "-0.1", "exp.yaml:7:3: local.lr: -0.1 is out of range; allowed: (0, 1e6]"},
        {"lr", "0", "exp.yaml:7:3: local.lr: 0 is out of range; allowed: (0, 1e6]"},
        {"clip", "0", "exp.yaml:7:3: local.clip: 0 is out of range; allowed: (0, inf)"},
        {"epochs", "0", "exp.yaml:7:3: local.epochs: 0 is out of range; allowed: [1, inf)"},
        {"rates", "1", "exp.yaml:7:3: local.rates: 1 is out of range; allowed: [0, 1)"},
        {"lr", "0.1abc", "exp.yaml:7:3: local.lr: expected a number, found '0.1abc'"},
        {"lr", "nan", "exp.yaml:7:3: local.lr: expected a number, found 'nan'; it must be finite"},
        {"lr", "1e400",
         "exp.yaml:7:3: local.lr: expected a number, found '1e400'; it must be finite"},
        {"lr", "1e-400",
         "exp.yaml:7:3: local.lr: expected a number, found '1e-400'; it is too small"},
        {"lr", "010",
         "exp.yaml:7:3: local.lr: expected a number, found '010'; leading zeros are not allowed"},
        {"lr", "0x10", "exp.yaml:7:3: local.lr: expected a number, found '0x10'"},
        {"lr", "", "exp.yaml:7:3: local.lr: has no value; expected a number, or no such line"},
        {"batch", "1e3",
         "exp.yaml:7:3: local.batch: expected an integer, found '1e3'; write it with digits alone"},
        {"batch", "99999999999999999999",
         "exp.yaml:7:3: local.batch: expected an integer, found '99999999999999999999'; it does "
         "not fit into 64 bits"},
        {"nesterov", "yes", "exp.yaml:7:3: local.nesterov: expected true or false, found 'yes'"},
        {"rule", "sdg",
         "exp.yaml:7:3: local.rule: unknown word 'sdg'; did you mean sgd? (known: prox, scaffold, "
         "sgd)"},
        {"sizes", "", "exp.yaml:7:3: local.sizes: has no value; write [] for an empty list"},
        {"lr", "a\nb", "exp.yaml:7:3: local.lr: expected a number, found 'a?b'"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect_message(section(cases[i].key, cases[i].text), cases[i].message);
}

Test(check, kinds_quotes_and_elements_are_named)
{
    co_config cfg = section("lr", "0.1");
    co_node_find(cfg.map, "lr")->quoted = true;
    expect_message(cfg, "exp.yaml:7:3: local.lr: expected a number, found the quoted text '0.1'; "
                        "remove the quotes");
    cfg = section(NULL, NULL);
    co_node *list = co_node_create(CO_NODE_LIST, "sizes", NULL);
    list->line = 9;
    co_node_append(cfg.map, list);
    co_node_append(list, scalar(NULL, "3", 9, 11));
    co_node_append(list, scalar(NULL, "x", 9, 14));
    expect_message(cfg, "exp.yaml:9:14: local.sizes[1]: expected an integer, found 'x'");
    cfg = section(NULL, NULL);
    co_node *map = co_node_create(CO_NODE_MAP, "batch", NULL);
    map->line = map->column = 8;
    co_node_append(cfg.map, map);
    expect_message(cfg, "exp.yaml:8:8: local.batch: expected an integer, found a map");
    expect_message((co_config){"exp.yaml", "local", scalar("local", "fast", 2, 1)},
                   "exp.yaml:2:1: local: expected a map of options, key: value, found 'fast'");
}

Test(check, missing_and_double_keys_are_refused)
{
    co_config cfg = section("lr", "1");
    co_node_remove(cfg.map, "lr");
    expect_message(cfg, "exp.yaml:5:1: local.lr: required key is missing (step size)");
    cfg = section("lr", "1");
    co_node_append(cfg.map, scalar("lr", "2", 8, 3));
    expect_message(cfg, "exp.yaml:8:3: local.lr: given twice, first on line 7");
}

Test(check, an_empty_optional_key_counts_as_absent)
{
    co_config cfg = section("clip", "");
    co_node_append(cfg.map, scalar("schedule", "", 8, 3));
    cr_assert_eq(co_config_check(&cfg, tables, 2), CO_OK, "%s", co_status_message());
    cr_expect_not(co_config_has(&cfg, "clip"));
    cr_expect_not(co_config_has(&cfg, "schedule"));
    co_node_destroy(cfg.map);
}

Test(check, a_default_outside_its_own_range_is_an_internal_error)
{
    static const co_param wrong[] = {{"mu", CO_REAL, .def = 0.0, .lo = 1.0, .hi = 2.0}, {0}};
    const co_param *const one[] = {wrong};
    co_config cfg = {"exp.yaml", NULL, co_node_create(CO_NODE_MAP, NULL, NULL)};
    cr_expect_eq(co_config_check(&cfg, one, 1), CO_EINTERNAL);
    co_node_destroy(cfg.map);
}

Test(check, a_key_of_two_tables_must_satisfy_both)
{
    static const co_param narrow[] = {{"lr", CO_REAL, .lo = 0.0, .hi = 1.0}, {0}};
    const co_param *const two[] = {local_params, narrow};
    co_config cfg = section("lr", "2");
    cr_expect_eq(co_config_check(&cfg, two, 2), CO_EUSAGE);
    cr_expect_str_eq(co_status_message(),
                     "exp.yaml:7:3: local.lr: 2 is out of range; allowed: [0, 1]");
    co_node_destroy(cfg.map);
}

Test(check, the_command_line_and_the_top_level_are_named)
{
    co_config cfg = section("lr", "x");
    co_node *lr = co_node_find(cfg.map, "lr");
    lr->line = 0;
    lr->column = 1;
    expect_message(cfg, "command line: local.lr: expected a number, found 'x'");
    cfg = section("lr", "x");
    cfg.section = NULL;
    expect_message(cfg, "exp.yaml:7:3: lr: expected a number, found 'x'");
}

Test(param, ranges_words_and_defaults_print_as_users_write_them)
{
    static const struct {
        const char *key, *allowed, *def;
    } cases[] = {{"lr", "(0, 1e6]", ""},
                 {"epochs", "[1, inf)", "1"},
                 {"batch", "[1, 1000000000]", "10"},
                 {"nesterov", "true | false", "false"},
                 {"rule", "prox | sgd | scaffold", "sgd"},
                 {"file", "", "\"\""},
                 {"sizes", "[1, 8]", "[2, 3]"},
                 {"rates", "[0, 1)", "[]"},
                 {"clip", "(0, inf)", ""},
                 {"schedule", "", ""}};
    char text[128];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const co_param *p = local_params;
        while (strcmp(p->key, cases[i].key) != 0) p++;
        co_param_allowed(p, text, sizeof text);
        cr_expect_str_eq(text, cases[i].allowed);
        co_param_default(p, text, sizeof text);
        cr_expect_str_eq(text, cases[i].def);
    }
    co_param_allowed(&(co_param){"x", CO_REAL, .lo = -INFINITY, .hi = -0.5}, text, sizeof text);
    cr_expect_str_eq(text, "(-inf, -0.5]");
}

Test(plugin, an_unknown_name_gets_the_nearest_and_the_known_ones)
{
    static const co_plugin iid = {.name = "iid"}, dirichlet = {.name = "dirichlet"},
                           shards = {.name = "shards"};
    static const co_plugin *const members[] = {&iid, &dirichlet, &shards, NULL};
    const co_kind kind = {"partitioner", "cuts the data", members};
    cr_expect_eq(co_plugin_find(&kind, "shards"), &shards);
    cr_expect_null(co_plugin_find(&kind, "dirichlett"));
    cr_expect_str_eq(co_status_message(), "unknown partitioner 'dirichlett'; did you mean "
                                          "dirichlet? (known: dirichlet, iid, shards)");
    cr_expect_null(co_plugin_find(&kind, "quantity"));
    cr_expect_str_eq(co_status_message(),
                     "unknown partitioner 'quantity' (known: dirichlet, iid, shards)");
}

Test(nearest, edits_swaps_and_case_are_near_other_words_are_not)
{
    static const char *const words[] = {"lr", "momentum", "weight_decay", "batch", "epochs", NULL};
    cr_expect_str_eq(co_nearest("lrr", words), "lr");
    cr_expect_str_eq(co_nearest("rl", words), "lr");
    cr_expect_str_eq(co_nearest("btahc", words), "batch");
    cr_expect_str_eq(co_nearest("Momentun", words), "momentum");
    cr_expect_str_eq(co_nearest("weigt_decya", words), "weight_decay");
    cr_expect_str_eq(co_nearest("MOMENTUM", words), "momentum");
    cr_expect_null(co_nearest("xy", words));
    cr_expect_null(co_nearest("", words));
    cr_expect_null(co_nearest("privacy", words));
    char longer[200];
    memset(longer, 'a', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    cr_expect_null(co_nearest(longer, words));
}

Test(nearest, a_long_list_is_cut_to_the_space)
{
    const char *words[101];
    static char names[100][16];
    char text[200];
    for (int i = 0; i < 100; i++) {
        snprintf(names[i], sizeof names[i], "option_%02d", i % 100);
        words[i] = names[i];
    }
    words[100] = NULL;
    co_suggest("zzz", words, text, sizeof text);
    cr_expect_lt(strlen(text), sizeof text);
    cr_expect_str_eq(text + strlen(text) - 5, ", ..)");
}
