/* What a resumed run may change, and what a newer program may add. */
#include "core/memory.h"
#include "sim/experiment/experiment.h"
#include "tests/harness.h"
#include <criterion/criterion.h>
#include <string.h>

#define WITHOUT_LOCAL                                                                              \
    "name: first\nrounds: 3\ndata: {generator: synthetic, devices: 10, alpha: 1, beta: "           \
    "1}\nmodel: {name: softmax}\n"                                                                 \
    "devices: {per_round: 2}\n"
static const char *const yaml = WITHOUT_LOCAL "local: {lr: 0.1}\n";

/* What a checkpoint of `yaml` holds, without the line that holds `key`. */
static char *stored_without(const char *key)
{
    co_experiment e;
    char *text;
    cr_assert_eq(co_experiment_parse(yaml, "first", &e), CO_OK, "%s", co_status_message());
    cr_assert_eq(co_experiment_text(&e, &text), CO_OK);
    co_experiment_fini(&e);
    char *line = strstr(text, key);
    cr_assert_not_null(line, "%s", text);
    while (line > text && line[-1] != '\n') line--;
    char *next = strchr(line, '\n') + 1;
    memmove(line, next, strlen(next) + 1);
    return text;
}

static co_status go_on(const char *now_yaml, const char *stored)
{
    co_experiment now;
    cr_assert_eq(co_experiment_parse(now_yaml, "now", &now), CO_OK, "%s", co_status_message());
    const co_status st = co_experiment_continue(&now, stored);
    co_experiment_fini(&now);
    return st;
}

Test(experiment, a_run_goes_on_under_a_program_that_has_one_more_key_with_a_default)
{
    char *older = stored_without("nesterov:"); /* the first one is local's */
    cr_expect_eq(go_on(yaml, older), CO_OK, "%s", co_status_message());
    const char *with = WITHOUT_LOCAL "local: {lr: 0.1, momentum: 0.5, nesterov: true}\n";
    cr_expect_eq(go_on(with, older), CO_EUSAGE);
    cr_expect_eq(go_on(WITHOUT_LOCAL "local: {lr: 0.1, nesterov: false}\n", older), CO_EUSAGE);
    cr_expect_not_null(strstr(co_status_message(), "local.nesterov was absent"), "%s",
                       co_status_message());
    co_free(older);
    cr_expect_eq(co_memory_blocks(), 0);
}

Test(experiment, a_run_does_not_go_on_with_another_value_or_under_a_program_that_lacks_a_key)
{
    char *stored = stored_without("name: first"); /* name is free to change */
    cr_expect_eq(go_on(yaml, stored), CO_OK, "%s", co_status_message());
    char *rate = strstr(stored, "lr: 0.1");
    cr_assert_not_null(rate);
    rate[6] = '2';
    cr_expect_eq(go_on(yaml, stored), CO_EUSAGE);
    cr_expect_not_null(
        strstr(co_status_message(), "local.lr was 0.2 when the run started and is 0.1 now"), "%s",
        co_status_message());
    rate[6] = '1';
    memcpy(rate, "lx", 2); /* a key of the past */
    cr_expect_eq(go_on(yaml, stored), CO_EUSAGE);
    co_free(stored);
    cr_expect_eq(co_memory_blocks(), 0);
}

Test(experiment, a_run_keeps_the_seconds_of_secure_aggregation_that_were_the_default_at_its_start)
{
#define SECURE                                                                                     \
    "name: first\nrounds: 3\ndata: {generator: synthetic, devices: 10, alpha: 1, beta: 1}\n"       \
    "model: {name: softmax}\ndevices: {per_round: 5}\nlocal: {lr: 0.1}\n"                          \
    "transforms: [{name: ring, clip: 1}]\naggregate: {weight: uniform}\n"
    const char *then = SECURE "secagg: {threshold: 4, agreement_s: 1, share_s: 2, value_s: 3}\n";
    co_experiment was, now;
    char *stored;
    cr_assert_eq(co_experiment_parse(then, "then", &was), CO_OK, "%s", co_status_message());
    cr_assert_eq(co_experiment_text(&was, &stored), CO_OK);
    co_experiment_fini(&was);
    cr_assert_eq(co_experiment_parse(SECURE "secagg: {threshold: 4}\n", "now", &now), CO_OK);
    cr_expect_eq(co_experiment_continue(&now, stored), CO_OK, "%s", co_status_message());
    cr_expect_eq(now.secagg_keys.agreement_s, 1.0);
    cr_expect_eq(now.secagg_keys.share_s, 2.0);
    cr_expect_eq(now.secagg_keys.value_s, 3.0);
    co_experiment_fini(&now);
    cr_expect_eq(go_on(SECURE "secagg: {threshold: 4, value_s: 4}\n", stored), CO_EUSAGE);
    co_free(stored);
    cr_expect_eq(co_memory_blocks(), 0);
}
