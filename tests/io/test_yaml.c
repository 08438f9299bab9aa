/* YAML to trees and back: positions, refusals, overrides, round trips of random trees and of
 * damaged files. */
#include "io/yaml.h"
#include "core/memory.h"
#include "core/random.h"
#include "tests/harness.h"
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const char sample[] = "# an experiment\n"
                             "name: fmnist-dirichlet\n"
                             "seed: 1\n"
                             "data:      {file: fashion_mnist.h5}\n"
                             "local:\n"
                             "  rule: sgd\n"
                             "  lr: 0.10   # as typed\n"
                             "  note: \"0.1\"\n"
                             "  text: 'it''s: #1'\n"
                             "transforms:\n"
                             "  - {name: clip, norm: 1.0}\n"
                             "  - name: quantise\n"
                             "    bits: 8\n"
                             "model: {layers: [flatten, {dense: 10}, relu]}\n"
                             "block: |\n"
                             "  two\n"
                             "  lines\n"
                             "nothing:\n"
                             "tilde: ~\n";

static co_node *read_good(const char *text)
{
    co_node *root = NULL;
    cr_assert_eq(co_yaml_read_text(text, "exp.yaml", &root), CO_OK, "%s\n%s", co_status_message(),
                 text);
    return root;
}

static const co_node *at(const co_node *root, const char *a, const char *b)
{
    const co_node *node = co_node_find(root, a);
    return node && b ? co_node_find(node, b) : node;
}

static bool same_text(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

/* quotes: whether the marks of quoting count. */
static bool same_tree(const co_node *a, const co_node *b, bool quotes)
{
    if (a->kind != b->kind || !same_text(a->key, b->key) || !same_text(a->text, b->text))
        return false;
    if (quotes ? a->quoted != b->quoted : a->quoted && !b->quoted) return false;
    const co_node *x = a->first, *y = b->first;
    for (; x && y; x = x->next, y = y->next)
        if (!same_tree(x, y, quotes)) return false;
    return !x && !y;
}

static void expect_round_trip(const co_node *root, bool quotes)
{
    char *text = NULL, *again = NULL;
    co_node *back = NULL;
    cr_assert_eq(co_yaml_write(root, &text), CO_OK, "%s", co_status_message());
    cr_assert_eq(co_yaml_read_text(text, "written", &back), CO_OK, "%s\n%s", co_status_message(),
                 text);
    cr_assert(same_tree(root, back, quotes), "another tree:\n%s", text);
    cr_assert_eq(co_yaml_write(back, &again), CO_OK);
    cr_assert_str_eq(text, again);
    co_free(text);
    co_free(again);
    co_node_destroy(back);
}

static void expect_refused(const char *text, const char *message)
{
    co_node *root = NULL;
    const size_t blocks = co_memory_blocks();
    cr_expect_eq(co_yaml_read_text(text, "exp.yaml", &root), CO_EUSAGE, "accepted: %s", text);
    cr_expect_null(root);
    cr_expect(strncmp(co_status_message(), message, strlen(message)) == 0, "'%s'\nwanted '%s'",
              co_status_message(), message);
    cr_expect_eq(co_memory_blocks(), blocks);
}

Test(read, an_experiment_becomes_a_tree_with_positions)
{
    const size_t blocks = co_memory_blocks();
    co_node *root = read_good(sample);
    cr_expect_eq(co_node_count(root), 9);
    cr_expect_str_eq(at(root, "name", NULL)->text, "fmnist-dirichlet");
    const co_node *lr = at(root, "local", "lr"), *layers = at(root, "model", "layers");
    cr_expect_str_eq(lr->text, "0.10");
    cr_expect(lr->line == 7 && lr->column == 3 && !lr->quoted);
    cr_expect(at(root, "local", "note")->quoted);
    cr_expect_str_eq(at(root, "local", "text")->text, "it's: #1");
    cr_expect(at(root, "data", "file")->line == 4 && at(root, "data", "file")->column == 13);
    cr_assert_eq(co_node_count(layers), 3);
    cr_expect(layers->first->line == 14 && layers->first->column == 18);
    cr_expect_str_eq(layers->first->next->first->key, "dense");
    cr_expect_str_eq(at(root, "block", NULL)->text, "two\nlines\n");
    cr_expect(co_node_is_null(at(root, "nothing", NULL)) &&
              co_node_is_null(at(root, "tilde", NULL)));
    expect_round_trip(root, true);
    co_node_destroy(root);
    cr_expect_eq(co_memory_blocks(), blocks);
}

Test(read, columns_count_characters_and_a_byte_order_mark_is_skipped)
{
    co_node *root = read_good("\xef\xbb\xbf{\"\xc3\xa9\xc3\xa9\": 1, b: 2}\r\n");
    cr_expect_eq(at(root, "b", NULL)->line, 1);
    cr_expect_eq(at(root, "b", NULL)->column, 11);
    co_node_destroy(root);
}

Test(read, what_could_mean_two_things_is_refused_with_its_place)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"", "exp.yaml:1:1: nothing in it"},
        {"# only a remark\n", "exp.yaml:2:1: nothing in it"},
        {"a: &x 1\n", "exp.yaml:1:4: anchors"},
        {"a: 1\nb: *x\n", "exp.yaml:2:4: aliases"},
        {"a: !!str 1\n", "exp.yaml:1:4: tags"},
        {"a: ! 1\n", "exp.yaml:1:4: tags"},
        {"a: &x [1]\n", "exp.yaml:1:4: anchors"},
        {"a: !m {b: 1}\n", "exp.yaml:1:4: tags"},
        {"a: 1\n---\nb: 2\n", "exp.yaml:2:1: a second document"},
        {"a: 1\n...\n---\nb: 2\n", "exp.yaml:3:1: a second document"},
        {"a: 1\nb:\n  c: 1\n  c: 2\n", "exp.yaml:4:3: the key c is given twice, first on line 3"},
        {"{a: 1, \"a\": 2}\n", "exp.yaml:1:8: the key a is given twice"},
        {"[a, b]: 1\n", "exp.yaml:1:1: a key must be a word"},
        {"? {a: 1}\n: 2\n", "exp.yaml:1:3: a key must be a word"},
        {"?\n: 1\n", "exp.yaml:1:2: a key is missing"},
        {"&k a: 1\n", "exp.yaml:1:1: anchors"},
        {"a:\n\tb: 1\n", "exp.yaml:2:1: a tab indents"},
        {"a:\n  \tb: 1\n", "exp.yaml:2:3: a tab indents"},
        {"a: \"x\\0y\"\n", "exp.yaml:1:4: a text contains the character NUL"},
        {"a: 1\nb: \xff\n", "exp.yaml:2:4: not UTF-8"},
        {"b: caf\xe9\n", "exp.yaml:1:7: not UTF-8"},
        {"a: x\x01y\n", "exp.yaml:1:5: control character 01"},
        {"- 1\n- 2\n", "exp.yaml:1:1: expected lines"},
        {"fmnist\n", "exp.yaml:1:1: expected lines"},
        {"a: [1, 2\nb: 3\n",
         "exp.yaml:2:2: not YAML: did not find expected ',' or ']', while parsing a flow sequence"},
        {"a: b: c\n", "exp.yaml:1:5: not YAML: mapping values are not allowed"},
        {"a: 'x\n", "exp.yaml:2:1: not YAML"},
        {"a: 1\n b: 2\n", "exp.yaml:2:3: not YAML"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect_refused(cases[i].text, cases[i].message);
}

Test(read, depth_keys_and_size_are_bounded)
{
    char text[256] = "a: ";
    for (int i = 0; i < 31; i++) strcat(text, "[");
    for (int i = 0; i < 31; i++) strcat(text, "]");
    co_node *root = read_good(text);
    expect_round_trip(root, true);
    co_node_destroy(root);
    memset(text + 3, '[', 100);
    text[103] = '\0';
    expect_refused(text, "exp.yaml:1:36: more than 32 levels");
    char *big = co_malloc((1u << 20) + 64, 1);
    size_t n = 0;
    for (int i = 0; i <= 1000; i++) n += (size_t)sprintf(big + n, "k%d: 1\n", i);
    expect_refused(big, "exp.yaml:1001:1: more than 1000 keys");
    memset(big, 'x', 200);
    strcpy(big + 129, ": 1\n");
    expect_refused(big, "exp.yaml:1:1: a key of more than 128 bytes");
    memset(big, '#', (1u << 20) + 1);
    big[9] = '\n';
    big[(1u << 20) + 1] = '\0';
    expect_refused(big, "exp.yaml:2:1048567: the text goes on beyond 1 MiB");
    co_free(big);
}

Test(read, files_are_read_and_missing_or_binary_ones_named)
{
    co_node *root = NULL;
    const char *path = scratch_file("yaml");
    FILE *file = fopen(path, "wb");
    cr_assert(file);
    cr_assert_eq(fwrite(sample, 1, sizeof sample - 1, file), sizeof sample - 1);
    fclose(file);
    cr_assert_eq(co_yaml_read_file(path, &root), CO_OK, "%s", co_status_message());
    cr_expect_eq(co_node_count(root), 9);
    co_node_destroy(root);
    file = fopen(path, "ab");
    fwrite("x: \0\n", 1, 5, file);
    fclose(file);
    cr_expect_eq(co_yaml_read_file(path, &root), CO_EUSAGE);
    cr_expect(strstr(co_status_message(), ":20:4: control character 00"), "%s",
              co_status_message());
    remove(path);
    cr_expect_eq(co_yaml_read_file(path, &root), CO_EFILE);
    cr_expect(strstr(co_status_message(), path));
    cr_expect_eq(co_yaml_read_file("/", &root), CO_EFILE);
    cr_expect_null(root);
}

Test(write, experiments_look_as_people_write_them)
{
    char *text = NULL;
    co_node *root = read_good(sample);
    cr_assert_eq(co_yaml_write(root, &text), CO_OK);
    cr_expect_str_eq(text, "name: fmnist-dirichlet\n"
                           "seed: 1\n"
                           "data:\n"
                           "  file: fashion_mnist.h5\n"
                           "local:\n"
                           "  rule: sgd\n"
                           "  lr: 0.10\n"
                           "  note: \"0.1\"\n"
                           "  text: \"it's: #1\"\n"
                           "transforms: [{name: clip, norm: 1.0}, {name: quantise, bits: 8}]\n"
                           "model:\n"
                           "  layers: [flatten, {dense: 10}, relu]\n"
                           "block: \"two\\nlines\\n\"\n"
                           "nothing: null\n"
                           "tilde: null\n");
    co_free(text);
    co_node_destroy(root);
}

Test(write, bytes_that_are_not_utf8_are_refused)
{
    char *text;
    co_node *root = co_node_create(CO_NODE_MAP, NULL, NULL);
    cr_assert_eq(co_node_set(root, "path", "caf\xe9"), CO_OK);
    cr_expect_eq(co_yaml_write(root, &text), CO_EUSAGE);
    cr_expect_null(text);
    co_node_destroy(root);
}

static const char *const hostile[] = {"",
                                      " ",
                                      "  lead",
                                      "trail ",
                                      ": ",
                                      "a: b",
                                      "#",
                                      "a #b",
                                      "\"",
                                      "'",
                                      "\\",
                                      "\\n",
                                      "true",
                                      "null",
                                      "~",
                                      "1",
                                      "010",
                                      "-",
                                      "- x",
                                      "---",
                                      "...",
                                      "?",
                                      "? x",
                                      "[",
                                      "]",
                                      "{",
                                      "}",
                                      ",",
                                      "a, b",
                                      "&a",
                                      "*a",
                                      "!a",
                                      "|",
                                      ">",
                                      "%a",
                                      "@a",
                                      "`a",
                                      "<<",
                                      "=",
                                      "a:b",
                                      "a:",
                                      ":a",
                                      "\t",
                                      "\n",
                                      "a\nb",
                                      "\r",
                                      "\x01",
                                      "\x7f",
                                      "\xc2\x85",
                                      "\xc2\xa0",
                                      "\xe2\x80\xa8",
                                      "\xe2\x80\xa9",
                                      "\xef\xbb\xbf",
                                      "\xef\xbf\xbe",
                                      "\xf0\x9f\x98\x80",
                                      "na\xc3\xafve",
                                      "1e3",
                                      ".5",
                                      "..",
                                      "../x",
                                      "~/x",
                                      "-.5",
                                      "key",
                                      "0.1abc",
                                      "yes",
                                      "a  b",
                                      "a*b",
                                      "C:\\x",
                                      "http://x/y",
                                      "x\xcc\x81",
                                      "a\tb",
                                      "--x",
                                      "+",
                                      "-a",
                                      "a-",
                                      "a.",
                                      "/"};
#define N_HOSTILE (sizeof hostile / sizeof *hostile)

static const char *random_text(co_stream *s, char buffer[64])
{
    if (co_draw_below(s, 2) == 0) return hostile[co_draw_below(s, N_HOSTILE)];
    snprintf(buffer, 64, "%s%s", hostile[co_draw_below(s, N_HOSTILE)],
             hostile[co_draw_below(s, N_HOSTILE)]);
    return buffer;
}

static co_node *random_tree(co_stream *s, co_node_kind kind, const char *key, int depth)
{
    char buffer[64];
    co_node *node =
        co_node_create(kind, key, kind == CO_NODE_SCALAR ? random_text(s, buffer) : NULL);
    cr_assert(node);
    node->quoted = kind == CO_NODE_SCALAR && (co_draw_below(s, 2) == 0 || node->text[0] == '\0');
    if (kind == CO_NODE_SCALAR && co_draw_below(s, 12) == 0) {
        node->text[0] = '\0';
        node->quoted = false;
    }
    const uint64_t n = kind == CO_NODE_SCALAR ? 0 : co_draw_below(s, depth == 0 ? 12 : 7);
    for (uint64_t i = 0; i < n; i++) {
        const char *name = kind == CO_NODE_MAP ? random_text(s, buffer) : NULL;
        if (name && co_node_find(node, name)) continue;
        char *copy = name ? co_strdup(name) : NULL;
        co_node_append(node, random_tree(s, (co_node_kind)co_draw_below(s, depth < 5 ? 3 : 1), copy,
                                         depth + 1));
        co_free(copy);
    }
    return node;
}

Test(write, random_trees_of_hostile_texts_come_back)
{
    const size_t blocks = co_memory_blocks();
    for (uint64_t i = 0; i < 2000; i++) {
        co_stream s = co_stream_open(7, CO_DRAW_TEST, i, 0, 0);
        co_node *root = random_tree(&s, CO_NODE_MAP, NULL, 0);
        expect_round_trip(root, false);
        co_node_destroy(root);
    }
    cr_expect_eq(co_memory_blocks(), blocks);
}

Test(read, damaged_files_neither_crash_nor_leak_and_accepted_ones_come_back)
{
    static const char alphabet[] = "{}[]:,#&*!|>'\"%@`-?~ \n\t\\abe01.\xc3\xa9\xff";
    const size_t blocks = co_memory_blocks();
    char text[2 * sizeof sample];
    int accepted = 0;
    for (uint64_t i = 0; i < 20000; i++) {
        co_stream s = co_stream_open(8, CO_DRAW_TEST, i, 0, 0);
        size_t n = sizeof sample - 1;
        memcpy(text, sample, n);
        for (uint64_t edits = 1 + co_draw_below(&s, 6); edits > 0; edits--) {
            const size_t where = co_draw_below(&s, n), length = 1 + co_draw_below(&s, 8);
            const uint64_t action = co_draw_below(&s, 4);
            if (action == 0 && n > where + length) { /* cut */
                memmove(text + where, text + where + length, n - where - length);
                n -= length;
            } else if (action == 1) { /* insert */
                memmove(text + where + 1, text + where, n - where);
                text[where] = alphabet[co_draw_below(&s, sizeof alphabet - 1)];
                n++;
            } else if (action == 2) { /* change */
                text[where] = alphabet[co_draw_below(&s, sizeof alphabet - 1)];
            } else if (where + length < n) { /* copy over */
                const size_t from = co_draw_below(&s, n - length);
                memmove(text + where, text + from, length);
            }
        }
        text[n] = '\0';
        co_node *root = NULL;
        const co_status st = co_yaml_read_text(text, "damaged", &root);
        cr_assert(st == CO_OK || st == CO_EUSAGE);
        cr_assert(st == CO_OK || strncmp(co_status_message(), "damaged:", 8) == 0, "%s",
                  co_status_message());
        if (st == CO_OK) expect_round_trip(root, true);
        accepted += st == CO_OK;
        co_node_destroy(root);
        cr_assert_eq(co_memory_blocks(), blocks, "leak after\n%s", text);
    }
    cr_expect(accepted > 1000 && accepted < 19000,
              "%d accepted: the damage is too small or too large", accepted);
}

Test(override, values_are_yaml_and_other_keys_stay)
{
    static const char *const words[] = {"local.lr=0.5",
                                        "local.note=text",
                                        "server.schedule.name=cosine",
                                        "rounds=7",
                                        "transforms=[{name: clip}]",
                                        "model={name: cnn}",
                                        "nothing.a=1",
                                        "tilde=\"\"",
                                        "seed=",
                                        "name=a=b",
                                        "data.file=../x y.h5",
                                        "output.dir=run #2",
                                        "output.note=#3",
                                        "output.list=[a, \"b #4\"]"};
    const size_t blocks = co_memory_blocks();
    co_node *root = read_good(sample);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        cr_assert_eq(co_yaml_override(root, words[i]), CO_OK, "%s", co_status_message());
    cr_expect_str_eq(at(root, "local", "lr")->text, "0.5");
    cr_expect(at(root, "local", "lr")->line == 0 && at(root, "local", "lr")->column > 0);
    cr_expect_str_eq(at(root, "local", "rule")->text, "sgd");
    cr_expect_not(at(root, "local", "note")->quoted);
    cr_expect_str_eq(co_node_find(at(root, "server", "schedule"), "name")->text, "cosine");
    cr_expect_str_eq(at(root, "rounds", NULL)->text, "7");
    cr_expect_eq(co_node_count(at(root, "transforms", NULL)), 1);
    cr_expect_eq(co_node_count(at(root, "model", NULL)), 1);
    cr_expect_str_eq(at(root, "nothing", "a")->text, "1");
    cr_expect(at(root, "tilde", NULL)->quoted);
    cr_expect(co_node_is_null(at(root, "seed", NULL)));
    cr_expect_str_eq(at(root, "name", NULL)->text, "a=b");
    cr_expect_str_eq(root->first->key, "name", "a replaced key keeps its place");
    cr_expect_str_eq(at(root, "data", "file")->text, "../x y.h5");
    cr_expect_str_eq(at(root, "output", "dir")->text, "run #2", "no comments on a command line");
    cr_expect_str_eq(at(root, "output", "note")->text, "#3");
    cr_expect_str_eq(at(root, "output", "list")->first->next->text, "b #4");
    expect_round_trip(root, true);
    co_node_destroy(root);
    cr_expect_eq(co_memory_blocks(), blocks);
}

Test(override, wrong_words_are_refused_and_change_nothing)
{
    static const struct {
        const char *word, *message;
    } cases[] = {
        {"rounds", "command line: rounds: expected section.key=value"},
        {"=1", "command line: =1: a key is empty"},
        {".a=1", "command line: .a=1: a key is empty"},
        {"a.=1", "command line: a.=1: a key is empty"},
        {"a..b=1", "command line: a..b=1: a key is empty"},
        {"transforms[0].norm=1", "command line: transforms[0].norm=1: an element of a list"},
        {"transforms.norm=1",
         "command line: transforms.norm=1: transforms is a list and has no keys"},
        {"seed.a.b=1", "command line: seed.a.b=1: seed is a single value"},
        {"a=[1,", "command line: a=[1,: not YAML"},
        {"a=b: c", "command line: a=b: c: write lists as"},
        {"a=[1] #2", "command line: a=[1] #2: something stands behind the value"},
        {"a=- 1", "command line: a=- 1: write lists as"},
        {"a=*x", "command line: a=*x: aliases"},
        {"a=*.csv", "command line: a=*.csv: not YAML"},
        {"a={b: 1, b: 2}", "command line: a={b: 1, b: 2}: the key b is given twice"},
        {"a= ", "command line: a= : a value is missing"},
        {"a\xff=1", "command line: a\xff=1: not UTF-8"},
        {"a=1\n---\nb", "command line: a=1\n---\nb: a second document"},
        {"a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q.r.s.t.u.v.w.x.y.z.a.b.c.d.e.f.g=1", "command line: "}};
    co_node *root = read_good(sample), *before = co_node_copy(root);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cr_expect_eq(co_yaml_override(root, cases[i].word), CO_EUSAGE, "%s", cases[i].word);
        cr_expect(strncmp(co_status_message(), cases[i].message, strlen(cases[i].message)) == 0,
                  "'%s'", co_status_message());
        cr_expect(same_tree(root, before, true));
    }
    co_node_destroy(root);
    co_node_destroy(before);
}

/* Reads, overrides, checks and writes with the nth allocation failing. 0: an error and no leak; 1:
 * a fault of ours; 2: nothing failed. */
static int run_with_fault(int nth)
{
    static const co_param params[] = {
        {"a", CO_INT, .def = 1}, {"b", CO_INTS, .words = "1, 2"}, {"c", CO_REALS, .doc = "x"}, {0}};
    const co_param *const tables[] = {params};
    char spec[32], *text = NULL;
    co_node *root = NULL;
    snprintf(spec, sizeof spec, "alloc:*:%d", nth);
    setenv("CO_FAULT", spec, 1);
    const size_t blocks = co_memory_blocks();
    co_status st = co_yaml_read_text("a: 1\nc: 0.5\n", "exp.yaml", &root);
    if (st == CO_OK) {
        co_node *copy = co_node_copy(root);
        st = copy ? CO_OK : CO_ENOMEM;
        co_node_destroy(copy);
    }
    if (st == CO_OK) st = co_config_check(&(co_config){"exp.yaml", NULL, root}, tables, 1);
    if (st == CO_OK) st = co_yaml_override(root, "d.e.f=[1, {x: y}]");
    if (st == CO_OK) st = co_yaml_override(root, "g=");
    if (st == CO_OK) st = co_node_set(root, "h", "1");
    if (st == CO_OK) st = co_yaml_write(root, &text);
    co_free(text);
    co_node_destroy(root);
    if (co_memory_blocks() != blocks || (st != CO_OK && st != CO_ENOMEM)) return 1;
    return st == CO_OK ? 2 : 0;
}

Test(memory, running_out_anywhere_is_an_error_without_a_leak)
{
    for (int nth = 1; nth < 500; nth++) { /* the fault fires once a process */
        const pid_t child = fork();
        int status = 0;
        cr_assert_geq(child, 0);
        if (child == 0) _exit(run_with_fault(nth));
        cr_assert_eq(waitpid(child, &status, 0), child);
        cr_assert(WIFEXITED(status) && WEXITSTATUS(status) != 1, "allocation %d", nth);
        if (WEXITSTATUS(status) == 2) {
            cr_expect_gt(nth, 30);
            return;
        }
    }
    cr_assert(false, "every allocation failed");
}
