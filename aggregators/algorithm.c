/* aggregators/algorithm.c - the named algorithms: a table of settings, no code. Adding one: its
 * line. */
#include "aggregators/algorithm.h"

/* Every algorithm names its rule, aggregator and server optimiser; MORE: further settings. All
 * weigh devices by the default of aggregate.weight; the summary says what the paper does, which
 * aggregate.weight: uniform, and devices.select for the choice, repeat. */
#define MEMBER(label, text, paper, rule, aggregator, server, ...)                                  \
    {                                                                                              \
        .name = label, .summary = text, .source = paper, .settings = (const char *const[])         \
        {                                                                                          \
            "local.rule=" rule, "aggregate.rule=" aggregator, "server.optimizer=" server,          \
                __VA_ARGS__                                                                        \
        }                                                                                          \
    }
#define AS_PAPER "; weight: examples, as in the paper"
#define EQUALLY "; weight: examples (paper: all equal)"
#define BY_CHANCE "; weight: examples (paper: chosen by examples, then equal)"
#define MCMAHAN "McMahan et al. 2017, arXiv:1602.05629"
#define REDDI "Reddi et al. 2021, arXiv:2003.00295"

static const co_algorithm table[] = {
    MEMBER("fedavg", "local SGD, weighted mean" AS_PAPER, MCMAHAN, "sgd", "mean", "sgd", NULL),
    MEMBER("fedprox", "fedavg with a proximal term (mu)" BY_CHANCE,
           "Li et al. 2020, arXiv:1812.06127", "prox", "mean", "sgd", NULL),
    MEMBER("fedavgm", "fedavg with momentum 0.9 on the server" AS_PAPER,
           "Hsu et al. 2019, arXiv:1909.06335", "sgd", "mean", "sgd", "server.momentum=0.9", NULL),
    MEMBER("fedadagrad", "fedavg with Adagrad on the server (lr 0.01)" EQUALLY, REDDI, "sgd",
           "mean", "adagrad", "server.lr=0.01", NULL),
    MEMBER("fedadam", "fedavg with Adam on the server (lr 0.01)" EQUALLY, REDDI, "sgd", "mean",
           "adam", "server.lr=0.01", NULL),
    MEMBER("fedyogi", "fedavg with Yogi on the server (lr 0.01)" EQUALLY, REDDI, "sgd", "mean",
           "yogi", "server.lr=0.01", NULL),
    MEMBER("scaffold", "control variates against client drift" EQUALLY,
           "Karimireddy et al. 2020, arXiv:1910.06378", "scaffold", "mean", "sgd", NULL),
    MEMBER("feddyn", "dynamic regularisation (alpha)" EQUALLY, "Acar et al. 2021, arXiv:2111.04263",
           "feddyn", "feddyn", "sgd", NULL),
    MEMBER("fednova", "fedavg over updates normalised by local work" AS_PAPER,
           "Wang et al. 2020, arXiv:2007.07481", "sgd", "fednova", "sgd", NULL),
    MEMBER("qfedavg", "fedavg that leans towards devices of high loss (q)" BY_CHANCE,
           "Li et al. 2020, arXiv:1905.10497", "sgd", "qfedavg", "sgd", NULL),
    MEMBER("fedbuff",
           "asynchronous fedavg: a step whenever per_round devices have come back" EQUALLY,
           "Nguyen et al. 2022, arXiv:2106.06639", "sgd", "mean", "sgd", "devices.mode=buffered",
           "devices.staleness=polynomial", NULL),
    MEMBER("fedasync", "every device that comes back is mixed into the model at once (lr 0.6)",
           "Xie et al. 2019, arXiv:1903.03934", "sgd", "mean", "sgd", "devices.mode=buffered",
           "devices.per_round=1", "devices.difference=current", "devices.staleness=polynomial",
           "server.lr=0.6", NULL),
};

enum { N = sizeof table / sizeof *table };
#define AT(k) (const co_plugin *)&table[k]
static const co_plugin *const members[] = {AT(0), AT(1), AT(2), AT(3),  AT(4),  AT(5), AT(6),
                                           AT(7), AT(8), AT(9), AT(10), AT(11), NULL};
_Static_assert(sizeof members / sizeof *members == N + 1, "every algorithm stands in the list");
const co_kind co_kind_algorithm = {"algorithm", "named compositions; keys given in the file win",
                                   members};

const co_algorithm *co_algorithm_find(const char *name)
{
    return (const co_algorithm *)co_plugin_find(&co_kind_algorithm, name);
}
