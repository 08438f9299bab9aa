/* io/writers/vertical.c - the features of a data set shared out among parties, one file each.
 *
 * party-0.npz, party-1.npz ..: id [n] (the example's row in the data set, by which parties are
 * joined; every file has all of them, ascending), split [n], columns [m] (which features these
 * are), x [n][m] float32, scaled as models see it; of a party that has the labels also y ([n] class
 * numbers and classes, their names; or [n] or [n][k] numbers). As CSV: a row an example, the
 * columns id, split, x0 .. by number, y (the class's name). Users and groups stay behind. Cost: O(n
 * m) a party; the data set and one party's x in memory. */
#include "core/memory.h"
#include "core/text.h"
#include "io/data/dataset.h"
#include "io/writers/archive.h"
#include "io/writers/aside.h"
#include "io/writers/parties.h"
#include "io/writers/writer.h"
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct {
    const co_dataset *data;
    const char *path;   /* of the folder */
    const char *ending; /* npz or csv */
    co_parties parties;
    float *row;     /* [x_size] */
    float *target;  /* [n][n_classes], or NULL */
    int64_t *id;    /* [n] */
    co_aside *file; /* [parties.n] */
    bool made;      /* the folder is ours */
} target;

static char *name_of(const target *t, size_t party, const char *ending)
{
    return co_format("%s/party-%zu.%s", t->path, party, ending);
}

static co_status write_y(const target *t, co_archive *a)
{
    const co_dataset *data = t->data;
    const size_t n = (size_t)data->n, k = data->n_classes;
    if (t->target) return co_archive_add(a, "y.npy", "<f4", t->target, n, k > 1 ? k : 0, 4);
    CO_TRY(co_archive_add(a, "y.npy", "<i4", data->y, n, 0, 4));
    return data->classes ? co_archive_add_texts(a, "classes.npy", data->classes, k) : CO_OK;
}

static co_status write_arrays(const target *t, const co_party *party, co_archive *a)
{
    const size_t n = (size_t)t->data->n, m = party->n;
    float *x = co_malloc(n * m, sizeof *x);
    if (!x) return CO_FAIL(CO_ENOMEM, "%zu features of %zu examples", m, n);
    for (int64_t i = 0; i < t->data->n; i++) {
        co_dataset_gather(t->data, &i, 1, t->row);
        for (size_t j = 0; j < m; j++) x[(size_t)i * m + j] = t->row[party->feature[j]];
    }
    co_status st = co_archive_add(a, "id.npy", "<i8", t->id, n, 0, 8);
    if (st == CO_OK) st = co_archive_add(a, "split.npy", "|u1", t->data->split, n, 0, 1);
    if (st == CO_OK) st = co_archive_add(a, "columns.npy", "<i8", party->feature, m, 0, 8);
    if (st == CO_OK && m > 0) st = co_archive_add(a, "x.npy", "<f4", x, n, m, 4);
    co_free(x);
    if (st == CO_OK && party->active) st = write_y(t, a);
    if (st == CO_OK) co_archive_end(a);
    return st;
}

static void write_label(const target *t, int64_t i, FILE *out)
{
    const co_dataset *data = t->data;
    for (size_t k = 0; t->target && k < data->n_classes; k++)
        fprintf(out, ",%.9g", (double)t->target[(size_t)i * data->n_classes + k]);
    if (t->target) return;
    fputc(',', out);
    if (data->classes)
        co_writer_cell(out, data->classes[data->y[i]]);
    else
        fprintf(out, "%d", data->y[i]);
}

static void write_rows(const target *t, const co_party *party, FILE *out)
{
    const co_dataset *data = t->data;
    fputs("id,split", out);
    for (size_t j = 0; j < party->n; j++) fprintf(out, ",x%" PRId64, party->feature[j]);
    if (party->active && (!t->target || data->n_classes == 1)) fputs(",y", out);
    for (size_t k = 0; party->active && t->target && data->n_classes > 1 && k < data->n_classes;
         k++)
        fprintf(out, ",y%zu", k);
    fputc('\n', out);
    for (int64_t i = 0; i < data->n; i++) {
        fprintf(out, "%" PRId64 ",%d", i, data->split[i]);
        co_dataset_gather(data, &i, 1, t->row);
        for (size_t j = 0; j < party->n; j++)
            fprintf(out, ",%.9g", (double)t->row[party->feature[j]]);
        if (party->active) write_label(t, i, out);
        fputc('\n', out);
    }
}

/* Party i's file, still hidden. */
static co_status write_party(target *t, size_t i)
{
    char *path = name_of(t, i, t->ending);
    if (!path) return CO_FAIL(CO_ENOMEM, "name of a file");
    co_status st = co_aside_start(path, &t->file[i]);
    co_free(path);
    CO_TRY(st);
    if (strcmp(t->ending, "csv") == 0) {
        write_rows(t, &t->parties.party[i], t->file[i].out);
    } else {
        co_archive a = {.out = t->file[i].out, .path = t->file[i].path};
        CO_TRY(write_arrays(t, &t->parties.party[i], &a));
    }
    return co_aside_sync(&t->file[i]);
}

/* Files of an earlier export go: party-0, party-1 .. of both kinds. */
static co_status remove_old(const target *t)
{
    static const char *const endings[] = {"npz", "csv"};
    for (int e = 0; e < 2; e++)
        for (size_t i = 0;; i++) {
            char *path = name_of(t, i, endings[e]);
            if (!path) return CO_FAIL(CO_ENOMEM, "name of a file");
            const int error = unlink(path) == 0 ? 0 : errno;
            const co_status st =
                error && error != ENOENT
                    ? CO_FAIL(CO_EFILE, "%s: cannot be removed: %s", path, strerror(error))
                    : CO_OK;
            co_free(path);
            CO_TRY(st);
            if (error) break;
        }
    return CO_OK;
}

static co_status write_folder(target *t)
{
    t->made = mkdir(t->path, 0777) == 0;
    if (!t->made && errno != EEXIST)
        return CO_FAIL(CO_EFILE, "%s: the folder cannot be made: %s", t->path, strerror(errno));
    co_status st = CO_OK;
    for (size_t i = 0; st == CO_OK && i < t->parties.n; i++) st = write_party(t, i);
    if (st == CO_OK) st = remove_old(t);
    for (size_t i = 0; i < t->parties.n; i++)
        if (t->file[i].path) st = co_aside_end(&t->file[i], st);
    if (st == CO_OK || !t->made) return st;
    char message[1024];
    snprintf(message, sizeof message, "%s", co_status_message());
    (void)remove_old(t);
    rmdir(t->path);
    co_status_set_message(message);
    return st;
}

static co_status gather(target *t)
{
    const co_dataset *data = t->data;
    const size_t n = (size_t)data->n, k = data->n_classes;
    t->row = co_malloc(data->x_size, sizeof *t->row);
    t->id = co_malloc(n, sizeof *t->id);
    t->file = co_calloc(t->parties.n, sizeof *t->file);
    if (co_dataset_has_targets(data)) t->target = co_malloc(n * k, sizeof *t->target);
    if (!t->row || !t->id || !t->file || (co_dataset_has_targets(data) && !t->target))
        return CO_FAIL(CO_ENOMEM, "ids and labels of %zu examples", n);
    for (size_t i = 0; i < n; i++) t->id[i] = (int64_t)i;
    if (t->target) co_dataset_gather_targets(data, t->id, n, t->target);
    return CO_OK;
}

static co_status write_to(const co_config *opt, const char *const *sources, size_t n_sources,
                          const char *output)
{
    co_dataset data = {0};
    if (n_sources != 1)
        return CO_FAIL(CO_EUSAGE, "vertical takes one data set, %zu files were given", n_sources);
    CO_TRY(co_dataset_read(sources[0], &data));
    target t = {.data = &data, .path = output, .ending = co_config_string(opt, "format")};
    co_status st = CO_OK;
    if (!data.x || (!data.y && !co_dataset_has_targets(&data)))
        st = CO_FAIL(CO_EUSAGE,
                     "%s: vertical shares out features (x) and labels (y); this data set has no %s",
                     sources[0], data.x ? "y" : "x");
    if (st == CO_OK) st = co_parties_make(opt, data.x_size, &t.parties);
    if (st == CO_OK) st = gather(&t);
    if (st == CO_OK) st = write_folder(&t);
    co_parties_fini(&t.parties);
    co_free(t.row);
    co_free(t.id);
    co_free(t.target);
    co_free(t.file);
    co_dataset_fini(&data);
    return st;
}

static const char *const files[] = {"party-*.npz", "party-*.csv", NULL};
static const co_param params[] = {
    CO_PARTIES_PARAMS,
    {.key = "format", .type = CO_CHOICE, .words = "npz|csv", .doc = "of the parties' files"},
    {0}};
const co_writer co_writer_vertical = {
    .name = "vertical",
    .summary = "the features of each example shared out among parties (vertical learning), a file "
               "a party, joined by the examples' ids",
    .source = "flwr-datasets 0.6.1, VerticalEvenPartitioner",
    .params = params,
    .usage = "vertical DATA",
    .folder = files,
    .write = write_to};
