/* models/presets.c - models with a name: each is the list of layers that an experiment file could
 * spell out.
 *
 * Parameters: softmax 784 -> 10 has 7,850; 2nn 199,210; mnist_cnn 1,663,370; femnist_cnn with 62
 * classes 6,603,710; cifar_cnn 1,626,442; resnet_gn 11,173,962 with 3 x 32 x 32 and 10 classes;
 * char_lstm with 80 tokens 819,920. The last layer always has `classes` outputs and the first ones
 * take the data's own size. */
#include "models/model.h"
#include "core/memory.h"
#include <inttypes.h>
#include <stdio.h>

/* A list under construction; node is NULL once memory has run out. */
typedef struct {
    co_node *node;
} list;

static list begin(void)
{
    return (list){co_node_create(CO_NODE_LIST, NULL, NULL)};
}

static void give_up(list *l)
{
    co_node_destroy(l->node);
    l->node = NULL;
}

static void append(list *l, co_node *item_take)
{
    if (l->node && item_take) {
        co_node_append(l->node, item_take);
    } else {
        co_node_destroy(item_take);
        give_up(l);
    }
}

/* `name` */
static void add(list *l, const char *name)
{
    append(l, co_node_create(CO_NODE_SCALAR, NULL, name));
}

/* `{name: value}` */
static void add_with(list *l, const char *name, const char *value)
{
    co_node *item = co_node_create(CO_NODE_MAP, NULL, NULL);
    if (item && co_node_set(item, name, value) != CO_OK) {
        co_node_destroy(item);
        item = NULL;
    }
    append(l, item);
}

static void add_dense(list *l, int64_t units)
{
    char text[24];
    snprintf(text, sizeof text, "%" PRId64, units);
    add_with(l, "dense", text);
}

static co_node *conv_item(const char *channels, const char *kernel, const char *padding)
{
    co_node *item = co_node_create(CO_NODE_MAP, NULL, NULL);
    co_node *options = co_node_create(CO_NODE_MAP, "conv2d", NULL);
    if (!item || !options) {
        co_node_destroy(item);
        co_node_destroy(options);
        return NULL;
    }
    co_node_append(item, options);
    if (co_node_set(options, "channels", channels) == CO_OK &&
        co_node_set(options, "kernel", kernel) == CO_OK &&
        co_node_set(options, "padding", padding) == CO_OK)
        return item;
    co_node_destroy(item);
    return NULL;
}

/* Convolution and ReLU. */
static void add_conv(list *l, const char *channels, const char *kernel, const char *padding)
{
    append(l, conv_item(channels, kernel, padding));
    add(l, "relu");
}

static co_node *softmax(const co_config *opt)
{
    list l = begin();
    (void)opt;
    add(&l, "flatten");
    add_with(&l, "dense", "classes");
    return l.node;
}

static void add_hidden(list *l, int64_t units)
{
    add_dense(l, units);
    add(l, "relu");
}

static co_node *two_layers(const co_config *opt)
{
    list l = begin();
    (void)opt;
    add(&l, "flatten");
    add_hidden(&l, 200);
    add_hidden(&l, 200);
    add_with(&l, "dense", "classes");
    return l.node;
}

static co_node *mlp(const co_config *opt)
{
    list l = begin();
    const co_node *hidden = co_config_node(opt, "hidden");
    int64_t units;
    add(&l, "flatten");
    for (const co_node *n = hidden->kind == CO_NODE_LIST ? hidden->first : hidden; n;
         n = hidden->kind == CO_NODE_LIST ? n->next : NULL)
        if (co_node_int(n, &units)) add_hidden(&l, units);
    add_with(&l, "dense", "classes");
    return l.node;
}

/* conv 5x5x32, pool, conv 5x5x64, pool, dense. */
static co_node *two_convolutions(int64_t units)
{
    list l = begin();
    add_conv(&l, "32", "5", "same");
    add_with(&l, "max_pool", "2");
    add_conv(&l, "64", "5", "same");
    add_with(&l, "max_pool", "2");
    add(&l, "flatten");
    add_hidden(&l, units);
    add_with(&l, "dense", "classes");
    return l.node;
}

static co_node *mnist_cnn(const co_config *opt)
{
    (void)opt;
    return two_convolutions(512);
}

static co_node *femnist_cnn(const co_config *opt)
{
    (void)opt;
    return two_convolutions(2048);
}

static co_node *cifar_cnn(const co_config *opt)
{
    list l = begin();
    (void)opt;
    add_conv(&l, "32", "3", "valid");
    add_conv(&l, "64", "3", "valid");
    add_with(&l, "max_pool", "2");
    add(&l, "flatten"); /* in front of dropout, which then sees planes as they are drawn */
    add_with(&l, "dropout", "0.25");
    add_hidden(&l, 128);
    add_with(&l, "dropout", "0.5");
    add_with(&l, "dense", "classes");
    return l.node;
}

/* ---- residual networks ---- */

/* A node under that key of a map. */
static void add_key(list *map, const char *key, list value_take)
{
    char *own = co_strdup(key);
    if (map->node && own && value_take.node) {
        value_take.node->key = own;
        co_node_append(map->node, value_take.node);
        return;
    }
    co_free(own);
    co_node_destroy(value_take.node);
    give_up(map);
}

/* `{name: value}` with a list or map. */
static void add_block(list *l, const char *name, list value_take)
{
    list item = {co_node_create(CO_NODE_MAP, NULL, NULL)};
    add_key(&item, name, value_take);
    append(l, item.node);
}

typedef struct {
    int64_t channels, kernel, stride, groups;
} stage;

/* A convolution without bias, and the norm behind it. */
static void add_conv_norm(list *l, const stage *s)
{
    char channels[24], kernel[24], stride[24], padding[24], groups[24];
    snprintf(channels, sizeof channels, "%" PRId64, s->channels);
    snprintf(kernel, sizeof kernel, "%" PRId64, s->kernel);
    snprintf(stride, sizeof stride, "%" PRId64, s->stride);
    snprintf(padding, sizeof padding, "%" PRId64, s->kernel / 2);
    snprintf(groups, sizeof groups, "%" PRId64, s->groups);
    co_node *item = conv_item(channels, kernel, padding);
    if (item && (co_node_set(item->first, "stride", stride) != CO_OK ||
                 co_node_set(item->first, "bias", "false") != CO_OK)) {
        co_node_destroy(item);
        item = NULL;
    }
    append(l, item);
    add_with(l, "group_norm", groups);
}

/* Two 3x3 convolutions, and past them the input, or a 1x1 convolution where the shape changes; relu
 * behind the sum. */
static void add_residual(list *l, stage s, bool changes)
{
    list layers = begin(), options, shortcut;
    const stage past = {s.channels, 1, s.stride, s.groups}, second = {s.channels, 3, 1, s.groups};
    add_conv_norm(&layers, &s);
    add(&layers, "relu");
    add_conv_norm(&layers, &second);
    if (changes) {
        options = (list){co_node_create(CO_NODE_MAP, NULL, NULL)};
        shortcut = begin();
        add_conv_norm(&shortcut, &past);
        add_key(&options, "layers", layers);
        add_key(&options, "shortcut", shortcut);
        layers = options;
    }
    add_block(l, "residual", layers);
    add(l, "relu");
}

static co_node *resnet_gn(const co_config *opt)
{
    const int64_t width = co_config_int(opt, "width"), groups = co_config_int(opt, "groups");
    const int64_t stages = co_config_int(opt, "stages"), blocks = co_config_int(opt, "blocks");
    list l = begin();
    add_conv_norm(&l, &(stage){width, 3, 1, groups});
    add(&l, "relu");
    for (int64_t k = 0; k < stages; k++)
        for (int64_t b = 0; b < blocks; b++) {
            const bool changes = k > 0 && b == 0;
            add_residual(&l, (stage){width << k, 3, changes ? 2 : 1, groups}, changes);
        }
    add(&l, "global_avg_pool");
    add_with(&l, "dense", "classes");
    return l.node;
}

/* {lstm: {units: .., layers: .., bidirectional: ..}} */
static void add_lstm(list *l, int64_t units, const char *layers, const char *bidirectional)
{
    char text[24];
    co_node *item = co_node_create(CO_NODE_MAP, NULL, NULL),
            *options = co_node_create(CO_NODE_MAP, "lstm", NULL);
    snprintf(text, sizeof text, "%" PRId64, units);
    const bool good = item && options && co_node_set(options, "units", text) == CO_OK &&
                      co_node_set(options, "layers", layers) == CO_OK &&
                      co_node_set(options, "bidirectional", bidirectional) == CO_OK;
    if (good) {
        co_node_append(item, options);
        append(l, item);
        return;
    }
    co_node_destroy(item);
    co_node_destroy(options);
    give_up(l);
}

static list begin_text(int64_t embedding)
{
    list l = begin();
    char text[24];
    snprintf(text, sizeof text, "%" PRId64, embedding);
    add_with(&l, "embedding", text);
    return l;
}

static co_node *char_lstm(const co_config *opt)
{
    list l = begin_text(8);
    (void)opt;
    add_lstm(&l, 256, "2", "false");
    add_with(&l, "dense", "classes");
    return l.node;
}

static co_node *bow(const co_config *opt)
{
    list l = begin_text(co_config_int(opt, "embedding"));
    add_with(&l, "pool_time", "mean");
    add_with(&l, "dense", "classes");
    return l.node;
}

static co_node *lstm(const co_config *opt)
{
    list l = begin_text(co_config_int(opt, "embedding"));
    add_lstm(&l, co_config_int(opt, "units"), "1", "false");
    add_with(&l, "pool_time", co_config_string(opt, "pool"));
    add_with(&l, "dense", "classes");
    return l.node;
}

static co_node *bilstm(const co_config *opt)
{
    list l = begin_text(co_config_int(opt, "embedding"));
    add_lstm(&l, co_config_int(opt, "units"), "1", "true");
    add_with(&l, "dense", "classes");
    return l.node;
}

#define EMBEDDING                                                                                  \
    {                                                                                              \
        "embedding", CO_INT, .def = 100, .lo = 1, .hi = 65536, .doc = "floats of a token"          \
    }
#define UNITS                                                                                      \
    {                                                                                              \
        "units", CO_INT, .def = 128, .lo = 1, .hi = 65536,                                         \
                         .doc = "outputs of the LSTM, for each direction"                          \
    }
static const co_param bow_params[] = {EMBEDDING, {0}};
static const co_param lstm_params[] = {
    EMBEDDING,
    UNITS,
    {"pool", CO_CHOICE, .words = "mean|last", .doc = "one row from all: their mean, or the last"},
    {0}};
static const co_param bilstm_params[] = {EMBEDDING, UNITS, {0}};
static const co_param resnet_params[] = {
    {"width", CO_INT, .def = 64, .lo = 1, .hi = 4096,
     .doc = "channels of the first stage; each later one has twice as many"},
    {"stages", CO_INT, .def = 4, .lo = 1, .hi = 8,
     .doc = "stages; each but the first halves the image"},
    {"blocks", CO_INT, .def = 2, .lo = 1, .hi = 64,
     .doc = "residual blocks of a stage; 2 x stages x blocks + 2 is the depth"},
    {"groups", CO_INT, .def = 2, .lo = 1, .hi = 4096, .doc = "groups of channels of each norm"},
    {0}};
static const co_param mlp_params[] = {{"hidden", CO_INTS, .lo = 1, .hi = 16777216,
                                       .flags = CO_REQUIRED,
                                       .doc = "units of the hidden layers, first to last"},
                                      {0}};
static const co_model_preset presets[] = {
    {.name = "softmax", .summary = "multinomial logistic regression", .layers = softmax},
    {.name = "2nn",
     .summary = "two hidden layers of 200 units with ReLU",
     .source = "McMahan et al., AISTATS 2017, arXiv:1602.05629",
     .layers = two_layers},
    {.name = "mlp",
     .summary = "hidden layers of the given sizes with ReLU",
     .params = mlp_params,
     .layers = mlp},
    {.name = "mnist_cnn",
     .summary = "two 5x5 convolutions (32, 64) with 2x2 max pooling, dense 512",
     .source = "McMahan et al., AISTATS 2017, arXiv:1602.05629",
     .layers = mnist_cnn},
    {.name = "femnist_cnn",
     .summary = "two 5x5 convolutions (32, 64) with 2x2 max pooling, dense 2048",
     .source = "Caldas et al., LEAF, 2018, arXiv:1812.01097",
     .layers = femnist_cnn},
    {.name = "cifar_cnn",
     .summary = "two 3x3 convolutions (32, 64), 2x2 max pooling, dropout, dense 128",
     .source = "Granqvist et al., pfl-research, 2024, arXiv:2404.06430",
     .layers = cifar_cnn},
    {.name = "resnet_gn",
     .summary = "ResNet-18 for small images, with group norm; stages: 3, blocks: 3, width: 16 make "
                "the ResNet-20",
     .source =
         "Hsieh et al., ICML 2020, arXiv:1910.00189; Reddi et al., ICLR 2021, arXiv:2003.00295",
     .params = resnet_params,
     .layers = resnet_gn},
    {.name = "char_lstm",
     .summary = "embedding 8, two LSTM layers of 256 units, a dense layer for every token",
     .source = "Caldas et al., LEAF, 2018, arXiv:1812.01097 (which predicts the last token alone)",
     .layers = char_lstm},
    {.name = "bow",
     .summary = "the mean of the tokens' embeddings, dense",
     .source = "Joulin et al., EACL 2017, arXiv:1607.01759",
     .params = bow_params,
     .layers = bow},
    {.name = "lstm",
     .summary = "embedding, LSTM, pooled over time, dense",
     .params = lstm_params,
     .layers = lstm},
    {.name = "bilstm",
     .summary = "embedding, LSTM in both directions, a dense layer for every token",
     .source = "Huang et al., 2015, arXiv:1508.01991 (without their CRF)",
     .params = bilstm_params,
     .layers = bilstm},
};
static const co_plugin *const members[sizeof presets / sizeof *presets + 1] = {
    (const co_plugin *)&presets[0], (const co_plugin *)&presets[1],  (const co_plugin *)&presets[2],
    (const co_plugin *)&presets[3], (const co_plugin *)&presets[4],  (const co_plugin *)&presets[5],
    (const co_plugin *)&presets[6], (const co_plugin *)&presets[7],  (const co_plugin *)&presets[8],
    (const co_plugin *)&presets[9], (const co_plugin *)&presets[10], NULL};

const co_kind co_kind_model = {"model", "models with a name", members};
