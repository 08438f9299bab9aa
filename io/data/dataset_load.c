/* io/data/dataset_load.c - a data set for a run: columns on every rank, x, or tokens, and targets
 * once per node.
 *
 * Rank 0 verifies the file, reads the columns and sends them around; the first rank of each node
 * reads x straight into the node's segment, from a file with the same
 * seal. Messages: two broadcasts of the shape and one a column; x crosses the network only as file
 * reads. Each step is agreed on before anyone goes on. */
#include "io/data/dataset_private.h"
#include "core/memory.h"
#include <stdio.h>
#include <string.h>

/* ---- sending the columns ---- */

/* What the others need to know before they can make room. Plain bytes: sent as such. */
typedef struct {
    co_dataset data;                 /* pointers mean only: there or not */
    size_t n_text[CO_N_COLUMNS + 1]; /* bytes of names, and of the source */
    char seal[65];
} shape;

/* Bytes of the strings with their NULs. */
static size_t text_bytes(char *const *names, size_t n)
{
    size_t bytes = 0;
    for (size_t i = 0; names && i < n; i++) bytes += strlen(names[i]) + 1;
    return bytes;
}

static void describe(const co_dataset *data, const char *seal, shape *out)
{
    out->data = *data;
    for (int k = 0; k < CO_N_COLUMNS; k++)
        if (co_columns[k].type == CO_STR)
            out->n_text[k] = text_bytes(co_column_get(data, &co_columns[k]),
                                        co_column_rows(data, &co_columns[k]));
    out->n_text[CO_N_COLUMNS] = data->source ? strlen(data->source) + 1 : 0;
    snprintf(out->seal, sizeof out->seal, "%s", seal);
}

/* A block for what `from` says is there; the pointers of another rank are replaced. */
static bool renew(void **block, size_t n, size_t size)
{
    if (*block) *block = co_calloc(n, size);
    return *block;
}

static size_t row_bytes(const co_dataset *data, const co_column *column)
{
    return co_column_bytes(data, column) / co_column_rows(data, column);
}

static co_status make_room(const shape *from, co_dataset *data)
{
    void *scale = from->data.scale, *shift = from->data.shift, *source = from->data.source;
    bool good = true;
    *data = from->data;
    if (scale) good = renew(&scale, data->n_scale, sizeof *data->scale);
    if (shift) good = renew(&shift, data->n_scale, sizeof *data->shift) && good;
    if (source) good = renew(&source, from->n_text[CO_N_COLUMNS], 1) && good;
    data->scale = scale;
    data->shift = shift;
    data->source = source;
    data->x_file = NULL;
    for (int k = 0; k < CO_N_COLUMNS; k++) {
        const co_column *column = &co_columns[k];
        void *values = co_column_get(data, column);
        if (co_column_where(data, column) != CO_ON_RANK) values = NULL;
        if (values)
            good = renew(&values, co_column_rows(data, column),
                         column->type == CO_STR ? sizeof(char *) : row_bytes(data, column)) &&
                   good;
        co_column_set(data, column, values);
    }
    return good ? CO_OK
                : CO_FAIL(CO_ENOMEM, "out of memory for the columns of %lld examples",
                          (long long)data->n);
}

/* MPI counts are int. */
static void broadcast(void *bytes, size_t n, const co_comm *comm)
{
    const size_t chunk = (size_t)1 << 30;
    for (size_t at = 0; bytes && at < n; at += chunk)
        MPI_Bcast((char *)bytes + at, (int)(n - at < chunk ? n - at : chunk), MPI_BYTE, 0,
                  comm->world);
}

/* One list of names as a block of NUL-terminated strings. */
static co_status broadcast_names(char **names, size_t n, size_t bytes, const co_comm *comm)
{
    char *block = co_malloc(bytes, 1);
    co_status st =
        co_agree(block ? CO_OK : CO_FAIL(CO_ENOMEM, "out of memory for %zu names", n), comm);
    if (st == CO_OK) {
        char *at = block;
        for (size_t i = 0; comm->rank == 0 && i < n; i++) at = stpcpy(at, names[i]) + 1;
        broadcast(block, bytes, comm);
        at = block;
        for (size_t i = 0; comm->rank != 0 && i < n; i++, at += strlen(at) + 1)
            if (!(names[i] = co_strdup(at)))
                st = CO_FAIL(CO_ENOMEM, "out of memory for %zu names", n);
        st = co_agree(st, comm);
    }
    co_free(block);
    return st;
}

static co_status broadcast_columns(const shape *from, co_dataset *data, const co_comm *comm)
{
    broadcast(data->scale, data->n_scale * sizeof *data->scale, comm);
    broadcast(data->shift, data->n_scale * sizeof *data->shift, comm);
    broadcast(data->source, from->n_text[CO_N_COLUMNS], comm);
    for (int k = 0; k < CO_N_COLUMNS; k++) {
        const co_column *column = &co_columns[k];
        void *values = co_column_get(data, column);
        if (!values || co_column_where(data, column) != CO_ON_RANK) continue;
        if (column->type == CO_STR)
            CO_TRY(broadcast_names(values, co_column_rows(data, column), from->n_text[k], comm));
        else
            broadcast(values, co_column_bytes(data, column), comm);
    }
    return CO_OK;
}

/* data is filled on rank 0 only at first. */
static co_status broadcast_data(co_dataset *data, const char *seal, shape *all, const co_comm *comm)
{
    memset(all, 0, sizeof *all);
    if (comm->rank == 0) describe(data, seal, all);
    broadcast(all, sizeof *all, comm);
    co_status st = comm->rank == 0 ? CO_OK : make_room(all, data);
    CO_TRY(co_agree(st, comm));
    return broadcast_columns(all, data, comm);
}

/* ---- x ---- */

static co_status same_shape(const co_file *file, const co_dataset *data, const char *seal)
{
    co_extent extent;
    const size_t rows = data->n_vocab ? data->n_tokens : (size_t)data->n;
    const size_t values = data->n_vocab ? 1 : data->x_size;
    CO_TRY(co_file_extent(file, data->n_vocab ? "tokens" : "x", &extent));
    if (strcmp(co_file_seal(file), seal) == 0 && extent.ndim > 0 &&
        co_extent_count(&extent) == rows * values && extent.dim[0] == rows)
        return CO_OK;
    return CO_FAIL(
        CO_EDATA, "%s: is another file on this node than on the first; give all nodes the same one",
        co_file_path(file));
}

static co_status read_node(const co_file *file, co_dataset *data, const char *seal)
{
    CO_TRY(same_shape(file, data, seal));
    for (int k = 0; k < CO_N_COLUMNS; k++)
        if (co_column_where(data, &co_columns[k]) == CO_ON_NODE)
            CO_TRY(co_column_read(file, data, &co_columns[k]));
    return co_dataset_check(data, co_file_path(file));
}

/* file: open on rank 0; the first ranks of other nodes open it themselves. */
static co_status load_x(const char *path, co_file **file, co_dataset *data, const char *seal,
                        const co_comm *comm)
{
    if (data->x_size == 0 && data->n_vocab == 0) return CO_OK;
    const size_t bytes = co_dataset_x_bytes(data);
    co_status st = comm->node_rank == 0 && comm->rank != 0
                       ? co_dataset_check_memory(data, path)
                       : CO_OK; /* rank 0 has, with the columns */
    if (st == CO_OK && comm->node_rank == 0 && !*file)
        st = co_file_open(path, "cohort-dataset", true, file);
    CO_TRY(co_agree(st, comm));
    CO_TRY(co_segment_create(&data->memory, bytes, comm));
    co_dataset_place(data, data->memory.data);
    data->in_segment = true;
    if (comm->node_rank == 0) st = read_node(*file, data, seal);
    co_segment_sync(&data->memory, comm);
    return co_agree(st, comm);
}

co_status co_dataset_load(const char *path, bool with_x, co_dataset *data, const co_comm *comm)
{
    co_file *file = NULL;
    shape all;
    *data = (co_dataset){0};
    co_status st = CO_OK;
    if (comm->rank == 0) st = co_file_open(path, "cohort-dataset", true, &file);
    if (st == CO_OK && comm->rank == 0) st = co_dataset_columns(file, with_x, data);
    st = co_agree(st, comm);
    if (st == CO_OK) st = broadcast_data(data, file ? co_file_seal(file) : "", &all, comm);
    if (st == CO_OK && with_x) st = load_x(path, &file, data, all.seal, comm);
    co_file_close(file);
    if (st == CO_OK) return CO_OK;
    if (data->in_segment) co_segment_fini(&data->memory);
    co_dataset_fini(data);
    return st;
}
