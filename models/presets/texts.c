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

static void add_lstm(co_text *items, const co_config *opt, const char *bidirectional)
{
    co_items_add(items, "{embedding: %lld}, {lstm: {units: %lld, layers: 1, bidirectional: %s}}, ",
                 (long long)co_config_int(opt, "embedding"), (long long)co_config_int(opt, "units"),
                 bidirectional);
}

static co_status lstm(const co_config *opt, const co_task *task, co_node **list)
{
    co_text items = {0};
    (void)task;
    add_lstm(&items, opt, "false");
    co_items_add(&items, "{pool_time: %s}, {dense: classes}", co_config_string(opt, "pool"));
    return co_items_list(&items, list);
}

static co_status bilstm(const co_config *opt, const co_task *task, co_node **list)
{
    co_text items = {0};
    (void)task;
    add_lstm(&items, opt, "true");
    co_items_add(&items, "{dense: classes}, ");
    if (strcmp(co_config_string(opt, "head"), "crf") == 0) co_items_add(&items, "crf, ");
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
    {"head", CO_CHOICE, .words = "task|crf",
     .doc = "what stands behind the LSTM; task: a value for every token and class; crf: a chain "
            "over them, for tags"},
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
    .source = "Huang et al., 2015, arXiv:1508.01991",
    .params = bilstm_params,
    .layers = bilstm};
