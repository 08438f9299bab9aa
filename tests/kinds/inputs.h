/* tests/kinds/inputs.h - a small good input for each reader of the list. */
#pragma once
#include "io/data/partition_file.h"
#include "io/writers/writer.h"
#include "tests/io/io_helpers.h"
#include "tests/io/reader_support.h"
#include "tests/kinds/options.h"
#include "tests/run_helpers.h"
#include <sys/stat.h>

typedef struct {
    const char *name;
    void (*make)(const char *victim); /* writes it and what goes with it; NULL: reads no file */
    const char
        *below; /* the source is a folder, and this in it the victim; NULL: the victim itself */
    const char *options; /* %s: the victim, which then is no positional argument */
    bool knows_length;   /* a part of a file is no file of the format */
} recipe;

typedef struct {
    const recipe *recipe;
    char victim[1200], source[1100], options[2600]; /* victim: the file that is spoiled; "": none */
} input;

static void make_mnist(const char *victim)
{
    static unsigned char body[10 * 784], file[10 * 784 + 16];
    char path[1300], folder[1200];
    snprintf(folder, sizeof folder, "%.*s", (int)(strrchr(victim, '/') - victim), victim);
    for (int part = 0; part < 2; part++) {
        static const char *const parts[] = {"train", "t10k"};
        for (size_t i = 0; i < sizeof body; i++) body[i] = (unsigned char)(i * 31 + (size_t)part);
        snprintf(path, sizeof path, "%s/%s-images-idx3-ubyte", folder, parts[part]);
        write_bytes(path, file,
                    make_idx(file, 0x08, 3, (const unsigned[]){10, 28, 28}, body, sizeof body));
        snprintf(path, sizeof path, "%s/%s-labels-idx1-ubyte", folder, parts[part]);
        write_bytes(path, file,
                    make_idx(file, 0x08, 1, (const unsigned[]){10}, "\0\1\2\3\4\5\6\7\10\11", 10));
    }
}

static void make_idx_pair(const char *victim)
{
    unsigned char file[600], body[200];
    char labels[1300];
    for (int i = 0; i < 200; i++) body[i] = (unsigned char)(i * 37);
    write_bytes(victim, file, make_idx(file, 0x08, 3, (const unsigned[]){8, 5, 5}, body, 200));
    snprintf(labels, sizeof labels, "%s-labels", victim);
    write_bytes(labels, file,
                make_idx(file, 0x08, 1, (const unsigned[]){8}, "\0\1\2\3\4\0\1\2", 8));
}

static void make_cifar10(const char *victim)
{
    static unsigned char record[2 * 3073];
    record[0] = 9, record[3073] = 1;
    write_bytes(victim, record, sizeof record);
}

static void make_cifar100(const char *victim)
{
    static unsigned char record[2 * 3074];
    record[0] = 19, record[1] = 99;
    write_bytes(victim, record, sizeof record);
}

#define MAKE_TEXT(format, words)                                                                   \
    static void make_##format(const char *victim)                                                  \
    {                                                                                              \
        write_bytes(victim, words, sizeof words - 1);                                              \
    }
MAKE_TEXT(csv,
          "name,size,\"the \"\"y\"\"\",v\n\"a,b\",1,yes,0.5\n\"line\nbreak\",2,no,1e3\nc,3,no,-7\n")
MAKE_TEXT(libsvm, "+1 1:0.5 3:2 9:-1e-3\n-1 2:1 # note\n+1 1:7 2:8 12:9\n")
MAKE_TEXT(shakespeare,
          "First Citizen:\nHear me:\nspeak.\n\nAll:\nSpeak!\n\nFirst Citizen:\nYou are resolved?\n")
MAKE_TEXT(conll, "-DOCSTART- O\n\nNew B-LOC\nYork I-LOC\nis O\n\n\nAnn I-PER\nis O\n")
MAKE_TEXT(clinc150, "{\"val\": [[\"what now\", \"time\"]], \"oos_train\": [[\"ah\", \"oos\"]], "
                    "\"train\": [[\"what time\", \"time\"], [\"play on\", \"music\"]]}")
MAKE_TEXT(snips, "{\"Play\": [{\"data\": [{\"text\": \"play some \"}, {\"text\": \"Los Lobos\", "
                 "\"entity\": \"artist\"}]}, {\"data\": [{\"text\": \"stop\"}]}]}")
MAKE_TEXT(leaf, "{\"users\": [\"b\", \"a\"], \"num_samples\": [2, 1], \"hierarchies\": [[1], {}], "
                "\"user_data\": {\"a\": "
                "{\"x\": [[0.5, -1, 2e1]], \"y\": [7]}, \"b\": {\"y\": [3, 7], \"x\": [[1, 2, 3], "
                "[4, 5, 6]]}}}")

MAKE_TEXT(
    squad,
    "{\"version\": \"v2.0\", \"data\": [{\"title\": \"Cats\", \"paragraphs\": [{\"context\": "
    "\"The c\\u00e4t sat on a mat.\", \"qas\": [{\"id\": \"1\", \"question\": \"Who sat?\", "
    "\"answers\": [{\"text\": \"c\\u00e4t\", \"answer_start\": 4}], \"is_impossible\": false}, "
    "{\"id\": \"2\", \"question\": \"Why?\", \"answers\": [], \"is_impossible\": true}]}]}]}")
MAKE_TEXT(jsonl, "{\"a\": \"name[Blue]\", \"b\": \"It is Blue.\", \"who\": 7}\n"
                 "{\"b\": \"No.\", \"x\": [1, {}], \"a\": \"name[Red]\", \"who\": \"x\"}\n")

static void make_pairs(const char *victim)
{
    static const char sources[] = "a dog\nthe cat\r\ntwo cats",
                      targets[] = "ein Hund\ndie Katze\nzwei\n";
    char path[1300];
    write_bytes(victim, sources, sizeof sources - 1);
    snprintf(path, sizeof path, "%s-labels", victim);
    write_bytes(path, targets, sizeof targets - 1);
}

static void make_npz(const char *victim)
{
    char from[1200];
    size_t n;
    const char *root = getenv("SOURCE");
    snprintf(from, sizeof from, "%s/tests/reference/npz/f4.npz", root ? root : ".");
    unsigned char *bytes = slurp(from, &n);
    cr_assert(bytes, "%s", from);
    write_bytes(victim, bytes, n);
    free(bytes);
}

static void make_h5(const char *victim)
{
    cr_assert_eq(write_blobs(victim, 30, 4, 3, 1), CO_OK);
}

/* A message of either part as a tar file. */
static void make_newsgroups(const char *victim)
{
    char command[5000];
    snprintf(command, sizeof command,
             "d='%s.d' && mkdir -p \"$d/bydate-train/rec.autos\" \"$d/bydate-test/sci.space\" && "
             "printf 'From: a@b.c (A)\\nSubject: cars\\n\\nThe car is red.\\n' > "
             "\"$d/bydate-train/rec.autos/1\" && "
             "printf 'From: d@e.f\\nSubject: moon\\n\\nThe moon is far.\\n' > "
             "\"$d/bydate-test/sci.space/2\" && "
             "tar --format=ustar --sort=name -C \"$d\" -cf '%s' bydate-train bydate-test && rm -r "
             "\"$d\"",
             victim, victim);
    cr_assert_eq(system(command), 0);
}

/* A writer's file: of texts with their users, or of the devices of a partition by their users. */
static void make_written(const char *writer, const char *victim, bool with_partition)
{
    static const char words[] = "yes,the cat,Ann\nno,a dog,Ann\nyes,\"a, b\",Bob\n";
    const co_writer *by = co_writer_find(writer);
    char table[1300], file[1300], part[1300];
    const char *const sources[] = {file, part};
    int64_t offsets[] = {0, 2, 3}, ids[] = {0, 1, 2};
    co_partition p = {.n_devices = 2, .train_offsets = offsets, .train = ids};
    co_dataset data;
    co_node *root;
    const co_config opt = test_options("{}", NULL, &by->params, 1, &root);
    snprintf(table, sizeof table, "%s.csv", victim);
    snprintf(file, sizeof file, "%s.data", victim);
    snprintf(part, sizeof part, "%s.part", victim);
    write_bytes(table, words, sizeof words - 1);
    import_good("csv", table, "y=0 text=1 user=2", &data);
    cr_assert_eq(co_dataset_write(&data, file, 1, "test: texts\n"), CO_OK, "%s",
                 co_status_message());
    p.method = co_strdup("natural");
    cr_assert_eq(co_partition_write(&p, &data, part, 1, "test: texts\n"), CO_OK, "%s",
                 co_status_message());
    cr_assert_eq(by->write(&opt, sources, with_partition ? 2 : 1, victim), CO_OK, "%s",
                 co_status_message());
    co_free(p.method);
    co_dataset_fini(&data);
    co_node_destroy(root);
    remove(table), remove(file), remove(part);
}

static void make_fednlp(const char *victim)
{
    make_written("fednlp", victim, false);
}

static void make_tff(const char *victim)
{
    make_written("tff", victim, true);
}

static const recipe recipes[] = {
    {"mnist", make_mnist, "train-images-idx3-ubyte", "", true},
    {"fashion_mnist", make_mnist, "t10k-labels-idx1-ubyte", "", true},
    {"idx", make_idx_pair, NULL, "images=%s labels=%s-labels", true},
    {"cifar10", make_cifar10, NULL, "", false}, /* a part may be whole records */
    {"cifar100", make_cifar100, NULL, "", false},
    {"csv", make_csv, NULL, "y=2 header=true user=name", false},
    {"npz", make_npz, NULL, "", true},
    {"h5", make_h5, NULL, "", true},
    {"libsvm", make_libsvm, NULL, "", false},
    {"synthetic", NULL, NULL, "devices=3 alpha=1 beta=1 size=5", false},
    {"shakespeare", make_shakespeare, NULL, "", false},
    {"newsgroups", make_newsgroups, NULL, "min_count=1",
     false}, /* tar: a part may be whole messages */
    {"conll", make_conll, NULL, "train=%s", false},
    {"snips", make_snips, "train_Play_full.json", "", true},
    {"clinc150", make_clinc150, NULL, "", true},
    {"fednlp", make_fednlp, NULL, "min_count=1", true},
    {"tff", make_tff, NULL, "", true},
    {"leaf", make_leaf, NULL, "", true},
    {"squad", make_squad, NULL, "max_tokens=8 stride=2", true},
    {"pairs", make_pairs, NULL, "source=%s target=%s-labels", false},
    {"jsonl", make_jsonl, NULL, "source=a target=b user=who", false},
};

static inline const recipe *recipe_of(const char *name)
{
    for (size_t i = 0; i < sizeof recipes / sizeof *recipes; i++)
        if (strcmp(recipes[i].name, name) == 0) return &recipes[i];
    return NULL;
}

static inline input make_input(const char *name)
{
    input in = {.recipe = recipe_of(name)};
    cr_assert(in.recipe, "%s: tests/kinds/inputs.h has no small good input for it", name);
    const recipe *r = in.recipe;
    if (r->make) snprintf(in.victim, sizeof in.victim, "%s", scratch_file(name));
    if (r->below) {
        snprintf(in.source, sizeof in.source, "%s", scratch_file(name));
        mkdir(in.source, 0755);
        snprintf(in.victim, sizeof in.victim, "%s/%s", in.source, r->below);
    } else if (!strstr(r->options, "%s")) {
        snprintf(in.source, sizeof in.source, "%s", r->make ? scratch_file(name) : "");
    }
    for (const char *c = r->options; *c; c += strncmp(c, "%s", 2) ? 1 : 2) {
        const size_t used = strlen(in.options);
        snprintf(in.options + used, sizeof in.options - used, "%s",
                 strncmp(c, "%s", 2) ? (const char[]){*c, 0} : in.victim);
    }
    if (r->make) r->make(in.victim);
    return in;
}

static inline void remove_input(const input *in)
{
    char command[5000];
    if (!in->victim[0]) return;
    snprintf(command, sizeof command, "rm -rf '%s' '%s' '%s-labels'", in->victim,
             in->source[0] ? in->source : in->victim, in->victim);
    cr_assert_eq(system(command), 0);
}
