/* sim/experiment/experiment.h - an experiment file, read, completed by its algorithm's preset, and
 * checked against the tables of the kinds.
 *
 * After co_experiment_load every key of every section is present (defaults filled in), so that the
 * resolved experiment can be written, compared and digested. Local; the same on all ranks when the
 * file is. */
#pragma once
#include "aggregators/aggregator.h"
#include "trust/adversaries/attack.h"
#include "aggregators/rules/rule.h"
#include "aggregators/servers/server.h"
#include "aggregators/stages/stage.h"
#include "core/config.h"
#include "models/optimizers/optimizer.h"
#include "models/decoding/decode.h"
#include "models/schedule.h"
#include "models/step_schedule.h"
#include "privacy/secure/secagg.h"
#include "sim/availability/availability.h"
#include "sim/laws/law.h"
#include "sim/selectors/selector.h"

typedef struct co_planner co_planner; /* sim/planners/planner.h */

enum { CO_MAX_TRANSFORMS = 16 };

/* Sections that are read while devices train, parsed once. */
typedef struct {
    int64_t epochs, steps; /* one of them; the other 0 */
    int64_t batch;         /* 0: all that the device has */
    int64_t accumulate;    /* batches of a step */
    int64_t max_examples;  /* 0: all */
    double clip_grad;      /* 0: none */
} co_local_keys;
/* Section local.dp. */
typedef enum { CO_BOUND_FLAT, CO_BOUND_SIZES, CO_BOUND_WEIGHTS, CO_BOUND_PUBLIC } co_bounds;
typedef struct {
    bool is_on, is_shuffled, is_naive;
    co_bounds bounds;
    bool stops; /* the run ends with the first device whose budget is spent */
    double clip, delta, decay;
    double multiplier;          /* below 0: found for epsilon */
    double epsilon;             /* 0: no budget */
    int64_t group;              /* examples of a micro-batch, as expected; 1: none */
    int64_t max_batch;          /* 0: that of the section */
    double quantile, clip_rate; /* adaptive clip; quantile below 0: none */
    double count_noise;         /* 0: as co_example_split has it */
    int64_t rounds; /* of one device that the noise is found for; 0: what 99 % do at most */
    const co_accountant *accountant;
} co_example_keys;
/* Section clock. */
typedef struct {
    bool is_on;
    double seconds_per_unit;    /* 0: of the model's cost, at `flops` a second */
    double flops, dropout;      /* dropout: of each participation */
    co_law_use speed, down, up; /* speed: factor; rates in bytes a second */
    const co_availability *availability;
    co_config availability_options;
    int64_t n_groups;                /* that go away together; 0: of the trace */
    double group_up_s, group_down_s; /* mean times; 0: no outages */
    const co_node *trace;            /* list of files; NULL: none */
} co_clock_keys;
/* Section aggregate.groups. */
typedef struct {
    bool is_on;
    int64_t servers; /* dealt by id; 0: by a column */
    const char *by;  /* NULL: dealt */
    int64_t cloud_every;
    double up, down; /* bytes a second between an edge server and the cloud, 0: no time passes */
} co_group_keys;
/* Section secagg. */
typedef struct {
    bool is_on, is_plus; /* is_plus: on a graph of few edges */
    bool is_played;      /* every message and mask is made; else the plain integers are added */
    bool is_secure;      /* keys of the system's generator */
    double threshold;    /* below 1: a part; 0: found */
    int64_t neighbours;  /* 0: found, with the threshold */
    bool has_risk;       /* they are found from it, or have to withstand it */
    co_secagg_risk risk;
    double agreement_s, share_s, value_s;
    double stage_s; /* 0: no bound */
} co_secagg_keys;
typedef struct {
    bool asked;
    int64_t every, max_examples; /* rounds, 0: at each evaluation; of a split, 0: all */
    co_decoding how;             /* max_length 0: the data say it */
} co_generate_keys;
typedef struct {
    int64_t every, sample; /* rounds, 0: not by rounds; devices, 0: all */
    double every_s;        /* of virtual time; 0: not by time */
    int64_t max_examples;  /* of a split, centrally; 0: all */
    bool devices, central, central_asked;
    co_generate_keys generate;
} co_eval_keys;
static inline bool co_eval_is_on(const co_eval_keys *keys)
{
    return keys->every > 0 || keys->every_s > 0.0;
}
typedef struct {
    const char *metric; /* NULL: none */
    bool has_target;
    double target, walltime_s, virtual_s; /* 0: none */
    int64_t patience;                     /* 0: none */
} co_stop_keys;
typedef struct {
    const char *dir;
    int64_t checkpoint_every, keep;
    bool best;   /* keep the model of the best evaluation */
    bool refers; /* frozen tensors are left out of checkpoints */
} co_output_keys;

typedef struct {
    char *file;    /* where it was read from */
    co_node *root; /* the resolved tree */
    co_config top, data, partition, model, devices, local, local_dp, local_public, local_labels,
        aggregate, groups, server, privacy, clock, secagg, eval, stop, output;
    const co_planner *planner;
    const co_selector *selector;
    const co_attack *attack;
    const co_rule *rule;
    const co_optimizer *optimizer;
    const co_aggregator *aggregator;
    const co_server *server_optimizer;
    size_t n_transforms, n_downlink;
    const co_stage *transform[CO_MAX_TRANSFORMS], *downlink[CO_MAX_TRANSFORMS];
    co_config transform_options[CO_MAX_TRANSFORMS], downlink_options[CO_MAX_TRANSFORMS];
    const co_stage *private_stage; /* of the transforms: makes messages private; NULL: none does */
    double label_epsilon;          /* section local.label_dp; 0: labels are as they are */
    co_local_keys local_keys;
    co_example_keys example_keys;
    co_clock_keys clock_keys;
    co_group_keys group_keys;
    co_secagg_keys secagg_keys;
    co_weighting weighting;
    co_eval_keys eval_keys;
    co_stop_keys stop_keys;
    co_output_keys output_keys;
    co_schedule local_rate, server_rate;
    co_step_schedule step_rate;
    int64_t seed, rounds;
    bool has_partition, has_generator; /* section partition given; data drawn on the fly */
    bool resumes; /* a checkpoint will give what is trained: without frozen tensors no first model
                     is made */
} co_experiment;

/* Examples of one step of a device that trains on n; the last step of an epoch may have fewer. */
static inline int64_t co_local_step_size(const co_local_keys *local, int64_t n)
{
    return local->batch == 0 || local->batch >= n || local->accumulate > n / local->batch
               ? n
               : local->batch * local->accumulate;
}

/* devices.min_separation; 1: no bound. */
int64_t co_min_separation(const co_experiment *experiment);
/* What privacy accountants know the sample of a step as: the selector's, unless who took part
 * lately cannot be in it. */
co_sampling co_experiment_sampling(const co_experiment *experiment);
/* Whether a run has columns of virtual time: it has a clock, or steps that do not wait for all. */
bool co_is_timed(const co_experiment *experiment);
/* Local steps of a device that trains on n examples. */
int64_t co_experiment_steps(const co_experiment *experiment, int64_t n);

/* local.no_decay of transformers where none is written; ends with NULL. Each may name no tensor. */
extern const char *const co_no_decay_patterns[];

/* Sections of an experiment, for help and documentation: name and table, ends with a NULL name. */
typedef struct {
    const char *name;
    const co_param *params;
} co_section;
extern const co_section co_experiment_sections[];

/* Reads the file, applies the words section.key=value, the preset, checks. The keys of the first
 * n_optional words are left out where none of the chosen members knows them. CO_EUSAGE with file,
 * line, key. */
co_status co_experiment_load(const char *path, char **overrides, size_t n_overrides,
                             size_t n_optional, co_experiment *experiment);
/* What the word section.key=value has set; NULL when it was left out. */
co_node *co_experiment_find(const co_experiment *experiment, const char *word);
/* The same from text, which `name` stands for in messages (a checkpoint's stored experiment). */
co_status co_experiment_parse(const char *text, const char *name, co_experiment *experiment);
void co_experiment_fini(co_experiment *experiment);

/* The resolved experiment as YAML text in a new block. */
co_status co_experiment_text(const co_experiment *experiment, char **text);
/* Digest of the resolved experiment without name, rounds, eval, stop, output: 32 hex digits. */
co_status co_experiment_digest(const co_experiment *experiment, char hex[33]);
/* A resumed run may differ in name, rounds, eval, stop and output alone, and in keys that the old
 * text lacks and the new experiment leaves to their defaults (a newer program's): CO_EUSAGE with
 * key, old and new value. Horizons that the new experiment leaves to their default are taken from
 * the old one first. */
co_status co_experiment_continue(co_experiment *now, const char *old_text);
