/* cli/kinds.c - every kind of plug-in, in the order of the data's walk. */
#include "io/readers/reader.h"
#include "io/tokenisers/tokeniser.h"
#include "io/writers/writer.h"
#include "models/model.h"
#include "models/optimizers/optimizer.h"
#include "partition/partitioner.h"
#include "cli/commands.h"
#include "aggregators/aggregator.h"
#include "aggregators/algorithm.h"
#include "trust/adversaries/attack.h"
#include "aggregators/rules/rule.h"
#include "aggregators/servers/server.h"
#include "aggregators/stages/stage.h"
#include "privacy/accountants/accountant.h"
#include "privacy/mechanisms/mechanism.h"
#include "privacy/statements/statement.h"
#include "sim/availability/availability.h"
#include "sim/laws/law.h"
#include "sim/observers/observer.h"
#include "sim/planners/planner.h"
#include "sim/selectors/selector.h"
#include "sim/wires/wire.h"
#include "sim/work/work.h"

const co_kind *const co_kinds[] = {&co_kind_reader,
                                   &co_kind_tokeniser,
                                   &co_kind_partitioner,
                                   &co_kind_writer,
                                   &co_kind_layer,
                                   &co_kind_block,
                                   &co_kind_model,
                                   &co_kind_task,
                                   &co_kind_loss,
                                   &co_kind_algorithm,
                                   &co_kind_planner,
                                   &co_kind_selector,
                                   &co_kind_speed_law,
                                   &co_kind_availability,
                                   &co_kind_work,
                                   &co_kind_attack,
                                   &co_kind_local_rule,
                                   &co_kind_optimizer,
                                   &co_kind_stage,
                                   &co_kind_mechanism,
                                   &co_kind_wire,
                                   &co_kind_aggregator,
                                   &co_kind_server_optimizer,
                                   &co_kind_accountant,
                                   &co_kind_statement,
                                   &co_kind_observer,
                                   NULL};
