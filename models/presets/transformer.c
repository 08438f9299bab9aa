/* models/presets/transformer.c - what the presets of transformers share. */
#include "models/presets/transformer.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const head_names[] = {
    [CO_HEAD_NONE] = "none",       [CO_HEAD_CLASSIFICATION] = "classification",
    [CO_HEAD_TAGGING] = "tagging", [CO_HEAD_CRF] = "crf",
    [CO_HEAD_SPAN] = "span",       [CO_HEAD_JOINT] = "joint",
    [CO_HEAD_LM] = "lm",           [CO_HEAD_MLM] = "mlm",
    [CO_HEAD_SEQ2SEQ] = "seq2seq"};

static co_head wanted_by(const co_task *task)
{
    if (strcmp(task->name, "lm") == 0) return CO_HEAD_LM;
    if (strcmp(task->name, "mlm") == 0) return CO_HEAD_MLM;
    if (task->joins) return CO_HEAD_JOINT;
    if (strcmp(task->name, "span") == 0) return CO_HEAD_SPAN;
    if (task->targets) return CO_HEAD_SEQ2SEQ;
    return task->per_row ? CO_HEAD_TAGGING : CO_HEAD_CLASSIFICATION;
}

/* Whether option `head` knows the word. */
static bool has_head(const co_param *params, const char *word)
{
    for (const co_param *p = params; p->key; p++)
        if (strcmp(p->key, "head") == 0) {
            const char *at = strstr(p->words, word);
            const char end = at ? at[strlen(word)] : 'x';
            return at && (end == '|' || end == '\0') && (at == p->words || at[-1] == '|');
        }
    return false;
}

/* Why a model has no such head, and which has. */
static const char *why_not(const co_param *params, co_head head)
{
    if (head == CO_HEAD_SEQ2SEQ) return "it reads no targets; use seq2seq_transformer or bart";
    if (has_head(params, "seq2seq")) return "it says a text from a text; use bert or gpt2";
    return head == CO_HEAD_LM ? "it sees what it would have to predict; use gpt2 or llama"
                              : "it sees only what stands before; use bert or distilbert";
}

static co_status find_head(const co_config *opt, const co_param *params, const co_task *task,
                           co_head *head)
{
    const char *word = co_config_string(opt, "head");
    *head = wanted_by(task);
    if (strcmp(word, "none") == 0) {
        *head = CO_HEAD_NONE;
        return CO_OK;
    }
    if (!has_head(params, head_names[*head]))
        return co_config_fail(opt, co_config_node(opt, "name"),
                              "%s has no head for the task %s: %s", co_config_string(opt, "name"),
                              task->name, why_not(params, *head));
    if (*head == CO_HEAD_TAGGING && strcmp(word, head_names[CO_HEAD_CRF]) == 0) *head = CO_HEAD_CRF;
    if (strcmp(word, "task") == 0 || strcmp(word, head_names[*head]) == 0) return CO_OK;
    return co_config_fail(opt, co_config_node(opt, "head"),
                          "%s, but the data's task is %s: leave it out, or set head: %s", word,
                          task->name, head_names[*head]);
}

co_status co_transformer_open(co_transformer *t, const co_config *opt, const co_param *params,
                              const co_task *task, const char *prefix)
{
    *t = (co_transformer){.opt = opt,
                          .hidden = co_config_int(opt, "hidden"),
                          .layers = co_config_int(opt, "layers"),
                          .heads = co_config_int(opt, "heads"),
                          .vocabulary = co_config_int(opt, "vocabulary"),
                          .tokens = "classes"};
    CO_TRY(find_head(opt, params, task, &t->head));
    t->prefix = t->head == CO_HEAD_NONE ? "" : prefix;
    if (t->vocabulary > 0) snprintf(t->tokens, sizeof t->tokens, "%lld", t->vocabulary);
    if (t->hidden % t->heads == 0) return CO_OK;
    return co_config_fail(opt, co_config_node(opt, "heads"),
                          "%lld heads do not divide hidden: %lld evenly", t->heads, t->hidden);
}

const char *co_transformer_activation(const co_config *opt)
{
    const char *word = co_config_string(opt, "activation");
    if (strcmp(word, "gelu_tanh") == 0) return "{gelu: {form: tanh}}";
    return strcmp(word, "gelu") == 0 ? "{gelu: {form: erf}}" : word;
}

void co_transformer_dropout(co_transformer *t, double p)
{
    if (p > 0.0) co_items_add(&t->items, "{dropout: %.17g}, ", p);
}

double co_transformer_head_dropout(const co_transformer *t, double standard)
{
    return co_config_has(t->opt, "head_dropout") ? co_config_real(t->opt, "head_dropout")
                                                 : standard;
}

/* Ends an item with its name. */
static void add_name(co_transformer *t, const char *format, va_list args)
{
    char name[160];
    vsnprintf(name, sizeof name, format, args);
    co_items_add(&t->items, ", name: %s%s}, ", t->prefix, name);
}

void co_transformer_dense(co_transformer *t, const char *units, const char *more, const char *name,
                          ...)
{
    va_list args;
    co_items_add(&t->items, "{dense: {units: %s, packed: true%s}", units, more);
    va_start(args, name);
    add_name(t, name, args);
    va_end(args);
}

void co_transformer_norm(co_transformer *t, const char *layer, double eps, const char *name, ...)
{
    va_list args;
    co_items_add(&t->items, "{%s: {eps: %.17g}", layer, eps);
    va_start(args, name);
    add_name(t, name, args);
    va_end(args);
}

void co_transformer_embedding(co_transformer *t, const char *name)
{
    co_items_add(&t->items, "{embedding: {units: %lld", t->hidden);
    if (t->vocabulary > 0) co_items_add(&t->items, ", tokens: %lld", t->vocabulary);
    co_items_add(&t->items, "}, name: %s%s}, ", t->prefix, name);
}

void co_transformer_positions(co_transformer *t, const char *name)
{
    co_items_add(&t->items, "{positions: {most: %lld}, name: %s%s}, ",
                 (long long)co_config_int(t->opt, "most_positions"), t->prefix, name);
}

void co_transformer_tagger(co_transformer *t)
{
    t->prefix = "";
    co_transformer_dropout(t, co_transformer_head_dropout(t, t->dropout));
    co_transformer_dense(t, "classes", "", "classifier");
    if (t->head == CO_HEAD_CRF) co_items_add(&t->items, "{crf: {}, name: crf}, ");
}

void co_transformer_joint(co_transformer *t, const char *pooled)
{
    const double share = co_transformer_head_dropout(t, t->dropout);
    char dropped[48] = "";
    if (share > 0.0) snprintf(dropped, sizeof dropped, "{dropout: %.17g}, ", share);
    co_items_add(&t->items,
                 "{joint: {classes: [%s, %s{dense: {units: classes, packed: true}, name: "
                 "intent_classifier}], tags: [%s{dense: {units: classes, packed: true}, name: "
                 "slot_classifier}]}}, ",
                 pooled, dropped, dropped);
}

void co_transformer_decoder_head(co_transformer *t, const char *embedding, const char *tagging)
{
    if (t->head == CO_HEAD_LM && co_config_bool(t->opt, "tied")) {
        co_items_add(&t->items,
                     "{dense: {units: %s, packed: true, bias: false}, name: lm_head, tie: "
                     "{weight: %s%s.weight}}",
                     t->tokens, t->prefix, embedding);
        return;
    }
    t->prefix = "";
    if (t->head == CO_HEAD_LM) {
        co_transformer_dense(t, t->tokens, ", bias: false", "lm_head");
    } else if (t->head == CO_HEAD_CLASSIFICATION) {
        co_items_add(&t->items, "{pool_time: last}, ");
        co_transformer_dense(t, "classes", ", bias: false", "score");
    } else if (t->head == CO_HEAD_TAGGING) {
        co_transformer_dropout(t, co_transformer_head_dropout(t, 0.1));
        co_transformer_dense(t, "classes", "", "%s", tagging);
    }
}

double co_transformer_spread(const co_config *opt, const char *tensor)
{
    (void)tensor;
    return co_config_real(opt, "init_range");
}
