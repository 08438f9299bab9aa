/* sim/predict_model.c - which model predicts, with which values, and what of it is asked for. */
#include "sim/predict_model.h"
#include "core/memory.h"
#include "io/files/inputs.h"
#include "sim/first_model.h"
#include "sim/observers/evaluation.h"
#include <stdio.h>

/* Rank 0: the experiment that a checkpoint holds; *config stays NULL when the file is none. */
static co_status look(co_predictor *p, char **config)
{
    co_file *file = NULL;
    char *digest = NULL;
    if (!co_file_is_hdf5(p->want->model)) return CO_OK;
    CO_TRY(co_file_open(p->want->model, "cohort-checkpoint", false, &file));
    co_status st = co_file_get_int(file, "round", &p->round);
    if (st == CO_OK) st = co_file_get_text(file, "data_digest", &digest);
    if (st == CO_OK) snprintf(p->trained_on, sizeof p->trained_on, "%s", digest);
    if (st == CO_OK) st = co_file_get_text(file, "config", config);
    co_free(digest);
    co_file_close(file);
    return st;
}

/* Collective(comm). */
co_status co_predict_experiment(co_predictor *p)
{
    char *config = NULL;
    CO_TRY(co_agree(p->comm->rank == 0 ? look(p, &config) : CO_OK, p->comm));
    co_status st = co_broadcast_text(&config, p->comm);
    MPI_Bcast(&p->round, 1, MPI_INT64_T, 0, p->comm->world);
    p->stored = config != NULL;
    if (st == CO_OK)
        st = co_agree(p->stored ? co_experiment_parse(config, p->want->model, &p->experiment)
                                : co_experiment_load(p->want->model, NULL, 0, 0, &p->experiment),
                      p->comm);
    co_free(config);
    return st;
}

/* The file that is written must not be one that is read. Rank 0. */
co_status co_predict_check_output(const co_predictor *p)
{
    const co_config *model = &p->experiment.model;
    const char *const inputs[] = {p->want->model, p->want->data,
                                  co_config_has(model, "init") ? co_config_string(model, "init")
                                                               : NULL};
    return co_output_differs(p->want->file, inputs, sizeof inputs / sizeof *inputs);
}

static co_status tap(co_predictor *p)
{
    CO_TRY(p->want->tap ? co_model_tap(p->model, p->want->tap, &p->node)
                        : co_model_tap_hidden(p->model, &p->node));
    const co_shape shape = co_model_tap_shape(p->model, p->node);
    p->width = co_shape_size(&shape);
    p->per_row = shape.sequence;
    p->of_targets = shape.target;
    return CO_OK;
}

/* The model of these data, and what of it is asked for. Local. */
co_status co_predict_model(co_predictor *p)
{
    const co_task *task = co_task_find(p->population.task);
    const size_t n_classes = p->population.labels.n;
    co_status st = co_model_create(&p->experiment.model, &p->population.shape,
                                   &p->population.labels, task, &p->model);
    if (st == CO_OK) st = co_run_check_lengths(&p->experiment.model, p->model, &p->population);
    if (st != CO_OK)
        return st == CO_ENOMEM ? st
                               : co_fail_in(st, "%s does not go with this model", p->want->data);
    if (!co_predict_wants(p, "hidden") && !co_model_has_head(p->model))
        return CO_FAIL(
            CO_EUSAGE,
            "the model has no head and gives hidden states alone; ask for output=hidden");
    if (co_predict_wants(p, "tags") && !task->tags)
        return CO_FAIL(CO_EUSAGE, "the task is %s, which gives no tags; ask for output=logits",
                       task->name);
    if (co_predict_wants(p, "answers") && p->population.data.task != CO_DATA_SPAN)
        return CO_FAIL(CO_EUSAGE,
                       "%s asks no questions (task %s): output=answers needs the task span",
                       p->want->data, task->name);
    p->outputs = task->outputs(n_classes);
    p->of_targets = task->targets;
    p->per_row = task->per_row && !co_predict_wants(p, "answers") &&
                 !(co_predict_wants(p, "loss") && co_predict_of_texts(p, task));
    p->width = co_predict_wants(p, "loss") || co_predict_wants(p, "tags") ? 1
               : co_predict_wants(p, "answers") ? sizeof(co_window_says) / sizeof(float)
                                                : p->outputs;
    if (co_predict_wants(p, "hidden")) CO_TRY(tap(p));
    if (co_predict_wants(p, "text")) p->per_row = false, p->width = 1;
    p->sums = co_malloc(task->n_sums(n_classes), sizeof *p->sums);
    if (!p->sums) return CO_FAIL(CO_ENOMEM, "sums of %zu classes", n_classes);
    return co_workspace_create(p->model, CO_EVAL_BLOCK, CO_EVAL_BLOCK, 0, &p->workspace);
}

/* The model at round 0, or that of the checkpoint; where that leaves out tensors which came from a
 * folder (output.frozen: refer), over the model at round 0. */
static co_status read_params(const co_predictor *p)
{
    const co_experiment *e = &p->experiment;
    if (!p->stored || (e->output_keys.refers && co_config_has(&e->model, "from")))
        CO_TRY(co_first_model(e, p->model, p->params.data));
    if (!p->stored) return CO_OK;
    const co_status st = co_checkpoint_read_model(p->want->model, p->model, p->params.data);
    return st == CO_EDATA ? co_fail_in(st, "%s does not go with this model", p->want->data) : st;
}

/* Once a node. Collective(comm). */
co_status co_predict_params(co_predictor *p)
{
    CO_TRY(co_segment_create(&p->params, co_model_size(p->model) * sizeof(float), p->comm));
    CO_TRY(co_agree(p->comm->node_rank == 0 ? read_params(p) : CO_OK, p->comm));
    co_segment_sync(&p->params, p->comm);
    return CO_OK;
}
