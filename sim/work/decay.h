/* sim/work/decay.h - which coordinates weight decay leaves alone: those of the tensors that
 * local.no_decay names. PyTorch's users give such tensors a parameter group of their own. */
#pragma once
#include "models/model.h"
#include "sim/experiment/experiment.h"

typedef struct {
    size_t at, size; /* of the vector that is trained (co_layout) */
    bool decays;
} co_decay_span;

/* Side by side, all coordinates of what is trained. */
typedef struct {
    size_t n; /* 0: all decay */
    co_decay_span *span;
} co_decay;

/* CO_EUSAGE: a pattern that the user wrote names no tensor. Local. */
co_status co_decay_init(const co_experiment *experiment, const co_model *model, co_decay *decay);
void co_decay_fini(co_decay *decay);
