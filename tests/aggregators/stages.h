/* tests/aggregators/stages.h - a stage with its options, and updates through it. */
#pragma once
#include "aggregators/stages/stage.h"
#include "core/vector.h"
#include "tests/kinds/options.h"
#include <math.h>

typedef struct {
    const co_stage *member;
    void *self;
    const co_layout *layout;
} stage_bench;

/* Where everything travels: a matrix of 60 x (n / 64) and a vector with the rest. */
typedef struct {
    co_part all;
    co_layout layout;
    co_tensor tensor[2];
} open_site;

static inline void make_site(open_site *s, size_t n)
{
    const size_t cols = n / 64;
    *s = (open_site){
        .all = {0, 0, n},
        .tensor = {
            {.ndim = 2, .dim = {60, cols}, .size = 60 * cols},
            {.ndim = 1, .dim = {n - 60 * cols}, .offset = 60 * cols, .size = n - 60 * cols}}};
    s->layout = (co_layout){.whole = n,
                            .n = n,
                            .n_parts = 1,
                            .part = &s->all,
                            .span = {[CO_SHARED] = &s->all},
                            .n_spans = {[CO_SHARED] = 1},
                            .n_shared = n};
}

static inline co_stage_site site_of(const open_site *s)
{
    return (co_stage_site){.layout = &s->layout,
                           .tensor = s->tensor,
                           .n_tensors = 2,
                           .cohort = 10,
                           .population = 100,
                           .most_weight = 2.0};
}

/* The status of the first of create and ready that fails; then there is nothing to close. */
static inline co_status try_stage(stage_bench *b, const char *name, const char *yaml,
                                  const co_stage_site *site)
{
    co_node *root;
    *b = (stage_bench){.member = co_stage_find(name), .layout = site->layout};
    cr_assert(b->member, "%s", co_status_message());
    const co_config opt = test_options(yaml, "transforms", &b->member->params, 1, &root);
    co_status st = b->member->create ? b->member->create(&opt, &b->self) : CO_OK;
    co_node_destroy(root);
    if (st != CO_OK) return st;
    st = b->member->ready ? b->member->ready(b->self, site) : CO_OK;
    if (st != CO_OK && b->member->destroy) b->member->destroy(b->self);
    return st;
}

static inline void open_stage(stage_bench *b, const char *name, const char *yaml,
                              const co_stage_site *site)
{
    cr_assert_eq(try_stage(b, name, yaml, site), CO_OK, "%s", co_status_message());
}

static inline void close_stage(stage_bench *b)
{
    if (b->member->destroy) b->member->destroy(b->self);
    cr_expect_eq(co_memory_blocks(), 0, "%s", b->member->name);
}

/* Forward; weight 2 is the most. counts: of the last call. */
static inline co_contribution send_weighed(const stage_bench *b, uint64_t seed, int64_t step,
                                           int64_t device, float *update, uint64_t *residue,
                                           double weight)
{
    static int64_t counts[16];
    const co_stage_key key = {.seed = seed, .step = step, .device = device, .cohort = 10};
    memset(counts, 0, sizeof counts);
    co_contribution c = {.n = b->layout->n,
                         .counts = counts,
                         .part = b->layout->part,
                         .n_parts = b->layout->n_parts,
                         .update = update,
                         .residue = residue,
                         .norm = co_vector_norm(update, b->layout->n),
                         .weight = weight,
                         .factor = 1.0,
                         .coefficient = 0.1,
                         .n_values = (int64_t)b->layout->n_shared,
                         .coded_bits = NAN};
    b->member->forward(b->self, &key, &c, NULL);
    return c;
}

static inline co_contribution send_through(const stage_bench *b, uint64_t seed, int64_t step,
                                           int64_t device, float *update)
{
    return send_weighed(b, seed, step, device, update, NULL, 2.0);
}

static inline co_message message_of(const stage_bench *b)
{
    co_message m = {(int64_t)b->layout->n_shared, 32.0, 0};
    if (b->member->message) b->member->message(b->self, &m);
    return m;
}
