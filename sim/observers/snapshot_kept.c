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

co_status co_checkpoint_read_kept(const co_file *file, co_keeps *keeps)
{
    for (co_kept *k = keeps->list; k < keeps->list + keeps->n; k++) {
        void *value;
        size_t n;
        CO_TRY(co_file_read_new(file, k->name, k->is_real ? CO_F64 : CO_I64, &value, &n));
        const bool fits = k->n ? n <= (size_t)k->most : n == (size_t)k->most;
        if (fits) {
            memcpy(k->value, value, 8 * n);
            if (k->n) *k->n = (int64_t)n;
        }
        co_free(value);
        if (!fits)
            return CO_FAIL(CO_EDATA, "%s: %s has %zu values, of %lld that there can be",
                           co_file_path(file), k->name, n, (long long)k->most);
    }
    return CO_OK;
}
