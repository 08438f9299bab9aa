/* Tables keep every value of every type, in memory and through a file; bad columns are named. */
#include "io/files/table.h"
#include "tests/io/io_helpers.h"
#include <criterion/criterion.h>

static void end(void)
{
    cr_assert_eq(co_memory_blocks(), 0);
}
TestSuite(table, .fini = end);

static const co_column columns[] = {{"round", CO_I64}, {"digest", CO_U64}, {"flag", CO_U8},
                                    {"small", CO_I32}, {"loss", CO_F64},   {"part", CO_F32}};

static void must(co_status st)
{
    cr_assert_eq(st, CO_OK, "%s", co_status_message());
}

static void fill(co_table *table, int64_t rows)
{
    for (int64_t i = 0; i < rows; i++) {
        must(co_table_add_row(table));
        co_table_set_i64(table, 0, -i);
        co_table_set_u64(table, 1, UINT64_MAX - (uint64_t)i);
        co_table_set_i64(table, 2, i % 256);
        co_table_set_i64(table, 3, INT32_MIN + i);
        co_table_set_f64(table, 4, 1.0 / (double)(i + 1));
        co_table_set_f64(table, 5, 0.5 * (double)i);
    }
}

static void check(const co_table *table, int64_t rows)
{
    cr_assert_eq(table->n_rows, (size_t)rows);
    for (int64_t i = 0; i < rows; i++) {
        const size_t r = (size_t)i;
        cr_assert_eq(co_table_get_i64(table, r, 0), -i);
        cr_assert_eq((uint64_t)co_table_get_i64(table, r, 1), UINT64_MAX - (uint64_t)i);
        cr_assert_eq(co_table_get_i64(table, r, 2), i % 256);
        cr_assert_eq(co_table_get_f64(table, r, 3), (double)(INT32_MIN + i));
        cr_assert_eq(co_table_get_f64(table, r, 4), 1.0 / (double)(i + 1));
        cr_assert_eq(co_table_get_f64(table, r, 5), 0.5 * (double)i);
    }
}

/* Writes `table` to a new file and opens it again. */
static co_file *through_file(const co_table *table, const char *path)
{
    co_file *file;
    must(co_file_create(path, "cohort-run", &file));
    must(co_file_set_head(file, 1, "", ""));
    must(co_table_write(table, file));
    must(co_file_publish(file, 0644));
    must(co_file_open(path, "cohort-run", false, &file));
    return file;
}

Test(table, keeps_values_over_a_file)
{
    co_table table, again;
    must(co_table_init(&table, "rounds", columns, 6));
    fill(&table, 1000);
    check(&table, 1000);
    co_file *file = through_file(&table, scratch_file("table.h5"));
    must(co_table_init(&again, "rounds", columns, 6));
    fill(&again, 3);
    must(co_table_read(&again, file)); /* replaces the rows */
    check(&again, 1000);
    must(co_table_add_row(&again));
    cr_assert_eq(co_table_get_f64(&again, 1000, 4), 0.0, "a new row is zero");
    co_file_close(file);
    co_table_fini(&again);
    co_table_fini(&table);
}

Test(table, without_rows_keeps_its_columns)
{
    co_table table, again;
    must(co_table_init(&table, "load", columns, 6));
    co_file *file = through_file(&table, scratch_file("empty.h5"));
    must(co_table_init(&again, "load", columns, 6));
    fill(&again, 2);
    must(co_table_read(&again, file));
    cr_assert_eq(again.n_rows, 0);
    co_file_close(file);
    co_table_fini(&again);
    co_table_fini(&table);
}

Test(table, truncated_rows_come_back_as_zero)
{
    co_table table;
    must(co_table_init(&table, "rounds", columns, 6));
    fill(&table, 10);
    co_table_truncate(&table, 4);
    co_table_truncate(&table, 9); /* never grows */
    check(&table, 4);
    must(co_table_add_row(&table));
    for (size_t c = 0; c < 6; c++) cr_assert_eq(co_table_get_f64(&table, 4, c), 0.0);
    co_table_fini(&table);
}

Test(table, reserved_rows_allocate_nothing)
{
    co_table table;
    must(co_table_init(&table, "rounds", columns, 6));
    must(co_table_reserve(&table, 500));
    const size_t bytes = co_memory_bytes();
    const void *data = table.data[0];
    fill(&table, 500);
    cr_assert(co_memory_bytes() == bytes && table.data[0] == data);
    cr_assert_eq(co_table_reserve(&table, SIZE_MAX), CO_ENOMEM);
    cr_assert_eq(co_table_reserve(&table, SIZE_MAX / 8), CO_ENOMEM);
    check(&table, 500);
    co_table_fini(&table);
}

Test(table, finds_columns_by_name)
{
    co_table table;
    must(co_table_init(&table, "rounds", columns, 6));
    cr_assert_eq(co_table_find(&table, "round"), 0);
    cr_assert_eq(co_table_find(&table, "part"), 5);
    cr_assert_eq(co_table_find(&table, "rounds"), -1);
    co_table_fini(&table);
}

Test(table, other_columns_in_the_file_are_refused_by_name)
{
    static const co_column wanted[] = {{"round", CO_I64}, {"loss", CO_F64}};
    const char *path = scratch_file("columns.h5");
    const double loss[2] = {1.0, 2.0};
    const int64_t round[3] = {1, 2, 3};
    const float narrow[2] = {1.0f, 2.0f};
    co_table table;
    must(co_table_init(&table, "rounds", wanted, 2));
    for (int what = 0; what < 3; what++) {
        co_file *file;
        must(co_file_create(path, "cohort-run", &file));
        must(co_file_write_i64(file, "rounds/round", round, what == 2 ? 3 : 2));
        if (what == 1)
            must(co_file_write(file, "rounds/loss", &(co_extent){CO_F32, 0, 1, {2}}, narrow));
        if (what == 2) must(co_file_write_f64(file, "rounds/loss", loss, 2));
        cr_assert_eq(co_table_read(&table, file), CO_EDATA, "%d", what);
        cr_assert(strstr(co_status_message(), "rounds/loss"), "%s", co_status_message());
        cr_assert_eq(table.n_rows, 0);
        co_file_close(file);
    }
    co_table_fini(&table);
}
