/* sim/work/public_data.c - public examples beside private ones.
 *
 * The basis: of 2 k public examples, drawn for the version, the gradients g_i stand as rows of G;
 * the eigenvectors u of G G' with the k largest eigenvalues l give the directions G' u / sqrt(l),
 * by Jacobi rotations in double. Cost for each version: 2 k backward passes, 2 k^2 n multiply-adds,
 * 2 k n floats; for each step 2 k n multiply-adds. */
#include "sim/work/public_data.h"
#include "core/memory.h"
#include "core/random.h"
#include "core/vector.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LOOKED_AT = 256 }; /* examples whose norms the clip is taken from, at most */

const co_param co_public_params[] = {
    {"file", CO_STRING, .flags = CO_REQUIRED,
     .doc = "data set of public examples (cohort import), of the same shape and classes"},
    {"batch", CO_INT, .def = 32, .lo = 1, .hi = 1e6, .doc = "public examples of a step"},
    {"fraction", CO_REAL, .lo = 0.0, .hi = 1.0, .flags = CO_OPTIONAL | CO_HI_OPEN,
     .doc = "part of the public gradient in a step's"},
    {"lambda", CO_REAL, .lo = 0.0, .hi = 1e6, .flags = CO_OPTIONAL,
     .doc = "the public gradient times that is added to a step's; or fraction"},
    {"warm_start", CO_INT, .def = 0, .lo = 0, .hi = 1e6,
     .doc = "epochs of training on them before the first round, by local.lr"},
    {"subspace", CO_INT, .def = 0, .lo = 0, .hi = 512,
     .doc = "directions of public gradients that private ones are projected on; 0: all"},
    {"clip_quantile", CO_REAL, .lo = 0.0, .hi = 1.0, .flags = CO_OPTIONAL,
     .doc = "clip at that quantile of the norms of public gradients, but not above `clip`"},
    {0}};

static co_status read_keys(const co_config *opt, bool is_measured, co_public_keys *k)
{
    *k = (co_public_keys){
        .batch = co_config_int(opt, "batch"),
        .warm_start = co_config_int(opt, "warm_start"),
        .subspace = co_config_int(opt, "subspace"),
        .fraction = co_config_has(opt, "fraction") ? co_config_real(opt, "fraction") : 0.0,
        .lambda = co_config_has(opt, "lambda") ? co_config_real(opt, "lambda") : 0.0,
        .quantile =
            co_config_has(opt, "clip_quantile") ? co_config_real(opt, "clip_quantile") : -1.0};
    if (co_config_has(opt, "fraction") && co_config_has(opt, "lambda"))
        return co_config_fail(opt, co_config_node(opt, "lambda"),
                              "give fraction or lambda, not both");
    if (k->warm_start == 0 && k->subspace == 0 && k->quantile < 0.0 && k->fraction == 0.0 &&
        k->lambda == 0.0 && !is_measured)
        return co_config_fail(opt, opt->map,
                              "public examples serve for nothing: give fraction, lambda, "
                              "warm_start, subspace or clip_quantile, or bounds: layerwise_public");
    return CO_OK;
}

static bool same_names(char *const *a, char *const *b, size_t n)
{
    for (size_t k = 0; a && b && k < n; k++)
        if (strcmp(a[k], b[k]) != 0) return false;
    return true;
}

static co_status check_fit(const co_public *p, const co_config *opt, const co_population *reference)
{
    const co_population *own = &p->population;
    const bool fits =
        strcmp(own->task, reference->task) == 0 && co_shape_equal(&own->shape, &reference->shape) &&
        own->labels.n == reference->labels.n &&
        (!reference->has_data ||
         (same_names(own->data.classes, reference->data.classes, reference->data.n_classes) &&
          same_names(own->data.vocab, reference->data.vocab, reference->data.n_vocab)));
    if (!fits)
        return co_config_fail(opt, co_config_node(opt, "file"),
                              "%s: is not of the task, shape, classes or vocabulary of the data "
                              "that are trained on",
                              co_config_string(opt, "file"));
    if (p->n > 0) return CO_OK;
    return co_config_fail(opt, co_config_node(opt, "file"), "%s: has no example to train on",
                          co_config_string(opt, "file"));
}

static co_status allocate(co_public *p)
{
    const co_layout *layout = co_model_layout(p->model);
    const co_dataset *data = &p->population.data;
    const size_t n_sums = co_model_task(p->model)->n_sums(co_model_n_classes(p->model));
    const size_t rows = (size_t)p->keys.subspace;
    const bool is_measured = p->experiment->example_keys.bounds == CO_BOUND_PUBLIC;
    size_t n_tensors;
    co_model_tensors(p->model, &n_tensors);
    p->n_coords = layout->n;
    p->ids = co_malloc((size_t)data->n, sizeof *p->ids);
    p->order = co_malloc((size_t)data->n, sizeof *p->order);
    p->grad = co_calloc(layout->n_grad, sizeof *p->grad);
    p->part = co_calloc(layout->n_grad, sizeof *p->part);
    p->basis = co_malloc(rows * layout->n, sizeof *p->basis);
    p->sums = co_calloc(n_sums, sizeof *p->sums);
    p->n_norms =
        (LOOKED_AT + 1) * (is_measured ? n_tensors : 1); /* a group has a tensor at least */
    p->norms = co_malloc(p->n_norms, sizeof *p->norms);
    p->rows = co_malloc(2 * rows * layout->n, sizeof *p->rows);
    p->gram = co_malloc(8 * rows * rows, sizeof *p->gram);
    if (!p->ids || !p->order || !p->grad || !p->part || !p->basis || !p->sums || !p->norms ||
        !p->rows || !p->gram)
        return CO_FAIL(CO_ENOMEM, "public examples beside a model of %zu parameters", layout->n);
    for (int64_t i = 0; i < data->n; i++)
        if (!data->split || data->split[i] == 0) p->ids[p->n++] = i;
    return co_workspace_create(p->model, 1, 1, 0, &p->workspace);
}

co_status co_public_init(co_public *p, const co_experiment *e, const co_model *model,
                         const co_population *reference, const co_comm *comm)
{
    *p = (co_public){0};
    if (!e->local_public.map) return CO_OK;
    *p = (co_public){.experiment = e, .model = model, .version = -1};
    co_status st = co_agree(
        read_keys(&e->local_public, e->example_keys.bounds == CO_BOUND_PUBLIC, &p->keys), comm);
    if (st == CO_OK)
        st =
            co_population_load(e, co_config_string(&e->local_public, "file"), comm, &p->population);
    if (st != CO_OK) {
        *p = (co_public){0};
        return st;
    }
    st = allocate(p);
    if (st == CO_OK) st = check_fit(p, &e->local_public, reference);
    st = co_agree(st, comm);
    if (st != CO_OK) co_public_fini(p);
    return st;
}

void co_public_fini(co_public *p)
{
    if (!p->experiment) return;
    co_workspace_destroy(p->workspace);
    co_examples_fini(&p->examples);
    co_population_fini(&p->population);
    co_free(p->ids);
    co_free(p->order);
    co_free(p->grad);
    co_free(p->part);
    co_free(p->basis);
    co_free(p->sums);
    co_free(p->norms);
    co_free(p->rows);
    co_free(p->gram);
    *p = (co_public){0};
}

size_t co_public_bytes(const co_public *p)
{
    if (!p->experiment) return 0;
    return (3 * (size_t)p->keys.subspace * p->n_coords + 2 * co_model_layout(p->model)->n_grad) *
               sizeof(float) +
           8 * (size_t)(p->keys.subspace * p->keys.subspace) * sizeof(double) +
           p->n_norms * sizeof(double) + 2 * p->n * sizeof(int64_t);
}

/* m of the public examples into order, drawn for the key. */
static size_t draw(co_public *p, uint64_t round, uint64_t device, uint64_t number, size_t m)
{
    co_stream s =
        co_stream_open((uint64_t)p->experiment->seed, CO_DRAW_PUBLIC, round, device, number);
    if (m > p->n) m = p->n;
    for (size_t i = 0; i < m; i++) p->order[i] = p->ids[co_draw_below(&s, p->n)];
    return m;
}

/* The next of order[m] as a batch; returns how many. */
static co_status read(co_public *p, const int64_t *ids, size_t m, const float *frozen,
                      co_pass *pass)
{
    CO_TRY(co_population_read_ids(&p->population, ids, m, &p->examples));
    CO_TRY(co_workspace_reserve(p->workspace, p->examples.batch.n, p->examples.batch.rows,
                                p->examples.batch.target_rows));
    *pass = (co_pass){.batch = &p->examples.batch,
                      .train = true,
                      .seed = (uint64_t)p->experiment->seed,
                      .device = UINT64_MAX,
                      .frozen = frozen};
    return CO_OK;
}

/* grad[n_grad]: of the mean loss over order[m], whatever number goes through the model at once. */
static co_status gradient_of(co_public *p, size_t m, const float *params, const float *frozen,
                             uint64_t step, float *grad)
{
    const size_t n = co_model_layout(p->model)->n_grad;
    const double start = p->sums[0];
    memset(grad, 0, n * sizeof *grad);
    for (size_t at = 0; at < m; at += p->examples.batch.n) {
        co_pass pass;
        const double before = p->sums[0];
        CO_TRY(read(p, p->order + at, m - at, frozen, &pass));
        pass.step = step;
        pass.round = at;
        memset(p->part, 0, n * sizeof *p->part);
        co_model_loss(p->model, p->workspace, params, &pass, NULL, p->part, p->sums);
        co_vector_add_scaled(grad, p->part, p->n_coords, (float)(p->sums[0] - before));
    }
    if (p->sums[0] > start) co_vector_scale(grad, p->n_coords, (float)(1.0 / (p->sums[0] - start)));
    return CO_OK;
}

co_status co_public_warm_start(co_public *p, float *params)
{
    const co_layout *layout = co_model_layout(p->model);
    const int64_t per_epoch = ((int64_t)p->n + p->keys.batch - 1) / p->keys.batch;
    const float *frozen = layout->n < layout->whole ? params : NULL;
    const double lr = co_config_real(&p->experiment->local, "lr");
    float *local = co_malloc(layout->n, sizeof *local);
    if (!local) return CO_FAIL(CO_ENOMEM, "training on public examples");
    co_layout_pack(layout, params, local);
    co_status st = CO_OK;
    for (int64_t k = 0; st == CO_OK && k < p->keys.warm_start * per_epoch; k++) {
        const size_t m = draw(p, 0, UINT64_MAX, (uint64_t)k, (size_t)p->keys.batch);
        st = gradient_of(p, m, local, frozen, (uint64_t)k, p->grad);
        if (st == CO_OK) co_vector_add_scaled(local, p->grad, layout->n, (float)-lr);
    }
    for (size_t s = 0; st == CO_OK && s < layout->n_spans[CO_FROZEN]; s++) {
        const co_part *span = &layout->span[CO_FROZEN][s];
        memcpy(local + span->at, params + span->offset, span->size * sizeof *local);
    }
    if (st == CO_OK) co_layout_unpack(layout, local, params);
    co_free(local);
    return st;
}

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* norms[*n][n_groups] of the gradients of some examples, drawn for the version by `number`. */
static co_status find_norms(co_public *p, int64_t version, uint64_t number, const float *params,
                            const float *frozen, const uint32_t *group, size_t n_groups, size_t *n)
{
    const size_t n_grad = co_model_layout(p->model)->n_grad;
    const size_t m = *n = draw(p, (uint64_t)version, UINT64_MAX, number, LOOKED_AT);
    double *all = p->norms + LOOKED_AT * n_groups; /* bounds that nothing reaches */
    for (size_t l = 0; l < n_groups; l++) all[l] = INFINITY;
    for (size_t at = 0; at < m; at += p->examples.batch.n) {
        co_pass pass;
        CO_TRY(read(p, p->order + at, m - at, frozen, &pass));
        const co_clipping how = {.n_groups = n_groups,
                                 .group = n_groups > 1 ? group : NULL,
                                 .clip = all,
                                 .n_slots = p->examples.batch.n,
                                 .slot_size = 1};
        CO_TRY(co_workspace_clip(p->workspace, &how, n_grad));
        memset(p->part, 0, n_grad * sizeof *p->part);
        co_model_clipped(p->model, p->workspace, params, &pass, &how, p->part,
                         p->norms + at * n_groups, p->sums);
    }
    return CO_OK;
}

/* The quantile of the norms of some public gradients (nearest rank), and what clips at it. */
static co_status find_clip(co_public *p, const float *params, const float *frozen)
{
    const double most = p->experiment->example_keys.clip;
    size_t m;
    CO_TRY(find_norms(p, p->version, UINT64_MAX, params, frozen, NULL, 1, &m));
    qsort(p->norms, m, sizeof *p->norms, by_size);
    const size_t rank = (size_t)fmax(1.0, ceil(p->keys.quantile * (double)m));
    p->clip = p->norms[rank - 1];
    if (!(p->clip < most)) p->clip = most; /* also where it is not a number */
    if (p->clip < 1e-9 * most) p->clip = 1e-9 * most;
    return CO_OK;
}

co_status co_public_measure(co_public *p, int64_t version, const float *params, const float *frozen,
                            const uint32_t *group, size_t n_groups, double *square)
{
    size_t m;
    CO_TRY(find_norms(p, version, UINT64_MAX - 2, params, frozen, group, n_groups, &m));
    memset(square, 0, n_groups * sizeof *square);
    for (size_t i = 0; i < m * n_groups; i++)
        square[i % n_groups] += p->norms[i] * p->norms[i] / (double)m;
    return CO_OK;
}

/* Eigenvectors of the symmetric a[m][m] as rows of u, eigenvalues on a's diagonal: cyclic Jacobi.
 */
static void rotate(double *a, double *u, size_t m)
{
    for (size_t i = 0; i < m * m; i++) u[i] = i % (m + 1) == 0;
    for (int sweep = 0; sweep < 30; sweep++) {
        double off = 0.0, on = 0.0;
        for (size_t i = 0; i < m * m; i++) *(i % (m + 1) ? &off : &on) += a[i] * a[i];
        if (off <= 1e-22 * on) return;
        for (size_t i = 0; i < m; i++)
            for (size_t j = i + 1; j < m; j++) {
                if (a[i * m + j] == 0.0) continue;
                const double theta = (a[j * m + j] - a[i * m + i]) / (2.0 * a[i * m + j]);
                const double t =
                    (theta < 0.0 ? -1.0 : 1.0) / (fabs(theta) + sqrt(theta * theta + 1.0));
                const double c = 1.0 / sqrt(t * t + 1.0), s = t * c;
                for (size_t k = 0; k < m; k++) {
                    const double x = a[k * m + i], y = a[k * m + j];
                    a[k * m + i] = c * x - s * y, a[k * m + j] = s * x + c * y;
                }
                for (size_t k = 0; k < m; k++) {
                    const double x = a[i * m + k], y = a[j * m + k], v = u[i * m + k],
                                 w = u[j * m + k];
                    a[i * m + k] = c * x - s * y, a[j * m + k] = s * x + c * y;
                    u[i * m + k] = c * v - s * w, u[j * m + k] = s * v + c * w;
                }
            }
    }
}

static double dot(const float *a, const float *b, size_t n)
{
    double sum = 0.0;
    for (size_t j = 0; j < n; j++) sum += (double)a[j] * (double)b[j];
    return sum;
}

/* basis: the directions of the largest eigenvalues; rows[m][n_coords] the gradients. */
static void take_directions(co_public *p, const float *rows, size_t m, double *gram, double *vector)
{
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j <= i; j++)
            gram[i * m + j] = gram[j * m + i] =
                dot(rows + i * p->n_coords, rows + j * p->n_coords, p->n_coords);
    rotate(gram, vector, m);
    double largest = 0.0;
    for (size_t i = 0; i < m; i++) largest = fmax(largest, gram[i * (m + 1)]);
    p->n_basis = 0;
    while (p->n_basis < (size_t)p->keys.subspace) {
        size_t best = 0;
        for (size_t i = 1; i < m; i++)
            if (gram[i * (m + 1)] > gram[best * (m + 1)]) best = i;
        const double value = gram[best * (m + 1)];
        if (!(value > 1e-10 * largest)) return; /* the gradients span no more */
        float *direction = p->basis + p->n_basis++ * p->n_coords;
        memset(direction, 0, p->n_coords * sizeof *direction);
        for (size_t i = 0; i < m; i++)
            co_vector_add_scaled(direction, rows + i * p->n_coords, p->n_coords,
                                 (float)(vector[best * m + i] / sqrt(value)));
        gram[best * (m + 1)] = 0.0;
    }
}

static co_status find_basis(co_public *p, const float *params, const float *frozen)
{
    const size_t m = 2 * (size_t)p->keys.subspace < p->n ? 2 * (size_t)p->keys.subspace : p->n;
    co_status st = CO_OK;
    draw(p, (uint64_t)p->version, UINT64_MAX, UINT64_MAX - 1, m);
    for (size_t i = 0; st == CO_OK && i < m; i++) {
        p->order[0] = p->order[i];
        st = gradient_of(p, 1, params, frozen, i, p->grad);
        memcpy(p->rows + i * p->n_coords, p->grad, p->n_coords * sizeof *p->rows);
    }
    if (st == CO_OK) take_directions(p, p->rows, m, p->gram, p->gram + m * m);
    return st;
}

co_status co_public_look(co_public *p, int64_t version, const float *params, const float *frozen)
{
    if (p->version == version) return CO_OK;
    p->version = version;
    p->clip = p->experiment->example_keys.clip;
    if (p->keys.quantile >= 0.0) CO_TRY(find_clip(p, params, frozen));
    return p->keys.subspace > 0 ? find_basis(p, params, frozen) : CO_OK;
}

/* grad = sum of its parts along the basis. */
static void project(co_public *p, float *grad)
{
    memset(p->part, 0, p->n_coords * sizeof *p->part);
    for (size_t k = 0; k < p->n_basis; k++) {
        const float *direction = p->basis + k * p->n_coords;
        co_vector_add_scaled(p->part, direction, p->n_coords,
                             (float)dot(grad, direction, p->n_coords));
    }
    memcpy(grad, p->part, p->n_coords * sizeof *grad);
}

co_status co_public_mix(co_public *p, int64_t step, int64_t device, int64_t number,
                        const float *params, const float *frozen, float *grad)
{
    const double share = p->keys.fraction > 0.0 ? p->keys.fraction : p->keys.lambda;
    if (p->keys.subspace > 0) project(p, grad);
    if (share == 0.0) return CO_OK;
    const size_t m =
        draw(p, (uint64_t)step, (uint64_t)device, (uint64_t)number, (size_t)p->keys.batch);
    CO_TRY(gradient_of(p, m, params, frozen, (uint64_t)number, p->grad));
    if (p->keys.fraction > 0.0) co_vector_scale(grad, p->n_coords, (float)(1.0 - share));
    co_vector_add_scaled(grad, p->grad, p->n_coords, (float)share);
    return CO_OK;
}
