/* models/graph/workspace.c - one arena for all that a pass works in: values, what layers keep,
 * scratch that they take in turn, gradients.
 *
 * Memory is about twice the activations, less what nodes share (lowering.c): outputs that only the
 * next node's forward reads have room for one part of a batch. Gradients stand last: an evaluation
 * never touches those pages. */
#include "core/memory.h"
#include "models/graph/graph.h"

/* A cut of the arena. First walk with base NULL measures, the second one hands out. */
typedef struct {
    float *base;
    size_t used;
    bool overflow;
} arena;

static float *cut(arena *a, size_t n)
{
    const size_t start = a->used;
    size_t rounded;
    if (__builtin_add_overflow(n, (size_t)15, &rounded) ||
        __builtin_add_overflow(start, rounded / 16 * 16, &a->used))
        a->overflow = true;
    return a->base ? a->base + start : NULL;
}

static size_t rows_of(const co_workspace *w, const co_vertex *v, size_t n)
{
    return co_shape_most_rows(&v->out, n, w->max_rows, w->max_target_rows);
}

/* Of the node's values, for n examples. */
static size_t floats_of(const co_workspace *w, arena *a, const co_vertex *v, size_t n)
{
    size_t floats = 0;
    if (__builtin_mul_overflow(rows_of(w, v, n), v->floats, &floats)) a->overflow = true;
    return floats;
}

/* Of the input that has the most. */
static size_t input_rows(const co_workspace *w, const co_vertex *v)
{
    size_t most = 0;
    for (size_t s = 0; s < v->n_inputs; s++) {
        const size_t rows = rows_of(w, &w->model->node[v->input[s]], w->max_n);
        if (rows > most) most = rows;
    }
    return most;
}

static float *cut_values(const co_workspace *w, arena *a, size_t l)
{
    const co_model *m = w->model;
    const co_vertex *v = &m->node[l];
    const bool is_part = v->low.brief && m->part < w->max_n;
    if (v->low.in_place) return w->slot[v->input[0]].y;
    if (v->low.passes_on || (l == 0 && !v->tapped)) return NULL;
    return cut(a, floats_of(w, a, v, is_part ? m->part : w->max_n));
}

/* Gradients that node l hands to nodes which have some already. */
static size_t extra_floats(const co_workspace *w, arena *a, size_t l)
{
    const co_vertex *v = &w->model->node[l];
    size_t sum = 0;
    for (size_t s = 0; s < v->n_inputs; s++)
        if (v->adds[s] && !(s == 0 && v->low.adds_dx))
            sum += co_graph_align(floats_of(w, a, &w->model->node[v->input[s]], w->max_n));
    return sum;
}

static void lay_out(co_workspace *w, arena *a)
{
    const co_model *m = w->model;
    size_t scratch = 0, extra = 0;
    for (size_t l = 0; l < m->n_nodes; l++) {
        const co_vertex *v = &m->node[l];
        const co_layer *layer = v->layer;
        const size_t rows = input_rows(w, v);
        const size_t kept =
            layer && layer->cache_size ? layer->cache_size(v->self, w->max_n, rows) : 0;
        const size_t used =
            layer && layer->scratch_size ? layer->scratch_size(v->self, w->max_n, rows) : 0;
        const size_t added = extra_floats(w, a, l);
        w->slot[l].y = cut_values(w, a, l);
        w->slot[l].cache = kept ? cut(a, kept) : NULL;
        if (used > scratch) scratch = used;
        if (added > extra) extra = added;
    }
    w->scratch = cut(a, scratch);
    for (size_t l = m->n_nodes; l-- > 0;) {
        const co_vertex *v = &m->node[l];
        if (l == 0 && !v->tapped) break;
        w->slot[l].dy =
            v->low.dy_of ? w->slot[v->low.dy_of].dy : cut(a, floats_of(w, a, v, w->max_n));
    }
    w->extra = extra ? cut(a, extra) : NULL;
}

static co_status open_slots(co_workspace *w)
{
    w->slot = co_calloc(w->model->n_nodes, sizeof *w->slot);
    return w->slot ? CO_OK : CO_FAIL(CO_ENOMEM, "workspace of %zu layers", w->model->n_nodes);
}

co_status co_workspace_create(const co_model *model, size_t max_n, size_t max_rows,
                              size_t max_target_rows, co_workspace **workspace)
{
    co_workspace *w = co_calloc(1, sizeof *w);
    *workspace = NULL;
    if (!w) return CO_FAIL(CO_ENOMEM, "workspace");
    w->model = model;
    w->n_taps = model->n_taps;
    co_status st = open_slots(w);
    if (st == CO_OK) st = co_workspace_reserve(w, max_n, max_rows, max_target_rows);
    if (st == CO_OK) *workspace = w;
    if (st != CO_OK) co_workspace_destroy(w);
    return st;
}

/* Lengths vary: not each time. */
static void grow(size_t *most, size_t rows)
{
    if (rows > *most) *most = *most ? rows + rows / 4 : rows;
}

co_status co_workspace_reserve(co_workspace *w, size_t n, size_t rows, size_t target_rows)
{
    arena a = {0};
    if (w->arena && n <= w->max_n && rows <= w->max_rows && target_rows <= w->max_target_rows)
        return CO_OK;
    co_free(w->arena);
    w->arena = NULL;
    if (n > w->max_n) w->max_n = n;
    grow(&w->max_rows, rows);
    grow(&w->max_target_rows, target_rows);
    lay_out(w, &a);
    if (a.overflow || w->max_n > INT32_MAX || w->max_rows > INT32_MAX ||
        w->max_target_rows > INT32_MAX)
        return CO_FAIL(CO_EUSAGE,
                       "a batch of %zu examples (%zu rows) does not fit into memory; use a smaller "
                       "batch, and max_tokens "
                       "at the import of long texts",
                       n, rows + target_rows);
    w->arena = co_malloc(a.used, sizeof *w->arena);
    if (!w->arena)
        return CO_FAIL(CO_ENOMEM,
                       "workspace of %zu floats for %zu examples (%zu rows); use a smaller batch, "
                       "and max_tokens at the "
                       "import of long texts",
                       a.used, n, rows + target_rows);
    a = (arena){.base = w->arena};
    lay_out(w, &a);
    return CO_OK;
}

void co_workspace_destroy(co_workspace *workspace)
{
    if (!workspace) return;
    co_free(workspace->slot);
    co_free(workspace->arena);
    co_free(workspace);
}

size_t co_workspace_bytes(const co_model *model, size_t max_n, size_t max_rows,
                          size_t max_target_rows)
{
    co_workspace w = {
        .model = model, .max_n = max_n, .max_rows = max_rows, .max_target_rows = max_target_rows};
    arena a = {0};
    if (open_slots(&w) != CO_OK) return 0;
    lay_out(&w, &a);
    co_free(w.slot);
    return a.overflow || a.used > SIZE_MAX / sizeof *w.arena ? 0 : a.used * sizeof *w.arena;
}
