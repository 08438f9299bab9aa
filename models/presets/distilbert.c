/* models/presets/distilbert.c - DistilBERT: BERT's encoder without segments and pooler.
 *
 * Tensors are those of DistilBertModel (head none) and its ForSequenceClassification,
 * ForTokenClassification, ForQuestionAnswering and ForMaskedLM. Norms have eps 1e-12. Source: Sanh
 * et al., 2019, arXiv:1910.01108. */
#include "io/weights/architecture.h"
#include "models/presets/transformer.h"
#include <stdio.h>

static const double eps = 1e-12;

static void add_embeddings(co_transformer *t)
{
    co_transformer_embedding(t, "embeddings.word_embeddings");
    co_transformer_positions(t, "embeddings.position_embeddings");
    co_transformer_norm(t, "layer_norm", eps, "embeddings.LayerNorm");
    co_transformer_dropout(t, t->dropout);
}

static void add_layer(co_transformer *t, long long k)
{
    char units[2][24], at[80];
    snprintf(units[0], sizeof units[0], "%lld", (long long)co_config_int(t->opt, "intermediate"));
    snprintf(units[1], sizeof units[1], "%lld", t->hidden);
    snprintf(at, sizeof at, "%stransformer.layer.%lld.attention", t->prefix, k);
    co_items_add(&t->items,
                 "{residual: [{attention: {heads: %lld, dropout: %.17g, names: {query: %s.q_lin, "
                 "key: %s.k_lin, value: %s.v_lin, out: %s.out_lin}}}]}, ",
                 t->heads, co_config_real(t->opt, "attention_dropout"), at, at, at, at);
    co_transformer_norm(t, "layer_norm", eps, "transformer.layer.%lld.sa_layer_norm", k);
    co_items_add(&t->items, "{residual: [");
    co_transformer_dense(t, units[0], "", "transformer.layer.%lld.ffn.lin1", k);
    co_items_add(&t->items, "%s, ", co_transformer_activation(t->opt));
    co_transformer_dense(t, units[1], "", "transformer.layer.%lld.ffn.lin2", k);
    co_transformer_dropout(t, t->dropout);
    co_items_add(&t->items, "]}, ");
    co_transformer_norm(t, "layer_norm", eps, "transformer.layer.%lld.output_layer_norm", k);
}

static void add_head(co_transformer *t)
{
    const char *prefix = t->prefix;
    char units[24];
    snprintf(units, sizeof units, "%lld", t->hidden);
    t->prefix = "";
    if (t->head == CO_HEAD_MLM) {
        co_transformer_dense(t, units, "", "vocab_transform");
        co_items_add(&t->items, "%s, ", co_transformer_activation(t->opt));
        co_transformer_norm(t, "layer_norm", eps, "vocab_layer_norm");
        co_items_add(&t->items,
                     "{dense: {units: %s, packed: true}, name: vocab_projector, tie: {weight: "
                     "%sembeddings.word_embeddings.weight}}",
                     t->tokens, prefix);
    } else if (t->head == CO_HEAD_CLASSIFICATION) {
        co_items_add(&t->items, "{pool_time: first}, ");
        co_transformer_dense(t, units, "", "pre_classifier");
        co_items_add(&t->items, "relu, ");
        co_transformer_dropout(t, co_transformer_head_dropout(t, 0.2));
        co_transformer_dense(t, "classes", "", "classifier");
    } else if (t->head == CO_HEAD_JOINT) {
        co_transformer_joint(t, "{pool_time: first}");
    } else if (co_head_tags(t->head)) {
        co_transformer_tagger(t);
    } else if (t->head == CO_HEAD_SPAN) {
        co_transformer_dropout(t, co_transformer_head_dropout(t, 0.1));
        co_transformer_dense(t, "classes", "", "qa_outputs");
    }
}

static const co_param params[] = {
    CO_OPTION_LAYERS(6),
    CO_OPTION_COUNT("hidden", 768, "floats of a token"),
    CO_OPTION_HEADS,
    CO_OPTION_COUNT("intermediate", 3072, "units of a feed-forward part"),
    CO_OPTION_COUNT("most_positions", 512, "tokens of the longest text"),
    CO_OPTION_VOCABULARY,
    CO_OPTION_ACTIVATION(0),
    CO_OPTION_SHARE("dropout", 0.1, "share of values dropped behind each part"),
    CO_OPTION_SHARE("attention_dropout", 0.1, "share of attention that is dropped"),
    CO_OPTION_HEAD_DROPOUT("0.2, for tagging dropout, for span 0.1"),
    CO_OPTION_INIT_RANGE,
    CO_OPTION_HEAD("crf|joint|span|mlm"),
    {0}};

static co_status distilbert(const co_config *opt, const co_task *task, co_node **list)
{
    co_transformer t;
    *list = NULL;
    CO_TRY(co_transformer_open(&t, opt, params, task, "distilbert."));
    t.dropout = co_config_real(opt, "dropout");
    add_embeddings(&t);
    for (long long k = 0; k < t.layers; k++) add_layer(&t, k);
    add_head(&t);
    return co_items_list(&t.items, list);
}

const co_model_preset co_preset_distilbert = {
    .name = "distilbert",
    .summary = "encoder of texts: BERT without segments and with half the layers",
    .source = "Sanh et al., 2019, arXiv:1910.01108",
    .params = params,
    .layers = distilbert,
    .spread = co_transformer_spread,
    .architecture = &co_architecture_distilbert};
