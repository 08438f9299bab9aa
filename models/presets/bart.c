/* models/presets/bart.c - BART: encoder and decoder with one embedding, norms behind each part.
 *
 * Tensors are those of BartForConditionalGeneration, or of BartModel (head none). Positions begin
 * at 2 of the table. final_logits_bias, which transformers adds to the outputs and never trains, is
 * zero in all published models and left out. Source: Lewis et al., ACL 2020, arXiv:1910.13461. */
#include "io/weights/architecture.h"
#include "models/presets/transformer.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { FIRST_POSITION = 2 };

/* One of the two halves. */
typedef struct {
    co_transformer *t;
    const char *name; /* "encoder" */
    bool decodes;
    long long layers, heads, inner;
} half;

static long long size_of(const co_config *opt, bool decodes, const char *own, const char *first)
{
    return co_config_int(opt, decodes && co_config_has(opt, own) ? own : first);
}

static half open_half(co_transformer *t, bool decodes)
{
    return (half){.t = t,
                  .name = decodes ? "decoder" : "encoder",
                  .decodes = decodes,
                  .layers = size_of(t->opt, decodes, "decoder_layers", "layers"),
                  .heads = size_of(t->opt, decodes, "decoder_heads", "heads"),
                  .inner = size_of(t->opt, decodes, "decoder_intermediate", "intermediate")};
}

/* The encoder's table is the model's own, `shared`. */
static void add_embedding(const half *h)
{
    co_transformer *t = h->t;
    co_items_add(&t->items, "{embedding: {units: %lld", t->hidden);
    if (t->vocabulary > 0) co_items_add(&t->items, ", tokens: %lld", t->vocabulary);
    if (h->decodes)
        co_items_add(&t->items,
                     "}, name: %sdecoder.embed_tokens, tie: {weight: %sshared.weight}}, ",
                     t->prefix, t->prefix);
    else
        co_items_add(&t->items, "}, name: %sshared}, ", t->prefix);
    if (co_config_bool(t->opt, "scale_embedding"))
        co_items_add(&t->items, "{scale: %.17g}, ", sqrt((double)t->hidden));
    co_items_add(&t->items,
                 "{positions: {most: %lld, first: %d}, name: %s%s.embed_positions}, "
                 "{layer_norm: {}, name: %s%s.layernorm_embedding, "
                 "after: %s%s.layers.%lld.final_layer_norm}, ",
                 (long long)co_config_int(t->opt, "most_positions") + FIRST_POSITION,
                 FIRST_POSITION, t->prefix, h->name, t->prefix, h->name, t->prefix, h->name,
                 h->layers - 1);
    co_transformer_dropout(t, t->dropout);
}

/* k_proj, v_proj, q_proj, out_proj: in this order. */
static void add_attention(const half *h, long long k, const char *part, const char *more)
{
    co_transformer *t = h->t;
    char at[96];
    snprintf(at, sizeof at, "%s%s.layers.%lld.%s", t->prefix, h->name, k, part);
    co_items_add(&t->items,
                 "{residual: [{attention: {heads: %lld, dropout: %.17g, keys_first: true%s, names: "
                 "{query: %s.q_proj, key: %s.k_proj, value: %s.v_proj, out: %s.out_proj}}}, ",
                 h->heads, co_config_real(t->opt, "attention_dropout"), more, at, at, at, at);
    co_transformer_dropout(t, t->dropout);
    co_items_add(&t->items, "]}, {layer_norm: {}, name: %s_layer_norm}, ", at);
}

static void add_feed_forward(const half *h, long long k)
{
    co_transformer *t = h->t;
    char units[2][24];
    snprintf(units[0], sizeof units[0], "%lld", h->inner);
    snprintf(units[1], sizeof units[1], "%lld", t->hidden);
    co_items_add(&t->items, "{residual: [");
    co_transformer_dense(t, units[0], "", "%s.layers.%lld.fc1", h->name, k);
    co_items_add(&t->items, "%s, ", co_transformer_activation(t->opt));
    co_transformer_dropout(t, co_config_real(t->opt, "activation_dropout"));
    co_transformer_dense(t, units[1], "", "%s.layers.%lld.fc2", h->name, k);
    co_transformer_dropout(t, t->dropout);
    co_items_add(&t->items, "]}, {layer_norm: {}, name: %s%s.layers.%lld.final_layer_norm}, ",
                 t->prefix, h->name, k);
}

static co_status add_half(const half *h)
{
    co_transformer *t = h->t;
    if (t->hidden % h->heads != 0)
        return co_config_fail(t->opt,
                              co_config_node(t->opt, h->decodes ? "decoder_heads" : "heads"),
                              "%lld heads do not divide hidden: %lld evenly", h->heads, t->hidden);
    co_items_add(&t->items, "{%s: [", h->name);
    add_embedding(h);
    for (long long k = 0; k < h->layers; k++) {
        add_attention(h, k, "self_attn", h->decodes ? ", causal: true" : "");
        if (h->decodes) add_attention(h, k, "encoder_attn", ", cross: true");
        add_feed_forward(h, k);
    }
    co_items_add(&t->items, "]}, ");
    return CO_OK;
}

static const co_param params[] = {
    CO_OPTION_LAYERS(12),
    {"decoder_layers", CO_INT, .lo = 1, .hi = 4096, .flags = CO_OPTIONAL,
     .doc = "those of the decoder; default: as many"},
    CO_OPTION_COUNT("hidden", 1024, "floats of a token"),
    CO_OPTION_COUNT("heads", 16, "heads of attention; they divide hidden evenly"),
    {"decoder_heads", CO_INT, .lo = 1, .hi = 1 << 24, .flags = CO_OPTIONAL,
     .doc = "those of the decoder; default: as many"},
    CO_OPTION_COUNT("intermediate", 4096, "units of a feed-forward part"),
    {"decoder_intermediate", CO_INT, .lo = 1, .hi = 1 << 24, .flags = CO_OPTIONAL,
     .doc = "those of the decoder; default: as many"},
    CO_OPTION_COUNT("most_positions", 1024, "tokens of the longest source or target"),
    CO_OPTION_VOCABULARY,
    CO_OPTION_ACTIVATION(0),
    CO_OPTION_SHARE("dropout", 0.1, "share of values dropped behind each part"),
    CO_OPTION_SHARE("attention_dropout", 0.0, "share of attention that is dropped"),
    CO_OPTION_SHARE("activation_dropout", 0.0,
                    "share of values dropped between the two products of a feed-forward part"),
    CO_OPTION_INIT_RANGE,
    {"scale_embedding", CO_BOOL, .doc = "embeddings times the root of hidden"},
    {"head", CO_CHOICE, .words = "task|seq2seq|none",
     .doc = "what stands behind the model; none: hidden states"},
    {0}};

static co_status bart(const co_config *opt, const co_task *task, co_node **list)
{
    co_transformer t;
    *list = NULL;
    CO_TRY(co_transformer_open(&t, opt, params, task, "model."));
    t.dropout = co_config_real(opt, "dropout");
    const half encoder = open_half(&t, false), decoder = open_half(&t, true);
    co_status st = add_half(&encoder);
    if (st == CO_OK) st = add_half(&decoder);
    if (st != CO_OK) {
        co_text_fini(&t.items);
        return st;
    }
    if (t.head != CO_HEAD_NONE)
        co_items_add(&t.items,
                     "{dense: {units: %s, packed: true, bias: false}, name: lm_head, tie: "
                     "{weight: %sshared.weight}}",
                     t.tokens, t.prefix);
    return co_items_list(&t.items, list);
}

const co_model_preset co_preset_bart = {
    .name = "bart",
    .summary = "a text from a text: encoder and decoder with one embedding, learnt positions",
    .source = "Lewis et al., ACL 2020, arXiv:1910.13461",
    .params = params,
    .layers = bart,
    .spread = co_transformer_spread,
    .architecture = &co_architecture_bart};
