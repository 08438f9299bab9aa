/* sim/first_model.h - a model's values from what earlier runs or other programs wrote. */
#pragma once
#include "io/files/file.h"
#include "models/model.h"
#include "sim/experiment/experiment.h"

/* The model at round 0: drawn from the seed, read from model.from or model.init, or from the first
 * and what the second holds of lora, of the head and of what is trained. params[size]. CO_EUSAGE:
 * model.init fits nothing there, or an adapter of another alpha; else as the readers. Local. */
co_status co_first_model(const co_experiment *experiment, const co_model *model, float *params);
/* Model alone, for model.init: a checkpoint, a file made by hand with model/<tensor> datasets, or a
 * folder or file of safetensors with the model's names, also with PEFT's prefix. Tensors that a
 * checkpoint left out are read or drawn again where they came from. Local. */
co_status co_checkpoint_read_model(const char *path, const co_model *model, float *params);
/* The tensors of an open checkpoint into params, which hold already those that it left out
 * (co_left_out_check). CO_EDATA when the file is of another model or has values that are not
 * finite. Local. */
co_status co_checkpoint_read_tensors(const co_file *file, const co_model *model, float *params);
