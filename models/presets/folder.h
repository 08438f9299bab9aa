/* models/presets/folder.h - models as the library `transformers` keeps them: a folder with
 * config.json and weights (io/weights). Local. */
#pragma once
#include "core/text.h"
#include "io/weights/architecture.h"
#include "models/model.h"
#include "models/presets/preset.h"

/* Section `model` with `from: DIR`, before it is checked: sets `name` and the options that
 * config.json gives, where the section has not. Nothing is read where it has them all, as a
 * resolved experiment does. *preset: the one that it names. CO_EFILE: no such folder or file.
 * CO_EDATA: not JSON, unknown model_type, fields that cannot be used (all in one message).
 * CO_EUSAGE: `name` is another model. */
co_status co_folder_options(const co_config *opt, const co_model_preset **preset);

/* The model's initial values from the folder's weights, by name: with the prefix of the
 * architecture or without it, gamma and beta for a norm's weight and bias. Tensors of the head, of
 * the pooler and of lora that are not there keep their values. said: what was left so and what was
 * passed over, a line each. CO_EFILE. CO_EDATA: as co_weights_open, or one message with all
 * tensors that are missing, of another shape or type, not finite, or of no use to this model. */
co_status co_folder_read(const char *path, const co_architecture *architecture,
                         const co_model *model, float *params, co_text *said);
/* Whether the folder need not hold that tensor: of the head, of the pooler or of lora. */
bool co_folder_may_lack(const co_architecture *architecture, const co_model *model,
                        const char *name);
