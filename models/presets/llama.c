/* models/presets/llama.c - Llama: a decoder with rotary positions, groups of heads that share keys
 * and values, norms without a mean in front of each part, and gated feed-forward parts.
 *
 * Tensors are those of LlamaModel (head none), LlamaForCausalLM (tied or not),
 * LlamaForSequenceClassification (of the last token) and LlamaForTokenClassification; a layer's
 * norms stand behind its products there. Sources: Touvron et al., 2023, arXiv:2302.13971; Ainslie
 * et al., EMNLP 2023, arXiv:2305.13245 (groups). */
#include "io/weights/architecture.h"
#include "models/presets/transformer.h"
#include <stdio.h>

/* A norm in front of a part, whose tensors stand behind those of item `behind` of layer k. */
static void add_norm(co_transformer *t, double eps, long long k, const char *name,
                     const char *behind)
{
    co_items_add(&t->items,
                 "{rms_norm: {eps: %.17g}, name: %slayers.%lld.%s, after: %slayers.%lld.%s}, ", eps,
                 t->prefix, k, name, t->prefix, k, behind);
}

static void add_layer(co_transformer *t, double eps, long long kv_heads, long long k)
{
    char at[80];
    co_items_add(&t->items, "{residual: [");
    add_norm(t, eps, k, "input_layernorm", "mlp.down_proj");
    snprintf(at, sizeof at, "%slayers.%lld.self_attn", t->prefix, k);
    co_items_add(&t->items,
                 "{attention: {heads: %lld, kv_heads: %lld, causal: true, rotary: %.17g, dropout: "
                 "%.17g, bias: false, names: {query: %s.q_proj, key: %s.k_proj, value: %s.v_proj, "
                 "out: %s.o_proj}}}]}, ",
                 t->heads, kv_heads, co_config_real(t->opt, "rope_theta"),
                 co_config_real(t->opt, "attention_dropout"), at, at, at, at);
    co_items_add(&t->items, "{residual: [");
    add_norm(t, eps, k, "post_attention_layernorm", "input_layernorm");
    snprintf(at, sizeof at, "%slayers.%lld.mlp", t->prefix, k);
    co_items_add(&t->items,
                 "{gated: {units: %lld, act: silu, bias: false, names: {gate: %s.gate_proj, up: "
                 "%s.up_proj, down: %s.down_proj}}}]}, ",
                 (long long)co_config_int(t->opt, "intermediate"), at, at, at);
}

static const co_param params[] = {
    CO_OPTION_LAYERS(32),
    CO_OPTION_COUNT("hidden", 4096, "floats of a token"),
    CO_OPTION_COUNT("heads", 32, "heads of attention; they divide hidden evenly"),
    {"kv_heads", CO_INT, .lo = 0, .hi = 1 << 24,
     .doc = "heads of keys and values; they divide heads evenly; 0: heads"},
    CO_OPTION_COUNT("intermediate", 11008, "units of a feed-forward part"),
    CO_OPTION_COUNT("most_positions", 2048, "tokens of the longest text"),
    CO_OPTION_VOCABULARY,
    CO_OPTION_EPS(1e-6),
    {"rope_theta", CO_REAL, .def = 10000.0, .lo = 0.0, .hi = 1e30, .flags = CO_LO_OPEN,
     .doc = "base of the wave lengths of positions"},
    CO_OPTION_SHARE("attention_dropout", 0.0, "share of attention that is dropped"),
    CO_OPTION_HEAD_DROPOUT("0.1, for tagging alone"),
    CO_OPTION_INIT_RANGE,
    {"tied", CO_BOOL, .doc = "head lm is the embedding"},
    CO_OPTION_HEAD("lm"),
    {0}};

static co_status llama(const co_config *opt, const co_task *task, co_node **list)
{
    const double eps = co_config_real(opt, "eps");
    const long long kv_heads = co_config_int(opt, "kv_heads");
    co_transformer t;
    *list = NULL;
    CO_TRY(co_transformer_open(&t, opt, params, task, "model."));
    if (kv_heads > 0 && t.heads % kv_heads != 0)
        return co_config_fail(opt, co_config_node(opt, "kv_heads"),
                              "%lld do not divide heads: %lld evenly", kv_heads, t.heads);
    co_transformer_embedding(&t, "embed_tokens");
    for (long long k = 0; k < t.layers; k++)
        add_layer(&t, eps, kv_heads > 0 ? kv_heads : t.heads, k);
    co_transformer_norm(&t, "rms_norm", eps, "norm");
    co_transformer_decoder_head(&t, "embed_tokens", "score");
    return co_items_list(&t.items, list);
}

const co_model_preset co_preset_llama = {
    .name = "llama",
    .summary = "decoder of texts: rotary positions, grouped heads, gated feed-forward parts",
    .source = "Touvron et al., 2023, arXiv:2302.13971",
    .params = params,
    .layers = llama,
    .spread = co_transformer_spread,
    .architecture = &co_architecture_llama};
