/* The columns of every observer of the list; new members join by themselves. That watching changes
 * nothing is tests/mpi/observers.c. */
#include "sim/run.h"
#include "tests/harness.h"
#include "tests/kinds/options.h"

#define EACH_MEMBER(member)                                                                        \
    for (const co_plugin *const *at_ = co_kind_observer.members; *at_; at_++)                      \
        for (const co_observer *member = co_observer_find((*at_)->name); member; member = NULL)

static const char plain[] = "name: test\nrounds: 9\ndata: {generator: synthetic, devices: 30, "
                            "alpha: 1, beta: 1}\nmodel: {name: softmax}\n"
                            "devices: {per_round: 5}\neval: {devices: true}\n";
static const char private[] = "name: test\nrounds: 9\ndata: {generator: synthetic, devices: 30, "
                              "alpha: 1, beta: 1}\nmodel: {name: softmax}\n"
                              "devices: {per_round: 5}\neval: {devices: true}\n"
                              "privacy: {noise_multiplier: 1, clip: 1, delta: 0.01}\n";

static bool is_known(const char *word, const char *const *known)
{
    while (*known && strcmp(*known, word) != 0) known++;
    return *known != NULL;
}

/* Unit and direction stand with every column, and whether a statement covers it; an error of
 * regression has the unit of the targets. */
Test(observer, columns_say_what_they_are)
{
    static const char *const units[] = {"1", "s", "B", "share", "nats", "bits", "", NULL};
    static co_eval_columns columns;
    for (int is_private = 0; is_private < 2; is_private++)
        for (const co_plugin *const *at = co_kind_task.members; *at; at++) {
            co_experiment e;
            cr_assert_eq(co_experiment_parse(is_private ? private : plain, "test.yaml", &e), CO_OK,
                         "%s", co_status_message());
            const co_run run = {.experiment = &e,
                                .task = co_task_find((*at)->name),
                                .population.has_split = {true, true, true}};
            EACH_MEMBER(member)
            {
                columns = (co_eval_columns){0};
                if (member->columns) member->columns(&run, &columns);
                for (size_t k = 0; k < columns.n; k++) {
                    const co_column *c = &columns.column[k];
                    cr_expect(c->type == CO_F64 && c->name == columns.name[k], "%s", c->name);
                    cr_expect(c->better != CO_BETTER_UNSAID, "%s of %s", c->name, member->name);
                    cr_expect(!c->unit || is_known(c->unit, units), "%s of %s: unit %s", c->name,
                              member->name, c->unit); /* unsaid: the targets' own */
                    cr_expect((c->covered != NULL) == (is_private == 1), "%s of %s", c->name,
                              member->name);
                }
            }
            co_experiment_fini(&e);
        }
    cr_expect_eq(co_memory_blocks(), 0);
}

Test(observer, a_column_of_two_members_is_one)
{
    static co_eval_columns columns;
    char name[] = "loss";
    co_eval_columns_add(&columns, &(co_column){.name = name, .type = CO_F64, .unit = "nats"});
    co_eval_columns_add(&columns, &(co_column){.name = "other", .type = CO_F64});
    name[0] = 'm';
    co_eval_columns_add(&columns, &(co_column){.name = "loss", .type = CO_F64, .unit = "1"});
    cr_assert_eq(columns.n, 2);
    cr_expect_str_eq(columns.column[0].name, "loss", "the name is copied");
    cr_expect_str_eq(columns.column[0].unit, "nats");
}

Test(observer, members_have_texts)
{
    EACH_MEMBER(member)
    {
        test_option_texts((const co_plugin *)member, NULL);
        cr_expect(member->create && member->destroy, "%s", member->name);
    }
}
