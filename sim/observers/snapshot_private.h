/* sim/observers/snapshot_private.h - the part of a checkpoint that private runs have; of
 * snapshot_write.c and snapshot_read.c alone. */
#pragma once
#include "io/files/file.h"
#include "sim/devices/budget.h"
#include "sim/kept.h"
#include "sim/stages/charge.h"

/* Ledger, clip, multiplier and, where noise is secure, its key. Local. */
co_status co_checkpoint_write_privacy(co_file *file, const co_private_state *state);
/* The same back. CO_EDATA when the run was not private or what is there makes no sense. Local. */
co_status co_checkpoint_read_privacy(const co_file *file, co_private_state *state);

/* The lists, and the same back. CO_EDATA when one is missing or has another length. Local. */
co_status co_checkpoint_write_kept(co_file *file, const co_keeps *keeps);
co_status co_checkpoint_read_kept(const co_file *file, co_keeps *keeps);

/* Of section local.dp: noise and limits of the classes, events of the devices that have spent any.
 * Local. */
co_status co_checkpoint_write_budget(co_file *file, const co_budget *budget);
/* The same back. CO_EDATA when the run had no such section, or what is there is of other devices.
 * Local. */
co_status co_checkpoint_read_budget(const co_file *file, co_budget *budget);
