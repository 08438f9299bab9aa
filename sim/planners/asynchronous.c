/* sim/planners/asynchronous.c - devices that a step leaves under way, and those that it takes. */
#include "sim/planners/asynchronous.h"
#include "core/memory.h"

co_status co_asynchronous_init(co_asynchronous *a, const co_config *opt, const co_plan *plan,
                               size_t n_places)
{
    *a = (co_asynchronous){.staleness = co_staleness_from(opt)};
    a->row = co_calloc(plan->capacity, sizeof *a->row);
    co_status st = a->row ? CO_OK : CO_FAIL(CO_ENOMEM, "rows of %zu devices", plan->capacity);
    if (st == CO_OK) st = co_flights_init(&a->flights, n_places, plan->population->n_devices);
    if (st != CO_OK) co_asynchronous_fini(a);
    return st;
}

void co_asynchronous_fini(co_asynchronous *a)
{
    co_flights_fini(&a->flights);
    co_free(a->row);
    a->row = NULL;
}

void co_asynchronous_begin(co_asynchronous *a)
{
    co_flights_begin(&a->flights);
    a->n = 0;
}

co_status co_asynchronous_take(co_asynchronous *a, co_plan *plan, int64_t time, size_t most)
{
    while (a->n < most && co_flights_next(&a->flights) <= time) {
        const co_plan_row row = co_flights_take(&a->flights, plan);
        if (co_row_comes(&row))
            a->row[a->n++] = row;
        else
            CO_TRY(co_plan_lose(plan, &row));
    }
    return CO_OK;
}

co_status co_asynchronous_end(co_asynchronous *a, co_plan *plan, const co_clock *now)
{
    co_staleness_add(&a->staleness, plan, a->row, a->n);
    if (a->staleness.most >= 0)
        CO_TRY(co_flights_give_up(&a->flights, plan, now->step - a->staleness.most, plan->time));
    co_flights_end(&a->flights, plan);
    return CO_OK;
}

void co_asynchronous_keeps(void *self, co_keeps *keeps)
{
    co_flights_keeps(&((co_asynchronous *)self)->flights, keeps);
}

co_status co_asynchronous_check(const void *self, const co_plan *plan, const co_clock *now)
{
    return co_flights_check(&((const co_asynchronous *)self)->flights, plan->population->n_devices,
                            now);
}

size_t co_asynchronous_holds(const void *self, const int64_t **version)
{
    const co_flights *f = &((const co_asynchronous *)self)->flights;
    *version = f->version;
    return (size_t)f->n;
}
