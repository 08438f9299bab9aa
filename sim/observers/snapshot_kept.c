/* sim/observers/snapshot_kept.c - lists of planner, selector and clock in a checkpoint. */
#include "core/memory.h"
#include "sim/observers/snapshot_private.h"
#include <string.h>

co_status co_checkpoint_write_kept(co_file *file, const co_keeps *keeps)
{
    for (const co_kept *k = keeps->list; k < keeps->list + keeps->n; k++) {
        const co_extent extent = {.type = k->is_real ? CO_F64 : CO_I64,
                                  .ndim = 1,
                                  .dim = {(size_t)(k->n ? *k->n : k->most)}};
        CO_TRY(co_file_write(file, k->name, &extent, k->value));
    }
    return CO_OK;
}

/* [n] values of a list that a resume would go on with. */
static co_status check_values(const char *path, const co_kept *k, const void *value, size_t n)
{
    for (size_t i = 0; i < n && k->lo <= k->hi; i++) {
        const double x =
            k->is_real ? ((const double *)value)[i] : (double)((const int64_t *)value)[i];
        if (!(x >= k->lo && x <= k->hi))
            return CO_FAIL(CO_EDATA,
                           "%s: %s: value %zu is %.17g, not in %g to %g: the file is damaged", path,
                           k->name, i + 1, x, k->lo, k->hi);
    }
    return CO_OK;
}

/* Lists of one number, that of their common n, stand one behind the other. */
static bool is_as_long(const co_keeps *keeps, const co_kept *k, size_t n)
{
    return k == keeps->list || k->n == NULL || k[-1].n != k->n || n == (size_t)*k->n;
}

co_status co_checkpoint_read_kept(const co_file *file, co_keeps *keeps)
{
    for (co_kept *k = keeps->list; k < keeps->list + keeps->n; k++) {
        void *value;
        size_t n;
        CO_TRY(co_file_read_new(file, k->name, k->is_real ? CO_F64 : CO_I64, &value, &n));
        const bool fits =
            k->n ? n <= (size_t)k->most && is_as_long(keeps, k, n) : n == (size_t)k->most;
        const co_status st = fits ? check_values(co_file_path(file), k, value, n) : CO_OK;
        if (fits && st == CO_OK) {
            memcpy(k->value, value, 8 * n);
            if (k->n) *k->n = (int64_t)n;
        }
        co_free(value);
        CO_TRY(st);
        if (!fits)
            return CO_FAIL(CO_EDATA, "%s: %s has %zu values, of %lld that there can be",
                           co_file_path(file), k->name, n,
                           (long long)(k->n && n <= (size_t)k->most ? *k->n : k->most));
    }
    return CO_OK;
}
