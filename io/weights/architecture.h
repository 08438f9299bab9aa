/* io/weights/architecture.h - how the library `transformers` keeps its architectures: the fields of
 * config.json and what they are here, and names. One table each, walked by what reads such folders
 * (models/presets) and by what writes them (io/writers). */
#pragma once
#include <stdbool.h>

/* A field of config.json. Read: absent or null it has the value `standard`, NULL: the option's
 * default. */
typedef struct {
    const char *field;  /* a dot between a map and its key */
    const char *option; /* of the preset; NULL: nothing but one of the values in `standard`, with
                           '|' between them, can be used; "": only absent or null */
    const char *standard;
    const char *only;    /* head for which the field counts when read; NULL: all */
    const char *instead; /* written: the option whose value it has where its own is not given */
} co_config_field;

typedef struct {
    const char *model_type; /* as config.json has it; the preset's name */
    const char *prefix;     /* of the names of tensors where a head stands behind the model */
    const co_config_field *fields; /* ends with {0} */
    const char *head_width;        /* field that must be hidden / heads; NULL: there is none */
    const char *classes;           /* before Model, ForSequenceClassification .. */
    const char *lm;                /* its language model */
    const char *embedding;         /* end of the name of the tensor whose rows are the vocabulary */
    bool pieces;                   /* its vocabulary is vocab.txt */
    const char *zeros;             /* stored tensor that the model has not: it must be zero */
} co_architecture;

extern const co_architecture co_architecture_bert, co_architecture_distilbert, co_architecture_gpt2,
    co_architecture_llama, co_architecture_bart;
/* NULL: none of that name. Local. */
const co_architecture *co_architecture_find(const char *model_type);
