/* partition/peers.h - words of other programs for what a section `partition` says. */
#pragma once
#include "core/config.h"

/* CO_EUSAGE "that is `devices` here" for a key or method that this program does not know, but
 * another one does: flwr-datasets, FedLab, PFLlib, LEAF, NIID-Bench. CO_OK otherwise; what else is
 * wrong with the options is not looked at. Local. */
co_status co_partition_advise(const co_config *opt);
