/* aggregators/algorithm.c - the named algorithms: a table of settings, no code. Adding one: its settings and its line. */
#include "aggregators/algorithm.h"

static const char *const plain[] = {"local.rule=sgd", "aggregate.rule=mean", "server.optimizer=sgd", NULL};
static const char *const prox[] = {"local.rule=prox", "aggregate.rule=mean", "server.optimizer=sgd", NULL};
static const char *const adam[] = {"local.rule=sgd", "aggregate.rule=mean", "server.optimizer=adam", "server.lr=0.01",
                                   NULL};

static const co_algorithm fedavg = {.name = "fedavg",
                                    .summary = "local SGD, weighted mean",
                                    .source = "McMahan et al. 2017, arXiv:1602.05629",
                                    .settings = plain};
static const co_algorithm fedprox = {.name = "fedprox",
                                     .summary = "fedavg with a proximal term (mu)",
                                     .source = "Li et al. 2020, arXiv:1812.06127",
                                     .settings = prox};
static const co_algorithm fedadam = {.name = "fedadam",
                                     .summary = "fedavg with Adam on the server (lr 0.01)",
                                     .source = "Reddi et al. 2021, arXiv:2003.00295",
                                     .settings = adam};

static const co_plugin *const members[] = {(const co_plugin *)&fedavg, (const co_plugin *)&fedprox,
                                           (const co_plugin *)&fedadam, NULL};
const co_kind co_kind_algorithm = {"algorithm", "named compositions; keys given in the file win", members};

const co_algorithm *co_algorithm_find(const char *name)
{
    return (const co_algorithm *)co_plugin_find(&co_kind_algorithm, name);
}
