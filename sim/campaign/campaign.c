/* sim/campaign/campaign.c - groups of ranks take runs from one list.
 *
 * Rank 0, first of group 0, deals the runs. The first rank of another group reports what it has
 * played and asks for more (REPORT, answered by NEXT); rank 0 answers while it trains, for
 * co_watch_progress asks the listener. A STOP goes to every other group exactly once: when the
 * campaign is to stop, or at its end. Ranks that have nothing to do sleep between two looks. */
#include "sim/campaign/campaign.h"
#include "core/log.h"
#include "core/memory.h"
#include "sim/play.h"
#include "sim/watch.h"
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { REPORT = 1, NEXT, STOP };
enum { OWN_WORDS = 3, LOOK_MS = 2 };

/* What the first rank of a group says to rank 0. */
typedef struct {
    int64_t run; /* -1: none yet */
    co_status status;
    bool wants_stop; /* was asked to */
    char text[1024]; /* message of the status */
} report;

typedef struct {
    co_campaign_run *runs;
    int64_t n_runs;
    int n_groups;
    const co_comm *all, *group;
    co_comm part; /* the group, where there are several */
    bool playing;
    /* rank 0 */
    int64_t next, n_done;
    int n_busy; /* other groups that may ask again */
    bool stopping;
    report worst; /* run -1: no error */
    co_progress progress;
    /* first ranks of other groups */
    MPI_Request stop;
} job;

co_status co_campaign_add(co_campaign *c, char *name_take, char *dir_take, char *const *words,
                          size_t n_words, co_campaign_run **run)
{
    char **list = co_malloc(n_words, sizeof *list);
    if (!name_take || !dir_take || !list ||
        co_reserve((void **)&c->run, &c->capacity, c->n + 1, sizeof *c->run) != CO_OK) {
        co_free(name_take);
        co_free(dir_take);
        co_free(list);
        return CO_FAIL(CO_ENOMEM, "runs of a campaign");
    }
    for (size_t k = 0; k < n_words; k++) list[k] = words[k];
    *run = &c->run[c->n++];
    **run = (co_campaign_run){.name = name_take,
                              .dir = dir_take,
                              .words = list,
                              .n_words = n_words,
                              .status = CO_ESTOPPED};
    return CO_OK;
}

void co_campaign_fini(co_campaign *c)
{
    for (size_t k = 0; k < c->n; k++) {
        co_free(c->run[k].name);
        co_free(c->run[k].dir);
        co_free(c->run[k].words);
    }
    co_free(c->run);
    *c = (co_campaign){0};
}

static void sleep_a_moment(void)
{
    nanosleep(&(struct timespec){.tv_nsec = LOOK_MS * 1000000L}, NULL);
}

static int first_rank(const job *c, int group)
{
    return (int)co_span_first(c->all->size, group, c->n_groups);
}

/* With several groups no run shows its progress, and warnings name the run. */
static void set_voice(const job *c, bool in_run)
{
    const co_voice all = c->all->rank == 0 ? CO_VOICE_ALL : CO_VOICE_NONE,
                   one = c->group->rank == 0 ? CO_VOICE_WARNINGS : CO_VOICE_NONE;
    co_log_set_voice(in_run && c->n_groups > 1 ? one : all);
}

/* ---- rank 0 ---- */

static void stop_all(job *c)
{
    if (!c->stopping)
        for (int g = 1; g < c->n_groups; g++)
            MPI_Send(NULL, 0, MPI_BYTE, first_rank(c, g), STOP, c->all->world);
    c->stopping = true;
}

static void show_progress(job *c, const char *name)
{
    char text[200];
    snprintf(text, sizeof text, "%lld of %lld runs%s%.120s", (long long)c->n_done,
             (long long)c->n_runs, *name ? "; done: " : "", name);
    co_progress_step(&c->progress, c->n_done, c->n_runs, text);
}

static void settle(job *c, const report *r)
{
    if (r->wants_stop) stop_all(c);
    if (r->run < 0) return;
    co_campaign_run *run = &c->runs[r->run];
    const bool has_diverged = r->status == CO_EDIVERGED && run->may_diverge;
    run->status = r->status;
    if (r->status == CO_OK || has_diverged) {
        c->n_done++;
        set_voice(c, false);
        if (has_diverged) co_log("%s diverged", run->name);
        show_progress(c, run->name);
        set_voice(c, c->playing);
        return;
    }
    if (r->status != CO_ESTOPPED && (c->worst.run < 0 || r->run < c->worst.run)) c->worst = *r;
    stop_all(c);
}

static int64_t deal(job *c)
{
    return c->stopping || c->next == c->n_runs ? -1 : c->next++;
}

static void serve(job *c)
{
    int any;
    MPI_Status from;
    report r;
    while (MPI_Iprobe(MPI_ANY_SOURCE, REPORT, c->all->world, &any, &from), any) {
        MPI_Recv(&r, sizeof r, MPI_BYTE, from.MPI_SOURCE, REPORT, c->all->world, MPI_STATUS_IGNORE);
        settle(c, &r);
        const int64_t run = deal(c);
        c->n_busy -= run < 0;
        MPI_Send(&run, 1, MPI_INT64_T, from.MPI_SOURCE, NEXT, c->all->world);
    }
}

/* ---- first ranks of groups ---- */

static bool wants_stop(void *self)
{
    job *c = self;
    int told = 1;
    if (c->all->rank == 0) {
        serve(c);
        return c->stopping;
    }
    MPI_Test(&c->stop, &told, MPI_STATUS_IGNORE); /* once it has come: true ever after */
    return told;
}

static int64_t ask(job *c, report *r)
{
    int64_t run;
    MPI_Request answer;
    r->wants_stop = co_stop_wanted();
    if (c->all->rank == 0) {
        settle(c, r);
        return deal(c);
    }
    MPI_Irecv(&run, 1, MPI_INT64_T, 0, NEXT, c->all->world, &answer);
    MPI_Send(r, sizeof *r, MPI_BYTE, 0, REPORT, c->all->world);
    co_wait_gently(&answer);
    return run;
}

/* ---- all ranks ---- */

static co_status load(const co_campaign_run *run, co_experiment *e)
{
    size_t n = 0;
    char **words = co_calloc(run->n_words + OWN_WORDS, sizeof *words),
         *own[OWN_WORDS] = {co_format("seed=%lld", (long long)run->seed),
                            co_format("output.dir=\"%s\"", run->dir),
                            co_format("rounds=%lld", (long long)run->rounds)};
    co_status st =
        words && own[0] && own[1] && own[2] ? CO_OK : CO_FAIL(CO_ENOMEM, "words of a run");
    if (st == CO_OK) {
        for (; n < run->n_words; n++) words[n] = run->words[n];
        for (int k = 0; k < (run->rounds ? OWN_WORDS : OWN_WORDS - 1); k++) words[n++] = own[k];
        st = co_experiment_load(run->experiment, words, n, run->n_optional, e);
    }
    for (int k = 0; k < OWN_WORDS; k++) co_free(own[k]);
    co_free(words);
    return st;
}

/* Collective(group). */
static co_status play(job *c, int64_t k)
{
    const co_campaign_run *run = &c->runs[k];
    co_experiment e = {0};
    if (c->n_groups == 1)
        co_log("%s (%lld of %lld)", run->name, (long long)k + 1, (long long)c->n_runs);
    c->playing = true;
    co_status_set_run(run->dir);
    set_voice(c, true);
    co_status st = co_agree(load(run, &e), c->group);
    if (st == CO_OK) st = co_play(&e, (co_play_mode){.resume = true}, c->group);
    co_experiment_fini(&e);
    c->playing = false;
    co_status_set_run(NULL);
    set_voice(c, false);
    return st == CO_OK ? CO_OK : co_fail_in(st, "%s", run->dir);
}

/* All runs that this group gets. Collective(group). */
static void play_all(job *c)
{
    report r = {.run = -1};
    for (;;) {
        int64_t run = -1;
        MPI_Request known;
        if (c->group->rank == 0) run = ask(c, &r);
        MPI_Ibcast(&run, 1, MPI_INT64_T, 0, c->group->world, &known);
        co_wait_gently(&known);
        if (run < 0) return;
        r.run = run;
        r.status = play(c, run);
        snprintf(r.text, sizeof r.text, "%s", co_status_message());
    }
}

/* What rank 0 knows, to everybody. Collective(comm). */
static co_status conclude(job *c)
{
    MPI_Request end;
    MPI_Ibarrier(c->all->world, &end); /* ranks that have no run left wait here for the others */
    co_wait_gently(&end);
    for (int64_t k = 0; k < c->n_runs; k++)
        MPI_Bcast(&c->runs[k].status, sizeof c->runs[k].status, MPI_BYTE, 0, c->all->world);
    MPI_Bcast(&c->n_done, 1, MPI_INT64_T, 0, c->all->world);
    MPI_Bcast(&c->worst, sizeof c->worst, MPI_BYTE, 0, c->all->world);
    if (c->worst.run >= 0) return CO_FAIL(c->worst.status, "%s", c->worst.text);
    if (c->n_done == c->n_runs) return CO_OK;
    return CO_FAIL(CO_ESTOPPED, "stopped on request, %lld of %lld runs done; the same call goes on",
                   (long long)c->n_done, (long long)c->n_runs);
}

/* Collective(comm). */
static co_status open_group(job *c)
{
    MPI_Comm base;
    int own = 0;
    if (c->n_groups == 1) return CO_OK;
    while (c->all->rank >= first_rank(c, own + 1)) own++;
    MPI_Comm_split(c->all->world, own, c->all->rank, &base);
    co_status st = co_comm_init_on(&c->part, base);
    MPI_Comm_free(&base);
    const bool has_part = st == CO_OK;
    st = co_agree(st, c->all);
    if (st != CO_OK && has_part) co_comm_fini(&c->part);
    return st;
}

co_status co_campaign_play(co_campaign *campaign, int n_groups, const co_comm *comm)
{
    const int most = campaign->n < (size_t)n_groups ? (int)campaign->n : n_groups;
    job c = {.runs = campaign->run,
             .n_runs = (int64_t)campaign->n,
             .n_groups = most < comm->size ? most : comm->size,
             .all = comm,
             .worst = {.run = -1},
             .stop = MPI_REQUEST_NULL};
    if (campaign->n == 0) return CO_OK;
    CO_TRY(co_blas_agree(comm)); /* here: groups of other processors would take other kernels */
    c.group = c.n_groups > 1 ? &c.part : comm;
    CO_TRY(open_group(&c));
    c.n_busy = c.n_groups - 1;
    const bool is_first = c.group->rank == 0, deals = comm->rank == 0;
    if (is_first && !deals) MPI_Irecv(NULL, 0, MPI_BYTE, 0, STOP, comm->world, &c.stop);
    co_watch_start(0.0);
    if (c.n_groups > 1) {
        co_progress_start(&c.progress, 0);
        show_progress(&c, "");
        if (is_first) co_watch_listen(wants_stop, &c);
    }
    play_all(&c);
    co_watch_listen(NULL, NULL);
    for (; deals && c.n_busy > 0; sleep_a_moment()) {
        if (co_stop_wanted()) stop_all(&c);
        serve(&c);
    }
    if (deals) stop_all(&c);
    if (is_first && !deals) co_wait_gently(&c.stop);
    const co_status st = conclude(&c);
    if (c.n_groups > 1) co_progress_end(&c.progress);
    co_watch_end();
    if (c.n_groups > 1) co_comm_fini(&c.part);
    return st;
}
