/* Every partitioner of the list under random settings: each training example of the data set stands
 * exactly once in train, test or unassigned; new members join by themselves. */
#include "core/param.h"
#include "tests/harness.h"
#include "tests/partition/support.h"
#include <math.h>

/* A value of the option's range, spread over the powers of ten from 1e-4 to 1e4 inside it. */
static double draw_value(const co_param *param, co_stream *s)
{
    const bool ranged = param->lo < param->hi;
    double lo = ranged ? fmax(param->lo, 1e-4) : 1e-4, hi = ranged ? fmin(param->hi, 1e4) : 1e4;
    if (hi < lo) hi = lo;
    const double x = lo * pow(hi / lo, co_draw_uniform(s));
    return param->type == CO_INT ? fmax(floor(x), ceil(param->lo)) : x;
}

/* " key=word", one of a choice (true or false of a bool). */
static void append_word(const co_param *param, co_stream *s, char *words, size_t size)
{
    char buffer[CO_WORDS_TEXT];
    const char *word[CO_WORDS + 1];
    size_t n = 0;
    co_param_words(param->type == CO_BOOL ? "false|true" : param->words, buffer, word);
    while (word[n]) n++;
    const char *drawn = word[co_draw_below(s, n)];
    snprintf(words + strlen(words), size - strlen(words), " %s=%s", param->key, drawn);
}

/* " sizes=word" of a law, of members whose sizes are chosen; they stand alone with the defaults. */
static void append_sizes(const co_param *param, co_stream *s, char *words, size_t size)
{
    static const char *const laws[] = {"equal",  "lognormal", "zipf",       "dirichlet",
                                       "linear", "square",    "exponential"};
    const bool fixed = strstr(words, " shard_size=") != NULL;
    if (strcmp(param->key, "sizes") == 0 && !fixed)
        snprintf(words + strlen(words), size - strlen(words), " sizes=%s",
                 laws[co_draw_below(s, sizeof laws / sizeof *laws)]);
}

/* " key=value" of the required numbers, and of the others every second time. */
static void append_options(const co_param *params, co_stream *s, char *words, size_t size)
{
    for (const co_param *param = params; param && param->key; param++) {
        const bool number = param->type == CO_INT || param->type == CO_REAL;
        if (param->type == CO_CHOICE || param->type == CO_BOOL) append_word(param, s, words, size);
        if (param->type == CO_STRING) append_sizes(param, s, words, size);
        if (!number || (!(param->flags & CO_REQUIRED) && co_draw_below(s, 2))) continue;
        const size_t used = strlen(words);
        snprintf(words + used, size - used, param->type == CO_INT ? " %s=%.0f" : " %s=%.17g",
                 param->key, draw_value(param, s));
    }
}

/* " matrix=FILE" of K rows and a column a class, half of the entries zero. */
static void append_matrix(int64_t k, size_t n_classes, co_stream *s, char *words, size_t size)
{
    const char *path = scratch_file("matrix.csv");
    FILE *file = fopen(path, "w");
    cr_assert(file);
    for (int64_t d = 0; d < k; d++)
        for (size_t c = 0; c < n_classes; c++)
            fprintf(file, "%d%c", co_draw_below(s, 2) ? 0 : (int)co_draw_below(s, 3),
                    c + 1 < n_classes ? ',' : '\n');
    fclose(file);
    snprintf(words + strlen(words), size - strlen(words), " matrix=%s", path);
}

/* " table=FILE" and what goes with it: k devices where that is a multiple of the classes with
 * training examples, else any number that is. */
static void append_table(int64_t k, const co_dataset *data, co_stream *s, char *words, size_t size)
{
    const char *path = scratch_file("table.csv");
    FILE *file = fopen(path, "w");
    int64_t n_present = 0, *n = co_calloc(data->n_classes, sizeof *n);
    cr_assert(file && n);
    for (int64_t i = 0; i < data->n; i++)
        if (data->split[i] == 0) n_present += n[data->y[i]]++ == 0;
    co_free(n);
    const int64_t each = 1 + (int64_t)co_draw_below(s, (uint64_t)(n_present < 3 ? n_present : 3)),
                  turns = k > 0 && k % n_present == 0 ? k / n_present
                                                      : 1 + (int64_t)co_draw_below(s, 3);
    for (int64_t c = 0; c < n_present; c++)
        for (int64_t j = 0; j < turns * each; j++)
            fprintf(file, "%d%c", (int)co_draw_below(s, 5), j + 1 < turns * each ? ',' : '\n');
    fclose(file);
    snprintf(words + strlen(words), size - strlen(words),
             " table=%s classes_per_device=%lld min_per_class=%d", path, (long long)each,
             (int)co_draw_below(s, 2));
}

/* " from=FILE" with lists of 1 to 20 devices; a third of the examples stand nowhere. */
static void append_lists(const co_dataset *data, co_stream *s, char *words, size_t size)
{
    const char *path = scratch_file("lists.csv");
    FILE *file = fopen(path, "w");
    cr_assert(file);
    const uint64_t k = 1 + co_draw_below(s, 20);
    const bool parts = !strstr(words, "test_");
    fprintf(file, "device,example,part\n0,,\n");
    for (int64_t i = 0; i < data->n; i++)
        if (data->split[i] == 0 && co_draw_below(s, 3) > 0)
            fprintf(file, "%d,%lld,%s\n", (int)co_draw_below(s, k), (long long)i,
                    parts && co_draw_below(s, 4) == 0 ? "test" : "train");
    fclose(file);
    snprintf(words + strlen(words), size - strlen(words), " from=%s", path);
}

/* All options of a member; its files are written. */
static void append_all(const co_partitioner *member, int64_t k, const co_dataset *data,
                       co_stream *s, char *words, size_t size)
{
    if (strcmp(member->name, "distribution") == 0)
        append_table(k, data, s, words, size);
    else
        append_options(member->params, s, words, size);
    if (strcmp(member->name, "matrix") == 0) append_matrix(k, data->n_classes, s, words, size);
    if (strcmp(member->name, "imported") == 0) append_lists(data, s, words, size);
}

static void draw_words(const co_partitioner *member, const co_dataset *data, co_stream *s,
                       char *words, size_t size)
{
    double devices = 0.0;
    snprintf(words, size, "method=%s seed=%llu", member->name,
             (unsigned long long)co_draw_below(s, 1000000));
    if (!(member->needs & CO_PART_OWN_DEVICES) && strcmp(member->name, "distribution") != 0) {
        devices = floor(exp(co_draw_uniform(s) * log(10.0 * (double)data->n + 1.0)));
        snprintf(words + strlen(words), size - strlen(words), " devices=%.0f", devices);
    }
    if (co_draw_below(s, 2))
        snprintf(words + strlen(words), size - strlen(words), " test_fraction=%.17g",
                 co_draw_uniform(s));
    if (co_draw_below(s, 4) == 0)
        snprintf(words + strlen(words), size - strlen(words), " test_devices=%.17g",
                 co_draw_uniform(s));
    append_all(member, (int64_t)devices, data, s, words, size);
}

static void mark(int *times, const int64_t *ids, int64_t n)
{
    for (int64_t i = 0; i < n; i++) times[ids[i]]++;
}

static bool ascending(const int64_t *offsets, const int64_t *ids, int64_t k)
{
    for (int64_t d = 0; d < k; d++)
        for (int64_t i = offsets[d] + 1; i < offsets[d + 1]; i++)
            if (ids[i - 1] >= ids[i]) return false;
    return true;
}

static void check_cover(const co_partitioner *member, const co_dataset *data, const co_partition *p,
                        const char *words)
{
    const bool test_split = (member->needs & CO_PART_TEST_SPLIT) &&
                            !strstr(words, "test_fraction") && !strstr(words, "test_devices");
    int *times = co_calloc((size_t)data->n, sizeof *times);
    cr_assert(p->train_offsets[0] == 0 && ascending(p->train_offsets, p->train, p->n_devices), "%s",
              words);
    mark(times, p->train, p->train_offsets[p->n_devices]);
    mark(times, p->unassigned, p->n_unassigned);
    if (p->test_offsets) {
        cr_assert(p->test_offsets[0] == 0 && ascending(p->test_offsets, p->test, p->n_devices),
                  "%s", words);
        mark(times, p->test, p->test_offsets[p->n_devices]);
    }
    for (int64_t i = 0; i < data->n; i++) {
        const bool may = data->split[i] == 1 && test_split;
        cr_assert(times[i] == (data->split[i] == 0) || (may && times[i] == 1),
                  "%s: example %lld of split %d: %d times", words, (long long)i, data->split[i],
                  times[i]);
    }
    cr_expect(co_partition_check(p, data, words) == CO_OK, "%s", co_status_message());
    cr_expect(stat_of(p, "n_unassigned") == (double)p->n_unassigned);
    co_free(times);
}

static bool same_lists(const co_partition *a, const co_partition *b)
{
    const size_t k = (size_t)a->n_devices;
    return a->n_devices == b->n_devices &&
           memcmp(a->train_offsets, b->train_offsets, (k + 1) * sizeof(int64_t)) == 0 &&
           memcmp(a->train, b->train, (size_t)a->train_offsets[k] * sizeof(int64_t)) == 0;
}

#define EACH_MEMBER(member)                                                                        \
    for (const co_plugin *const *at_ = co_kind_partitioner.members; *at_; at_++)                   \
        for (const co_partitioner *member = co_partitioner_find((*at_)->name); member;             \
             member = NULL)

/* A setting may be impossible; the message then names the option and what the data have. */
static bool is_refusal(const char *message)
{
    return strncmp(message, "test: partition.", 16) == 0 && strpbrk(message, "0123456789");
}

Test(partitioner, each_training_example_stands_exactly_once)
{
    co_stream s = co_stream_open(11, CO_DRAW_TEST, 0, 0, 0);
    EACH_MEMBER(member)
    {
        int n_made = 0;
        for (int turn = 0; turn < 150; turn++) {
            char words[1024];
            const int64_t n = 1 + (int64_t)co_draw_below(&s, turn % 10 ? 400 : 5000);
            co_dataset data = mixed_data(n, 1 + (size_t)co_draw_below(&s, 20),
                                         1 + (size_t)co_draw_below(&s, 40), (uint64_t)turn);
            data.user[0] = 0; /* natural wants at least one */
            data.split[0] = 0;
            add_features(&data, (uint64_t)turn);
            draw_words(member, &data, &s, words, sizeof words);
            co_partition p;
            const co_status st = make_partition(words, &data, &p);
            cr_assert(st == CO_OK || (st == CO_EUSAGE && is_refusal(co_status_message())), "%s: %s",
                      words, co_status_message());
            n_made += st == CO_OK;
            if (st == CO_OK) check_cover(member, &data, &p, words);
            co_partition_fini(&p);
            co_dataset_fini(&data);
        }
        cr_expect(n_made >= 30, "%s: %d of 150 settings were possible", member->name, n_made);
    }
    cr_expect(co_memory_blocks() == 0);
}

Test(partitioner, ten_devices_an_example_leave_empty_ones_that_are_counted)
{
    co_dataset data = plain_data(300, 10);
    add_features(&data, 1);
    EACH_MEMBER(member)
    {
        if (member->needs & CO_PART_OWN_DEVICES) continue;
        char words[1024] = "";
        co_stream s = co_stream_open(5, CO_DRAW_TEST, 0, 0, 0);
        snprintf(words, sizeof words, "method=%s devices=3000", member->name);
        append_all(member, 3000, &data, &s, words, sizeof words);
        co_partition p;
        if (make_partition(words, &data, &p) != CO_OK) {
            cr_expect(is_refusal(co_status_message()), "%s: %s", words, co_status_message());
            continue;
        }
        int64_t n_empty = 0;
        for (int64_t d = 0; d < 3000; d++) n_empty += train_size(&p, d) == 0;
        cr_expect(n_empty >= 2700 && stat_of(&p, "n_empty") == (double)n_empty, "%s", words);
        co_partition_fini(&p);
    }
    co_dataset_fini(&data);
}

Test(partitioner, the_seed_alone_decides)
{
    co_dataset data = mixed_data(500, 10, 12, 1);
    add_features(&data, 1);
    EACH_MEMBER(member)
    {
        char words[1024], other[1100];
        const char *devices = member->needs & CO_PART_OWN_DEVICES ? "" : " devices=20";
        co_stream s = co_stream_open(6, CO_DRAW_TEST, 0, 0, 0);
        snprintf(words, sizeof words, "method=%s%s test_fraction=0.2", member->name, devices);
        append_all(member, 20, &data, &s, words, sizeof words);
        snprintf(other, sizeof other, "%s seed=2", words);
        co_partition a;
        if (make_partition(words, &data, &a) != CO_OK) {
            cr_expect(is_refusal(co_status_message()), "%s: %s", words, co_status_message());
            continue;
        }
        co_partition b = must_make(words, &data), c = must_make(other, &data);
        cr_expect(same_lists(&a, &b), "%s", words);
        cr_expect(!same_lists(&a, &c), "%s", words);
        cr_expect_str_eq(a.method, member->name);
        co_partition_fini(&a);
        co_partition_fini(&b);
        co_partition_fini(&c);
    }
    co_dataset_fini(&data);
}

Test(partitioner, options_say_what_they_mean_and_keep_clear_of_the_common_keys)
{
    EACH_MEMBER(member)
    {
        cr_expect(member->summary && *member->summary);
        cr_expect(!member->plan != !member->assign, "%s answers in one form", member->name);
        cr_expect(!(member->needs & CO_PART_MAY_DEVICES) == !member->devices, "%s", member->name);
        for (const co_param *param = member->params; param && param->key; param++) {
            cr_expect(param->doc && *param->doc, "%s.%s", member->name, param->key);
            for (const co_param *common = co_partition_params; common->key; common++)
                cr_expect(strcmp(param->key, common->key) != 0, "%s.%s", member->name, param->key);
        }
    }
    cr_expect(!co_partitioner_find("dirchlet"));
    cr_expect(strstr(co_status_message(), "dirichlet"), "%s", co_status_message());
}
