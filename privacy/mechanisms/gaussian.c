/* privacy/mechanisms/gaussian.c - Gaussian noise rounded to the grid, vectorised: for simulation.
 *
 * Coordinate j gets rint(scale x_j), x_j the j-th normal draw (24 bits, |x| < 6.7) of a stream
 * keyed by (seed, round). As contributions are whole steps, rounding is post-processing of
 * continuous noise. A float generator has neither the tails nor the low bits of the law:
 * discrete_gaussian has. Cost: about 2 ns a coordinate. Source: Dwork et al. 2006 (Our Data,
 * Ourselves); McMahan et al. 2018, arXiv:1710.06963. */
#include "core/clones.h"
#include "core/status.h"
#include "privacy/mechanisms/mechanism.h"
#include <math.h>
#include <string.h>

enum { AT_ONCE = 2048 };

/* |scale x| < 2^31: the low half of x + 1.5 2^52 is the rounded integer. */
CO_CLONES static void add_rounded(const float *restrict normal, size_t n, double scale,
                                  int64_t *restrict sum)
{
    for (size_t j = 0; j < n; j++) {
        const double shifted = (double)normal[j] * scale + 0x1.8p52;
        int64_t bits;
        memcpy(&bits, &shifted, sizeof bits);
        sum[j] += bits - 0x4338000000000000;
    }
}

static void add(const co_noise_release *release, double scale, uint64_t first, size_t n,
                int64_t *sum)
{
    float normal[AT_ONCE];
    CO_ASSERT(!release->is_secret);
    const co_stream s =
        co_stream_open(release->seed, CO_DRAW_NOISE, release->round, UINT64_MAX, release->purpose);
    for (size_t at = 0; at < n; at += AT_ONCE) {
        const size_t m = n - at < AT_ONCE ? n - at : AT_ONCE;
        co_fill_normal(&s, first + at, m, normal);
        add_rounded(normal, m, scale, sum + at);
    }
}

const co_param co_mechanism_params[] = {
    {.key = "clip",
     .type = CO_REAL,
     .lo = 0.0,
     .hi = 1e12,
     .flags = CO_REQUIRED | CO_LO_OPEN,
     .doc = "most that one device's update may be, L2 norm (laplace: L1)"},
    {.key = "noise_multiplier",
     .type = CO_REAL,
     .lo = 0.0,
     .hi = 1e6,
     .flags = CO_OPTIONAL,
     .doc = "standard deviation (laplace: scale) of the noise on the sum / clip; or epsilon"},
    {.key = "epsilon",
     .type = CO_REAL,
     .lo = 0.0,
     .hi = 1e4,
     .flags = CO_OPTIONAL | CO_LO_OPEN,
     .doc = "target after `rounds`: the noise is found; or noise_multiplier"},
    {.key = "delta",
     .type = CO_REAL,
     .lo = 0.0,
     .hi = 1.0,
     .flags = CO_OPTIONAL | CO_HI_OPEN,
     .doc = "of the guarantee; at most 1 / population (laplace: default 0)"},
    {.key = "accountant",
     .type = CO_CHOICE,
     .words = "pld|rdp",
     .doc = "pld: tight, never above rdp; rdp: fast"},
    {.key = "conversion",
     .type = CO_CHOICE,
     .words = "improved|classic",
     .doc = "accountant rdp: to epsilon"},
    {.key = "noise_cohort",
     .type = CO_REAL,
     .lo = 0.0,
     .hi = 1e15,
     .flags = CO_OPTIONAL | CO_LO_OPEN,
     .doc = "simulates the noise of a cohort of that size: noise x per_round / noise_cohort"},
    {.key = "noise_population",
     .type = CO_REAL,
     .lo = 0.0,
     .hi = 1e15,
     .flags = CO_OPTIONAL | CO_LO_OPEN,
     .doc = "with noise_cohort: accounted at rate noise_cohort / noise_population"},
    {.key = "clip_quantile",
     .type = CO_REAL,
     .lo = 0.0,
     .hi = 1.0,
     .flags = CO_OPTIONAL,
     .doc = "adaptive clip, from `clip` on, towards that quantile of the norms (L2 mechanisms)"},
    {.key = "clip_rate",
     .type = CO_REAL,
     .def = 0.2,
     .lo = 0.0,
     .hi = 10.0,
     .doc = "adaptive clip: geometric step"},
    {.key = "clip_count_noise",
     .type = CO_REAL,
     .lo = 0.0,
     .hi = 1e15,
     .flags = CO_OPTIONAL | CO_LO_OPEN,
     .doc = "adaptive clip: standard deviation of the noise on the count (default cohort / 20)"},
    {.key = "secure",
     .type = CO_BOOL,
     .def = 0,
     .doc = "noise from a secret key, kept in the checkpoint alone"},
    {0}};

const co_mechanism co_mechanism_gaussian = {
    .name = "gaussian",
    .summary = "L2 clip, Gaussian noise rounded to a grid: fast, for simulation",
    .source = "McMahan et al. 2018, arXiv:1710.06963",
    .params = co_mechanism_params,
    .norm = CO_NORM_L2,
    .noise = CO_NOISE_GAUSSIAN,
    .spread = 1.0,
    .add = add};
