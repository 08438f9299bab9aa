/* models/presets/plain.c - dense layers over flat rows. Parameters: softmax 784 -> 10 has 7,850;
 * 2nn 199,210. The last layer has `classes` outputs, the first one takes the data's own size. */
#include "models/presets/items.h"
#include "models/presets/preset.h"
#include <inttypes.h>

static co_status softmax(const co_config *opt, const co_task *task, co_node **list)
{
    co_text items = {0};
    (void)opt;
    (void)task;
    co_items_add(&items, "flatten, {dense: classes}");
    return co_items_list(&items, list);
}

static co_status two_layers(const co_config *opt, const co_task *task, co_node **list)
{
    co_text items = {0};
    (void)opt;
    (void)task;
    co_items_add(&items, "flatten, {dense: 200}, relu, {dense: 200}, relu, {dense: classes}");
    return co_items_list(&items, list);
}

static co_status mlp(const co_config *opt, const co_task *task, co_node **list)
{
    co_text items = {0};
    const co_node *hidden = co_config_node(opt, "hidden");
    (void)task;
    co_items_add(&items, "flatten, ");
    for (const co_node *n = hidden->first; n; n = n->next) {
        int64_t units;
        if (co_node_int(n, &units)) co_items_add(&items, "{dense: %" PRId64 "}, relu, ", units);
    }
    co_items_add(&items, "{dense: classes}");
    return co_items_list(&items, list);
}

const co_model_preset co_preset_softmax = {
    .name = "softmax", .summary = "multinomial logistic regression", .layers = softmax};
const co_model_preset co_preset_2nn = {.name = "2nn",
                                       .summary = "two hidden layers of 200 units with ReLU",
                                       .source = "McMahan et al., AISTATS 2017, arXiv:1602.05629",
                                       .layers = two_layers};
static const co_param mlp_params[] = {{"hidden", CO_INTS, .lo = 1, .hi = 16777216,
                                       .flags = CO_REQUIRED,
                                       .doc = "units of the hidden layers, first to last"},
                                      {0}};
const co_model_preset co_preset_mlp = {.name = "mlp",
                                       .summary = "hidden layers of the given sizes with ReLU",
                                       .params = mlp_params,
                                       .layers = mlp};
