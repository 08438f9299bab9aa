/* io/readers/members.h - numbers names in the order in which they first occur: users of texts.
 * Local. */
#pragma once
#include "core/status.h"
#include <stdint.h>

typedef struct {
    char **name; /* [n] */
    size_t n, room;
    uint32_t *slot; /* [n_slots] 1 + number, 0: free */
    size_t n_slots;
} co_members;

/* *number: of the name, the next free one if it is new. CO_ENOMEM. */
co_status co_members_number(co_members *members, const char *name, int32_t *number);
void co_members_fini(co_members *members);
