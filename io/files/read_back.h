/* io/files/read_back.h - whether what was written comes back from the disk.
 *
 * A second thread follows the one that reads the file from the page cache to seal it: each piece is
 * brought to the disk, dropped from the cache, read again and compared. All calls are Local; errors
 * are told by the calling thread. */
#pragma once
#include "core/status.h"

typedef struct co_read_back co_read_back;

/* Of the closed file at `temporary`, of `bytes` in all, whose first `head` bytes are not known yet.
 * path: its name in messages. CO_EFILE, CO_ENOMEM. */
co_status co_read_back_start(const char *temporary, const char *path, size_t head, uint64_t bytes,
                             co_read_back **check);
/* The next n bytes behind the head as they should stand there, in order; n a multiple of 32 but for
 * the last. Fault site: file_read. */
void co_read_back_expect(co_read_back *check, const void *bytes, size_t n);
/* After the file was synced: waits, checks the rest, and its head against `head`; NULL: gives up.
 * Frees check. CO_EFILE when the disk gives something else, or nothing. */
co_status co_read_back_finish(co_read_back *check, const void *head);
