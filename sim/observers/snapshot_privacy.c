/* sim/observers/snapshot_privacy.c - a private run's ledger, clip, multiplier and key in a
 * checkpoint: columns, one value a release of its own kind; all numbers are exact in a double. */
#include "core/memory.h"
#include "sim/observers/snapshot_private.h"
#include <string.h>

enum { N_PLAIN_COLUMNS = 6, N_LEDGER_COLUMNS = 8 }; /* the last ones where noise is in shares */
static const char *const ledger_names[N_LEDGER_COLUMNS] = {
    "privacy/noise", "privacy/sampling",    "privacy/noise_multiplier",
    "privacy/rate",  "privacy/lattice_std", "privacy/count",
    "privacy/dim",   "privacy/n_shares"};

static void ledger_row_values(const co_ledger_row *row, double value[N_LEDGER_COLUMNS])
{
    const co_event *e = &row->event;
    const double values[] = {(double)e->noise, (double)e->sampling, e->noise_multiplier,
                             e->rate,          e->lattice_std,      (double)row->count,
                             e->dim,           e->n_shares};
    memcpy(value, values, sizeof values);
}

/* The ledger as columns, one value a release of its own kind; all numbers are exact in a double. */
co_status co_checkpoint_write_privacy(co_file *file, const co_private_state *p)
{
    const co_extent bytes = {.type = CO_U8, .ndim = 1, .dim = {CO_NOISE_KEY_BYTES}};
    const size_t n = p->ledger.n;
    const bool in_shares = n > 0 && p->ledger.rows[0].event.n_shares > 0.0;
    const size_t n_columns = in_shares ? N_LEDGER_COLUMNS : N_PLAIN_COLUMNS;
    double *columns = co_malloc(n * N_LEDGER_COLUMNS, sizeof *columns), value[N_LEDGER_COLUMNS];
    if (!columns) return CO_FAIL(CO_ENOMEM, "privacy ledger of %zu rows", n);
    for (size_t i = 0; i < n; i++) {
        ledger_row_values(&p->ledger.rows[i], value);
        for (size_t c = 0; c < N_LEDGER_COLUMNS; c++) columns[c * n + i] = value[c];
    }
    co_status st = CO_OK;
    for (size_t c = 0; c < n_columns && st == CO_OK; c++)
        st = co_file_write_f64(file, ledger_names[c], columns + c * n, n);
    co_free(columns);
    CO_TRY(st);
    CO_TRY(co_file_write_f64(file, "privacy/clip", &p->clip, 1));
    CO_TRY(co_file_write_f64(file, "privacy/multiplier", &p->multiplier, 1));
    return p->is_secure ? co_file_write(file, "privacy/key", &bytes, p->key) : CO_OK;
}

static co_status add_release(const co_file *file, const double value[N_LEDGER_COLUMNS],
                             co_ledger *ledger)
{
    const co_event event = {.noise = (co_noise)value[0],
                            .sampling = (co_sampling)value[1],
                            .noise_multiplier = value[2],
                            .rate = value[3],
                            .lattice_std = value[4],
                            .dim = value[6],
                            .n_shares = value[7]};
    const bool known =
        value[0] >= 0 && value[0] < CO_N_NOISES && value[1] >= 0 && value[1] < CO_N_SAMPLINGS;
    if (!known || !(value[5] >= 0 && value[5] < 0x1p53))
        return CO_FAIL(CO_EDATA,
                       "%s: a release of the privacy ledger has noise %g, sampling %g, count %g",
                       co_file_path(file), value[0], value[1], value[5]);
    CO_TRY(co_ledger_add(ledger, &event, 1)); /* a count of 0 keeps its row */
    ledger->rows[ledger->n - 1].count = (int64_t)value[5];
    return CO_OK;
}

static co_status read_ledger(const co_file *file, co_ledger *ledger)
{
    double *column[N_LEDGER_COLUMNS] = {NULL}, value[N_LEDGER_COLUMNS] = {0};
    size_t n[N_LEDGER_COLUMNS] = {0};
    const size_t n_columns =
        co_file_has(file, ledger_names[N_PLAIN_COLUMNS]) ? N_LEDGER_COLUMNS : N_PLAIN_COLUMNS;
    co_status st = CO_OK;
    for (size_t c = 0; c < n_columns && st == CO_OK; c++) {
        st = co_file_read_new(file, ledger_names[c], CO_F64, (void **)&column[c], &n[c]);
        if (st == CO_OK && n[c] != n[0])
            st = CO_FAIL(CO_EDATA, "%s: %s has %zu rows, %s %zu", co_file_path(file),
                         ledger_names[c], n[c], ledger_names[0], n[0]);
    }
    for (size_t i = 0; st == CO_OK && i < n[0]; i++) {
        for (size_t c = 0; c < n_columns; c++) value[c] = column[c][i];
        st = add_release(file, value, ledger);
    }
    for (size_t c = 0; c < N_LEDGER_COLUMNS; c++) co_free(column[c]);
    return st;
}

static co_status read_scalar(const co_file *file, const char *name, double *value)
{
    co_extent extent;
    CO_TRY(co_file_extent(file, name, &extent));
    if (co_extent_count(&extent) != 1)
        return CO_FAIL(CO_EDATA, "%s: %s has %zu values, not 1", co_file_path(file), name,
                       co_extent_count(&extent));
    return co_file_read(file, name, CO_F64, 0, value);
}

co_status co_checkpoint_read_privacy(const co_file *file, co_private_state *p)
{
    co_extent extent;
    if (!co_file_has(file, "privacy/clip"))
        return CO_FAIL(CO_EDATA, "%s: has no privacy/clip: it is not of a private run",
                       co_file_path(file));
    CO_TRY(read_scalar(file, "privacy/clip", &p->clip));
    CO_TRY(read_scalar(file, "privacy/multiplier", &p->multiplier));
    p->is_secure = co_file_has(file, "privacy/key");
    if (p->is_secure) {
        CO_TRY(co_file_extent(file, "privacy/key", &extent));
        if (co_extent_count(&extent) != CO_NOISE_KEY_BYTES)
            return CO_FAIL(CO_EDATA, "%s: privacy/key has %zu bytes, not %d", co_file_path(file),
                           co_extent_count(&extent), CO_NOISE_KEY_BYTES);
        CO_TRY(co_file_read(file, "privacy/key", CO_U8, 0, p->key));
    }
    return read_ledger(file, &p->ledger);
}
