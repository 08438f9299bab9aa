/* sim/observers/first_model.h - a model's values from what earlier runs or other programs wrote. */
#pragma once
#include "io/files/file.h"
#include "models/model.h"

/* Model alone, for model.init: a checkpoint, a file made by hand with model/<tensor> datasets, or a
 * folder or file of safetensors with the model's names, also with PEFT's prefix. Tensors that a
 * checkpoint left out are read or drawn again where they came from. Local. */
co_status co_checkpoint_read_model(const char *path, const co_model *model, float *params);
/* Of the tensors that are wanted, [n_tensors], those that the file or folder (as above) holds; the
 * others keep their values. CO_EDATA: one of another shape, or not finite; a change of low rank for
 * a layer that has none in the model. Local. */
co_status co_checkpoint_read_part(const char *path, const co_model *model, const bool *wanted,
                                  float *params, size_t *n_read);
/* The tensors of an open checkpoint into params, which hold already those that it left out
 * (co_left_out_check). CO_EDATA when the file is of another model or has values that are not
 * finite. Local. */
co_status co_checkpoint_read_tensors(const co_file *file, const co_model *model, float *params);
/* *alpha: the factor that PEFT's adapter in a folder was made with (adapter_config.json); NaN where
 * there is none. Local. */
co_status co_checkpoint_lora_alpha(const char *path, double *alpha);
