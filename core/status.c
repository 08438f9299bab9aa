/* core/status.c - the one message of the last failure, exit codes, fault injection. */
#include "core/status.h"
#include "core/log.h"
#include <mpi.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char message[1024];
static int own_rank;
static int64_t own_round = -1;
static const char *own_run;

co_status co_fail(co_status code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    if (code == CO_ENOMEM && !strstr(message, "memory"))
        return co_fail_in(code, "out of memory"); /* callers name what for */
    return code;
}

co_status co_fail_in(co_status code, const char *format, ...)
{
    char old[sizeof message];
    memcpy(old, message, sizeof old);
    va_list args;
    va_start(args, format);
    int n = vsnprintf(message, sizeof message, format, args);
    va_end(args);
    if (n >= 0 && (size_t)n < sizeof message - 2)
        snprintf(message + n, sizeof message - (size_t)n, ": %.*s",
                 (int)(sizeof message - (size_t)n - 3), old);
    return code;
}

const char *co_status_message(void)
{
    return message;
}

void co_status_set_message(const char *text)
{
    snprintf(message, sizeof message, "%s", text);
}

int co_status_exit_code(co_status status)
{
    static const int codes[] = {
#define X(code, exit_code, text) [code] = exit_code,
        CO_STATUS_LIST(X)
#undef X
    };
    return status < CO_N_STATUS ? codes[status] : 70;
}

const char *co_status_text(co_status status)
{
    static const char *const texts[] = {
#define X(code, exit_code, text) [code] = text,
        CO_STATUS_LIST(X)
#undef X
    };
    return status < CO_N_STATUS ? texts[status] : "unknown status";
}

_Noreturn void co_assert_failed(const char *condition, const char *file, int line)
{
    int started = 0, ended = 0;
    char round[512] = "";
    if (own_round >= 0)
        snprintf(round, sizeof round, " in round %lld%s%s", (long long)own_round,
                 own_run ? " of " : "", own_run ? own_run : "");
    fprintf(stderr,
            "cohort: internal error on rank %d%s: %s does not hold (%s:%d); please report it%s\n",
            own_rank, round, condition, file, line,
            own_round < 0 ? ""
            : own_run     ? "; the same call goes on from the newest checkpoint"
                          : "; --resume goes on from the newest checkpoint");
    fflush(NULL);
    MPI_Initialized(&started);
    MPI_Finalized(&ended);
    if (started && !ended) MPI_Abort(MPI_COMM_WORLD, 70);
    _Exit(70);
}

void co_status_set_rank(int rank)
{
    own_rank = rank;
}

void co_status_set_round(int64_t round)
{
    own_round = round;
}

void co_status_set_run(const char *run)
{
    own_run = run;
}

const char *co_status_run(void)
{
    return own_run;
}

int co_status_rank(void)
{
    return own_rank;
}

/* How often each site was passed: CO_FAULT=count prints it when the program ends, so that a test
 * knows what there is to walk. */
enum { MAX_SITES = 32 };
static struct {
    const char *site;
    long n;
} passed[MAX_SITES];

static void print_counts(void)
{
    for (int k = 0; k < MAX_SITES && passed[k].site; k++)
        fprintf(stderr, "fault site %s, rank %d: %ld\n", passed[k].site, own_rank, passed[k].n);
}

static int find_site(const char *site)
{
    int k = 0;
    while (k < MAX_SITES && passed[k].site && strcmp(passed[k].site, site) != 0) k++;
    CO_ASSERT(k < MAX_SITES);
    return k;
}

static void count_pass(const char *site)
{
    const int k = find_site(site);
    passed[k].site = site;
    passed[k].n++;
}

long co_fault_passes(const char *site)
{
    return passed[find_site(site)].n;
}

static struct {
    enum { UNREAD, OFF, COUNTING, WANTED, STRUCK } mode;
    char site[64];
    int rank; /* -1: all */
    long left;
} plan;

void co_fault_plan(const char *spec)
{
    char rank[16] = "";
    memset(passed, 0, sizeof passed);
    plan.mode = OFF;
    if (!spec) return;
    if (strcmp(spec, "count") == 0) {
        plan.mode = COUNTING;
    } else if (sscanf(spec, "%63[^:]:%15[^:]:%ld", plan.site, rank, &plan.left) == 3) {
        plan.rank = strcmp(rank, "*") == 0 ? -1 : atoi(rank);
        plan.mode = WANTED;
    }
}

static void read_plan(void)
{
    co_fault_plan(getenv("CO_FAULT"));
    if (plan.mode == COUNTING) atexit(print_counts);
}

bool co_fault_struck(void)
{
    return plan.mode == STRUCK;
}

bool co_fault(const char *site)
{
    if (plan.mode == UNREAD) read_plan();
    if (plan.mode == COUNTING) count_pass(site);
    if (plan.mode != WANTED || (plan.rank >= 0 && plan.rank != own_rank) ||
        strcmp(site, plan.site) != 0)
        return false;
    if (--plan.left > 0) return false;
    plan.mode = STRUCK;
    return true;
}
