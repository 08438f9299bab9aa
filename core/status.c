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

co_status co_fail(co_status code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
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
        snprintf(message + n, sizeof message - (size_t)n, ": %.*s", (int)(sizeof message - (size_t)n - 3),
                 old);
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
    fprintf(stderr, "cohort: internal error on rank %d: %s does not hold (%s:%d); please report it\n", own_rank,
            condition, file, line);
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

int co_status_rank(void)
{
    return own_rank;
}

bool co_fault(const char *site)
{
    static int parsed; /* 0 not yet, 1 no fault asked for, 2 wanted, 3 done */
    static char want_site[64];
    static int want_rank;
    static long left;
    if (parsed == 1 || parsed == 3) return false;
    if (parsed == 0) {
        const char *spec = getenv("CO_FAULT");
        char rank_text[16] = "";
        parsed = 1;
        if (!spec || sscanf(spec, "%63[^:]:%15[^:]:%ld", want_site, rank_text, &left) != 3) return false;
        want_rank = strcmp(rank_text, "*") == 0 ? -1 : atoi(rank_text);
        parsed = 2;
    }
    if ((want_rank >= 0 && want_rank != own_rank) || strcmp(site, want_site) != 0) return false;
    if (--left > 0) return false;
    parsed = 3;
    return true;
}
