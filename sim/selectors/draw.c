/* sim/selectors/draw.c - a subset of the devices that may be asked, by rejection.
 *
 * A uniform subset of all devices, of which those that may be asked stay, filled up by uniform
 * draws from the rest of those that may: by symmetry every subset of them is equally likely. */
#include "sim/selectors/draw.h"
#include <stdlib.h>

static bool holds(const int64_t *devices, size_t n, int64_t device)
{
    for (size_t i = 0; i < n; i++)
        if (devices[i] == device) return true;
    return false;
}

static bool may(const co_draw *draw, int64_t device)
{
    return !draw->may || draw->may(draw->of, device);
}

/* By a walk over all devices: item i of those that may goes to a place of the reservoir (Vitter
 * 1985, ACM TOMS 11, algorithm R). */
static size_t fill_by_walk(co_stream *s, const co_selector_input *in, const co_draw *draw,
                           int64_t *devices, size_t n)
{
    uint64_t seen = 0;
    size_t have = n;
    for (int64_t k = 0; k < in->n_devices; k++) {
        if (holds(devices, n, k) || !may(draw, k)) continue;
        seen++;
        if (have < draw->m) {
            devices[have++] = k;
        } else {
            const uint64_t at = co_draw_below(s, seen);
            if (at < draw->m - n) devices[n + at] = k;
        }
    }
    return have;
}

static int by_id(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

size_t co_draw_allowed(const co_selector_input *in, const co_draw *draw, int64_t *devices,
                       int64_t *scratch)
{
    const size_t m = draw->m < (uint64_t)in->n_devices ? draw->m : (size_t)in->n_devices;
    co_stream s =
        co_stream_open(in->seed, CO_DRAW_SELECT, (uint64_t)draw->round, (uint64_t)draw->ordinal, 0);
    size_t n = 0;
    co_draw_subset(&s, in->n_devices, m, devices, scratch);
    for (size_t i = 0; i < m; i++)
        if (may(draw, devices[i])) devices[n++] = devices[i];
    if (n == m) return n;
    for (size_t misses = 0; n < m && misses < 64 + 16 * m;) {
        const int64_t device = (int64_t)co_draw_below(&s, (uint64_t)in->n_devices);
        if (holds(devices, n, device) || !may(draw, device))
            misses++;
        else
            devices[n++] = device;
    }
    if (n < m) n = fill_by_walk(&s, in, draw, devices, n);
    qsort(devices, n, sizeof *devices, by_id);
    return n;
}
