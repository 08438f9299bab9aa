/* sim/observers/registry.c - finds members of the kind observer by name, and walks those of a run.
 */
#include "sim/run.h"

#define X(name) extern const co_observer co_observer_##name;
#include "sim/observers/list.h"
#undef X

static const co_plugin *const members[] = {
#define X(name) (const co_plugin *)&co_observer_##name,
#include "sim/observers/list.h"
#undef X
    NULL};

const co_kind co_kind_observer = {
    "observer", "what watches a run, writes it down and may end it; chosen by eval, stop, output",
    members};

const co_observer *co_observer_find(const char *name)
{
    return (const co_observer *)co_plugin_find(&co_kind_observer, name);
}

#define EACH_MEMBER(k, member)                                                                     \
    for (size_t k = 0; members[k]; k++)                                                            \
        for (const co_observer *member = (const co_observer *)members[k]; member; member = NULL)

void co_observers_columns(const co_run *run, co_eval_columns *columns)
{
    EACH_MEMBER(k, member) if (member->columns) member->columns(run, columns);
}

co_status co_observers_create(co_run *run)
{
    EACH_MEMBER(k, member)
    {
        CO_ASSERT(k < CO_MAX_OBSERVERS);
        CO_TRY(member->create(run, &run->observers.self[k]));
    }
    return CO_OK;
}

void co_observers_destroy(co_run *run)
{
    EACH_MEMBER(k, member) if (member->destroy) member->destroy(run->observers.self[k]);
    run->observers = (co_observers){0};
}

void co_observers_needs(co_run *run, co_needs *needs)
{
    EACH_MEMBER(k, member)
    if (member->needs && run->observers.self[k]) member->needs(run->observers.self[k], run, needs);
}

co_status co_observers_load(co_run *run)
{
    EACH_MEMBER(k, member)
    if (member->load && run->observers.self[k]) CO_TRY(member->load(run->observers.self[k], run));
    return CO_OK;
}

co_status co_observers_begin(co_run *run)
{
    EACH_MEMBER(k, member)
    if (member->begin && run->observers.self[k]) CO_TRY(member->begin(run->observers.self[k], run));
    return CO_OK;
}

void co_observers_see(co_run *run, const co_plan_row *row, const co_given *given)
{
    EACH_MEMBER(k, member)
    if (member->see && run->observers.self[k]) member->see(run->observers.self[k], run, row, given);
}

co_status co_observers_step(co_run *run)
{
    EACH_MEMBER(k, member)
    if (member->step && run->observers.self[k] && run->ending != CO_DIVERGED)
        CO_TRY(member->step(run->observers.self[k], run));
    return CO_OK;
}

co_status co_observers_end(co_run *run)
{
    co_status first = CO_OK;
    EACH_MEMBER(k, member)
    {
        if (!member->end || !run->observers.self[k]) continue;
        const co_status st = member->end(run->observers.self[k], run);
        if (first == CO_OK) first = st;
    }
    return first;
}
