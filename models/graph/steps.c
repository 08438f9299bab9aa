/* models/graph/steps.c - growing texts through a graph. Time of a step: one forward pass over as
 * many rows, and attention to the rows before. */
#include "models/graph/steps.h"
#include "core/memory.h"
#include "models/graph/graph.h"
#include <string.h>

struct co_steps {
    const co_model *model;
    co_steps_size size;
    const float *params;
    co_workspace *work;
    bool *stepped;  /* [n_nodes] */
    float *arena;   /* blocks of layers, values of sources */
    float **block;  /* [n_nodes] what the layer keeps; NULL: nothing */
    float **source; /* [n_nodes] values that stepped nodes read, [n_sources most_source][floats] */
};

/* ---- which nodes ---- */

/* Texts that grow stand in rows of targets; in a model without such rows in all. */
bool co_steps_has_source(const co_model *m)
{
    bool any = false;
    for (size_t l = 0; l < m->n_nodes; l++) any = any || m->node[l].out.target;
    return any;
}

static bool is_stepped(const co_model *m, size_t l)
{
    return m->node[l].out.target || !co_steps_has_source(m);
}

co_status co_steps_check(const co_model *m)
{
    for (size_t l = 1; l < m->n_nodes; l++) {
        const co_vertex *v = &m->node[l];
        if (v->layer && !is_stepped(m, l) && strcmp(v->layer->name, "char_cnn") == 0)
            return CO_FAIL(CO_EUSAGE,
                           "the model cannot write texts: char_cnn (item %s) reads letters, and "
                           "decoding gives it none; leave it out",
                           v->name);
        if (!v->layer || !is_stepped(m, l) || v->facts.row_wise || v->facts.steps) continue;
        return CO_FAIL(CO_EUSAGE,
                       "the model cannot write texts: %s (item %s) sees rows that are still to "
                       "come; attention must be causal, and recurrent layers of one direction",
                       v->layer->name, v->name);
    }
    return CO_OK;
}

/* A stepped node reads the values of node u, which is not. */
static bool is_read(const co_model *m, size_t u)
{
    const bool here = !is_stepped(m, u) && !m->node[u].out.tokens;
    bool read = false;
    for (size_t l = u + 1; l < m->n_nodes && here; l++)
        for (size_t s = 0; s < m->node[l].n_inputs; s++)
            read = read || (is_stepped(m, l) && m->node[l].input[s] == u);
    return read;
}

/* ---- memory ---- */

/* The node is called by its `step`: what grows, and what goes row by row anywhere. */
static bool uses_step(const co_model *m, size_t l)
{
    const co_vertex *v = &m->node[l];
    return v->layer && v->facts.steps && (is_stepped(m, l) || v->facts.row_wise);
}

/* Floats of one block; 0 where there is none. */
static size_t block_floats(const co_model *m, const co_steps_size *size, size_t l)
{
    const co_vertex *v = &m->node[l];
    if (!uses_step(m, l) || !v->layer->step_size) return 0;
    return co_graph_align(v->layer->step_size(v->self, size));
}

static size_t source_floats(const co_model *m, const co_steps_size *size, size_t l)
{
    return is_read(m, l) ? co_graph_align(size->n_sources * size->most_source * m->node[l].floats)
                         : 0;
}

static size_t rows_of(const co_steps_size *size)
{
    return size->n_slots > size->most_source ? size->n_slots : size->most_source;
}

size_t co_steps_bytes(const co_model *m, const co_steps_size *size)
{
    size_t floats = 0;
    for (size_t l = 0; l < m->n_nodes; l++)
        floats += block_floats(m, size, l) + source_floats(m, size, l);
    return floats * sizeof(float) +
           co_workspace_bytes(m, size->n_slots, rows_of(size), size->n_slots);
}

static co_status lay_out(co_steps *s)
{
    const co_model *m = s->model;
    size_t floats = 0;
    s->stepped = co_calloc(m->n_nodes, sizeof *s->stepped);
    s->block = co_calloc(2 * m->n_nodes, sizeof *s->block);
    if (!s->stepped || !s->block) return CO_FAIL(CO_ENOMEM, "decoding");
    s->source = s->block + m->n_nodes;
    for (size_t l = 0; l < m->n_nodes; l++)
        floats += block_floats(m, &s->size, l) + source_floats(m, &s->size, l);
    s->arena = co_malloc(floats, sizeof *s->arena);
    if (!s->arena)
        return CO_FAIL(CO_ENOMEM,
                       "decoding: %zu MiB for %zu texts of %zu tokens; use fewer beams, or a "
                       "smaller max_length",
                       floats * sizeof(float) >> 20, s->size.n_slots, s->size.most);
    float *at = s->arena;
    for (size_t l = 0; l < m->n_nodes; l++) {
        const size_t own = block_floats(m, &s->size, l), kept = source_floats(m, &s->size, l);
        s->stepped[l] = is_stepped(m, l);
        s->block[l] = own ? at : NULL;
        at += own;
        s->source[l] = kept ? at : NULL;
        at += kept;
    }
    return CO_OK;
}

co_status co_steps_create(const co_model *model, const co_steps_size *size, co_steps **steps)
{
    *steps = NULL;
    CO_TRY(co_steps_check(model));
    co_steps *s = co_calloc(1, sizeof *s);
    if (!s) return CO_FAIL(CO_ENOMEM, "decoding");
    *s = (co_steps){.model = model, .size = *size};
    co_status st = lay_out(s);
    if (st == CO_OK)
        st = co_workspace_create(model, size->n_slots, rows_of(size), size->n_slots, &s->work);
    if (st == CO_OK)
        *steps = s;
    else
        co_steps_destroy(s);
    return st;
}

void co_steps_destroy(co_steps *s)
{
    if (!s) return;
    co_workspace_destroy(s->work);
    co_free(s->stepped);
    co_free(s->block);
    co_free(s->arena);
    co_free(s);
}

/* ---- passes ---- */

void co_steps_lay(co_steps *s, const float *params)
{
    const co_batch none = {0};
    const co_pass pass = {.batch = &none};
    const co_model *m = s->model;
    s->params = params;
    for (size_t l = 1; l < m->n_nodes; l++) {
        const co_vertex *v = &m->node[l];
        co_call call;
        if (!s->block[l] || !v->layer->lay) continue;
        co_pass_open_call(s->work, &pass, params, l, &call);
        v->layer->lay(v->self, &call, &s->size, s->block[l]);
    }
}

/* Where a node's values of this pass stand. */
static void place_output(co_steps *s, size_t l)
{
    const co_vertex *v = &s->model->node[l];
    co_slot *slot = s->work->slot;
    if (l > 0) slot[l].out = v->low.passes_on ? slot[v->input[0]].out : slot[l].y;
}

void co_steps_read(co_steps *s, size_t place, const co_batch *source)
{
    const co_model *m = s->model;
    const co_pass pass = {.batch = source};
    const co_step rows = {.n = source->rows, .size = &s->size, .token = source->tokens};
    CO_ASSERT(source->n == 1 && source->rows <= s->size.most_source && place < s->size.n_sources);
    s->work->slot[0].out = source->x;
    for (size_t l = 0; l < m->n_nodes; l++) {
        const co_vertex *v = &m->node[l];
        co_call call;
        if (s->stepped[l]) continue;
        place_output(s, l);
        if (v->layer && !v->low.passes_on) {
            co_pass_open_call(s->work, &pass, s->params, l, &call);
            if (uses_step(m, l))
                v->layer->step(v->self, &call, &rows, s->block[l]);
            else
                v->layer->forward(v->self, &call);
        }
        if (s->source[l])
            memcpy(s->source[l] + place * s->size.most_source * v->floats, s->work->slot[l].out,
                   source->rows * v->floats * sizeof(float));
    }
}

static void step_node(co_steps *s, const co_pass *pass, const co_step *step, size_t l)
{
    const co_vertex *v = &s->model->node[l];
    co_call call;
    place_output(s, l);
    if (!v->layer || v->low.passes_on) return;
    co_pass_open_call(s->work, pass, s->params, l, &call);
    for (size_t i = 0; i < v->n_inputs; i++)
        if (!s->stepped[v->input[i]]) call.x[i] = s->source[v->input[i]];
    if (v->facts.steps)
        v->layer->step(v->self, &call, step, s->block[l]);
    else
        v->layer->forward(v->self, &call);
}

const float *co_steps_next(co_steps *s, const co_step *step)
{
    const co_model *m = s->model;
    const co_batch rows = {.n = step->n,
                           .rows = step->n,
                           .tokens = step->token,
                           .target_rows = step->n,
                           .target_tokens = step->token};
    const co_pass pass = {.batch = &rows};
    CO_ASSERT(step->n <= s->size.n_slots);
    for (size_t l = 0; l < m->n_nodes; l++)
        if (s->stepped[l]) step_node(s, &pass, step, l);
    return s->work->slot[m->n_nodes - 1].out;
}
