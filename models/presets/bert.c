/* models/presets/bert.c - BERT: an encoder that sees all of a text, norms behind each part.
 *
 * Tensors are those of BertModel (head none), BertForSequenceClassification,
 * BertForTokenClassification, BertForQuestionAnswering and BertForMaskedLM (whose decoder is the
 * embedding). A text of two
 * parts has its separator's id in `separator`; else all of it is the first segment, as transformers
 * takes it without token_type_ids. Source: Devlin et al., NAACL 2019, arXiv:1810.04805. */
#include "io/weights/architecture.h"
#include "models/presets/transformer.h"
#include <stdio.h>

static void add_embeddings(co_transformer *t, double eps)
{
    co_transformer_embedding(t, "embeddings.word_embeddings");
    co_transformer_positions(t, "embeddings.position_embeddings");
    co_items_add(&t->items,
                 "{segments: {most: %lld, separator: %lld}, "
                 "name: %sembeddings.token_type_embeddings}, ",
                 (long long)co_config_int(t->opt, "types"),
                 (long long)co_config_int(t->opt, "separator"), t->prefix);
    co_transformer_norm(t, "layer_norm", eps, "embeddings.LayerNorm");
    co_transformer_dropout(t, t->dropout);
}

static void add_layer(co_transformer *t, double eps, long long k)
{
    char units[2][24], at[80];
    snprintf(units[0], sizeof units[0], "%lld", (long long)co_config_int(t->opt, "intermediate"));
    snprintf(units[1], sizeof units[1], "%lld", t->hidden);
    snprintf(at, sizeof at, "%sencoder.layer.%lld.attention", t->prefix, k);
    co_items_add(&t->items,
                 "{residual: [{attention: {heads: %lld, dropout: %.17g, names: {query: "
                 "%s.self.query, key: %s.self.key, value: %s.self.value, out: %s.output.dense}}}, ",
                 t->heads, co_config_real(t->opt, "attention_dropout"), at, at, at, at);
    co_transformer_dropout(t, t->dropout);
    co_items_add(&t->items, "]}, ");
    co_transformer_norm(t, "layer_norm", eps, "encoder.layer.%lld.attention.output.LayerNorm", k);
    co_items_add(&t->items, "{residual: [");
    co_transformer_dense(t, units[0], "", "encoder.layer.%lld.intermediate.dense", k);
    co_items_add(&t->items, "%s, ", co_transformer_activation(t->opt));
    co_transformer_dense(t, units[1], "", "encoder.layer.%lld.output.dense", k);
    co_transformer_dropout(t, t->dropout);
    co_items_add(&t->items, "]}, ");
    co_transformer_norm(t, "layer_norm", eps, "encoder.layer.%lld.output.LayerNorm", k);
}

/* The first token's row through a dense layer and tanh. */
static void add_pooler(co_transformer *t)
{
    char units[24];
    snprintf(units, sizeof units, "%lld", t->hidden);
    co_items_add(&t->items, "{pool_time: first}, ");
    co_transformer_dense(t, units, "", "pooler.dense");
    co_items_add(&t->items, "tanh, ");
}

static void add_predictions(co_transformer *t, double eps)
{
    const char *prefix = t->prefix;
    char units[24];
    snprintf(units, sizeof units, "%lld", t->hidden);
    t->prefix = "cls.predictions.";
    co_transformer_dense(t, units, "", "transform.dense");
    co_items_add(&t->items, "%s, ", co_transformer_activation(t->opt));
    co_transformer_norm(t, "layer_norm", eps, "transform.LayerNorm");
    co_items_add(&t->items,
                 "{dense: {units: %s, packed: true}, name: cls.predictions, tie: {weight: "
                 "%sembeddings.word_embeddings.weight}, "
                 "after: %sencoder.layer.%lld.output.LayerNorm}",
                 t->tokens, prefix, prefix, t->layers - 1);
}

static void add_head(co_transformer *t, double eps)
{
    if (t->head == CO_HEAD_MLM) {
        add_predictions(t, eps);
        return;
    }
    if (co_head_tags(t->head)) {
        co_transformer_tagger(t);
        return;
    }
    if (t->head == CO_HEAD_SPAN) {
        co_transformer_dropout(t, co_transformer_head_dropout(t, 0.0));
        co_items_add(&t->items, "{dense: {units: classes, packed: true}, name: qa_outputs}");
        return;
    }
    if (t->head == CO_HEAD_JOINT) {
        char pooled[160];
        snprintf(pooled, sizeof pooled,
                 "{pool_time: first}, {dense: {units: %lld, packed: true}, name: %spooler.dense}, "
                 "tanh",
                 t->hidden, t->prefix);
        co_transformer_joint(t, pooled);
        return;
    }
    add_pooler(t);
    if (t->head == CO_HEAD_NONE) return;
    co_transformer_dropout(t, co_transformer_head_dropout(t, t->dropout));
    co_items_add(&t->items, "{dense: {units: classes, packed: true}, name: classifier}");
}

static const co_param params[] = {
    CO_OPTION_LAYERS(12),
    CO_OPTION_COUNT("hidden", 768, "floats of a token"),
    CO_OPTION_HEADS,
    CO_OPTION_COUNT("intermediate", 3072, "units of a feed-forward part"),
    CO_OPTION_COUNT("most_positions", 512, "tokens of the longest text"),
    CO_OPTION_VOCABULARY,
    CO_OPTION_COUNT("types", 2, "segments that a text may have"),
    {"separator", CO_INT, .def = -1, .lo = -1, .hi = 1 << 30,
     .doc = "token that ends a segment (102 in BERT's own vocabulary); -1: texts have one segment"},
    CO_OPTION_EPS(1e-12),
    CO_OPTION_ACTIVATION(0),
    CO_OPTION_SHARE("dropout", 0.1, "share of values dropped behind each part"),
    CO_OPTION_SHARE("attention_dropout", 0.1, "share of attention that is dropped"),
    CO_OPTION_HEAD_DROPOUT("dropout, for span 0"),
    CO_OPTION_INIT_RANGE,
    CO_OPTION_HEAD("crf|joint|span|mlm"),
    {0}};

static co_status bert(const co_config *opt, const co_task *task, co_node **list)
{
    const double eps = co_config_real(opt, "eps");
    co_transformer t;
    *list = NULL;
    CO_TRY(co_transformer_open(&t, opt, params, task, "bert."));
    t.dropout = co_config_real(opt, "dropout");
    add_embeddings(&t, eps);
    for (long long k = 0; k < t.layers; k++) add_layer(&t, eps, k);
    add_head(&t, eps);
    return co_items_list(&t.items, list);
}

const co_model_preset co_preset_bert = {
    .name = "bert",
    .summary = "encoder of texts: learnt positions, attention to all tokens",
    .source = "Devlin et al., NAACL 2019, arXiv:1810.04805",
    .params = params,
    .layers = bert,
    .spread = co_transformer_spread,
    .architecture = &co_architecture_bert};
