/* models/presets/images.c - convolutional models of images. Parameters: mnist_cnn 1,663,370;
 * femnist_cnn with 62 classes 6,603,710; cifar_cnn 1,626,442; resnet_gn 11,173,962 with 3 x 32 x 32
 * and 10 classes. The last layer has `classes` outputs. */
#include "models/presets/items.h"
#include "models/presets/preset.h"
#include <inttypes.h>

/* conv 5x5x32, pool, conv 5x5x64, pool, dense. */
static co_status two_convolutions(int units, co_node **list)
{
    co_text items = {0};
    for (int channels = 32; channels <= 64; channels *= 2)
        co_items_add(&items,
                     "{conv2d: {channels: %d, kernel: 5, padding: same}}, relu, {max_pool: 2}, ",
                     channels);
    co_items_add(&items, "flatten, {dense: %d}, relu, {dense: classes}", units);
    return co_items_list(&items, list);
}

static co_status mnist_cnn(const co_config *opt, const co_task *task, co_node **list)
{
    (void)opt;
    (void)task;
    return two_convolutions(512, list);
}

static co_status femnist_cnn(const co_config *opt, const co_task *task, co_node **list)
{
    (void)opt;
    (void)task;
    return two_convolutions(2048, list);
}

/* flatten stands in front of dropout, which then sees planes as they are drawn. */
static co_status cifar_cnn(const co_config *opt, const co_task *task, co_node **list)
{
    co_text items = {0};
    (void)opt;
    (void)task;
    co_items_add(&items, "{conv2d: {channels: 32, kernel: 3, padding: valid}}, relu, "
                         "{conv2d: {channels: 64, kernel: 3, padding: valid}}, relu, "
                         "{max_pool: 2}, flatten, {dropout: 0.25}, {dense: 128}, relu, "
                         "{dropout: 0.5}, {dense: classes}");
    return co_items_list(&items, list);
}

/* ---- residual networks ---- */

typedef struct {
    int64_t channels, kernel, stride, groups;
} stage;

/* A convolution without bias, and the norm behind it. */
static void add_conv_norm(co_text *items, const stage *s)
{
    co_items_add(items,
                 "{conv2d: {channels: %" PRId64 ", kernel: %" PRId64 ", padding: %" PRId64
                 ", stride: %" PRId64 ", bias: false}}, {group_norm: %" PRId64 "}, ",
                 s->channels, s->kernel, s->kernel / 2, s->stride, s->groups);
}

/* Two 3x3 convolutions, and past them the input, or a 1x1 convolution where the shape changes; relu
 * behind the sum. */
static void add_residual(co_text *items, stage s, bool changes)
{
    const stage past = {s.channels, 1, s.stride, s.groups}, second = {s.channels, 3, 1, s.groups};
    co_items_add(items, "{residual: {layers: [");
    add_conv_norm(items, &s);
    co_items_add(items, "relu, ");
    add_conv_norm(items, &second);
    co_items_add(items, "]");
    if (changes) {
        co_items_add(items, ", shortcut: [");
        add_conv_norm(items, &past);
        co_items_add(items, "]");
    }
    co_items_add(items, "}}, relu, ");
}

static co_status resnet_gn(const co_config *opt, const co_task *task, co_node **list)
{
    const int64_t width = co_config_int(opt, "width"), groups = co_config_int(opt, "groups");
    const int64_t stages = co_config_int(opt, "stages"), blocks = co_config_int(opt, "blocks");
    co_text items = {0};
    (void)task;
    add_conv_norm(&items, &(stage){width, 3, 1, groups});
    co_items_add(&items, "relu, ");
    for (int64_t k = 0; k < stages; k++)
        for (int64_t b = 0; b < blocks; b++) {
            const bool changes = k > 0 && b == 0;
            add_residual(&items, (stage){width << k, 3, changes ? 2 : 1, groups}, changes);
        }
    co_items_add(&items, "global_avg_pool, {dense: classes}");
    return co_items_list(&items, list);
}

const co_model_preset co_preset_mnist_cnn = {
    .name = "mnist_cnn",
    .summary = "two 5x5 convolutions (32, 64) with 2x2 max pooling, dense 512",
    .source = "McMahan et al., AISTATS 2017, arXiv:1602.05629",
    .layers = mnist_cnn};
const co_model_preset co_preset_femnist_cnn = {
    .name = "femnist_cnn",
    .summary = "two 5x5 convolutions (32, 64) with 2x2 max pooling, dense 2048",
    .source = "Caldas et al., LEAF, 2018, arXiv:1812.01097",
    .layers = femnist_cnn};
const co_model_preset co_preset_cifar_cnn = {
    .name = "cifar_cnn",
    .summary = "two 3x3 convolutions (32, 64), 2x2 max pooling, dropout, dense 128",
    .source = "Granqvist et al., pfl-research, 2024, arXiv:2404.06430",
    .layers = cifar_cnn};
static const co_param resnet_params[] = {
    {"width", CO_INT, .def = 64, .lo = 1, .hi = 4096,
     .doc = "channels of the first stage; each later one has twice as many"},
    {"stages", CO_INT, .def = 4, .lo = 1, .hi = 8,
     .doc = "stages; each but the first halves the image"},
    {"blocks", CO_INT, .def = 2, .lo = 1, .hi = 64,
     .doc = "residual blocks of a stage; 2 x stages x blocks + 2 is the depth"},
    {"groups", CO_INT, .def = 2, .lo = 1, .hi = 4096, .doc = "groups of channels of each norm"},
    {0}};
const co_model_preset co_preset_resnet_gn = {
    .name = "resnet_gn",
    .summary = "ResNet-18 for small images, with group norm; stages: 3, blocks: 3, width: 16 make "
               "the ResNet-20",
    .source = "Hsieh et al., ICML 2020, arXiv:1910.00189; Reddi et al., ICLR 2021, "
              "arXiv:2003.00295",
    .params = resnet_params,
    .layers = resnet_gn};
