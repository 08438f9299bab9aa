/* sim/devices/population.h - the devices and their examples, from a data set and a partition or
 * from a generator.
 *
 * With a partition in periods (method temporal) examples arrive and leave: a device holds those
 * that have arrived by the current period and that devices.memory keeps (held.h). Its list stands
 * in the order of arrival (period, then id).
 *
 * One copy of data and partition per node (segments). A device's examples are numbered from
 * 0; what it trains on comes first. Creating is Collective; reading is Local and allocates nothing.
 */
#pragma once
#include "core/comm.h"
#include "io/data/dataset.h"
#include "io/data/synthetic.h"
#include "models/batch.h"
#include "models/tasks/task.h"
#include "sim/devices/held.h"
#include "sim/experiment/experiment.h"

/* Examples read for a model. Zero-initialised is empty; its room grows with what is read. */
typedef struct {
    co_batch batch; /* what was read last; y: the class of each example, or for lm and tagging of
                       each row, for seq2seq of each row of a target; or its targets */
    uint64_t round, device; /* of the draws of what a task hides; 0, 0: those of all evaluations */
    int64_t *ids;           /* [batch.n] of the data set; NULL but for a task whose labels are of a
                               text (span) */
    size_t n_room, rows_room;
    float *x;
    int64_t *offsets;
    int32_t *tokens, *y;
    float *targets;          /* [n_room][labels] */
    size_t target_rows_room; /* of what decoders read */
    int64_t *target_offsets;
    int32_t *target_tokens;
    size_t letters_room;
    int64_t *char_offsets; /* [rows_room + 1], where tokens have letters */
    int32_t *chars;
} co_examples;
void co_examples_fini(co_examples *examples);

struct co_population {
    int64_t n_devices;
    size_t x_size;
    const char *task;         /* in the kind task */
    const co_task *preparing; /* the task, if it prepares texts; else NULL */
    uint64_t seed;            /* of its draws */
    co_labels labels;         /* of the classes; for lm, mlm and seq2seq of the vocabulary */
    co_shape shape;
    size_t most_rows;        /* rows of the longest example: 1 but for texts */
    double mean_rows;        /* of all examples */
    size_t most_target_rows; /* the same of what decoders read; 0: nothing */
    double mean_target_rows;
    char data_digest[33], partition_digest[33]; /* partition_digest "" without a partition */
    bool has_split[3];                          /* examples of split 1 and 2 exist; [0] unused */
    /* from a data set */
    co_dataset data;
    bool has_data;
    co_segment csr;                  /* offsets and ids of the partition */
    const int64_t *offsets;          /* [n_devices + 1] */
    const int64_t *examples;         /* [offsets[n_devices]] */
    const int64_t *own_test_offsets; /* [n_devices + 1] test parts of the devices, or NULL when the
                                        partition has none */
    const int64_t *own_tests;
    int64_t *split_ids[3]; /* ids of split 1 and 2, ascending; NULL when absent */
    int64_t n_split[3];
    int64_t n_periods, period,
        period_rounds;        /* 0 without periods; the current one; rounds that one lasts */
    int64_t step;             /* the current one, where there are periods */
    const int32_t *period_of; /* [data.n] */
    co_held *memory;          /* NULL without periods */
    /* from a generator */
    co_synthetic generator;
    double test_fraction;
    co_segment tests;            /* first test example of each device in the whole list */
    const int64_t *test_offsets; /* [n_devices + 1], or NULL when not needed */
    double *scratch;
    float *drawn_x; /* examples of the device that was opened last */
    int32_t *drawn_y;
    int64_t drawn_capacity, drawn_device;
};

/* Loads or makes data and partition as the experiment says. central: whether the generator's test
 * examples will be asked for (costs 8 bytes a device). Collective(comm). */
co_status co_population_create(const co_experiment *experiment, bool central, const co_comm *comm,
                               co_population *population);
/* The examples of a data set alone, with the task of the experiment and without devices, to be read
 * by their ids. Collective(comm). */
co_status co_population_load(const co_experiment *experiment, const char *path, const co_comm *comm,
                             co_population *population);
void co_population_fini(co_population *population); /* Collective(node) */

/* Goes to the period of a round (0: the first). True when it is another one. Local; the same on all
 * ranks. */
bool co_population_move(co_population *population, int64_t round);
/* Examples of split 1 or 2 that arrive in the current period: [*first, *first + *n) of the split;
 * the earlier ones come before. */
void co_population_recent(const co_population *population, int split, int64_t *first, int64_t *n);
int64_t co_population_examples(const co_population *population,
                               int64_t device); /* to train on, now */
int64_t co_population_largest(const co_population *population,
                              int64_t sample); /* largest device: of all with a data set, else of
                                                  the first `sample` */
/* Examples of the device's own test part; 0 when it has none. */
int64_t co_population_tests(const co_population *population, int64_t device);
/* True when devices have test parts at all. */
bool co_population_has_tests(const co_population *population);
/* Makes ready to read a device; draws its examples when they come from a generator. */
co_status co_population_open(co_population *population, int64_t device);
/* Rows of all the device's training examples: the tokens of texts (for lm those that are
 * predicted) and what decoders read of their targets; without text its examples. */
int64_t co_population_rows(const co_population *population, int64_t device);
/* Those of them that have a label, over which losses are means. */
int64_t co_population_scored(const co_population *population, int64_t device);
/* What an example of a device is called for good: its place in the data set, or of a generator that
 * on its device. */
int64_t co_population_id(const co_population *population, int64_t device, int64_t index);
/* Examples index[n] of the opened device. CO_ENOMEM. */
co_status co_population_read(co_population *population, int64_t device, const int64_t *index,
                             size_t n, co_examples *examples);

enum {
    CO_EVAL_ROWS = 2048
}; /* the next reads take no more rows than that at once, of texts and targets together, but one
      example at least */
/* Examples ids[n] of the data set, or the first of them: examples->batch.n says how many.
 * CO_ENOMEM. */
co_status co_population_read_ids(const co_population *population, const int64_t *ids, size_t n,
                                 co_examples *examples);
/* How many that would be. */
size_t co_population_fitting(const co_population *population, const int64_t *ids, size_t n);
/* Examples [first, first + n) of split 1 or 2, in the order of the whole population (with periods:
 * of arrival), or the first of them: examples->batch.n says how many. CO_ENOMEM. */
co_status co_population_read_split(co_population *population, int split, int64_t first, size_t n,
                                   co_examples *examples);
/* The same of the examples at place[n] of that order; n <= 256. */
co_status co_population_read_places(co_population *population, int split, const int64_t *place,
                                    size_t n, co_examples *examples);
/* Examples [first, first + n) of the opened device's test part, or the first of them. CO_ENOMEM. */
co_status co_population_read_tests(co_population *population, int64_t device, int64_t first,
                                   size_t n, co_examples *examples);
