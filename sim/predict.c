/* sim/predict.c - one forward pass over the chosen examples; rank 0 writes what the others send.
 *
 * Time: the pass / ranks, and one message a batch. */
#include "sim/predict_model.h"
#include "core/log.h"
#include "core/memory.h"
#include "core/vector.h"
#include "io/files/digest.h"
#include "models/kernel_path.h"
#include "sim/observers/evaluation.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *const split_names[] = {"train", "test", "validation"};

/* ---- the examples ---- */

static bool is_wanted(const co_predictor *p, int split)
{
    const char digit[] = {(char)('0' + split), 0}, *asked = p->want->split;
    return strcmp(asked, "all") == 0 || strcmp(asked, digit) == 0 ||
           strcmp(asked, split_names[split]) == 0;
}

static int64_t rows_of(const co_predictor *p, int64_t id)
{
    const co_dataset *data = &p->population.data;
    return !p->per_row
               ? 1
               : (int64_t)(p->of_targets ? co_dataset_target_rows : co_dataset_rows)(data, id);
}

static void list_examples(co_predictor *p)
{
    const co_dataset *data = &p->population.data;
    int64_t at = 0;
    p->row[0] = 0;
    for (int split = 0; split < 3; split++)
        for (int64_t id = 0; id < data->n; id++) {
            if (data->split[id] != split || !is_wanted(p, split)) continue;
            p->id[at] = id;
            p->row[at + 1] = p->row[at] + rows_of(p, id);
            at++;
        }
}

/* Batches end where a block of their split does, and within it where texts are too many. */
static void cut_pieces(co_predictor *p)
{
    const uint8_t *split = p->population.data.split;
    int64_t first = 0; /* of the split */
    for (int64_t at = 0; at < p->n;) {
        if (split[p->id[at]] != split[p->id[first]]) first = at;
        int64_t end = at + CO_EVAL_BLOCK - (at - first) % CO_EVAL_BLOCK;
        if (end > p->n) end = p->n;
        while (split[p->id[end - 1]] != split[p->id[at]]) end--;
        p->piece[p->n_pieces++] = at;
        at += (int64_t)co_population_fitting(&p->population, p->id + at, (size_t)(end - at));
    }
    p->piece[p->n_pieces] = p->n;
}

static co_status choose(co_predictor *p)
{
    const co_dataset *data = &p->population.data;
    int64_t most = 0;
    for (int64_t i = 0; i < data->n; i++) p->n += is_wanted(p, data->split[i]);
    if (p->n == 0)
        return CO_FAIL(CO_EUSAGE, "%s: has no example of split %s", p->want->data, p->want->split);
    p->id = co_malloc((size_t)p->n, sizeof *p->id);
    p->row = co_malloc((size_t)p->n + 1, sizeof *p->row);
    p->piece = co_malloc((size_t)p->n + 1, sizeof *p->piece);
    if (!p->id || !p->row || !p->piece)
        return CO_FAIL(CO_ENOMEM, "list of %lld examples", (long long)p->n);
    list_examples(p);
    cut_pieces(p);
    for (int64_t k = 0; k < p->n_pieces; k++) {
        const int64_t rows = p->row[p->piece[k + 1]] - p->row[p->piece[k]];
        if (rows > most) most = rows;
    }
    p->values = co_malloc((size_t)most * p->width, sizeof *p->values);
    return p->values ? CO_OK
                     : CO_FAIL(CO_ENOMEM, "%lld rows of %zu values", (long long)most, p->width);
}

/* ---- the pass ---- */

/* Floats from one row of outputs to the next. */
static size_t stride_of(const co_predictor *p)
{
    return p->outputs + (co_model_has_chain(p->model) ? CO_CRF_EXTRA : 0);
}

/* The task's loss of text or row i alone, of a text by row; else of an example. */
static float loss_of(co_predictor *p, const float *out, size_t i)
{
    const co_task *task = co_model_task(p->model);
    const size_t n_classes = co_model_n_classes(p->model);
    const int64_t *at = p->examples.batch.offsets;
    const bool whole = co_predict_of_texts(p, task);
    const int64_t bounds[] = {0, whole ? at[i + 1] - at[i] : 1};
    const size_t first = whole ? (size_t)at[i] : i;
    co_batch batch = {.n = 1, .rows = (size_t)bounds[1], .offsets = task->per_row ? bounds : NULL};
    if (p->of_targets) batch.target_rows = batch.rows, batch.target_offsets = batch.offsets;
    if (co_dataset_has_targets(&p->population.data))
        batch.y = p->examples.targets + i * p->population.data.n_classes;
    else if (task->label_per_text)
        batch.y = p->examples.y + 2 * i;
    else
        batch.y = p->examples.y + first * (task->label_words ? task->label_words(n_classes) : 1);
    memset(p->sums, 0, task->n_sums(n_classes) * sizeof *p->sums);
    const co_pass pass = {.batch = &batch};
    co_model_measure(p->model, &pass, out + first * stride_of(p), p->sums);
    return p->sums[0] > 0.0 ? (float)co_task_mean_loss(p->sums) : NAN;
}

/* The tag of a row, as the bits of a float. */
static float tag_of(const co_predictor *p, const float *row)
{
    const co_labels *labels = &p->population.labels;
    const size_t n_tags = labels->n_tags ? labels->n_tags : labels->n;
    int32_t tag = 0;
    float bits;
    if (co_model_has_chain(p->model)) tag = (int32_t)row[p->outputs + CO_CRF_TAG];
    for (size_t j = 1; !co_model_has_chain(p->model) && j < n_tags; j++)
        if (row[j] > row[tag]) tag = (int32_t)j;
    memcpy(&bits, &tag, sizeof bits);
    return bits;
}

static void fill_values(co_predictor *p, const float *out, size_t rows)
{
    const size_t stride = stride_of(p);
    for (size_t i = 0; i < rows; i++)
        if (co_predict_wants(p, "logits"))
            memcpy(p->values + i * p->width, out + i * stride, p->width * sizeof *out);
        else
            p->values[i] =
                co_predict_wants(p, "tags") ? tag_of(p, out + i * stride) : loss_of(p, out, i);
}

/* What every window of the batch says, as rows of floats. */
static void ask_windows(co_predictor *p, int64_t first, const float *out)
{
    const co_batch *batch = &p->examples.batch;
    for (size_t i = 0; i < batch->n; i++) {
        const co_window_says says =
            co_window_ask(&p->population, p->id[first + (int64_t)i], out + 2 * batch->offsets[i]);
        memcpy(p->values + i * p->width, &says, sizeof says);
    }
}

/* values of the batch. Local. */
static co_status compute(co_predictor *p, int64_t piece)
{
    const int64_t first = p->piece[piece], end = p->piece[piece + 1];
    const size_t rows = (size_t)(p->row[end] - p->row[first]);
    const co_batch *batch = &p->examples.batch;
    const co_pass pass = {.batch = batch, .train = false};
    CO_TRY(
        co_population_read_ids(&p->population, p->id + first, (size_t)(end - first), &p->examples));
    CO_ASSERT(batch->n == (size_t)(end - first));
    CO_TRY(co_workspace_reserve(p->workspace, batch->n, batch->rows, batch->target_rows));
    const float *out = co_model_forward(p->model, p->workspace, p->params.data, &pass);
    if (co_predict_wants(p, "hidden"))
        co_model_tap_values(p->model, p->workspace, batch, p->node, p->values);
    else if (co_predict_wants(p, "answers"))
        ask_windows(p, first, out);
    else
        fill_values(p, out, rows);
    return CO_OK;
}

static co_status hear_windows(co_predictor *p, int64_t first, int64_t end)
{
    for (int64_t i = first; i < end; i++) {
        co_window_says says;
        memcpy(&says, p->values + (size_t)(i - first) * p->width, sizeof says);
        CO_TRY(co_given_hear(&p->given, &p->population, p->id[i], &says));
    }
    return CO_OK;
}

static co_status write_piece(co_predictor *p, int64_t piece)
{
    const int64_t first = p->row[p->piece[piece]], end = p->row[p->piece[piece + 1]];
    if (end == first) return CO_OK;
    if (co_predict_wants(p, "answers")) return hear_windows(p, first, end);
    return co_file_write_rows(p->file, p->name, (size_t)first, (size_t)(end - first), p->values);
}

/* The batches [wave, wave + ranks), in order, into the file. The status is rank 0's.
 * Collective(comm). */
static co_status collect(co_predictor *p, int64_t wave, MPI_Datatype row)
{
    const int64_t own = wave + p->comm->rank;
    co_status st = p->comm->rank == 0 ? write_piece(p, own) : CO_OK;
    for (int r = 1; r < p->comm->size && wave + r < p->n_pieces; r++) {
        const int64_t k = wave + r;
        const int n = (int)(p->row[p->piece[k + 1]] - p->row[p->piece[k]]);
        if (p->comm->rank == r) MPI_Send(p->values, n, row, 0, 0, p->comm->world);
        if (p->comm->rank != 0) continue;
        MPI_Recv(p->values, n, row, r, 0, p->comm->world, MPI_STATUS_IGNORE);
        if (st == CO_OK) st = write_piece(p, k);
    }
    return st;
}

/* Collective(comm). */
static co_status pass(co_predictor *p)
{
    co_progress progress;
    MPI_Datatype row;
    co_status st = CO_OK;
    MPI_Type_contiguous((int)p->width, MPI_FLOAT, &row);
    MPI_Type_commit(&row);
    if (p->comm->rank == 0) co_progress_start(&progress, 0);
    for (int64_t wave = 0; wave < p->n_pieces; wave += p->comm->size) {
        const int64_t own = wave + p->comm->rank;
        if (st == CO_OK && own < p->n_pieces) st = compute(p, own);
        st = co_agree(st, p->comm);
        if (st != CO_OK) break;
        st = collect(p, wave, row);
        const int64_t next = wave + p->comm->size,
                      done = next < p->n_pieces ? p->piece[next] : p->n;
        char text[96];
        snprintf(text, sizeof text, "%" PRId64 "/%" PRId64 " examples", done, p->n);
        if (p->comm->rank == 0) co_progress_step(&progress, done, p->n, text);
    }
    if (p->comm->rank == 0) co_progress_end(&progress);
    MPI_Type_free(&row);
    return co_agree(st, p->comm);
}

/* ---- the file; rank 0 ---- */

static co_status write_attributes(const co_predictor *p)
{
    char *config = NULL;
    const size_t size = co_model_size(p->model), n_blocks = co_n_blocks(size);
    CO_TRY(co_experiment_text(&p->experiment, &config));
    co_status st = co_file_set_head(p->file, (uint64_t)p->experiment.seed, config, p->want->model);
    co_free(config);
    unsigned char *hashes = co_malloc(n_blocks, 16);
    if (st == CO_OK && !hashes) st = CO_FAIL(CO_ENOMEM, "digest of the model");
    if (hashes) co_model_block_hashes(p->params.data, size, hashes);
    if (st == CO_OK)
        st = co_file_set_u64(p->file, "model_digest", co_model_digest(hashes, n_blocks));
    co_free(hashes);
    CO_TRY(st);
    const char *const texts[][2] = {{"data_digest", p->population.data_digest},
                                    {"task", p->population.task},
                                    {"output", p->want->output},
                                    {"split", p->want->split},
                                    {"kernel_path", co_kernel_path()},
                                    {"blas_core", co_blas_core()}};
    for (size_t k = 0; k < sizeof texts / sizeof *texts; k++)
        CO_TRY(co_file_set_text(p->file, texts[k][0], texts[k][1]));
    if (co_predict_wants(p, "hidden"))
        CO_TRY(co_file_set_text(p->file, "tap", co_model_tap_name(p->model, p->node)));
    return co_file_set_int(p->file, "round", p->round);
}

static co_status open_file(co_predictor *p)
{
    const size_t rows = (size_t)p->row[p->n];
    const co_extent extent = {
        .type = co_predict_wants(p, "tags") ? CO_I32 : CO_F32,
        .ndim = co_predict_wants(p, "loss") || co_predict_wants(p, "tags") ? 1 : 2,
        .dim = {rows, p->width}};
    if (p->stored && strcmp(p->trained_on, p->population.data_digest) != 0)
        co_log("%s is not the data set that the model was trained with: its classes and tokens "
               "are taken to mean the same",
               p->want->data);
    CO_TRY(co_file_create(p->want->file, "cohort-predictions", &p->file));
    CO_TRY(write_attributes(p));
    if (co_predict_wants(p, "answers")) return CO_OK; /* known when all windows were heard */
    CO_TRY(co_file_write_i64(p->file, "id", p->id, (size_t)p->n));
    if (p->per_row) CO_TRY(co_file_write_i64(p->file, "offsets", p->row, (size_t)p->n + 1));
    return co_predict_wants(p, "text") ? CO_OK : co_file_create_rows(p->file, p->name, &extent);
}

static co_status write_texts(const co_predictor *p)
{
    const co_text *text = &p->texts.text;
    const co_extent extent = {.type = CO_U8, .ndim = 1, .dim = {text->n}};
    CO_TRY(co_file_write(p->file, "text", &extent, text->data ? text->data : ""));
    CO_TRY(co_file_write_i64(p->file, "text_offsets", p->texts.bounds, (size_t)p->n + 1));
    for (int64_t i = 0; i < p->n && i < p->want->show; i++)
        printf("%12" PRId64 "  %.*s\n", p->id[i],
               (int)(p->texts.bounds[i + 1] - p->texts.bounds[i]), text->data + p->texts.bounds[i]);
    return CO_OK;
}

static co_status close_file(co_predictor *p)
{
    if (co_predict_wants(p, "text")) CO_TRY(write_texts(p));
    co_file *file = p->file;
    if (co_predict_wants(p, "answers")) CO_TRY(co_given_write(&p->given, &p->population, file));
    p->file = NULL;
    return co_file_publish(file, 0644);
}

static void fini(co_predictor *p)
{
    co_file_close(p->file);
    co_free(p->id);
    co_free(p->row);
    co_free(p->piece);
    co_free(p->values);
    co_free(p->sums);
    co_given_fini(&p->given);
    co_predicted_texts_fini(&p->texts);
    co_examples_fini(&p->examples);
    co_workspace_destroy(p->workspace);
    if (p->params.data) co_segment_fini(&p->params);
    co_model_destroy(p->model);
    co_population_fini(&p->population);
    co_experiment_fini(&p->experiment);
}

co_status co_predict(const co_predict_request *want, const co_comm *comm, co_predicted *said)
{
    const bool first = comm->rank == 0;
    co_predictor p = {.want = want, .comm = comm, .name = want->output};
    co_status st = co_predict_experiment(&p);
    if (st == CO_OK) st = co_agree(first ? co_predict_check_output(&p) : CO_OK, comm);
    if (st == CO_OK) st = co_population_load(&p.experiment, want->data, comm, &p.population);
    if (st == CO_OK) st = co_agree(co_predict_model(&p), comm);
    if (st == CO_OK) st = co_predict_params(&p);
    if (st == CO_OK) st = co_agree(choose(&p), comm);
    if (st == CO_OK) st = co_agree(first ? open_file(&p) : CO_OK, comm);
    if (st == CO_OK && co_predict_wants(&p, "text"))
        st = co_predict_texts(p.model, &p.population, p.params.data, &want->how, p.id, p.n, comm,
                              &p.texts);
    else if (st == CO_OK)
        st = pass(&p);
    if (st == CO_OK) st = co_agree(first ? close_file(&p) : CO_OK, comm);
    *said = (co_predicted){.n = p.n, .n_rows = p.row ? p.row[p.n] : 0, .width = p.width};
    if (co_predict_wants(&p, "answers")) said->n_rows = (int64_t)p.given.n, said->width = 1;
    fini(&p);
    return st;
}
