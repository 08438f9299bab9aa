/* The server's step along the mean update, by hand; many coordinates at once, the last ones of no
 * whole vector. */
#include "aggregators/servers/server.h"
#include "core/memory.h"
#include "io/yaml.h"
#include "tests/harness.h"
#include <criterion/criterion.h>

enum { N = 37 };

/* Two steps along the updates -1 and 3 from 2.0, rate 0.5: the last coordinate, once all are seen
 * to be equal. */
static float two_steps(const char *yaml)
{
    co_node *root = NULL;
    void *self = NULL;
    float model[N], kept[N] = {0}, *slot = kept;
    double update[2][N];
    const co_server *sgd = co_server_find("sgd");
    const co_param *const tables[] = {sgd->params};
    cr_assert_eq(co_yaml_read_text(yaml, "test.yaml", &root), CO_OK, "%s", co_status_message());
    const co_config opt = {.file = "test.yaml", .section = "server", .map = root};
    cr_assert_eq(co_config_check(&opt, tables, 1), CO_OK, "%s", co_status_message());
    cr_assert_eq(sgd->create(&opt, &self), CO_OK, "%s", co_status_message());
    for (int i = 0; i < N; i++) {
        model[i] = 2.0f;
        update[0][i] = -1.0;
        update[1][i] = 3.0;
    }
    for (int k = 0; k < 2; k++) sgd->step(self, model, update[k], &slot, N, 0.5, k + 1);
    for (int i = 1; i < N; i++) cr_assert_eq(model[i], model[0], "%s: coordinate %d", yaml, i);
    sgd->destroy(self);
    co_node_destroy(root);
    return model[N - 1];
}

Test(server_sgd, follows_the_formula)
{
    cr_expect_eq(two_steps("{}"), 2.0f - 0.5f + 1.5f);
    /* m: 1, 0.5 - 3 = -2.5 */
    cr_expect_eq(two_steps("{momentum: 0.5}"), 2.0f - 0.5f + 1.25f);
    /* g + m / 2: 1.5, -3 - 1.25 = -4.25 */
    cr_expect_eq(two_steps("{momentum: 0.5, nesterov: true}"), 2.0f - 0.75f + 2.125f);
    /* g: 1 + 2/4 = 1.5 -> 1.25; -3 + 1.25/4 = -2.6875 */
    cr_expect_eq(two_steps("{weight_decay: 0.25}"), 1.25f + 1.34375f);
}
