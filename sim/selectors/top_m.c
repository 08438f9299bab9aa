/* sim/selectors/top_m.c - the devices with the most examples; who is level with the last one is
 * drawn by key.
 *
 * With t the m-th largest activity (examples, at most n_max): every device above t, and a keyed
 * subset of those at t, another one each round. Devices without examples are never asked. With
 * equal sizes it is uniform selection. Cost of a round: a pass over all devices; after a change of
 * activity a heap of m beside it. Source: Dupuy et al. 2022, arXiv:2202.03925 (the most active
 * devices). */
#include "core/memory.h"
#include "sim/selectors/activity.h"

typedef struct {
    int64_t n_max, m;
    int64_t *activity;              /* [n_devices] */
    int64_t *largest;               /* [m] */
    int64_t *tied;                  /* [m] which of the devices at the level, by their order */
    int64_t level, n_tied, n_drawn; /* devices at the level, and how many of them a round asks */
} top;

static void destroy(void *self)
{
    top *t = self;
    if (!t) return;
    co_free(t->activity);
    co_free(t->largest);
    co_free(t->tied);
    co_free(t);
}

static co_status create(const co_config *opt, const co_selector_input *in, void **self)
{
    top *t = co_calloc(1, sizeof *t);
    if (!t) return CO_FAIL(CO_ENOMEM, "selector");
    t->n_max = co_activity_most(opt);
    t->m = (int64_t)in->per_round;
    t->activity = co_malloc((size_t)in->n_devices, sizeof *t->activity);
    t->largest = co_malloc((size_t)t->m, sizeof *t->largest);
    t->tied = co_malloc((size_t)t->m, sizeof *t->tied);
    if (t->activity && t->largest && t->tied) {
        *self = t;
        return CO_OK;
    }
    destroy(t);
    return CO_FAIL(CO_ENOMEM, "activity of %lld devices", (long long)in->n_devices);
}

static void look(void *self, const co_selector_input *in)
{
    top *t = self;
    int64_t n_above = 0;
    co_activity_read(in, t->n_max, t->activity);
    co_activity_largest(t->activity, in->n_devices, (size_t)t->m, t->largest);
    t->level = t->largest[t->m - 1];
    t->n_tied = 0;
    for (int64_t k = 0; k < in->n_devices; k++) t->n_tied += t->activity[k] == t->level;
    while (n_above < t->m && t->largest[n_above] > t->level) n_above++;
    t->n_drawn = t->level > 0 ? t->m - n_above : 0;
}

static size_t select_devices(void *self, const co_selector_input *in, int64_t round,
                             int64_t *devices, int64_t *scratch)
{
    top *t = self;
    size_t n = 0;
    int64_t seen = 0, next = 0;
    co_stream s = co_stream_open(in->seed, CO_DRAW_SELECT, (uint64_t)round, 0, 0);
    co_draw_subset(&s, t->n_tied, (size_t)t->n_drawn, t->tied, scratch);
    for (int64_t k = 0; k < in->n_devices; k++) {
        if (t->activity[k] < t->level) continue;
        if (t->activity[k] == t->level) {
            if (next == t->n_drawn || t->tied[next] != seen++) continue;
            next++;
        }
        devices[n++] = k;
    }
    return n;
}

static double chance(const void *self, const co_selector_input *in, int64_t device)
{
    (void)in;
    const top *t = self;
    if (t->activity[device] != t->level) return t->activity[device] > t->level;
    return (double)t->n_drawn / (double)t->n_tied;
}

static const co_param params[] = {CO_PARAM_N_MAX, {0}};
const co_selector co_selector_top_m = {
    .name = "top_m",
    .summary = "those with the most examples, ties by key; looks at every device",
    .source = "Dupuy et al. 2022, arXiv:2202.03925",
    .params = params,
    .looks_at_all = true,
    .leaves_out = true,
    .create = create,
    .destroy = destroy,
    .look = look,
    .select = select_devices,
    .chance = chance};
