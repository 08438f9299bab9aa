/* partition/proportions.c - Dirichlet draws in bulk, and cuts of n examples by weights.
 *
 * Gamma(a, 1), a >= 1: d = a - 1/3, c = 1/sqrt(9 d), x normal, v = (1 + c x)^3, accepted when log u
 * < x^2/2 + d (1 - v + log v); the result is d v. a < 1: a draw of a + 1 times U^(1/a), in logs, so
 * that nothing underflows. The first try of a device takes its words in bulk, by index; if it is
 * refused (2-5 %), the device goes on with a stream of its own, so that a draw depends on its name
 * alone. Cost: about 25 ns a draw. Source: Marsaglia & Tsang, ACM TOMS 26(3), 2000, sections 2
 * and 8. */
#include "partition/proportions.h"
#include "core/elementary.h"
#include <math.h>
#include <string.h>

enum { CHUNK = 1024, NORMAL = 0, WORD = 1, AGAIN = 2 };

static double uniform(uint32_t word) /* (0, 1) */
{
    return ((double)word + 0.5) * 0x1p-32;
}

/* log of the gamma draw of shape >= 1 from x and u; NAN when refused. */
static double try_gamma(double d, double c, double x, double u)
{
    const double w = 1.0 + c * x;
    if (w <= 0.0) return NAN;
    const double v = w * w * w, square = x * x, log_v = 3.0 * co_plain_log(w);
    if (u < 1.0 - 0.0331 * square * square) return log_v;
    return co_plain_log(u) < 0.5 * square + d * (1.0 - v + log_v) ? log_v : NAN;
}

/* What a shape alone decides. */
typedef struct {
    bool boost;
    double alpha, d, c, log_d, power;
} gamma_shape;

static gamma_shape shape_of(double alpha)
{
    const bool boost = alpha < 1.0;
    const double d = (boost ? alpha + 1.0 : alpha) - 1.0 / 3.0;
    return (gamma_shape){boost, alpha, d, 1.0 / sqrt(9.0 * d), co_plain_log(d), 1.0 / alpha};
}

/* Log of device's draw, from its words. */
static double draw_one(const co_partition_input *in, uint64_t draw_id, uint64_t group,
                       const gamma_shape *shape, int64_t device, float x, const uint32_t word[2])
{
    const double log_v = try_gamma(shape->d, shape->c, (double)x, uniform(word[0]));
    if (isnan(log_v)) {
        co_stream own = co_partition_stream(in, draw_id, AGAIN + (uint64_t)device, group);
        return co_draw_gamma_log(&own, shape->alpha);
    }
    const double log_weight = shape->log_d + log_v;
    return shape->boost ? log_weight + co_plain_log(uniform(word[1])) * shape->power : log_weight;
}

/* each: [n], or NULL: all have the same shape. */
static void draw_all(const co_partition_input *in, uint64_t draw_id, uint64_t group,
                     gamma_shape shape, const double *each, int64_t first, int64_t n,
                     double *log_weight)
{
    const co_stream normals = co_partition_stream(in, draw_id, NORMAL, group),
                    words = co_partition_stream(in, draw_id, WORD, group);
    float x[CHUNK];
    uint32_t word[2 * CHUNK];
    for (int64_t at = 0; at < n; at += CHUNK) {
        const size_t m = (size_t)(n - at < CHUNK ? n - at : CHUNK);
        co_fill_normal(&normals, (uint64_t)(first + at), m, x);
        co_fill_u32(&words, 2 * (uint64_t)(first + at), 2 * m, word);
        for (size_t i = 0; i < m; i++) {
            if (each) shape = shape_of(each[(size_t)at + i]);
            log_weight[(size_t)at + i] =
                draw_one(in, draw_id, group, &shape, first + at + (int64_t)i, x[i], word + 2 * i);
        }
    }
}

void co_proportions_draw(const co_partition_input *in, uint64_t draw_id, uint64_t group,
                         double alpha, int64_t first, int64_t n, double *log_weight)
{
    draw_all(in, draw_id, group, shape_of(alpha), NULL, first, n, log_weight);
}

void co_proportions_draw_each(const co_partition_input *in, uint64_t draw_id, uint64_t group,
                              const double *alpha, int64_t first, int64_t n, double *log_weight)
{
    draw_all(in, draw_id, group, (gamma_shape){0}, alpha, first, n, log_weight);
}

/* Each log weight becomes exp(x - largest) 2^s as an integer, in its place; returns their sum. */
static int64_t scale_weights(double *log_weight, int64_t m, double largest, double unit)
{
    int64_t sum = 0;
    for (int64_t i = 0; i < m; i++) {
        const double x = log_weight[i] - largest;
        const int64_t scaled = x < -45.0 ? 0 : (int64_t)(co_plain_exp(x) * unit + 0.5);
        memcpy(&log_weight[i], &scaled, sizeof scaled);
        sum += scaled;
    }
    return sum;
}

/* floor(before rate + offset), and n at the end. */
static inline int64_t place(int64_t before, int64_t total, double rate, double offset, int64_t n)
{
    const int64_t at = (int64_t)((double)before * rate + offset);
    return before == total || at > n ? n : at;
}

void co_proportions_cut(const co_partition_input *in, uint64_t draw_id, uint64_t group,
                        double *log_weight, int64_t n, int32_t *count, size_t stride)
{
    const int64_t m = in->last - in->first;
    double largest = -INFINITY, unit = 0x1p62;
    int64_t before = 0, total;
    for (int64_t k = 1; k < in->n_devices; k *= 2) unit *= 0.5;
    for (int64_t i = 0; i < m; i++) largest = log_weight[i] > largest ? log_weight[i] : largest;
    if (in->size > 1) MPI_Allreduce(MPI_IN_PLACE, &largest, 1, MPI_DOUBLE, MPI_MAX, in->ranks);
    if (!(largest > -INFINITY)) return;
    const int64_t own = total = scale_weights(log_weight, m, largest, unit);
    if (in->size > 1) {
        MPI_Exscan(&own, &before, 1, MPI_INT64_T, MPI_SUM, in->ranks);
        MPI_Allreduce(MPI_IN_PLACE, &total, 1, MPI_INT64_T, MPI_SUM, in->ranks);
    }
    if (in->rank == 0) before = 0;
    co_stream stream = co_partition_stream(in, draw_id, 0, group);
    stream.next = UINT64_C(1) << 62; /* far behind the words of the draws */
    const double offset = co_draw_uniform(&stream), rate = (double)n / (double)total;
    int64_t cut = place(before, total, rate, offset, n);
    for (int64_t i = 0; i < m; i++) {
        int64_t weight;
        memcpy(&weight, &log_weight[i], sizeof weight);
        before += weight;
        const int64_t next = place(before, total, rate, offset, n);
        if (next != cut) count[(size_t)i * stride] += (int32_t)(next - cut);
        cut = next;
    }
}
