/* models/presets/transformer.h - what the presets of transformers share: options, heads, and the
 * texts of items. Tensors have the names and the order of the library `transformers`; a tensor that
 * two layers share stands once, under the embedding's name. */
#pragma once
#include "models/presets/items.h"
#include "models/presets/preset.h"

#define CO_OPTION_COUNT(name, standard, text)                                                      \
    {                                                                                              \
        name, CO_INT, .def = standard, .lo = 1, .hi = 1 << 24, .doc = text                         \
    }
#define CO_OPTION_SHARE(name, standard, text)                                                      \
    {                                                                                              \
        name, CO_REAL, .def = standard, .lo = 0.0, .hi = 1.0, .flags = CO_HI_OPEN, .doc = text     \
    }
#define CO_OPTION_LAYERS(standard)                                                                 \
    {                                                                                              \
        "layers", CO_INT, .def = standard, .lo = 1, .hi = 4096,                                    \
                          .doc = "blocks of attention and "                                        \
                                 "feed-forward"                                                    \
    }
#define CO_OPTION_HEADS                                                                            \
    CO_OPTION_COUNT("heads", 12, "heads of attention; they divide hidden evenly")
#define CO_OPTION_VOCABULARY                                                                       \
    {                                                                                              \
        "vocabulary", CO_INT, .lo = 0, .hi = 1 << 30,                                              \
                              .doc = "tokens that have an embedding; 0: those of the data"         \
    }
#define CO_OPTION_EPS(standard)                                                                    \
    {                                                                                              \
        "eps", CO_REAL, .def = standard, .lo = 0.0, .hi = 1.0, .flags = CO_LO_OPEN,                \
                        .doc = "added to the variance by norms"                                    \
    }
#define CO_OPTION_ACTIVATION(number)                                                               \
    {                                                                                              \
        "activation", CO_CHOICE, .def = number, .words = "gelu|gelu_tanh|relu|silu",               \
                                 .doc = "between the two products of a feed-forward part"          \
    }
#define CO_OPTION_INIT_RANGE                                                                       \
    {                                                                                              \
        "init_range", CO_REAL, .def = 0.02, .lo = 0.0, .hi = 1e6, .flags = CO_LO_OPEN,             \
                               .doc = "standard deviation of the initial values of matrices"       \
    }
#define CO_OPTION_HEAD_DROPOUT(text)                                                               \
    {                                                                                              \
        "head_dropout", CO_REAL, .lo = 0.0, .hi = 1.0, .flags = CO_OPTIONAL | CO_HI_OPEN,          \
                                 .doc = "share of values dropped in front of the last layer; "     \
                                        "default: " text                                           \
    }
/* of encoders, which see all of a text, and of decoders, which predict what follows */
#define CO_OPTION_HEAD(last)                                                                       \
    {                                                                                              \
        "head", CO_CHOICE, .words = "task|classification|tagging|" last "|none",                   \
                           .doc = "what stands behind the model; task: what the data's task "      \
                                  "wants; none: hidden states"                                     \
    }

typedef enum {
    CO_HEAD_NONE,
    CO_HEAD_CLASSIFICATION, /* a row of values an example: also regression, several labels */
    CO_HEAD_TAGGING,
    CO_HEAD_CRF, /* of tagging, with a chain over the tags */
    CO_HEAD_SPAN,
    CO_HEAD_JOINT,
    CO_HEAD_LM,
    CO_HEAD_MLM,
    CO_HEAD_SEQ2SEQ
} co_head;

/* Whether a value for every token stands behind the model: tagging, with a chain or not. */
static inline bool co_head_tags(co_head head)
{
    return head == CO_HEAD_TAGGING || head == CO_HEAD_CRF;
}

/* Sizes and texts that all items of one model need. */
typedef struct {
    const co_config *opt;
    co_text items;
    co_head head;
    long long hidden, layers, heads, vocabulary;
    double dropout;
    char tokens[32]; /* units of a layer that gives a value for every token: "classes", "30522" */
    const char *prefix; /* of the names of the model without its head: "bert.", "" without one */
} co_transformer;

/* Reads what the options say, which are the architecture's params. prefix: of the architecture.
 * CO_EUSAGE: heads that do not divide hidden, a head that is not what the task wants, or that the
 * architecture has not. Local. */
co_status co_transformer_open(co_transformer *t, const co_config *opt, const co_param *params,
                              const co_task *task, const char *prefix);
/* "gelu", "{gelu: {form: tanh}}": the item of option `activation`. */
const char *co_transformer_activation(const co_config *opt);
/* Nothing where p is 0. */
void co_transformer_dropout(co_transformer *t, double p);
/* The share that head_dropout names, else the standard one. */
double co_transformer_head_dropout(const co_transformer *t, double standard);
/* {dense: {units, packed: true, ..more}, name: ..}; units is text; more: ", bias: false" or "";
 * name: printf form. */
void co_transformer_dense(co_transformer *t, const char *units, const char *more, const char *name,
                          ...) __attribute__((format(printf, 4, 5)));
/* {layer: {eps: ..}, name: ..} */
void co_transformer_norm(co_transformer *t, const char *layer, double eps, const char *name, ...)
    __attribute__((format(printf, 4, 5)));
/* The table of tokens, its rows those of option vocabulary or of the data. */
void co_transformer_embedding(co_transformer *t, const char *name);
/* A learnt vector for each of option most_positions. */
void co_transformer_positions(co_transformer *t, const char *name);
/* The head of encoders that tags: dropout, classifier, and crf where it has a chain. */
void co_transformer_tagger(co_transformer *t);
/* The head of encoders for classes and tags: a block joint; pooled: items that give a row a text.
 */
void co_transformer_joint(co_transformer *t, const char *pooled);
/* The heads of decoders: lm, which is the embedding of that name where option tied says so;
 * classification by the last row, called score; tagging, called as given. */
void co_transformer_decoder_head(co_transformer *t, const char *embedding, const char *tagging);
/* Normal initial values of option init_range for every matrix. */
double co_transformer_spread(const co_config *opt, const char *tensor);
