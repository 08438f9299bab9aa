/* Lists of other programs that are not as they should be: each is refused with its place; and what
 * JSON allows is read. tests/cli/interop.sh reads whole files of the real libraries. */
#include "core/memory.h"
#include "io/lists/lists.h"
#include "tests/harness.h"
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static const char *write_text(const char *name, const char *text)
{
    const char *path = scratch_file(name);
    FILE *file = fopen(path, "w");
    cr_assert(file);
    fputs(text, file);
    fclose(file);
    return path;
}

typedef struct {
    const char *text, *message;
} refusal;

static void refuse(const char *name, const refusal *cases, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        co_partition p;
        const char *path = write_text(name, cases[i].text);
        cr_expect(co_lists_read(path, NULL, &p) == CO_EDATA, "%s", cases[i].text);
        cr_expect(strstr(co_status_message(), cases[i].message), "%s: %s", cases[i].text,
                  co_status_message());
        cr_expect(!p.train && !p.device_name);
    }
    cr_expect(co_memory_blocks() == 0);
}

Test(lists, json_that_is_no_lists_is_refused_with_its_line)
{
    const refusal cases[] = {
        {"{", ":1: the file ends where a string is wanted"},
        {"{}", "lists no device"},
        {"[[1, 2],\n [3, 4}", ":2: '}' where ',' is wanted"},
        {"[[1.5]]", "'1.5]]' where an integer of 64 bits is wanted"},
        {"[[1, 99999999999999999999]]", "where an integer of 64 bits is wanted"},
        {"[[1, \"2\"]]", "where an integer is wanted"},
        {"[1, 2]", "'1, 2]' where '[' is wanted"},
        {"[[1]] 2", "'2' where the end of the file is wanted"},
        {"[[1, 2,]]", "']]' where an integer is wanted"},
        {"{\"a\" [1]}", "'[1]}' where ':' is wanted"},
        {"{\"a\": [1], \"a\": [2]}", "device 'a' stands twice"},
        {"{\"a\": {\"dev\": [1]}}", "part 'dev'; train and test are read"},
        {"{\"a\\x\": [1]}", "where an escape is wanted"},
        {"{\"a\\u12g4\": [1]}", "where an escape is wanted"},
        {"{\"a: [1]}", "the file ends where '\"' is wanted"},
        {"[[3, 1, 3]]", "train of device 0 lists example 3 twice"},
    };
    refuse("bad.json", cases, sizeof cases / sizeof *cases);
}

Test(lists, csv_that_is_no_lists_is_refused_with_its_line)
{
    const refusal cases[] = {
        {"devise,example\n0,1\n", "no column device"},
        {"device,examples\n0,1\n", "no column example"},
        {"device,example\n0,one\n", ":2: example 'one' is no integer"},
        {"device,example,part\n0,1,dev\n", ":2: part 'dev'"},
        {"device,example\n0,1\n0\n", ":3"},
    };
    refuse("bad.csv", cases, sizeof cases / sizeof *cases);
}

Test(lists, names_are_utf8_whatever_way_json_writes_them)
{
    co_partition p;
    const char *path =
        write_text("names.json", "\t{ \"\\u00e9\\ud83d\\ude00\\n\" : [ ] ,\n"
                                 "\"\\ud83d \\u0000\":[ -0 ,5 ],\"\\\"\\/\":{\"test\":[1]}}\n");
    cr_assert(co_lists_read(path, NULL, &p) == CO_OK, "%s", co_status_message());
    cr_assert(p.n_devices == 3);
    cr_expect_str_eq(p.device_name[0], "\xc3\xa9\xf0\x9f\x98\x80\n");
    cr_expect_str_eq(p.device_name[1], "\xef\xbf\xbd \xef\xbf\xbd");
    cr_expect_str_eq(p.device_name[2], "\"/");
    cr_expect(p.train_offsets[1] == 0 && p.train_offsets[3] == 2 && p.train[1] == 5);
    cr_expect(p.test_offsets[3] == 1 && p.test[0] == 1);
    co_partition_fini(&p);
    cr_expect(co_memory_blocks() == 0);
}

Test(lists, numbered_devices_stand_in_numerical_order_without_names)
{
    co_partition p;
    const char *path = write_text("numbers.json", "{\"2\": [9, 7], \"0\": [3], \"1\": []}");
    cr_assert(co_lists_read(path, NULL, &p) == CO_OK, "%s", co_status_message());
    cr_expect(!p.device_name && p.n_devices == 3 && p.train_offsets[2] == 1);
    cr_expect(p.train[0] == 3 && p.train[1] == 7 && p.train[2] == 9);
    co_partition_fini(&p);
    path = write_text("numbers.json", "{\"02\": [9], \"0\": [3], \"1\": []}"); /* 02 is a name */
    cr_assert(co_lists_read(path, NULL, &p) == CO_OK, "%s", co_status_message());
    cr_expect(p.device_name && strcmp(p.device_name[0], "02") == 0 && p.train[0] == 9);
    co_partition_fini(&p);
}
