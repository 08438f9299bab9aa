/* tests/kinds/sampler.h - a selector on devices of given sizes, without a run. */
#pragma once
#include "core/memory.h"
#include "sim/selectors/selector.h"
#include "tests/kinds/options.h"
#include <criterion/criterion.h>

typedef struct {
    const co_selector *selector;
    co_selector_input in;
    void *self;
    int64_t *devices, *scratch;
    size_t room;
    double (*loss)(int64_t device, int64_t round); /* for a measuring pass; NULL: 1 everywhere */
} sampler;

/* Examples of the devices; NULL: 5 each. */
static inline int64_t sampler_held(const void *sizes, int64_t device)
{
    return sizes ? ((const int64_t *)sizes)[device] : 5;
}

static inline int64_t sampler_trip(void *trips, int64_t device)
{
    return trips ? ((const int64_t *)trips)[device] : 0;
}

static inline sampler open_sampler(const co_plugin *member, const char *yaml, int64_t n_devices,
                                   double per_round, const int64_t *sizes)
{
    sampler s = {.selector = (const co_selector *)member};
    s.in = (co_selector_input){.seed = 3,
                               .n_devices = n_devices,
                               .per_round = per_round,
                               .examples = sampler_held,
                               .population = sizes,
                               .trip = sampler_trip};
    co_node *root;
    const co_config opt = test_options(yaml, "devices", &member->params, 1, &root);
    if (s.selector->create) cr_assert_eq(s.selector->create(&opt, &s.in, &s.self), CO_OK);
    co_node_destroy(root);
    if (s.selector->look) s.selector->look(s.self, &s.in);
    s.room = co_selector_most(s.selector, n_devices, per_round);
    cr_assert(s.room >= 1 && s.room <= (size_t)n_devices);
    s.devices = co_malloc(s.room, sizeof *s.devices);
    s.scratch = co_malloc(co_draw_subset_scratch(s.room), sizeof *s.scratch);
    cr_assert(s.devices && s.scratch);
    return s;
}

static inline void close_sampler(sampler *s)
{
    if (s->selector->destroy) s->selector->destroy(s->self);
    co_free(s->devices);
    co_free(s->scratch);
}

/* Of a member with `draw`; with its measuring pass, where it has one. */
static inline size_t draw_wanted(sampler *s, const co_draw *wanted)
{
    const co_selector *m = s->selector;
    if (m->survey && m->most_surveyed(s->self) > 0) {
        const int64_t *devices;
        double *loss;
        const size_t n = m->survey(s->self, &s->in, wanted, &devices, &loss);
        cr_assert(n <= m->most_surveyed(s->self));
        for (size_t i = 0; i < n; i++) loss[i] = s->loss ? s->loss(devices[i], wanted->round) : 1.0;
    }
    return m->draw(s->self, &s->in, wanted, s->devices, s->scratch);
}

/* Those of a round, with everybody allowed. */
static inline size_t draw(sampler *s, int64_t round)
{
    const co_draw all = {.round = round, .m = (size_t)s->in.per_round};
    return s->selector->draw ? draw_wanted(s, &all)
                             : s->selector->select(s->self, &s->in, round, s->devices, s->scratch);
}
