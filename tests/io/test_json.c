/* tests/sim/test_json.c - JSON that any parser takes. The expected texts follow RFC 8259. */
#include "io/json.h"
#include "tests/harness.h"
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

static char *text;
static size_t n_text;
static co_json json;

static void start(void)
{
    json = (co_json){.out = open_memstream(&text, &n_text)};
}

static void expect(const char *wanted)
{
    fclose(json.out);
    cr_expect_str_eq(text, wanted);
    free(text);
}

Test(json, nests_maps_and_lists)
{
    start();
    co_json_open(&json, NULL, '{');
    co_json_int(&json, "a", -1);
    co_json_open(&json, "empty", '{');
    co_json_close(&json, '}');
    co_json_open(&json, "list", '[');
    co_json_u64(&json, NULL, UINT64_MAX);
    co_json_open(&json, NULL, '{');
    co_json_text(&json, "b", "c");
    co_json_close(&json, '}');
    co_json_close(&json, ']');
    co_json_int(&json, "z", 0);
    co_json_close(&json, '}');
    expect(
        "{\"a\": -1, \"empty\": {}, \"list\": [18446744073709551615, {\"b\": \"c\"}], \"z\": 0}");
}

Test(json, escapes_what_must_be_escaped)
{
    start();
    co_json_text(&json, NULL, "\"\\/\n\t\x01 \xc3\xa9 \xf0\x9f\x98\x80");
    expect("\"\\\"\\\\/\\n\\u0009\\u0001 \xc3\xa9 \xf0\x9f\x98\x80\"");
}

Test(json, bytes_that_are_not_utf8_become_the_replacement_character)
{
    start();
    co_json_text(&json, NULL,
                 "a\xff"
                 "b\xc3");
    expect("\"a\\ufffdb\\ufffd\"");
}

Test(json, reals_are_short_and_read_back_alike)
{
    start();
    co_json_open(&json, NULL, '[');
    const double values[] = {0.1, 200.0, 1.0 / 3.0, -5e-324, NAN, INFINITY, -INFINITY};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        co_json_real(&json, NULL, values[i]);
    co_json_close(&json, ']');
    expect("[0.1, 200, 0.3333333333333333, -5e-324, null, null, null]");
}
