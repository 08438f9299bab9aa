/* Every column of the table: it comes back from its file, in one reading and sealed again in
 * blocks; one that is missing, has a row too few, is of another class or holds a value that is not
 * allowed is named, or has its default. A new line of the table joins by itself once `fill` gives
 * it values.
 */
#include "io/data/dataset_private.h"
#include "tests/io/io_helpers.h"
#include <criterion/criterion.h>
#include <hdf5.h>

enum { N = 6, WIDE = 3, K = 2, T = 9 }; /* examples, values of x, classes or targets, tokens */
enum { IMAGES, TAGS, NUMBERS, LABELS, PAIRS, SPANS, JOINT, N_SETS };

static void end(void)
{
    cr_assert_eq(co_memory_blocks(), 0, "%zu blocks are not given back", co_memory_blocks());
}
TestSuite(columns, .fini = end);

static void must(co_status st)
{
    cr_assert_eq(st, CO_OK, "%s", co_status_message());
}

/* Values that are allowed, other ones in each row where that can be. */
static void fill(co_dataset *d, const co_column *c)
{
    const size_t rows = co_column_rows(d, c), bytes = c->type == CO_STR ? 0 : co_column_bytes(d, c);
    if (rows == 0) return;
    void *values = c->type == CO_STR ? co_calloc(rows, sizeof(char *)) : co_calloc(bytes, 1);
    co_column_set(d, c, values);
    for (size_t i = 0; i < rows; i++) switch (c->values) {
        case CO_VALUES_ANY:
            if (c->type == CO_STR) ((char **)values)[i] = co_format("%s %zu", c->name, i);
            if (c->type == CO_U8) ((uint8_t *)values)[i] = (uint8_t)('a' + i);
            break;
        case CO_VALUES_FINITE:
            for (size_t j = 0; j < WIDE; j++) ((float *)values)[i * WIDE + j] = (float)(i + j) / 4;
            break;
        case CO_VALUES_TARGETS:
            if (d->task == CO_DATA_REGRESSION) ((float *)values)[i * K] = (float)i;
            if (d->task == CO_DATA_MULTILABEL) ((uint8_t *)values)[i * K] = i & 1;
            break;
        case CO_VALUES_SPLIT: ((uint8_t *)values)[i] = (uint8_t)(i % 3); break;
        case CO_VALUES_TOKEN_BOUNDS: ((int64_t *)values)[i] = (int64_t)(i * T / N); break;
        case CO_VALUES_RAW_BOUNDS: ((int64_t *)values)[i] = (int64_t)(2 * i); break;
        case CO_VALUES_TARGET_BOUNDS: ((int64_t *)values)[i] = (int64_t)(i * 2); break;
        case CO_VALUES_ANSWERS: ((int64_t *)values)[i] = (int64_t)(i * (N - 1) / N); break;
        case CO_VALUES_ANSWER_BOUNDS: ((int64_t *)values)[i] = (int64_t)(i * i); break;
        case CO_VALUES_QUESTION_BOUNDS:
        case CO_VALUES_LETTER_BOUNDS: ((int64_t *)values)[i] = (int64_t)i; break;
        case CO_VALUES_QUESTION: ((int32_t *)values)[i] = (int32_t)i; break;
        case CO_VALUES_SPAN:
        case CO_VALUES_PLACE:
            for (size_t j = 0; j < 2; j++) ((int32_t *)values)[2 * i + j] = i % 3 ? 0 : -1;
            break;
        case CO_VALUES_TAG: ((int32_t *)values)[i] = (int32_t)(i % (K + 1)) - 1; break;
        default: ((int32_t *)values)[i] = (int32_t)(i % K); break;
        }
}

static bool of_text(int set)
{
    return set == TAGS || set >= PAIRS;
}

static bool of_labels(const co_column *c)
{
    return c->per == CO_PER_LABEL;
}

static co_dataset make(int set)
{
    static const co_data_task task[] = {CO_DATA_CLASSIFICATION, CO_DATA_TAGGING, CO_DATA_REGRESSION,
                                        CO_DATA_MULTILABEL,     CO_DATA_SEQ2SEQ, CO_DATA_SPAN,
                                        CO_DATA_JOINT};
    co_dataset d = {.n = N, .task = task[set], .n_classes = K, .n_users = K, .n_groups = K};
    const bool text = of_text(set);
    if (text) {
        d.n_tokens = T;
        d.n_vocab = K;
    }
    if (set == PAIRS) d.n_target_tokens = 2 * N, d.n_target_vocab = K + 1;
    if (set == PAIRS || set == SPANS) d.n_answers = N - 1, d.n_answer_bytes = (N - 1) * (N - 1);
    if (set == PAIRS || set == SPANS) d.n_classes = 0;
    if (set == SPANS) d.n_questions = d.n_question_bytes = N;
    if (set == JOINT) d.n_tags = d.n_char_vocab = K, d.n_chars = T;
    if (!text) {
        d.x_type = CO_F32;
        d.x_ndim = 1;
        d.x_dim[0] = d.x_size = WIDE;
        d.n_scale = 1;
        d.scale = co_calloc(1, sizeof *d.scale);
        d.shift = co_calloc(1, sizeof *d.shift);
        *d.scale = 1.0;
    }
    for (int k = CO_N_COLUMNS - 1; k >= 0; k--) /* bounds tell rows of what comes before them */
        if (!text || set == JOINT || !of_labels(&co_columns[k])) fill(&d, &co_columns[k]);
    return d;
}

static void same(const co_dataset *a, const co_dataset *b, const char *how)
{
    for (int k = 0; k < CO_N_COLUMNS; k++) {
        const co_column *c = &co_columns[k];
        const void *u = co_column_get(a, c), *v = co_column_get(b, c);
        const size_t rows = co_column_rows(a, c);
        cr_assert_eq(rows, co_column_rows(b, c), "%s: rows of %s", how, c->name);
        cr_assert_eq(!u, !v, "%s: %s", how, c->name);
        if (!u || !rows) continue;
        if (c->type != CO_STR)
            cr_assert_eq(memcmp(u, v, co_column_bytes(a, c)), 0, "%s: %s", how, c->name);
        for (size_t i = 0; c->type == CO_STR && i < rows; i++)
            cr_assert_str_eq(((char *const *)u)[i], ((char *const *)v)[i], "%s: %s", how, c->name);
    }
}

Test(columns, each_comes_back_and_is_sealed_again_from_its_file)
{
    const char *path = scratch_file("columns.h5"), *again = scratch_file("again.h5");
    bool met[CO_N_COLUMNS] = {false};
    for (int set = 0; set < N_SETS; set++) {
        co_dataset d = make(set), back, open, last;
        must(co_dataset_write(&d, path, 1, ""));
        must(co_dataset_read(path, &back));
        same(&d, &back, "read");
        cr_assert_str_eq(d.digest, back.digest, "formed while writing, and of the file");
        must(co_dataset_open(path, &open));
        for (int k = 0; k < CO_N_COLUMNS; k++) {
            met[k] |= co_column_get(&back, &co_columns[k]) != NULL;
            if (co_column_is_large(&co_columns[k]))
                cr_assert(!co_column_get(&open, &co_columns[k]), "%s stays", co_columns[k].name);
        }
        must(co_dataset_write(&open, again, 1, ""));
        cr_assert_str_eq(open.digest, d.digest);
        must(co_dataset_read(again, &last));
        same(&d, &last, "sealed again");
        size_t n[2];
        unsigned char *bytes[2] = {slurp(path, &n[0]), slurp(again, &n[1])};
        cr_assert(n[0] == n[1] && memcmp(bytes[0], bytes[1], n[0]) == 0, "set %d", set);
        free(bytes[0]);
        free(bytes[1]);
        co_dataset_fini(&d);
        co_dataset_fini(&back);
        co_dataset_fini(&open);
        co_dataset_fini(&last);
    }
    for (int k = 0; k < CO_N_COLUMNS; k++) cr_assert(met[k], "%s in no set", co_columns[k].name);
}

Test(columns, a_value_that_is_not_allowed_is_named_with_its_row)
{
    const char *path = scratch_file("value.h5");
    for (int set = 0; set < N_SETS; set++)
        for (int k = 0; k < CO_N_COLUMNS; k++) {
            co_dataset d = make(set);
            char *values = co_column_get(&d, &co_columns[k]), words[64];
            if (values && co_columns[k].values != CO_VALUES_ANY) {
                const size_t row =
                    co_column_bytes(&d, &co_columns[k]) / co_column_rows(&d, &co_columns[k]);
                memset(values + 3 * row, 0x7f, row); /* large, and of floats .. */
                if (co_columns[k].values == CO_VALUES_FINITE ||
                    (co_columns[k].values == CO_VALUES_TARGETS && set == NUMBERS))
                    memset(values + 3 * row, 0xff, row); /* .. no number */
                snprintf(words, sizeof words, "%s, row %d", co_columns[k].name,
                         co_columns[k].values >= CO_VALUES_TOKEN_BOUNDS ? 4 : 3);
                cr_assert_eq(co_dataset_write(&d, path, 1, ""), CO_EDATA, "%s", words);
                cr_assert(strstr(co_status_message(), words), "%s in %s", words,
                          co_status_message());
            }
            co_dataset_fini(&d);
        }
}

/* ---- by hand ---- */

enum { MISSING, SHORT, OTHER, N_FAULTS };

static void put(hid_t h5, const char *name, hid_t type, size_t n, const void *values)
{
    const hid_t space = H5Screate_simple(1, (hsize_t[]){n}, NULL);
    const hid_t set = H5Dcreate2(h5, name, type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    cr_assert(H5Dwrite(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0);
    H5Dclose(set);
    H5Sclose(space);
}

/* A file without seal that holds what `from` does, but for one column. */
static void spoil(const char *from, const char *to, const co_dataset *d, const co_column *c,
                  int fault)
{
    static const int64_t numbers[64] = {0};
    const hid_t a = H5Fopen(from, H5F_ACC_RDONLY, H5P_DEFAULT),
                b = H5Fcreate(to, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT),
                text = H5Tcopy(H5T_C_S1), space = H5Screate(H5S_SCALAR);
    const size_t rows = co_column_rows(d, c);
    for (int k = 0; k < CO_N_COLUMNS; k++)
        if (strcmp(co_columns[k].name, c->name) != 0 && co_column_get(d, &co_columns[k]))
            cr_assert(H5Ocopy(a, co_columns[k].name, b, co_columns[k].name, H5P_DEFAULT,
                              H5P_DEFAULT) >= 0);
    H5Tset_size(text, 16);
    const hid_t at = H5Acreate2(b, "task", text, space, H5P_DEFAULT, H5P_DEFAULT);
    char task[16] = "";
    snprintf(task, sizeof task, "%s", co_data_task_names[d->task]);
    H5Awrite(at, text, task);
    H5Aclose(at);
    if (fault == SHORT)
        put(b, c->name, c->type == CO_STR ? text : H5T_NATIVE_INT64, rows - 1, numbers);
    if (fault == OTHER) put(b, c->name, c->type == CO_STR ? H5T_NATIVE_INT64 : text, rows, numbers);
    H5Sclose(space);
    H5Tclose(text);
    H5Fclose(b);
    H5Fclose(a);
}

/* Its length is what bounds have to fit. */
static bool counts_others(const co_column *c)
{
    return c->per == CO_PER_TARGET_TOKEN || c->per == CO_PER_LETTER || c->per == CO_PER_RAW_BYTE ||
           c->per == CO_PER_ANSWER_BYTE || c->per == CO_PER_QUESTION_BYTE ||
           c->per == CO_PER_ANSWER_BOUND;
}

/* Whether a data set may lack it. */
static bool may_lack(const co_dataset *d, const co_column *c)
{
    if (c->per == CO_PER_CLASS) return d->task != CO_DATA_TAGGING;
    if (c->per == CO_PER_TARGET_WORD)
        return false; /* the targets have another word than the text */
    if (c->per == CO_PER_TAG_NAME || c->per == CO_PER_LETTER_NAME) return false;
    if (c->per == CO_PER_SPAN || c->per == CO_PER_WINDOW) return false;
    if (c->per == CO_PER_LABEL) return d->task != CO_DATA_JOINT;
    if (c->per == CO_PER_RAW_BYTE) return d->task != CO_DATA_SPAN;
    if (c->per == CO_PER_QUESTION_BYTE) return true;
    return (c->place == CO_ON_RANK && c->per != CO_PER_WORD) || c->per == CO_PER_RAW_BYTE;
}

Test(columns, one_that_is_missing_short_or_of_another_class_is_named, .timeout = 120)
{
    const char *path = scratch_file("good.h5"), *spoilt = scratch_file("spoilt.h5");
    for (int set = 0; set < N_SETS; set++) {
        co_dataset d = make(set), back;
        must(co_dataset_write(&d, path, 1, ""));
        for (int k = 0; k < CO_N_COLUMNS; k++) {
            const co_column *c = &co_columns[k];
            if (!co_column_get(&d, c)) continue;
            for (int fault = 0; fault < N_FAULTS; fault++) {
                for (int open = 0; open < 2; open++) {
                    spoil(path, spoilt, &d, c, fault);
                    const co_status st =
                        open ? co_dataset_open(spoilt, &back) : co_dataset_read(spoilt, &back);
                    if (st == CO_OK) co_dataset_fini(&back);
                    if (fault == MISSING && may_lack(&d, c)) {
                        cr_assert_eq(st, CO_OK, "%s missing: %s", c->name, co_status_message());
                        continue;
                    }
                    if (fault == SHORT && st == CO_OK) /* names of fewer than there are */
                        cr_assert(c->type == CO_STR, "%s, fault %d", c->name, fault);
                    if (st == CO_OK) continue;
                    cr_assert_eq(st, CO_EDATA, "%s, fault %d: %d", c->name, fault, (int)st);
                    const char *says = co_status_message();
                    cr_assert(strstr(says, spoilt));
                    /* x and token_offsets say how many examples there are: then it is another that
                     * does not fit */
                    const bool counts = c->per == CO_PER_X || c->per == CO_PER_TEXT_BOUND ||
                                        c->per == CO_PER_TOKEN || c->type == CO_STR ||
                                        counts_others(c);
                    cr_assert(strstr(says, c->name) ||
                                  (counts && (strstr(says, "want") || strstr(says, "row ") ||
                                              strstr(says, "elements") || strstr(says, "neither"))),
                              "%s, fault %d: %s", c->name, fault, says);
                }
            }
        }
        co_dataset_fini(&d);
    }
}
