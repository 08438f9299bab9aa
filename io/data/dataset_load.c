/* io/data/dataset_load.c - a data set for a run: columns on every rank, x, or tokens, and targets
 * once per node.
 *
 * Rank 0 verifies the file, reads the columns and sends them around; the first rank of each node
 * reads x, in blocks of rows, straight into the node's shared window, from a file with the same
 * seal. Messages: two broadcasts of the shape and one a column; x crosses the network only as file
 * reads. Each step is agreed on before anyone goes on. */
#include "io/data/dataset_private.h"
#include "core/memory.h"
#include <stdio.h>
#include <string.h>

enum { N_LISTS = 4 }; /* of names */

/* ---- sending the columns ---- */

/* What the others need to know before they can make room. Plain bytes: sent as such. */
typedef struct {
    co_dataset data; /* pointers mean only: there or not */
    size_t n_text[N_LISTS + 1];
    char seal[65];
} shape;

static char ***names_of(co_dataset *data, int which)
{
    char ***const lists[N_LISTS] = {&data->classes, &data->user_name, &data->group_name,
                                    &data->vocab};
    return lists[which];
}

static size_t n_names_of(const co_dataset *data, int which)
{
    const size_t n[N_LISTS] = {data->n_classes, data->n_users, data->n_groups, data->n_vocab};
    return n[which];
}

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
    for (int k = 0; k < N_LISTS; k++)
        out->n_text[k] = text_bytes(*names_of(&out->data, k), n_names_of(data, k));
    out->n_text[N_LISTS] = data->source ? strlen(data->source) + 1 : 0;
    snprintf(out->seal, sizeof out->seal, "%s", seal);
}

/* Room for what `from` says is there; the pointers of another rank are replaced. */
static co_status make_room(const shape *from, co_dataset *data)
{
    const co_dataset *there = &from->data;
    const size_t n = (size_t)there->n;
    *data = *there;
    data->x = NULL;
    data->scale = there->scale ? co_malloc(there->n_scale, sizeof *data->scale) : NULL;
    data->shift = there->shift ? co_malloc(there->n_scale, sizeof *data->shift) : NULL;
    data->split = co_malloc(n, 1);
    data->y = there->y ? co_malloc(n, sizeof *data->y) : NULL;
    data->user = there->user ? co_malloc(n, sizeof *data->user) : NULL;
    data->group = there->group ? co_malloc(n, sizeof *data->group) : NULL;
    data->source = there->source ? co_malloc(from->n_text[N_LISTS], 1) : NULL;
    bool good = !!data->scale == !!there->scale && !!data->shift == !!there->shift && data->split &&
                !!data->y == !!there->y && !!data->user == !!there->user &&
                !!data->group == !!there->group && !!data->source == !!there->source;
    for (int k = 0; k < N_LISTS; k++) {
        char ***names = names_of(data, k);
        if (!*names) continue;
        *names = co_calloc(n_names_of(data, k), sizeof **names);
        good = good && *names;
    }
    return good ? CO_OK : CO_FAIL(CO_ENOMEM, "out of memory for the columns of %zu examples", n);
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
    const size_t n = (size_t)data->n;
    broadcast(data->scale, data->n_scale * sizeof *data->scale, comm);
    broadcast(data->shift, data->n_scale * sizeof *data->shift, comm);
    broadcast(data->split, n, comm);
    broadcast(data->y, n * sizeof *data->y, comm);
    broadcast(data->user, n * sizeof *data->user, comm);
    broadcast(data->group, n * sizeof *data->group, comm);
    broadcast(data->source, from->n_text[N_LISTS], comm);
    for (int k = 0; k < N_LISTS; k++)
        if (*names_of(data, k))
            CO_TRY(broadcast_names(*names_of(data, k), n_names_of(data, k), from->n_text[k], comm));
    return CO_OK;
}

/* data is filled on rank 0 only at first. */
static co_status share_columns(co_dataset *data, const char *seal, shape *all, const co_comm *comm)
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

static co_status read_x(const co_file *file, co_dataset *data, const char *seal)
{
    const size_t row = data->x_size * co_dtype_size(data->x_type, 0), n = (size_t)data->n;
    size_t step;
    CO_TRY(same_shape(file, data, seal));
    CO_TRY(co_file_block_rows(file, "x", row, &step));
    for (size_t at = 0; at < n; at += step)
        CO_TRY(co_file_read_rows(file, "x", data->x_type, at, n - at < step ? n - at : step,
                                 (char *)data->x + at * row));
    CO_TRY(co_dataset_targets_fill(file, data));
    return co_dataset_check(data, co_file_path(file));
}

static co_status read_tokens(const co_file *file, co_dataset *data, const char *seal)
{
    CO_TRY(same_shape(file, data, seal));
    CO_TRY(co_dataset_text_fill(file, data));
    CO_TRY(co_dataset_targets_fill(file, data));
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
    CO_TRY(co_shared_create(&data->shared_x, bytes, comm));
    co_dataset_place(data, data->shared_x.data);
    data->x_is_shared = true;
    if (comm->node_rank == 0)
        st = data->n_vocab ? read_tokens(*file, data, seal) : read_x(*file, data, seal);
    co_shared_sync(&data->shared_x, comm);
    return co_agree(st, comm);
}

co_status co_dataset_load(const char *path, co_dataset *data, const co_comm *comm)
{
    co_file *file = NULL;
    shape all;
    *data = (co_dataset){0};
    co_status st = CO_OK;
    if (comm->rank == 0) st = co_file_open(path, "cohort-dataset", true, &file);
    if (st == CO_OK && comm->rank == 0) st = co_dataset_columns(file, true, data);
    st = co_agree(st, comm);
    if (st == CO_OK) st = share_columns(data, file ? co_file_seal(file) : "", &all, comm);
    if (st == CO_OK) st = load_x(path, &file, data, all.seal, comm);
    co_file_close(file);
    if (st == CO_OK) return CO_OK;
    if (data->x_is_shared) co_shared_fini(&data->shared_x);
    co_dataset_fini(data);
    return st;
}
