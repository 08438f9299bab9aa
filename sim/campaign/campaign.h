/* sim/campaign/campaign.h - many runs in one job: a comparison over seeds, a grid, tuning, models
 * to learn about other models from.
 *
 * The ranks are cut into groups of neighbours; all ranks of a group play one run, then the next
 * that is left. A run gives the same bits on any number of ranks, so nothing that is written
 * depends on the groups or on who was faster. Each run goes on from what its folder holds, which
 * makes the campaign resumable: call it again.
 *
 * Groups pay where ranks do not help a run much: small models, or more ranks than devices in a
 * round. Each group holds its own data on every node that it reaches. */
#pragma once
#include "core/comm.h"

typedef struct {
    char *name, *dir; /* what lines and messages call it; the folder, in place of output.dir */
    const char *experiment; /* file */
    char **words; /* [n_words] section.key=value over the file; the list is the campaign's, its
                     texts are borrowed */
    size_t n_words;
    size_t n_optional; /* of the first words: as co_experiment_load has it */
    int64_t seed;      /* in place of the experiment's */
    int64_t rounds;    /* 0: as the experiment says */
    bool may_diverge;  /* then that is a result, else an error */
    co_status status;  /* CO_OK or, where it may, CO_EDIVERGED; CO_ESTOPPED until it is done */
} co_campaign_run;

typedef struct {
    co_campaign_run *run;
    size_t n, capacity;
} co_campaign; /* {0}: none yet */

/* Adds a run; its other fields are for the caller to set in *run, which is borrowed until the next
 * call. name, dir: blocks of co_format, or NULL when there was no room for them. CO_ENOMEM. Local.
 */
co_status co_campaign_add(co_campaign *campaign, char *name_take, char *dir_take,
                          char *const *words, size_t n_words, co_campaign_run **run);
void co_campaign_fini(co_campaign *campaign);

/* Plays all runs on at most n_groups groups. The first error, or a request to stop (CO_ESTOPPED),
 * ends the campaign: no run is begun, and those that go on stop after their round with a
 * checkpoint. Of several errors that of the first run in the list is returned; its message begins
 * with the run's folder. Collective(comm). Same on all ranks: all arguments. Messages beside the
 * runs' own: one to and one from rank 0 a run, which answers at least once a round of its own. */
co_status co_campaign_play(co_campaign *campaign, int n_groups, const co_comm *comm);
