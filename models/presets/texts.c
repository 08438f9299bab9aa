/* models/presets/texts.c - embeddings, means and LSTMs over texts. char_lstm with 80 tokens has
 * 819,920 parameters. The last layer has `classes` outputs, the first one takes the data's
 * vocabulary. */
#include "models/presets/items.h"
#include "models/presets/preset.h"
#include <string.h>

static co_status char_lstm(const co_config *opt, const co_task *task, co_node **list)
{
    co_text items = {0};
    (void)opt;
    (void)task;
    co_items_add(&items, "{embedding: 8}, {lstm: {units: 256, layers: 2, bidirectional: false}}, "
                         "{dense: classes}");
    return co_items_list(&items, list);
}

static co_status bow(const co_config *opt, const co_task *task, co_node **list)
{
    co_text items = {0};
    (void)task;
    co_items_add(&items, "{embedding: %lld}, {pool_time: mean}, {dense: classes}",
                 (long long)co_config_int(opt, "embedding"));
    return co_items_list(&items, list);
}

static co_status lstm(const co_config *opt, const co_task *task, co_node **list)
{
    co_text items = {0};
    (void)task;
    co_items_add(
        &items, "{embedding: %lld}, {lstm: {units: %lld, layers: 1, bidirectional: false}}, ",
        (long long)co_config_int(opt, "embedding"), (long long)co_config_int(opt, "units"));
    co_items_add(&items, "{pool_time: %s}, {dense: classes}", co_config_string(opt, "pool"));
    return co_items_list(&items, list);
}

/* A word's own vector, and beside it what its letters give where option chars says so. */
static void add_words(co_text *items, const co_config *opt)
{
    const long long embedding = (long long)co_config_int(opt, "embedding");
    if (strcmp(co_config_string(opt, "chars"), "cnn") == 0)
        co_items_add(items,
                     "{concat: [[{embedding: %lld}], [{char_cnn: {embedding: %lld, filters: %lld, "
                     "width: %lld}}]]}, ",
                     embedding, (long long)co_config_int(opt, "char_embedding"),
                     (long long)co_config_int(opt, "char_filters"),
                     (long long)co_config_int(opt, "char_width"));
    else
        co_items_add(items, "{embedding: %lld}, ", embedding);
}

static void add_dropout(co_text *items, const co_config *opt)
{
    const double share = co_config_real(opt, "dropout");
    if (share > 0.0) co_items_add(items, "{dropout: %.17g}, ", share);
}

static co_status bilstm(const co_config *opt, const co_task *task, co_node **list)
{
    const char *head = co_config_string(opt, "head");
    co_text items = {0};
    *list = NULL;
    if (strcmp(head, "joint") == 0 && !task->joins)
        return co_config_fail(opt, co_config_node(opt, "head"),
                              "joint, but the data's task is %s: leave it out", task->name);
    add_words(&items, opt);
    add_dropout(&items, opt);
    co_items_add(&items, "{lstm: {units: %lld, layers: 1, bidirectional: true}}, ",
                 (long long)co_config_int(opt, "units"));
    add_dropout(&items, opt);
    if (task->joins)
        co_items_add(&items, "{joint: {classes: [{pool_time: mean}, {dense: classes}], tags: "
                             "[{dense: classes}]}}, ");
    else
        co_items_add(&items, "{dense: classes}, ");
    if (strcmp(head, "crf") == 0) co_items_add(&items, "crf, ");
    return co_items_list(&items, list);
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
static const co_param bilstm_params[] = {
    EMBEDDING,
    UNITS,
    {"head", CO_CHOICE, .words = "task|crf|joint",
     .doc = "what stands behind the LSTM; task: what the data's task wants; crf: a value for every "
            "token and tag, and a chain over them"},
    {"chars", CO_CHOICE, .words = "none|cnn",
     .doc = "cnn: beside a word's vector what a convolution over its letters gives (import with "
            "chars=true)"},
    {"char_embedding", CO_INT, .def = 30, .lo = 1, .hi = 65536, .doc = "floats of a letter"},
    {"char_filters", CO_INT, .def = 30, .lo = 1, .hi = 65536, .doc = "floats from the letters"},
    {"char_width", CO_INT, .def = 3, .lo = 1, .hi = 64, .doc = "letters of a window"},
    {"dropout", CO_REAL, .lo = 0.0, .hi = 1.0, .flags = CO_HI_OPEN,
     .doc = "share of values dropped before and behind the LSTM"},
    {0}};
const co_model_preset co_preset_char_lstm = {
    .name = "char_lstm",
    .summary = "embedding 8, two LSTM layers of 256 units, a dense layer for every token",
    .source = "Caldas et al., LEAF, 2018, arXiv:1812.01097 (which predicts the last token alone)",
    .layers = char_lstm};
const co_model_preset co_preset_bow = {.name = "bow",
                                       .summary = "the mean of the tokens' embeddings, dense",
                                       .source = "Joulin et al., EACL 2017, arXiv:1607.01759",
                                       .params = bow_params,
                                       .layers = bow};
const co_model_preset co_preset_lstm = {.name = "lstm",
                                        .summary = "embedding, LSTM, pooled over time, dense",
                                        .params = lstm_params,
                                        .layers = lstm};
const co_model_preset co_preset_bilstm = {
    .name = "bilstm",
    .summary = "embedding, LSTM in both directions, a dense layer for every token",
    .source = "Huang et al., 2015, arXiv:1508.01991; Ma & Hovy, ACL 2016, arXiv:1603.01354",
    .params = bilstm_params,
    .layers = bilstm};
