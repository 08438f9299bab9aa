/* models/graph/joint.c - the end of a model of the task joint: a list of layers that gives a row
 * for a text, its classes, and one that gives a row for every token, its tags.
 *
 * Within `classes` that word stands for the number of classes, within `tags` for that of tags. Item
 * i of the lists in item k is "k.classes.i" and "k.tags.i". Rows are [tags, classes]: the classes
 * in the first row of a text, zeros in its others; what a text without rows says of its class is
 * lost. Cost: that of the lists, and a copy. Source: Chen et al., 2019, arXiv:1902.10909. */
#include "core/memory.h"
#include "models/graph/block.h"
#include <string.h>

/* ---- the layer: x_0 a row a text, x_1 a row a token ---- */

typedef struct {
    co_shape in[2];
} join;

static co_status create(const co_config *opt, const co_shape *in, size_t n_classes, co_shape *out,
                        void **self)
{
    char text[2][CO_SHAPE_TEXT];
    (void)n_classes;
    *self = NULL;
    for (size_t s = 0; s < 2; s++) co_shape_text(&in[s], text[s]);
    if (in[0].ndim != 1 || in[1].ndim != 1 || in[0].sequence || !in[1].sequence)
        return co_config_fail(opt, NULL,
                              "classes has to give one row a text, [features], and tags one a "
                              "token, sequences of [features]; they give %s and %s",
                              text[0], text[1]);
    join *j = co_malloc(1, sizeof *j);
    if (!j) return CO_FAIL(CO_ENOMEM, "layer join");
    *j = (join){.in = {in[0], in[1]}};
    *out = in[1];
    out->dim[0] += in[0].dim[0];
    *self = j;
    return CO_OK;
}

static co_facts facts(const void *self)
{
    (void)self;
    return (co_facts){.spares_input = true, .spares_output = true};
}

static void forward(const void *self, const co_call *call)
{
    const join *j = self;
    const co_batch *batch = call->pass->batch;
    const size_t classes = j->in[0].dim[0], tags = j->in[1].dim[0], wide = classes + tags;
    for (size_t i = 0; i < batch->n; i++) {
        const size_t first = co_shape_first_row(&j->in[1], batch, i),
                     end = co_shape_first_row(&j->in[1], batch, i + 1);
        for (size_t r = first; r < end; r++) {
            float *y = call->y + r * wide;
            memcpy(y, call->x[1] + r * tags, tags * sizeof *y);
            if (r == first)
                memcpy(y + tags, call->x[0] + i * classes, classes * sizeof *y);
            else
                memset(y + tags, 0, classes * sizeof *y);
        }
    }
}

static void backward_input(const void *self, const co_call *call)
{
    const join *j = self;
    const co_batch *batch = call->pass->batch;
    const size_t classes = j->in[0].dim[0], tags = j->in[1].dim[0], wide = classes + tags;
    for (size_t i = 0; i < batch->n; i++) {
        const size_t first = co_shape_first_row(&j->in[1], batch, i),
                     end = co_shape_first_row(&j->in[1], batch, i + 1);
        const float *dy = call->dy + first * wide;
        if (call->dx[0] && first < end)
            memcpy(call->dx[0] + i * classes, dy + tags, classes * sizeof *dy);
        else if (call->dx[0])
            memset(call->dx[0] + i * classes, 0, classes * sizeof *dy);
        for (size_t r = first; call->dx[1] && r < end; r++)
            memcpy(call->dx[1] + r * tags, call->dy + r * wide, tags * sizeof *dy);
    }
}

static const co_layer join_rows = {.name = "join",
                                   .n_inputs = 2,
                                   .create = create,
                                   .destroy = co_free,
                                   .facts = facts,
                                   .forward = forward,
                                   .backward_input = backward_input};

/* ---- the block ---- */

static co_status build(const co_place *place, const co_config *opt, size_t in, size_t *out)
{
    const co_labels *labels = place->model->labels;
    co_place inner = *place;
    size_t ends[2];
    if (!place->model->task->joins)
        return co_config_fail(opt, NULL,
                              "stands in models of the task joint, the task is %s; leave it out",
                              place->model->task->name);
    inner.n_classes = labels->n - labels->n_tags;
    CO_TRY(inner.list(&inner, co_config_node(opt, "classes"), "classes", in, &ends[0]));
    inner.n_classes = labels->n_tags;
    CO_TRY(inner.list(&inner, co_config_node(opt, "tags"), "tags", in, &ends[1]));
    return co_build_layer(place, &join_rows, NULL, NULL, ends, out);
}

static const co_param params[] = {
    {"classes", CO_TREE, .flags = CO_REQUIRED, .doc = "list of layers that ends in a row a text"},
    {"tags", CO_TREE, .flags = CO_REQUIRED, .doc = "list of layers that ends in a row a token"},
    {0}};
const co_block co_block_joint = {
    .name = "joint",
    .summary = "the end of a model that gives a class for a text and tags for its tokens",
    .source = "Chen et al., 2019, arXiv:1902.10909",
    .params = params,
    .build = build};
