/* Every transform of the list under the same laws; new members join by themselves. */
#include "aggregators/stages/stage.h"
#include "core/exact.h"
#include "core/vector.h"
#include "tests/harness.h"
#include "tests/kinds/options.h"
#include <math.h>

enum { N = 5000, SLOTS = 2 };
static float memory[SLOTS][N], *const state[SLOTS] = {memory[0], memory[1]};

/* As for a device that takes part for the first time. */
static void forget(void)
{
    memset(memory, 0, sizeof memory);
}

/* yaml NULL: the member's own sample. */
static void *open_member(const co_stage *member, const char *yaml)
{
    co_node *root;
    void *self = NULL;
    if (!yaml) yaml = member->sample ? member->sample : "{}";
    const co_config opt = test_options(yaml, "transforms", &member->params, 1, &root);
    if (member->create) cr_assert_eq(member->create(&opt, &self), CO_OK);
    co_node_destroy(root);
    const co_stage_site site = {.cohort = 10, .population = 100};
    if (member->ready) cr_assert_eq(member->ready(self, &site), CO_OK);
    return self;
}

static void close_member(const co_stage *member, void *self)
{
    if (member->destroy) member->destroy(self);
    cr_expect_eq(co_memory_blocks(), 0);
}

static void apply(const co_stage *member, void *self, float *update, float *const *kept)
{
    const co_stage_key key = {.seed = 1, .step = 1, .device = 3, .cohort = 10};
    static uint64_t residue[N];
    const co_part all = {0, 0, N};
    co_contribution c = {.n = N,
                         .factor = 1.0,
                         .part = &all,
                         .n_parts = 1,
                         .update = update,
                         .residue = residue,
                         .norm = co_vector_norm(update, N),
                         .weight = 1.0,
                         .coefficient = 0.1};
    member->forward(self, &key, &c, kept);
    if (member->gives == CO_FLOATS)
        cr_expect(isnan(c.norm) || c.norm == co_vector_norm(update, N), "%s: another norm",
                  member->name);
    if (member->message) {
        co_message m = {N, 32.0, 0};
        member->message(self, &m);
        cr_expect(co_message_bytes(&m) >= 0 && m.n_values <= N, "%s: message", member->name);
    }
}

#define EACH_MEMBER(member)                                                                        \
    for (const co_plugin *const *at_ = co_kind_stage.members; *at_; at_++)                         \
        for (const co_stage *member = co_stage_find((*at_)->name); member; member = NULL)

Test(transform, finite_stays_finite_and_nothing_stays_nothing)
{
    EACH_MEMBER(member)
    {
        void *self = open_member(member, NULL);
        for (int k = 0; k < 4; k++) {
            static const float scale[] = {0.0f, 1e-30f, 1.0f, 1e30f};
            static float u[N];
            test_fill(600, N, scale[k], u);
            forget();
            apply(member, self, u, state);
            cr_expect(co_vector_finite(u, N), "%s at %g", member->name, (double)scale[k]);
            if (k == 0)
                cr_expect((co_vector_norm(u, N) == 0.0) == !member->guarantee, "%s", member->name);
        }
        close_member(member, self);
    }
}

/* What a device gets does not depend on the devices before it. */
Test(transform, a_device_leaves_nothing_behind)
{
    EACH_MEMBER(member)
    {
        static float first[N], again[N];
        void *self = open_member(member, NULL);
        test_fill(601, N, 3.0f, first);
        memcpy(again, first, sizeof first);
        forget();
        apply(member, self, first, state);
        static float other[N];
        test_fill(602, N, 50.0f, other);
        forget();
        apply(member, self, other, state);
        forget();
        apply(member, self, again, state);
        cr_expect_arr_eq(first, again, sizeof first, "%s", member->name);
        close_member(member, self);
    }
}

Test(transform, clip_bounds_the_norm_and_keeps_the_direction)
{
    const co_stage *clip = co_stage_find("clip");
    void *self = open_member(clip, "{norm: 2.5}");
    static float u[N], v[N];
    test_fill(603, N, 1.0f, u);
    memcpy(v, u, sizeof u);
    apply(clip, self, v, NULL);
    cr_expect_float_eq(co_vector_norm(v, N), 2.5, 1e-6);
    cr_expect_float_eq(co_vector_dot(u, v, N) / co_vector_norm(u, N), 2.5, 1e-6);
    for (size_t j = 0; j < N; j++) u[j] = v[j] * 0.5f;
    memcpy(v, u, sizeof u);
    apply(clip, self, v, NULL);
    cr_expect_arr_eq(u, v, sizeof u);
    close_member(clip, self);
}

Test(transform, options_have_texts)
{
    static const co_param name[] = {{.key = "name"}, {0}};
    EACH_MEMBER(member) test_option_texts((const co_plugin *)member, name);
}

/* The sum of what a device said, older rounds fading by beta. */
Test(transform, momentum_sums_what_the_device_said)
{
    const co_stage *momentum = co_stage_find("momentum");
    void *self = open_member(momentum, "{beta: 0.5}");
    forget();
    for (int round = 0; round < 4; round++) {
        static const float want[] = {1.0f, 1.5f, 1.75f, 1.875f};
        static float u[N];
        for (size_t j = 0; j < N; j++) u[j] = 1.0f;
        apply(momentum, self, u, state);
        cr_expect_float_eq(u[N - 1], want[round], 1e-7);
    }
    close_member(momentum, self);
}

/* What makes integers says what they are; what takes them gives them on. */
Test(transform, domains_are_stated_in_full)
{
    EACH_MEMBER(member)
    {
        if (member->takes == CO_INTEGERS) cr_expect_eq(member->gives, CO_INTEGERS);
        if (member->takes == CO_INTEGERS || member->gives == CO_FLOATS) continue;
        cr_assert(member->ring && member->forward && member->backward, "%s", member->name);
        void *self = open_member(member, NULL);
        const co_ring ring = member->ring(self, 10);
        cr_expect(ring.bits > 0 && ring.bits <= CO_MAX_RING_BITS, "%s", member->name);
        cr_expect(ring.wraps || (ring.bound > 0.0 && ring.bound < ldexp(1.0, ring.bits)), "%s",
                  member->name);
        close_member(member, self);
    }
}
