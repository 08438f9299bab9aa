/* models/graph/decoder.c - a list of layers that reads the target of a text: at each of its tokens
 * the next one is to be said.
 *
 * Its list begins at a second input of the graph, the target without its last token (co_batch), and
 * not at what stands in front of the block: that is what `attention: {cross: true}` inside it looks
 * at. Item i of the list in item k is "k.i". Cost: that of its layers. Source: Sutskever et al.,
 * NeurIPS 2014, arXiv:1409.3215; attention: Vaswani et al., NeurIPS 2017, arXiv:1706.03762. */
#include "models/graph/block.h"
#include "models/layers/input.h"

/* ---- the second input: a layer that only says what its rows are ---- */

static co_status create(const co_config *opt, const co_shape *in, size_t n_classes, co_shape *out,
                        void **self)
{
    (void)opt, (void)in;
    *self = NULL;
    *out = (co_shape){.sequence = true, .target = true, .tokens = true, .dim = {n_classes}};
    return CO_OK;
}

static void forward(const void *self, const co_call *call)
{
    (void)self, (void)call; /* the tokens stand in the batch */
}

static co_facts facts(const void *self)
{
    (void)self;
    return (co_facts){.row_wise = true};
}

static const co_layer targets = {
    .name = "targets", .create = create, .facts = facts, .forward = forward};

/* ---- the block ---- */

static co_status check(const co_place *place, const co_config *opt, size_t in)
{
    const co_shape *shape = &place->model->node[in].out;
    if (!place->model->task->targets)
        return co_config_fail(opt, NULL,
                              "reads targets, but the task %s has none; leave it out, or train on "
                              "pairs of texts (task seq2seq)",
                              place->model->task->name);
    if (shape->target) return co_config_fail(opt, NULL, "stands behind a decoder; a model has one");
    return co_input_sequences(opt, shape);
}

static co_status build(const co_place *place, const co_config *opt, size_t in, size_t *out)
{
    co_place own, inner = *place;
    CO_TRY(check(place, opt, in));
    CO_TRY(co_parts_inside(place, "targets", &own));
    const size_t batch = 0;
    CO_TRY(co_build_layer(&own, &targets, NULL, NULL, &batch, out));
    inner.encoder = in;
    return inner.list(&inner, co_config_node(opt, "layers"), "", *out, out);
}

static const co_param params[] = {
    {"layers", CO_TREE, .flags = CO_REQUIRED, .doc = "list of layers that the target goes through"},
    {0}};
const co_block co_block_decoder = {.name = "decoder",
                                   .summary =
                                       "layers that read the target and look at the text in front",
                                   .source = "Sutskever et al., NeurIPS 2014, arXiv:1409.3215",
                                   .params = params,
                                   .main_option = "layers",
                                   .build = build};
