/* partition/statistics_list.c - the statistics of a partition as a list of names and numbers. */
#include "core/memory.h"
#include "partition/statistics.h"

co_status co_statistic_add(co_partition *p, const char *name, double value)
{
    CO_ASSERT(p->n_stats < CO_MAX_STATISTICS);
    char *copy = co_strdup(name);
    if (!copy) return CO_FAIL(CO_ENOMEM, "name of a statistic");
    p->stat_name[p->n_stats] = copy;
    p->stat[p->n_stats++] = value;
    return CO_OK;
}
