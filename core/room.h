/* core/room.h - whether the memory of every node holds what a run is about to take. */
#pragma once
#include "core/comm.h"

/* Bytes that programs of this node can still take: what the kernel calls available, or less under a
 * limit of the job's control group. SIZE_MAX when the system does not tell. Local. */
size_t co_room_left(void);
/* CO_EUSAGE "what needs 64 GB on a node, 20 GB are left: advice" when the ranks of some node ask
 * for more bytes together than it has left. Collective(comm). */
co_status co_room_check(size_t bytes, const char *what, const char *advice, const co_comm *comm);
