/* cli/account_shares.h - cohort account for noise in shares: options, solution, words. Local. */
#pragma once
#include "io/json.h"
#include "privacy/mechanisms/distributed.h"

/* is_on false: the mechanism is another, and all calls below do nothing. */
typedef struct {
    bool is_on;
    co_distributed_setup setup; /* in units of the clip; multiplier 0: wanted */
    co_distributed what;
} co_account_shares;

extern const co_param co_account_shares_params[];
/* event: mechanism and sampling as asked for. CO_EUSAGE: an option is missing, or goes with another
 * mechanism. */
co_status co_account_shares_read(const co_config *opt, const co_event *event,
                                 co_account_shares *shares);
/* Finds the noise for epsilon and delta where none is given; *event: a release. */
co_status co_account_shares_solve(co_account_shares *shares, const co_accountant *by,
                                  const co_accounting *how, double epsilon, double delta,
                                  int64_t rounds, co_event *event);
void co_account_shares_print(const co_account_shares *shares);
void co_account_shares_json(const co_account_shares *shares, co_json *json);
