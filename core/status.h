/* core/status.h - how a call reports an error, and how an invariant ends the program.
 *
 * Error (file, memory, experiment, data): a function returns a co_status other than CO_OK and
 * leaves one message (what, where, which value, what to do); the caller passes it on with CO_TRY.
 * main alone turns the status into an exit code. Bug (a broken invariant): CO_ASSERT ends the job,
 * in release too. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* code, exit code of the program, what it means */
#define CO_STATUS_LIST(X)                                                                          \
    X(CO_OK, 0, "done")                                                                            \
    X(CO_EUSAGE, 2, "arguments, experiment file, output exists or resume mismatch")                \
    X(CO_EDATA, 3, "content of an input file, or no good checkpoint left")                         \
    X(CO_EFILE, 4, "missing file, permission or full disk")                                        \
    X(CO_EDIVERGED, 5, "every device non-finite for 3 rounds")                                     \
    X(CO_EINTERNAL, 70, "internal error")                                                          \
    X(CO_ENOMEM, 70, "out of memory")                                                              \
    X(CO_ESTOPPED, 75, "stopped on request, to be requeued")

#define CO_STATUS_ENUM(code, exit_code, text) code,
typedef enum { CO_STATUS_LIST(CO_STATUS_ENUM) CO_N_STATUS } co_status;
#undef CO_STATUS_ENUM

/* Sets the message (printf style, at most 1023 bytes are kept) and returns code. Local. */
co_status co_fail(co_status code, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Puts "text: " before the current message and returns code, for a caller that knows where. Local.
 */
co_status co_fail_in(co_status code, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The message of the last failure; "" if none. Borrowed until the next failure. Local. */
const char *co_status_message(void);
void co_status_set_message(const char *message);
int co_status_exit_code(co_status status);
const char *co_status_text(co_status status);

/* The code itself, in a way that compilers and analysers of one file see: it is not CO_OK. */
static inline co_status co_status_same(co_status code, co_status said)
{
    (void)said;
    return code;
}
#define CO_FAIL(code, ...) co_status_same(code, co_fail(code, __VA_ARGS__))
#define CO_TRY(call)                                                                               \
    do {                                                                                           \
        const co_status co_try_status_ = (call);                                                   \
        if (co_try_status_ != CO_OK) return co_try_status_;                                        \
    } while (0)
/* As CO_TRY for a function with one exit: keeps the status in `st` and jumps to `out`. */
#define CO_TRY_OUT(call)                                                                           \
    do {                                                                                           \
        st = (call);                                                                               \
        if (st != CO_OK) goto out;                                                                 \
    } while (0)

_Noreturn void co_assert_failed(const char *condition, const char *file, int line);
#define CO_ASSERT(condition)                                                                       \
    do {                                                                                           \
        if (!(condition)) co_assert_failed(#condition, __FILE__, __LINE__);                        \
    } while (0)

/* Fault injection. CO_FAULT=<site>:<rank>:<nth> makes the nth pass of that rank through the named
 * site report a failure (rank * = all ranks). True when the caller has to behave as if the
 * operation failed. CO_FAULT=count fails nothing and prints, when the program ends, how often this
 * rank passed each site. site: a literal. */
bool co_fault(const char *site);
/* Replaces the plan that CO_FAULT gave ("site:rank:nth", "count", or NULL for none) and starts
 * counting anew, so that one process can walk many sites. */
void co_fault_plan(const char *spec);
/* Under the plan "count": how often this rank passed the site since the plan was made. */
long co_fault_passes(const char *site);
/* Whether the planned fault has struck on this rank. */
bool co_fault_struck(void);
/* Tells the fault sites and messages which rank this process is. Called once after MPI_Init. */
void co_status_set_rank(int rank);
int co_status_rank(void);
/* Tells the message of a failed CO_ASSERT which round this is; -1 (as at first): none. */
void co_status_set_round(int64_t round);
/* Where several runs share a job: which one this rank plays, for its messages; borrowed; NULL (as
 * at first): none to tell. */
void co_status_set_run(const char *run);
const char *co_status_run(void);
