/* tests/models/test_sgd.c - the update rule by hand, and options that make no sense. */
#include "models/optimizers/optimizer.h"
#include "tests/harness.h"
#include "tests/models/build.h"
#include <math.h>

static co_status open_sgd(const char *yaml, void **self)
{
    co_node *root = NULL;
    const co_optimizer *sgd = co_optimizer_find("sgd");
    const co_param *const tables[] = {sgd->params};
    cr_assert_eq(co_yaml_read_text(yaml, "test.yaml", &root), CO_OK, "%s", co_status_message());
    const co_config opt = {.file = "test.yaml", .section = "local", .map = root};
    co_status st = co_config_check(&opt, tables, 1);
    if (st == CO_OK) st = sgd->create(&opt, self);
    co_node_destroy(root);
    return st;
}

/* Two steps with gradients 1 and -3 from 2.0, rate 0.5. */
static float two_steps(const char *yaml, bool slots)
{
    void *self = NULL;
    float p = 2.0f, slot = 0.0f, *slots_of = &slot;
    const co_optimizer *sgd = co_optimizer_find("sgd");
    cr_assert_eq(open_sgd(yaml, &self), CO_OK, "%s", co_status_message());
    cr_expect_eq(sgd->needs_slots(self), slots);
    sgd->step(self, &p, &(float){1.0f}, slots ? &slots_of : NULL, 1, 0.5, 1);
    sgd->step(self, &p, &(float){-3.0f}, slots ? &slots_of : NULL, 1, 0.5, 2);
    sgd->destroy(self);
    cr_expect_eq(co_memory_blocks(), 0);
    return p;
}

Test(sgd, follows_the_formula)
{
    cr_expect_eq(two_steps("{momentum: 0}", false), 2.0f - 0.5f + 1.5f);
    /* v: 1, 0.5 - 3 = -2.5 */
    cr_expect_eq(two_steps("{momentum: 0.5}", true), 2.0f - 0.5f + 1.25f);
    /* g + v / 2: 1.5, -3 - 1.25 = -4.25 */
    cr_expect_eq(two_steps("{momentum: 0.5, nesterov: true}", true), 2.0f - 0.75f + 2.125f);
    /* g: 1 + 2/4 = 1.5 -> p = 1.25; -3 + 1.25/4 = -2.6875 */
    cr_expect_eq(two_steps("{weight_decay: 0.25}", false), 1.25f + 1.34375f);
}

Test(sgd, refuses_options_that_make_no_sense)
{
    static const char *const wrong[] = {"{nesterov: true}", "{momentum: 1.0}", "{momentum: -0.1}",
                                        "{weight_decay: -1}", "{dampening: 0.5}"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        void *self = NULL;
        cr_expect_eq(open_sgd(wrong[i], &self), CO_EUSAGE, "%s", wrong[i]);
        cr_expect_null(self);
        cr_expect_eq(co_memory_blocks(), 0);
    }
}
