/* Statuses and their one message, exit codes, asserts and injected faults. */
#include "core/status.h"
#include "tests/harness.h"
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static co_status fails(int row)
{
    return CO_FAIL(CO_EDATA, "a.csv: row %d: no label", row);
}

static co_status passes_on(int *reached)
{
    CO_TRY(CO_OK);
    (*reached)++;
    CO_TRY(fails(3));
    (*reached)++;
    return CO_OK;
}

static co_status cleans_up(int *cleaned)
{
    co_status st = CO_OK;
    CO_TRY_OUT(CO_OK);
    CO_TRY_OUT(fails(4));
    st = CO_OK;
out:
    (*cleaned)++;
    return st;
}

Test(status, a_failure_travels_up_with_its_message)
{
    int reached = 0, cleaned = 0;
    cr_assert_str_eq(co_status_message(), "");
    cr_assert_eq(passes_on(&reached), CO_EDATA);
    cr_assert_eq(reached, 1);
    cr_assert_str_eq(co_status_message(), "a.csv: row 3: no label");
    cr_assert_eq(cleans_up(&cleaned), CO_EDATA);
    cr_assert_eq(cleaned, 1);
    cr_assert_str_eq(co_status_message(), "a.csv: row 4: no label");
}

Test(status, callers_say_where)
{
    fails(9);
    cr_assert_eq(co_fail_in(CO_EFILE, "reading %s", "data"), CO_EFILE);
    cr_assert_str_eq(co_status_message(), "reading data: a.csv: row 9: no label");
    co_status_set_message("other");
    cr_assert_str_eq(co_status_message(), "other");
}

Test(status, long_messages_are_cut_and_stay_text)
{
    char text[3000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    co_fail(CO_EDATA, "%s", text);
    cr_assert_eq(strlen(co_status_message()), 1023);
    for (size_t n = 1000; n < 1060; n++) { /* prefixes up to and beyond the room */
        co_status_set_message("the end");
        co_fail_in(CO_EDATA, "%.*s", (int)n, text);
        const size_t length = strlen(co_status_message());
        if (n <= 1014) cr_assert_str_eq(co_status_message() + n, ": the end");
        cr_assert(length <= 1023 && length >= (n < 1023 ? n : 1023), "prefix of %zu: %zu", n,
                  length);
    }
    co_status_set_message(text);
    co_fail_in(CO_EDATA, "here");
    cr_assert(strncmp(co_status_message(), "here: xxx", 9) == 0 &&
              strlen(co_status_message()) >= 1015);
}

Test(status, exit_codes_are_the_documented_ones)
{
    cr_assert_eq(co_status_exit_code(CO_OK), 0);
    cr_assert_eq(co_status_exit_code(CO_EUSAGE), 2);
    cr_assert_eq(co_status_exit_code(CO_EDATA), 3);
    cr_assert_eq(co_status_exit_code(CO_EFILE), 4);
    cr_assert_eq(co_status_exit_code(CO_EDIVERGED), 5);
    cr_assert_eq(co_status_exit_code(CO_EINTERNAL), 70);
    cr_assert_eq(co_status_exit_code(CO_ENOMEM), 70);
    cr_assert_eq(co_status_exit_code(CO_ESTOPPED), 75);
    cr_assert_eq(co_status_exit_code(CO_N_STATUS), 70);
    for (int code = 0; code < CO_N_STATUS; code++)
        cr_assert(strlen(co_status_text((co_status)code)) > 3);
    cr_assert_str_eq(co_status_text(CO_N_STATUS), "unknown status");
}

Test(assertion, that_holds_does_nothing)
{
    CO_ASSERT(1 + 1 == 2);
}

Test(assertion, that_fails_ends_the_program, .exit_code = 70)
{
    CO_ASSERT(1 + 1 == 3);
}

Test(fault, strikes_the_nth_pass_of_that_site_and_rank_once)
{
    setenv("CO_FAULT", "write:2:3", 1);
    co_status_set_rank(2);
    cr_assert_eq(co_status_rank(), 2);
    for (int pass = 1; pass <= 6; pass++) {
        cr_assert_not(co_fault("read"));
        cr_assert_eq(co_fault("write"), pass == 3, "pass %d", pass);
    }
}

Test(fault, spares_other_ranks)
{
    setenv("CO_FAULT", "write:2:1", 1);
    co_status_set_rank(1);
    for (int pass = 1; pass <= 3; pass++) cr_assert_not(co_fault("write"));
}

Test(fault, a_star_means_every_rank)
{
    setenv("CO_FAULT", "write:*:1", 1);
    co_status_set_rank(5);
    cr_assert(co_fault("write"));
    cr_assert_not(co_fault("write"));
}

Test(fault, unset_or_unreadable_strikes_nothing)
{
    setenv("CO_FAULT", "write", 1);
    cr_assert_not(co_fault("write"));
    cr_assert_not(co_fault(""));
}

Test(status, lack_of_memory_is_said_where_the_caller_names_only_the_thing)
{
    CO_FAIL(CO_ENOMEM, "slices of the model");
    cr_assert_str_eq(co_status_message(), "out of memory: slices of the model");
    CO_FAIL(CO_ENOMEM, "no memory for a batch of %d examples", 10);
    cr_assert_str_eq(co_status_message(), "no memory for a batch of 10 examples");
}
