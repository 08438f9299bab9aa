/* core/room.c - free memory from /proc/meminfo and the control group's files. */
#include "core/room.h"
#include "core/log.h"
#include <stdio.h>
#include <string.h>

/* The number in a file, or after `key` in it; SIZE_MAX when there is none ("max"). */
static size_t number_in(const char *path, const char *key)
{
    char line[256];
    size_t value = SIZE_MAX;
    FILE *file = fopen(path, "r");
    if (!file) return value;
    while (fgets(line, sizeof line, file)) {
        const size_t skip = key ? strlen(key) : 0;
        if (key && strncmp(line, key, skip) != 0) continue;
        if (sscanf(line + skip, "%zu", &value) != 1) value = SIZE_MAX;
        break;
    }
    fclose(file);
    return value;
}

static size_t below_limit(size_t limit, size_t used)
{
    if (limit == SIZE_MAX || used == SIZE_MAX) return SIZE_MAX;
    return limit > used ? limit - used : 0;
}

size_t co_room_left(void)
{
    size_t left = number_in("/proc/meminfo", "MemAvailable:");
    if (left != SIZE_MAX) left *= 1024;
    const size_t second = below_limit(number_in("/sys/fs/cgroup/memory.max", NULL),
                                      number_in("/sys/fs/cgroup/memory.current", NULL));
    const size_t first =
        below_limit(number_in("/sys/fs/cgroup/memory/memory.limit_in_bytes", NULL),
                    number_in("/sys/fs/cgroup/memory/memory.usage_in_bytes", NULL));
    if (second < left) left = second;
    return first < left ? first : left;
}

co_status co_room_check(size_t bytes, const char *what, const char *advice, const co_comm *comm)
{
    uint64_t asked = bytes;
    const size_t left = co_room_left();
    char needs[32], has[32];
    MPI_Allreduce(MPI_IN_PLACE, &asked, 1, MPI_UINT64_T, MPI_SUM, comm->node);
    co_status st = CO_OK;
    if (asked > left) {
        co_format_bytes((double)asked, needs, sizeof needs);
        co_format_bytes((double)left, has, sizeof has);
        st = CO_FAIL(CO_EUSAGE, "%s needs %s on a node, %s are left: %s", what, needs, has, advice);
    }
    return co_agree(st, comm);
}
