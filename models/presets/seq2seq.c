/* models/presets/seq2seq.c - a text from a text: an encoder reads the source, a decoder says the
 * target, token by token, and looks at all of the source.
 *
 * The transformer multiplies embeddings by sqrt(hidden), so that one table may serve as last layer
 * too. The LSTM: h~ = tanh(W [c; h]), with c what h sees of the encoder's outputs; its decoder
 * begins at zeros, and h~ is not fed back (Luong et al., equation 5 and section 3.3). */
#include "models/presets/transformer.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- the transformer ---- */

typedef struct {
    co_text items;
    const co_config *opt;
    long long hidden, heads, inner;
    bool pre;
    const char *tied;
} sizes;

static co_status open_sizes(const co_config *opt, sizes *s)
{
    *s = (sizes){.opt = opt,
                 .hidden = co_config_int(opt, "hidden"),
                 .heads = co_config_int(opt, "heads"),
                 .inner = co_config_int(opt, "intermediate"),
                 .pre = strcmp(co_config_string(opt, "norm"), "pre") == 0,
                 .tied = co_config_string(opt, "tied")};
    if (s->inner == 0) s->inner = 4 * s->hidden;
    if (s->hidden % s->heads == 0) return CO_OK;
    return co_config_fail(opt, co_config_node(opt, "heads"),
                          "%lld heads do not divide hidden: %lld evenly", s->heads, s->hidden);
}

static void add_dropout(sizes *s)
{
    const double p = co_config_real(s->opt, "dropout");
    if (p > 0.0) co_items_add(&s->items, "{dropout: %.17g}, ", p);
}

static void add_embedding(sizes *s, const char *half)
{
    const bool learned = strcmp(co_config_string(s->opt, "positions"), "learned") == 0;
    co_items_add(&s->items, "{embedding: {units: %lld}, name: %s.embedding", s->hidden, half);
    if (strcmp(half, "decoder") == 0 && strcmp(s->tied, "all") == 0)
        co_items_add(&s->items, ", tie: {weight: encoder.embedding.weight}");
    co_items_add(&s->items,
                 "}, {scale: %.17g}, {positions: {kind: %s, most: %lld}, name: %s.positions}, ",
                 sqrt((double)s->hidden), learned ? "learned" : "sinusoidal",
                 (long long)co_config_int(s->opt, "most_positions"), half);
    add_dropout(s);
}

static void add_norm(sizes *s, const char *half, long long layer, int number)
{
    co_items_add(&s->items, "{layer_norm: {}, name: %s.layers.%lld.norm%d}, ", half, layer, number);
}

/* The part of a layer between its norm, or in front of it. */
static void open_part(sizes *s, const char *half, long long layer, int number)
{
    co_items_add(&s->items, "{residual: [");
    if (s->pre) add_norm(s, half, layer, number);
}

static void close_part(sizes *s, const char *half, long long layer, int number)
{
    add_dropout(s);
    co_items_add(&s->items, "]}, ");
    if (!s->pre) add_norm(s, half, layer, number);
}

static void add_attention(sizes *s, const char *half, long long layer, int number, const char *part,
                          const char *more)
{
    open_part(s, half, layer, number);
    co_items_add(&s->items,
                 "{attention: {heads: %lld, dropout: %.17g%s}, name: %s.layers.%lld.%s}, ",
                 s->heads, co_config_real(s->opt, "attention_dropout"), more, half, layer, part);
    close_part(s, half, layer, number);
}

static void add_feed_forward(sizes *s, const char *half, long long layer, int number)
{
    open_part(s, half, layer, number);
    co_items_add(&s->items,
                 "{dense: {units: %lld, packed: true}, name: %s.layers.%lld.linear1}, %s, ",
                 s->inner, half, layer, co_transformer_activation(s->opt));
    add_dropout(s);
    co_items_add(&s->items, "{dense: {units: %lld, packed: true}, name: %s.layers.%lld.linear2}, ",
                 s->hidden, half, layer);
    close_part(s, half, layer, number);
}

static void add_half(sizes *s, const char *half, long long layers)
{
    const bool decodes = strcmp(half, "decoder") == 0;
    co_items_add(&s->items, "{%s: [", half);
    add_embedding(s, half);
    for (long long k = 0; k < layers; k++) {
        add_attention(s, half, k, 1, "self_attn", decodes ? ", causal: true" : "");
        if (decodes) add_attention(s, half, k, 2, "cross_attn", ", cross: true");
        add_feed_forward(s, half, k, decodes ? 3 : 2);
    }
    if (s->pre) co_items_add(&s->items, "{layer_norm: {}, name: %s.norm}, ", half);
    if (!decodes) co_items_add(&s->items, "]}, ");
}

static co_status transformer(const co_config *opt, const co_task *task, co_node **list)
{
    sizes s;
    (void)task;
    *list = NULL;
    CO_TRY(open_sizes(opt, &s));
    const long long layers = co_config_int(opt, "layers");
    const bool all = strcmp(s.tied, "all") == 0, none = strcmp(s.tied, "none") == 0;
    add_half(&s, "encoder", layers);
    add_half(&s, "decoder",
             co_config_has(opt, "decoder_layers") ? co_config_int(opt, "decoder_layers") : layers);
    co_items_add(&s.items, "{dense: {units: classes, packed: true, bias: %s}, name: output",
                 none ? "true" : "false");
    if (!none)
        co_items_add(&s.items, ", tie: {weight: %s.embedding.weight}", all ? "encoder" : "decoder");
    co_items_add(&s.items, "}]}");
    return co_items_list(&s.items, list);
}

static double spread(const co_config *opt, const char *tensor)
{
    (void)tensor;
    return 1.0 / sqrt((double)co_config_int(opt, "hidden"));
}

static const co_param transformer_params[] = {
    CO_OPTION_LAYERS(3),
    {"decoder_layers", CO_INT, .lo = 1, .hi = 4096, .flags = CO_OPTIONAL,
     .doc = "those of the decoder; default: as many"},
    CO_OPTION_COUNT("hidden", 256, "floats of a token"),
    CO_OPTION_COUNT("heads", 4, "heads of attention; they divide hidden evenly"),
    {"intermediate", CO_INT, .lo = 0, .hi = 1 << 24,
     .doc = "units of a feed-forward part; 0: 4 x hidden"},
    {"positions", CO_CHOICE, .words = "sinusoidal|learned",
     .doc = "what is added for a token's place"},
    CO_OPTION_COUNT("most_positions", 512, "tokens of the longest source or target"),
    {"norm", CO_CHOICE, .words = "pre|post", .doc = "in front of each part, or behind it"},
    {"tied", CO_CHOICE, .words = "none|output|all",
     .doc = "output: the last layer is the target's embedding; all: the source's too, with one "
            "vocabulary"},
    CO_OPTION_ACTIVATION(2),
    CO_OPTION_SHARE("dropout", 0.1, "share of values dropped behind embeddings and each part"),
    CO_OPTION_SHARE("attention_dropout", 0.0, "share of attention that is dropped"),
    {0}};
const co_model_preset co_preset_seq2seq_transformer = {
    .name = "seq2seq_transformer",
    .summary = "a text from a text: encoder and decoder of attention",
    .source = "Vaswani et al., NeurIPS 2017, arXiv:1706.03762",
    .params = transformer_params,
    .layers = transformer,
    .spread = spread};

/* ---- the LSTM ---- */

static void add_lstm(co_text *items, const co_config *opt, const char *half, bool both)
{
    const double p = co_config_real(opt, "dropout");
    co_items_add(items, "{%s: [{embedding: %lld}, ", half,
                 (long long)co_config_int(opt, "embedding"));
    if (p > 0.0) co_items_add(items, "{dropout: %.17g}, ", p);
    co_items_add(items, "{lstm: {units: %lld, layers: %lld, bidirectional: %s}}",
                 (long long)co_config_int(opt, "units"), (long long)co_config_int(opt, "layers"),
                 both ? "true" : "false");
}

static co_status lstm(const co_config *opt, const co_task *task, co_node **list)
{
    const double p = co_config_real(opt, "dropout");
    const long long units = co_config_int(opt, "units");
    co_text items = {0};
    (void)task;
    add_lstm(&items, opt, "encoder", true);
    co_items_add(&items, "], name: encoder}, ");
    add_lstm(&items, opt, "decoder", false);
    co_items_add(&items,
                 ", {residual: {layers: [{attention: {heads: 1, cross: true}}], shortcut: "
                 "[{dense: {units: %lld, packed: true}}]}}, tanh, ",
                 units);
    if (p > 0.0) co_items_add(&items, "{dropout: %.17g}, ", p);
    co_items_add(&items, "{dense: {units: classes, packed: true}}], name: decoder}");
    return co_items_list(&items, list);
}

static const co_param lstm_params[] = {
    CO_OPTION_COUNT("embedding", 128, "floats of a token"),
    CO_OPTION_COUNT("units", 256, "outputs of each LSTM; the encoder has one for each direction"),
    {"layers", CO_INT, .def = 1, .lo = 1, .hi = 8, .doc = "LSTMs above one another in each half"},
    CO_OPTION_SHARE("dropout", 0.1, "share of values dropped behind embeddings and attention"),
    {0}};
const co_model_preset co_preset_seq2seq_lstm = {
    .name = "seq2seq_lstm",
    .summary = "a text from a text: LSTMs, of which the second looks at the first",
    .source = "Luong et al., EMNLP 2015, arXiv:1508.04025",
    .params = lstm_params,
    .layers = lstm};
