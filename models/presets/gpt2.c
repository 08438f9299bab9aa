/* models/presets/gpt2.c - GPT-2: a decoder that sees what stands before, norms in front of each
 * part.
 *
 * Tensors are those of GPT2Model (head none), GPT2LMHeadModel, GPT2ForSequenceClassification (of
 * the last token) and GPT2ForTokenClassification; matrices stand as [inputs][outputs] there.
 * Products that end a residual part begin with a standard deviation of init_range / sqrt(2 layers).
 * Source: Radford et al., 2019, sections 2.2 and 2.3. */
#include "io/weights/architecture.h"
#include "models/presets/transformer.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

static void add_embeddings(co_transformer *t)
{
    co_transformer_embedding(t, "wte");
    co_transformer_positions(t, "wpe");
    co_transformer_dropout(t, co_config_has(t->opt, "embedding_dropout")
                                  ? co_config_real(t->opt, "embedding_dropout")
                                  : t->dropout);
}

static void add_layer(co_transformer *t, double eps, long long k)
{
    const long long inner = co_config_int(t->opt, "intermediate");
    char units[2][24];
    snprintf(units[0], sizeof units[0], "%lld", inner > 0 ? inner : 4 * t->hidden);
    snprintf(units[1], sizeof units[1], "%lld", t->hidden);
    co_items_add(&t->items, "{residual: [");
    co_transformer_norm(t, "layer_norm", eps, "h.%lld.ln_1", k);
    co_items_add(&t->items,
                 "{attention: {heads: %lld, causal: true, fused: true, transposed: true, dropout: "
                 "%.17g, names: {query: %sh.%lld.attn.c_attn, out: %sh.%lld.attn.c_proj}}}, ",
                 t->heads, co_config_real(t->opt, "attention_dropout"), t->prefix, k, t->prefix, k);
    co_transformer_dropout(t, t->dropout);
    co_items_add(&t->items, "]}, {residual: [");
    co_transformer_norm(t, "layer_norm", eps, "h.%lld.ln_2", k);
    co_transformer_dense(t, units[0], ", transposed: true", "h.%lld.mlp.c_fc", k);
    co_items_add(&t->items, "%s, ", co_transformer_activation(t->opt));
    co_transformer_dense(t, units[1], ", transposed: true", "h.%lld.mlp.c_proj", k);
    co_transformer_dropout(t, t->dropout);
    co_items_add(&t->items, "]}, ");
}

static const co_param params[] = {
    CO_OPTION_LAYERS(12),
    CO_OPTION_COUNT("hidden", 768, "floats of a token"),
    CO_OPTION_HEADS,
    {"intermediate", CO_INT, .lo = 0, .hi = 1 << 24,
     .doc = "units of a feed-forward part; 0: 4 x hidden"},
    CO_OPTION_COUNT("most_positions", 1024, "tokens of the longest text"),
    CO_OPTION_VOCABULARY,
    CO_OPTION_EPS(1e-5),
    CO_OPTION_ACTIVATION(1),
    CO_OPTION_SHARE("dropout", 0.1, "share of values dropped behind each part"),
    {"embedding_dropout", CO_REAL, .lo = 0.0, .hi = 1.0, .flags = CO_OPTIONAL | CO_HI_OPEN,
     .doc = "share of values dropped behind the embeddings; default: dropout"},
    CO_OPTION_SHARE("attention_dropout", 0.1, "share of attention that is dropped"),
    CO_OPTION_HEAD_DROPOUT("0.1, for tagging alone"),
    CO_OPTION_INIT_RANGE,
    {"tied", CO_BOOL, .def = 1, .doc = "head lm is the embedding"},
    CO_OPTION_HEAD("lm"),
    {0}};

static co_status gpt2(const co_config *opt, const co_task *task, co_node **list)
{
    const double eps = co_config_real(opt, "eps");
    co_transformer t;
    *list = NULL;
    CO_TRY(co_transformer_open(&t, opt, params, task, "transformer."));
    t.dropout = co_config_real(opt, "dropout");
    add_embeddings(&t);
    for (long long k = 0; k < t.layers; k++) add_layer(&t, eps, k);
    co_transformer_norm(&t, "layer_norm", eps, "ln_f");
    co_transformer_decoder_head(&t, "wte", "classifier");
    return co_items_list(&t.items, list);
}

static double spread(const co_config *opt, const char *tensor)
{
    const double range = co_config_real(opt, "init_range");
    return strstr(tensor, ".c_proj.") ? range / sqrt(2.0 * (double)co_config_int(opt, "layers"))
                                      : range;
}

const co_model_preset co_preset_gpt2 = {
    .name = "gpt2",
    .summary = "decoder of texts: learnt positions, attention to what stands before",
    .source = "Radford et al., 2019, Language models are unsupervised multitask learners",
    .params = params,
    .layers = gpt2,
    .spread = spread,
    .architecture = &co_architecture_gpt2};
