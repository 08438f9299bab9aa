/* Every transform of the list under the same laws; new members join by themselves. */
#include "core/exact.h"
#include "tests/aggregators/stages.h"
#include "tests/harness.h"

enum { N = 5000, SLOTS = 2 };
static float memory[SLOTS][N], *const state[SLOTS] = {memory[0], memory[1]};

/* As for a device that takes part for the first time. */
static void forget(void)
{
    memset(memory, 0, sizeof memory);
}

static open_site site;

/* yaml NULL: the member's own sample. */
static void *open_member(const co_stage *member, const char *yaml)
{
    if (!yaml) yaml = member->sample ? member->sample : "{}";
    stage_bench b;
    make_site(&site, N);
    const co_stage_site at = site_of(&site);
    open_stage(&b, member->name, yaml, &at);
    return b.self;
}

static void close_member(const co_stage *member, void *self)
{
    if (member->destroy) member->destroy(self);
    cr_expect_eq(co_memory_blocks(), 0);
}

/* On part[n_parts] of the model, as a device of that id. */
static co_contribution apply_on(const co_stage *member, void *self, const co_part *part,
                                size_t n_parts, int64_t device, float *update, uint64_t *residue,
                                float *const *kept)
{
    const co_stage_key key = {.seed = 1, .step = 1, .device = device, .cohort = 10};
    const size_t n = part[n_parts - 1].at + part[n_parts - 1].size;
    int64_t counts[16] = {0};
    CO_ASSERT(member->n_counts <= 16);
    co_contribution c = {.n = n,
                         .counts = counts,
                         .factor = 1.0,
                         .part = part,
                         .n_parts = n_parts,
                         .update = update,
                         .residue = residue,
                         .norm = co_vector_norm(update, n),
                         .n_values = (int64_t)n,
                         .coded_bits = NAN,
                         .weight = 1.0,
                         .coefficient = 0.1};
    member->forward(self, &key, &c, kept);
    if (member->gives == CO_FLOATS)
        cr_expect(isnan(c.norm) || c.norm == co_vector_norm(update, n), "%s: another norm",
                  member->name);
    c.counts = NULL;
    return c;
}

static void apply(const co_stage *member, void *self, float *update, float *const *kept)
{
    static uint64_t residue[N];
    const co_part all = {0, 0, N};
    const co_contribution c = apply_on(member, self, &all, 1, 3, update, residue, kept);
    co_message m = {N, 32.0, 0};
    if (member->message) member->message(self, &m);
    cr_expect(co_message_bytes(&m) >= 0 && m.n_values <= N, "%s: message", member->name);
    cr_expect_eq(c.n_values, m.n_values, "%s: what it sends is not what its message says",
                 member->name);
    cr_expect(isnan(c.coded_bits) || c.coded_bits >= 0.0, "%s: coded", member->name);
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

/* What a stage that is blockwise makes of a block, it makes of it alone. */
Test(transform, a_block_is_worked_on_by_itself)
{
    EACH_MEMBER(member)
    {
        static float whole[N], alone[N];
        static uint64_t residue[N];
        if (!member->blockwise) continue;
        void *self = open_member(member, NULL);
        const co_part all = {0, 0, N};
        test_fill(604, N, 2.0f, whole);
        memcpy(alone, whole, sizeof whole);
        apply_on(member, self, &all, 1, 3, whole, residue, NULL);
        for (size_t at = 0; at < N; at += CO_BLOCK) {
            const co_part block = {at, 0, N - at < CO_BLOCK ? N - at : CO_BLOCK};
            apply_on(member, self, &block, 1, 3, alone + at, residue + at, NULL);
        }
        cr_expect_arr_eq(whole, alone, sizeof whole, "%s", member->name);
        close_member(member, self);
    }
}

/* Zeros stay where that is said, and what is sparse sends no more than its message has. */
Test(transform, what_is_zero_and_what_is_left_out)
{
    EACH_MEMBER(member)
    {
        static float u[2][N];
        static uint64_t residue[N];
        const co_part all = {0, 0, N};
        size_t n_sent[2] = {0}, n_both = 0;
        void *self = open_member(member, NULL);
        for (int k = 0; k < 2; k++) {
            test_fill(605 + (unsigned)k, N, 3.0f, u[k]);
            if (member->keeps_zeros)
                for (size_t j = 0; j < N; j += 3) u[k][j] = 0.0f;
            forget();
            apply_on(member, self, &all, 1, k, u[k], residue, state);
            for (size_t j = 0; j < N && member->keeps_zeros; j += 3)
                cr_assert(member->gives == CO_FLOATS ? u[k][j] == 0.0f : residue[j] == 0, "%s",
                          member->name);
        }
        for (size_t j = 0; j < N; j++) {
            n_sent[0] += u[0][j] != 0.0f, n_sent[1] += u[1][j] != 0.0f;
            n_both += u[0][j] != 0.0f && u[1][j] != 0.0f;
        }
        co_message m = {N, 32.0, 0};
        if (member->message) member->message(self, &m);
        if (member->sparse) {
            cr_expect(n_sent[0] <= (size_t)m.n_values && m.n_values < N / 2, "%s", member->name);
            cr_expect_eq(n_both == n_sent[0] && n_both == n_sent[1], member->same_places, "%s",
                         member->name);
        }
        cr_expect(!member->same_places || member->sparse, "%s", member->name);
        close_member(member, self);
    }
}

/* What does not travel is not looked at where it would be, nor written. */
Test(transform, what_stays_behind_is_left_alone)
{
    static co_part parts[] = {{0, 0, 4096}, {8192, 4096, 904}};
    static co_part shared[] = {{10, 10, 2000}, {2100, 2100, 5}, {8192, 4096, 900}};
    static const co_layout holed = {.whole = 9096,
                                    .n = N,
                                    .n_parts = 2,
                                    .part = parts,
                                    .span = {[CO_SHARED] = shared},
                                    .n_spans = {[CO_SHARED] = 3},
                                    .n_shared = 2905};
    static const co_tensor tensor[] = {
        {.ndim = 2, .dim = {40, 50}, .offset = 10, .size = 2000},
        {.ndim = 1, .dim = {5}, .offset = 2100, .size = 5},
        {.ndim = 2, .dim = {30, 30}, .offset = 8192, .size = 900},
        {.ndim = 2, .dim = {20, 20}, .offset = 3000, .size = 400, .role = CO_PERSONAL}};
    const co_stage_site at = {.layout = &holed,
                              .tensor = tensor,
                              .n_tensors = 4,
                              .cohort = 10,
                              .population = 100,
                              .most_weight = 2.0};
    EACH_MEMBER(member)
    {
        static float u[N];
        static uint64_t residue[N];
        stage_bench b;
        open_stage(&b, member->name, member->sample ? member->sample : "{}", &at);
        memset(u, 0, sizeof u);
        for (int k = 0; k < 3; k++) test_fill(607, shared[k].size, 2.0f, u + shared[k].at);
        memset(residue, 0, sizeof residue);
        forget();
        const co_contribution c = apply_on(member, b.self, parts, 2, 3, u, residue, state);
        int64_t n_sent = 0;
        for (size_t j = 0; j < N; j++) n_sent += u[j] != 0.0f;
        if (member->sparse) cr_expect_eq(n_sent, c.n_values, "%s sends zeros", member->name);
        for (int k = 0; k < 3; k++) {
            memset(u + shared[k].at, 0, shared[k].size * sizeof *u);
            memset(residue + shared[k].at, 0, shared[k].size * sizeof *residue);
        }
        for (size_t j = 0; j < N; j++)
            cr_assert(u[j] == 0.0f && residue[j] == 0, "%s: %zu", member->name, j);
        cr_expect(c.n_values > 0);
        close_stage(&b);
    }
}

/* With the flags that the order of a chain goes by. */
Test(transform, flags_agree)
{
    EACH_MEMBER(member)
    {
        if (member->sparse) cr_expect(member->keeps_zeros, "%s", member->name);
        if (member->mixes) cr_expect(member->backward && !member->keeps_zeros, "%s", member->name);
        if (member->gives == CO_INTEGERS) cr_expect(member->coded, "%s", member->name);
        if (member->message && member->forward)
            cr_expect(member->enforced || member->gives == CO_INTEGERS,
                      "%s: attackers would send another message", member->name);
    }
}
