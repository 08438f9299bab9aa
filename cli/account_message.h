/* cli/account_message.h - part of cohort account: messages under local privacy. Local. */
#pragma once
#include "cli/commands.h"

/* Prints what epsilon_message, rounds, reports and delta of opt come to. */
co_status co_account_message(const co_config *opt, bool json);
