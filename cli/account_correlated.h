/* cli/account_correlated.h - correlated noise, as cohort account knows it. Local. */
#pragma once
#include "core/config.h"
#include "io/json.h"

/* separation, participations, and the options of the mechanisms tree and banded. */
extern const co_param co_correlated_account_params[];

typedef struct {
    bool is_on; /* the mechanism is one of these */
    int64_t separation, participations;
    int64_t squared;   /* of the sensitivity: so many releases with noise of one draw */
    double most, mean; /* variance of prefix sums, draws of 1 */
    char matrix[160];
} co_correlated_account;

/* From checked options. CO_EUSAGE: keys that say nothing beside the mechanism, or do not go
 * together. */
co_status co_correlated_account_read(const co_config *opt, co_correlated_account *out);
/* JSON of the same. */
void co_correlated_account_json(const co_correlated_account *account, co_json *json);
/* What a device's share of all releases comes to, and what is left of the noise on prefix sums. */
void co_correlated_account_print(const co_correlated_account *account, double noise_multiplier);
