/* partition/kmeans.c - Lloyd's iterations from keyed k-means++ seeds.
 *
 * Seeds: up to SAMPLE keyed examples; the first at random, each next one with probability in
 * proportion to its squared distance from the nearest so far. Then assign (nearest centre, the
 * lower number wins a tie) and average, until nothing moves or the iterations are used up; an empty
 * cluster keeps its centre. Each rank assigns an even part of the rows. The sums are of integers, x
 * in units of 2^-30 of the largest feature, so that they do not depend on the ranks; distances are
 * ||c||^2 - 2 x.c in the fixed order of core/vector.h. Cost: iterations x n x k x d / ranks
 * multiply-adds; k d int64. Source: Lloyd, IEEE Trans. Inf. Theory 28, 1982; Arthur &
 * Vassilvitskii, SODA 2007 (k-means++). */
#include "partition/kmeans.h"
#include "core/memory.h"
#include "core/vector.h"
#include <math.h>
#include <string.h>

enum { DRAW_SAMPLE = 2, DRAW_SEEDS, SAMPLE = 4096, CHUNK = 64 };

typedef struct {
    const co_partition_input *in;
    size_t k, d;
    float *centre;    /* [k][d] */
    double *square;   /* [k] squared norms of the centres */
    int64_t *sum, *n; /* [k][d], [k] */
    float *x;         /* [CHUNK][d] */
    int32_t *cluster; /* [data->n] */
    double unit;
} clustering;

static int32_t nearest(const clustering *c, const float *x, size_t n_centres)
{
    double best = INFINITY;
    int32_t at = 0;
    for (size_t j = 0; j < n_centres; j++) {
        const double distance = c->square[j] - 2.0 * co_vector_dot(x, c->centre + j * c->d, c->d);
        if (distance < best) {
            best = distance;
            at = (int32_t)j;
        }
    }
    return at;
}

static void set_centre(clustering *c, size_t j, const float *x)
{
    memcpy(c->centre + j * c->d, x, c->d * sizeof *x);
    c->square[j] = co_vector_dot(x, x, c->d);
}

/* The largest absolute feature decides the unit of the sums: n x 2^30 stays below 2^62. */
static void find_unit(clustering *c)
{
    const co_dataset *data = c->in->data;
    double largest = 0.0;
    for (int64_t i = co_partition_span(data->n, c->in->rank, c->in->size);
         i < co_partition_span(data->n, c->in->rank + 1, c->in->size); i++) {
        co_dataset_gather(data, &i, 1, c->x);
        for (size_t j = 0; j < c->d; j++) largest = fmax(largest, fabs((double)c->x[j]));
    }
    if (c->in->size > 1)
        MPI_Allreduce(MPI_IN_PLACE, &largest, 1, MPI_DOUBLE, MPI_MAX, c->in->ranks);
    c->unit = largest > 0.0 ? 0x1p30 / largest : 1.0;
}

/* ids[m]: a keyed sample of split 0, ascending. */
static co_status draw_sample(const clustering *c, int64_t *ids, int64_t m)
{
    int64_t *scratch = co_malloc(co_draw_subset_scratch((size_t)m), sizeof *scratch);
    if (!scratch) return CO_FAIL(CO_ENOMEM, "sample of %lld examples", (long long)m);
    co_stream stream = co_partition_stream(c->in, DRAW_SAMPLE, 0, 0);
    co_draw_subset(&stream, c->in->n_examples, (size_t)m, ids, scratch);
    co_free(scratch);
    for (int64_t id = 0, place = 0, j = 0; j < m; id++) {
        if (!co_partition_is_train(c->in, id)) continue;
        if (ids[j] == place++) ids[j++] = id;
    }
    return CO_OK;
}

/* k-means++ over the sample xs[m][d]; distance[m] scratch. */
static void seed(clustering *c, const float *xs, int64_t m, double *distance)
{
    co_stream stream = co_partition_stream(c->in, DRAW_SEEDS, 0, 0);
    int64_t chosen = (int64_t)co_draw_below(&stream, (uint64_t)m);
    for (size_t j = 0; j < c->k; j++) {
        double total = 0.0, sum = 0.0;
        set_centre(c, j, xs + (size_t)chosen * c->d);
        for (int64_t i = 0; i < m; i++) {
            const float *x = xs + (size_t)i * c->d;
            const double squared = co_vector_dot(x, x, c->d) + c->square[j] -
                                   2.0 * co_vector_dot(x, c->centre + j * c->d, c->d);
            if (j == 0 || squared < distance[i]) distance[i] = fmax(squared, 0.0);
            total += distance[i];
        }
        const double u = co_draw_uniform(&stream) * total;
        for (chosen = 0; chosen < m - 1 && (sum += distance[chosen]) <= u;) chosen++;
    }
}

static co_status start(clustering *c)
{
    const co_partition_input *in = c->in;
    const int64_t wish = (int64_t)c->k > SAMPLE ? (int64_t)c->k : SAMPLE,
                  m = in->n_examples < wish ? in->n_examples : wish;
    int64_t *ids = co_malloc((size_t)m, sizeof *ids);
    float *xs = co_malloc((size_t)m * c->d, sizeof *xs);
    double *distance = co_malloc((size_t)m, sizeof *distance);
    co_status st = ids && xs && distance ? draw_sample(c, ids, m)
                                         : CO_FAIL(CO_ENOMEM, "sample of %lld", (long long)m);
    if (st == CO_OK) {
        co_dataset_gather(in->data, ids, (size_t)m, xs);
        seed(c, xs, m, distance);
    }
    co_free(ids);
    co_free(xs);
    co_free(distance);
    return st;
}

/* Assigns this rank's rows and sums them up; how many changed their cluster. */
static int64_t assign_rows(clustering *c)
{
    const co_partition_input *in = c->in;
    int64_t ids[CHUNK], n_changed = 0;
    const int64_t last = co_partition_span(in->data->n, in->rank + 1, in->size);
    memset(c->sum, 0, c->k * c->d * sizeof *c->sum);
    memset(c->n, 0, c->k * sizeof *c->n);
    for (int64_t at = co_partition_span(in->data->n, in->rank, in->size); at < last;) {
        size_t m = 0;
        for (; at < last && m < CHUNK; at++)
            if (co_partition_is_train(in, at)) ids[m++] = at;
        co_dataset_gather(in->data, ids, m, c->x);
        for (size_t i = 0; i < m; i++) {
            const float *x = c->x + i * c->d;
            const int32_t j = nearest(c, x, c->k);
            n_changed += j != c->cluster[ids[i]];
            c->cluster[ids[i]] = j;
            c->n[j]++;
            for (size_t f = 0; f < c->d; f++)
                c->sum[(size_t)j * c->d + f] += (int64_t)llrint((double)x[f] * c->unit);
        }
    }
    return n_changed;
}

static void average(clustering *c)
{
    for (size_t j = 0; j < c->k; j++) {
        if (c->n[j] == 0) continue;
        float *centre = c->centre + j * c->d;
        for (size_t f = 0; f < c->d; f++)
            centre[f] = (float)((double)c->sum[j * c->d + f] / c->unit / (double)c->n[j]);
        c->square[j] = co_vector_dot(centre, centre, c->d);
    }
}

static void iterate(clustering *c, int iterations)
{
    const co_partition_input *in = c->in;
    for (int i = 0; i < iterations; i++) {
        int64_t n_changed = assign_rows(c);
        if (in->size > 1) {
            MPI_Allreduce(MPI_IN_PLACE, &n_changed, 1, MPI_INT64_T, MPI_SUM, in->ranks);
            MPI_Allreduce(MPI_IN_PLACE, c->n, (int)c->k, MPI_INT64_T, MPI_SUM, in->ranks);
            for (size_t j = 0; j < c->k; j++)
                MPI_Allreduce(MPI_IN_PLACE, c->sum + j * c->d, (int)c->d, MPI_INT64_T, MPI_SUM,
                              in->ranks);
        }
        if (i > 0 && n_changed == 0) return;
        average(c);
    }
}

/* Every rank gets the clusters of all rows. */
static void broadcast_clusters(clustering *c)
{
    const int64_t n = c->in->data->n;
    for (int r = 0; c->in->size > 1 && r < c->in->size; r++) {
        const int64_t from = co_partition_span(n, r, c->in->size);
        MPI_Bcast(c->cluster + from, (int)(co_partition_span(n, r + 1, c->in->size) - from),
                  MPI_INT32_T, r, c->in->ranks);
    }
}

co_status co_kmeans(const co_partition_input *in, size_t k, int iterations, int32_t **cluster)
{
    const size_t d = in->data->x_size;
    clustering c = {.in = in, .k = k, .d = d};
    c.centre = co_calloc(k * d, sizeof *c.centre);
    c.square = co_calloc(k, sizeof *c.square);
    c.sum = co_malloc(k * d, sizeof *c.sum);
    c.n = co_malloc(k, sizeof *c.n);
    c.x = co_malloc(CHUNK * d, sizeof *c.x);
    c.cluster = co_calloc((size_t)in->data->n, sizeof *c.cluster);
    co_status st = c.centre && c.square && c.sum && c.n && c.x && c.cluster
                       ? CO_OK
                       : CO_FAIL(CO_ENOMEM, "%zu clusters of %zu features", k, d);
    if (st == CO_OK && in->n_examples > 0) st = start(&c);
    st = co_partition_agree(in, st);
    if (st == CO_OK && in->n_examples > 0) {
        find_unit(&c);
        iterate(&c, iterations);
        broadcast_clusters(&c);
    }
    co_free(c.centre);
    co_free(c.square);
    co_free(c.sum);
    co_free(c.n);
    co_free(c.x);
    if (st == CO_OK)
        *cluster = c.cluster;
    else
        co_free(c.cluster);
    return st;
}
