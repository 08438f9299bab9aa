/* Labels of tasks that have none of their own: the types of a text's entities, a question's user.
 */
#include "partition/labels.h"
#include "tests/harness.h"
#include "tests/partition/support.h"

enum { N = 240, DEVICES = 4 };

/* Text i has the types of the bits of i mod 4; 1 + i mod 3 words each, some without a tag. */
static co_dataset tagged_data(void)
{
    static const char *const names[] = {"O", "B-A", "I-A", "I-B"};
    co_dataset d = {.n = N, .task = CO_DATA_TAGGING, .n_classes = 4};
    d.split = co_calloc(N, 1);
    d.classes = co_calloc(4, sizeof *d.classes);
    d.token_offsets = co_calloc(N + 1, sizeof *d.token_offsets);
    d.token_y = co_calloc(4 * N, sizeof *d.token_y);
    for (size_t k = 0; k < 4; k++) d.classes[k] = co_strdup(names[k]);
    for (int64_t i = 0; i < N; i++) {
        int64_t t = d.token_offsets[i];
        if (i % 3) d.token_y[t++] = i % 3 == 1 ? -1 : 0;
        if (i & 1) d.token_y[t++] = i % 5 ? 1 : 2;
        if (i & 2) d.token_y[t++] = 3;
        d.token_offsets[i + 1] = t;
    }
    d.n_tokens = (size_t)d.token_offsets[N];
    return d;
}

Test(labels, a_tagged_text_has_the_set_of_its_types)
{
    co_dataset data = tagged_data();
    co_partition p = must_make("method=classes devices=4 classes_per_device=1", &data);
    unsigned seen = 0;
    for (int64_t d = 0; d < DEVICES; d++) {
        cr_expect_eq(train_size(&p, d), N / 4, "device %d", (int)d);
        const int64_t set = p.train[p.train_offsets[d]] % 4;
        for (int64_t k = p.train_offsets[d]; k < p.train_offsets[d + 1]; k++)
            cr_expect_eq(p.train[k] % 4, set, "device %d", (int)d);
        seen |= 1u << set;
    }
    cr_expect_eq(seen, 15u);
    cr_expect_float_eq(stat_of(&p, "classes_effective_mean"), 1.0, 1e-12);
    co_partition_fini(&p);
    data.classes[1][0] = data.classes[2][0] = data.classes[3][0] = 'X';
    cr_expect_eq(make_partition("method=classes devices=4 classes_per_device=1", &data, &p),
                 CO_EUSAGE);
    cr_expect(strstr(co_status_message(), "B-TYPE"), "%s", co_status_message());
    co_dataset_fini(&data);
    cr_expect_eq(co_memory_blocks(), 0);
}

Test(labels, a_question_has_its_user)
{
    co_dataset data = {.n = N, .task = CO_DATA_SPAN, .n_users = 3};
    co_partition p;
    data.split = co_calloc(N, 1);
    data.user = co_malloc(N, sizeof *data.user);
    for (int64_t i = 0; i < N; i++) data.user[i] = (int32_t)(i % 4) - 1;
    p = must_make("method=shards devices=4 shards_per_device=1", &data);
    for (int64_t d = 0; d < DEVICES; d++)
        for (int64_t k = p.train_offsets[d]; k < p.train_offsets[d + 1]; k++)
            cr_expect_eq(data.user[p.train[k]], data.user[p.train[p.train_offsets[d]]]);
    co_partition_fini(&p);
    co_dataset_fini(&data);
    cr_expect_eq(co_memory_blocks(), 0);
}

/* Question q has 1 + q mod 4 windows and is of user q mod 5. */
static co_dataset question_data(void)
{
    co_dataset d = {.n = N, .task = CO_DATA_SPAN, .n_users = 5};
    d.split = co_calloc(N, 1);
    d.user = co_malloc(N, sizeof *d.user);
    d.question = co_malloc(N, sizeof *d.question);
    for (int32_t i = 0, q = 0; i < N; q++)
        for (int32_t w = 0; w <= q % 4 && i < N; w++, i++) d.question[i] = q, d.user[i] = q % 5;
    return d;
}

/* Places of examples (train: the device; test: -1 - the device; N: none) and their periods differ
 * only between questions. Returns how many questions are in test parts. */
static int whole_questions(const co_partition *p, const co_dataset *data, const char *how)
{
    int64_t place[N];
    int tested = 0;
    for (int i = 0; i < N; i++) place[i] = N;
    for (int64_t d = 0; d < p->n_devices; d++) {
        for (int64_t k = p->train_offsets[d]; k < p->train_offsets[d + 1]; k++)
            place[p->train[k]] = d;
        for (int64_t k = p->test_offsets ? p->test_offsets[d] : 0;
             p->test_offsets && k < p->test_offsets[d + 1]; k++)
            place[p->test[k]] = -1 - d;
    }
    for (int i = 0; i < N; i++) {
        const bool goes_on = i > 0 && data->question[i] == data->question[i - 1];
        if (goes_on) cr_expect_eq(place[i], place[i - 1], "%s: window %d", how, i);
        if (goes_on && p->period) cr_expect_eq(p->period[i], p->period[i - 1], "%s: %d", how, i);
        tested += !goes_on && place[i] < 0;
    }
    return tested;
}

Test(labels, windows_of_a_question_stay_together)
{
    static const struct {
        const char *how;
        int tested;
    } cases[] = {{"method=iid devices=4", 0},
                 {"method=iid devices=1 test_fraction=0.25", 24},
                 {"method=natural test_fraction=0.25", 21},
                 {"method=natural max_examples=7", 0},
                 {"method=dirichlet devices=3 alpha=0.5", 0},
                 {"method=quantity devices=3", 0},
                 {"method=temporal devices=3 periods=4", 0},
                 {"method=temporal devices=3 periods=4 law=devices", 0}};
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        co_dataset data = question_data();
        co_partition p = must_make(cases[k].how, &data);
        cr_expect_eq(whole_questions(&p, &data, cases[k].how), cases[k].tested, "%s", cases[k].how);
        co_partition_fini(&p);
        co_dataset_fini(&data);
    }
    cr_expect_eq(co_memory_blocks(), 0);
}

Test(labels, methods_without_labels_see_none)
{
    co_dataset data = tagged_data();
    co_partition p = must_make("method=iid devices=4", &data);
    cr_expect(!has_stat(&p, "classes_effective_mean"));
    co_partition_fini(&p);
    co_dataset_fini(&data);
}

Test(labels, natural_makes_a_device_of_each_value_of_by)
{
    co_dataset data = mixed_data(300, 5, 7, 2);
    add_features(&data, 3); /* groups of two classes */
    co_partition p = must_make("method=natural by=group test_fraction=0.1", &data);
    cr_expect_eq(p.n_devices, 3);
    for (int64_t d = 0; d < 3; d++)
        for (int64_t k = p.train_offsets[d]; k < p.train_offsets[d + 1]; k++)
            cr_expect_eq(data.group[p.train[k]], d);
    co_partition_fini(&p);
    p = must_make("method=natural by=y", &data);
    cr_expect_eq(p.n_devices, 5);
    for (int64_t d = 0; d < 5; d++) {
        for (int64_t k = p.train_offsets[d]; k < p.train_offsets[d + 1]; k++)
            cr_expect_eq(data.y[p.train[k]], d);
        for (int64_t k = p.test_offsets[d]; k < p.test_offsets[d + 1]; k++)
            cr_expect(data.y[p.test[k]] == d && data.split[p.test[k]] == 1);
    }
    co_partition_fini(&p);
    const char *path = scratch_file("words.txt");
    FILE *file = fopen(path, "w");
    for (int i = 0; i < 300; i++) fprintf(file, "%s\n", i % 3 ? "north" : "south");
    fclose(file);
    char words[400];
    snprintf(words, sizeof words, "method=natural by=%s", path);
    p = must_make(words, &data);
    cr_assert_eq(p.n_devices, 2);
    cr_expect_str_eq(p.device_name[0], "south");
    cr_expect_str_eq(p.device_name[1], "north");
    co_partition_fini(&p);
    co_free(data.group);
    data.group = NULL;
    must_refuse("method=natural by=group", &data, "the data set has no column group");
    must_refuse("method=natural by=tags", &data, "the data set has no tags");
    co_dataset_fini(&data);
    cr_expect_eq(co_memory_blocks(), 0);
}

/* Every method that goes by labels goes by a column: 30 users, cut as if they were classes. */
Test(labels, every_method_by_label_takes_any_column)
{
    static const char *const methods[] = {"dirichlet devices=4 alpha=0.3",
                                          "dirichlet_device devices=4 alpha=0.3",
                                          "shards devices=4 sizes=linear",
                                          "classes devices=15 assignment=deterministic",
                                          "pachinko devices=4",
                                          "dirichlet devices=4 alpha=1 balanced=true"};
    co_dataset data = mixed_data(600, 5, 30, 2), twin;
    for (int64_t i = 0; i < data.n; i++) data.user[i] = (int32_t)(i % 30);
    add_features(&data, 3);
    for (int64_t i = 0; i < data.n; i++) data.group[i] = data.user[i] / 10;
    twin = data;
    twin.y = data.user;
    twin.n_classes = 30;
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        char words[200], by_user[220];
        snprintf(words, sizeof words, "method=%s", methods[i]);
        snprintf(by_user, sizeof by_user, "%s by=user", words);
        co_partition a = must_make(by_user, &data), b = must_make(words, &twin);
        cr_assert_eq(a.n_devices, b.n_devices);
        cr_expect_arr_eq(a.train_offsets, b.train_offsets,
                         (size_t)(a.n_devices + 1) * sizeof(int64_t), "%s", words);
        cr_expect_arr_eq(a.train, b.train, (size_t)a.train_offsets[a.n_devices] * sizeof(int64_t),
                         "%s", words);
        co_partition_fini(&a);
        co_partition_fini(&b);
    }
    co_dataset_fini(&data);
    cr_expect_eq(co_memory_blocks(), 0);
}
