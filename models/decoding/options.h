/* models/decoding/options.h - decoding as a map of options says it: rows of a table of keys, and
 * the reading of a checked one. Local. */
#pragma once
#include "core/config.h"
#include "models/decoding/decode.h"
#include <string.h>

#define CO_DECODING_PARAMS                                                                         \
    {"beams",    CO_INT,                                                                           \
     .def = 1,   .lo = 1,                                                                          \
     .hi = 1024, .doc = "texts of beam search side by side; 1: always the likeliest token"},       \
        {"max_length",                                                                             \
         CO_INT,                                                                                   \
         .lo = 2,                                                                                  \
         .hi = 1 << 24,                                                                            \
         .flags = CO_OPTIONAL,                                                                     \
         .doc = "most tokens of a text, its marks (lm: the prompt) among them; default: of the "   \
                "longest target of the data (lm: text, and 32)"},                                  \
        {"length_penalty",                                                                         \
         CO_REAL,                                                                                  \
         .def = 1.0,                                                                               \
         .lo = -100.0,                                                                             \
         .hi = 100.0,                                                                              \
         .doc = "ended texts are ranked by log probability / length^length_penalty"},              \
        {"forced_first",                                                                           \
         CO_INT,                                                                                   \
         .def = -1,                                                                                \
         .lo = -1,                                                                                 \
         .hi = INT32_MAX,                                                                          \
         .doc = "token that must stand behind a beginning of one token (forced_bos_token_id of "   \
                "transformers); -1: none"},                                                        \
        {"forced_last",                                                                            \
         CO_INT,                                                                                   \
         .def = -1,                                                                                \
         .lo = -1,                                                                                 \
         .hi = INT32_MAX,                                                                          \
         .doc = "token that must stand at max_length (forced_eos_token_id); -1: none"},            \
    {                                                                                              \
        "early_stopping", CO_CHOICE,                                                               \
            .words = "false|true|never",                                                           \
            .doc = "beam search ends when no running text seems better than the worst of `beams` " \
                   "ended ones; when there are so many; or only when none can become better"       \
    }

static inline co_decoding co_decoding_from(const co_config *opt)
{
    const char *early = co_config_string(opt, "early_stopping");
    return (co_decoding){.beams = (size_t)co_config_int(opt, "beams"),
                         .max_length = co_config_has(opt, "max_length")
                                           ? (size_t)co_config_int(opt, "max_length")
                                           : 0,
                         .length_penalty = co_config_real(opt, "length_penalty"),
                         .early_stopping = strcmp(early, "true") == 0    ? CO_EARLY_TRUE
                                           : strcmp(early, "never") == 0 ? CO_EARLY_NEVER
                                                                         : CO_EARLY_FALSE,
                         .end = -1,
                         .first = (int32_t)co_config_int(opt, "forced_first"),
                         .last = (int32_t)co_config_int(opt, "forced_last")};
}
