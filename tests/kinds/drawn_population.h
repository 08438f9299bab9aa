/* tests/kinds/drawn_population.h - an experiment on drawn devices without MPI: what a planner or a
 * work of one rank works on. */
#pragma once
#include "core/memory.h"
#include "sim/devices/population.h"
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

/* `more`: sections in YAML beside data. drawn_close gives all back. */
static inline void drawn_open(const char *more, co_experiment *e, co_population *p)
{
    char text[2000];
    snprintf(
        text, sizeof text,
        "name: test\nrounds: 100\ndata: {generator: synthetic, devices: 30, alpha: 1, beta: 1, "
        "features: 8, classes: 4}\n%s\n",
        more);
    cr_assert_eq(co_experiment_parse(text, "test.yaml", e), CO_OK, "%s", co_status_message());
    *p = (co_population){.task = "classification",
                         .most_rows = 1,
                         .mean_rows = 1.0,
                         .drawn_device = -1,
                         .test_fraction = co_config_real(&e->data, "test_fraction")};
    cr_assert_eq(co_synthetic_init(&p->generator, &e->data, (uint64_t)e->seed), CO_OK);
    p->n_devices = p->generator.n_devices;
    p->x_size = (size_t)p->generator.features;
    p->shape = (co_shape){.ndim = 1, .dim = {p->x_size}};
    p->scratch = co_malloc(co_synthetic_scratch(&p->generator), sizeof *p->scratch);
    cr_assert(p->scratch);
    cr_assert_eq(co_labels_init(&p->labels, NULL, (size_t)p->generator.classes), CO_OK);
}

static inline void drawn_close(co_experiment *e, co_population *p)
{
    co_labels_fini(&p->labels);
    co_free(p->scratch);
    co_free(p->drawn_x);
    co_free(p->drawn_y);
    co_experiment_fini(e);
}
