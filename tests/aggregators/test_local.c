/* The stages of local privacy as a device meets them: means, variances, what two inputs can differ
 * by, what travels, whose draws they are, secret keys. */
#include "aggregators/stages/stage.h"
#include "privacy/accountants/gaussian.h"
#include "core/vector.h"
#include "tests/harness.h"
#include "tests/kinds/options.h"
#include <criterion/criterion.h>
#include <math.h>

enum { N = 3 * CO_BLOCK + 77 };

/* Coordinates [0, N) of which [skip, skip_end) stay on the device. */
static co_part part = {0, 0, N}, shared[2], own[1];
static co_layout layout;
static const co_layout *layout_without(size_t n, size_t skip, size_t skip_end)
{
    part = (co_part){0, 0, n};
    shared[0] = (co_part){0, 0, skip};
    shared[1] = (co_part){skip_end, skip_end, n - skip_end};
    own[0] = (co_part){skip, skip, skip_end - skip};
    layout = (co_layout){.whole = n,
                         .n = n,
                         .n_parts = 1,
                         .part = &part,
                         .n_shared = n - (skip_end - skip),
                         .n_grad = n};
    layout.span[CO_SHARED] = shared, layout.n_spans[CO_SHARED] = 2;
    layout.span[CO_PERSONAL] = own, layout.n_spans[CO_PERSONAL] = skip_end > skip;
    return &layout;
}

static void *open_stage(const char *name, const char *yaml, const co_layout *where)
{
    co_node *root;
    void *self = NULL;
    const co_stage *stage = co_stage_find(name);
    const co_config opt = test_options(yaml, "transforms", &stage->params, 1, &root);
    cr_assert_eq(stage->create(&opt, &self), CO_OK, "%s", co_status_message());
    co_node_destroy(root);
    const co_stage_site site = {.layout = where, .cohort = 10, .population = 100};
    cr_assert_eq(stage->ready(self, &site), CO_OK, "%s", co_status_message());
    return self;
}

static void send(const char *name, void *self, const co_stage_key *key, float *u, size_t n)
{
    co_contribution c = {.n = n,
                         .part = &part,
                         .n_parts = 1,
                         .update = u,
                         .norm = co_vector_norm(u, n),
                         .weight = 1.0,
                         .factor = 1.0,
                         .coefficient = 0.1};
    co_stage_find(name)->forward(self, key, &c, NULL);
    cr_assert(isnan(c.norm) && co_vector_finite(u, n));
}

static void close_stage(const char *name, void *self)
{
    co_stage_find(name)->destroy(self);
    cr_expect_eq(co_memory_blocks(), 0);
}

static co_stage_key key_of(int64_t step, int64_t device)
{
    return (co_stage_key){.seed = 7, .step = step, .device = device, .cohort = 10};
}

/* The mean of so many messages into mean[n], and their mean square error. */
static double average(const char *name, void *self, const float *u, const float *truth, size_t n,
                      int messages, float *mean)
{
    static float told[N];
    static double sum[N];
    double error = 0.0;
    memset(sum, 0, sizeof sum);
    for (int k = 0; k < messages; k++) {
        const co_stage_key key = key_of(1 + k % 50, k / 50);
        memcpy(told, u, n * sizeof *told);
        send(name, self, &key, told, n);
        for (size_t j = 0; j < n; j++) sum[j] += told[j];
        for (size_t j = 0; j < n; j++)
            error += ((double)told[j] - truth[j]) * ((double)told[j] - truth[j]);
    }
    for (size_t j = 0; j < n; j++) mean[j] = (float)(sum[j] / messages);
    return error / messages;
}

static double distance2(const float *x, const float *y, size_t n)
{
    double sum = 0.0;
    for (size_t j = 0; j < n; j++) sum += ((double)x[j] - y[j]) * ((double)x[j] - y[j]);
    return sum;
}

/* Unbiased for the clipped update, its mean square error as told; the mean of many comes as near as
 * that allows: short, of the clip's length, longer, and nothing. */
Test(local, messages_are_unbiased_for_the_clipped_update)
{
    enum { D = 100, MESSAGES = 8000 };
    static const struct {
        const char *name, *yaml;
        double each; /* variance of a coordinate; 0: that of PrivUnit */
        bool is_l1;
    } stage[] = {
        {"privunit", "{clip: 2, epsilon: 4}", 0.0, false},
        {"local_gaussian", "{clip: 2, noise_multiplier: 0.7, delta: 1e-5}", 1.4 * 1.4, false},
        {"local_laplace", "{clip: 2, epsilon: 5}", 2.0 * 0.8 * 0.8, true}};
    static const double length[] = {0.0, 0.6, 2.0, 30.0};
    for (int k = 0; k < 12; k++) {
        static float u[D], truth[D], mean[D];
        const bool is_l1 = stage[k / 4].is_l1;
        void *self = open_stage(stage[k / 4].name, stage[k / 4].yaml, layout_without(D, 40, 40));
        test_fill(800 + k, D, 1.0f, u);
        double norm = is_l1 ? co_norm_l1(u, D) : co_vector_norm(u, D);
        for (size_t j = 0; j < D; j++) u[j] = (float)(u[j] / norm * length[k % 4]);
        for (size_t j = 0; j < D; j++)
            truth[j] = (float)(length[k % 4] > 2.0 ? u[j] * 2.0 / length[k % 4] : u[j]);
        const double square = distance2(truth, (const float[D]){0}, D),
                     want = stage[k / 4].each > 0.0 ? D * stage[k / 4].each
                                                    : 4.0 * (1.0 + 42.818127) - square;
        const double error = average(stage[k / 4].name, self, u, truth, D, MESSAGES, mean),
                     left = distance2(mean, truth, D) * MESSAGES / want;
        cr_expect_float_eq(error / want, 1.0, 0.01, "%s, length %g: error %g, not %g",
                           stage[k / 4].name, length[k % 4], error, want);
        cr_expect(left > 0.4 && left < 1.7, "%s, length %g: bias, %g of the error",
                  stage[k / 4].name, length[k % 4], left);
        double along = 0.0;
        for (size_t j = 0; j < D; j++) along += (double)(mean[j] - truth[j]) * truth[j];
        if (square > 0.0)
            cr_expect(fabs(along) / sqrt(square) < 4.5 * sqrt(want / D * 3.0 / MESSAGES),
                      "%s, length %g: %g along the update", stage[k / 4].name, length[k % 4],
                      along);
        close_stage(stage[k / 4].name, self);
    }
}

Test(local, privunit_tells_one_length_only)
{
    void *self = open_stage("privunit", "{clip: 0.5, epsilon: 4}", layout_without(100, 0, 0));
    for (int k = 0; k < 30; k++) {
        static float u[100];
        const co_stage_key key = key_of(k, 2);
        test_fill(820 + k, 100, powf(10.0f, (float)(k - 15)), u);
        send("privunit", self, &key, u, 100);
        cr_expect_float_eq(co_vector_norm(u, 100) / (0.5 / 0.15106821), 1.0, 1e-5);
    }
    close_stage("privunit", self);
}

/* Under the same draws two messages differ by twice the clip at most, and opposite updates by just
 * that: so much noise has to cover. */
Test(local, two_inputs_differ_by_twice_the_clip_at_most)
{
    static const struct {
        const char *name, *yaml;
        double clip;
    } stage[] = {{"local_gaussian", "{clip: 3, noise_multiplier: 1e-3, delta: 1e-5}", 3.0},
                 {"local_laplace", "{clip: 3, epsilon: 900}", 3.0}};
    for (int which = 0; which < 2; which++) {
        void *self = open_stage(stage[which].name, stage[which].yaml, layout_without(600, 9, 9));
        double most = 0.0;
        for (int k = 0; k < 400; k++) {
            static float x[600], y[600];
            const co_stage_key key = key_of(k, 1);
            const bool opposite = k % 4 == 0;
            test_fill(840 + k, k % 3 ? 600 : 1, powf(10.0f, (float)(k % 7 - 2)), x);
            test_fill(1400 + k, 600, powf(10.0f, (float)(k % 5 - 1)), y);
            for (size_t j = 0; opposite && j < 600; j++) y[j] = -x[j];
            send(stage[which].name, self, &key, x, 600);
            send(stage[which].name, self, &key, y, 600);
            for (size_t j = 0; j < 600; j++) x[j] -= y[j];
            most = fmax(most, which ? co_norm_l1(x, 600) : co_vector_norm(x, 600));
        }
        cr_expect(most <= 2.0 * stage[which].clip && most > 1.999 * stage[which].clip, "%s: %.9g",
                  stage[which].name, most);
        close_stage(stage[which].name, self);
    }
}

/* Whatever stands around what travels: nothing of it moves, and its direction is not told. */
Test(local, what_stays_on_the_device_is_left_alone)
{
    static const char *const name[] = {"privunit", "local_gaussian", "local_laplace"};
    for (int k = 0; k < 3; k++) {
        static float u[N];
        const co_stage_key key = key_of(1, 1);
        void *self =
            open_stage(name[k], co_stage_find(name[k])->sample, layout_without(N, 4000, 8200));
        memset(u, 0, sizeof u);
        send(name[k], self, &key, u, N);
        double inside = 0.0;
        for (size_t j = 4000; j < 8200; j++) inside += fabs((double)u[j]);
        cr_expect_eq(inside, 0.0, "%s", name[k]);
        for (size_t j = 0; j < N; j++)
            cr_assert(u[j] != 0.0f || (j >= 4000 && j < 8200), "%s: no noise at %zu", name[k], j);
        close_stage(name[k], self);
    }
}

/* Correlation in units of its standard deviation. */
static double z_of(const float *x, const float *y, size_t n)
{
    double xy = 0.0, xx = 0.0, yy = 0.0;
    for (size_t j = 0; j < n; j++)
        xy += (double)x[j] * y[j], xx += (double)x[j] * x[j], yy += (double)y[j] * y[j];
    return xy / sqrt(xx * yy) * sqrt((double)n);
}

/* Other seeds, steps, devices: other draws; the same: the same bits. No block's draws are
 * another's, also where what travels begins in the middle of a block. */
Test(local, draws_are_of_one_message_and_one_coordinate)
{
    static const char *const name[] = {"privunit", "local_gaussian", "local_laplace"};
    static const co_stage_key keys[] = {{7, 1, 1, 10, NULL},
                                        {8, 1, 1, 10, NULL},
                                        {7, 2, 1, 10, NULL},
                                        {7, 1, 2, 10, NULL},
                                        {7, 1, 1, 10, NULL}};
    for (int k = 0; k < 3; k++) {
        static float u[5][N];
        void *self =
            open_stage(name[k], co_stage_find(name[k])->sample, layout_without(N, 1000, 1010));
        memset(u, 0, sizeof u);
        for (int i = 0; i < 5; i++) send(name[k], self, &keys[i], u[i], N);
        cr_expect_arr_eq(u[0], u[4], sizeof u[0], "%s", name[k]);
        for (int i = 1; i < 4; i++)
            cr_expect(fabs(z_of(u[0], u[i], N)) < 4.5, "%s: key %d", name[k], i);
        static const size_t at[] = {0, 1010, CO_BLOCK, 2 * CO_BLOCK};
        for (int i = 0; i < 4; i++)
            for (int j = 0; j < i; j++)
                cr_expect(fabs(z_of(u[0] + at[i], u[0] + at[j], 900)) < 4.5,
                          "%s: draws from %zu and from %zu on are alike", name[k], at[i], at[j]);
        close_stage(name[k], self);
    }
}

static void refuse(const char *name, const char *yaml, const char *why)
{
    co_node *root;
    void *self = NULL;
    const co_stage *stage = co_stage_find(name);
    const co_config opt = test_options(yaml, "transforms", &stage->params, 1, &root);
    cr_expect_eq(stage->create(&opt, &self), CO_EUSAGE, "%s %s", name, yaml);
    cr_expect(strstr(co_status_message(), why), "%s", co_status_message());
    co_node_destroy(root);
    cr_expect_eq(co_memory_blocks(), 0);
}

Test(local, what_cannot_be_is_refused_with_the_reason)
{
    refuse("privunit", "{clip: 1, epsilon: 2, secure: true}", "low bits leak");
    refuse("local_gaussian", "{clip: 1, epsilon: 2, delta: 1e-5, secure: true}", "low bits leak");
    refuse("local_gaussian", "{clip: 1, delta: 1e-5}", "noise_multiplier, or epsilon");
    refuse("local_gaussian", "{clip: 1, delta: 1e-5, epsilon: 1, noise_multiplier: 1}", "either");
    co_node *root;
    void *self = NULL;
    const co_stage *privunit = co_stage_find("privunit");
    const co_config opt =
        test_options("{clip: 1, epsilon: 1}", "transforms", &privunit->params, 1, &root);
    cr_assert_eq(privunit->create(&opt, &self), CO_OK);
    co_node_destroy(root);
    const co_stage_site site = {.layout = layout_without(50, 2, 49)};
    cr_expect_eq(privunit->ready(self, &site), CO_EUSAGE);
    cr_expect(strstr(co_status_message(), "found 3"), "%s", co_status_message());
    close_stage("privunit", self);
}

/* Secret noise is of the key, a device and a step, and has nothing of the seed. */
Test(local, secret_noise_is_of_the_key)
{
    static float u[6][N];
    co_noise_source one = {.is_secret = true}, other = {.is_secret = true};
    for (int k = 0; k < CO_NOISE_KEY_BYTES; k++)
        one.key[k] = (unsigned char)k, other.key[k] = (unsigned char)(k + 1);
    void *self =
        open_stage("local_laplace", "{clip: 1, epsilon: 2, secure: true}", layout_without(N, 0, 0));
    const co_stage_key keys[] = {{7, 1, 1, 10, &one},
                                 {7, 1, 1, 10, &other},
                                 {7, 2, 1, 10, &one},
                                 {7, 1, 2, 10, &one},
                                 {9, 1, 1, 10, &one}};
    for (int i = 0; i < 5; i++) send("local_laplace", self, &keys[i], u[i], N);
    cr_expect_arr_eq(u[0], u[4], sizeof u[0], "the seed matters");
    for (int i = 1; i < 4; i++) cr_expect(fabs(z_of(u[0], u[i], N)) < 4.5, "key %d", i);
    close_stage("local_laplace", self);
    self = open_stage("local_laplace", "{clip: 1, epsilon: 2}", layout_without(N, 0, 0));
    send("local_laplace", self, &keys[0], u[5], N);
    cr_expect(fabs(z_of(u[0], u[5], N)) < 4.5);
    close_stage("local_laplace", self);
}

/* What a stage says of a message is what it does. */
Test(local, guarantees_are_of_what_is_done)
{
    co_release r;
    void *self =
        open_stage("local_gaussian", "{clip: 2, epsilon: 3, delta: 1e-6}", layout_without(N, 0, 0));
    co_stage_find("local_gaussian")->guarantee(self, &r);
    cr_expect(r.epsilon == 3.0 && r.delta == 1e-6 && r.clip == 2.0);
    cr_expect_float_eq(co_gaussian_delta(2.0 * r.clip / r.noise_std, 3.0) / 1e-6, 1.0, 1e-6);
    static float u[N];
    memset(u, 0, sizeof u);
    const co_stage_key key = key_of(1, 1);
    send("local_gaussian", self, &key, u, N);
    cr_expect_float_eq(co_vector_norm(u, N) / sqrt((double)N) / r.noise_std, 1.0, 0.03);
    close_stage("local_gaussian", self);
    self = open_stage("local_laplace", "{clip: 2, epsilon: 3}", layout_without(N, 0, 0));
    co_stage_find("local_laplace")->guarantee(self, &r);
    cr_expect(r.noise_std / sqrt(2.0) >= 2.0 * 2.0 / 3.0 && r.epsilon == 3.0 && r.delta == 0.0);
    memset(u, 0, sizeof u);
    send("local_laplace", self, &key, u, N);
    cr_expect_float_eq(co_vector_norm(u, N) / sqrt((double)N) / r.noise_std, 1.0, 0.05);
    cr_expect_float_eq(co_norm_l1(u, N) / N * sqrt(2.0) / r.noise_std, 1.0, 0.04);
    close_stage("local_laplace", self);
}
